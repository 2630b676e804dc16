"""Plain text is read as a parser of any text reads it, and nothing else is taken for plain."""

from __future__ import annotations

import gzip

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dropback.tracking import read_tracking
from dropback.tracking.readers import FORMATS
from dropback.tracking.readers import _plain as plain_module
from dropback.tracking.readers._coded import as_text, coded, of_texts, rows_where
from dropback.tracking.readers._files import find_folders
from dropback.tracking.readers._plain import (
    NotPlainError,
    PlainColumn,
    lines_at,
    read_plain,
)
from dropback.tracking.readers._plain_kernel import DECIMAL, TEXT, WHOLE
from dropback.tracking.readers._rows import read_batches
from examples.tracking_sets import MadePlay, made_set

COLUMNS = [
    PlainColumn("player", "id", WHOLE),
    PlainColumn("x", "x", DECIMAL),
    PlainColumn("word", "word", TEXT),
]
NUMBERS = st.one_of(
    st.integers(-(10**15) + 1, 10**15 - 1).map(str),
    st.floats(-1e6, 1e6).map(lambda value: f"{value:.5f}"),
    st.floats(-1e6, 1e6).map(repr),
    st.sampled_from(
        ["", "NA", "-", ".", "-.5", "7.", "7.0", " 7", "7 ", "+7", "1e3", "NaN", "inf", "abc", "N",
         "NAN", "0", "-0.0", "9" * 16, "1" * 30, "0." + "3" * 25, "1.5.2", "--1", "1 2"]
    ),
)  # fmt: skip
WORDS = st.sampled_from(["", "NA", "ball", "KC", "a b", " KC", "é", "x" * 30, "None", "-"])


def content(rows, end="\n"):
    return end.join(["id,x,other,word", *(",".join(row) for row in rows), ""]).encode()


def written(tmp_path, text):
    path = tmp_path / "week.csv"
    path.write_bytes(text)
    return path


def read(path, rows=1000):
    return as_text(pl.concat(read_plain(path, COLUMNS, rows)))


