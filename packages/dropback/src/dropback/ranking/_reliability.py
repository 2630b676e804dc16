"""Estimate how many attempts a mean score needs before it is more skill than luck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback._choices import parse_names
from dropback._frames import to_polars
from dropback._statistics import (
    percentile_interval,
    random_generator,
    resampled_weights,
    shuffled,
    split_half_reliability,
)
from dropback.errors import RequestError
from dropback.ranking._center import with_measured_drift
from dropback.ranking._posterior import (
    design_effect,
    play_variance,
    sampling_variance,
    single_plays,
)
from dropback.ranking._splits import key_columns, with_splits
from dropback.ranking._units import sum_by_game

if TYPE_CHECKING:
    from collections.abc import Sequence

    from narwhals.stable.v2.typing import IntoFrame

    from dropback._arrays import Floats
    from dropback.ranking._units import Units

_ATTEMPTS = (25, 50, 75, 100, 150, 200, 250, 300, 400, 500, 600)
_GAMES = (2, 4, 6, 8, 12, 16)
# Half of the variance of a mean score is skill: the usual point at which a stat "stabilizes".
_HALF = 0.5
# The luck of one random halving is averaged out over so many.
_SPLITS = 20


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
                "than luck would make them; give a number of attempts, or add plays."
            )
        return max(1, int(np.ceil(self.half * reliability / (1 - reliability) - 1e-9)))


def reliability(
    scores: IntoFrame,
    *,
    by: str | Sequence[str] = ("passer", "season"),
    replicates: int = 500,
    seed: int = 0,
) -> Reliability:
    """Reliability of mean play scores by number of attempts, among groups of some size.

    Groups with less than a quarter of the attempts of the average attempt's group are left out.

    Args:
        scores: Play scores, in a data frame of any library.
        by: Names among `SPLITS` that define the groups, several or separated by commas.
        replicates: Bootstrap replicates over groups.
        seed: Seed of the bootstrap and the random halves.

    Raises:
        RequestError: An unknown grouping, a missing column, fewer than three groups, or groups of
            one play each.

    References:
        Between variance: DerSimonian and Laird (1986), eq. 8. Split halves: Spearman (1910);
        Brown (1910). The minimum at one half: intentionalrounding.com, on passer rating (109
        attempts) and ANY/A (154 dropbacks).

    Example:
        >>> found = dropback.reliability(dropback.score(run, league))
        >>> found.curve.columns, found.half_low <= found.half <= found.half_high
        (['attempts', 'reliability', 'low', 'high'], True)
    """
    by = parse_names(by)
    table = with_measured_drift(to_polars(scores))
    units = _large(sum_by_game(with_splits(table, by), key_columns(by)))
    groups = units.keys.height
    if groups < 3:
        raise RequestError(
            f"Reliability compares groups, and needs at least 3, got {groups} by {', '.join(by)}."
        )
    if single_plays(units):
        raise RequestError(
            f"Each of the {groups} groups by {', '.join(by)} has one play, so nothing tells luck "
            "from skill: add plays, or group by fewer names."
        )
    within = play_variance(units)
    effect = design_effect(units, within)
    weights = resampled_weights(groups, replicates, seed=seed)
    mean, variance = units.keys["score"].to_numpy(), sampling_variance(units)
    between = between_variance(mean, variance, weights)
    noise = _pooled_noise(units, within * effect, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = np.where(noise > 0, noise / between, 0.0)
    low, high = percentile_interval(half[1:], method="nearest")
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
        split_half=_split_halves(units, weights, seed),
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


def between_variance(mean: Floats, variance: Floats, weights: Floats) -> Floats:
    """DerSimonian and Laird's moment estimate, at least 0, in each replicate, shape ``(R,)``.

    Means and sampling variances are of shape ``(K,)``, weights of groups ``(R, K)``.
    """
    if not variance.any():
        return np.full(len(weights), mean.var(ddof=1))
    precision = weights / variance
    total = precision.sum(axis=1)
    center = precision @ mean / total
    heterogeneity = precision @ mean**2 - total * center**2
    spread = total - (weights / variance**2).sum(axis=1) / total
    expected = weights.sum(axis=1) - 1
    return np.asarray(np.maximum(0.0, (heterogeneity - expected) / spread))


def _pooled_noise(units: Units, pooled: float, weights: Floats) -> Floats:
    """Variance of a play within the groups drawn, scaled so that all groups give `pooled`."""
    weight = units.group_weight
    freedom = weights @ (weight - units.weight_squared / weight)
    noise = weights @ units.deviation / np.where(freedom > 0, freedom, np.nan)
    if not np.isfinite(noise[0]) or noise[0] <= 0:
        return np.full(len(weights), pooled)
    return np.asarray(noise * pooled / noise[0])


def _split_halves(units: Units, weights: Floats, seed: int) -> pl.DataFrame:
    generator = random_generator(seed, 2)
    rows = []
    for games in _GAMES:
        enough = np.bincount(units.group) >= games
        if enough.sum() < 3:
            continue
        kept = units.keep(enough)
        drawn = [_halves(kept, games, generator) for _ in range(_SPLITS)]
        # Which half is the first does not matter, so each pair is there in both orders.
        both = np.tile(weights[:, enough], 2)
        found = split_half_reliability(
            [(halves, np.roll(halves, len(halves) // 2, axis=0), both) for halves, _ in drawn]
        )
        low, high = percentile_interval(found[1:, 0])
        rows.append(
            {
                "games": games,
                "attempts": float(np.mean([plays for _, plays in drawn])),
                "groups": int(enough.sum()),
                "reliability": float(found[0, 0]),
                "low": low,
                "high": high,
            }
        )
    whole = {"games": pl.Int64, "groups": pl.Int64}
    names = ("games", "attempts", "groups", "reliability", "low", "high")
    return pl.DataFrame(rows, schema={name: whole.get(name, pl.Float64) for name in names})


def _halves(units: Units, games: int, generator: np.random.Generator) -> tuple[Floats, float]:
    """Means of two random halves of `games` games of each group, first halves above second ones.

    They are of shape ``(2 K, 1)``; with them comes the mean count of plays in both halves.
    """
    order, place = shuffled(units.group, generator)
    drawn, half = order[place < games], place[place < games] % 2
    groups = units.keys.height
    cell = half * groups + units.group[drawn]
    total = np.bincount(cell, weights=units.total[drawn])
    weight = np.bincount(cell, weights=units.weight[drawn])
    return (total / weight)[:, None], float(units.plays[drawn].sum() / groups)
