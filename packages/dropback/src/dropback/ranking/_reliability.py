"""How many attempts make a mean score tell skill from luck?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback._bootstrap import game_weights
from dropback._frames import to_polars
from dropback.errors import RequestError
from dropback.ranking._posterior import design_effect, play_variance, sampling_variance
from dropback.ranking._splits import SPLITS, with_splits
from dropback.ranking._units import sum_by_game

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from narwhals.stable.v2.typing import IntoFrame

    from dropback.ranking._units import Units

__all__ = ["Reliability", "reliability", "reliable_minimum"]

_ATTEMPTS = (25, 50, 75, 100, 150, 200, 250, 300, 400, 500, 600)
_GAMES = (2, 4, 6, 8, 12, 16)
# Half of the variance of a mean score is skill: the usual point at which a stat "stabilizes".
_HALF = 0.5
_INTERVAL = (0.05, 0.95)


@dataclass(frozen=True)
class Reliability:
    r"""Of a mean over ``n`` plays, the share of its variance that is skill.

    .. math:: R^2(n) = n / (n + k), \qquad k = d\,\sigma^2 / \tau^2

    Attributes:
        play_variance: Variance of a play's score within passer-seasons, :math:`\sigma^2`.
        design_effect: :math:`d`: how much more games vary than independent plays would.
        between_variance: Variance of true scores between passer-seasons, :math:`\tau^2`.
        half: :math:`k`, the number of attempts with reliability one half; infinite where the
            groups differ by no more than luck.
        half_low: Lower end of its 90 % interval, groups resampled.
        half_high: Upper end.
        groups: Number of groups (passer-seasons by default).
        curve: ``attempts``, ``reliability``, ``low``, ``high``: the formula on a grid.
        split_half: ``games``, ``attempts`` (mean), ``groups``, ``reliability``, ``low``,
            ``high``: correlation of the means of two random halves of that many games, stepped
            up by Spearman and Brown's formula. It assumes none of the formula's variances.
    """

    play_variance: float
    design_effect: float
    between_variance: float
    half: float
    half_low: float
    half_high: float
    groups: int
    curve: pl.DataFrame
    split_half: pl.DataFrame

    def minimum(self, reliability: float = _HALF) -> int:
        """Attempts with which a mean score reaches a reliability.

        Raises:
            RequestError: `reliability` is not in (0, 1), or no number of attempts reaches it.
        """
        if not 0 < reliability < 1:
            raise RequestError(f"reliability must be in (0, 1), got {reliability}.")
        if not np.isfinite(self.half):
            raise RequestError(
                f"No number of attempts is reliable: the {self.groups} groups differ by no more "
                "than luck would make them; give a number of attempts, or take more plays."
            )
        return max(1, int(np.ceil(self.half * reliability / (1 - reliability) - 1e-9)))


def reliability(
    scores: IntoFrame,
    *,
    by: Sequence[str] = ("passer", "season"),
    replicates: int = 500,
    seed: int = 0,
) -> Reliability:
    """Reliability of mean play scores by number of attempts, among groups of some size.

    Groups with less than a quarter of the attempts of the average attempt's group are left out.

    Args:
        scores: Play scores, in a data frame of any library.
        by: What one mean is of, names among `SPLITS`.
        replicates: Bootstrap replicates over groups.
        seed: Of the bootstrap and the random halves.

    Raises:
        RequestError: An unknown grouping, a missing column, or fewer than three groups.

    References:
        Between variance: DerSimonian and Laird (1986), eq. 8. Split halves: Spearman (1910);
        Brown (1910). The minimum at one half: intentionalrounding.com, on passer rating (109
        attempts) and ANY/A (154 dropbacks).

    Example:
        >>> found = dropback.reliability(dropback.score(run, league))
        >>> found.curve.columns, found.half_low <= found.half <= found.half_high
        (['attempts', 'reliability', 'low', 'high'], True)
    """
    keys = [column for name in dict.fromkeys(by) for column in SPLITS[name].columns]
    units = _large(sum_by_game(with_splits(to_polars(scores), by), keys))
    groups = units.keys.height
    if groups < 3:
        raise RequestError(
            f"Reliability compares groups, and needs at least 3, got {groups} by {', '.join(by)}."
        )
    within = play_variance(units)
    effect = design_effect(units, within)
    weights = np.concatenate([np.ones((1, groups)), game_weights(groups, replicates, seed=seed)])
    mean, variance = units.keys["score"].to_numpy(), sampling_variance(units)
    between = between_variance(mean, variance, weights)
    noise = _pooled_noise(units, within * effect, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = np.where(noise > 0, noise / between, 0.0)
    low, high = np.quantile(half[1:], _INTERVAL, method="nearest")
    attempts = np.array(_ATTEMPTS, dtype=float)
    return Reliability(
        play_variance=within,
        design_effect=effect,
        between_variance=float(between[0]),
        half=float(half[0]),
        half_low=float(low),
        half_high=float(high),
        groups=groups,
        curve=pl.DataFrame(
            {
                "attempts": _ATTEMPTS,
                "reliability": attempts / (attempts + half[0]),
                "low": attempts / (attempts + high),
                "high": attempts / (attempts + low),
            }
        ),
        split_half=_split_halves(units, weights[1:], seed),
    )


def reliable_minimum(scores: pl.DataFrame) -> int:
    """Attempts with which half of the variance of a passer-season's mean score is skill.

    Raises:
        RequestError: No number of attempts is reliable, or there are fewer than three
            passer-seasons.
    """
    return reliability(scores, replicates=1).minimum()


def _large(units: Units) -> Units:
    """Groups with at least a quarter of the attempts of the average attempt's group.

    Many small groups are another population (receivers who threw once, backups), whose distance
    from the starters would pass for skill among those that are ranked: of 1,477 passer-seasons
    of 2009-2023 all give a half at 167 attempts, the 629 large ones at 208, their split halves 215
    to 294 (`dropback reliability`).
    """
    plays = units.keys["plays"].to_numpy()
    return units.keep(plays >= 0.25 * (plays**2).sum() / plays.sum())


def between_variance(
    mean: npt.NDArray[np.float64],
    variance: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """DerSimonian and Laird's moment estimate, at least 0, for each row of resampled groups.

    Args:
        mean: Shape ``(K,)``.
        variance: Sampling variances, shape ``(K,)``.
        weights: How often each group is drawn, shape ``(R, K)``.

    Returns:
        Shape ``(R,)``.
    """
    if not variance.any():
        return np.full(len(weights), mean.var(ddof=1))
    precision = weights / variance
    total = precision.sum(axis=1)
    center = precision @ mean / total
    heterogeneity = precision @ mean**2 - total * center**2
    spread = total - (weights / variance**2).sum(axis=1) / total
    expected = weights.sum(axis=1) - 1
    estimate: npt.NDArray[np.float64] = np.maximum(0.0, (heterogeneity - expected) / spread)
    return estimate


def _pooled_noise(
    units: Units, pooled: float, weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Variance of a play within the groups drawn, scaled so that all groups give `pooled`."""
    weight = units.group_weight
    freedom = weights @ (weight - units.weight_squared / weight)
    noise = weights @ units.deviation / np.where(freedom > 0, freedom, np.nan)
    if not np.isfinite(noise[0]) or noise[0] <= 0:
        return np.full(len(weights), pooled)
    scaled: npt.NDArray[np.float64] = noise * pooled / noise[0]
    return scaled


