"""What is known of true scores: against slow integrals, hand-worked cases and known skill."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from dropback.errors import RequestError
from dropback.ranking import game_log, leaderboard, probability_better, probability_matrix
from dropback.ranking._comparison import rank_summary
from dropback.ranking._posterior import design_effect, play_variance, posterior, sampling_variance
from dropback.ranking._units import sum_by_game
from examples.scored_plays import table, throws

Array = npt.NDArray[np.float64]


def slow_posterior(
    mean: Array, variance: Array, played: Array | None = None
) -> tuple[Array, Array]:
    """Posterior means and standard deviations by quadrature over the shrinkage factor.

    The flat league mean is a normal of huge variance, so that everything is one joint normal.
    """
    groups, huge = len(mean), 1e4
    harmonic = groups / (1 / variance).sum()
    everywhere = np.full((groups, groups), huge)
    logs = np.zeros(groups) if played is None else np.log(played)
    x = (logs - logs.mean()) / (logs.std() or 1)

    nodes, weights = np.polynomial.legendre.leggauss(200)
    total, first, second = 0.0, np.zeros(groups), np.zeros(groups)
    for shrinkage, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        between = harmonic * (1 - shrinkage) / shrinkage
        skill = everywhere + between * (np.eye(groups) + np.outer(x, x))
        gain = skill @ np.linalg.inv(skill + np.diag(variance))
        density = weight * multivariate_normal(cov=skill + np.diag(variance)).pdf(mean)
        total += density
        first += density * (gain @ mean)
        second += density * (np.diag(skill - gain @ skill) + (gain @ mean) ** 2)
    return first / total, np.sqrt(second / total - (first / total) ** 2)


@pytest.mark.parametrize(
    ("mean", "variance"),
    [
        ([0.3, 0.8, 0.5], [0.01, 0.01, 0.01]),
        ([0.2, 0.7], [0.004, 0.0075]),
        ([0.5, 0.52, 0.47, 0.6], [0.02, 0.3, 0.001, 0.01]),
        ([-1.0, 2.0, 0.5], [0.5, 0.1, 0.2]),
    ],
)
def test_posterior_is_that_of_quadrature(mean: list[float], variance: list[float]) -> None:
    belief = posterior(np.array(mean), np.array(variance))
    means, deviations = slow_posterior(np.array(mean), np.array(variance))
    # The flat prior of the oracle is a normal of standard deviation 100; the grid has 200 points.
    np.testing.assert_allclose(belief.mean, means, atol=2e-4 * np.ptp(mean))
    np.testing.assert_allclose(belief.sd, deviations, rtol=1e-3)


def test_posterior_given_how_much_was_played_is_that_of_quadrature() -> None:
    mean, variance = np.array([0.4, 0.45, 0.55, 0.6]), np.array([0.02, 0.01, 0.004, 0.002])
    played = np.array([20.0, 40, 100, 200])
    belief = posterior(mean, variance, played)
    means, deviations = slow_posterior(mean, variance, played)
    np.testing.assert_allclose(belief.mean, means, atol=2e-4 * np.ptp(mean))
    np.testing.assert_allclose(belief.sd, deviations, rtol=1e-3)
    # Who played little is drawn below the mean of all.
    assert belief.mean[0] < posterior(mean, variance).mean[0]
    # Nobody played more than another: as without.
    alike = posterior(mean, variance, np.full(4, 30.0))
    np.testing.assert_allclose(alike.mean, posterior(mean, variance).mean)


def test_a_difference_given_how_much_was_played_has_the_moments_of_the_draws() -> None:
    played = np.array([20.0, 40, 100, 200])
    belief = posterior(
        np.array([0.4, 0.45, 0.55, 0.6]), np.array([0.02, 0.01, 0.004, 0.002]), played
    )
    draws = belief.draws(40_000, seed=1)
    apart = draws[:, 3] - draws[:, 0]
    mean, sd, probability = belief.difference(3, 0)
    assert mean == pytest.approx(apart.mean(), abs=4 * sd / 200)
    assert sd == pytest.approx(apart.std(), rel=0.02)
    assert probability == pytest.approx((apart > 0).mean(), abs=0.01)


@pytest.mark.parametrize("played", [None, np.array([10.0, 30, 80, 500])])
def test_draws_have_the_moments_of_the_posterior(played: Array | None) -> None:
    belief = posterior(np.array([0.3, 0.8, 0.5, 0.55]), np.array([0.01, 0.03, 0.01, 0.002]), played)
    draws = belief.draws(40_000, seed=1)
    assert (np.abs(draws.mean(axis=0) - belief.mean) < 4 * belief.sd / 200).all()
    np.testing.assert_allclose(draws.std(axis=0), belief.sd, rtol=0.02)


def test_lone_mean_is_kept_with_its_own_variance() -> None:
    belief = posterior(np.array([0.3]), np.array([0.04]))
    assert belief.mean[0] == pytest.approx(0.3)
    assert belief.sd[0] == pytest.approx(0.2)


def test_means_without_luck_are_kept_and_certain() -> None:
    belief = posterior(np.array([0.3, 0.4]), np.zeros(2))
    assert belief.mean.tolist() == [0.3, 0.4]
    assert belief.draws(3, seed=0).tolist() == [[0.3, 0.4]] * 3
    nearly = posterior(np.array([0.3, 0.4, 0.9]), np.full(3, 1e-7))
    np.testing.assert_allclose(nearly.mean, [0.3, 0.4, 0.9], atol=1e-6)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.floats(1e-3, 1))
def test_equal_variances_keep_the_order_and_the_mean(means: list[float], variance: float) -> None:
    mean = np.array(means)
    belief = posterior(mean, np.full(len(mean), variance))
    assert belief.mean.mean() == pytest.approx(mean.mean())
    assert (np.diff(belief.mean[np.argsort(mean)]) >= -1e-12).all()
    assert (np.abs(belief.mean - mean.mean()) <= np.abs(mean - mean.mean()) + 1e-12).all()


def test_play_variance_and_sampling_variance_worked_by_hand() -> None:
    # Squared deviations 0.04 of A and 0.02 of B over 3 + 1 degrees of freedom: 0.015 a play.
    units = sum_by_game(
        table(throws("A", [0.1, 0.3, 0.1, 0.3]), throws("B", [0.6, 0.8])),
        ["passer_player_id"],
    )
    assert play_variance(units) == pytest.approx(0.015)
    assert sampling_variance(units) == pytest.approx([0.00375, 0.0075])


def test_games_that_differ_more_than_plays_widen_the_variance() -> None:
    # Two games of A at 0.2 and 0.8, two equal plays each: 0.36 / 3 a play within the passer;
    # games deviate by 0.6 in their sums, 2 * 0.36 * 2 / (2 - 1) against 0.12 * 4.
    scores = table(throws("A", [0.2, 0.2]), throws("A", [0.8, 0.8], game_id="2020_02_KC_LAC"))
    units = sum_by_game(scores, ["passer_player_id"])
    assert play_variance(units) == pytest.approx(0.12)
    assert design_effect(units, 0.12) == pytest.approx(3.0)
    assert sampling_variance(units) == pytest.approx([0.12 * 3 / 4])


def test_one_play_a_group_counts_all_variance_as_luck() -> None:
    units = sum_by_game(table(throws("A", [0.0]), throws("B", [0.8])), ["passer_player_id"])
    assert play_variance(units) == pytest.approx(0.16)
    assert design_effect(units, 0.16) == 1.0


LUCK = ["score_low", "score_high", "shrunk_low", "shrunk_high", "shrunk_sd", "reliability"]


@pytest.mark.parametrize("rows", [1, 3])
def test_of_lone_plays_that_are_all_equal_no_luck_is_known(rows: int) -> None:
    scores = table(*(throws(name, [0.7]) for name in "ABC"[:rows])).with_row_index("play_id")
    board = leaderboard(scores, by="passer", min_attempts=1, replicates=400)
    assert board.select(pl.col(LUCK).is_null().all()).row(0) == (True,) * 6
    assert board["score_shrunk"].to_list() == [0.7] * rows
    # Each may be the best of all, and any order is as likely.
    assert board["rank_low"].to_list() == [1] * rows
    assert board["rank_high"].to_list() == [rows] * rows
    assert board["probability_best"].to_list() == pytest.approx([1 / rows] * rows, abs=0.1)
    assert board["probability_better_than_next"].null_count() == rows
    log = game_log(scores.with_columns(defteam=pl.lit("LV")), "A")
    assert log.select(pl.col(LUCK[:4]).is_null().all()).row(0) == (True,) * 4


def test_a_lone_row_has_an_interval_and_no_reliability() -> None:
    rows = leaderboard(table(throws("A", [0.2, 0.8])), by="passer", min_attempts=1)
    half = 1.6448536269514722 * (0.18 / 2) ** 0.5  # plays vary by (.3^2 + .3^2) / 1
    assert rows.select("score_low", "score_high").row(0) == pytest.approx((0.5 - half, 0.5 + half))
    assert rows["reliability"].to_list() == [None]


def test_rows_of_one_play_each_have_no_reliability() -> None:
    rows = leaderboard(table(throws("A", [0.0]), throws("B", [0.8])), by="passer", min_attempts=1)
    assert rows["reliability"].null_count() == 2
    assert (rows["score_high"] - rows["score_low"] > 1).all()  # 2 * 1.64 * .4
    twice = table(throws("A", [0.0, 0.1]), throws("B", [0.8]))
    assert leaderboard(twice, by="passer", min_attempts=1)["reliability"].null_count() == 0


@pytest.mark.parametrize("score", [0.25, 0.1, 1 / 3])
def test_groups_without_luck_are_not_shrunk(score: float) -> None:
    scores = table(throws("A", [score] * 7), throws("B", [0.9] * 3))
    rows = leaderboard(scores, by="passer", min_attempts=1, replicates=5)
    assert sorted(rows["score_shrunk"]) == pytest.approx([score, 0.9])
    assert rows["rank_low"].to_list() == rows["rank_high"].to_list() == [1, 2]
    assert rows["probability_better_than_next"].to_list() == [1.0, None]
    assert rows["probability_best"].to_list() == [1.0, 0.0]


def test_rank_summary_of_worked_draws() -> None:
    # In 19 of 20 draws the order is the same: 18 of them are 90 %.
    draws = np.array([[3.0, 2.0, 1.0]] * 19 + [[1.0, 2.0, 3.0]])
    low, high, best = rank_summary(draws)
    assert low.tolist() == high.tolist() == [1, 2, 3]
    assert best.tolist() == pytest.approx([0.95, 0.0, 0.05])
    # Three of 20 are too many to leave out.
    low, high, _ = rank_summary(np.array([[3.0, 2.0, 1.0]] * 17 + [[1.0, 2.0, 3.0]] * 3))
    assert low.tolist() == [1, 2, 1]
    assert high.tolist() == [3, 2, 3]


def test_the_shortest_interval_of_ranks_is_the_middle_one() -> None:
    # Ranks of 20 rows, each equally often everywhere: every run of 18 places holds 90 %.
    draws = np.array([np.roll(np.arange(20.0), shift) for shift in range(20)])
    low, high, _ = rank_summary(draws)
    assert set(low.tolist()) == {2}
    assert set(high.tolist()) == {19}


ROWS = pl.DataFrame(
    {
        "rank": [1, 2, 3],
        "rank_low": 1,
        "rank_high": 3,
        "passer_player_id": ["00-1", "00-2", "00-3"],
        "passer_player_name": ["J.Allen", "D.Prescott", "J.Allen"],
        "season": [2020, 2020, 2021],
        "plays": 500,
        "score_shrunk": [0.54, 0.52, 0.50],
        "shrunk_sd": [0.03, 0.04, 0.0],
    }
)


def test_probability_better_is_that_of_two_normals() -> None:
    expected = norm.cdf(0.02 / 0.05)
    assert probability_better(ROWS, "00-1", "00-2") == pytest.approx(expected)
    assert probability_better(ROWS, "D.Prescott", ("J.Allen", 2020)) == pytest.approx(1 - expected)
    assert probability_better(ROWS, "00-2", 2021) == pytest.approx(norm.cdf(0.5))


@pytest.mark.parametrize(
    ("row", "count"), [("J.Allen", 2), ("T.Brady", 0), (("J.Allen", 2019), 0), (2020, 2)]
)
def test_row_that_is_not_one_is_refused(row: str | tuple[str, int], count: int) -> None:
    with pytest.raises(RequestError, match=f"must mean one row .* but means {count}: name the id"):
        probability_better(ROWS, row, "00-2")


def test_matrix_has_a_row_and_a_column_for_each() -> None:
    matrix = probability_matrix(ROWS)
    assert matrix.columns == ["row", "J.Allen 2020", "D.Prescott 2020", "J.Allen 2021"]
    values = matrix.drop("row").to_numpy()
    np.testing.assert_allclose(values + values.T, 1)
    assert values[0, 1] == pytest.approx(probability_better(ROWS, "00-1", "00-2"))
    chosen = probability_matrix(ROWS, ["00-3", "00-1"])
    assert chosen["row"].to_list() == ["J.Allen 2021", "J.Allen 2020"]
    same = probability_matrix(ROWS.with_columns(season=2020))
    assert same["row"].to_list() == ["J.Allen 2020 (1)", "D.Prescott 2020 (2)", "J.Allen 2020 (3)"]


def simulated(seed: int, *, passers: int = 32, games: int = 17) -> tuple[pl.DataFrame, Array]:
    """A season of known skill: normal scores with a shared part in each game, uneven attempts."""
    generator = np.random.default_rng(seed)
    skill = generator.normal(0.5, 0.02, passers)
    played = generator.integers(4, games + 1, passers)
    unit = np.repeat(np.arange(passers), played)
    week = np.concatenate([np.arange(n) for n in played])
    plays = generator.integers(15, 45, len(unit))
    game_effect = generator.normal(0, 0.02, len(unit))
    play = np.repeat(np.arange(len(unit)), plays)
    scores = pl.DataFrame(
        {
            "passer_player_id": unit[play],
            "passer_player_name": unit[play].astype(str),
            "season": 2020,
            "game_id": (1000 * unit + week)[play],
            "play_score": (skill[unit] + game_effect)[play] + generator.normal(0, 0.29, len(play)),
        }
    )
    return scores, skill


@pytest.mark.slow
def test_intervals_and_probabilities_hold_for_known_skill() -> None:
    score, shrunk, rank, best, stated, better = [], [], [], [], [], []
    for seed in range(25):
        scores, skill = simulated(seed)
        rows = leaderboard(scores, by=["passer"], min_attempts=1, replicates=400, seed=seed)
        true = skill[rows["passer_player_id"].to_numpy()]
        true_rank = np.argsort(np.argsort(-true)) + 1
        for kept, low, high, value in (
            (score, "score_low", "score_high", true),
            (shrunk, "shrunk_low", "shrunk_high", true),
            (rank, "rank_low", "rank_high", true_rank),
        ):
            kept.append((rows[low].to_numpy() <= value) & (value <= rows[high].to_numpy()))
        best.append([rows["probability_best"].to_numpy()[true_rank == 1], rows["probability_best"]])
        next_better = rows["probability_better_than_next"].to_numpy()[:-1]
        stated.append(next_better)
        better.append(true[:-1] > true[1:])
    # 800 passers: the standard error of a share of 90 % is 1.1 %, of a mean probability 1.7 %.
    assert np.mean(score) == pytest.approx(0.90, abs=0.03)
    assert np.mean(shrunk) == pytest.approx(0.90, abs=0.03)
    assert 0.89 < np.mean(rank) < 0.97  # whole ranks, drawn outward
    assert np.mean(np.concatenate(stated)) == pytest.approx(
        np.mean(np.concatenate(better)), abs=0.05
    )
    # What is said of the passer who is best must beat an even guess among 32 by far.
    assert np.mean([float(one[0][0]) for one in best]) > 0.15


def test_scores_that_are_no_leaderboard_are_refused_in_a_sentence() -> None:
    scores = pl.DataFrame({"game_id": ["a"], "play_score": [0.5]})
    with pytest.raises(RequestError, match="these lack rank, rank_high, plays"):
        probability_matrix(scores)
