import gzip

import numpy as np
import polars as pl
import pytest

from dropback.errors import ReaderError
from dropback.tracking import read_tracking

NAME = "tracking_week_1.csv"
KEY = (2022091100, 64)


def reasons(report) -> dict[int, tuple[str, str]]:
    return {
        play: (reason, detail)
        for play, reason, detail in report.left_out.select(
            "play_id", "reason", "detail"
        ).iter_rows()
    }


@pytest.fixture
def two_plays(make_set, make_play):
    """Play 64 to be spoiled, play 100 to go on."""

    def build(change=lambda rows: rows, **first):
        plays = [make_play(play=64, **first), make_play(play=100)]
        rows = pl.concat(play.rows() for play in plays)
        spoiled = change(rows.filter(pl.col("playId") == 64))
        together = pl.concat([spoiled, rows.filter(pl.col("playId") == 100)])
        return make_set("bdb_2025", *plays, rows=together)

    return build


def test_a_truncated_csv_sets_its_last_play_aside_and_names_it(two_plays, tmp_path):
    folder = two_plays().write(tmp_path)
    path = folder / NAME
    whole = path.read_text()
    path.write_text(whole[: whole.rindex("\n", 0, len(whole) - 2) + 30])
    blocks, report = read_tracking(folder)
    assert [block.plays["play_id"].to_list() for block in blocks] == [[64]]
    assert reasons(report)[100][0] == "file cut off"
    assert "fields" in reasons(report)[100][1]
    assert report.left_out["source_file"].to_list() == [str(path)]


def test_a_truncated_gzip_is_named_and_the_other_file_goes_on(make_set, make_play, tmp_path):
    source = make_set("bdb_2025", make_play(play=64), make_play(play=100))
    table = source.tracking[NAME]
    source.tracking = {"tracking_week_2.csv": table.filter(pl.col("playId") == 100)}
    folder = source.write(tmp_path)
    packed = gzip.compress(table.filter(pl.col("playId") == 64).write_csv(null_value="NA").encode())
    (folder / "tracking_week_1.csv.gz").write_bytes(packed[: len(packed) // 2])
    blocks, report = read_tracking(folder)
    assert [block.plays["play_id"].to_list() for block in blocks] == [[100]]
    assert report.left_out["reason"].to_list() == ["file cannot be read"]
    assert "tracking_week_1.csv.gz" in report.left_out["detail"][0]


def test_a_wrong_delimiter_is_named(two_plays, tmp_path):
    folder = two_plays().write(tmp_path)
    path = folder / NAME
    path.write_text(path.read_text().replace(",", ";"))
    with pytest.raises(
        ReaderError, match=rf"{NAME}: fields must be separated by comma or tab.*semicolon"
    ):
        read_tracking(folder)


def test_mixed_formats_leave_the_rarer_layout_out(make_set, two_plays, tmp_path):
    folder = two_plays().write(tmp_path)
    table = make_set("bdb_2023").tracking["week1.csv"]
    table.write_csv(folder / "zz.csv")
    blocks, report = read_tracking(folder)
    assert blocks[0].plays.height == 2
    assert report.left_out["reason"].to_list() == ["file not read"]
    assert "zz.csv is in the bdb_2023 layout, but most of" in report.left_out["detail"][0]


def test_a_table_that_is_no_tracking_file_is_left_out_by_name(two_plays, tmp_path):
    # Two tables (index, colors) lie among the highlight files.
    folder = two_plays().write(tmp_path)
    (folder / "nflplays-teamcolors.tsv").write_text("teamAbbr\tprimary\nKC\t#E31837\n")
    _, report = read_tracking(folder)
    assert "teamcolors" in report.left_out["detail"][0]


def test_a_play_without_a_snap_is_set_aside(two_plays, tmp_path):
    folder = two_plays(events={26: "pass_forward"}).write(tmp_path)
    blocks, report = read_tracking(folder)
    assert reasons(report) == {64: ("no snap", "no ball_snap, snap_direct or automatic snap event")}
    assert blocks[0].plays["play_id"].to_list() == [100]


def test_a_play_without_a_release_is_set_aside(two_plays, tmp_path):
    _, report = read_tracking(two_plays(events={6: "ball_snap"}).write(tmp_path))
    assert reasons(report)[64] == (
        "no release", "no throw, sack or run event after the snap at frame 6"
    )  # fmt: skip


def test_a_release_before_the_snap_is_set_aside(two_plays, tmp_path):
    folder = two_plays(events={6: "ball_snap", 3: "pass_forward"}).write(tmp_path)
    _, report = read_tracking(folder)
    assert reasons(report)[64] == (
        "release not after the snap",
        "release at frame 3, snap at frame 6",
    )


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        (
            lambda rows: rows.filter(pl.col("nflId").ne_missing(30021)),
            "11 players of the offense and 10",
        ),
        (
            lambda rows: pl.concat(
                [rows, rows.filter(pl.col("nflId") == 30003).with_columns(nflId=30099)],
                how="vertical_relaxed",
            ),
            "12 players of the offense and 11",
        ),
    ],
    ids=["10 players", "23 players"],
)
def test_a_play_not_eleven_against_eleven_is_set_aside(change, counts, two_plays, tmp_path):
    blocks, report = read_tracking(two_plays(change).write(tmp_path))
    assert reasons(report)[64][0] == "not 11 against 11"
    assert reasons(report)[64][1].startswith(counts)
    assert blocks[0].plays["play_id"].to_list() == [100]


