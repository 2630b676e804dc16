r"""Proper scoring rules and calibration measures, one value per observation.

Every argument is a tensor, or a number where one does, and every distribution has the methods that
a rule needs; anything else is refused by a TypeError.
Smaller scores are better. A distribution gives its scores in closed form; a *lattice* function
scores a table of the distribution function on consecutive whole numbers, such as another model's
output, exactly.

References:
    Gneiting and Raftery (2007), "Strictly Proper Scoring Rules, Prediction, and Estimation",
    JASA 102. Czado, Gneiting and Held (2009), "Predictive Model Assessment for Count Data",
    Biometrics 65.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splicedpareto.distributions._base import ScalarDistribution, broadcast_shapes
from splicedpareto.distributions._checks import (
    as_tensor,
    require,
    require_distribution,
    require_generator,
    require_real,
    require_tensor,
    require_whole,
)
from splicedpareto.distributions._kernels import weighted

if TYPE_CHECKING:
    from torch.distributions import Distribution

# The first number of a lattice is a number that single precision has.
_LOWEST = -(2**31)

__all__ = [
    "crps",
    "lattice_crps",
    "lattice_log_score",
    "lattice_mid_cdf",
    "lattice_randomized_pit",
    "log_score",
    "mid_cdf",
    "pinball",
    "pp_error",
    "quantile_score",
    "randomized_pit",
    "tw_crps",
]


def log_score(dist: Distribution, value: Tensor) -> Tensor:
    """Logarithmic score in nats: minus the log of the density, or of the mass, at the outcome."""
    require_distribution("dist", dist)
    require_tensor("value", value, or_number=True)
    return -dist.log_prob(value)


def crps(dist: ScalarDistribution, value: Tensor) -> Tensor:
    """Continuous ranked probability score, in units of the outcome."""
    require_distribution("dist", dist, "crps")
    require_tensor("value", value, or_number=True)
    return dist.crps(value)


def tw_crps(dist: ScalarDistribution, value: Tensor, threshold: Tensor | float) -> Tensor:
    """CRPS of what happens from a threshold on, in units of the outcome.

    References:
        Gneiting and Ranjan (2011), eq. 3, with the indicator weight.
    """
    require_distribution("dist", dist, "crps_between")
    require_tensor("value", value, or_number=True)
    require_tensor("threshold", threshold, or_number=True)
    return dist.crps_between(value, threshold, math.inf)


def pinball(dist: Distribution, value: Tensor, level: Tensor) -> Tensor:
    """Pinball loss of the distribution's quantile at a level, in units of the outcome.

    At level 0 or 1 of an unbounded distribution it is 0, as in `quantile_score`.

    Raises:
        ValueError: If a level is NaN or outside [0, 1].
    """
    require_distribution("dist", dist)
    require_tensor("value", value, or_number=True)
    _check_level(level)
    # torch's own take no numbers; ours keep the distance of one from 1.
    ours = isinstance(dist, ScalarDistribution)
    return quantile_score(dist.icdf(level if ours else torch.as_tensor(level)), value, level)


def quantile_score(quantile: Tensor, value: Tensor, level: Tensor | float) -> Tensor:
    r"""Pinball loss :math:`(1\{y < Q\} - q)(Q - y)` of any quantile forecast.

    Args:
        quantile: Forecast quantile :math:`Q`, in units of the outcome.
        value: Outcome :math:`y`, broadcastable.
        level: Level :math:`q` in [0, 1], broadcastable.

    Returns:
        Losses of the broadcast shape, at least 0. The side of weight zero costs nothing, however
        far: at level 0 a forecast of minus infinity, at level 1 one of infinity.

    Raises:
        ValueError: If a level is NaN or outside [0, 1], or shapes do not broadcast.

    References:
        Koenker and Bassett (1978), eq. 1.2.
    """
    require_real("quantile", quantile, or_number=True)
    require_real("value", value, or_number=True)
    _check_level(level)
    forecast, outcome, share = map(_as_operand, (quantile, value, level))
    shapes = [each.shape for each in (forecast, outcome, share) if isinstance(each, Tensor)]
    broadcast_shapes(*shapes, what="quantile, value and level")
    error = torch.as_tensor(outcome - forecast)
    return torch.maximum(weighted(level, error), weighted(level - 1, error))


def mid_cdf(dist: ScalarDistribution, value: Tensor) -> Tensor:
    r"""Mid-distribution function :math:`P(Y < y) + P(Y = y) / 2`.

    Its mean over outcomes is exactly 1/2 where the distribution holds, also with atoms; without
    atoms it is the distribution function.

    References:
        Parzen (2004), "Quantile Probability and Statistical Data Modeling", Statistical
        Science 19, section 3.
    """
    require_distribution("dist", dist, "cdf_below")
    require_tensor("value", value, or_number=True)
    return (dist.cdf_below(value) + dist.cdf(value)) / 2


def randomized_pit(
    dist: ScalarDistribution, value: Tensor, *, generator: torch.Generator | None = None
) -> Tensor:
    r"""Probability integral transform, uniform where the distribution holds, also with atoms.

    A uniform draw between :math:`P(Y < y)` and :math:`P(Y \le y)`; without atoms no draw matters.

    References:
        Czado, Gneiting and Held (2009), eq. 1.
    """
    require_distribution("dist", dist, "cdf_below")
    require_tensor("value", value, or_number=True)
    return _uniform_between(dist.cdf_below(value), dist.cdf(value), generator)


def pp_error(pit: Tensor, level: Tensor) -> Tensor:
    r"""Mean absolute distance of a P-P plot from the diagonal.

    .. math:: \frac{1}{Q} \sum_q \left| \frac{1}{n} \#\{u_i \le q\} - q \right|

    A measure of calibration alone, and not proper: a forecast that ignores its input can have 0.

    Args:
        pit: Probability integral transforms :math:`u_i` in [0, 1], shape ``(n,)``, n above 0.
        level: Levels :math:`q` in [0, 1], shape ``(Q,)``.

    Returns:
        One number in [0, 1].

    Raises:
        ValueError: If `pit` or `level` is empty, or a value is NaN or outside [0, 1].
    """
    for name, given in (("pit", pit), ("level", level)):
        require_real(name, given)
        if given.dim() > 1:
            raise ValueError(f"{name} must have one dimension, got shape {tuple(given.shape)}.")
        if not given.numel():
            raise ValueError(f"{name} must hold at least one value, got none.")
    require((pit >= 0) & (pit <= 1), "pit", "in [0, 1]", pit)
    _check_level(level)
    dtype = torch.promote_types(level.dtype, torch.get_default_dtype())
    count = torch.searchsorted(pit.sort().values, level, right=True)
    return (count.to(dtype) / pit.numel() - level).abs().mean()


def lattice_log_score(cdf: Tensor, value: Tensor, *, first: int) -> Tensor:
    """Logarithmic score in nats of a lattice distribution; infinite at outcomes without mass.

    Args:
        cdf: Distribution function at the whole numbers `first`, `first` + 1, ..., shape
            ``(*B, N)``; zero below them, one from the last of them on.
        value: Whole outcomes, shape ``(*B,)``.
        first: The smallest number of the lattice.

    Returns:
        Scores of shape ``(*B,)``.

    Raises:
        ValueError: If an outcome is not whole and finite, `first` is no whole number, shapes do not
            broadcast, or the function is no distribution function.
    """
    cdf, value = _checked_lattice(cdf, value, first)
    return -(_lattice_cdf(cdf, value, first) - _lattice_cdf(cdf, value - 1, first)).log()


def lattice_crps(cdf: Tensor, value: Tensor, *, first: int) -> Tensor:
    r"""CRPS of a lattice distribution: :math:`\sum_k (F(k) - 1\{y \le k\})^2`.

    Args:
        cdf: As in `lattice_log_score`.
        value: Whole outcomes, shape ``(*B,)``; beyond the lattice the distance to it is added.
        first: The smallest number of the lattice.

    Returns:
        Scores of shape ``(*B,)``, in units of the outcome.

    Raises:
        ValueError: As `lattice_log_score`.
    """
    cdf, value = _checked_lattice(cdf, value, first)
    last = first + cdf.shape[-1] - 1
    whole = torch.arange(first, last, dtype=cdf.dtype, device=cdf.device)
    # At the last number the function is one and so is the indicator.
    reached = (value.clamp(first, last)[..., None] <= whole).to(cdf.dtype)
    missed = (value - last).clamp(min=0) + (first - value).clamp(min=0)
    return (cdf[..., :-1] - reached).square().sum(-1) + missed


def lattice_mid_cdf(cdf: Tensor, value: Tensor, *, first: int) -> Tensor:
    """Mid-distribution function of a lattice distribution, as `mid_cdf`.

    Args:
        cdf: As in `lattice_log_score`.
        value: Whole outcomes, shape ``(*B,)``.
        first: The smallest number of the lattice.

    Raises:
        ValueError: As `lattice_log_score`.
    """
    cdf, value = _checked_lattice(cdf, value, first)
    return (_lattice_cdf(cdf, value - 1, first) + _lattice_cdf(cdf, value, first)) / 2


def lattice_randomized_pit(
    cdf: Tensor, value: Tensor, *, first: int, generator: torch.Generator | None = None
) -> Tensor:
    """Probability integral transform of a lattice distribution, as `randomized_pit`.

    Args:
        cdf: As in `lattice_log_score`.
        value: Whole outcomes, shape ``(*B,)``.
        first: The smallest number of the lattice.
        generator: Source of the uniform draws.

    Raises:
        ValueError: As `lattice_log_score`.
    """
    cdf, value = _checked_lattice(cdf, value, first)
    below, at_most = _lattice_cdf(cdf, value - 1, first), _lattice_cdf(cdf, value, first)
    return _uniform_between(below, at_most, generator)


def _as_operand(value: Tensor | float) -> Tensor | float:
    """A tensor, or a number that any tensor can be combined with."""
    return value if isinstance(value, Tensor) else float(value)


def _check_level(level: Tensor | float) -> None:
    """Raise unless levels lie in [0, 1]."""
    require_real("level", level, or_number=True)
    levels = level if isinstance(level, Tensor) else torch.tensor(float(level))
    require((levels >= 0) & (levels <= 1), "level", "in [0, 1]", levels)


def _checked_lattice(cdf: Tensor, value: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """The table and outcomes of its type, checked."""
    require_tensor("cdf", cdf)
    require_tensor("value", value)
    require_whole("first", first, _LOWEST)
    if not cdf.is_floating_point() or not cdf.dim() or not cdf.shape[-1]:
        raise ValueError(
            "cdf must be floating-point, of shape (*B, N) with N at least 1, got "
            f"{tuple(cdf.shape)} of {cdf.dtype}."
        )
    value = as_tensor("value", value, dtype=cdf.dtype, device=cdf.device)
    broadcast_shapes(value.shape, cdf.shape[:-1], what="value and the batch of cdf")
    require((cdf >= 0) & (cdf <= 1), "cdf", "in [0, 1]", cdf)
    steps = cdf.diff()
    require(steps >= 0, "cdf", "nondecreasing, with steps of at least 0", steps)
    whole = (value == value.round()) & value.isfinite()
    require(whole, "value", "a finite whole number", value)
    most = 1 / torch.finfo(cdf.dtype).eps
    if max(-first, first + cdf.shape[-1]) > most:
        raise ValueError(
            f"first must leave the lattice within {-most:.0f} to {most:.0f}, where {cdf.dtype} has "
            f"all whole numbers, got {first} and {cdf.shape[-1]} numbers: give cdf in float64."
        )
    return cdf, value


def _lattice_cdf(cdf: Tensor, value: Tensor, first: int) -> Tensor:
    """Distribution function at whole numbers on and off the lattice."""
    shape = broadcast_shapes(value.shape, cdf.shape[:-1])
    position = (value - first).clamp(-1, cdf.shape[-1]).long().expand(shape)
    inside = position.clamp(0, cdf.shape[-1] - 1)[..., None]
    table = cdf.expand((*inside.shape[:-1], cdf.shape[-1]))
    picked = torch.where(position < 0, 0, table.gather(-1, inside).squeeze(-1))
    return torch.where(position >= cdf.shape[-1] - 1, 1, picked)


def _uniform_between(below: Tensor, at_most: Tensor, generator: torch.Generator | None) -> Tensor:
    require_generator(generator)
    share = torch.rand(below.shape, generator=generator, dtype=below.dtype, device=below.device)
    return below + share * (at_most - below)
