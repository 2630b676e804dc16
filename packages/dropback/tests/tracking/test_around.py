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
