"""Parameters of a spliced binned-Pareto distribution: their rules and what they define."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import torch

from splicedpareto.distributions._base import broadcast_shapes, broadcast_tensors
from splicedpareto.distributions._bins import Bins, Quantile
from splicedpareto.distributions._checks import are_all, lie_between, require, require_finite
from splicedpareto.distributions._compiled_distribution import CompiledDistribution
from splicedpareto.distributions._distribution import SplicedDistribution
from splicedpareto.distributions._eager import is_eager
from splicedpareto.distributions._kernels import safe_log
from splicedpareto.distributions._lazy import lazy
from splicedpareto.distributions._rows import RowSums
from splicedpareto.distributions._tails import Tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["DEFAULT_MASS", "Splice", "SplicedParameters"]

Splice = Literal["quantile", "edge"]
Pair = tuple["Tensor", "Tensor"]

# Ehrlich, Callot and Aubet (2021), section 4: the 5th and the 95th percentile.
DEFAULT_MASS = 0.05


@dataclass(frozen=True, eq=False)
class SplicedParameters:
    """Parameters as given, of one dtype and device, before they are broadcast.

    Pairs hold the lower and the upper tail's. Their meaning is `SplicedBinnedPareto`'s.
    """

    logits: Tensor
    edges: Tensor
    concentrations: Pair
    scales: tuple[Tensor | None, Tensor | None]
    masses: Pair
    splice: Splice
    _kept: tuple[tuple[int, ...], RowSums] | None = field(default=None, init=False)
    _kept_distribution: tuple[tuple[int, ...], CompiledDistribution] | None = field(
        default=None, init=False
    )

    @property
    def _tensors(self) -> list[Tensor]:
        given = [self.logits, self.edges, *self.concentrations, *self.scales, *self.masses]
        return [tensor for tensor in given if tensor is not None]

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient to any parameter is asked for."""
        return any(tensor.requires_grad for tensor in self._tensors)

    @property
    def version(self) -> tuple[int, ...]:
        """Count of the in-place changes of each parameter, 0 where torch does not count them."""
        return tuple(_version(tensor) for tensor in self._tensors)

    @lazy
    def batch_shape(self) -> torch.Size:
        """Shape to which all parameters broadcast, without the bins' dimension."""
        with_bins, scalars = self._tensors[:2], self._tensors[2:]
        return broadcast_shapes(
            *(tensor.shape[:-1] for tensor in with_bins), *(tensor.shape for tensor in scalars)
        )

    def check_structure(self) -> None:
        """Raise unless types and shapes fit each other and the splice."""
        if self.splice not in {"quantile", "edge"}:
            raise ValueError(f"splice must be 'quantile' or 'edge', got {self.splice!r}.")
        if self.splice == "edge" and not _are_default(self.masses):
            raise ValueError(
                "lower_mass and upper_mass must be left out with splice='edge', got "
                f"{self.masses[0].tolist()} and {self.masses[1].tolist()}: the first and last "
                "logits hold the tails' probabilities there, and -inf switches a tail off."
            )
        if self.edges.dim() == 0 or self.edges.shape[-1] < 2:
            raise ValueError(
                f"edges must hold at least 2 edges, got shape {tuple(self.edges.shape)}."
            )
        bins = self.edges.shape[-1] - 1
        entries = bins + 2 * (self.splice == "edge")
        if self.logits.dim() == 0 or self.logits.shape[-1] != entries:
            raise ValueError(
                f"logits must end in {entries} entries for {bins} bins and "
                f"splice={self.splice!r}, got shape {tuple(self.logits.shape)}."
            )
        try:
            _ = self.batch_shape
        except RuntimeError as error:
            raise ValueError(f"The parameters' shapes must broadcast: {error}.") from error

    @torch.no_grad()
    def check_values(self) -> None:
        """Raise unless every parameter keeps its rule."""
        if self._are_surely_sound():
            return
        require_finite("edges", self.edges)
        steps = self.edges.diff()
        require(steps > 0, "edges", "strictly increasing, with steps above 0", steps)
        bins = self.logits if self.splice == "quantile" else self.logits[..., 1:-1]
        usable = ~self.logits.isnan() & (self.logits != math.inf)
        require(usable, "logits", "finite or -inf", self.logits)
        largest = bins.amax(-1)
        require(largest > -math.inf, "logits", "finite for at least one bin", largest)
        for side, concentration in zip(_SIDES, self.concentrations, strict=True):
            require_finite(f"{side}_concentration", concentration)
        for side, mass in zip(_SIDES, self.masses, strict=True):
            require((mass >= 0) & (mass < 1), f"{side}_mass", "in [0, 1)", mass)
        both = self.masses[0] + self.masses[1]
        rule = "below 1, to leave a body between the tails"
        require(both < 1, "lower_mass + upper_mass", rule, both)
        for side, scale in zip(_SIDES, self.scales, strict=True):
            if scale is not None:
                rule = "positive and finite"
                require((scale > 0) & (scale < math.inf), f"{side}_scale", rule, scale)

    def _are_surely_sound(self) -> bool:
        """Tell in few passes whether every rule is kept; if not told, the single tests decide."""
        lower, upper = self.masses
        rows = self._rows()
        positive = [self.edges.diff(), *(scale for scale in self.scales if scale is not None)]
        bins = [self.logits[..., 1:-1].amax(-1)] if self.splice == "edge" else []
        if rows is not None and is_eager(*self._tensors):
            # A row's total is NaN where a logit is unusable, or none is finite.
            return (
                lie_between(0, math.inf, torch.from_numpy(rows.total), *positive)
                and lie_between(-math.inf, math.inf, *self.concentrations, *bins)
                and lie_between(-math.ulp(0), 1, lower, upper, lower + upper)
            )
        # Each rule has a number that is finite only where it is kept, so one sum tells of all. The
        # largest logit is NaN where any entry is, and infinite where one or all are.
        logs = _joined([*positive, 1 - (lower + upper)]).log()
        finite = [logs, lower.sqrt(), upper.sqrt(), *self.concentrations, *bins]
        total = _joined([*finite, self.logits.amax(-1)]).sum()
        return are_all(total - total == 0)

    @torch.no_grad()
    def check_tied_scales(self) -> None:
        """Raise unless a tied scale is finite: the bin beside an edge splice may be empty."""
        # Not `None in`: torch takes 0.1 ms to tell that a tensor is not equal to it.
        if all(scale is not None for scale in self.scales):
            return
        compiled = self.compiled_distribution()
        if compiled is not None and lie_between(0, math.inf, torch.from_numpy(compiled.scale)):
            return
        distribution = self.distribution()
        for side, given, tail in zip(
            _SIDES, self.scales, (distribution.lower, distribution.upper), strict=True
        ):
            if given is None:
                rule = "finite: the bin beside the splice must not be empty, or give the scale"
                usable = (tail.scale > 0) & tail.scale.isfinite()
                require(usable, f"the tied {side}_scale", rule, tail.scale)

    def _rows(self) -> RowSums | None:
        """Sums of the logits' rows by machine code; the check and the distribution share them."""
        if not is_eager(self.logits) or self.logits.shape[:-1] != self.batch_shape:
            return None
        versions = _version(self.logits), *map(_version, self.masses)
        if self._kept is None or self._kept[0] != versions:
            rows = RowSums.of(self.logits, self._both_masses)
            object.__setattr__(self, "_kept", (versions, rows))
            return rows
        return self._kept[1]

    @property
    def _both_masses(self) -> Tensor:
        """Masses of the lower and the upper tail side by side, none with the edge splice."""
        both = torch.stack(broadcast_tensors(*self.masses), -1)
        return both.expand((*self.batch_shape, 2))[..., : 0 if self.splice == "edge" else 2]

    def __getstate__(self) -> dict[str, object]:
        # Sums and distribution follow from the parameters; a copy need not carry them.
        return {**self.__dict__, "_kept": None, "_kept_distribution": None}

    def compiled_distribution(self, *columns: Tensor) -> CompiledDistribution | None:
        """The compiled distribution, or None where it cannot answer for these columns.

        It gives no gradient, and takes plain tensors, of which each row of logits has its own.
        """
        tensors = [*self._tensors, *columns]
        moving = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
        if moving or not is_eager(*tensors):
            return None
        rows = self._rows()
        if rows is None or any(column.shape[:-1] != self.batch_shape for column in columns):
            return None
        version = self.version
        if self._kept_distribution is None or self._kept_distribution[0] != version:
            masses = self.masses if self.splice == "quantile" else None
            distribution = CompiledDistribution.of(
                rows, self.edges, self.concentrations, self.scales, masses
            )
            object.__setattr__(self, "_kept_distribution", (version, distribution))
            return distribution
        return self._kept_distribution[1]

    def distribution(self) -> SplicedDistribution:
        """Find the thresholds, tie what scales are not given, and splice."""
        bins = Bins(self.logits, self.edges, int(self.splice == "edge"), self._rows())
        compiled = self.compiled_distribution()
        if compiled is not None:
            # The same thresholds to the last digit: a value on one is in the body either way.
            return compiled.on_bins(bins, self.concentrations)
        splice = _splice_at_edges if self.splice == "edge" else _splice_at_quantiles
        first, last, log_masses = splice(bins, self.masses, self.batch_shape)
        lower, upper = (
            Tail(at.value, concentration[..., None], _scale(given, log_mass, at), log_mass)
            for at, concentration, given, log_mass in zip(
                (first, last), self.concentrations, self.scales, log_masses, strict=True
            )
        )
        return SplicedDistribution(bins, first.number, last.number, lower, upper)


