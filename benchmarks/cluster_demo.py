"""Ingest, train and score a demo league on two workers of Ray, and compare with one process.

    make demo-cluster

As root Ray runs in a network namespace in which only loopback is there; otherwise on this machine.
Ends with code 1 where a byte differs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch

import dropback
from _clusters import enter_namespace, ray_cluster
from dropback.data._table_files import write_table
from dropback.models import PLAY_NETWORK
from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    simulate_tracking_league,
    write_tracking_league,
)
from dropback.tracking import build_tensors

LEAGUE = TrackingLeagueSettings(plays=1500)
MODEL = replace(PLAY_NETWORK, folds=2, fit=replace(PLAY_NETWORK.fit, max_epochs=3, batch_size=64))


def whole_job(league: Path, out: Path, executor: str) -> None:
    """Files to scores."""
    steps = {
        "ingest": lambda: dropback.ingest(league, out / "plays", executor=executor),
        "features": lambda: build_tensors(out / "plays", out / "tensors", executor=executor),
        "train": lambda: dropback.train(
            out / "tensors", out / "run", settings=MODEL, executor=executor
        ),
        "score": lambda: write_table(
            dropback.score(out / "run", out / "tensors", executor=executor, store=out / "work"),
            out / "scores.parquet",
        ),
    }
    for name, step in steps.items():
        began = time.perf_counter()
        step()
        print(f"{executor:7} {name:9} {time.perf_counter() - began:5.1f} s", flush=True)


def compared(one: Path, other: Path) -> list[str]:
    """Tables, tensors, run and scores that differ."""
    names = sorted(
        path.relative_to(one)
        for pattern in ("plays/*/season=*/*.parquet", "tensors/*", "run/weights.pt", "*.parquet")
        for path in one.glob(pattern)
    )
    print(f"{len(names)} files compared")
    return [str(name) for name in names if content(one / name) != content(other / name)]


def content(path: Path) -> bytes:
    """All bytes, but of a schema the mark of its source, which says where and when that lay."""
    if path.name != "schema.json":
        return path.read_bytes()
    schema = json.loads(path.read_text(encoding="utf-8"))
    del schema["source_stamp"]
    return json.dumps(schema).encode()


def main() -> None:
    """Do the job twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    why = enter_namespace()
    torch.set_num_threads(1)
    began = time.perf_counter()
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="demo-")))
        write_tracking_league(simulate_tracking_league(LEAGUE, seed=1), folder / "league")
        whole_job(folder / "league", folder / "serial", "serial")
        if why:
            print(f"Ray on this machine, not in a namespace: {why}")
        else:
            cluster = held.enter_context(ray_cluster(folder, OMP_NUM_THREADS="1"))
            os.environ.update(cluster.environment)
        whole_job(folder / "league", folder / "ray", "ray?cores=1")
        differing = compared(folder / "serial", folder / "ray")
    print(f"{time.perf_counter() - began:.0f} s in all")
    if differing:
        sys.exit(f"differing: {', '.join(differing)}")
    print("two workers of Ray gave the bytes of one process")


if __name__ == "__main__":
    main()
