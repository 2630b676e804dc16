"""Text that cannot be told apart into its columns: one row's fault, named, and the rest is read."""

import gzip
import json
import re
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from dropback.cli._app import app
from dropback.cli._tracking import print_report
from dropback.errors import ReaderError
from dropback.tracking import read_tracking
from dropback.tracking.readers._delimited import has_broken_rows, told_apart
from examples.tracking_sets import MadePlay, made_set

PATH = Path("plays.csv")


def written(folder, layout="bdb_2025"):
    return made_set(layout, MadePlay(play=1), MadePlay(play=2)).write(folder)


def with_line(path, number, change):
    """Change one line of a file; the header is line 0."""
    lines = path.read_bytes().split(b"\n")
    lines[number] = change(lines[number])
    path.write_bytes(b"\n".join(lines))


def outcome(folder):
    """Plays kept, and those left out with reason and detail."""
    blocks, report = read_tracking(folder)
    kept = [play for block in blocks for play in block.plays["play_id"].to_list()]
    left = report.left_out.select("play_id", "reason", "detail").rows()
    return kept, left, report


def longer(line):
    fields = line.split(b",")
    return b",".join([*fields[:5], b"9", *fields[5:]])


def shorter(line):
    fields = line.split(b",")
    return b",".join(fields[:6] + fields[7:])


LAYOUTS = ("bdb_2019", "bdb_2021", "bdb_2023", "bdb_2024", "bdb_2025", "bdb_2026")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("change", "more"), [(longer, 1), (shorter, -1)])
def test_a_play_whose_row_is_too_long_or_short_is_set_aside(layout, change, more, tmp_path):
    folder = written(tmp_path, layout)
    name = "supplementary_data.csv" if layout == "bdb_2026" else "plays.csv"
    fields = len((folder / name).read_text().split("\n")[0].split(","))
    with_line(folder / name, 1, change)
    kept, left, report = outcome(folder)
    said = f"{name}: row 1 below the header has {fields + more} of {fields} fields"
    assert kept == [2]
    assert left == [(1, "broken row", said)]
    (check,) = report.files[0].failed
    assert check.evidence.endswith(f"{said} (1 such row not read)")


@pytest.mark.parametrize("layout", [*LAYOUTS, "ngs_highlights"])
@pytest.mark.parametrize("more", [1, -1])
def test_a_row_of_tracking_too_long_or_short_sets_its_play_aside(layout, more, tmp_path):
    source = made_set(layout, MadePlay(play=1), MadePlay(play=2))
    folder = source.write(tmp_path)
    (name,) = source.tracking
    mark = b"\t" if name.endswith(".tsv") else b","
    fields = len(source.tracking[name].columns)

    def change(line):
        cells = line.split(mark)
        return mark.join([*cells[:3], b"1", *cells[3:]] if more > 0 else cells[:3] + cells[4:])

    with_line(folder / name, 50, change)
    kept, left, report = outcome(folder)
    assert kept == [2]
    said = f"{name}: row 50 below the header has {fields + more} of {fields} fields"
    assert left == [(1, "broken row", said)]
    assert report.files[0].unreadable_rows == 0


@pytest.mark.parametrize(
    ("layout", "name"),
    [("bdb_2025", "player_play.csv"), ("bdb_2021", "targetedReceiver.csv")],
)
def test_a_broken_row_of_charting_sets_its_play_aside(layout, name, tmp_path):
    folder = written(tmp_path, layout)
    with_line(folder / name, 2, lambda line: line + b",1")
    kept, left, _ = outcome(folder)
    assert kept == [1]
    assert [(play, reason) for play, reason, _ in left] == [(2, "broken row")]
    assert f"{name}: row 2 below the header has" in left[0][2]


