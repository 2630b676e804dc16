import gzip
import re

import numpy as np
import polars as pl
import pytest

from dropback.errors import ReaderError
from dropback.tracking import read_tracking
from examples.tracking_sets import MadePlay, made_set

NAME = "tracking_week_1.csv"
SNAP, THROW = "ball_snap", "pass_forward"


def reasons(report) -> dict[int, tuple[str, str]]:
    columns = report.left_out.select("play_id", "reason", "detail")
    return {play: (reason, detail) for play, reason, detail in columns.iter_rows()}


def two_plays(change=lambda rows: rows, table=lambda plays: plays, **first):
    """Play 64 to be spoiled, in its rows or in the table of plays, and play 100 to go on."""
    plays = [MadePlay(play=64, **first), MadePlay(play=100)]
    rows = pl.concat(play.rows() for play in plays)
    spoiled = change(rows.filter(pl.col("playId") == 64))
    together = pl.concat([spoiled, rows.filter(pl.col("playId") == 100)], how="vertical_relaxed")
    source = made_set("bdb_2025", *plays, rows=together)
    source.tables["plays.csv"] = table(source.tables["plays.csv"])
    return source


def spoiled(column, value):
    """The table with another value of play 64."""
    changed = pl.when(pl.col("playId") == 64).then(pl.lit(value)).otherwise(column)
    return {"table": lambda plays: plays.with_columns(changed.alias(column))}


def without_coordinates(rows):
    where = (pl.col("nflId") == 30007) & pl.col("frameId").is_between(10, 20)
    return rows.with_columns(x=pl.when(where).then(None).otherwise("x"))


def with_a_twelfth_player(rows):
    twelfth = rows.filter(nflId=30003).with_columns(nflId=pl.lit(30099))
    return pl.concat([rows, twelfth], how="vertical_relaxed")


