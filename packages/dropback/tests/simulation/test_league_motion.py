"""The league's real manner of motion: real gains of speed, and a start from rest."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from dropback.errors import RequestError
from dropback.simulation.tracking import TrackingLeagueSettings, simulate_tracking_league
from dropback.simulation.tracking._league import Week, simulate_week
from dropback.simulation.tracking._manner import Manner

# Mean change of speed over 0.4 s of 217 real dropbacks of 2015 and 2017, yd/s2: what
# `research/league_motion.py` prints.
REAL_GAINS = {"passer": 1.13, "receiver": 1.95, "rusher": 1.23, "coverage": 1.52}


@pytest.fixture(scope="module")
def week() -> Week:
    settings = TrackingLeagueSettings(plays=120, motion="real")
    return simulate_week(simulate_tracking_league(settings, seed=5), 0)


def test_gains_of_speed_are_real(week: Week) -> None:
    xy, release = week.dropbacks.xy, week.dropbacks.release
    speed = np.hypot(*np.moveaxis(np.diff(xy, axis=1), -1, 0)) * 10
    gain = np.abs(speed[:, 4:] - speed[:, :-4]) / 0.4
    inside = np.arange(gain.shape[1]) + 4 < release[:, None]
    rushes = week.calls.rushes
    who = {
        "passer": np.zeros((len(release), 22), bool),
        "receiver": np.zeros((len(release), 22), bool),
        "rusher": np.zeros((len(release), 22), bool),
        "coverage": np.zeros((len(release), 22), bool),
    }
    who["passer"][:, 0] = True
    who["receiver"][:, 6:11] = ~week.calls.blocks
    who["rusher"][:, 11:], who["coverage"][:, 11:] = rushes, ~rushes
    for role, flags in who.items():
        cells = inside[:, :, None] & flags[:, None]
        assert gain[cells].mean() == pytest.approx(REAL_GAINS[role], rel=0.2), role


def test_nobody_moves_at_the_snap(week: Week) -> None:
    xy = week.dropbacks.xy
    np.testing.assert_allclose(xy[:, 0], week.calls.snap_xy, atol=1e-9)
    first_step = np.hypot(*np.moveaxis(xy[:, 1] - xy[:, 0], -1, 0))
    # A sprinter gathers 4 to 5 yards a second squared: 0.05 yards in the first tenth.
    assert first_step.max() < 0.1


def test_smoothing_is_gaussian_away_from_the_ends_and_leaves_the_still_alone() -> None:
    track = np.zeros((1, 60, 22, 2))
    track[0, 30:, 3, 0] = 1.0  # a step of a yard, which a Gaussian makes its own CDF
    track[0, :, 7, 1] = 5.0
    inertia = np.full((1, 22), 3.0)
    manner = Manner(np.ones((1, 22)), np.zeros((1, 22)), inertia)
    smooth = manner.smoothed(track)
    expected = norm.cdf((np.arange(20, 41) - 29.5) / 3.0)
    np.testing.assert_allclose(smooth[0, 20:41, 3, 0], expected, atol=3e-3)
    np.testing.assert_allclose(smooth[0, :, 7, 1], 5.0)


def test_small_wishes_are_followed_in_part() -> None:
    manner = Manner(np.ones((1, 2)), np.full((1, 2), 4.0), np.zeros((1, 2)))
    wanted = np.array([[[1.0, 0.0], [0.0, 8.0]]])
    # A quarter of the ease: a quarter of the change; twice the ease: all of it.
    np.testing.assert_allclose(
        manner.eased(np.zeros((1, 2, 2)), wanted), [[[0.25, 0.0], [0.0, 8.0]]]
    )


def test_an_unknown_manner_is_refused() -> None:
    with pytest.raises(RequestError, match="motion must be sharp or real, got 'slow'"):
        TrackingLeagueSettings(motion="slow")  # type: ignore[arg-type]
