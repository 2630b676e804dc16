"""How near are derived motion and inferred roles to what the real sets and play-by-play say?

DROPBACK_DATA=../shared/data python research/tracking_accuracy.py
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback.tracking import read_tracking
from dropback.tracking._blocks import ACCELERATION, DIRECTION, SPEED
from dropback.tracking._motion import derive_motion
from dropback.tracking._roles import infer_target
from dropback.tracking.readers import FORMATS
from dropback.tracking.readers._plays import read_plays
from dropback.tracking.readers._tables import read_recorded
from dropback.tracking.tensors._features import eligible_slots

if TYPE_CHECKING:
    from dropback.tracking.readers._format import Format


def motion(name: str, folder: Path) -> None:
    """Errors of derived speed, direction and acceleration against the set's own columns."""
    blocks, _ = read_tracking(folder)
    for first, label in ((0, "all frames"), (4, "from 0.4 s after the snap")):
        parts = []
        for block in blocks:
            given = block.frames[:, :22]
            blind = given.copy()
            blind[..., [SPEED, ACCELERATION, DIRECTION]] = np.nan
            derive_motion(blind, block.frame_in_play, (SPEED, ACCELERATION, DIRECTION))
            late = block.frame_in_play >= first
            parts.append((given[late], blind[late], "acceleration" in block.plays["derived"][0]))
        given = np.concatenate([part[0].reshape(-1, 6) for part in parts])
        blind = np.concatenate([part[1].reshape(-1, 6) for part in parts])
        speed = blind[:, SPEED] - given[:, SPEED]
        r2 = 1 - np.var(speed) / np.var(given[:, SPEED])
        fast = given[:, SPEED] > 1
        angle = np.abs((blind[fast, DIRECTION] - given[fast, DIRECTION] + 180) % 360 - 180)
        line = (
            f"{name:16} {label:26} speed mean error {np.abs(speed).mean():.3f} yd/s, R2 {r2:.4f}; "
            f"direction median {np.median(angle):.2f} deg, 90 % within "
            f"{np.quantile(angle, 0.9):.1f} (speed > 1 yd/s)"
        )
        if not parts[0][2]:
            error = np.abs(blind[:, ACCELERATION] - given[:, ACCELERATION])
            correlation = np.corrcoef(blind[:, ACCELERATION], given[:, ACCELERATION])[0, 1]
            line += (
                f"; acceleration mean error {error.mean():.2f} yd/s2 of mean "
                f"{given[:, ACCELERATION].mean():.2f}, correlation {correlation:.2f}"
            )
        print(line)


def roles(data: Path) -> None:
    """Passer by alignment, target by the ball, rushers by the line of scrimmage."""
    layout = FORMATS["hackathon_2015"]
    plays = {name: columns for name, columns in layout.plays.items() if name != "passer_id"}
    FORMATS["hackathon_2015"] = replace(layout, plays=plays)
    blocks, _ = read_tracking(data / "hackathon_2015", layout="hackathon_2015")
    given = _table_of_plays(layout, data / "hackathon_2015")
    given = given.select("game_id", "play_id", "passer_id")
    found = pl.concat(block.players.filter(role="passer") for block in blocks)
    joined = found.join(given, on=["game_id", "play_id"])
    right = int((joined["player_id"] == joined["passer_id"]).sum())
    print(f"passer by alignment and position, hackathon_2015: {right} of {joined.height}")

    blocks, _ = read_tracking(data / "ngs_highlights/tracking.parquet")
    by_ball = np.concatenate([infer_target(b.arrival_xy, eligible_slots(b)) for b in blocks])
    named = pl.concat(b.plays["target_slot"] for b in blocks).fill_null(-1).to_numpy()
    both = (by_ball >= 0) & (named >= 0)
    right = int((by_ball == named)[both].sum())
    print(f"target by the ball at its arrival, ngs_highlights: {right} of {both.sum()}")

    blocks, _ = read_tracking(data / "bdb_2019")
    charted = _table_of_plays(FORMATS["bdb_2019"], data / "bdb_2019")
    counts = (
        pl.concat(block.players for block in blocks)
        .group_by("game_id", "play_id")
        .agg(found=(pl.col("role") == "rusher").sum().cast(pl.Int32))
        .join(charted.select("game_id", "play_id", "pass_rushers"), on=["game_id", "play_id"])
        .drop_nulls()
    )
    error = counts["found"] - counts["pass_rushers"]
    print(
        f"rushers by crossing the line, bdb_2019: {int((error == 0).sum())} of {counts.height} "
        f"plays have the charted number, mean error {error.abs().mean():.2f} players"
    )


def _table_of_plays(layout: Format, folder: Path) -> pl.DataFrame:
    return read_plays(layout, folder, read_recorded(layout, folder).plays)[0]


def main() -> None:
    """Print every figure."""
    data = Path(os.environ.get("DROPBACK_DATA") or "../shared/data") / "tracking"
    motion("bdb_2023", data / "bdb_2023_sample")
    motion("ngs_highlights", data / "ngs_highlights/tracking.parquet")
    roles(data)


if __name__ == "__main__":
    main()
