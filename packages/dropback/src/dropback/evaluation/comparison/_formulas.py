"""Formulas of passing metrics over the rows of `passing_plays`, and which plays each counts."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

__all__ = [
    "METRICS",
    "Metric",
    "adjusted_net_yards_per_attempt",
    "adjusted_yards_per_attempt",
    "net_yards_per_attempt",
    "passer_rating",
]

# Each of the rating's four parts lies in [0, 2.375]; 100 / 6 makes the best 158.3.
_RATING_PART_MOST = 2.375

# Chase, Palmer, Carroll and Thorn (1988), The Hidden Game of Football, with Pro Football
# Reference's weights: a touchdown is worth 20 yards, an interception costs 45.
_TOUCHDOWN_YD = 20
_INTERCEPTION_YD = 45


def passer_rating(
    attempts: pl.Expr,
    completions: pl.Expr,
    passing_yards: pl.Expr,
    touchdowns: pl.Expr,
    interceptions: pl.Expr,
) -> pl.Expr:
    r"""The NFL's passer rating, from 0 to 158.3.

    .. math:: \frac{100}{6}\left([5(C/A - .3)] + [.25(Y/A - 3)] + [20\,T/A] + [2.375 - 25\,I/A]
        \right), \quad [v] = \min(\max(v, 0), 2.375)

    Args:
        attempts: Official attempts: spikes count, sacks and two-point tries do not.
        completions: Of these.
        passing_yards: Gained by completions, sacks not taken off.
        touchdowns: Touchdown passes.
        interceptions: Passes intercepted.

    References:
        NFL Record and Fact Book, "NFL passer rating system" (1973).

    Example:
        Aaron Rodgers in 2020:

        >>> line = (pl.lit(v) for v in (526, 372, 4299, 48, 5))
        >>> round(pl.select(passer_rating(*line)).item(), 1)
        121.5
    """
    parts = (
        (completions / attempts - 0.3) * 5,
        (passing_yards / attempts - 3) * 0.25,
        touchdowns / attempts * 20,
        _RATING_PART_MOST - interceptions / attempts * 25,
    )
    rating = pl.sum_horizontal(part.clip(0, _RATING_PART_MOST) for part in parts) / 6 * 100
    return pl.when(attempts > 0).then(rating)


def adjusted_yards_per_attempt(
    attempts: pl.Expr, passing_yards: pl.Expr, touchdowns: pl.Expr, interceptions: pl.Expr
) -> pl.Expr:
    """AY/A: ``(yards + 20 touchdowns - 45 interceptions) / attempts``, in yards."""
    value = passing_yards + _TOUCHDOWN_YD * touchdowns - _INTERCEPTION_YD * interceptions
    return pl.when(attempts > 0).then(value / attempts)


def net_yards_per_attempt(
    attempts: pl.Expr, passing_yards: pl.Expr, sacks: pl.Expr, sack_yards: pl.Expr
) -> pl.Expr:
    """NY/A: ``(yards - sack yards) / (attempts + sacks)``, in yards; yards lost are positive."""
    plays = attempts + sacks
    return pl.when(plays > 0).then((passing_yards - sack_yards) / plays)


def adjusted_net_yards_per_attempt(
    attempts: pl.Expr,
    passing_yards: pl.Expr,
    touchdowns: pl.Expr,
    interceptions: pl.Expr,
    sacks: pl.Expr,
    sack_yards: pl.Expr,
) -> pl.Expr:
    """ANY/A: AY/A with sacks among the attempts and their yards taken off.

    Example:
        Eli Manning, Super Bowl XLII: 255 yards, 2 touchdowns, 1 interception, 3 sacks for 8.

        >>> line = (pl.lit(v) for v in (34, 255, 2, 1, 3, 8))
        >>> round(pl.select(adjusted_net_yards_per_attempt(*line)).item(), 2)
        6.54
    """
    value = (
        passing_yards + _TOUCHDOWN_YD * touchdowns - _INTERCEPTION_YD * interceptions - sack_yards
    )
    plays = attempts + sacks
    return pl.when(plays > 0).then(value / plays)


@dataclass(frozen=True)
class Metric:
    """A metric as an aggregation over passing plays.

    Attributes:
        label: For readers.
        plays: Which rows of `passing_plays` it counts.
        value: Aggregates those rows; higher is better.
    """

    label: str
    plays: pl.Expr
    value: pl.Expr


def _total(name: str) -> pl.Expr:
    return pl.col(name).sum()


_ATTEMPT, _SACK, _DROPBACK = (pl.col(name) == 1 for name in ("attempt", "sack", "dropback"))
_HAS_EPA = pl.col("epa").is_not_null()
_PASSING = (_total("attempt"), _total("passing_yards"))
_SACKED = (_total("sack"), _total("sack_yards"))
_SCORING = (_total("touchdown"), _total("interception"))

METRICS: dict[str, Metric] = {
    "passer_rating": Metric(
        "passer rating",
        _ATTEMPT,
        passer_rating(_total("attempt"), _total("completion"), _total("passing_yards"), *_SCORING),
    ),
    "any_a": Metric(
        "ANY/A",
        _ATTEMPT | _SACK,
        adjusted_net_yards_per_attempt(*_PASSING, *_SCORING, *_SACKED),
    ),
    "ny_a": Metric("NY/A", _ATTEMPT | _SACK, net_yards_per_attempt(*_PASSING, *_SACKED)),
    "ay_a": Metric("AY/A", _ATTEMPT, adjusted_yards_per_attempt(*_PASSING, *_SCORING)),
    "epa_per_dropback": Metric("EPA per dropback", _DROPBACK & _HAS_EPA, pl.col("epa").mean()),
    "success_rate": Metric("success rate", _DROPBACK & _HAS_EPA, (pl.col("epa") > 0).mean()),
    "cpoe": Metric(
        "CPOE (ours)",
        pl.col("completion_over_expected").is_not_null(),
        100 * pl.col("completion_over_expected").mean(),
    ),
}
"""The metrics by column name."""
