"""PyTorch Forecasting's models train on the loss, whatever the units of their series."""

import math
import warnings

import numpy as np
import pytest
import torch

pytest.importorskip("pytorch_forecasting", reason="the extra 'pytorch-forecasting' is absent")

import pandas as pd
from pytorch_forecasting import DeepAR, TimeSeriesDataSet
from pytorch_forecasting.data import GroupNormalizer

from splicedpareto.contrib.pytorch_forecasting import SplicedBinnedParetoLoss
from splicedpareto.objectives import composite_nll

# Of the library and of Lightning, about their own parts.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def series() -> TimeSeriesDataSet:
    """Two noisy waves, one a hundred times the other."""
    rng, step = np.random.default_rng(0), np.arange(60)
    wave = np.sin(step / 4) + 0.1 * rng.standard_t(3, 60)
    frames = [
        pd.DataFrame({"step": step, "series": name, "y": unit * wave})
        for name, unit in (("small", 1.0), ("large", 100.0))
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TimeSeriesDataSet(
            pd.concat(frames, ignore_index=True),
            time_idx="step",
            target="y",
            group_ids=["series"],
            max_encoder_length=12,
            max_prediction_length=3,
            time_varying_unknown_reals=["y"],
            target_normalizer=GroupNormalizer(groups=["series"]),
        )


def test_a_model_learns(series: TimeSeriesDataSet) -> None:
    torch.manual_seed(0)
    loss = SplicedBinnedParetoLoss(bins=20)
    model = DeepAR.from_dataset(series, loss=loss, hidden_size=8, rnn_layers=1)
    batch, target = next(iter(series.to_dataloader(batch_size=64, num_workers=0)))
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=0.02), []
    for _ in range(25):
        optimizer.zero_grad()
        predicted = model(batch)["prediction"]
        mean = model.loss(predicted, target)
        mean.backward()
        optimizer.step()
        losses.append(mean.item())
    assert losses[-1] < losses[0] - 0.3
    assert loss.to_quantiles(predicted, [0.1, 0.5, 0.9]).diff(dim=-1).min() > 0
    expected = composite_nll(loss.map_x_to_distribution(predicted), target[0]).mean()
    assert losses[-1] == pytest.approx(expected.item(), rel=1e-6)


def test_the_distribution_moves_with_the_units() -> None:
    loss = SplicedBinnedParetoLoss(bins=10)
    raw = torch.linspace(-1, 1, 2 * 16).reshape(1, 2, 16).expand(2, 2, 16)
    scale = torch.tensor([[0.0, 1.0], [30.0, 100.0]])
    dist = loss.map_x_to_distribution(loss.rescale_parameters(raw, scale, None))
    assert dist.batch_shape == (2, 2)
    torch.testing.assert_close(dist.mean[1], 30 + 100 * dist.mean[0])
    torch.testing.assert_close(dist.isf(1e-6)[1], 30 + 100 * dist.isf(1e-6)[0])
    samples = loss.sample(loss.rescale_parameters(raw, scale, None), 5)
    assert samples.shape == (2, 2, 5)


def test_the_first_distribution_has_equal_bins_and_the_tail_of_the_head() -> None:
    loss = SplicedBinnedParetoLoss(bins=10)
    raw = loss.rescale_parameters(torch.zeros(1, 1, 16), torch.tensor([[0.0, 1.0]]), None)
    dist = loss.map_x_to_distribution(raw)
    assert dist.median.item() == pytest.approx(0, abs=1e-6)
    assert dist.upper_concentration.item() == pytest.approx(0.1, rel=1e-5)


def test_bad_settings_are_refused() -> None:
    for settings, kind, message in (
        ({"reach": 0.0}, ValueError, r"reach must be positive, at most 1e\+30, got 0\.0"),
        ({"reach": math.inf}, ValueError, r"reach must be positive, at most 1e\+30, got inf"),
        ({"reach": "x"}, TypeError, "reach must be a number, got 'x'"),
        ({"bins": 1.5}, ValueError, "bins must be a whole number, at least 1, got 1.5"),
        ({"upper_mass": 1.0}, ValueError, r"upper_mass must be in \[0, 1\), got 1.0"),
    ):
        with pytest.raises(kind, match=message):
            SplicedBinnedParetoLoss(**settings)
    encoder = GroupNormalizer(transformation="log")
    with pytest.raises(ValueError, match="transformation=None, got 'log'"):
        SplicedBinnedParetoLoss().rescale_parameters(
            torch.zeros(1, 1, 56), torch.ones(1, 2), encoder
        )
