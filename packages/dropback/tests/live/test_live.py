"""Live inference: equal to the path of files, whatever the order in which frames come."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dropback.errors import LiveError, RequestError, RunError
from dropback.live import Forecast, FrameCounts, LivePlay, PlayContext, PlayFrames, PlayPredictor
from dropback.models._predict import QUANTILE_LEVELS, summarize_distributions
from dropback.tracking import read_tracking
from dropback.tracking.ingest._gaps import fill_gaps
from examples.live_plays import Play, networks, plays_of
from examples.play_by_play_rows import plays_of as plays_of_yards
from examples.simulated_plays import write_throws
from examples.trained_run import TrainedRun
from splicedpareto.nn import (
    DistributionNetwork,
    ResidualMLP,
    SequenceEncoder,
    SplicedBinnedParetoHead,
)

POOL = networks(2)
PREDICTOR = PlayPredictor(POOL)
TOLERANCE = 1e-5  # of a probability in float32
EVERYONE = np.ones((1, 23), bool)


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> list[Play]:
    """Eight throws of a simulated league, 13 to 43 frames."""
    folder = write_throws(tmp_path_factory.mktemp("live") / "league", 8, seed=11)
    return [play for block in read_tracking(folder)[0] for play in plays_of(block)]


@pytest.fixture(scope="module")
def play(plays: list[Play]) -> Play:
    """One of them."""
    return min(plays, key=lambda one: len(one.frames))


def push_all(live: LivePlay, frames: np.ndarray, start: int = 0) -> list[Forecast]:
    """Push frames in order."""
    return [made for n, frame in enumerate(frames, start) for made in live.push(n, frame)]


def apart(one: Forecast, other: Forecast) -> float:
    """Largest difference of two forecasts' probabilities."""
    return float(np.abs(one.cdf - other.cdf).max())


@pytest.mark.parametrize("number", range(8))
def test_a_whole_play_gives_the_distribution_of_the_file(plays, number, evaluated) -> None:
    play = plays[number]
    forecast = evaluated.predictor.forecast(play.context, play.frames, target_slot=play.target_slot)
    expected = play.cdf(evaluated.pool)
    np.testing.assert_allclose(forecast.cdf, expected, rtol=0, atol=TOLERANCE)
    low, high = np.searchsorted(expected, [0.01, 0.95]) - 110
    assert (forecast.lower_threshold_yd, forecast.upper_threshold_yd) == (low, high)
    assert (forecast.frame, forecast.released) == (len(play.frames) - 1, True)


@pytest.mark.parametrize("number", range(3))
def test_every_frame_gives_the_distribution_of_the_file_up_to_it(plays, number, evaluated) -> None:
    play = plays[number]
    live = evaluated.predictor.start(play.context)
    for last, frame in enumerate(play.frames):
        (forecast,) = live.push(last, frame)
        expected = play.cdf(evaluated.pool, last=last, released=False)
        np.testing.assert_allclose(forecast.cdf, expected, rtol=0, atol=TOLERANCE)
        assert (forecast.frame, forecast.released) == (last, False)
    released = live.release(play.target_slot)
    np.testing.assert_allclose(released.cdf, play.cdf(evaluated.pool), rtol=0, atol=TOLERANCE)
    assert released.released
    assert np.abs(released.cdf - expected).max() > 100 * TOLERANCE


# Convolutions read what they are told of a target, whoever it is.
@pytest.mark.parametrize(
    "evaluated", ["play network", pytest.param("onnx", marks=pytest.mark.slow)], indirect=True
)
@pytest.mark.parametrize("slot", [None, 3])
def test_a_throw_to_no_receiver_is_forecast_as_the_frame_before_it(plays, evaluated, slot):
    play = plays[0]
    last = len(play.frames) - 1
    expected = play.cdf(evaluated.pool, last=last, released=False)
    whole = evaluated.predictor.forecast(play.context, play.frames, target_slot=slot)
    np.testing.assert_allclose(whole.cdf, expected, rtol=0, atol=TOLERANCE)
    assert (whole.frame, whole.released) == (last, True)


def test_the_target_moves_the_distribution_at_the_release_alone(play) -> None:
    live = PREDICTOR.start(play.context)
    before = push_all(live, play.frames)[-1]
    assert apart(before, live.release(play.target_slot)) > 100 * TOLERANCE


