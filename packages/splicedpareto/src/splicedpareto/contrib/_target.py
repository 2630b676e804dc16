"""What is known of a target before the fit: its unit, bounds, atoms, and whether it is a count."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, cast

import torch
from torch import Tensor

from splicedpareto.distributions import Delta, Discretized, Mixture, SplicedBinnedPareto
from splicedpareto.distributions._moved import largest_edge, strictly_increasing
from splicedpareto.nn import MixtureHead, MovingBinsHead, SplicedBinnedParetoHead, edges_from_data
from splicedpareto.nn._edges import check_support, warn_of_lost_resolution
from splicedpareto.nn._sample import distinct_shares, is_bulk, location_and_scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from splicedpareto.contrib._outcomes import Outcomes
    from splicedpareto.nn import DistributionHead
    from splicedpareto.nn._edges import EdgeSpacing, Support

_Number = TypeVar("_Number", Tensor, float)
Atoms: TypeAlias = "Literal['auto'] | Sequence[float] | None"

# Share of the rows from which on a value is an atom.
_ATOM_SHARE = 0.05
# How many times as many rows as either neighbor a count has that stands out.
_STANDS_OUT = 5.0
# Share of the rows that an atom, or what is none, begins with where fewer have it.
_LEAST_SHARE = 1e-3
# How many times the range of the targets is a number still, for what lies beyond them.
_ROOM = 1e3
# Standardized targets beyond are taken to be here: a square has no room for 1e300.
_FURTHEST = 1e15


@dataclass(frozen=True)
class Target:
    """A target as the network learns it.

    Attributes:
        location: Its shift: the median of what is no atom.
        scale: Its unit: the range between the quartiles.
        support: Lowest and highest possible value, None where there is none.
        atoms: Values with a probability of their own, increasing.
        discrete: Whether it is a whole number.
    """

    location: float
    scale: float
    support: Support
    atoms: tuple[float, ...]
    discrete: bool

    @property
    def base_support(self) -> Support:
        """Of the continuous variable that is rounded, for a count, else of the target."""
        low, high = self.support
        beyond = 0.5 if self.discrete else 0.0
        return (None if low is None else low - beyond, None if high is None else high + beyond)

    def check(self, outcomes: Outcomes) -> None:
        """Raise unless other outcomes, such as those of a validation, are of this target."""
        if self.discrete:
            _check_whole_numbers(outcomes)
        _check_within(self.support, outcomes, self.atoms, discrete=self.discrete)

    def standardized(self, outcomes: Outcomes) -> tuple[Tensor, Tensor]:
        """Lower and upper ends in the network's unit; a count is the interval rounded to it."""
        beyond = 0.5 if self.discrete else 0.0
        own = outcomes.lower - beyond, outcomes.upper + beyond
        ends = ((end - self.location) / self.scale for end in own)
        low, high = (
            torch.where(end.isinf(), end, end.clamp(-_FURTHEST, _FURTHEST)) for end in ends
        )
        return low, high

    def head(
        self,
        width: int,
        values: Tensor,
        weight: Tensor,
        dtype: torch.dtype,
        *,
        seen: Tensor,
        bins: int,
        spacing: EdgeSpacing,
        outside: float,
        lower_mass: float | None,
        upper_mass: float | None,
        concentration_range: tuple[float, float] | None,
        moving: bool,
    ) -> DistributionHead:
        """A head in the network's unit that starts at the distribution of values.

        Args:
            width: Channels of the state.
            values: Targets in their own unit, shape ``(n,)``.
            weight: Their weights.
            dtype: Type of the network.
            seen: Targets, and a value in each interval with two ends, which bins should tell apart.
            bins: As in `SplicedBinnedParetoHead.from_data`, as are all below.
            spacing: Of the bins.
            outside: Share outside the bins.
            lower_mass: Of the lower tail.
            upper_mass: Of the upper tail.
            concentration_range: Of both tails.
            moving: Whether the bins move, as in `MovingBinsHead`.
        """
        is_atom = self._is_atom(values)
        rest = ~is_atom if not is_atom.all() else torch.ones_like(is_atom)
        unit = self._unit(values[rest]).clamp(-_FURTHEST, _FURTHEST).to(dtype)
        # Of the type of the values, which must lie within.
        low, high = (
            None if end is None else float(torch.tensor(self._unit(end), dtype=dtype))
            for end in self.base_support
        )
        bulk = is_bulk(unit, weight[rest])
        edges = edges_from_data(
            unit[bulk],
            bins,
            spacing=spacing,
            outside=outside,
            weight=weight[rest][bulk],
            support=(low, high),
        )
        seen = seen[~self._is_atom(seen)]
        seen_unit = self._unit(seen).to(dtype)
        in_bulk = (seen_unit >= unit[bulk].min()) & (seen_unit <= unit[bulk].max())
        warn_of_lost_resolution(self._own_edges(edges), seen[in_bulk], spacing)
        build = MovingBinsHead.from_data if moving else SplicedBinnedParetoHead.from_data
        head: DistributionHead = build(
            width,
            unit,
            edges=self._halves(edges) if self.discrete else edges,
            outside=outside,
            weight=weight[rest],
            support=(low, high),
            lower_mass=lower_mass,
            upper_mass=upper_mass,
            concentration_range=concentration_range,
        )
        counts = [float(weight[values == atom].sum()) for atom in self.atoms]
        counts = [*counts, float(weight[~is_atom].sum())]
        shares = [max(count / sum(counts), _LEAST_SHARE) for count in counts]
        return self.with_atoms(head, [share / sum(shares) for share in shares])

    def with_atoms(
        self, head: DistributionHead, shares: list[float] | None = None
    ) -> DistributionHead:
        """A head of the atoms, of initial shares, beside that of the rest, which comes last."""
        if not self.atoms:
            return head
        places = [self._unit(atom) for atom in self.atoms]
        return MixtureHead(head.linear.in_features, [*places, head], weights=shares)

    def distribution(
        self, head: DistributionHead, raw: Tensor
    ) -> SplicedBinnedPareto | Mixture | Discretized:
        """The distribution of the target, in its own unit, for raw parameters ``(*B, P)``."""
        weights = len(self.atoms) + 1 if self.atoms else 0
        standard = self._bins_head(head).distribution(raw[..., weights:])
        if not isinstance(standard, SplicedBinnedPareto):
            raise TypeError(f"the head must give a SplicedBinnedPareto, got {standard!r}.")
        base = SplicedBinnedPareto(
            standard.logits,
            strictly_increasing(self._own_edges(standard.edges).to(raw.dtype)),
            standard.lower_concentration,
            standard.upper_concentration,
            self.scale * standard.lower_scale,
            self.scale * standard.upper_scale,
            standard.lower_mass,
            standard.upper_mass,
            validate_args=False,
        )
        rest = Discretized(base, validate_args=False) if self.discrete else base
        if not self.atoms:
            return rest
        places = [Delta(raw.new_tensor(atom), validate_args=False) for atom in self.atoms]
        return Mixture(raw[..., :weights], [*places, rest], validate_args=False)

    def resolves(self, head: DistributionHead, dtype: torch.dtype) -> bool:
        """Whether a type has numbers enough for the bins where the target lies."""
        edges = self._own_edges(self.inner(head).edges)
        room = 8 * torch.finfo(dtype).eps * torch.maximum(edges[1:].abs(), edges[:-1].abs())
        in_range = edges.abs().max() < largest_edge(dtype)
        return bool(in_range & (edges.diff() >= room).all())

    def inner(self, head: DistributionHead) -> SplicedBinnedParetoHead:
        """The head of the bins before they move, without atoms."""
        bins = self._bins_head(head)
        bins = bins.head if isinstance(bins, MovingBinsHead) else bins
        if not isinstance(bins, SplicedBinnedParetoHead):
            raise TypeError(f"the head must give a SplicedBinnedPareto, got {bins!r}.")
        return bins

    def _bins_head(self, head: DistributionHead) -> DistributionHead:
        """The head of what is no atom."""
        inner = head.get_submodule(f"heads.{len(self.atoms)}") if self.atoms else head
        return cast("DistributionHead", inner)

    def _own_edges(self, edges: Tensor) -> Tensor:
        """Edges in the target's unit, exact at the ends of the support, in float64."""
        own = self.location + self.scale * edges.double()
        if self.discrete and edges.dim() == 1:  # bins that stay end half-way between counts
            own = (own - 0.5).round() + 0.5
        low, high = self.base_support
        if low is not None:
            own[..., 0] = low
        if high is not None:
            own[..., -1] = high
        return own

    def _is_atom(self, values: Tensor) -> Tensor:
        places = torch.tensor(self.atoms, dtype=values.dtype)
        return (values[:, None] == places).any(-1)

    def _unit(self, value: _Number) -> _Number:
        return (value - self.location) / self.scale

    def _halves(self, edges: Tensor) -> Tensor:
        """Edges half-way between whole numbers, as many as there are such within the reach.

        The outermost lie beyond the lowest and the highest count that the given ones reach.
        """
        own = self.location + self.scale * edges.double()
        first, last = self.base_support
        # Counts after which there is an edge; its unit has rounded the count that an end is.
        low = float(own[0].round()) - 1 if first is None else first - 0.5
        high = float(own[-1].round()) if last is None else last - 0.5
        high = max(high, low + 1)
        kept = sorted({low, high, *own[1:-1].sub(0.5).round().clamp(low, high).tolist()})
        while len(kept) < len(edges):
            widest = max(range(len(kept) - 1), key=lambda k: kept[k + 1] - kept[k])
            if kept[widest + 1] - kept[widest] < 2:
                break
            kept.insert(widest + 1, float(math.floor((kept[widest] + kept[widest + 1]) / 2)))
        halves = torch.tensor(kept, dtype=torch.float64) + 0.5
        return ((halves - self.location) / self.scale).to(edges.dtype)


