"""Hold the simulated league's gains of speed against real ones, by role.

DROPBACK_DATA=../shared/data python research/league_motion.py [--plays N] [--seed N]

Real are the dropbacks of the two sets that are no selection (two games of 2015, one of 2017), in
two halves by even and odd play ids: `motion="real"` was chosen on the even half, with the odd half
in view. A gain is the change of speed over 0.4 s around a frame, yards a second squared.
Exits 1 where a gain of the ``real`` league is more than 15 % off the odd half.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    simulate_tracking_league,
    write_tracking_league,
)
from dropback.tracking import PlayBlock, read_tracking
from dropback.tracking._blocks import SPEED
from dropback.tracking._splits import play_splits
from dropback.tracking._windows import THROWS

ROLES = ("passer", "target", "eligible", "blocker", "rusher", "coverage")
MOST_OFF = 0.15


def gains(blocks: list[PlayBlock], half: int | None) -> dict[tuple[str, str], float]:
    """Mean and 99 % quantile of the gains of each role on thrown passes, of one half or of all."""
    parts: dict[str, list[np.ndarray]] = {role: [] for role in ROLES}
    for block in blocks:
        kept = block.plays["pass_result"].is_in(["C", "I", "IN"])
        kept &= block.plays["end_event"].is_in(THROWS)
        if half is not None:
            kept &= block.plays["play_id"] % 2 == half
        block = block.keep(kept.fill_null(value=False).to_numpy())  # noqa: PLW2901
        roles = np.full((block.plays.height, 23), "", dtype="U9")
        play = block.plays.select("game_id", "play_id").with_row_index("at")
        players = block.players.join(play, on=["game_id", "play_id"], how="inner")
        roles[players["at"].to_numpy(), players["slot"].to_numpy()] = (
            players["role"].cast(pl.String).to_numpy()
        )
        speed, frame = block.frames[..., SPEED], block.frame_in_play
        gain = np.full(speed.shape, np.nan, np.float32)
        gain[2:-2] = np.abs(speed[4:] - speed[:-4]) / 0.4
        gain[~((frame >= 2) & np.append(frame[2:] > frame[:-2], [False, False]))] = np.nan
        of_frame = roles[block.play_of_frame]
        for role in ROLES:
            parts[role].append(gain[of_frame == role])
    found = {}
    for role, values in parts.items():
        together = np.concatenate(values)
        found[role, "mean"] = float(np.nanmean(together))
        found[role, "99 %"] = float(np.nanquantile(together, 0.99))
    return found


def league(plays: int, seed: int, motion: str) -> list[PlayBlock]:
    """A league of one manner, written and read as any set."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "league"
        settings = TrackingLeagueSettings(plays=plays, motion=motion)  # type: ignore[arg-type]
        write_tracking_league(simulate_tracking_league(settings, seed=seed), folder)
        return read_tracking(folder)[0]


def main() -> None:
    """Print all and name what is off."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("DROPBACK_DATA"))
    parser.add_argument("--plays", type=int, default=900)
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    sets = Path(arguments.data) / "tracking"
    real = [b for name in ("hackathon_2015", "bdb_2019") for b in read_tracking(sets / name)[0]]
    leagues = {name: league(arguments.plays, arguments.seed, name) for name in ("sharp", "real")}
    chosen, test = gains(real, 0), gains(real, 1)
    simulated = {name: gains(blocks, None) for name, blocks in leagues.items()}
    heads = ("even", "odd", "sharp", "off", "real", "off")
    print(f"{'gain of speed, yd/s2':24}" + "".join(f"{head:>7}" for head in heads))
    off = []
    for key, value in test.items():
        line = f"{', '.join(key):24}{chosen[key]:7.2f}{value:7.2f}"
        for name in leagues:
            line += f"{simulated[name][key]:7.2f}{simulated[name][key] / value - 1:+7.0%}"
        print(line)
        if abs(simulated["real"][key] / value - 1) > MOST_OFF:
            off.append(", ".join(key))
    for name, blocks in {"2015 and 2017": real, **leagues}.items():
        table = pl.concat(play_splits(block) for block in blocks).drop_nulls("time_to_throw_s")
        words = [
            f"time to throw {table['time_to_throw_s'].mean():.2f} s",
            f"separation at release {table['separation_at_release_yd'].median():.2f} yd",
            f"dropback {table['dropback_depth_yd'].median():.2f} yd",
            f"pressured at the throw {table['pressured_at_throw'].mean():.2f}",
        ]
        print(f"{name}: {', '.join(words)}")
    print(f"more than {MOST_OFF:.0%} off the odd half: {'; '.join(off) or 'none'}")
    sys.exit(bool(off))


if __name__ == "__main__":
    main()
