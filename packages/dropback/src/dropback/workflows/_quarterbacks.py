"""Judge quarterbacks in a store of scores: EPA and `qb_score` of their plays, and the projection.

The EPA of all seasons of a store is of one source: nflverse's where every season has it, else a
model of our own, which is fitted once and kept beside the play-by-play.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from dropback.data._tables import Outcome, PlaySet
from dropback.errors import RequestError
from dropback.expected_points import (
    OWN_SOURCE,
    expected_points_added,
    fit_expected_points,
    load_expected_points,
    recorded_epa,
)
from dropback.projection import project_passers
from dropback.workflows._store import ScoreStore, write_part
from dropback.workflows.seasons._numbers import (
    qualified_passers,
    quarterback_table,
    scored_quarterback_plays,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from dropback.expected_points import ExpectedPoints
    from dropback.workflows._store import Manifest

PROJECTION, QB_SCORE = "projection", "qb_score"
"""Tables of the store, one row a passer, and one row a passer and season."""

NO_EPA = "none"
"""`Manifest.epa` of a store whose plays cannot be valued."""

_MODEL = "expected_points"
# Expected points change slowly: more seasons cost a first update time and gain nothing.
_MOST_LEARNED = 6


@dataclass(frozen=True)
class Judged:
    """What `judge_quarterbacks` found, to be written.

    Attributes:
        epa: Source of the EPA of all seasons.
        kept: Files of the seasons that stay as they are.
        plays: Quarterbacks' plays of each season that was done again.
        tables: ``qb_score`` and ``projection``.
    """

    epa: str
    kept: dict[int, str]
    plays: dict[int, pl.DataFrame]
    tables: dict[str, pl.DataFrame]

    def write(self, store: ScoreStore) -> Manifest:
        """Write the parts into the store's folder; returns its manifest with them.

        Raises:
            RequestError: The disk refuses.
        """
        plays = {
            season: write_part(store.folder, f"qb-plays-{season}", rows, ".parquet")
            for season, rows in self.plays.items()
        }
        tables = {
            name: write_part(store.folder, name, rows, ".parquet")
            for name, rows in self.tables.items()
        }
        return replace(store.manifest, qb_plays=self.kept | plays, tables=tables, epa=self.epa)


def judge_quarterbacks(
    store: ScoreStore,
    changed: Collection[int],
    rows_of: Callable[[int], pl.DataFrame],
    *,
    folder: Path,
) -> Judged:
    """Value the quarterbacks' plays of the seasons that changed, and project every passer.

    Args:
        store: The store, with the new scores.
        changed: Seasons whose plays are others than before.
        rows_of: The play-by-play of a season; no row where its file is gone.
        folder: Folder of the play-by-play, and of the model of expected points.

    Raises:
        RequestError: The plays cannot be valued, or nobody can be projected: why.
        ReaderError: Too few games to fit expected points on.
        RunError: A model in `folder` that is damaged.
    """
    manifest = store.manifest
    todo = {year for year in store.seasons if year in changed or year not in manifest.qb_plays}
    columns = {recorded_epa(rows) for rows in map(rows_of, sorted(todo)) if not rows.is_empty()}
    column = next(iter(columns)) if len(columns) == 1 else None
    model, source = None, column or manifest.epa
    if columns and (column is None or manifest.epa not in {"", NO_EPA, column}):
        model = _expected_points(folder, store.seasons, rows_of)
        source = f"{OWN_SOURCE} {model.data_digest[:16]}"
    kept: dict[int, str] = {}
    parts: list[pl.DataFrame] = []
    if source == manifest.epa:
        kept = {
            year: file
            for year, file in manifest.qb_plays.items()
            if year in store.seasons and year not in changed
        }
        parts = [store.table(QB_SCORE).filter(pl.col("season").is_in(list(kept)))] if kept else []
    else:
        todo = set(store.seasons)
    plays: dict[int, pl.DataFrame] = {}
    for season in sorted(todo):
        rows = rows_of(season)
        if not rows.is_empty():
            snaps = expected_points_added(rows, model)
            plays[season] = scored_quarterback_plays(snaps, _throws(store, season), "regular")
            parts.append(quarterback_table(plays[season], qualified_passers(rows)))
    if not plays and not kept:
        raise RequestError("the play-by-play of the store's seasons is gone.")
    every = plays | {season: store.quarterback_plays(season) for season in kept}
    tables = {
        QB_SCORE: pl.concat(parts, how="diagonal_relaxed").sort(
            -pl.col("season"), "rank", "passer_player_id", nulls_last=True
        ),
        PROJECTION: project_passers(
            pl.concat([every[year] for year in sorted(every)], how="diagonal_relaxed"), max(every)
        ),
    }
    return Judged(source, kept, plays, tables)


def _throws(store: ScoreStore, season: int) -> pl.DataFrame:
    """Scores of a season, whose CDF is that of the yards of a throw."""
    scores = store.season_scores(season)
    by_yards = (pl.col("outcome") == Outcome.YARDS) & (pl.col("play_set") != PlaySet.DROPBACKS)
    if not scores.select(by_yards.all()).item():
        raise RequestError("it needs a run that scores the yards of throws.")
    return scores


def _expected_points(
    folder: Path, seasons: Collection[int], rows_of: Callable[[int], pl.DataFrame]
) -> ExpectedPoints:
    """The folder's model, or one that is fitted on seasons before the last one and kept there."""
    kept = folder / _MODEL
    if kept.is_dir():
        return load_expected_points(kept)
    before = sorted(seasons)[-1 - _MOST_LEARNED : -1] or sorted(seasons)
    rows = pl.concat([rows_of(season) for season in before])
    return fit_expected_points(rows, folder=kept)
