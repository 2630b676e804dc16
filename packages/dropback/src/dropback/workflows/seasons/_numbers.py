"""Make the tables of passers' seasons: the score of the throws and that of the quarterback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dropback._frames import left_join
from dropback.errors import RequestError
from dropback.evaluation.comparison._metrics import passer_metrics, with_qualified
from dropback.evaluation.comparison._plays import passing_plays
from dropback.projection import FEWEST_PLAYS, project_passers
from dropback.scoring import (
    PASSING_SHRINKAGE,
    QUARTERBACK_SHRINKAGE,
    passing_scores,
    quarterback_plays,
    quarterback_scores,
    require_runs,
    shrunk_seasons,
)

if TYPE_CHECKING:
    from dropback.data._selection import Games

KEYS = ("season", "passer_player_id")


def with_passing_score(scores: pl.DataFrame) -> pl.DataFrame:
    """Play scores with the column ``passing_score`` (see `passing_scores`)."""
    return scores.with_columns(passing_scores(scores))


def passing_table(scores: pl.DataFrame, qualified: pl.DataFrame) -> pl.DataFrame:
    """``passing_score`` of each passer and season.

    Args:
        scores: What `with_passing_score` returned.
        qualified: What `qualified_passers` returned.

    Returns:
        The columns of `shrunk_seasons`; ``qualified``; ``rank`` among the qualified passers of the
        season, ``population``, their number, and ``place``, both in words (null where not
        qualified).
    """
    return _placed(shrunk_seasons(scores, "passing_score", PASSING_SHRINKAGE), qualified)


def scored_quarterback_plays(
    snaps: pl.DataFrame, scores: pl.DataFrame, games: Games
) -> pl.DataFrame:
    """The plays of `quarterback_plays` in the games asked for, with ``qb_score``.

    Args:
        snaps: What `expected_points_added` returned.
        scores: Play scores with ``mid_cdf``.
        games: Which games.

    Raises:
        RequestError: A season has no quarterback's run.
    """
    kinds = {"regular": ["REG"], "postseason": ["POST"], "all": ["REG", "POST"]}[games]
    plays = quarterback_plays(snaps.filter(pl.col("season_type").is_in(kinds)), scores)
    return plays.with_columns(quarterback_scores(plays))


def quarterback_table(plays: pl.DataFrame, qualified: pl.DataFrame) -> pl.DataFrame:
    """``qb_score`` of each passer and season.

    Args:
        plays: What `scored_quarterback_plays` returned; ``wpa``, where it has one, is win
            probability added by the play, with its ``wpa_source``.
        qualified: What `qualified_passers` returned.

    Returns:
        The columns of `passing_table`; between them ``dropbacks``, ``designed_runs``,
        ``epa_per_play``, and where `plays` have it ``wpa``, the season's sum of win probability
        added, in wins, and ``wpa_source``.
    """
    extra = [
        (~pl.col("designed_run")).sum().cast(pl.Int64).alias("dropbacks"),
        pl.col("designed_run").sum().cast(pl.Int64).alias("designed_runs"),
        pl.col("epa").mean().alias("epa_per_play"),
    ]
    if "wpa" in plays.columns:
        total = pl.when(pl.col("wpa").count() > 0).then(pl.col("wpa").sum())
        extra += [total.alias("wpa"), pl.col("wpa_source").drop_nulls().first()]
    rows = shrunk_seasons(plays, "qb_score", QUARTERBACK_SHRINKAGE, extra=extra)
    return _placed(rows, qualified)


def projection_table(plays: pl.DataFrame) -> pl.DataFrame:
    """``projection`` of each passer at the end of each season, from the plays until then.

    Args:
        plays: What `scored_quarterback_plays` returned.

    Returns:
        The rows of `project_passers` of every season in which a passer has ten plays.
    """
    counts = plays.group_by("season", "passer_player_id").len()
    enough = counts.filter(pl.col("len") >= FEWEST_PLAYS)["season"].unique().sort()
    return pl.concat([project_passers(plays, season) for season in enough])


def qualified_passers(play_by_play: pl.DataFrame) -> pl.DataFrame:
    """Passers and seasons with 14 official attempts per regular-season game of their team.

    Args:
        play_by_play: What `read_play_by_play` returned.

    Returns:
        `KEYS`, ``attempts``, ``qualified``, of every passer of the regular season.
    """
    regular = passing_plays(play_by_play.filter(pl.col("season_type") == "REG"))
    counted = with_qualified(passer_metrics(regular, metrics={}), regular)
    return counted.select(*KEYS, "attempts", "qualified")


def runs_missing(snaps: pl.DataFrame) -> str | None:
    """Why no quarterback can be scored, in words; None where every season has runs."""
    try:
        require_runs(snaps)
    except RequestError as missing:
        return str(missing)
    return None


def _placed(rows: pl.DataFrame, qualified: pl.DataFrame) -> pl.DataFrame:
    name = next(column for column in rows.columns if column.endswith("_score"))
    known = left_join(rows, qualified.select(*KEYS, "qualified"), on=list(KEYS)).with_columns(
        pl.col("qualified").fill_null(value=False)
    )
    among = pl.when("qualified").then(name)
    return known.with_columns(
        rank=among.rank("min", descending=True).over("season").cast(pl.Int64),
        population=pl.when("qualified").then(pl.col("qualified").sum().over("season")),
    ).with_columns(
        pl.col("population").cast(pl.Int64),
        place=pl.format("{} of {}, {}", "rank", "population", "season"),
    )
