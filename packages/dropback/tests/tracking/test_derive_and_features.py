import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropback.live._inputs import next_columns
from dropback.models._frame_columns import frame_columns
from dropback.tracking import read_tracking
from dropback.tracking._kernels import HISTORY_FRAMES
from dropback.tracking._motion import causal_slope, derive_motion, velocity
from dropback.tracking._splits import SPLITS, play_splits
from dropback.tracking.ingest._gaps import fill_gaps
from dropback.tracking.tensors._features import (
    ENGINEERED_COLUMNS,
    PLAYER_COLUMNS,
    block_features,
    eligible_slots,
    engineered_features,
    static_features,
)
from examples.tracking_sets import MadePlay, made_set


def engineered_of(frames, *, line=0, target=7):
    """Engineered features of the first of some frames, by name."""
    lines, targets = np.full(1, line, np.float32), np.full(1, target)
    (features,) = engineered_features(
        frames[:1], np.zeros(1, np.int64), lines, targets, np.ones((1, 11), bool)
    )
    return dict(zip(ENGINEERED_COLUMNS, features.tolist(), strict=True))


@pytest.fixture
def block(tmp_path):
    plays = [MadePlay(play=number, right=number % 2 == 0, release=20 + number) for number in (1, 4)]
    (block,), _ = read_tracking(made_set("bdb_2025", *plays).write(tmp_path))
    return block


@given(st.floats(-50, 50), st.floats(-10, 10), st.integers(2, 30))
def test_the_slope_of_a_line_is_exact_from_the_second_frame_on(start, rate, frames):
    values = (start + rate * np.arange(frames) / 10).astype(np.float32)
    slope = causal_slope(values, np.arange(frames))
    assert slope[0] == 0
    np.testing.assert_allclose(slope[1:], rate, atol=2e-3)


@given(st.floats(-5, 5), st.floats(-8, 8))
def test_the_slope_of_a_parabola_is_exact_from_the_fourth_frame_on(rate, bend):
    t = np.arange(12) / 10
    slope = causal_slope((rate * t + bend * t * t).astype(np.float32), np.arange(12))
    np.testing.assert_allclose(slope[3:], rate + 2 * bend * t[3:], atol=2e-3)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_the_slope_uses_no_later_frame_and_no_other_play(seed):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(20, 3)).astype(np.float32)
    frame_in_play = np.concatenate([np.arange(8), np.arange(12)])
    whole = causal_slope(values, frame_in_play)
    spoiled = values.copy()
    spoiled[:8] = np.nan
    spoiled[15:] = 99.0
    np.testing.assert_array_equal(causal_slope(spoiled, frame_in_play)[8:15], whole[8:15])


def test_velocity_reads_compass_degrees():
    speed = np.full(4, 2.0, np.float32)
    xy = velocity(speed, np.array([0, 90, 180, 270], np.float32))
    np.testing.assert_allclose(xy, [[0, 2], [2, 0], [0, -2], [-2, 0]], atol=1e-6)


@given(st.floats(-720, 720, width=32), st.floats(0, 15, width=32))
def test_velocity_is_within_rounding_of_double_precision(direction, speed):
    (found,) = velocity(np.float32([speed]), np.float32([direction]))
    exact = speed * np.array([np.sin(np.deg2rad(direction)), np.cos(np.deg2rad(direction))])
    np.testing.assert_allclose(found, exact, atol=speed * 1.2e-7)


def test_a_standing_player_without_direction_has_no_velocity_and_a_running_one_none_known():
    xy = velocity(np.float32([0.05, 0.2, np.nan]), np.full(3, np.nan, np.float32))
    np.testing.assert_array_equal(xy, [[0, 0], [np.nan, np.nan], [np.nan, np.nan]])


def test_derived_direction_is_held_while_standing_and_downfield_before():
    frames = np.full((12, 1, 6), np.nan, np.float32)
    frames[:, 0, 0] = [0, 0, 0, 0, 0, 0.5, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0]
    frames[:, 0, 1] = 5.0
    frames[:4, 0, 0] = 0.0
    frames[:, 0, :2] = frames[:, 0, 1::-1]  # runs toward +y: compass 0
    derive_motion(frames, np.arange(12), (2, 4))
    assert frames[2, 0, 4] == 90.0
    assert frames[7, 0, 4] == pytest.approx(0.0)
    # Frames 4 to 8 lie on a line of 5 yards a second.
    assert frames[8, 0, 2] == pytest.approx(5.0, abs=1e-4)


