"""Weigh what tells which team has the ball, where no positions do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from dropback.tracking._blocks import X, Y
from dropback.tracking._roles import named_passers, named_targets
from dropback.tracking._schema import BALL_SLOT

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats
    from dropback.tracking._blocks import PlayBlock
    from dropback.tracking.readers._format import Format

HELD_FROM: Final = 8
# From .8 s after the snap the ball is nearest to one of the offense in 33 % of the frames and
# more of 388 real plays, in 77 % and more of all but three.
_LEAST_HELD, _SURELY_HELD = 0.2, 0.6
# By how much more the defense stands off the ball at the snap than the offense, on average: of 603
# real plays at least -.71 yards, of 95 % at least .76.
_DEEPER_YD: Final = 0.75
# Votes: what a measure says, and a name.
_SURE, _NAMED = 2, 1
# A ball that is farther from the line, as one that lies beside the field, tells nothing of it.
_NEAR_YD: Final = 2.0
_HALF: Final = BALL_SLOT // 2
# Where so many plays of a group tell, and nearly all one way, the others are taken to be like them.
_FEW_PLAYS: Final = 3
_NEARLY_ALL: Final = 0.95


class Votes(NamedTuple):
    """What speaks for the recorded offense (above 0) and against it (below), ``[N]``.

    Attributes:
        held: By who is nearest to the ball.
        share: In which share of the later frames the offense is; NaN where unknown.
        named: By passers, targets and other roles that table, rows and description name.
        depth: By how deep the sides stand at the snap.
        deeper: By how much the defense is deeper, yards; NaN where unknown.
    """

    held: Floats
    share: Floats
    named: Floats
    depth: Floats
    deeper: Floats

    def verdict(self) -> Floats:
        """1 where it has the ball, -1 where the other team has, 0 where nothing tells, ``[N]``."""
        total = self.held + self.named + self.depth
        return np.asarray(np.where(np.abs(total) >= _SURE, np.sign(total), 0.0))


def weighed(block: PlayBlock, wanted: Flags, layout: Format) -> Votes:
    """What tells of some plays which team has the ball; nothing of the others.

    Args:
        block: Plays.
        wanted: Of which, ``[N]``.
        layout: Says whether linemen are there: receivers alone may be as deep as defenders.
    """
    if not wanted.any():
        nothing, unknown = np.zeros(len(wanted)), np.full(len(wanted), np.nan)
        return Votes(nothing, unknown, nothing, nothing, unknown)
    share = _held_by_offense(block, wanted)
    deeper = np.full(len(wanted), np.nan)
    if "linemen" not in layout.lacks:
        deeper = np.where(wanted, _deeper(block), np.nan)
    return Votes(
        held=_vote(share < _LEAST_HELD, share > _SURELY_HELD),
        share=share,
        named=_named(block, wanted),
        depth=_vote(deeper < -_DEEPER_YD, deeper > _DEEPER_YD),
        deeper=deeper,
    )


def like_the_others(plays: pl.DataFrame, verdict: Floats) -> Floats:
    """Verdicts, with those of plays that nothing tells as of their team, game or file."""
    if verdict.all() or not (verdict < 0).any():
        return verdict
    table = pl.DataFrame({"verdict": verdict}).with_columns(
        game=plays["game_id"], team=plays["offense"].cast(pl.String)
    )
    told = pl.col("verdict") != 0
    for group in (["game", "team"], ["game"], [pl.lit(value=0)]):
        share = ((pl.col("verdict") < 0).sum() / told.sum()).over(group)
        enough = told.sum().over(group) >= _FEW_PLAYS
        table = table.with_columns(
            verdict=pl.when(told | ~enough)
            .then("verdict")
            .when(share >= _NEARLY_ALL)
            .then(-1.0)
            .when(share <= 1 - _NEARLY_ALL)
            .then(1.0)
            .otherwise("verdict")
        )
    return table["verdict"].to_numpy()


def _vote(against: Flags, in_favor: Flags) -> Floats:
    return _SURE * (in_favor.astype(np.float64) - against)


def _held_by_offense(block: PlayBlock, wanted: Flags) -> Floats:
    """Share of the later frames in which the ball is nearest to the offense; NaN where unknown."""
    later = wanted[block.play_of_frame] & (block.frame_in_play >= HELD_FROM)
    frames, play = block.frames[later], block.play_of_frame[later]
    gap = frames[:, :BALL_SLOT, [X, Y]] - frames[:, BALL_SLOT:, [X, Y]]
    distance = np.hypot(gap[..., 0], gap[..., 1])
    known = np.isfinite(distance).any(axis=1)
    nearest = np.where(np.isfinite(distance), distance, np.inf).argmin(axis=1)
    count = block.plays.height
    of_offense = np.bincount(play[known & (nearest < _HALF)], minlength=count)
    of_any = np.bincount(play[known], minlength=count)
    return np.asarray(np.where(of_any, of_offense / np.maximum(of_any, 1), np.nan))


def _deeper(block: PlayBlock) -> Floats:
    """How much farther from the ball along the field the defense is at the snap, yards, ``[N]``."""
    sign = np.where(block.plays["moves_right"].to_numpy(), 1.0, -1.0)
    players = block.frames[block.offsets[:-1], :BALL_SLOT, X].astype(np.float64)
    return np.asarray(2 * sign * (players.mean(axis=1) - snapped_from(block)))


def snapped_from(block: PlayBlock) -> Floats:
    """Where the ball is at the snap along the field, or the line without one there, ``[N]``."""
    first = block.frames[block.offsets[:-1], :, X].astype(np.float64)
    sign = np.where(block.plays["moves_right"].to_numpy(), 1.0, -1.0)
    toward = first * sign[:, None]
    offense, defense = toward[:, :_HALF], toward[:, _HALF:BALL_SLOT]
    # Between the second foremost of both: who is foremost may be offside.
    between = (np.sort(offense, axis=1)[:, -2] + np.sort(defense, axis=1)[:, 1]) / 2
    ball = first[:, BALL_SLOT]
    there = np.abs(ball - sign * between) < _NEAR_YD
    return np.asarray(np.where(there, ball, sign * between))


def _named(block: PlayBlock, wanted: Flags) -> Floats:
    """Votes of the players that are named as passer or target, or whose role is recorded, ``[N]``.

    Where the role of one player alone is recorded it may be another's.
    """
    plays = block.plays.filter(pl.Series(wanted))
    players = block.players.join(plays.select("play"), on="play", how="semi")
    of_defense = pl.col("recorded_role").is_in(["rusher", "coverage"])
    on_defense = pl.col("side") == "defense"
    recorded = (
        players.filter(pl.col("side").is_in(["offense", "defense"]))
        .drop_nulls("recorded_role")
        .select("play", vote=pl.when(of_defense == on_defense).then(_NAMED).otherwise(-_NAMED))
    )
    exchanged = players.with_columns(
        side=pl.col("side").replace({"offense": "defense", "defense": "offense"})
    )
    votes = [recorded.cast({"play": pl.Int64, "vote": pl.Int32})]
    for found in (named_passers, named_targets):
        votes += [
            found(plays, those).select(
                pl.col("play").cast(pl.Int64), vote=pl.lit(vote, dtype=pl.Int32)
            )
            for those, vote in ((players, _NAMED), (exchanged, -_NAMED))
        ]
    total = pl.concat(votes).group_by("play").agg(pl.col("vote").sum())
    joined = block.plays.select(pl.col("play").cast(pl.Int64)).join(
        total, on="play", how="left", maintain_order="left"
    )
    return joined["vote"].fill_null(0).cast(pl.Float64).clip(-_SURE, _SURE).to_numpy()
