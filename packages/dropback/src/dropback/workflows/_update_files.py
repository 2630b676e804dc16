"""Find what a folder of play-by-play holds: its files, their changes, results and its run."""

from __future__ import annotations

import hashlib
import re
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from filelock import FileLock, Timeout

from dropback._choices import Seasons, current_season, parse_seasons, season_list
from dropback._files import whole_file
from dropback.data._play_by_play import find_files, held_seasons, scheduled_weather
from dropback.errors import ReaderError, RequestError, RunError
from dropback.models._store import Run
from dropback.storage import digest_of
from dropback.workflows._store import ScoreStore, SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from dropback._files import AnyPath

_ALL = "all"
_LOCK = ".update.lock"
# What `whole_file` and `whole_folder` leave where they are killed.
_LEFT_OVER = re.compile(r"\.\w+(\.former)?\.[0-9a-f]{8}(\.(parquet|csv|html))?")
_YEAR = re.compile(r"play_by_play_(\d{4})\b")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system frees when its process ends, however it ends.

    Raises:
        RequestError: Another process holds it, or the folder cannot be written to.
    """
    # The lock file stays: to remove it would let a third process lock a file of the same name.
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as held:
        raise RequestError(
            f"{folder} is being updated by another process: it will have what is new; run this "
            "again later."
        ) from held
    except OSError as error:
        raise RequestError(f"{folder} cannot be written to: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()


def remove_left_overs(folder: Path) -> None:
    """Remove what updates that were killed had half written."""
    for path in folder.iterdir():
        if not _LEFT_OVER.fullmatch(path.name):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def find_run(model: Run | AnyPath | None, former: ScoreStore | None) -> tuple[Run | Path, str]:
    """The run that scores plays, or its folder, and a digest of it."""
    if isinstance(model, Run):
        folder = model.folder
    elif model is not None:
        folder = Path(model)
    elif former is not None:
        folder = Path(former.manifest.model)
    else:
        raise RequestError(
            "The first update needs a model: pass --model RUN, a folder of 'dropback train'."
        )
    # run.json holds the SHA-256 of the weights, so that its own tells the run.
    record = folder / "run.json"
    try:
        digest = hashlib.sha256(record.read_bytes()).hexdigest()
    except OSError as error:
        raise RunError(
            f"{folder}: not a run folder ({error.strerror}: run.json); pass --model RUN, a folder "
            "of 'dropback train'."
        ) from error
    if model is None and former is not None and digest != former.manifest.model_digest:
        raise RunError(
            f"{folder}: the run is another one than scored the store: pass --model {folder} to "
            "score all games again, or name the former run."
        )
    return model if isinstance(model, Run) else folder, digest


def seasons_text(seasons: Seasons | None, former: ScoreStore | None) -> str:
    """Seasons to look at, as text; those of last time where none are given."""
    if seasons is None:
        return former.manifest.seasons_wanted if former else _ALL
    if isinstance(seasons, str):
        return seasons
    return ",".join(map(str, parse_seasons(seasons)))


def _named_years(folder: Path) -> set[int]:
    """Seasons of the files of a folder, by their names."""
    names = (_YEAR.match(path.name) for path in folder.iterdir())
    return {int(found[1]) for found in names if found}


def seasons_to_fetch(folder: Path, text: str, today: date | None) -> Sequence[int]:
    held = _named_years(folder)
    if text == _ALL:
        return sorted(held | {current_season(today)})
    # What is not there yet of an open range too.
    return parse_seasons(text, today=today)


def wanted_years(folder: Path, text: str, today: date | None) -> frozenset[int] | None:
    """Seasons to look at; None is every one."""
    if text == _ALL:
        return None
    return frozenset(parse_seasons(text, held=_named_years(folder) or None, today=today))


def require_held(folder: Path, text: str, today: date | None) -> None:
    """Refuse seasons of which the folder holds none: they would be remembered.

    Raises:
        RequestError: None of them is there.
    """
    held, years = _named_years(folder), wanted_years(folder, text, today)
    # The current season may not have begun, and a file of any name may hold seasons.
    unnamed = any(not _YEAR.match(path.name) for path in find_files(folder))
    if years is None or text == "current" or unnamed or years & held:
        return
    raise RequestError(
        f"{folder}: holds no play-by-play of {season_list(sorted(years))}; it holds "
        f"{season_list(sorted(held))}."
    )


@dataclass(frozen=True)
class SourceFiles:
    """Files of play-by-play, by name, the weather of their seasons, and what is not as it was."""

    present: dict[str, SourceFile]
    weather: dict[int, str]
    changed: frozenset[int]


def find_source_files(
    folder: Path,
    known: dict[str, SourceFile],
    weather: dict[int, str],
    *,
    years: frozenset[int] | None,
    also: Sequence[int],
) -> SourceFiles:
    present: dict[str, SourceFile] = {}
    changed: set[int] = set()
    for path in find_files(folder):
        named = _YEAR.match(path.name)
        wanted = years is None or named is None or int(named[1]) in {*years, *also}
        if not wanted:
            continue
        before = known.get(path.name)
        found = _look_at(path, before)
        present[path.name] = found
        if before is None or found.sha256 != before.sha256:
            changed |= {*found.seasons, *(before.seasons if before else ())}
    held = {season for file in present.values() for season in file.seasons}
    now = {season: digest for season, digest in digest_weather(folder).items() if season in held}
    changed |= {s for s in held if now.get(s, "") != weather.get(s, "")}
    if years is not None:
        changed &= {*years, *also}
    others = {season: digest for season, digest in weather.items() if season not in held}
    return SourceFiles(present, others | now, frozenset(changed))


def digest_weather(folder: Path) -> dict[int, str]:
    """Digest of what the schedule of a folder tells of the weather of each season."""
    games = scheduled_weather(folder)
    if games is None:
        return {}
    season = pl.col("game_id").str.extract(r"^(\d{4})").cast(pl.Int64).alias("season")
    seasons = games.sort("game_id").with_columns(season).drop_nulls("season")
    return {
        int(year): hashlib.sha256(part.write_csv().encode()).hexdigest()
        for (year,), part in seasons.group_by("season", maintain_order=True)
    }


def _look_at(path: Path, before: SourceFile | None) -> SourceFile:
    """State of a file; its content is read only where its size or time is not as before."""
    try:
        stat = path.stat()
        if before and (stat.st_size, stat.st_mtime_ns) == (before.size, before.modified_ns):
            return before
        digest = digest_of(path)
    except OSError as error:
        raise ReaderError(f"{path}: not readable ({error.strerror}).") from error
    same = before is not None and before.sha256 == digest
    seasons = before.seasons if before and same else tuple(held_seasons(path))
    return SourceFile(stat.st_size, stat.st_mtime_ns, digest, seasons)


_ROSTERS = ("players.parquet", "players.csv", "rosters.parquet", "rosters.csv")


def roster_file(folder: Path) -> Path | None:
    """The table of players or rosters that a folder holds, None without any."""
    return next((path for path in map(folder.joinpath, _ROSTERS) if path.is_file()), None)


def export_pages(store: ScoreStore, folder: Path) -> tuple[str, ...]:
    """Copy the store's pages beside the play-by-play where they differ; say which."""
    written = []
    for name in store.manifest.pages:
        content, path = store.page(name), folder / name
        if not path.is_file() or path.read_bytes() != content:
            with whole_file(path) as aside:
                aside.write_bytes(content)
            written.append(name)
    return tuple(written)
