"""Every number of an evaluation is the one that its definition gives."""

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.stats

from dropback.evaluation import Evaluation, evaluate
from dropback.evaluation._calibration import DEPTH_BANDS, METRICS
from dropback.models._predict import QUANTILE_LEVELS, predict_plays
from dropback.workflows._plots import PLOTS, draw, write_plots
from examples.trained_run import TrainedRun

Predicted = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def plays(trained: TrainedRun) -> pl.DataFrame:
    return trained.unseen.plays


@pytest.fixture(scope="module")
def predictions(trained: TrainedRun, plays: pl.DataFrame) -> Predicted:
    return {name: predict_plays(trained.model, plays, seed=s) for s, name in enumerate("abc")}


@pytest.fixture(scope="module")
def evaluation(plays: pl.DataFrame, predictions: Predicted) -> Evaluation:
    return evaluate(plays, {**predictions, "twin": predictions["a"]}, seed=3)


def plain(rows: list[dict[str, float]]) -> dict[str, float]:
    """Every metric, one play after the other."""
    count = len(rows)
    result = {
        "mae": sum(abs(r["median"] - r["observed"]) for r in rows) / count,
        "rmse": math.sqrt(sum((r["mean"] - r["observed"]) ** 2 for r in rows) / count),
        "crps": sum(r["crps"] for r in rows) / count,
        "log_score": sum(r["log_score"] for r in rows) / count,
        "mean_mid_cdf": sum(r["mid_cdf"] for r in rows) / count,
        "tail_lower": sum(r["pit"] < 0.01 for r in rows) / count,
        "tail_upper": sum(r["pit"] > 0.99 for r in rows) / count,
        "tail_lower_5": sum(r["pit"] < 0.05 for r in rows) / count,
        "tail_upper_5": sum(r["pit"] > 0.95 for r in rows) / count,
    }
    for name, level in QUANTILE_LEVELS.items():
        losses = [
            level * (r["observed"] - r[name])
            if r["observed"] >= r[name]
            else (1 - level) * (r[name] - r["observed"])
            for r in rows
        ]
        result[f"pinball_{name}"] = sum(losses) / count
    for percent in (50, 80, 90, 98):
        inside = [abs(r["pit"] - 0.5) <= percent / 200 for r in rows]
        result[f"coverage_{percent}"] = sum(inside) / count
    gaps = [abs(sum(r["pit"] <= k / 100 for r in rows) / count - k / 100) for k in range(1, 100)]
    return result | {"pp_error": sum(gaps) / 99}


@pytest.mark.parametrize("metric", METRICS)
def test_metric_is_that_of_a_plain_computation(
    predictions: Predicted, evaluation: Evaluation, metric: str
) -> None:
    expected = plain(predictions["b"].to_dicts())
    assert evaluation.metrics["b"][metric].value == pytest.approx(expected[metric], rel=1e-9)


@pytest.mark.parametrize("metric", METRICS)
def test_model_against_itself_differs_by_exactly_zero(evaluation: Evaluation, metric: str) -> None:
    difference = evaluation.differences["twin"][metric]
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)


def test_interval_is_that_of_a_slow_bootstrap_over_games(
    predictions: Predicted, evaluation: Evaluation
) -> None:
    table = predictions["a"]
    games = [part["crps"].to_numpy() for part in table.partition_by("game_id")]
    generator = np.random.default_rng(5)
    draws = [
        np.concatenate([games[g] for g in generator.integers(0, len(games), len(games))]).mean()
        for _ in range(4000)
    ]
    low, high = np.quantile(draws, (0.05, 0.95))
    got = evaluation.metrics["a"]["crps"]
    # An end of 1,000 replicates varies by about 4 % of the length; the other bootstrap by half.
    assert got.low == pytest.approx(low, abs=0.15 * (high - low))
    assert got.high == pytest.approx(high, abs=0.15 * (high - low))


