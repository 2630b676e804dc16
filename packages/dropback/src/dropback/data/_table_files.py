"""Read and write tables in the format that the end of a file's name says."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import polars as pl

from dropback._choices import nearest
from dropback._files import POLARS_ERRORS, whole_file
from dropback._frames import to_polars
from dropback.data._columns import MISSING_WORDS
from dropback.errors import ReaderError, RequestError
from dropback.storage import is_url, require_new_output, write_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from narwhals.stable.v2.typing import IntoFrame

    from dropback._files import AnyPath

    DataType: TypeAlias = pl.DataType | type[pl.DataType]

_KINDS: Final = {
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".csv": "CSV",
    ".json": "JSON",
    ".md": "Markdown",
    ".xlsx": "Excel",
    ".sqlite": "SQLite",
    ".duckdb": "DuckDB",
}
ENDINGS: Final = ".parquet, .csv, .json, .md, .xlsx, .sqlite or .duckdb"
"""What a table's file may end in, for help and errors."""

# Packages that a format needs, to write and to read; all come with the extra "tables".
_NEEDED: Final = {
    "Excel": ("xlsxwriter", "fastexcel"),
    "DuckDB": ("duckdb", "pyarrow"),
}
# A worksheet of Excel, with its row of names.
_EXCEL_ROWS: Final = 1_048_576
_ENOUGH_TO_FIT: Final = 5000
_SQLITE_TYPES: Final = ((pl.Boolean, "INTEGER"), (pl.String, "TEXT"))
_TRUE, _FALSE = ("true", "TRUE", "True", "1"), ("false", "FALSE", "False", "0")


def read_table(
    path: AnyPath,
    *,
    columns: Sequence[str] | None = None,
    types: Mapping[str, DataType] | None = None,
    table: str | None = None,
) -> pl.DataFrame:
    """Read a table from a file of any of `ENDINGS` but ``.md``; any other ending is read as CSV.

    Args:
        path: The file; a CSV may be compressed.
        columns: Columns to read, where the file has them; None reads all.
        types: Types of columns by name, where the file has them. None leaves a CSV's columns text
            and those of other files as they are stored; else a CSV's other columns get the type
            that all of their values fit.
        table: Name of the table in a file of SQLite or DuckDB; None takes its only one.

    Raises:
        ReaderError: No file, its content is not what its name says, a package that it needs is not
            installed, or a value that is not of its column's type.
    """
    path = Path(path)
    kind = _KINDS.get(path.suffix, "CSV")
    if kind == "Markdown":
        raise ReaderError(f"{path}: Markdown is for readers: name a table with another ending.")
    _require_packages(path, kind, ReaderError)
    if not path.exists():
        raise ReaderError(f"{path}: no such file.")
    try:
        found = _READERS[kind](path, columns, table)
        return found if types is None else _typed(found, types, guess=kind == "CSV")
    except _errors(kind) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "utf-8" in reason and kind == "CSV":
            raise ReaderError(
                f"{path}: its text is not in UTF-8 (it may be in Latin-1): save it as UTF-8."
            ) from error
        raise ReaderError(f"{path}: not a readable {kind} file ({reason}).") from error


def require_table_path(path: AnyPath, *, overwrite: bool = True) -> None:
    """Refuse a file, path or URL, that cannot be written, before anything is computed for it.

    Raises:
        RequestError: The ending is none of `ENDINGS`, a package that it needs is not installed, or
            the file is there and `overwrite` is false.
        StoreError: A URL that cannot be written.
    """
    named = Path(path)
    if named.suffix not in _KINDS:
        near = nearest(named.suffix, _KINDS)
        raise RequestError(f"{path}: the file's ending must be {ENDINGS}.{near}")
    _require_packages(named, _KINDS[named.suffix], RequestError)
    require_new_output(path, overwrite=overwrite, file=True)


