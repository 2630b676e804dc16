"""The standardized score, against SciPy, least squares and hand-worked plays."""

import numpy as np
import polars as pl
import pytest

from dropback.errors import RequestError
from dropback.scoring import (
    StandardScore,
    opponent_effects,
    standard_scores,
)


def plays(rows: int = 4000, *, seed: int = 0, seasons: int = 2) -> pl.DataFrame:
    """Random dropbacks: eight passers, eight defenses, a tenth without a throw."""
    draw = np.random.default_rng(seed)
    game = draw.integers(0, 64, rows)
    cdf = draw.random(rows)
    return pl.DataFrame(
        {
            "season": 2019 + draw.integers(0, seasons, rows),
            "game_id": [f"g{number}" for number in game],
            "passer_player_id": [f"p{number % 8}" for number in game],
            "defteam": [f"d{number // 8}" for number in game],
            "mid_cdf": pl.Series(np.where(draw.random(rows) < 0.1, np.nan, cdf)).fill_nan(None),
            "epa": draw.normal(size=rows) + 2 * cdf,
            "score_differential": draw.integers(-20, 21, rows),
            "game_seconds_remaining": draw.integers(0, 3601, rows),
        }
    )


PLAIN = StandardScore(throw_share=1.0, opponent_plays=np.inf)
VALUE = StandardScore(throw_share=0.0, opponent_plays=np.inf)


@pytest.mark.parametrize("settings", [None, PLAIN, VALUE], ids=["default", "throw", "value"])
def test_every_season_averages_one_half_with_the_spread_of_a_uniform(settings):
    table = plays()
    scored = table.with_columns(standard_scores(table, settings))
    moments = scored.group_by("season").agg(
        pl.col("play_score").mean().alias("mean"), pl.col("play_score").std(ddof=0).alias("sd")
    )
    assert moments["mean"].to_numpy() == pytest.approx(0.5, abs=1e-12)
    assert moments["sd"].to_numpy() == pytest.approx(12**-0.5, rel=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_score_is_the_mixture_that_its_docstring_states(share):
    table = plays(seasons=1)
    settings = StandardScore(throw_share=share, opponent_plays=np.inf)
    cdf, epa = table["mid_cdf"].fill_null(np.nan).to_numpy(), table["epa"].to_numpy()
    thrown = np.isfinite(cdf)
    u = np.where(thrown, (cdf - cdf[thrown].mean()) / cdf[thrown].std(), 0) / thrown.mean()
    mixed = share * u + (1 - share) * (epa - epa.mean()) / epa.std()
    expected = 0.5 + (mixed - mixed.mean()) / mixed.std() / np.sqrt(12)
    assert standard_scores(table, settings).to_numpy() == pytest.approx(expected, rel=1e-12)


def test_opponent_effects_recover_what_defenses_allow():
    draw = np.random.default_rng(3)
    rows, defenses, passers = 60_000, 32, 32
    game = draw.integers(0, 1024, rows)
    passer, defense = game % passers, game // passers
    allowed = np.linspace(-0.3, 0.3, defenses)
    skill = draw.permutation(np.linspace(-0.3, 0.3, passers))
    values = allowed[defense] + skill[passer] + draw.normal(size=rows)
    effects = opponent_effects(
        values, season=np.zeros(rows, int), passer=passer, defense=defense, game=game, ridge=10.0
    )
    by_defense = np.bincount(defense, effects) / np.bincount(defense)
    # A defense is estimated from about 1,900 plays: standard error .023.
    assert np.abs(by_defense - allowed).max() < 0.09
    assert np.corrcoef(by_defense, allowed)[0, 1] > 0.98


def test_opponent_effects_solve_henderson_equations():
    table = plays(600, seasons=1)
    passer, defense = (
        table[name].rank("dense").to_numpy() - 1 for name in ("passer_player_id", "defteam")
    )
    values = table["epa"].to_numpy()
    # Each play its own "game": the leave-out then takes one play from the sums.
    effects = opponent_effects(
        values,
        season=np.zeros(600, int),
        passer=passer,
        defense=defense,
        game=np.arange(600),
        ridge=50.0,
    )
    design = np.zeros((600, 16))
    design[np.arange(600), passer] = 1
    design[np.arange(600), 8 + defense] = 1
    centered = values - values.mean()
    solution = np.linalg.solve(design.T @ design + 50 * np.eye(16), design.T @ centered)
    residual = centered - solution[passer]
    sums, counts = np.bincount(defense, residual), np.bincount(defense)
    expected = (sums[defense] - residual) / (counts[defense] - 1 + 50)
    assert effects == pytest.approx(expected, abs=1e-7)


def test_a_defense_met_once_has_no_other_game_to_be_judged_by():
    table = plays(40, seasons=1).with_columns(
        game_id=pl.lit("g"), passer_player_id=pl.lit("p"), defteam=pl.lit("d")
    )
    single = standard_scores(table, StandardScore()).to_numpy()
    without = standard_scores(table, StandardScore(opponent_plays=np.inf)).to_numpy()
    assert single == pytest.approx(without)


def test_a_passer_of_hard_opponents_is_lifted():
    draw = np.random.default_rng(5)
    rows = 8000
    game = draw.integers(0, 40, rows)
    hard = game % 2 == 0
    # Passer "a" meets only the hard half of the defenses, "b" only the other; "c" meets all.
    passer = np.where(game < 10, np.where(hard, "a", "b"), "c")
    table = pl.DataFrame(
        {
            "season": 2020,
            "game_id": [f"g{number}" for number in game],
            "passer_player_id": passer,
            "defteam": [f"d{number % 4}" for number in game],
            "mid_cdf": pl.Series([None] * rows, dtype=pl.Float64),
            "epa": draw.normal(size=rows) - np.where(hard, 0.5, 0.0),
            "score_differential": 0,
            "game_seconds_remaining": 1800,
        }
    )
    gap = {
        adjusted: table.with_columns(
            standard_scores(table, StandardScore(throw_share=0.0, opponent_plays=ridge))
        )
        .group_by("passer_player_id")
        .agg(pl.col("play_score").mean())
        .sort("passer_player_id")["play_score"]
        for adjusted, ridge in ((True, 100.0), (False, np.inf))
    }
    raw, fair = (gap[adjusted][1] - gap[adjusted][0] for adjusted in (False, True))
    assert raw > 0.1
    assert abs(fair) < 0.5 * raw


def test_a_dropback_without_expected_points_is_refused_with_the_count():
    table = plays(50).with_columns(
        epa=pl.when(pl.int_range(pl.len()) < 3).then(None).otherwise(pl.col("epa"))
    )
    with pytest.raises(RequestError, match="3 of 50 have a null 'epa'"):
        standard_scores(table)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("throw_share", -0.1), ("throw_share", 1.1), ("opponent_plays", 0.0)],
)
def test_a_setting_out_of_range_is_refused_by_name(setting, value):
    with pytest.raises(RequestError, match=setting):
        StandardScore(**{setting: value})
