"""Tables that are packed in zips of their own names, copied over each other, or play-by-play."""

import shutil
import zipfile

import polars as pl
import pytest

from dropback.errors import ReaderError
from dropback.tracking import ingest, read_tracking
from examples.play_by_play_rows import COMPLETION
from examples.tracking_sets import MadePlay, made_set


def packed(archive, *files):
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for file in files:
            target.write(file, file.name)
            file.unlink()


def read(folder):
    blocks, report = read_tracking(folder)
    checks = {check.name: check.evidence for check in report.files[0].checks}
    return [block.plays.drop("source_file").rows() for block in blocks], checks.get(
        "tables of the set"
    )


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("stems", [["plays"], ["players"], ["games"], ["plays", "games"]])
def test_a_table_in_a_zip_of_its_name_is_read(stems, upper, tmp_path):
    folder = made_set("bdb_2019").write(tmp_path / "set")
    want = read(folder)
    for stem in stems:
        name = f"{stem}.zip".upper() if upper else f"{stem}.zip"
        packed(folder / name, folder / f"{stem}.csv")
    assert read(folder) == want


def test_a_set_in_a_zip_with_the_name_of_a_table_is_unpacked(tmp_path):
    folder = made_set("bdb_2019").write(tmp_path / "set")
    want = read(folder)
    packed(folder / "plays.zip", *folder.iterdir())
    assert read(folder) == want
    # Beside a week in a zip of its own, too.
    shutil.rmtree(folder)
    made_set("bdb_2019").write(folder)
    (week,) = folder.glob("tracking*")
    packed(folder / "week.zip", week)
    packed(folder / "plays.zip", folder / "plays.csv")
    assert read(folder) == want


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("players.csv", "plays.csv", "plays.csv has the columns of players.csv ('"),
        ("plays.csv", "players.csv", "players.csv has the columns of plays.csv ('"),
        ("games.csv", "players.csv", "players.csv has the columns of games.csv ('"),
        ("games.csv", "plays.csv", "plays.csv has the columns of games.csv ('"),
        ("plays.csv", "games.csv", "games.csv has the columns of plays.csv ('"),
        ("players.csv", "games.csv", "games.csv has the columns of players.csv ('"),
    ],
)
@pytest.mark.parametrize("layout", ["bdb_2019", "bdb_2021"])
def test_a_table_copied_over_another_is_named(layout, source, target, said, tmp_path):
    folder = made_set(layout).write(tmp_path / "set")
    shutil.copy(folder / source, folder / target)
    with pytest.raises(ReaderError) as caught:
        read_tracking(folder)
    assert said in str(caught.value)
    assert str(caught.value).endswith(f": put the table {target} in its place.")


# The columns of the real tables that tell of a player in a play.
OF_PLAYERS_IN_PLAYS = {
    "player_play.csv": ("wasTargettedReceiver", "causedPressure"),
    "pffScoutingData.csv": ("pff_role", "pff_hit"),
    "tackles.csv": ("tackle", "assist"),
}


@pytest.mark.parametrize("target", ["games.csv", "plays.csv", "players.csv"])
@pytest.mark.parametrize("source", OF_PLAYERS_IN_PLAYS)
@pytest.mark.parametrize("layout", ["bdb_2023", "bdb_2025"])
def test_a_table_of_players_in_plays_is_named_where_it_was_copied(layout, source, target, tmp_path):
    folder = made_set(layout).write(tmp_path / "set")
    columns = OF_PLAYERS_IN_PLAYS[source]
    rows = pl.DataFrame({"gameId": [2022091100], "playId": [64], "nflId": [30008]})
    rows.with_columns(pl.lit("0").alias(name) for name in columns).write_csv(folder / target)
    with pytest.raises(ReaderError) as caught:
        read_tracking(folder)
    shown = ", ".join(map(repr, [*columns, "gameId"]))
    assert str(caught.value) == (
        f"{folder / target} has the columns of {source} ({shown}): put the table {target} in its "
        "place."
    )


def test_a_table_without_its_key_says_the_nearest_column(tmp_path):
    source = made_set("bdb_2023")
    for file, key, told in (
        ("plays.csv", "playId", "plays.csv has no column playId, which tells the play"),
        ("players.csv", "nflId", "players.csv has no column nflId, which tells the player"),
    ):
        folder = source.write(tmp_path / key)
        pl.read_csv(folder / file).rename({key: f"old{key}"}).write_csv(folder / file)
        with pytest.raises(ReaderError, match=f"{told}.*; the nearest is 'old{key}'. No pla"):
            read_tracking(folder)


@pytest.mark.parametrize("layout", ["bdb_2019", "bdb_2021", "bdb_2023", "bdb_2024", "bdb_2025"])
def test_a_missing_column_of_jersey_numbers_is_told(layout, tmp_path):
    source = made_set(layout, MadePlay())
    folder = source.write(tmp_path / "set")
    _, report = read_tracking(folder)
    name = "columns of the tables"
    told = {check.name: check.evidence for check in report.files[0].checks}.get(name, "")
    assert "jersey" not in told
    (file,) = (folder / name for name in source.tracking)
    pl.read_csv(file, infer_schema=False).drop("jerseyNumber").write_csv(file)
    _, report = read_tracking(folder)
    told = {check.name: check.evidence for check in report.files[0].checks}[name]
    assert f"{file.name} has no column jerseyNumber, which tells the jersey number" in told


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("alone", [False, True])
def test_play_by_play_is_named_with_the_command_that_reads_it(ending, alone, tmp_path):
    folder = tmp_path / "pbp"
    folder.mkdir()
    file = folder / f"play_by_play_2022.{ending}"
    table = pl.DataFrame([COMPLETION])
    table.write_csv(file) if ending == "csv" else table.write_parquet(file)
    path = file if alone else folder
    with pytest.raises(ReaderError) as caught:
        ingest(path, tmp_path / "out")
    assert str(caught.value) == (
        f"{path} is play-by-play, not tracking ({file.name} has nflverse's columns): it is read "
        f"as it is, as by `dropback train {path} --out RUN`."
    )


@pytest.mark.parametrize(
    ("renamed", "said"),
    [
        ({"nflId": "nflIdNumber", "frameId": "frames"},
         "which also needs frameId, nflId (nearest here: 'frames' for frameId, 'nflIdNumber' for "
         "nflId). Another layout"),
        # Nothing that is there is near to it.
        ({"playDirection": "d"}, "which also needs playDirection. Another layout"),
        ({"playDirection": "dirs"}, "which also needs playDirection. Another layout"),
    ],
)  # fmt: skip
def test_absent_columns_of_a_file_are_listed_before_what_is_near_to_them(renamed, said, tmp_path):
    folder = made_set("bdb_2023").write(tmp_path / "set")
    pl.read_csv(folder / "week1.csv", infer_schema=False).rename(renamed).write_csv(
        folder / "week1.csv"
    )
    with pytest.raises(ReaderError) as caught:
        read_tracking(folder)
    assert said in str(caught.value)
