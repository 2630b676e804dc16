"""Keep the scores of every season in one folder that is whole at any moment.

``manifest.json`` names every other file of the folder, and each of these bears a part of its own
SHA-256. A file is never written over: an update writes new ones, then renames the new manifest
over the old one, then removes what no manifest names. So whatever stops an update, a reader finds
the former store or the new one.
"""

from __future__ import annotations

import hashlib
import io
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import polars as pl

import dropback
from dropback._choices import Seasons, nearest, parse_seasons, season_list
from dropback._files import is_sealed, sealed, whole_file
from dropback.data._selection import Games
from dropback.data._tables import Scores
from dropback.errors import ReaderError, RequestError
from dropback.scoring import season_drift

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dropback._files import AnyPath

STORE = "store"
"""Folder of the store beside the play-by-play."""
STORE_VERSION = 4
"""Version of the layout of a store; an older one is migrated, a newer one refused."""

_MANIFEST = "manifest.json"
# What a total of its season says, which the next week changes: computed when it is read.
_TOTALS = ("team_games", "season_drift")


@dataclass(frozen=True)
class SourceFile:
    """A file of play-by-play as it was when the store last read it.

    Attributes:
        size: Bytes.
        modified_ns: Time of its last change, nanoseconds.
        sha256: Of its content.
        seasons: Seasons that it holds.
    """

    size: int
    modified_ns: int
    sha256: str
    seasons: tuple[int, ...]


