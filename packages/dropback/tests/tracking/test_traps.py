"""The fourteen traps of public tracking data, each a minimal case that once went wrong."""

import numpy as np
import polars as pl
import pytest

from dropback.data._field import FIELD_WIDTH_YD
from dropback.tracking import read_tracking
from dropback.tracking._splits import play_splits, with_participation
from dropback.tracking._windows import find_windows
from dropback.tracking.ingest._canonical import rotate
from examples.tracking_sets import MadePlay, made_set

NAME = "tracking_week_1.csv"


def checks_of(report) -> dict[str, str]:
    return {check.name: check.decision for check in report.files[0].checks}


def test_trap_1_orientation_of_2017_is_turned_by_90_degrees(tmp_path):
    play = MadePlay(game=2017091000)
    rows = play.rows().with_columns(o=(pl.col("o") - 90) % 360)
    (block,), report = read_tracking(made_set("bdb_2025", play, rows=rows).write(tmp_path))
    assert checks_of(report)["orientation"] == "corrected"
    assert block.frames[0, 0, 5] == pytest.approx(90.0)
    assert "90 too low" in block.plays["corrections"][0][0]


def test_trap_1_a_right_season_beside_a_wrong_one_is_not_turned(tmp_path):
    wrong, right = MadePlay(game=2017091000), MadePlay(game=2018091000)
    rows = pl.concat([
        wrong.rows().with_columns(o=(pl.col("o") - 90) % 360), right.rows(),
    ])  # fmt: skip
    (block,), _ = read_tracking(made_set("bdb_2025", wrong, right, rows=rows).write(tmp_path))
    np.testing.assert_allclose(block.frames[block.offsets[:-1], 0, 5], 90.0)
    assert [len(words) for words in block.plays["corrections"].to_list()] == [1, 0]


@pytest.mark.parametrize("right", [True, False])
def test_trap_2_mathematical_angles_are_found_and_turned_into_compass(right, tmp_path):
    play = MadePlay(right=right)
    rows = play.rows().with_columns((pl.col("dir", "o") * -1 + 90) % 360)
    (block,), report = read_tracking(made_set("bdb_2025", play, rows=rows).write(tmp_path))
    assert checks_of(report)["direction"] == "corrected"
    # A receiver in slot 6 runs downfield: about 90 degrees in the canonical compass.
    assert block.frames[5, 6, 4] == pytest.approx(90.0, abs=15.0)
    assert block.frames[0, 0, 5] == pytest.approx(90.0)


def test_trap_2_random_angles_are_called_wrong_and_not_corrected(tmp_path):
    play = MadePlay()
    angles = np.random.default_rng(1).uniform(0, 360, play.rows().height)
    rows = play.rows().with_columns(dir=pl.Series(angles))
    _, report = read_tracking(made_set("bdb_2025", play, rows=rows).write(tmp_path))
    assert checks_of(report)["direction"] == "wrong, not corrected"


def test_trap_3_a_play_to_the_left_is_turned_not_mirrored(tmp_path):
    (right,), _ = read_tracking(made_set("bdb_2025", MadePlay()).write(tmp_path / "right"))
    (left,), _ = read_tracking(made_set("bdb_2025", MadePlay(right=False)).write(tmp_path / "left"))
    np.testing.assert_allclose(left.frames, right.frames, atol=0.011)
    assert left.plays["rotated"].to_list() == [True]


def test_trap_3_turning_twice_is_the_identity():
    generator = np.random.default_rng(2)
    frames = generator.uniform(0, 50, (4, 23, 6)).astype(np.float32)
    twice = frames.copy()
    rotate(twice, np.array([True, False, True, True]))
    rotate(twice, np.array([True, False, True, True]))
    np.testing.assert_allclose(twice, frames, atol=1e-4)


def test_trap_4_the_field_is_160_feet_wide():
    frames = np.zeros((1, 23, 6), np.float32)
    rotate(frames, np.array([True]))
    assert frames[0, 0, 1] == np.float32(160 / 3)
    assert pytest.approx(53.0 + 1 / 3) == FIELD_WIDTH_YD


@pytest.mark.parametrize("layout", ["bdb_2019", "bdb_2023", "ngs_highlights"])
def test_trap_5_the_ball_is_the_ball_in_every_spelling(layout, tmp_path):
    (block,), _ = read_tracking(made_set(layout).write(tmp_path))
    ball = block.players.filter(pl.col("side") == "ball")
    assert ball["slot"].to_list() == [22]
    assert block.frames[0, 22, 0] == pytest.approx(45.0)


