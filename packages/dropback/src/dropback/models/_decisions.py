"""Judge a passer's choice of target and the throw apart, by the same play thrown to others.

At the release the play network gives a distribution of the yards of a throw to each eligible
receiver. The choice is the expected yards of the throw to the target against those of the others;
the throw is where the outcome fell within the distribution of the throw that was chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
import torch

from dropback.data._field import RATE_HZ
from dropback.errors import RequestError
from dropback.models._frame_columns import ENGINEERED, PLAYER_WIDTH
from dropback.models._model import whole_yard_distribution
from dropback.models._predict import (
    cdf_around,
    cdf_on_field,
    fold_of_plays,
    require_predictable,
    yard_mean,
)
from dropback.tracking._schema import FIRST_RECEIVER, PLAYERS, RECEIVERS
from dropback.tracking.tensors._features import NETWORK_QUANTITIES
from splicedpareto.nn import pooled_distribution

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dataframely as dy
    from torch import Tensor
    from torch.distributions import Distribution

    from dropback._arrays import Flags, Floats, Integers
    from dropback.data._tables import Plays
    from dropback.models._model import PassModel
    from dropback.models._play_batches import TrackedPlays
    from splicedpareto.nn import DistributionNetwork

EARLIER_S: Final = 0.5
"""Seconds before the release at which the throws that were there then are valued."""

LEAST_PROBABILITY: Final = 0.02
"""A receiver to whom fewer of such throws go is no alternative: most of them stay in to block."""

# The passer turns to the throw in the last half second; who is asked about another target must not
# see it.
_TURN_FRAMES: Final = round(EARLIER_S * RATE_HZ)
_ORIENTATION: Final = [
    NETWORK_QUANTITIES.index(f"orientation_{part}") for part in ("sine", "cosine")
]
_MARKER: Final = PLAYER_WIDTH - 1
# Five throws at two times each: 60 MB of columns.
_CHUNK: Final = 512


def decide_plays(
    model: PassModel, plays: dy.DataFrame[Plays], tracked: TrackedPlays
) -> pl.DataFrame:
    """Value each eligible receiver at the release, and the choice among them.

    Plays of training games are valued by the network that never saw the game. The passer's
    orientation in the last half second is hidden wherever throws are compared, from the chosen
    one too.

    Args:
        model: A run of play networks (encoder ``set``) of yards.
        plays: ``N`` plays.
        tracked: Their tracking.

    Returns:
        Columns of the plays in their order. Lists have an entry for each of the five receivers:
        ``receiver_slots``, ``expected_yards`` of a throw to them (null where not eligible) and
        ``target_probability``, how likely such a play is thrown to them. ``chosen_yards``,
        ``best_yards`` and ``average_yards`` are of the throw to the target, of the best
        alternative and of the alternatives by their probability; ``decision`` is the chosen less
        the best alternative, ``decision_average`` less the average one, null where there is no
        alternative. ``time`` is the best throw at the release less the best half a second before,
        null where that was before the snap: what waiting brought. ``execution`` is the mid-CDF of
        the outcome within the distribution of the chosen throw, in [0, 1].

    Raises:
        RequestError: A model of another kind, or plays without a target among the receivers.
        RunError: As for `predict_plays`.
    """
    settings = model.settings
    if settings.sequence is None or settings.sequence.encoder != "set":
        raise RequestError(
            "Decisions compare throws to each receiver, which needs a run of tracking with "
            "encoder 'set': train one with `dropback train TENSORS --out RUN`."
        )
    require_predictable(model, plays)
    place = tracked.target_places().numpy()
    if (lacking := int((place < 0).sum())) > 0:
        raise RequestError(
            f"A decision needs the target of the throw, and {lacking} of {len(plays)} plays name "
            "none among the receivers: keep plays with a target."
        )
    folds = fold_of_plays(model, plays)
    parts: dict[str, list[Floats]] = {}
    order = []
    for fold in np.unique(folds):
        networks = model.networks if fold < 0 else model.networks[fold : fold + 1]
        rows = np.flatnonzero(folds == fold)
        for chunk in np.array_split(rows, -(-len(rows) // _CHUNK)):
            order.append(chunk)
            for name, values in _decide(networks, plays[chunk], tracked[chunk]).items():
                parts.setdefault(name, []).append(values)
    at = np.argsort(np.concatenate(order))
    table = pl.DataFrame({name: np.concatenate(values)[at] for name, values in parts.items()})
    lists = ("receiver_slots", "expected_yards", "target_probability")
    return table.with_columns(
        *(pl.col(name).arr.to_list().list.eval(pl.element().fill_nan(None)) for name in lists[1:]),
        pl.col(lists[0]).arr.to_list(),
        pl.exclude(*lists).fill_nan(None),
    )


@torch.inference_mode()
def _decide(
    networks: Sequence[DistributionNetwork], plays: pl.DataFrame, tracked: TrackedPlays
) -> dict[str, Floats]:
    """The columns of `decide_plays` for a few plays; NaN where null."""
    place = tracked.target_places().numpy()
    each = np.arange(len(plays))
    low, high = (plays[name].to_numpy(writable=True) for name in ("yards_min", "yards_max"))
    eligible = _eligible(tracked)
    eligible[each, place] = True
    inputs = _hidden(*tracked.batch())
    probability = np.where(eligible, _probabilities(networks, *inputs), 0.0)
    probability /= probability.sum(axis=1, keepdims=True)
    expected = _expected(networks, inputs, low, high)
    considered = eligible & (probability >= LEAST_PROBABILITY)
    considered[each, place] = True
    chosen = expected[each, place]
    others = considered.copy()
    others[each, place] = False
    weight = np.where(others, probability, 0.0)
    alone = ~others.any(axis=1)
    best = np.where(alone, np.nan, np.where(others, expected, -np.inf).max(axis=1))
    with np.errstate(invalid="ignore"):
        average = (weight * expected).sum(axis=1) / weight.sum(axis=1)
    before = tracked.before_release(EARLIER_S)
    earlier = _expected(networks, _hidden(*before.batch()), low, high)
    first, last = (
        np.where(considered, yards, -np.inf).max(axis=1) for yards in (earlier, expected)
    )
    known = pooled_distribution(networks, *tracked.batch())
    cdf = _cdf(known, low, high)
    observed = plays["yards"].to_numpy()
    below, upto = cdf_around(cdf, observed)
    slots = np.broadcast_to(np.arange(RECEIVERS) + FIRST_RECEIVER, expected.shape)
    return {
        "receiver_slots": slots,
        "expected_yards": np.where(eligible, expected, np.nan),
        "target_probability": np.where(eligible, probability, np.nan),
        "chosen_yards": chosen,
        "best_yards": best,
        "average_yards": average,
        "decision": chosen - best,
        "decision_average": chosen - average,
        "time": np.where(tracked.reaches(EARLIER_S), last - first, np.nan),
        "execution": (below + upto) / 2,
    }


def _eligible(tracked: TrackedPlays) -> Flags:
    """Which receivers' slots hold an eligible player, shape ``(N, 5)``."""
    flags = tracked.tensors.plays["eligible_slots"][tracked.rows].to_numpy()
    return np.array(flags[:, FIRST_RECEIVER : FIRST_RECEIVER + RECEIVERS])


