"""Parameter sets, Hypothesis strategies and a slow plain version of the spliced distribution."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import genpareto
from scipy.stats._distn_infrastructure import rv_frozen

from splicedpareto.distributions import (
    AffineTransformed,
    Censored,
    Delta,
    Gaussian,
    Mixture,
    SplicedBinnedPareto,
)

F64 = torch.float64

# Fewer than elsewhere: an example takes ten milliseconds and more.
PROPERTY = settings(
    max_examples=settings().max_examples * 2 // 5,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

CONCENTRATIONS = [-0.5, -0.1, 0.0, 1e-9, -1e-9, 0.3, 0.9, 1.5]


def f64(*values: float) -> torch.Tensor:
    """One float64 tensor of the values, of no dimension for a single one."""
    return torch.tensor(values if len(values) > 1 else values[0], dtype=F64)


def uneven_distribution(
    lower_concentration: float = 0.3,
    upper_concentration: float = -0.1,
    *,
    splice: str = "quantile",
    scale: float | None = None,
    dtype: torch.dtype = F64,
    lower_mass: float = 0.07,
    upper_mass: float = 0.12,
) -> SplicedBinnedPareto:
    """Seven bins of widths from 1e-3 to 1e2, other probabilities and masses on each side."""
    edges = torch.tensor([-30.0, -2.0, -1.0, -0.999, 0.5, 3.0, 4.0, 104.0], dtype=dtype)
    logits = torch.tensor([0.4, -0.3, -2.0, 1.5, 0.9, 0.2, -0.4], dtype=dtype)
    masses = {"lower_mass": lower_mass, "upper_mass": upper_mass}
    if splice == "edge":
        logits = torch.cat([logits.new_tensor([-0.6]), logits, logits.new_tensor([-0.1])])
        masses = {}
    return SplicedBinnedPareto(
        logits,
        edges,
        lower_concentration,
        upper_concentration,
        scale,
        None if scale is None else 0.5 * scale,
        splice=splice,
        **masses,
    )


@st.composite
def distributions(
    draw: st.DrawFn, *, lowest: float = -0.5, highest: float = 1.5
) -> SplicedBinnedPareto:
    """Either splice, tied or free scales, 1 to 12 bins of widths from 1e-3 to 1e3."""

    def numbers(low: float, high: float) -> st.SearchStrategy[float]:
        return st.floats(low, high, allow_nan=False)

    bins = draw(st.integers(1, 12))
    splice = draw(st.sampled_from(["quantile", "edge"]))
    widths = 10 ** np.array(draw(st.lists(numbers(-3, 3), min_size=bins, max_size=bins)))
    edges = draw(numbers(-100, 100)) + np.concatenate([[0.0], widths.cumsum()])
    entries = bins + 2 * (splice == "edge")
    logits = draw(st.lists(numbers(-4, 4), min_size=entries, max_size=entries))
    concentration = st.sampled_from([0.0, 1e-9, -1e-7]) | numbers(lowest, highest)
    scale = st.none() | st.floats(0.01, 100.0)
    masses = {}
    if splice == "quantile":
        masses["lower_mass"] = draw(st.just(0.0) | numbers(1e-6, 0.45))
        masses["upper_mass"] = draw(st.just(0.0) | numbers(1e-6, 0.45))
    return SplicedBinnedPareto(
        torch.tensor(logits, dtype=F64),
        torch.tensor(edges, dtype=F64),
        draw(concentration),
        draw(concentration),
        draw(scale),
        draw(scale),
        splice=splice,
        **masses,
    )


def uniform(low: float, high: float) -> SplicedBinnedPareto:
    """One bin without tails."""
    return SplicedBinnedPareto(
        f64(0.0).reshape(1), f64(low, high), 0, 0, lower_mass=0, upper_mass=0
    )


def shares(*weights: float) -> torch.Tensor:
    """Logits of probabilities."""
    return torch.tensor(weights, dtype=F64).log()


# Atoms within and outside the other parts, moved and stretched parts, a censored and a nested one.
MIXTURES = {
    "uniforms": Mixture(shares(0.2, 0.5, 0.3), [Delta(f64(0.0)), uniform(1, 3), uniform(2, 6)]),
    "moved bins": Mixture(
        shares(0.35, 0.6, 0.05),
        [
            Delta(f64(0.0)),
            AffineTransformed(uneven_distribution(0.1, 0.3, splice="edge"), f64(7.0), f64(0.4)),
            uneven_distribution(0.3, -0.1),
        ],
    ),
    "moving atom": Mixture(
        shares(0.2, 0.3, 0.5), [Delta(f64(7.0)), Delta(f64(-1.0)), Gaussian(f64(6.0), f64(0.5))]
    ),
    "no atom": Mixture(shares(0.9, 0.1), [Gaussian(f64(0.0), f64(0.1)), uneven_distribution(0.5)]),
    "censored part": Mixture(
        shares(0.5, 0.5),
        [Censored(uneven_distribution(0.2, 0.3), -3.0, 20.0), Gaussian(f64(3.0), f64(9.0))],
    ),
    "nested": Mixture(
        shares(0.3, 0.7),
        [
            Mixture(shares(0.5, 0.5), [Delta(f64(2.0)), Gaussian(f64(-4.0), f64(1.0))]),
            uneven_distribution(0.2, 0.2),
        ],
    ),
    "switched off": Mixture(
        f64(-np.inf, 0.0, 0.0),
        [uneven_distribution(1.8, 2.5), Delta(f64(1.0)), Gaussian(f64(0.0), f64(2.0))],
    ),
}


@st.composite
def mixtures(draw: st.DrawFn) -> Mixture:
    """An atom or two, and one or two parts that may be moved and stretched."""
    numbers = st.floats(-30, 30, allow_nan=False)
    parts = [Delta(f64(draw(numbers | st.just(0.0)))) for _ in range(draw(st.integers(0, 2)))]
    for _ in range(draw(st.integers(1, 2))):
        part = draw(distributions(lowest=-0.3, highest=0.9))
        if draw(st.booleans()):
            part = AffineTransformed(part, f64(draw(numbers)), f64(draw(st.floats(0.1, 10))))
        parts.append(part)
    logits = draw(st.lists(st.floats(-5, 5), min_size=len(parts), max_size=len(parts)))
    return Mixture(torch.tensor(logits, dtype=F64), parts)


@dataclass
class PlainTail:
    """A tail as SciPy's generalized Pareto distribution of the excess."""

    threshold: float
    concentration: float
    scale: float
    mass: float

    @cached_property
    def excess(self) -> rv_frozen:
        """Distribution of the excess over the threshold."""
        return genpareto(c=self.concentration, scale=self.scale)


