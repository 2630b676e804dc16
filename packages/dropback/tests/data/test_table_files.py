"""Tables by ending: what is written is read back, by us and by the format's own programs."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import fastexcel
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dropback.data import _table_files
from dropback.data._columns import MISSING_WORDS
from dropback.data._table_files import read_table, require_table_path, write_table
from dropback.errors import ReaderError, RequestError
from examples.frames import LIBRARIES, converted

TABLE = pl.DataFrame(
    {
        "passer_player_id": ["00-0033873", "00-0023459", None],
        "season": [2020, 2021, None],
        "score": [0.5, None, 0.25],
        "home": [True, False, None],
        "desc": ["=1+1", 'said "go", http://x', "Ünïcode | pipe"],
    }
)
TYPES = dict(zip(TABLE.columns, (pl.String, pl.Int64, pl.Float64, pl.Boolean), strict=False))


@pytest.mark.parametrize("ending", ["parquet", "pq", "csv", "json", "xlsx", "sqlite", "duckdb"])
def test_table_comes_back_as_it_was_written(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"table.{ending}"
    write_table(TABLE, path)
    assert_frame_equal(read_table(path, types=TYPES), TABLE)
    assert read_table(path, columns=["score", "absent"]).columns == ["score"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("library", LIBRARIES)
def test_frame_of_any_library_is_written(library: str, tmp_path: Path) -> None:
    write_table(converted(TABLE, library), tmp_path / "table.sqlite")
    assert_frame_equal(read_table(tmp_path / "table.sqlite", types=TYPES), TABLE)


def test_databases_and_sheets_have_the_named_table(tmp_path: Path) -> None:
    """Read with the format's own program, not with our reader."""
    for ending in ("sqlite", "duckdb", "xlsx", "json"):
        write_table(TABLE, tmp_path / f"table.{ending}", table="leaderboard")
    query = "SELECT desc, season FROM leaderboard WHERE score = 0.5"
    with sqlite3.connect(tmp_path / "table.sqlite") as lite:
        assert lite.execute(query.replace("desc", '"desc"')).fetchall() == [("=1+1", 2020)]
    lite.close()
    with duckdb.connect(tmp_path / "table.duckdb") as duck:
        assert duck.execute(query.replace("desc", '"desc"')).fetchall() == [("=1+1", 2020)]
    assert fastexcel.read_excel(tmp_path / "table.xlsx").sheet_names == ["leaderboard"]
    assert json.loads((tmp_path / "table.json").read_text())[1] == TABLE.row(1, named=True)


def test_csv_of_r_and_pandas_is_typed(tmp_path: Path) -> None:
    """R writes NA and TRUE, pandas 2020.0 where a column has gaps; more columns find their type."""
    path = tmp_path / "table.csv"
    path.write_text(
        "season,home,score,cdf,tag,play\n2020.0,TRUE,NA,0.5,x,7\n,FALSE,1,NA,2,8\n2021,True,1,,NA,9\n"
    )
    read = read_table(path, types=TYPES)
    assert read.to_dict(as_series=False) == {
        "season": [2020, None, 2021],
        "home": [True, False, True],
        "score": [None, 1.0, 1.0],
        "cdf": [0.5, None, None],
        "tag": ["x", "2", None],
        "play": [7, 8, 9],
    }
    assert read.dtypes[3:] == [pl.Float64, pl.String, pl.Int64]


@pytest.mark.parametrize("word", MISSING_WORDS)
def test_a_word_for_a_missing_value_is_null_in_text_and_numbers(word: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        f"passer_player_name,score,home,other\n{word},{word},{word},{word}\nP.Mahomes,0.5,true,3\n"
    )
    types = {"passer_player_name": pl.String, "score": pl.Float64, "home": pl.Boolean}
    rows = read_table(tmp_path / "x.csv", types=types).rows()
    assert rows == [(None,) * 4, ("P.Mahomes", 0.5, True, 3)]


def test_numbers_that_json_lacks_are_null(tmp_path: Path) -> None:
    write_table(pl.DataFrame({"x": [float("nan"), float("inf"), 1.0]}), tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text()) == [{"x": None}, {"x": None}, {"x": 1.0}]


