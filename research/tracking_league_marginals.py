"""Print a simulated tracking league beside real football, and what its oracle is worth.

DROPBACK_DATA=../shared/data python research/tracking_league_marginals.py [--plays N] [--seed N]

Outcomes are compared with the play-by-play of the regular seasons 2018-2020; motion, time to throw
and pressure with the two real sets that are no selection (one game of 2017, two of 2015), all by
the definitions of `dropback.tracking._splits`, read by the ordinary reader.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import torch
from xgboost import XGBClassifier

from dropback.data._outcomes import YARDS_LOWEST
from dropback.models._grid import YARDS
from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    oracle_cdf,
    oracle_distribution,
    simulate_tracking_league,
    write_tracking_league,
)
from dropback.tracking import read_tracking
from dropback.tracking._blocks import SPEED
from dropback.tracking._splits import play_splits

DEPTHS = ((-20, -3), (-3, 1), (1, 5), (5, 10), (10, 16), (16, 25), (25, 65))
ROLES = ("passer", "target", "eligible", "blocker", "rusher", "coverage")
SECONDS = ((0.5, 1.5), (1.5, 2.5), (2.5, 4.0))
# Of the static table; all are known to a charter before the ball arrives.
STATIC = (
    *("air_yards", "yardline_100", "down", "ydstogo", "shotgun", "qtr", "score_differential"),
    *("game_seconds_remaining", "middle", "right"),
)


def targeted(plays: pl.DataFrame) -> pl.DataFrame:
    """Targeted attempts with their outcome in yards."""
    returned = pl.when(pl.col("interception") == 1).then(-pl.col("return_yards"))
    return plays.filter(
        pl.col("play_type") == "pass",
        pl.col("sack") == 0,
        pl.col("qb_spike") == 0,
        pl.col("two_point_attempt") == 0,
        pl.col("air_yards").is_not_null(),
        pl.col("receiver_player_id").is_not_null(),
    ).with_columns(
        yards=returned.otherwise(pl.col("yards_gained")),
        middle=(pl.col("pass_location") == "middle").cast(pl.Int32),
        right=(pl.col("pass_location") == "right").cast(pl.Int32),
    )


def outcome_marginals(plays: pl.DataFrame) -> dict[str, float]:
    """What comes of throws."""
    caught = pl.col("complete_pass") == 1
    stolen = pl.col("interception") == 1
    run = pl.col("yards_gained") - pl.col("air_yards")
    rows = {
        "completed": pl.col("complete_pass").mean(),
        "intercepted": pl.col("interception").mean(),
        "mean yards": pl.col("yards").mean(),
        "sd of yards": pl.col("yards").std(),
        **{
            f"yards, quantile {q}": pl.col("yards").quantile(q)
            for q in (0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
        },
        "mean air yards": pl.col("air_yards").mean(),
        **{
            f"air yards, quantile {q}": pl.col("air_yards").quantile(q)
            for q in (0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
        },
        "after the catch, mean": run.filter(caught).mean(),
        **{
            f"after the catch, over {yards} yards": (run > yards).filter(caught).mean()
            for yards in (0, 5, 10, 20, 40)
        },
        "completions that lose yards": (pl.col("yards") < 0).filter(caught).mean(),
        "return of an interception, mean": pl.col("return_yards").filter(stolen).mean(),
        "touchdowns": (caught & (pl.col("yards_gained") >= pl.col("yardline_100"))).mean(),
    }
    for low, high in DEPTHS:
        here = pl.col("air_yards").is_between(low, high, closed="left")
        rows[f"air yards {low} to {high - 1}: share"] = here.mean()
        rows[f"air yards {low} to {high - 1}: completed"] = caught.filter(here).mean()
        rows[f"air yards {low} to {high - 1}: intercepted"] = stolen.filter(here).mean()
        rows[f"air yards {low} to {high - 1}: mean yards"] = pl.col("yards").filter(here).mean()
    return plays.select(value.alias(name) for name, value in rows.items()).row(0, named=True)


def motion_marginals(folder: Path) -> dict[str, float]:
    """Time to throw, pressure, separation, and how fast everyone moves on thrown passes."""
    splits, speeds, gains = [], {}, {}
    for block in read_tracking(folder)[0]:
        table = play_splits(block)
        thrown = block.plays["pass_result"].is_in(["C", "I", "IN"]).to_numpy()
        thrown &= table["time_to_throw_s"].is_not_null().to_numpy()
        splits.append(table.filter(pl.Series(thrown)))
        kept = block.keep(thrown)
        roles = np.full((kept.plays.height, 23), "", dtype="U9")
        play = kept.plays.select("game_id", "play_id").with_row_index("at")
        players = kept.players.join(play, on=["game_id", "play_id"], how="inner")
        roles[players["at"].to_numpy(), players["slot"].to_numpy()] = (
            players["role"].cast(pl.String).to_numpy()
        )
        role = roles[kept.play_of_frame]
        speed = kept.frames[..., SPEED]
        frame = kept.frame_in_play
        # Speed gained a second over 0.4 s around a frame: rounding hardly shows in it.
        gain = np.full(speed.shape, np.nan, np.float32)
        gain[2:-2] = np.abs(speed[4:] - speed[:-4]) / 0.4
        inside = (frame >= 2) & np.append(frame[2:] > frame[:-2], [False, False])
        gain[~inside] = np.nan
        for name in ROLES:
            for low, high in SECONDS:
                rows = (frame >= low * 10) & (frame < high * 10)
                cells = (role == name) & rows[:, None]
                speeds.setdefault((name, low, high), []).append(speed[cells])
            gains.setdefault(name, []).append(gain[role == name])
    table = pl.concat(splits)
    throw, gap = table["time_to_throw_s"].to_numpy(), table["separation_at_release_yd"].to_numpy()
    rows = {"passes": float(len(table)), "time to throw, mean": float(throw.mean())}
    for q in (0.05, 0.25, 0.5, 0.75, 0.95):
        rows[f"time to throw, quantile {q}"] = float(np.quantile(throw, q))
    rows["pressured at the throw"] = float(table["pressured_at_throw"].mean())
    rows["pressured at any time"] = float(table["pressured_any_time"].mean())
    for q in (0.25, 0.5, 0.75):
        rows[f"separation at release, quantile {q}"] = float(np.nanquantile(gap, q))
    rows["depth of the dropback, median"] = float(table["dropback_depth_yd"].median())
    for (name, low, high), parts in speeds.items():
        values = np.concatenate(parts)
        rows[f"speed of {name}, {low} to {high} s: mean"] = float(np.nanmean(values))
        rows[f"speed of {name}, {low} to {high} s: 99 %"] = float(np.nanquantile(values, 0.99))
    for name, parts in gains.items():
        values = np.concatenate(parts)
        rows[f"speed gained or lost by {name}: mean"] = float(np.nanmean(values))
        rows[f"speed gained or lost by {name}: 99 %"] = float(np.nanquantile(values, 0.99))
    return rows


def crps(cdf: np.ndarray, yards: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score of each play, in yards."""
    return ((cdf - (yards[:, None] <= YARDS)) ** 2).sum(axis=1)


