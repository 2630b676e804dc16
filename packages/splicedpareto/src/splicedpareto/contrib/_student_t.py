"""Student's t distribution, accurate in both tails: a heavy-tailed baseline of few parameters."""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Gamma, constraints

from splicedpareto.distributions._base import tensor_options
from splicedpareto.distributions._checks import are_all, require
from splicedpareto.distributions._kernels import safe_log
from splicedpareto.distributions._location_scale import LocationScale
from splicedpareto.distributions._special import (
    digamma_step,
    half_beta_fraction,
    log_gamma_step,
)

# Steps of Newton's method; the slowest start, at a `df` of 1e4 and a level of 0.1, needs 11.
_STEPS = 16


class StudentT(LocationScale):
    r"""Student's t distribution with a location and a scale, accurate in both tails.

    .. math:: f(x) = \frac{\Gamma((\nu + 1) / 2)}{\Gamma(\nu / 2) \sqrt{\nu \pi}\, \sigma}
        \left(1 + \frac{z^2}{\nu}\right)^{-(\nu + 1) / 2}, \qquad z = (x - \mu) / \sigma

    `torch.distributions.StudentT` has no cdf. Both tails have the concentration
    :math:`1 / \nu` of a generalized Pareto distribution, so the tails cannot differ.

    Args:
        df: Degrees of freedom :math:`\nu`, finite, above 1 so that the mean exists, shape
            ``(*B,)``. The distribution function is accurate to 2e-11 up to 1e4.
        loc: Location :math:`\mu`, broadcastable, in units of the outcome.
        scale: Scale :math:`\sigma > 0`, broadcastable; not the standard deviation.
        validate_args: As in torch.

    Raises:
        ValueError: If a parameter breaks its rule.

    References:
        Jordan, Krüger and Lerch (2019), "Evaluating Probabilistic Forecasts with scoringRules",
        Journal of Statistical Software 90(12), appendix A, for the CRPS.

    Example:
        >>> StudentT(2.0, 0.0, 1.0).sf(torch.tensor(50.0))
        tensor(0.0002)
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "df": constraints.greater_than(1.0),  # type: ignore[no-untyped-call]
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True
    df: Tensor

    def __init__(
        self,
        df: Tensor | float,
        loc: Tensor | float,
        scale: Tensor | float,
        *,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(validate_args, df=df, loc=loc, scale=scale)
        if self.validating:
            require((self.df > 1) & self.df.isfinite(), "df", "above 1 and finite", self.df)

    @property
    def mean(self) -> Tensor:
        """Mean, `loc`."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        r"""Variance :math:`\sigma^2 \nu / (\nu - 2)`, infinite up to :math:`\nu = 2`."""
        finite = self.df > 2
        df = torch.where(finite, self.df, 3)
        return torch.where(finite, self.scale.square() * df / (df - 2), math.inf)

    @property
    def stddev(self) -> Tensor:
        r"""Standard deviation, infinite up to :math:`\nu = 2`."""
        finite = self.df > 2
        df = torch.where(finite, self.df, 3)
        return torch.where(finite, self.scale * (df / (df - 2)).sqrt(), math.inf)

    def entropy(self) -> Tensor:
        r"""Differential entropy in nats.

        .. math:: \log\sigma - \log c_\nu + \frac{\nu + 1}{2}
            \Bigl(\psi\bigl(\tfrac{\nu + 1}{2}\bigr) - \psi\bigl(\tfrac{\nu}{2}\bigr)\Bigr)
        """
        half = self.df / 2
        return self.scale.log() - _log_norm(self.df) + (half + 0.5) * digamma_step(half)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density; ``-inf`` at infinite values."""
        z = self._standardized(value)
        infinite = z.isinf()
        log_density = _log_density(torch.where(infinite, 0, z), self.df)
        return torch.where(infinite, -math.inf, log_density) - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`."""
        return _sides(self._standardized(value), self.df).below

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`."""
        return _sides(-self._standardized(value), self.df).below

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        return _sides(self._standardized(value), self.df).log_below

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""
        return _sides(-self._standardized(value), self.df).log_below

    def _is_narrow(self, lower: Tensor, upper: Tensor, width: Tensor) -> Tensor:
        # The density has a pole at a distance of sqrt(df) from the location in the complex plane.
        with torch.no_grad():
            start, stop = (lower - self.loc) / self.scale, (upper - self.loc) / self.scale
            units, far = width / self.scale, torch.maximum(start.abs(), stop.abs())
            nearest = torch.where(start * stop < 0, 0, torch.minimum(start.abs(), stop.abs()))
            slope = (self.df + 1) * far / (self.df + far.square())
            smooth = units < torch.hypot(nearest, self.df.sqrt()) / 2
            return far.isfinite() & smooth & (units * (1 + slope) < 6)

    def _inner(self) -> Tensor:
        return self.loc

    def _quantile(self, cdf: Tensor, sf: Tensor) -> Tensor:
        lower = cdf < sf
        size = _upper_quantile(safe_log(torch.where(lower, cdf, sf)), self.df)
        return self.loc + self.scale * torch.where(lower, -size, size)

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        r"""CRPS with its integral over [low, high], in units of the outcome.

        With :math:`A(z) = \int_{-\infty}^z F^2` it is
        :math:`\sigma (A(y) - A(l) + A(-y) - A(-h))`; over the whole line Jordan, Krüger and Lerch
        (2019), appendix A. Integration by parts gives

        .. math:: A(z) = z F(z)^2 + 2 \frac{\nu + z^2}{\nu - 1} f(z) F(z)
            - \frac{2 \nu c_\nu^2 s}{(\nu - 1) c_{2 \nu - 1}} F_{2 \nu - 1}(z / s)

        with :math:`s^2 = \nu / (2 \nu - 1)` and :math:`c_\nu = f_\nu(0)`.
        """
        ends = self._range(low, high)
        value = self._value(value)
        z = self._standardized(torch.minimum(torch.maximum(value, ends[0]), ends[1]))
        # Of the squared functions over the whole line: of F up to z and of 1 - F from there on.
        area = z * (2 * _sides(z, self.df).below - 1) + 2 * _partial_moment(z, self.df)
        area = area - 2 * _area_of_ends(self.df)
        for end, bound, sign in zip(ends, (low, high), (1, -1), strict=True):
            # An infinite bound excludes nothing; skipping it saves half of the work.
            if isinstance(bound, Tensor) or math.isfinite(bound):
                area = area - _area_of_square(sign * self._standardized(end), self.df)
        return torch.where(ends[0] == ends[1], 0, self.scale * area)

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        r"""Mean of ``min(max(X, low), high)``: :math:`\mu + \sigma (B(l) - B(-h))`.

        :math:`B(z) = \int_{-\infty}^z F = z F(z) + \int_z^\infty x f`.
        """
        low, high = self._bounds(low, high)
        start, stop = self._standardized(low), self._standardized(high)
        return self.loc + self.scale * (_area(start, self.df) - _area(-stop, self.df))

    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        shape = sample_shape + self.batch_shape
        noise = torch.randn(shape, generator=generator, **tensor_options(self))
        half = (self.df / 2).expand(shape)
        # torch's gamma draws from the global generator alone, which is seeded for this draw.
        device = self.loc.device
        seed = torch.randint(2**62, (), generator=generator, device=device)
        with torch.random.fork_rng(devices=() if device.type == "cpu" else (device,)):
            torch.manual_seed(int(seed))
            # torch's takes no half precision on a CPU.
            wide = half.float() if torch.finfo(half.dtype).bits < 32 else half
            gamma = Gamma(wide, torch.ones_like(wide), validate_args=False).rsample().to(half.dtype)
        return self.loc + self.scale * noise * (half / gamma).sqrt()


class _Sides(NamedTuple):
    """Probability below a standardized value, and its logarithm."""

    below: Tensor
    log_below: Tensor


def _log_norm(df: Tensor) -> Tensor:
    r"""Log-density at zero, :math:`\log c_\nu`."""
    return log_gamma_step(df / 2) - (df * math.pi).log() / 2


def _log_density(z: Tensor, df: Tensor) -> Tensor:
    """Standard log-density at finite values."""
    return _log_norm(df) - (df + 1) / 2 * _log1p_square(z / df.sqrt())


def _log1p_square(ratio: Tensor) -> Tensor:
    """Return log(1 + r**2), where r**2 may overflow."""
    large = ratio.abs() > 1e3
    size = torch.where(large, ratio.abs(), 1e3)
    near = torch.where(large, 0, ratio).square().log1p()
    # The next term of the series, r**-4 / 2, is below 1e-12.
    return torch.where(large, 2 * size.log() + 1 / size / size, near)


def _sides(z: Tensor, df: Tensor) -> _Sides:
    r"""Probability below a value.

    :math:`I_x(\nu / 2, 1 / 2) / 2` with :math:`x = \nu / (\nu + z^2)` beyond the switch of the
    continued fraction, and one half plus the odd complement before it, which is smooth at zero.
    """
    infinite = z.isinf()
    ratio = torch.where(infinite, 0, z) / df.sqrt()
    half, one_half = df / 2, torch.full_like(df, 0.5)
    log_growth = _log1p_square(ratio)
    share = (-log_growth).exp()
    far = share < (half + 1) / (half + 2.5)
    fraction = half_beta_fraction(
        torch.where(far, half, one_half),
        torch.where(far, one_half, half),
        torch.where(far, share, ratio.square().clamp(max=4.0) * share),
    )
    log_beta = math.log(math.pi) / 2 - log_gamma_step(half)
    central = (
        torch.where(far, 0, ratio) * (-(half + 0.5) * log_growth - log_beta).exp() * fraction
    ) + 0.5
    size = torch.where(far, ratio.abs(), 1)
    log_beyond = size.log() - (half + 0.5) * log_growth - df.log() - log_beta + fraction.log()
    log_beyond = torch.where(infinite, -math.inf, torch.where(far, log_beyond, -math.log(2)))
    far = far | infinite
    beyond = log_beyond.exp()
    below = torch.where(far, torch.where(z < 0, beyond, 1 - beyond), central)
    log_below = torch.where(
        far,
        torch.where(z < 0, log_beyond, (-beyond).log1p()),
        torch.where(far, 0.5, central).log(),
    )
    return _Sides(below, log_below)


def _upper_quantile(log_level: Tensor, df: Tensor) -> Tensor:
    """Value exceeded with a log-probability of at most log(1/2), by Newton's method.

    Below a level of 0.1 it iterates on the logarithms of level and value, from the power law that
    bounds the tail; above it on the level, from zero. Either function is convex or concave, so
    that every step stays on the side of the start.
    """
    with torch.no_grad():
        endless = log_level.isneginf()
        target, df_held = torch.where(endless, 0, log_level).detach(), df.detach()
        in_tail = target < math.log(0.1)
        bound = (_log_norm(df_held) + (df_held - 1) / 2 * df_held.log() - target) / df_held
        value = torch.where(in_tail, bound.exp(), 0)
        for _ in range(_STEPS):
            log_beyond = _sides(-value, df_held).log_below
            hazard = (_log_density(value, df_held) - log_beyond).exp()
            power = torch.where(in_tail, value * hazard, 1)
            outer = value * ((log_beyond - target) / power).exp()
            inner = value - torch.expm1(target - log_beyond) / hazard
            before, value = value, torch.where(in_tail, outer, inner).clamp(min=0)
            settled = ~((value - before).abs() > 1e-6 * (1 + before.abs()))
            if not torch.compiler.is_compiling() and are_all(settled):
                break  # the step below squares the error
    # One more step, with gradient: its derivative is that of the implicit function.
    gap = _sides(-value, df).log_below - torch.where(endless, 0, log_level)
    value = value + torch.where(endless, 0, gap) / hazard
    return torch.where(endless, math.inf, value)


def _area(z: Tensor, df: Tensor) -> Tensor:
    """Integral of the standard distribution function up to `z`."""
    nothing = z.isneginf()
    z = torch.where(nothing, 0, z)
    return torch.where(nothing, 0, z * _sides(z, df).below + _partial_moment(z, df))


def _area_of_square(z: Tensor, df: Tensor) -> Tensor:
    """Integral of the squared standard distribution function up to `z`."""
    nothing = z.isneginf()
    z = torch.where(nothing, 0, z)
    below = _sides(z, df).below
    doubled = 2 * df - 1
    share = _sides(z / (df / doubled).sqrt(), doubled).below
    area = z * below.square() + 2 * _partial_moment(z, df) * below
    return torch.where(nothing, 0, area - 2 * _area_of_ends(df) * share)


def _partial_moment(z: Tensor, df: Tensor) -> Tensor:
    r"""First moment beyond `z`, :math:`\int_z^\infty x f = (\nu + z^2) f(z) / (\nu - 1)`."""
    infinite = z.isinf()
    z = torch.where(infinite, 0, z)
    moment = (df + z.square()) / (df - 1) * _log_density(z, df).exp()
    return torch.where(infinite, 0, moment)


def _area_of_ends(df: Tensor) -> Tensor:
    r"""The constant :math:`\nu c_\nu^2 s / ((\nu - 1) c_{2 \nu - 1})` of `crps_between`."""
    doubled = 2 * df - 1
    log_factor = 2 * _log_norm(df) - _log_norm(doubled)
    return df / (df - 1) * (df / doubled).sqrt() * log_factor.exp()
