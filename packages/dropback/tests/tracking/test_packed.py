"""Files of another kind than their name says, damaged archives, and what grows beyond measure."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import zipfile

import polars as pl
import pytest

from dropback.errors import ReaderError
from dropback.tracking import read_tracking
from dropback.tracking.readers._cut_zips import open_zip
from dropback.tracking.readers._heads import cut_heads
from dropback.tracking.readers._packed import MOST_GROWTH, read_text
from examples.tracking_sets import MadePlay, made_set

WEEK = "tracking_week_1.csv"


@pytest.fixture
def folder(tmp_path):
    return made_set("bdb_2025", MadePlay(play=1), MadePlay(play=2)).write(tmp_path / "set")


def kept(path):
    blocks, report = read_tracking(path)
    return sum(block.plays.height for block in blocks), report


def test_gzip_and_parquet_named_csv_are_read(folder, tmp_path):
    week = folder / WEEK
    text = week.read_bytes()
    week.write_bytes(gzip.compress(text))
    assert kept(folder)[0] == 2
    assert cut_heads(folder, tmp_path / "heads").share == 1.0
    assert (tmp_path / "heads" / WEEK).read_bytes() == text
    pl.read_csv(text, null_values="NA").write_parquet(week)
    plays = folder / "plays.csv"
    plays.write_bytes(gzip.compress(plays.read_bytes()))
    assert kept(folder)[0] == 2


def tar_of(content):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo("week.csv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (tar_of, "is a tar archive: unpack it"),
        (bz2.compress, "is packed by bzip2: unpack it"),
        (lambda text: b"PK\x03\x04" + text, "is a zip file or a spreadsheet"),
        (lambda text: text.replace(b"\n", b"\r"), "lines must end in a line feed"),
        (lambda text: gzip.compress(text)[:40], "is a damaged gzip file: .*: get it anew"),
        (lambda text: gzip.compress(text)[:10] + b"\xff" * 99, "is a damaged gzip file"),
    ],
)
def test_a_file_of_another_kind_is_one_sentence(made, words, folder):
    week = folder / WEEK
    week.write_bytes(made(week.read_bytes()))
    with pytest.raises(ReaderError, match=rf"^\S*{WEEK}.*{words}[^\n]*\.$"):
        read_tracking(folder)


def test_gzip_that_grows_beyond_measure_is_not_read(folder):
    week = folder / WEEK
    text = week.read_bytes()
    week.write_bytes(gzip.compress(text + b"\n" * 8_000_000))
    _, report = kept_or_none(folder)
    assert report.left_out["reason"].to_list() == ["file cannot be read"]
    assert f"{MOST_GROWTH} times its size, as no data does" in report.left_out["detail"][0]
    with pytest.raises(ReaderError, match="grows to more than"):
        read_text(week)
    with pytest.raises(ReaderError, match=rf"holds no play: \S*{WEEK}: grows to .* not read\.$"):
        read_tracking(week)


def kept_or_none(folder):
    made_set("bdb_2025", MadePlay(play=3)).write(folder / "other")
    return kept(folder)


def zipped(folder, method=zipfile.ZIP_DEFLATED, stream=False):
    """Two weeks and their tables as an archive's bytes, and the places of its members."""
    file = io.BytesIO()
    target = Unseekable(file) if stream else file
    with zipfile.ZipFile(target, "w", method) as archive:
        for path in sorted(folder.glob("*.csv")):
            archive.write(path, path.name)
        archive.writestr("tracking_week_2.csv", (folder / WEEK).read_text())
    with zipfile.ZipFile(file) as archive:
        places = {member.filename: member.header_offset for member in archive.infolist()}
    return file.getvalue(), places


class Unseekable(io.RawIOBase):
    """A pipe, to which sizes are written behind the members."""

    def __init__(self, file):
        self._file = file

    def writable(self):
        return True

    def write(self, content):
        return self._file.write(content)


@pytest.mark.parametrize("stream", [False, True])
def test_the_whole_files_of_a_zip_that_is_cut_off_are_read(stream, folder, tmp_path):
    content, places = zipped(folder, stream=stream)
    archive = tmp_path / "set.zip"
    archive.write_bytes(content[: places["tracking_week_2.csv"] + 200])
    number, report = kept(archive)
    assert number == 2
    unread = report.left_out.filter(reason="file not read").sort("source_file")
    assert unread["source_file"].str.extract(r"([^/]+)$").to_list() == [
        "set.zip",
        "tracking_week_2.csv",
    ]
    said = f"{archive} is cut off: 6 of its files begin before that, the last is "
    assert unread["detail"][0].startswith(f"{said}tracking_week_2.csv, and what follows is lost")
    assert unread["detail"][1] == f"{archive} is cut off within tracking_week_2.csv: get it anew."


def test_a_zip_cut_within_a_table_names_it(folder, tmp_path):
    content, places = zipped(folder)
    archive = tmp_path / "set.zip"
    archive.write_bytes(content[: places["plays.csv"] + 200])
    with pytest.raises(ReaderError, match=r"set\.zip is cut off within plays\.csv: get it anew\.$"):
        read_tracking(archive)


