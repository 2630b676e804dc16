"""What tasks cost on each engine, how work grows, and a model of many machines from these parts.

Prints what is measured on this machine, then what is projected from it; see the page of results.

    python benchmarks/cluster_scale.py overhead
    python benchmarks/cluster_scale.py ingest --plays 500,5000
    python benchmarks/cluster_scale.py seasons --counts 3,6,18
    python benchmarks/cluster_scale.py model --file-s 1.1 --driver-s 0.02 --task-s 0.01

Takes root for Ray, which runs in a network namespace.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import ExitStack
from math import ceil
from pathlib import Path

import dropback
from _clusters import enter_namespace, ray_cluster
from dropback.data._tables import Outcome
from dropback.execution import Task, open_executor, run_tasks
from dropback.simulation import LeagueSettings, simulate_league
from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    simulate_tracking_league,
    write_tracking_league,
)
from dropback.storage import write_output
from dropback.tracking.ingest._parts import find_parts
from dropback.tracking.readers import choose_formats
from dropback.workflows.seasons import SeasonsSettings, score_seasons
from examples import tasks as examples
from examples.cluster import dask_cluster, make_bucket, s3_server, worker_environment

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


def ingest(held: ExitStack, folder: Path, counts: list[int]) -> None:
    """Seconds of an ingest as plays grow, by one and two processes, and its parts."""
    server = held.enter_context(s3_server(folder))
    os.environ.update(server.environment)
    make_bucket(server, "league")
    print("| plays | files | serial, s | processes:1, s | processes:2, s | S3, processes:2, s | "
          "driver alone, ms a file | put, MB/s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for plays in counts:
        league = folder / f"league-{plays}"
        write_tracking_league(
            simulate_tracking_league(TrackingLeagueSettings(plays=plays), seed=0), league
        )
        files = len(list(league.glob("tracking_week_*")))
        cells = []
        for executor in ("serial", "processes:1", "processes:2"):
            out = folder / f"{plays}-{executor[-1]}"
            cells.append(
                f"{seconds_of(lambda: dropback.ingest(league, out, executor=executor)):.1f}"
            )
        size, began = 0, time.perf_counter()
        for path in league.iterdir():
            size += path.stat().st_size
            write_output(
                f"s3://league/{plays}/{path.name}",
                lambda to, path=path: to.write_bytes(path.read_bytes()),
            )
        put = size / 1e6 / (time.perf_counter() - began)
        remote = seconds_of(
            lambda: dropback.ingest(
                f"s3://league/{plays}", f"s3://league/out-{plays}", executor="processes:2"
            )
        )
        # A second start does nothing but what the driver does alone.
        again = seconds_of(
            lambda: dropback.ingest(
                f"s3://league/{plays}", f"s3://league/out-{plays}", executor="serial"
            )
        )
        scan = seconds_of(lambda: find_parts(f"s3://league/{plays}", choose_formats("auto")))
        alone = f"{1000 * again / files:.0f} (of it listing and heads {1000 * scan / files:.0f})"
        print(
            f"| {plays:,} | {files} | {' | '.join(cells)} | {remote:.1f} | {alone} | {put:.0f} |",
            flush=True,
        )


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
        fits, cpu = len(made.summary["scored_by"]), made.summary["cpu_seconds_of_fits"]
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


def main() -> None:
    """Measure or project one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("overhead", "ingest", "seasons", "model"))
    parser.add_argument("--plays", default="500,5000")
    parser.add_argument("--counts", default="3,6,18")
    parser.add_argument("--file-s", type=float, default=1.0)
    parser.add_argument("--driver-s", type=float, default=0.02)
    parser.add_argument("--task-s", type=float, default=0.01)
    arguments = parser.parse_args()
    if arguments.part == "model":
        model(arguments.file_s, arguments.driver_s, arguments.task_s)
        return
    no_ray = enter_namespace()
    os.environ["PYTHONPATH"] = worker_environment()["PYTHONPATH"]
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="scale-")))
        os.environ["DROPBACK_CACHE"] = str(folder / "cache")
        if arguments.part == "overhead":
            overhead(held, folder, no_ray)
        elif arguments.part == "ingest":
            ingest(held, folder, [int(count) for count in arguments.plays.split(",")])
        else:
            seasons(folder, [int(count) for count in arguments.counts.split(",")])


if __name__ == "__main__":
    main()
