"""Play-by-play from files and frames, and one sentence for each that cannot be read."""

import gzip
import re
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dropback.data import read_play_by_play, select_plays
from dropback.data._play_by_play import PLAY_BY_PLAY_COLUMNS
from dropback.errors import ReaderError, RequestError
from examples.frames import LIBRARIES, converted
from examples.play_by_play_rows import Rows

REQUIRED = [column.name for column in PLAY_BY_PLAY_COLUMNS if column.required]
OPTIONAL = [column.name for column in PLAY_BY_PLAY_COLUMNS if not column.required]


@pytest.fixture
def plays(rows: Rows) -> pl.DataFrame:
    """Two seasons: a completion, an incompletion without a receiver, and a run."""
    thrown_away = {"complete_pass": 0, "incomplete_pass": 1, "receiver_player_id": None}
    run = {"play_type": "run", "air_yards": None, "passer_player_id": None, "desc": 'a "b", c'}
    return rows({}, thrown_away, {"season": 2021, "game_id": "2021_01_KC_BUF", **run})


@pytest.fixture
def folder(plays: pl.DataFrame, tmp_path: Path) -> Path:
    """One file a season."""
    for (season,), table in plays.group_by("season", maintain_order=True):
        table.write_parquet(tmp_path / f"play_by_play_{season}.parquet")
    (tmp_path / "games.parquet").write_text("another table")
    return tmp_path


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("name", ["", "play_by_play_20*.parquet"])
def test_folder_or_glob_holds_all_its_seasons_in_order(
    folder: Path, plays: pl.DataFrame, name: str, kind: type, *, listed: bool
) -> None:
    source = kind(folder / name)
    assert_frame_equal(read_play_by_play([source] if listed else source), plays)


def test_file_is_read_alone(folder: Path, plays: pl.DataFrame) -> None:
    read = read_play_by_play(folder / "play_by_play_2021.parquet")
    assert_frame_equal(read, plays.filter(pl.col("season") == 2021))


def test_list_of_files_is_read_in_its_own_order(folder: Path) -> None:
    files = [folder / "play_by_play_2021.parquet", str(folder / "play_by_play_2020.parquet")]
    assert read_play_by_play(files)["season"].to_list() == [2021, 2020, 2020]


@pytest.mark.parametrize("library", LIBRARIES)
def test_frame_of_any_library_is_taken(plays: pl.DataFrame, library: str) -> None:
    # pandas has no missing whole numbers: they come back as doubles with NaN.
    assert_frame_equal(read_play_by_play(converted(plays, library)), plays)


def test_pandas_categories_are_taken(plays: pl.DataFrame) -> None:
    frame = plays.to_pandas().astype({"posteam": "category", "qtr": "category"})
    frame["down"] = frame["down"].astype(str).astype("category")
    assert_frame_equal(read_play_by_play(frame), plays)


@pytest.mark.parametrize(
    ("name", "null"), [("plays.csv", ""), ("plays.csv", "NA"), ("play_by_play_2020.csv.gz", "")]
)
def test_csv_gives_the_same_frame(
    plays: pl.DataFrame, tmp_path: Path, name: str, null: str
) -> None:
    with (gzip.open if name.endswith("gz") else Path.open)(tmp_path / name, "wb") as file:
        file.write(plays.write_csv(null_value=null).encode())
    # That of a season is found in its folder.
    source = tmp_path if name.endswith("gz") else tmp_path / name
    assert_frame_equal(read_play_by_play(source), plays)


def test_season_held_in_both_formats_is_read_once(folder: Path, plays: pl.DataFrame) -> None:
    plays.filter(pl.col("season") == 2020).write_csv(folder / "play_by_play_2020.csv")
    assert_frame_equal(read_play_by_play(folder), plays)


def test_doubles_of_nflverse_are_whole_numbers(plays: pl.DataFrame, tmp_path: Path) -> None:
    doubles = plays.with_columns(pl.col(pl.Int64).cast(pl.Float64))
    doubles.write_csv(tmp_path / "plays.csv")
    assert "1.0" in (tmp_path / "plays.csv").read_text()
    assert_frame_equal(read_play_by_play(doubles), plays)
    assert_frame_equal(read_play_by_play(tmp_path / "plays.csv"), plays)


def test_extra_columns_are_ignored(plays: pl.DataFrame, tmp_path: Path) -> None:
    more = plays.select(
        pl.lit(0.3).alias("xpass"), *reversed(plays.columns), pl.lit("x").alias("wp")
    )
    more.write_parquet(tmp_path / "plays.parquet")
    assert_frame_equal(read_play_by_play(more), plays)
    assert_frame_equal(read_play_by_play(tmp_path / "plays.parquet"), plays)


@pytest.mark.parametrize("name", OPTIONAL)
def test_missing_optional_column_is_null(plays: pl.DataFrame, name: str) -> None:
    read = read_play_by_play(plays.drop(name))
    assert read[name].null_count() == 3
    assert read.schema == plays.schema


