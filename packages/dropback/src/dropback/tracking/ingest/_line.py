"""Find the line of scrimmage of each play, and the plays whose snap is nowhere near it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.data._field import FIELD_LENGTH_YD, GOAL_LINE_X_YD, OWN_GOAL_LINE_X_YD
from dropback.tracking._blocks import X
from dropback.tracking._schema import BALL_SLOT, LINE_RANGE_X_YD
from dropback.tracking.ingest._axes import METERS_PER_YARD
from dropback.tracking.ingest._moment_causes import SLIGHTLY_OFF, another_snap

if TYPE_CHECKING:
    from dropback.tracking._blocks import PlayBlock
    from dropback.tracking.ingest._conventions import Corrections
    from dropback.tracking.readers._format import Format

# The ball lies within 2 yards of the charted line on 90 % of snaps; 5 yards off, either the snap
# or the line is another play's.
_MAX_SNAP_MISS_YD: Final = 5.0
# Of 603 real snaps 97 % are within this of their line, all within 5.
_FITS_YD: Final = 2.5
# Feet of the foremost lineman stand about a yard behind the ball.
_LINE_BEHIND_BALL_YD: Final = 0.95


def with_line(
    block: PlayBlock, corrections: Corrections, layout: Format
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The plays with their line of scrimmage, and those whose snap is nowhere near it."""
    first = block.frames[block.offsets[:-1]]
    reach = np.where(np.isnan(first[:, 1:6, X]), -np.inf, first[:, 1:6, X]).max(
        axis=1, initial=-np.inf
    )
    line = np.where(np.isinf(reach), np.nan, reach + _LINE_BEHIND_BALL_YD)
    snap_x = np.where(np.isnan(first[:, BALL_SLOT, X]), line, first[:, BALL_SLOT, X])
    recorded = pl.col("absolute_yardline_x_yd") + corrections.zero.line
    right = pl.col("moves_right")
    far = FIELD_LENGTH_YD - recorded
    charted = {
        "raw": pl.when(right).then(recorded).otherwise(far),
        "flipped": pl.when(right).then(far).otherwise(recorded),
        "toward_goal": recorded,
    }[corrections.yardline]
    yards = pl.col("yardline_number")
    by_side = (
        pl.when(yards == 50.0)
        .then(FIELD_LENGTH_YD / 2)
        .when(pl.col("yardline_side") == pl.col("offense"))
        .then(yards + OWN_GOAL_LINE_X_YD)
        .when(~_strange_side())
        .then(GOAL_LINE_X_YD - yards)
    )
    # Rows may tell it beside the table: whichever end they count from, it is the same line.
    other = pl.col("yardline_of_row")
    from_any_end = pl.min_horizontal(
        (other - by_side).abs(), (FIELD_LENGTH_YD - other - by_side).abs()
    )
    by_snap = pl.col("snap_x").clip(OWN_GOAL_LINE_X_YD + 0.5, GOAL_LINE_X_YD - 0.5)
    plays = block.plays.with_columns(
        snap_x=pl.Series(snap_x, dtype=pl.Float32, nan_to_null=True)
    ).with_columns(
        line_of_scrimmage_x_yd=pl.coalesce(charted, by_side, by_snap),
        lines_apart_yd=pl.coalesce((charted - by_side).abs(), from_any_end),
    )
    miss = (pl.col("snap_x") - pl.col("line_of_scrimmage_x_yd")).abs()
    problems = plays.filter(
        (miss > _MAX_SNAP_MISS_YD).fill_null(value=False)
        | ~pl.col("line_of_scrimmage_x_yd").is_between(*LINE_RANGE_X_YD).fill_null(value=False)
    ).select(
        "play",
        "game_id",
        "play_id",
        reason=pl.lit("snap away from the line of scrimmage"),
        detail=pl.format(
            "snapped at x = {} yd, line of scrimmage at {} yd{}; {}",
            *(
                pl.col(name).round(1).cast(pl.String).fill_null("an unknown place")
                for name in ("snap_x", "line_of_scrimmage_x_yd")
            ),
            pl.format(" ({})", "line_cells").fill_null(""),
            _likely_cause(charted.is_not_null(), layout),
        ),
    )
    return plays, problems


def _likely_cause(by_number: pl.Expr, layout: Format) -> pl.Expr:
    """What a snap away from its line comes of, as a question.

    Args:
        by_number: Whether the line is told from an end of the field, and not by side and number.
        layout: Names the columns.
    """
    snap, line = pl.col("snap_x"), pl.col("line_of_scrimmage_x_yd")
    right = pl.col("moves_right")
    from_left = pl.when(right).then(snap).otherwise(FIELD_LENGTH_YD - snap) / METERS_PER_YARD
    in_yards = pl.when(right).then(from_left).otherwise(FIELD_LENGTH_YD - from_left)
    against = (pl.col("recorded_direction") == "right") != right
    names = {ours: columns[0] for ours, columns in layout.plays.items()} | dict(layout.rows)
    mirrored = f"are the places turned, or mirrored along {names['x_yd']}?"
    said = names.get("play_direction", "")
    number, side = (names.get(name, name) for name in ("absolute_yardline_x_yd", "yardline_side"))
    why = (
        pl.when(against)
        .then(pl.format(f" and {said} is '{{}}': {mirrored}", "recorded_direction"))
        .when(by_number)
        .then(pl.lit(f": is {number} counted from there? Or {mirrored}"))
        .otherwise(pl.lit(f": does {side} name the other team?"))
    )
    other_end = FIELD_LENGTH_YD - line
    moment = another_snap()
    return (
        pl.when(moment.is_not_null())
        .then(moment)
        .when((other_end - snap).abs() <= _FITS_YD)
        .then(
            pl.format(
                "from the other end of the field the line is at {} yd{}", other_end.round(1), why
            )
        )
        .when((in_yards - line).abs() <= _FITS_YD)
        .then(
            pl.format(
                "read as meters the snap is at {} yd: are the coordinates in meters?",
                in_yards.round(1),
            )
        )
        .otherwise(
            another_snap(SLIGHTLY_OFF).fill_null("is the line, or the snap, another play's?")
        )
    )


def _strange_side() -> pl.Expr:
    """Whether the side of the yard line is no team of the game; null where it is not said."""
    side = pl.col("yardline_side")
    teams = [pl.col(name) for name in ("defense", "home_team", "away_team")]
    of_other = pl.any_horizontal((side == team).fill_null(value=False) for team in teams)
    known = pl.any_horizontal(team.is_not_null() for team in teams)
    return pl.when(side.is_not_null()).then(known & ~of_other)
