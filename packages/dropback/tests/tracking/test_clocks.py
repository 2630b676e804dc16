"""Tracks on one clock, and repeated snaps and throws: the right frames of made plays."""

import numpy as np
import polars as pl
import pytest

from dropback.tracking import read_tracking
from dropback.tracking.ingest._clocks import align_tracks
from dropback.tracking.ingest._entities import find_player_runs
from examples.tracking_sets import MadePlay, made_set

PLAYERS = pl.col("nflId").is_not_null()


def read(folder, play=None, rows=None, layout="bdb_2025"):
    return read_tracking(made_set(layout, play or MadePlay(), rows=rows).write(folder))


def reasons(report):
    return dict(report.left_out.select("play_id", "reason").iter_rows())


def aligned(rows):
    at = rows["event"].is_not_null().arg_true()
    return align_tracks(rows, find_player_runs(rows), at.to_numpy(), rows["event"].gather(at))


def test_plays_of_one_clock_do_not_change_how_others_are_put_on_one():
    """Of three plays the second has a ball whose frames are four ahead of its stamps and events."""
    rows = pl.DataFrame(
        [
            (1, play, player, frame + late, f"2022-09-11 13:00:00.{frame}", event)
            for play in (1, 2, 3)
            for player, late in ((1, 0), (2, 0), (3, 0), (None, 4 if play == 2 else 0))
            for frame, event in enumerate([None, None, "ball_snap", None])
        ],
        schema=["source_game_id", "source_play_id", "player_id", "frame", "time", "event"],
        orient="row",
    )
    found = aligned(rows)
    assert found.shifted.rows() == [
        (1, "clock: frames shifted to the other tracks' snap, ball by -4")
    ]
    assert found.rows["frame"].to_list() == [0, 1, 2, 3] * 12
    alone = aligned(rows.filter(source_play_id=2)).shifted
    assert alone["clock_shift"].to_list() == found.shifted["clock_shift"].to_list()
    assert aligned(rows.filter(pl.col("source_play_id") != 2)).shifted.is_empty()


def test_one_player_of_the_2017_game_is_of_another_clock(data_dir):
    """A punt, so no play of a window: its own snap is at 13, the others' at 15."""
    rows = (
        pl.scan_csv(data_dir / "tracking/bdb_2019/tracking_gameId_2017090700.csv.gz",
                    null_values=["NA"], infer_schema=False)
        .filter(pl.col("playId").cast(pl.Float64) == 4006)
        .select(
            source_game_id=pl.lit(2017090700),
            source_play_id=pl.lit(4006),
            player_id=pl.col("nflId").cast(pl.Float64).cast(pl.Int64),
            frame=pl.col("frame.id").cast(pl.Float64).cast(pl.Int64),
            time="time",
            event="event",
        )
        .collect()
    )  # fmt: skip
    found = aligned(rows)
    assert found.problems.is_empty()
    assert found.shifted["clock_shift"][0].endswith("by 2")
    snaps = found.rows.filter(pl.col("event") == "ball_snap")
    assert set(snaps["frame"]) == {15}


@pytest.mark.parametrize("layout", ["bdb_2023", "bdb_2025", "ngs_highlights"])
@pytest.mark.parametrize("shift", [40, -3, 118])
def test_players_and_ball_of_two_clocks_give_the_play_of_one(layout, shift, tmp_path):
    (right,), _ = read(tmp_path / "right", layout=layout)
    rows = MadePlay().rows().with_columns(frameId=pl.col("frameId") + shift * PLAYERS)
    (block,), report = read(tmp_path / "shifted", rows=rows, layout=layout)
    np.testing.assert_array_equal(block.frames, right.frames)
    np.testing.assert_array_equal(block.arrival_xy, right.arrival_xy)
    assert block.plays["snap_frame"][0] == right.plays["snap_frame"][0] + shift
    assert block.plays["corrections"][0].to_list() == [
        f"clock: frames shifted to the other tracks' snap, ball by {shift}"
    ]
    assert {c.name: c.decision for c in report.files[0].checks}["tracks put on one clock"] == (
        "corrected"
    )


def test_a_ball_without_events_is_placed_by_its_time_stamps(tmp_path):
    (right,), _ = read(tmp_path / "right")
    rows = (
        MadePlay()
        .rows()
        .with_columns(
            frameId=pl.col("frameId") + 7 * ~PLAYERS, event=pl.when(PLAYERS).then("event")
        )
    )
    (block,), _ = read(tmp_path / "shifted", rows=rows)
    np.testing.assert_array_equal(block.frames, right.frames)
    assert "ball by -7" in block.plays["corrections"][0][0]


