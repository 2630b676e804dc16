"""Data frames of any library at the public edge, and one sentence for what is none."""

import gc
import sys
from typing import Any

import dataframely as dy
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

from dropback._frames import like, to_polars, validated
from dropback.errors import RequestError
from examples.frames import LIBRARIES, converted

TABLE = pl.DataFrame(
    {"whole": [1, 2, 3], "number": [0.5, None, 2.0], "text": ["a", None, "c"], "flag": [True] * 3}
)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_frame_comes_and_goes_in_its_own_library(library: str) -> None:
    frame = converted(TABLE, library)
    assert_frame_equal(to_polars(frame), TABLE)
    assert to_polars(frame, columns={"text", "absent"}).columns == ["text"]
    result = like(frame, TABLE.reverse())
    assert type(result) is type(frame)
    gc.collect()
    assert_frame_equal(to_polars(result), TABLE.reverse())


def test_pandas_column_of_numbers_and_text_is_text() -> None:
    frame = pd.DataFrame({"mixed": [1, "third", None], 2: [1.0, float("nan"), 3.0]})
    read = to_polars(frame)
    assert read.to_dict(as_series=False) == {"mixed": ["1", "third", None], "2": [1.0, None, 3.0]}


@pytest.mark.parametrize("frame", [7, None, "plays.parquet", [1], {"a": [1]}, pd.Series([1])])
def test_what_is_no_frame_is_one_sentence(frame: Any) -> None:
    with pytest.raises(RequestError, match=f"Plays must be a data frame.*{type(frame).__name__}"):
        to_polars(frame, what="Plays")


@pytest.mark.parametrize(
    "frame", [pd.DataFrame([[1, 2]], columns=["a", "a"]), pa.table([[1], [2]], names=["a", "a"])]
)
def test_repeated_column_is_one_sentence(frame: Any) -> None:
    with pytest.raises(RequestError, match=r"must name each column once: .*'a' 2 times"):
        to_polars(frame)


def test_missing_pyarrow_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RequestError, match=r"of pandas .* `pip install 'dropback\[pandas\]'`"):
        like(pd.DataFrame({"text": ["a"]}), TABLE)


class Counts(dy.Schema):
    count = dy.Int8(min=0)
    name = dy.String(nullable=True)


def test_a_table_is_cast_to_the_types_of_a_schema() -> None:
    table = pl.DataFrame({"extra": [1, 2], "name": [None, None], "count": [7.0, 120.0]})
    found = validated(Counts, table)
    assert found.schema == {"count": pl.Int8, "name": pl.String}
    assert_frame_equal(found, Counts.validate(table, cast=True))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"count": [1, 200], "name": ["a", "b"]}, "'count' failed validation.*\n.*'dtype'.* 1 "),
        ({"count": [1, -2], "name": ["a", "b"]}, "'count' failed validation.*\n.*'min'.* 1 "),
        ({"count": [1.0, float("nan")], "name": ["a", "b"]}, "'dtype'.* 1 "),
        ({"count": [1, None], "name": ["a", "b"]}, "'nullability'.* 1 "),
    ],
)
def test_a_table_that_breaks_a_schema_is_refused_as_by_dataframely(table, words) -> None:
    with pytest.raises(dy.exc.ValidationError, match=words) as found:
        validated(Counts, pl.DataFrame(table))
    with pytest.raises(dy.exc.ValidationError) as expected:
        Counts.validate(pl.DataFrame(table), cast=True)
    assert str(found.value) == str(expected.value)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(dy.exc.SchemaError, match="missing columns for schema 'Counts': 'name'"):
        validated(Counts, pl.DataFrame({"count": [1]}))
