"""Map every code and name of a team, past or present, to one code for its franchise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
