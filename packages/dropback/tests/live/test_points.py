"""Expected points of a play's outcomes: the situation that each gain leaves, worked by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from dropback.data._outcomes import YARDS_LOWEST
from dropback.expected_points import points_of_gains
from dropback.live import Forecast, PlayContext
from dropback.live._points import PlayPoints
from dropback.models._grid import YARDS


def values(situations):
    """A value that tells every part of a situation from the others."""
    return (
        100 * situations["down"] + 1000 * situations["ydstogo"] + situations["yardline_100"]
        + 0.1 * situations["home"].cast(float) + 1e-4 * situations["half_seconds_remaining"]
        + 1e5 * situations["goal_to_go"].cast(float) + 1e-6 * situations["half"]
    ).to_numpy()  # fmt: skip


MODEL = SimpleNamespace(seasons=(2021, 2022), values=values)
THIRD_AND_7 = {
    "down": 3, "ydstogo": 7, "yardline_100": 65, "quarter": 3, "half_seconds_remaining": 100.0,
    "home": True,
}  # fmt: skip
BEFORE = 300 + 7000 + 65 + 0.1 + 0.01 + 1e-6


@pytest.mark.parametrize(
    ("gain", "after"),
    [
        # 4th and 4 at the 62, six seconds later.
        (3, 400 + 4000 + 62 + 0.1 + 0.0094 + 1e-6),
        (0, 400 + 7000 + 65 + 0.1 + 0.0094 + 1e-6),
        (-8, 400 + 15000 + 73 + 0.1 + 0.0094 + 1e-6),
        # A first down at the 58; first and goal from the 8.
        (7, 100 + 10000 + 58 + 0.1 + 0.0094 + 1e-6),
        (57, 100 + 8000 + 8 + 0.1 + 0.0094 + 1e-6 + 1e5),
        (65, 7),
        (100, 7),
        (-35, -2),
        (-110, -2),
    ],
)
def test_a_gain_is_worth_the_situation_that_it_leaves(gain, after):
    (found,) = points_of_gains(MODEL, np.array([gain]), **THIRD_AND_7)
    assert found == pytest.approx(after - BEFORE, abs=1e-7)


def test_a_fourth_down_that_is_missed_gives_the_ball_away():
    found = points_of_gains(MODEL, np.array([3]), **{**THIRD_AND_7, "down": 4})
    # The other team's first and 10, 38 yards from the goal, and not at home.
    other = 100 + 10000 + 38 + 0.0094 + 1e-6
    assert found[0] == pytest.approx(-other - (BEFORE + 100), abs=1e-7)


def test_where_nobody_knows_who_is_at_home_it_is_the_mean():
    gains = np.array([3, 7])
    both = [points_of_gains(MODEL, gains, **{**THIRD_AND_7, "home": home}) for home in (0, 1)]
    unknown = points_of_gains(MODEL, gains, **{**THIRD_AND_7, "home": None})
    np.testing.assert_allclose(unknown, np.mean(both, axis=0), atol=1e-9)


def test_a_play_is_valued_where_its_situation_is_known_whole(monkeypatch):
    monkeypatch.setattr("dropback.live._points.load_expected_points", lambda _: MODEL)
    points = PlayPoints("folder")
    context = PlayContext(
        line_of_scrimmage_x_yd=45, yards_to_goal=65, down=3, yards_to_go=7, quarter=3,
        seconds_left_in_half_s=100.0, at_home=True,
    )  # fmt: skip
    added = points.of(context)
    assert added.shape == YARDS.shape
    assert added[7 - YARDS_LOWEST] == pytest.approx(100 + 10000 + 58 + 0.1094 + 1e-6 - BEFORE)
    for name in ("down", "yards_to_go", "quarter", "seconds_left_in_half_s"):
        known = {field: getattr(context, field) for field in PlayContext.__dataclass_fields__}
        assert points.of(PlayContext(**{**known, name: None})) is None


def test_points_of_a_forecast_are_those_of_its_outcomes():
    # 0 yards with 60 %, 4 with 30 %, a touchdown at 10 with 10 %.
    mass = np.zeros(len(YARDS))
    mass[[0 - YARDS_LOWEST, 4 - YARDS_LOWEST, 10 - YARDS_LOWEST]] = 0.6, 0.3, 0.1
    added = np.where(YARDS >= 10, 4.0, np.where(YARDS >= 4, 0.5, -1.0))
    forecast = Forecast(3, True, mass.cumsum().astype(np.float32), 10, 7, added)
    assert forecast.epa == pytest.approx(-0.6 + 0.15 + 0.4, abs=1e-6)
    assert (forecast.epa_low, forecast.epa_high) == (-1.0, 4.0)
    plain = Forecast(3, True, mass.cumsum().astype(np.float32), 10, 7)
    assert (plain.epa, plain.epa_low, plain.epa_high) == (None, None, None)
