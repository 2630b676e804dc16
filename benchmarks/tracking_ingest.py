"""How long does a season of tracking take from files to tensors, and against what?

Makes a season in the Big Data Bowl 2025 layout by tiling real plays of the highlights (5 frames
before the snap to 5 after the release) with a small shift each, then measures each way in its
own process: wall time, processor time, peak memory, and the ratios to a plain scan of the same
files by the same parser in the same run. On a shared machine the ratio of processor times is the
steadier of the two. Files that --keep left in the folder are used again.

    DROPBACK_DATA=../shared/data python benchmarks/tracking_ingest.py --folder disk --plays 5000

With --stages it tells instead what each stage of one week takes, in processor seconds on one
thread, by a profiler that adds about a tenth.

The pandas loop and unravelsports run on a sample of plays and are projected, and say so.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD
from dropback.tracking import build_tensors, ingest
from dropback.tracking.ingest._parts import _read_side_tables
from dropback.tracking.readers import FORMATS
from dropback.tracking.readers._files import SourceFile
from dropback.tracking.readers._rows import scan_rows

WEEKS = 9
LEAD, TRAIL = 5, 5
SAMPLE_PLAYS = 100
GOALS = {
    "csv to tensors": "2.5 GB, 1.3 x the scan by the clock, 1.5 by processor",
    "raw parquet to tensors": "0.5 x the scan",
    "canonical parquet to tensors": "<= 10 s",
    "unravelsports (projected)": ">= 20 x ours",
}


def base_rows(data: Path) -> pl.DataFrame:
    """Rows of real dropbacks around their window, in the 2025 layout but for their keys."""
    rows = (
        pl.scan_parquet(data / "tracking/ngs_highlights/tracking.parquet")
        .filter(pl.col("playType") == "play_type_pass")
        .with_columns(
            pl.col("frame").cast(pl.Int32),
            pl.col("x", "y", "s", "o", "dir").cast(pl.Float64, strict=False),
            pl.col("nflId").cast(pl.Float64, strict=False).cast(pl.Int64),
            pl.col("jerseyNumber").cast(pl.Float64, strict=False).cast(pl.Int64),
        )
        .unique(["gameId", "playId", "frame", "displayName"], keep="first", maintain_order=True)
        .collect()
    )
    key = ["gameId", "playId"]
    window = (
        rows.group_by(key, maintain_order=True)
        .agg(
            snap=pl.col("frame").filter(pl.col("event").is_in(["ball_snap", "snap_direct"])).min(),
            release=pl.col("frame").filter(pl.col("event") == "pass_forward").min(),
        )
        .filter(pl.col("release") > pl.col("snap"))
    )
    clipped = (
        rows.join(window, on=key)
        .filter(pl.col("frame").is_between(pl.col("snap") - LEAD, pl.col("release") + TRAIL))
        .sort(*key, "nflId", "frame", nulls_last=True)
    )
    body = [*key, "nflId"]
    return clipped.select(
        pl.struct(key).rank("dense").cast(pl.Int32).alias("play"),
        "nflId",
        pl.col("displayName").replace("ball", "football"),
        frameId=pl.col("frame") - pl.col("snap") + LEAD + 1,
        frameType=pl.when(pl.col("frame") < pl.col("snap")).then(pl.lit("BEFORE_SNAP"))
        .when(pl.col("frame") == pl.col("snap")).then(pl.lit("SNAP"))
        .otherwise(pl.lit("AFTER_SNAP")),
        time=pl.col("time").str.slice(0, 21),
        jerseyNumber="jerseyNumber",
        club=pl.col("teamAbbr").fill_null("football"),
        playDirection="playDirection",
        x="x",
        y="y",
        s="s",
        a=(pl.col("s").diff().over(body).abs() * 10).fill_null(0).round(2),
        dis=(pl.col("s") / 10).round(2),
        o="o",
        dir="dir",
        event="event",
        offense=pl.col("teamAbbr").filter(pl.col("possessionFlag") == "1.0").first().over(key),
        defense=pl.col("teamAbbr").filter(pl.col("possessionFlag") == "0.0").first().over(key),
        home=pl.col("teamAbbr").filter(pl.col("homeTeamFlag") == "1.0").first().over(key),
        position="position",
        **{
            name: pl.col(name)
            for name in ("quarter", "down", "yardsToGo", "gameClock", "absoluteYardlineNumber",
                         "playDescription", "preSnapHomeScore", "preSnapVisitorScore")
        },
    )  # fmt: skip


def make_season(data: Path, folder: Path, plays: int) -> int:
    """Write the season's files; the number of tracking rows."""
    base = base_rows(data)
    generator = np.random.default_rng(20260101)
    count = base["play"].max()
    tracking = base.select(
        "play", "nflId", "displayName", "frameId", "frameType", "time", "jerseyNumber", "club",
        "playDirection", "x", "y", "s", "a", "dis", "o", "dir", "event",
    )  # fmt: skip
    table = base.group_by("play", maintain_order=True).first()
    tables, total = [], 0
    per_week = [plays // WEEKS + (week < plays % WEEKS) for week in range(WEEKS)]
    for week, wanted in enumerate(per_week, start=1):
        path = folder / f"tracking_week_{week}.csv"
        with path.open("wb") as file:
            for tile in range(-(-wanted // count)):
                game = 2022090000 + week * 10000 + tile
                take = min(count, wanted - tile * count)
                shift = generator.uniform(-0.3, 0.3, 2)
                rows = tracking.filter(pl.col("play") <= take).select(
                    gameId=pl.lit(game),
                    playId="play",
                    nflId="nflId",
                    displayName="displayName",
                    frameId="frameId",
                    frameType="frameType",
                    time="time",
                    jerseyNumber="jerseyNumber",
                    club="club",
                    playDirection="playDirection",
                    x=(pl.col("x") + shift[0]).round(2),
                    y=(pl.col("y") + shift[1]).round(2),
                    **{name: name for name in ("s", "a", "dis", "o", "dir", "event")},
                )
                rows.write_csv(file, include_header=tile == 0, null_value="NA")
                total += rows.height
                tables.append(
                    table.filter(pl.col("play") <= take).select(
                        gameId=pl.lit(game), playId="play", playDescription="playDescription",
                        quarter="quarter", down="down", yardsToGo="yardsToGo",
                        possessionTeam="offense", defensiveTeam="defense", gameClock="gameClock",
                        preSnapHomeScore="preSnapHomeScore",
                        preSnapVisitorScore="preSnapVisitorScore", passResult=pl.lit("C"),
                        absoluteYardlineNumber="absoluteYardlineNumber",
                        prePenaltyYardsGained=pl.lit(9),
                    )
                )  # fmt: skip
    pl.concat(tables).write_csv(folder / "plays.csv", null_value="NA")
    base.drop_nulls("nflId").unique("nflId").select(
        "nflId", "displayName", "position", height=pl.lit("6-3"), weight=pl.lit(210)
    ).write_csv(folder / "players.csv")
    return total


def step(name: str, folder: Path, plays: int) -> dict[str, float]:
    """Run one way in this process; wall seconds and what it made."""
    csv = sorted((folder / "csv").glob("tracking_week_*.csv"))
    start = time.perf_counter()
    made = 0.0
    if name == "make":
        made = make_season(Path(os.environ.get("DROPBACK_DATA") or "../shared/data"),
                           folder / "csv", plays)  # fmt: skip
    elif name == "plain scan":
        for path in csv:
            made += pl.scan_csv(path, null_values="NA").collect(engine="streaming").height
    elif name == "plain scan of our columns":
        for path in csv:
            rows = scan_rows(SourceFile(path, FORMATS["bdb_2025"], ","))
            made += rows.collect(engine="streaming").height
    elif name == "make raw parquet":
        for path in csv:
            pl.scan_csv(path, null_values="NA").sink_parquet(
                folder / "raw" / path.with_suffix(".parquet").name
            )
    elif name == "pandas loop":
        made = pandas_loop(csv[0], folder / "csv/plays.csv", plays)
    else:
        made = ours(name, folder)
    return {
        "seconds": time.perf_counter() - start,
        "processor": time.process_time(),
        "made": made,
    }


# A function of each stage; what is in none of them is "the rest".
STAGES = {
    "find_folders": "layout of the file by its head",
    "read_side_tables": "small tables",
    "read_batches": "parsing, with what is broken told",
    "assemble": "plays and tracks: windows, clocks, slots, arrays",
    "decide": "conventions of the file",
    "canonicalize": "corrections, roles, measures and bounds of each play",
    "take": "splits, features, writing",
    "join_part": "parts joined, with their digests",
    "write_report": "report of the set",
}


def print_stages(folder: Path) -> None:
    """What each stage of reading the first week takes, against a plain scan."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    week = folder / "week"
    week.mkdir(exist_ok=True)
    for name in ("tracking_week_1.csv", "plays.csv", "players.csv"):
        shutil.copy(folder / "csv" / name, week / name)
    command = [sys.executable, __file__, "--step", "stages", "--folder", str(folder)]
    subprocess.run(command, check=True)  # noqa: S603


def profile_stages(week: Path) -> None:
    """Print the table, in a process whose parser has one thread."""
    build_tensors(week, week.parent / "tensors", executor="serial")  # loads what is compiled
    _read_side_tables.cache_clear()
    start = time.process_time()
    scan = pl.scan_csv(week / "tracking_week_1.csv", null_values="NA")
    rows = scan.collect(engine="streaming").height
    plain = time.process_time() - start
    profile = cProfile.Profile(time.process_time)
    profile.runcall(build_tensors, week, week.parent / "other", executor="serial")
    found = pstats.Stats(profile).get_stats_profile()
    print(f"{rows:,} rows; a plain scan takes {plain:.2f} s, from the file to tensors "
          f"{found.total_tt:.2f}")  # fmt: skip
    rest = found.total_tt
    for name, words in STAGES.items():
        seconds = found.func_profiles[name].cumtime
        rest -= seconds
        print(f"{words:52}{seconds:7.2f}{seconds / plain:7.2f} x scan")
    print(f"{'the rest':52}{rest:7.2f}{rest / plain:7.2f} x scan")


def ours(name: str, folder: Path) -> float:
    """One of our ways; plays or frames made."""
    if name == "csv to canonical parquet":
        return ingest(folder / "csv", folder / "canonical").plays_kept
    source = {
        "csv to tensors": "csv",
        "raw parquet to tensors": "raw",
        "canonical parquet to tensors": "canonical",
    }[name]
    tensors, _ = build_tensors(folder / source, folder / "tensors")
    frames = float(tensors.offsets[-1])
    shutil.rmtree(folder / "tensors")
    return frames


def pandas_loop(path: Path, plays_path: Path, plays: int) -> float:
    """The usual way: read all, then for each play pivot each quantity; projected seconds."""
    import pandas as pd  # noqa: PLC0415 - would add to the memory of every other way

    start = time.perf_counter()
    table = pd.read_csv(path)
    reading = time.perf_counter() - start
    share = table[["gameId", "playId"]].drop_duplicates().shape[0] / plays
    info = pd.read_csv(plays_path).set_index(["gameId", "playId"])
    table["vx"] = table["s"] * np.sin(np.deg2rad(table["dir"]))
    table["vy"] = table["s"] * np.cos(np.deg2rad(table["dir"]))
    groups = list(table.groupby(["gameId", "playId"]))[:SAMPLE_PLAYS]
    start = time.perf_counter()
    for key, play in groups:
        row = info.loc[key]
        snap = play.loc[play["event"] == "ball_snap", "frameId"].min()
        release = play.loc[play["event"] == "pass_forward", "frameId"].min()
        window = play[(play["frameId"] >= snap) & (play["frameId"] <= release)]
        players = window[window["club"] != "football"].copy()
        if (players["playDirection"] == "left").all():
            players["x"] = FIELD_LENGTH_YD - players["x"]
            players["y"] = FIELD_WIDTH_YD - players["y"]
        players["first"] = players["club"] != row["possessionTeam"]
        players = players.sort_values(["first", "nflId", "frameId"])
        for quantity in ("x", "y", "vx", "vy", "a", "o", "dir"):
            players.pivot_table(index="frameId", columns="nflId", values=quantity).to_numpy()
    looping = time.perf_counter() - start
    return reading / share + looping / len(groups) * plays


def measured(name: str, folder: Path, plays: int) -> dict[str, float]:
    """Run a step in a fresh process: seconds, peak memory in GB, and what it made."""
    command = [sys.executable, __file__, "--step", name, "--folder", str(folder),
               "--plays", str(plays)]  # fmt: skip
    output = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return json.loads(output.stdout.splitlines()[-1])


UNRAVEL = """
import json, sys, time
import numpy as np, polars as pl
from unravel.american_football import BigDataBowlDataset
folder = sys.argv[1]
start, begun = time.perf_counter(), time.process_time()
dataset = BigDataBowlDataset(
    tracking_file_path=f"{folder}/tracking.csv", players_file_path=f"{folder}/players.csv",
    plays_file_path=f"{folder}/plays.csv",
)
data = getattr(dataset, "data", None)
if data is None:
    data = dataset.load()
data = data[0] if isinstance(data, tuple) else data
seconds, processor = time.perf_counter() - start, time.process_time() - begun
body = [name for name in ("game_id", "play_id", "nflId", "id", "object_id") if name in data.columns]
rows = data.filter(pl.col("team_id") != "football").with_columns(
    dx=pl.col("x").diff().over(body), dy=pl.col("y").diff().over(body)
).filter((pl.col("dx") ** 2 + pl.col("dy") ** 2).is_between(0.04, 2.25)).drop_nulls(["dx", "dir"])
angle, true = rows["dir"].to_numpy(), np.arctan2(rows["dy"].to_numpy(), rows["dx"].to_numpy())
turn = lambda reading: np.rad2deg(np.angle(np.exp(1j * (reading - true))))
error = lambda reading: float(np.median(np.abs(turn(reading))))
angles = {"math": error(angle), "compass": error(np.pi / 2 - angle)}
print(json.dumps({"seconds": seconds, "processor": processor, **angles}))
"""


def unravel(python: Path, folder: Path, plays: int) -> dict[str, float]:
    """The loader of unravelsports on a sample, projected, and the error of its own ``dir``.

    Its node features take cosine for x and sine for y of it: a mathematical angle.
    """
    sample = folder / "sample"
    sample.mkdir(exist_ok=True)
    first = pl.read_csv(folder / "csv/tracking_week_1.csv", null_values="NA", n_rows=400_000)
    keys = first.select("gameId", "playId").unique(maintain_order=True).head(SAMPLE_PLAYS)
    mine = first.join(keys, on=["gameId", "playId"], how="semi", maintain_order="left")
    mine.rename({"club": "team"}).write_csv(sample / "tracking.csv", null_value="NA")
    table = pl.read_csv(folder / "csv/plays.csv", null_values="NA")
    table.join(keys, on=["gameId", "playId"], how="semi").write_csv(sample / "plays.csv")
    pl.read_csv(folder / "csv/players.csv").select(
        "nflId", "displayName", "height", "weight", officialPosition="position"
    ).write_csv(sample / "players.csv")
    script = sample / "unravel_step.py"
    script.write_text(UNRAVEL)
    output = subprocess.run(  # noqa: S603
        [str(python), str(script), str(sample)], check=False, capture_output=True, text=True
    )
    if output.returncode:
        print("unravelsports failed:", output.stderr[-600:])
        return {}
    found = json.loads(output.stdout.splitlines()[-1])
    share = SAMPLE_PLAYS / plays
    return {
        **found,
        "seconds": found["seconds"] / share,
        "processor": found["processor"] / share,
    }


def print_table(results: dict[str, dict[str, float]]) -> None:
    """A line a way, with its ratios to the plain scan and to ours."""
    scan, mine = results["plain scan"], results["csv to tensors"]
    print(f"{'':32}{'seconds':>9}{'x scan':>8}{'x ours':>8}{'processor':>11}{'x scan':>8}"
          f"{'x ours':>8}{'peak GB':>9}")  # fmt: skip
    for name, result in results.items():
        line = f"{name:32}"
        for clock, width in (("seconds", 9), ("processor", 11)):
            took = result[clock]
            line += f"{took:{width}.1f}{took / scan[clock]:8.2f}{took / mine[clock]:8.2f}"
        peak = f"{result['peak_gb']:9.2f}" if "peak_gb" in result else " " * 9
        goal = f"   goal {GOALS[name]}" if name in GOALS else ""
        print(f"{line}{peak}{goal}")
    if "unravelsports (projected)" in results:
        theirs = results["unravelsports (projected)"]
        print(
            f"median error of dir against displacement: {theirs['math']:.1f} degrees as the "
            f"mathematical angle that unravelsports' node features take it for, "
            f"{theirs['compass']:.1f} as compass degrees"
        )


def run_step(name: str, folder: Path, plays: int) -> None:
    """Run a step in this process and print what it took."""
    if name == "stages":
        profile_stages(folder / "week")
        return
    result = step(name, folder, plays)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({**result, "peak_gb": peak}))


def main() -> None:
    """Make the season, run every way, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for the files; emptied after")
    parser.add_argument("--plays", type=int, default=5000)
    parser.add_argument("--unravel-python", type=Path, help="an interpreter with unravelsports")
    parser.add_argument("--stages", action="store_true", help="what each stage takes, no more")
    parser.add_argument("--keep", action="store_true", help="keep the files")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder, plays = arguments.folder, arguments.plays
    if arguments.step:
        run_step(arguments.step, folder, plays)
        return
    for name in ("csv", "raw"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    raw = folder / "raw" / f"tracking_week_{WEEKS}.parquet"
    if not raw.is_file():
        # In a process of its own: a child inherits its parent's peak memory.
        measured("make", folder, plays)
        measured("make raw parquet", folder, plays)
    if arguments.stages:
        print_stages(folder)
        return
    weeks = pl.scan_parquet(folder / "raw/tracking_week_*.parquet")
    rows = weeks.select(pl.len()).collect().item()
    size = sum(path.stat().st_size for path in (folder / "csv").glob("tracking*")) / 1e9
    print(f"{plays} plays, {rows / 1e6:.1f} M rows, {size:.2f} GB of CSV, {os.cpu_count()} cores")
    for name in ("plays.csv", "players.csv"):
        shutil.copy(folder / "csv" / name, folder / "raw" / name)
    results = {}
    for name in (
        "plain scan", "plain scan of our columns", "csv to tensors", "raw parquet to tensors",
        "csv to canonical parquet", "canonical parquet to tensors", "pandas loop",
    ):  # fmt: skip
        results[name] = measured(name, folder, plays)
        print(f"measured: {name}", results[name], file=sys.stderr, flush=True)
    projected = results.pop("pandas loop")["made"]
    results["pandas loop (projected)"] = {"seconds": projected, "processor": projected}
    if arguments.unravel_python:
        theirs = unravel(arguments.unravel_python, folder, plays)
        if theirs:
            results["unravelsports (projected)"] = theirs
    print_table(results)
    if not arguments.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
