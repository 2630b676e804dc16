"""Columns by name and type."""

import polars as pl
import pytest

from dropback.data._columns import Column, conform
from dropback.errors import ReaderError

COLUMNS = [Column("id", pl.String), Column("n", pl.Int64), Column("x", pl.Float64, required=False)]


@pytest.mark.parametrize("empty", ["", "NA", "NaN"])
def test_empty_number_is_null(empty: str) -> None:
    table = conform(pl.DataFrame({"id": ["a"], "n": [empty], "x": [empty]}), COLUMNS, origin="t")
    assert table.row(0) == ("a", None, None)


@pytest.mark.parametrize(
    ("values", "whole"),
    [([True, False], [1, 0]), ([2.0, -3.0], [2, -3]), (["7", "-7.0"], [7, -7]), ([None] * 2,) * 2],
)
def test_whole_numbers_come_from_every_type(values: list, whole: list) -> None:
    table = conform(pl.DataFrame({"id": ["a", "b"], "n": values}), COLUMNS, origin="t")
    assert table["n"].to_list() == whole


def test_whole_number_keeps_all_digits_of_a_double() -> None:
    table = conform(pl.DataFrame({"id": ["a"], "n": [2**53 - 1]}), COLUMNS, origin="t")
    assert table["n"].item() == 2**53 - 1


def test_fraction_in_a_column_of_numbers_is_kept() -> None:
    table = conform(pl.DataFrame({"id": ["a"], "n": [1], "x": ["2.5"]}), COLUMNS, origin="t")
    assert table["x"].item() == 2.5


def test_first_bad_value_and_their_number_are_named() -> None:
    frame = pl.DataFrame({"id": ["a", "b", "c"], "n": [1, 2, 3], "x": ["1", "two", "three"]})
    with pytest.raises(ReaderError, match=r"t, id b: 'x' is 'two', not a number \(2 such values\)"):
        conform(frame, COLUMNS, origin="t", keys=("id", "absent"))


def test_bad_value_without_keys_is_named_by_its_row() -> None:
    with pytest.raises(ReaderError, match="t, row 1: 'n' is 'b'"):
        conform(pl.DataFrame({"id": ["a", "b"], "n": ["1", "b"]}), COLUMNS, origin="t")
