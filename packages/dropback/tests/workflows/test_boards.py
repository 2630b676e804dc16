"""What analysts read beside the score, against numbers worked by hand."""

from typing import Any

import polars as pl
import pytest

import dropback
from dropback._frames import to_polars
from dropback.errors import RequestError
from dropback.simulation import League
from dropback.workflows import compare_players, passing_board, player_games, read_results
from examples.frames import LIBRARIES, converted
from examples.play_by_play_rows import Rows

SACK = {
    "complete_pass": 0,
    "sack": 1,
    "yards_gained": -7,
    "air_yards": None,
    "receiver_player_id": None,
}
INCOMPLETE = {"complete_pass": 0, "incomplete_pass": 1, "yards_gained": 0}
AWAY = {**INCOMPLETE, "receiver_player_id": None, "receiver_player_name": None}
PICKED = {"complete_pass": 0, "interception": 1, "yards_gained": 0, "return_yards": 5}
TOUCHDOWN = {"yards_gained": 75, "pass_touchdown": 1}
ROSTER = pl.DataFrame(
    {
        "gsis_id": ["00-1", "00-2"],
        "display_name": ["Adam Passer", "Ben Receiver"],
        "position": ["QB", "WR"],
    }
)


@pytest.fixture(scope="module")
def plays(rows: Rows) -> pl.DataFrame:
    """Two games: a completion, a touchdown, a sack; an incompletion, a throw-away, a pick."""
    second = {"game_id": "2020_02_KC_BUF", "week": 2, "home_team": "KC", "away_team": "BUF"}
    values = [
        ({}, 0.5, 20.0),
        (TOUCHDOWN, 5.0, 60.0),
        (SACK, -1.5, None),
        ({**second, **INCOMPLETE}, -0.5, -70.0),
        ({**second, **AWAY}, -0.4, None),
        ({**second, **PICKED}, -4.0, -60.0),
    ]
    known = {"home_score": 20, "away_score": 27}
    return rows(*({**play, **known, "epa": epa, "cpoe": cpoe} for play, epa, cpoe in values))


@pytest.fixture(scope="module")
def scores(plays: pl.DataFrame) -> pl.DataFrame:
    """The targeted attempts of `plays`, scored."""
    selected = dropback.read_plays(plays).plays
    assert selected["play_id"].to_list() == [10, 20, 40, 60]
    return selected.with_columns(play_score=pl.Series([0.6, 0.9, 0.4, 0.1]), epa=pl.lit(None))


def one(frame: pl.DataFrame, *names: str) -> tuple[Any, ...]:
    return frame.select(names).row(0)


def test_board_has_the_old_metrics_beside_the_score(
    scores: pl.DataFrame, plays: pl.DataFrame
) -> None:
    notes: list[str] = []
    rows = passing_board(
        scores, play_by_play=plays, roster=ROSTER, by="passer", min_attempts=1, on_note=notes.append
    )
    assert one(rows, "full_name", "position", "team", "plays") == ("Adam Passer", "QB", "KC", 4)
    counts = ("dropbacks", "attempts", "completions", "touchdowns", "interceptions", "sacks")
    assert one(rows, *counts) == (6, 5, 2, 1, 1, 1)
    assert one(rows, "epa_per_dropback", "success_rate") == (
        pytest.approx((0.5 + 5 - 1.5 - 0.5 - 0.4 - 4) / 6),
        pytest.approx(2 / 6),
    )
    # nflverse's CPOE in percent, of the throws that have one.
    assert one(rows, "cpoe") == (pytest.approx((20 + 60 - 70 - 60) / 4),)
    # 87 yards, a touchdown, an interception, a sack for 7: (87 + 20 - 45 - 7) / 6.
    assert one(rows, "any_a") == (pytest.approx(55 / 6),)
    parts = (2 / 5 - 0.3) * 5, (87 / 5 - 3) * 0.25, 2.375, 0.0
    rating = (parts[0] + min(parts[1], 2.375) + parts[2] + parts[3]) / 6 * 100
    assert one(rows, "passer_rating") == (pytest.approx(rating),)
    assert notes == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_board_is_a_frame_of_the_given_library(
    scores: pl.DataFrame, plays: pl.DataFrame, library: str
) -> None:
    given = converted(scores.drop("epa"), library)
    rows = passing_board(given, play_by_play=plays, by="passer", min_attempts=1)
    assert type(rows) is type(given)
    assert to_polars(rows)["sacks"].to_list() == [1]


def test_filters_hold_for_the_old_metrics_too(scores: pl.DataFrame, plays: pl.DataFrame) -> None:
    rows = passing_board(scores, play_by_play=plays, by="passer", min_attempts=1, venue="home")
    assert one(rows, "plays", "dropbacks", "sacks", "interceptions") == (2, 3, 0, 1)
    rows = passing_board(scores, play_by_play=plays, by="passer,week", min_attempts=1)
    assert rows.sort("week")["any_a"].to_list() == [
        pytest.approx((87 + 20 - 7) / 3),
        pytest.approx(-45 / 3),
    ]