def test_perfect_pit_has_no_pp_error_and_a_flat_histogram(
    plays: pl.DataFrame, predictions: Predicted
) -> None:
    grid = (np.arange(len(plays)) + 0.5) / len(plays)
    result = evaluate(plays, {"perfect": predictions["a"].with_columns(pit=pl.Series(grid))})
    assert result.metrics["perfect"]["pp_error"].value < 1 / len(plays)
    assert result.metrics["perfect"]["coverage_90"].value == pytest.approx(0.9, abs=0.01)
    assert result.pit_histogram["perfect"] == pytest.approx([1] * 20, abs=0.05)
    assert result.pit_cdf["perfect"] == pytest.approx(np.arange(1, 100) / 100, abs=0.005)


@pytest.mark.parametrize("power", [0.5, 1.0, 1.5])
def test_distance_of_the_pit_is_that_of_kolmogorov(
    plays: pl.DataFrame, predictions: Predicted, power: float
) -> None:
    pit = np.random.default_rng(5).random(len(plays)) ** power
    result = evaluate(plays, {"a": predictions["a"].with_columns(pit=pl.Series(pit))})
    oracle = scipy.stats.kstest(pit, "uniform")
    assert result.pit_distance["a"] == pytest.approx(oracle.statistic, rel=1e-12)
    chance = scipy.stats.kstwo(len(plays)).sf(result.flat_distance)
    assert 0.045 < chance <= 0.05  # Massart's bound is exact for many plays
    assert (result.pit_distance["a"] > result.flat_distance) == (oracle.pvalue < chance)


def test_report_without_distances_can_still_be_read(evaluation: Evaluation) -> None:
    content = evaluation.as_dict()
    del content["pit_distance"], content["flat_distance"]
    assert Evaluation.from_dict(content).pit_distance == {}


def test_error_by_depth_is_zero_where_perfect_and_empty_where_no_throw_is(
    plays: pl.DataFrame, predictions: Predicted
) -> None:
    deep = plays["air_yards"] >= 10
    sure = predictions["a"].with_columns(median=pl.col("observed").cast(pl.Float64))
    result = evaluate(plays.filter(~deep), {"sure": sure.filter(~deep)})
    depth = result.mae_by_depth["sure"]
    assert depth[:3] == [0, 0, 0]
    assert all(math.isnan(value) for value in depth[3:])
    assert json.loads(json.dumps(result.as_dict()))["mae_by_depth"]["sure"][3:] == [None] * 4


def test_depth_bands_leave_no_gap() -> None:
    assert all(low == high + 1 for (_, high), (low, _) in pairwise(DEPTH_BANDS))


def test_forecasts_in_another_order_are_refused(
    plays: pl.DataFrame, predictions: Predicted
) -> None:
    with pytest.raises(ValueError, match="predictions of 'a' must be of these plays"):
        evaluate(plays, {"a": predictions["a"].reverse()})


def test_report_round_trips_through_json(evaluation: Evaluation) -> None:
    again = Evaluation.from_dict(json.loads(json.dumps(evaluation.as_dict())))
    assert json.dumps(again.as_dict()) == json.dumps(evaluation.as_dict())


@pytest.mark.parametrize("name", PLOTS)
def test_picture_shows_every_model(evaluation: Evaluation, name: str) -> None:
    (legend,) = draw(name, evaluation).legends
    shown = {text.get_text() for text in legend.get_texts()}
    models = set(evaluation.metrics)
    assert shown == (
        {"below the 1 % quantile", "above the 99 % quantile"} if name == "tails" else models
    )


def test_pictures_are_written_as_png(evaluation: Evaluation, tmp_path: Path) -> None:
    paths = write_plots(evaluation, tmp_path / "plots")
    assert [path.name for path in paths] == [f"{name}.png" for name in PLOTS]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert len(list((tmp_path / "plots").iterdir())) == len(PLOTS)