def test_numbers_are_those_of_the_table_of_predictions(plays) -> None:
    for play, yards in zip(plays, (-110, -20, 0, 0, 3, 9, 21, 100), strict=True):
        forecast = PREDICTOR.forecast_many([play.whole])[0]
        high = play.context.yards_max
        latent = play.latent(POOL)
        numbers = summarize_distributions(
            plays_of_yards([min(yards, high)], [play.context.yards_min], [high]),
            lambda *_, distribution=latent: distribution,
            folds=np.array([-1]),
            seed=0,
        )
        row = numbers.row(0, named=True)
        assert forecast.mean == pytest.approx(row["mean"], abs=1e-3)
        assert forecast.median == row["median"]
        assert forecast.quantiles == {name: row[name] for name in QUANTILE_LEVELS}
        assert forecast.score(min(yards, high)) == pytest.approx(row["mid_cdf"], abs=TOLERANCE)


def test_the_mass_at_the_goal_line_is_the_touchdown(play) -> None:
    near = replace(play.context, yards_to_goal=7)
    forecast = PREDICTOR.forecast(near, play.frames)
    far = PREDICTOR.forecast(replace(near, yards_to_goal=40), play.frames)
    assert forecast.cdf[110 + 7] == 1
    assert forecast.touchdown == pytest.approx(1 - float(forecast.cdf[110 + 6]))
    assert forecast.touchdown > far.touchdown > 0
    assert forecast.score(7) == pytest.approx(1 - forecast.touchdown / 2)


@pytest.mark.parametrize("yards", [-111, 101, 2.5, float("nan")])
def test_no_score_for_yards_that_cannot_be(play, yards) -> None:
    forecast = PREDICTOR.forecast(play.context, play.frames)
    with pytest.raises(LiveError, match="yards must be a whole number from -110 to 100"):
        forecast.score(yards)


def test_duplicate_and_late_frames_are_counted_and_change_nothing(play) -> None:
    plain, disturbed = (PREDICTOR.start(play.context) for _ in range(2))
    expected = push_all(plain, play.frames)
    push_all(disturbed, play.frames[:6])
    assert disturbed.push(5, play.frames[0]) == ()
    assert disturbed.push(2, play.frames[9]) == ()
    assert disturbed.push(0, play.frames[9]) == ()
    again = push_all(disturbed, play.frames[6:], start=6)
    assert disturbed.counts == FrameCounts(taken=len(play.frames), duplicates=1, late=2)
    assert apart(again[-1], expected[-1]) == 0


@pytest.mark.parametrize("skipped", [1, 2, 3])
def test_skipped_frames_are_filled_as_in_files(play, skipped) -> None:
    holed = play.frames.copy()
    holed[4 : 4 + skipped] = np.nan
    filled = holed.copy()
    fill_gaps(filled, np.array([0, len(filled)]), EVERYONE)
    live, whole = (PREDICTOR.start(play.context) for _ in range(2))
    expected = push_all(whole, filled)
    push_all(live, holed[:4])
    found = live.push(4 + skipped, holed[4 + skipped])
    assert [forecast.frame for forecast in found] == list(range(4, 5 + skipped))
    for forecast in found:
        assert apart(forecast, expected[forecast.frame]) <= TOLERANCE
    assert live.counts == FrameCounts(taken=5, filled=skipped)


