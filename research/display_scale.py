"""The figures behind the 50-99 display scale.

Scores the regular seasons of 2018-2021 (training seasons out of fold) and prints what a line
through two published marks gives: the best qualified season of four at 99, and the mean of all
plays where the mid-table seasons land in the mid-80s; then what the same rarity gives for games.

    python research/display_scale.py runs/pbp ../shared/data/pbp
    python research/display_scale.py --units seasons/scores.parquet

The second prints the slope of each unit of 2018-2023, from the play scores of `dropback seasons`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

import dropback
from dropback.ranking import DisplayScale

# Rows of each unit, and the plays that they need.
UNITS = {
    "passer,season": 224,
    "passer,game": 14,
    "passer,opponent": 14,
    "passer,season,depth": 15,
    "receiver,season": 32,
    "receiver,season,depth": 15,
    "receiver,game": 5,
}


def print_units(path: Path) -> None:
    """Print the mean score that one row in 128 is above, and the slope that shows it at 99."""
    scores = pl.read_parquet(path).filter(pl.col("season").is_between(2018, 2023))
    for by, plays in UNITS.items():
        rows = dropback.leaderboard(scores, by=by, min_attempts=plays, replicates=1)
        high = float(rows["score"].quantile(1 - 1 / (4 * 32)) or 0)
        whole = DisplayScale()
        at_top = float((whole.average + whole.slope * (rows["score"] - 0.5) >= 99).mean() or 0)
        print(
            f"{by}: {len(rows):,} rows of {plays} plays and more; one in 128 is above {high:.3f}; "
            f"slope to 99: {(99 - whole.average) / (high - 0.5):.0f}, in use "
            f"{DisplayScale.of(by.split(','), games=rows['games'].median()).slope:g}; at 99 with "
            f"that of seasons: {at_top:.1%}"
        )


def main() -> None:
    """Print the best seasons, the spread, and the three seasons that the publication names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, nargs="?", help="run trained on 2018-2020")
    parser.add_argument("data", nargs="?", help="folder of play_by_play_*.parquet")
    parser.add_argument("--units", type=Path, help="scores.parquet of `dropback seasons`")
    arguments = parser.parse_args()
    if arguments.units is not None:
        print_units(arguments.units)
        return
    if arguments.data is None:
        parser.error("name a run and its data, or --units")
    scores = dropback.score(arguments.run, arguments.data, seasons=(2018, 2019, 2020, 2021))
    rows = dropback.leaderboard(scores, min_attempts="nfl", replicates=1)
    best = float(rows["score"].max() or 0)
    scale = DisplayScale()
    print(f"qualified seasons: {len(rows)}")
    print(f"mean {rows['score'].mean():.4f}, standard deviation {rows['score'].std():.4f}")
    print(
        f"best mean score: {best:.4f}; slope to 99 from {scale.average}: "
        f"{(99 - scale.average) / (best - 0.5):.0f}"
    )
    print(f"scale in use: {scale}")
    games = dropback.leaderboard(scores, by="passer,game", replicates=1)
    high = float(games["score"].quantile(1 - 1 / (4 * 32)) or 0)
    print(
        f"games of {int(games['plays'].min() or 0)} attempts and more: {len(games):,}; one in 128 "
        f"is above {high:.3f}; slope to 99: {(99 - scale.average) / (high - 0.5):.0f}"
    )
    print(f"scale of games in use: {DisplayScale.of(('passer', 'game'))}")
    names = ("rank", "passer_player_name", "season", "plays", "score", "display")
    print(rows.select(names).head(10))
    within = rows.with_columns(
        pl.col("score").rank("min", descending=True).over("season").alias("rank")
    )
    print(within.filter(pl.col("passer_player_name") == "A.Rodgers").select(names))


if __name__ == "__main__":
    main()
