"""The projection's posterior, against the joint normal distribution that it is the condition of."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from dropback.errors import RequestError
from dropback.projection import (
    PROJECTION,
    Career,
    ProjectionSettings,
    log_likelihood,
    project_careers,
)

SETTINGS = replace(PROJECTION, series=2, mean_sd=(0.05, 0.01), trait_sd=(0.03, 0.01, 0.002))


def careers() -> list[Career]:
    """Three careers: a gap, a season without throws, a veteran, a newcomer with traits."""
    nan = np.nan
    return [
        Career(
            np.array([2018, 2020]),
            np.array([[0.10, 0.02], [0.15, nan]]),
            np.array([[400.0, 350.0], [90.0, 0.0]]),
            veteran=True,
        ),
        Career(
            np.array([2020]),
            np.array([[-0.2, -0.03]]),
            np.array([[60.0, 50.0]]),
            veteran=False,
            traits=np.array([[0.7, -4.0, 3.0], [0.7, -3.0, -2.0]]),
        ),
        Career(
            np.array([2019]), np.array([[0.05, 0.01]]), np.array([[500.0, 420.0]]), veteran=False
        ),
    ]


def joint(settings: ProjectionSettings, season: int):  # noqa: C901, PLR0912  # plain on purpose
    """Mean and covariance of all seasons' values, then of each passer's level now and after.

    Built from effects, career levels and forms as separate random variables and their weights.
    """
    rows, values = [], []
    for index, career in enumerate(careers()):
        for at, year in enumerate(career.seasons):
            for kind in range(2):
                if np.isfinite(career.values[at, kind]):
                    trait = career.traits[at] if len(career.traits) else np.zeros(3)
                    rows.append((index, year, kind, career.veteran, trait, career.plays[at]))
                    values.append(career.values[at, kind])
    observed = len(rows)
    for index, career in enumerate(careers()):
        for year in (season, season + 1):
            last = career.traits if len(career.traits) else np.zeros((2, 3))
            trait = last[-2] if year == season and career.seasons[-1] == season else last[-1]
            rows.append((index, year, 0, career.veteran, trait, None))
    sd, form = settings.career_sd, settings.form_sd
    prior_mean = np.array([*settings.newcomer, *settings.veteran, 0, 0, 0])
    prior_sd = np.array([*settings.mean_sd, *settings.mean_sd, *settings.trait_sd])
    size = len(rows)
    mean, covariance, design = np.zeros(size), np.zeros((size, size)), np.zeros((size, 7))
    for a, (_, _, kind, veteran, trait, _) in enumerate(rows):
        design[a, kind + (2 if veteran else 0)] = 1
        if kind == 0:
            design[a, 4:] = trait
    mean = design @ prior_mean
    covariance = design @ np.diag(prior_sd**2) @ design.T
    for a, (ia, ya, ka, _, _, na) in enumerate(rows):
        for b, (ib, yb, kb, _, _, nb) in enumerate(rows):
            if ia != ib:
                continue
            career_r = 1 if ka == kb else settings.career_correlation
            form_r = 1 if ka == kb else settings.form_correlation
            covariance[a, b] += career_r * sd[ka] * sd[kb]
            covariance[a, b] += form_r * form[ka] * form[kb] * settings.persistence ** abs(ya - yb)
            if na is None or nb is None or ya != yb:
                continue
            if ka == kb:
                covariance[a, b] += settings.play_sd[ka] ** 2 / na[ka]
            else:
                covariance[a, b] += settings.play_correlation * np.prod(settings.play_sd) / na[0]
    return mean, covariance, np.array(values), observed


def test_the_posterior_is_that_of_the_joint_normal_distribution():
    mean, covariance, values, n = joint(SETTINGS, 2020)
    gain = covariance[n:, :n] @ np.linalg.inv(covariance[:n, :n])
    expected = mean[n:] + gain @ (values - mean[:n])
    variance = np.diag(covariance[n:, n:] - gain @ covariance[:n, n:])
    found = project_careers(careers(), 2020, SETTINGS)
    assert found.now == pytest.approx(expected[::2], rel=1e-9)
    assert found.following == pytest.approx(expected[1::2], rel=1e-9)
    assert found.now_sd == pytest.approx(variance[::2] ** 0.5, rel=1e-9)
    assert found.following_sd == pytest.approx(variance[1::2] ** 0.5, rel=1e-9)


def test_the_likelihood_is_that_of_the_joint_normal_distribution():
    mean, covariance, values, n = joint(SETTINGS, 2020)
    oracle = scipy.stats.multivariate_normal(mean[:n], covariance[:n, :n])
    assert log_likelihood(careers(), SETTINGS) == pytest.approx(oracle.logpdf(values), rel=1e-9)


def test_one_series_takes_nothing_from_the_throws():
    alone = replace(SETTINGS, series=1)
    changed = [replace(career, values=career.values * np.array([1.0, 5.0])) for career in careers()]
    first, second = (project_careers(c, 2020, alone) for c in (careers(), changed))
    assert first.following == pytest.approx(second.following, rel=1e-12)
    both = [project_careers(c, 2020, SETTINGS).following for c in (careers(), changed)]
    assert np.abs(both[0] - both[1]).max() > 1e-3


def simulated(count: int, generator: np.random.Generator) -> tuple[list[Career], np.ndarray]:
    """Careers of five seasons drawn from the model, and the true level in the sixth."""
    s = SETTINGS
    career = generator.multivariate_normal(
        np.zeros(2),
        [[s.career_sd[0] ** 2, s.career_correlation * np.prod(s.career_sd)],
         [s.career_correlation * np.prod(s.career_sd), s.career_sd[1] ** 2]],
        count,
    )  # fmt: skip
    cross = s.form_correlation * np.prod(s.form_sd)
    form_covariance = [[s.form_sd[0] ** 2, cross], [cross, s.form_sd[1] ** 2]]
    form = generator.multivariate_normal(np.zeros(2), form_covariance, count)
    years, plays = np.arange(2015, 2020), generator.integers(40, 600, (count, 5))
    values = np.empty((count, 5, 2))
    for at in range(5):
        noise = generator.normal(size=(count, 2)) * s.play_sd / np.sqrt(plays[:, at, None])
        values[:, at] = np.array(s.newcomer) + career + form + noise
        step = generator.multivariate_normal(np.zeros(2), form_covariance, count)
        form = s.persistence * form + np.sqrt(1 - s.persistence**2) * step
    made = [
        Career(years, v, np.column_stack([n, n]).astype(float), veteran=False)
        for v, n in zip(values, plays, strict=True)
    ]
    return made, s.newcomer[0] + career[:, 0] + form[:, 0]


def test_intervals_hold_what_they_say_where_the_model_is_true():
    made, truth = simulated(1500, np.random.default_rng(0))
    # The simulation draws each series' noise apart.
    found = project_careers(made, 2019, replace(SETTINGS, play_correlation=0.0))
    inside = np.abs(truth - found.following) <= 1.6449 * found.following_sd
    # Standard error of the share: .008.
    assert inside.mean() == pytest.approx(0.9, abs=0.025)
    assert np.corrcoef(truth, found.following)[0, 1] > 0.6


def test_a_draft_position_orders_newcomers_where_the_roster_gives_it():
    generator = np.random.default_rng(1)
    drafted = generator.normal(size=400)
    values = -0.03 * drafted + 0.05 * generator.normal(size=400)
    made = [
        Career(
            np.array([2019]), np.array([[v, np.nan]]), np.array([[400.0, 0.0]]), veteran=False,
            traits=np.tile([d, 0.0, 0.0], (2, 1)),
        )
        for v, d in zip(values, drafted, strict=True)
    ]  # fmt: skip
    unknown = [
        Career(np.array([2019]), np.array([[0.0, np.nan]]), np.array([[10.0, 0.0]]), veteran=False,
               traits=np.tile([d, 0.0, 0.0], (2, 1)))
        for d in (-1.0, 1.0)
    ]  # fmt: skip
    early, late = project_careers([*made, *unknown], 2019, SETTINGS).following[-2:]
    assert 0.03 < early - late < 0.09


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"persistence": 1.0}, r"persistence must be in \[0, 1\), got 1.0"),
        ({"form_sd": (0.1, 0.0)}, "form_sd must be positive"),
        ({"series": 3}, "series must be 1 or 2, got 3"),
    ],
)
def test_settings_outside_their_range_are_refused(change, message):
    with pytest.raises(RequestError, match=message):
        replace(PROJECTION, **change)