def test_a_player_whose_snap_is_charted_late_on_the_same_clock_is_not_shifted(tmp_path):
    (right,), _ = read(tmp_path / "right")
    own = pl.col("nflId") == 30006
    rows = MadePlay().rows()
    late = pl.when(own & (pl.col("frameId") == 6)).then(None)
    late = late.when(own & (pl.col("frameId") == 9)).then(pl.lit("ball_snap")).otherwise("event")
    (block,), _ = read(tmp_path / "late", rows=rows.with_columns(event=late))
    np.testing.assert_array_equal(block.frames, right.frames)
    assert block.plays["flags"][0].to_list() == []
    assert block.plays["snap_frame"].to_list() == [6]


@pytest.mark.parametrize(
    ("odd", "stamps"),
    [
        # Half of the tracks: none of the clocks is the play's.
        (pl.col("nflId") > 30010, 0),
        # The ball's event is at another frame and at another time than its clock explains.
        (~PLAYERS, 2),
    ],
)
def test_tracks_that_cannot_be_put_on_one_clock_set_the_play_aside(odd, stamps, tmp_path):
    seconds = pl.col("time").str.to_datetime() + pl.duration(seconds=stamps * odd.cast(pl.Int64))
    rows = (
        MadePlay()
        .rows()
        .with_columns(
            frameId=pl.col("frameId") + 40 * odd, time=seconds.dt.to_string("%Y-%m-%dT%H:%M:%S%.3f")
        )
    )
    blocks, report = read(tmp_path, rows=rows)
    assert blocks == []
    assert reasons(report) == {64: "tracks on several clocks"}
    assert "number their frames otherwise than most" in report.left_out["detail"][0]


SNAP, THROW, ARRIVED = "ball_snap", "pass_forward", "pass_arrived"


@pytest.mark.parametrize(
    ("events", "snap", "release", "repeats"),
    [
        # In a made play the players move from frame 6 on and the passer has the ball until 26. They
        # start at once, as real ones that stand there do .4 s after the snap.
        ({1: SNAP, 6: SNAP, 26: THROW, 36: ARRIVED}, 6, 26, 1),
        ({6: SNAP, 16: SNAP, 26: THROW, 36: ARRIVED}, 6, 26, 1),
        ({6: SNAP, 26: THROW, 30: SNAP, 36: ARRIVED}, 6, 26, 1),
        ({6: SNAP, 16: THROW, 26: THROW, 36: ARRIVED}, 6, 26, 1),
        ({6: SNAP, 26: THROW, 30: THROW, 36: ARRIVED}, 6, 26, 1),
        ({6: SNAP, 16: THROW, 20: ARRIVED, 26: THROW}, 6, 16, 1),
        ({1: SNAP, 6: SNAP, 16: THROW, 21: THROW, 26: THROW, 36: ARRIVED}, 6, 26, 3),
        ({6: SNAP, 26: THROW, 36: ARRIVED}, 6, 26, 0),
    ],
    ids=str,
)
def test_the_snap_is_where_players_start_and_the_throw_where_the_passer_has_the_ball(
    events, snap, release, repeats, tmp_path
):
    (block,), _ = read(tmp_path, MadePlay(events=events), layout="bdb_2023")
    row = block.plays.row(0, named=True)
    assert (row["snap_frame"], row["snap_frame"] + row["frames"] - 1) == (snap, release)
    assert row["repeated_events"] == repeats
    # The one whose release is early is a pass of .4 s, which may stay near the passer.
    assert row["flags"] == (["repeated events"] if repeats else [])


def test_without_a_ball_the_throw_is_the_last_before_the_arrival(tmp_path):
    play = MadePlay(events={6: SNAP, 16: THROW, 26: THROW, 30: ARRIVED, 34: THROW})
    (block,), _ = read(tmp_path, play, rows=play.rows().filter(PLAYERS))
    assert block.plays.select("snap_frame", "frames").row(0) == (6, 21)


def test_a_repeat_that_one_track_alone_has_is_none(tmp_path):
    play = MadePlay(events={6: SNAP, 26: THROW, 36: ARRIVED})
    extra = (pl.col("nflId") == 30001) & (pl.col("frameId") == 22)
    rows = play.rows().with_columns(event=pl.when(extra).then(pl.lit(THROW)).otherwise("event"))
    (block,), _ = read(tmp_path, play, rows=rows)
    assert block.plays.select("frames", "repeated_events").row(0) == (21, 0)


def test_the_arrival_is_that_of_the_chosen_throw(tmp_path):
    """A lateral caught at 12 is no arrival of the pass at 26: the ball is at the target at 36."""
    play = MadePlay(events={6: SNAP, 12: "pass_outcome_caught", 26: THROW, 36: ARRIVED})
    (block,), _ = read(tmp_path, play)
    (target,) = block.players.filter(display_name="Al Player6")["slot"]
    np.testing.assert_allclose(block.arrival_xy[0, 22], block.arrival_xy[0, target], atol=0.02)
