"""One set in every packing and spelling reads the same; what cannot be read is one sentence."""

import gzip
import hashlib
import re
import zipfile
from functools import cache

import numpy as np
import polars as pl
import pytest

from dropback.errors import DropbackError, ReaderError
from dropback.tracking import build_tensors, ingest, open_tracking, read_tracking
from dropback.tracking.readers._ids import id_number
from examples.tracking_sets import MadePlay, made_set

NAME = "tracking_week_1.csv"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The folder of a set, and its block."""
    folder = made_set("bdb_2025").write(tmp_path_factory.mktemp("plain") / "set")
    (block,), _ = read_tracking(folder)
    return folder, block


def same(found, block):
    (own,) = found
    np.testing.assert_array_equal(own.frames, block.frames)
    other = ["source_file"]
    assert own.plays.drop(other).equals(block.plays.drop(other))
    assert own.players.equals(block.players)


def as_gzip(file):
    file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))


def as_zip(file):
    with zipfile.ZipFile(f"{file}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(file, file.name)


def as_parquet(file):
    table = pl.read_csv(file, null_values=["NA"], infer_schema_length=None)
    table.write_parquet(file.with_suffix(".parquet"))


def as_tsv(file):
    text = pl.read_csv(file, infer_schema=False).write_csv(separator="\t")
    file.with_suffix(".tsv").write_text(text)


def in_capitals(file):
    file.with_name(f"{file.stem.title()}.CSV").write_bytes(file.read_bytes())


def as_gzip_in_capitals(file):
    file.with_name(f"{file.stem.upper()}.CSV.GZ").write_bytes(gzip.compress(file.read_bytes()))


def as_parquet_in_capitals(file):
    table = pl.read_csv(file, null_values=["NA"], infer_schema_length=None)
    table.write_parquet(file.with_name(f"{file.stem.upper()}.PARQUET"))


PACKINGS = [
    *(as_gzip, as_zip, as_parquet, as_tsv, in_capitals),
    *(as_gzip_in_capitals, as_parquet_in_capitals),
]


@pytest.mark.parametrize("pack", PACKINGS)
@pytest.mark.parametrize("which", ["tables", "all"])
def test_every_packing_of_a_set_reads_the_same(pack, which, plain, tmp_path):
    _, block = plain
    folder = made_set("bdb_2025").write(tmp_path / "set")
    files = [f for f in sorted(folder.iterdir()) if which == "all" or f.name != NAME]
    assert len(files) >= 4
    for file in files:
        content = file.read_bytes()
        pack(file)
        # On a disk that does not tell cases apart the packed file may be the file itself.
        if (file.read_bytes() == content and pack is not in_capitals) or pack is in_capitals:
            file.unlink()
    same(read_tracking(folder)[0], block)


def snake(name: str) -> str:
    """As R's janitor::clean_names does it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|\.", "_", name).lower()


@pytest.fixture(scope="module")
def as_documented(tmp_path_factory):
    """The block of a layout in its own spelling."""

    def read(layout):
        (block,), _ = read_tracking(made_set(layout).write(tmp_path_factory.mktemp("own") / "set"))
        return block

    return cache(read)


@pytest.mark.parametrize(
    "layout", ["bdb_2019", "bdb_2021", "bdb_2023", "bdb_2025", "ngs_highlights"]
)
@pytest.mark.parametrize("spelled", [snake, str.upper, str.lower])
def test_columns_are_told_in_any_case(layout, spelled, as_documented, tmp_path):
    source = made_set(layout)
    for files in (source.tracking, source.tables):
        for name, table in files.items():
            files[name] = table.rename(spelled)
    found, report = read_tracking(source.write(tmp_path / "spelled"))
    same(found, as_documented(layout))
    assert report.files[0].source_format == layout


