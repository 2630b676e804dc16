"""Print real and simulated marginals side by side.

Usage: python research/league_marginals.py [--data DIR] [--seed N]

The real column is the regular seasons 2018-2020 of the play-by-play below --data (default: the
environment variable DROPBACK_DATA); the simulated one a default league with the given seed.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import polars as pl

from dropback.simulation import simulate_league

TARGETED = (
    (pl.col("play_type") == "pass")
    & (pl.col("sack") == 0)
    & (pl.col("qb_spike") == 0)
    & (pl.col("two_point_attempt") == 0)
    & pl.col("air_yards").is_not_null()
    & pl.col("receiver_player_id").is_not_null()
)
THROWN_AWAY = (
    (pl.col("play_type") == "pass")
    & (pl.col("sack") == 0)
    & (pl.col("qb_spike") == 0)
    & pl.col("receiver_player_id").is_null()
)
DEPTHS = ((-20, -3), (-3, 1), (1, 5), (5, 10), (10, 16), (16, 25), (25, 65))
FIELD = ((1, 6), (6, 11), (11, 21), (21, 41), (41, 100))
QUANTILES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)


def per_game(plays: pl.DataFrame) -> dict[str, float]:
    """Rows of each kind, and points, a game."""
    kinds = ("pass", "run", "punt", "penalty", "field_goal", "kick_off", "pat2")
    counts = plays.select(
        pl.len().alias("rows"),
        *((pl.col("play_type") == kind).sum().alias(kind) for kind in kinds),
        pl.col("sack").sum().alias("sacks"),
        pl.col("qb_spike").sum().alias("spikes"),
        pl.col("qb_scramble").sum().alias("scrambles"),
        THROWN_AWAY.sum().alias("thrown away, batted"),
        TARGETED.sum().alias("targeted attempts"),
    )
    games = plays["game_id"].n_unique()
    rows = {f"{name}, a game": count / games for name, count in counts.row(0, named=True).items()}
    points = (pl.col("home_score_pre") + pl.col("away_score_pre")).max()
    final = plays.group_by("game_id").agg(points.alias("points"))
    overtime = plays.filter(pl.col("qtr") == 5)["game_id"].n_unique()
    means = final.select(pl.col("points").mean()).item()
    return rows | {"points of both, a game": means, "games with overtime": overtime / games}


def per_attempt(attempts: pl.DataFrame) -> dict[str, float]:
    """Marginals of targeted attempts."""
    scalars = {
        "share at 0 yards": (pl.col("yards") == 0).mean(),
        "completed": pl.col("complete_pass").mean(),
        "intercepted": pl.col("interception").mean(),
        "mean yards": pl.col("yards").mean(),
        "sd of yards": pl.col("yards").std(),
        **{f"yards, quantile {q}": pl.col("yards").quantile(q) for q in QUANTILES},
        "mean air yards": pl.col("air_yards").mean(),
        **{f"air yards, quantile {q}": pl.col("air_yards").quantile(q) for q in QUANTILES[1:-1]},
        "shotgun": pl.col("shotgun").mean(),
        "no huddle": pl.col("no_huddle").mean(),
        "third or fourth down": (pl.col("down") >= 3).mean(),
        "trailing": (pl.col("score_differential") < 0).mean(),
        "mean yardline_100": pl.col("yardline_100").mean(),
    }
    for low, high in DEPTHS:
        here = pl.col("air_yards").is_between(low, high, closed="left")
        where = f"air yards {low} to {high - 1}"
        scalars[f"{where}: share"] = here.mean()
        scalars[f"{where}: completed"] = pl.col("complete_pass").filter(here).mean()
        scalars[f"{where}: intercepted"] = pl.col("interception").filter(here).mean()
        scalars[f"{where}: mean yards"] = pl.col("yards").filter(here).mean()
    for low, high in FIELD:
        here = pl.col("yardline_100").is_between(low, high, closed="left")
        where = f"{low} to {high - 1} yards to the goal"
        scalars[f"{where}: share"] = here.mean()
        scalars[f"{where}: completed"] = pl.col("complete_pass").filter(here).mean()
        scalars[f"{where}: touchdown"] = pl.col("pass_touchdown").filter(here).mean()
    caught, stolen = pl.col("complete_pass") == 1, pl.col("interception") == 1
    scalars |= {
        "completions that lose yards": (pl.col("yards") < 0).filter(caught).mean(),
        "completions of no gain": (pl.col("yards") == 0).filter(caught).mean(),
        "returns of no yards": (pl.col("return_yards") == 0).filter(stolen).mean(),
        "return yards, median": pl.col("return_yards").filter(stolen).quantile(0.5),
        "return yards, quantile 0.95": pl.col("return_yards").filter(stolen).quantile(0.95),
        "interceptions returned for touchdowns": pl.col("return_touchdown").filter(stolen).mean(),
    }
    return attempts.select(value.alias(name) for name, value in scalars.items()).row(0, named=True)


def with_yards(plays: pl.DataFrame) -> pl.DataFrame:
    """Targeted attempts with their outcome."""
    returned = pl.when(pl.col("interception") == 1).then(-pl.col("return_yards"))
    return plays.filter(TARGETED).with_columns(yards=returned.otherwise(pl.col("yards_gained")))


def passer_seasons(attempts: pl.DataFrame) -> dict[str, float]:
    """How passer-seasons of 200 attempts or more differ."""
    seasons = (
        attempts.group_by("passer_player_id", "season")
        .agg(pl.len().alias("attempts"), pl.col("yards", "complete_pass").mean())
        .filter(pl.col("attempts") >= 200)
    )
    return {
        "passer-seasons of 200 attempts, a season": len(seasons) / attempts["season"].n_unique(),
        "their sd of yards per attempt": seasons.select(pl.col("yards").std()).item(),
        "their sd of completion share": seasons.select(pl.col("complete_pass").std()).item(),
    }


def marginals(plays: pl.DataFrame) -> dict[str, float]:
    """All of them."""
    attempts = with_yards(plays)
    return per_game(plays) | per_attempt(attempts) | passer_seasons(attempts)


def main() -> None:
    """Read the real seasons, simulate a league and print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("DROPBACK_DATA"))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("name the folder of real data with --data or DROPBACK_DATA")
    files = [arguments.data / "pbp" / f"play_by_play_{year}.parquet" for year in (2018, 2019, 2020)]
    real = marginals(pl.read_parquet(files).filter(pl.col("season_type") == "REG"))
    start = time.perf_counter()
    league = simulate_league(seed=arguments.seed)
    seconds = time.perf_counter() - start
    simulated = marginals(league.plays)
    print(f"{len(league.plays):,} plays simulated in {seconds:.1f} s, seed {arguments.seed}")
    print(f"{'':45}{'real':>10}{'simulated':>11}")
    for name, value in real.items():
        print(f"{name:45}{value:10.3f}{simulated[name]:11.3f}")


if __name__ == "__main__":
    main()
