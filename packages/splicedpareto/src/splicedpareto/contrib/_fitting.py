"""What a regressor is built from: its rules, its network, what a fit minimizes and stops by."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from splicedpareto import objectives
from splicedpareto.contrib._target import Target, describe_target
from splicedpareto.contrib._warnings import warn_of_far_targets, warn_of_targets
from splicedpareto.distributions._checks import (
    require_choice,
    require_number,
    require_switch,
    require_whole,
)
from splicedpareto.nn import DistributionNetwork, ResidualMLP, SequenceEncoder
from splicedpareto.nn._edges import check_bins
from splicedpareto.nn._head_checks import check_masses
from splicedpareto.nn._heads import initial_concentration
from splicedpareto.nn._sample import USUAL_RANGE
from splicedpareto.training import FitSettings, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

    from splicedpareto.contrib._outcomes import Outcomes
    from splicedpareto.contrib._rows import Rows
    from splicedpareto.training import FitResult

Ends: TypeAlias = tuple[Tensor, Tensor]

# Width of a bin around a target that never varies, in units of its last digit.
_ROOM = 8
# What a network is built from; all else may change in a fit that goes on.
_BUILT_FROM = (
    *("bins", "spacing", "outside", "lower_mass", "upper_mass", "concentration_range"),
    *("support", "atoms", "discrete", "moving", "statistic"),
    *("width", "blocks", "levels", "kernel_size", "dropout"),
)
# Log score, in nats, from which on rows that are held out count alike.
_WORST_SCORE = 15.0


def checked_settings(parameters: Mapping[str, Any], seed: int) -> FitSettings:
    """Settings of the fit, after a check of every parameter of the regressor.

    Args:
        parameters: Parameters by their names.
        seed: Drawn from the random state.

    Raises:
        ValueError: A parameter breaks its rule.
    """
    of = SimpleNamespace(**parameters)
    require_choice("statistic", of.statistic, "median", "mean")
    require_choice("objective", of.objective, "composite", "crps", "composite+crps")
    for name in ("discrete", "moving", "early_stopping", "warm_start"):
        require_switch(name, parameters[name])
    check_bins(of.bins)
    for name, least in (("width", 1), ("blocks", 0), ("levels", 1), ("kernel_size", 1)):
        require_whole(name, parameters[name], least)
    for name in ("max_epochs", "batch_size", "patience"):
        require_whole(name, parameters[name], 1)
    require_number("validation_share", of.validation_share)
    check_masses(*(0.0 if mass is None else mass for mass in (of.lower_mass, of.upper_mass)))
    if of.concentration_range is not None:
        initial_concentration(of.concentration_range)
        if of.statistic == "mean" and not of.concentration_range[1] <= 1:
            raise ValueError(
                "concentration_range must end at 1 at most where statistic is 'mean', got "
                f"{of.concentration_range}: from 1 on a mean is infinite. Predict the median."
            )
    if of.discrete and of.objective != "composite":
        raise ValueError(
            f"objective must be 'composite' where discrete is True, got {of.objective!r}."
        )
    if not 0 < of.validation_share < 1:
        raise ValueError(f"validation_share must be in (0, 1), got {of.validation_share}.")
    return FitSettings(
        max_epochs=of.max_epochs,
        batch_size=of.batch_size,
        learning_rate=of.learning_rate,
        weight_decay=of.weight_decay,
        patience=of.patience,
        seed=seed,
        device=of.device,
        averaging=of.averaging,
    )


def beginning(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What of the parameters a network is built from, as plain numbers, words and lists."""
    return {name: np.asarray(parameters[name], dtype=object).tolist() for name in _BUILT_FROM}


def check_goes_on(
    began: Mapping[str, Any],
    parameters: Mapping[str, Any],
    target: Target,
    network: DistributionNetwork,
    rows: Rows,
    outcomes: Outcomes,
) -> None:
    """Raise unless the fit of a network can go on, and warn where its bins miss the targets.

    Args:
        began: `beginning` of the parameters when the network was built.
        parameters: Parameters now.
        target: The target as the network learned it.
        network: The network.
        rows: Rows of the fit that goes on.
        outcomes: Their targets.

    Raises:
        ValueError: A parameter that the network was built from has changed, rows have other
            columns, or targets break the target's rules.
    """
    for name, now in beginning(parameters).items():
        if now != began[name]:
            raise ValueError(
                f"{name} must stay {began[name]!r} in a fit that goes on, got {now!r}: set "
                "warm_start=False to fit anew."
            )
    columns = int(network.trunk.get_buffer("standardize.mean").shape[0])
    if rows.values.shape[-1] != columns:
        raise ValueError(
            f"X must have {columns} columns, as in the fit that goes on, got "
            f"{rows.values.shape[-1]}: set warm_start=False to begin anew."
        )
    target.check(outcomes)
    warn_of_far_targets(outcomes, target, network.head)


def training_objective(name: str, *, known: bool) -> Callable[..., Tensor]:
    """Loss of a distribution at the lower and upper ends of its targets.

    Args:
        name: The regressor's `objective`.
        known: Whether all targets are known: no interval then needs to be measured, which costs
            as much again.
    """
    composite = _known_nll if known else objectives.composite_censored_nll
    if name == "composite":
        return composite
    beside = objectives.movement_nll if name == "crps" else composite

    def with_crps(dist: Any, lower: Tensor, upper: Tensor) -> Tensor:  # noqa: ANN401
        score = objectives.crps_censored_loss(dist, lower, upper)
        return score + beside(dist, lower, upper)

    return with_crps