@pytest.mark.parametrize("folder_inside", ["", "data/"])
@pytest.mark.sample(1)
def test_a_zip_as_downloaded_reads_like_its_files(folder_inside, plain, tmp_path):
    folder, block = plain
    archive = tmp_path / "nfl-big-data-bowl-2025.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in folder.iterdir():
            packed.write(file, f"{folder_inside}{file.name}")
        packed.writestr("README.txt", "read me")
        packed.writestr("notes.csv", "a,b\n1,2\n")
        # As Finder packs each file, and as some tools keep theirs.
        packed.writestr(f"__MACOSX/{folder_inside}._{NAME}", "a,b\n1,2\n")
        packed.writestr(f"{folder_inside}.hidden.csv", "a,b\n1,2\n")
    blocks, looked = read_tracking(archive)
    same(blocks, block)
    report = ingest(archive, tmp_path / "plays")
    assert report.plays_kept == 1
    for found in (looked, report):
        # Named by the archive, not by where it was unpacked.
        (unread,) = found.left_out["detail"]
        assert unread.startswith(f"{archive}/notes.csv: its columns are of no known")
        assert found.left_out["source_file"].to_list() == [f"{archive}/notes.csv"]
        (file,) = found.files
        assert file.source_file == f"{archive}/{folder_inside}{NAME}"
    assert ingest(archive, tmp_path / "plays").resumed_files == 1
    assert not (tmp_path / "plays/unzipped").exists()
    tensors, _ = build_tensors(archive, tmp_path / "tensors")
    assert len(tensors) == len(open_tracking(archive)) == 1


def packed_set(tmp_path, name, content):
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, content)
    return archive


def test_events_are_told_in_any_case_and_with_blanks_around_them(plain, tmp_path):
    source = made_set("bdb_2025").change(NAME, pl.col("event").str.to_titlecase() + " ")
    same(read_tracking(source.write(tmp_path))[0], plain[1])


def test_blanks_around_names_of_columns_and_cells_of_tables_are_none(plain, tmp_path):
    for file in plain[0].iterdir():
        header, body = file.read_text().split("\n", 1)
        if file.name != NAME:
            body = body.replace(",", " , ")
        (tmp_path / file.name).write_text(header.replace(",", " , ") + "\n" + body)
    found, report = read_tracking(tmp_path)
    same(found, plain[1])
    assert not report.files[0].failed


def test_a_damaged_week_of_a_zip_is_named_and_the_others_are_read(plain, tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for file in plain[0].iterdir():
            packed.write(file, file.name)
        packed.writestr("tracking_week_2.csv", b"gameId," * 1000)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"gameId,gameId,gameId", b"gameId,gameXd,gameId", 1))
    report = ingest(path, tmp_path / "plays")
    assert (report.plays_kept, report.plays_read) == (1, 1)
    ((file, why, detail),) = report.files_not_read().rows()
    assert (file, why) == (f"{path}/tracking_week_2.csv", "file not read")
    assert detail.startswith(
        f"{path} is not a readable zip file at tracking_week_2.csv: Bad CRC-32"
    )


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("../week1.csv", "a,b", "a path outside itself"),
        ("/etc/week1.csv", "a,b", "a path outside itself"),
        ("..\\week1.csv", "a,b", "a path outside itself"),
        ("week1.csv", b"\0" * (1 << 24), "more than 200 times"),
        ("readme.csv", "a,b\n1,2\n", "its columns are of no known tracking layout"),
        ("readme.txt", "a,b", r"set\.zip holds no tracking file"),
        ("week1.csv.zip", "a,b", r"set\.zip holds other zip files \(week1\.csv\.zip\)"),
    ],
)
def test_a_zip_that_is_no_set_is_one_sentence(name, content, words, tmp_path):
    with pytest.raises(ReaderError, match=words):
        read_tracking(packed_set(tmp_path, name, content))
    assert [file.name for file in tmp_path.rglob("*")] == ["set.zip"]


def test_a_damaged_zip_is_one_sentence(plain, tmp_path):
    archive = packed_set(tmp_path, NAME, (plain[0] / NAME).read_text())
    content = bytearray(archive.read_bytes())
    content[200:260] = bytes(60)
    archive.write_bytes(content)
    with pytest.raises(ReaderError, match=r"set\.zip is not a readable zip file"):
        read_tracking(archive)
    archive.write_text("no zip")
    with pytest.raises(ReaderError, match=r"set\.zip is not a readable zip file"):
        read_tracking(archive)


