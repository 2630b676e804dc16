"""List plays, scored or tracked or both, with what each came to."""

from __future__ import annotations

from typing import Final

import polars as pl

from dropback._search import search_column
from dropback.data._teams import TEAM_NAMES

LISTED: Final = (
    *("game", "play", "season", "week", "offense", "defense", "quarter", "down", "yards_to_go"),
    *("yards_to_goal", "passer_id", "passer", "target", "result", "yards", "median", "score"),
    *("description", "tracked"),
)
"""Columns of `list_plays` that are shown."""


def list_plays(scores: pl.DataFrame | None, tracked: pl.DataFrame | None) -> pl.DataFrame:
    """List all plays of two tables, the newest week first.

    Args:
        scores: Play scores; None if there are none.
        tracked: Tracked plays under the names of `LISTED`, with ``pass_result`` (C, I, IN, S) and
            ``yards_gained``; None if there are none.

    Returns:
        `LISTED` and ``search``, what `keep_found` looks through. A play of both tables has its
        numbers from the scores and the names of its players from tracking. ``result`` is the most
        that a play came to: touchdown, first down, catch, incomplete, interception or sack.
    """
    tables = []
    if scores is not None:
        tables.append(_scored(scores))
    if tracked is not None:
        tables.append(_tracked(tracked))
    joined = pl.concat(tables, how="diagonal_relaxed")
    keyed = joined.filter(pl.col("game").is_not_null())
    names = ["passer", "target", "tracked"]
    whole = keyed.group_by("game", "play", maintain_order=True).agg(
        pl.exclude(*names).drop_nulls().first(),
        pl.col("passer", "target").drop_nulls().last(),
        pl.col("tracked").any(),
    )
    alone = joined.filter(pl.col("game").is_null())
    table = pl.concat([whole, alone.select(whole.columns)], how="vertical_relaxed")
    table = table.sort("season", "week", "game", "play", descending=[True, True, False, False])
    search = search_column(
        table.with_columns(
            first=pl.col("offense").replace_strict(TEAM_NAMES, default=None),
            second=pl.col("defense").replace_strict(TEAM_NAMES, default=None),
        ),
        *("passer", "target", "offense", "defense", "first", "second", "description"),
    )
    return table.with_columns(search)


def _scored(scores: pl.DataFrame) -> pl.DataFrame:
    """Scored plays under the names of `LISTED`."""
    columns = {
        "game": "old_game_id", "play": "play_id", "offense": "posteam", "defense": "defteam",
        "quarter": "qtr", "yards_to_go": "ydstogo", "yards_to_goal": "yardline_100",
        "passer_id": "passer_player_id", "passer": "passer_player_name",
        "target": "receiver_player_name", "score": "play_score", "description": "desc",
    }  # fmt: skip
    flags = ("complete_pass", "interception", "sack", "pass_touchdown")
    known = scores.with_columns(
        pl.lit(None).alias(name)
        for name in (*columns.values(), *LISTED, *flags)
        if name not in scores.columns and name not in columns
    )
    yes = {name: pl.col(name).cast(pl.Float64).fill_null(0) == 1 for name in flags}
    # Play scores need not say how a play ended: then its yards do.
    scored = pl.col("pass_touchdown").is_null() & (pl.col("yards") >= pl.col("yardline_100"))
    caught = yes["complete_pass"] | (pl.col("complete_pass").is_null() & (pl.col("yards") != 0))
    result = _result(
        touchdown=yes["pass_touchdown"] | (scored & caught), interception=yes["interception"],
        sack=yes["sack"],
        caught=caught, gained=pl.col("yards"), to_go=pl.col("ydstogo"),
    )  # fmt: skip
    return known.select(
        pl.col(columns.get(name, name)).alias(name)
        if name not in {"result", "tracked", "game"}
        else {
            "result": result,
            "tracked": pl.lit(value=False),
            "game": pl.col("old_game_id").cast(pl.Int64, strict=False),
        }[name].alias(name)
        for name in LISTED
    )


def _tracked(plays: pl.DataFrame) -> pl.DataFrame:
    """Tracked plays under the names of `LISTED`."""
    how, yards = pl.col("pass_result"), pl.col("yards_gained")
    result = _result(
        touchdown=(how == "C") & (yards >= pl.col("yards_to_goal").round()),
        interception=how == "IN", sack=how == "S", caught=how == "C", gained=yards,
        to_go=pl.col("yards_to_go"),
    )  # fmt: skip
    return plays.select(
        "game", "play", "season", "week", "offense", "defense", "quarter", "down", "yards_to_go",
        "yards_to_goal", "passer", "target", "description", yards.alias("yards"),
        pl.when(how.is_not_null()).then(result).alias("result"),
        pl.lit(value=True).alias("tracked"),
    )  # fmt: skip


def _result(
    *,
    touchdown: pl.Expr,
    interception: pl.Expr,
    sack: pl.Expr,
    caught: pl.Expr,
    gained: pl.Expr,
    to_go: pl.Expr,
) -> pl.Expr:
    """What a play came to, by the most that holds."""
    found = pl.when(interception).then(pl.lit("interception")).when(sack).then(pl.lit("sack"))
    found = found.when(touchdown).then(pl.lit("touchdown"))
    found = found.when(caught & (gained >= to_go)).then(pl.lit("first down"))
    return found.when(caught).then(pl.lit("catch")).otherwise(pl.lit("incomplete"))


def yards_by_league_key(scores: pl.DataFrame) -> dict[tuple[int, int], int]:
    """Yards of each play by the league's game and play, which tracking has."""
    if not {"old_game_id", "yards"} <= set(scores.columns):
        return {}
    rows = scores.select(
        pl.col("old_game_id").cast(pl.Int64, strict=False), pl.col("play_id", "yards")
    ).drop_nulls()
    return {(game, play): yards for game, play, yards in rows.iter_rows()}