def test_a_broken_row_of_players_or_games_is_named(tmp_path):
    folder = written(tmp_path, "bdb_2023")
    with_line(folder / "players.csv", 3, lambda line: line + b",x")
    with_line(folder / "games.csv", 1, lambda line: line.replace(b",1,", b",", 1))
    with pytest.raises(ReaderError, match=r"games\.csv: each row must have the 5 fields"):
        read_tracking(folder)
    (folder / "games.csv").write_text(
        "gameId,season,week,homeTeamAbbr,visitorTeamAbbr\n2022091100,2022,1,KC,ARI\n1,2,3\n"
    )
    kept, _, report = outcome(folder)
    assert kept == [1, 2]
    evidence = {check.name: check.evidence for check in report.files[0].failed}
    assert "players.csv: row 3 below the header has 6 of 5" in evidence["rows of the tables"]
    assert "games.csv: row 2 below the header has 3 of 5" in evidence["rows of the tables"]


def test_an_unclosed_quote_costs_its_own_row_alone(tmp_path):
    folder = written(tmp_path)
    with_line(folder / "plays.csv", 1, lambda line: line.replace(b"(15:00)", b'"(15:00)', 1))
    kept, left, _ = outcome(folder)
    assert kept == [2]
    assert left == [
        (1, "broken row", "plays.csv: row 1 below the header has a quote that is not closed")
    ]


def test_a_byte_that_is_no_text_costs_its_own_row_alone(tmp_path):
    folder = written(tmp_path)
    with_line(folder / "plays.csv", 1, lambda line: line.replace(b"A.Player0", b"A.Pl\xe9yer0", 1))
    said = "plays.csv: row 1 below the header has the byte 0xe9, which is no UTF-8 text"
    assert outcome(folder)[:2] == ([2], [(1, "broken row", said)])
    name = "tracking_week_1.csv"
    folder = written(tmp_path / "rows")
    with_line(folder / name, 7, lambda line: line.replace(b"KC", b"K\xc9", 1))
    kept, left, _ = outcome(folder)
    assert kept == [2]
    assert left[0][2] == f"{name}: row 7 below the header has the byte 0xc9, which is no UTF-8 text"


@pytest.mark.parametrize("name", ["plays.csv", "players.csv", "games.csv"])
@pytest.mark.parametrize(
    ("rewrite", "said"),
    [
        (lambda text: text.encode("utf-16"), "must be UTF-8 text, but is UTF-16"),
        (lambda text: text.encode("utf-16-le"), "must be UTF-8 text, but is UTF-16"),
        (
            lambda text: text.replace(",", ";").encode(),
            "fields must be separated by comma or tab, but the header has semicolon",
        ),
    ],
)
def test_another_encoding_or_delimiter_of_a_table_is_named(name, rewrite, said, tmp_path):
    folder = written(tmp_path)
    (folder / name).write_bytes(rewrite((folder / name).read_text()))
    with pytest.raises(ReaderError, match=rf"{name}:? {said}"):
        read_tracking(folder)


def test_a_week_in_utf_16_is_named_on_the_screen_and_in_the_report(tmp_path):
    folder = written(tmp_path / "set")
    week = (folder / "tracking_week_1.csv").read_text()
    (folder / "tracking_week_2.csv").write_bytes(week.encode("utf-16"))
    out = tmp_path / "check.json"
    run = CliRunner().invoke(app, ["check", str(folder), "--out", str(out)])
    assert run.exit_code == 0, run.output
    text = "".join(re.findall(r"[^\s│├└─]", run.output))
    assert "tracking_week_2.csv:filenotread" in text
    assert "isUTF-16,twobytesaletter:saveitasUTF-8" in text
    (entry,) = json.loads(out.read_text())["files_not_read"]
    assert entry["source_file"].endswith("tracking_week_2.csv")
    assert entry["reason"] == "file not read"


def test_rows_that_lie_between_two_plays_set_both_aside(tmp_path):
    source = made_set("bdb_2025", *(MadePlay(play=play) for play in (1, 2, 3)))
    folder = source.write(tmp_path)
    last = source.tracking["tracking_week_1.csv"].height // 3
    with_line(folder / "tracking_week_1.csv", last, lambda _: b"no,row")
    kept, left, _ = outcome(folder)
    assert kept == [3]
    assert [play for play, _, _ in left] == [1, 2]


