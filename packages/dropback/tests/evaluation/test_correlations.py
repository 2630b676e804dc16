"""Correlations agree with SciPy season by season; their intervals and leads mean what they say."""

from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.stats

from dropback.errors import RequestError
from dropback.evaluation.comparison._correlations import (
    correlate,
    passer_weights,
)

METRICS = ["score", "baseline", "noise"]


def league(seed: int = 0, seasons: int = 4, passers: int = 30) -> pl.DataFrame:
    """Passers of known skill; a good metric, a poor one and none, and a league that drifts."""
    draw = np.random.default_rng(seed)
    skill = draw.normal(size=passers)
    frames = []
    for season in range(2017, 2017 + seasons):
        played = np.sort(draw.choice(passers, passers - 6, replace=False))
        win_pct = 0.5 + 0.1 * skill[played] + 0.05 * draw.normal(size=len(played))
        frames.append(
            pl.DataFrame(
                {
                    "season": season,
                    "passer_player_id": [f"00-{number:02d}" for number in played],
                    "score": skill[played] + 0.3 * draw.normal(size=len(played)) + season,
                    "baseline": skill[played] + 1.5 * draw.normal(size=len(played)) - season,
                    "noise": draw.normal(size=len(played)),
                    "win_pct": win_pct,
                    "playoffs": (win_pct > np.median(win_pct)).astype(int),
                }
            )
        )
    return pl.concat(frames)


def correlated(table: pl.DataFrame, **options: Any) -> pl.DataFrame:
    return correlate(table, **{"metrics": METRICS, "ours": "score", **options})


def row(rows: pl.DataFrame, statistic: str, average: str, metric: str) -> dict[str, Any]:
    """The one row of a statistic, an average and a metric."""
    return rows.row(
        by_predicate=(pl.col("statistic") == statistic)
        & (pl.col("average") == average)
        & (pl.col("metric") == metric),
        named=True,
    )


@pytest.mark.parametrize("metric", METRICS)
def test_season_mean_is_the_mean_of_scipys_correlations(metric: str) -> None:
    table = league()
    oracle = [
        scipy.stats.pearsonr(part[metric], part["win_pct"]).statistic
        for part in table.partition_by("season")
    ]
    found = row(correlated(table), "win_pct", "season mean", metric)
    assert found["r"] == pytest.approx(np.mean(oracle), abs=1e-9)
    assert (found["rows"], found["seasons"]) == (96, 4)


def test_playoffs_are_point_biserial() -> None:
    table = league(seasons=1)
    oracle = scipy.stats.pointbiserialr(table["playoffs"], table["baseline"]).statistic
    found = row(correlated(table), "playoffs", "season mean", "baseline")
    assert found["r"] == pytest.approx(oracle, abs=1e-9)


def test_pooled_is_pearson_of_within_season_z_scores() -> None:
    table = league().with_columns(
        (pl.col("baseline", "win_pct") - pl.col("baseline", "win_pct").mean()).over("season")
        / pl.col("baseline", "win_pct").std().over("season")
    )
    oracle = scipy.stats.pearsonr(table["baseline"], table["win_pct"]).statistic
    found = row(correlated(league()), "win_pct", "pooled", "baseline")
    assert found["r"] == pytest.approx(oracle, abs=1e-9)


def test_year_to_year_pairs_each_passer_with_the_next_season_only() -> None:
    table = league().filter(pl.col("season") != 2018)
    rows = correlated(table)
    first = table.filter(pl.col("season") == 2019)
    pairs = first.join(
        table.with_columns(pl.col("season") - 1), on=["season", "passer_player_id"], suffix="_next"
    )
    found = row(rows, "year_to_year", "raw", "score")
    assert found["rows"] == len(pairs)
    oracle = scipy.stats.pearsonr(pairs["score"], pairs["score_next"]).statistic
    assert found["r"] == pytest.approx(oracle, abs=1e-9)


def test_a_drift_of_the_league_moves_the_raw_correlation_alone() -> None:
    table = league()
    moved = table.with_columns(pl.col("noise") + 100 * pl.col("season"))
    before, after = (correlated(t) for t in (table, moved))
    key = ("year_to_year", "pooled", "noise")
    assert row(after, *key)["r"] == pytest.approx(row(before, *key)["r"], abs=1e-6)
    assert row(after, "year_to_year", "raw", "noise")["r"] > 0.95