def test_trap_5_a_set_without_a_ball_has_none(tmp_path):
    (block,), _ = read_tracking(made_set("bdb_2026").write(tmp_path))
    assert np.isnan(block.frames[:, 22]).all()


THROWN = {30: "pass_forward"}


@pytest.mark.parametrize(
    ("events", "snap", "end"),
    [
        ({6: "ball_snap", 7: "autoevent_ballsnap", **THROWN}, 6, 30),  # the manual one wins
        ({6: "ball_snap", 8: "autoevent_ballsnap", **THROWN}, 6, 30),
        ({6: "autoevent_ballsnap", 7: "ball_snap", **THROWN}, 7, 30),
        ({7: "autoevent_ballsnap", 30: "autoevent_passforward"}, 7, 30),  # where there is no other
        (
            {6: "ball_snap", 9: "ball_snap", **THROWN, 33: "pass_forward"},
            6,
            30,
        ),  # unsettled: the first
        ({6: "ball_snap", 20: "run", **THROWN}, 6, 30),  # a scramble before a throw is no end
        ({6: "ball_snap", 40: "qb_strip_sack", 41: "fumble"}, 6, 40),
    ],
    ids=str,
)
def test_trap_6_a_window_goes_from_the_manual_snap_to_the_throw_or_sack(events, snap, end):
    rows = [{"play": 0, "frame": frame, "event": event} for frame, event in events.items()]
    found = find_windows(pl.DataFrame(rows)).row(0, named=True)
    assert (found["snap_frame"], found["snap_event"]) == (snap, events[snap])
    assert (found["end_frame"], found["end_event"]) == (end, events[end])


@pytest.mark.parametrize("null", ["None", "NA", ""])
def test_trap_6_no_event_is_null_in_every_spelling(null, tmp_path):
    source = made_set("bdb_2025").change(NAME, pl.col("event").fill_null(null))
    (block,), _ = read_tracking(source.write(tmp_path))
    assert block.plays["frames"].to_list() == [21]


def test_trap_7_a_missing_defense_sets_the_play_aside(tmp_path):
    plays = MadePlay(play=64), MadePlay(play=100)
    rows = pl.concat(play.rows() for play in plays).filter(
        (pl.col("playId") != 64) | (pl.col("side") != "defense")
    )
    (block,), report = read_tracking(made_set("bdb_2021", *plays, rows=rows).write(tmp_path))
    assert block.plays["play_id"].to_list() == [100]
    assert report.left_out["detail"].to_list() == ["6 players of the offense and 0 of the defense"]


def test_trap_7_rows_of_nothing_are_dropped_and_counted(tmp_path):
    play = MadePlay()
    empty = play.rows().head(27).with_columns(
        pl.lit(None, dtype=pl.Float64).alias(name) for name in ("x", "y", "s", "dis", "dir")
    ).with_columns(frameId=pl.col("frameId") + 200)  # fmt: skip
    rows = pl.concat([play.rows(), empty])
    (block,), report = read_tracking(made_set("bdb_2019", play, rows=rows).write(tmp_path))
    assert block.plays.height == 1
    assert report.files[0].unreadable_rows == 27


def test_trap_8_of_repeated_rows_the_first_counts(tmp_path):
    play = MadePlay()
    again = play.rows().with_columns(pl.col("x") + 7, event=pl.lit("first_contact"))
    rows = pl.concat([play.rows(), again.filter(pl.col("frameId") == 10)])
    (block,), _ = read_tracking(made_set("bdb_2025", play, rows=rows).write(tmp_path))
    assert block.plays["duplicate_rows"].to_list() == [23]
    assert block.frames[4, 0, 0] == pytest.approx(40 - 1.5 * 0.4, abs=0.011)


def test_trap_9_time_stamps_do_not_matter_where_there_are_frame_numbers(tmp_path):
    stamp = pl.lit("2017-09-08 00:41:59")
    source = made_set("bdb_2019").change("tracking_gameId_1.csv", time=stamp)
    (block,), _ = read_tracking(source.write(tmp_path))
    assert play_splits(block)["time_to_throw_s"].to_list() == [2.0]


