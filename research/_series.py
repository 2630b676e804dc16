"""Series for `capabilities.py`: one simulated with its exact distribution known, and ten real ones.

Both come as `SeriesSet`: inputs of every step known before it, and targets split in time.
"""

from __future__ import annotations

import csv
import datetime
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy.special

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

PERIOD = 200
TAIL_MASS = 0.05
# Training, validation and test in order, as shares of the steps. The simulated test part is long,
# so that 1e-3 exceedances can be counted.
SIMULATED_STEPS, SIMULATED_SHARES = 20_000, (0.4, 0.1)
REAL_SHARES = (0.6, 0.15)


@dataclass(frozen=True, eq=False)
class SeriesDistribution:
    r"""Conditional distributions of the steps: two Gaussians in the body, generalized Pareto tails.

    With :math:`Z = (Y - loc) / scale` and :math:`G` a mixture of two Gaussians, the distribution of
    Z is that of G between its 5 % and its 95 % quantile; beyond them a generalized Pareto tail of
    mass 5 % each, whose scale makes the density continuous. Nothing of it is piecewise constant, so
    the bins of a spliced binned-Pareto are an approximation to it as every other body is.

    Args:
        loc: Locations, shape ``(T,)``.
        scale: Scales above 0.
        weight: Weights of the upper Gaussian in (0, 1).
        lower_concentration: Concentrations of the lower tails, at least 0.
        upper_concentration: Concentrations of the upper tails, at least 0.
    """

    loc: Array
    scale: Array
    weight: Array
    lower_concentration: Array
    upper_concentration: Array

    # Means and standard deviations of the two Gaussians.
    MEANS = (-1.0, 1.1)
    DEVIATIONS = (0.35, 0.45)

    def _mixed(self, of_low: Array, of_high: Array) -> Array:
        return (1 - self.weight) * of_low + self.weight * of_high

    def _body_cdf(self, z: Array) -> Array:
        return self._mixed(
            *(
                scipy.special.ndtr((z - m) / s)
                for m, s in zip(self.MEANS, self.DEVIATIONS, strict=True)
            )
        )

    def _body_density(self, z: Array) -> Array:
        return self._mixed(
            *(
                np.exp(-(((z - m) / s) ** 2) / 2) / (s * np.sqrt(2 * np.pi))
                for m, s in zip(self.MEANS, self.DEVIATIONS, strict=True)
            )
        )

    def _body_quantile(self, level: Array) -> Array:
        low, high = (np.full(np.broadcast(level, self.weight).shape, b) for b in (-6.0, 6.0))
        for _ in range(60):
            middle = (low + high) / 2
            short = self._body_cdf(middle) < level
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        return (low + high) / 2

    @cached_property
    def _thresholds(self) -> tuple[Array, Array]:
        return self._body_quantile(TAIL_MASS), self._body_quantile(1 - TAIL_MASS)

    @cached_property
    def _tail_scales(self) -> tuple[Array, Array]:
        return tuple(TAIL_MASS / self._body_density(z) for z in self._thresholds)

    def _excesses(self, z: Array) -> tuple[Array, Array]:
        lower, upper = self._thresholds
        return np.maximum(lower - z, 0), np.maximum(z - upper, 0)

    def _beyond(self, z: Array) -> tuple[Array, Array]:
        """Probabilities beyond z in the lower and in the upper tail, as if it lay there."""
        shapes = (self.lower_concentration, self.upper_concentration)
        return tuple(
            TAIL_MASS * np.exp(-_hazard(excess / scale, shape))
            for excess, scale, shape in zip(
                self._excesses(z), self._tail_scales, shapes, strict=True
            )
        )

    def cdf(self, value: Array) -> Array:
        """Probability of at most `value`, broadcastable with ``(T,)``."""
        z = (value - self.loc) / self.scale
        lower, upper = self._thresholds
        below, above = self._beyond(z)
        return np.where(z < lower, below, np.where(z > upper, 1 - above, self._body_cdf(z)))

    def log_density(self, value: Array) -> Array:
        """Log-density at `value`."""
        z = (value - self.loc) / self.scale
        lower, upper = self._thresholds
        tails = []
        for beyond, excess, scale, shape in zip(
            self._beyond(z),
            self._excesses(z),
            self._tail_scales,
            (self.lower_concentration, self.upper_concentration),
            strict=True,
        ):
            tails.append(np.log(beyond) - np.log(scale + shape * excess))
        body = np.log(self._body_density(np.clip(z, lower, upper)))
        standard = np.where(z < lower, tails[0], np.where(z > upper, tails[1], body))
        return standard - np.log(self.scale)

    def quantile(self, level: Array) -> Array:
        """Value at a level in (0, 1), broadcastable with ``(T,)``."""
        level = np.asarray(level, dtype=np.float64)
        z = self._body_quantile(np.clip(level, TAIL_MASS, 1 - TAIL_MASS))
        lower, upper = self._thresholds
        lower_scale, upper_scale = self._tail_scales
        depth = np.log(TAIL_MASS / np.minimum(level, TAIL_MASS))
        z = np.where(
            level < TAIL_MASS, lower - lower_scale * _excess(depth, self.lower_concentration), z
        )
        depth = np.log(TAIL_MASS / np.minimum(1 - level, TAIL_MASS))
        z = np.where(
            level > 1 - TAIL_MASS,
            upper + upper_scale * _excess(depth, self.upper_concentration),
            z,
        )
        return self.loc + self.scale * z

    def crps_between(self, value: Array, low: float, high: float, *, levels: int = 801) -> Array:
        r"""CRPS over [low, high], from quantiles at levels evenly spaced in the logit.

        That of ``clip(X, low, high)``: :math:`\int |Q(q) - y| - Q(q) (q - 1/2)\, 2\, dq / 2`, by
        the trapezoidal rule; accurate to 1e-4 of the scale.
        """
        logit = np.linspace(-18, 18, levels)[:, None]
        q = scipy.special.expit(logit)
        weight = q * (1 - q) * (logit[1] - logit[0])
        x = np.clip(self._quantiles_by_phase(q), low, high)
        y = np.clip(value, low, high)
        return (weight * (np.abs(x - y) - x * (2 * q - 1))).sum(0)

    def _quantiles_by_phase(self, level: Array) -> Array:
        """`quantile` for a column of levels; standardized ones repeat with the period."""
        first = SeriesDistribution(
            np.zeros(PERIOD),
            np.ones(PERIOD),
            *(
                a[:PERIOD]
                for a in (self.weight, self.lower_concentration, self.upper_concentration)
            ),
        )
        z = first.quantile(level)
        return self.loc + self.scale * np.take(z, np.arange(len(self.loc)) % PERIOD, axis=1)

    def from_step(self, start: int) -> SeriesDistribution:
        """The distributions from a step on; `start` is a whole number of periods."""
        arrays = (self.loc, self.scale, self.weight)
        shapes = (self.lower_concentration, self.upper_concentration)
        return SeriesDistribution(*(a[start:] for a in (*arrays, *shapes)))

    def modes(self) -> tuple[Array, Array, Array]:
        """Lower mode, the dip between the modes, and upper mode, each of shape ``(T,)``."""
        grid = np.linspace(-1.6, 1.8, 681)[:, None]
        density = self._body_density(grid)
        split = len(grid) // 2
        low = density[:split].argmax(0)
        high = split + density[split:].argmax(0)
        index = np.arange(len(grid))[:, None]
        dip = np.where((index > low) & (index < high), density, np.inf).argmin(0)
        return tuple(self.loc + self.scale * grid[i, 0] for i in (low, dip, high))