def _hidden(sequences: Tensor, lengths: Tensor, static: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs without the target and without where the passer faces in the last half second."""
    of_players = sequences[..., : ENGINEERED.start]
    players = of_players.view(*sequences.shape[:2], PLAYERS, PLAYER_WIDTH)
    players[..., _MARKER] = 0
    step = torch.arange(sequences.shape[1])
    late = step >= (lengths[:, None] - 1 - _TURN_FRAMES)
    for column in _ORIENTATION:
        players[:, :, 0, column] = torch.where(late, torch.nan, players[:, :, 0, column])
    return sequences, lengths, static


def _probabilities(networks: Sequence[DistributionNetwork], *inputs: Tensor) -> Floats:
    """How likely the throw goes to each receiver, the target unknown, shape ``(N, 5)``."""
    mixture = pooled_distribution(networks, *inputs)
    logits: Tensor = mixture.logits  # type: ignore[attr-defined]  # a `ReceiverMixture`
    return np.asarray(logits.double().softmax(-1).numpy())


def _expected(
    networks: Sequence[DistributionNetwork],
    inputs: tuple[Tensor, Tensor, Tensor],
    low: Integers,
    high: Integers,
) -> Floats:
    """Expected yards of a throw to each receiver in the last frame, shape ``(N, 5)``."""
    sequences, lengths, static = inputs
    plays = torch.arange(len(lengths))
    columns = []
    for receiver in range(RECEIVERS):
        marker = (FIRST_RECEIVER + receiver) * PLAYER_WIDTH + _MARKER
        sequences[plays, lengths - 1, marker] = 1
        distribution = pooled_distribution(networks, sequences, lengths, static)
        columns.append(yard_mean(_cdf(distribution, low, high)))
        sequences[plays, lengths - 1, marker] = 0
    return np.stack(columns, axis=1)


def _cdf(distribution: Distribution, low: Integers, high: Integers) -> Floats:
    """CDF at the whole yards that the field allows, shape ``(N, 211)``."""
    whole = whole_yard_distribution(distribution, low, high)
    return cdf_on_field(whole, int(low.min()), int(high.max()))
