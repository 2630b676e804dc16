"""Baselines see the same games, and their distributions are those of their kind."""

import numpy as np
import pytest
import torch

from dropback.data._features import feature_matrix
from dropback.errors import RequestError
from dropback.models._model import Predictor
from dropback.models._predict import YARDS, predict_plays
from dropback.models.baselines import BASELINES, fit_baseline, parse_baselines, predict_baseline
from examples.trained_run import TrainedRun
from splicedpareto.distributions import Gaussian, SplicedBinnedPareto


@pytest.fixture(scope="module")
def baselines(
    trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Predictor]:
    """Every baseline, fitted on the training plays of the run."""
    work = tmp_path_factory.mktemp("baselines")
    return {
        name: fit_baseline(name, trained.run, trained.selection.plays, work=work)
        for name in BASELINES
    }


@pytest.mark.parametrize("name", BASELINES)
def test_baseline_holds_out_the_same_plays(
    baselines: dict[str, Predictor], trained: TrainedRun, name: str
) -> None:
    ours = predict_plays(trained.model, trained.selection.plays)
    theirs = predict_baseline(baselines[name], trained.selection.plays, seed=0)
    keys = ["game_id", "play_id", "fold", "observed"]
    assert theirs.select(keys).equals(ours.select(keys))


def test_climatology_is_the_counts_of_the_other_folds(
    baselines: dict[str, Predictor], trained: TrainedRun
) -> None:
    plays = trained.selection.plays
    folds = plays["game_id"].replace_strict(trained.model.fold_of_game).to_numpy()
    yards = plays["yards"].to_numpy()[folds != 0]
    counts = np.array([(yards == k).sum() for k in YARDS]) + 0.1
    distribution = baselines["climatology"].predict_distribution(
        np.zeros((1, 1), dtype=np.float32), 0
    )
    support = torch.from_numpy(YARDS).float()[:, None]
    mass = distribution.log_prob_interval(support - 0.5, support + 0.5).exp()[:, 0]
    np.testing.assert_allclose(mass, counts / counts.sum(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["xgboost", "xgboost-mae"])
def test_distribution_of_boosted_trees_is_their_residuals_around_their_point(
    baselines: dict[str, Predictor], trained: TrainedRun, name: str
) -> None:
    features = feature_matrix(trained.unseen.plays, trained.model.schema)
    distribution, point = (
        baselines[name].predict_distribution(features),
        baselines[name].point(features, None),
    )
    assert isinstance(distribution, SplicedBinnedPareto)
    center = (distribution.edges[..., 0] + distribution.edges[..., -1]) / 2
    np.testing.assert_allclose(center, point, atol=1e-3)
    shifted = torch.from_numpy(point).float()
    cdf = distribution.cdf(torch.stack([shifted - 7.5, shifted + 7.5]))
    torch.testing.assert_close(cdf, cdf[:, :1].expand_as(cdf), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["xgboost", "xgboost-mae"])
def test_point_of_boosted_trees_is_their_median_and_mean(
    baselines: dict[str, Predictor], trained: TrainedRun, name: str
) -> None:
    plays = trained.selection.plays
    table = predict_baseline(baselines[name], plays, seed=0)
    folds = plays["game_id"].replace_strict(trained.model.fold_of_game).to_numpy()
    features = feature_matrix(plays, trained.model.schema)
    for fold in (0, 1):
        point = baselines[name].point(features[folds == fold], fold)
        np.testing.assert_allclose(table["median"].to_numpy()[folds == fold], point)
    assert table["mean"].equals(table["median"].rename("mean"))


def test_gaussian_learns_its_deviation(
    baselines: dict[str, Predictor], trained: TrainedRun
) -> None:
    features = feature_matrix(trained.unseen.plays, trained.model.schema)
    distribution = baselines["gaussian"].predict_distribution(features)
    assert isinstance(distribution, Gaussian)
    assert distribution.scale.std() > 0.05
    assert not torch.isclose(distribution.scale, torch.tensor(11.0 * 1.001)).any()


def test_binned_has_no_tails(baselines: dict[str, Predictor], trained: TrainedRun) -> None:
    distribution = baselines["binned"].predict_distribution(
        feature_matrix(trained.unseen.plays, trained.model.schema)
    )
    assert isinstance(distribution, SplicedBinnedPareto)
    assert distribution.lower_mass.max() == 0
    assert distribution.upper_mass.max() == 0


def test_unknown_baseline_is_refused(trained: TrainedRun, tmp_path: object) -> None:
    for name in ("oracle", "players"):  # of tracking
        with pytest.raises(RequestError, match=f"Unknown baseline '{name}': choose among gaussian"):
            parse_baselines(f"gaussian,{name}")
    with pytest.raises(RequestError, match="Unknown baseline 'oracle'"):
        fit_baseline(
            "oracle",
            trained.run,
            trained.selection.plays,
            work=tmp_path,  # type: ignore[arg-type]
        )