def log_score(cdf: np.ndarray, yards: np.ndarray) -> float:
    """Mean negative log probability, in nats; an empirical distribution has no mass everywhere."""
    mass = np.diff(cdf, axis=1, prepend=0.0)[np.arange(len(yards)), yards - YARDS_LOWEST]
    return float(-np.log(np.maximum(mass, 1e-6)).mean())


def static_distribution(
    train: pl.DataFrame, test: pl.DataFrame, features: tuple[str, ...]
) -> np.ndarray:
    """Distribution given columns of play-by-play, by boosted classes of yards, shape (N, 211)."""
    classes, labels = np.unique(train["yards"].to_numpy(), return_inverse=True)
    model = XGBClassifier(
        n_estimators=60, max_depth=3, learning_rate=0.12, subsample=0.8, n_jobs=2, random_state=0
    )
    model.fit(train.select(features).to_numpy(), labels)
    cdf = np.zeros((test.height, len(YARDS)))
    cdf[:, classes - YARDS_LOWEST] = model.predict_proba(test.select(features).to_numpy())
    return cdf.cumsum(axis=1)


def binned_distribution(train: pl.DataFrame, test: pl.DataFrame) -> np.ndarray:
    """Distribution given depth, location and the goal line, by the mean over plays in bins."""

    def bins(plays: pl.DataFrame) -> np.ndarray:
        depth = np.digitize(plays["air_yards"].to_numpy(), (-3, 1, 4, 7, 10, 14, 19, 26))
        near = (plays["yardline_100"].to_numpy() <= 20).astype(int)
        return depth * 4 + plays["middle"].to_numpy() * 2 + near

    distribution = np.empty((36, len(YARDS)))
    of_train, yards = bins(train), train["yards"].to_numpy()
    for number in range(36):
        chosen = yards[of_train == number]
        chosen = yards if len(chosen) < 20 else chosen
        distribution[number] = (chosen[:, None] <= YARDS).mean(axis=0)
    return distribution[bins(test)]