def test_a_truncated_csv_sets_its_last_play_aside_and_names_it(tmp_path):
    folder = two_plays().write(tmp_path)
    path = folder / NAME
    whole = path.read_text()
    path.write_text(whole[: whole.rindex("\n", 0, len(whole) - 2) + 30])
    blocks, report = read_tracking(folder)
    assert [block.plays["play_id"].to_list() for block in blocks] == [[64]]
    assert reasons(report)[100][0] == "file cut off"
    assert "fields" in reasons(report)[100][1]
    assert report.left_out["source_file"].to_list() == [str(path)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("letters", [1, 10, 13, 30])
def test_what_a_cut_costs_is_counted_by_play_and_row(packed, letters, tmp_path):
    folder = two_plays().write(tmp_path)
    path = folder / NAME
    lines = path.read_text().splitlines()
    # A header, 920 rows of play 64 and 500 of play 100: within a key, a frame, the last field.
    cut = "\n".join([*lines[:1421], lines[1421][:letters]])
    if packed:
        path.unlink()
        (folder / f"{NAME}.gz").write_bytes(gzip.compress(cut.encode()))
    else:
        path.write_text(cut)
    _, report = read_tracking(folder)
    assert (report.plays_read, report.plays_kept) == (2, 1)
    ((play, why, detail),) = report.left_out.select("play_id", "reason", "detail").rows()
    assert (play, why) == (100, "file cut off")
    assert detail.endswith("fields; of its last play, which is not read, it has 500 whole rows")
    assert report.files[0].unreadable_rows == 0


def test_a_truncated_gzip_is_named_and_the_other_file_goes_on(tmp_path):
    source = made_set("bdb_2025", MadePlay(play=64), MadePlay(play=100))
    table = source.tracking[NAME]
    source.tracking = {"tracking_week_2.csv": table.filter(pl.col("playId") == 100)}
    folder = source.write(tmp_path)
    packed = gzip.compress(table.filter(pl.col("playId") == 64).write_csv(null_value="NA").encode())
    (folder / "tracking_week_1.csv.gz").write_bytes(packed[: len(packed) // 2])
    blocks, report = read_tracking(folder)
    assert [block.plays["play_id"].to_list() for block in blocks] == [[100]]
    assert report.left_out["reason"].to_list() == ["file cannot be read"]
    assert "tracking_week_1.csv.gz" in report.left_out["detail"][0]


def test_a_wrong_delimiter_is_named(tmp_path):
    folder = two_plays().write(tmp_path)
    path = folder / NAME
    path.write_text(path.read_text().replace(",", ";"))
    with pytest.raises(
        ReaderError, match=rf"{NAME}: fields must be separated by comma or tab.*semicolon"
    ):
        read_tracking(folder)


def test_mixed_formats_leave_the_rarer_layout_out(tmp_path):
    folder = two_plays().write(tmp_path)
    table = made_set("bdb_2023").tracking["week1.csv"]
    table.write_csv(folder / "zz.csv")
    blocks, report = read_tracking(folder)
    assert blocks[0].plays.height == 2
    assert report.left_out["reason"].to_list() == ["file not read"]
    assert "zz.csv is in the bdb_2023 layout, but most of" in report.left_out["detail"][0]


def test_a_table_that_is_no_tracking_file_is_left_out_by_name(tmp_path):
    # Two tables (index, colors) lie among the highlight files.
    folder = two_plays().write(tmp_path)
    (folder / "nflplays-teamcolors.tsv").write_text("teamAbbr\tprimary\nKC\t#E31837\n")
    _, report = read_tracking(folder)
    assert "teamcolors" in report.left_out["detail"][0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"events": {26: THROW}}, "no snap: no ball_snap, snap_direct or automatic snap event"),
        (
            {"events": {6: SNAP}},
            "no release: no throw, sack or run event after the snap at frame 6",
        ),
        (
            {"events": {6: SNAP, 3: THROW}},
            r"release not after the snap: release at frame 3, snap at frame 6 \(column frameId\)",
        ),
        (
            {"change": lambda rows: rows.filter(pl.col("nflId").ne_missing(30021))},
            "not 11 against 11: 11 players of the offense and 10.*",
        ),
        (
            {"change": with_a_twelfth_player},
            "not 11 against 11: 12 players of the offense and 11.*",
        ),
        (
            {"change": without_coordinates},
            r"frames missing: player \d+ has no coordinates \(columns x, y\) for 11 frames .*",
        ),
        (
            {"table": lambda plays: plays.filter(playId=100)},
            "not in the table of plays: plays.csv has no row for it, which .* in row 1 below.*",
        ),
        (
            spoiled("absoluteYardlineNumber", 80.0),
            "snap away from the line of .*: snapped at x = 45.0 yd, line of .* at 80.0 yd.*",
        ),
        (
            spoiled("down", 5),
            "value out of bounds: the column down of plays.csv is '5' in row 1, must be .*",
        ),
        (
            spoiled("quarter", 0),
            "value out of bounds: the column quarter .* is '0' in row 1, must be from 1 to 6",
        ),
        (
            spoiled("yardsToGo", -3),
            "value out of bounds: the column yardsToGo .* is '-3' in row 1, must be from 0 to 109",
        ),
        (
            spoiled("gameClock", "20:00"),
            "value out of bounds: the column gameClock .* is '20:00' in row 1, must be a time .*",
        ),
    ],
)
def test_a_play_that_cannot_be_used_is_set_aside(change, words, tmp_path):
    (block,), report = read_tracking(two_plays(**change).write(tmp_path))
    assert list(reasons(report)) == [64]
    assert re.fullmatch(words, ": ".join(reasons(report)[64]))
    assert report.files[0].unreadable_rows == (11 if "coordinates" in words else 0)
    assert block.plays["play_id"].to_list() == [100]
    assert block.players["play_id"].unique().to_list() == [100]
    assert len(block.frames) == 21


def test_text_in_a_coordinate_is_treated_as_missing_by_play(tmp_path):
    folder = two_plays().write(tmp_path)
    table = pl.read_csv(folder / NAME, infer_schema=False)
    where = (pl.col("playId") == "64") & (pl.col("nflId") == "30007")
    table.with_columns(x=pl.when(where).then(pl.lit("left side")).otherwise("x")).write_csv(
        folder / NAME
    )
    blocks, report = read_tracking(folder)
    assert reasons(report)[64][0] == "not 11 against 11"
    assert blocks[0].plays["play_id"].to_list() == [100]