def test_split_takes_the_scored_plays_alone(scores: pl.DataFrame, plays: pl.DataFrame) -> None:
    notes: list[str] = []
    rows = passing_board(
        scores,
        play_by_play=plays,
        by="passer",
        min_attempts=1,
        where="yards >= 0",
        on_note=notes.append,
    )
    assert one(rows, "plays", "dropbacks", "sacks") == (3, 3, 0)
    assert notes == ["Beside the score: the scored plays alone, without sacks and throw-aways."]


def test_receivers_have_their_targets(scores: pl.DataFrame, plays: pl.DataFrame) -> None:
    rows = passing_board(scores, play_by_play=plays, roster=ROSTER, by="receiver", min_attempts=1)
    assert one(rows, "full_name", "position", "plays", "attempts", "sacks") == (
        *("Ben Receiver", "WR", 4, 4, 0),
    )


def test_scores_with_epa_need_no_play_by_play(scores: pl.DataFrame) -> None:
    notes: list[str] = []
    valued = scores.with_columns(epa=pl.Series([0.5, 5.0, -0.5, -4.0]))
    rows = passing_board(valued, by="passer", min_attempts=1, on_note=notes.append)
    assert one(rows, "epa_per_dropback", "success_rate") == (pytest.approx(0.25), 0.5)
    assert notes == ["EPA is of the scored plays alone; --pbp adds sacks, CPOE, ANY/A and rating."]


def test_play_by_play_without_epa_or_cpoe_is_told(
    scores: pl.DataFrame, plays: pl.DataFrame
) -> None:
    notes: list[str] = []
    bare = plays.with_columns(epa=None, cpoe=None)
    rows = passing_board(
        scores, play_by_play=bare, by="passer", min_attempts=1, on_note=notes.append
    )
    assert not {"epa_per_dropback", "success_rate", "cpoe", "cpoe_ours"} & set(rows.columns)
    assert notes[0].startswith("No EPA: the play-by-play has no epa for all seasons")
    assert "No CPOE: the play-by-play has no cpoe, and ours cannot be fitted." in notes[1]
    assert "needs as many games, got 2" in notes[1]


def test_our_cpoe_is_named_so(league: League) -> None:
    """A league of no skill in completions beyond the throw: ours is about 0 in all."""
    few = league.plays.filter((pl.col("season") == 2019) & (pl.col("week") <= 4))
    scores = dropback.read_plays(few).plays.with_columns(play_score=pl.lit(0.5))
    rows = passing_board(scores, play_by_play=few, by="season", min_attempts=1)
    assert "cpoe" not in rows.columns
    assert one(rows, "cpoe_ours") == (pytest.approx(0, abs=0.5),)


def test_players_whom_the_roster_lacks_keep_their_short_name(scores: pl.DataFrame) -> None:
    notes: list[str] = []
    rows = passing_board(
        scores, roster=ROSTER.tail(1), by="passer", min_attempts=1, on_note=notes.append
    )
    assert one(rows, "full_name", "position") == ("A.Passer", None)
    assert notes == ["1 of 1 rows are of players whom the roster does not know."]


def test_play_by_play_of_other_games_is_refused(scores: pl.DataFrame, plays: pl.DataFrame) -> None:
    other = plays.with_columns(game_id=pl.lit("2020_03_KC_BUF"))
    with pytest.raises(
        RequestError, match="None of the games of the scores is in the play-by-play"
    ):
        passing_board(scores, play_by_play=other, by="passer", min_attempts=1)


def test_games_of_a_player_by_full_name(scores: pl.DataFrame, plays: pl.DataFrame) -> None:
    player, log = player_games(scores, "Adam Passer", play_by_play=plays, roster=ROSTER)
    assert (player.id, player.name) == ("00-1", "Adam Passer")
    assert log.select("week", "result", "venue", "sacks").rows() == [
        (1, "W 27-20", "away", 1),
        (2, "L 20-27", "home", 0),
    ]
    assert log["epa_per_dropback"].to_list() == [pytest.approx(4 / 3), pytest.approx(-4.9 / 3)]


def test_results_need_a_source(plays: pl.DataFrame) -> None:
    assert read_results(None, None, [2020]) is None
    assert read_results(None, plays.with_columns(home_score=None), [2020]) is None


def test_two_players_have_probability_and_stats(scores: pl.DataFrame, plays: pl.DataFrame) -> None:
    other = {
        "passer_player_id": pl.lit("00-9"),
        "passer_player_name": pl.lit("C.Other"),
        "posteam": pl.lit("BUF"),
        "defteam": pl.lit("KC"),
        "play_id": pl.col("play_id") + 1,
    }
    both = pl.concat([plays, plays.with_columns(**other)])
    scored = pl.concat([scores, scores.with_columns(**other, play_score=0.2)])
    found, table = compare_players(scored, "A.Passer", "Other", play_by_play=both, roster=ROSTER)
    assert table["full_name"].to_list() == ["Adam Passer", "C.Other"]
    assert table["probability_better"].sum() == pytest.approx(1)
    assert table["probability_better"][0] == found.probability > 0.5
    assert table["difference_low"][0] == -table["difference_high"][1]
    assert table["dropbacks"].to_list() == [6, 6]
