"""The spliced binned-Pareto distribution."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import constraints

from splicedpareto.distributions._base import (
    broadcast_shapes,
    interval,
    tensor_options,
)
from splicedpareto.distributions._checks import (
    as_tensor,
    require,
    require_finite,
    require_tensor,
    resolve_validation,
)
from splicedpareto.distributions._expectations import Expectations
from splicedpareto.distributions._kernels import safe_log
from splicedpareto.distributions._layout import from_columns
from splicedpareto.distributions._parameters import DEFAULT_MASS, Splice, SplicedParameters


class SplicedBinnedPareto(Expectations):
    r"""Bins in the body, a generalized Pareto distribution (GPD) in each tail.

    Between two thresholds the density is constant within each of `K` bins; below the lower and
    above the upper threshold the excess follows a GPD:

    .. math::
        f(x) = \begin{cases}
            p_L\, g\bigl((\tau_L - x) / \sigma_L; \xi_L\bigr) / \sigma_L & x < \tau_L \\
            \pi_k / w_k & \tau_L \le x \le \tau_U,\ x \text{ in bin } k \\
            p_U\, g\bigl((x - \tau_U) / \sigma_U; \xi_U\bigr) / \sigma_U & x > \tau_U
        \end{cases}

    with :math:`g(u; \xi) = (1 + \xi u)^{-1 - 1/\xi}`. The distribution is a density that integrates
    to one for every parameter; `objectives` holds what training needs beyond it.

    With ``splice="quantile"`` the thresholds are the quantiles :math:`p_L` and
    :math:`1 - p_U` of the bins, so they move with the logits. With ``splice="edge"`` they
    are the outermost edges, and the tails' probabilities come from the softmax.

    Without a `lower_scale` or `upper_scale` that tail's scale is *tied*: the one that makes the
    density continuous at the threshold, :math:`\sigma = p / \rho(\tau)` with :math:`\rho` the
    density of the bins there. Where a threshold crosses an edge between bins of different density
    the tied scale jumps, and the tail's probabilities with it, by less than its mass: computations
    that round differently, such as a graph in another runtime, may then differ by so much.

    Gradients exist in reverse mode to any order and in forward mode once: `torch.func.hessian` is
    right, ``jacfwd(jacfwd(...))`` is not, as torch leaves custom functions out of an outer forward
    mode without a word.

    Args:
        logits: Unnormalized log-probabilities, shape ``(*B, K)``, or ``(*B, K + 2)`` with the
            edge splice, whose first and last entries are the tails. ``-inf`` empties a bin.
        edges: Finite increasing bin edges in units of the outcome, shape ``(K + 1,)``, or
            ``(*B, K + 1)`` for bins of their own in each batch element.
        lower_concentration: :math:`\xi_L`, any sign, broadcastable to ``(*B,)``. Below 0 the
            support ends at :math:`\tau_L + \sigma_L / \xi_L`.
        upper_concentration: :math:`\xi_U`, likewise; the support ends at
            :math:`\tau_U - \sigma_U / \xi_U`.
        lower_scale: :math:`\sigma_L > 0` in units of the outcome, or None to tie it.
        upper_scale: :math:`\sigma_U > 0` in units of the outcome, or None to tie it.
        lower_mass: :math:`p_L` in [0, 1), with the quantile splice only; 0 switches the tail off.
        upper_mass: :math:`p_U` in [0, 1), likewise; the two must leave a body.
        splice: Where the tails start, see above.
        validate_args: Whether to check arguments. None follows torch's default, and checks
            nothing while a graph is traced. Values need not lie in the support: outside it
            `log_prob` is ``-inf``.

    Raises:
        ValueError: If an argument breaks its rule or shapes do not match.
        TypeError: If `logits` are not floating-point, or an argument is no tensor and no number.

    References:
        Ehrlich, Callot and Aubet (2021), "Spliced Binned-Pareto Distribution for Robust Modeling
        of Heavy-tailed Time Series", arXiv:2106.10952.

    Example:
        >>> edges = torch.linspace(0, 100, 11)
        >>> dist = SplicedBinnedPareto(torch.zeros(10), edges, 0.2, 0.2)
        >>> dist.upper_threshold, dist.log_prob(torch.tensor(50.0)).exp()
        (tensor(95.), tensor(0.0100))
    """

    has_rsample = True
    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "logits": constraints.real_vector,
        "edges": constraints.real_vector,
        "lower_concentration": constraints.real,
        "upper_concentration": constraints.real,
        "lower_scale": constraints.positive,
        "upper_scale": constraints.positive,
        "lower_mass": constraints.unit_interval,
        "upper_mass": constraints.unit_interval,
    }

    def __init__(
        self,
        logits: Tensor,
        edges: Tensor,
        lower_concentration: Tensor | float,
        upper_concentration: Tensor | float,
        lower_scale: Tensor | float | None = None,
        upper_scale: Tensor | float | None = None,
        lower_mass: Tensor | float = DEFAULT_MASS,
        upper_mass: Tensor | float = DEFAULT_MASS,
        *,
        splice: Splice = "quantile",
        validate_args: bool | None = None,
    ) -> None:
        require_tensor("logits", logits)
        require_tensor("edges", edges)
        if not logits.is_floating_point():
            raise TypeError(f"logits must be floating-point, got {logits.dtype}.")

        def like_logits(name: str, value: Tensor | float) -> Tensor:
            return as_tensor(name, value, dtype=logits.dtype, device=logits.device)

        parameters = SplicedParameters(
            logits=logits,
            edges=like_logits("edges", edges),
            concentrations=(
                like_logits("lower_concentration", lower_concentration),
                like_logits("upper_concentration", upper_concentration),
            ),
            scales=(
                None if lower_scale is None else like_logits("lower_scale", lower_scale),
                None if upper_scale is None else like_logits("upper_scale", upper_scale),
            ),
            masses=(like_logits("lower_mass", lower_mass), like_logits("upper_mass", upper_mass)),
            splice=splice,
        )
        validating = resolve_validation(validate_args)
        if validating:
            parameters.check_structure()
            parameters.check_values()
        self._parameters = parameters
        super().__init__(parameters.batch_shape, validate_args=False)
        self.validating = validating
        if validating and parameters.has_tied_scale:
            with torch.no_grad():
                parameters.check_tied_scales(*(tail.scale for tail in self.distribution.tails))

    @staticmethod
    def _from_checked(parameters: SplicedParameters) -> SplicedBinnedPareto:
        return SplicedBinnedPareto(
            parameters.logits,
            parameters.edges,
            *parameters.concentrations,
            *parameters.scales,
            *parameters.masses,
            splice=parameters.splice,
            validate_args=False,
        )

    @property
    def splice(self) -> Splice:
        """Where the tails start: at quantiles of the bins or at the outermost edges."""
        return self._parameters.splice

    @property
    def logits(self) -> Tensor:
        """Unnormalized log-probabilities, shape ``(*B, K)`` or ``(*B, K + 2)``."""
        logits = self._parameters.logits
        return logits.expand((*self.batch_shape, logits.shape[-1]))

    @property
    def edges(self) -> Tensor:
        """Bin edges in units of the outcome, shape ``(K + 1,)`` or ``(*B, K + 1)``."""
        edges = self._parameters.edges
        return edges if edges.dim() == 1 else edges.expand((*self.batch_shape, edges.shape[-1]))

    @property
    def lower_concentration(self) -> Tensor:
        r"""Concentration :math:`\xi_L`, shape ``(*B,)``."""
        return self._parameters.concentrations[0].expand(self.batch_shape)

    @property
    def upper_concentration(self) -> Tensor:
        r"""Concentration :math:`\xi_U`, shape ``(*B,)``."""
        return self._parameters.concentrations[1].expand(self.batch_shape)

    @property
    def has_tied_scales(self) -> bool:
        """Whether both scales follow from continuity of the density at the thresholds."""
        return all(scale is None for scale in self._parameters.scales)

    @property
    def lower_mass(self) -> Tensor:
        """Probability of the lower tail, shape ``(*B,)``."""
        if self.splice == "quantile":
            return self._parameters.masses[0].expand(self.batch_shape)
        return self.distribution.lower.log_mass.exp().squeeze(-1)

    @property
    def upper_mass(self) -> Tensor:
        """Probability of the upper tail, shape ``(*B,)``."""
        if self.splice == "quantile":
            return self._parameters.masses[1].expand(self.batch_shape)
        return self.distribution.upper.log_mass.exp().squeeze(-1)

    @property
    def lower_scale(self) -> Tensor:
        """Scale of the lower tail, given or tied, in units of the outcome, shape ``(*B,)``."""
        return self.distribution.lower.scale.squeeze(-1)

    @property
    def upper_scale(self) -> Tensor:
        """Scale of the upper tail, given or tied, in units of the outcome, shape ``(*B,)``."""
        return self.distribution.upper.scale.squeeze(-1)

    @property
    def lower_threshold(self) -> Tensor:
        """Where the lower tail ends and the body starts, in units of the outcome, ``(*B,)``."""
        return self.distribution.lower.threshold.squeeze(-1)

    @property
    def upper_threshold(self) -> Tensor:
        """Where the body ends and the upper tail starts, in units of the outcome, ``(*B,)``."""
        return self.distribution.upper.threshold.squeeze(-1)

    @property
    def end_points(self) -> tuple[Tensor, Tensor]:
        """Ends of the support, infinite where a tail has none, each of shape ``(*B,)``."""
        lower, upper = self.distribution.lower, self.distribution.upper
        nothing = torch.full_like(lower.threshold, -math.inf)
        low, high = lower.excess_at(nothing), upper.excess_at(nothing)
        return (lower.threshold - low).squeeze(-1), (upper.threshold + high).squeeze(-1)

    @property
    def tail_index(self) -> tuple[Tensor, Tensor]:
        r"""Tail indices :math:`1 / \xi` of the lower and the upper tail, each ``(*B,)``.

        Moments of that order and above are infinite; infinite itself from :math:`\xi = 0` down.
        """
        lower, upper = (
            torch.where(c > 0, 1 / torch.where(c > 0, c, 1), math.inf)
            for c in (self.lower_concentration, self.upper_concentration)
        )
        return lower, upper

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:
        """The closed interval between the end points."""
        return interval(*self.end_points)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density; ``-inf`` outside the support, NaN at NaN."""
        (value,), shape = self._columns(value=value)
        return from_columns(self.distribution.log_prob(value), shape)

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`, accurate in the lower tail."""
        (value,), shape = self._columns(value=value)
        return from_columns(self.distribution.cdf_and_sf(value)[0], shape)

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value` (survival function), accurate in the upper tail."""
        (value,), shape = self._columns(value=value)
        return from_columns(self.distribution.cdf_and_sf(value)[1], shape)

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`, accurate in either tail."""
        (value,), shape = self._columns(value=value)
        return from_columns(self.distribution.log_cdf_and_log_sf(value)[0], shape)

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`, accurate in either tail."""
        (value,), shape = self._columns(value=value)
        return from_columns(self.distribution.log_cdf_and_log_sf(value)[1], shape)

    def log_prob_interval(
        self, lower: Tensor, upper: Tensor, *, width: Tensor | None = None
    ) -> Tensor:
        """Log-probability of (lower, upper], accurate in either tail.

        Args:
            lower: Lower ends, broadcastable with the batch; ``-inf`` for left-censored values.
            upper: Upper ends, not below `lower`; ``inf`` for right-censored values.
            width: Length of the intervals where it is known better than as the difference of the
                ends.

        Returns:
            Log-probabilities of the broadcast shape; ``-inf`` for empty intervals.

        Raises:
            ValueError: If a lower end is above its upper end.
        """
        widths = {} if width is None else {"width": width}
        (lower, upper, *known), shape = self._columns(lower=lower, upper=upper, **widths)
        if self.validating:
            require(~(lower > upper), "lower", "at most upper", lower)
        return from_columns(self.distribution.log_prob_interval(lower, upper, *known), shape)

    def icdf(self, value: Tensor) -> Tensor:
        """Smallest outcome whose `cdf` reaches `value`; the ends of the support at 0 and 1.

        Raises:
            ValueError: If a level lies outside [0, 1].
        """
        (level, rest), shape = self._levels(value=value)
        return from_columns(self.distribution.quantile(level, rest, None), shape)

    def isf(self, value: Tensor) -> Tensor:
        """Smallest outcome whose `sf` falls to `value`: ``icdf(1 - value)`` without the rounding.

        Raises:
            ValueError: If a level lies outside [0, 1].
        """
        (level, rest), shape = self._levels(value=value)
        return from_columns(self.distribution.quantile(rest, level, None), shape)

    def icdf_from_log(self, log_level: Tensor) -> Tensor:
        """Quantile of a level given by its logarithm, for levels too small for a number.

        Raises:
            ValueError: If a logarithm is above 0.
        """
        (log_level, rest, log_rest), shape = self._log_levels(log_level)
        quantile = self.distribution.quantile(log_level.exp(), rest, (log_level, log_rest))
        return from_columns(quantile, shape)

    def isf_from_log(self, log_level: Tensor) -> Tensor:
        """Upper quantile of a level given by its logarithm.

        Raises:
            ValueError: If a logarithm is above 0.
        """
        (log_level, rest, log_rest), shape = self._log_levels(log_level)
        quantile = self.distribution.quantile(rest, log_level.exp(), (log_rest, log_level))
        return from_columns(quantile, shape)

    def _log_levels(self, log_level: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], torch.Size]:
        """Logarithms of a level, one minus the level, and the logarithm of that."""
        (log_level,), shape = self._columns(log_level=log_level)
        if self.validating:
            require(~(log_level > 0), "log_level", "at most 0", log_level)
        rest = -torch.expm1(log_level)
        return (log_level, rest, safe_log(rest)), shape

    def affine(self, loc: Tensor | float, scale: Tensor | float) -> SplicedBinnedPareto:
        """Return the distribution of ``loc + scale * X``, which is of the same family.

        Args:
            loc: Shift, broadcastable with ``(*B,)``.
            scale: Factor above 0, broadcastable with ``(*B,)``.

        Raises:
            ValueError: If `loc` is not finite or `scale` not positive and finite.
        """
        loc, scale = self._value(loc, "loc"), self._value(scale, "scale")
        if self.validating:
            require_finite("loc", loc)
            require((scale > 0) & scale.isfinite(), "scale", "positive and finite", scale)
        edges = self._parameters.edges
        batched = broadcast_shapes(loc.shape, scale.shape, edges.shape[:-1])
        edges = edges * scale.expand(batched)[..., None] + loc.expand(batched)[..., None]
        scales = [None if given is None else given * scale for given in self._parameters.scales]
        return self._checked_alike(
            self._from_checked(
                replace(self._parameters, edges=edges, scales=(scales[0], scales[1]))
            )
        )

    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        """Draw by two random numbers.

        A uniform number chooses the region. Excesses come from an exponential number of their
        own: one minus a float32 uniform stops at 6e-8, and the tails with it.
        """
        shape = sample_shape + self.batch_shape
        uniform = torch.rand(shape, generator=generator, **tensor_options(self))
        hazard = torch.empty_like(uniform).exponential_(generator=generator)
        (uniform, hazard), _ = self._columns(uniform=uniform, hazard=hazard)
        # The pair (uniform, hazard) stands for one uniform level, fixed under differentiation:
        # the tails' masses are detached, so that a level moves into a tail as its mass grows.
        distribution = self.distribution
        lower, upper = (tail.log_mass.detach() for tail in distribution.tails)
        is_lower = uniform < lower.exp()
        is_upper = (1 - uniform <= upper.exp()) & ~is_lower & ~upper.isneginf()
        log_cdf = torch.where(is_lower, lower - hazard, 0)
        log_sf = torch.where(is_upper, upper - hazard, 0)
        quantile = distribution.quantile(uniform, 1 - uniform, (log_cdf, log_sf))
        return from_columns(quantile, shape)

    def _expanded(self, batch_shape: torch.Size) -> SplicedBinnedPareto:
        lower, upper = self._parameters.concentrations
        expanded = (lower.expand(batch_shape), upper)
        return self._from_checked(replace(self._parameters, concentrations=expanded))

    def __repr__(self) -> str:
        scales = "tied" if self.has_tied_scales else "free"
        bins = self._parameters.edges.shape[-1] - 1
        return (
            f"{type(self).__name__}(batch_shape={tuple(self.batch_shape)}, "
            f"bins={bins}, splice={self.splice!r}, scales={scales!r}, "
            f"dtype={self._parameters.logits.dtype})"
        )