def test_trap_10_coordinates_out_of_the_field_are_legal(tmp_path):
    play = MadePlay()
    rows = play.rows().with_columns(
        y=pl.when(pl.col("nflId") == 30006).then(-1.5).otherwise(pl.col("y"))
    )
    (block,), _ = read_tracking(made_set("bdb_2025", play, rows=rows).write(tmp_path))
    assert np.nanmin(block.frames[..., 1]) == -1.5


@pytest.mark.parametrize("quarterbacks", [("QB", "QB"), ("WR", "WR")], ids=["two", "none"])
def test_trap_10_whoever_stands_behind_the_center_passes(quarterbacks, tmp_path):
    listed = pl.col("nflId").replace_strict(
        [30000, 30010], list(quarterbacks), default=pl.col("officialPosition")
    )
    source = made_set("bdb_2025").change("players.csv", officialPosition=listed)
    (block,), _ = read_tracking(source.write(tmp_path))
    passer = block.players.filter(pl.col("role") == "passer")
    assert (passer["player_id"].to_list(), passer["slot"].to_list()) == ([30000], [0])


def test_trap_11_penalty_yards_are_not_gained(tmp_path):
    # playResult is 24 with a penalty of 15 in it, prePenaltyPlayResult 9.
    (block,), _ = read_tracking(made_set("bdb_2023").write(tmp_path))
    assert block.plays["yards_gained"].to_list() == [9]


def test_trap_11_a_nullified_play_is_marked(tmp_path):
    source = made_set("bdb_2025").change("plays.csv", playNullifiedByPenalty=pl.lit("Y"))
    (block,), _ = read_tracking(source.write(tmp_path))
    assert block.plays["nullified"].to_list() == [True]


def test_trap_13_a_set_with_derived_acceleration_says_so(tmp_path):
    (block,), _ = read_tracking(made_set("bdb_2019").write(tmp_path))
    assert block.plays["derived"].to_list() == [["acceleration"]]
    assert np.isfinite(block.frames[:, :22, 3]).all()
    assert np.isnan(block.frames[:, :22, 5]).all()


def test_trap_14_charted_splits_carry_who_charted_them():
    splits = pl.DataFrame({"game_id": [2022091100, 2023091000], "play_id": [64, 64]}).cast(pl.Int64)
    participation = pl.DataFrame(
        {
            "old_game_id": ["2022091100", "2023091000"],
            "play_id": [64, 64],
            "season": [2022, 2023],
            "time_to_throw": [2.4, 2.6],
            "was_pressure": [True, False],
        }
    )
    joined = with_participation(splits, participation)
    assert joined["charted_by"].to_list() == ["NGS", "FTN"]


def test_the_play_direction_gives_way_to_where_the_sides_stand(tmp_path):
    play = MadePlay()
    rows = play.rows().with_columns(playDirection=pl.lit("left"))
    (block,), report = read_tracking(made_set("bdb_2025", play, rows=rows).write(tmp_path))
    assert checks_of(report)["play direction"] == "corrected"
    assert block.plays["rotated"].to_list() == [False]


def test_a_corrected_direction_is_recorded_of_its_own_play_alone(tmp_path):
    plays = [MadePlay(play=number) for number in (1, 2, 3)]
    rows = pl.concat(play.rows() for play in plays).with_columns(
        playDirection=pl.when(pl.col("playId") == 2).then(pl.lit("left")).otherwise(pl.lit("right"))
    )
    (block,), _ = read_tracking(made_set("bdb_2025", *plays, rows=rows).write(tmp_path))
    said = ["play direction: read from where the sides stand, which the set's is against"]
    assert block.plays["corrections"].to_list() == [[], said, []]


@pytest.mark.parametrize("reading", ["flipped", "toward_goal"])
def test_a_yard_line_read_from_the_other_end_is_corrected(reading, tmp_path):
    plays = [
        MadePlay(play=number, right=number % 2 == 0, line_x=25.0 + number)
        for number in range(1, 11)
    ]
    own_end = pl.Series([play.line_x for play in plays])
    told = own_end if reading == "toward_goal" else 120 - pl.col("absoluteYardlineNumber")
    source = made_set("bdb_2025", *plays).change("plays.csv", absoluteYardlineNumber=told)
    (block,), report = read_tracking(source.write(tmp_path))
    assert checks_of(report)["yard line in raw x"] == "corrected"
    assert block.plays["line_of_scrimmage_x_yd"].to_list() == [play.line_x for play in plays]