def _hazard(units: Array, concentration: Array) -> Array:
    small = concentration < 1e-9
    safe = np.where(small, 1.0, concentration)
    return np.where(small, units, np.log1p(safe * units) / safe)


def _excess(hazard: Array, concentration: Array) -> Array:
    small = concentration < 1e-9
    safe = np.where(small, 1.0, concentration)
    return np.where(small, hazard, np.expm1(safe * hazard) / safe)


def simulate_series(steps: int, seed: int) -> tuple[Array, SeriesDistribution]:
    r"""Draw a series and return it with the distribution of each step given those before.

    .. math::
        Y_t = 2 \sin\theta + \tanh(Y_{t-1} / 3)
        + e^{0.5 \sin(\theta + 1) + 0.3 \tanh(|Y_{t-1}| / 5)} Z_t, \quad \theta = 2\pi t / 200,

    with the upper Gaussian's weight in [0.3, 0.7], the lower tail's concentration in [0, 0.3] and
    the upper tail's in [0.05, 0.55], each at a phase of its own.

    Args:
        steps: Length ``T``.
        seed: Seed of the draws.

    Returns:
        The series, shape ``(T,)``, and its conditional distributions.
    """
    angle = 2 * np.pi * (np.arange(steps) % PERIOD) / PERIOD
    weight = 0.5 + 0.2 * np.sin(angle + 4)
    lower = 0.15 + 0.15 * np.cos(angle)
    upper = 0.3 + 0.25 * np.sin(angle + 2.5)
    standard = SeriesDistribution(np.zeros(steps), np.ones(steps), weight, lower, upper)
    noise = standard.quantile(np.random.default_rng(seed).uniform(size=steps))
    values, loc, scale = np.empty((3, steps))
    before = 0.0
    for t in range(steps):
        loc[t] = 2 * np.sin(angle[t]) + np.tanh(before / 3)
        scale[t] = np.exp(0.5 * np.sin(angle[t] + 1) + 0.3 * np.tanh(abs(before) / 5))
        before = values[t] = loc[t] + scale[t] * noise[t]
    return values, SeriesDistribution(loc, scale, weight, lower, upper)


