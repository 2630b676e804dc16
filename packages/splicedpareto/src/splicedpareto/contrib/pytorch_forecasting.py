"""Loss for PyTorch Forecasting's models. Needs the extra ``pytorch-forecasting``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from splicedpareto.contrib._scaled import scaled_head
from splicedpareto.distributions import SplicedBinnedPareto
from splicedpareto.objectives import composite_nll

try:
    from pytorch_forecasting.metrics import DistributionLoss
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "splicedpareto.contrib.pytorch_forecasting needs PyTorch Forecasting: pip install "
        "'splicedpareto[pytorch-forecasting]'."
    ) from missing

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SplicedBinnedParetoLoss"]


class SplicedBinnedParetoLoss(DistributionLoss):  # type: ignore[misc]  # untyped
    """A `SplicedBinnedPareto` at every step, for DeepAR, TemporalFusionTransformer and their like.

    The bins lie in units of each series' scale, narrow near its center, and are transformed back,
    so that the forecast does not depend on the units of a series. Trained by `composite_nll`.

    Args:
        bins: Number of bins.
        reach: Outermost edge, in scales of the series.
        lower_mass: Probability of the lower tail; 0 switches it off.
        upper_mass: Probability of the upper tail; 0 switches it off.
        highest_concentration: Upper bound of both tails' concentrations; the lower bound is 0.
        moving: Whether the bins move by a location and a scale which the network gives beside them,
            as in `MovingBinsHead`; otherwise they are the same at every step of a series.
        settings: ``name``, ``quantiles`` and ``reduction``, as PyTorch Forecasting has them.

    Raises:
        ValueError: `reach` is not positive, the masses leave no body, or bins are no whole number.

    Example:
        >>> loss = SplicedBinnedParetoLoss(bins=20)
        >>> len(loss.distribution_arguments)  # what a network puts out for each step
        26
    """

    distribution_class = SplicedBinnedPareto

    def __init__(
        self,
        bins: int = 50,
        reach: float = 20.0,
        lower_mass: float = 0.05,
        upper_mass: float = 0.05,
        highest_concentration: float = 0.9,
        *,
        moving: bool = True,
        **settings: Any,  # noqa: ANN401  # of the library
    ) -> None:
        super().__init__(**settings)
        self.head = scaled_head(
            1,
            bins=bins,
            reach=reach,
            lower_mass=lower_mass,
            upper_mass=upper_mass,
            highest_concentration=highest_concentration,
            moving=moving,
        ).requires_grad_(False)
        self.distribution_arguments = [f"raw_{k}" for k in range(self.head.raw_features)]

    def rescale_parameters(
        self,
        parameters: Tensor,
        target_scale: Tensor,
        encoder: Any,  # noqa: ANN401  # of the library
    ) -> Tensor:
        """Put center and scale of each series before the raw parameters, ``(B, T, 2 + P)``.

        Raises:
            ValueError: The target is transformed by a function, not only moved and stretched.
        """
        transformation = getattr(encoder, "transformation", None)
        if transformation is not None:
            raise ValueError(
                f"the target's normalizer must have transformation=None, got {transformation!r}: "
                "the distribution is moved and stretched, and holds heavy tails as they are."
            )
        steps = target_scale.unsqueeze(1).expand(-1, parameters.shape[1], -1)
        return torch.cat([steps, parameters], -1)

    def map_x_to_distribution(self, x: Tensor) -> SplicedBinnedPareto:
        """Distribution of center, scale and raw parameters, batch shape ``(B, T)``."""
        raw = x[..., 2:] + self.head.raw_parameters(x.new_zeros(1))
        return self.head.distribution(raw).affine(x[..., 0], x[..., 1])

    def loss(self, y_pred: Tensor, y_actual: Tensor) -> Tensor:
        """Composite negative log-likelihood of each target, in nats."""
        return composite_nll(self.map_x_to_distribution(y_pred), y_actual)