def _split_halves(units: Units, weights: npt.NDArray[np.float64], seed: int) -> pl.DataFrame:
    generator = np.random.default_rng([seed, 2])
    rows = []
    for games in _GAMES:
        enough = np.bincount(units.group) >= games
        if enough.sum() < 3:
            continue
        kept = units.keep(enough)
        own = np.concatenate([np.ones((1, enough.sum())), weights[:, enough]])
        # The luck of one random halving is averaged out.
        drawn = [_halves(kept, games, generator) for _ in range(20)]
        halved = np.mean([_correlation(x, y, own) for (x, y), _ in drawn], axis=0)
        with np.errstate(divide="ignore"):
            stepped = 2 * halved / (1 + halved)
        known = stepped[1:][np.isfinite(stepped[1:])]  # not where one group was drawn throughout
        low, high = np.quantile(known, _INTERVAL) if known.size else (np.nan, np.nan)
        rows.append(
            {
                "games": games,
                "attempts": float(np.mean([plays for _, plays in drawn])),
                "groups": int(enough.sum()),
                "reliability": float(stepped[0]),
                "low": low,
                "high": high,
            }
        )
    schema = {
        "games": pl.Int64,
        "attempts": pl.Float64,
        "groups": pl.Int64,
        "reliability": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema)


def _halves(
    units: Units, games: int, generator: np.random.Generator
) -> tuple[npt.NDArray[np.float64], float]:
    """Means of two random halves of `games` games of each group, shape ``(2, K)``; their plays."""
    order = np.lexsort((generator.random(len(units.group)), units.group))
    group = units.group[order]
    sizes = np.bincount(group)
    place = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    drawn = place < games
    cell = 2 * group[drawn] + place[drawn] % 2
    total = np.bincount(cell, weights=units.total[order][drawn], minlength=2 * len(sizes))
    weight = np.bincount(cell, weights=units.weight[order][drawn], minlength=2 * len(sizes))
    plays = units.plays[order][drawn].sum() / len(sizes)
    return (total / weight).reshape(-1, 2).T, float(plays)


def _correlation(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Correlation of two columns for each row of weights; which half is first is no matter."""
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw without any of these groups
        center = (weights @ (x + y)) / (2 * total)
        spread = (weights @ (x**2 + y**2)) / (2 * total) - center**2
        correlation: npt.NDArray[np.float64] = (weights @ (x * y) / total - center**2) / spread
    return correlation
