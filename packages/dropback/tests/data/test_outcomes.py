"""Yards of hand-built plays and the bounds that the field puts on them."""

from typing import Any

import polars as pl
import pytest

from dropback.data import _outcomes as outcomes
from examples.play_by_play_rows import Rows

INTERCEPTED = {"complete_pass": 0, "interception": 1, "yards_gained": 0}
INCOMPLETE = {"complete_pass": 0, "incomplete_pass": 1}


@pytest.mark.parametrize(
    ("play", "yards"),
    [
        ({"yards_gained": 12}, 12),
        ({"yards_gained": -4}, -4),
        ({**INCOMPLETE, "yards_gained": 0}, 0),
        ({**INCOMPLETE, "yards_gained": 15}, 0),  # a penalty's yards are nobody's
        ({**INCOMPLETE, "yards_gained": None}, 0),
        ({**INTERCEPTED, "return_yards": 37}, -37),
        ({**INTERCEPTED, "return_yards": -2}, 2),
        ({**INTERCEPTED, "return_yards": None}, 0),
        ({**INTERCEPTED, "incomplete_pass": 1, "return_yards": 8}, -8),
        ({"complete_pass": 0, "sack": 1, "yards_gained": -9}, -9),
        ({"return_yards": 20}, 12),  # no interception: the return is another play's
        ({"yards_gained": None}, None),
    ],
)
def test_yards_of_a_play(rows: Rows, play: dict[str, Any], yards: int | None) -> None:
    assert rows(play).select(outcomes.yards()).item() == yards


@pytest.mark.parametrize("yardline", [1, 25, 99])
def test_touchdown_is_the_most_that_can_be_gained(rows: Rows, yardline: int) -> None:
    assert rows({"yardline_100": yardline}).select(outcomes.yards_max()).item() == yardline


@pytest.mark.parametrize(
    ("yardline", "air_yards", "fewest"),
    [
        (75, 8, -(25 + 18)),  # caught 8 yards on or 10 beyond, returned to the passer's goal
        (75, -5, -(25 + 10)),
        (75, None, -(25 + 10)),
        (75, 60, -(25 + 70)),
        (20, 25, -(80 + 30)),  # caught on the end line at most
        (1, 0, -(99 + 10)),
        (99, 0, -(1 + 10)),
    ],
)
def test_interception_is_returned_to_the_goal_line_at_most(
    rows: Rows, yardline: int, air_yards: int | None, fewest: int
) -> None:
    play = rows({"yardline_100": yardline, "air_yards": air_yards})
    assert play.select(outcomes.yards_min()).item() == fewest


def test_bounds_of_every_situation_lie_within_the_fields(rows: Rows) -> None:
    plays = rows({}).drop("yardline_100", "air_yards")
    situations = plays.join(pl.DataFrame({"yardline_100": range(1, 100)}), how="cross").join(
        pl.DataFrame({"air_yards": range(-20, 80)}), how="cross"
    )
    bounds = situations.select(outcomes.yards_min(), outcomes.yards_max())
    assert bounds["yards_min"].min() == outcomes.YARDS_LOWEST == -110
    assert bounds["yards_max"].max() == 99 < outcomes.YARDS_HIGHEST == 100
    assert (bounds["yards_min"] < 0).all()
