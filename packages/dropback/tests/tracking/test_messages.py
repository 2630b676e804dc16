"""What is wrong with a file is one sentence that names it, the value and what to do."""

import gzip
import io
import zipfile

import polars as pl
import pytest

from dropback.errors import ReaderError
from dropback.tracking import read_tracking
from examples.tracking_flags import changed, two_plays
from examples.tracking_sets import MadePlay, made_set

WEEK = "week1.csv"


def as_parquet(text):
    file = io.BytesIO()
    pl.read_csv(text, infer_schema=False).write_parquet(file)
    return file.getvalue()


def as_zip(text):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("table.csv", text)
    return file.getvalue()


FILES = {
    "gzip of gzip": (lambda text: gzip.compress(gzip.compress(text)), "",
                     "must be a table of text, but is packed twice by gzip: unpack it once."),
    "text named Parquet": (lambda text: text, ".parquet",
                           "is not a readable Parquet file: it begins with 'gameId,playId,"),
    "Parquet cut off": (lambda text: as_parquet(text)[:-200], "",
                        "is not a readable Parquet file: it is cut off, for it does not end as "
                        "one: get it anew."),
    "zip named CSV": (as_zip, "", "must be a table of text, but is a zip file or a spreadsheet: "
                      "name it .zip, or save the sheet as CSV."),
    "empty lines first": (lambda text: b"\n\n" + text, "",
                          "begins with an empty line; a header line must come first."),
    "semicolons": (lambda text: text.replace(b",", b";"), "",
                   "; save it so, decimals with points."),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
@pytest.mark.parametrize("name", [WEEK, "plays.csv"])
def test_a_file_that_is_another_kind_is_one_sentence(name, case, tmp_path):
    rewrite, suffix, words = FILES[case]
    two_plays("bdb_2023").write(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    path = (tmp_path / name).with_suffix(suffix) if suffix else tmp_path / name
    path.write_bytes(rewrite(content))
    with pytest.raises(ReaderError) as raised:
        read_tracking(tmp_path)
    said = str(raised.value)
    assert said.startswith(str(path))
    assert words in said
    assert said.endswith(".")
    assert said.count("\n") == 0


def test_decimal_commas_are_named_with_their_cell(tmp_path):
    source = two_plays("bdb_2023")
    (tmp_path / "quoted").mkdir()
    comma = pl.col("x").cast(pl.String).str.replace(".", ",", literal=True)
    source.change(WEEK, comma.alias("x")).write(tmp_path / "quoted")
    _, report = read_tracking(tmp_path / "quoted")
    assert report.left_out["detail"][0] == (
        "each row lacks a frame or coordinates (columns frameId, x, y): x is '40,0' (write a point "
        "in place of the comma) in row 1"
    )
    source = two_plays("bdb_2023")
    source.write(tmp_path / "plain")
    path = tmp_path / "plain" / WEEK
    text = path.read_bytes()
    head, _, rows = text.partition(b"\n")
    lines = [line.replace(b",40.0,", b",40,0,", 1) for line in rows.splitlines()]
    one_more = b"\n".join(line for line in lines if line.count(b",") == head.count(b",") + 1)
    path.write_bytes(head + b"\n" + one_more + b"\n")
    with pytest.raises(ReaderError, match=r"has 17 of 16 fields .* are there decimal commas, or"):
        read_tracking(tmp_path / "plain")


@pytest.mark.parametrize("words", [("l", "r"), ("L", "R"), (" Left ", "RIGHT")])
def test_a_direction_of_one_letter_is_read(words, tmp_path):
    source = made_set("bdb_2023", MadePlay(play=1), MadePlay(play=2, right=False))
    left, right = words
    source = source.change(WEEK, pl.col("playDirection").replace({"left": left, "right": right}))
    blocks, report = read_tracking(source.write(tmp_path))
    assert report.flagged.is_empty()
    assert blocks[0].plays["rotated"].to_list() == [False, True]


@pytest.mark.parametrize("by", ["frame", "player"])
def test_a_play_over_two_files_is_said_to_be(by, tmp_path):
    source = two_plays("bdb_2023")
    rows = source.tracking[WEEK]
    part = pl.col("frameId") > 20 if by == "frame" else pl.col("nflId") == 30012
    moved = (pl.col("playId") == 1) & part.fill_null(value=False)
    source.tracking = {WEEK: rows.filter(~moved), "week2.csv": rows.filter(moved)}
    blocks, report = read_tracking(source.write(tmp_path))
    assert [play for block in blocks for play in block.plays["play_id"]] == [2]
    assert report.left_out["play_id"].to_list() == [1, 1]
    files = f"{tmp_path / WEEK}, {tmp_path / 'week2.csv'}"
    for detail in report.left_out["detail"]:
        assert detail.endswith(f"; rows of this play are in 2 files ({files}): put them into one")


def test_a_frame_number_beyond_all_bounds_names_its_column(tmp_path):
    source = changed(two_plays("bdb_2023"), WEEK, frameId=pl.col("frameId") + 10**10)
    _, report = read_tracking(source.write(tmp_path))
    assert report.left_out.select("play_id", "detail").rows() == [
        (1, "snap_frame (column frameId, at most 2147483647) is 10000000006")
    ]


def test_zero_bytes_at_the_end_are_named(tmp_path):
    two_plays("bdb_2023").write(tmp_path)
    path = tmp_path / WEEK
    path.write_bytes(path.read_bytes() + bytes(512))
    _, report = read_tracking(tmp_path)
    # 23 entities in 40 frames.
    said = "the file is cut off: it ends in 512 zero bytes: get it anew; of its last play, which is"
    said += " not read, it has 920 whole rows"
    assert report.left_out.select("play_id", "reason", "detail").rows() == [
        (2, "file cut off", said)
    ]
    (check,) = (check for check in report.files[0].checks if check.name == "unreadable rows")
    assert check.decision == "ok"


def test_an_id_of_twenty_digits_says_what_an_id_must_be(tmp_path):
    source = two_plays("bdb_2023")
    ids = pl.col("nflId").cast(pl.String)
    source.tracking[WEEK] = source.tracking[WEEK].with_columns(ids)
    source = changed(source, WEEK, ids == "30012", nflId="1" * 20)
    _, report = read_tracking(source.write(tmp_path))
    (detail,) = report.left_out["detail"]
    assert f"the column nflId is '{'1' * 20}' in row" in detail
    assert detail.endswith(
        "; an id must be a whole number of at most 18 digits, or all must be text"
    )


def test_blanks_around_ids_of_text_are_no_part_of_them(tmp_path):
    source = two_plays("bdb_2023")
    for name in (WEEK, "players.csv"):
        files = source.tracking if name == WEEK else source.tables
        files[name] = files[name].with_columns(nflId=pl.format(" P{} ", "nflId"))
    blocks, _ = read_tracking(source.write(tmp_path))
    keys = blocks[0].players["player_key"].drop_nulls().unique().sort()
    assert keys.to_list() == [f"P{number}" for number in range(30000, 30022)]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["o"], "the columns of orientation, but lacks o: rename them, or declare a set without "
         "them in a column map, with orientation unknown."),
        (["s", "a", "dir", "o"], "the columns of speed, acceleration, direction and orientation, "
         "but lacks s, a, dir, o: rename them, or declare a set without them in a column map, with "
         "speed, acceleration and direction derived from positions and orientation unknown."),
    ],
)  # fmt: skip
def test_missing_columns_of_motion_are_named_with_what_follows(columns, said, tmp_path):
    source = two_plays("bdb_2023")
    source.tracking[WEEK] = source.tracking[WEEK].drop(columns)
    with pytest.raises(ReaderError) as raised:
        read_tracking(source.write(tmp_path))
    start = f"{tmp_path / WEEK}: a file of the bdb_2023 layout must have "
    assert str(raised.value) == start + said


