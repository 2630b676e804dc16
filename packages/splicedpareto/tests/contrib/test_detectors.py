"""Detectors raise alarms at their rate, follow what they claim to follow, and refuse bad input."""

import copy
import functools
import math
import pickle
from typing import Any

import numpy as np
import pytest
import scipy.stats

pytest.importorskip("libspot", reason="the extra 'detectors' is not installed")

from splicedpareto.contrib.detectors import Spot, stream_thresholds

RNG_SEED = 7


def heavy(size: int) -> np.ndarray:
    return scipy.stats.t(4).rvs(size, random_state=np.random.default_rng(RNG_SEED))


@pytest.mark.parametrize("upper", [True, False])
def test_threshold_is_near_the_true_quantile(upper: bool) -> None:
    detector = Spot(1e-3, upper=upper)
    detector.fit(heavy(20_000))
    true = scipy.stats.t(4).isf(1e-3) * (1 if upper else -1)
    assert detector.threshold == pytest.approx(true, rel=0.15)


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("build", [Spot, functools.partial(Spot, depth=200)])
@pytest.mark.sample(2)
def test_alarms_come_at_the_rate_of_the_risk(build, upper: bool) -> None:
    values = heavy(24_000)
    detector = build(0.01, upper=upper, discard_alarms=False)
    thresholds = stream_thresholds(detector, values[:4000], values[4000:])
    beyond = values[4000:] > thresholds if upper else values[4000:] < thresholds
    # 200 expected alarms: a Poisson number within four deviations, and the fit's own error.
    assert beyond.mean() == pytest.approx(0.01, abs=0.004)


def test_discarded_alarms_cut_the_tail_again_and_again() -> None:
    values = heavy(24_000)
    thresholds = stream_thresholds(Spot(0.01), values[:4000], values[4000:])
    assert (values[4000:] > thresholds).mean() > 0.02


def test_thresholds_are_set_before_the_observation_is_seen() -> None:
    values = heavy(3000)
    changed = values.copy()
    changed[2500] = 9.0
    one, other = (stream_thresholds(Spot(0.01), v[:2000], v[2000:]) for v in (values, changed))
    np.testing.assert_array_equal(one[:501], other[:501])


@pytest.mark.parametrize(("upper", "beyond"), [(True, 1e-6), (False, -1e-6)])
def test_update_tells_what_the_threshold_says(upper: bool, beyond: float) -> None:
    detector = Spot(0.01, upper=upper)
    detector.fit(heavy(3000))
    assert detector.update(detector.threshold + beyond)
    assert not detector.update(detector.threshold - beyond)


def test_alarms_do_not_move_the_threshold() -> None:
    detector = Spot(0.01, depth=50)
    detector.fit(heavy(3000))
    before = detector.threshold
    for _ in range(20):
        assert detector.update(1e3)
    # SPOT counts the observation, so that its own part falls by less than one in a hundred.
    assert before - 0.05 < detector.threshold <= before


@pytest.mark.parametrize("depth", [0, 10])
@pytest.mark.parametrize("upper", [True, False])
def test_thresholds_scale_with_the_unit(depth: int, upper: bool) -> None:
    values = heavy(1500) * 2.0
    one = stream_thresholds(Spot(0.01, depth=depth, upper=upper), values[:1200], values[1200:])
    # Powers of two, so that nothing is rounded: 1e-9, 1e-300 and 1e9.
    for unit in (2.0**-30, 2.0**-1000, 2.0**30):
        detector, scaled = Spot(0.01, depth=depth, upper=upper), values * unit
        found = stream_thresholds(detector, scaled[:1200], scaled[1200:])
        np.testing.assert_allclose(found / unit, one, rtol=1e-12)


def test_one_far_value_does_not_set_the_unit() -> None:
    values = np.append(heavy(3000), 1e12)
    one, small = Spot(0.01), Spot(0.01)
    one.fit(values)
    small.fit(values * 2.0**-40)
    assert small.threshold * 2.0**40 == pytest.approx(one.threshold, rel=1e-12)


@pytest.mark.parametrize("depth", [0, 10])
def test_a_second_calibration_forgets_the_first(depth: int) -> None:
    values = np.random.default_rng(0).exponential(size=3000)
    fresh, used = Spot(1e-3, depth=depth), Spot(1e-3, depth=depth)
    used.fit(values * 10 + 5)
    for detector in (fresh, used):
        detector.fit(values)
    assert used.threshold == fresh.threshold
    stream = values[:200] / 10
    np.testing.assert_array_equal(
        stream_thresholds(used, values / 10, stream), stream_thresholds(fresh, values / 10, stream)
    )
    with pytest.raises(ValueError, match="1 of them distinct"):
        used.fit(np.ones(50))