def describe_target(
    outcomes: Outcomes,
    weight: Tensor,
    *,
    support: Support | None,
    atoms: str | Sequence[float] | None,
    discrete: bool,
    bins: int,
    moving: bool,
    resolution: float,
) -> Target:
    """What is known of a target, from a sample and what its user says.

    Args:
        outcomes: Targets.
        weight: Weights above 0, shape ``(n,)``.
        support: Lowest and highest possible value; None for no bound, but for counts of which none
            is negative 0.
        atoms: Values with a probability of their own, None for none, or ``"auto"`` for each that
            more than 5 % of the rows have; of counts None and ``"auto"`` for those that stand
            out from their neighbors.
        discrete: Whether targets are whole numbers.
        bins: Number of bins.
        moving: Whether they move.
        resolution: Least scale, as a share of the location.

    Raises:
        ValueError: Targets outside the support, or that are no whole numbers; an atom that is not
            finite, outside the support, or of a count.
    """
    values = outcomes.values
    room = torch.finfo(values.dtype).max / _ROOM
    if not values.max() - values.min() < room:
        raise ValueError(
            f"y must span less than {room:.0e}, got values from {float(values.min()):g} to "
            f"{float(values.max()):g}: divide them, or leave out what is no measurement."
        )
    known = values[outcomes.known]
    if discrete:
        _check_whole_numbers(outcomes)
        if support is None and not (outcomes.lower.isfinite() & (outcomes.lower < 0)).any():
            support = None if (outcomes.upper < 0).any() else (0, None)
    support = (None, None) if support is None else support
    check_support(support)
    if discrete and any(end is not None and end != round(end) for end in support):
        raise ValueError(f"support must end at whole numbers for counts, got {support}.")
    finds_counts = discrete and (atoms is None or (isinstance(atoms, str) and atoms == "auto"))
    places = (
        _counts_apart(known, weight[outcomes.known], 3 if moving else bins)
        if finds_counts
        else _atoms(atoms, known, weight[outcomes.known], support)
    )
    if discrete and any(place != round(place) for place in places):
        raise ValueError(f"atoms must be whole numbers where discrete is True, got {places}.")
    _check_within(support, outcomes, places, discrete=discrete)
    values = outcomes.within(support).values
    is_rest = torch.tensor([value not in places for value in values.tolist()])
    rest = is_rest if is_rest.any() else torch.ones_like(is_rest)
    location, scale = location_and_scale(values[rest], weight[rest])
    if scale == 0:
        # As narrow as the type allows, so that a target that never varies is returned.
        scale = 1.0 if discrete else resolution * (abs(location) or 1.0)
    furthest = largest_edge(torch.float32)
    if any(end is not None and abs(end / scale - location / scale) > furthest for end in support):
        raise ValueError(
            f"support must end within {furthest:.0e} ranges between the quartiles of y, {scale:g}, "
            f"got {support}: give None for an end that no target comes near."
        )
    return Target(location, scale, (support[0], support[1]), places, discrete)