@pytest.mark.parametrize("name", REQUIRED)
def test_missing_required_column_is_named(plays: pl.DataFrame, name: str) -> None:
    with pytest.raises(ReaderError, match=f"required column '{name}' is missing"):
        read_play_by_play(plays.drop(name))


def test_missing_columns_of_a_file_are_named_with_it(plays: pl.DataFrame, tmp_path: Path) -> None:
    plays.drop("down", "sack").write_csv(tmp_path / "plays.csv")
    with pytest.raises(ReaderError, match=r"plays\.csv: the required columns 'down', 'sack' are"):
        read_play_by_play(tmp_path / "plays.csv")


@pytest.mark.parametrize("form", ["polars", "csv", "parquet"])
def test_text_for_a_number_is_named_with_its_play(
    plays: pl.DataFrame, tmp_path: Path, form: str
) -> None:
    wrong = plays.with_columns(yards_gained=pl.Series(["12", "abc", None]))
    path = tmp_path / f"plays.{form}"
    if form == "csv":
        wrong.write_csv(path)
    elif form == "parquet":
        wrong.write_parquet(path)
    origin = "the given polars frame" if form == "polars" else str(path)
    sentence = (
        f"{origin}, game_id 2020_01_KC_BUF, play_id 20: 'yards_gained' is 'abc', not a whole "
        "number (1 such value); correct the file or leave the value empty."
    )
    with pytest.raises(ReaderError, match=f"^{re.escape(sentence)}$"):
        read_play_by_play(wrong if form == "polars" else path)


@pytest.mark.parametrize(
    "value",
    [12.5, float("inf"), -float("inf"), 1e300, "12.5", "inf", "1e300", "12 yards", "1,2"],
)
def test_value_that_is_no_whole_number_is_refused(plays: pl.DataFrame, value: float | str) -> None:
    wrong = plays.with_columns(yards_gained=pl.lit(value))
    shown = re.escape(repr(value))
    with pytest.raises(ReaderError, match=f"'yards_gained' is {shown}, not a whole number .3 such"):
        read_play_by_play(wrong)


@pytest.mark.parametrize("name", ["game_id", "down"])
def test_column_of_lists_is_refused(plays: pl.DataFrame, name: str) -> None:
    with pytest.raises(ReaderError, match=f"the column '{name}' must hold numbers or text, not L"):
        read_play_by_play(plays.with_columns(pl.concat_list(name).alias(name)))


def test_other_seasons_are_left_out(folder: Path) -> None:
    assert read_play_by_play(folder, seasons=[2021])["season"].to_list() == [2021]


def test_files_of_other_seasons_are_not_opened(folder: Path) -> None:
    (folder / "play_by_play_2020.parquet").write_text("damaged")
    assert len(read_play_by_play(folder, seasons=[2021])) == 1


def test_season_with_no_plays_is_named(folder: Path) -> None:
    with pytest.raises(ReaderError, match=r"of seasons 2022, 2023; it holds .* 2020, 2021\.$"):
        read_play_by_play(folder, seasons="2021-2023")


def test_season_whose_file_is_empty_is_named(folder: Path, plays: pl.DataFrame) -> None:
    plays.clear().write_parquet(folder / "play_by_play_2022.parquet")
    with pytest.raises(ReaderError, match=r"no plays of season 2022; it holds .* 2020, 2021\."):
        read_play_by_play(folder, seasons=[2022])


def test_seasons_of_a_frame_are_chosen_too(plays: pl.DataFrame) -> None:
    assert read_play_by_play(plays, seasons=iter([2020]))["season"].to_list() == [2020, 2020]


def test_empty_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match=r"no play_by_play_\*\.parquet .* 'dropback fetch pbp"):
        read_play_by_play(tmp_path)


@pytest.mark.parametrize("name", ["missing", "missing.parquet", "missing_*.csv"])
@pytest.mark.parametrize("listed", [False, True])
def test_missing_path_is_one_sentence(tmp_path: Path, name: str, *, listed: bool) -> None:
    path = tmp_path / name
    with pytest.raises(ReaderError, match=re.escape(f"{path}: no such file or folder.")):
        read_play_by_play([path] if listed else path)


def test_empty_list_is_one_sentence() -> None:
    with pytest.raises(ReaderError, match="No play-by-play was named"):
        read_play_by_play([])


def test_text_named_parquet_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "plays.parquet").write_text("no table at all, but long enough for a footer")
    with pytest.raises(ReaderError, match=r"plays\.parquet: not a readable Parquet file \(.*\)\.$"):
        read_play_by_play(tmp_path / "plays.parquet")


