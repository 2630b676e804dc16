"""How long does an update take on a store of many seasons, and how long to open a ranking?

A folder gets all seasons, the last one up to some week; the store is built, then the next week is
added. Building scores every play and takes minutes.

    python benchmarks/update_speed.py ../shared/data/pbp
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import polars as pl

import dropback
from dropback.data import PlaySet
from dropback.data._tables import Outcome
from dropback.models import settings_for
from dropback.workflows import open_score_store, update
from splicedpareto.training import FitSettings

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def main() -> None:
    """Print a row a task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of play_by_play_*.parquet")
    parser.add_argument("--run", type=Path, help="run of all attempts; default: train one quickly")
    parser.add_argument("--week", type=int, default=10, help="the week that is added")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "pbp"
        folder.mkdir()
        for path in (*given.data.glob("play_by_play_*.parquet"), given.data / "games.parquet"):
            shutil.copyfile(path, folder / path.name)
        last = max(folder.glob("play_by_play_*.parquet"))
        season = pl.read_parquet(last)
        run = given.run or _train(given.data, Path(work) / "run")
        season.filter(pl.col("week") < given.week).write_parquet(last)
        _timed("build the store", lambda: update(folder, model=run, offline=True))
        season.filter(pl.col("week") <= given.week).write_parquet(last)
        done = _timed("one new week", lambda: update(folder, offline=True))
        print(f"{done.scored:,} plays of {len(done.new)} games scored")
        command = (sys.executable, "-m", "dropback", "update", str(folder), "--offline")
        _timed(
            "nothing new, start included",
            lambda: subprocess.run(command, check=True, capture_output=True),  # noqa: S603
        )
        store = _timed("open the store", lambda: open_score_store(folder))
        _timed("open a ranking", lambda: store.board(store.seasons[-1]))
        scores = _timed("read all scores", store.scores)
        print(f"{len(scores):,} plays of {len(store.seasons)} seasons")


def _train(data: Path, folder: Path) -> Path:
    settings = settings_for(PlaySet.ATTEMPTS, Outcome.YARDS)
    dropback.train(
        str(data),
        folder,
        seasons="2018-2020",
        plays=PlaySet.ATTEMPTS,
        settings=replace(settings, folds=2, fit=FitSettings(max_epochs=3)),
    )
    return folder


def _timed(task: str, act: Callable[[], T]) -> T:
    began = time.perf_counter()
    result = act()
    print(f"{task:32}{time.perf_counter() - began:9.3f} s", flush=True)
    return result


if __name__ == "__main__":
    main()
