"""Places in feet, inches and centimeters are told as such, and not by what follows from them."""

import polars as pl
import pytest

from dropback.tracking import read_tracking
from examples.tracking_flags import changed, two_plays
from examples.tracking_sets import MadePlay

WEEKS = {"bdb_2019": "tracking_gameId_1.csv", "bdb_2025": "tracking_week_1.csv"}


@pytest.mark.parametrize("layout", WEEKS)
@pytest.mark.parametrize(("unit", "count"), [("feet", 3), ("inches", 36), ("centimeters", 91.44)])
def test_places_in_another_unit_set_their_play_aside(layout, unit, count, tmp_path):
    source = two_plays(layout)
    source = changed(source, WEEKS[layout], x=pl.col("x") * count, y=pl.col("y") * count)
    (block,), report = read_tracking(source.write(tmp_path))
    assert block.plays["play_id"].to_list() == [2]
    ((play, reason, detail),) = report.left_out.select("play_id", "reason", "detail").rows()
    assert (play, reason) == (1, "places in another unit")
    # Receiver 30007 runs from y = 48 on, the widest; 95 % of all rows are within.
    assert f" % of the rows, as in {unit} (" in detail
    assert detail.startswith("the columns x and y are up to ")


def test_a_whole_set_in_centimeters_is_told_so(tmp_path):
    source = two_plays("bdb_2025")
    source = source.change(WEEKS["bdb_2025"], x=pl.col("x") * 91.44, y=pl.col("y") * 91.44)
    _, report = read_tracking(source.write(tmp_path))
    assert report.left_out["reason"].to_list() == ["places in another unit"] * 2


def test_a_track_far_off_is_no_other_unit(tmp_path):
    source = two_plays("bdb_2025")
    source = changed(source, WEEKS["bdb_2025"], pl.col("nflId") == 30018, y=pl.col("y") * 3)
    _, report = read_tracking(source.write(tmp_path))
    assert "places in another unit" not in report.left_out["reason"].to_list()


def test_exchanged_x_and_y_are_no_other_unit(tmp_path):
    # From the 75 on y would be beyond the field as feet are; (y, x) is a place on it. One row of
    # the other play has no place on earth.
    source = two_plays("bdb_2025", MadePlay(play=1, line_x=85.0), MadePlay(play=2))
    source = changed(source, WEEKS["bdb_2025"], x=pl.col("y"), y=pl.col("x"))
    rows = source.tracking[WEEKS["bdb_2025"]]
    last = pl.int_range(pl.len()) == pl.len() - 1
    far = pl.when(last).then(1e6).otherwise("x")
    source.tracking[WEEKS["bdb_2025"]] = rows.with_columns(x=far)
    _, report = read_tracking(source.write(tmp_path))
    ((play, reason, detail),) = report.left_out.select("play_id", "reason", "detail").rows()
    assert (play, reason) == (1, "x and y exchanged")
    assert "feet" not in detail


def test_a_play_without_a_readable_row_has_the_numbers_of_the_league(tmp_path):
    source = two_plays("hackathon_2015")
    (name,) = source.tracking
    right, _ = read_tracking(source.write(tmp_path / "right"))
    keys = right[0].plays.select("game_id", "play_id").rows()
    source = source.change(name, x=pl.col("x") * 91.44, y=pl.col("y") * 91.44)
    _, report = read_tracking(source.write(tmp_path / "cm"))
    assert sorted(report.left_out.select("game_id", "play_id").rows()) == sorted(keys)
    assert set(report.left_out["reason"]) == {"places in another unit"}
