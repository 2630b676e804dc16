"""Write a tracking league in the layout of the Big Data Bowl 2025, with its truth beside it."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np
import polars as pl

from dropback._files import require_new_folder, whole_folder
from dropback.errors import RequestError
from dropback.execution import process_pool
from dropback.simulation._play_calls import Kind
from dropback.simulation.tracking._league import (
    TrackingLeague,
    simulate_other_plays,
    simulate_week,
)
from dropback.simulation.tracking._other_tables import other_tables
from dropback.simulation.tracking._tables import (
    game_rows,
    play_by_play_rows,
    play_rows,
    player_play_rows,
    player_rows,
    player_table,
    truth_rows,
)
from dropback.tracking._schema import BALL_SLOT, PLAYERS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Future
    from pathlib import Path

    from dropback._arrays import Integers
    from dropback.simulation.tracking._league import Week
    from dropback.simulation.tracking._other_plays import OtherPlays

TrackingFile = Literal["parquet", "csv"]

_CSV_DECIMALS: Final = 2

_EVENTS: Final = (
    *(None, "ball_snap", "pass_forward", "pass_arrived", "pass_outcome_caught"),
    *("pass_outcome_incomplete", "pass_outcome_interception", "tackle", "touchdown"),
    *("first_contact", "qb_sack", "run", "handoff"),
)

_EVENT_INDEX: Final = {event: at for at, event in enumerate(_EVENTS)}


def write_tracking_league(
    league: TrackingLeague,
    folder: Path,
    *,
    tracking: str = "parquet",
    overwrite: bool = False,
    workers: int = 1,
    on_week: Callable[[int, int], None] | None = None,
) -> None:
    """Simulate a league week by week and write each as it is done.

    The folder holds ``games.csv``, ``players.csv``, ``plays.csv``, ``player_play.csv`` and a
    ``tracking_week_<n>`` a week, counted on through the seasons; ``passers.parquet`` with their
    skill, ``truth.parquet`` with the distribution behind each play, and
    ``play_by_play_<season>.parquet`` with the same plays in nflverse's columns. It appears whole or
    not at all. The frames of one week a worker are held in memory at a time. Weeks have streams of
    their own: the files are equal whatever the number of workers.

    Args:
        league: What to simulate.
        folder: Folder to make.
        tracking: Kind of the tracking files.
        overwrite: Whether a folder that holds something is replaced.
        workers: Processes that simulate weeks at once, at least 1. With more than one, a script
            must guard what it runs by ``if __name__ == "__main__"``, as `multiprocessing` asks.
        on_week: Called with weeks done and weeks in all.

    Raises:
        RequestError: ``tracking`` is neither, ``workers`` is below 1, a worker was killed, or the
            folder is a file, not empty and ``overwrite`` is false, or cannot be written.
    """
    if tracking not in get_args(TrackingFile):
        kinds = " or ".join(get_args(TrackingFile))
        raise RequestError(f"tracking files must be {kinds}, got {tracking!r}.")
    if workers < 1:
        raise RequestError(f"workers must be at least 1, got {workers}.")
    require_new_folder(folder, overwrite=overwrite)
    done: dict[int, dict[str, pl.DataFrame]] = {}
    with whole_folder(folder, overwrite=overwrite) as aside:
        # Closed before the folder goes, so that no worker writes to it any more.
        with closing(_write_weeks(league, aside, tracking, workers)) as weeks:
            for week, tables in weeks:
                done[week] = tables
                if on_week is not None:
                    on_week(len(done), league.weeks)
        parts = {name: pl.concat(done[week][name] for week in sorted(done)) for name in done[0]}
        game_rows(league).write_csv(aside / "games.csv", null_value="NA")
        player_table(league).write_csv(aside / "players.csv", null_value="NA")
        parts["plays"].write_csv(aside / "plays.csv", null_value="NA")
        parts["player_play"].write_csv(aside / "player_play.csv", null_value="NA")
        parts["truth"].write_parquet(aside / "truth.parquet")
        league.passers.write_parquet(aside / "passers.parquet")
        for (season,), plays in parts["pbp"].partition_by("season", as_dict=True).items():
            plays.write_parquet(aside / f"play_by_play_{season}.parquet")


def _write_weeks(
    league: TrackingLeague, folder: Path, tracking: str, workers: int
) -> Generator[tuple[int, dict[str, pl.DataFrame]], None, None]:
    """Write the tracking files; the number and the small tables of each week as it is done."""
    numbers = range(league.weeks)
    if min(workers, league.weeks) == 1:
        for number in numbers:
            yield number, _write_week(league, folder, tracking, number)
        return
    pool = process_pool(min(workers, league.weeks))
    waiting = iter(numbers)
    pending: dict[Future[dict[str, pl.DataFrame]], int] = {}
    try:
        while True:
            # No more than there are workers, so that none starts another week when this stops.
            for number in islice(waiting, workers - len(pending)):
                of_week = pl.col("week_number") == number
                part = replace(
                    league,
                    attempts=league.attempts.filter(of_week),
                    others=league.others.filter(of_week),
                )
                pending[pool.submit(_write_week, part, folder, tracking, number)] = number
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                yield pending.pop(future), future.result()
    except BrokenProcessPool as error:
        raise RequestError(
            "A process that simulated a week was killed, perhaps for lack of memory: "
            "ask for fewer workers."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _write_week(
    league: TrackingLeague, folder: Path, tracking: str, number: int
) -> dict[str, pl.DataFrame]:
    """Simulate a week and write its tracking file; its small tables, by name."""
    week = simulate_week(league, number)
    rows = tracking_rows(league, week, _events(week))
    tables = {
        "plays": play_rows(week),
        "player_play": player_play_rows(week),
        "truth": truth_rows(week),
        "pbp": play_by_play_rows(week),
    }
    others = simulate_other_plays(league, number)
    if others is not None:
        # The throws' rows stay in their order, each other play where it was played.
        key = ["gameId", "playId"]
        added = tracking_rows(league, others, _other_events(others))
        rows = pl.concat([rows, added]).sort(key, maintain_order=True)
        more = other_tables(others)
        for name, by in (("plays", key), ("player_play", key), ("pbp", ["old_game_id", "play_id"])):
            both = pl.concat([tables[name], more[name]], how="diagonal")
            tables[name] = both.sort(by, maintain_order=True)
    path = folder / f"tracking_week_{number + 1}.{tracking}"
    if tracking == "csv":
        rows.write_csv(path, float_precision=_CSV_DECIMALS, null_value="NA")
    else:
        rows.write_parquet(path, compression="lz4", statistics=False)
    return tables


def tracking_rows(
    league: TrackingLeague, week: Week | OtherPlays, events: Integers
) -> pl.DataFrame:
    """The rows of a tracking file, in the columns of 2025 and their order."""
    m, tracks = week.motion, week.tracks
    plays = week.attempts
    players = player_rows(league, week)
    who = m.play * (PLAYERS + 1) + m.slot
    is_ball = pl.Series(m.slot == BALL_SLOT)
    kickoff = plays["kickoff"].to_numpy().astype("datetime64[ms]")
    # Half a minute a play keeps the stamps of a game in order.
    start = kickoff + plays["play_id"].to_numpy().astype("timedelta64[s]") * 7
    stamps = start[:, None] + np.arange(events.shape[1]) * np.timedelta64(100, "ms")
    words = pl.Series(stamps.ravel()).dt.to_string("%Y-%m-%d %H:%M:%S%.3f")
    at = m.play * events.shape[1] + m.frame
    after = (m.frame > tracks.snap).astype(np.int64) - (m.frame < tracks.snap)
    direction = np.where(week.rotated, "left", "right")
    return pl.DataFrame(
        {
            "gameId": plays["source_game_id"].gather(m.play),
            "playId": plays["play_id"].gather(m.play),
            "nflId": players["nflId"].gather(who),
            "displayName": players["displayName"].gather(who),
            "frameId": (m.frame + 1).astype(np.int32),
            "frameType": pl.Series(["BEFORE_SNAP", "SNAP", "AFTER_SNAP"]).gather(after + 1),
            "time": words.gather(at),
            "jerseyNumber": players["jerseyNumber"].gather(who),
            "club": players["club"].gather(who),
            "playDirection": pl.Series(direction).gather(m.play),
            **{name: getattr(m, name) for name in ("x", "y", "s", "a", "dis", "o", "dir")},
            "event": pl.Series(_EVENTS).gather(events.ravel()[at]),
        }
    ).with_columns(pl.when(~is_ball).then(pl.col(name)).alias(name) for name in ("o", "dir"))


def _events(week: Week) -> Integers:
    """The event of each frame as an index of `_EVENTS`, shape ``(N, T)``."""
    tracks, outcomes = week.tracks, week.outcomes
    n, total = tracks.xy.shape[:2]
    plays = np.arange(n)
    index, events = _EVENT_INDEX, np.zeros((n, total), dtype=np.int64)
    scores = outcomes.completed & (outcomes.yards >= week.snap.yardline_100)
    caught = outcomes.completed | outcomes.intercepted
    events[plays, tracks.whistle] = np.select(
        [scores, caught], [index["touchdown"], index["tackle"]], 0
    )
    events[plays, tracks.arrival + 1] = np.select(
        [outcomes.intercepted, outcomes.completed],
        [index["pass_outcome_interception"], index["pass_outcome_caught"]],
        index["pass_outcome_incomplete"],
    )
    events[plays, tracks.arrival] = index["pass_arrived"]
    events[plays, tracks.release] = index["pass_forward"]
    events[:, tracks.snap] = index["ball_snap"]
    return events


def _other_events(plays: OtherPlays) -> Integers:
    """As `_events`, named as the real sets name those of each kind."""
    tracks, kind = plays.tracks, plays.kind
    n, total = tracks.xy.shape[:2]
    every, index = np.arange(n), _EVENT_INDEX
    events = np.zeros((n, total), dtype=np.int64)
    scores = (plays.attempts["yards_gained"] >= plays.attempts["yardline_100"]).to_numpy()
    events[every, plays.contact] = index["first_contact"]
    events[every, tracks.whistle] = np.select(
        [kind == Kind.SACK, kind == Kind.THROW_AWAY, scores],
        [index["qb_sack"], 0, index["touchdown"]],
        index["tackle"],
    )
    away = kind == Kind.THROW_AWAY
    events[away, tracks.arrival[away] + 1] = index["pass_outcome_incomplete"]
    starts = np.select(
        [kind == Kind.SCRAMBLE, away, kind == Kind.RUN],
        [index["run"], index["pass_forward"], index["handoff"]],
        0,
    )
    events[every[starts > 0], tracks.release[starts > 0]] = starts[starts > 0]
    events[:, tracks.snap] = index["ball_snap"]
    return events