def write_table(
    frame: IntoFrame, path: AnyPath, *, overwrite: bool = True, table: str = "rows"
) -> None:
    """Write a table whole or not at all, in the format of the file's ending.

    Args:
        frame: A data frame of polars, pandas, pyarrow or DuckDB.
        path: File to write, a path or a URL, with one of `ENDINGS`.
        overwrite: Replace the file if it is there.
        table: Name of the table in a file of SQLite or DuckDB, and of the sheet in one of Excel.

    Raises:
        RequestError: As `require_table_path`, more rows than a sheet of Excel has, or the disk
            refuses.

    Example:
        >>> dropback.write_table(pl.DataFrame({"passer": ["P.Mahomes"]}), f"{folder}/rows.csv")
        >>> pl.read_csv(f"{folder}/rows.csv").row(0)
        ('P.Mahomes',)
    """
    rows = to_polars(frame, what="A table")
    require_table_path(path, overwrite=overwrite)
    if is_url(path):
        write_output(path, lambda aside: write_table(rows, aside, table=table))
        return
    path = Path(path)
    kind = _KINDS[path.suffix]
    if kind == "Excel" and rows.height >= _EXCEL_ROWS:
        raise RequestError(
            f"{path}: a sheet of Excel has {_EXCEL_ROWS:,} rows, but the table {rows.height:,}: "
            "write Parquet, CSV or a database."
        )
    with whole_file(path) as aside:
        try:
            _WRITERS[kind](rows, aside, table)
        except _errors(kind) as error:
            raise OSError(getattr(error, "strerror", None) or str(error)) from error


def _require_packages(path: Path, kind: str, error: type[ReaderError] | type[RequestError]) -> None:
    if missing := [name for name in _NEEDED.get(kind, ()) if find_spec(name) is None]:
        raise error(
            f"{path}: {kind} files need {' and '.join(missing)}: install with "
            "pip install 'dropback[tables]'."
        )


def _errors(kind: str) -> tuple[type[BaseException], ...]:
    """What reading or writing a format raises."""
    found: list[type[BaseException]] = [*POLARS_ERRORS, ValueError, sqlite3.Error]
    if kind == "DuckDB":
        import duckdb  # noqa: PLC0415  # an optional extra

        found.append(duckdb.Error)
    if kind == "Excel":
        import fastexcel  # noqa: PLC0415  # an optional extra
        from xlsxwriter.exceptions import XlsxWriterException  # noqa: PLC0415

        found += [fastexcel.FastExcelError, XlsxWriterException]
    return tuple(found)


def _read_parquet(path: Path, columns: Sequence[str] | None, _: str | None) -> pl.DataFrame:
    return _selected(pl.scan_parquet(path), columns)


def _read_csv(path: Path, columns: Sequence[str] | None, _: str | None) -> pl.DataFrame:
    # Of the words for a missing value the two that files are full of: each costs a comparison a
    # cell, and who knows the columns' types sorts out the others.
    # As text: a type guessed from the first rows would fail far below without saying why.
    scan = pl.scan_csv(path, infer_schema=False, null_values=["", "NA"])
    header = scan.collect_schema().names()
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            raise ReaderError(
                f"{path}: its columns are separated by {name}: save it with commas, or as Parquet."
            )
    return _selected(scan, columns)


def _read_json(path: Path, columns: Sequence[str] | None, _: str | None) -> pl.DataFrame:
    return _selected(pl.read_json(path, infer_schema_length=None).lazy(), columns)


def _read_excel(path: Path, columns: Sequence[str] | None, _: str | None) -> pl.DataFrame:
    found = pl.read_excel(path, engine="calamine", infer_schema_length=None)
    return _selected(found.lazy(), columns)


def _read_sqlite(path: Path, columns: Sequence[str] | None, table: str | None) -> pl.DataFrame:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        names = [
            row[0]
            for row in connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name"
            )
        ]
        query = f"SELECT * FROM {_quoted(_only(path, names, table))}"  # noqa: S608  # quoted
        found = pl.read_database(query, connection, infer_schema_length=None)
    return _selected(found.lazy(), columns)


def _read_duckdb(path: Path, columns: Sequence[str] | None, table: str | None) -> pl.DataFrame:
    import duckdb  # noqa: PLC0415  # an optional extra

    with duckdb.connect(path, read_only=True) as connection:
        names = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
        return _selected(connection.table(_quoted(_only(path, names, table))).pl().lazy(), columns)


def _only(path: Path, names: Sequence[str], table: str | None) -> str:
    if table in names:
        return str(table)
    if len(names) != 1:
        raise ReaderError(
            f"{path}: it must hold one table, but holds {', '.join(names) or 'none'}: write the "
            "table to a file of its own."
        )
    return names[0]


def _selected(scan: pl.LazyFrame, columns: Sequence[str] | None) -> pl.DataFrame:
    if columns is not None:
        present = set(scan.collect_schema().names())
        scan = scan.select(name for name in columns if name in present)
    return scan.collect()


