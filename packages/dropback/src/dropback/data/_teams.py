"""Map every code and name of a team, past or present, to one code for its franchise."""

from __future__ import annotations

import polars as pl

TEAMS: dict[str, tuple[str, ...]] = {
    "ARI": ("ARZ", "PHX", "Cardinals"),
    "ATL": ("Falcons",),
    "BAL": ("BLT", "Ravens"),
    "BUF": ("Bills",),
    "CAR": ("Panthers",),
    "CHI": ("Bears",),
    "CIN": ("Bengals",),
    "CLE": ("CLV", "Browns"),
    "DAL": ("Cowboys",),
    "DEN": ("Broncos",),
    "DET": ("Lions",),
    "GB": ("GNB", "Packers"),
    "HOU": ("HST", "Texans"),
    "IND": ("Colts",),
    "JAX": ("JAC", "Jaguars"),
    "KC": ("KAN", "Chiefs"),
    "LA": ("LAR", "STL", "SL", "RAM", "Rams"),
    "LAC": ("SD", "SDG", "Chargers"),
    "LV": ("OAK", "LVR", "RAI", "Raiders"),
    "MIA": ("Dolphins",),
    "MIN": ("Vikings",),
    "NE": ("NWE", "Patriots"),
    "NO": ("NOR", "Saints"),
    "NYG": ("Giants",),
    "NYJ": ("Jets",),
    "PHI": ("Eagles",),
    "PIT": ("Steelers",),
    "SEA": ("Seahawks",),
    "SF": ("SFO", "49ers"),
    "TB": ("TAM", "Buccaneers"),
    "TEN": ("OTI", "Titans"),
    "WAS": ("WSH", "Redskins", "Football Team", "Commanders"),
}
"""nflverse's code of each franchise, and its other codes and names: those of ESPN, PFF and Pro
Football Reference, of former cities (St. Louis, San Diego, Oakland), and nicknames."""

_CITIES = {
    "ARI": "Arizona", "ATL": "Atlanta", "BAL": "Baltimore", "BUF": "Buffalo", "CAR": "Carolina",
    "CHI": "Chicago", "CIN": "Cincinnati", "CLE": "Cleveland", "DAL": "Dallas", "DEN": "Denver",
    "DET": "Detroit", "GB": "Green Bay", "HOU": "Houston", "IND": "Indianapolis",
    "JAX": "Jacksonville", "KC": "Kansas City", "LA": "Los Angeles", "LAC": "Los Angeles",
    "LV": "Las Vegas", "MIA": "Miami", "MIN": "Minnesota", "NE": "New England",
    "NO": "New Orleans", "NYG": "New York", "NYJ": "New York", "PHI": "Philadelphia",
    "PIT": "Pittsburgh", "SEA": "Seattle", "SF": "San Francisco", "TB": "Tampa Bay",
    "TEN": "Tennessee", "WAS": "Washington",
}  # fmt: skip

TEAM_NAMES: dict[str, str] = {code: f"{_CITIES[code]} {TEAMS[code][-1]}" for code in TEAMS}
"""Today's name of each franchise."""

_CODES = {alias.upper(): code for code, aliases in TEAMS.items() for alias in (code, *aliases)}


def franchise(team: pl.Expr) -> pl.Expr:
    """Translate a team's code, nickname or full name to nflverse's code; unknown ones stay.

    Example:
        >>> import polars as pl
        >>> teams = pl.Series(["OAK", "wsh", "Green Bay Packers", "AAA"])
        >>> pl.select(franchise(pl.lit(teams))).to_series().to_list()
        ['LV', 'WAS', 'GB', 'AAA']
    """
    written = team.str.strip_chars()
    # A full name ends with the nickname; "Washington Football Team" with two words.
    last = written.str.to_uppercase().str.extract(r"(FOOTBALL TEAM|\S+)$", 1)
    return last.replace_strict(_CODES, default=None).fill_null(written)


def game_key(game_id: pl.Expr) -> pl.Expr:
    """Write a game's id under the codes of today's franchises; an id of another form stays.

    Example:
        >>> pl.select(game_key(pl.lit("2016_01_SD_STL"))).item()
        '2016_01_LAC_LA'
    """
    parts = game_id.str.extract_groups(r"^(\d{4}_\d{1,2})_([A-Za-z]{2,3})_([A-Za-z]{2,3})$")
    away, home = (franchise(parts.struct.field(number)) for number in ("2", "3"))
    week = parts.struct.field("1")
    return pl.concat_str(week, away, home, separator="_").fill_null(game_id)


def under_ids_of(rows: pl.DataFrame, ids: pl.Series) -> pl.DataFrame:
    """Rows whose ``game_id`` is written as in another table, which may have other team codes.

    Args:
        rows: A table with ``game_id``.
        ids: The game ids of the other table; what it does not have stays.

    Example:
        >>> games = pl.DataFrame({"game_id": ["2016_01_SD_KC", "2016_02_MIA_NE"]})
        >>> under_ids_of(games, pl.Series(["2016_01_LAC_KC"]))["game_id"].to_list()
        ['2016_01_LAC_KC', '2016_02_MIA_NE']
    """
    theirs = ids.drop_nulls().unique().to_frame("game_id")
    own = rows.select("game_id").drop_nulls().unique().join(theirs, on="game_id", how="anti")
    if own.is_empty():
        return rows
    keyed = theirs.with_columns(key=game_key(pl.col("game_id"))).unique("key", keep="none")
    names = own.with_columns(key=game_key(pl.col("game_id"))).join(keyed, on="key", suffix="_now")
    spelled = dict(names.select("game_id", "game_id_now").iter_rows())
    return rows.with_columns(pl.col("game_id").replace(spelled)) if spelled else rows
