"""Read the small tables beside tracking files into one vocabulary."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

import polars as pl
import polars.selectors as cs

from dropback._files import POLARS_ERRORS
from dropback.data._columns import MISSING_WORDS
from dropback.data._teams import franchise
from dropback.errors import ReaderError
from dropback.tracking.readers._archives import require_safe
from dropback.tracking.readers._cells import (
    ROW,
    UNREAD,
    rows_of,
    unread_cells,
    with_keys,
    without_repeats,
)
from dropback.tracking.readers._coded import of_texts
from dropback.tracking.readers._cut_zips import open_zip
from dropback.tracking.readers._delimited import told_apart
from dropback.tracking.readers._files import is_hidden
from dropback.tracking.readers._format import (
    PLAYER_COLUMNS,
    SOURCE_KEY,
    Recorded,
    candidates,
    folded,
)
from dropback.tracking.readers._ids import id_number, whole, whole_number
from dropback.tracking.readers._missing_columns import (
    ROLES_BY_MOTION,
    absent_table,
    is_like_tracking,
    missing_columns,
    named_as_table,
    require_own_columns,
    without_key,
)
from dropback.tracking.readers._packed import (
    is_parquet,
    read_text,
    require_text,
    unreadable_parquet,
)
from dropback.tracking.readers._player_cells import (
    full_name,
    height_in,
    known_position,
    normalized_position,
    weight_lb,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from dropback.tracking.readers._delimited import BrokenRow
    from dropback.tracking.readers._format import Format

# How a table may be packed; the layouts name all as CSV.
TABLE_ENDINGS: Final = (
    *(f"{ending}{packed}" for ending in (".csv", ".tsv") for packed in ("", ".gz", ".zip")),
    *(".parquet", ".zip"),
)

# A parser's longest sentence of its own is shorter.
_MOST_OF_ERROR: Final = 300

_PERSONS: Final = ("player_id", "passer_id", "target_id")


def team_code(column: str) -> pl.Expr:
    """Team codes in nflverse's words; anything else unchanged, less a trailing ``.0``."""
    return franchise(pl.col(column).cast(pl.String).str.strip_suffix(".0"))


def nulls_restored(table: pl.DataFrame) -> pl.DataFrame:
    """The table with text without blanks around it, and every spelling of absence as null."""
    coded = [of_texts(column, _restored) for column in table.select(cs.categorical())]
    return table.with_columns(_null_restored(pl.col(pl.String)), *coded)


def _restored(text: pl.Series) -> pl.Series:
    return text.to_frame().select(_null_restored(pl.all())).to_series()


