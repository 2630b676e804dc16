"""Last layers that turn a state into a distribution."""

from __future__ import annotations

import abc
import math
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from splicedpareto.distributions import Gaussian, SplicedBinnedPareto
from splicedpareto.distributions._checks import require_tensor

if TYPE_CHECKING:
    from torch.distributions import Distribution

# The raw parameter at which softplus is 1.
SOFTPLUS_ONE = math.log(math.e - 1)


class DistributionHead(nn.Module, abc.ABC):
    """A linear map to raw parameters of shape ``(*B, P)`` of a distribution.

    The raw parameters are unbounded, so those of several networks may be averaged (see
    `pooled_distribution`).

    Args:
        in_features: Width ``C`` of the state.
        raw_features: Number ``P`` of raw parameters.
    """

    def __init__(self, in_features: int, raw_features: int) -> None:
        super().__init__()
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
        raw: Tensor = self.linear(state)
        return raw

    @abc.abstractmethod
    def distribution(self, raw: Tensor) -> Distribution:
        """Distribution of batch shape ``(*B,)`` from raw parameters of shape ``(*B, P)``."""

    def forward(self, state: Tensor) -> Distribution:
        """The distribution of batch shape ``(*B,)`` for a state of shape ``(*B, C)``.

        Raises:
            TypeError: The state is no tensor.
        """
        require_tensor("state", state)
        return self.distribution(self.raw_parameters(state))


class SplicedBinnedParetoHead(DistributionHead):
    r"""State to `SplicedBinnedPareto`.

    The links are smooth and bounded: :math:`\xi = \xi_{min} + (\xi_{max} - \xi_{min})
    \operatorname{sigmoid}(r)`, and :math:`\sigma = s_0 (\operatorname{softplus}(r) + 10^{-3})`,
    where :math:`s_0` is the tail mass times the range of the edges, the scale at which the
    density of uniform bins is continuous. Logits pass untouched. Initially all bins of equal
    width are equally likely, :math:`\xi = 0.1` (or the nearest allowed) and
    :math:`\sigma \approx s_0`.

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

    Raises:
        ValueError: An empty range. `SplicedBinnedPareto` states its own conditions.
    """

    edges: Tensor
    units: Tensor

    def __init__(
        self,
        in_features: int,
        edges: Tensor,
        *,
        lower_mass: float = 0.05,
        upper_mass: float = 0.05,
        concentration_range: tuple[float, float] = (0.0, 0.9),
        scale: Literal["free", "tied"] = "free",
    ) -> None:
        require_tensor("edges", edges)
        bins = edges.shape[-1] - 1
        super().__init__(in_features, bins + (4 if scale == "free" else 2))
        start = initial_concentration(concentration_range)
        self.register_buffer("edges", edges)
        self.bins = bins
        self.lower_mass = lower_mass
        self.upper_mass = upper_mass
        self.concentration_range = concentration_range
        self.scale = scale
        span = float(edges[-1] - edges[0])
        units = [max(mass, 1e-6) * span for mass in (lower_mass, upper_mass)]
        self.register_buffer("units", torch.tensor(units, dtype=edges.dtype), persistent=False)
        with torch.no_grad():
            bias = self.linear.bias
            bias[:bins] = edges.diff().log()  # equal density, whatever the widths
            bias[bins : bins + 2] = start
            bias[bins + 2 :] = SOFTPLUS_ONE

    @torch.no_grad()
    def start_from_data(self, values: Tensor, *, weight: Tensor | None = None) -> None:
        """Make the bins of the initial distribution those of a sample, whatever the input.

        A hundredth of the mass, spread evenly over the edges, leaves no bin impossible. A value
        beyond the edges counts for the outermost bin.

        Args:
            values: Outcomes, shape ``(N,)``.
            weight: Weights, shape ``(N,)``; None where all count the same.
        """
        require_tensor("values", values)
        if weight is None:
            weight = torch.ones_like(values)
        index = torch.bucketize(values.to(self.edges.dtype), self.edges[1:-1])
        counts = self.edges.new_zeros(self.bins).index_add_(0, index, weight.to(self.edges.dtype))
        even = self.edges.diff() / (self.edges[-1] - self.edges[0])
        self.linear.bias[: self.bins] = (0.99 * counts / counts.sum() + 0.01 * even).log()

    def tails(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Concentrations and scales (None where tied) of the lower and of the upper tail.

        Args:
            raw: Shape ``(*B, K + 4)``, or ``(*B, K + 2)`` where scales are tied.

        Returns:
            Two columns of each, shape ``(*B, 2)``.
        """
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
        if not scale > 0:
            raise ValueError(f"scale must be positive, got {scale}: it is a spread.")
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
        return Gaussian(*self.parameters_of(raw[..., 0], raw[..., 1]), validate_args=False)


def positive(raw: Tensor) -> Tensor:
    """A positive number of a raw one, 1.001 at `SOFTPLUS_ONE`."""
    return nn.functional.softplus(raw) + 1e-3


def logit(share: float) -> float:
    """The raw parameter at which sigmoid is `share`."""
    return math.log(share / (1 - share))


def initial_concentration(concentration_range: tuple[float, float]) -> float:
    """Raw parameter of a concentration of 0.1, or of the nearest within the range."""
    lowest, highest = concentration_range
    if not lowest < highest:
        raise ValueError(
            f"concentration_range must be (lowest, highest) with lowest < highest, got "
            f"{concentration_range}."
        )
    return logit(min(max((0.1 - lowest) / (highest - lowest), 0.02), 0.98))
