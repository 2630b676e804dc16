"""Evaluate predictions by proper scores and calibration, with intervals over games."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from operator import index
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dropback._arrays import Floats, Integers
from dropback._statistics import codes, percentile_interval, resampled_weights, sums_by_game
from dropback.models._predict import QUANTILE_LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dataframely as dy
    import polars as pl

    from dropback.data import Plays, Predictions

METRICS: dict[str, str] = {
    "mae": "mean absolute error of the median, in units of the outcome",
    "rmse": "root mean squared error of the mean, in units of the outcome",
    "crps": "continuous ranked probability score, in units of the outcome",
    "log_score": "minus log probability of the whole-yard outcome, or log density of the EPA, nats",
    **{
        f"pinball_{name}": f"pinball loss at {level:g}, in units of the outcome"
        for name, level in QUANTILE_LEVELS.items()
    },
    "pp_error": "mean absolute distance of the PIT's distribution function from uniform",
    "coverage_50": "share of randomized PIT values in the central 50 %",
    "coverage_80": "share of randomized PIT values in the central 80 %",
    "coverage_90": "share of randomized PIT values in the central 90 %",
    "coverage_98": "share of randomized PIT values in the central 98 %",
    "tail_lower": "share of randomized PIT values below 0.01",
    "tail_lower_5": "share of randomized PIT values below 0.05",
    "tail_upper_5": "share of randomized PIT values above 0.95",
    "tail_upper": "share of randomized PIT values above 0.99",
    "mean_mid_cdf": "mean of the mid-distribution function: 0.5 for a league-average league",
}
"""Name and meaning of every metric of an evaluation."""

CLIMATOLOGY, ORACLE = "climatology", "oracle"
"""Names of the models between which the gap in CRPS is measured."""

DEPTH_BANDS = ((-99, -1), (0, 4), (5, 9), (10, 14), (15, 19), (20, 29), (30, 99))
"""Bands of air yards, both ends included."""

_Crps = TypeVar("_Crps", float, Floats)

_PIT_LEVELS = np.arange(1, 100) / 100
_PIT_BINS = 20
_CHANCE = 0.05
# Of the bootstrap: 5 and 95 % points of 1,000 replicates vary by 4 % of the interval's length.
_REPLICATES = 1000


@dataclass(frozen=True)
class Estimate:
    """An estimate with its 90 % bootstrap interval over games."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """Numbers of several models on the same plays.

    Attributes:
        plays: Count of plays.
        games: Count of games.
        metrics: Model to metric to estimate.
        differences: Baseline to metric to estimate of ours minus the baseline's, paired by game.
        pit_histogram: Model to density in twenty equal bins of [0, 1]; all 1 is calibrated.
        pit_cdf: Model to empirical distribution function of the PIT at 0.01 .. 0.99.
        pit_distance: Model to the largest distance of that function, at any point, from uniform
            (Kolmogorov), to compare with `flat_distance`. Empty in reports written before it was
            measured.
        mae_by_depth: Model to mean absolute error in each of `DEPTH_BANDS`, NaN where empty.
        gap_closed: Model to the share of the CRPS gap from `CLIMATOLOGY` to `ORACLE` that it
            closes; empty where either is not among the models.
    """

    plays: int
    games: int
    metrics: dict[str, dict[str, Estimate]]
    differences: dict[str, dict[str, Estimate]]
    pit_histogram: dict[str, list[float]]
    pit_cdf: dict[str, list[float]]
    pit_distance: dict[str, float]
    mae_by_depth: dict[str, list[float]]
    gap_closed: dict[str, Estimate]

    @property
    def flat_distance(self) -> float:
        r"""The distance that `pit_distance` of calibrated forecasts exceeds 1 time in 20.

        .. math:: \sqrt{\log(2 / 0.05) / (2 n)}

        The bound of Massart (1990) for `plays` independent uniform numbers; it holds for every
        number and is exact for many.
        """
        return math.sqrt(math.log(2 / _CHANCE) / (2 * self.plays))

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON; `from_dict` reads them back."""
        return {
            **asdict(self),
            "interval": f"90 %, bootstrap over games, {_REPLICATES} replicates",
            "definitions": METRICS,
            "flat_distance": self.flat_distance,
            "depth_bands": [list(band) for band in DEPTH_BANDS],
            "mae_by_depth": {
                model: [None if np.isnan(value) else value for value in row]
                for model, row in self.mae_by_depth.items()
            },
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Evaluation:
        """Read what `as_dict` returned.

        Raises:
            KeyError: A field is missing.
            TypeError, ValueError: A field is no number.
        """

        def estimates(row: dict[str, dict[str, float]]) -> dict[str, Estimate]:
            return {
                name: Estimate(**{end: float(value) for end, value in estimate.items()})
                for name, estimate in row.items()
            }

        def numbers(rows: dict[str, list[float]]) -> dict[str, list[float]]:
            return {model: [float(value) for value in row] for model, row in rows.items()}

        def tables(name: str) -> dict[str, dict[str, Estimate]]:
            return {model: estimates(row) for model, row in content[name].items()}

        if index(content["plays"]) < 1:
            raise ValueError(f"it is of {content['plays']} plays")
        return cls(
            plays=index(content["plays"]),
            games=index(content["games"]),
            metrics=tables("metrics"),
            differences=tables("differences"),
            pit_histogram=numbers(content["pit_histogram"]),
            pit_cdf=numbers(content["pit_cdf"]),
            pit_distance={
                model: float(value) for model, value in content.get("pit_distance", {}).items()
            },
            mae_by_depth={
                model: [np.nan if value is None else float(value) for value in row]
                for model, row in content["mae_by_depth"].items()
            },
            gap_closed=estimates(content.get("gap_closed", {})),
        )


def evaluate(
    plays: dy.DataFrame[Plays],
    predictions: Mapping[str, dy.DataFrame[Predictions]],
    *,
    seed: int = 0,
) -> Evaluation:
    """Compare forecasts of the same plays.

    Args:
        plays: The plays, in the order of each of `predictions`.
        predictions: Model name to forecasts; the first is ours.
        seed: Seed of the bootstrap; all models get the same draws, so differences are paired.

    Raises:
        ValueError: Forecasts of other plays.
    """
    keys = plays.select("game_id", "play_id")
    for name, table in predictions.items():
        if not table.select("game_id", "play_id").equals(keys):
            raise ValueError(f"predictions of {name!r} must be of these plays, in their order.")
    games = codes(plays["game_id"])
    count = int(games.max()) + 1
    weights = resampled_weights(count, _REPLICATES, seed=seed)
    sizes = weights @ np.bincount(games).astype(float)
    # First row: the estimate itself; the rest: its bootstrap replicates.
    draws = {name: _replicates(table, games, weights, sizes) for name, table in predictions.items()}
    ours, *baselines = draws
    pits = {name: table["pit"].to_numpy() for name, table in predictions.items()}
    return Evaluation(
        plays=len(plays),
        games=count,
        metrics={name: {m: _estimate(v) for m, v in row.items()} for name, row in draws.items()},
        differences={
            baseline: {m: _estimate(v - draws[baseline][m]) for m, v in draws[ours].items()}
            for baseline in baselines
        },
        pit_histogram={
            name: np.histogram(pit, bins=_PIT_BINS, range=(0, 1), density=True)[0].tolist()
            for name, pit in pits.items()
        },
        pit_cdf={
            name: (pit[:, None] <= _PIT_LEVELS).mean(axis=0).tolist() for name, pit in pits.items()
        },
        pit_distance={
            name: float(distances_from_uniform(pit, np.ones((1, len(pit))))[0])
            for name, pit in pits.items()
        },
        mae_by_depth={name: _mae_by_depth(plays, table) for name, table in predictions.items()},
        gap_closed=_gap_closed({name: row["crps"] for name, row in draws.items()}),
    )


def share_of_gap(value: _Crps, *, worst: _Crps, best: _Crps) -> _Crps:
    """Share of the gap from `worst` to `best` that `value` closes, all mean CRPS of one set.

    Example:
        >>> share_of_gap(4.0, worst=5.0, best=3.0)
        0.5
    """
    return (worst - value) / (worst - best)


def _replicates(
    table: pl.DataFrame, games: Integers, weights: Floats, sizes: Floats
) -> dict[str, Floats]:
    contributions = _contributions(table)
    sums = sums_by_game(games, np.stack(list(contributions.values()), axis=1))
    means = dict(zip(contributions, (weights @ sums / sizes[:, None]).T, strict=True))
    means["rmse"] = np.sqrt(means.pop("squared_error"))
    pit = table["pit"].to_numpy()
    below = sums_by_game(games, (pit[:, None] <= _PIT_LEVELS).astype(float))
    empirical = weights @ below / sizes[:, None]
    means["pp_error"] = np.abs(empirical - _PIT_LEVELS).mean(axis=1)
    return {name: means[name] for name in METRICS}


def _contributions(table: pl.DataFrame) -> dict[str, Floats]:
    """Contribution of each play to each mean."""
    observed, pit = table["observed"].to_numpy(), table["pit"].to_numpy()
    result = {
        "mae": np.abs(table["median"].to_numpy() - observed),
        "squared_error": (table["mean"].to_numpy() - observed) ** 2,
        "crps": table["crps"].to_numpy(),
        "log_score": table["log_score"].to_numpy(),
        "mean_mid_cdf": table["mid_cdf"].to_numpy(),
        "tail_lower": (pit < 0.01).astype(float),
        "tail_lower_5": (pit < 0.05).astype(float),
        "tail_upper_5": (pit > 0.95).astype(float),
        "tail_upper": (pit > 0.99).astype(float),
    }
    for name, level in QUANTILE_LEVELS.items():
        excess = observed - table[name].to_numpy()
        result[f"pinball_{name}"] = np.maximum(level * excess, (level - 1) * excess)
    for percent in (50, 80, 90, 98):
        edge = (1 - percent / 100) / 2
        result[f"coverage_{percent}"] = ((pit >= edge) & (pit <= 1 - edge)).astype(float)
    return result


def _estimate(draws: Floats) -> Estimate:
    low, high = percentile_interval(draws[1:])
    return Estimate(float(draws[0]), float(low), float(high))


def _gap_closed(crps: Mapping[str, Floats]) -> dict[str, Estimate]:
    """Share of the gap from climatology to the oracle, replicate by replicate."""
    if not {CLIMATOLOGY, ORACLE} <= crps.keys():
        return {}
    worst, best = crps[CLIMATOLOGY], crps[ORACLE]
    return {name: _estimate(share_of_gap(v, worst=worst, best=best)) for name, v in crps.items()}


def distances_from_uniform(pit: Floats, weights: Floats) -> Floats:
    """Kolmogorov's distance of the PIT's distribution function, of each row of weights.

    The empirical function jumps at each value, so both sides count.

    Args:
        pit: Shape ``(N,)``.
        weights: How often each play counts, shape ``(R, N)``.
    """
    order = np.argsort(pit)
    upto = weights[:, order].cumsum(axis=1)
    upto /= upto[:, -1:]
    before = np.pad(upto[:, :-1], ((0, 0), (1, 0)))
    distances: Floats = np.maximum(
        (pit[order] - before).max(axis=1), (upto - pit[order]).max(axis=1)
    )
    return distances


def _mae_by_depth(plays: pl.DataFrame, table: pl.DataFrame) -> list[float]:
    error = (table["median"] - table["observed"]).abs().to_numpy()
    depth = plays["air_yards"]
    bands = [depth.is_between(low, high).fill_null(value=False) for low, high in DEPTH_BANDS]
    return [float(error[band.to_numpy()].mean()) if band.any() else np.nan for band in bands]