def _check_within(
    support: Support, outcomes: Outcomes, atoms: Sequence[float], *, discrete: bool
) -> None:
    """Raise unless the support holds all known targets and meets each interval in some mass."""
    known = outcomes.known
    check_support(support, outcomes.lower[known])
    low, high = (
        infinite if end is None else end
        for end, infinite in zip(support, (-math.inf, math.inf), strict=True)
    )
    reaches = (outcomes.upper > low) | ((outcomes.upper == low) & (discrete or low in atoms))
    begins = (outcomes.lower < high) | ((outcomes.lower == high) & discrete)
    broken = ~known & ~(reaches & begins)
    if broken.any():
        row = int(broken.int().argmax())
        raise ValueError(
            f"y must hold intervals that a target within support {support} can lie in, got "
            f"({float(outcomes.lower[row]):g}, {float(outcomes.upper[row]):g}] in row {row} and "
            f"{int(broken.sum()) - 1} others: correct them, or widen the support."
        )


def _check_whole_numbers(outcomes: Outcomes) -> None:
    ends = torch.cat([outcomes.lower, outcomes.upper])
    broken = ends.isfinite() & (ends != ends.round())
    if broken.any():
        raise ValueError(
            f"y must hold whole numbers where discrete is True, got {float(ends[broken][0])}."
        )


