"""Say in words what a message, a parameter or a file of keys must be where msgspec refuses it.

msgspec tells types and a path; the choices that there are stand in the struct.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from msgspec import ValidationError, inspect

from dropback._choices import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT: Final = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
_FIELD: Final = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
_CHOICE: Final = re.compile(r"Invalid (?:enum )?value (.*)", re.DOTALL)
_EXPECTED: Final = re.compile(
    r"Expected `(?P<type>[^`]*)`"
    r"(?: matching regex '(?P<pattern>.*)'| of length (?P<length>[^,]*)|(?P<bound> [<>]=? ?\S+))?"
    r"(?:, got `?(?P<got>[^`]*)`?)?",
    re.DOTALL,
)
_STEP: Final = re.compile(r"[^.\[\]]+|\[\d*\.*\]")
_WORDS: Final = {
    "int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false",
    "array": "a list", "object": "an object",
}  # fmt: skip
_BOUNDS: Final = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
# Of what was sent, which may be a million letters.
_SHOWN: Final = 60


def sentence_of(error: ValidationError, kind: Any) -> str:  # noqa: ANN401  # any type
    """What must hold and what came, without a capital and a full stop.

    Args:
        error: Of decoding or converting to `kind`.
        kind: What was asked for.
    """
    at = _AT.fullmatch(str(error))
    what, path = at.groups() if at else (str(error), "")
    prefix, name = (f"{path}.", f"`{path}`") if path else ("", "it")
    types = [_described(kind)]
    for step in _STEP.findall(path):
        types = [found for one in types for found in _below(one, step)]
    if field := _FIELD.fullmatch(what):
        if field[1] == "missing required":
            return f"`{prefix}{field[2]}` is missing"
        known = [named.encode_name for one in types for named in getattr(one, "fields", ())]
        near = nearest(field[2], known).strip().rstrip("?")
        return f"it has no field `{prefix}{field[2][:_SHOWN]}`" + near.replace("Did", "; did")
    if choice := _CHOICE.fullmatch(what):
        return f"{name} must be {_choices(types)}, got {_cut(choice[1])}"
    expected = _EXPECTED.fullmatch(what)
    if expected is None:
        return f"{name} is refused: {_cut(what)}"
    if expected["got"] and (choices := _choices(types)):
        return f"{name} must be {choices}, got {_words(expected['got'])}"
    return f"{name} must be {_must(expected)}"


def version_of(kind: Any) -> Any:  # noqa: ANN401  # any type
    """The version that a message, or one of a union of messages, must be of."""
    (version,) = _values(list(_below(_described(kind), "version")))
    return version


def _must(expected: re.Match[str]) -> str:
    """What msgspec expected, in words."""
    of, got = _words(expected["type"]), expected["got"]
    if expected["pattern"]:
        of += " of the form " + expected["pattern"].replace("\\\\", "\\")
    elif length := expected["length"]:
        sign, _, number = length.rpartition(" ")
        of += f" of {_BOUNDS[sign] + ' ' if sign else ''}{number} "
        of += "items" if expected["type"] == "array" else "letters"
    elif bound := expected["bound"]:
        sign, _, number = bound.strip().rpartition(" ")
        of += f" of {_BOUNDS[sign]} {float(number):g}"
    return of + (f", got {_words(got)}" if got else "")


def _words(types: str) -> str:
    """Such as "a whole number or null" for ``int | null``."""
    return " or ".join(_WORDS.get(name, name) for name in types.split(" | "))


def _choices(types: list[inspect.Type]) -> str:
    """Such as "read, score or feed", where there are few."""
    *others, last = ["", *map(str, _values(types))]
    return f"{', '.join(others[1:])} or {last}" if others[1:] else last


def _values(types: list[inspect.Type]) -> list[Any]:
    """What one of several literals may be, each once; the empty text, a default, is not named."""
    parts = [
        part
        for one in types
        for part in (one.types if isinstance(one, inspect.UnionType) else (one,))
        if isinstance(part, inspect.LiteralType)
    ]
    return [value for value in dict.fromkeys(v for part in parts for v in part.values) if value]


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@lru_cache(maxsize=64)
def _described(kind: Any) -> inspect.Type:  # noqa: ANN401  # any type
    return inspect.type_info(kind)


def _below(of: inspect.Type, step: str) -> Iterator[inspect.Type]:
    """What stands at a step of a path: a field, or an item of a list."""
    match of:
        case inspect.Metadata():
            yield from _below(of.type, step)
        case inspect.UnionType():
            for one in of.types:
                yield from _below(one, step)
        case inspect.StructType():
            if step == of.tag_field:
                yield inspect.LiteralType(values=(of.tag,))
            yield from (_plain(field.type) for field in of.fields if field.encode_name == step)
        case inspect.ListType() | inspect.VarTupleType():
            yield _plain(of.item_type)
        case inspect.TupleType():
            yield from map(_plain, of.item_types)


def _plain(of: inspect.Type) -> inspect.Type:
    return of.type if isinstance(of, inspect.Metadata) else of
