"""Print how often a simulated league sacks, scrambles, throws away and runs, beside real football.

DROPBACK_DATA=../shared/data python research/league_other_plays.py [--plays N] [--seed N]

Rates and yards are of play-by-play, real ones of the regular seasons 2019-2023; seconds are of the
frames, real ones of the game of 2017, by the ordinary reader.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    simulate_tracking_league,
    write_tracking_league,
)
from dropback.tracking import read_tracking

SEASONS = range(2019, 2024)
KINDS = ("targeted", "sack", "scramble", "thrown away", "run")
ENDS = {"sack": "qb_sack", "scramble": "run", "run": "handoff"}


def kinds(plays: pl.DataFrame) -> pl.DataFrame:
    """``kind`` and ``yards_gained`` of the scrimmage plays, kneels and spikes left out."""
    is_pass, has_target = pl.col("play_type") == "pass", pl.col("receiver_player_id").is_not_null()
    return (
        plays.filter(
            pl.col("season_type") == "REG",
            pl.col("two_point_attempt") == 0,
            pl.col("down").is_not_null(),
            pl.col("qb_spike") == 0,
        )
        .with_columns(
            kind=pl.when(pl.col("sack") == 1)
            .then(pl.lit("sack"))
            .when(pl.col("qb_scramble") == 1)
            .then(pl.lit("scramble"))
            .when(is_pass & has_target)
            .then(pl.lit("targeted"))
            .when(is_pass)
            .then(pl.lit("thrown away"))
            # A simulated league of tracking has no kneels.
            .when((pl.col("play_type") == "run") & ~pl.col("desc").str.contains("kneels"))
            .then(pl.lit("run"))
        )
        .drop_nulls("kind")
    )


def seconds(folder: Path) -> dict[str, tuple[float, int]]:
    """Mean seconds from the snap to what ends each kind, and plays."""
    plays = pl.concat(block.plays for block in read_tracking(folder, runs=True)[0])
    found = {}
    for kind, end in ENDS.items():
        lasted = (plays.filter(end_event=end)["frames"] - 1).to_numpy()
        found[kind] = (float(lasted.mean()) / 10, len(lasted))
    return found


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("DROPBACK_DATA"))
    parser.add_argument("--plays", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    data = Path(arguments.data)
    files = [data / "pbp" / f"play_by_play_{season}.parquet" for season in SEASONS]
    real = kinds(pl.concat([pl.read_parquet(file) for file in files], how="diagonal_relaxed"))
    real_s = seconds(data / "tracking" / "bdb_2019")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "league"
        settings = TrackingLeagueSettings(plays=arguments.plays, all_plays=True)
        write_tracking_league(simulate_tracking_league(settings, seed=arguments.seed), folder)
        simulated = kinds(pl.read_parquet(folder / "play_by_play_*.parquet"))
        simulated_s = seconds(folder)
    for name, plays, lasted in (("real", real, real_s), ("simulated", simulated, simulated_s)):
        dropbacks = plays.filter(pl.col("kind") != "run").height
        print(f"{name}: {dropbacks:,} dropbacks")
        for kind in KINDS:
            of_kind = plays.filter(kind=kind)
            line = f"  {kind:12} {of_kind.height / dropbacks:.3f} of a dropback"
            if kind in ENDS:
                yards = of_kind["yards_gained"].to_numpy()
                quantiles = np.quantile(yards, (0.05, 0.25, 0.5, 0.75, 0.95))
                words = ", ".join(f"{value:.0f}" for value in quantiles)
                line += f"; yards {yards.mean():.2f}, quantiles 5 to 95 % {words}"
                line += f"; {lasted[kind][0]:.1f} s over {lasted[kind][1]} tracked"
            print(line)


if __name__ == "__main__":
    main()