def test_lead_is_ours_minus_the_baseline_with_a_paired_interval() -> None:
    rows = correlated(league())
    ours, baseline = (row(rows, "win_pct", "season mean", name) for name in ("score", "baseline"))
    assert ours["lead"] is None
    assert baseline["lead"] == pytest.approx(ours["r"] - baseline["r"])
    assert 0 < baseline["lead_low"] < baseline["lead"] < baseline["lead_high"]


def test_a_copy_of_ours_has_a_lead_of_zero_in_every_draw() -> None:
    table = league().with_columns(copy=3 * pl.col("score") + 1)
    rows = correlate(table, metrics=["score", "copy"], ours="score")
    copy = row(rows, "win_pct", "season mean", "copy")
    assert [copy["lead"], copy["lead_low"], copy["lead_high"]] == pytest.approx([0, 0, 0], abs=1e-9)


def test_a_passers_seasons_are_drawn_together() -> None:
    weights = passer_weights(pl.Series(["a", "b", "a", "c", "b"]), 50, seed=1)
    assert weights.shape == (51, 5)
    assert (weights[0] == 1).all()
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()


@pytest.mark.slow
def test_interval_covers_the_truth_about_nine_times_in_ten() -> None:
    # One season of 40 independent passers, so that the true correlation is .6.
    covered = 0
    for seed in range(100):
        draw = np.random.default_rng(seed)
        x, noise = draw.normal(size=(2, 40))
        table = pl.DataFrame(
            {
                "season": 2020,
                "passer_player_id": [str(n) for n in range(40)],
                "score": x,
                "win_pct": 0.6 * x + 0.8 * noise,
            }
        )
        rows = correlate(table, metrics=["score"], ours="score", replicates=300, seed=seed)
        found = row(rows, "win_pct", "season mean", "score")
        covered += found["r_low"] <= 0.6 <= found["r_high"]
    # Binomial(100, .9) lies in 80-97 with probability .998.
    assert 80 <= covered <= 97


def test_order_of_rows_changes_nothing() -> None:
    table = league()
    again = table.sample(fraction=1, shuffle=True, seed=5)
    assert correlated(again).equals(correlated(table))


def test_a_row_without_one_metric_is_left_out_for_all() -> None:
    table = league().with_columns(
        baseline=pl.when(pl.col("passer_player_id") != "00-03").then("baseline")
    )
    rows = correlated(table)
    without = correlated(league().filter(pl.col("passer_player_id") != "00-03"))
    assert rows.equals(without)


def test_a_season_of_four_passers_counts_for_nothing_in_the_season_mean() -> None:
    three = league().filter(pl.col("season") > 2017)
    short = pl.concat([league().filter(pl.col("season") == 2017).head(4), three])
    found = [row(correlated(t), "win_pct", "season mean", "baseline")["r"] for t in (short, three)]
    assert found[0] == pytest.approx(found[1], abs=1e-12)


def test_next_season_is_the_outcome_of_the_passers_next_row() -> None:
    table = league(seasons=2)
    pairs = table.filter(pl.col("season") == 2017).join(
        table.filter(pl.col("season") == 2018), on="passer_player_id", suffix="_next"
    )
    found = row(correlated(table), "next_win_pct", "season mean", "baseline")
    oracle = scipy.stats.pearsonr(pairs["baseline"], pairs["win_pct_next"]).statistic
    assert found["r"] == pytest.approx(oracle, abs=1e-9)
    assert found["rows"] == len(pairs)


def test_a_constant_metric_has_no_correlation() -> None:
    rows = correlated(league().with_columns(noise=pl.lit(7.1)))
    found = row(rows, "win_pct", "pooled", "noise")
    assert found["r"] is None
    assert found["lead"] is None
    assert found["lead_high"] is None


def test_no_replicates_leave_the_intervals_empty() -> None:
    rows = correlated(league(), replicates=0)
    assert rows["r"].is_not_null().all()
    assert rows.select("r_low", "lead_high").null_count().row(0) == (rows.height, rows.height)


@pytest.mark.parametrize(
    ("change", "metrics", "message"),
    [
        ({}, ["score", "absent"], "must hold 'absent'; it has season"),
        ({"score": pl.lit(None, pl.Float64)}, ["score"], "No passer-season has all of score"),
        ({"season": pl.lit(2020)}, ["score"], "00-00 has several in 2020"),
        ({}, ["baseline"], "'score' must be one of the metrics baseline"),
    ],
)
def test_a_table_that_cannot_be_compared_says_why(
    change: dict[str, pl.Expr], metrics: list[str], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        correlate(league().with_columns(**change), metrics=metrics, ours="score")