def _null_restored(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars().replace(dict.fromkeys(MISSING_WORDS))


@dataclass(frozen=True)
class SmallTable:
    """A table beside tracking files, as text.

    Attributes:
        path: Its file.
        rows: The columns that were asked for, every spelling of absence as null, and `ROW`.
        header: All of its columns, in the names that were asked for where one tells them.
        broken: Rows that cannot be told apart into columns, which are not among `rows`.
        others: Files beside it that are the same table in another form, and differ from it.
    """

    path: Path
    rows: pl.DataFrame
    header: tuple[str, ...]
    broken: tuple[BrokenRow, ...] = ()
    others: tuple[Path, ...] = ()

    @property
    def notes(self) -> list[str]:
        """Sentences about files that were not read in its place, and about broken rows."""
        notes = [
            f"{other} is not read, because {self.path.name} stands beside it with other content: "
            "keep one of them"
            for other in self.others
        ]
        if self.broken:
            first = self.broken[0].sentence(self.path)
            notes.append(f"{self.path.parent}/{first} ({rows_of(len(self.broken))} not read)")
        return notes

    def broken_plays(self, columns: Sequence[str]) -> pl.DataFrame:
        """Rows of `BROKEN_PLAYS` for the plays that broken rows may be of.

        Args:
            columns: The table's columns of games and plays.
        """
        found = [
            (game, play, row.sentence(self.path))
            for row in self.broken
            for game, play in row.keys(self.header, columns)
        ]
        table = pl.DataFrame(found, schema=BROKEN_PLAYS, orient="row").drop_nulls()
        return table.unique(SOURCE_KEY, keep="first", maintain_order=True)


BROKEN_PLAYS: Final = {**dict.fromkeys(SOURCE_KEY, pl.Int64), "detail": pl.String}


def read_table(path: Path, names: Iterable[str]) -> SmallTable:
    """Columns of a small table as text.

    Args:
        path: The table, as CSV; it may also lie there as TSV or Parquet, as ``.gz`` or ``.zip``,
            and in another case.
        names: Columns to read, told whatever their case, underscores and dots; of a table that
            has none of them all are read.

    Raises:
        ReaderError: If the table is missing or no such file, or has no row that can be read.
    """
    there = spelled(path)
    if there is None:
        raise ReaderError(
            f"{path} must exist beside the tracking files, and does not."
        ) from FileNotFoundError(path)
    broken: tuple[BrokenRow, ...] = ()
    try:
        if is_parquet(there):
            header = list(pl.read_parquet_schema(there))
            table = pl.read_parquet(there, columns=_columns_among(header, names))
            table = nulls_restored(table.select(pl.all().cast(pl.String)))
            rows = pl.int_range(1, table.height + 1, eager=True)
        else:
            text = told_apart(there, _content(there))
            header, broken = list(text.names), text.broken
            table = pl.read_csv(
                text.content,
                columns=_columns_among(header, names),
                infer_schema=False,
                separator=text.delimiter,
            )
            table = nulls_restored(table)
            rows = pl.Series(text.rows)
        if is_like_tracking(header):
            raise ReaderError(named_as_table(there))
        if table.is_empty():
            raise ReaderError(f"{there} holds no row: a table must have more than its header.")
    except (
        *POLARS_ERRORS,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
        # A method that is not known, a password, an end too early.
        NotImplementedError,
        RuntimeError,
        EOFError,
    ) as error:
        if isinstance(error, POLARS_ERRORS) and is_parquet(there):
            raise ReaderError(unreadable_parquet(there, error)) from error
        raise ReaderError(f"{there} is not a readable table: {first_line(error)}.") from error
    ours = _renamed(header, names)
    table = table.rename({old: new for old, new in ours.items() if old in table.columns})
    # A column of the file's own of this name is none that any layout reads.
    table = table.with_columns(rows.cast(pl.Int64).alias(ROW))
    named = tuple(ours.get(name, name) for name in header)
    return SmallTable(there, table, named, broken, _unlike(there))


def _renamed(header: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """The columns of a header that are asked for in another spelling, and that spelling."""
    spelling, known = {folded(column): column for column in header}, set(names)
    wanted = {
        spelling[folded(name)]: name
        for name in names
        if folded(name) in spelling and spelling[folded(name)] not in known
    }
    # Of two of our names that fold alike the first stays.
    return {old: new for old, new in wanted.items() if new not in header}


_START_BYTES: Final = 512


def _content(path: Path) -> bytes:
    """The text of a table, unpacked."""
    if path.name.lower().endswith(".zip"):
        return _only_file(path)
    content = read_text(path)
    require_text(path, content[:_START_BYTES])
    return content


def _columns_among(there: Iterable[str], names: Iterable[str]) -> list[str] | None:
    """The columns of a table that any of some names tells; None where none does."""
    wanted = {folded(name) for name in names}
    return [column for column in there if folded(column) in wanted] or None


def _only_file(archive: Path) -> bytes:
    packed, _ = open_zip(archive)
    with packed:
        members = [member for member in packed.infolist() if not member.is_dir()]
        for member in members:
            require_safe(archive, member)
        members = [m for m in members if not is_hidden(PurePosixPath(m.filename))]
        if len(members) != 1:
            raise ReaderError(
                f"{archive} must hold one file, the table, and holds {len(members)}: unpack it."
            )
        return packed.read(members[0])


def spelled(path: Path) -> Path | None:
    """The file of a table, however its name is spelled and packed."""
    return path if path.is_file() else next(iter(_spellings(path)), None)


def _spellings(path: Path) -> list[Path]:
    stem = path.name.lower().removesuffix(".csv")
    wanted = {f"{stem}{ending}" for ending in TABLE_ENDINGS}
    found = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    return [p for p in found if p.name.lower() in wanted and p.is_file()]


def _unlike(path: Path) -> tuple[Path, ...]:
    """Files of the same table as `path` in another form, less those of the same text."""
    name = path.name.lower()
    ending = next(e for e in sorted(TABLE_ENDINGS, key=len, reverse=True) if name.endswith(e))
    others = [
        p for p in _spellings(path.with_name(f"{name.removesuffix(ending)}.csv")) if p != path
    ]

    def text(file: Path) -> bytes | None:
        try:
            return None if is_parquet(file) else _content(file)
        except (ReaderError, OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError):
            return None

    own = text(path) if others else None
    return tuple(other for other in others if own is None or text(other) != own)


@dataclass(frozen=True)
class PlayersTable:
    """The set's players, one row a player, and sentences about rows, columns and the table."""

    players: pl.DataFrame
    notes: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def read_players(layout: Format, folder: Path) -> PlayersTable:
    """The set's players; none where it has no such table.

    Raises:
        ReaderError: If the table names nobody.
    """
    path = beside(folder, layout.players_file) if layout.players_file else None
    if path is None:
        nobody = _shaped_players(layout, pl.DataFrame(schema={"": pl.String}))
        return PlayersTable(nobody, absent=absent_table(layout.players_file))
    found = read_table(path, candidates(layout.players))
    table, path = found.rows, found.path
    require_own_columns(layout, path, found.header, layout.players_file)
    if (key := found_column(table, layout.players.get("player_id", ()))) is None:
        raise ReaderError(without_key(layout, path, found.header, "player_id"))
    table, notes = with_keys(table, path, {key: id_number(key)})
    for name, known, good in (
        ("height", "a height such as 6-3, 6'03\" or inches", height_in),
        ("weight", "a weight in pounds", weight_lb),
        ("position", "a position such as QB", known_position),
    ):
        if (column := found_column(table, layout.players.get(name, ()))) is not None:
            notes += unread_cells(table, path, column, good(column), known)
    people = _shaped_players(layout, table)
    players, repeats = without_repeats(people, path, ["player_id"], "player")
    return PlayersTable(
        players,
        (*found.notes, *notes, *repeats),
        missing_columns(path, found.header, layout.players, layout.players_lack, {}),
        _without_positions(layout, table, path),
    )


def _without_positions(layout: Format, table: pl.DataFrame, path: Path) -> tuple[str, ...]:
    """A sentence where no player of a table has a position, and no row has."""
    column = found_column(table, layout.players.get("position", ()))
    if column is None or "position" in layout.rows or table[column].null_count() < table.height:
        return ()
    return (f"{path.name} has an empty {column!r} in every row: {ROLES_BY_MOTION}",)


def _shaped_players(layout: Format, table: pl.DataFrame) -> pl.DataFrame:
    return (
        shaped(table, layout.players, PLAYER_COLUMNS)
        .with_columns(
            normalized_position("position"),
            height_in("height").alias("height_in"),
            weight_lb("weight").alias("weight_lb"),
            display_name=full_name(),
        )
        .drop("height", "weight", "first_name", "last_name")
    )


def first_line(error: BaseException) -> str:
    """The first line of an error's text, for use inside a sentence; a cell may be in it."""
    lines = str(error).strip().splitlines()
    return lines[0][:_MOST_OF_ERROR].rstrip(".") if lines else repr(error)


def found_column(table: pl.DataFrame, names: Iterable[str]) -> str | None:
    """The first of a quantity's columns that a table has."""
    return next((name for name in names if name in table.columns), None)


def beside(folder: Path, name: str) -> Path | None:
    """A table in a folder or its parent, however it is spelled and packed."""
    places = (spelled(folder / name), spelled(folder.parent / name))
    return next((path for path in places if path is not None), None)


def read_recorded(layout: Format, folder: Path) -> Recorded:
    """What the set records in a folder or its parent; empty where its file is absent."""
    read = layout.recorded
    absent: tuple[str, ...] = ()
    for place in (folder, folder.parent):
        try:
            if read is not None:
                return read(place)
        except ReaderError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            absent = absent_table(error.__cause__.args[0].name)
    keys = dict.fromkeys(SOURCE_KEY, pl.Int64)
    roles = pl.DataFrame(schema={**keys, "player_id": pl.Int64, "role": pl.String})
    return Recorded(
        roles, pl.DataFrame(schema={**keys, UNREAD: pl.List(pl.String)}), (), absent=absent
    )


def shaped(
    table: pl.DataFrame,
    names: Mapping[str, tuple[str, ...]],
    columns: Mapping[str, type[pl.DataType]],
) -> pl.DataFrame:
    """A table in our columns and types, each from the first of its names that is there."""
    return table.with_columns(
        _first_found(table, names.get(name, ()), name, dtype).alias(name)
        for name, dtype in columns.items()
    ).select(list(columns))


def is_whole(name: str, dtype: type[pl.DataType]) -> bool:
    """Whether a column holds whole numbers alone."""
    # Yards are charted by the whole yard, and computed with as decimals.
    return dtype is pl.Int32 or name in ("yards_gained", "yardline_number")


def _first_found(
    table: pl.DataFrame, names: tuple[str, ...], name: str, dtype: type[pl.DataType]
) -> pl.Expr:
    found = found_column(table, names)
    if found is None:
        return pl.lit(None, dtype=dtype)
    column = pl.col(found)
    if dtype is pl.String:
        return column.cast(pl.String)
    if name in _PERSONS:
        return id_number(found)
    if dtype is pl.Int64:
        return whole_number(found)
    # "inf" and "NaN" are numbers to a parser, and none that a play can have.
    number = column.cast(pl.Float64, strict=False)
    number = pl.when(number.is_finite()).then(number)
    return (whole(number) if is_whole(name, dtype) else number).cast(dtype, strict=False)
