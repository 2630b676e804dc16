"""Frames before the snap and after the release, on request."""

import numpy as np
import polars as pl
import pytest

from dropback.errors import TrackingError
from dropback.tracking import Around, build_tensors, ingest, read_tracking
from dropback.tracking._splits import play_splits
from examples.tracking_sets import MadePlay, made_set

# Frames 1 to 40: the snap at 6, the throw at 26, the arrival at 36.
BEFORE, WINDOW, AFTER = 5, 21, 14


@pytest.mark.parametrize("right", [True, False], ids=["to the right", "to the left"])
@pytest.mark.parametrize("layout", ["bdb_2025", "bdb_2023"])
def test_frames_around_the_window_are_on_the_same_field(tmp_path, layout, right):
    source = made_set(layout, MadePlay(right=right)).write(tmp_path)
    (block,), _ = read_tracking(source, around=Around(99, None))
    rows = block.to_polars()
    assert rows["frame"].unique().sort().to_list() == list(range(-BEFORE, WINDOW + AFTER))
    # A receiver stands at 44 until the snap and runs 6 yards a second from there, without end.
    receiver = rows.filter(display_name="Al Player6").sort("frame")
    since = np.maximum(receiver["frame"].to_numpy(), 0) / 10
    np.testing.assert_allclose(receiver["x_yd"], 44 + 6 * since, atol=0.01)
    assert receiver["direction_deg"][-1] == pytest.approx(np.degrees(np.arctan2(6, -1)), abs=0.1)
    # The ball is with its receiver from the arrival on: the separation there can be measured.
    at = rows.filter(frame=30)
    ball, target = at.filter(slot=22), at.filter(display_name="Al Player6")
    assert ball["x_yd"].item() == pytest.approx(target["x_yd"].item())
    assert rows.filter(event="pass_arrived")["frame"].unique().to_list() == [30]
    inside = rows.filter(pl.col("frame").is_between(0, WINDOW - 1)).drop("event")
    assert inside.equals(read_tracking(source)[0][0].to_polars())


def events_of(block):
    """The `event` of each frame that has one."""
    shown = block.to_polars().drop_nulls("event").unique("frame").sort("frame")
    return dict(shown.select("frame", "event").rows())


# In the layout's words, one of them in another spelling, and around a snap at frame 6.
CHARTED = {
    3: "man_in_motion", 4: " Line Set ", 6: "Ball Snap", 20: "play_action", 26: "pass_forward",
    36: "pass_arrived", 38: "tackle",
}  # fmt: skip
SHOWN = {
    -3: "man_in_motion", -2: "Line Set", 0: "ball_snap", 14: "play_action", 20: "pass_forward",
    30: "pass_arrived", 32: "tackle",
}  # fmt: skip


def test_events_are_the_sets_own_also_those_that_no_window_needs(tmp_path):
    source = made_set("bdb_2023", MadePlay(events=CHARTED)).write(tmp_path / "set")
    (block,), _ = read_tracking(source, around=Around(99, None))
    assert events_of(block) == SHOWN
    ingest(source, tmp_path / "wide", around=Around(99, None))
    beyond = pl.read_parquet(tmp_path / "wide" / "around").drop_nulls("event")
    written = dict(beyond.select("frame", "event").unique().rows())
    assert written == {frame: SHOWN[frame] for frame in (-3, -2, 30, 32)}
    # No event of a frame that was not asked for is one of another's.
    (block,), _ = read_tracking(source, around=Around(2, 10))
    assert events_of(block) == {frame: SHOWN[frame] for frame in (-2, 0, 14, 20, 30)}


def test_several_events_of_one_frame_are_all_shown(tmp_path):
    rows = MadePlay().rows()
    at = pl.col("frameId").is_in([6, 36])
    again = rows.filter(at).with_columns(
        event=pl.col("frameId").replace_strict({6: "shift", 36: "first_contact"})
    )
    # Sets that have two write each row twice; an event of one track alone is no frame's.
    late = pl.when(pl.col("frameId") == 30).then(pl.lit("pass_arrived"))
    rows = rows.with_columns(
        event=pl.when(pl.col("nflId") == 30008).then(pl.coalesce(late, "event")).otherwise("event")
    )
    source = made_set("bdb_2023", rows=pl.concat([rows, again]))
    (block,), report = read_tracking(source.write(tmp_path), around=Around(9, None))
    assert report.left_out.is_empty()
    assert events_of(block) == {
        0: "ball_snap; shift", 20: "pass_forward", 30: "first_contact; pass_arrived"
    }  # fmt: skip


def test_no_event_is_lost_where_frames_of_another_rate_fall_together(tmp_path):
    # At 20 frames a second the motion is charted a twentieth of a second before the snap, and the
    # tackle as long after the last frame that there is of ten a second.
    frames = {12: "man_in_motion", 13: "ball_snap", 53: "pass_forward", 80: "tackle"}
    times = {n: f"2022-09-11T13:00:{n // 20:02d}.{n % 20 * 5:02d}0" for n in range(81)}
    rows = MadePlay(snap=7, release=27).rows()
    fine = pl.concat(
        rows.with_columns(frameId=2 * pl.col("frameId") - odd, event=pl.lit(None, pl.String))
        for odd in (1, 0)
    ).sort("nflId", "side", "frameId", maintain_order=True)
    fine = fine.with_columns(
        event=pl.col("frameId").replace_strict(frames, default=None, return_dtype=pl.String),
        time=pl.col("frameId").replace_strict(times),
    )
    source = made_set("bdb_2023", rows=fine).write(tmp_path)
    (block,), report = read_tracking(source, around=Around(9, None))
    assert report.left_out.is_empty()
    assert block.plays["corrections"][0][0] == "rate: resampled from 20 to 10 frames a second"
    assert list(events_of(block).values()) == ["ball_snap; man_in_motion", "pass_forward", "tackle"]


