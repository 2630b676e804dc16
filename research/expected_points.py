"""How good is our expected-points model, and does its EPA look like the published ones?

Out of fold throughout: every snap is valued by the trees that never saw its game. Prints the
scores found in the play-by-play, calibration by class, down and field position, values of
well-known situations and the best seasons by EPA per dropback. `--inputs` refits with fewer and
more inputs (a minute each).

    python research/expected_points.py ../shared/data/pbp --store runs/expected_points
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from dropback.data._play_by_play import read_play_by_play
from dropback.expected_points import (
    NEXT_SCORES,
    ExpectedPoints,
    expected_points_added,
    fit_expected_points,
    timeline,
)
from dropback.expected_points import _model as model

POINTS = np.array(list(NEXT_SCORES.values()))
# Name: down, yards to go, yards from the goal line.
LANDMARKS = {
    "1st and 10 at the own 25": (1, 10, 75),
    "1st and 10 at midfield": (1, 10, 50),
    "1st and 10 at the opponent's 20": (1, 10, 20),
    "1st and goal at the 1": (1, 1, 1),
    "3rd and 10 at the own 25": (3, 10, 75),
    "4th and 1 at midfield": (4, 1, 50),
}


def scores(rows: pl.DataFrame, data: Path) -> None:
    """Touchdowns, field goals and safeties of each regular season; games that add up."""
    size = pl.col("points").abs()
    print(
        rows.filter(pl.col("season_type") == "REG")
        .group_by("season")
        .agg(
            touchdowns=(size == 7).sum(),
            field_goals=(size == 3).sum(),
            safeties=(size == 2).sum(),
        )
        .sort("season")
    )
    games = data / "games.parquet"
    if games.is_file():
        last = rows.group_by("game_id", maintain_order=True).last()
        side = pl.when("home").then(1).otherwise(-1)
        # A touchdown on the last play is worth 6 there: its try is not played or is its own row.
        gained = pl.when(size == 7).then(pl.col("points").sign() * 6).otherwise("points")
        ends = last.select("game_id", lead=side * (pl.col("score_differential") + gained))
        final = pl.read_parquet(games).with_columns(
            final=pl.col("home_score") - pl.col("away_score")
        )
        both = ends.join(final, on="game_id")
        print(f"last play leads to the final lead: {(both['lead'] == both['final']).mean():.4f}")


def log_loss(fitted: ExpectedPoints, snaps: pl.DataFrame) -> str:
    """Log loss, squared error and bias, out of fold."""
    chances = fitted.probabilities(snaps)
    labels = snaps["next_score"].to_numpy()
    loss = -np.log(chances[np.arange(len(labels)), labels]).mean()
    error = POINTS[labels] - chances @ POINTS
    return f"log loss {loss:.5f}, squared error {(error**2).mean():.4f}, bias {error.mean():+.4f}"


def calibration(fitted: ExpectedPoints, snaps: pl.DataFrame) -> None:
    """Predicted against observed by class, and expected against scored by situation."""
    chances = fitted.probabilities(snaps)
    labels = snaps["next_score"].to_numpy()
    print(
        f"{'class':22}{'predicted':>10}{'observed':>10}{'error':>8}   (error: mean over 5 % bins)"
    )
    for label, name in enumerate(NEXT_SCORES):
        bins = np.minimum((chances[:, label] * 20).astype(int), 19)
        count = np.bincount(bins, minlength=20)
        gap = np.bincount(bins, chances[:, label] - (labels == label), minlength=20)
        print(
            f"{name:22}{chances[:, label].mean():10.4f}{(labels == label).mean():10.4f}"
            f"{np.abs(gap).sum() / count.sum():8.4f}"
        )
    valued = snaps.with_columns(
        expected=pl.Series(chances @ POINTS), scored=pl.Series(POINTS[labels].astype(float))
    )
    place = ((pl.col("yardline_100") - 1) // 10 * 10).alias("yards from goal, from")
    for by in (place, pl.col("down"), pl.col("half")):
        print(
            valued.group_by(by)
            .agg(pl.len().alias("snaps"), pl.col("expected", "scored").mean().round(3))
            .sort(pl.first())
        )


def landmarks(fitted: ExpectedPoints, snaps: pl.DataFrame) -> None:
    """Situations that everybody knows: their mean value, and the mean of what was scored next."""
    for name, (down, to_go, yardline) in LANDMARKS.items():
        there = snaps.filter(
            (pl.col("down") == down)
            & (pl.col("ydstogo") == to_go)
            & (pl.col("yardline_100") == yardline)
        )
        scored = POINTS[there["next_score"].to_numpy()].mean()
        expected = fitted.values(there).mean()
        print(f"{name:34}{there.height:7,} snaps{expected:7.2f} expected{scored:7.2f} scored")


def leaders(plays: pl.DataFrame, fitted: ExpectedPoints) -> None:
    """The best regular seasons by EPA per dropback."""
    added = expected_points_added(plays, fitted)
    print(
        added.filter("qb_dropback", pl.col("season_type") == "REG")
        .group_by("season", "qb_player_id")
        .agg(
            pl.col("qb_player_name").last(),
            pl.len().alias("dropbacks"),
            pl.col("epa").mean().round(3).alias("epa per dropback"),
        )
        .filter(pl.col("dropbacks") >= 320)
        .sort("epa per dropback", descending=True)
        .drop("qb_player_id")
        .head(12)
    )


def inputs(plays: pl.DataFrame, snaps: pl.DataFrame) -> None:
    """Log loss with fewer and more inputs than ours."""
    ours = dict(model._FEATURES)  # noqa: SLF001  # what is varied here is no setting
    without = {name: column for name, column in ours.items() if name != "half"}
    variants = {
        "the sources' (overtime, no half)": {**without, "overtime": pl.col("half") == 2},
        "ours": ours,
        "ours and the score": {**ours, "score": pl.col("score_differential")},
    }
    for name, columns in variants.items():
        model._FEATURES.clear()  # noqa: SLF001
        model._FEATURES.update(columns)  # noqa: SLF001
        print(f"{name:34}{log_loss(fit_expected_points(plays), snaps)}", flush=True)


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of play_by_play_*.parquet")
    parser.add_argument("--store", type=Path, required=True, help="folder of the fitted model")
    parser.add_argument("--inputs", action="store_true", help="compare inputs")
    arguments = parser.parse_args()
    plays = read_play_by_play(arguments.data)
    rows = timeline(plays)
    snaps = rows.filter("scrimmage")
    with pl.Config(tbl_rows=30, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
        if arguments.inputs:
            inputs(plays, snaps)
            return
        fitted = fit_expected_points(plays, folder=arguments.store)
        scores(rows, arguments.data)
        print(f"{snaps.height:,} snaps, out of fold: {log_loss(fitted, snaps)}")
        calibration(fitted, snaps)
        landmarks(fitted, snaps)
        leaders(plays, fitted)


if __name__ == "__main__":
    main()
