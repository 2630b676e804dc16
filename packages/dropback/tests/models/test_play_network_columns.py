"""What the play network reads of a frame: by hand, before and at the release, and in a mirror."""

import numpy as np
import pytest

from dropback.data._field import FIELD_WIDTH_YD
from dropback.models._frame_columns import (
    ENGINEERED,
    FRAME_COLUMNS,
    PLAYER_WIDTH,
    frame_columns,
    mirror_signs,
    mirrored_order,
)
from dropback.tracking._schema import PLAYERS
from dropback.tracking.tensors._features import (
    ENGINEERED_COLUMNS,
    engineered_features,
    player_features,
)

ABOUT_TARGET = [
    "target_depth_yd",
    "target_to_sideline_yd",
    "target_speed_yd_per_s",
    "target_separation_yd",
    "defenders_within_2_yd_of_target",
    "passer_to_target_yd",
    "lane_to_nearest_defender_yd",
]


def at(name: str) -> int:
    """Place of a column."""
    return FRAME_COLUMNS.index(name)


def a_frame(released: bool, target: int) -> np.ndarray:
    """Columns of one frame whose numbers tell where they came from."""
    players = np.arange(PLAYERS * 8, dtype=np.float32).reshape(1, PLAYERS, 8)
    engineered = 1000 + np.arange(17, dtype=np.float32)[None]
    return frame_columns(players, engineered, np.array([target]), np.array([released]))[0]


def test_columns_are_the_players_then_the_engineered() -> None:
    columns = a_frame(released=True, target=9)
    assert len(FRAME_COLUMNS) == len(columns) == 22 * 11 + 17
    # Slot 8 of the defense is player 19 of 22: 8 quantities each, number 2 of them the x velocity.
    assert columns[at("defense_8_x_velocity_yd_per_s")] == 19 * 8 + 2
    assert columns[at("offense_3_direction_sine")] == pytest.approx(np.sin(np.deg2rad(3 * 8 + 6)))
    assert columns[at("offense_3_orientation_cosine")] == pytest.approx(np.cos(np.deg2rad(31)))
    assert columns[at("pocket_area_yd2")] == 1000 + ENGINEERED_COLUMNS.index("pocket_area_yd2")


def test_release_tells_who_the_throw_is_for() -> None:
    columns = a_frame(released=True, target=9)
    flags = {name: columns[at(name)] for name in FRAME_COLUMNS if name.endswith("is_target")}
    assert [name for name, flag in flags.items() if flag] == ["offense_9_is_target"]
    assert not np.isnan(columns).any()


@pytest.mark.parametrize(("released", "target"), [(False, 9), (True, -1)])
def test_nothing_tells_it_before(released: bool, target: int) -> None:
    columns = a_frame(released=released, target=target)
    missing = [name for name in FRAME_COLUMNS if np.isnan(columns[at(name)])]
    assert missing == ABOUT_TARGET
    assert not any(columns[at(name)] for name in FRAME_COLUMNS if name.endswith("is_target"))
    known = a_frame(released=True, target=9)
    others = [at(n) for n in FRAME_COLUMNS if n not in ABOUT_TARGET and "is_target" not in n]
    np.testing.assert_array_equal(columns[others], known[others])


def test_absent_orientation_is_missing_and_no_direction_of_its_own() -> None:
    players = np.ones((2, PLAYERS, 8), np.float32)
    players[1, :, 7] = np.nan
    shown = frame_columns(
        players, np.ones((2, 17), np.float32), np.array([6, 6]), np.array([True, True])
    )
    missing = [name for name in FRAME_COLUMNS if np.isnan(shown[1, at(name)])]
    assert missing == [name for name in FRAME_COLUMNS if "orientation" in name]
    assert not np.isnan(shown[0]).any()


def test_angles_are_unit_vectors_and_a_standing_mans_none_is_zero() -> None:
    players = np.random.default_rng(1).uniform(0, 360, (2, PLAYERS, 8)).astype(np.float32)
    players[1, 3, 6] = np.nan
    shown = frame_columns(
        players, np.ones((2, 17), np.float32), np.array([6, 6]), np.array([True, True])
    )
    pairs = shown[:, : PLAYERS * PLAYER_WIDTH].reshape(2, PLAYERS, PLAYER_WIDTH)[..., 6:10]
    angles = np.deg2rad(players[..., 6:].astype(np.float64))
    expected = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(2, PLAYERS, 4)
    np.testing.assert_allclose(pairs, np.nan_to_num(expected), atol=1.2e-7)
    assert pairs[1, 3, :2].tolist() == [0, 0]


def test_mirror_is_that_of_the_field() -> None:
    generator = np.random.default_rng(3)
    frames = generator.uniform(0, 50, (5, 23, 6)).astype(np.float32)
    frames[..., 4:] *= 7
    # Within groups of slots the order is from right to left, so a mirror turns each group round.
    slots = np.concatenate([[0], np.arange(1, 6)[::-1], np.arange(6, 11)[::-1]])
    slots = np.concatenate([slots, np.arange(11, 15)[::-1], np.arange(15, 22)[::-1], [22]])
    mirrored = frames.copy()
    mirrored[..., 1] = FIELD_WIDTH_YD - mirrored[..., 1]
    mirrored[..., 4:] = (180 - mirrored[..., 4:]) % 360
    mirrored = mirrored[:, slots]
    target = np.array([6, 7, 8, 9, 10])
    ours, expected = (
        columns_of(frames, target),
        columns_of(mirrored, np.array([list(slots).index(t) for t in target])),
    )
    order = mirrored_order(slots[:22].astype(np.uint8))
    np.testing.assert_allclose(mirror_signs() * ours[:, order], expected, atol=2e-4)
    assert not np.allclose(ours, expected, atol=0.1)


def columns_of(frames: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Columns of the frames of a play at the line x = 20, each as if it were the release."""
    line, number = np.full(len(frames), 20, np.float32), np.arange(len(frames))
    players = player_features(frames, number, line)
    engineered = engineered_features(frames, number, line, target, np.ones((len(frames), 11), bool))
    return frame_columns(players, engineered, target, np.ones(len(frames), bool))


def test_mirror_of_a_mirror_is_the_frame() -> None:
    slots = np.concatenate([[0], np.arange(1, 11)[::-1], np.arange(11, 22)[::-1]]).astype(np.uint8)
    order, signs = mirrored_order(slots), mirror_signs()
    values = np.random.default_rng(0).normal(size=len(FRAME_COLUMNS))
    once = signs * values[order]
    np.testing.assert_array_equal(signs * once[order], values)
    np.testing.assert_array_equal(once[ENGINEERED], values[ENGINEERED])
    assert (order[:PLAYER_WIDTH] == np.arange(PLAYER_WIDTH)).all()