def test_events_of_real_plays_are_all_there(data_dir):
    (block,), _ = read_tracking(data_dir / "tracking/bdb_2023_sample", around=Around(20, None))
    shown = block.to_polars().drop_nulls("event").unique(["game_id", "frame"])
    # Each word of the file, as often as there are frames that have it.
    assert dict(shown["event"].value_counts().rows()) == {
        "ball_snap": 7, "autoevent_ballsnap": 4, "pass_forward": 6, "autoevent_passforward": 3,
        "play_action": 2, "man_in_motion": 1, "run": 1,
    }  # fmt: skip
    # The file has these at its frames 3, 6, 18 and 45.
    motion = shown.filter(game_id=2021092612).sort("frame").select("frame", "event").rows()
    assert motion == [
        (-3, "man_in_motion"), (0, "ball_snap"), (12, "play_action"), (39, "pass_forward")
    ]  # fmt: skip


def test_ingest_writes_them_beside_the_window_and_features_stay(tmp_path):
    source = made_set("bdb_2025", MadePlay(play=1), MadePlay(play=2)).write(tmp_path / "set")
    ingest(source, tmp_path / "plain")
    assert not (tmp_path / "plain" / "around").exists()
    ingest(source, tmp_path / "wide", around=Around(2, 3))
    for table in ("plays", "players", "frames", "splits"):
        found, plain = (pl.read_parquet(tmp_path / f / table) for f in ("wide", "plain"))
        assert found.equals(plain)
    around = pl.read_parquet(tmp_path / "wide" / "around")
    assert around["frame"].unique().sort().to_list() == [-2, -1, 21, 22, 23]
    assert around.height == 2 * 5 * 23
    built = [build_tensors(tmp_path / f, tmp_path / f"{f}-t")[0] for f in ("wide", "plain")]
    assert built[0].schema["data_sha256"] == built[1].schema["data_sha256"]
    # Other frames asked for are other tables: the folder is written again.
    ingest(source, tmp_path / "wide", around=Around(0, None))
    assert pl.read_parquet(tmp_path / "wide" / "around")["frame"].min() == 21
    # Those of an ingest in between do not stay beside tables that are there without.
    ingest(source, tmp_path / "plain", around=Around(2, 3))
    assert ingest(source, tmp_path / "plain").resumed_files == 1
    assert not list((tmp_path / "plain" / "around").rglob("*.parquet"))


def test_plays_that_are_left_out_or_repeated_leave_no_frames_around(tmp_path):
    good, bad = MadePlay(play=1), MadePlay(play=2, events={6: "ball_snap"})
    made = made_set("bdb_2025", bad, good)
    source = made.write(tmp_path / "set")
    made.tracking["tracking_week_1.csv"].write_csv(source / "tracking_week_2.csv", null_value="NA")
    ingest(source, tmp_path / "wide", around=Around(1, 1))
    around = pl.read_parquet(tmp_path / "wide" / "around")
    assert around.select("play_id", "frame").unique().sort("frame").rows() == [(1, -1), (1, 21)]
    assert around.height == 2 * 23


def test_frames_that_were_not_read_are_named(tmp_path):
    (block,), _ = read_tracking(made_set("bdb_2025").write(tmp_path))
    with pytest.raises(TrackingError, match="--from -2s --to end"):
        block.wide_table()


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        (("--from", "-0.3s"), [-3, -2, -1]),
        (("--to", "end"), list(range(21, 35))),
        (("--from", "start", "--to", "0.2s"), [-5, -4, -3, -2, -1, 21, 22]),
    ],
)
def test_command_names_them_by_seconds(run, tmp_path, options, frames):
    source = made_set("bdb_2025").write(tmp_path / "set")
    code, _, err = run("ingest", source, "--out", tmp_path / "plays", *options)
    assert code == 0, err
    around = pl.read_parquet(tmp_path / "plays" / "around")
    assert around["frame"].unique().sort().to_list() == frames


@pytest.mark.parametrize(
    ("option", "value"), [("--from", "2s"), ("--from", "end"), ("--to", "-1s"), ("--to", "soon")]
)
def test_no_time_is_refused(run, tmp_path, option, value):
    source = made_set("bdb_2025").write(tmp_path / "set")
    code, _, err = run("ingest", source, "--out", tmp_path / "plays", option, value)
    assert code == 2
    assert f"{option} must be" in err
    assert not (tmp_path / "plays").exists()


def test_separation_at_the_arrival_is_measured_there(tmp_path):
    (block,), _ = read_tracking(made_set("bdb_2025").write(tmp_path))
    (wide,), _ = read_tracking(tmp_path, around=Around(0, None))
    rows = wide.to_polars().filter(frame=30)
    places = rows.sort("slot").select("x_yd", "y_yd").to_numpy()
    target = places[int(block.plays["target_slot"][0])]
    nearest = np.hypot(*(places[11:22] - target).T).min()
    found = play_splits(block)
    assert found["separation_at_arrival_yd"][0] == pytest.approx(nearest, abs=1e-4)
    assert found["separation_at_release_yd"][0] != pytest.approx(nearest, abs=0.1)