@pytest.mark.parametrize("value", ["inf", "nan", "x", "9" * 40])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("plays.csv", "gameId"), ("plays.csv", "playId"), ("plays.csv", "down"),
        ("plays.csv", "quarter"), ("plays.csv", "absoluteYardlineNumber"),
        ("plays.csv", "gameClock"), ("games.csv", "gameId"), ("games.csv", "week"),
        ("players.csv", "nflId"), ("players.csv", "weight"), ("player_play.csv", "nflId"),
        ("player_play.csv", "gameId"), (NAME, "gameId"), (NAME, "playId"), (NAME, "nflId"),
        (NAME, "frameId"), (NAME, "x"), (NAME, "time"),
    ],
)  # fmt: skip
def test_no_value_of_a_cell_ends_in_a_traceback(table, column, value, tmp_path):
    source = made_set("bdb_2025", MadePlay(play=64), MadePlay(play=100))
    files = source.tracking if table == NAME else source.tables
    first = pl.int_range(pl.len()) == 0
    files[table] = files[table].with_columns(pl.all().cast(pl.String)).with_columns(
        pl.when(first).then(pl.lit(value)).otherwise(column).alias(column)
    )  # fmt: skip
    message = refusal(source.write(tmp_path))
    assert "\n" not in message
    assert not message or table.split(".")[0] in message


def refusal(folder):
    """The sentence that refuses a set, or nothing where a play of it is kept."""
    try:
        _, report = read_tracking(folder)
    except DropbackError as error:
        return str(error)
    assert report.plays_kept >= 1
    return ""


@pytest.mark.parametrize("lost", ["time", "event", "s", "playDirection"])
def test_a_column_held_twice_or_missing_is_named(lost, tmp_path):
    folder = made_set("bdb_2025").write(tmp_path)
    text = (folder / NAME).read_text()
    header, rest = text.split("\n", 1)
    twice = ",".join("frameId" if name == lost else name for name in header.split(","))
    (folder / NAME).write_text(f"{twice}\n{rest}")
    with pytest.raises(ReaderError, match="the header has 'frameId' twice"):
        read_tracking(folder)
    table = pl.read_csv(folder / NAME, infer_schema=False, has_header=False, skip_rows=1)
    table.columns = header.split(",")
    table.drop(lost).write_csv(folder / NAME)
    with pytest.raises(ReaderError, match=rf"lacks {lost}[.:]|also needs {lost}\."):
        read_tracking(folder)


GSIS = pl.format("00-00{}", "nflId")


@pytest.mark.parametrize(("text", "gsis"), [(GSIS, True), (pl.format("player {}", "nflId"), False)])
@pytest.mark.parametrize("layout", ["bdb_2025", "bdb_2021"])
def test_players_of_any_ids_are_told_apart_and_keep_them(text, gsis, layout, tmp_path):
    (right,), _ = read_tracking(made_set(layout).write(tmp_path / "numbers"))
    source = made_set(layout)
    for files in (source.tracking, source.tables):
        for name, table in files.items():
            own = "nflId" if "nflId" in table.columns else "targetNflId"
            if own in table.columns:
                numbered = table.with_columns(pl.col(own).cast(pl.Int64).alias("nflId"))
                files[name] = numbered.with_columns(text.alias(own)).select(table.columns)
    (block,), _ = read_tracking(source.write(tmp_path / "text"))
    np.testing.assert_array_equal(block.frames, right.frames)
    number = right.players["player_id"].cast(pl.String)
    expected = [None if n is None else f"00-00{n}" if gsis else f"player {n}" for n in number]
    assert block.players["player_key"].to_list() == expected
    assert block.players["gsis_id"].to_list() == (expected if gsis else [None] * len(expected))
    assert block.players["player_id"].n_unique() == right.players["player_id"].n_unique()
    # Names and positions of the table of players, and roles of the set's own, are joined by them.
    for column in ("position", "display_name", "role", "height_in"):
        assert block.players[column].equals(right.players[column]), column