_SIDES = ("lower", "upper")


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version  # noqa: SLF001 - torch has no other


def _splice_at_edges(
    bins: Bins, _: Pair, batch_shape: torch.Size
) -> tuple[Quantile, Quantile, Pair]:
    """Outermost bins with their outer edges, and the log-probabilities outside."""
    return *bins.outermost(batch_shape), bins.outside(batch_shape)


def _splice_at_quantiles(
    bins: Bins, masses: Pair, batch_shape: torch.Size
) -> tuple[Quantile, Quantile, Pair]:
    """The two quantiles, and the log masses beyond them."""
    # Logarithms before the batch: masses are mostly single numbers.
    both = torch.stack(broadcast_tensors(*masses), -1)
    log_both, both = (entry.expand((*batch_shape, 2)) for entry in (safe_log(both), both))
    first, last = bins.outer_quantiles(both)
    # Masses that nearly meet are rounded past each other.
    last = last._replace(
        number=torch.maximum(first.number, last.number),
        value=torch.maximum(first.value, last.value),
    )
    return first, last, (log_both[..., :1], log_both[..., 1:])


def _scale(given: Tensor | None, log_mass: Tensor, at: Quantile) -> Tensor:
    """Scale of a tail: as given, or the mass over the density of the bin at the splice."""
    if given is not None:
        return given[..., None]
    # A tail without mass has no scale; any positive number keeps its formulas finite.
    return torch.where(log_mass.isneginf(), 0, log_mass - at.log_density).exp()


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def _are_default(masses: Pair) -> bool:
    default = masses[0].new_tensor(DEFAULT_MASS)
    return all(mass.is_meta or torch.equal(mass, default) for mass in masses)