@settings(max_examples=40)
@given(
    rows=st.lists(st.tuples(NUMBERS, NUMBERS, WORDS, WORDS), min_size=1, max_size=6),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_read_as_plain_is_what_any_parser_reads(rows, end, tmp_path_factory):
    path = written(tmp_path_factory.mktemp("plain"), content(rows, end))
    try:
        found = read(path)
    except NotPlainError:
        return
    number = pl.col("id", "x").str.strip_chars()
    text = pl.read_csv(path, infer_schema=False).with_columns(number)
    whole = pl.col("id").cast(pl.Float64, strict=False).cast(pl.Int64).alias("player")
    expected = text.select(whole, pl.col("x").cast(pl.Float32, strict=False), "word")
    assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.parametrize("column", ["x", "word"])
def test_line_ends_that_were_converted_twice_are_ends(tmp_path, column):
    rows = [("7", "49.14", "a", "KC"), ("8", "", "b", ""), ("9", "1234567.89", "c", "ball")]
    names = ["id", "other", *({"x", "word"} - {column}), column]  # the one before the end
    place = {"id": 0, "x": 1, "other": 2, "word": 3}
    lines = [names, *([row[place[name]] for name in names] for row in rows)]
    plain, twice = (
        read(written(tmp_path, end.join([*map(",".join, lines), ""]).encode()))
        for end in ("\n", "\r\r\n")
    )
    assert_frame_equal(plain, twice, check_exact=True)


def test_ordinary_cells_are_plain(tmp_path):
    rows = [
        ("2022091100", "49.14", "Ann Lee", "KC"),
        ("33131.0", "-0.5", "", "NA"),
        ("NA", "", "é", ""),
        (" 5 ", "7. ", "x", "KC"),
    ]
    found = read(written(tmp_path, content(rows)))
    assert found.rows() == [
        (2022091100, pytest.approx(49.14), "KC"),
        (33131, -0.5, "NA"),
        (None, None, None),
        (5, 7.0, "KC"),
    ]


@pytest.mark.parametrize(
    "row",
    [
        ("5.5", "1", "a", "KC"),
        ("5", "word", "a", "KC"),
        ("5", "1e3", "a", "KC"),
        ("5", "NaN", "a", "KC"),
        ("5", "1", "a", '"KC"'),
        ("5", "1", '"a"', "KC"),
        ("5", "1", "a"),
        ("5", "1", "a", "KC", "b"),
        ("",),
        ("5", "1", "\udce9", "KC"),
        ("9" * 16, "1", "a", "KC"),
    ],
)
def test_other_rows_are_left_to_a_parser_of_any_text(row, tmp_path):
    good = ("5", "1", "a", "KC")
    text = "\n".join(["id,x,other,word", *(",".join(r) for r in (good, row, good)), ""])
    path = written(tmp_path, text.encode("utf-8", "surrogateescape"))
    with pytest.raises(NotPlainError):
        read(path)


@pytest.mark.parametrize("packed", [False, True])
def test_rows_stay_whole_over_blocks_batches_and_a_last_line_without_end(
    packed, tmp_path, monkeypatch
):
    monkeypatch.setattr(plain_module, "_BLOCK_BYTES", 64)
    rows = [(str(n), f"{n / 8}", "name", f"word {n % 7}") for n in range(50)]
    text = content(rows).rstrip(b"\n")
    path = written(tmp_path, gzip.compress(text) if packed else text)
    batches = list(read_plain(path, COLUMNS, 20))
    assert [batch.height for batch in batches] == [20, 20, 10]
    assert pl.concat(batches).rows() == [(n, n / 8, f"word {n % 7}") for n in range(50)]


def test_a_batch_ends_where_its_texts_do_not_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(plain_module, "_MOST_LETTERS", 40)
    rows = [("1", "1", "a", f"text {n:05}") for n in range(9)]
    path = written(tmp_path, content(rows))
    assert [batch.height for batch in read_plain(path, COLUMNS, 1000)] == [4, 4, 1]
    path.write_bytes(content([("1", "1", "a", "x" * 41)]))
    with pytest.raises(NotPlainError):
        read(path)


@pytest.mark.parametrize("layout", ["bdb_2019", "bdb_2025", "bdb_2026"])
def test_a_set_of_each_kind_is_read_alike_both_ways(layout, tmp_path):
    folder = made_set(layout, MadePlay(), MadePlay(play=2)).write(tmp_path)
    (found,) = find_folders(folder, list(FORMATS.values()))
    source = found.files[0]
    plain, other = (as_text(pl.concat(read_batches(source, plain=way))) for way in (True, False))
    assert_frame_equal(plain, other, check_exact=True)


@pytest.mark.parametrize("quoted", [False, True])
def test_blanks_around_a_number_do_not_count(quoted, tmp_path):
    folder = made_set("bdb_2025").write(tmp_path)
    path = folder / "tracking_week_1.csv"
    (before,), _ = read_tracking(folder)
    table = pl.read_csv(path, infer_schema=False)
    padded = table.with_columns(
        pl.col("x", "s", "frameId") + "  ",
        pl.format(" {} ", pl.col("gameId")).alias("gameId"),
        pl.format("  {}", pl.col("playId")).alias("playId"),
    )
    padded.write_csv(path, quote_style="always" if quoted else "never", null_value="NA")
    (block,), report = read_tracking(folder)
    assert report.left_out.is_empty()
    assert block.frames.tobytes() == before.frames.tobytes()


def test_a_name_that_ends_within_a_letter_is_found_at_any_row(tmp_path, monkeypatch):
    monkeypatch.setattr(plain_module, "_BLOCK_BYTES", 1024)
    path = tmp_path / "rows.csv"
    name = "Jos\u00e9".encode()
    path.write_bytes(b"a,b\n" + (b"1," + name + b"\n") * 400 + b"1," + name[:-1] + b"\n")
    columns = [PlainColumn("a", "a", WHOLE), PlainColumn("b", "b", TEXT)]
    with pytest.raises(NotPlainError):
        list(read_plain(path, columns, 1000))


def test_coded_texts_are_judged_as_the_texts_are() -> None:
    texts = ["pass_forward", None, "NA", "ball_snap", "NA", "pass_forward"]
    plain = pl.Series(texts)
    codes = np.array([1, 0, 2, 3, 2, 1], np.uint32)
    cells = coded(codes, [None, "pass_forward", "NA", "ball_snap"], pl.Categories.random())
    assert as_text(cells.to_frame("event"))["event"].to_list() == texts
    for column in (plain, cells):
        assert rows_where(column, lambda text: text.str.len_bytes() > 2).tolist() == [0, 3, 5]
        assert rows_where(column, lambda text: text == "other").tolist() == []
        lengths = of_texts(column.alias("event"), lambda text: text.str.len_bytes())
        assert lengths.name == "event"
        assert lengths.to_list() == [12, None, 2, 9, 2, 12]


def test_a_later_batch_has_its_own_order_of_texts() -> None:
    column, codes = pl.Categories.random(), np.array([0, 1, 2, 1], np.uint32)
    first = coded(codes, ["a", "b", "c"], column)
    # The last text stands where it stood, the others do not.
    second = coded(codes, ["b", "a", "c"], column)
    with_none = coded(codes, ["a", "b", None], column)
    assert [cells.cast(pl.String).to_list() for cells in (first, second, with_none)] == [
        ["a", "b", "c", "b"],
        ["b", "a", "c", "a"],
        ["a", "b", None, "b"],
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_lines_are_found_again_in_any_block(end, last, packed, tmp_path, monkeypatch):
    monkeypatch.setattr(plain_module, "_BLOCK_BYTES", 128)
    monkeypatch.setattr(plain_module, "_MARK_ROWS", 2)
    lines = ["a,b", *(f"{n},{'x' * (n % 50)}" for n in range(1, 30))]
    text = (end.join(lines) + end * last).encode()
    path, marks = written(tmp_path, gzip.compress(text) if packed else text), []
    list(read_plain(path, [PlainColumn("a", "a", WHOLE)], 20, marks))
    for rows in ([1], [2, 3, 17], [28, 29], [29], list(range(1, 30))):
        expected = "\n".join([lines[0], *(lines[n] for n in rows), ""]).encode()
        assert lines_at(path, rows, marks) == expected