@settings(max_examples=settings().max_examples // 5)  # each pushes a whole play
@given(
    st.lists(
        st.tuples(st.integers(0, 21), st.integers(0, 11), st.integers(1, 3)), min_size=1, max_size=4
    ),
    st.sets(st.integers(0, 11), max_size=2),
    st.integers(4, 12),
)
def test_every_forecast_is_that_of_the_file_filled_up_to_it(play, holes, never_came, last) -> None:
    frames = play.frames[: last + 1].copy()
    for slot, start, length in holes:
        frames[start : start + length, slot] = np.nan
    came = [number for number in range(last + 1) if number not in never_came]
    frames[list(set(range(last + 1)) - set(came))] = np.nan
    gap = fill_gaps(filled := frames.copy(), np.array([0, last + 1]), EVERYONE)
    live = PREDICTOR.start(play.context)
    if gap.too_long[0] or last not in came:
        return
    found: list[Forecast] = []
    for number in came:
        found += live.push(number, frames[number])
    expected = push_all(PREDICTOR.start(play.context), filled)
    assert [forecast.frame for forecast in found] == list(range(last + 1))
    assert apart(found[-1], expected[-1]) <= TOLERANCE
    assert apart(live.release(7), PREDICTOR.forecast(play.context, filled, target_slot=7)) <= (
        TOLERANCE
    )


def test_a_man_not_yet_seen_holds_the_forecasts_back(play) -> None:
    frames = play.frames.copy()
    frames[:2, 14] = np.nan
    live = PREDICTOR.start(play.context)
    assert (live.push(0, frames[0]), live.push(1, frames[1])) == ((), ())
    with pytest.raises(LiveError, match="push the frame of the release first"):
        live.release(7)
    assert [forecast.frame for forecast in live.push(2, frames[2])] == [0, 1, 2]


def test_a_play_whose_first_frames_never_came_begins_with_the_first_that_did(play) -> None:
    live = PREDICTOR.start(play.context)
    still = np.concatenate([np.repeat(play.frames[2:3], 2, axis=0), play.frames[2:3]])
    expected = push_all(PREDICTOR.start(play.context), still)
    for found, wanted in zip(live.push(2, play.frames[2]), expected, strict=True):
        assert apart(found, wanted) <= TOLERANCE


@pytest.mark.parametrize(
    ("numbers", "hidden", "reason"),
    [
        ([0, 1, 2, 7], (), r"after frame 2, frames 3 to 6 never came: at most 3 frames \(0.3 s\)"),
        ([4], (), "before its first frame, frames 0 to 3 never came"),
        ([0, 1, 2, 3, 4], (1, 2, 3, 4), "after frame 3, slot 9 was not seen for more than 3"),
        ([0, 1, 2, 3], (0, 1, 2, 3), "after frame 2, slot 9 was not seen for more than 3"),
    ],
)
def test_a_long_hole_ends_the_play(play, numbers, hidden, reason) -> None:
    live = PREDICTOR.start(play.context)
    frames = play.frames.copy()
    frames[list(hidden), 9] = np.nan
    for number in numbers[:-1]:
        live.push(number, frames[number])
    for _ in range(2):
        with pytest.raises(LiveError, match=reason):
            live.push(numbers[-1], frames[numbers[-1]])
    assert live.ended is not None
    with pytest.raises(LiveError, match=reason):
        live.release(7)


def test_after_the_release_no_frame_is_taken(play) -> None:
    live = PREDICTOR.start(play.context)
    push_all(live, play.frames[:3])
    live.release(None)
    with pytest.raises(LiveError, match="The ball was released at frame 2: start another play"):
        live.push(3, play.frames[3])
    with pytest.raises(LiveError, match="released at frame 2"):
        live.release(7)


def spoiled(frame: np.ndarray, slot: int, column: int, value: float) -> np.ndarray:
    """A frame with one number changed."""
    changed = frame.copy()
    changed[slot, column] = value
    return changed


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda frame: frame[:22], r"must have shape \(23, 6\), got \(22, 6\)"),
        (lambda frame: frame[None], r"must have shape \(23, 6\), got \(1, 23, 6\)"),
        (lambda _: "frame", "must be an array of numbers"),
        (lambda frame: spoiled(frame, 3, 0, 1e30), r"x_yd must be in \[-60, 180\], got 1e\+?30"),
        (lambda frame: spoiled(frame, 3, 1, np.nan), r"y_yd must be in .* got nan \(slot 3\)"),
        (lambda frame: spoiled(frame, 20, 2, -1), r"speed_yd_per_s must be in \[0, 30\], got -1"),
        (lambda frame: spoiled(frame, 20, 2, np.inf), r"speed_yd_per_s must be in .* got inf"),
        (
            lambda frame: spoiled(spoiled(frame, 0, 2, 3.0), 0, 4, np.nan),
            r"direction_deg must be in .* got nan",
        ),
        (lambda frame: spoiled(frame, 5, 5, 1e9), "orientation_deg must be in"),
    ],
)
def test_a_frame_that_is_refused_leaves_the_play_as_it_was(play, spoil, words) -> None:
    live = PREDICTOR.start(play.context)
    push_all(live, play.frames[:3])
    with pytest.raises(LiveError, match=words):
        live.push(3, spoil(play.frames[3]))
    (forecast,) = live.push(3, play.frames[3])
    plain = push_all(PREDICTOR.start(play.context), play.frames[:4])[-1]
    assert apart(forecast, plain) == 0
    assert live.counts == FrameCounts(taken=4)


def test_orientation_and_a_standing_mans_direction_may_be_absent(play) -> None:
    frame = spoiled(spoiled(play.frames[0], 2, 2, 0.0), 2, 4, np.nan)
    frame[:, 5] = frame[:, 3] = np.nan
    (forecast,) = PREDICTOR.start(play.context).push(0, frame)
    assert np.isfinite(forecast.cdf).all()


