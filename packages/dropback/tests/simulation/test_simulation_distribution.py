"""The distribution of a throw's yards, against slow plain versions and its own samples."""

import numpy as np
import polars as pl
import pytest
import scipy.stats

from dropback.simulation import (
    LATTICE_YARDS,
    OutcomeDistribution,
    PlayContexts,
    Throws,
    outcome_distribution,
)

THROWS = {
    "a screen from midfield": {"air_yards": -4, "yardline_100": 50},
    "a short throw on third down": {"air_yards": 5, "yardline_100": 70, "down": 3, "to_go": 4},
    "a deep ball down the middle": {"air_yards": 40, "yardline_100": 75, "middle": 1},
    "a fade into the end zone": {"air_yards": 6, "yardline_100": 6, "to_go": 6},
    "a bomb into the end zone": {"air_yards": 45, "yardline_100": 45},
    "a throw from the own goal line": {"air_yards": 0, "yardline_100": 99},
    "a throw to the one-yard line": {"air_yards": 19, "yardline_100": 20, "right": 1},
    "a late throw when behind": {"air_yards": 12, "yardline_100": 60, "seconds": 50, "lead": -8},
}


def one_throw(**throw: float) -> Throws:
    """One throw, on first and ten in the first quarter unless it says otherwise."""
    seconds = throw.get("seconds", 3000)
    context = {
        "yardline_100": throw["yardline_100"],
        "down": throw.get("down", 1),
        "yards_to_go": throw.get("to_go", 10),
        "score_differential": throw.get("lead", 0),
        "game_seconds_remaining": seconds,
        "quarter": 4 - seconds // 900,
    }
    return Throws(
        PlayContexts(**{name: np.array([float(value)]) for name, value in context.items()}),
        air_yards=np.array([float(throw["air_yards"])]),
        shotgun=np.array([bool(throw.get("shotgun", 1))]),
        middle=np.array([bool(throw.get("middle", 0))]),
        right=np.array([bool(throw.get("right", 0))]),
    )


@pytest.fixture(params=THROWS)
def distribution(request: pytest.FixtureRequest) -> OutcomeDistribution:
    return outcome_distribution(one_throw(**THROWS[request.param]))


def oracle_cdf(distribution: OutcomeDistribution, k: int) -> float:
    """P(Y <= k) of one throw from SciPy's distributions, rounding and censoring by hand."""
    (p_complete,) = distribution.completion_probability
    (p_intercept,) = distribution.interception_probability
    (air,), (goal,) = distribution.air_yards, distribution.yardline_100
    ran = scipy.stats.genpareto(
        distribution.run_concentration[0], scale=distribution.run_scale_yd[0]
    )
    stopped = scipy.stats.laplace(0.1, 0.25)
    carried = scipy.stats.genpareto(
        distribution.return_concentration[0], scale=distribution.return_scale_yd[0]
    )
    stop, power = distribution.stop_probability[0], distribution.run_power[0]

    if k >= goal:
        caught = 1.0
    elif air == goal or k < goal - 100:
        caught = 0.0
    else:
        run = k + 0.5 - air
        caught = stop * stopped.cdf(run) + (1 - stop) * ran.cdf(run) ** power
    if k >= 0:
        stolen = 1.0
    elif -k > 100 - goal + air:
        stolen = 0.0
    else:
        long_enough = 1.0 if k == -1 else carried.sf(-k - 0.5)
        stolen = (1 - distribution.no_return_probability[0]) * long_enough
    return (
        p_complete * caught
        + p_intercept * stolen
        + (1 - p_complete - p_intercept) * (1.0 if k >= 0 else 0.0)
    )


def join_until(expected: np.ndarray, *, at_least: float) -> np.ndarray:
    """Group of each neighboring yard, so that every group expects enough draws."""
    groups, group, total = [], 0, 0.0
    for value in expected:
        groups.append(group)
        total += value
        if total >= at_least:
            group, total = group + 1, 0.0
    return np.minimum(groups, group - 1)


