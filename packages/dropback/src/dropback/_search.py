"""Find names as people write them: in full, without accents, apostrophes or capitals."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final

import polars as pl

# "O'Brien" is written O\u2019Brien and obrien, too; "A.J." is AJ.
_JOINED: Final = re.compile(r"[\u0027\u2018\u2019\u02bc`.]")
_APART: Final = re.compile(r"[^\w]+")
# Letters that no decomposition turns into plain ones.
_PLAIN: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe"})
# "P.Mahomes" of play-by-play: initials, a dot, a name.
_INITIALS: Final = re.compile(r"\b((?:\w\.){1,3}|\w{1,2}\.) ?(?=\w)", re.ASCII)


def folded(text: str) -> str:
    """A text without accents, apostrophes, other marks and capitals.

    Example:
        >>> folded("J.P. O\u2019Núñez-Ødegård")
        'jp onunez odegard'
    """
    bare = text.casefold()
    if not bare.isascii():  # descriptions nearly always are: a tenth of the time
        plain = unicodedata.normalize("NFKD", bare).translate(_PLAIN)
        bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _APART.sub(" ", _JOINED.sub("", bare)).strip()


def searchable(text: str) -> str:
    """A text as `matches` looks through it: folded, initials apart from their names.

    Example:
        >>> searchable("P.Mahomes KC")
        'p mahomes kc'
    """
    return folded(_INITIALS.sub(lambda initials: f"{initials[1]} ", text))


def matches(search: str, text: str) -> bool:
    """Whether each word of a search is in a text that is `searchable`.

    A first name also finds its initial, where a word after it finds the name: play-by-play has
    ``P.Mahomes``.

    Example:
        >>> matches("patrick mahomes", "p mahomes kc"), matches("patrick kc", "p mahomes kc")
        (True, False)
        >>> matches("mahom", "p mahomes kc"), matches("obrien", searchable("K.O'Brien"))
        (True, True)
    """
    words, found = searchable(search).split(), text.split()
    place = 0
    while place < len(words):
        word = words[place]
        after = words[place + 1] if place + 1 < len(words) else None
        if word in text:
            place += 1
        elif after is not None and _by_initial(word, after, found):
            place += 2
        else:
            return False
    return True


def _by_initial(first: str, last: str, found: list[str]) -> bool:
    """Whether an initial of a first name stands before a last name."""
    return any(
        first.startswith(initial) and len(initial) <= 2 and name.startswith(last)
        for initial, name in pairwise(found)
    )


def search_column(table: pl.DataFrame, *columns: str) -> pl.Series:
    """What is searched of each row."""
    joined = table.select(pl.concat_str(*columns, separator=" ", ignore_nulls=True)).to_series()
    return pl.Series("search", [searchable(text or "") for text in joined], pl.String)


def keep_found(table: pl.DataFrame, search: str) -> pl.DataFrame:
    """The rows whose column ``search`` a search matches."""
    if not search.strip():
        return table
    return table.filter(
        pl.Series([matches(search, text) for text in table["search"]], dtype=pl.Boolean)
    )