@dataclass
class PlainDistribution:
    """The distribution of one distribution without a batch, from NumPy and SciPy alone."""

    edges: NDArray[np.float64]
    probs: NDArray[np.float64]
    lower: PlainTail
    upper: PlainTail

    @classmethod
    def of(cls, dist: SplicedBinnedPareto) -> Self:
        """Build from the parameters; the scales are the distribution's own, tied or given."""
        probs, edges = softmax(dist.logits.numpy()), dist.edges.numpy()
        if dist.splice == "edge":
            masses, probs = (probs[0], probs[-1]), probs[1:-1]
            thresholds = edges[0], edges[-1]
        else:
            masses = dist.lower_mass.item(), dist.upper_mass.item()
            thresholds = (
                np.interp(masses[0], _sums(probs), edges),
                np.interp(masses[1], _sums(probs[::-1]), edges[::-1]),
            )
        shapes = dist.lower_concentration.item(), dist.upper_concentration.item()
        scales = dist.lower_scale.item(), dist.upper_scale.item()
        tails = (PlainTail(*t) for t in zip(thresholds, shapes, scales, masses, strict=True))
        return cls(edges, probs, *tails)

    @property
    def outside(self) -> tuple[float, float]:
        """Probabilities left and right of the bins before splicing."""
        inside = self.probs.sum() > 1 - 1e-9
        return (0.0, 0.0) if inside else (self.lower.mass, self.upper.mass)

    def density(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Density."""
        k = np.clip(np.searchsorted(self.edges, x, side="right") - 1, 0, len(self.probs) - 1)
        body = self.probs[k] / np.diff(self.edges)[k]
        below = self.lower.mass * self.lower.excess.pdf(self.lower.threshold - x)
        above = self.upper.mass * self.upper.excess.pdf(x - self.upper.threshold)
        return self._pieces(x, below, body, above)

    def cdf(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of at most x, summed from the left."""
        body = np.interp(x, self.edges, self.outside[0] + _sums(self.probs))
        below = self.lower.mass * self.lower.excess.sf(self.lower.threshold - x)
        above = 1 - self.upper.mass * self.upper.excess.sf(x - self.upper.threshold)
        return self._pieces(x, below, body, above)

    def sf(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of more than x, summed from the right."""
        body = np.interp(x, self.edges, self.outside[1] + _sums(self.probs[::-1])[::-1])
        below = 1 - self.lower.mass * self.lower.excess.sf(self.lower.threshold - x)
        above = self.upper.mass * self.upper.excess.sf(x - self.upper.threshold)
        return self._pieces(x, below, body, above)

    def _pieces(
        self,
        x: NDArray[np.float64],
        below: NDArray[np.float64],
        body: NDArray[np.float64],
        above: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        inside = np.where(x > self.upper.threshold, above, body)
        return np.where(x < self.lower.threshold, below, inside)

    def expectation(
        self, function: Callable[[NDArray[np.float64]], NDArray[np.float64]], *cuts: float
    ) -> float:
        """Mean of a function of the outcome that is smooth but at `cuts`."""
        x, weight = self.quadrature(*cuts)
        return float((weight * self.density(x) * function(x)).sum())

    def quadrature(self, *cuts: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Nodes and weights of an integral over the support, smooth but at `cuts`.

        Gauss-Legendre in the body on each piece of a bin; in the tails in the cumulative hazard
        h, where x = threshold + scale * expm1(xi h) / xi and every integrand decays like exp(-h).
        """
        low, high = self.lower.threshold, self.upper.threshold
        knots = sorted({low, high, *(e for e in [*self.edges, *cuts] if low < e < high)})
        pieces = [_gauss_legendre(knots)]
        for sign, tail in ((-1, self.lower), (1, self.upper)):
            if tail.mass == 0:
                continue
            excesses = [sign * (cut - tail.threshold) for cut in cuts]
            hazards = [-tail.excess.logsf(z) for z in excesses if z > 0]
            reach = min(400.0, 600 / max(tail.concentration, 1e-9))  # exp(600) is a number
            stops = sorted({*np.linspace(0, reach, 201), *(h for h in hazards if h < reach)})
            h, weight = _gauss_legendre(stops)
            # Subnormal numbers have too few digits for the quotient below.
            shape = tail.concentration if abs(tail.concentration) > 1e-300 else 0.0
            z = tail.scale * (np.expm1(shape * h) / shape if shape else h)
            slope = weight * tail.scale * np.exp(shape * h)
            pieces.append((tail.threshold + sign * z, slope))
        return np.concatenate([x for x, _ in pieces]), np.concatenate([w for _, w in pieces])


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


def _gauss_legendre(ends: list[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights of the pieces between neighboring ends."""
    start, stop = np.array([ends[:-1], ends[1:]])[..., None]
    middle, half = (start + stop) / 2, (stop - start) / 2
    return (middle + half * _NODES).ravel(), (half * _WEIGHTS).ravel()


def _sums(probs: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([[0.0], probs.cumsum()])
