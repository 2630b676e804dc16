"""Flag plays whose tables, events and players contradict each other."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.data._field import FIELD_WIDTH_YD, GOAL_LINE_X_YD, OWN_GOAL_LINE_X_YD
from dropback.tracking._blocks import X, Y
from dropback.tracking._schema import BALL_SLOT
from dropback.tracking.ingest._hash_marks import snaps_across
from dropback.tracking.ingest._mirrored import exchanged_in_game
from dropback.tracking.ingest._results import against_results
from dropback.tracking.readers._cells import CELL, cut, quoted

if TYPE_CHECKING:
    from dropback._arrays import Singles

ON_ONE_CLOCK: Final = "tracks put on one clock"
AGAINST_SIDES: Final = "direction against the sides"
BY_SIDES: Final = "play direction: read from where the sides stand, which the set's is against"
NO_GAME: Final = "game not in games.csv"
STRANGER: Final = "a team that does not play this game"
ONE_TEAM: Final = "one team on both sides"
ONE_HOME: Final = "both sides at home, or neither"
ONE_PLACE: Final = "two players in one place at the snap"
BEYOND_GOAL: Final = "more yards than there are to the goal line"
BEHIND_GOAL: Final = "more yards lost than there are to the own goal line"
TWO_LINES: Final = "two lines of scrimmage"
OFF_FIELD: Final = "players off the field at the snap"
ARRIVES_FIRST: Final = "a pass that arrives before its throw"
ACROSS_LINE: Final = "players on the other side of the line at the snap"
OFF_MARKS: Final = "snapped outside the hash marks"
OFF_WORDS: Final = "a pass on the other side than described"
MANY_FILLED: Final = "a track of which many positions are filled"

# The nearest two of 537 real plays are .03 yards apart, of those since 2017 .59.
_ONE_PLACE_YD: Final = 0.02
# None of 21,043 real plays has more; a line that the snap alone tells is within this.
_LINE_OFF_YD: Final = 1.5
# The two columns that tell the line are the same on all 21,042 real plays that have both.
_TWO_LINES_YD: Final = 1.0
# Of 388 plays with a ball nobody of the offense is beyond the line by more than .44 yards at the
# snap, nor of the defense by more than .85. In 2015 three plays are, of which two have a snap that
# is charted after the start.
_ACROSS_YD: Final = (2.0, 2.5)
# Of 530 real plays everybody is between 4.4 and 49.2 yards from the right sideline at the snap.
_FIELD_YD: Final = (0.0, FIELD_WIDTH_YD)
# Of 454 real balls all are snapped from 23.3 to 30.6; of 149 plays without a ball the line is from
# 23.5 to 31.4; the hash marks are at 23.6 and 29.8.
_MARKS_YD: Final = (21.8, 31.6)
# All of 329 real passes arrive on the side that is described, by .2 yards at least.
_OFF_WORDS_YD: Final = 3.0
# Of 537 real plays the most is .04: one frame.
_MOST_FILLED: Final = 0.2


def measured_at_snap(first: Singles, line_x_yd: Singles) -> list[pl.Series]:
    """How near the nearest two players are, and how far others are where nobody can be, yards.

    Args:
        first: Canonical frames at the snap, shape ``[N, 23, 6]``.
        line_x_yd: Lines of scrimmage, ``[N]``.

    Returns:
        ``nearest_two_yd``, ``offense_across_yd`` and ``defense_across_yd`` of the line,
        ``lowest_y_yd``, ``highest_y_yd`` and ``snap_y_yd``, null where unknown.
    """
    beyond = first[:, :BALL_SLOT, X] - line_x_yd[:, None]
    middle, across = BALL_SLOT // 2, first[:, :BALL_SLOT, Y]
    values = {
        "nearest_two_yd": _nearest_two(first[:, :BALL_SLOT]),
        "offense_across_yd": _greatest(beyond[:, :middle]),
        "defense_across_yd": _greatest(-beyond[:, middle:]),
        "lowest_y_yd": -_greatest(-across),
        "highest_y_yd": _greatest(across),
        "snap_y_yd": snaps_across(first),
    }
    return [
        pl.Series(name, np.where(np.isfinite(value), value, np.nan), pl.Float32, nan_to_null=True)
        for name, value in values.items()
    ]


def _greatest(values: Singles) -> Singles:
    return np.asarray(np.where(np.isnan(values), -np.inf, values).max(axis=1, initial=-np.inf))


def _nearest_two(players: Singles) -> Singles:
    """Distance of the nearest two of a frame's players, yards, infinite for fewer, ``[N]``."""
    gap = distance(players[:, :, None], players[:, None])
    themselves = np.arange(players.shape[1])
    gap[:, themselves, themselves] = np.inf
    return np.asarray(np.where(np.isnan(gap), np.inf, gap).min(axis=(1, 2)))


def distance(first: Singles, second: Singles) -> Singles:
    """Distance of players from each other, yards; arrays broadcast, ``[..., 6]``."""
    along, across = (first[..., axis] - second[..., axis] for axis in (X, X + 1))
    return np.asarray(np.hypot(along, across))


