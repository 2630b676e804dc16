"""Last layers that turn a state into a distribution."""

from __future__ import annotations

import abc
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from splicedpareto.distributions import Gaussian, SplicedBinnedPareto
from splicedpareto.distributions._checks import (
    require_choice,
    require_number,
    require_tensor,
    require_whole,
)
from splicedpareto.distributions._parameters import DEFAULT_MASS
from splicedpareto.nn._edges import (
    check_support,
    edges_from_data,
    warn_of_lost_resolution,
)
from splicedpareto.nn._head_checks import check_edges, check_masses, check_raw, check_state
from splicedpareto.nn._sample import (
    USUAL_RANGE,
    WIDEST_RANGE,
    check_sample,
    is_bulk,
    sample_tail,
    shares_above,
    tail_mass,
)

if TYPE_CHECKING:
    from typing import Self

    from torch.distributions import Distribution

    from splicedpareto.nn._edges import EdgeSpacing, Support

# The raw parameter at which softplus is 1.
SOFTPLUS_ONE = math.log(math.e - 1)

# Share of the initial mass that is spread evenly over the bins, so that none is impossible.
_EVEN_SHARE = 0.01
_LEAST_POSITIVE = 1e-3


class DistributionHead(nn.Module, abc.ABC):
    """A linear map to raw parameters of shape ``(*B, P)`` of a distribution.

    The raw parameters are unbounded, so those of several networks may be averaged (see
    `pooled_distribution`).

    A `state_dict` holds what is learned, and edges. What else a head is built from (masses, units,
    ranges, atoms, locations) is no part of it, as in torch: load it into a head built alike, or
    keep the module itself. Into another head it loads without an error and gives other tails.

    Args:
        in_features: Width ``C`` of the state.
        raw_features: Number ``P`` of raw parameters.
    """

    def __init__(self, in_features: int, raw_features: int) -> None:
        super().__init__()
        require_whole("in_features", in_features, 1)
        self.linear = nn.Linear(in_features, raw_features)
        # The initial distribution is the same for every input: training starts from climatology.
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    # Whether the distribution moves with an origin, an input beside the state.
    takes_origin: bool = False

    @property
    def raw_features(self) -> int:
        """Number ``P`` of raw parameters."""
        return self.linear.out_features

    def raw_parameters(self, state: Tensor) -> Tensor:
        """Raw parameters, shape ``(*B, P)``, for a state of shape ``(*B, C)``."""
        check_state(state, self.linear)
        raw: Tensor = self.linear(state)
        return raw

    @abc.abstractmethod
    def distribution(self, raw: Tensor) -> Distribution:
        """Distribution of batch shape ``(*B,)`` from raw parameters of shape ``(*B, P)``."""

    def forward(self, state: Tensor) -> Distribution:
        """The distribution of batch shape ``(*B,)`` for a state of shape ``(*B, C)``.

        Raises:
            TypeError: The state is no tensor, or of another type than the head.
            ValueError: It has another width.
        """
        return self.distribution(self.raw_parameters(state))