@dataclass(frozen=True)
class Manifest:
    """What a store consists of.

    Attributes:
        model: The run folder that scores its plays.
        model_digest: SHA-256 of that run's weights.
        seasons_wanted: Seasons that an update looks at, as text; empty means all.
        sources: Name of each file of play-by-play to what it held.
        weather: Digest of what the schedule beside the files told of each season's weather.
        scores: File of the play scores of each season.
        games: File of the games of each season, with a digest of their plays.
        boards: File of each ranking, by its label, in the order to show them.
        qb_plays: File of the quarterbacks' plays of each season, with their EPA.
        tables: File of ``qb_score`` and ``projection``; see `judge_quarterbacks`.
        epa: Source of the EPA of all seasons; empty where none was looked for.
        roster: File of the players' names, as `read_roster` returns them; empty without any.
        roster_from: The table of players or rosters that names were last read from.
        pages: File of each page or table that is copied beside the play-by-play, by its name.
        updated: Time of the last change, ISO 8601, UTC.
        code_version: Version of dropback that made it.
        version: Of the layout.
    """

    model: str
    model_digest: str
    seasons_wanted: str = ""
    sources: dict[str, SourceFile] = field(default_factory=dict)
    weather: dict[int, str] = field(default_factory=dict)
    scores: dict[int, str] = field(default_factory=dict)
    games: dict[int, str] = field(default_factory=dict)
    boards: dict[str, str] = field(default_factory=dict)
    qb_plays: dict[int, str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    epa: str = ""
    roster: str = ""
    roster_from: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    updated: str = ""
    code_version: str = dropback.__version__
    version: int = STORE_VERSION

    @property
    def files(self) -> set[str]:
        """Names of all files but the manifest."""
        parts = (
            *(self.scores, self.games, self.qb_plays),
            *(self.boards, self.tables, self.pages),
        )
        return {name for part in parts for name in part.values()} | ({self.roster} - {""})


@dataclass(frozen=True)
class ScoreStore:
    """The scores of all seasons with their rankings, as `open_score_store` found them.

    Attributes:
        folder: The folder of the store.
        manifest: What it consists of.
    """

    folder: Path
    manifest: Manifest

    @property
    def seasons(self) -> tuple[int, ...]:
        """Seasons that are scored, in order."""
        return tuple(sorted(self.manifest.scores))

    @property
    def boards(self) -> tuple[str, ...]:
        """Labels of the rankings: each season, and where there are several all together."""
        return tuple(self.manifest.boards)

    def scores(self, *, seasons: Seasons | None = None, games: Games = "regular") -> pl.DataFrame:
        """Read play scores, as `dropback.score` returns them for the same plays.

        Args:
            seasons: Seasons to read; None reads all.
            games: ``regular``, ``postseason`` or ``all``.

        Raises:
            RequestError: A season that is not there, or unknown games.
            ReaderError: A file of the store is missing or damaged.
        """
        if games not in get_args(Games):
            known = get_args(Games)
            raise RequestError(
                f"games must be one of {', '.join(known)}, got {games!r}.{nearest(games, known)}"
            )
        wanted = self.seasons if seasons is None else parse_seasons(seasons, held=self.seasons)
        if absent := sorted(set(wanted) - set(self.seasons)):
            raise RequestError(
                f"{self.folder}: no scores of {season_list(absent)}; it holds "
                f"{season_list(self.seasons)}."
            )
        if not wanted:
            raise RequestError(f"{self.folder}: the store holds no season yet.")
        parts = [self.season_scores(season) for season in sorted(set(wanted))]
        table = pl.concat(parts)
        if games != "all":
            kind = "REG" if games == "regular" else "POST"
            table = table.filter(pl.col("season_type") == kind)
        return with_totals(table)

    def season_scores(self, season: int) -> pl.DataFrame:
        """All rows of one season, without the totals that `with_totals` adds; empty if absent."""
        name = self.manifest.scores.get(season)
        if name is None:
            return pl.DataFrame()
        # Scores of a former version lack columns, which are not known of their plays.
        table = self._table(name)
        schema = without_totals(Scores.create_empty()).schema
        absent = [pl.lit(None, dtype=schema[c]).alias(c) for c in schema if c not in table.columns]
        return table.with_columns(absent).select(schema.names())

    def season_games(self, season: int) -> pl.DataFrame:
        """Games of one season: ``game_id``, ``week``, ``rows`` and ``digest``; empty if absent."""
        name = self.manifest.games.get(season)
        return pl.DataFrame() if name is None else self._table(name)

    def board(self, label: str | int) -> pl.DataFrame:
        """Read a ranking that the last update made.

        Args:
            label: One of `boards`, for example ``2023`` or ``Careers``.

        Raises:
            RequestError: No such ranking.
            ReaderError: Its file is missing or damaged.
        """
        name = self.manifest.boards.get(str(label))
        if name is None:
            raise RequestError(
                f"{self.folder}: no ranking of {label}; it holds those of "
                f"{', '.join(self.boards) or 'nothing yet'}.{nearest(label, self.boards)}"
            )
        return self._table(name)

    def quarterback_plays(self, season: int) -> pl.DataFrame:
        """Plays of quarterbacks of one season with ``epa`` and ``qb_score``; empty if absent."""
        name = self.manifest.qb_plays.get(season)
        return pl.DataFrame() if name is None else self._table(name)

    def table(self, name: str) -> pl.DataFrame:
        """Read ``projection``, one row a passer, or ``qb_score``, one a passer and season.

        Returns:
            The rows of `dropback.projection.project_passers` after the last week of the store, or
            those of ``qb_score.parquet`` of `dropback seasons`; empty where the store has none.
        """
        file = self.manifest.tables.get(name)
        return pl.DataFrame() if file is None else self._table(file)

    def roster(self) -> pl.DataFrame | None:
        """Names, positions and teams of players, as `read_roster` returned them; None without."""
        return self._table(self.manifest.roster) if self.manifest.roster else None

    def page(self, name: str) -> bytes:
        """Content of one of the files that are copied beside the play-by-play."""
        return self._content(self.manifest.pages[name])

    def require_files(self) -> None:
        """Refuse a store that lacks a file, which an update might not read and carry on.

        Raises:
            ReaderError: A file that the manifest names is gone.
        """
        for name in sorted(self.manifest.files):
            if not (self.folder / name).is_file():
                raise ReaderError(f"{self.folder / name}: no such file: {_REMAKE}")

    def _table(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self._content(name))

    def _content(self, name: str) -> bytes:
        path = self.folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ReaderError(f"{path}: not readable ({error.strerror}): {_REMAKE}") from error
        if _digest(content) not in name:
            raise ReaderError(f"{path}: the file is damaged: {_REMAKE}")
        return content


_REMAKE = "restore it from a copy, or remove the folder 'store' and run 'dropback update' again."


def open_score_store(folder: AnyPath) -> ScoreStore:
    """Open the store that `dropback update` keeps.

    Args:
        folder: The folder of play-by-play that is updated, or its ``store``.

    Raises:
        ReaderError: No store, a damaged one, or one of a newer version.
    """
    store = store_folder(folder)
    path = store / _MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ReaderError(
            f"{folder}: holds no store; make it with 'dropback update {folder} --model RUN'."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ReaderError(f"{path}: not readable ({error}): {_REMAKE}") from error
    return ScoreStore(store, _parse(text, path))


def has_store(folder: AnyPath) -> bool:
    """Whether a folder has a store."""
    return (store_folder(folder) / _MANIFEST).is_file()


def store_folder(folder: AnyPath) -> Path:
    """Folder of the store of a folder of play-by-play, which may be the store itself."""
    path = Path(folder)
    return path if (path / _MANIFEST).is_file() else path / STORE


def with_totals(scores: pl.DataFrame) -> pl.DataFrame:
    """Add what depends on all plays of a season: its drift, and the games of each team."""
    games = pl.col("game_id").n_unique().over("season", "season_type", "posteam")
    return scores.with_columns(
        games.cast(pl.Int64).alias("team_games"), season_drift("mid_cdf").alias("season_drift")
    )


def without_totals(scores: pl.DataFrame) -> pl.DataFrame:
    """Drop what `with_totals` adds."""
    return scores.drop(_TOTALS, strict=False)


def write_part(folder: Path, name: str, content: pl.DataFrame | bytes, ending: str) -> str:
    """Write a file of the store and return its name, which bears a part of its SHA-256.

    Raises:
        RequestError: The disk refuses.
    """
    if isinstance(content, pl.DataFrame):
        # Through memory, because the name of the file depends on its content.
        buffer = io.BytesIO()
        content.write_parquet(buffer)
        content = buffer.getvalue()
    label = "".join(letter if letter.isalnum() else "-" for letter in name).lower()
    file = f"{label}-{_digest(content)}{ending}"
    path = folder / file
    if not path.is_file() or path.read_bytes() != content:
        with whole_file(path) as aside:
            aside.write_bytes(content)
    return file


def commit(folder: Path, manifest: Manifest, former: Manifest | None) -> ScoreStore:
    """Make `manifest` the store's, then remove what neither it nor `former` names.

    The files of `former` stay until the next update: who opened it still reads them.

    Raises:
        RequestError: The disk refuses; the store is then as it was.
    """
    content = asdict(replace(manifest, code_version=dropback.__version__, version=STORE_VERSION))
    with whole_file(folder / _MANIFEST) as aside:
        aside.write_text(json.dumps(sealed(content), indent=2) + "\n", encoding="utf-8")
    keep = {_MANIFEST, *manifest.files, *(() if former is None else former.files)}
    for path in folder.iterdir():
        if path.name not in keep:
            with suppress(OSError):  # the next update removes it
                path.unlink()
    return ScoreStore(folder, manifest)


def _parse(text: str, path: Path) -> Manifest:
    try:
        content = json.loads(text)
        version = index(content["version"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReaderError(f"{path}: the store is damaged ({error}): {_REMAKE}") from error
    if version > STORE_VERSION:
        raise ReaderError(
            f"{path}: a store of version {version}, and dropback {dropback.__version__} reads "
            f"versions up to {STORE_VERSION}: upgrade dropback with 'pip install -U dropback'."
        )
    if not is_sealed(content):
        raise ReaderError(f"{path}: the store is damaged (it was changed by hand): {_REMAKE}")
    del content["sha256"]
    for former in range(version, STORE_VERSION):
        content = _MIGRATIONS[former](content)
    sources = {
        name: SourceFile(**{**file, "seasons": tuple(file["seasons"])})
        for name, file in content.pop("sources").items()
    }
    weather, scores, games, qb_plays = (
        {int(season): text for season, text in content.pop(name).items()}
        for name in ("weather", "scores", "games", "qb_plays")
    )
    return Manifest(
        sources=sources, weather=weather, scores=scores, games=games, qb_plays=qb_plays, **content
    )


def _with_quarterbacks(content: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had no plays of quarterbacks; the next update adds them."""
    return content | {"qb_plays": {}, "tables": {}, "epa": "", "version": 2}


def _with_roster(content: dict[str, Any]) -> dict[str, Any]:
    """Version 2 had no roster."""
    return content | {"roster": "", "roster_from": "", "version": 3}


def _with_weather(content: dict[str, Any]) -> dict[str, Any]:
    """Version 3 did not look at the weather of the schedule."""
    return content | {"weather": {}, "version": 4}


_MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    1: _with_quarterbacks,
    2: _with_roster,
    3: _with_weather,
}
"""Version to the function that makes a manifest of the next version of one of it."""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
