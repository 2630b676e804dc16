"""Passing metrics of a passer's season, or of any other group of plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dropback.data._field import QUALIFYING_ATTEMPTS_PER_TEAM_GAME
from dropback.errors import RequestError
from dropback.evaluation.comparison._formulas import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["passer_metrics", "with_qualified"]

_KEYS = ("passer_player_id", "season")


def passer_metrics(
    passing: pl.DataFrame,
    *,
    by: Sequence[str] = _KEYS,
    metrics: Sequence[str] = tuple(METRICS),
) -> pl.DataFrame:
    """Metrics and totals of each group of passing plays.

    Args:
        passing: What `passing_plays` returned; with ``completion_over_expected`` for ``cpoe``.
        by: Columns of `passing` that make a group.
        metrics: Names among `METRICS`.

    Returns:
        One row a group, ordered by `by`: the group, ``passer_player_name`` (the most frequent,
        where the group is a passer's), ``games``, ``dropbacks``, ``attempts``, ``completions``,
        ``passing_yards``, ``touchdowns``, ``interceptions``, ``sacks``, ``sack_yards``, then the
        metrics, null where no play of the group counts.

    Raises:
        RequestError: An unknown metric or column.
    """
    unknown = [name for name in metrics if name not in METRICS]
    unknown += [name for name in by if name not in passing.columns]
    if unknown or not by:
        raise RequestError(
            f"Unknown {', '.join(map(repr, unknown)) or 'empty group'}: metrics are "
            f"{', '.join(METRICS)}; groups are columns of {', '.join(passing.columns)}."
        )
    name = [pl.col("passer_player_name").drop_nulls().mode().min()]
    totals = passing.group_by(by).agg(
        *(name if "passer_player_id" in by else []),
        pl.col("game_id").n_unique().cast(pl.Int64).alias("games"),
        *(
            pl.col(one).sum().alias(many)
            for one, many in (
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
    for metric in metrics:
        rule = METRICS[metric]
        values = passing.filter(rule.plays).group_by(by).agg(rule.value.alias(metric))
        totals = totals.join(values, on=list(by), how="left")
    return totals.sort(by)


def with_qualified(table: pl.DataFrame, passing: pl.DataFrame) -> pl.DataFrame:
    """Add ``team_games`` and ``qualified``: 14 attempts per regular-season game of his team.

    Args:
        table: What `passer_metrics` returned for passers and seasons.
        passing: The regular-season plays it was made from. Of a passer's teams in a season, the
            one that played most games counts.
    """
    season_team = passing.select("season", "posteam", "game_id").unique()
    games = season_team.group_by("season", "posteam").agg(
        pl.len().cast(pl.Int64).alias("team_games")
    )
    most = (
        passing.select(*_KEYS, "posteam")
        .unique()
        .join(games, on=["season", "posteam"])
        .group_by(_KEYS)
        .agg(pl.col("team_games").max())
    )
    needed = QUALIFYING_ATTEMPTS_PER_TEAM_GAME * pl.col("team_games")
    return table.join(most, on=_KEYS, how="left", maintain_order="left").with_columns(
        qualified=pl.col("attempts") >= needed
    )
