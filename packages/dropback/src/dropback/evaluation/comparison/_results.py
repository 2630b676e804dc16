"""Compute the results of a passer's season: team wins, record as starter, playoffs."""

from __future__ import annotations

import polars as pl

from dropback._frames import left_join
from dropback.data._teams import under_ids_of

# A receiver who throws the first pass of a game on a trick play did not start at quarterback. Of
# the 16 games of 2006-2023 with such a first pass, five dropbacks in the season tell the receivers
# from the quarterbacks in all but two (Pennington 2010 and Rodgers 2023, hurt after two each).
_DROPBACKS_OF_A_QUARTERBACK = 5


def team_seasons(games: pl.DataFrame) -> pl.DataFrame:
    """Each team's record, a tie half a win; games that are not final are left out.

    Args:
        games: What `read_games` returned.

    Returns:
        ``season``, ``team``, ``games``, ``win_pct`` (regular season), ``playoffs`` (1 where the
        team played a playoff game, a bye and a loss included), ``playoff_games`` and
        ``playoff_win_pct`` (null without playoffs).
    """
    won = (pl.col("margin").sign() + 1) / 2
    regular = pl.col("game_type") == "REG"
    return (
        _sides(games)
        .with_columns(won.alias("won"))
        .group_by("season", "team")
        .agg(
            regular.sum().cast(pl.Int64).alias("games"),
            pl.col("won").filter(regular).mean().alias("win_pct"),
            (~regular).any().cast(pl.Int64).alias("playoffs"),
            (~regular).sum().cast(pl.Int64).alias("playoff_games"),
            pl.col("won").filter(~regular).mean().alias("playoff_win_pct"),
        )
        .sort("season", "team")
    )


def game_results(games: pl.DataFrame) -> pl.DataFrame:
    """Result of every final game for both teams: ``game_id``, ``team``, ``won`` (a tie is 1/2)."""
    won = (pl.col("margin").sign() + 1) / 2
    return _sides(games).select("game_id", "team", won.alias("won"))


def starters(passing: pl.DataFrame) -> pl.DataFrame:
    """The passer who started each game for each team.

    The starter has the team's first dropback, among those with at least five in the season (or
    among all, where the team has none such): a starter who is hurt on the first drive keeps the
    start, and a receiver's trick pass does not count.

    Args:
        passing: What `passing_plays` returned.

    Returns:
        ``game_id``, ``season``, ``team``, ``passer_player_id``.
    """
    occasional = (
        pl.col("dropback").sum().over("passer_player_id", "season") < _DROPBACKS_OF_A_QUARTERBACK
    )
    return (
        passing.filter(pl.col("dropback") == 1)
        .with_columns(pl.col("posteam").alias("team"), occasional.alias("occasional"))
        .sort("game_id", "team", "occasional", "play_id")
        .unique(["game_id", "team"], keep="first", maintain_order=True)
        .select("game_id", "season", "team", "passer_player_id")
    )


def passer_results(passing: pl.DataFrame, games: pl.DataFrame) -> pl.DataFrame:
    """Results of each passer's season.

    A passer of two teams in one season has the mean of their ``win_pct``, weighted by the
    dropbacks for each, and the playoffs of the team with most of them.

    Args:
        passing: Regular-season plays, as `passing_plays` returned them.
        games: What `read_games` returned.

    Returns:
        One row per passer and season whose team is in `games`: ``season``, ``passer_player_id``,
        ``team`` (all teams of the passer, most dropbacks first, joined by ``/``), ``win_pct``,
        ``playoffs``, ``playoff_win_pct``, ``starts``, ``qb_record`` (wins and half the ties over
        the final games started, null without one).
    """
    keys = ["season", "passer_player_id"]
    teams = (
        passing.group_by(*keys, pl.col("posteam").alias("team"))
        .agg(pl.col("dropback").sum().alias("dropbacks"))
        .join(team_seasons(games), on=["season", "team"])
        .sort(*keys, "dropbacks", "team", descending=[False, False, True, False])
    )
    weighted = (pl.col("win_pct") * pl.col("dropbacks")).sum() / pl.col("dropbacks").sum()
    seasons = teams.group_by(keys, maintain_order=True).agg(
        pl.col("team").str.join("/"),
        # A passer with a spike alone has no dropback.
        pl.when(pl.col("dropbacks").sum() > 0)
        .then(weighted)
        .otherwise(pl.col("win_pct").mean())
        .alias("win_pct"),
        pl.col("playoffs", "playoff_win_pct").first(),
    )
    sides = _sides(under_ids_of(games, passing["game_id"]))
    started = (
        starters(passing)
        .join(sides, on=["game_id", "season", "team"])
        .group_by(keys)
        .agg(
            pl.len().cast(pl.Int64).alias("starts"),
            ((pl.col("margin").sign() + 1) / 2).mean().alias("qb_record"),
        )
    )
    return left_join(seasons, started, on=keys).with_columns(pl.col("starts").fill_null(0))


def _sides(games: pl.DataFrame) -> pl.DataFrame:
    """Two rows a final game, one from each team's side, with its margin of points."""
    final = games.filter("final")
    margin = pl.col("home_score") - pl.col("away_score")
    common = ("game_id", "season", "game_type")
    return pl.concat(
        [
            final.select(*common, pl.col("home_team").alias("team"), margin.alias("margin")),
            final.select(*common, pl.col("away_team").alias("team"), (-margin).alias("margin")),
        ]
    )
