"""Which plays: from files to the plays that a model is trained on or asked about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback.data._play_by_play import read_play_by_play
from dropback.data._selection import Games, Selection, select_plays
from dropback.data._tables import Outcome, Plays, PlaySet
from dropback.errors import RequestError, RunError
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
from dropback.models._store import read_record
from dropback.tracking.tensors._attempts import select_tracked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import dataframely as dy
    import numpy.typing as npt

    from dropback.data._play_by_play import PlayByPlaySource
    from dropback.expected_points import ExpectedPoints
    from dropback.models._model import PassModel
    from dropback.models._network import PlayInputs
    from dropback.models._store import RunRecord
    from dropback.tracking.tensors._play_tensors import PlayTensors

__all__ = [
    "TrackedSelection",
    "TrackingSource",
    "features_of",
    "fit_expected_points_for",
    "keep_unseen",
    "longer_than_trained",
    "parse_seasons",
    "sample_games",
    "select_for_run",
    "select_from",
    "take",
    "without_tracking",
]


def parse_seasons(text: str) -> tuple[int, ...]:
    """Seasons from ``2018-2020``, ``2021`` or ``2016,2018-2020``.

    Raises:
        RequestError: Anything else.

    Example:
        >>> parse_seasons("2016,2018-2020")
        (2016, 2018, 2019, 2020)
    """
    seasons: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            start, stop = int(first), int(last if dash else first)
        except ValueError:
            start, stop = 1, 0
        if not 1920 <= start <= stop <= 2100:
            raise RequestError(
                f"Seasons must be years like 2021, 2018-2020 or 2016,2018-2020, got {text!r}."
            )
        seasons.update(range(start, stop + 1))
    return tuple(sorted(seasons))


@dataclass(frozen=True)
class TrackingSource:
    """Plays with tracking.

    Attributes:
        tensors: Their features, as `dropback.tracking.build_tensors` makes them.
        play_by_play: Says what came of the plays; None takes the tracking set's own word.
    """

    tensors: PlayTensors
    play_by_play: PlayByPlaySource | None = None


@dataclass(frozen=True)
class TrackedSelection(Selection):
    """Plays with tracking, and those of the play-by-play that have none.

    Attributes:
        features: What the network takes of the plays, in their order.
        untracked: Plays of the play-by-play without tracking, for a model of play-by-play.
    """

    features: TrackedPlays
    untracked: dy.DataFrame[Plays]


def select_from(
    source: PlayByPlaySource | TrackingSource,
    *,
    seasons: Iterable[int] | None,
    plays: PlaySet = PlaySet.TARGETED,
    games: Games = "regular",
    outcome: Outcome = Outcome.YARDS,
    expected_points: ExpectedPoints | None = None,
) -> Selection:
    """Read play-by-play, or open tracking, and select the plays to model.

    Args:
        source: Play-by-play, or plays with tracking.
        seasons: Seasons to keep; None keeps all.
        plays: Which plays.
        games: Which games.
        outcome: What the plays are judged by.
        expected_points: Values situations where the outcome is EPA; None reads nflverse's.

    Returns:
        The plays; a `TrackedSelection` where `source` is tracking.
    """
    wanted = None if seasons is None else tuple(seasons)
    recorded = source.play_by_play if isinstance(source, TrackingSource) else source
    rows = None if recorded is None else read_play_by_play(recorded, seasons=wanted)
    if rows is not None and outcome is Outcome.EPA:
        rows = attach_epa(rows, expected_points_added(rows, expected_points))
    if isinstance(source, TrackingSource):
        return _select_tracked(source, rows, wanted, plays, games, outcome)
    assert rows is not None  # noqa: S101  # play-by-play was read above
    return select_plays(rows, plays=plays, games=games, outcome=outcome)


def _select_tracked(
    source: TrackingSource,
    rows: pl.DataFrame | None,
    seasons: tuple[int, ...] | None,
    plays: PlaySet,
    games: Games,
    outcome: Outcome,
) -> TrackedSelection:
    table = source.tensors.plays
    wanted = np.arange(table.height)
    if seasons is not None:
        wanted = wanted[table["season"].is_in(seasons).to_numpy()]
        if not len(wanted):
            held = ", ".join(map(str, sorted(set(table["season"]))))
            raise RequestError(
                f"The tracking holds no play of the seasons asked for; it holds {held}."
            )
    found = select_tracked(
        table[wanted], play_by_play=rows, play_set=plays, games=games, outcome=outcome
    )
    return TrackedSelection(
        plays=found.plays,
        left_out=found.left_out,
        missing_columns=(),
        features=TrackedPlays(source.tensors, wanted[found.rows]),
        untracked=found.untracked,
    )


def fit_expected_points_for(
    source: PlayByPlaySource | TrackingSource,
    *,
    seasons: Iterable[int] | None,
    stored: Path | None = None,
) -> ExpectedPoints | None:
    """The model that values the snaps of `source`, None where nflverse's EPA is there to read.

    Args:
        source: Play-by-play, or tracking with play-by-play beside it.
        seasons: Seasons to fit on: all their games, playoffs too.
        stored: Folder of a model that was fitted before; None fits one.
    """
    if stored is not None:
        return load_expected_points(stored)
    recorded = source.play_by_play if isinstance(source, TrackingSource) else source
    if recorded is None:
        raise RequestError(
            "Expected points need play-by-play beside the tracking: name it with --pbp."
        )
    rows = read_play_by_play(recorded, seasons=seasons)
    return None if recorded_epa(rows) is not None else fit_expected_points(rows)


def select_for_run(
    model: PassModel,
    source: PlayByPlaySource | TrackingSource,
    *,
    seasons: Iterable[int] | None,
    games: Games,
    run: Path | None = None,
) -> Selection:
    """The plays of `source` that a run can predict.

    Args:
        model: Of the run.
        source: Play-by-play, or tracking for a play network.
        seasons: Seasons to keep.
        games: Which games.
        run: The run's folder, which says where EPA came from; needed where that is the outcome.

    Raises:
        RunError: The run learned nflverse's EPA, and `source` has none; or the run reads tracking
            and `source` is none, or the other way round.
    """
    if isinstance(source, TrackingSource) == (model.settings.sequence is None):
        reads, given = ("tracking", "play-by-play")[:: 1 if model.settings.sequence else -1]
        raise RunError(
            f"The run reads {reads} and was given {given}: use a run trained on {given}, or "
            f"name a folder of {reads}."
        )
    wanted = read_record(run).outcome_source if run is not None else None
    if wanted == OWN_SOURCE and run is not None:
        expected_points = load_expected_points(run / "expected_points")
    else:
        expected_points = None
    selection = select_from(
        source,
        seasons=seasons,
        plays=model.play_set,
        games=games,
        outcome=model.outcome,
        expected_points=expected_points,
    )
    if model.outcome is Outcome.EPA and (found := selection.plays["epa_source"][0]) != wanted:
        raise RunError(
            f"{run}: the run learned EPA from {wanted!r} and the plays have it from {found!r}: "
            "use play-by-play from the same source."
        )
    return selection


def features_of(selection: Selection) -> PlayInputs | None:
    """What is known of selected plays beside their own columns: their tracking, or nothing."""
    return selection.features if isinstance(selection, TrackedSelection) else None


def without_tracking(selection: Selection, model: PassModel) -> Selection:
    """The plays beside a tracked selection that have no tracking, for a model of play-by-play.

    Raises:
        RequestError: There are none: no play-by-play was given, or all its plays are tracked.
    """
    if not isinstance(selection, TrackedSelection) or selection.untracked.is_empty():
        raise RequestError(
            "A static run takes the plays without tracking, and there are none: name play-by-play "
            "with --pbp that holds more plays than the tracking."
        )
    none = selection.left_out.clear()
    return keep_unseen(Selection(selection.untracked, none, ()), model)


def longer_than_trained(selection: Selection, record: RunRecord) -> int:
    """How many tracked plays have more frames than any that the run was trained on."""
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
            "Every network of the model was trained on all of these plays: give it others, or "
            "train with a network for each fold."
        )
    kept = take(selection, np.flatnonzero(unseen))
    seen = pl.DataFrame(
        {"reason": ["seen by every network"], "plays": [int((~unseen).sum())]},
        schema=selection.left_out.schema,
    )
    return replace(kept, left_out=pl.concat([seen, selection.left_out]))


def take(selection: Selection, rows: npt.NDArray[np.int64]) -> Selection:
    plays = Plays.validate(selection.plays[rows])
    if isinstance(selection, TrackedSelection):
        return replace(selection, plays=plays, features=selection.features[rows])
    return replace(selection, plays=plays)


def sample_games(selection: Selection, sample: int, seed: int) -> Selection:
    plays = selection.plays
    sizes = plays.group_by("game_id").len().sort("game_id")
    order = np.random.default_rng(seed).permutation(len(sizes))
    upto = np.searchsorted(np.cumsum(sizes["len"].to_numpy()[order]), sample) + 1
    drawn = plays["game_id"].is_in(sizes["game_id"][order[:upto]].implode())
    return take(selection, np.flatnonzero(drawn.to_numpy()))
