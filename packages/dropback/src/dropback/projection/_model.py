r"""Model a passer's seasons as a career level and a form that comes back to it.

In season :math:`t` the true level of passer :math:`i`, in two series (expected points added per
play of the quarterback, and the throws' mid-CDF), is

.. math:: \theta_{it} = X_{it} \beta + c_i + a_{it}, \qquad a_{it} = \phi\, a_{i,t-1} + \text{noise}

with a career level :math:`c_i \sim N(0, C)` and a stationary form :math:`a_{it} \sim N(0, A)`. A
season's mean over :math:`n` plays is :math:`\theta_{it}` plus noise of variance
:math:`\sigma^2 / n`. All is normal, so the posterior is exact: no season is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dropback.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropback._arrays import Floats, Integers

SERIES = 2
"""EPA per play of the quarterback, and the throws' mid-CDF, both over the league's mean."""


@dataclass(frozen=True)
class ProjectionSettings:
    """Parameters of the model; the defaults are those that predict best on the seasons to 2016.

    ``research/projection_study.py --fit`` prints them: of EPA the penalized maximum of the
    predictive likelihood, of the throws (out of use) the maximum of the likelihood.

    Attributes:
        career_sd: Standard deviation of the career level in both series.
        career_correlation: Its correlation between the series.
        form_sd: Standard deviation of the form in both series.
        form_correlation: Its correlation between the series.
        persistence: Share of the form that is left a season later, in [0, 1).
        newcomer: Mean level of passers when they first appear, in both series.
        veteran: The same of those who are there in the first season of the table, whose careers
            began earlier.
        mean_sd: How well the two means are known beforehand, in both series.
        play_sd: Standard deviation of a play's value in both series.
        play_correlation: Correlation of a throw's two values.
        trait_sd: Prior standard deviations of the effects on EPA of the logarithm of the draft
            position, of age over 28 in years, and of its square.
        series: 2, or 1 to leave the throws out.
    """

    career_sd: tuple[float, float] = (0.0764, 0.0140)
    career_correlation: float = 0.91
    form_sd: tuple[float, float] = (0.0633, 0.0122)
    form_correlation: float = 0.91
    persistence: float = 0.435
    newcomer: tuple[float, float] = (-0.024, -0.017)
    veteran: tuple[float, float] = (0.024, -0.001)
    mean_sd: tuple[float, float] = (0.001, 0.001)
    play_sd: tuple[float, float] = (1.633, 0.289)
    play_correlation: float = 0.731
    trait_sd: tuple[float, float, float] = (0.02, 0.004, 0.0008)
    series: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.persistence < 1:
            raise RequestError(f"persistence must be in [0, 1), got {self.persistence}.")
        for name in ("career_sd", "form_sd", "mean_sd", "play_sd"):
            if not min(getattr(self, name)) > 0:
                raise RequestError(f"{name} must be positive, got {getattr(self, name)}.")
        if self.series not in {1, SERIES}:
            raise RequestError(f"series must be 1 or 2, got {self.series}.")


PROJECTION = ProjectionSettings()
"""The settings in use."""


@dataclass(frozen=True)
class Career:
    """Seasons of one passer.

    Attributes:
        seasons: Years, ascending, shape ``(T,)``.
        values: Means over the season's plays, less the league's, shape ``(T, 2)``; NaN where
            a series has no play.
        plays: Plays behind them, shape ``(T, 2)``: of the quarterback, and throws.
        veteran: Whether the first season of the table is among them.
        traits: Draft position (logarithm), age over 28 and its square in each season, and in the
            season after, centered so that 0 is unknown, shape ``(T + 1, 3)``.
    """

    seasons: Integers
    values: Floats
    plays: Floats
    veteran: bool
    traits: Floats = field(default_factory=lambda: np.zeros((0, 3)))


@dataclass(frozen=True)
class Forecast:
    """Posterior of the true EPA per play over the league, shape ``(N,)`` each.

    Attributes:
        now: Mean in the last season asked for.
        now_sd: Its standard deviation.
        following: Mean in the season after it.
        following_sd: Its standard deviation.
    """

    now: Floats
    now_sd: Floats
    following: Floats
    following_sd: Floats


@dataclass(frozen=True)
class _Block:
    """What one career contributes: its design, and its covariance's Cholesky factor."""

    design: Floats
    values: Floats
    factor: Floats
    rows: Integers
    kinds: Integers


def project_careers(
    careers: Sequence[Career], season: int, settings: ProjectionSettings = PROJECTION
) -> Forecast:
    """Posterior of each passer's level in `season` and in the season after it.

    Args:
        careers: All passers, whose common means and effects of traits are learned together.
        season: The season that is now; no career may hold a later one.
        settings: Parameters.
    """
    blocks = [_block(career, settings) for career in careers]
    precision, right = _normal_equations(blocks, settings)
    covariance: Floats = np.asarray(np.linalg.inv(precision), dtype=np.float64)
    mean = covariance @ right
    rows = [
        _predict(career, block, season, settings, mean, covariance)
        for career, block in zip(careers, blocks, strict=True)
    ]
    now, now_sd, following, following_sd = np.array(rows).reshape(-1, 4).T
    return Forecast(now, now_sd, following, following_sd)


