"""Keep a folder of play-by-play up to date: refresh it, score what is new, rank, write the page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import dropback
from dropback.data import fetch
from dropback.data._games import read_games
from dropback.data._nflverse import fetch_games, fetch_players
from dropback.data._play_by_play import PLAY_BY_PLAY_COLUMNS, find_schedule, read_play_by_play
from dropback.data._rosters import read_roster
from dropback.data._tables import PLAY_KEY, Plays, Scores
from dropback.data._teams import under_ids_of
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
    require_scored,
)
from dropback.workflows._plays import read_plays_for
from dropback.workflows._quarterbacks import (
    NO_EPA,
    PROJECTION,
    judge_quarterbacks,
)
from dropback.workflows._store import (
    Manifest,
    ScoreStore,
    commit,
    has_store,
    open_score_store,
    store_folder,
    without_totals,
    write_part,
)
from dropback.workflows._update_files import (
    alone,
    export_pages,
    find_run,
    find_source_files,
    remove_left_overs,
    require_held,
    roster_file,
    seasons_text,
    seasons_to_fetch,
    wanted_years,
)
from dropback.workflows._update_ranking import rank_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dropback._choices import Seasons
    from dropback._files import AnyPath
    from dropback.data._nflverse import Fetched


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
        projected: Passers who moved most in the projection.
        notes: What else a reader must know, a sentence each.
        rewritten: Names of the files beside the play-by-play that were written.
    """

    store: ScoreStore
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
    projected: pl.DataFrame
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
    load_players: Callable[[], pl.DataFrame] | None = None,
    roster: AnyPath | None = None,
    today: date | None = None,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda _: None,
) -> Update:
    """Bring a folder of play-by-play, its scores, rankings, projection and page up to date.

    Play-by-play of the current season is downloaded again, as that of past seasons whose file is
    from within the season. Games whose plays are new or others than before, by their content, are
    scored; all else stays as it is. Passers are projected from the EPA of their plays: nflverse's,
    or that of the model in the subfolder ``expected_points``, which is fitted if there is none. The
    store changes at once or not at all, whatever stops the
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
        load_players: Function that loads names; None takes `nflreadpy.load_players`.
        roster: Table of players or rosters for full names and positions, remembered; see
            `read_roster`. None takes that of last time, else ``players.parquet`` (or ``.csv``) of
            the folder, which is downloaded with the games, or ``rosters.parquet``.
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
    with alone(folder):
        remove_left_overs(folder)
        former = open_score_store(folder) if has_store(folder) else None
        if former is not None:
            former.require_files()
        run, digest = find_run(model, former)
        text = seasons_text(seasons, former)
        fetched: dict[int, Fetched] = {}
        if not offline:
            on_step("downloading")
            years = seasons_to_fetch(folder, text, today)

            def note(season: int, _: Path, state: Fetched) -> None:
                fetched[season] = state

            fetch(years, folder, load=load, on_season=note)
            fetch_games(folder, load=load_games)
            if roster is None and (former is None or not former.manifest.roster_from):
                fetch_players(folder, load=load_players)
        on_step("reading")
        if seasons is not None:
            require_held(folder, text, today)
        updating = _Updating(folder, former, run, digest, text, drop_missing, today, on_step)
        updating.name(roster)
        updating.score()
        updating.judge()
        updating.rank(seed)
        store = updating.commit()
        rewritten = export_pages(store, folder)
        return updating.result(store, fetched, rewritten)


class _Updating:
    """An update of one folder: the manifest as it grows, and what was found on the way."""

    def __init__(
        self,
        folder: Path,
        former: ScoreStore | None,
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
        self.files = find_source_files(
            folder,
            {} if self.rescored else known.sources,
            known.weather,
            years=wanted_years(folder, seasons, today),
            also=former.seasons if former and self.rescored else (),
        )
        self.manifest = replace(
            known,
            model=where,
            model_digest=digest,
            seasons_wanted=seasons,
            sources=known.sources | self.files.present,
            weather=self.files.weather,
        )
        self._last_rows: tuple[int, pl.DataFrame] | None = None
        self.changes: dict[int, GameChanges] = {}
        self.corrected: list[pl.DataFrame] = []
        self.scored = 0
        self.notes: list[str] = []
        if self.rescored and former:
            self.notes.append("All games were scored again: the model is another one than before.")

    @property
    def store(self) -> ScoreStore:
        """The store as it will be."""
        return ScoreStore(store_folder(self.folder), self.manifest)

    def name(self, roster: AnyPath | None) -> None:
        """Read the names of players, where there is a roster."""
        given = self.manifest.roster_from if roster is None else str(Path(roster).resolve())
        path = Path(given) if given else roster_file(self.folder)
        if path is None:
            return
        if roster is None and not path.is_file() and self.manifest.roster:
            self.notes.append(f"{path}: the roster is gone, so names are those of before.")
            return
        kept = write_part(self.store.folder, "roster", read_roster(path), ".parquet")
        self.manifest = replace(self.manifest, roster=kept, roster_from=given)

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
        """Play-by-play of a season, preseason games aside; the last one is kept to be valued."""
        files = self._files(season)
        if not files:
            return pl.DataFrame(schema=_SEASON_ROWS)
        if self._last_rows is None or self._last_rows[0] != season:
            rows = read_play_by_play(files, seasons=[season])
            regular = pl.col("season_type").ne_missing("PRE") & pl.col("game_id").is_not_null()
            self._last_rows = season, rows.filter(regular)
        return self._last_rows[1]

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
            if not self.drop_missing:
                require_scored(former, scores, found.corrected, self._origin(season))
            new = scores.filter(pl.col("game_id").is_in(found.corrected))
            self.corrected.append(corrected_plays(again, new))
        self._note_unscored(found, scores)
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

    def _note_unscored(self, found: GameChanges, scores: pl.DataFrame) -> None:
        without = sorted(set(found.to_score).difference(scores["game_id"] if len(scores) else ()))
        if without:
            self.notes.append(
                f"{len(without)} games have no play that can be scored, first {without[0]}: "
                "'dropback score' says why it leaves plays out."
            )

    def judge(self) -> None:
        """Redo the projection, where plays changed or none was looked for."""
        if not self.manifest.scores or not (self.changes or not self.manifest.epa):
            return
        self.on_step("projecting")
        try:
            found = judge_quarterbacks(self.store, self.changes, self._rows, folder=self.folder)
        except (RequestError, ReaderError, RunError) as why:
            self.notes.append(f"No projection: {why}")
            self.manifest = replace(self.manifest, qb_plays={}, tables={}, epa=NO_EPA)
        else:
            self.manifest = found.write(self.store)

    def rank(self, seed: int) -> None:
        """Redo the rankings and the page, where scores changed or another version made them."""
        former = self.former
        stale = former is None or former.manifest.code_version != dropback.__version__
        projected = former is None or former.manifest.tables != self.manifest.tables
        named = former is None or former.manifest.roster != self.manifest.roster
        redo = self.changes or stale or projected or named or not self.manifest.boards
        if not self.manifest.scores or not redo:
            return
        self.manifest, note = rank_store(
            self.store,
            None if stale else former,
            self.changes,
            results=find_schedule(self.folder),
            seed=seed,
            on_step=self.on_step,
        )
        if note:
            self.notes.append(note)

    def commit(self) -> ScoreStore:
        """Make the new manifest the store's; the former store stands where nothing changed."""
        former = None if self.former is None else self.former.manifest
        if self.manifest == former:
            return self.store
        if self.changes or former is None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self.manifest = replace(self.manifest, updated=now)
        return commit(self.store.folder, self.manifest, former)

    def result(
        self, store: ScoreStore, fetched: dict[int, Fetched], rewritten: tuple[str, ...]
    ) -> Update:
        """What was done."""

        def ids(name: str) -> tuple[str, ...]:
            return tuple(game for each in self.changes.values() for game in getattr(each, name))

        year = max(self.changes, default=None)
        before = self.former
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
            movers=movers(_board(before, year), _board(store, year)),
            mover_season=year,
            projected=movers(
                pl.DataFrame() if before is None else before.table(PROJECTION),
                store.table(PROJECTION),
                score="projection",
            ),
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
_SEASON_ROWS = {column.name: column.dtype for column in PLAY_BY_PLAY_COLUMNS}


def _score(run: Run, rows: pl.DataFrame, games: Sequence[str]) -> pl.DataFrame:
    """Scores of some games of a season, without what depends on its other games."""
    # All games of the season are selected from, so that their reasons are those of `score`.
    selection = read_plays_for(run, rows, games="all")
    plays = Plays.validate(selection.plays.filter(pl.col("game_id").is_in(games)))
    if plays.is_empty():
        return without_totals(Scores.create_empty())
    return without_totals(score_plays(plays, predict_plays(run.model, plays)))


def _awaited(store: ScoreStore, folder: Path) -> tuple[str, ...]:
    """Final games of the store's seasons that have no plays, where the folder has results."""
    path = find_schedule(folder)
    if path is None:
        return ()
    final = read_games(path).filter("final", pl.col("season").is_in(store.seasons))
    if not store.seasons:
        return ()
    held = pl.concat([store.season_games(season)["game_id"] for season in store.seasons])
    return tuple(sorted(set(under_ids_of(final, held)["game_id"]).difference(held)))


def _board(store: ScoreStore | None, season: int | None) -> pl.DataFrame:
    """The ranking of a season; empty where there is none."""
    there = store is not None and str(season) in store.boards
    return store.board(str(season)) if store is not None and there else pl.DataFrame()
