"""Baselines see the same games, and their distributions are those of their kind."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from dropback.data._features import feature_matrix, feature_schema
from dropback.data._tables import Outcome, Plays, PlaySet
from dropback.errors import DropbackError, RequestError
from dropback.models import ModelSettings
from dropback.models._grid import YARDS
from dropback.models._model import Predictor, whole_yard_distribution
from dropback.models._predict import predict_plays
from dropback.models.baselines import (
    BASELINES,
    TRACKING_BASELINES,
    fit_baseline,
    parse_baselines,
)
from dropback.simulation import League
from dropback.workflows import read_plays
from examples.trained_run import TrainedRun
from splicedpareto.distributions import Gaussian, SplicedBinnedPareto

FORECASTS = ("hazard", "cp-xyac", "quantile-forest", "air-yards", "idr")
# TabPFN has weights of its own, which are no dependency.
AT_HAND = [name for name in BASELINES if name != "tabpfn"]


@pytest.fixture(scope="module")
def baselines(
    trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Predictor]:
    """Every baseline, fitted on the training plays of the run."""
    work = tmp_path_factory.mktemp("baselines")
    return {
        name: fit_baseline(name, trained.run, trained.selection.plays, work=work)
        for name in AT_HAND
    }


@pytest.mark.parametrize("name", AT_HAND)
@pytest.mark.sample(2)
def test_baseline_holds_out_the_same_plays(
    baselines: dict[str, Predictor], trained: TrainedRun, name: str
) -> None:
    ours = predict_plays(trained.model, trained.selection.plays)
    theirs = predict_plays(baselines[name], trained.selection.plays)
    keys = ["game_id", "play_id", "fold", "observed"]
    assert theirs.select(keys).equals(ours.select(keys))


@pytest.mark.parametrize("name", AT_HAND)
def test_probabilities_of_whole_yards_sum_to_one_on_the_field(
    baselines: dict[str, Predictor], trained: TrainedRun, name: str
) -> None:
    plays = trained.unseen.plays[:200]
    low, high = (np.array(plays[name]) for name in ("yards_min", "yards_max"))
    latent = baselines[name].predict_distribution(feature_matrix(plays, trained.model.schema))
    distribution = whole_yard_distribution(latent, low, high)
    probabilities = distribution.log_prob(torch.from_numpy(YARDS).float()[:, None]).exp().numpy()
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=2e-5)
    outside = (YARDS[:, None] < low) | (YARDS[:, None] > high)
    assert probabilities[outside].max() == 0
    # No outcome that the field allows is impossible; a Gaussian's far tails underflow.
    assert name == "gaussian" or probabilities[~outside].min() > 0


@pytest.mark.parametrize("name", [*FORECASTS, "climatology"])
@pytest.mark.sample(1)
def test_outcomes_of_the_held_out_games_change_nothing(
    baselines: dict[str, Predictor], trained: TrainedRun, tmp_path: Path, name: str
) -> None:
    plays, model = trained.selection.plays, trained.model
    held_out = plays["game_id"].replace_strict(model.fold_of_game) == 0
    throw = pl.when(held_out)
    changed = plays.with_columns(
        complete_pass=throw.then(pl.lit(value=True)).otherwise("complete_pass"),
        interception=throw.then(pl.lit(value=False)).otherwise("interception"),
        yards_after_catch=throw.then(0).otherwise("yards_after_catch"),
        yards=throw.then(pl.min_horizontal("air_yards", "yards_max")).otherwise("yards"),
    )
    other = fit_baseline(name, trained.run, Plays.validate(changed), work=tmp_path)
    features = feature_matrix(plays.filter(held_out), model.schema)
    support = torch.from_numpy(YARDS).float()[:, None]
    before, after = (
        each.predict_distribution(features, 0).cdf(support) for each in (baselines[name], other)
    )
    torch.testing.assert_close(before, after, atol=0, rtol=0)
    # Fold 1 has learned from them.
    assert not torch.equal(
        baselines[name].predict_distribution(features, 1).cdf(support),
        other.predict_distribution(features, 1).cdf(support),
    )


@pytest.mark.parametrize("name", ["hazard", "cp-xyac", "air-yards"])
def test_a_forecast_without_a_fold_is_the_mean_of_all_folds(
    baselines: dict[str, Predictor], trained: TrainedRun, name: str
) -> None:
    features = feature_matrix(trained.unseen.plays[:50], trained.model.schema)
    support = torch.from_numpy(YARDS).float()[:, None]
    pooled, first, second = (
        baselines[name].predict_distribution(features, fold).cdf(support) for fold in (None, 0, 1)
    )
    torch.testing.assert_close(pooled, (first + second) / 2, atol=1e-5, rtol=0)


def test_each_fold_is_reported_once(trained: TrainedRun, tmp_path: Path) -> None:
    told: list[tuple[int, int, float]] = []
    fit_baseline(
        "air-yards",
        trained.run,
        trained.selection.plays,
        work=tmp_path,
        on_epoch=lambda *report: told.append(report),
    )
    assert [report[:2] for report in told] == [(0, 0), (1, 0)]
    # A season of eight games tells little: between a coin's entropy and that of all 211 yards.
    assert all(0.69 < loss < np.log(211) for _, _, loss in told)


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


def test_unknown_baseline_is_refused(trained: TrainedRun, tmp_path: Path) -> None:
    for name in ("oracle", "tcn"):  # of tracking
        with pytest.raises(RequestError, match=f"Unknown baseline '{name}': choose among gaussian"):
            parse_baselines(f"gaussian,{name}")
    with pytest.raises(RequestError, match="Unknown baseline 'oracle'"):
        fit_baseline("oracle", trained.run, trained.selection.plays, work=tmp_path)


@pytest.mark.parametrize("name", ["xgboost", "xgboost-mae"])
def test_a_baseline_that_is_gone_names_the_one_to_take(name: str) -> None:
    for known in (BASELINES, TRACKING_BASELINES):
        with pytest.raises(RequestError, match=f"The baseline '{name}' is gone: take 'idr'"):
            parse_baselines(f"climatology,{name}", known)


def test_a_baseline_that_is_gone_from_tracking_is_unknown_to_play_by_play() -> None:
    with pytest.raises(RequestError, match="'xgboost-flat' is gone: take 'idr-flat'"):
        parse_baselines("xgboost-flat", TRACKING_BASELINES)
    with pytest.raises(RequestError, match="Unknown baseline 'xgboost-flat'"):
        parse_baselines("xgboost-flat")


@pytest.mark.parametrize(
    ("name", "module", "words"),
    [
        ("quantile-forest", "sklearn.ensemble", r"pip install 'dropback\[baselines\]'"),
        ("tabpfn", "tabpfn", r"pip install 'dropback\[tabpfn\]'"),
    ],
)
def test_an_absent_package_is_named(
    trained: TrainedRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    module: str,
    words: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RequestError, match=words):
        fit_baseline(name, trained.run, trained.selection.plays, work=tmp_path)


@pytest.mark.parametrize("name", ["hazard", "cp-xyac", "air-yards"])
def test_plays_without_air_yards_are_refused(
    tiny_league: League, trained: TrainedRun, tmp_path: Path, name: str
) -> None:
    plays = read_plays(tiny_league.plays, seasons=[2020], plays=PlaySet.DROPBACKS).plays
    schema = feature_schema(PlaySet.DROPBACKS)
    model = replace(trained.model, schema=schema, play_set=PlaySet.DROPBACKS)
    with pytest.raises(RequestError, match=f"'{name}' needs air yards, which 'dropbacks' plays"):
        fit_baseline(name, replace(trained.run, model=model), plays, work=tmp_path)


def test_missing_air_yards_name_the_play(trained: TrainedRun, tmp_path: Path) -> None:
    plays = trained.selection.plays
    game, play = plays.row(7, named=True)["game_id"], plays.row(7, named=True)["play_id"]
    lacking = pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise("air_yards")
    broken = Plays.validate(plays.with_columns(air_yards=lacking))
    with pytest.raises(DropbackError, match=f"'air_yards' is missing .* game {game}, play {play}"):
        fit_baseline("hazard", trained.run, broken, work=tmp_path)


def test_expected_points_are_no_yards(trained: TrainedRun, tmp_path: Path) -> None:
    model = replace(trained.model, settings=ModelSettings(outcome=Outcome.EPA))
    with pytest.raises(RequestError, match="'hazard' predicts yards, and the run predicts 'epa'"):
        fit_baseline(
            "hazard",
            replace(trained.run, model=model),
            Plays.validate(trained.selection.plays.with_columns(epa=pl.lit(0.5))),
            work=tmp_path,
        )


@pytest.mark.parametrize("name", ["hazard", "cp-xyac", "air-yards"])
def test_games_without_a_completion_are_refused(
    trained: TrainedRun, tmp_path: Path, name: str
) -> None:
    plays = trained.selection.plays.with_columns(complete_pass=pl.lit(value=False), yards=0)
    with pytest.raises(RequestError, match="are learned from completed passes"):
        fit_baseline(name, trained.run, Plays.validate(plays, cast=True), work=tmp_path)
