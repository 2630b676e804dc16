"""GluonTS's models train and forecast with our distribution, in the units of each series."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("gluonts", reason="the extra 'gluonts' is not installed")

import pandas as pd
from gluonts.core import serde
from gluonts.dataset.common import ListDataset
from gluonts.torch import DeepAREstimator, SimpleFeedForwardEstimator

from splicedpareto.contrib.gluonts import SplicedBinnedParetoOutput
from splicedpareto.distributions import SplicedBinnedPareto

# Lightning and GluonTS warn of old names, few workers and no logger, none of them ours.
pytestmark = pytest.mark.filterwarnings("ignore")

SCALES = (1.0, 100.0)
TRAINER = {
    "accelerator": "cpu",
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


@pytest.fixture(autouse=True)
def _quiet_and_seeded() -> Iterator[None]:
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    np.random.seed(0)  # noqa: NPY002  # GluonTS draws its windows from it
    yield
    logger.setLevel(level)


def series() -> ListDataset:
    """One noisy level in two units: 5 and 500."""
    random = np.random.default_rng(0)
    noise = 5 + random.standard_t(4, 120) * 0.5
    entries = [{"start": pd.Period("2020-01-01", "D"), "target": s * noise} for s in SCALES]
    return ListDataset(entries, freq="D")


def medians(estimator: Any) -> np.ndarray:
    """Median forecasts, one row a series."""
    data = series()
    predictor = estimator.train(data)
    return np.stack([forecast.quantile(0.5) for forecast in predictor.predict(data)])


def estimator(kind: str, prediction_length: int, folder: Path) -> Any:
    common = {
        "prediction_length": prediction_length,
        "context_length": 14,
        "distr_output": SplicedBinnedParetoOutput(bins=40),
        "batch_size": 16,
        "num_batches_per_epoch": 25,
        "lr": 1e-2,
        "trainer_kwargs": TRAINER | {"max_epochs": 2, "default_root_dir": folder},
    }
    if kind == "DeepAR":
        return DeepAREstimator(
            freq="D", num_layers=1, hidden_size=8, lags_seq=[1, 2], time_features=[], **common
        )
    return SimpleFeedForwardEstimator(hidden_dimensions=[8], **common)


@pytest.mark.parametrize("prediction_length", [1, 3])
@pytest.mark.parametrize("kind", ["DeepAR", "SimpleFeedForward"])
@pytest.mark.sample(1)
def test_forecasts_are_in_the_units_of_each_series(
    kind: str, prediction_length: int, tmp_path: Path
) -> None:
    forecast = medians(estimator(kind, prediction_length, tmp_path))
    assert forecast.shape == (2, prediction_length)
    # Truth: 5 and 500. An output that drops the scale gives a ratio of 1; sampling and an input
    # that tells DeepAR of the scale leave some 10 %.
    np.testing.assert_allclose(forecast[1] / forecast[0], 100, rtol=0.3)
    np.testing.assert_allclose(forecast[0], 5, rtol=0.3)


def raw(generator: torch.Generator, *shape: int) -> torch.Tensor:
    # Location and scale, logits, concentrations and scales of the tails.
    return torch.randn(*shape, 2 + 40 + 4, generator=generator)


def test_distribution_is_moved_by_location_and_scale(generator: torch.Generator) -> None:
    output, args = SplicedBinnedParetoOutput(bins=40), (raw(generator, 2, 3),)
    loc, scale = torch.tensor([[1.0], [-50.0]]), torch.tensor([[0.5], [30.0]])
    standard, moved = output.distribution(args), output.distribution(args, loc, scale)
    assert isinstance(moved, SplicedBinnedPareto)
    assert moved.batch_shape == (2, 3)
    assert moved.event_shape == output.event_shape
    for level in (0.001, 0.5, 0.999):
        at = torch.tensor(level)
        torch.testing.assert_close(moved.icdf(at), loc + scale * standard.icdf(at))
    torch.testing.assert_close(output.distribution(args, scale=scale).mean, scale * standard.mean)


def test_loss_moves_by_the_log_scale_alone(generator: torch.Generator) -> None:
    output, args = SplicedBinnedParetoOutput(bins=40), (raw(generator, 2, 3),)
    target = torch.randn(2, 3, generator=generator)
    moved = output.loss(7 + 20 * target, args, torch.full((2, 1), 7.0), torch.full((2, 1), 20.0))
    # A tail's term counts its own log scale beside the bins'.
    distribution = output.distribution(args)
    terms = (
        1
        + (target > distribution.upper_threshold).float()
        + (target < distribution.lower_threshold).float()
    )
    torch.testing.assert_close(moved, output.loss(target, args) + terms * np.log(20.0))


def test_initial_bins_are_equally_likely() -> None:
    output = SplicedBinnedParetoOutput(bins=40, reach=10.0)
    distribution = output.distribution(output.get_args_proj(3)(torch.zeros(2, 3)))
    assert distribution.logits.unique().numel() == 1
    ends = distribution.edges[..., [0, -1]]
    torch.testing.assert_close(ends, torch.tensor([-10.0, 10.0]).expand(2, 2), rtol=0.01, atol=0)


def test_bins_that_do_not_move_are_the_same_at_every_step(generator: torch.Generator) -> None:
    raw_of_bins = raw(generator, 2, 3)[..., 2:]
    still = SplicedBinnedParetoOutput(bins=40, moving=False).distribution((raw_of_bins,))
    moved = SplicedBinnedParetoOutput(bins=40).distribution((raw(generator, 2, 3),))
    assert still.edges.shape == (41,)
    assert moved.edges[..., 20].unique().numel() == 6


@pytest.mark.parametrize("support", [(0.0, None), (None, 3.0), (0.0, 3.0)], ids=str)
def test_nothing_lies_outside_the_support(
    support: tuple[float | None, float | None], generator: torch.Generator
) -> None:
    output = SplicedBinnedParetoOutput(bins=40, support=support)
    scale = torch.tensor([[0.5], [30.0]])
    distribution = output.distribution((raw(generator, 2, 3),), torch.tensor(1.0), scale)
    low, high = distribution.end_points
    if support[0] is not None:
        assert (low == 0).all()
        assert (distribution.cdf(torch.tensor(0.0)) == 0).all()
    if support[1] is not None:
        assert (high == 3).all()
        assert (distribution.sf(torch.tensor(3.0)) == 0).all()
    else:
        assert (distribution.icdf(torch.tensor(0.9))[1] > distribution.edges[1, :, 1]).all()


def test_zeros_have_a_probability_of_their_own(generator: torch.Generator) -> None:
    output = SplicedBinnedParetoOutput(bins=40, support=(0.0, None), atoms=(0.0,))
    state = torch.randn(2, 3, 8, generator=generator)
    args = output.get_args_proj(8)(state)
    scale = torch.tensor([[0.5], [30.0]])
    distribution = output.distribution(args, scale=scale)
    torch.testing.assert_close(distribution.cdf(torch.tensor(0.0)), torch.full((2, 3), 0.5))
    assert (distribution.cdf_below(torch.tensor(0.0)) == 0).all()
    loss = output.loss(torch.tensor([[0.0], [20.0]]), args, scale=scale)
    torch.testing.assert_close(loss[0], torch.full((3,), np.log(2.0), dtype=torch.float32))
    assert (distribution.sample((50,)) >= 0).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bins": 0}, "bins must be at least 1"),
        ({"bins": 1.5}, r"bins must be a whole number, .* got 1\.5"),
        ({"lower_mass": 0.6, "upper_mass": 0.6}, "to leave a body between the tails"),
        ({"upper_mass": -0.1}, r"upper_mass must be in \[0, 1\)"),
        ({"highest_concentration": -1.0}, "concentration_range must be"),
        ({"support": (2.0, 1.0)}, "lowest < highest"),
        ({"support": (0.0, None), "atoms": (-1.0,)}, "support must hold all values"),
        ({"atoms": (float("nan"),)}, "atoms must be finite"),
    ],
    ids=str,
)
def test_settings_that_break_their_rule_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SplicedBinnedParetoOutput(**settings)


def test_a_bound_that_is_no_number_in_single_precision_is_refused() -> None:
    with pytest.raises(ValueError, match=r"support must end within 1e\+30, got \(0.0, 1e\+40\)"):
        SplicedBinnedParetoOutput(support=(0.0, 1e40))


def test_output_survives_gluonts_serialization() -> None:
    output = SplicedBinnedParetoOutput(
        bins=30, upper_mass=0.1, support=(0.0, None), atoms=(0.0, 2.0)
    )
    again = serde.decode(serde.encode(output))
    assert vars(again) == vars(output)
    # Its first forecast takes no numbers from a seed.
    raw = again.get_args_proj(4)(torch.zeros(2, 4))
    before = torch.get_rng_state()
    again.distribution(raw)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("reach", [0.0, -1.0])
def test_reach_must_be_positive(reach: float) -> None:
    with pytest.raises(ValueError, match="reach must be positive"):
        SplicedBinnedParetoOutput(reach=reach)


@pytest.mark.parametrize(
    ("support", "bad"), [((0.0, None), -1.0), ((None, 3.0), 4.0), ((None, None), float("inf"))]
)
def test_a_series_outside_the_support_is_refused(support: Any, bad: float) -> None:
    output = SplicedBinnedParetoOutput(bins=10, support=support)
    args = output.get_args_proj(2)(torch.zeros(1, 3, 2))
    target = torch.tensor([[1.0, bad, 0.0]])
    rule = rf"target must be finite and within support .*, got {bad:g} \(1 of 3"
    with pytest.raises(ValueError, match=rule):
        output.loss(target, args)
    assert output.loss(target.clamp(0, 3), args).isfinite().all()


def test_a_series_whose_scale_is_no_number_is_refused() -> None:
    output = SplicedBinnedParetoOutput(bins=10)
    args = output.get_args_proj(2)(torch.zeros(1, 3, 2))
    with pytest.raises(ValueError, match="scale of a series must be finite, got inf"):
        output.distribution(args, scale=torch.tensor([[float("inf")]]))
    with pytest.raises(ValueError, match="scale of a series must be positive, got 0"):
        output.distribution(args, scale=torch.tensor([[0.0]]))


@pytest.mark.parametrize(
    ("support", "padding"),
    [((None, None), 0.0), ((0.0, None), 0.0), ((5.0, None), 5.0), ((-3.0, -1.0), -1.0)],
    ids=str,
)
def test_padding_lies_in_the_support(support: Any, padding: float) -> None:
    assert SplicedBinnedParetoOutput(bins=10, support=support).value_in_support == padding
