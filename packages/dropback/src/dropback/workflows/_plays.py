"""Read the plays that a model is trained on or predicts, from files, frames or tracking."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar, get_args

import numpy as np
import polars as pl

from dropback._choices import Seasons, nearest, parse_seasons, season_list
from dropback._statistics import random_generator
from dropback.data._play_by_play import SCHEDULES, chosen_seasons, read_play_by_play
from dropback.data._selection import Games, Selection, select_plays
from dropback.data._tables import Outcome, Plays, PlaySet
from dropback.errors import DropbackError, RequestError, RunError, TrackingError
from dropback.expected_points import (
    OWN_SOURCE,
    attach_epa,
    expected_points_added,
    fit_expected_points,
    load_expected_points,
    recorded_epa,
)
from dropback.models._play_batches import TrackedPlays
from dropback.models._predict import fold_of_plays
from dropback.storage import local_copy
from dropback.tracking import PlayTensors, is_tracking, open_tracking, select_tracked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import dataframely as dy

    from dropback._arrays import Integers
    from dropback._files import AnyPath
    from dropback.data._play_by_play import PlayByPlaySource
    from dropback.expected_points import ExpectedPoints
    from dropback.models._model import PassModel
    from dropback.models._network import PlayInputs
    from dropback.models._store import Run, RunRecord
    from dropback.tracking import IngestReport

Source: TypeAlias = "PlayByPlaySource | PlayTensors"
"""Play-by-play (a path, several, or a data frame), or tracking (a path or its tensors)."""


@dataclass(frozen=True)
class TrackedSelection(Selection):
    """Plays with tracking, and those of the play-by-play that have none.

    Attributes:
        features: What the network takes of the plays, in their order.
        untracked: Plays of the play-by-play without tracking, for a model of play-by-play.
    """

    features: TrackedPlays
    untracked: dy.DataFrame[Plays]


def open_source(
    data: Source,
    *,
    tracked: bool | None = None,
    work: Path | None = None,
    on_report: Callable[[IngestReport], None] | None = None,
    on_passed_over: Callable[[Sequence[Path]], None] | None = None,
) -> PlayByPlaySource | PlayTensors:
    """Open `data` where it is a path to tracking; everything else is returned as it is.

    Args:
        data: Play-by-play as `read_play_by_play` takes it, or tracking: tensors, or a path to
            tensors, to a folder that `ingest` wrote or to tracking files.
        tracked: Of a folder that holds both: whether to take the tracking, or the
            ``play_by_play_*`` files. None takes the tracking.
        work: Folder that keeps the tensors of tracking files, as for `open_tracking`.
        on_report: Called with the report of source files, where any were read.
        on_passed_over: Called with the files of such a folder that are passed over, if any.

    Raises:
        TrackingError: A path to neither, which is not named like play-by-play.
        ReaderError: Tracking that cannot be read.
    """
    if not isinstance(data, str | PathLike):
        return data
    path = Path(local_copy(data))
    named, others = _files_by_name(path)
    if tracked is False and named and path.is_dir():
        if others and on_passed_over is not None:
            on_passed_over(others)
        return data
    # Damaged play-by-play is known by its name: its reader says what is wrong with it.
    if named and not others:
        return data
    within = path
    if not is_tracking(path):
        below = _tracking_below(path) if tracked else None
        if below is None:
            return data
        within = below
    try:
        opened = open_tracking(within, work=work, on_report=on_report)
    except DropbackError as error:
        if not named:
            raise
        raise TrackingError(
            f"{path} holds tracking and play-by-play, and the tracking cannot be read: to take "
            f"the play-by-play, name '{path / 'play_by_play_*'}'. {error}"
        ) from error
    if named and on_passed_over is not None:
        on_passed_over(named)
    return opened


def _files_by_name(path: Path) -> tuple[list[Path], list[Path]]:
    """Files at a path that are named like play-by-play, and others, folders among them."""
    files = [path] if path.is_file() else sorted(path.glob("*")) if path.is_dir() else []
    # What begins with a dot is a lock, or being written.
    seen = [file for file in files if file == path or not file.name.startswith(".")]
    named = [file for file in seen if file.name.startswith("play_by_play_")]
    # The schedule tells the weather of the plays.
    return named, [file for file in seen if file not in named and file.name not in SCHEDULES]


def _tracking_below(path: Path) -> Path | None:
    """The first folder of a folder that is tracking, beside play-by-play that comes first."""
    for folder in sorted(path.glob("[!.]*/")):
        with suppress(TrackingError):  # neither tracking nor play-by-play
            if is_tracking(folder):
                return folder
    return None


def read_plays(
    data: Source,
    *,
    seasons: Seasons | None = None,
    plays: PlaySet | str = PlaySet.TARGETED,
    games: Games = "regular",
    outcome: Outcome | str = Outcome.YARDS,
    play_by_play: PlayByPlaySource | None = None,
    expected_points: ExpectedPoints | None = None,
    tracked: bool | None = None,
) -> Selection:
    """Read play-by-play or tracking, and select the plays to model.

    Args:
        data: Play-by-play with nflverse's columns: a folder, a file, a glob, a list of these, or a
            data frame (of polars, pandas, pyarrow or DuckDB). Or tracking: a path to files or to a
            folder that `ingest` wrote, or what `open_tracking` returned.
        seasons: Seasons to keep, as ``2021``, ``[2020, 2021]`` or ``"2016,2018-2020"``; None keeps
            all.
        plays: ``targeted`` attempts; all ``attempts``; ``dropbacks`` add sacks and throw-aways.
        games: ``regular``, ``postseason`` or ``all``.
        outcome: What the plays are judged by: whole ``yards``, or ``epa`` in points.
        play_by_play: Beside tracking: says how the plays ended; None takes the tracking set's own
            columns.
        expected_points: Model that values snaps where the outcome is EPA; None reads nflverse's.
        tracked: Of a folder that holds both: whether to take the tracking, or the play-by-play;
            None takes the tracking.

    Returns:
        ``plays``, one row a play; ``left_out``, the rows left out by reason. With tracking the
        selection also holds the features of the plays.

    Raises:
        ReaderError: Nothing to read, a column or value that is not what it should be, or no play
            left.
        TrackingError: Tracking that cannot be used.
        RequestError: An unknown choice, or `play_by_play` beside play-by-play.

    Example:
        >>> selection = dropback.read_plays(league, seasons=[2021])
        >>> selection.plays.select("season", "play_set").unique().rows()
        [(2021, 'targeted')]
        >>> selection.left_out.columns
        ['reason', 'plays']
    """
    play_set, judged = _choice(PlaySet, plays), _choice(Outcome, outcome)
    if games not in get_args(Games):
        near = nearest(games, get_args(Games))
        raise RequestError(f"games must be {_listed(get_args(Games))}, got {games!r}.{near}")
    source = open_source(data, tracked=tracked)
    if play_by_play is not None and not isinstance(source, PlayTensors):
        raise RequestError(
            "play_by_play (--pbp) goes with tracking, but the data are play-by-play themselves: "
            "name them alone."
        )
    years = None if seasons is None else seasons_of(source, seasons)

    def judged_rows(recorded: PlayByPlaySource) -> pl.DataFrame:
        rows = read_play_by_play(recorded, seasons=years)
        if judged is Outcome.YARDS:
            return rows
        return attach_epa(rows, expected_points_added(rows, expected_points))

    if isinstance(source, PlayTensors):
        rows = None if play_by_play is None else judged_rows(play_by_play)
        return _select_tracked(source, rows, years, play_set, games, judged)
    return select_plays(judged_rows(source), plays=play_set, games=games, outcome=judged)


def seasons_of(source: Source, seasons: Seasons) -> tuple[int, ...]:
    """Seasons of play-by-play or tracking that `seasons` name; see `parse_seasons`.

    Raises:
        ReaderError: As for `read_plays`.
        RequestError: `seasons` are no years, or none of them is there.
    """
    if isinstance(source, PlayTensors):
        return parse_seasons(seasons, held=source.plays["season"].unique().to_list())
    return chosen_seasons(source, seasons)


_Choice = TypeVar("_Choice", bound=StrEnum)


def _choice(kind: type[_Choice], value: str) -> _Choice:
    try:
        return kind(value)
    except ValueError as error:
        name = "plays" if kind is PlaySet else "outcome"
        raise RequestError(
            f"{name} must be {_listed(kind)}, got {value!r}.{nearest(value, kind)}"
        ) from error


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}"


def _select_tracked(
    tensors: PlayTensors,
    rows: pl.DataFrame | None,
    seasons: tuple[int, ...] | None,
    plays: PlaySet,
    games: Games,
    outcome: Outcome,
) -> TrackedSelection:
    table = tensors.plays
    kept = np.arange(table.height)
    if seasons is not None:
        kept = kept[table["season"].is_in(seasons).to_numpy()]
        if not len(kept):
            held = season_list(table["season"].unique().sort())
            raise RequestError(
                f"The tracking holds no play of {season_list(seasons)}; it holds {held}."
            )
    found = select_tracked(
        table[kept], play_by_play=rows, play_set=plays, games=games, outcome=outcome
    )
    return TrackedSelection(
        plays=found.plays,
        left_out=found.left_out,
        missing_columns=(),
        doubtful=0,
        features=TrackedPlays(tensors, kept[found.rows]),
        untracked=found.untracked,
    )


def fit_expected_points_for(
    data: Source,
    *,
    seasons: Seasons | None,
    play_by_play: PlayByPlaySource | None = None,
    stored: AnyPath | None = None,
) -> ExpectedPoints | None:
    """Model that values the snaps of `data`, None where nflverse's EPA is there to read.

    Args:
        data: Play-by-play or tracking, as for `read_plays`.
        seasons: Seasons to fit on: all their games, playoffs too.
        play_by_play: Beside tracking: as for `read_plays`.
        stored: Folder of a model that was fitted before; None fits one.

    Raises:
        RequestError: Tracking without play-by-play beside it.
    """
    if stored is not None:
        return load_expected_points(stored)
    source = open_source(data)
    recorded = play_by_play if isinstance(source, PlayTensors) else source
    if recorded is None:
        raise RequestError(
            "Expected points need play-by-play beside the tracking: name it with --pbp."
        )
    years = None if seasons is None else seasons_of(source, seasons)
    rows = read_play_by_play(recorded, seasons=years)
    return None if recorded_epa(rows) is not None else fit_expected_points(rows)


def read_plays_for(
    run: Run,
    data: Source | Selection,
    *,
    seasons: Seasons | None = None,
    games: Games = "regular",
    play_by_play: PlayByPlaySource | None = None,
    keep_seen: bool = False,
) -> Selection:
    """Read the plays of `data` that a run can predict, as it learned them.

    Args:
        run: The run.
        data: As for `read_plays`; plays that are selected already are checked alone.
        seasons: As for `read_plays`.
        games: As for `read_plays`.
        play_by_play: As for `read_plays`.
        keep_seen: Whether to keep plays that every network was trained on.

    Raises:
        RunError: The run learned nflverse's EPA, and `data` has none; or the run reads tracking
            and `data` is none, or the other way round.
        RequestError: Selected plays are to be selected again, or every network has seen the plays.
    """
    if isinstance(data, Selection):
        if seasons is not None or play_by_play is not None or games != "regular":
            raise RequestError(
                "seasons, games and play_by_play choose plays from data, but these plays are "
                "selected already: give these options to read_plays."
            )
        selection = data
        _require_kind(run, tracked=isinstance(data, TrackedSelection))
    else:
        reads_tracking = run.model.settings.sequence is not None
        source = open_source(data, tracked=reads_tracking)
        _require_kind(run, tracked=isinstance(source, PlayTensors))
        own = run.record.outcome_source == OWN_SOURCE
        selection = read_plays(
            source,
            seasons=seasons,
            plays=run.model.play_set,
            games=games,
            outcome=run.model.outcome,
            play_by_play=play_by_play,
            expected_points=load_expected_points(run.folder / "expected_points") if own else None,
            tracked=reads_tracking,
        )
    learned = run.record.outcome_source
    if run.model.outcome is Outcome.EPA and (found := selection.plays["epa_source"][0]) != learned:
        raise RunError(
            f"{run.folder}: the run learned EPA from {learned!r} and the plays have it from "
            f"{found!r}: use play-by-play from the same source."
        )
    if keep_seen or isinstance(data, Selection):
        return selection
    return keep_unseen(selection, run.model)


def _require_kind(run: Run, *, tracked: bool) -> None:
    reads = run.model.settings.sequence is not None
    if tracked != reads:
        needed, found = ("tracking", "play-by-play") if reads else ("play-by-play", "tracking")
        raise RunError(
            f"{run.folder} reads {needed} but the data are {found}: use a run trained on {found}, "
            f"or name a folder of {needed}."
        )


def features_of(selection: Selection) -> PlayInputs | None:
    """Tracking of selected plays; None where a model takes their own columns."""
    return selection.features if isinstance(selection, TrackedSelection) else None


def without_tracking(selection: Selection, model: PassModel) -> Selection:
    """Plays of the play-by-play without tracking, for a model of play-by-play.

    Raises:
        RequestError: There are none: no play-by-play was named, or all its plays are tracked.
    """
    if not isinstance(selection, TrackedSelection) or selection.untracked.is_empty():
        raise RequestError(
            "A static run takes the plays without tracking, and there are none: name play-by-play "
            "with --pbp that holds more plays than the tracking."
        )
    none = selection.left_out.clear()
    return keep_unseen(Selection(selection.untracked, none, (), 0), model)


def longer_than_trained(selection: Selection, record: RunRecord) -> int:
    """Number of tracked plays with more frames than any that the run was trained on."""
    if not isinstance(selection, TrackedSelection) or record.longest_frames is None:
        return 0
    return int((selection.features.lengths > record.longest_frames).sum())


def keep_unseen(selection: Selection, model: PassModel) -> Selection:
    """Leave out plays that every network of `model` was trained on, and count them.

    Raises:
        RequestError: None is left.
    """
    unseen = fold_of_plays(model, selection.plays) < model.members
    if unseen.all():
        return selection
    if not unseen.any():
        raise RequestError(
            "Every network of the model was trained on all of these plays: predict other plays, or "
            "train with a network for each fold."
        )
    kept = _take(selection, np.flatnonzero(unseen))
    seen = pl.DataFrame(
        {"reason": ["seen by every network"], "plays": [int((~unseen).sum())]},
        schema=selection.left_out.schema,
    )
    return replace(kept, left_out=pl.concat([seen, selection.left_out]))


def _take(selection: Selection, rows: Integers) -> Selection:
    plays = Plays.validate(selection.plays[rows])
    if isinstance(selection, TrackedSelection):
        return replace(selection, plays=plays, features=selection.features[rows])
    return replace(selection, plays=plays)


def sample_games(selection: Selection, sample: int, seed: int) -> Selection:
    """Keep whole games, drawn at random until they hold `sample` plays."""
    plays = selection.plays
    sizes = plays.group_by("game_id").len().sort("game_id")
    order = random_generator(seed).permutation(len(sizes))
    upto = np.searchsorted(np.cumsum(sizes["len"].to_numpy()[order]), sample) + 1
    drawn = plays["game_id"].is_in(sizes["game_id"][order[:upto]].implode())
    return _take(selection, np.flatnonzero(drawn.to_numpy()))
