"""Redo the rankings and the page of a store of scores."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dropback.data._games import read_games
from dropback.data._table_files import write_table
from dropback.errors import RequestError
from dropback.workflows._boards import with_names
from dropback.workflows._files import read_evaluation
from dropback.workflows._quarterbacks import PROJECTION, QB_SCORE
from dropback.workflows._store import ScoreStore, write_part

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from dropback.workflows._store import Manifest

_PAGE = "report.html"


def rank_store(
    store: ScoreStore,
    former: ScoreStore | None,
    changed: Collection[int],
    *,
    results: Path | None,
    seed: int,
    on_step: Callable[[str], None],
) -> tuple[Manifest, str]:
    """Rank the passers of a store, and write its page and the tables to copy beside it.

    Args:
        store: The store, with the new scores.
        former: The store whose rankings of seasons that did not change are kept; None keeps none.
        changed: Seasons whose scores are others than in `former`.
        results: Table of games, for the results in the game logs; None shows none.
        seed: Seed of the intervals.
        on_step: Called with the name of each step when it begins.

    Returns:
        The store's manifest with ``boards`` and ``pages``, and why there are none, in words.

    Raises:
        RequestError: The disk refuses.
        ReaderError: As `read_games`.
    """
    # Drawing needs an extra.
    from dropback.workflows._report import passer_boards, write_report  # noqa: PLC0415

    on_step("ranking")
    known = {}
    if former is not None:
        kept = (year for year in former.seasons if year not in changed)
        known = {str(year): former.board(year) for year in kept if str(year) in former.boards}
    scores = store.scores()
    games = None if results is None else read_games(results)
    roster = store.roster()
    try:
        boards = passer_boards(scores, seed=seed, known=known, games=games, roster=roster)
    except RequestError as few:
        return replace(store.manifest, boards={}, pages={}), f"No ranking yet: {few}"
    on_step("writing the page")
    season, week = scores.select("season", "week").sort("season", "week").row(-1)
    held_out = Path(store.manifest.model) / "report.json"
    tables = {
        name: rows if roster is None else with_names(rows, roster)
        for name, rows in ((name, store.table(name)) for name in store.manifest.tables)
    }
    pages = {}
    with tempfile.TemporaryDirectory(prefix="dropback-") as work:
        page = Path(work) / _PAGE
        write_report(
            page,
            title=f"Passing scores through week {week} of {season}",
            boards=boards,
            evaluation=read_evaluation(held_out) if held_out.is_file() else None,
            projection=tables.get(PROJECTION),
            qb_score=tables.get(QB_SCORE),
        )
        pages[_PAGE] = write_part(store.folder, "report", page.read_bytes(), ".html")
        for name, table in tables.items():
            path = Path(work) / f"{name}.csv"
            write_table(table, path)
            pages[path.name] = write_part(store.folder, name, path.read_bytes(), path.suffix)
    files = {
        label: write_part(store.folder, f"board-{label}", table, ".parquet")
        for label, table in boards.tables.items()
    }
    return replace(store.manifest, boards=files, pages=pages), ""
