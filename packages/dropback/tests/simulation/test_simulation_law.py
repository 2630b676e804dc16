"""The closed-form law of a throw's yards, against slow plain versions and its own samples."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import scipy.stats

from dropback.simulation import LATTICE_YARDS, Circumstances, OutcomeLaw, outcome_law

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


def circumstances(**throw: float) -> Circumstances:
    """One throw, on first and ten in the first quarter unless told otherwise."""
    seconds = throw.get("seconds", 3000)
    values = {
        "air_yards": throw["air_yards"],
        "yardline_100": throw["yardline_100"],
        "down": throw.get("down", 1),
        "yards_to_go": throw.get("to_go", 10),
        "score_differential": throw.get("lead", 0),
        "game_seconds_remaining": seconds,
        "quarter": 4 - seconds // 900,
        "shotgun": throw.get("shotgun", 1),
        "middle": throw.get("middle", 0),
        "right": throw.get("right", 0),
    }
    return Circumstances(**{name: np.array([float(value)]) for name, value in values.items()})


@pytest.fixture(params=THROWS)
def law(request: pytest.FixtureRequest) -> OutcomeLaw:
    return outcome_law(circumstances(**THROWS[request.param]))


def oracle_cdf(law: OutcomeLaw, k: int) -> float:
    """P(Y <= k) of one throw from SciPy's distributions, rounding and censoring by hand."""
    (p_complete,) = law.completion_probability
    (p_intercept,) = law.interception_probability
    (air,), (goal,) = law.air_yards, law.yardline_100
    ran = scipy.stats.genpareto(law.run_concentration[0], scale=law.run_scale_yd[0])
    stopped = scipy.stats.laplace(0.1, 0.25)
    carried = scipy.stats.genpareto(law.return_concentration[0], scale=law.return_scale_yd[0])
    stop, power = law.stop_probability[0], law.run_power[0]

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
        stolen = (1 - law.no_return_probability[0]) * long_enough
    return (
        p_complete * caught
        + p_intercept * stolen
        + (1 - p_complete - p_intercept) * (1.0 if k >= 0 else 0.0)
    )


def join_until(expected: np.ndarray, *, at_least: float) -> np.ndarray:
    """Group of each neighbouring yard, so that every group expects enough draws."""
    groups, group, total = [], 0, 0.0
    for value in expected:
        groups.append(group)
        total += value
        if total >= at_least:
            group, total = group + 1, 0.0
    return np.minimum(groups, group - 1)


def test_cdf_matches_scipy(law: OutcomeLaw) -> None:
    expected = [oracle_cdf(law, int(k)) for k in LATTICE_YARDS]
    np.testing.assert_allclose(law.lattice_cdf()[0], expected, rtol=1e-12, atol=1e-14)


def test_cdf_rises_to_one(law: OutcomeLaw) -> None:
    lattice = law.lattice_cdf()[0]
    # The three parts' weights add up to 1 within the last digit.
    assert lattice[0] >= 0
    assert (np.diff(lattice) >= -2e-16).all()
    assert lattice[-1] == pytest.approx(1, abs=2e-16)


def test_probabilities_of_whole_yards_sum_to_one(law: OutcomeLaw) -> None:
    total = law.probability(LATTICE_YARDS[None, :]).sum()
    assert total == pytest.approx(1, abs=1e-14)


def test_no_mass_lies_outside_the_field(law: OutcomeLaw) -> None:
    probability = law.probability(LATTICE_YARDS[None, :])[0]
    lowest = -(100 - law.yardline_100[0] + max(law.air_yards[0], 0))
    outside = (law.yardline_100[0] < LATTICE_YARDS) | (lowest > LATTICE_YARDS)
    assert (probability[outside] == 0).all()


def test_mid_cdf_averages_one_half_under_its_own_law(law: OutcomeLaw) -> None:
    yards = LATTICE_YARDS[None, :]
    average = (law.mid_cdf(yards) * law.probability(yards)).sum()
    assert average == pytest.approx(0.5, abs=1e-14)
    assert law.expected_mid_cdf(law)[0] == pytest.approx(0.5, abs=1e-14)


def test_mean_is_the_probability_weighted_sum(law: OutcomeLaw) -> None:
    expected = (LATTICE_YARDS * law.probability(LATTICE_YARDS[None, :])[0]).sum()
    assert law.mean()[0] == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("yards", [-99, -3, 0, 1, 6, 60])