def test_the_number_of_a_text_id_is_the_same_in_every_file_and_run():
    ids = pl.DataFrame({"id": ["00-0033873", "12", "12.0", "NA", None, "inf", "00-0033873"]})
    first, *others = ids.select(id_number("id")).to_series().to_list()
    # blake2b("00-0033873"), 8 bytes, its lowest 60 bits above 2**60.
    digest = int.from_bytes(hashlib.blake2b(b"00-0033873", digest_size=8).digest(), "big")
    assert first == (1 << 60) + digest % (1 << 60)
    assert others == [12, 12, None, None, None, first]


def test_ids_of_eighteen_digits_are_not_merged(tmp_path):
    """As floats all 22 would be one."""
    source = made_set("bdb_2025")
    for files in (source.tracking, source.tables):
        for name, table in files.items():
            if "nflId" in table.columns:
                files[name] = table.with_columns(nflId=pl.col("nflId") + 123456789012300000)
    (block,), _ = read_tracking(source.write(tmp_path))
    ids = block.players["player_id"].drop_nulls()
    assert sorted(ids) == [123456789012300000 + 30000 + number for number in range(22)]


@pytest.mark.parametrize("column", ["gameId", "playId"])
@pytest.mark.parametrize("where", ["rows", "table"])
def test_games_and_plays_that_are_no_numbers_are_refused_with_column_and_cell(
    column, where, tmp_path
):
    source = made_set("bdb_2025")
    files, name = (source.tracking, NAME) if where == "rows" else (source.tables, "plays.csv")
    files[name] = files[name].with_columns(pl.lit("b3e1-77").alias(column))
    with pytest.raises(ReaderError, match=rf"{name}: .*'{column}' must be .*got 'b3e1-77'\.$"):
        read_tracking(source.write(tmp_path))


@pytest.mark.parametrize("right", [True, False])
def test_a_prediction_folder_is_told_by_its_rows(right, tmp_path):
    """2026's: `train/input_*.csv` alone, as handed out for prediction."""
    play = MadePlay(right=right)
    (whole,), _ = read_tracking(made_set("bdb_2026", play).write(tmp_path / "whole"))
    source = made_set("bdb_2026", play)
    source.tracking["input_2023_w01.csv"] = source.tracking["input_2023_w01.csv"].with_columns(
        absolute_yardline_number=pl.lit(45.0 if right else 75.0)
    )
    source.tables = {}
    (block,), report = read_tracking(source.write(tmp_path / "train"))
    np.testing.assert_array_equal(block.frames, whole.frames)
    assert block.players.equals(whole.players)
    row = block.plays.row(0, named=True)
    assert row["line_of_scrimmage_x_yd"] == 45.0
    assert row["down"] is row["pass_result"] is row["offense"] is None
    checks = {check.name: check.decision for check in report.files[0].checks}
    assert checks["nullified plays"] == "not measurable"


def zipped_plays(folder, files):
    """The set with its table of plays as an archive of these files."""
    folder = made_set("bdb_2025").write(folder)
    plays = folder / "plays.csv"
    with zipfile.ZipFile(f"{plays}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(name, plays.read_text() if text is None else text)
    plays.unlink()
    return folder


def test_what_finder_adds_to_a_table_is_passed_over(plain, tmp_path):
    files = {"plays.csv": None, "__MACOSX/._plays.csv": "of Finder"}
    same(read_tracking(zipped_plays(tmp_path / "set", files))[0], plain[1])


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"plays.csv": None, "old.csv": None}, r"must hold one file, the table, and holds 2"),
        ({}, r"must hold one file, the table, and holds 0"),
        ({"../plays.csv": None}, "a path outside itself"),
        ({"plays.csv": "0" * 4_000_000}, "more than 200 times"),
    ],
)
def test_an_archive_that_is_no_table_is_refused_by_name(files, said, tmp_path):
    with pytest.raises(ReaderError, match=rf"plays.csv.zip.*{said}"):
        read_tracking(zipped_plays(tmp_path / "set", files))
