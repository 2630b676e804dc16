"""Define the exact distribution of a targeted attempt's yards in the simulated leagues."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import expit

from dropback.data._field import GOAL_TO_GOAL_YD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    import polars as pl
    from numpy.typing import ArrayLike

    from dropback._arrays import Flags, Floats, Integers

# A pick-six from the far goal line returns 100 yards; the longest completion gains 99.
LATTICE_YARDS: Integers = np.arange(-GOAL_TO_GOAL_YD, GOAL_TO_GOAL_YD)

# A receiver stopped at the catch: a Laplace distribution, narrow enough that 0.85 of it
# rounds to no yards after the catch and 0.045 to a loss (1 to 2 % of real completions lose).
STOP_LOCATION_YD = 0.1
STOP_SCALE_YD = 0.25

# Of interceptions, alike in every league.
_RETURN_LOG_SCALE = 3.2
_RETURN_CONCENTRATION = 0.1

# Plays whose whole lattice is evaluated at once: 512 x 200 float64 is 0.8 MB, within a core's
# cache; 4096 took 1.4 times as long.
CHUNK_PLAYS = 512


class Outcomes(NamedTuple):
    """Outcomes of ``N`` targeted attempts.

    Attributes:
        yards: Gain of a completion, 0, or minus the return of an interception, shape ``(N,)``.
        completed: Whether the target caught the ball.
        intercepted: Whether a defender did.
    """

    yards: Integers
    completed: Flags
    intercepted: Flags


@dataclass(frozen=True)
class PlayArrays:
    """Arrays of ``N`` plays, one a field."""

    @classmethod
    def from_frame(cls, table: pl.DataFrame) -> Self:
        """Read them from a table with one column a field, a row a play."""
        return cls(**{f.name: table[f.name].to_numpy().astype(np.float64) for f in fields(cls)})

    def __len__(self) -> int:
        """Number of plays ``N``."""
        return len(getattr(self, fields(self)[0].name))

    def __getitem__(self, plays: slice | Flags | Integers | tuple[slice, None]) -> Self:
        """Some of the plays, indexed as an array; ``[:, None]`` adds an axis."""
        return type(self)(**{f.name: getattr(self, f.name)[plays] for f in fields(self)})


@dataclass(frozen=True)
class OutcomeDistribution(PlayArrays):
    r"""Distributions of yards for ``N`` targeted attempts, each a mixture in closed form.

    Outcome :math:`Y` is the yards gained on a completion, 0 on an incompletion and minus the
    return yards on an interception:

    .. math::
        F(k) = p_I \Pr(-R \le k) + p_0 1\{k \ge 0\} + p_C \Pr(\min(a + W, L) \le k)

    - The run after the catch :math:`W` is, with probability ``stop_probability``, a stop at the
      catch (Laplace, narrow) and otherwise an extended generalized Pareto variable, with
      :math:`\Pr(W \le w) = [1 - (1 + \xi w / \sigma)^{-1/\xi}]^\kappa` for :math:`w \ge 0`.
      ``a + W`` is rounded to whole yards and censored at the goal line ``L`` (a touchdown) and
      at the passer's own goal line. A ball caught in the end zone (``a = L``) gains ``L``.
    - The return :math:`R` is 0 with probability ``no_return_probability`` and otherwise a
      generalized Pareto variable rounded to whole yards, at least 1, censored at the distance
      from the catch to the passer's goal line, ``100 - L + a`` (a pick-six).

    Args:
        completion_probability: :math:`p_C` in (0, 1), shape ``(N,)``, as all fields.
        interception_probability: :math:`p_I` in (0, 1); :math:`p_0 = 1 - p_C - p_I`.
        air_yards: :math:`a`, whole yards from the line of scrimmage to the catch, at most ``L``.
        yardline_100: :math:`L`, whole yards from the line of scrimmage to the goal, 1 to 99.
        stop_probability: In (0, 1).
        run_power: :math:`\kappa > 0`, dimensionless: above 1 it empties the neighborhood of 0.
        run_scale_yd: :math:`\sigma > 0`, in yards.
        run_concentration: :math:`\xi > 0`, dimensionless: the heaviness of the right tail.
        no_return_probability: In (0, 1).
        return_scale_yd: Positive, in yards.
        return_concentration: Positive, dimensionless.

    References:
        Naveau, Huser, Ribereau and Hannart (2016), model (i): the extended generalized Pareto.
    """

    completion_probability: Floats
    interception_probability: Floats
    air_yards: Floats
    yardline_100: Floats
    stop_probability: Floats
    run_power: Floats
    run_scale_yd: Floats
    run_concentration: Floats
    no_return_probability: Floats
    return_scale_yd: Floats
    return_concentration: Floats

    def cdf(self, yards: ArrayLike) -> Floats:
        """Probability of at most so many yards.

        Args:
            yards: Whole yards: shape ``(N,)``, one a play, or ``(N, K)`` or ``(1, K)``.

        Returns:
            Probabilities in [0, 1], shape ``(N,)`` or ``(N, K)``.
        """
        k = np.asarray(yards, dtype=np.float64)
        if k.ndim > self.air_yards.ndim:
            return self[:, None].cdf(k)
        incomplete = 1 - self.completion_probability - self.interception_probability
        return (
            self.interception_probability * self._interception_cdf(k)
            + incomplete * (k >= 0)
            + self.completion_probability * self._completion_cdf(k)
        )

    def probability(self, yards: ArrayLike) -> Floats:
        """Probability of exactly so many whole yards, shaped as `cdf`'s result."""
        k = np.asarray(yards, dtype=np.float64)
        # Rounding may leave -1e-17 where no yards can end.
        return np.maximum(self.cdf(k) - self.cdf(k - 1), 0)

    def mid_cdf(self, yards: ArrayLike) -> Floats:
        """Mid-distribution function F(y - 1) + P(y) / 2, shaped as `cdf`'s result.

        Under its own distribution it averages exactly 1/2, ties or not.
        """
        k = np.asarray(yards, dtype=np.float64)
        return (self.cdf(k) + self.cdf(k - 1)) / 2

    def lattice_cdf(self) -> Floats:
        """CDF at every whole yard of `LATTICE_YARDS`, shape ``(N, 200)``; the last column is 1."""
        return self._by_chunk(lambda rows: self[rows].cdf(LATTICE_YARDS[None, :]))

    def mean(self) -> Floats:
        """Expected yards, shape ``(N,)``: the last lattice yard minus the sum of the CDF below."""
        return self._by_chunk(
            lambda rows: LATTICE_YARDS[-1] - self[rows].lattice_cdf()[:, :-1].sum(axis=1)
        )

    def crps(self, yards: ArrayLike) -> Floats:
        r"""Continuous ranked probability score, in yards, shape ``(N,)``.

        .. math:: \sum_k (F(k) - 1\{y \le k\})^2

        Exact: between whole yards neither term of the integral moves.

        Args:
            yards: Observed whole yards on the lattice, shape ``(N,)``.

        References:
            Gneiting and Raftery (2007), eq. 20.
        """
        observed = np.asarray(yards, dtype=np.float64)
        reached = observed[:, None] <= LATTICE_YARDS
        return self._by_chunk(
            lambda rows: ((self[rows].lattice_cdf() - reached[rows]) ** 2).sum(axis=1)
        )

    def expected_mid_cdf(self, other: OutcomeDistribution) -> Floats:
        """Mean of `mid_cdf` where the yards follow another distribution, shape ``(N,)``.

        With this distribution the league average's and the other a passer's, it is the play score
        that the passer earns on average on each play. Equal distributions give 1/2.
        """

        def mean(rows: slice) -> Floats:
            mine, theirs = self[rows].lattice_cdf(), other[rows].lattice_cdf()
            mid = mine - np.diff(mine, axis=1, prepend=0.0) / 2
            return np.asarray((mid * np.diff(theirs, axis=1, prepend=0.0)).sum(axis=1))

        return self._by_chunk(mean)

    def sample(self, generator: np.random.Generator) -> Outcomes:
        """Draw one outcome a play by inverting each part of the mixture."""
        kind, part, u = generator.random((3, len(self)))
        intercepted = kind < self.interception_probability
        completed = ~intercepted & (
            kind < self.interception_probability + self.completion_probability
        )
        yards = np.where(completed, self._draw_gain(part, u), 0.0)
        yards = np.where(intercepted, -self._draw_return(part, u), yards)
        return Outcomes(yards.astype(np.int64), completed, intercepted)

    def _by_chunk(self, numbers: Callable[[slice], Floats]) -> Floats:
        """Numbers of all plays, of few enough at a time that their lattices stay small."""
        starts = range(0, max(len(self), 1), CHUNK_PLAYS)
        return np.concatenate([numbers(slice(start, start + CHUNK_PLAYS)) for start in starts])

    def _return_limit(self) -> Floats:
        """Yards from the catch to the passer's goal line."""
        return GOAL_TO_GOAL_YD - self.yardline_100 + self.air_yards

    def _chosen(self, where: Flags, *names: str) -> Iterator[Floats]:
        """Fields at the chosen plays and yards."""
        return (np.broadcast_to(getattr(self, name), where.shape)[where] for name in names)

    def _completion_cdf(self, k: Floats) -> Floats:
        """P(gain <= k) given a completion."""
        limit = self.yardline_100
        # Three quarters of the lattice lie outside the field or far behind the catch, where
        # the result is 0 or 1. The cut at 12 yards leaves out 7e-23 of the stops.
        lowest = np.maximum(limit - GOAL_TO_GOAL_YD, self.air_yards - 12)
        where = (k < limit) & (k >= lowest) & (self.air_yards < limit)
        run = (k + 0.5 - self.air_yards)[where]
        stop, power, scale, concentration = self._chosen(
            where, "stop_probability", "run_power", "run_scale_yd", "run_concentration"
        )
        z = (run - STOP_LOCATION_YD) / STOP_SCALE_YD
        half = 0.5 * np.exp(-np.abs(z))
        ran = (1 - _gpd_sf(run, scale, concentration)) ** power
        result = np.broadcast_to(k >= limit, where.shape).astype(np.float64)
        result[where] = stop * np.where(z < 0, half, 1 - half) + (1 - stop) * ran
        return result

    def _interception_cdf(self, k: Floats) -> Floats:
        """P(-R <= k) given an interception."""
        where = (k < 0) & (-k <= self._return_limit())
        returned = -np.broadcast_to(k, where.shape)[where]
        no_return, scale, concentration = self._chosen(
            where, "no_return_probability", "return_scale_yd", "return_concentration"
        )
        # One yard takes all that rounds to one yard or less.
        from_yd = np.where(returned == 1, 0.0, returned - 0.5)
        result = np.broadcast_to(k >= 0, where.shape).astype(np.float64)
        result[where] = (1 - no_return) * _gpd_sf(from_yd, scale, concentration)
        return result

    def _draw_gain(self, part: Floats, u: Floats) -> Floats:
        """Gains of completions from two uniform draws a play."""
        side = np.where(u < 0.5, 2 * u, 2 * (1 - u))
        stopped = STOP_LOCATION_YD + np.sign(u - 0.5) * STOP_SCALE_YD * -np.log(side + 1e-300)
        sf = -np.expm1(np.log(u + 1e-300) / self.run_power)
        ran = _gpd_isf(sf, self.run_scale_yd, self.run_concentration)
        run = np.where(part < self.stop_probability, stopped, ran)
        gain = self.air_yards + np.ceil(np.minimum(run, 200) - 0.5)
        gain = np.clip(gain, self.yardline_100 - GOAL_TO_GOAL_YD, self.yardline_100)
        return np.where(self.air_yards < self.yardline_100, gain, self.yardline_100)

    def _draw_return(self, part: Floats, u: Floats) -> Floats:
        """Return yards of interceptions from two uniform draws a play."""
        carry = _gpd_isf(1 - u, self.return_scale_yd, self.return_concentration)
        carried = np.clip(np.ceil(np.minimum(carry, 200) - 0.5), 1, self._return_limit())
        return np.where(part < self.no_return_probability, 0.0, carried)


