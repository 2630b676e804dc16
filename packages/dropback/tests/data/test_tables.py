"""Tables that the folders exchange refuse values outside their schemas."""

from typing import Any

import dataframely as dy
import polars as pl
import pytest

from dropback.data import Plays, PlaySet, Predictions, Scores, select_plays
from dropback.data._tables import PLAY_KEY
from examples.play_by_play_rows import Rows

QUANTILES = ["q01", "q05", "q10", "q25", "q50", "q75", "q90", "q95", "q99"]


def test_play_sets_are_what_the_command_line_calls_them() -> None:
    assert [play_set.value for play_set in PlaySet] == ["targeted", "attempts", "dropbacks"]


def test_every_table_is_keyed_by_game_and_play() -> None:
    assert all(tuple(table.primary_key()) == PLAY_KEY for table in (Plays, Predictions, Scores))


def test_scores_are_plays_and_eight_columns() -> None:
    added = ["outcome", "tracked", "fold", "median", "mean", "mid_cdf", "play_score"]
    added.append("season_drift")
    assert Scores.column_names() == [*Plays.column_names(), *added]


def test_predictions_hold_nine_quantiles_in_order() -> None:
    assert [name for name in Predictions.column_names() if name.startswith("q")] == QUANTILES


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("down", 5),
        ("down", 0),
        ("ydstogo", 101),
        ("yardline_100", 0),
        ("yardline_100", 100),
        ("week", 0),
        ("qtr", 0),
        ("team_games", 0),
        ("official_attempts", -1),
        ("play_set", "scrambles"),
        ("yards", None),
        ("passer_player_id", None),
    ],
)
def test_plays_refuse_a_value_out_of_bounds(rows: Rows, column: str, value: Any) -> None:
    plays = select_plays(rows({})).plays
    wrong = plays.with_columns(pl.lit(value, dtype=plays.schema[column]).alias(column))
    with pytest.raises(dy.exc.ValidationError, match=column):
        Plays.validate(wrong)


def test_plays_refuse_a_repeated_key(rows: Rows) -> None:
    plays = select_plays(rows({})).plays
    with pytest.raises(dy.exc.ValidationError, match="primary_key"):
        Plays.validate(pl.concat([plays, plays]))


@pytest.mark.parametrize("name", ["pit", "mid_cdf"])
@pytest.mark.parametrize("value", [-0.01, 1.01])
def test_predictions_refuse_a_probability_outside_0_and_1(name: str, value: float) -> None:
    row = dict.fromkeys(["season", "week", "fold", "play_id"], 1)
    names = ["observed", "median", "mean", *QUANTILES, "pit", "mid_cdf", "crps", "log_score"]
    numbers = dict.fromkeys(names, 0.5)
    text = {"game_id": "g", "passer_player_id": "p", "play_set": "targeted", "outcome": "yards"}
    table = pl.DataFrame([{**row, **numbers, **text, "tracked": False}]).select(
        Predictions.column_names()
    )
    assert Predictions.is_valid(table)
    with pytest.raises(dy.exc.ValidationError, match=name):
        Predictions.validate(table.with_columns(pl.lit(value).alias(name)))