@pytest.mark.sample(1)
def test_cdf_matches_scipy(distribution: OutcomeDistribution) -> None:
    expected = [oracle_cdf(distribution, int(k)) for k in LATTICE_YARDS]
    np.testing.assert_allclose(distribution.lattice_cdf()[0], expected, rtol=1e-12, atol=1e-14)


def test_probabilities_of_whole_yards_sum_to_one(distribution: OutcomeDistribution) -> None:
    total = distribution.probability(LATTICE_YARDS[None, :]).sum()
    assert total == pytest.approx(1, abs=1e-14)


def test_no_mass_lies_outside_the_field(distribution: OutcomeDistribution) -> None:
    probability = distribution.probability(LATTICE_YARDS[None, :])[0]
    lowest = -(100 - distribution.yardline_100[0] + max(distribution.air_yards[0], 0))
    outside = (distribution.yardline_100[0] < LATTICE_YARDS) | (lowest > LATTICE_YARDS)
    assert (probability[outside] == 0).all()


def test_mid_cdf_averages_one_half_under_its_own_distribution(
    distribution: OutcomeDistribution,
) -> None:
    yards = LATTICE_YARDS[None, :]
    average = (distribution.mid_cdf(yards) * distribution.probability(yards)).sum()
    assert average == pytest.approx(0.5, abs=1e-14)
    assert distribution.expected_mid_cdf(distribution)[0] == pytest.approx(0.5, abs=1e-14)


def test_mean_is_the_probability_weighted_sum(distribution: OutcomeDistribution) -> None:
    expected = (LATTICE_YARDS * distribution.probability(LATTICE_YARDS[None, :])[0]).sum()
    assert distribution.mean()[0] == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("yards", [-99, -3, 0, 1, 6, 60])
def test_crps_is_expected_distance_less_half_the_spread(
    distribution: OutcomeDistribution, yards: int
) -> None:
    # Gneiting and Raftery (2007), eq. 21: E|Y - y| - E|Y - Y'| / 2.
    probability = distribution.probability(LATTICE_YARDS[None, :])[0]
    spread = np.abs(LATTICE_YARDS[:, None] - LATTICE_YARDS[None, :])
    distance = (np.abs(LATTICE_YARDS - yards) * probability).sum()
    expected = distance - probability @ spread @ probability / 2
    assert distribution.crps(np.array([yards]))[0] == pytest.approx(expected, rel=1e-10)


def test_samples_follow_the_distribution(distribution: OutcomeDistribution) -> None:
    n = 100_000
    repeated = distribution[np.zeros(n, dtype=np.int64)]
    yards, completed, intercepted = repeated.sample(np.random.default_rng(11))
    expected = n * distribution.probability(LATTICE_YARDS[None, :])[0]
    observed = np.bincount(yards + 100, minlength=len(LATTICE_YARDS))
    groups = join_until(expected, at_least=10.0)
    statistic = scipy.stats.chisquare(np.bincount(groups, observed), np.bincount(groups, expected))
    assert statistic.pvalue > 1e-4
    for share, probability in (
        (completed.mean(), distribution.completion_probability[0]),
        (intercepted.mean(), distribution.interception_probability[0]),
    ):
        assert share == pytest.approx(probability, abs=5 * np.sqrt(probability / n))


def test_a_sample_is_an_incompletion_or_completed_or_intercepted_but_not_both() -> None:
    distribution = outcome_distribution(one_throw(air_yards=20, yardline_100=60))
    repeated = distribution[np.zeros(5000, dtype=np.int64)]
    yards, completed, intercepted = repeated.sample(np.random.default_rng(1))
    assert not (completed & intercepted).any()
    assert (yards[~completed & ~intercepted] == 0).all()
    assert (yards[intercepted] <= 0).all()