def _write_excel(rows: pl.DataFrame, path: Path, table: str) -> None:
    import xlsxwriter  # noqa: PLC0415  # an optional extra

    # Text stays text: a description that begins with "=" is no formula.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": True}
    with xlsxwriter.Workbook(path, options) as book:
        rows.write_excel(
            book,
            worksheet=table[:31],  # the longest name of a sheet
            freeze_panes=(1, 0),
            float_precision=4,
            autofit=rows.height <= _ENOUGH_TO_FIT,
            dtype_formats={pl.Int64: "0"},  # a season is no 2,020
        )


def _write_sqlite(rows: pl.DataFrame, path: Path, table: str) -> None:
    names = [_quoted(name) for name in rows.columns]
    types = [_sqlite_type(dtype) for dtype in rows.dtypes]
    columns = ", ".join(map(" ".join, zip(names, types, strict=True)))
    marks = ", ".join("?" * len(names))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE {_quoted(table)} ({columns})")
        query = f"INSERT INTO {_quoted(table)} VALUES ({marks})"  # noqa: S608  # quoted
        connection.executemany(query, rows.iter_rows())


def _sqlite_type(dtype: pl.DataType) -> str:
    if dtype.is_integer():
        return "INTEGER"
    if dtype.is_float():
        return "REAL"
    return next((name for kind, name in _SQLITE_TYPES if isinstance(dtype, kind)), "TEXT")


def _write_duckdb(rows: pl.DataFrame, path: Path, table: str) -> None:
    import duckdb  # noqa: PLC0415  # an optional extra

    with duckdb.connect(path) as connection:
        connection.from_arrow(rows.to_arrow()).create(table)


def _write_json(rows: pl.DataFrame, path: Path, _: str) -> None:
    # One row a line: a change of one row is a change of one line.
    lines = [json.dumps(row, ensure_ascii=False, default=str) for row in _finite(rows).to_dicts()]
    path.write_text("[" + ",\n".join(lines) + "]\n", encoding="utf-8")


def _finite(rows: pl.DataFrame) -> pl.DataFrame:
    """JSON has neither NaN nor infinity."""
    floats = [name for name, dtype in rows.schema.items() if dtype.is_float()]
    return rows.with_columns(pl.when(pl.col(n).is_finite()).then(pl.col(n)) for n in floats)


def _write_markdown(rows: pl.DataFrame, path: Path, _: str) -> None:
    with pl.Config(
        tbl_formatting="MARKDOWN",
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=200,
        float_precision=4,
    ):
        path.write_text(f"{rows}\n", encoding="utf-8")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _typed(rows: pl.DataFrame, types: Mapping[str, DataType], *, guess: bool) -> pl.DataFrame:
    columns: Iterable[pl.Series] = (
        _as_type(column, types[column.name])
        if column.name in types
        else (_guessed(column) if guess else column)
        for column in rows.iter_columns()
    )
    return pl.DataFrame(columns)


def _as_type(column: pl.Series, dtype: DataType) -> pl.Series:
    if column.dtype == pl.String:
        column = column.set(column.str.strip_chars().is_in(MISSING_WORDS), None)
    if dtype == pl.Boolean and column.dtype == pl.String:
        words = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
        return column.replace_strict(words, default=None, return_dtype=pl.Boolean)
    if dtype == pl.Int64 and column.dtype == pl.String:
        column = column.cast(pl.Float64)  # pandas and R write a column with gaps as 1.0
    return column.cast(dtype)


def _guessed(column: pl.Series) -> pl.Series:
    column = _as_type(column, pl.String)
    for dtype in (pl.Int64, pl.Float64, pl.Boolean):
        flags = dtype == pl.Boolean
        tried = _as_type(column, dtype) if flags else column.cast(dtype, strict=False)
        if tried.null_count() == column.null_count() < len(column):
            return tried
    return column


_READERS: Final[Mapping[str, Callable[[Path, Sequence[str] | None, str | None], pl.DataFrame]]] = {
    "Parquet": _read_parquet,
    "CSV": _read_csv,
    "JSON": _read_json,
    "Excel": _read_excel,
    "SQLite": _read_sqlite,
    "DuckDB": _read_duckdb,
}
_WRITERS: Final[Mapping[str, Callable[[pl.DataFrame, Path, str], None]]] = {
    "Parquet": lambda rows, path, _: rows.write_parquet(path),
    "CSV": lambda rows, path, _: rows.write_csv(path),
    "JSON": _write_json,
    "Markdown": _write_markdown,
    "Excel": _write_excel,
    "SQLite": _write_sqlite,
    "DuckDB": _write_duckdb,
}
