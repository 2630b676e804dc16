"""Find a passer or receiver by id, full name, or initial and surname."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import polars as pl

from dropback.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SUFFIX = re.compile(r"[\s,]+(?:jr|sr|ii|iii|iv|v)\.?$", re.IGNORECASE)
_MOST_NAMED = 6
# nflverse tells two passers of one initial apart by more letters: "Jos.Allen".
_LONGEST_INITIAL = 3


@dataclass(frozen=True)
class Person:
    """A person of a table of plays.

    Attributes:
        id: nflverse's ``gsis_id``.
        name: For readers: the full name where a roster knows it.
        names: All spellings.
        place: Teams and seasons, to tell two of one name apart.
    """

    id: str
    name: str
    names: tuple[str, ...]
    place: str

    def __str__(self) -> str:
        return f"{self.name} ({self.id}, {self.place})"


def list_people(
    scores: pl.DataFrame, roster: pl.DataFrame | None = None, *, role: str = "passer"
) -> list[Person]:
    """The passers or receivers of play scores, most plays first.

    Args:
        scores: Play scores.
        roster: What `read_roster` returned; None knows names as the play-by-play writes them.
        role: ``passer`` or ``receiver``.
    """
    key, name = f"{role}_player_id", f"{role}_player_name"
    if key not in scores.columns:
        raise RequestError(f"The play scores have no column {key!r}, so no {role} can be found.")
    spelled = pl.col(name) if name in scores.columns else pl.lit(None, pl.String)
    table = (
        scores.filter(pl.col(key).is_not_null())
        .group_by(pl.col(key).alias("id"))
        .agg(
            spelled.drop_nulls().unique(maintain_order=True).alias("names"),
            spelled.drop_nulls().last().alias("name"),
            pl.col("posteam").unique(maintain_order=True).alias("teams"),
            pl.col("season").min().alias("first"),
            pl.col("season").max().alias("last"),
            pl.len().alias("plays"),
        )
        .sort("plays", "id", descending=[True, False])
    )
    full = {} if roster is None else dict(roster.select("player_id", "full_name").iter_rows())
    return [
        Person(
            row["id"],
            full.get(row["id"]) or row["name"] or row["id"],
            tuple(filter(None, (full.get(row["id"]), *row["names"]))),
            f"{'/'.join(map(str, row['teams']))} "
            + (
                f"{row['first']}"
                if row["first"] == row["last"]
                else f"{row['first']}-{row['last']}"
            ),
        )
        for row in table.iter_rows(named=True)
    ]


def find_person(people: Iterable[Person], text: str, *, role: str = "passer") -> Person:
    """Find the one person that a text means.

    A text is an id, a full name, a name as in "P.Mahomes" or a surname; case, accents, punctuation
    and "Jr." or "III" do not count. A full name finds "P.Mahomes" where no roster is known.

    Args:
        people: Of `list_people`.
        text: What a user wrote.
        role: Word for the error.

    Raises:
        RequestError: Nobody or several are meant; the error names the nearest.

    Example:
        >>> people = [Person("00-1", "T.Étienne", ("T.Étienne",), "JAX 2021")]
        >>> find_person(people, "Travis Etienne Jr.").id
        '00-1'
    """
    everyone = list(people)
    wanted = plain_name(text)
    for person in everyone:
        if person.id == text.strip():
            return person
    for matches in (_is_named, _is_abbreviated, _is_surname):
        found = [p for p in everyone if wanted and any(matches(wanted, n) for n in p.names)]
        if len(found) == 1:
            return found[0]
        if found:
            raise RequestError(
                f"{text!r} means {len(found)} {role}s: {_listed(found)}; name one by the id."
            )
    spellings = {plain_name(n): person for person in everyone for n in person.names}
    initials = {" ".join(_initial(name)): person for name, person in spellings.items()}
    near = [
        *(spellings[name] for name in get_close_matches(wanted, spellings, n=3, cutoff=0.6)),
        *(
            initials[name]
            for name in get_close_matches(" ".join(_initial(wanted)), initials, n=3, cutoff=0.6)
        ),
    ]
    nearest = _listed(list(dict.fromkeys(near))[:3])
    raise RequestError(
        f"No {role} {text!r} is among the {len(everyone)} of these plays"
        + (f"; the nearest: {nearest}." if nearest else ": name one by the id.")
    )


def plain_name(name: str) -> str:
    """A name without accents, punctuation, case and "Jr.": words of letters.

    Example:
        >>> plain_name(" Odell Beckham Jr. "), plain_name("T.Étienne"), plain_name("D'Andre Swift")
        ('odell beckham', 't etienne', 'dandre swift')
    """
    bare = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", _SUFFIX.sub("", name.strip()))
        if not unicodedata.combining(letter)
    )
    words = re.sub(r"['’`]", "", bare).replace(".", " ").replace("-", " ").casefold()
    return " ".join(re.sub(r"[^\w\s]", "", words).split())


def _is_named(wanted: str, name: str) -> bool:
    return wanted == plain_name(name)


def _is_abbreviated(wanted: str, name: str) -> bool:
    """Whether one is the other with the first name cut short: "p mahomes", "patrick mahomes"."""
    (first, last), (other, surname) = _initial(wanted), _initial(plain_name(name))
    short, long = sorted((first, other), key=len)
    return (
        bool(short)
        and last == surname
        and long.startswith(short)
        and len(short) <= _LONGEST_INITIAL
    )


def _is_surname(wanted: str, name: str) -> bool:
    return wanted == _initial(plain_name(name))[1]


def _initial(name: str) -> tuple[str, str]:
    """First word and the rest."""
    first, _, rest = name.partition(" ")
    return (first, rest) if rest else ("", first)


def _listed(people: list[Person]) -> str:
    more = f" and {len(people) - _MOST_NAMED} more" if len(people) > _MOST_NAMED else ""
    return ", ".join(map(str, people[:_MOST_NAMED])) + more
