"""Build the networks of a pass model from its settings, and choose its losses."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.data._tables import Outcome
from dropback.errors import RequestError
from dropback.models._frame_columns import FRAME_COLUMNS
from dropback.models._play_batches import TrackedPlays
from dropback.models._play_network import PlayNetwork
from dropback.models._receivers import throw_to_target
from dropback.tracking.tensors._features import STATIC_COLUMNS
from splicedpareto import objectives
from splicedpareto.nn import (
    DistributionNetwork,
    GaussianHead,
    MixtureHead,
    ResidualMLP,
    SequenceEncoder,
    SplicedBinnedParetoHead,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl
    from torch.distributions import Distribution

    from dropback.data._features import FeatureMatrix, FeatureSchema
    from dropback.models._settings import ModelSettings, SequenceSettings
    from splicedpareto.distributions import SplicedBinnedPareto
    from splicedpareto.nn import DistributionHead

PlayInputs: TypeAlias = "FeatureMatrix | TrackedPlays"
"""Inputs of N plays, indexed by rows: a matrix ``(N, F)`` of columns, or their tracking."""

# Points: 99.9 % of attempts lie within. Bins of 0.1 beat 0.05 and 0.2 in log score, and
# tail masses of 1 and 5 % beat 1 and 1, or 5 and 5 (research/epa_bins.py).
_EPA_BODY = 6.0
EPA_BIN = 0.1
EPA_HIGHEST = 14.0
"""No play of 2006-2023 is worth more points either way: from near one goal line to the other."""

# Mean and scale of a column from so many plays are right to 2 % of its spread.
_STANDARDIZED_PLAYS = 4096

OBJECTIVES: dict[Outcome, dict[str, Callable[..., Tensor]]] = {
    Outcome.YARDS: {
        "composite": objectives.composite_interval_nll,
        "exact": objectives.exact_interval_nll,
    },
    Outcome.EPA: {"composite": objectives.composite_nll, "exact": objectives.exact_nll},
}


# Of 100 completed passes of 2018-2020 one ends more than 8 yards behind the catch or 52 beyond it.
_RUN_EDGES = (-12, 60)
# Yards over which the floor falls by a factor of e, short of the catch point and beyond it. Of 2024
# of the simulated league (log score 2.291, PP error .0023) they cost .0035 nats and .0017; 4 and 4
# yards at a share of 0.03 cost .0047 and .0024.
_FLOOR_SHORT_YD, _FLOOR_BEYOND_YD = 3.0, 10.0
# Minus the yards of a return: of 2,900 none or few, so wider bins farther out.
_RETURN_EDGES = (-60, -50, -40, -30, -25, -20, -16, -12, -9, -6, -4, -2, -1, 0, 1, 6)


def network_inputs(
    features: PlayInputs, settings: ModelSettings, schema: FeatureSchema
) -> tuple[Tensor, ...]:
    """Tensors that a network takes of `features`, last the origin where its head takes one."""
    require_players(features, settings)
    inputs = _trunk_inputs(network_columns(features, schema))
    return (*inputs, catch_points(features, schema)) if needs_air_yards(settings) else inputs


def network_columns(features: PlayInputs, schema: FeatureSchema) -> PlayInputs:
    """What a network reads of plays: all but the weather."""
    return features if isinstance(features, TrackedPlays) else schema.without_weather(features)


def require_players(features: PlayInputs, settings: ModelSettings) -> None:
    """Refuse plays of sets that lack players for a network that reads all 22.

    Raises:
        RequestError: The encoder is ``tcn`` and a play lacks some.
    """
    sequence = settings.sequence
    if sequence is None or sequence.encoder == "set" or not isinstance(features, TrackedPlays):
        return
    if not features.complete:
        lacking = ", ".join(features.tensors.schema["lacks"])
        raise RequestError(
            f"encoder {sequence.encoder!r} reads all 22 players, and the set lacks some "
            f"({lacking}): take a run with encoder 'set'."
        )


def needs_air_yards(settings: ModelSettings) -> bool:
    """Whether yards are counted from air yards: tracking tells the catch itself."""
    return settings.family == "catch-point" and settings.sequence is None


def _trunk_inputs(features: PlayInputs) -> tuple[Tensor, ...]:
    if isinstance(features, TrackedPlays):
        return features.batch()
    return (torch.from_numpy(features),)


def catch_points(features: PlayInputs, schema: FeatureSchema) -> Tensor:
    """Where each pass comes down, in yards from the line of scrimmage, shape ``(N,)``.

    Raises:
        RequestError: The features have no air yards.
    """
    if isinstance(features, TrackedPlays) or "air_yards" not in schema.names:
        raise RequestError(
            "family 'catch-point' counts yards from the catch, and these plays have no air yards "
            "(a sack has none): take family 'sbp'."
        )
    return torch.from_numpy(features[:, schema.names.index("air_yards")])


def build_network(
    settings: ModelSettings, features: int, *, seed: int, inputs: PlayInputs | None = None
) -> DistributionNetwork:
    """Build a network with the initial weights of `seed`; the global random state stays as it was.

    Args:
        settings: What to build.
        features: Number of input columns ``F``, where a play is a row of columns.
        seed: Seed of the initial weights.
        inputs: Training inputs, to standardize by; None where weights are loaded next.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        if settings.sequence is None:
            trunk: nn.Module = _table_trunk(settings, features, inputs)
        elif settings.sequence.encoder == "set":
            network = PlayNetwork(settings, settings.sequence, partial(_head, settings))
            if inputs is not None:
                network.fit_standardization(*_trunk_inputs(_spread(inputs)))
            return network
        else:
            trunk = _sequence_trunk(settings, settings.sequence, inputs)
        return DistributionNetwork(trunk, _head(settings))