def test_a_short_gap_is_filled_and_counted(tmp_path):
    def spoil(rows):
        return rows.filter(
            ~((pl.col("nflId") == 30006) & pl.col("frameId").is_in([10, 11])).fill_null(value=False)
        )

    blocks, _ = read_tracking(two_plays(spoil).write(tmp_path))
    assert blocks[0].plays["filled_positions"].to_list() == [2, 0]
    # The receiver runs at 6 yards a second from x = 44 at the snap (frame 6): a line is exact.
    target = blocks[0].players.filter(pl.col("player_id") == 30006, pl.col("play_id") == 64)
    assert blocks[0].frames[4, target["slot"][0], 0] == pytest.approx(44 + 6 * 0.4, abs=0.011)


def eight_plays():
    plays = [MadePlay(play=number, line_x=30.0 + 5 * number) for number in range(1, 9)]
    return plays, pl.concat(play.rows() for play in plays)


def test_speeds_in_meters_of_places_in_yards_are_told(tmp_path):
    plays, rows = eight_plays()
    source = made_set("bdb_2025", *plays, rows=rows.with_columns(pl.col("s", "a") * 0.9144))
    _, report = read_tracking(source.write(tmp_path))
    (check,) = (c for c in report.files[0].checks if c.name == "speed against displacement")
    assert check.measured == pytest.approx(1 / 0.9144, abs=0.01)
    assert check.decision == "wrong, not corrected"
    assert check.evidence.endswith("as speeds in meters a second have")


@pytest.mark.parametrize("kind", ["mirrored", "rotated by 180"])
def test_mirrored_orientations_are_told_from_rotated_ones(kind, tmp_path):
    plays, rows = eight_plays()
    runs = (pl.col("s") > 4) & (pl.col("frameId") > 6)
    # Who runs at 6 yards a second runs across at 5, too, and faces there: atan2(6, 5) is 50.2.
    across = pl.when(runs).then(0.5 * (pl.col("frameId") - 6)).otherwise(0.0)
    facing = pl.when(runs).then(50.2).otherwise("o")
    read = facing + 180 if kind == "rotated by 180" else 360 - facing
    spoiled = rows.with_columns(
        y=pl.col("y") + across,
        dir=pl.when(runs).then(50.2).otherwise("dir"),
        s=pl.when(runs).then(7.81).otherwise("s"),
        o=read % 360,
    )
    (block,), report = read_tracking(made_set("bdb_2025", *plays, rows=spoiled).write(tmp_path))
    (check,) = (c for c in report.files[0].checks if c.name == "orientation")
    assert check.decision == "corrected"
    assert ("read as compass degrees, mirrored" in check.evidence) == (kind == "mirrored")
    running = block.frames[block.frame_in_play == 10][:, :22]
    running = running[running[..., 2] > 4]
    assert len(running) >= 8
    assert running[:, 5] == pytest.approx(50.2, abs=0.1)


def test_a_file_in_meters_is_recognized_corrected_and_recorded(tmp_path):
    plays, rows = eight_plays()
    rows = rows.with_columns(pl.col("x", "y", "s", "a", "dis") * 0.9144)
    folder = made_set("bdb_2025", *plays, rows=rows).write(tmp_path)
    (block,), report = read_tracking(folder)
    assert block.plays.height == 8
    assert block.frames[0, 0, 0] == pytest.approx(30.0, abs=0.02)
    assert block.frames[5, 6, 2] == pytest.approx(6.0, abs=0.2)
    corrected = {c.name for c in report.files[0].checks if c.decision == "corrected"}
    assert corrected == {"coordinates in yards", "speed against displacement"}
    assert any("meters" in words for words in block.plays["corrections"][0])


