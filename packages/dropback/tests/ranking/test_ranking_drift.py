"""Drift of a season: measured, subtracted from the ranked scores, and said beside them."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from dropback.errors import RequestError
from dropback.ranking import drift_sentence, leaderboard, reliability, season_drifts
from examples.scored_plays import table, throws

LATER = {"season": 2021, "game_id": "2021_01_KC_BUF"}


def two_seasons(**later: Any) -> pl.DataFrame:
    """A mean of .55 in 2020, of .45 in 2021: A's .5 is 2020's worst and 2021's best."""
    scores = table(
        throws("A", [0.5, 0.5], season_drift=0.05),
        throws("B", [0.6, 0.6], season_drift=0.05),
        throws("A", [0.5, 0.5], season_drift=-0.05, **LATER),
        throws("B", [0.4, 0.4], season_drift=-0.05, **LATER),
    )
    return scores.with_columns(mid_cdf=pl.col("play_score"), **later)


def scores_of(rows: pl.DataFrame) -> dict[tuple[str, int], float]:
    keys = ("passer_player_id", "season", "score")
    return {(who, season): score for who, season, score in rows.select(keys).iter_rows()}


def test_scores_of_two_seasons_are_compared_less_their_drift() -> None:
    rows = leaderboard(two_seasons(), min_attempts=1, replicates=20)
    assert scores_of(rows) == {
        ("A", 2020): pytest.approx(0.45),
        ("B", 2020): pytest.approx(0.55),
        ("A", 2021): pytest.approx(0.55),
        ("B", 2021): pytest.approx(0.45),
    }
    assert dict(rows.select("season", "drift").unique().iter_rows()) == {
        2020: pytest.approx(0.05),
        2021: pytest.approx(-0.05),
    }
    # The display follows, on the scale of single games: 85 + 96 * .05.
    assert rows["display"].max() == pytest.approx(89.8)


def test_drift_of_a_row_of_several_seasons_is_the_mean_over_its_plays() -> None:
    scores = two_seasons().filter(
        ~((pl.col("season") == 2021) & (pl.col("passer_player_id") == "A"))
    )
    rows = leaderboard(scores, by=("passer",), min_attempts=1, replicates=20).sort("score")
    assert rows.select("score", "drift").rows() == [
        (pytest.approx(0.45), pytest.approx(0.05)),  # A: .5 - .05
        (pytest.approx(0.5), pytest.approx(0.0)),  # B: (.55 + .45) / 2
    ]


def test_weighted_scores_are_centered_by_weight() -> None:
    scores = table(
        throws("A", [0.5], season_drift=0.1, play_weight=3.0),
        throws("A", [0.5], season_drift=-0.1, play_weight=1.0, **LATER),
    )
    row = leaderboard(scores, by=("passer",), min_attempts=1, replicates=20)
    assert row["drift"][0] == pytest.approx(0.05)  # (3 * .1 - .1) / 4
    assert row["score"][0] == pytest.approx(0.45)


def test_raw_scores_are_ranked_on_request_and_without_the_column() -> None:
    raw = leaderboard(two_seasons(), min_attempts=1, replicates=20, center=False)
    assert scores_of(raw)["B", 2020] == pytest.approx(0.6)
    assert raw["drift"].to_list() == [0.0] * 4
    without = leaderboard(two_seasons().drop("season_drift"), min_attempts=1, replicates=20)
    assert without.equals(raw)


def test_one_passers_plays_keep_the_drift_of_the_whole_season() -> None:
    own = two_seasons().filter(pl.col("passer_player_id") == "A")
    found = scores_of(leaderboard(own, min_attempts=1, replicates=20))
    assert found == {("A", 2020): pytest.approx(0.45), ("A", 2021): pytest.approx(0.55)}


def weeks_apart(weeks: int = 5) -> pl.DataFrame:
    """A season of 2,500 plays whose mean is .52, scored week by week: no week is centered."""
    return table(
        *(
            throws(passer, [mean] * 250, week=week, game_id=f"2020_{week:02d}", season_drift=0.0)
            for week in range(1, weeks + 1)
            for passer, mean in (("A", 0.42), ("B", 0.62))
        )
    ).with_columns(mid_cdf=pl.col("play_score"))


def test_weeks_that_were_scored_apart_are_centered_together() -> None:
    rows = leaderboard(weeks_apart(), by="passer", min_attempts=1, replicates=20)
    assert rows.select("score", "drift").rows() == [
        (pytest.approx(0.6), pytest.approx(0.02)),
        (pytest.approx(0.4), pytest.approx(0.02)),
    ]
    # A split of the plays keeps the drift of the season.
    own = leaderboard(
        weeks_apart(), by="passer", min_attempts=1, replicates=20, where="play_score > 0.5"
    )
    assert own["drift"].to_list() == pytest.approx([0.02])
    assert season_drifts(weeks_apart())["centered"].to_list() == [True]
    # The first half of the season was scored at once, with a drift of its own.
    halves = weeks_apart().with_columns(
        season_drift=pl.when(pl.col("week") < 3).then(0.01).otherwise(0.0)
    )
    assert leaderboard(halves, by="season", replicates=20)["drift"][0] == pytest.approx(0.02)