def _table_trunk(settings: ModelSettings, features: int, inputs: PlayInputs | None) -> ResidualMLP:
    trunk = ResidualMLP(
        features, width=settings.width, blocks=settings.blocks, dropout=settings.dropout
    )
    if inputs is not None:
        trunk.standardize.fit(*_trunk_inputs(inputs))
    return trunk


def _sequence_trunk(
    settings: ModelSettings, sequence: SequenceSettings, inputs: PlayInputs | None
) -> SequenceEncoder:
    trunk = SequenceEncoder(
        len(FRAME_COLUMNS),
        len(STATIC_COLUMNS),
        sequence.channels,
        settings.width,
        levels=sequence.levels,
        kernel_size=sequence.kernel_size,
        blocks=settings.blocks,
        dropout=settings.dropout,
        shortcut=sequence.shortcut,
    )
    if inputs is not None:
        trunk.fit_standardization(*_trunk_inputs(_spread(inputs)))
    return trunk


def _spread(inputs: PlayInputs) -> PlayInputs:
    """Plays from first to last to standardize by."""
    plays = min(len(inputs), _STANDARDIZED_PLAYS)
    return inputs[np.linspace(0, len(inputs) - 1, plays).astype(int)]


def _head(settings: ModelSettings) -> DistributionHead:
    if settings.family == "gaussian":
        # Mean and standard deviation of a targeted attempt, 2018-2020: 7 and 11 yards, 0.2 and
        # 1.6 points.
        location, scale = (7.0, 11.0) if settings.outcome is Outcome.YARDS else (0.2, 1.6)
        return GaussianHead(settings.width, location=location, scale=scale)
    if settings.family == "catch-point":
        floor = 0.0 if settings.sequence is None else settings.sequence.catch_floor
        return _catch_point_head(settings.width, floor)
    tails = settings.family == "sbp"
    return SplicedBinnedParetoHead(
        settings.width,
        _edges(settings, holds_all=not tails),
        lower_mass=settings.lower_tail_mass if tails else 0.0,
        upper_mass=settings.upper_tail_mass if tails else 0.0,
        scale=settings.tail_scale,
    )


class FlooredBinsHead(SplicedBinnedParetoHead):
    r"""State to `SplicedBinnedPareto` whose bins all keep some probability, its tails tied.

    A network that learned from simulated plays alone is sure of what real ones do not do. Bin
    :math:`k` has the share :math:`(1 - \sum_j f_j) \operatorname{softmax}(r)_k + f_k` of the body
    where the network predicts; it is trained without the floor, which it would learn to lean on.

    Args:
        in_features: Width ``C`` of the state.
        edges: Bin edges, shape ``(K + 1,)``.
        floor: Least share :math:`f` of each bin, shape ``(K,)``; the sum is below 1.
        lower_mass: Probability of the lower tail.
        upper_mass: Probability of the upper tail.
    """

    floor: Tensor

    def __init__(
        self,
        in_features: int,
        edges: Tensor,
        floor: Tensor,
        *,
        lower_mass: float,
        upper_mass: float,
    ) -> None:
        super().__init__(
            in_features, edges, lower_mass=lower_mass, upper_mass=upper_mass, scale="tied"
        )
        self.register_buffer("floor", floor, persistent=False)

    def distribution(self, raw: Tensor) -> SplicedBinnedPareto:
        """The distribution for raw parameters ``(*B, P)``."""
        if self.training:
            return super().distribution(raw)
        shares = (1 - self.floor.sum()) * raw[..., : self.bins].softmax(-1) + self.floor
        return super().distribution(torch.cat([shares.log(), raw[..., self.bins :]], -1))