class SplicedBinnedParetoHead(DistributionHead):
    r"""State to `SplicedBinnedPareto`.

    The links are smooth and bounded: :math:`\xi = \xi_{min} + (\xi_{max} - \xi_{min})
    \operatorname{sigmoid}(r)`, and :math:`\sigma = s_0 (\operatorname{softplus}(r) + 10^{-3})`,
    where :math:`s_0` is the tail's unit: unless given, its mass times the range of the edges, the
    scale at which the density of uniform bins is continuous. Logits pass untouched. Initially all
    bins of equal width are equally likely, :math:`\xi = 0.1` (or the nearest allowed) and
    :math:`\sigma \approx s_0`. `from_data` builds a head that starts at the distribution of a
    sample, whatever its tails.

    Args:
        in_features: Width ``C`` of the state.
        edges: Bin edges, shape ``(K + 1,)``, increasing, in units of the outcome; see
            `edges_from_data` for edges from a training sample.
        lower_mass: Probability of the lower tail; 0 switches it off.
        upper_mass: Probability of the upper tail; 0 switches it off.
        concentration_range: Open interval in which both concentrations stay. Below 0 a tail has
            an end, past which an observation has no likelihood: allow it only with a loss that
            survives this. From 1 the mean does not exist.
        scale: ``"free"``, or ``"tied"`` so that the density is continuous at the splices.
        units: Units in which the lower and the upper scale are learned, above 0; None for the
            above.

    Raises:
        ValueError: Masses that are no probabilities or leave no body, edges that do not increase,
            an empty range, or units that are not positive.
    """

    edges: Tensor
    units: Tensor

    def __init__(
        self,
        in_features: int,
        edges: Tensor,
        *,
        lower_mass: float = DEFAULT_MASS,
        upper_mass: float = DEFAULT_MASS,
        concentration_range: tuple[float, float] = USUAL_RANGE,
        scale: Literal["free", "tied"] = "free",
        units: tuple[float, float] | None = None,
    ) -> None:
        require_tensor("edges", edges)
        check_edges(edges)
        require_choice("scale", scale, "free", "tied")
        check_masses(lower_mass, upper_mass)
        start = initial_concentration(concentration_range)
        bins = edges.shape[-1] - 1
        super().__init__(in_features, bins + (4 if scale == "free" else 2))
        self.register_buffer("edges", edges)
        self.bins = bins
        self.lower_mass = lower_mass
        self.upper_mass = upper_mass
        self.concentration_range = concentration_range
        self.scale = scale
        span = float(edges[-1] - edges[0])
        chosen = [max(m, 1e-6) * span for m in (lower_mass, upper_mass)] if units is None else units
        if not isinstance(chosen, Iterable):
            raise TypeError(f"units must be two numbers, one of each tail, got {units!r}.")
        for unit in chosen:
            require_number("units", unit)
        if len(chosen) != 2 or not all(0 < unit < math.inf for unit in chosen):
            raise ValueError(
                f"units must be two positive and finite numbers, got {units}: they are scales."
            )
        self.register_buffer("units", torch.tensor(chosen, dtype=edges.dtype), persistent=False)
        with torch.no_grad():
            bias = self.linear.bias
            bias[:bins] = edges.diff().log()  # equal density, whatever the widths
            bias[bins : bins + 2] = start
            bias[bins + 2 :] = SOFTPLUS_ONE

    @classmethod
    def from_data(
        cls,
        in_features: int,
        values: Tensor,
        *,
        bins: int = 50,
        spacing: EdgeSpacing = "robust",
        outside: float = 0.002,
        edges: Tensor | None = None,
        weight: Tensor | None = None,
        support: Support = (None, None),
        lower_mass: float | None = None,
        upper_mass: float | None = None,
        concentration_range: tuple[float, float] | None = None,
        scale: Literal["free", "tied"] = "free",
    ) -> Self:
        r"""A head whose initial distribution, whatever the input, is that of a sample.

        Edges are those of `edges_from_data`, without values that lie apart from all others. Each
        tail starts at the likeliest generalized Pareto
        distribution of the sample's excesses, by a search from their mean: five values of 1e9 among
        two thousand others make a tail heavy, and leave the bins and the scales as they are.

        Args:
            in_features: Width ``C`` of the state.
            values: Outcomes, finite, shape ``(N,)``.
            bins: As in `edges_from_data`.
            spacing: As in `edges_from_data`.
            outside: As in `edges_from_data`.
            edges: Edges in place of those.
            weight: As in `edges_from_data`.
            support: As in `edges_from_data`: a side with an end has no tail.
            lower_mass: Probability of the lower tail. None for .05, but `outside` where the sample
                ends there: excesses that vary less than in any tail without an end, as those of a
                density at its bound do. Where some values lie apart from all others, twice their
                share.
            upper_mass: Likewise of the upper tail.
            concentration_range: As above. None for (0, 0.9), but (0, 1.9) where a tail of the
                sample is heavier than that: its mean is infinite.
            scale: As above.

        Raises:
            ValueError: An argument that breaks its rule.

        Warns:
            UserWarning: A bin holds more than a fifth of the distinct values, and no `edges` are
                given.

        Example:
            >>> levels = (torch.arange(1000) + 0.5) / 1000
            >>> values = torch.distributions.Cauchy(0.0, 1.0).icdf(levels)
            >>> head = SplicedBinnedParetoHead.from_data(8, values)
            >>> head.concentration_range
            (0.0, 1.9)
        """
        given = [0.0 if mass is None else mass for mass in (lower_mass, upper_mass)]
        check_masses(*given)
        check_sample(values, weight)
        check_support(support, values)
        if weight is None:
            weight = torch.ones_like(values)
        bulk = is_bulk(values, weight)
        if edges is None:
            edges = edges_from_data(
                values[bulk],
                bins,
                spacing=spacing,
                outside=outside,
                weight=weight[bulk],
                support=support,
            )
            warn_of_lost_resolution(edges, values[bulk], spacing)
        masses: list[float] = []
        for mass, end, sign in zip((lower_mass, upper_mass), support, (-1, 1), strict=True):
            masses.append(tail_mass(sign * values, weight, bulk, mass, end is not None, outside))
        check_masses(*masses)
        widest = WIDEST_RANGE if concentration_range is None else concentration_range
        initial_concentration(widest)
        tails = [
            sample_tail(sign * values, weight, mass, widest)
            for mass, sign in zip(masses, (-1, 1), strict=True)
        ]
        if concentration_range is None:
            heaviest = max(tail.concentration if tail else 0.0 for tail in tails)
            concentration_range = USUAL_RANGE if heaviest < USUAL_RANGE[1] else WIDEST_RANGE
        span = float(edges[-1] - edges[0])
        lower_unit, upper_unit = (
            max(mass, 1e-6) * span if tail is None else tail.scale
            for mass, tail in zip(masses, tails, strict=True)
        )
        head = cls(
            in_features,
            edges,
            lower_mass=masses[0],
            upper_mass=masses[1],
            concentration_range=concentration_range,
            scale=scale,
            units=(lower_unit, upper_unit),
        )
        head.start_from_data(values, weight=weight)
        return head

    @torch.no_grad()
    def start_from_data(self, values: Tensor, *, weight: Tensor | None = None) -> None:
        """Make the initial distribution that of a sample, whatever the input.

        A hundredth of the mass, spread evenly over the bins, leaves none impossible; of those
        beyond the sample each has what its likeliest tail has there. A value beyond the edges
        counts for the outermost bin. A tail whose threshold some values exceed
        gets their likeliest concentration and scale.

        Args:
            values: Outcomes, shape ``(N,)``.
            weight: Weights, shape ``(N,)``; None where all count the same.
        """
        check_sample(values, weight)
        if weight is None:
            weight = torch.ones_like(values)
        bias, bins = self.linear.bias, self.bins
        index = torch.bucketize(values.to(self.edges.dtype), self.edges[1:-1])
        counts = self.edges.new_zeros(bins).index_add_(0, index, weight.to(self.edges.dtype))
        share = (1 - _EVEN_SHARE) * counts / counts.sum() + _EVEN_SHARE / bins
        above = shares_above(values, weight, self.edges)
        below = shares_above(-values, weight, -self.edges.flip(0)).flip(0)
        share[: len(below)], share[bins - len(above) :] = below, above
        bias[:bins] = share.log()
        for side, (mass, sign) in enumerate(((self.lower_mass, -1), (self.upper_mass, 1))):
            tail = sample_tail(sign * values, weight, mass, self.concentration_range)
            if tail is None:
                continue
            lowest, highest = self.concentration_range
            bias[bins + side] = bounded_logit((tail.concentration - lowest) / (highest - lowest))
            if self.scale == "free":
                raw = max(tail.scale / float(self.units[side]) - _LEAST_POSITIVE, _LEAST_POSITIVE)
                # The inverse of the softplus, without overflow.
                bias[bins + 2 + side] = raw + math.log(-math.expm1(-raw))

    def tails(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Concentrations and scales (None where tied) of the lower and of the upper tail.

        Args:
            raw: Shape ``(*B, K + 4)``, or ``(*B, K + 2)`` where scales are tied.

        Returns:
            Two columns of each, shape ``(*B, 2)``.
        """
        check_raw(raw, self.bins + (2 if self.scale == "tied" else 4))
        lowest, highest = self.concentration_range
        bins = self.bins
        concentration = lowest + (highest - lowest) * raw[..., bins : bins + 2].sigmoid()
        if self.scale == "tied":
            return concentration, None
        return concentration, self.units * positive(raw[..., bins + 2 :])

    def distribution(self, raw: Tensor) -> SplicedBinnedPareto:
        """The distribution for raw parameters ``(*B, K + 4)``: logits, two shapes, two scales."""
        concentration, scale = self.tails(raw)
        lower_scale, upper_scale = (None, None) if scale is None else scale.unbind(-1)
        return SplicedBinnedPareto(
            raw[..., : self.bins],
            self.edges,
            concentration[..., 0],
            concentration[..., 1],
            lower_scale,
            upper_scale,
            self.lower_mass,
            self.upper_mass,
            # The links keep every condition; the check costs as much as the distribution itself.
            validate_args=False,
        )


class LocationScaleHead(DistributionHead):
    """A head whose parameters are learned relative to an initial location and scale."""

    def __init__(self, in_features: int, raw_features: int, location: float, scale: float) -> None:
        super().__init__(in_features, raw_features)
        require_number("location", location)
        require_number("scale", scale)
        if not math.isfinite(location):
            raise ValueError(f"location must be finite, got {location}.")
        if not 0 < scale < math.inf:
            raise ValueError(f"scale must be positive and finite, got {scale}: it is a spread.")
        self.location = location
        self.scale = scale

    def parameters_of(self, location: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Location and scale of raw ones."""
        return self.location + self.scale * location, self.scale * positive(scale)


class GaussianHead(LocationScaleHead):
    """State to a Gaussian whose mean and standard deviation are both learned.

    Args:
        in_features: Width ``C`` of the state.
        location: Initial mean, in units of the outcome.
        scale: Initial standard deviation, and the unit in which both are learned.

    Raises:
        ValueError: `scale` is not positive.
    """

    def __init__(self, in_features: int, *, location: float = 0.0, scale: float = 1.0) -> None:
        super().__init__(in_features, 2, location, scale)
        with torch.no_grad():
            self.linear.bias[1] = SOFTPLUS_ONE

    def distribution(self, raw: Tensor) -> Gaussian:
        """The distribution for raw parameters ``(*B, 2)``."""
        check_raw(raw, self.raw_features)
        return Gaussian(*self.parameters_of(raw[..., 0], raw[..., 1]), validate_args=False)


def positive(raw: Tensor) -> Tensor:
    """A positive number of a raw one, 1.001 at `SOFTPLUS_ONE`."""
    return nn.functional.softplus(raw) + _LEAST_POSITIVE


def logit(share: float) -> float:
    """The raw parameter at which sigmoid is `share`."""
    return math.log(share / (1 - share))


def bounded_logit(share: float) -> float:
    """The raw parameter of a share, or of the nearest at which sigmoid still moves."""
    return logit(min(max(share, 0.02), 0.98))


def initial_concentration(concentration_range: tuple[float, float]) -> float:
    """Raw parameter of a concentration of 0.1, or of the nearest within the range."""
    try:
        lowest, highest = concentration_range
        for bound in (lowest, highest):
            require_number("concentration_range", bound)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"concentration_range must be (lowest, highest), got {concentration_range!r}."
        ) from error
    if not -math.inf < lowest < highest < math.inf:
        raise ValueError(
            f"concentration_range must be (lowest, highest) with lowest < highest, got "
            f"{concentration_range}."
        )
    if lowest < -1:
        raise ValueError(
            f"concentration_range must begin at -1 at least, got {concentration_range}: below, a "
            "density rises without end towards the end of its tail."
        )
    return bounded_logit((0.1 - lowest) / (highest - lowest))
