"""The correction by the weather: right where that is known, nothing elsewhere."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import dropback
from dropback.data._features import WEATHER, feature_matrix
from dropback.models import _weather_trees
from dropback.models._catch_point import to_state
from dropback.models._predict import predict_plays
from dropback.models._store import load_run
from dropback.models._weather_trees import Told, corrected, fit_correction
from dropback.models.baselines import fit_baseline
from dropback.simulation import League
from examples.trained_run import TrainedRun

DRY = np.array([0.3, 0.65, 0.05])


def told(rain: np.ndarray, wet: np.ndarray, seed: int) -> Told:
    """Throws whose results are drawn by `DRY` or `wet`, told to be as in dry weather."""
    uniform = np.random.default_rng(seed).random(len(rain))
    true = np.where(rain[:, None] == 1, wet, DRY)
    results = (uniform[:, None] > np.cumsum(true, axis=1)[:, :2]).sum(axis=1)
    columns = np.column_stack([np.zeros(len(rain)), rain]).astype(np.float32)
    return Told(columns, results, np.tile(DRY, (len(rain), 1)))


@pytest.mark.parametrize("stop", [True, False])
def test_rain_that_costs_completions_is_found(*, stop: bool) -> None:
    wet = np.array([0.5, 0.42, 0.08])
    rain = np.repeat([0.0, 1.0], 10_000)
    learned = told(rain, wet, 0)
    trees = fit_correction(learned, told(rain, wet, 1) if stop else 150, seed=0)
    found = corrected(trees, learned.columns, learned.shares)
    np.testing.assert_allclose(found[0], DRY, atol=0.02)
    np.testing.assert_allclose(found[-1], wet, atol=0.02)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)


def test_weather_that_changes_nothing_changes_nothing() -> None:
    rain = np.repeat([0.0, 1.0], 10_000)
    trees = fit_correction(told(rain, DRY, 0), told(rain, DRY, 1), seed=0)
    columns = np.array([[0, 0], [0, 1]], np.float32)
    found = corrected(trees, columns, np.tile(DRY, (2, 1)))
    np.testing.assert_allclose(found, np.tile(DRY, (2, 1)), atol=0.01)


def test_nothing_is_fitted_without_plays_or_rounds() -> None:
    some, none = told(np.zeros(5), DRY, 0), told(np.zeros(0), DRY, 0)
    assert fit_correction(none, some, 0) is None
    assert fit_correction(some, none, 0) is None
    assert fit_correction(none, 3, 0) is None
    assert fit_correction(some, 0, 0) is None


def with_weather(plays: pl.DataFrame) -> pl.DataFrame:
    """Every other game in rain, in which half of the completions are dropped; some unrecorded."""
    game = pl.col("game_id").rank("dense").cast(pl.Int64)
    recorded, wet = pl.when(game % 5 > 0), game % 2 == 0
    dropped = (
        wet & (pl.col("complete_pass") == 1) & (pl.col("play_id").rank().over("game_id") % 2 < 1)
    )
    nothing = {"complete_pass": 0, "incomplete_pass": 1, "yards_gained": 0, "pass_touchdown": 0}
    return plays.with_columns(
        recorded.then(pl.lit("outdoors")).alias("roof"),
        recorded.then(50.0).alias("temp"),
        recorded.then(5.0).alias("wind"),
        recorded.then(pl.when(wet).then(pl.lit("Rain")).otherwise(pl.lit("Sunny"))).alias(
            "weather"
        ),
        *(
            pl.when(dropped).then(pl.lit(value)).otherwise(name).alias(name)
            for name, value in nothing.items()
        ),
    )


@pytest.fixture(scope="module")
def rained(
    tiny_league: League, trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory
) -> TrainedRun:
    """A model of 2020 with trees, and of 2021 the plays."""
    folder = tmp_path_factory.mktemp("rained") / "run"
    plays = with_weather(tiny_league.plays)
    learned, unseen = (dropback.read_plays(plays, seasons=[year]) for year in (2020, 2021))
    settings = replace(trained.model.settings, family="catch-point", boosted_share=0.75)
    # Leaves of a tenth of the plays, as there are a hundredth of a real training's.
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(_weather_trees._TREES, "min_child_weight", 10)
        run = dropback.train(learned, folder, settings=settings)
    return TrainedRun(run, learned, unseen)


def test_trained_model_forecasts_fewer_completions_in_rain(rained: TrainedRun) -> None:
    plays, model = rained.unseen.plays, rained.model
    features = feature_matrix(plays, model.schema)
    complete = np.mean([fit.shares(features)[:, 1] for fit in model.boosted], axis=0)
    kinds = {True: "rain", False: "dry", None: "unknown"}
    table = plays.select(
        "complete_pass",
        kind=pl.col("rain").replace_strict(kinds, default="unknown"),
        predicted=pl.Series(complete),
        uncorrected=pl.Series(
            np.mean(
                [replace(fit, weather=None).shares(features)[:, 1] for fit in model.boosted], axis=0
            )
        ),
    )
    of = {
        row["kind"]: row
        for row in table.group_by("kind").agg(pl.all().mean()).iter_rows(named=True)
    }
    for kind, low, high in (("rain", -1, -0.05), ("dry", 0.05, 1)):
        true, now, before = (of[kind][n] for n in ("complete_pass", "predicted", "uncorrected"))
        assert low < now - before < high
        assert abs(now - true) < 0.7 * abs(before - true)
    assert of["unknown"]["predicted"] == of["unknown"]["uncorrected"]


def test_unrecorded_weather_leaves_a_forecast_as_it_is(rained: TrainedRun) -> None:
    plays = rained.unseen.plays
    nothing = [
        pl.lit(None, dtype=plays.schema[n]).alias(n) for n in ("roof", "temp", "wind", "rain")
    ]
    without = predict_plays(rained.model, plays.with_columns(nothing))
    unknown = plays["roof"].is_null()
    whole = predict_plays(rained.model, plays)
    assert without.filter(unknown).equals(whole.filter(unknown))
    assert (without["mean"] - whole["mean"]).filter(~unknown).abs().min() > 0


def test_correction_is_stored_with_the_run(rained: TrainedRun) -> None:
    features = feature_matrix(rained.unseen.plays, rained.model.schema)
    loaded = load_run(rained.folder).model
    for fit, again in zip(rained.model.boosted, loaded.boosted, strict=True):
        assert fit.weather is not None
        np.testing.assert_array_equal(fit.shares(features), again.shares(features))


def test_fits_of_all_games_have_more_rounds_than_those_of_the_folds(rained: TrainedRun) -> None:
    rounds = [fit.weather.num_boosted_rounds() for fit in rained.model.boosted]
    assert rounds[2:] == [round(1.15 * np.mean(rounds[:2]))] * len(rounds[2:])


def test_model_without_recorded_weather_corrects_nothing(
    tiny_league: League, trained: TrainedRun, tmp_path: Path
) -> None:
    learned = dropback.read_plays(tiny_league.plays, seasons=[2020])
    settings = replace(trained.model.settings, family="catch-point", boosted_share=0.75)
    run = dropback.train(learned, tmp_path / "run", settings=settings)
    assert [fit.weather for fit in run.model.boosted] == [None] * len(run.model.boosted)
    assert "weather" not in to_state(run.model.boosted[0])


def test_hazard_has_the_correction_and_networks_see_no_weather(
    rained: TrainedRun, tmp_path: Path
) -> None:
    learned = rained.selection.plays
    hazard = fit_baseline("hazard", rained.run, learned, work=tmp_path)
    features = feature_matrix(rained.unseen.plays, rained.model.schema)
    other = features.copy()
    other[:, -len(WEATHER) :] = [2, 0, 70, 0, 0]
    assert not torch.equal(*(hazard.predict_distribution(each).mean for each in (features, other)))
    table = fit_baseline("air-yards", rained.run, learned, work=tmp_path)
    assert torch.equal(*(table.predict_distribution(each).mean for each in (features, other)))