def _catch_point_head(width: int, floor: float) -> MixtureHead:
    """Nothing, or the gain after the catch counted from there, or an interception's return."""
    edges = torch.arange(_RUN_EDGES[0], _RUN_EDGES[1] + 2) - 0.5
    lower, upper = 0.005, 0.02
    if floor:
        run = edges[:-1] + 0.5
        away = torch.where(run < 0, -run / _FLOOR_SHORT_YD, run / _FLOOR_BEYOND_YD)
        least = floor * (-away).softmax(0)
        runs: SplicedBinnedParetoHead = FlooredBinsHead(
            width, edges, least, lower_mass=lower, upper_mass=upper
        )
    else:
        runs = SplicedBinnedParetoHead(
            width, edges, lower_mass=lower, upper_mass=upper, scale="tied"
        )
    returns = SplicedBinnedParetoHead(
        width, torch.tensor(_RETURN_EDGES) - 0.5, lower_mass=0.02, upper_mass=0.0, scale="tied"
    )
    # Shares of the targeted attempts of 2018-2020.
    return MixtureHead(width, [0.0, runs, returns], weights=[0.31, 0.67, 0.02], from_origin=[1])


def _edges(settings: ModelSettings, *, holds_all: bool) -> Tensor:
    """Edges of the bins; without tails nothing lies outside, so they must hold every outcome."""
    if settings.outcome is Outcome.EPA:
        highest = EPA_HIGHEST if holds_all else _EPA_BODY
        return torch.linspace(-highest, highest, round(2 * highest / EPA_BIN) + 1)
    low, high = (
        (YARDS_LOWEST, YARDS_HIGHEST)
        if holds_all
        else (settings.lowest_bin_yd, settings.highest_bin_yd)
    )
    return torch.arange(low, high + 2) - 0.5


def observed_targets(plays: pl.DataFrame, outcome: Outcome) -> tuple[Tensor, ...]:
    """Targets of the objectives, each shape ``(N,)``: both ends of an interval of yards, or EPA."""
    if outcome is Outcome.YARDS:
        return observed_interval(plays)
    return (torch.tensor(plays["epa"].to_numpy(), dtype=torch.float32),)


def observed_interval(plays: pl.DataFrame) -> tuple[Tensor, Tensor]:
    """Interval in which the latent yards of each play lie, shape ``(N,)`` each end.

    Yards are whole, so ``y`` means ``(y - 1/2, y + 1/2]``. A touchdown says only that the gain
    would have been at least the distance to the goal line; a return to the passer's goal line says
    the same below.
    """
    yards = plays["yards"].to_numpy()
    lower = np.where(yards <= plays["yards_min"].to_numpy(), -np.inf, yards - 0.5)
    upper = np.where(yards >= plays["yards_max"].to_numpy(), np.inf, yards + 0.5)
    return torch.tensor(lower, dtype=torch.float32), torch.tensor(upper, dtype=torch.float32)


def training_objective(settings: ModelSettings) -> Callable[..., Tensor]:
    """Loss that `settings` name, as a function of a distribution and `observed_targets`."""
    objective = (
        OBJECTIVES[settings.outcome][settings.objective]
        if settings.family == "sbp"
        else validation_objective(settings)  # the scales of ``catch-point`` are tied
    )
    if settings.sequence is not None and settings.sequence.encoder == "set":
        return throw_to_target(objective)
    return objective


def validation_objective(settings: ModelSettings) -> Callable[..., Tensor]:
    """Log score of the outcome: proper, whatever loss the network was trained by."""
    return exact_log_score if settings.outcome is Outcome.YARDS else _density_log_score


def exact_log_score(distribution: Distribution, lower: Tensor, upper: Tensor, *_: Tensor) -> Tensor:
    """Minus the log probability of the observed interval, whoever the target was."""
    log_prob: Tensor = distribution.log_prob_interval(lower, upper)  # type: ignore[attr-defined]  # all ours
    return -log_prob


def _density_log_score(distribution: Distribution, value: Tensor) -> Tensor:
    """Minus the log density at the observed value."""
    return -distribution.log_prob(value)