def test_markdown_is_a_table_for_readers(tmp_path: Path) -> None:
    write_table(TABLE.select("season", "score"), tmp_path / "rows.md")
    heading, rule, first = (tmp_path / "rows.md").read_text().splitlines()[:3]
    assert [heading.split("|")[1].strip(), set(rule), first.split()[1]] == [
        "season",
        set("|-"),
        "2020",
    ]
    with pytest.raises(ReaderError, match=r"rows\.md: Markdown is for readers"):
        read_table(tmp_path / "rows.md")


def test_file_that_is_there_needs_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_table(TABLE, path)
    with pytest.raises(RequestError, match=r"table\.csv is there already: .* --overwrite"):
        write_table(TABLE.head(1), path, overwrite=False)
    write_table(TABLE.head(1), path)
    assert read_table(path).height == 1


def test_ending_that_names_no_format_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"ending must be \.parquet, .* or \.duckdb\.$"):
        require_table_path(tmp_path / "rows.txt")


@pytest.mark.parametrize("ending", ["xlsx", "duckdb"])
def test_missing_package_names_the_extra(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dropback.data._table_files.find_spec", lambda _: None)
    words = r"install with pip install 'dropback\[tables\]'"
    with pytest.raises(RequestError, match=words):
        require_table_path(tmp_path / f"x.{ending}")
    with pytest.raises(ReaderError, match=words):
        read_table(tmp_path / f"x.{ending}")


@pytest.mark.parametrize("ending", ["parquet", "csv", "json", "xlsx", "sqlite", "duckdb"])
def test_what_cannot_be_read_is_one_sentence(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"table.{ending}"
    with pytest.raises(ReaderError, match="no such file"):
        read_table(path)
    path.write_bytes(b"a,b\n\xff\xfe no table at all, \x00 but forty bytes or more of \xe9 noise")
    with pytest.raises(ReaderError, match=f"table.{ending}: (not a readable|its text is not)"):
        read_table(path)


def test_value_of_another_type_is_one_sentence(tmp_path: Path) -> None:
    write_table(pl.DataFrame({"season": ["last"]}), tmp_path / "x.csv")
    with pytest.raises(ReaderError, match=r"x\.csv: not a readable CSV file \(.*last"):
        read_table(tmp_path / "x.csv", types=TYPES)


def test_database_of_several_tables_needs_a_name(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.sqlite") as connection:
        connection.execute("CREATE TABLE a (x INTEGER)")
        connection.execute("CREATE TABLE b (y INTEGER)")
    connection.close()
    assert read_table(tmp_path / "x.sqlite", table="b").columns == ["y"]
    with pytest.raises(ReaderError, match="must hold one table, but holds a, b"):
        read_table(tmp_path / "x.sqlite")


@pytest.mark.parametrize("ending", ["sqlite", "duckdb", "xlsx"])
def test_refused_write_leaves_the_former_file(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk in the middle of the write."""
    path = tmp_path / f"table.{ending}"
    write_table(TABLE, path)

    def full(_: pl.DataFrame, aside: Path, __: str) -> Any:
        aside.write_bytes(b"half")
        raise sqlite3.OperationalError("database or disk is full")

    kind = {"sqlite": "SQLite", "duckdb": "DuckDB", "xlsx": "Excel"}[ending]
    monkeypatch.setitem(_table_files._WRITERS, kind, full)
    with pytest.raises(RequestError, match="could not be written: database or disk is full"):
        write_table(TABLE.head(1), path)
    monkeypatch.undo()
    assert_frame_equal(read_table(path, types=TYPES), TABLE)
    assert list(tmp_path.iterdir()) == [path]


def test_table_too_long_for_a_sheet_is_one_sentence(tmp_path: Path) -> None:
    rows = pl.DataFrame({"x": pl.repeat(1, 1_048_576, eager=True)})
    with pytest.raises(RequestError, match=r"1,048,576 rows, but the table 1,048,576"):
        write_table(rows, tmp_path / "x.xlsx")