@cache
def contradictions() -> tuple[pl.Expr, ...]:
    """Sentences about what contradicts itself in plays with `measured_at_snap`, `with_results`."""
    to_goal = GOAL_LINE_X_YD - pl.col("line_of_scrimmage_x_yd")
    to_own_goal = pl.col("line_of_scrimmage_x_yd") - OWN_GOAL_LINE_X_YD
    against = (pl.col("recorded_direction") == "right") != pl.col("moves_right")
    gained = pl.col("yards_gained")
    offense, defense = (pl.col(f"{side}_across_yd") for side in ("offense", "defense"))
    return (
        pl.when(pl.col("clock_shift").is_not_null()).then(pl.lit(ON_ONE_CLOCK)),
        pl.when(against).then(
            pl.format(
                f"{AGAINST_SIDES}{CELL}play_direction is {{}}, the offense stands on the {{}}",
                quoted(pl.col("recorded_direction")),
                pl.when("moves_right").then(pl.lit("left")).otherwise(pl.lit("right")),
            )
        ),
        pl.when(pl.col("in_games").not_()).then(pl.lit(NO_GAME)),
        pl.coalesce(
            pl.when(_stranger(side)).then(
                pl.format(
                    f"{STRANGER}{CELL}{side} is {{}}, the teams are {{}} and {{}}",
                    quoted(pl.col(side)),
                    cut(pl.coalesce("home_team", "offense")).fill_null("unknown"),
                    cut(pl.coalesce("away_team", "defense")).fill_null("unknown"),
                )
            )
            for side in ("offense", "defense", "yardline_side")
        ),
        pl.when(pl.max_horizontal("yards_to_go", gained) > to_goal + _LINE_OFF_YD).then(
            pl.format(
                f"{BEYOND_GOAL}{CELL}yards_to_go is {{}}, yards_gained {{}}, to the goal line {{}}",
                pl.col("yards_to_go").cast(pl.String).fill_null("unknown"),
                gained.cast(pl.Int64).cast(pl.String).fill_null("unknown"),
                to_goal.round(1),
            )
        ),
        pl.when(-gained > to_own_goal + _LINE_OFF_YD).then(
            pl.format(
                f"{BEHIND_GOAL}{CELL}yards_gained is {{}}, to the own goal line {{}}",
                gained.cast(pl.Int64),
                to_own_goal.round(1),
            )
        ),
        pl.when(pl.col("lines_apart_yd") > _TWO_LINES_YD).then(
            pl.format(f"{TWO_LINES}{CELL}{{}} yards apart", pl.col("lines_apart_yd").round(1))
        ),
        pl.when((offense > _ACROSS_YD[0]) | (defense > _ACROSS_YD[1])).then(
            pl.format(
                f"{ACROSS_LINE}{CELL}up to {{}} yards the offense, {{}} the defense",
                *(side.cast(pl.Float64).round(1).cast(pl.String) for side in (offense, defense)),
            )
        ),
        pl.when(
            (pl.col("lowest_y_yd") < _FIELD_YD[0]) | (pl.col("highest_y_yd") > _FIELD_YD[1])
        ).then(
            pl.format(
                f"{OFF_FIELD}{CELL}y from {{}} to {{}} yards, the field from 0 to 53.3",
                *(
                    pl.col(f"{end}_y_yd").cast(pl.Float64).round(1).cast(pl.String)
                    for end in ("lowest", "highest")
                ),
            )
        ),
        pl.when(~pl.col("snap_y_yd").is_between(*_MARKS_YD)).then(
            pl.format(
                f"{OFF_MARKS}{CELL}at y = {{}} yards, the marks at 23.6 and 29.8",
                pl.col("snap_y_yd").cast(pl.Float64).round(1).cast(pl.String),
            )
        ),
        pl.when(pl.col("off_words_yd") > _OFF_WORDS_YD).then(
            pl.format(
                f"{OFF_WORDS}{CELL}it arrives {{}} yards on the other side of the middle: {{}}",
                pl.col("off_words_yd").cast(pl.Float64).round(1),
                cut(pl.col("description")),
            )
        ),
        exchanged_in_game(),
        # A backward pass may be caught first: that play of the highlights has repeated throws.
        pl.when(
            pl.col("early_arrival_frame").is_not_null() & (pl.col("repeated_events") == 0)
        ).then(
            pl.format(
                f"{ARRIVES_FIRST}{CELL}it arrives {{}} frames before {{}}",
                pl.col("end_frame") - pl.col("early_arrival_frame"),
                "end_event",
            )
        ),
        *against_results(),
        pl.when(pl.col("filled_share") > _MOST_FILLED).then(
            pl.format(
                f"{MANY_FILLED}{CELL}{{}} % of one player", (100 * pl.col("filled_share")).round(0)
            )
        ),
        pl.when(pl.col("nearest_two_yd") < _ONE_PLACE_YD).then(pl.lit(ONE_PLACE)),
    )


def _stranger(side: str) -> pl.Expr:
    """Whether a play's side is neither team of its game; null where these are not known."""
    home, away = pl.col("home_team"), pl.col("away_team")
    if side == "yardline_side":  # a set without games knows its own two teams
        home, away = pl.coalesce(home, "offense"), pl.coalesce(away, "defense")
    return (pl.col(side) != home) & (pl.col(side) != away)