def log_likelihood(careers: Sequence[Career], settings: ProjectionSettings) -> float:
    """Log of the marginal density of all seasons' means, the common effects integrated out."""
    blocks = [_block(career, settings) for career in careers]
    precision, right = _normal_equations(blocks, settings)
    prior_mean, prior_sd = _prior(settings)
    total = float(right @ np.linalg.solve(precision, right))
    total -= float(((prior_mean / prior_sd) ** 2).sum())
    total -= float(np.linalg.slogdet(precision)[1] + 2 * np.log(prior_sd).sum())
    for block in blocks:
        white = np.linalg.solve(block.factor, block.values)
        total -= float(white @ white) + 2 * float(np.log(np.diag(block.factor)).sum())
        total -= len(white) * np.log(2 * np.pi)
    return 0.5 * total


def _prior(settings: ProjectionSettings) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the effects: newcomers' and veterans' levels, then traits."""
    mean = np.array([*settings.newcomer, *settings.veteran, 0.0, 0.0, 0.0])
    return mean, np.array([*settings.mean_sd, *settings.mean_sd, *settings.trait_sd])


def _normal_equations(
    blocks: Sequence[_Block], settings: ProjectionSettings
) -> tuple[Floats, Floats]:
    mean, sd = _prior(settings)
    precision, right = np.diag(1 / sd**2), mean / sd**2
    for block in blocks:
        white = np.linalg.solve(block.factor, np.column_stack([block.design, block.values]))
        precision = precision + white[:, :-1].T @ white[:, :-1]
        right = right + white[:, :-1].T @ white[:, -1]
    return precision, right


def _design(career: Career, kinds: Integers, traits: Floats) -> Floats:
    """Rows of effects: the level of newcomers or veterans in each series, traits in EPA."""
    design = np.zeros((len(kinds), 7))
    design[np.arange(len(kinds)), kinds + 2 * career.veteran] = 1
    design[:, 4:] = np.where(kinds[:, None] == 0, traits, 0)
    return design


def _traits(career: Career) -> Floats:
    count = len(career.seasons) + 1
    return career.traits if len(career.traits) == count else np.zeros((count, 3))


def _levels(settings: ProjectionSettings) -> tuple[Floats, Floats]:
    """Covariances of the career level and of the form, each ``(2, 2)``."""

    def between(sd: tuple[float, float], correlation: float) -> Floats:
        cross = correlation * sd[0] * sd[1]
        return np.array([[sd[0] ** 2, cross], [cross, sd[1] ** 2]])

    return (
        between(settings.career_sd, settings.career_correlation),
        between(settings.form_sd, settings.form_correlation),
    )


def _covariance(
    years: Integers,
    kinds: Integers,
    others: Integers,
    kinds_of_others: Integers,
    settings: ProjectionSettings,
) -> Floats:
    """Of true levels at some seasons and series with those at others."""
    career, form = _levels(settings)
    lag = np.abs(years[:, None] - others[None, :])
    pick = np.ix_(kinds, kinds_of_others)
    return np.asarray(career[pick] + form[pick] * settings.persistence**lag)


def _block(career: Career, settings: ProjectionSettings) -> _Block:
    known = np.isfinite(career.values) & (career.plays > 0)
    known[:, settings.series :] = False
    rows, kinds = np.nonzero(known)
    years, plays = career.seasons[rows], career.plays[rows, kinds]
    covariance = _covariance(years, kinds, years, kinds, settings)
    sd = np.array(settings.play_sd)[kinds]
    # The means of one season share its throws: cov = n_throws c / (n_plays n_throws).
    shared = (rows[:, None] == rows[None, :]) & (kinds[:, None] != kinds[None, :])
    larger = np.maximum(plays[:, None], plays[None, :])
    cross = settings.play_correlation * sd[:, None] * sd[None, :] / larger
    covariance = covariance + np.diag(sd**2 / plays) + np.where(shared, cross, 0.0)
    design = _design(career, kinds, _traits(career)[rows])
    return _Block(
        design,
        career.values[rows, kinds],
        np.asarray(np.linalg.cholesky(covariance), dtype=np.float64),
        rows,
        kinds,
    )


def _predict(
    career: Career,
    block: _Block,
    season: int,
    settings: ProjectionSettings,
    mean: Floats,
    covariance: Floats,
) -> list[float]:
    years = np.array([season, season + 1])
    kinds = np.zeros(2, dtype=np.int64)
    cross = _covariance(years, kinds, career.seasons[block.rows], block.kinds, settings)
    own = _covariance(years, kinds, years, kinds, settings)
    traits = _traits(career)
    now = traits[-2] if len(career.seasons) and career.seasons[-1] == season else traits[-1]
    design = _design(career, kinds, np.stack([now, traits[-1]]))
    white = np.linalg.solve(block.factor, np.column_stack([cross.T, block.design, block.values]))
    left, middle, right = white[:, :2], white[:, 2:-1], white[:, -1]
    expected = design @ mean + left.T @ (right - middle @ mean)
    beyond = design - left.T @ middle
    variance = np.diag(own - left.T @ left + beyond @ covariance @ beyond.T)
    return [expected[0], variance[0] ** 0.5, expected[1], variance[1] ** 0.5]