def test_coordinates_that_are_not_numbers_set_the_play_aside(two_plays, tmp_path):
    def spoil(rows):
        where = (pl.col("nflId") == 30007) & pl.col("frameId").is_between(10, 20)
        return rows.with_columns(x=pl.when(where).then(None).otherwise("x"))

    _, report = read_tracking(two_plays(spoil).write(tmp_path))
    reason, detail = reasons(report)[64]
    assert reason == "frames missing"
    assert detail.startswith("11 frames without coordinates from frame 4 after the snap")
    assert report.files[0].unreadable_rows == 11


def test_text_in_a_coordinate_is_treated_as_missing_by_play(two_plays, tmp_path):
    folder = two_plays().write(tmp_path)
    table = pl.read_csv(folder / NAME, infer_schema=False)
    where = (pl.col("playId") == "64") & (pl.col("nflId") == "30007")
    table.with_columns(x=pl.when(where).then(pl.lit("left side")).otherwise("x")).write_csv(
        folder / NAME
    )
    blocks, report = read_tracking(folder)
    assert reasons(report)[64][0] == "not 11 against 11"
    assert blocks[0].plays["play_id"].to_list() == [100]


def test_a_short_gap_is_filled_and_counted(two_plays, tmp_path):
    def spoil(rows):
        return rows.filter(
            ~((pl.col("nflId") == 30006) & pl.col("frameId").is_in([10, 11])).fill_null(value=False)
        )

    blocks, _ = read_tracking(two_plays(spoil).write(tmp_path))
    assert blocks[0].plays["filled_positions"].to_list() == [2, 0]
    # The receiver runs at 6 yards a second from x = 44 at the snap (frame 6): a line is exact.
    target = blocks[0].players.filter(pl.col("player_id") == 30006, pl.col("play_id") == 64)
    assert blocks[0].frames[4, target["slot"][0], 0] == pytest.approx(44 + 6 * 0.4, abs=0.011)


def test_a_file_in_meters_is_recognized_corrected_and_recorded(make_set, make_play, tmp_path):
    plays = [make_play(play=number, line_x=30.0 + 5 * number) for number in range(1, 9)]
    rows = pl.concat(play.rows() for play in plays).with_columns(
        pl.col("x", "y", "s", "a", "dis") * 0.9144
    )
    folder = make_set("bdb_2025", *plays, rows=rows).write(tmp_path)
    (block,), report = read_tracking(folder)
    assert block.plays.height == 8
    assert block.frames[0, 0, 0] == pytest.approx(30.0, abs=0.02)
    assert block.frames[5, 6, 2] == pytest.approx(6.0, abs=0.2)
    corrected = {c.name for c in report.files[0].checks if c.decision == "corrected"}
    assert corrected == {"coordinates in yards", "speed against displacement"}
    assert any("meters" in words for words in block.plays["corrections"][0])


def test_a_play_missing_from_the_table_of_plays_is_set_aside(two_plays, tmp_path):
    source = two_plays()
    source.tables["plays.csv"] = source.tables["plays.csv"].filter(pl.col("playId") == 100)
    _, report = read_tracking(source.write(tmp_path))
    assert reasons(report)[64] == ("not in the table of plays", "plays.csv has no row for it")