def test_a_zip_cut_within_its_first_file_is_refused(folder, tmp_path):
    content, _ = zipped(folder)
    archive = tmp_path / "set.zip"
    archive.write_bytes(content[:20])
    with pytest.raises(ReaderError, match=r"set\.zip is not a readable zip file"):
        read_tracking(archive)


def test_members_of_a_cut_zip_are_those_of_the_whole(folder, tmp_path):
    content, places = zipped(folder, stream=True)
    with zipfile.ZipFile(io.BytesIO(content)) as whole:
        expected = {name: whole.read(name) for name in places}
        end = whole.start_dir
    archive = tmp_path / "set.zip"
    archive.write_bytes(content[:end])
    found, is_cut = open_zip(archive)
    with found:
        assert is_cut
        assert {name: found.read(name) for name in found.namelist()} == expected


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED]
)
def test_a_damaged_member_of_any_method_costs_itself(method, folder, tmp_path):
    content, places = zipped(folder, method)
    at = places["tracking_week_2.csv"] + 120
    archive = tmp_path / "set.zip"
    archive.write_bytes(content[:at] + bytes(byte ^ 0x55 for byte in content[at : at + 40])
                        + content[at + 40 :])  # fmt: skip
    number, report = kept(archive)
    assert number == 2
    (why,) = report.left_out.filter(reason="file not read")["detail"]
    assert "is not a readable zip file at tracking_week_2.csv" in why


def test_an_unpacked_file_is_named_as_the_user_knows_it(folder, tmp_path):
    players = folder / "players.csv"
    header, first, *others = players.read_text().splitlines()
    at = header.split(",").index("height")
    cells = first.split(",")
    cells[at] = "tall"
    players.write_text("\n".join([header, ",".join(cells), *others]))
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in folder.iterdir():
            packed.write(file, file.name)
    report = kept(archive)[1].files[0]
    told = [check.evidence for check in report.checks if "'height'" in check.evidence]
    assert told
    assert all(text.startswith(f"{archive}/players.csv: ") for text in told)
    assert "/set/" not in f"{report}"


def test_a_second_table_of_other_content_is_named(folder):
    plays = folder / "plays.csv"
    (folder / "plays.csv.gz").write_bytes(gzip.compress(plays.read_bytes()))
    assert "is not read" not in f"{kept(folder)[1].files[0].checks}"
    pl.read_csv(plays, infer_schema=False).head(1).write_parquet(folder / "plays.parquet")
    number, report = kept(folder)
    assert number == 2
    told = [check for check in report.files[0].checks if "is not read" in check.evidence]
    assert [check.decision for check in told] == ["wrong, not corrected"]
    assert told[0].evidence.startswith(
        f"{folder}/plays.parquet is not read, because plays.csv stands beside it with other content"
    )


def zipped_with(folder, place):
    """The set as an archive beside it, each file under the name that `place` gives it."""
    archive = folder.parent / "set.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.glob("*.csv")):
            packed.writestr(place(path.name), path.read_bytes())
    return archive


def test_a_zip_with_backslashes_in_its_names_is_read(folder, tmp_path):
    archive = zipped_with(folder, lambda name: f"week 1\\data\\{name}")
    with zipfile.ZipFile(archive, "a") as packed:
        packed.writestr("week 1\\", b"")
        packed.writestr("__MACOSX\\week 1\\._plays.csv", b"of Finder")
    assert kept(archive)[0] == 2
    assert cut_heads(archive, tmp_path / "heads").files == 1
    assert (tmp_path / "heads" / "week 1" / "data" / WEEK).is_file()
    plays = folder / "plays.csv"
    with zipfile.ZipFile(f"{plays}.zip", "w") as packed:
        packed.writestr("data\\plays.csv", plays.read_bytes())
    plays.unlink()
    assert kept(folder)[0] == 2


def test_a_path_outside_by_backslashes_is_refused_and_nothing_written(folder, tmp_path):
    archive = zipped_with(folder, lambda name: name if name != WEEK else f"..\\..\\{name}")
    words = rf"holds '..\\\\..\\\\{WEEK}', a path outside itself: it is not unpacked\.$"
    with pytest.raises(ReaderError, match=words):
        read_tracking(archive)
    assert {path.name for path in tmp_path.iterdir()} == {"set", "set.zip"}


def encrypted(archive):
    """Mark each member of an archive as encrypted, in its own header and in the list."""
    content = bytearray(archive.read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(mark)
        while place >= 0:
            content[place + flags] |= 1
            place = content.find(mark, place + 1)
    archive.write_bytes(content)
    return archive


def test_an_encrypted_zip_is_one_sentence(folder, tmp_path):
    archive = encrypted(zipped_with(folder, lambda name: name))
    words = r"set\.zip: games\.csv is encrypted, which needs a password: unpack it, and name the "
    for read in (read_tracking, lambda path: cut_heads(path, tmp_path / "heads")):
        with pytest.raises(ReaderError, match=words):
            read(archive)
    plays = folder / "plays.csv"
    with zipfile.ZipFile(f"{plays}.zip", "w") as packed:
        packed.writestr("plays.csv", plays.read_bytes())
    plays.unlink()
    encrypted(folder / "plays.csv.zip")
    with pytest.raises(ReaderError, match=r"plays\.csv\.zip: plays\.csv is encrypted"):
        read_tracking(folder)