def print_scores(folder: Path, held_out: int) -> None:
    """CRPS and log score of climatology, of predictions from static columns, and of the oracle."""
    truth = pl.read_parquet(folder / "truth.parquet")
    plays = pl.concat([pl.read_parquet(path) for path in sorted(folder.glob("play_by_play_*"))])
    plays = targeted(plays).sort("season", "week", "game_id", "play_id")
    truth = truth.sort("season", "week", "game_id", "play_id")
    train, test = plays.head(-held_out), plays.tail(held_out)
    truth = truth.tail(held_out)
    yards = test["yards"].to_numpy()
    climatology = (train["yards"].to_numpy()[:, None] <= YARDS).mean(axis=0)
    distributions = {
        "climatology": np.broadcast_to(climatology, (held_out, len(YARDS))),
        "given depth, place and goal line, by bins": binned_distribution(train, test),
        "given ten play-by-play columns, by XGBoost": static_distribution(train, test, STATIC),
        "oracle, league-average passer": oracle_cdf(oracle_distribution(truth)),
        "oracle, actual passer and defense": oracle_cdf(
            oracle_distribution(truth, passer="actual")
        ),
    }
    scores = {name: crps(cdf, yards) for name, cdf in distributions.items()}
    worst, best = scores["climatology"], scores["oracle, league-average passer"]
    print(f"\n{held_out:,} held-out plays, {train.height:,} before them to learn from")
    print(
        f"{'distribution':44}{'CRPS, yd':>10}{'log score':>11}{'gap closed':>12}{'+- (1 s.e.)':>12}"
    )
    for name, cdf in distributions.items():
        gap = (worst - scores[name]).mean() / (worst - best).mean()
        error = (scores[name] - best).std() / np.sqrt(held_out)
        mean, log = scores[name].mean(), log_score(cdf, yards)
        print(f"{name:44}{mean:10.3f}{log:11.3f}{gap:12.1%}{error:12.3f}")


def main() -> None:
    """Simulate, read, and print everything."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("DROPBACK_DATA"))
    parser.add_argument("--plays", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("name the folder of real data with --data or DROPBACK_DATA")
    data = arguments.data
    files = [data / "pbp" / f"play_by_play_{year}.parquet" for year in (2018, 2019, 2020)]
    real = targeted(pl.read_parquet(files).filter(pl.col("season_type") == "REG"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "league"
        start, cpu = time.perf_counter(), time.process_time()
        settings = TrackingLeagueSettings(plays=arguments.plays)
        write_tracking_league(simulate_tracking_league(settings, seed=arguments.seed), folder)
        seconds, used = time.perf_counter() - start, time.process_time() - cpu
        made = f"{arguments.plays:,} plays, seed {arguments.seed}"
        print(f"{made}: {seconds:.0f} s, {used:.0f} s of CPU")
        plays = pl.concat([pl.read_parquet(path) for path in sorted(folder.glob("play_by_play_*"))])
        simulated = outcome_marginals(targeted(plays))
        print(f"\n{'':42}{'real':>10}{'simulated':>11}")
        for name, value in outcome_marginals(real).items():
            print(f"{name:42}{value:10.3f}{simulated[name]:11.3f}")
        week = folder / "one_week"
        week.mkdir()
        for name in ("games.csv", "plays.csv", "players.csv", "player_play.csv"):
            (week / name).symlink_to(folder / name)
        (week / "tracking_week_1.parquet").symlink_to(folder / "tracking_week_1.parquet")
        sets = [
            motion_marginals(data / "tracking" / "hackathon_2015"),
            motion_marginals(data / "tracking" / "bdb_2019"),
            motion_marginals(week),
        ]
        print(f"\n{'':48}{'2015':>8}{'2017':>8}{'simulated':>11}")
        for name in sets[0]:
            print(f"{name:48}{sets[0][name]:8.2f}{sets[1][name]:8.2f}{sets[2][name]:11.2f}")
        print_scores(folder, min(5000, arguments.plays // 2))


if __name__ == "__main__":
    main()