def test_broken_rows_are_not_counted_as_plays(tmp_path, capsys):
    folder = written(tmp_path, "bdb_2025")
    file = folder / "tracking_week_1.csv"
    lines = file.read_text().splitlines()
    lines[3:8] = ["too,few"] * 5
    file.write_text("\n".join(lines) + "\n")
    *_, report = outcome(folder)
    assert report.reasons().rows() == [("broken row", 1)]
    assert report.rows_of_no_play().rows() == [("broken row", 3)]
    print_report(report)
    assert "broken row: 3 more rows are of no play that is known" in capsys.readouterr().out


def test_a_packed_week_with_a_broken_row_is_read_but_for_its_play(tmp_path):
    folder = written(tmp_path)
    path = folder / "tracking_week_1.csv"
    with_line(path, 9, longer)
    (folder / "tracking_week_1.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert outcome(folder)[0] == [2]


def test_line_ends_in_quotes_and_empty_lines_break_nothing():
    content = b'a,b,c\r\n1,"x\n""y"", z",3\r\n\r\n4,5,6\r\n\n'
    found = told_apart(PATH, content)
    assert found.broken == ()
    assert found.rows.tolist() == [1, 2]
    assert pl.read_csv(found.content).rows() == [(1, 'x\n"y", z', 3), (4, "5", 6)]


def test_broken_rows_keep_their_place_where_they_are_blanked():
    content = b'a,b,c\n1,2,3\n4,5\n"6,7,8\n9,\xff,1\n1,2,3'
    found = told_apart(PATH, content, blanked=True)
    assert [(row.row, row.what) for row in found.broken] == [
        (2, "has 2 of 3 fields"),
        (3, "has a quote that is not closed"),
        (4, "has the byte 0xff, which is no UTF-8 text"),
    ]
    assert found.content == b"a,b,c\n1,2,3\n,,\n,,\n,,\n1,2,3"


def test_quotes_in_the_middle_of_cells_make_no_record_of_the_rows_between_them():
    content = b'a,b,c\n1,x"y,3\n4,5,6\n7,x"y,9\n"1,"2"" b",3\n4,"5\n6",7\n'
    found = told_apart(PATH, content)
    assert [(row.row, row.what) for row in found.broken] == [
        (1, "has a quote in the middle of a cell"),
        (3, "has a quote in the middle of a cell"),
        (4, "has a quote that is not closed"),
    ]
    assert pl.read_csv(found.content).rows() == [(4, "5", 6), (4, "5\n6", 7)]


def test_a_play_whose_rows_have_lone_quotes_is_set_aside_by_name(tmp_path):
    folder = written(tmp_path)
    path = folder / "tracking_week_1.csv"
    for place in (9, 40):
        with_line(path, place, lambda line: line.replace(b",", b',x"', 1))
    kept, left = outcome(folder)[:2]
    assert kept == [2]
    said = "tracking_week_1.csv: row 9 below the header has a quote in the middle of a cell"
    assert left == [(1, "broken row", said)]


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        (b'1,x"y,3\n4,x"y,6\n', True),  # of which one makes up for the other
        (b"1,2,3\n4,5,6\n", False),
        (b"1,2,3\n4,5,6", False),
        (b"1,2,3\n4,5\n", True),
        (b"1,2,3\n4,5,6,7\n", True),
        (b"1,2\n4,5,6,7\n", True),  # of which one makes up for the other
        (b'1,"2",3\n', False),
        (b'1,"2,3\n', True),
        ("1,é,3\n".encode(), False),
        (b"1,\xe9,3\n", True),
        (b"1,2,3\n4,5,6\n7,8", False),  # cut off, which is told otherwise
    ],
)
def test_a_file_may_have_broken_rows_by_its_bytes(body, broken, tmp_path):
    path = tmp_path / "week1.csv"
    path.write_bytes(b"a,b,c\n" + body)
    assert has_broken_rows(path.read_bytes()) == broken