@dataclass(frozen=True, eq=False)
class SeriesSet:
    """Series of equal length, ready for one network.

    Attributes:
        names: Names of the ``N`` series.
        inputs: What is known before each step, shape ``(N, T, F)``.
        targets: What is forecast, shape ``(N, T)``: a series in units of `unit` from `center`.
        lower: Lower end of the interval that a count stands for, in units of the targets, shape
            ``(N, T)``; of real numbers the targets themselves.
        width: Width of that interval, shape ``(N,)``; 0 for real numbers.
        ends: Steps at which training and validation end.
        distribution: The true distribution of the targets, where it is known.
    """

    names: tuple[str, ...]
    inputs: NDArray[np.float32]
    targets: Array
    lower: Array
    width: Array
    ends: tuple[int, int]
    distribution: SeriesDistribution | None = None


def simulated_set(seed: int) -> SeriesSet:
    """One simulated series; the inputs are its last value and the phase."""
    values, distribution = simulate_series(SIMULATED_STEPS, seed)
    angle = 2 * np.pi * np.arange(SIMULATED_STEPS) / PERIOD
    inputs = np.stack(
        [np.arcsinh(_lag(values)), *(f(k * angle) for k in (1, 2) for f in (np.sin, np.cos))], -1
    )
    return SeriesSet(
        ("simulated",),
        inputs[None].astype(np.float32),
        values[None],
        values[None],
        np.zeros(1),
        _ends(SIMULATED_STEPS, SIMULATED_SHARES),
        distribution,
    )


def read_tweets(folder: Path) -> SeriesSet:
    """The ten Twitter-volume series of the Numenta Anomaly Benchmark: mentions in five minutes.

    A series is measured from the median of its training part in units of its interquartile range
    (at least one mention), so that one network serves all ten; both come from the training part
    alone. No logarithm: the upper tail stays as heavy as it is. A count stands for an interval one
    mention wide: a uniform draw from it is added, the same for every method, so that no density
    gains by a spike on whole numbers, and log scores are those of the interval's probability.

    Raises:
        FileNotFoundError: No series in the folder.
    """
    files = sorted(folder.glob("Twitter_volume_*.csv"))
    if not files:
        raise FileNotFoundError(f"{folder} must hold Twitter_volume_*.csv, found none.")
    times, counts = zip(*map(_read_counts, files), strict=True)
    steps = min(map(len, counts))
    generator = np.random.default_rng(0)
    end = _ends(steps, REAL_SHARES)
    inputs, targets, lower, widths = [], [], [], []
    for minutes, count in zip(times, counts, strict=True):
        jittered = count[:steps] + generator.uniform(-0.5, 0.5, steps)
        low, center, high = np.quantile(jittered[: end[0]], [0.25, 0.5, 0.75])
        unit = max(high - low, 1.0)
        target = (jittered - center) / unit
        angle = 2 * np.pi * minutes[:steps] / (24 * 60)
        constant = np.ones(steps)
        inputs.append(
            np.stack(
                [
                    np.arcsinh(_lag(target)),
                    np.log1p(_lag(count[:steps])),
                    *(f(k * angle) for k in (1, 2) for f in (np.sin, np.cos)),
                    np.log(unit) * constant,
                    np.log1p(center.clip(0)) * constant,
                ],
                -1,
            )
        )
        targets.append(target)
        lower.append((count[:steps] - 0.5 - center) / unit)
        widths.append(1 / unit)
    return SeriesSet(
        tuple(path.stem.removeprefix("Twitter_volume_") for path in files),
        np.stack(inputs).astype(np.float32),
        np.stack(targets),
        np.stack(lower),
        np.array(widths),
        end,
    )


def _read_counts(path: Path) -> tuple[Array, Array]:
    """Minutes since midnight and counts of one file."""
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    times = [datetime.datetime.fromisoformat(row["timestamp"]) for row in rows]
    minutes = [60 * t.hour + t.minute for t in times]
    return np.array(minutes, float), np.array([float(row["value"]) for row in rows])


def _lag(values: Array) -> Array:
    return np.concatenate([values[:1] * 0, values[:-1]])


def _ends(steps: int, shares: tuple[float, float]) -> tuple[int, int]:
    training = int(shares[0] * steps)
    return training, training + int(shares[1] * steps)
