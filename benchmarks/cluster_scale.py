"""What tasks cost on each engine, how work grows, and a model of many machines from these parts.

Prints what is measured on this machine, then what is projected from it; see the page of results.

    python benchmarks/cluster_scale.py overhead
    python benchmarks/cluster_scale.py ingest --plays 5000
    python benchmarks/cluster_scale.py ingest --plays 50000 --executors processes:1,processes:2
    python benchmarks/cluster_scale.py driver
    python benchmarks/cluster_scale.py seasons --counts 2,6,18
    python benchmarks/cluster_scale.py model --file-s 1.1 --driver-s 0.02 --task-s 0.01
    python benchmarks/cluster_scale.py check --file-s 1.1 --start-s 2 --measured 5:1:8 46:2:30

Takes root for Ray, which runs in a network namespace.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from contextlib import ExitStack
from math import ceil
from pathlib import Path

import dropback
from _clusters import enter_namespace, put_file, put_set, ray_cluster
from dropback.data._tables import Outcome
from dropback.execution import Task, open_executor, run_tasks
from dropback.simulation import LeagueSettings, simulate_league
from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    simulate_tracking_league,
    write_tracking_league,
)
from dropback.tracking.ingest._parts import find_parts
from dropback.tracking.readers import choose_formats
from dropback.workflows.seasons import SeasonsSettings, score_seasons
from examples import tasks as examples
from examples.cluster import dask_cluster, make_bucket, s3_server, worker_environment
from examples.proxies import slow_proxy

PARTS = ("overhead", "ingest", "driver", "seasons", "model", "check")
EMPTY_TASKS = 200


def seconds_of(work) -> float:  # noqa: ANN001  # a function without arguments
    """Seconds of a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def overhead(held: ExitStack, folder: Path, no_ray: str) -> None:
    """Milliseconds of a task that does nothing, by engine and store."""
    server = held.enter_context(s3_server(folder))
    os.environ.update(server.environment)
    make_bucket(server, "league")
    dask = held.enter_context(dask_cluster(folder, workers=2, **server.environment))
    executors = {"serial": "serial", "processes:2": "processes:2", "dask": dask.address}
    if not no_ray:
        ray = held.enter_context(ray_cluster(folder, **server.environment))
        os.environ["RAY_ADDRESS"] = ray.environment["RAY_ADDRESS"]
        os.environ["RAY_AUTH_MODE"] = "disabled"
        executors["ray"] = "ray"
    print("| executor, 2 workers | open, s | ms a task, disk | ms a task, S3 |")
    print("|---|---|---|---|")
    for name, text in executors.items():
        began = time.perf_counter()
        with open_executor(text) as (executor, needs):
            opened = time.perf_counter() - began
            cells = []
            for kind, store in (("disk", str(folder / name)), ("s3", f"s3://league/{name[:4]}")):
                warm = [Task(f"warm {n}", examples.square, (-n,)) for n in range(8)]
                list(run_tasks(executor, warm, store, needs=needs))
                some = [Task(f"{kind} {n}", examples.square, (n,)) for n in range(EMPTY_TASKS)]
                took = seconds_of(lambda: list(run_tasks(executor, some, store, needs=needs)))
                cells.append(f"{1000 * took / EMPTY_TASKS:.1f}")
        print(f"| {name} | {opened:.1f} | {' | '.join(cells)} |", flush=True)


def ingest(folder: Path, counts: list[int], executors: list[str], kept: Path | None) -> None:
    """Seconds of an ingest on disk as plays grow, by the executor."""
    print("| plays | files | MB | " + " | ".join(f"{name}, s" for name in executors) + " |")
    print("|---|---|---|" + "---|" * len(executors))
    for plays in counts:
        league = (kept or folder) / f"league-{plays}"
        if not league.is_dir():
            settings = TrackingLeagueSettings(plays=plays)
            write_tracking_league(
                simulate_tracking_league(settings, seed=0), league, workers=os.cpu_count() or 1
            )
        sizes = [path.stat().st_size for path in league.glob("tracking_week_*")]
        cells = []
        for executor in executors:
            out = folder / f"{plays}-{executor.replace(':', '-')}"
            took = seconds_of(lambda: dropback.ingest(league, out, executor=executor))
            cells.append(f"{took:.1f}")
            shutil.rmtree(out)
        mb = sum(sizes) / 1e6
        print(f"| {plays:,} | {len(sizes)} | {mb:,.0f} | {' | '.join(cells)} |", flush=True)


def driver(held: ExitStack, folder: Path, files: int, delay_s: float) -> None:
    """What the command does alone for a file in a store, in milliseconds of a file."""
    server = held.enter_context(s3_server(folder))
    os.environ.update(server.environment)
    make_bucket(server, "league")
    league = folder / "one"
    write_tracking_league(
        simulate_tracking_league(TrackingLeagueSettings(plays=500), seed=0), league
    )
    (week,) = league.glob("tracking_week_1.*")
    for number in range(files):
        put_file(week, f"s3://league/large/tracking_week_{number + 1}.parquet")
    put_set(folder, "s3://league/small", plays=8 * files, files=files)
    dropback.ingest("s3://league/small", "s3://league/out", executor="processes:2")
    print("| answers of the store after, ms | layouts of files of 500 plays | a second start |")
    print("|---|---|---|")
    for seconds in (0.0, delay_s):
        port = held.enter_context(slow_proxy(server.port, seconds)) if seconds else server.port
        os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
        scan = min(
            seconds_of(lambda: find_parts("s3://league/large", choose_formats("auto")))
            for _ in range(2)
        )
        again = min(
            seconds_of(
                lambda: dropback.ingest("s3://league/small", "s3://league/out", executor="serial")
            )
            for _ in range(2)
        )
        print(
            f"| {1000 * seconds:.0f} | {1000 * scan / files:.1f} | {1000 * again / files:.1f} |",
            flush=True,
        )
    print(f"{files} files; one of 500 plays has {week.stat().st_size / 1e6:.1f} MB")