def test_a_renamed_column_of_motion_is_named(tmp_path):
    source = two_plays("bdb_2023")
    source.tracking[WEEK] = source.tracking[WEEK].rename({"s": "speed", "dir": "heading"})
    with pytest.raises(ReaderError, match="but lacks s; the nearest is 'speed', dir: rename them"):
        read_tracking(source.write(tmp_path))


@pytest.mark.parametrize("name", ["plays.parquet", "players.csv", "games.csv"])
@pytest.mark.parametrize("beside", [False, True])
def test_tracking_that_has_the_name_of_a_table_is_named(name, beside, tmp_path):
    source = two_plays("bdb_2023")
    rows = source.tracking[WEEK]
    if not beside:
        source.tracking.clear()
    source.tables.pop(name.replace("parquet", "csv"))
    source.tables[name] = rows
    with pytest.raises(ReaderError) as raised:
        read_tracking(source.write(tmp_path))
    assert str(raised.value) == (
        f"{tmp_path / name} has the name of a table and tracking rows (columns x and y by frame): "
        "name it as tracking, such as week1, and put the table in its place."
    )


def test_of_a_play_with_two_flags_each_says_its_own_cell(tmp_path):
    source = changed(two_plays("bdb_2023"), "plays.csv", passResult="IN", prePenaltyPlayResult=99.0)
    _, report = read_tracking(source.write(tmp_path))
    first = {flag: said for flag, _, said in report.flags().iter_rows()}
    assert len(first) == 2
    play = "game 2022091100, play 1"
    told = first["a result unlike the description"]
    assert told.startswith(f"{play}: pass_result is 'IN', the description says C: ")
    assert "99" not in told
    assert first["more yards than there are to the goal line"] == (
        f"{play}: yards_to_go is 10, yards_gained 99, to the goal line 65.0"
    )


@pytest.mark.parametrize(
    ("last", "words", "more"),
    [
        ("pass_forward", "A.Player0 pass short right to A.Player7 for 9 yards.",
         ", but the events have pass_forward and the description says C"),
        ("qb_sack", "A.Player0 sacked at KC 20 for -7 yards.",
         ", but the events have qb_sack and the description says S"),
        ("pass_forward", "B.Player1 punts 50 yards.", ""),
        ("handoff", "A.Player0 pass short right.", ""),
    ],
)  # fmt: skip
def test_a_dropback_without_a_result_is_told_by_its_other_sources(last, words, more, tmp_path):
    plays = MadePlay(play=1, events={6: "ball_snap", 26: last}), MadePlay(play=2)
    source = two_plays("bdb_2019", *plays)
    source = changed(source, "plays.csv", PassResult="NA", playDescription=words)
    _, report = read_tracking(source.write(tmp_path))
    left = report.left_out.select("play_id", "reason", "detail").rows()
    assert left == [(1, "not a dropback", f"pass result none, kind none{more}")]