@pytest.mark.parametrize("kept", [0, 4, 1000, -1])
def test_truncated_parquet_is_one_sentence(folder: Path, kept: int) -> None:
    path = folder / "play_by_play_2020.parquet"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ReaderError, match="not a readable Parquet file"):
        read_play_by_play(path)


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08truncated", b"\xff\xfe\x00a,b\n\x00\x01"])
@pytest.mark.parametrize("name", ["plays.csv", "plays.csv.gz"])
def test_wrong_csv_is_one_sentence(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReaderError, match=name):
        read_play_by_play(tmp_path / name)


@pytest.mark.parametrize("source", [7, None, {"game_id": 1}, pd.Series([1], name="game_id")])
def test_what_is_no_source_is_one_sentence(source: object) -> None:
    with pytest.raises(RequestError, match=f"a list of paths.*got {type(source).__name__}"):
        read_play_by_play(source)


def test_nan_outcome_is_counted_and_not_scored(plays: pl.DataFrame) -> None:
    nan = pl.lit(float("nan"))
    unknown = plays.with_columns(
        complete_pass=nan, incomplete_pass=nan, receiver_player_id=pl.lit("a")
    )
    read = read_play_by_play(
        pl.concat([plays, unknown.with_columns(pl.col("play_id") + 1)], how="vertical_relaxed")
    )
    left_out = dict(select_plays(read).left_out.iter_rows())
    assert left_out["no result recorded"] == 2


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *(("REG", kind) for kind in ("REG", "reg", "Regular", "2")),
        *(("POST", kind) for kind in ("POST", "PST", "3", "WC", "SB")),
        ("PRE", "pre"),
        (None, "<NA>"),
    ],
)
def test_season_types_are_read_in_any_spelling(
    plays: pl.DataFrame, written: str | None, read: str
) -> None:
    frame = read_play_by_play(plays.with_columns(season_type=pl.lit(read)))
    assert frame["season_type"].to_list() == [written] * 3


def test_unknown_season_type_is_named_with_its_play(plays: pl.DataFrame) -> None:
    wrong = plays.with_columns(season_type=pl.Series(["REG", "XFL", "REG"]))
    with pytest.raises(ReaderError, match="play_id 20: 'season_type' is 'XFL', not one of PRE, RE"):
        read_play_by_play(wrong)


def test_teams_are_read_under_one_code(plays: pl.DataFrame) -> None:
    moved = plays.with_columns(home_team=pl.lit("LAR"), posteam=pl.lit("STL"))
    read = read_play_by_play(moved)
    assert read.select("home_team", "posteam", "away_team").row(0) == ("LA", "LA", "KC")
    assert select_plays(read).plays["home"].all()


@pytest.mark.parametrize("word", ["nan", "None", "<NA>", "NaN", "NA", "", " "])
def test_words_for_nothing_name_nobody(plays: pl.DataFrame, word: str) -> None:
    nobody = plays.with_columns(
        receiver_player_id=pl.lit(word), receiver_player_name=pl.lit(word), air_yards=pl.lit(word)
    )
    read = read_play_by_play(nobody)
    names = ("receiver_player_id", "receiver_player_name", "air_yards")
    assert read.select(names).null_count().row(0) == (3, 3, 3)


@pytest.mark.parametrize("key", [2024090801.0, "2024090801.0", 2024090801, "2024090801"])
def test_whole_keys_are_written_without_a_point(plays: pl.DataFrame, key: object) -> None:
    read = read_play_by_play(plays.with_columns(game_id=pl.lit(key), old_game_id=pl.lit(key)))
    assert read.select("game_id", "old_game_id").row(0) == ("2024090801", "2024090801")


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_other_separators_are_named(
    plays: pl.DataFrame, tmp_path: Path, separator: str, name: str
) -> None:
    plays.write_csv(tmp_path / "plays.csv", separator=separator)
    with pytest.raises(
        ReaderError, match=rf"plays\.csv: its columns are separated by {name}: save"
    ):
        read_play_by_play(tmp_path / "plays.csv")


def test_another_encoding_is_named(plays: pl.DataFrame, tmp_path: Path) -> None:
    text = plays.with_columns(desc=pl.lit("J.Doré pass")).write_csv()
    (tmp_path / "plays.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(
        ReaderError, match=r"plays\.csv: its text is not in UTF-8 .* save it as UTF"
    ):
        read_play_by_play(tmp_path / "plays.csv")


def test_real_files_hold_every_column(data_dir: Path) -> None:
    read = read_play_by_play(data_dir / "pbp", seasons=[2019])
    assert read.columns == [column.name for column in PLAY_BY_PLAY_COLUMNS]
    empty = [name for name in read.columns if read[name].null_count() == read.height]
    # Of nflverse's own models, and of its join with the schedule.
    joined = ["wpa", "cpoe", "roof", "temp", "wind", "home_score", "away_score"]
    assert empty == ["passing_yards", "epa", "qb_epa", *joined]
    # The words of the report are in games.parquet.
    assert read["weather"][0] == "N/A (Indoors) Temp: ° F, Wind:   mph"
