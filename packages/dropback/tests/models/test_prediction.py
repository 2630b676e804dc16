"""Predicted numbers are those of the distribution, and each play gets the right one."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import scipy.stats
import scoringrules
import torch
from polars.testing import assert_frame_equal
from torch.distributions import Distribution

from dropback.data._features import feature_matrix
from dropback.data._tables import Predictions
from dropback.errors import RequestError, RunError
from dropback.models import ModelSettings
from dropback.models._grid import YARDS
from dropback.models._model import whole_yard_distribution
from dropback.models._network import build_network, observed_interval
from dropback.models._predict import QUANTILE_LEVELS, predict_plays, summarize_distributions
from examples.play_by_play_rows import plays_of
from examples.trained_run import TrainedRun
from splicedpareto.distributions import Gaussian, SplicedBinnedPareto

PLAYS = plays_of([-30, 0, 12, 40, -99, 3], [-50, -60, -80, -95, -99, -105], [60, 50, 30, 40, 8, 3])


def gaussian(rows: np.ndarray, _fold: int) -> Distribution:
    return Gaussian(torch.full((len(rows),), 6.0), torch.full((len(rows),), 12.0))


def probabilities(low: int, high: int) -> np.ndarray:
    """Whole-yard distribution of a Gaussian of mean 6 and deviation 12, by SciPy, over `YARDS`."""
    ends = scipy.stats.norm(6, 12).cdf
    mass = np.array([ends(k + 0.5) - ends(k - 0.5) for k in YARDS])
    mass[(low > YARDS) | (high < YARDS)] = 0
    mass[low == YARDS] = ends(low + 0.5)
    mass[high == YARDS] = 1 - ends(high - 0.5)
    return mass


@pytest.fixture(scope="module")
def summary() -> pl.DataFrame:
    return summarize_distributions(PLAYS, gaussian, folds=np.full(6, -1), seed=4)


@pytest.mark.parametrize("row", range(len(PLAYS)))
def test_columns_are_those_of_a_plain_computation(summary: pl.DataFrame, row: int) -> None:
    play, got = PLAYS.row(row, named=True), summary.row(row, named=True)
    mass = probabilities(play["yards_min"], play["yards_max"])
    cdf = np.cumsum(mass)
    at = play["yards"] - YARDS[0]
    near = {"rel": 1e-4, "abs": 2e-5}  # the distribution is in float32, its sums over 211 yards too
    assert got["mean"] == pytest.approx((mass * YARDS).sum(), rel=1e-4, abs=1e-4)
    assert got["mid_cdf"] == pytest.approx(cdf[at] - mass[at] / 2, **near)
    assert got["log_score"] == pytest.approx(-math.log(mass[at]), **near)
    distances = np.abs(YARDS[:, None] - YARDS)
    crps = (mass * np.abs(YARDS - play["yards"])).sum() - mass @ distances @ mass / 2
    assert got["crps"] == pytest.approx(crps, rel=1e-4)
    for name, level in QUANTILE_LEVELS.items():
        assert got[name] == next(y for y, below in zip(YARDS, cdf, strict=True) if below >= level)
    assert got["median"] == got["q50"]
    uniform = np.random.default_rng(4).random(len(PLAYS))[row]
    assert got["pit"] == pytest.approx(cdf[at] - (1 - uniform) * mass[at], **near)


def test_crps_is_that_of_scoringrules_on_a_sample_of_every_mass() -> None:
    # A distribution of ten equally likely values is an ensemble of ten members.
    values = np.arange(-4, 6)
    logits = torch.full((1, 10), 0.0)
    edges = torch.arange(-4, 7) - 0.5
    distribution = SplicedBinnedPareto(logits, edges, 0.0, 0.0, lower_mass=0.0, upper_mass=0.0)
    plays = plays_of([3], [-90], [50])
    row = summarize_distributions(
        plays, lambda _rows, _fold: distribution, folds=np.array([-1]), seed=0
    )
    assert row["crps"][0] == pytest.approx(scoringrules.crps_ensemble(3.0, values), rel=1e-5)


@pytest.mark.parametrize(("low", "high"), [(-99, 8), (-12, 99), (-60, 1)])
def test_whole_yard_distribution_sums_to_one_over_the_field(low: int, high: int) -> None:
    distribution = whole_yard_distribution(
        gaussian(np.arange(1), -1), np.array([low]), np.array([high])
    )
    inside = torch.arange(low, high + 1)[:, None]
    assert distribution.log_prob(inside).double().exp().sum().item() == pytest.approx(1, abs=1e-5)
    outside = torch.tensor([low - 1, high + 1])[:, None]
    assert distribution.log_prob(outside).isneginf().all()


def test_rows_keep_their_order_whatever_their_folds_and_chunks(
    monkeypatch: pytest.MonkeyPatch, summary: pl.DataFrame
) -> None:
    monkeypatch.setattr("dropback.models._predict._CHUNK", 2)
    table = summarize_distributions(PLAYS, gaussian, folds=np.array([1, -1, 0, 1, 0, 1]), seed=4)
    assert table["fold"].to_list() == [1, None, 0, 1, 0, 1]
    # Single precision: the last element of a vector may be rounded otherwise than one within it.
    assert_frame_equal(table.drop("fold"), summary.drop("fold"), rel_tol=1e-5, abs_tol=1e-6)


@pytest.mark.parametrize("location", [-1e4, 1e4])
def test_a_distribution_that_is_certain_and_wrong_still_has_valid_numbers(location: float) -> None:
    def distribution_of(rows: np.ndarray, _fold: int) -> Distribution:
        return Gaussian(torch.full((len(rows),), location), torch.full((len(rows),), 0.01))

    table = summarize_distributions(PLAYS, distribution_of, folds=np.full(6, -1), seed=0)
    Predictions.validate(table)
    assert table["log_score"].is_nan().sum() == 0


def test_observed_interval_opens_at_the_bounds_of_the_field() -> None:
    lower, upper = observed_interval(plays_of([5, 30, -90], [-80, -80, -90], [30, 30, 30]))
    assert lower.tolist() == [4.5, 29.5, -math.inf]
    assert upper.tolist() == [5.5, math.inf, -89.5]


def test_training_games_are_predicted_by_the_network_that_never_saw_them(
    trained: TrainedRun,
) -> None:
    plays = trained.selection.plays
    table = predict_plays(trained.model, plays)
    assert table["fold"].null_count() == 0
    for fold in (0, 1):
        rows = (table["fold"] == fold).to_numpy()
        games = set(plays["game_id"].to_numpy()[rows])
        assert games == {g for g, dealt in trained.model.fold_of_game.items() if dealt == fold}
        inputs = torch.from_numpy(feature_matrix(plays, trained.model.schema)[rows])
        network = trained.model.networks[fold]
        part = summarize_distributions(
            plays.filter(pl.Series(rows)),
            lambda some, _f, network=network, inputs=inputs: network(inputs[some]),
            folds=np.zeros(rows.sum(), int),
            seed=0,
        )
        np.testing.assert_allclose(table["crps"].to_numpy()[rows], part["crps"], rtol=1e-4)


def test_new_games_are_predicted_by_all_networks(trained: TrainedRun) -> None:
    plays = trained.unseen.plays
    table = predict_plays(trained.model, plays)
    assert table["fold"].null_count() == len(plays)
    alone = predict_plays(replace(trained.model, networks=trained.model.networks[:1]), plays)
    assert not np.allclose(table["crps"], alone["crps"], rtol=1e-6)


def test_prediction_of_a_play_does_not_depend_on_the_others(trained: TrainedRun) -> None:
    plays = trained.unseen.plays
    some = predict_plays(trained.model, plays[10:20])
    whole = predict_plays(trained.model, plays)[10:20]
    np.testing.assert_allclose(some["mid_cdf"], whole["mid_cdf"], atol=1e-5)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit_and_are_given_back(
    trained: TrainedRun, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays = trained.unseen.plays
    monkeypatch.setattr("dropback.models._predict._CHUNK", 100)
    alone = predict_plays(trained.model, plays)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        together = predict_plays(trained.model, plays)
        assert torch.get_num_threads() == threads
        monkeypatch.setattr("dropback.models._predict.cdf_on_field", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            predict_plays(trained.model, plays)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert together.equals(alone)


def test_seed_moves_the_randomized_pit_alone(trained: TrainedRun) -> None:
    one, other = (predict_plays(trained.model, trained.unseen.plays, seed=seed) for seed in (1, 2))
    assert one.drop("pit").equals(other.drop("pit"))
    assert not one["pit"].equals(other["pit"])
    assert one.equals(predict_plays(trained.model, trained.unseen.plays, seed=1))


def test_plays_of_another_set_are_refused(trained: TrainedRun) -> None:
    other = trained.unseen.plays.with_columns(play_set=pl.lit("dropbacks"))
    with pytest.raises(RunError, match="trained on 'targeted' plays, but these plays are 'drop"):
        predict_plays(trained.model, other)


@pytest.mark.parametrize("family", ["sbp", "catch-point", "binned", "gaussian"])
def test_every_possible_outcome_has_a_likelihood(family: str) -> None:
    network = build_network(ModelSettings(family=family, width=4), 2, seed=0)  # type: ignore[arg-type]
    origin = (torch.zeros(1),) if network.head.takes_origin else ()
    distribution = network(torch.zeros(1, 2), *origin)
    yards = torch.from_numpy(YARDS).float()[:, None]
    assert distribution.log_prob_interval(yards - 0.5, yards + 0.5).isfinite().all()


def test_initial_weights_depend_on_the_seed_and_leave_the_random_state_alone() -> None:
    state = torch.get_rng_state()
    one, same, other = (
        build_network(ModelSettings(width=4), 3, seed=seed).trunk.lift.weight for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"folds": 1}, "folds must be at least 2"), ({"validation_share": 1.0}, "validation_share")],
)
def test_impossible_settings_are_refused(settings: dict[str, float], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        ModelSettings(**settings)  # type: ignore[arg-type]


def test_an_outcome_of_no_probability_has_the_greatest_score_that_float32_tells() -> None:
    far = SplicedBinnedPareto(
        torch.zeros(1, 2), torch.tensor([-40.5, -40.0, -39.5]), 0.0, 0.0, lower_mass=0.0,
        upper_mass=0.0,
    )  # fmt: skip
    plays = plays_of([30], [-90], [50])
    row = summarize_distributions(plays, lambda _rows, _fold: far, folds=np.array([-1]), seed=0)
    # Minus the log of 2 ** -149.
    assert row["log_score"][0] == pytest.approx(149 * math.log(2))
    assert row["crps"][0] == pytest.approx(70.0, abs=0.6)