def _known_nll(dist: Any, value: Tensor, _: Tensor) -> Tensor:  # noqa: ANN401
    return objectives.composite_nll(dist, value)


def stopping_score(name: str, dist: Any, lower: Tensor, upper: Tensor) -> Tensor:  # noqa: ANN401
    """Proper score by which a fit stops: the log score, the CRPS, or both.

    A composite likelihood gains by bins that move away from an outcome outside them. The log
    score is capped, so that no outlier among the rows held out decides.
    """
    score = lower.new_zeros(())
    if name != "crps":
        known = lower == upper
        log_prob = dist.log_prob(torch.where(known, lower, 0))
        if not known.all():
            interval = dist.log_prob_interval(
                torch.where(known, lower - 1, lower), torch.where(known, lower, upper)
            )
            log_prob = torch.where(known, log_prob, interval)
        score = score - log_prob.clamp(min=-_WORST_SCORE)
    if name != "composite":
        score = score + objectives.crps_censored_loss(dist, lower, upper)
    return score


def begin_network(
    parameters: Mapping[str, Any], rows: Rows, outcomes: Outcomes, weight: Tensor, seed: int
) -> tuple[Target, DistributionNetwork, Rows]:
    """A target's description, a network that starts at its distribution, and rows of its type.

    Args:
        parameters: Parameters of the regressor by their names, checked.
        rows: Training rows.
        outcomes: Their targets.
        weight: Their weights, above 0.
        seed: Of the initial weights.

    Raises:
        ValueError: Targets that break a rule; see `describe_target`.
    """
    of, dtype = SimpleNamespace(**parameters), rows.values.dtype
    target = describe_target(
        outcomes,
        weight,
        support=of.support,
        atoms=of.atoms,
        discrete=of.discrete,
        bins=of.bins,
        moving=of.moving,
        resolution=_ROOM * of.bins * torch.finfo(dtype).eps,
    )
    warn_of_targets(outcomes, weight, target)
    seen = outcomes.within(target.support)

    def network(dtype: torch.dtype) -> DistributionNetwork:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            trunk = build_trunk(
                parameters, rows.values.shape[-1], is_sequence=rows.lengths is not None
            )
            concentrations = of.concentration_range
            if concentrations is None and of.statistic == "mean":
                concentrations = USUAL_RANGE
            head = target.head(
                of.width,
                *outcomes.imputed(target.scale, target.support, weight),
                dtype,
                seen=seen.values[seen.lower.isfinite() & seen.upper.isfinite()],
                bins=of.bins,
                spacing=of.spacing,
                outside=of.outside,
                lower_mass=of.lower_mass,
                upper_mass=of.upper_mass,
                concentration_range=concentrations,
                moving=of.moving,
            )
        return DistributionNetwork(trunk, head).to(dtype)

    built = network(dtype)
    if not target.resolves(built.head, dtype):
        built = network(torch.float64)
    trunk, rows = built.trunk, rows.typed(built)
    if isinstance(trunk, SequenceEncoder):
        trunk.fit_standardization(*rows.inputs, weight=weight)
    elif isinstance(trunk, ResidualMLP):
        trunk.standardize.fit(rows.values, weight)
    return target, built, rows


def build_trunk(parameters: Mapping[str, Any], columns: int, *, is_sequence: bool) -> nn.Module:
    """The network before its head, of rows with so many columns."""
    of = SimpleNamespace(**parameters)
    if not is_sequence:
        return ResidualMLP(columns, of.width, blocks=of.blocks, dropout=of.dropout, robust=True)
    return SequenceEncoder(
        columns,
        0,
        of.width,
        of.width,
        levels=of.levels,
        kernel_size=of.kernel_size,
        blocks=of.blocks,
        dropout=of.dropout,
        robust=True,
    )


def fit_network(
    network: DistributionNetwork,
    training: tuple[Rows, Ends, Tensor],
    validation: tuple[Rows, Ends] | None,
    held_out: Tensor,
    *,
    objective: str,
    settings: FitSettings,
    stops_early: bool,
) -> FitResult:
    """Fit a network to rows, and judge it by others: those given, held out, or the same again.

    Args:
        network: Fitted in place.
        training: Rows, lower and upper ends of their targets in the network's unit, and weights.
        validation: Rows and ends to judge by, or None.
        held_out: Which rows of `training` are not trained on, shape ``(n,)``.
        objective: Its name.
        settings: Of the fit.
        stops_early: Whether the fit stops by a validation, if there is one.
    """
    rows, ends, weight = training

    def dataset(rows: Rows, ends: Ends, weight: Tensor) -> TensorDataset:
        outcome = (tensor.to(rows.values.dtype) for tensor in (*ends, weight / weight.mean()))
        return TensorDataset(*rows.inputs, *outcome)

    def part(index: Tensor) -> TensorDataset:
        return dataset(rows.take(index), (ends[0][index], ends[1][index]), weight[index])

    if validation is not None:
        judged = dataset(*validation, torch.ones(validation[0].count))
    else:
        judged = part(held_out if held_out.any() else ~held_out)
    if not (stops_early and (validation is not None or held_out.any())):
        settings = replace(settings, patience=settings.max_epochs)
    with tempfile.TemporaryDirectory() as folder:
        return fit(
            network,
            part(~held_out),
            judged,
            inputs=len(rows.inputs),
            objective=objectives.weighted(training_objective(objective, known=torch.equal(*ends))),
            validation_objective=objectives.weighted(partial(stopping_score, objective)),
            settings=settings,
            folder=Path(folder),
        )
