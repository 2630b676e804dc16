"""How far x and y move beside recorded speeds and directions, of each play."""

import numpy as np
import polars as pl
import pytest

from dropback.tracking import read_tracking
from dropback.tracking._blocks import DIRECTION, SPEED, PlayBlock, X, Y, empty_frames
from dropback.tracking.ingest._axis_sums import axis_sums
from examples.tracking_flags import flags_of, two_plays

METERS = 0.9144
UNITS = "x and y in different units"
SPEEDS = "speeds out of proportion to displacements"


def test_sums_are_of_the_moving_steps_inside_each_play():
    # Two plays of three frames: one player runs along x at 4 yards a second and 3.8 are
    # recorded, one along y at 3, which is recorded; one stands, one jumps and one has no direction.
    frames = empty_frames(6)
    frames[:3, 0, X] = [10.0, 10.4, 10.8]
    frames[:3, 0, Y] = 5.0
    frames[:3, 1, X] = 20.0
    frames[:3, 1, Y] = [5.0, 5.3, 5.6]
    frames[:3, :2, SPEED] = [3.8, 3.0]
    frames[:3, :2, DIRECTION] = [90.0, 0.0]
    frames[3:, :3, X] = [[0, 0, 0], [0, 20, 0.3], [0, 40, 0.6]]
    frames[3:, :3, Y] = 0.0
    frames[3:, :3, SPEED] = [0.5, 3.0, 3.0]
    frames[3:, :2, DIRECTION] = 90.0
    block = PlayBlock(
        pl.DataFrame({"n": [0, 1]}), pl.DataFrame(), frames, np.array([0, 3, 6]),
        np.empty((2, 23, 2), np.float32),
    )  # fmt: skip
    sums = axis_sums(block)
    assert sums.steps.tolist() == [2, 0]
    assert sums.xx[0] == pytest.approx(4 * 3.8, rel=1e-5)
    assert sums.yy[0] == pytest.approx(3 * 3, rel=1e-5)
    assert sums.said_x[0] == pytest.approx(3.8**2, rel=1e-5)
    assert sums.went_x[0] == pytest.approx(4**2, rel=1e-5)
    # x moves 4 / 3.8 times the recorded, y as recorded.
    assert sums.scale_of_y()[0] == pytest.approx(0.95, rel=1e-5)
    assert sums.agreement()[0] == pytest.approx((15.2 + 9) / np.sqrt(23.44 * 25), rel=1e-5)
    assert np.isnan(sums.scale_of_y()[1])


@pytest.mark.parametrize(
    ("columns", "flag", "said"),
    [
        ({"y": METERS}, UNITS, "y moves 0.91 times as far as x"),
        ({"x": METERS}, UNITS, "y moves 1.09 times as far as x"),
        ({"s": METERS}, SPEEDS, "speeds: 1.09 times"),
        ({"x": METERS, "y": METERS}, SPEEDS, "speeds: 0.91 times"),
    ],
    ids=["y", "x", "speeds", "places"],
)
def test_a_play_of_which_some_columns_are_in_meters_is_told(columns, flag, said, tmp_path):
    source = two_plays("bdb_2025")
    of_play = pl.col("playId") == 1
    name = "tracking_week_1.csv"
    source.tracking[name] = source.tracking[name].with_columns(
        # About the ball: so that neither line nor hash marks tell it.
        pl.when(of_play)
        .then(pl.col(column).first() + scale * (pl.col(column) - pl.col(column).first()))
        .otherwise(column)
        .alias(column)
        if column != "s"
        else pl.when(of_play).then(scale * pl.col(column)).otherwise(column).alias(column)
        for column, scale in columns.items()
    )
    flagged = flags_of(source, tmp_path)
    assert set(flagged) == {1}
    flags, details = flagged[1]
    assert flag in flags
    assert said in details


def test_two_of_seven_real_plays_with_y_in_meters_are_told(data_dir, tmp_path):
    folder = data_dir / "tracking/bdb_2023_sample"
    rows = pl.read_csv(folder / "week1.csv", infer_schema=False)
    kept, _ = read_tracking(folder)
    harmed = kept[0].plays["game_id"].sort().to_list()[:2]
    y = pl.col("y").cast(pl.Float64)
    where = pl.col("gameId").is_in([str(game) for game in harmed])
    rows.with_columns(y=pl.when(where).then(METERS * y).otherwise(y)).write_csv(
        tmp_path / "week1.csv"
    )
    for table in ("plays.csv", "players.csv"):
        (tmp_path / table).write_bytes((folder / table).read_bytes())
    _, report = read_tracking(tmp_path)
    told = report.flagged.filter(pl.col("flags").str.contains(UNITS))
    assert told["game_id"].sort().to_list() == harmed