def test_a_snap_far_from_the_line_is_set_aside(two_plays, tmp_path):
    source = two_plays()
    source.tables["plays.csv"] = source.tables["plays.csv"].with_columns(
        absoluteYardlineNumber=pl.when(pl.col("playId") == 64).then(80.0).otherwise(45.0)
    )
    _, report = read_tracking(source.write(tmp_path))
    reason, detail = reasons(report)[64]
    assert reason == "snap away from the line of scrimmage"
    assert detail.startswith("snapped at x = 45.0 yd, line of scrimmage at 80.0 yd")


@pytest.mark.parametrize(
    ("column", "value", "detail"),
    [("down", 5, "down is 5"), ("quarter", 0, "quarter is 0"),
     ("yardsToGo", -3, "yards_to_go is -3"), ("gameClock", "20:00", "game_clock_s is 1200")],
)  # fmt: skip
def test_a_value_no_play_can_have_sets_the_play_aside(column, value, detail, two_plays, tmp_path):
    source = two_plays()
    spoiled = pl.when(pl.col("playId") == 64).then(pl.lit(value)).otherwise(column)
    source.tables["plays.csv"] = source.tables["plays.csv"].with_columns(spoiled.alias(column))
    blocks, report = read_tracking(source.write(tmp_path))
    assert reasons(report) == {64: ("value out of bounds", detail)}
    (block,) = blocks
    assert block.plays["play_id"].to_list() == [100]
    assert block.players["play_id"].unique().to_list() == [100]
    assert len(block.frames) == 21


def test_a_height_and_a_weight_that_nobody_has_are_null(two_plays, tmp_path):
    source = two_plays()
    source.tables["players.csv"] = source.tables["players.csv"].with_columns(
        height=pl.lit("4-2"), weight=900
    )
    (block,), _ = read_tracking(source.write(tmp_path))
    assert block.plays.height == 2
    assert block.players["height_in"].null_count() == block.players.height
    assert block.players["weight_lb"].null_count() == block.players.height


def test_a_position_far_from_any_field_is_treated_as_missing(two_plays, tmp_path):
    def spoil(rows):
        where = (pl.col("nflId") == 30007) & (pl.col("frameId") == 10)
        return rows.with_columns(x=pl.when(where).then(5000.0).otherwise("x"))

    (block,), report = read_tracking(two_plays(spoil).write(tmp_path))
    assert report.files[0].unreadable_rows == 1
    assert block.plays["filled_positions"].to_list() == [1, 0]


def test_a_play_twice_in_the_table_of_plays_is_an_error(two_plays, tmp_path):
    source = two_plays()
    source.tables["plays.csv"] = pl.concat([source.tables["plays.csv"]] * 2)
    with pytest.raises(ReaderError, match="play 64 is there more than once"):
        read_tracking(source.write(tmp_path))


def test_a_play_in_two_files_is_read_once_and_the_second_is_named(make_set, tmp_path):
    source = make_set("bdb_2025").write(tmp_path)
    (source / "tracking_week_2.csv").write_text((source / NAME).read_text())
    blocks, report = read_tracking(source)
    assert sum(block.plays.height for block in blocks) == 1
    assert report.plays_kept == 1
    twice = report.left_out.filter(reason="play in an earlier file")
    assert twice["source_file"].to_list() == [str(source / "tracking_week_2.csv")]


@pytest.mark.parametrize("speed", [-3.0, float("-inf"), float("inf")])
def test_a_speed_that_none_is_is_read_as_missing_and_counted(speed, make_set, make_play, tmp_path):
    play = make_play()
    at = (pl.col("nflId") == 30006) & (pl.col("frameId") == 16)
    rows = play.rows().with_columns(s=pl.when(at).then(speed).otherwise("s"))
    (block,), report = read_tracking(make_set("bdb_2025", play, rows=rows).write(tmp_path))
    slot = block.players.filter(player_id=30006)["slot"][0]
    # The receiver runs at (6, -1) yards a second.
    assert block.frames[10, slot, 2] == pytest.approx(np.hypot(6, 1), abs=0.05)
    assert np.nanmin(block.frames[..., 2]) >= 0
    (check,) = [c for c in report.files[0].checks if c.name.startswith("speeds below 0")]
    assert check.measured == 1