def test_given_motion_is_not_overwritten():
    frames = np.ones((6, 2, 6), np.float32)
    frames[:, 1, 2] = np.nan
    derive_motion(frames, np.arange(6), (2,))
    assert (frames[:, 0, 2] == 1).all()
    np.testing.assert_allclose(frames[:, 1, 2], 0, atol=1e-5)


def test_gaps_at_the_ends_take_the_nearest_value_and_angles_do_not_pass_zero():
    frames = np.zeros((8, 23, 6), np.float32)
    frames[..., 0] = np.arange(8)[:, None]
    frames[:, 3, 4] = [350, 350, 350, 350, 10, 10, 10, 10]
    frames[[0, 3, 7], 3] = np.nan
    used = np.zeros((1, 23), bool)
    used[0, :22] = True
    gaps = fill_gaps(frames, np.array([0, 8]), used)
    assert gaps.filled.tolist() == [3]
    assert frames[:, 3, 0].tolist() == [1, 1, 2, 3, 4, 5, 6, 6]
    assert frames[3, 3, 4] == 350


def test_a_gap_does_not_borrow_from_the_next_play():
    frames = np.zeros((8, 23, 6), np.float32)
    frames[4:, :, 0] = 100.0
    frames[3, 0] = np.nan
    used = np.ones((2, 23), bool)
    fill_gaps(frames, np.array([0, 4, 8]), used)
    assert frames[3, 0, 0] == 0.0


def test_player_features_are_relative_to_line_and_middle(block):
    assert len(PLAYER_COLUMNS) == 22 * 8 == len(set(PLAYER_COLUMNS))
    players, _, _ = block_features(block)
    # The passer stands 5 yards behind the line at y = 26 and moves back at 1.5 yards a second.
    np.testing.assert_allclose(players[0, 0, :2], [-5.0, 26 - 80 / 3], atol=0.011)
    np.testing.assert_allclose(players[5, 0, 2:4], [-1.5, 0.0], atol=0.011)
    np.testing.assert_allclose(players[5, 0, 7], 90.0, atol=0.011)


def test_engineered_features_count_what_a_slow_loop_counts(block):
    _, engineered, _ = block_features(block)
    target, eligible = block.plays["target_slot"].to_numpy(), eligible_slots(block)
    frame, play = 17, int(block.play_of_frame[17])
    now = block.frames[frame].astype(np.float64)
    line = block.plays["line_of_scrimmage_x_yd"][play]
    passer, receiver = now[0], now[target[play]]

    def gap(a, b):
        return float(np.hypot(a[0] - b[0], a[1] - b[1]))

    defenders = [now[slot] for slot in range(11, 22)]
    corners = [now[slot][:2] for slot in range(6)]
    around = zip(corners, corners[1:] + corners[:1], strict=True)
    area = 0.5 * abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in around))
    along = [passer[:2] + share * (receiver[:2] - passer[:2]) for share in np.linspace(0, 1, 2001)]
    expected = {
        "seconds_since_snap_s": (frame - block.offsets[play]) / 10,
        "passer_depth_yd": line - passer[0],
        "passer_speed_yd_per_s": passer[2],
        "passer_to_sideline_yd": min(passer[1], 160 / 3 - passer[1]),
        "passer_to_nearest_defender_yd": min(gap(passer, d) for d in defenders),
        "defenders_within_2_yd_of_passer": sum(gap(passer, d) < 2 for d in defenders),
        "defenders_past_line": sum(d[0] < line for d in defenders),
        "pocket_area_yd2": area,
        "eligible_past_line": sum(
            now[slot][0] > line for slot in range(11) if eligible[play, slot]
        ),
        "widest_separation_yd": max(
            min(gap(now[slot], d) for d in defenders) for slot in range(11) if eligible[play, slot]
        ),
        "target_depth_yd": receiver[0] - line,
        "target_to_sideline_yd": min(receiver[1], 160 / 3 - receiver[1]),
        "target_speed_yd_per_s": receiver[2],
        "target_separation_yd": min(gap(receiver, d) for d in defenders),
        "defenders_within_2_yd_of_target": sum(gap(receiver, d) < 2 for d in defenders),
        "passer_to_target_yd": gap(receiver, passer),
        "lane_to_nearest_defender_yd": min(gap(p, d) for p in along for d in defenders),
    }
    assert tuple(expected) == ENGINEERED_COLUMNS
    np.testing.assert_allclose(engineered[frame], list(expected.values()), atol=2e-3)


