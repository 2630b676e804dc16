"""Compute what users split plays by, each by a definition with its source."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback._frames import bands, left_join
from dropback.data._field import RATE_HZ
from dropback.tracking._blocks import X, Y
from dropback.tracking._schema import BALL_SLOT
from dropback.tracking._windows import THROWS

if TYPE_CHECKING:
    from dropback._arrays import Integers, Singles
    from dropback.tracking._blocks import PlayBlock


@dataclass(frozen=True)
class Split:
    """A quantity to split plays by.

    Args:
        definition: How it is computed, with its unit.
        source: Whose definition it is.
    """

    definition: str
    source: str


_NGS: Final = "NFL Next Gen Stats glossary"
_OURS: Final = "computed here from positions"

SPLITS: Final = {
    "time_to_throw_s": Split("Seconds from the snap to the throw; null without a throw.", _NGS),
    "time_to_throw_band": Split(
        "Time to throw under 2.5 s, 2.5 to 4 s, or over 4 s.", f"{_NGS} (quick throws: under 2.5 s)"
    ),
    "pressured_at_throw": Split(
        "A defender is within 2 yards of the passer in the last frame, the throw or sack; null "
        "where the set lacks defenders.",
        "NFL Next Gen Stats, older definition",
    ),
    "pressured_any_time": Split(
        "A defender is within 1.5 yards of the passer in any frame from snap to the end; null "
        "where the set lacks defenders.",
        "NFL Next Gen Stats, newer definition",
    ),
    "throw_depth_yd": Split(
        "Yards from the line of scrimmage to the ball as the pass arrives; null without both "
        "the ball and its arrival.",
        _OURS,
    ),
    "throw_depth_band": Split(
        "Behind the line (under 0 yards), short (0 to 9), middle (10 to 19) or deep (20 and more).",
        f"{_NGS} (deep: 20 air yards and more)",
    ),
    "separation_at_release_yd": Split(
        "Yards from the target to the nearest defender in the last frame. The league's own "
        "separation is measured later, at the catch.",
        _OURS,
    ),
    "separation_at_arrival_yd": Split(
        "Yards from the target to the nearest defender when the pass arrives, as the league "
        "measures it; null without that event.",
        _NGS,
    ),
    "dropback_depth_yd": Split(
        "Greatest distance of the passer behind the line of scrimmage, snap to end, yards.", _OURS
    ),
    "play_action": Split("As the set charts it; null where it does not.", "the set"),
}


def split_definitions() -> dict[str, dict[str, str]]:
    """`SPLITS` as a JSON-ready mapping, to lie beside the values."""
    return {name: asdict(split) for name, split in SPLITS.items()}


def play_splits(block: PlayBlock) -> pl.DataFrame:
    """The splits of each play by `SPLITS`, after its (game_id, play_id), in the block's order."""
    last = block.frames[block.offsets[1:] - 1]
    line = block.plays["line_of_scrimmage_x_yd"].to_numpy()
    passer_gap = _nearest_defender(block.frames, np.zeros(len(block.frames), np.int64))
    ever = np.fmin.reduceat(passer_gap, block.offsets[:-1]) if len(line) else passer_gap
    target = block.plays["target_slot"].cast(pl.Int64).fill_null(-1).to_numpy()
    separation = np.where(target >= 0, _nearest_defender(last, np.maximum(target, 0)), np.nan)
    caught = np.where(
        target >= 0, _nearest_defender(block.arrival_xy, np.maximum(target, 0)), np.nan
    )
    behind = np.repeat(line, np.diff(block.offsets)) - block.frames[:, 0, X]
    depth = np.fmax.reduceat(behind, block.offsets[:-1]) if len(line) else behind
    arrival = block.arrival_xy[:, BALL_SLOT, 0] - line
    measured = {
        "throw_depth_yd": arrival,
        "separation_at_release_yd": separation,
        "separation_at_arrival_yd": caught,
        "dropback_depth_yd": depth,
        "last_gap": _nearest_defender(last, np.zeros(len(last), np.int64)),
        "least_gap": ever,
    }
    table = block.plays.select(
        "game_id", "play_id", "end_event", "lacks", "frames", "play_action"
    ).with_columns(
        pl.Series(name, values.astype(np.float32), nan_to_null=True)
        for name, values in measured.items()
    )
    thrown = pl.col("end_event").is_in(THROWS) | pl.col("lacks").list.contains("events")
    time = pl.when(thrown).then((pl.col("frames") - 1) / RATE_HZ).cast(pl.Float32)
    partial = pl.lit(pl.Series(block.lacks_defenders, dtype=pl.Boolean))
    depths = [(0, "behind the line"), (10, "short"), (20, "middle")]
    times = [(2.5, "under 2.5 s"), (4, "2.5 to 4 s")]
    return (
        table.with_columns(
            time_to_throw_s=time,
            pressured_at_throw=pl.when(~partial).then(pl.col("last_gap") < 2.0),
            pressured_any_time=pl.when(~partial).then(pl.col("least_gap") < 1.5),
            throw_depth_band=bands("throw_depth_yd", depths, "deep"),
        )
        .with_columns(time_to_throw_band=bands("time_to_throw_s", times, "over 4 s"))
        .select("game_id", "play_id", *SPLITS)
    )


def with_participation(splits: pl.DataFrame, participation: pl.DataFrame) -> pl.DataFrame:
    """The splits with nflverse's charted time to throw and pressure, and who charted them.

    Args:
        splits: Rows of `play_splits`.
        participation: nflverse's participation: ``old_game_id``, ``play_id``,
            ``time_to_throw``, ``was_pressure`` and ``season``.

    Returns:
        With ``charted_time_to_throw_s``, ``charted_pressure`` and ``charted_by``: the league's
        tracking (NGS) before 2023, FTN's charting from then on. The two are not the same
        quantity: a split must not run across 2023 unlabeled.
    """
    charted = participation.select(
        game_id=pl.col("old_game_id").cast(pl.Int64),
        play_id=pl.col("play_id").cast(pl.Int64),
        charted_time_to_throw_s=pl.col("time_to_throw").cast(pl.Float32),
        charted_pressure=pl.col("was_pressure").cast(pl.Boolean),
        charted_by=pl.when(pl.col("season") < 2023).then(pl.lit("NGS")).otherwise(pl.lit("FTN")),
    )
    return left_join(splits, charted, on=["game_id", "play_id"])


def _nearest_defender(frames: Singles, slot: Integers) -> Singles:
    player = np.take_along_axis(frames[:, :11, :2], slot[:, None, None], axis=1)[:, 0].T
    # Players first: the minimum then runs along contiguous frames.
    gap_x = frames[:, 11:22, X].T - player[0]
    gap_y = frames[:, 11:22, Y].T - player[1]
    return np.asarray(np.sqrt(np.fmin.reduce(gap_x * gap_x + gap_y * gap_y, axis=0)))