def interception_returns(air_yards: Floats, end_zone: Floats) -> dict[str, Floats]:
    """Fields of `OutcomeDistribution` about returns, of throws into the end zone (1) or not (0)."""
    return {
        "no_return_probability": expit(
            -1.25
            + 2.0 * end_zone
            + 0.025 * np.clip(air_yards, 0, 40)
            + 0.035 * np.clip(air_yards - 20, 0, 30)
        ),
        "return_scale_yd": np.exp(_RETURN_LOG_SCALE - 0.009 * np.clip(air_yards, -5, 40)),
        "return_concentration": np.full_like(air_yards, _RETURN_CONCENTRATION),
    }


# In NumPy: by `GeneralizedPareto` 36,000 plays take 7.2 s of processor time instead of 3.2, and
# the truth that a model is judged by would be computed by the model's own distribution.
def _gpd_sf(excess: Floats, scale: Floats, concentration: Floats) -> Floats:
    """Generalized Pareto survival function for a positive concentration; 1 below 0."""
    z = concentration * np.maximum(excess, 0) / scale
    return np.exp(-np.log1p(z) / concentration)


def _gpd_isf(sf: Floats, scale: Floats, concentration: Floats) -> Floats:
    """Excess that a generalized Pareto variable passes with probability ``sf``."""
    # The floor keeps a draw of exactly 0 finite; it is 1e284 times rarer than the last digit.
    return scale * np.expm1(-concentration * np.log(np.maximum(sf, 1e-300))) / concentration