def test_the_ball_is_never_read(play) -> None:
    (with_ball,) = PREDICTOR.start(play.context).push(0, play.frames[0])
    frame = play.frames[0].copy()
    frame[22] = np.nan
    (without,) = PREDICTOR.start(play.context).push(0, frame)
    assert apart(with_ball, without) == 0


@pytest.mark.parametrize("at", [0, 1, 5, 7, 8])
def test_a_play_goes_on_from_its_state(play, at) -> None:
    frames = play.frames.copy()
    frames[6:9, 12] = np.nan
    live = PREDICTOR.start(play.context)
    push_all(live, frames[:at])
    live.push(0, frames[0])
    resumed = PlayPredictor(POOL).resume(live.state())
    assert (resumed.frame, resumed.counts) == (live.frame, live.counts)
    assert resumed.context == play.context
    start = live.frame + 1
    ours, theirs = (push_all(one, frames[start:], start) for one in (live, resumed))
    assert [apart(one, other) for one, other in zip(ours, theirs, strict=True)] == [0] * len(ours)
    assert apart(live.release(7), resumed.release(7)) == 0
    assert PREDICTOR.resume(live.state()).ended == live.ended


def test_a_play_goes_on_with_another_engine(play, evaluated) -> None:
    live = PlayPredictor(evaluated.pool).start(play.context)
    push_all(live, play.frames[:6])
    resumed = evaluated.predictor.resume(live.state())
    ours, theirs = (push_all(one, play.frames[6:], 6) for one in (live, resumed))
    assert max(apart(one, other) for one, other in zip(ours, theirs, strict=True)) < TOLERANCE


def test_a_state_of_other_networks_or_of_none_is_refused(play) -> None:
    live = PlayPredictor(networks(1)).start(play.context)
    with pytest.raises(LiveError, match="must be of the same networks"):
        PREDICTOR.resume(live.state())
    with pytest.raises(LiveError, match=r"must be what `LivePlay\.state` gave"):
        PREDICTOR.resume(b"nothing")
    with pytest.raises(LiveError, match=r"must be what `LivePlay\.state` gave"):
        PREDICTOR.resume(PREDICTOR.start(play.context).state()[:-200])


def test_many_plays_at_once_are_each_as_alone(plays) -> None:
    alone = [push_all(PREDICTOR.start(play.context), play.frames[:12]) for play in plays]
    together = [PREDICTOR.start(play.context) for play in plays]
    for number in range(12):
        batch = [
            (live, number, play.frames[number])
            for live, play in zip(together, plays, strict=True)
            # The others skip two frames, which are filled beside what the rest push.
            if live is together[0] or number not in {4, 5}
        ]
        results = PREDICTOR.push_many(batch[:: (-1) ** number])
        assert all(isinstance(result, tuple) for result in results)
    assert apart(results[-1][0], alone[0][-1]) <= TOLERANCE
    assert [live.counts.filled for live in together] == [0] + [2] * 7


def test_a_bad_frame_does_not_spoil_the_batch(plays) -> None:
    live = [PREDICTOR.start(play.context) for play in plays[:3]]
    frames = [plays[0].frames[0], plays[1].frames[0] * 1e9, plays[2].frames[0]]
    first, second, third = PREDICTOR.push_many(
        [(one, 0, frame) for one, frame in zip(live, frames, strict=True)]
    )
    assert isinstance(second, LiveError)
    assert len(first) == len(third) == 1
    with pytest.raises(LiveError, match="one frame of each play at most"):
        PREDICTOR.push_many([(live[0], 1, frames[0]), (live[0], 2, frames[0])])


def test_a_batch_of_whole_plays_is_each_as_alone(plays, evaluated) -> None:
    batch = evaluated.predictor.forecast_many([play.whole for play in plays])
    for play, forecast in zip(plays, batch, strict=True):
        (alone,) = evaluated.predictor.forecast_many([play.whole])
        assert apart(alone, forecast) <= TOLERANCE
    assert PREDICTOR.forecast_many([]) == []


def test_a_play_longer_than_the_networks_see_is_read_to_its_end(play, evaluated) -> None:
    long = np.concatenate([np.repeat(play.frames[:1], 70, axis=0), play.frames])
    live = evaluated.predictor.start(play.context)
    push_all(live, long)
    whole = evaluated.predictor.forecast(play.context, long, target_slot=7)
    assert apart(whole, live.release(7)) <= TOLERANCE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frames: frames[:0], "with T from 1 to 600"),
        (lambda frames: frames[0], r"with T from 1 to 600, got \(23, 6\)"),
        (
            lambda frames: np.where(np.arange(23)[:, None] == 4, np.nan, frames),
            "x of slot 4 is NaN",
        ),
    ],
)
def test_a_whole_play_that_is_refused_is_named(play, change, words) -> None:
    bad = PlayFrames(play.context, change(play.frames))
    with pytest.raises(LiveError, match=words):
        PREDICTOR.forecast(play.context, bad.frames)
    with pytest.raises(LiveError, match=f"Play 1: .*{words}"):
        PREDICTOR.forecast_many([play.whole, bad])


