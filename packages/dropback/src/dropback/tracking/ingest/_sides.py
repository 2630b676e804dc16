"""Tell plays of which the wrong team has the ball, or whose x and y are exchanged.

Such a play breaks many things at once, a yard line or the ball's place at the release among them:
what stands behind these is said first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.tracking._blocks import X, Y
from dropback.tracking._roles import DEFENSIVE_POSITIONS, LINE_POSITIONS
from dropback.tracking._schema import BALL_SLOT
from dropback.tracking.readers._cells import quoted

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats
    from dropback.tracking._blocks import PlayBlock
    from dropback.tracking.readers._format import Format

OTHER_TEAM: Final = "the other team has the ball"
EXCHANGED: Final = "x and y exchanged"

NO_MISREAD: Final = pl.DataFrame(
    schema={
        "play": pl.Int64,
        **dict.fromkeys(("game_id", "play_id"), pl.Int64),
        **dict.fromkeys(("reason", "detail"), pl.String),
    }
)

_OFFENSIVE_POSITIONS: Final = (*LINE_POSITIONS, "QB", "RB", "FB", "WR", "TE")
# Of 537 real plays the offense has more players of the offense in all, the defense in none (at
# most 4 of 11, for a field goal that is none).
_FEW_POSITIONS: Final = 6
# From .8 s after the snap the ball is nearest to one of the offense in 33 % of the frames and
# more of 388 real plays, in 77 % and more of all but three.
_HELD_FROM: Final = 8
_LEAST_HELD: Final = 0.2
# At the snap the middles of the sides are 2.9 to 32 yards apart along the field, and across it at
# most .95 of that; of 99 % at most .27.
_ACROSS: Final = 2.0
_APART_YD: Final = 2.5


def misread_plays(block: PlayBlock, layout: Format) -> pl.DataFrame:
    """Rows of (play, game_id, play_id, reason, detail) for plays that are read the wrong way.

    Args:
        block: Plays, the offense as it is recorded and moving toward +x.
        layout: Names the columns.
    """
    along, across = _between_sides(block)
    crosswise = across > np.maximum(_ACROSS * np.abs(along), _APART_YD)
    # Receivers alone may stand on one side of the field.
    crosswise &= "linemen" not in layout.lacks
    counts = _positions(block)
    known = (counts.sum(axis=2) >= _FEW_POSITIONS).all(axis=1)
    offensive, defensive = counts[..., 0], counts[..., 1]
    others = known & (defensive[:, 0] > offensive[:, 0]) & (offensive[:, 1] > defensive[:, 1])
    held = _held_by_offense(block, ~known)
    reason = np.where(crosswise, EXCHANGED, np.where(others | (held < _LEAST_HELD), OTHER_TEAM, ""))
    if not (reason != "").any():
        return NO_MISREAD
    numbers = {"along": along, "across": across, "held": held, "defenders": defensive[:, 0],
               "others": offensive[:, 1]}  # fmt: skip
    columns = layout.rows["x_yd"], layout.rows["y_yd"]
    return (
        block.plays.with_columns(
            reason=pl.Series(reason, dtype=pl.String),
            by_position=pl.Series(known),
            **{name: pl.Series(values) for name, values in numbers.items()},
        )
        .filter(pl.col("reason") != "")
        .select(
            "play",
            "game_id",
            "play_id",
            "reason",
            detail=pl.when(pl.col("reason") == EXCHANGED)
            .then(
                pl.format(
                    f"at the snap the sides stand {{}} yards apart along {columns[0]} and {{}} "
                    f"along {columns[1]}: are the columns {columns[0]} and {columns[1]} exchanged?",
                    pl.col("along").abs().round(1),
                    pl.col("across").round(1),
                )
            )
            .otherwise(pl.format(f"{{}}, but {{}}: {_must(layout)}", _named(layout), _evidence())),
        )
    )


def _evidence() -> pl.Expr:
    """What shows that the other team has the ball, in words."""
    return (
        pl.when("by_position")
        .then(
            pl.format(
                "{} of its players are defenders by position, and {} of the other team's are not",
                pl.col("defenders").cast(pl.Int64),
                pl.col("others").cast(pl.Int64),
            )
        )
        .otherwise(
            pl.format(
                "the ball is nearest to the other team in {} % of the frames from "
                f"{_HELD_FROM / 10} s after the snap",
                (100 - 100 * pl.col("held")).round().cast(pl.Int64),
            )
        )
    )


def defends_by_position(positions: pl.Expr) -> pl.Expr:
    """Whether more of some players are of a defense than of an offense; null for as many."""
    more = (
        positions.is_in(DEFENSIVE_POSITIONS).sum().cast(pl.Int64)
        - positions.is_in(_OFFENSIVE_POSITIONS).sum()
    )
    return pl.when(more != 0).then(more > 0)


def _between_sides(block: PlayBlock) -> tuple[Floats, Floats]:
    """From the middle of the offense to that of the defense at the snap, yards: x, and |y|."""
    first = block.frames[block.offsets[:-1], :BALL_SLOT].astype(np.float64)
    there = np.isfinite(first[..., X])
    half = BALL_SLOT // 2
    middles = []
    for side in (slice(0, half), slice(half, BALL_SLOT)):
        count = np.maximum(there[:, side].sum(axis=1), 1)
        middles.append(np.nansum(first[:, side][..., [X, Y]], axis=1) / count[:, None])
    gap = middles[1] - middles[0]
    return gap[:, 0], np.abs(gap[:, 1])


def _positions(block: PlayBlock) -> Floats:
    """Players of offense and defense by position: of the offense, of the defense, ``[N, 2, 2]``."""
    players = block.players.select("play", "side", "position").join(
        block.plays.select("play").with_row_index("at"), on="play"
    )
    counts = np.zeros((block.plays.height, 2, 2))
    for at, side in enumerate(("offense", "defense")):
        for kind, positions in enumerate((_OFFENSIVE_POSITIONS, DEFENSIVE_POSITIONS)):
            found = players.filter(pl.col("position").is_in(positions), side=side)["at"]
            counts[:, at, kind] = np.bincount(found.to_numpy(), minlength=len(counts))
    return counts


def _held_by_offense(block: PlayBlock, wanted: Flags) -> Floats:
    """Share of the later frames in which the ball is nearest to the offense; 1 where unknown."""
    later = wanted[block.play_of_frame] & (block.frame_in_play >= _HELD_FROM)
    frames, play = block.frames[later], block.play_of_frame[later]
    gap = frames[:, :BALL_SLOT, [X, Y]] - frames[:, BALL_SLOT:, [X, Y]]
    distance = np.hypot(gap[..., 0], gap[..., 1])
    known = np.isfinite(distance).any(axis=1)
    nearest = np.where(np.isfinite(distance), distance, np.inf).argmin(axis=1)
    count = block.plays.height
    of_offense = np.bincount(play[known & (nearest < BALL_SLOT // 2)], minlength=count)
    of_any = np.bincount(play[known], minlength=count)
    return np.asarray(np.where(of_any, of_offense / np.maximum(of_any, 1), 1.0))


def _named(layout: Format) -> pl.Expr:
    """Which cell says who has the ball."""
    if layout.possession == "label":
        team, label = layout.rows["team"], layout.offense_label
        return pl.lit(f"the offense has the rows whose {team} is '{label}'")
    where = pl.format(f" in row {{}} of {layout.plays_file}", "table_row").fill_null("")
    said = pl.format(f"{layout.plays['offense'][0]} is {{}}{{}}", quoted(pl.col("offense")), where)
    if layout.possession == "home_or_away":
        said = pl.format("{}, which is {} by games.csv", said, "offense_label")
    return said


def _must(layout: Format) -> str:
    if layout.possession == "label":
        return f"{layout.rows['team']} must tell the team that has the ball"
    return f"{layout.plays['offense'][0]} must name the team that has the ball"