def seasons(folder: Path, counts: list[int]) -> None:
    """Seconds of `score_seasons` as seasons grow, by one and two processes."""
    print("| seasons | fits | processes:1, s | processes:2, s | CPU s of the fits |")
    print("|---|---|---|---|---|")
    quick = SeasonsSettings(outcomes=(Outcome.YARDS,), epochs=2, refresh_epochs=1)
    for count in counts:
        years = tuple(range(2009, 2009 + count))
        league = simulate_league(LeagueSettings(seasons=years, teams=8, weeks=8), seed=0)
        cells = []
        for executor in ("processes:1", "processes:2"):
            began = time.perf_counter()
            made = score_seasons(
                league.plays, folder / f"{count}-{executor[-1]}", seasons=years, settings=quick,
                executor=executor,
            )  # fmt: skip
            cells.append(f"{time.perf_counter() - began:.1f}")
        fits, cpu = len(made.summary["scored_by"]), made.seconds["fits' processor time"]
        print(f"| {count} | {fits} | {' | '.join(cells)} | {cpu:.1f} |", flush=True)


def model(file_s: float, driver_s: float, task_s: float) -> None:
    """Projected seconds of an ingest of three million plays: 6,000 files of 500.

    Args:
        file_s: Seconds of one core for a file, store included.
        driver_s: Seconds of the driver alone for a file.
        task_s: Seconds of the driver to hand out one task and take its answer.
    """
    files, cores = 6000, 16
    print("| machines of 16 cores | work, s | scheduling, s | driver alone, s | in all, s | "
          "speed-up |")  # fmt: skip
    print("|---|---|---|---|---|---|")
    one = files * file_s + files * (driver_s + task_s)
    for machines in (1, 4, 16, 64):
        work = ceil(files / (machines * cores)) * file_s
        scheduling, alone = files * task_s, files * driver_s
        # Tasks are handed out while others run; the driver's listing and manifest are not.
        whole = max(work, scheduling) + alone
        print(
            f"| {machines} | {work:.0f} | {scheduling:.0f} | {alone:.0f} | {whole:.0f} | "
            f"{one / whole:.0f} |"
        )


def check(file_s: float, start_s: float, measured: list[str]) -> None:
    """What the same parts project for ingests that were measured.

    Args:
        file_s: Seconds of one core for a file.
        start_s: Seconds of a command before its first file.
        measured: Files, cores and seconds of each, as ``46:2:68.2``.
    """
    print("| files | cores | measured, s | projected, s | measured / projected |")
    print("|---|---|---|---|---|")
    for text in measured:
        files, cores, seconds = text.split(":")
        projected = start_s + ceil(int(files) / int(cores)) * file_s
        print(
            f"| {files} | {cores} | {seconds} | {projected:.1f} | "
            f"{float(seconds) / projected:.2f} |"
        )


def main() -> None:
    """Measure or project one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--plays", default="5000")
    parser.add_argument("--executors", default="serial,processes:1,processes:2")
    parser.add_argument("--leagues", type=Path, help="folder that keeps what is simulated")
    parser.add_argument("--files", type=int, default=32)
    parser.add_argument("--delay-ms", type=float, default=20.0)
    parser.add_argument("--counts", default="2,6,18")
    parser.add_argument("--file-s", type=float, default=1.0)
    parser.add_argument("--driver-s", type=float, default=0.02)
    parser.add_argument("--task-s", type=float, default=0.01)
    parser.add_argument("--start-s", type=float, default=2.0)
    parser.add_argument("--measured", nargs="+", default=[], help="FILES:CORES:SECONDS of ingests")
    arguments = parser.parse_args()
    if arguments.part == "model":
        model(arguments.file_s, arguments.driver_s, arguments.task_s)
        return
    if arguments.part == "check":
        check(arguments.file_s, arguments.start_s, arguments.measured)
        return
    no_ray = enter_namespace()
    os.environ["PYTHONPATH"] = worker_environment()["PYTHONPATH"]
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="scale-")))
        os.environ["DROPBACK_CACHE"] = str(folder / "cache")
        if arguments.part == "overhead":
            overhead(held, folder, no_ray)
        elif arguments.part == "ingest":
            plays = [int(count) for count in arguments.plays.split(",")]
            ingest(folder, plays, arguments.executors.split(","), arguments.leagues)
        elif arguments.part == "driver":
            driver(held, folder, arguments.files, arguments.delay_ms / 1000)
        else:
            seasons(folder, [int(count) for count in arguments.counts.split(",")])


if __name__ == "__main__":
    main()
