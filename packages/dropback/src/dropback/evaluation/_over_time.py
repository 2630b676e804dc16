"""Evaluate forecasts by time since the snap and by time before the release.

The true distribution at every moment is calibrated at a time since the snap, among all plays in
which the passer still holds the ball: which plays these are is known at that moment. At a time
before the release it need not be, because the future decides which plays are evaluated. Say that
half of the plays are thrown after 1 second and gain 0 yards, the others after 2 and gain 10. At
the snap the true distribution gives each gain one half, and after more than a second it is certain
of 10. One second before the release, the short plays are at the snap, where their PIT lies in the
lower half, and the long ones are certain: three quarters of all values lie below one half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl

from dropback.data._field import RATE_HZ
from dropback.evaluation._calibration import Evaluation, evaluate
from dropback.models._predict import predict_plays

if TYPE_CHECKING:
    import dataframely as dy

    from dropback._arrays import Flags, Integers
    from dropback.data import Plays, Predictions
    from dropback.models._model import Predictor
    from dropback.models._play_batches import TrackedPlays

TIMES_SINCE_SNAP_S = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
"""Seconds since the snap at which forecasts are evaluated: calibration must hold there."""

TIMES_BEFORE_RELEASE_S = (2.0, 1.5, 1.0, 0.5, 0.0)
"""Seconds before the release at which forecasts are evaluated: the gain of each half second."""


@dataclass(frozen=True)
class OverTime:
    """Evaluations of a model's distributions at moments of the same plays.

    Attributes:
        since_snap: Seconds since the snap to the evaluation of the plays in which the ball is
            still in the passer's hands; times that no play reaches are absent.
        before_release: Seconds before the release to the evaluation of the plays that last longer
            than the first of `TIMES_BEFORE_RELEASE_S`; empty where none does.
    """

    since_snap: dict[float, Evaluation]
    before_release: dict[float, Evaluation]


def evaluate_over_time(
    model: Predictor,
    plays: dy.DataFrame[Plays],
    features: TrackedPlays,
    released: dy.DataFrame[Predictions],
    *,
    name: str,
    seed: int,
) -> OverTime:
    """Evaluate a model's forecasts over time; a forecast in both tables is computed once.

    Args:
        model: A model with a distribution at every frame.
        plays: The plays.
        features: Tracking of them up to the release.
        released: The model's predictions at the release, in their order.
        name: Name of the model.
        seed: Seed of the randomized PIT and the bootstrap.
    """
    release = features.lengths - 1
    since, before = {}, {}
    for seconds in TIMES_SINCE_SNAP_S:
        held = np.flatnonzero(release > round(seconds * RATE_HZ))
        if len(held):
            since[seconds] = (held, release[held] - round(seconds * RATE_HZ))
    long = np.flatnonzero(features.reaches(TIMES_BEFORE_RELEASE_S[0]))
    if len(long):
        for seconds in TIMES_BEFORE_RELEASE_S:
            before[seconds] = (long, np.full(len(long), round(seconds * RATE_HZ)))
    # A forecast is identified by its play and its number of frames before the release.
    needed = np.zeros((len(plays), int(release.max(initial=0)) + 1), bool)
    for rows, frames in (*since.values(), *before.values()):
        needed[rows, frames] = True
    place, distributions = _distributions(model, plays, features, released, needed, seed)

    def evaluated(rows: Integers, frames: Integers) -> Evaluation:
        chosen = cast("dy.DataFrame[Predictions]", distributions[place[rows, frames]])
        return evaluate(_rows_of(plays, rows), {name: chosen}, seed=seed)

    return OverTime(
        {seconds: evaluated(*places) for seconds, places in since.items()},
        {seconds: evaluated(*places) for seconds, places in before.items()},
    )


def _rows_of(plays: dy.DataFrame[Plays], rows: Integers) -> dy.DataFrame[Plays]:
    """Some of the plays: valid as all are, which is not checked again at each of fifty moments."""
    return cast("dy.DataFrame[Plays]", plays[rows])


def _distributions(
    model: Predictor,
    plays: dy.DataFrame[Plays],
    features: TrackedPlays,
    released: dy.DataFrame[Predictions],
    needed: Flags,
    seed: int,
) -> tuple[Integers, pl.DataFrame]:
    """Predictions of each play and frame before the release in `needed`, and the row of each."""
    place = np.full(needed.shape, -1)
    tables: list[pl.DataFrame] = [released.clear()]
    count = 0
    for cut in np.flatnonzero(needed.any(axis=0)).tolist():
        rows = np.flatnonzero(needed[:, cut])
        place[rows, cut] = count + np.arange(len(rows))
        count += len(rows)
        tables.append(
            released[rows]
            if cut == 0
            else predict_plays(
                model,
                _rows_of(plays, rows),
                features=features[rows].before_release(cut / RATE_HZ),
                # Each cut has random numbers of its own: a table joins many cuts, and with the
                # same numbers in each its PIT values would not be independent.
                seed=int(np.random.SeedSequence([seed, cut]).generate_state(1)[0]),
            )
        )
    return place, pl.concat(tables)
