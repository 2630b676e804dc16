"""Estimate every group's true score: luck within groups against skill between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from dropback._statistics import NORMAL_90, expanded_interval, random_generator

if TYPE_CHECKING:
    from dropback._arrays import Floats, Integers
    from dropback.ranking._units import Units

# Intervals of resampled games hold 82 % where a group has two to five (ranking_coverage.py).
_FEWEST_RESAMPLED = 6

# Shrinkage factors that the uniform prior is summed over: cubes of midpoints, so that the least,
# 2e-8, is small enough for groups that hardly any luck is in, with the cube's slope as weight.
# Twice as many points move no posterior mean by 1e-4 of its standard deviation.
_ROOTS = (np.arange(200) + 0.5) / 200
_SHRINKAGE, _SLOPE = _ROOTS**3, 3 * _ROOTS**2


@dataclass(frozen=True)
class Posterior:
    r"""Normal true scores of ``K`` groups given their means, on a grid of the between variance.

    Attributes:
        mean: Posterior mean of each true score, shape ``(K,)``.
        sd: Posterior standard deviation, shape ``(K,)``.
        reliability: Posterior mean of :math:`\tau^2 / (\tau^2 + v)`, the share of the
            variance of such a mean that is skill, shape ``(K,)``; NaN where no data can tell: of
            a lone group, or where every group has one play.
        observed: The means, shape ``(K,)``.
        variance: Their sampling variances :math:`v`, shape ``(K,)``; NaN where they are unknown,
            and `sd` with them.
        between: Grid of :math:`\tau^2`, shape ``(G,)``.
        weight: Posterior probability of each grid point, shape ``(G,)``.
        design: A column of ones and, where true scores may depend on it, one of how much each
            group played, shape ``(K, P)``.
    """

    mean: Floats
    sd: Floats
    reliability: Floats
    observed: Floats
    variance: Floats
    between: Floats
    weight: Floats
    design: Floats

    def difference(self, first: int, second: int) -> tuple[float, float, float]:
        r"""How far one true score is above another, given all means.

        Both share the league's mean and the between variance, which the grid integrates out:
        given these, :math:`\theta_1 - \theta_2` is normal with variance
        :math:`k_1 v_1 + k_2 v_2 + (k_1 - k_2)^2 V_\mu`, :math:`k = \tau^2 / (\tau^2 + v)`, or with
        the variance of both means where these depend on how much was played.

        Args:
            first: Group of the one.
            second: Group of the other.

        Returns:
            Posterior mean and standard deviation of the difference, and the probability that it is
            positive (one half where both are surely equal). Of unknown luck the standard
            deviation is NaN and the probability one half.
        """
        pair = [first, second]
        if not np.isfinite(self.variance).all():
            return float(self.mean[first] - self.mean[second]), np.nan, 0.5
        if not self.variance.any():
            apart = float(self.observed[first] - self.observed[second])
            return apart, 0.0, 0.5 + 0.5 * float(np.sign(apart))
        found = _conditional(self.observed, self.variance, self.between[:, None], self.design)
        variance, trust, center = self.variance[pair], found.trust[:, pair], found.center[:, pair]
        means = center + trust * (self.observed[pair] - center)
        mean = means[:, 0] - means[:, 1]
        spread = (trust * variance).sum(axis=1)
        apart_by = (1 - trust[:, :1]) * self.design[first] - (1 - trust[:, 1:]) * self.design[
            second
        ]
        spread += np.einsum("gp,gpq,gq->g", apart_by, found.covariance, apart_by)
        average = float(self.weight @ mean)
        sd = float(np.sqrt(self.weight @ (spread + (mean - average) ** 2)))
        return average, sd, float(self.weight @ ndtr(mean / np.sqrt(spread)))

    def draws(self, count: int, *, seed: int) -> Floats:
        """Joint draws of all true scores, shape ``(count, K)``."""
        generator = random_generator(seed, 1)  # apart from the bootstrap's stream
        if not np.isfinite(self.variance).all():  # any order is as likely as another
            return generator.normal(size=(count, len(self.mean)))
        if not self.variance.any():
            return np.tile(self.observed, (count, 1))
        between = generator.choice(self.between, size=count, p=self.weight)[:, None]
        found = _conditional(self.observed, self.variance, between, self.design)
        factor, trust = np.linalg.cholesky(found.covariance), found.trust
        shift = np.einsum("gpq,gq->gp", factor, generator.normal(size=(count, factor.shape[1])))
        center = found.center + shift @ self.design.T
        noise = np.sqrt(trust * self.variance) * generator.normal(size=trust.shape)
        return np.asarray(center + trust * (self.observed - center) + noise)


def play_variance(units: Units) -> float:
    """Variance of a play's score within groups, pooled, from weighted squared deviations.

    Where every group has one play, skill and luck cannot be separated: then it is the variance of
    all plays, as if all were luck, and NaN where these are one play or all equal.
    """
    if not single_plays(units):
        weight = units.group_weight
        freedom = float((weight - units.weight_squared / weight).sum())
        return float(units.deviation.sum()) / freedom
    mean = units.keys["score"].to_numpy()
    return float(mean.var()) if np.ptp(mean) > 0 else np.nan


def single_plays(units: Units) -> bool:
    """Whether every group has one play, so that nothing tells luck from skill."""
    return bool((units.keys["plays"] == 1).all())


def design_effect(units: Units, within: float) -> float:
    """How much more the games' means vary than independent plays would let them, at least 1.

    Plays of one game share a defense, a plan and the weather. The ratio of two estimates of the
    groups' sampling variances, summed over groups of two games or more: from the deviations of
    their games, and from their plays.

    References:
        Kish (1965), "Survey sampling", for the ratio; Cochran (1977), chapter 6, for the variance
        of a ratio mean.
    """
    weight, games = units.group_weight, np.bincount(units.group)
    mean = units.keys["score"].to_numpy()
    residual = units.total - mean[units.group] * units.weight
    clustered = np.bincount(units.group, weights=residual**2) / weight**2
    several = games > 1
    if not several.any() or not within > 0:
        return 1.0
    clustered = clustered[several] * games[several] / (games[several] - 1)
    independent = (within * units.weight_squared / weight**2)[several]
    # Each group weighs by its plays: the variances of a few plays would drown the others'.
    size = weight[several] ** 2
    return max(1.0, float((clustered * size).sum() / (independent * size).sum()))


def sampling_variance(units: Units) -> Floats:
    r"""Variance of each group's mean about its true score, shape ``(K,)``.

    .. math:: v_g = d\,\sigma^2 \sum w^2 / (\sum w)^2

    with :math:`\sigma^2` from `play_variance` and :math:`d` from `design_effect`, both pooled:
    one passer's games are too few to estimate a variance of their own.
    """
    within = play_variance(units)
    variance: Floats = (
        within * design_effect(units, within) * units.weight_squared / units.group_weight**2
    )
    return variance


def mean_interval(
    mean: Floats, replicates: Floats, games: Integers, variance: Floats
) -> tuple[Floats, Floats]:
    r"""90 % interval of each group's mean, shapes ``(K,)``.

    From six games on the games are resampled (`expanded_interval`). Fewer are too few to tell how
    much games differ: there it is :math:`\bar s \pm 1.64 \sqrt v` with the variance pooled over all
    groups, which a single game has too.

    Args:
        mean: Shape ``(K,)``.
        replicates: Means of resampled games, shape ``(R, K)``.
        games: Games of each group, shape ``(K,)``.
        variance: What `sampling_variance` returned, shape ``(K,)``.
    """
    low, high = expanded_interval(replicates, games)
    half = NORMAL_90 * np.sqrt(variance)
    few = games < _FEWEST_RESAMPLED
    return np.where(few, mean - half, low), np.where(few, mean + half, high)


def true_scores(units: Units) -> Posterior:
    """True scores of groups of plays, as every table states them.

    Coaches play who is better: where groups are of players, backups are drawn toward backups
    (`played` of `posterior`); teams, defenses and all else toward the mean of all.
    """
    rows = units.keys
    players = {"passer_player_id", "receiver_player_id"} & set(rows.columns)
    played = rows["plays"].to_numpy().astype(float) if players else None
    found = posterior(rows["score"].to_numpy(), sampling_variance(units), played)
    if single_plays(units):
        return replace(found, reliability=np.full_like(found.reliability, np.nan))
    return found


def posterior(mean: Floats, variance: Floats, played: Floats | None = None) -> Posterior:
    r"""True scores :math:`\theta_g \sim N(\mu, \tau^2)` behind means :math:`N(\theta_g, v_g)`.

    :math:`\mu` is integrated out under a flat prior and :math:`\tau^2` on a grid under the
    uniform-shrinkage prior: :math:`v_0 / (v_0 + \tau^2)` uniform in (0, 1), :math:`v_0` the
    harmonic mean of the variances. It is proper, so that two groups are enough, and it leaves
    :math:`\tau^2 = 0` as one possibility among others: the moment estimate, which is 0 in one
    small league of six, would then state every true score as known to be the mean.

    With `played` the mean is :math:`\mu + \beta x_g`, :math:`x` the standardized logarithm of the
    plays and :math:`\beta \sim N(0, \tau^2)`: who plays less is another kind of player, and is
    drawn toward the mean of those who play as much, as far as the table tells.

    Args:
        mean: Shape ``(K,)``.
        variance: Sampling variances, all positive, or all 0 where there is no luck at all, or all
            NaN where it is unknown, shape ``(K,)``.
        played: Plays of each group, where more of them are a sign of skill, shape ``(K,)``.

    References:
        Gelman et al. (2013), eq. 5.17, 5.20, 5.21; Daniels (1999) for the prior.
    """
    design = _design(len(mean), played)
    nothing = np.full(len(mean), np.nan)
    if np.isnan(variance).any():
        one = np.ones(1)
        return Posterior(mean, nothing, nothing, mean, variance, np.zeros(1), one, design)
    if not variance.any():
        still = np.zeros(len(mean))
        one = np.ones(1)
        share = still + 1 if len(mean) > 1 else nothing
        return Posterior(mean, still, share, mean, variance, np.zeros(1), one, design)
    harmonic = len(variance) / float((1 / variance).sum())
    between = harmonic * (1 - _SHRINKAGE) / _SHRINKAGE
    found = _conditional(mean, variance, between[:, None], design)
    total = variance + between[:, None]
    log_density = np.log(_SLOPE) + 0.5 * np.linalg.slogdet(found.covariance)[1]
    log_density -= 0.5 * (np.log(total) + (mean - found.center) ** 2 / total).sum(axis=1)
    if design.shape[1] > 1:
        slope = found.coefficients[:, 1]
        log_density -= 0.5 * (np.log(between) + slope**2 / between)
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    trust, center = found.trust, found.center
    means = center + trust * (mean - center)
    of_center = np.einsum("kp,gpq,kq->gk", design, found.covariance, design)
    variances = trust * variance + (1 - trust) ** 2 * of_center
    average = weight @ means
    sd = np.sqrt(weight @ (variances + (means - average) ** 2))
    # One group says nothing about how much groups differ.
    share = weight @ trust if len(mean) > 1 else nothing
    return Posterior(average, sd, share, mean, variance, between, weight, design)


@dataclass(frozen=True)
class _Conditional:
    """Posterior of the groups' means, for each between variance."""

    center: Floats
    coefficients: Floats
    covariance: Floats
    trust: Floats


def _design(groups: int, played: Floats | None) -> Floats:
    ones = np.ones((groups, 1))
    if played is None:
        return ones
    logs = np.log(played)
    spread = float(logs.std())
    return ones if spread < 1e-9 else np.column_stack([ones, (logs - logs.mean()) / spread])


def _conditional(mean: Floats, variance: Floats, between: Floats, design: Floats) -> _Conditional:
    """Regression of the means on `design` for each between variance, shape ``(G, 1)``."""
    precision = 1 / (variance + between)
    information = np.einsum("kp,gk,kq->gpq", design, precision, design)
    for column in range(1, design.shape[1]):  # the first, the league's mean, has a flat prior
        information[:, column, column] += 1 / between[:, 0]
    covariance = np.linalg.inv(information)
    coefficients = np.einsum("gpq,gq->gp", covariance, (precision * mean) @ design)
    return _Conditional(coefficients @ design.T, coefficients, covariance, between * precision)
