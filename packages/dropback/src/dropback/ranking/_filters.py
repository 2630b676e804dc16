"""Keep plays of some seasons or weeks, one team, opponent or venue, or of the last games."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import polars as pl

from dropback._choices import Seasons, parse_seasons, parse_weeks
from dropback.data._teams import franchise
from dropback.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Venue: TypeAlias = Literal["home", "away"]

# Keys of a row whose last games are counted apart.
_SUBJECTS = ("passer_player_id", "receiver_player_id", "posteam", "season")


@dataclass(frozen=True)
class PlayFilter:
    """What plays to keep; None keeps all.

    Attributes:
        team: The passer's team, by any of its codes or names.
        opponent: The defending team.
        weeks: Weeks, as for `parse_weeks`.
        last: The last so many games of each row's passer, receiver or team (in each season where
            rows are seasons), or of the league where a row has none.
        venue: ``home`` or ``away``.
        seasons: Seasons, as for `parse_seasons`.

    Raises:
        RequestError: A value out of range.
    """

    team: str | None = None
    opponent: str | None = None
    weeks: int | str | Iterable[int] | None = None
    last: int | None = None
    venue: Venue | None = None
    seasons: Seasons | None = None

    def __post_init__(self) -> None:
        if self.last is not None and not self.last >= 1:
            raise RequestError(f"The last games must be at least 1, got {self.last}.")
        if self.venue is not None and self.venue not in get_args(Venue):
            raise RequestError(f"The venue must be home or away, got {self.venue!r}.")

    def keep(self, plays: pl.DataFrame, rows: Sequence[str] = ()) -> pl.DataFrame:
        """The plays that are meant.

        Args:
            plays: Plays with the columns that the filter reads.
            rows: Key columns of the table that they are for, for `last`.

        Raises:
            RequestError: A missing column, a team that no play has, or no play left.
        """
        kept = plays
        if self.seasons is not None:
            _require(kept, "season")
            kept = kept.filter(pl.col("season").is_in(parse_seasons(self.seasons)))
        for name, column in (("team", "posteam"), ("opponent", "defteam")):
            if (value := getattr(self, name)) is not None:
                kept = _of_team(kept, value, column)
        if self.weeks is not None:
            weeks = parse_weeks(self.weeks)
            _require(kept, "week")
            kept = kept.filter(pl.col("week").is_in(weeks))
        if self.venue is not None:
            _require(kept, "home")
            kept = kept.filter(pl.col("home") == (self.venue == "home"))
        if self.last is not None:
            kept = _last_games(kept, self.last, rows)
        if kept.is_empty() and not plays.is_empty():
            raise RequestError(f"None of {plays.height:,} plays is left of {self}: ask for more.")
        return kept

    def __str__(self) -> str:
        """Words for a title: ``KC, weeks 10-18, at home``; empty where all plays are kept."""
        parts = (
            self.seasons is not None and _span("season", parse_seasons(self.seasons)),
            self.team,
            self.opponent and f"against {self.opponent}",
            self.weeks is not None and _span("week", parse_weeks(self.weeks)),
            self.venue and {"home": "at home", "away": "away"}[self.venue],
            self.last and f"last {self.last} games",
        )
        return ", ".join(part for part in parts if part)


def _of_team(plays: pl.DataFrame, team: str, column: str) -> pl.DataFrame:
    _require(plays, column)
    code = pl.select(franchise(pl.lit(team))).item()
    held = plays[column].unique().drop_nulls().sort().to_list()
    found = next((name for name in (code, team.upper(), team) if name in held), None)
    if found is None:
        near = get_close_matches(team.upper(), held, n=3, cutoff=0.4)
        raise RequestError(
            f"No play has the team {team!r}; {'the nearest are' if near else 'there are'} "
            f"{', '.join(near or held[:40])}."
        )
    return plays.filter(pl.col(column) == found)


def _last_games(plays: pl.DataFrame, last: int, rows: Sequence[str]) -> pl.DataFrame:
    for name in ("season", "week"):
        _require(plays, name)
    order = pl.struct("season", "week").rank("dense", descending=True)
    subject = [name for name in _SUBJECTS if name in rows]
    return plays.filter((order.over(subject) if subject else order) <= last)


def _span(word: str, numbers: Sequence[int]) -> str:
    first, last = min(numbers), max(numbers)
    if first == last:
        return f"{word} {first}"
    dense = len(set(numbers)) == last - first + 1
    return f"{word}s {f'{first}-{last}' if dense else ', '.join(map(str, sorted(numbers)))}"


def _require(plays: pl.DataFrame, column: str) -> None:
    if column not in plays.columns:
        raise RequestError(
            f"The plays have no column {column!r} to choose by; they have "
            f"{', '.join(plays.columns)}."
        )