def test_without_a_target_its_columns_are_absent_and_the_others_are_not(block):
    none = np.full(len(block.frames), -1)
    line = block.plays["line_of_scrimmage_x_yd"].to_numpy()[block.play_of_frame]
    features = engineered_features(
        block.frames, block.frame_in_play, line, none, eligible_slots(block)[block.play_of_frame]
    )
    assert np.isfinite(features[:, :10]).all()
    assert np.isnan(features[:, 10:]).all()


def test_static_features_are_those_of_the_play(block):
    row = static_features(block.plays)[0]
    # First and 10 at the own 35, first quarter with 15:00 left, four points up at home, week 1.
    assert row.tolist() == [1, 10, 65, 1, 1800, 4, 1, 17]


def test_plays_fed_frame_by_frame_equal_the_batch(block):
    players, engineered, _ = block_features(block)
    eligible, line = eligible_slots(block), block.plays["line_of_scrimmage_x_yd"].to_numpy()
    target = block.plays["target_slot"].to_numpy()
    assert HISTORY_FRAMES == 5
    velocities = np.zeros((len(line), HISTORY_FRAMES, 22, 2), np.float32)
    for number in range(int(np.diff(block.offsets).min())):
        at = block.offsets[:-1] + number
        numbers, frames = np.full(len(line), number), block.frames[at]
        for of_target, released in ((target, True), (None, False)):
            expected = frame_columns(
                players[at], engineered[at], target, np.full(len(line), released)
            )
            found, after = next_columns(line, eligible, frames, velocities, numbers, of_target)
            np.testing.assert_array_equal(found, expected)
        velocities = after


def test_a_defender_who_is_not_seen_is_near_nobody(block):
    frames = np.ascontiguousarray(block.frames[:1])
    frames[0, 11:21] = np.nan
    named = engineered_of(frames, line=45)
    last, passer, receiver = frames[0, 21], frames[0, 0], frames[0, 7]
    assert named["passer_to_nearest_defender_yd"] == pytest.approx(np.hypot(*(last - passer)[:2]))
    assert named["target_separation_yd"] == pytest.approx(np.hypot(*(last - receiver)[:2]))
    frames[0, 21] = np.nan
    assert [name for name, x in engineered_of(frames, line=45).items() if np.isnan(x)] == [
        "passer_to_nearest_defender_yd",
        "widest_separation_yd",
        "target_separation_yd",
        "lane_to_nearest_defender_yd",
    ]


def test_a_target_where_the_passer_stands_has_a_lane_of_one_point(block):
    frames = np.ascontiguousarray(block.frames[:1])
    frames[0, 7] = frames[0, 0]
    named = engineered_of(frames)
    assert named["passer_to_target_yd"] == 0
    assert named["lane_to_nearest_defender_yd"] == named["passer_to_nearest_defender_yd"]


@pytest.mark.parametrize(
    ("place", "distance"),
    [((43.0, 34.0), 5.0), ((27.0, 26.0), 5.0), ((34.0, 32.0), 2.0)],
    ids=["past the target", "behind the passer", "between"],
)
def test_a_lane_ends_at_the_passer_and_at_the_target(place, distance):
    frames = np.zeros((1, 23, 6), np.float32)
    frames[:, 11:, :2] = 90.0
    frames[0, 0, :2], frames[0, 7, :2], frames[0, 15, :2] = (30.0, 30.0), (40.0, 30.0), place
    assert engineered_of(frames, line=33)["lane_to_nearest_defender_yd"] == distance


