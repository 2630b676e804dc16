"""Answer with names and colors of the teams, and the passers of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from dropback.data._team_colors import TEAM_COLORS, contrast, team_color
from dropback.data._teams import TEAM_NAMES

if TYPE_CHECKING:
    import polars as pl

# The page's grounds, on which a team's color must stand out.
_LIGHT_GROUND: Final = "#ffffff"
_DARK_GROUND: Final = "#131c26"
_INKS: Final = ("#ffffff", "#0a121b")


class TeamItem(Struct, frozen=True):
    """A team's name and colors. ``ink`` is read on the primary color.

    ``light`` and ``dark`` stand out from a light and a dark ground by 3 to 1.
    """

    code: str
    name: str
    primary: str
    secondary: str
    ink: str
    light: str
    dark: str


class TeamsResponse(Struct, frozen=True):
    """All teams, and the team for which each passer threw most, by season and passer's id."""

    teams: list[TeamItem]
    passers: dict[str, dict[str, str]]


def teams_table(scores: pl.DataFrame | None) -> TeamsResponse:
    """The teams, and of which each passer is."""
    teams = [
        TeamItem(
            code, TEAM_NAMES[code], first, second,
            _ink(first),
            team_color(code, _LIGHT_GROUND)[0], team_color(code, _DARK_GROUND)[0],
        )
        for code, (first, second) in TEAM_COLORS.items()
    ]  # fmt: skip
    passers: dict[str, dict[str, str]] = {}
    if scores is not None and "posteam" in scores.columns:
        most = scores.group_by("season", "passer_player_id", "posteam").len()
        order = most.sort("len", "posteam", descending=[True, False])
        rows = order.unique(["season", "passer_player_id"], keep="first", maintain_order=True)
        for season, passer, team, _ in rows.sort("season", "passer_player_id").iter_rows():
            passers.setdefault(str(season), {})[passer] = team
    return TeamsResponse(teams, passers)


def _ink(ground: str) -> str:
    return max(_INKS, key=lambda ink: contrast(ink, ground))