@pytest.mark.parametrize(
    ("columns", "decision"),
    [
        (("x", "y", "s", "dis"), "wrong, not corrected"),
        (("x", "y"), "corrected"),
        ((), "ok"),
    ],
)
def test_meters_are_told_by_hash_marks_and_speeds_without_a_yard_line(columns, decision, tmp_path):
    # 2019 has no absolute yard line. Balls are snapped at 23.6 to 29.7 yards from a sideline; with
    # speeds in meters a second nothing tells these from a field in yards whose y is shifted by 2.3.
    plays = [MadePlay(play=number) for number in range(20)]
    rows = pl.concat(
        play.rows().with_columns(pl.col("y") + (-2.4, 0.6, 3.7)[play.play % 3]) for play in plays
    )
    source = made_set("bdb_2019", *plays, rows=rows.with_columns(pl.col(columns) * 0.9144))
    source.change("plays.csv", yardlineNumber=pl.lit(None, pl.Int64))
    (block,), report = read_tracking(source.write(tmp_path))
    assert block.plays.height == 20
    checks = {check.name: check for check in report.files[0].checks}
    assert checks["coordinates in yards"].decision == decision
    in_doubt = report.flagged["flags"].str.contains("y in doubt in the whole file").sum()
    assert in_doubt == (20 if decision == "wrong, not corrected" else 0)
    scale = 0.9144 if in_doubt else 1.0
    assert block.frames[0, 22, 0] == pytest.approx(45.0 * scale, abs=0.02)
    assert block.frames[0, 22, 1] == pytest.approx(23.6 * scale, abs=0.02)


def test_a_height_and_a_weight_that_nobody_has_are_null(tmp_path):
    source = two_plays().change("players.csv", height=pl.lit("4-2"), weight=900)
    (block,), _ = read_tracking(source.write(tmp_path))
    assert block.plays.height == 2
    assert block.players["height_in"].null_count() == block.players.height
    assert block.players["weight_lb"].null_count() == block.players.height


def test_a_position_far_from_any_field_is_treated_as_missing(tmp_path):
    def spoil(rows):
        where = (pl.col("nflId") == 30007) & (pl.col("frameId") == 10)
        return rows.with_columns(x=pl.when(where).then(5000.0).otherwise("x"))

    (block,), report = read_tracking(two_plays(spoil).write(tmp_path))
    assert report.files[0].unreadable_rows == 1
    assert block.plays["filled_positions"].to_list() == [1, 0]


def test_a_play_with_two_rows_in_the_table_of_plays_is_set_aside(tmp_path):
    source = two_plays()
    table = source.tables["plays.csv"]
    other = table.filter(playId=64).with_columns(down=pl.lit(3, pl.Int64))
    source.tables["plays.csv"] = pl.concat([table, other], how="vertical_relaxed")
    blocks, report = read_tracking(source.write(tmp_path))
    detail = "plays.csv has 2 rows for it, must have one"
    assert reasons(report) == {64: ("twice in the table of plays", detail)}
    assert blocks[0].plays["play_id"].to_list() == [100]


def test_rows_of_the_table_of_plays_that_repeat_others_word_for_word_are_counted(tmp_path):
    source = two_plays()
    source.tables["plays.csv"] = pl.concat([source.tables["plays.csv"]] * 2)
    blocks, report = read_tracking(source.write(tmp_path))
    assert blocks[0].plays["play_id"].to_list() == [64, 100]
    (check,) = report.files[0].failed
    assert check.evidence.endswith("plays.csv: 2 rows repeat another word for word")


@pytest.mark.parametrize("speed", [-3.0, float("-inf"), float("inf")])
def test_a_speed_that_none_is_is_read_as_missing_and_flagged(speed, tmp_path):
    play = MadePlay()
    at = (pl.col("nflId") == 30006) & (pl.col("frameId") == 16)
    rows = play.rows().with_columns(s=pl.when(at).then(speed).otherwise("s"))
    (block,), report = read_tracking(made_set("bdb_2025", play, rows=rows).write(tmp_path))
    slot = block.players.filter(player_id=30006)["slot"][0]
    # The receiver runs at (6, -1) yards a second.
    assert block.frames[10, slot, 2] == pytest.approx(np.hypot(6, 1), abs=0.05)
    assert np.nanmin(block.frames[..., 2]) >= 0
    ((flag, count, first),) = report.flags().rows()
    assert (flag, count) == ("column s is missing or impossible in some rows", 1)
    assert re.fullmatch(rf"game 2022091100, play 64: s is '{speed}' in row \d+", first)