def distinct_masses(values: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Distinct values, increasing, and the share of the weight at each."""
    distinct, upto = distinct_shares(values, weight)
    return distinct, upto.diff(prepend=upto.new_zeros(1))


def _counts_apart(values: Tensor, weight: Tensor, least: int) -> tuple[float, ...]:
    """Counts that stand out, such as the zeros of amounts, where they reach over `least` or more.

    Each that more than 5 % of the rows have, and five times as many as have either neighbor. A bin
    that holds several counts, or that moves, would spread its rows over others.
    """
    if not len(values) or values.max() - values.min() < least:
        return ()
    distinct, mass = distinct_masses(values, weight)
    shares = dict(zip(distinct.tolist(), mass.tolist(), strict=True))
    return tuple(
        count
        for count, own in shares.items()
        if own > _ATOM_SHARE
        and own > _STANDS_OUT * max(shares.get(count - 1, 0.0), shares.get(count + 1, 0.0))
    )


def _atoms(
    atoms: str | Sequence[float] | None, values: Tensor, weight: Tensor, support: Support
) -> tuple[float, ...]:
    if atoms is None:
        return ()
    if isinstance(atoms, (str, bytes)):
        if atoms != "auto":
            raise ValueError(f"atoms must be None, 'auto' or a list of values, got {atoms!r}.")
        if not len(values):
            return ()
        distinct, mass = distinct_masses(values, weight)
        return tuple(distinct[mass > _ATOM_SHARE].tolist())
    try:
        places = sorted({float(atom) for atom in atoms})
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"atoms must be None, 'auto' or a list of values, got {atoms!r}."
        ) from error
    low = -math.inf if support[0] is None else support[0]
    high = math.inf if support[1] is None else support[1]
    for place in places:
        if not math.isfinite(place) or not low <= place <= high:
            raise ValueError(
                f"atoms must be finite and within support {support}, got {place}: leave it out, or "
                "widen the support."
            )
    return tuple(places)
