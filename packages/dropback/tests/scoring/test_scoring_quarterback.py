"""Scores of a passer's season: which plays count, and what shrinkage does to their mean."""

import numpy as np
import polars as pl
import pytest

from dropback.errors import RequestError
from dropback.scoring import (
    Shrinkage,
    StandardScore,
    passing_scores,
    quarterback_plays,
    quarterback_scores,
    shrunk_seasons,
    standard_scores,
)


def snaps(*rows: tuple[str, bool, bool, float | None]) -> pl.DataFrame:
    """Snaps of one game: the quarterback, dropback, run, EPA."""
    names = ["qb_player_id", "qb_dropback", "qb_run", "epa"]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(
        pl.col("epa").cast(pl.Float64),
        qb_player_name=pl.col("qb_player_id"),
        game_id=pl.lit("g"),
        play_id=pl.int_range(pl.len()),
        season=2020,
        season_type=pl.lit("REG"),
        week=1,
        posteam=pl.lit("A"),
        defteam=pl.lit("B"),
        epa_source=pl.lit("by hand"),
    )


THROWS = pl.DataFrame({"game_id": ["g", "g"], "play_id": [0, 9], "mid_cdf": [0.7, 0.2]})


def test_dropbacks_scrambles_and_designed_runs_count_and_others_do_not() -> None:
    table = snaps(
        ("q", True, False, 1.0),  # a throw
        ("q", True, True, 0.5),  # a scramble
        ("q", False, True, 0.25),  # a designed run
        (None, False, False, 2.0),  # a back's run
        ("q", True, False, None),  # without a value
    )
    plays = quarterback_plays(table, THROWS)
    assert plays["play_id"].to_list() == [0, 1, 2]
    assert plays["designed_run"].to_list() == [False, False, True]
    assert plays["mid_cdf"].to_list() == [0.7, None, None]


def test_a_season_without_runs_is_refused_by_its_year() -> None:
    table = pl.concat(
        [
            snaps(("q", True, False, 1.0)).with_columns(season=2019),
            snaps(("q", True, True, 1.0)),
        ]
    )
    with pytest.raises(RequestError, match="play-by-play of 2019 has none: it needs running plays"):
        quarterback_plays(table, THROWS)


def test_a_quarterbacks_plays_are_scored_by_the_standardized_recipe() -> None:
    draw = np.random.default_rng(0)
    game = draw.integers(0, 16, 400)
    table = pl.DataFrame(
        {
            "season": 2020,
            "game_id": [f"g{n}" for n in game],
            "passer_player_id": [f"p{n % 4}" for n in game],
            "defteam": [f"d{n // 4}" for n in game],
            "mid_cdf": draw.random(400),
            "epa": draw.normal(size=400),
        }
    )
    chosen = StandardScore(throw_share=0.1, opponent_plays=300.0)
    expected = standard_scores(table, chosen).rename("qb_score")
    assert quarterback_scores(table).equals(expected)


def test_a_mean_is_shrunk_as_a_normal_prior_of_equal_variance_would() -> None:
    # Oracle: precision-weighted mean of the prior N(.5, d s^2 / K) and of N(m, d s^2 / n).
    shrinkage, plays, mean = Shrinkage(plays=200, play_sd=0.3, design_effect=1.2), 50, 0.6
    prior, own = 1.2 * 0.09 / 200, 1.2 * 0.09 / plays
    precision = 1 / prior + 1 / own
    row = pl.select(
        mean=shrinkage.mean(pl.lit(mean), pl.lit(plays)), sd=shrinkage.sd(pl.lit(plays))
    ).row(0)
    assert row[0] == pytest.approx((0.5 / prior + mean / own) / precision, rel=1e-12)
    assert row[1] == pytest.approx(precision**-0.5, rel=1e-12)


@pytest.mark.parametrize("name", ["plays", "play_sd", "design_effect"])
def test_shrinkage_must_be_positive(name: str) -> None:
    with pytest.raises(RequestError, match=f"{name} must be positive, got 0"):
        Shrinkage(**{"plays": 1.0, "play_sd": 1.0, "design_effect": 1.0, name: 0.0})


def test_throws_are_centered_by_season_and_opponents_are_taken_out() -> None:
    # Two passers who each meet a soft and a hard defense in two games; equal but for the defense.
    rows = [
        (2020, f"g{game}", f"p{game % 2}", f"d{game // 4}", 0.6 + 0.2 * (game // 4) + shift)
        for game in range(8)
        for shift in (-0.1, 0.1)
    ]
    names = ["season", "game_id", "passer_player_id", "defteam", "mid_cdf"]
    table = pl.DataFrame(rows, schema=names, orient="row")
    plain = passing_scores(table, np.inf)
    assert plain.mean() == pytest.approx(0.5)
    assert plain[0] == pytest.approx(0.5 + 0.5 - 0.7)
    out = passing_scores(table, 1e-6).to_numpy()
    # d0 allows .1 less than the average and d1 .1 more, also without the game itself.
    assert out == pytest.approx(np.tile([0.4, 0.6], 8), abs=1e-6)


def traded() -> pl.DataFrame:
    """One passer of two teams, with one play for the first, and one with a single play."""
    rows = [
        (2020, "p", "P.One", "g1", "A", 0.9),
        (2020, "p", "P.One", "g2", "B", 0.5),
        (2020, "p", "P.One Jr.", "g3", "B", 0.7),
        (2020, "q", "Q.Two", "g1", "C", 1.0),
    ]
    names = ["season", "passer_player_id", "passer_player_name", "game_id", "posteam", "qb_score"]
    return pl.DataFrame(rows, schema=names, orient="row")


def test_a_traded_passer_has_one_row_with_both_teams_and_one_play_is_mostly_average() -> None:
    shrinkage = Shrinkage(plays=97, play_sd=0.3, design_effect=1.0)
    rows = shrunk_seasons(traded(), "qb_score", shrinkage, extra=[pl.len().alias("extra")])
    first, second = rows.iter_rows(named=True)
    assert (first["team"], first["games"], first["plays"], first["extra"]) == ("B/A", 3, 3, 3)
    assert first["passer_player_name"] == "P.One Jr."
    assert first["qb_score_mean"] == pytest.approx(0.7)
    assert first["qb_score"] == pytest.approx(0.5 + 3 / 100 * 0.2)
    assert second["qb_score"] == pytest.approx(0.5 + 0.5 / 98)
    assert second["qb_score_sd"] == pytest.approx(0.3 / 98**0.5)
    half = 1.6448536 * second["qb_score_sd"]
    assert second["qb_score_high"] == pytest.approx(second["qb_score"] + half)
    assert second["qb_score_low"] == pytest.approx(second["qb_score"] - half)