def one_bad_of_two(tmp_path, bad):
    """Play 1 is bad, play 2 is not: what is said of 1, and the plays that are kept."""
    source = made_set("bdb_2025", MadePlay(play=1), MadePlay(play=2))
    rows = source.tracking["tracking_week_1.csv"]
    first = pl.col("playId") == 1
    source.tracking["tracking_week_1.csv"] = bad(rows, first)
    blocks, report = read_tracking(source.write(tmp_path))
    kept = [play for block in blocks for play in block.plays["play_id"]]
    return report.left_out.select("game_id", "play_id", "reason", "detail").rows(), kept


def test_a_track_that_ends_early_is_named_by_player(tmp_path):
    ended = (pl.col("nflId") == 30012) & (pl.col("frameId") > 15)
    left, kept = one_bad_of_two(tmp_path, lambda rows, first: rows.filter(~(first & ended)))
    detail = (
        "player 30012 has no coordinates (columns x, y) for 11 frames from frame 10 after the "
        "snap, where the track ends before the play does; at most 3 are filled"
    )
    assert left == [(2022091100, 1, "frames missing", detail)]
    assert kept == [2]


@pytest.mark.parametrize(
    ("who", "reason", "named"),
    [
        (pl.col("nflId").is_null(), "more than one ball", "the ball"),
        (pl.col("nflId") == 30012, "two tracks of one player", "player 30012"),
    ],
    ids=["ball", "player"],
)
@pytest.mark.parametrize("interleaved", [False, True])
def test_two_tracks_under_one_name_set_the_play_aside(tmp_path, who, reason, named, interleaved):
    def doubled(rows, first):
        other = rows.filter(first & who).with_columns(pl.col("y") + 8.0)
        both = pl.concat([rows, other])
        order = ["playId", "frameId"] if interleaved else ["playId"]
        return both.sort(order, maintain_order=True)

    left, kept = one_bad_of_two(tmp_path, doubled)
    detail = f"{named} has rows of one frame that are 8.0 yards apart (columns x, y)"
    assert left == [(2022091100, 1, reason, detail)]
    assert kept == [2]


def test_a_clock_that_runs_backwards_sets_the_play_aside(tmp_path):
    def backwards(rows, first):
        back = pl.format("2022-09-11T13:00:{}.{}00", (100 - pl.col("frameId")) // 10 + 10,
                         (100 - pl.col("frameId")) % 10)  # fmt: skip
        return rows.with_columns(time=pl.when(first).then(back).otherwise("time"))

    (left,), kept = one_bad_of_two(tmp_path, backwards)
    assert left[:3] == (2022091100, 1, "not ten frames a second")
    assert left[3].startswith("rate_hz is -10.0")
    assert left[3].endswith("the column time runs backwards")
    assert kept == [2]


def test_players_of_another_numbering_are_found_and_the_plays_kept(tmp_path):
    source = made_set("bdb_2025")
    source.tables["players.csv"] = source.tables["players.csv"].with_columns(
        pl.col("nflId") + 5_000_000
    )
    blocks, report = read_tracking(source.write(tmp_path))
    assert blocks[0].plays.height == 1
    check = next(c for c in report.files[0].checks if c.name == "ids of the table of players")
    assert check.decision == "wrong, not corrected"
    assert "0 of 22 players are in players.csv, which lacks 30000 of the column 'nflId'" in (
        check.evidence
    )
    # A game or play that the table of plays does not know is named with its keys.
    source.tables["plays.csv"] = source.tables["plays.csv"].with_columns(pl.col("playId") + 1)
    _, report = read_tracking(source.write(tmp_path))
    assert report.left_out.select("game_id", "play_id", "reason").rows() == [
        (2022091100, 64, "not in the table of plays")
    ]


def test_a_play_without_a_readable_row_is_named(tmp_path):
    def blank(rows, first):
        return rows.with_columns(x=pl.when(~first).then("x"))

    left, kept = one_bad_of_two(tmp_path, blank)
    assert [row[:3] for row in left] == [(2022091100, 1, "no readable row")]
    assert "columns frameId, x, y" in left[0][3]
    assert kept == [2]
