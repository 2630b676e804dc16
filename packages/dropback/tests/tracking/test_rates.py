"""Tracks of another frame rate are brought to ten frames a second."""

import numpy as np
import polars as pl
import pytest

from dropback.tracking import read_tracking
from examples.tracking_sets import MadePlay, made_set


def at_rate(rate):
    """The made play as it would have been recorded at another rate, to the hundredth."""
    plain = MadePlay().rows()
    step = 10 / rate
    frames = np.arange(0, 39.001, step)
    moved = []
    for number, (_, track) in enumerate(plain.group_by("nflId", "side", maintain_order=True)):
        at = track["frameId"].to_numpy() - 1
        near = np.clip(np.round(frames).astype(int), 0, 39)
        events = [None] * len(frames)
        for place, event in enumerate(track["event"].to_list()):
            if event is not None:
                events[int(np.abs(frames - place).argmin())] = event
        moved.append(
            track[near].with_columns(
                frameId=pl.Series(np.arange(1, len(frames) + 1)),
                time=pl.Series(
                    [f"2022-09-11T13:00:0{f // 10:.0f}.{round(f % 10 * 100):03d}" for f in frames]
                ),
                x=pl.Series(np.interp(frames, at, track["x"])),
                y=pl.Series(np.interp(frames, at, track["y"])),
                event=pl.Series(events, dtype=pl.String),
            )
        )
        assert number < 23
    return pl.concat(moved)


@pytest.mark.parametrize("rate", [5, 25, 50])
def test_another_rate_gives_the_play_of_ten_frames_a_second(tmp_path, rate):
    (plain,), _ = read_tracking(made_set("bdb_2025").write(tmp_path / "ten"))
    source = made_set("bdb_2025", rows=at_rate(rate)).write(tmp_path / "other")
    (block,), report = read_tracking(source)
    assert report.left_out.is_empty()
    assert block.plays["corrections"].to_list() == [
        [f"rate: resampled from {rate} to 10 frames a second"]
    ]
    # At 5 Hz snap and throw fall on frames of their own, or half a tenth beside.
    assert block.plays["frames"].to_list() == plain.plays["frames"].to_list()
    assert block.plays["rate_hz"][0] == pytest.approx(10, rel=0.05)
    shown = min(len(block.frames), len(plain.frames))
    off = np.abs(block.frames[:shown, :22, :2] - plain.frames[:shown, :22, :2])
    # Between the frames of a track that starts at once a line is off by its bend alone.
    assert np.nanmax(off) < (0.65 if rate == 5 else 0.1)


def test_ten_frames_a_second_are_left_alone(tmp_path):
    (block,), _ = read_tracking(made_set("bdb_2025").write(tmp_path))
    assert block.plays["corrections"].to_list() == [[]]
    assert block.plays["snap_frame"].to_list() == [6]


@pytest.mark.parametrize("order", [["nflId", "frameId"], ["frameId", "nflId"]])
@pytest.mark.parametrize("rate", [5, 25])
def test_a_play_of_another_rate_than_its_file_is_set_aside(tmp_path, rate, order):
    first, second, third = (MadePlay(play=number) for number in (1, 2, 3))
    milliseconds = (pl.col("frameId") * (1000 / rate)).round().cast(pl.Int64)
    stamp = pl.datetime(2022, 9, 11, 13) + pl.duration(milliseconds=milliseconds)
    odd = second.rows().with_columns(time=stamp.dt.strftime("%Y-%m-%dT%H:%M:%S%.3f"))
    rows = pl.concat([odd, first.rows(), third.rows()])
    # Files are sorted by player; some hands sort them by frame.
    rows = rows.sort("playId", *order, nulls_last=True, maintain_order=True)
    source = made_set("bdb_2025", second, first, third, rows=rows)
    blocks, report = read_tracking(source.write(tmp_path))
    assert [play for block in blocks for play in block.plays["play_id"]] == [1, 3]
    (row,) = report.left_out.select("play_id", "reason", "detail").rows()
    assert row == (2, "not ten frames a second", f"rate_hz is {rate:.1f}, must be about 10")


def test_the_rate_of_plays_whose_rows_lie_among_each_other_is_read(tmp_path):
    plays = [at_rate(20).with_columns(playId=pl.lit(number)) for number in range(1, 13)]
    rows = pl.concat(plays)
    for name, ordered in {"play": rows, "frame": rows.sort("frameId", maintain_order=True)}.items():
        made = made_set("bdb_2025", *(MadePlay(play=k) for k in range(1, 13)), rows=ordered)
        blocks, report = read_tracking(made.write(tmp_path / name))
        assert report.left_out.is_empty()
        kept = [text for block in blocks for text in block.plays["corrections"].to_list()]
        assert kept == [["rate: resampled from 20 to 10 frames a second"]] * 12


@pytest.mark.parametrize("form", ["{}Z", "{}+00:00", "{}-0500", " {} ", "{} UTC"])
def test_a_time_of_any_zone_is_a_time(tmp_path, form):
    rows = MadePlay().rows().with_columns(time=pl.format(form, "time"))
    (block,), report = read_tracking(made_set("bdb_2025", rows=rows).write(tmp_path))
    assert block.plays["flags"].to_list() == [[]]
    assert report.left_out.is_empty()
