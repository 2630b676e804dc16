"""Kill `dropback update` at random moments: is the store always the former or the new one?

A season of a simulated league grows by a week, with a correction of the week before. The process
that updates its folder gets SIGKILL at a moment drawn from the time that an update takes, again
and again; after each kill the store is read and held against stores that were built whole.

    python research/killed_updates.py --kills 100
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

import dropback
from dropback.models import ModelSettings
from dropback.simulation import LeagueSettings, simulate_league
from dropback.workflows import open_score_store, update
from splicedpareto.training import FitSettings

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

STEPS = (*("starting", "reading", "scoring", "projecting", "ranking", "writing the page", "done"),)


def write_weeks(folder: Path, weeks: int) -> Path:
    """Write a run, and the season's file as it is after each week; return the run's folder."""
    league = simulate_league(LeagueSettings(seasons=(2020, 2021), teams=4, weeks=weeks), seed=3)
    first, season = (league.plays.filter(pl.col("season") == year) for year in (2020, 2021))
    fit = FitSettings(max_epochs=1, batch_size=128, seed=0)
    settings = ModelSettings(folds=2, width=8, blocks=1, fit=fit)
    run = dropback.train(first, folder / "run", settings=settings)
    longer = pl.when(pl.col("complete_pass") == 1).then(pl.col("yards_gained") - 1)
    for week in range(1, weeks + 1):
        # The last week as it was first entered: each completion a yard shorter than corrected.
        entered = longer.otherwise("yards_gained").alias("yards_gained")
        rows = season.filter(pl.col("week") <= week).with_columns(
            pl.when(pl.col("week") == week).then(entered).otherwise("yards_gained")
        )
        path = folder / f"week-{week}" / "play_by_play_2021.parquet"
        path.parent.mkdir()
        rows.write_parquet(path)
    return run.folder


def run_update(folder: Path, run: Path, step: Synchronized[int] | None = None) -> None:
    """Update a folder; `step` tells how far it has come."""

    def begin(name: str) -> None:
        if step is not None:
            step.value = STEPS.index(name.split(" 2", maxsplit=1)[0])

    update(folder, model=run, offline=True, on_step=begin)
    begin("done")


def main(arguments: list[str] | None = None) -> dict[str, int]:
    """Print how many kills there were in each step, and return that."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--weeks", type=int, default=4, help="weeks of the season")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    weeks: int = given.weeks
    moments = np.random.default_rng(given.seed)
    context = multiprocessing.get_context("forkserver")
    # With what an update imports as it goes, which is more than half of its time.
    libraries = ("xgboost", "matplotlib.pyplot")
    context.set_forkserver_preload([__name__, "dropback.workflows", *libraries])
    with tempfile.TemporaryDirectory() as work:
        root = Path(work)
        run = write_weeks(root, weeks)
        whole: list[pl.DataFrame | None] = [None]
        for week in range(1, weeks + 1):
            run_update(root / f"week-{week}", run)
            whole.append(open_score_store(root / f"week-{week}").scores())
        first = context.Process()  # whose start waits until the modules are loaded
        first.start()
        first.join()
        began = time.perf_counter()
        unkilled = context.Process(target=run_update, args=(_fresh(root), run))
        unkilled.start()
        unkilled.join()
        takes = time.perf_counter() - began
        kills: Counter[str] = Counter()
        week, folder = 0, _fresh(root)
        while kills.total() < given.kills:
            if week == weeks:
                week, folder = 0, _fresh(root)
            week += 1
            _put(root, week, folder)
            # Some three kills an update, then it may end.
            for attempt in range(4):
                step = context.Value("i", 0)
                process = context.Process(target=run_update, args=(folder, run, step))
                process.start()
                process.join(None if attempt == 3 else moments.uniform(0, takes))
                if process.is_alive():
                    process.kill()
                    process.join()
                    kills[STEPS[step.value]] += 1
                elif process.exitcode:
                    raise SystemExit(f"An update failed after {dict(kills)}.")
                _require_whole(folder, whole[week - 1 : week + 1], ended=attempt == 3)
    found = {step: kills[step] for step in STEPS}
    print(f"{kills.total()} kills, each left the former store or the new one: {found}")
    return found


def _fresh(root: Path) -> Path:
    folder = root / "updated"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    _put(root, 1, folder)
    return folder


def _put(root: Path, week: int, folder: Path) -> None:
    shutil.copy(root / f"week-{week}" / "play_by_play_2021.parquet", folder)


def _require_whole(folder: Path, states: list[pl.DataFrame | None], *, ended: bool) -> None:
    """Fail where a store is neither the former (None: there is none) nor the new one."""
    former, new = states
    if not (folder / "store" / "manifest.json").is_file():
        if former is not None or ended:
            raise SystemExit("The store is gone.")
        return
    store = open_score_store(folder)
    scores = store.scores()
    for label in store.boards:
        store.board(label)
    expected = former if former is not None and len(scores) == len(former) else new
    if ended:
        expected = new
        if (folder / "report.html").read_bytes() != store.page("report.html"):
            raise SystemExit("The page is not the store's.")
    # Scores of a game alone and among others differ by the rounding of float32.
    assert_frame_equal(scores, expected, abs_tol=1e-6)


if __name__ == "__main__":
    main()