def test_crps_is_expected_distance_less_half_the_spread(law: OutcomeLaw, yards: int) -> None:
    # Gneiting and Raftery (2007), eq. 21: E|Y - y| - E|Y - Y'| / 2.
    probability = law.probability(LATTICE_YARDS[None, :])[0]
    spread = np.abs(LATTICE_YARDS[:, None] - LATTICE_YARDS[None, :])
    distance = (np.abs(LATTICE_YARDS - yards) * probability).sum()
    expected = distance - probability @ spread @ probability / 2
    assert law.crps(np.array([yards]))[0] == pytest.approx(expected, rel=1e-10)


def test_samples_follow_the_law(law: OutcomeLaw) -> None:
    n = 100_000
    repeated = law[np.zeros(n, dtype=np.int64)]
    yards, completed, intercepted = repeated.sample(np.random.default_rng(11))
    expected = n * law.probability(LATTICE_YARDS[None, :])[0]
    observed = np.bincount(yards + 100, minlength=len(LATTICE_YARDS))
    groups = join_until(expected, at_least=10.0)
    statistic = scipy.stats.chisquare(np.bincount(groups, observed), np.bincount(groups, expected))
    assert statistic.pvalue > 1e-4
    for share, probability in (
        (completed.mean(), law.completion_probability[0]),
        (intercepted.mean(), law.interception_probability[0]),
    ):
        assert share == pytest.approx(probability, abs=5 * np.sqrt(probability / n))


def test_a_sample_is_an_incompletion_or_completed_or_intercepted_but_not_both() -> None:
    law = outcome_law(circumstances(air_yards=20, yardline_100=60))
    repeated = law[np.zeros(5000, dtype=np.int64)]
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
    law: OutcomeLaw, u: float, intercepted: bool
) -> None:
    kind = 0.0 if intercepted else law.interception_probability[0]
    yards, completed, stolen = law.sample(Fixed(kind, u))
    assert (stolen[0], completed[0]) == (intercepted, not intercepted)
    lowest = -(100 - law.yardline_100[0] + max(law.air_yards[0], 0))
    assert lowest <= yards[0] <= law.yardline_100[0]


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
def test_circumstances_move_the_law_as_in_the_real_games(
    change: dict, name: str, sign: int
) -> None:
    before = {"air_yards": 10, "yardline_100": 60}
    usual, changed = (outcome_law(circumstances(**throw)) for throw in (before, before | change))
    assert sign * (getattr(changed, name)[0] - getattr(usual, name)[0]) > 1e-3


def test_a_lead_late_in_the_game_hurries_nobody() -> None:
    ahead, level = (
        outcome_law(circumstances(air_yards=10, yardline_100=60, seconds=60, lead=lead))
        for lead in (8, 0)
    )
    assert ahead.interception_probability == level.interception_probability


def test_a_catch_in_the_end_zone_is_a_touchdown() -> None:
    law = outcome_law(circumstances(air_yards=9, yardline_100=9))
    assert law.probability([9])[0] == pytest.approx(law.completion_probability[0], rel=1e-12)


def test_one_yard_a_play_equals_a_row_of_the_lattice(law: OutcomeLaw) -> None:
    three = law[np.zeros(3, dtype=np.int64)]
    assert three.cdf([-2, 0, 7]).tolist() == law.cdf(np.array([[-2, 0, 7]]))[0].tolist()


def test_a_law_survives_its_table(law: OutcomeLaw) -> None:
    restored = OutcomeLaw.from_frame(pl.DataFrame(vars(law)))
    assert restored.lattice_cdf().tolist() == law.lattice_cdf().tolist()


@pytest.mark.parametrize("throw", THROWS.values(), ids=THROWS.keys())
def test_a_better_passer_completes_more_loses_fewer_and_gains_more(throw: dict) -> None:
    average, better = (outcome_law(circumstances(**throw), edge) for edge in (0.0, 0.5))
    assert better.completion_probability[0] > average.completion_probability[0]
    assert better.interception_probability[0] < average.interception_probability[0]
    assert better.mean()[0] > average.mean()[0]
    assert average.expected_mid_cdf(better)[0] > 0.5