class Fixed:
    """A source of randomness that gives the same two draws for ever."""

    def __init__(self, kind: float, u: float) -> None:
        self.kind, self.u = kind, u

    def random(self, shape: tuple[int, int]) -> np.ndarray:
        draws = np.full(shape, self.u)
        draws[0] = self.kind
        return draws


@pytest.mark.parametrize("u", [0.0, 0.5, np.nextafter(1, 0)])
@pytest.mark.parametrize("intercepted", [True, False])
def test_extreme_uniform_draws_stay_on_the_field(
    distribution: OutcomeDistribution, u: float, intercepted: bool
) -> None:
    kind = 0.0 if intercepted else distribution.interception_probability[0]
    yards, completed, stolen = distribution.sample(Fixed(kind, u))
    assert (stolen[0], completed[0]) == (intercepted, not intercepted)
    lowest = -(100 - distribution.yardline_100[0] + max(distribution.air_yards[0], 0))
    assert lowest <= yards[0] <= distribution.yardline_100[0]


@pytest.mark.parametrize(
    ("change", "name", "sign"),
    [
        ({"shotgun": 0}, "completion_probability", 1),
        ({"shotgun": 0}, "run_scale_yd", 1),
        ({"down": 3}, "completion_probability", -1),
        ({"down": 3, "to_go": 8}, "interception_probability", 1),
        ({"middle": 1}, "completion_probability", 1),
        ({"middle": 1}, "stop_probability", -1),
        ({"right": 1}, "interception_probability", 1),
        ({"to_go": 20}, "completion_probability", 1),
        ({"seconds": 60, "lead": -8}, "interception_probability", 1),
        ({"yardline_100": 14}, "completion_probability", -1),
        ({"yardline_100": 14}, "run_scale_yd", -1),
        ({"yardline_100": 10}, "completion_probability", -1),
        ({"yardline_100": 10}, "no_return_probability", 1),
        ({"air_yards": 30}, "completion_probability", -1),
        ({"air_yards": 30}, "run_concentration", 1),
        ({"air_yards": -4}, "stop_probability", -1),
        ({"air_yards": 40}, "return_scale_yd", -1),
    ],
    ids=str,
)
def test_context_and_throw_move_the_distribution_as_in_the_real_games(
    change: dict, name: str, sign: int
) -> None:
    before = {"air_yards": 10, "yardline_100": 60}
    usual, changed = (
        outcome_distribution(one_throw(**throw)) for throw in (before, before | change)
    )
    assert sign * (getattr(changed, name)[0] - getattr(usual, name)[0]) > 1e-3


def test_a_lead_late_in_the_game_hurries_nobody() -> None:
    ahead, level = (
        outcome_distribution(one_throw(air_yards=10, yardline_100=60, seconds=60, lead=lead))
        for lead in (8, 0)
    )
    assert ahead.interception_probability == level.interception_probability


def test_one_yard_a_play_equals_a_row_of_the_lattice(distribution: OutcomeDistribution) -> None:
    three = distribution[np.zeros(3, dtype=np.int64)]
    assert three.cdf([-2, 0, 7]).tolist() == distribution.cdf(np.array([[-2, 0, 7]]))[0].tolist()


def test_a_distribution_survives_its_table(distribution: OutcomeDistribution) -> None:
    restored = OutcomeDistribution.from_frame(pl.DataFrame(vars(distribution)))
    assert restored.lattice_cdf().tolist() == distribution.lattice_cdf().tolist()


@pytest.mark.parametrize("throw", THROWS.values(), ids=THROWS.keys())
def test_a_better_passer_completes_more_loses_fewer_and_gains_more(throw: dict) -> None:
    average, better = (outcome_distribution(one_throw(**throw), edge) for edge in (0.0, 0.5))
    assert better.completion_probability[0] > average.completion_probability[0]
    assert better.interception_probability[0] < average.interception_probability[0]
    assert better.mean()[0] > average.mean()[0]
    assert average.expected_mid_cdf(better)[0] > 0.5
