"""Read seasons, weeks and names, given as values or as the text that the command line takes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from operator import index
from typing import TYPE_CHECKING, TypeAlias

from dropback.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Seasons: TypeAlias = int | str | Iterable[int]
"""One season, several, or a text: ``2016,2018-2020``, ``2006-``, ``current`` or ``latest``."""

_FIRST, _LAST = 1920, 2100
_LAST_WEEK = 30
CURRENT, LATEST = "current", "latest"


def parse_seasons(
    seasons: Seasons, *, held: Iterable[int] | None = None, today: date | None = None
) -> tuple[int, ...]:
    """Seasons from one, several, or a text such as ``2018-2020`` or ``2016,2018-2020``.

    Args:
        seasons: ``current`` is the season of `today`; ``latest`` the last one of `held`; ``2006-``
            those of `held` from 2006 on.
        held: Seasons that there are; None takes all up to the current one.
        today: Day to tell the current season by; None asks the clock.

    Raises:
        RequestError: Anything else, or nothing of `held` from the first season on.

    Example:
        >>> parse_seasons("2016,2018-2020"), parse_seasons(2022)
        ((2016, 2018, 2019, 2020), (2022,))
        >>> parse_seasons("2019-", held=[2018, 2019, 2021]), parse_seasons("latest", held=[2019])
        ((2019, 2021), (2019,))
    """
    try:
        if isinstance(seasons, str):
            known = None if held is None else sorted(set(held))
            found = tuple(sorted(set(_years(seasons, known, today))))
        else:
            found = tuple(map(index, seasons if isinstance(seasons, Iterable) else (seasons,)))
    except (TypeError, ValueError):
        found = ()
    if not found or not all(_FIRST <= year <= _LAST for year in found):
        there = "" if held is None or not is_open(seasons) else f"; there are {season_list(held)}"
        raise RequestError(
            "Seasons must be years like 2021, 2018-2020, 2016,2018-2020 or 2006-, or current or "
            f"latest, got {seasons!r}{there}.{nearest(seasons, (CURRENT, LATEST))}"
        )
    return found


def parse_weeks(weeks: Seasons) -> tuple[int, ...]:
    """Weeks from one, several, or a text: ``10-18``, ``3`` or ``1,5-8``.

    Raises:
        RequestError: Anything else.

    Example:
        >>> parse_weeks("1,10-12")
        (1, 10, 11, 12)
    """
    try:
        if isinstance(weeks, str):
            found = tuple(sorted(set(_ranges(weeks, 1, _LAST_WEEK))))
        else:
            found = tuple(map(index, weeks if isinstance(weeks, Iterable) else (weeks,)))
    except (TypeError, ValueError):
        found = ()
    if not found or not all(1 <= week <= _LAST_WEEK for week in found):
        raise RequestError(
            f"Weeks must be numbers from 1 to {_LAST_WEEK} like 3, 10-18 or 1,5-8, got {weeks!r}."
        )
    return found


def _ranges(text: str, lowest: int, highest: int) -> Iterator[int]:
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        start, stop = int(first), int(last if dash else first)
        if not lowest <= start <= stop <= highest:
            raise ValueError(part)
        yield from range(start, stop + 1)


def is_open(seasons: Seasons) -> bool:
    """Whether `seasons` depend on which there are: ``latest``, or a range without an end."""
    parts = seasons.split(",") if isinstance(seasons, str) else ()
    return any(part.strip() == LATEST or part.strip().endswith("-") for part in parts)


def current_season(today: date | None = None) -> int:
    """The season that is played, or was last: it begins on the Thursday after Labor Day.

    Example:
        >>> from datetime import date
        >>> current_season(date(2024, 9, 4)), current_season(date(2024, 9, 5))
        (2023, 2024)
    """
    day = today or datetime.now(UTC).date()
    first = date(day.year, 9, 1)
    # Labor Day is the first Monday of September; the season's first game follows it on Thursday.
    kickoff = first + timedelta(days=-first.weekday() % 7 + 3)
    return day.year if day >= kickoff else day.year - 1


def _years(text: str, held: Sequence[int] | None, today: date | None) -> Iterator[int]:
    for part in map(str.strip, text.split(",")):
        first, dash, last = part.partition("-")
        if part == CURRENT:
            yield current_season(today)
        elif part == LATEST:
            yield current_season(today) if held is None else held[-1] if held else int(part)
        elif dash and not last:
            start = int(first)
            known = range(start, current_season(today) + 1) if held is None else held
            yield from (year for year in known if start <= year)
        else:
            yield from _ranges(part, _FIRST, _LAST)


def nearest(value: object, names: Iterable[str]) -> str:
    """A question after the nearest name, to end an error with; empty where none is near.

    Example:
        >>> nearest("paser", ["passer", "season"])
        " Did you mean 'passer'?"
    """
    near = get_close_matches(str(value).lower(), list(map(str, names)), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def season_list(seasons: Iterable[int]) -> str:
    """Words for seasons in a sentence; three or more in a row by the first and the last.

    Example:
        >>> season_list([2021]), season_list([2010, 2018, 2019, 2020]), season_list([])
        ('season 2021', 'seasons 2010, 2018-2020', 'none')
    """
    years = sorted(set(seasons))
    runs: list[list[int]] = []
    for year in years:
        if runs and year == runs[-1][-1] + 1:
            runs[-1].append(year)
        else:
            runs.append([year])
    words = [
        word
        for run in runs
        for word in ([f"{run[0]}-{run[-1]}"] if len(run) > 2 else map(str, run))
    ]
    return f"season{'s' if len(years) > 1 else ''} {', '.join(words)}" if words else "none"


def parse_names(names: str | Iterable[str]) -> tuple[str, ...]:
    """Names as they are given, or from a text with commas between them.

    Raises:
        RequestError: They are no text and no texts.
    """
    try:
        given = [name.strip() for name in (names.split(",") if isinstance(names, str) else names)]
    except (TypeError, AttributeError) as error:
        raise RequestError(
            f"Names must be a text with commas between them or a list of texts, got {names!r}."
        ) from error
    return tuple(name for name in given if name)