@pytest.mark.parametrize("slot", [-1, 11, 2.5])
def test_a_target_must_be_a_man_of_the_offense(play, slot) -> None:
    with pytest.raises(LiveError, match="target_slot must be a slot of the offense, 0 to 10"):
        PREDICTOR.forecast(play.context, play.frames, target_slot=slot)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"line_of_scrimmage_x_yd": 5}, r"line_of_scrimmage_x_yd must be in \[9, 111\]"),
        ({"yards_to_goal": 200}, r"yards_to_goal must be in \[-1, 101\], got 200"),
        ({"yards_to_goal": float("nan")}, r"yards_to_goal must be in .* got nan"),
        ({"down": 5}, r"down must be in \[0, 4\], got 5"),
        ({"quarter": "third"}, r"quarter must be in .* got 'third'"),
        ({"down": 2.5}, "down must be a whole number, got 2.5"),
        ({"eligible": (True,) * 10}, "eligible must say yes or no for 11 slots"),
    ],
)
def test_a_situation_out_of_range_is_refused(change, words) -> None:
    with pytest.raises(LiveError, match=words):
        PlayContext(**({"line_of_scrimmage_x_yd": 45.0, "yards_to_goal": 65} | change))


def test_what_nobody_told_counts_as_the_mean(play) -> None:
    mean = POOL[0].trunk.standardize_static.mean.tolist()
    unknown = PlayContext(line_of_scrimmage_x_yd=60.0, yards_to_goal=50)
    told = PlayContext(
        line_of_scrimmage_x_yd=60.0,
        yards_to_goal=50,
        **dict(zip(("down", "yards_to_go"), mean[:2], strict=True)),
        quarter=2,
        seconds_left_in_half_s=900,
        score_differential=0,
        at_home=0.5,
        weeks_left=8,
    )
    one, other = (PREDICTOR.forecast(given, play.frames) for given in (unknown, told))
    assert apart(one, other) == 0


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ([], "at least one network"),
        ([DistributionNetwork(ResidualMLP(4, 4), SplicedBinnedParetoHead(4, torch.arange(9.0)))],
         "read its state at the last frame, got ResidualMLP"),
        ([DistributionNetwork(
            SequenceEncoder(259, 8, 4, 4, pooling="mean"),
            SplicedBinnedParetoHead(4, torch.arange(9.0)))],
         "read its state at the last frame"),
        ([*networks(1), *networks(1, levels=3)], "must be of equal sizes"),
    ],
)  # fmt: skip
def test_networks_that_cannot_be_streamed_are_refused(network, words) -> None:
    with pytest.raises(RunError, match=words):
        PlayPredictor(network)


def test_an_unknown_engine_is_refused(tmp_path) -> None:
    with pytest.raises(RequestError, match="engine must be 'torch' or 'onnx', got 'jax'"):
        PlayPredictor.load(tmp_path, engine="jax")


def test_a_run_without_a_play_network_is_refused(trained: TrainedRun) -> None:
    with pytest.raises(RunError, match="is a run of play-by-play; a live forecast needs"):
        PlayPredictor.load(trained.folder)


@pytest.fixture(scope="module")
def real_plays(data_dir: Path) -> list[Play]:
    """The seven plays of a sample."""
    blocks = read_tracking(data_dir / "tracking" / "bdb_2023_sample")[0]
    return [play for block in blocks for play in plays_of(block)]


@pytest.mark.parametrize(
    "number", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 7))]
)
def test_real_plays_frame_by_frame(real_plays, number, evaluated) -> None:
    predictor, pool = evaluated
    assert len(real_plays) == 7
    play = real_plays[number]
    live = predictor.start(play.context)
    forecasts = push_all(live, play.frames)
    for last in (0, len(play.frames) // 2, len(play.frames) - 1):
        expected = play.cdf(pool, last=last, released=False)
        np.testing.assert_allclose(forecasts[last].cdf, expected, rtol=0, atol=TOLERANCE)
    released, whole = live.release(play.target_slot), predictor.forecast_many([play.whole])[0]
    for forecast in (released, whole):
        np.testing.assert_allclose(forecast.cdf, play.cdf(pool), rtol=0, atol=TOLERANCE)