def test_players_that_a_set_lacks_are_missing_and_what_they_would_be_counted_in(tmp_path):
    source = made_set("bdb_2021")
    name = "week1.csv"
    defense = ["DE", "DT", "NT"]
    source.tracking[name] = source.tracking[name].filter(
        ~pl.col("position").is_in(defense).fill_null(value=False)
    )
    (block,), _ = read_tracking(source.write(tmp_path))
    players, engineered, _ = block_features(block)
    there = ~np.isnan(players[:, :, 0])
    # The passer and five receivers; two linebackers, two corners and two safeties of seven.
    assert there.sum(axis=1).tolist() == [6 + 7] * len(players)
    named = dict(zip(ENGINEERED_COLUMNS, engineered.T, strict=True))
    unknown = {column for column, values in named.items() if np.isnan(values).all()}
    assert unknown == {
        "passer_to_nearest_defender_yd",
        "defenders_within_2_yd_of_passer",
        "defenders_past_line",
        "pocket_area_yd2",
        "lane_to_nearest_defender_yd",
    }
    assert named["passer_depth_yd"][0] == 5.0
    pressure = play_splits(block).select("pressured_at_throw", "pressured_any_time")
    assert pressure.row(0) == (None, None)


def test_slots_are_the_same_whatever_the_order_of_rows(tmp_path):
    source = made_set("bdb_2025", MadePlay())
    name = "tracking_week_1.csv"
    (plain,), _ = read_tracking(source.write(tmp_path / "plain"))
    source.tracking[name] = source.tracking[name].sample(fraction=1, shuffle=True, seed=3)
    (shuffled,), _ = read_tracking(source.write(tmp_path / "shuffled"))
    np.testing.assert_array_equal(plain.frames, shuffled.frames)


def test_slots_follow_roles(block):
    players = block.players.filter(pl.col("play_id") == 4).sort("slot")
    assert players["position"].to_list()[:6] == ["QB", "T", "G", "C", "G", "T"]
    assert sorted(players["position"].to_list()[6:11]) == ["RB", "TE", "WR", "WR", "WR"]
    assert players["position"].to_list()[11:15] == ["DE", "DT", "NT", "DE"]
    assert players["position"].to_list()[18:22] == ["CB", "FS", "SS", "CB"]


def test_rushers_are_the_defenders_who_cross_the_line(block):
    players = block.players.filter(pl.col("play_id") == 4)
    rushers = players.filter(pl.col("role") == "rusher")
    assert sorted(rushers["position"]) == ["DE", "DE", "DT", "NT"]


def test_splits_of_a_made_play(block):
    splits = play_splits(block).row(1, named=True)
    assert splits["time_to_throw_s"] == pytest.approx(1.8)
    assert splits["time_to_throw_band"] == "under 2.5 s"
    assert splits["dropback_depth_yd"] == pytest.approx(5 + 1.5 * 1.8, abs=0.02)
    # Linemen of the defense come from 6 yards at 2 - 1.5 yards a second: never within 2 yards.
    assert (splits["pressured_at_throw"], splits["pressured_any_time"]) == (False, False)
    # At the arrival, frame 36, the ball is with slot 6's runner, 17 yards deep after 3 s.
    assert splits["throw_depth_yd"] == pytest.approx(-1 + 6 * 3.0, abs=0.02)
    assert splits["throw_depth_band"] == "middle"


def test_a_defender_at_the_passer_is_pressure_by_both_definitions(tmp_path):
    play = MadePlay()
    rows = play.rows()
    passer = rows.filter(pl.col("nflId") == 30000).select("frameId", qx="x", qy="y")
    near = (pl.col("nflId") == 30011) & (pl.col("frameId") > 15)
    rows = rows.join(passer, on="frameId", maintain_order="left").with_columns(
        x=pl.when(near).then(pl.col("qx") + 1.2).otherwise("x"),
        y=pl.when(near).then("qy").otherwise("y"),
    )
    (block,), _ = read_tracking(
        made_set("bdb_2025", play, rows=rows.drop("qx", "qy")).write(tmp_path)
    )
    splits = play_splits(block).row(0, named=True)
    assert (splits["pressured_at_throw"], splits["pressured_any_time"]) == (True, True)


def test_every_split_has_a_definition_and_a_source(block):
    columns = set(play_splits(block).columns) - {"game_id", "play_id"}
    assert columns == set(SPLITS)
    assert all(split.definition.endswith(".") and split.source for split in SPLITS.values())