def test_a_detector_that_is_not_calibrated_is_refused() -> None:
    detector = Spot(1e-3)
    assert math.isnan(detector.threshold)
    with pytest.raises(ValueError, match="A Spot must be calibrated by fit before update"):
        detector.update(1e9)
    with pytest.raises(ValueError, match="values must be enough to fit a tail"):
        detector.fit(np.ones(100))
    with pytest.raises(ValueError, match="A Spot must be calibrated by fit before update"):
        detector.update(1e9)


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_detector_is_not_saved(take) -> None:
    with pytest.raises(TypeError, match="A Spot can be neither pickled nor copied"):
        take(Spot(1e-3))


def test_drift_is_the_mean_of_the_last_normal_observations() -> None:
    values = heavy(3000)
    plain, drifting = Spot(0.01), Spot(0.01, depth=3)
    means = np.array([values[i - 3 : i].mean() for i in range(3, 3000)])
    plain.fit(values[3:] - means)
    drifting.fit(values)
    assert drifting.threshold == pytest.approx(plain.threshold + values[-3:].mean(), rel=1e-12)
    assert not drifting.update(0.5)
    plain.update(0.5 - values[-3:].mean())
    after = plain.threshold + np.array([0.5, *values[-2:]]).mean()
    assert drifting.threshold == pytest.approx(after, rel=1e-12)


def test_only_the_drifting_detector_follows_a_ramp() -> None:
    values = heavy(6000) + np.linspace(0, 60, 6000)
    expected = {"plain": 0.5, "drifting": 0.03}
    rates = {
        name: (values[3000:] > stream_thresholds(d, values[:3000], values[3000:])).mean()
        for name, d in (("plain", Spot(0.01)), ("drifting", Spot(0.01, depth=50)))
    }
    assert rates["plain"] > expected["plain"]
    assert rates["drifting"] < expected["drifting"]


def test_thresholds_move_with_the_forecast() -> None:
    noise, forecast = heavy(6000), np.sin(np.arange(6000) / 20) * 10
    values = noise + forecast
    moved = stream_thresholds(
        Spot(0.01),
        values[:3000],
        values[3000:],
        calibration_forecast=forecast[:3000],
        forecast=forecast[3000:],
    )
    still = stream_thresholds(Spot(0.01), noise[:3000], noise[3000:])
    np.testing.assert_allclose(moved, still + forecast[3000:], rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"risk": 0.05}, r"risk must be in \(0, 1 - level\), got 0.05"),
        ({"risk": 0.0}, r"risk must be in \(0, 1 - level\)"),
        ({"risk": math.nan}, "risk must be"),
        ({"risk": 0.01, "level": 1.0}, r"level must be in \[0.5, 1\), got 1.0"),
        ({"risk": 0.01, "max_excesses": 0}, "max_excesses must be at least 1, got 0"),
        ({"risk": 0.01, "depth": -1}, "depth must be at least 0, got -1"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Spot(**settings)


@pytest.mark.parametrize("name", ["upper", "discard_alarms"])
def test_switches_are_true_or_false(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} must be True or False, got 'no'"):
        Spot(0.01, **{name: "no"})


def test_values_that_cannot_be_used_are_refused() -> None:
    detector = Spot(0.01)
    with pytest.raises(ValueError, match="with 1 that are not finite"):
        detector.fit(np.array([1.0, math.nan, 3.0]))
    with pytest.raises(ValueError, match="values must be enough to fit a tail, got 3 values"):
        detector.fit(np.array([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="values must be more than depth=10, got 10"):
        Spot(0.01, depth=10).fit(heavy(10))
    far = np.append(heavy(100), [-1e308, -1e308, 1e308])
    with pytest.raises(ValueError, match=r"distances are finite, got values from -1e\+308 to 1e"):
        Spot(0.01, depth=2).fit(far)
    detector.fit(heavy(500))
    with pytest.raises(ValueError, match="value must be finite, got inf"):
        detector.update(math.inf)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"detector": 3}, "detector must be a Spot, got 3"),
        ({"calibration": "a"}, "calibration must hold finite numbers, got <U1"),
        ({"stream": np.zeros((2, 2))}, r"stream must be finite numbers of shape \(n,\), got shape"),
        ({"stream": [math.inf]}, "stream must be finite numbers .*1 that are not finite"),
        ({"forecast": np.zeros(3)}, r"forecast must be finite numbers of shape \(2,\)"),
        ({"calibration_forecast": math.nan}, "calibration_forecast must be finite numbers"),
    ],
    ids=str,
)
def test_thresholds_refuse_wrong_arguments(wrong: dict[str, Any], message: str) -> None:
    given = {"detector": Spot(0.01), "calibration": np.arange(99.0) % 31, "stream": [1.0, 2.0]}
    with pytest.raises((TypeError, ValueError), match=message):
        stream_thresholds(**(given | wrong))
    with pytest.raises(TypeError, match="value must be a number, got 'a'"):
        Spot(0.01).update("a")
