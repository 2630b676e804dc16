"""Distribution output for GluonTS's PyTorch models. Needs the extra ``gluonts``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from splicedpareto.nn import SplicedBinnedParetoHead
from splicedpareto.objectives import composite_nll

try:
    from gluonts.core.component import validated
    from gluonts.torch.distributions import DistributionOutput
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "splicedpareto.contrib.gluonts needs GluonTS and its PyTorch models: pip install "
        "'splicedpareto[gluonts]'."
    ) from missing

if TYPE_CHECKING:
    from splicedpareto.distributions import SplicedBinnedPareto

__all__ = ["SplicedBinnedParetoOutput"]


class SplicedBinnedParetoOutput(DistributionOutput):  # type: ignore[misc]  # untyped
    r"""A `SplicedBinnedPareto` at every step, for DeepAR, SimpleFeedForward and their like.

    These models divide each series by its scale. The bins lie in those units and are transformed
    back with the series' location and scale, so that the forecast does not depend on the units of
    a series. Bins are narrow near 0 and widen outwards, with edges at
    :math:`r \sinh(4 t) / \sinh(4)` for even :math:`t` in :math:`[-1, 1]`. Trained by
    `composite_nll`.

    Args:
        bins: Number of bins.
        reach: Outermost edge :math:`r > 0`, in scales of the series.
        lower_mass: Probability of the lower tail; 0 switches it off.
        upper_mass: Probability of the upper tail; 0 switches it off.
        highest_concentration: Upper bound of both tails' concentrations; the lower bound is 0.

    Raises:
        ValueError: `reach` is not positive.

    Example:
        >>> from gluonts.torch import DeepAREstimator
        >>> output = SplicedBinnedParetoOutput(bins=50)
        >>> estimator = DeepAREstimator(freq="D", prediction_length=7, distr_output=output)
    """

    # GluonTS records and checks the arguments, to store a trained predictor.
    @validated()  # type: ignore[no-untyped-call,untyped-decorator]
    def __init__(
        self,
        bins: int = 100,
        reach: float = 20.0,
        lower_mass: float = 0.05,
        upper_mass: float = 0.05,
        highest_concentration: float = 0.9,
    ) -> None:
        super().__init__()
        if not reach > 0:
            raise ValueError(f"reach must be positive, got {reach}: it is the outermost edge.")
        self.bins = bins
        self.reach = reach
        self.lower_mass = lower_mass
        self.upper_mass = upper_mass
        self.highest_concentration = highest_concentration

    def _head(self, in_features: int) -> SplicedBinnedParetoHead:
        even = torch.linspace(-4, 4, self.bins + 1)
        return SplicedBinnedParetoHead(
            in_features,
            self.reach * even.sinh() / math.sinh(4),
            lower_mass=self.lower_mass,
            upper_mass=self.upper_mass,
            concentration_range=(0.0, self.highest_concentration),
        )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Outcomes are scalars."""
        return ()

    def get_args_proj(self, in_features: int) -> nn.Module:
        """Layer from a state to the raw parameters, a tuple of one tensor."""
        head = self._head(in_features)
        # Start from equal probabilities: most of a scaled series lies in the narrow bins.
        nn.init.zeros_(head.linear.bias[: self.bins])
        return _RawParameters(head)

    def distribution(
        self,
        distr_args: tuple[Tensor],
        loc: Tensor | None = None,
        scale: Tensor | None = None,
    ) -> SplicedBinnedPareto:
        """Distribution of raw parameters ``(*B, P)``, transformed by location and scale."""
        distribution = self._head(1).distribution(distr_args[0])
        return distribution.affine(0.0 if loc is None else loc, 1.0 if scale is None else scale)

    def loss(
        self,
        target: Tensor,
        distr_args: tuple[Tensor],
        loc: Tensor | None = None,
        scale: Tensor | None = None,
    ) -> Tensor:
        """Composite negative log-likelihood of each target, in nats."""
        return composite_nll(self.distribution(distr_args, loc, scale), target)


class _RawParameters(nn.Module):
    """Linear part of a head, in the form that GluonTS expects."""

    def __init__(self, head: SplicedBinnedParetoHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, state: Tensor) -> tuple[Any, ...]:
        """Raw parameters, shape ``(*B, P)``, as a tuple of one tensor."""
        return (self.head.raw_parameters(state),)
