"""Tell plays of which the wrong team has the ball, or whose x and y are exchanged.

Such a play breaks many things at once, a yard line or the ball's place at the release among them:
what stands behind these is said first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.data._field import FIELD_LENGTH_YD, GOAL_LINE_X_YD, OWN_GOAL_LINE_X_YD
from dropback.tracking._blocks import X, Y
from dropback.tracking._roles import DEFENSIVE_POSITIONS, OFFENSIVE_POSITIONS
from dropback.tracking._schema import BALL_SLOT
from dropback.tracking.ingest._possession import HELD_FROM, like_the_others, snapped_from, weighed
from dropback.tracking.readers._cells import quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback._arrays import Flags, Floats
    from dropback.tracking._blocks import PlayBlock
    from dropback.tracking.ingest._possession import Votes
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

# Of 537 real plays the offense has more players of the offense in all, the defense in none (at
# most 4 of 11, for a field goal that is none).
_FEW_POSITIONS: Final = 6
# At the snap the middles of the sides are 2.9 to 32 yards apart along the field, and across it at
# most .95 of that; of 99 % at most .27.
_ACROSS: Final = 2.0
_APART_YD: Final = 2.5
# How far from midfield a line tells from which end it is counted.
_MIDDLE_YD: Final = 5.0
_MOST: Final = 0.9


def misread_plays(block: PlayBlock, layout: Format) -> pl.DataFrame:
    """Rows of (play, game_id, play_id, reason, detail) for plays that are read the wrong way.

    Args:
        block: Plays as `assemble` leaves them.
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
    votes = weighed(block, ~known, layout)
    own = np.where(known, np.where(others, -1.0, 1.0), votes.verdict())
    verdict = like_the_others(block.plays, np.where(crosswise, 0.0, own))
    reason = np.where(crosswise, EXCHANGED, np.where(verdict < 0, OTHER_TEAM, ""))
    if not (reason != "").any():
        return NO_MISREAD
    measures = pl.DataFrame(
        {
            "reason": reason,
            "along": along,
            "across": across,
            "defenders": defensive[:, 0],
            "others": offensive[:, 1],
            "share": votes.share,
            "deeper": votes.deeper,
            "told_by": _told_by(own, known, votes),
            "exchanged": _exchanged(block, layout, reason == OTHER_TEAM),
        }
    )
    columns = layout.rows["x_yd"], layout.rows["y_yd"]
    return (
        block.plays.with_columns(measures.get_columns())
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
            .otherwise(pl.format("{}, but {}: {}", _named(layout), _evidence(), _must(layout))),
        )
    )


_POSITION, _BALL, _NAME, _DEPTH, _OTHERS = range(5)


def _told_by(own: Floats, known: Flags, votes: Votes) -> NDArray[np.int64]:
    """What shows that the other team has the ball, the first that does."""
    return np.select(
        [own >= 0, known, votes.held < 0, votes.named < 0], [_OTHERS, _POSITION, _BALL, _NAME],
        _DEPTH,
    )  # fmt: skip


_TEAM, _HOME, _EITHER = "team", "home", "either"


def _exchanged(block: PlayBlock, layout: Format, others: Flags) -> pl.Series:
    """What is exchanged where the other team has the ball: its name, who is at home, or either.

    Where the table names the wrong team both the places and the half of the field are turned; where
    home and away are exchanged, in all plays of a game, the places alone are.
    """
    plays = block.plays
    if layout.possession != "home_or_away" or not others.any():
        return pl.repeat(_TEAM, plays.height, eager=True)
    # The team that has the ball is the other one, which moves the other way.
    snap = snapped_from(block)
    snap = np.where(plays["moves_right"].to_numpy(), FIELD_LENGTH_YD - snap, snap)
    yards = pl.col("yardline_number")
    own_half = pl.col("yardline_side") == pl.col("offense")
    told = plays.select(
        "game_id",
        others=pl.Series(others),
        snap=pl.Series(snap, nan_to_null=True),
        line=pl.when(own_half).then(yards + OWN_GOAL_LINE_X_YD).otherwise(GOAL_LINE_X_YD - yards),
    )
    here, other_end = pl.col("snap"), FIELD_LENGTH_YD - pl.col("snap")
    fits = (here - pl.col("line")).abs() < (other_end - pl.col("line")).abs()
    far = (pl.col("line") - FIELD_LENGTH_YD / 2).abs() > _MIDDLE_YD
    share = fits.filter(far).mean()
    return told.select(
        pl.when(~pl.col("others").all() | (share < 1 - _MOST))
        .then(pl.lit(_TEAM))
        .when(share > _MOST)
        .then(pl.lit(_HOME))
        .otherwise(pl.lit(_EITHER))
        .over("game_id")
    ).to_series()


def _evidence() -> pl.Expr:
    """What shows that the other team has the ball, in words."""
    by = pl.col("told_by")
    return (
        pl.when(by == _POSITION)
        .then(
            pl.format(
                "{} of its players are defenders by position, and {} of the other team's are not",
                pl.col("defenders").cast(pl.Int64),
                pl.col("others").cast(pl.Int64),
            )
        )
        .when(by == _BALL)
        .then(
            pl.format(
                "the ball is nearest to the other team in {} % of the frames from "
                f"{HELD_FROM / 10} s after the snap",
                (100 - 100 * pl.col("share")).round().cast(pl.Int64),
            )
        )
        .when(by == _NAME)
        .then(pl.lit("the passer or target that is named is of the other team"))
        .when(by == _DEPTH)
        .then(
            pl.format(
                "its players stand {} yards farther from the ball at the snap than the other "
                "team's, as a defense does",
                (-pl.col("deeper")).round(1),
            )
        )
        .otherwise(pl.lit("the other team has it in all the plays around it that tell"))
    )


def defends_by_position(positions: pl.Expr) -> pl.Expr:
    """Whether more of some players are of a defense than of an offense; null for as many."""
    more = (
        positions.is_in(DEFENSIVE_POSITIONS).sum().cast(pl.Int64)
        - positions.is_in(OFFENSIVE_POSITIONS).sum()
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
        for kind, positions in enumerate((OFFENSIVE_POSITIONS, DEFENSIVE_POSITIONS)):
            found = players.filter(pl.col("position").is_in(positions), side=side)["at"]
            counts[:, at, kind] = np.bincount(found.to_numpy(), minlength=len(counts))
    return counts


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


def _must(layout: Format) -> pl.Expr:
    if layout.possession == "label":
        return pl.lit(f"{layout.rows['team']} must tell the team that has the ball")
    offense = layout.plays["offense"][0]
    must = pl.lit(f"{offense} must name the team that has the ball")
    if layout.possession == "code":
        return must
    side, team = layout.plays["yardline_side"][0], layout.rows["team"]
    at_home = f"homeTeamAbbr and visitorTeamAbbr of games.csv exchanged, or home and away in {team}"
    return (
        pl.when(pl.col("exchanged") == _HOME)
        .then(pl.lit(f"so it is in all plays of the game, and {side} fits: are {at_home}?"))
        .when(pl.col("exchanged") == _EITHER)
        .then(pl.lit(f"so it is in all plays of the game: is {offense} wrong, or are {at_home}?"))
        .otherwise(must)
    )
