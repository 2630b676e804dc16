"""Each pass over the rows gives what array operations, or a plain loop, give."""

from __future__ import annotations

import numpy as np
import pytest

from dropback.tracking._schema import SLOTS
from dropback.tracking.ingest._passes import (
    early_values,
    find_inside,
    off_frames,
    scatter,
    span_by_play,
    used_codes,
)


def test_rows_inside_windows_and_around_snaps_are_those_of_array_operations():
    generator = np.random.default_rng(3)
    length = generator.integers(0, 12, 40)
    head = np.cumsum(length) - length
    play = np.sort(generator.integers(0, 6, 40))
    frame = generator.integers(0, 30, length.sum())
    snap, last = np.array([3, 8, 0, 25, 2**62, 10]), np.array([5, 0, 29, 3, -1, 7])
    wanted = np.array([True, False, True, False, False, True])
    row, since, inside, near, since_near, near_run = find_inside(
        frame, head, length, play, snap, last, wanted, -2
    )
    passed = frame - np.repeat(snap[play], length)
    is_inside = (passed >= 0) & (passed <= np.repeat(last[play], length))
    np.testing.assert_array_equal(row, np.flatnonzero(is_inside))
    np.testing.assert_array_equal(since, passed[is_inside])
    runs = np.repeat(np.arange(40), length)
    np.testing.assert_array_equal(inside, np.bincount(runs[is_inside], minlength=40))
    np.testing.assert_array_equal(near, np.flatnonzero(np.isin(passed, [-2, 0, 3])))
    np.testing.assert_array_equal(since_near, passed[near])
    np.testing.assert_array_equal(near_run, runs[near])


# Two runs of one entity repeat its frame 1; a second entity has no cell.
ROW = np.array([0, 1, 2, 4, 5])
FRAME = np.array([0, 1, 1, 2, 0])
LENGTH, ENTITY = np.array([2, 2, 1]), np.array([0, 0, 1])
VALUES = np.array([10, 11, 12, 13, 14, 15], np.float32)


@pytest.mark.parametrize(("first_stays", "repeated"), [(False, 12), (True, 11)])
def test_of_repeated_rows_the_first_or_the_last_stays(first_stays, repeated):
    cells = np.full(3 * SLOTS, np.nan, np.float32)
    base = np.array([4, -1])
    scatter(VALUES, ROW, FRAME, LENGTH, ENTITY, base, cells, first_stays)
    assert cells[[4, 4 + SLOTS, 4 + 2 * SLOTS]].tolist() == [10, repeated, 14]
    assert np.isfinite(cells).sum() == 3


def test_the_first_frame_of_the_first_few_counts():
    assert early_values(VALUES, ROW, FRAME, LENGTH, ENTITY, 4).tolist() == [10, 15]
    later = FRAME + np.array([3, 0, 0, 0, 4])
    np.testing.assert_array_equal(
        early_values(VALUES, ROW, later, LENGTH, ENTITY, 4), np.float32([12, np.nan])
    )


def test_plays_span_what_is_known_of_their_runs():
    values = np.array([2.0, np.nan, -1.0, np.nan, 5.0, 7.0])
    length, play = np.array([3, 1, 0, 1, 1]), np.array([0, 1, 2, 0, 3])
    assert span_by_play(values, length, play).tolist() == [6, -np.inf, -np.inf, 0]


def test_stamps_are_held_against_the_times_of_their_frames():
    place, seconds = np.array([1, 0, 2, 1], np.uint32), np.array([7.5, 9.0, np.nan])
    off, count = off_frames(place, seconds, np.array([90, 70, 5, 91]), 10.0)
    np.testing.assert_array_equal(off, [0.0, 0.5, np.nan, 9.0 - 9.1])
    assert count == 3


def test_codes_that_no_row_has_are_told():
    assert used_codes(np.array([3, 1, 3], np.uint32), 5).tolist() == [
        False,
        True,
        False,
        True,
        False,
    ]
