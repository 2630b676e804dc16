"""Read rosters of players: full name, position and team by nflverse's player id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dropback._frames import to_polars
from dropback.data._columns import Column, conform
from dropback.data._table_files import read_table
from dropback.data._teams import franchise
from dropback.errors import ReaderError

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame

    from dropback._files import AnyPath

# Our column to the headers of nflverse's tables of players (the first) and rosters, the better
# first.
_HEADERS = {
    "player_id": ("gsis_id", "player_id"),
    "full_name": ("display_name", "full_name", "player_display_name", "player_name"),
    "position": ("position",),
    "team": ("latest_team", "team", "recent_team", "team_abbr"),
    "season": ("season",),
    "headshot": ("headshot", "headshot_url"),
}
_COLUMNS = (
    Column("player_id", pl.String),
    Column("full_name", pl.String),
    *(Column(name, pl.String, required=False) for name in ("position", "team", "headshot")),
    Column("season", pl.Int64, required=False),
)


def read_roster(source: AnyPath | IntoFrame) -> pl.DataFrame:
    """Read a roster with the columns of nflverse's ``load_players()`` or ``load_rosters()``.

    Args:
        source: A file with any ending that tables are read by, or a data frame.

    Returns:
        One row a player, by id: ``player_id`` (nflverse's ``gsis_id``), ``full_name``,
        ``position``, ``team`` (of the last season; null where unknown) and ``headshot`` (a file or
        an address; null where unknown). Rows without an id or a name, of players without a game,
        are left out.

    Raises:
        ReaderError: No file, no column of ids or names, or no row with both.

    Example:
        >>> roster = pl.DataFrame({"gsis_id": ["00-0033873"], "display_name": ["Patrick Mahomes"]})
        >>> read_roster(roster).row(0)
        ('00-0033873', 'Patrick Mahomes', None, None, None)
    """
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        origin, raw = str(source), read_table(source)  # type: ignore[arg-type]  # a path
    else:
        origin, raw = "the given roster", to_polars(source, what="A roster")
    found = {
        name: next((header for header in headers if header in raw.columns), None)
        for name, headers in _HEADERS.items()
    }
    for name, kind in (("player_id", "ids"), ("full_name", "full names")):
        if found[name] is None:
            raise ReaderError(
                f"{origin}: a roster must have a column of {kind}, "
                f"{' or '.join(map(repr, _HEADERS[name]))}; its columns are "
                f"{', '.join(raw.columns)}."
            )
    named = raw.select(pl.col(old).alias(new) for new, old in found.items() if old is not None)
    table = conform(named, _COLUMNS, origin=origin, keys=("player_id",), kind="a roster")
    known = table.drop_nulls(["player_id", "full_name"])
    if known.is_empty():
        raise ReaderError(
            f"{origin}: none of its {table.height} rows has an id and a name: take nflverse's "
            "table of players ('dropback fetch players')."
        )
    return (
        known.with_columns(franchise(pl.col("team")))
        .sort("season", maintain_order=True, nulls_last=False)
        .unique("player_id", keep="last", maintain_order=True)
        .select("player_id", "full_name", "position", "team", "headshot")
    )
