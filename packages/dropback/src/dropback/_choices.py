"""Read seasons, weeks and names, given as values or as the text that the command line takes."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import TYPE_CHECKING, TypeAlias

from dropback.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

Seasons: TypeAlias = int | str | Iterable[int]
"""One season, several, or a text such as ``2016,2018-2020``."""

_FIRST, _LAST = 1920, 2100
_LAST_WEEK = 30


def parse_seasons(seasons: Seasons) -> tuple[int, ...]:
    """Seasons from one, several, or a text: ``2018-2020``, ``2021`` or ``2016,2018-2020``.

    Raises:
        RequestError: Anything else.

    Example:
        >>> parse_seasons("2016,2018-2020"), parse_seasons(2022)
        ((2016, 2018, 2019, 2020), (2022,))
    """
    try:
        if isinstance(seasons, str):
            found = tuple(sorted(set(_ranges(seasons, _FIRST, _LAST))))
        else:
            found = tuple(map(index, seasons if isinstance(seasons, Iterable) else (seasons,)))
    except (TypeError, ValueError):
        found = ()
    if not found or not all(_FIRST <= year <= _LAST for year in found):
        raise RequestError(
            f"Seasons must be years like 2021, 2018-2020 or 2016,2018-2020, got {seasons!r}."
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


def season_list(seasons: Iterable[int]) -> str:
    """Words for seasons in a sentence: ``season 2021``, ``seasons 2018, 2020``, or none."""
    years = list(map(str, seasons))
    return f"season{'s' if len(years) > 1 else ''} {', '.join(years)}" if years else "none"


def parse_names(names: str | Iterable[str]) -> tuple[str, ...]:
    """Names as they are given, or from a text with commas between them."""
    given = names.split(",") if isinstance(names, str) else names
    return tuple(name.strip() for name in given if name.strip())