def test_the_drift_of_a_whole_season_outweighs_what_a_part_of_it_would_tell() -> None:
    """Only the better half of a season is ranked: its mean is no drift."""
    better = weeks_apart(10).filter(pl.col("passer_player_id") == "B")
    known = better.with_columns(season_drift=0.02)
    rows = leaderboard(known, by="passer", min_attempts=1, replicates=20)
    assert known.height == 2500
    assert rows["drift"].to_list() == pytest.approx([0.02])
    assert rows["score"].to_list() == pytest.approx([0.6])


def test_fewer_plays_than_tell_a_drift_keep_what_they_have() -> None:
    rows = leaderboard(weeks_apart(4), by="passer", min_attempts=1, replicates=20)
    assert rows["drift"].to_list() == [0.0, 0.0]


def test_drift_does_not_pass_for_skill() -> None:
    """Passers without skill in seasons of .4 and .6: the raw scores alone tell them apart."""
    generator = np.random.default_rng(0)
    games = [
        throws(
            passer,
            generator.uniform(-0.3, 0.3, 30) + 0.5 + off,
            season=2020 + later,
            game_id=f"{2020 + later}_{week:02d}_{passer}",
            season_drift=off,
        )
        for later, off in enumerate((-0.1, 0.1))
        for passer in "ABCDEFGH"
        for week in range(1, 9)
    ]
    scores = table(*games)
    centered = reliability(scores, replicates=5)
    raw = reliability(scores.drop("season_drift"), replicates=5)
    assert raw.between_variance == pytest.approx(0.01, rel=0.3)  # .1 squared
    assert centered.between_variance < 0.0005


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_drift_that_is_no_number_is_refused(value: float | None) -> None:
    scores = two_seasons().with_columns(season_drift=pl.lit(value, pl.Float64))
    with pytest.raises(RequestError, match="season_drift must be a finite number in every play"):
        leaderboard(scores, min_attempts=1)


def test_drifts_are_mean_mid_cdf_less_one_half_over_plays_with_an_interval_over_games() -> None:
    scores = table(
        throws("A", [0.9, 0.3]),
        throws("B", [0.6], game_id="2020_02_KC_LAC", week=2),
        throws("A", [0.2], **LATER),
    ).with_columns(mid_cdf=pl.col("play_score"), season_drift=pl.Series([0.1, 0.1, 0.1, 0.0]))
    first, second = season_drifts(scores).iter_rows(named=True)
    assert (first["season"], first["plays"], first["games"]) == (2020, 3, 2)
    assert first["drift"] == pytest.approx(0.1)
    # Of two games the mean is .1 in both: the bootstrap finds no other.
    assert first["drift_low"] == pytest.approx(0.1)
    assert first["drift_high"] == pytest.approx(0.1)
    assert first["centered"]
    assert second["drift"] == pytest.approx(-0.3)
    assert (second["drift_low"], second["centered"]) == (None, False)


def test_plays_without_a_mid_cdf_count_for_no_drift() -> None:
    """Standardized scores: a sack has none, and the mean score is one half already."""
    scores = table(throws("A", [0.7, 0.3, 0.5])).with_columns(
        mid_cdf=pl.Series([0.8, 0.4, None], dtype=pl.Float64)
    )
    row = season_drifts(scores).row(0, named=True)
    assert (row["plays"], row["drift"], row["centered"]) == (2, pytest.approx(0.1), True)


def test_scores_without_a_mid_cdf_have_no_drift() -> None:
    scores = table(throws("A", [0.5]))
    assert season_drifts(scores).is_empty()
    assert season_drifts(scores.with_columns(mid_cdf=pl.lit(None, pl.Float64))).is_empty()
    assert not drift_sentence(season_drifts(scores))


def test_sentence_says_what_is_subtracted() -> None:
    centered = drift_sentence(season_drifts(two_seasons()))
    assert "2020 +0.0500, 2021 -0.0500. Scores are centered" in centered
    raw = drift_sentence(season_drifts(two_seasons().drop("season_drift")))
    assert raw.endswith("compare passers within a season, not between seasons.")
    half = two_seasons().with_columns(
        season_drift=pl.when(pl.col("season") == 2020).then("season_drift").otherwise(0.0)
    )
    assert "but not those of 2021: compare" in drift_sentence(season_drifts(half))
