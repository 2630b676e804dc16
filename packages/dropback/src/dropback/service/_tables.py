"""Ask for a table, and write its rows as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

# A spreadsheet takes a text that begins so for a formula; an apostrophe before it makes it text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


TableFormat = Annotated[Literal["json", "csv"], Meta(description="csv: the rows alone.")]
Season = Annotated[int, Meta(ge=1920, le=2100, description="Keep one season.")]


class TableQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of a table that is had whole."""

    format: TableFormat = "json"


class Rows(Struct, frozen=True):
    """One table of an answer that has several, to be had as CSV."""

    rows: list[dict[str, Any]]


def csv_of(answer: msgspec.Struct) -> bytes:
    """The rows of an answer: of its first field that is a list of rows.

    Columns are those that the answer names, else the fields of its rows; texts that a spreadsheet
    would run are quoted.
    """
    rows: Sequence[Any] = next(
        value
        for name, value in msgspec.structs.asdict(answer).items()
        if isinstance(value, list) and name != "columns"
    )
    dicts = [row if isinstance(row, dict) else msgspec.structs.asdict(row) for row in rows]
    columns = getattr(answer, "columns", None) or list(dicts[0] if dicts else ())
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in dicts)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:  # noqa: ANN401  # any field
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    if isinstance(value, list | tuple | set):
        return " ".join(map(str, value))
    return value
