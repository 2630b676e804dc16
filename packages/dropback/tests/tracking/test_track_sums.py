"""The sums over steps that tracks are judged by."""

from __future__ import annotations

import numpy as np
import pytest

from dropback.tracking._blocks import ACCELERATION, DIRECTION, SPEED, X, Y
from dropback.tracking.ingest._track_sums import (
    CHANGING,
    FAST,
    MOVING,
    TURNED,
    TURNED_FAST,
    track_sums,
)


def test_sums_are_of_the_steps_inside_each_play() -> None:
    # Two plays of three frames and one of one. Player 0 of the first runs along x at 3 and 4 yards
    # a second while recorded as running at 3 and 1.5; of the second, one step across and none.
    planes = np.full((6, 7, 23), np.nan, np.float32)
    planes[X, :6, 0] = [0, 0.3, 0.7, 0, 0, 0]
    planes[Y, :6, 0] = [0, 0, 0, 0, 0.3, 0.3]
    planes[SPEED, :6, 0] = [3, 3, 1.5, 3, 3, 3]
    planes[ACCELERATION, :6, 0] = [1, 2, 3, 4, 5, 6]
    planes[DIRECTION, :6, 0] = 90.0  # toward +x
    steps = np.hypot(*np.diff(planes[:2, :, :22], axis=1)) * np.float32(10)
    ratios, cosines = np.zeros((3, 3, 3, 22), np.float32), np.zeros((2, 2, 3, 22))
    in_a_row, recorded = np.zeros((2, 3, 22), np.int64), np.zeros(2, bool)
    track_sums(planes, steps, np.array([0, 3, 6, 7]), ratios, cosines, in_a_row, recorded)
    # Count, what positions say and what the record says.
    assert ratios[FAST, :, 0, 0] == pytest.approx([1, 3, 3])
    assert ratios[MOVING, :, 0, 0] == pytest.approx([2, 7, 4.5])
    assert ratios[CHANGING, :, 0, 0] == pytest.approx([2, 0.5, 1.5])
    assert ratios[FAST, :, 1, 0] == pytest.approx([2, 3, 6])
    assert cosines[TURNED, :, 0, 0] == pytest.approx([2, 2])
    assert cosines[TURNED_FAST, :, 1, 0] == pytest.approx([1, 0], abs=1e-6)
    # The second step of the second play stands still at 3 yards a second.
    assert in_a_row[:, :, 0].tolist() == [[0, 1, 0], [0, 1, 0]]
    assert recorded.tolist() == [True, False]
    assert not ratios[:, :, 2].any()
    assert not ratios[:, :, :, 1:].any()
