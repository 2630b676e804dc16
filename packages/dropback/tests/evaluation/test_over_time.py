"""As plays unfold, the true distribution is calibrated by the clock, not by what is to come."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from torch.distributions import Distribution

from dropback.data import Outcome, PlaySet
from dropback.evaluation import OverTime, evaluate, evaluate_over_time
from dropback.evaluation._over_time import TIMES_BEFORE_RELEASE_S, TIMES_SINCE_SNAP_S
from dropback.models._grid import GRIDS
from dropback.models._predict import predict_plays
from examples.trained_run import TrainedRun

# Frames of the release: never before 1.1 s, then with these chances in each frame, by kind of play.
_FIRST = 11
_HAZARD = np.array([0.25, 0.04])
_MEAN_YD = np.array([2.0, 14.0])
_NAME = "true"


@dataclass(frozen=True)
class Frames:
    """As much of tracked plays as a distribution needs that depends on the clock alone."""

    release: npt.NDArray[np.int64]
    cut: int = 0

    def __len__(self) -> int:
        return len(self.release)

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> Self:
        return type(self)(self.release[rows], self.cut)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return self.release + 1 - self.cut

    def before_release(self, seconds: float) -> Self:
        return type(self)(self.release, round(seconds * 10))

    def reaches(self, seconds: float) -> npt.NDArray[np.bool_]:
        return self.release >= round(seconds * 10)


class TrueDistribution:
    """Knows how often plays of each kind are still going after so many frames; counts its calls."""

    outcome = Outcome.YARDS
    play_set = PlaySet.TARGETED
    fold_of_game: dict[str, int]
    members = 1

    def __init__(self) -> None:
        self.fold_of_game = {}
        self.asked: list[tuple[int, int]] = []

    def predict_distribution(self, features: Frames, fold: int | None = None) -> Distribution:
        assert fold is None
        frame = features.lengths - 1
        self.asked += zip(features.release.tolist(), frame.tolist(), strict=True)
        going = (1 - _HAZARD) ** np.maximum(frame[:, None] - _FIRST + 1, 0)
        at_release = _HAZARD * (1 - _HAZARD) ** (frame[:, None] - _FIRST)
        chance = np.where(features.cut > 0, going, at_release)
        chance /= chance.sum(axis=1, keepdims=True)
        return GRIDS[Outcome.YARDS].distribution(chance @ _MASSES)


_YARDS = np.arange(GRIDS[Outcome.YARDS].lowest, GRIDS[Outcome.YARDS].highest + 1)
_MASSES = np.exp(-0.5 * ((_YARDS - _MEAN_YD[:, None]) / 4) ** 2)
_MASSES /= _MASSES.sum(axis=1, keepdims=True)
Toy = tuple[pl.DataFrame, Frames]


@pytest.fixture(scope="module")
def toy(trained: TrainedRun) -> Toy:
    """Plays of two kinds: short ones are thrown soon, long ones late."""
    count = 3000
    generator = np.random.default_rng(11)
    kind = generator.integers(2, size=count)
    release = _FIRST - 1 + generator.geometric(_HAZARD[kind])
    yards = np.array([generator.choice(_YARDS, p=_MASSES[k]) for k in kind])
    one = trained.unseen.plays.head(1)
    plays = pl.concat([one] * count).with_columns(
        game_id=pl.format("2024_01_A{}_B", pl.int_range(count) // 60),
        play_id=pl.int_range(count) % 60 + 1,
        play_set=pl.lit("targeted"),
        yards=pl.Series(yards),
        yards_min=pl.lit(-99, dtype=pl.Int64),
        yards_max=pl.lit(99, dtype=pl.Int64),
    )
    return plays, Frames(release)


@pytest.fixture(scope="module")
def model() -> TrueDistribution:
    return TrueDistribution()


@pytest.fixture(scope="module")
def over_time(toy: Toy, model: TrueDistribution) -> OverTime:
    plays, frames = toy
    released = predict_plays(model, plays, features=frames, seed=2)  # type: ignore[arg-type]
    model.asked.clear()
    return evaluate_over_time(model, plays, frames, released, name=_NAME, seed=2)  # type: ignore[arg-type]


@pytest.mark.slow
def test_true_distribution_is_calibrated_by_time_since_the_snap(
    over_time: OverTime, toy: Toy
) -> None:
    release = toy[1].release
    assert tuple(over_time.since_snap) == TIMES_SINCE_SNAP_S
    for seconds, judged in over_time.since_snap.items():
        assert judged.plays == (release > round(10 * seconds)).sum()
        # Six tables: 1 in 20 lies above the bound itself, 1 in 2,000 above 1.5 times it.
        assert judged.pit_distance[_NAME] < 1.5 * judged.flat_distance


def test_true_distribution_is_not_calibrated_by_time_before_the_release(
    over_time: OverTime, toy: Toy
) -> None:
    assert tuple(over_time.before_release) == TIMES_BEFORE_RELEASE_S
    long = int((toy[1].release >= 20).sum())
    assert {judged.plays for judged in over_time.before_release.values()} == {long}
    early, at_release = (over_time.before_release[seconds] for seconds in (2.0, 0.0))
    # Plays that last 2 s gain more than those that may be thrown at any time from then on.
    assert early.pit_distance[_NAME] > 3 * early.flat_distance
    assert early.metrics[_NAME]["mean_mid_cdf"].value > 0.53
    assert at_release.pit_distance[_NAME] < 1.5 * at_release.flat_distance


def test_each_distribution_is_made_once_and_those_of_the_release_not_again(
    over_time: OverTime, model: TrueDistribution, toy: Toy
) -> None:
    release = toy[1].release
    assert over_time.since_snap
    wanted = 0
    for last in release.tolist():
        since = {round(10 * s) for s in TIMES_SINCE_SNAP_S if last > round(10 * s)}
        before = {last - round(10 * s) for s in TIMES_BEFORE_RELEASE_S if last >= 20}
        wanted += len((since | before) - {last})
    assert len(model.asked) == wanted
    assert all(frame < last for last, frame in model.asked)


def test_distribution_of_a_table_is_that_of_its_frame(over_time: OverTime, toy: Toy) -> None:
    plays, frames = toy
    held = np.flatnonzero(frames.release > 15)
    # Frame by frame, without cutting anything.
    at = Frames(np.full(len(held), 16), cut=1)
    plain = predict_plays(TrueDistribution(), plays[held], features=at, seed=0)  # type: ignore[arg-type]
    crps = evaluate(plays[held], {_NAME: plain}).metrics[_NAME]["crps"].value
    judged = over_time.since_snap[1.5].metrics[_NAME]
    assert judged["crps"].value == pytest.approx(crps, rel=1e-12)
    assert judged["log_score"].value == pytest.approx(plain["log_score"].mean(), rel=1e-12)


def test_times_that_no_play_reaches_are_left_out(toy: Toy) -> None:
    plays, frames = toy
    short = np.flatnonzero(frames.release < 15)
    model = TrueDistribution()
    released = predict_plays(model, plays[short], features=frames[short], seed=0)  # type: ignore[arg-type]
    found = evaluate_over_time(
        model,
        plays[short],  # type: ignore[arg-type]
        frames[short],  # type: ignore[arg-type]
        released,
        name=_NAME,
        seed=0,
    )
    assert list(found.since_snap) == [0.5, 1.0]
    assert found.before_release == {}
