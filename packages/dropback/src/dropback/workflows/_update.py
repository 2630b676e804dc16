"""Keep a folder of play-by-play up to date: refresh it, score what is new, rank, write the page."""

from __future__ import annotations

import hashlib
import re
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from filelock import FileLock, Timeout

import dropback
from dropback._choices import Seasons, current_season, parse_seasons
from dropback._files import whole_file
from dropback.data import fetch
from dropback.data._games import read_games
from dropback.data._nflverse import fetch_games
from dropback.data._play_by_play import (
    PLAY_BY_PLAY_COLUMNS,
    find_files,
    held_seasons,
    read_play_by_play,
)
from dropback.data._tables import PLAY_KEY, Plays, Scores
from dropback.errors import ReaderError, RequestError, RunError
from dropback.models._predict import predict_plays
from dropback.models._store import Run, load_run
from dropback.scoring import score_plays
from dropback.workflows._changes import (
    GameChanges,
    compare_games,
    corrected_plays,
    digest_games,
    movers,
)
from dropback.workflows._files import read_evaluation
from dropback.workflows._plays import read_plays_for
from dropback.workflows._store import (
    Manifest,
    SourceFile,
    Store,
    commit,
    has_store,
    open_store,
    store_folder,
    without_totals,
    write_part,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dropback._files import AnyPath
    from dropback.data._nflverse import Fetched

_ALL = "all"
_PAGE = "report.html"
_LOCK = ".update.lock"
# What `whole_file` leaves where it is killed.
_LEFT_OVER = re.compile(r"\.(play_by_play_\d{4}|games|report|\w+)\.[0-9a-f]{8}\.(parquet|html)")
_YEAR = re.compile(r"play_by_play_(\d{4})\b")


@dataclass(frozen=True)
class Update:
    """What an update did.

    Attributes:
        store: The store now.
        fetched: Season to what became of its file; empty offline.
        new: Ids of games that are scored for the first time.
        corrected_games: Ids of games that were scored again.
        corrected: The plays of these that are scored otherwise now; see `corrected_plays`.
        lost: Ids of games that are gone from the play-by-play.
        moved: Former and present id of games that are under another week now.
        scored: Number of plays scored.
        awaited: Ids of games that are final and have no plays yet, where the folder has games.
        movers: Passers who moved most in the ranking of the last season that changed.
        mover_season: That season.
        notes: What else a reader must know, a sentence each.
        rewritten: Names of the files beside the play-by-play that were written.
    """

    store: Store
    fetched: dict[int, Fetched]
    new: tuple[str, ...]
    corrected_games: tuple[str, ...]
    corrected: pl.DataFrame
    lost: tuple[str, ...]
    moved: tuple[tuple[str, str], ...]
    scored: int
    awaited: tuple[str, ...]
    movers: pl.DataFrame
    mover_season: int | None
    notes: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()


def update(
    folder: AnyPath,
    *,
    model: Run | AnyPath | None = None,
    seasons: Seasons | None = None,
    offline: bool = False,
    drop_missing: bool = False,
    load: Callable[[int], pl.DataFrame] | None = None,
    load_games: Callable[[], pl.DataFrame] | None = None,
    today: date | None = None,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda _: None,
) -> Update:
    """Bring a folder of play-by-play, its store of scores, its rankings and its page up to date.

    Play-by-play of the current season is downloaded again, as that of past seasons whose file is
    from within the season. Games whose plays are new or others than before, by their content, are
    scored; all else stays as it is. The store changes at once or not at all, whatever stops the
    update: run it again.

    Args:
        folder: Folder of ``play_by_play_*.parquet`` (or ``.csv``), and of ``games.parquet`` with
            results if you like. Files that you put there are read too.
        model: The run that scores plays; needed once, then remembered. Another run than before
            scores all games again.
        seasons: Seasons to look at, remembered too: for example ``2006-``, ``current`` or
            ``latest``. None takes those of last time, at first all that are there and the current
            one; so does ``all``.
        offline: Download nothing.
        drop_missing: Accept that games are gone from the files, or lack many of their plays.
        load: Function that loads a season; None takes `nflreadpy.load_pbp`.
        load_games: Function that loads results; None takes `nflreadpy.load_schedules`.
        today: The day, which tells the current season; None asks the clock.
        seed: Seed of the intervals of rankings.
        on_step: Called with the name of each step when it begins.

    Raises:
        RequestError: Another update runs, no model is known, the disk refuses, or a file seems to
            be cut off.
        ReaderError: A download that failed, or a file that cannot be read.
        RunError: The run is damaged, or another one than before without being named.

    Example:
        >>> from dropback.workflows import update
        >>> first = update(league, model=run, seasons="2021", offline=True)
        >>> len(first.new), update(league, offline=True).new
        (8, ())
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RequestError(
            f"{folder}: must be a folder of play-by-play; make it with 'dropback fetch pbp'."
        )
    with _alone(folder):
        _remove_left_overs(folder)
        former = open_store(folder) if has_store(folder) else None
        run, digest = _find_run(model, former)
        text = _seasons_text(seasons, former)
        fetched: dict[int, Fetched] = {}
        if not offline:
            on_step("downloading")
            years = _to_fetch(folder, text, today)

            def note(season: int, _: Path, state: Fetched) -> None:
                fetched[season] = state

            fetch(years, folder, load=load, on_season=note)
            fetch_games(folder, load=load_games)
        on_step("reading")
        updating = _Updating(folder, former, run, digest, text, drop_missing, today, on_step)
        updating.score()
        updating.rank(seed)
        store = updating.commit()
        rewritten = _export(store, folder)
        return updating.result(store, fetched, rewritten)


class _Updating:
    """An update of one folder: the manifest as it grows, and what was found on the way."""

    def __init__(
        self,
        folder: Path,
        former: Store | None,
        run: Run | Path,
        digest: str,
        seasons: str,
        drop_missing: bool,  # of one caller
        today: date | None,
        on_step: Callable[[str], None],
    ) -> None:
        self.folder, self.former, self.run = folder, former, run
        self.drop_missing, self.on_step = drop_missing, on_step
        where = str((run.folder if isinstance(run, Run) else run).resolve())
        known = former.manifest if former else Manifest(where, digest)
        self.rescored = known.model_digest != digest
        self.files = _source_files(
            folder,
            {} if self.rescored else known.sources,
            years=_years(folder, seasons, today),
            also=former.seasons if former and self.rescored else (),
        )
        self.manifest = replace(
            known,
            model=where,
            model_digest=digest,
            seasons_wanted=seasons,
            sources=known.sources | self.files.present,
        )
        self.changes: dict[int, GameChanges] = {}
        self.corrected: list[pl.DataFrame] = []
        self.scored = 0
        self.movers = _NO_MOVER
        self.notes: list[str] = []
        if self.rescored and former:
            self.notes.append("All games were scored again: the model is another one than before.")

    @property
    def store(self) -> Store:
        """The store as it will be."""
        return Store(store_folder(self.folder), self.manifest)

    def score(self) -> None:
        """Score the games of changed files that are new or corrected."""
        seasons = set(self.files.changed)
        if self.rescored and self.former:
            seasons |= set(self.former.seasons)
        for season in sorted(seasons):
            rows = self._rows(season)
            games = digest_games(rows)
            former = self.store.season_games(season)
            found = compare_games(
                former, games, origin=self._origin(season), drop_missing=self.drop_missing
            )
            if self.rescored and self.former:
                found = replace(found, new=(), moved=(), corrected=tuple(games["game_id"]))
            if found.to_score or found.lost:
                self._merge(season, found, rows)

    def _rows(self, season: int) -> pl.DataFrame:
        """Play-by-play of a season, preseason games aside."""
        files = self._files(season)
        if not files:
            return pl.DataFrame(schema=_SEASON_ROWS)
        rows = read_play_by_play(files, seasons=[season])
        return rows.filter(
            pl.col("season_type").ne_missing("PRE") & pl.col("game_id").is_not_null()
        )

    def _files(self, season: int) -> list[Path]:
        present = self.files.present.items()
        return [self.folder / name for name, file in present if season in file.seasons]

    def _origin(self, season: int) -> str:
        files = self._files(season)
        return ", ".join(map(str, files)) or f"{self.folder}, season {season}"

    def _merge(self, season: int, found: GameChanges, rows: pl.DataFrame) -> None:
        """Put the scores of the games that changed in the place of their former ones."""
        former = self.store.season_scores(season)
        scores = former.clear()
        if found.to_score:
            self.on_step(f"scoring {season}")
            if not isinstance(self.run, Run):
                self.run = load_run(self.run)
            scores = _score(self.run, rows, found.to_score)
        if former.is_empty():
            former = scores.clear()
        again = former.filter(pl.col("game_id").is_in(found.corrected))
        if not self.rescored and found.corrected:
            new = scores.filter(pl.col("game_id").is_in(found.corrected))
            self.corrected.append(corrected_plays(again, new))
        gone = (*found.corrected, *found.lost, *(before for before, _ in found.moved))
        kept = former.filter(~pl.col("game_id").is_in(gone))
        parts = pl.concat([kept, scores]).sort(*PLAY_KEY)
        store = self.store.folder
        scored, games = dict(self.manifest.scores), dict(self.manifest.games)
        scored[season] = write_part(store, f"scores-{season}", parts, ".parquet")
        games[season] = write_part(store, f"games-{season}", found.games, ".parquet")
        if parts.is_empty():
            del scored[season], games[season]
        self.manifest = replace(self.manifest, scores=scored, games=games)
        self.changes[season] = found
        self.scored += scores.height

    def rank(self, seed: int) -> None:
        """Redo the rankings and the page, where scores changed or another version made them."""
        former = self.former
        stale = former is None or former.manifest.code_version != dropback.__version__
        if not self.manifest.scores or not (self.changes or stale or not self.manifest.boards):
            return
        self.on_step("ranking")
        untouched = (
            {}
            if former is None or stale
            else {
                str(year): former.board(year)
                for year in former.seasons
                if year not in self.changes and str(year) in former.boards
            }
        )
        scores = self.store.scores()
        # Drawing needs an extra.
        from dropback.workflows._report import passer_boards, write_report  # noqa: PLC0415

        try:
            results = _results_file(self.folder)
            games = None if results is None else read_games(results)
            boards = passer_boards(scores, seed=seed, known=untouched, games=games)
        except RequestError as few:
            self.notes.append(f"No ranking yet: {few}")
            self.manifest = replace(self.manifest, boards={}, pages={})
            return
        self.on_step("writing the page")
        store = self.store.folder
        season, week = scores.select("season", "week").sort("season", "week").row(-1)
        title = f"Passing scores through week {week} of {season}"
        with tempfile.TemporaryDirectory(prefix="dropback-") as work:
            page = Path(work) / _PAGE
            held_out = Path(self.manifest.model) / "report.json"
            evaluation = read_evaluation(held_out) if held_out.is_file() else None
            write_report(page, title=title, boards=boards, evaluation=evaluation)
            content = page.read_bytes()
        self.manifest = replace(
            self.manifest,
            boards={
                label: write_part(store, f"board-{label}", table, ".parquet")
                for label, table in boards.tables.items()
            },
            pages={_PAGE: write_part(store, "report", content, ".html")},
        )
        year = max(self.changes, default=None)
        if former and year and {str(year)} <= {*former.boards} & {*self.manifest.boards}:
            self.movers = movers(former.board(year), self.store.board(year))

    def commit(self) -> Store:
        """Make the new manifest the store's; the former store stands where nothing changed."""
        former = None if self.former is None else self.former.manifest
        if self.manifest == former:
            return self.store
        if self.changes or former is None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self.manifest = replace(self.manifest, updated=now)
        return commit(self.store.folder, self.manifest, former)

    def result(
        self, store: Store, fetched: dict[int, Fetched], rewritten: tuple[str, ...]
    ) -> Update:
        """What was done."""

        def ids(name: str) -> tuple[str, ...]:
            return tuple(game for each in self.changes.values() for game in getattr(each, name))

        return Update(
            store=store,
            fetched=fetched,
            new=ids("new"),
            corrected_games=ids("corrected"),
            corrected=pl.concat(self.corrected) if self.corrected else _NO_CORRECTION,
            lost=ids("lost"),
            moved=tuple(pair for each in self.changes.values() for pair in each.moved),
            scored=self.scored,
            awaited=_awaited(store, self.folder),
            movers=self.movers,
            mover_season=max(self.changes, default=None),
            notes=tuple(self.notes),
            rewritten=rewritten,
        )


_NO_CORRECTION = pl.DataFrame(
    schema={
        "game_id": pl.String,
        "play_id": pl.Int64,
        "passer_player_name": pl.String,
        "change": pl.String,
        "yards_before": pl.Int64,
        "yards": pl.Int64,
        "score_before": pl.Float64,
        "score": pl.Float64,
    }
)
_NO_MOVER = pl.DataFrame(
    schema={
        "passer_player_name": pl.String,
        "rank_before": pl.Int64,
        "rank": pl.Int64,
        "score_before": pl.Float64,
        "score": pl.Float64,
    }
)
_SEASON_ROWS = {column.name: column.dtype for column in PLAY_BY_PLAY_COLUMNS}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
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


def _remove_left_overs(folder: Path) -> None:
    """Remove what updates that were killed had half written."""
    for path in folder.iterdir():
        if _LEFT_OVER.fullmatch(path.name):
            with suppress(OSError):
                path.unlink()


def _find_run(model: Run | AnyPath | None, former: Store | None) -> tuple[Run | Path, str]:
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


def _seasons_text(seasons: Seasons | None, former: Store | None) -> str:
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


def _to_fetch(folder: Path, text: str, today: date | None) -> Sequence[int]:
    held = _named_years(folder)
    if text == _ALL:
        return sorted(held | {current_season(today)})
    # What is not there yet of an open range too.
    return parse_seasons(text, today=today)


def _years(folder: Path, text: str, today: date | None) -> frozenset[int] | None:
    """Seasons to look at; None is every one."""
    if text == _ALL:
        return None
    return frozenset(parse_seasons(text, held=_named_years(folder) or None, today=today))


@dataclass(frozen=True)
class _SourceFiles:
    """Files of play-by-play, by name, and the seasons whose file is not as it was."""

    present: dict[str, SourceFile]
    changed: frozenset[int]


def _source_files(
    folder: Path,
    known: dict[str, SourceFile],
    *,
    years: frozenset[int] | None,
    also: Sequence[int],
) -> _SourceFiles:
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
    if years is not None:
        changed &= {*years, *also}
    return _SourceFiles(present, frozenset(changed))


def _look_at(path: Path, before: SourceFile | None) -> SourceFile:
    """State of a file; its content is read only where its size or time is not as before."""
    try:
        stat = path.stat()
        if before and (stat.st_size, stat.st_mtime_ns) == (before.size, before.modified_ns):
            return before
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ReaderError(f"{path}: not readable ({error.strerror}).") from error
    same = before is not None and before.sha256 == digest
    seasons = before.seasons if before and same else tuple(held_seasons(path))
    return SourceFile(stat.st_size, stat.st_mtime_ns, digest, seasons)


def _score(run: Run, rows: pl.DataFrame, games: Sequence[str]) -> pl.DataFrame:
    """Scores of some games of a season, without what depends on its other games."""
    # All games of the season are selected from, so that their reasons are those of `score`.
    selection = read_plays_for(run, rows, games="all")
    plays = Plays.validate(selection.plays.filter(pl.col("game_id").is_in(games)))
    if plays.is_empty():
        return without_totals(Scores.create_empty())
    return without_totals(score_plays(plays, predict_plays(run.model, plays)))


def _awaited(store: Store, folder: Path) -> tuple[str, ...]:
    """Final games of the store's seasons that have no plays, where the folder has results."""
    path = _results_file(folder)
    if path is None:
        return ()
    final = read_games(path).filter("final", pl.col("season").is_in(store.seasons))
    held = [store.season_games(season)["game_id"] for season in store.seasons]
    return tuple(sorted(set(final["game_id"]).difference(*held)))


_RESULTS = ("games.parquet", "games.csv")


def _results_file(folder: Path) -> Path | None:
    """The results that a folder holds, None without any."""
    return next((path for path in map(folder.joinpath, _RESULTS) if path.is_file()), None)


def _export(store: Store, folder: Path) -> tuple[str, ...]:
    """Copy the store's pages beside the play-by-play where they differ; say which."""
    written = []
    for name in store.manifest.pages:
        content, path = store.page(name), folder / name
        if not path.is_file() or path.read_bytes() != content:
            with whole_file(path) as aside:
                aside.write_bytes(content)
            written.append(name)
    return tuple(written)
