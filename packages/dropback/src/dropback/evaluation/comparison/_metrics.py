"""Compute passing metrics of a passer's season, or of any other group of passing plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dropback._choices import nearest
from dropback._frames import left_join
from dropback.data._field import QUALIFYING_ATTEMPTS_PER_TEAM_GAME
from dropback.errors import ReaderError, RequestError
from dropback.scoring import QUARTERBACK_SHRINKAGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Each of the rating's four parts lies in [0, 2.375]; 100 / 6 makes the best 158.3.
_RATING_PART_MOST = 2.375

_NONE = pl.lit(0)


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
        completions: Completed attempts.
        passing_yards: Gained by completions; yards lost in sacks are not subtracted.
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


def adjusted_net_yards_per_attempt(
    attempts: pl.Expr,
    passing_yards: pl.Expr,
    touchdowns: pl.Expr = _NONE,
    interceptions: pl.Expr = _NONE,
    sacks: pl.Expr = _NONE,
    sack_yards: pl.Expr = _NONE,
) -> pl.Expr:
    r"""Adjusted net yards per attempt (ANY/A), in yards.

    .. math:: \frac{Y + 20\,T - 45\,I - Y_s}{A + S}

    Without sacks this is AY/A, without touchdowns and interceptions NY/A.

    Args:
        attempts: Official attempts.
        passing_yards: Gained by completions.
        touchdowns: Touchdown passes.
        interceptions: Passes intercepted.
        sacks: Sacks of the passer.
        sack_yards: Yards lost in them, positive.

    References:
        Chase, Palmer, Carroll and Thorn (1988), The Hidden Game of Football, with Pro Football
        Reference's weights: a touchdown is worth 20 yards, an interception costs 45.

    Example:
        Eli Manning, Super Bowl XLII: 255 yards, 2 touchdowns, 1 interception, 3 sacks for 8.

        >>> line = (pl.lit(v) for v in (34, 255, 2, 1, 3, 8))
        >>> round(pl.select(adjusted_net_yards_per_attempt(*line)).item(), 2)
        6.54
    """
    yards = passing_yards + 20 * touchdowns - 45 * interceptions - sack_yards
    plays = attempts + sacks
    return pl.when(plays > 0).then(yards / plays)


@dataclass(frozen=True)
class Metric:
    """A metric as an aggregation over passing plays.

    Attributes:
        label: Name for readers.
        plays: Whether the metric counts a row of `passing_plays`.
        value: Aggregate of those rows; higher is better.
    """

    label: str
    plays: pl.Expr
    value: pl.Expr


def _total(name: str) -> pl.Expr:
    return pl.col(name).sum()


_ATTEMPT, _SACK, _DROPBACK = (pl.col(name) == 1 for name in ("attempt", "sack", "dropback"))
_QB_PLAY = pl.col("qb_play") == 1
_HAS_EPA = pl.col("epa").is_not_null()
# Plays of an average quarterback that EPA per QB play is shrunk by: as many as `qb_score`, so that
# the two differ by what a play is worth alone.
_SHRINK_PLAYS = QUARTERBACK_SHRINKAGE.plays
_PASSING = (_total("attempt"), _total("passing_yards"))
_SCORING = (_total("touchdown"), _total("interception"))
_SACKED = (_total("sack"), _total("sack_yards"))

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
    "ny_a": Metric(
        "NY/A", _ATTEMPT | _SACK, adjusted_net_yards_per_attempt(*_PASSING, _NONE, _NONE, *_SACKED)
    ),
    "ay_a": Metric("AY/A", _ATTEMPT, adjusted_net_yards_per_attempt(*_PASSING, *_SCORING)),
    "epa_per_dropback": Metric("EPA per dropback", _DROPBACK & _HAS_EPA, pl.col("epa").mean()),
    "success_rate": Metric("success rate", _DROPBACK & _HAS_EPA, (pl.col("epa") > 0).mean()),
    "epa_per_qb_play": Metric("EPA per QB play", _QB_PLAY & _HAS_EPA, pl.col("epa").mean()),
    "epa_per_qb_play_shrunk": Metric(
        "EPA per QB play, shrunk",
        _QB_PLAY & _HAS_EPA,
        pl.col("epa_over_league").sum() / (pl.len() + _SHRINK_PLAYS),
    ),
    "wpa_per_qb_play": Metric(
        "WPA per QB play", _QB_PLAY & pl.col("wpa").is_not_null(), pl.col("wpa").mean()
    ),
    "cpoe": Metric(
        "CPOE (ours)",
        pl.col("completion_over_expected").is_not_null(),
        100 * pl.col("completion_over_expected").mean(),
    ),
}
"""The metrics by column name; `with_league_means` adds the column of the shrunk one."""


def with_league_means(passing: pl.DataFrame) -> pl.DataFrame:
    """Add ``epa_over_league``, EPA less the mean of the season's quarterbacks' plays.

    Columns that hand-made plays may lack are added too: ``qb_play`` (then the dropbacks) and
    ``wpa`` (then null).
    """
    if "qb_play" not in passing.columns:
        passing = passing.with_columns(qb_play=pl.col("dropback"))
    if "wpa" not in passing.columns:
        passing = passing.with_columns(wpa=pl.lit(None, dtype=pl.Float64))
    league = pl.col("epa").filter(pl.col("qb_play") == 1).mean().over("season")
    return passing.with_columns(epa_over_league=pl.col("epa") - league)


_KEYS = ("passer_player_id", "season")


def passer_metrics(
    passing: pl.DataFrame,
    *,
    by: Sequence[str] = _KEYS,
    metrics: Mapping[str, Metric] = METRICS,
) -> pl.DataFrame:
    """Metrics and totals of each group of passing plays.

    Args:
        passing: What `passing_plays` returned, and other columns that the metrics read
            (``completion_over_expected`` for ``cpoe``).
        by: Columns of `passing` that make a group.
        metrics: The metrics by name.

    Returns:
        One row per group, ordered by `by`: the group, ``passer_player_name`` (the most frequent,
        where the group is a passer's), ``games``, ``dropbacks``, ``attempts``, ``completions``,
        ``passing_yards``, ``touchdowns``, ``interceptions``, ``sacks``, ``sack_yards``, then the
        metrics, null where no play of the group counts.

    Raises:
        RequestError: No column to group by, or an unknown one.
    """
    unknown = [name for name in by if name not in passing.columns]
    if unknown or not by:
        raise RequestError(
            f"Unknown {', '.join(map(repr, unknown)) or 'empty group'}: groups are columns of "
            f"{', '.join(passing.columns)}."
            f"{nearest(unknown[0], passing.columns) if unknown else ''}"
        )
    if "epa_over_league" not in passing.columns and {"epa", "season"} <= set(passing.columns):
        passing = with_league_means(passing)
    name = [pl.col("passer_player_name").drop_nulls().mode().min()]
    totals = passing.group_by(by).agg(
        *(name if "passer_player_id" in by else []),
        pl.col("game_id").n_unique().cast(pl.Int64).alias("games"),
        *(
            pl.col(count).sum().alias(total)
            for count, total in (
                ("dropback", "dropbacks"),
                ("attempt", "attempts"),
                ("completion", "completions"),
                ("passing_yards", "passing_yards"),
                ("touchdown", "touchdowns"),
                ("interception", "interceptions"),
                ("sack", "sacks"),
                ("sack_yards", "sack_yards"),
            )
        ),
    )
    for metric, rule in metrics.items():
        values = passing.filter(rule.plays).group_by(by).agg(rule.value.alias(metric))
        totals = left_join(totals, values, on=list(by))
    return totals.sort(by)


def with_qualified(table: pl.DataFrame, passing: pl.DataFrame) -> pl.DataFrame:
    """Add ``team_games`` and ``qualified``: 14 attempts per regular-season game of the team.

    Args:
        table: What `passer_metrics` returned for passers and seasons.
        passing: The regular-season plays of `table`. Of a passer's teams in a season, the
            one that played most games counts.
    """
    team_games = pl.col("game_id").n_unique().over("season", "posteam").cast(pl.Int64)
    plays = passing.with_columns(team_games=team_games)
    most = plays.group_by(_KEYS).agg(pl.col("team_games").max())
    needed = QUALIFYING_ATTEMPTS_PER_TEAM_GAME * pl.col("team_games")
    return left_join(table, most, on=_KEYS).with_columns(qualified=pl.col("attempts") >= needed)


def score_metrics(
    scores: pl.DataFrame, names: Sequence[str], shrinkage: Mapping[str, float] | None = None
) -> dict[str, Metric]:
    """A metric for each score column: the mean over the plays that have one.

    A column ``<name>_weight``, where there is one, weights the mean.

    Args:
        scores: Play scores.
        names: Their columns of scores.
        shrinkage: Plays at one half that the mean of a column is shrunk by, by name; others are
            not shrunk.

    Raises:
        ReaderError: A column is missing or holds no numbers.
    """
    metrics = {}
    for name in names:
        if name not in scores.columns or not scores[name].dtype.is_numeric():
            raise ReaderError(
                f"The play scores have no column of numbers {name!r}: name one of "
                f"{', '.join(c for c in scores.columns if scores[c].dtype.is_float())}."
            )
        weight = f"{name}_weight"
        value = pl.col(name).mean()
        if weight in scores.columns:
            value = (pl.col(name) * pl.col(weight)).sum() / pl.col(weight).sum()
        if plays := (shrinkage or {}).get(name):
            value = 0.5 + (pl.col(name) - 0.5).sum() / (pl.len() + plays)
        metrics[name] = Metric(name, pl.col(name).is_not_null(), value)
    return metrics
