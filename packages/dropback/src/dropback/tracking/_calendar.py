"""Count weeks and season types as nflverse does, for sets that lack them."""

from __future__ import annotations

from typing import Final

import polars as pl

from dropback.data._field import last_regular_week

__all__ = ["season_type", "week"]

_PLAYOFF_WEEKS: Final = 4


def week(game_id: pl.Expr, season: pl.Expr, recorded: pl.Expr) -> pl.Expr:
    """The week of a game as nflverse counts, on through the playoffs.

    A recorded week is kept, but that no season has more than four weeks of playoffs: the league
    counts the idle week before the Super Bowl, nflverse does not. Where none is recorded it
    follows from the date that a game's key begins with: weeks start on Thursday, the first on the
    one after Labor Day, the first Monday of September; a game before it is of the first week.

    Args:
        game_id: The league's key, ``yyyymmdd`` and two digits.
        season: Year the season began in.
        recorded: Week as the set counts it, null where it does not.
    """
    date = (game_id // 100).cast(pl.String).str.to_date("%Y%m%d", strict=False)
    first_of_september = pl.date(season, 9, 1)
    labor_day = first_of_september + pl.duration(days=(8 - first_of_september.dt.weekday()) % 7)
    since = (date - labor_day).dt.total_days() - 3
    counted = (since // 7 + 1).clip(lower_bound=1)
    last = last_regular_week(season) + _PLAYOFF_WEEKS
    return pl.min_horizontal(pl.coalesce(recorded, counted), last).cast(pl.Int64)


def season_type(week: pl.Expr, season: pl.Expr) -> pl.Expr:
    """REG or POST, from the week."""
    return pl.when(week <= last_regular_week(season)).then(pl.lit("REG")).otherwise(pl.lit("POST"))
