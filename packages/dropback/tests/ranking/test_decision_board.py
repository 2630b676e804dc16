"""Boards of decision, execution and time: ranks with their population, numbers that are absent."""

import numpy as np
import polars as pl
import pytest

from dropback.cli._ranking_tables import decisions_table
from dropback.errors import RequestError
from dropback.ranking import decision_board, leaderboard, with_decisions


@pytest.fixture(scope="module")
def decisions() -> pl.DataFrame:
    """Three passers, twenty throws each in six games."""
    draw, count = np.random.default_rng(0), 60
    who = [f"p{place % 3}" for place in range(count)]
    return pl.DataFrame(
        {
            "game_id": [f"2020_{1 + place % 6:02}_A_B" for place in range(count)],
            "play_id": list(range(count)),
            "season": 2020,
            "week": [1 + place % 6 for place in range(count)],
            "passer_player_id": who,
            "passer_player_name": who,
            "decision": draw.normal(size=count),
            "execution": draw.random(count),
            "time": draw.normal(size=count),
        }
    )


def test_each_rank_names_its_population(decisions: pl.DataFrame) -> None:
    early = pl.when(pl.col("passer_player_id") != "p0").then("time")
    board = decision_board(decisions.with_columns(time=early), min_attempts=1)
    means = decisions.group_by("passer_player_id").agg(pl.col("decision", "execution").mean())
    for name in ("decision", "execution"):
        order = means.sort(name, descending=True)["passer_player_id"]
        places = dict(board.select("passer_player_id", f"{name}_place").iter_rows())
        assert [places[who] for who in order] == [f"{n} of 3, 2020" for n in (1, 2, 3)]
    # A passer who always throws within half a second has no time, and counts in no rank of it.
    places = dict(board.select("passer_player_id", "time_place").iter_rows())
    assert places.pop("p0") is None
    assert sorted(places.values()) == ["1 of 2, 2020", "2 of 2, 2020"]


def test_a_number_that_no_throw_has_is_null_and_left_empty_in_print(
    decisions: pl.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    board = decision_board(decisions.with_columns(time=pl.lit(None, pl.Float64)), min_attempts=1)
    assert board.height == 3
    assert board.select(pl.col("^time.*$").is_null().all()).row(0) == (True,) * 7
    decisions_table(board, "Decisions")
    assert f"{board['decision'][0]:.2f}" in capsys.readouterr().out


def test_throws_without_any_alternative_are_refused(decisions: pl.DataFrame) -> None:
    alone = decisions.with_columns(decision=pl.lit(None, pl.Float64))
    with pytest.raises(RequestError, match="None of 60 throws has a decision: it needs"):
        decision_board(alone, min_attempts=1)


def test_a_lone_throw_has_no_interval_and_no_reliability(
    decisions: pl.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    one = decisions.head(1)
    board = decision_board(one, min_attempts=1)
    for name in ("decision", "execution", "time"):
        row = board.select(name, f"{name}_low", f"{name}_high", f"{name}_reliability").row(0)
        assert row == (one[name][0], None, None, None)
    decisions_table(board, "Decisions")
    assert capsys.readouterr().out.count("unknown") == 3
    # One passer of many throws: an interval, and nobody to compare with.
    alone = decision_board(decisions.filter(passer_player_id="p0"), min_attempts=1)
    assert alone["decision_low"][0] < alone["decision"][0] < alone["decision_high"][0]
    assert alone["decision_reliability"].to_list() == [None]


def test_decisions_of_other_passers_are_refused_beside_a_leaderboard(
    decisions: pl.DataFrame,
) -> None:
    scores = decisions.with_columns(play_score=pl.col("execution"))
    rows = leaderboard(scores, by="passer", min_attempts=1)
    assert with_decisions(rows, decisions, by="passer")["decision_plays"].to_list() == [20] * 3
    others = decisions.with_columns(pl.lit("00-1").alias("passer_player_id"))
    with pytest.raises(RequestError, match="None of the 3 rows of the leaderboard has a tracked"):
        with_decisions(rows, others, by="passer")


def test_what_is_no_number_is_named_as_the_table_has_it(decisions: pl.DataFrame) -> None:
    bad = decisions.with_columns(time=pl.when(play_id=3).then(np.nan).otherwise("time"))
    with pytest.raises(RequestError, match="time must be a finite number or null in every throw"):
        decision_board(bad, min_attempts=1)


def test_throws_of_nobody_are_refused(decisions: pl.DataFrame) -> None:
    nobody = decisions.with_columns(passer_player_id=pl.lit(None, pl.String))
    with pytest.raises(RequestError, match="None of the 60 plays has a known passer: column"):
        decision_board(nobody, min_attempts=1)
