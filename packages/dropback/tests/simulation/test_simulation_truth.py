"""The synthetic league's truth, its settings, seeds and files."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.stats
from polars.testing import assert_frame_equal

from dropback.errors import RequestError
from dropback.simulation import (
    League,
    LeagueSettings,
    OutcomeDistribution,
    Throws,
    outcome_distribution,
    simulate_league,
    write_league,
)
from examples.simulated_plays import targeted_attempts

SMALL = LeagueSettings(seasons=(2019, 2021), teams=4, weeks=5)


def randomized_pit(distribution: OutcomeDistribution, yards: np.ndarray, seed: int) -> np.ndarray:
    below, upto = distribution.cdf(yards - 1), distribution.cdf(yards)
    return below + (upto - below) * np.random.default_rng(seed).random(len(yards))


def test_outcomes_follow_the_distribution_they_were_drawn_from(league: League) -> None:
    pit = randomized_pit(league.actual_distribution(), league.truth["yards"].to_numpy(), seed=3)
    assert scipy.stats.kstest(pit, "uniform").pvalue > 1e-4


@pytest.mark.parametrize(
    "split",
    [
        pl.col("air_yards") < 0,
        pl.col("air_yards") > 25,
        pl.col("air_yards") == pl.col("yardline_100"),
        pl.col("down") >= 3,
        pl.col("ydstogo") > 12,
        pl.col("yardline_100") <= 20,
        pl.col("yardline_100") >= 85,
        (pl.col("qtr") == 4) & (pl.col("score_differential") < -7),
        pl.col("qtr") == 5,
        pl.col("pass_location") == "middle",
        pl.col("shotgun") == 0,
    ],
    ids=str,
)
def test_the_distribution_holds_within(league: League, split: pl.Expr) -> None:
    chosen = targeted_attempts(league.plays).select(split).to_series().to_numpy()
    distribution = league.actual_distribution()[chosen]
    yards = league.truth["yards"].to_numpy()[chosen]
    # The mid-distribution values of a discrete distribution spread less than a uniform variable
    # does.
    z = (distribution.mid_cdf(yards).mean() - 0.5) * np.sqrt(12 * chosen.sum())
    assert abs(z) < 4


@pytest.mark.slow
def test_the_average_passers_score_is_one_half_and_its_pit_uniform() -> None:
    settings = LeagueSettings(
        seasons=(2020,), weeks=8, skill_sd_yd=0.0, backup_deficit_yd=0.0, defense_sd_yd=0.0
    )
    level = simulate_league(settings, seed=5)
    assert (level.truth["edge_yd"] == 0).all()
    assert (level.truth["expected_mid_cdf"] - 0.5).abs().max() < 1e-12
    yards = level.truth["yards"].to_numpy()
    pit = randomized_pit(level.league_average_distribution(), yards, seed=4)
    assert scipy.stats.kstest(pit, "uniform").pvalue > 1e-4


def test_truth_lists_the_targeted_attempts_with_their_outcomes(league: League) -> None:
    key = ["game_id", "play_id", "season", "passer_player_id", "yards"]
    assert_frame_equal(league.truth.select(key), targeted_attempts(league.plays).select(key))


def test_average_distribution_of_the_truth_is_that_of_the_plays(league: League) -> None:
    attempts = targeted_attempts(league.plays).head(500)
    from_plays = outcome_distribution(Throws.from_plays(attempts))
    from_truth = league.league_average_distribution()[:500]
    assert from_plays.lattice_cdf().tolist() == from_truth.lattice_cdf().tolist()


def test_a_yard_of_skill_is_worth_a_yard_an_attempt(league: League) -> None:
    throws = Throws.from_plays(targeted_attempts(league.plays).head(8000))
    for skill in (-0.5, 0.5, 1.0):
        gain = outcome_distribution(throws, skill).mean() - outcome_distribution(throws).mean()
        assert gain.mean() == pytest.approx(skill, rel=0.05)


def test_the_average_passers_distribution_is_nearly_the_mixture_over_passers(
    league: League,
) -> None:
    plays = Throws.from_plays(targeted_attempts(league.plays).head(300))
    edges = np.quantile(league.truth["edge_yd"].to_numpy(), (np.arange(25) + 0.5) / 25)
    mixture = np.mean([outcome_distribution(plays, edge).lattice_cdf() for edge in edges], axis=0)
    assert np.abs(mixture - outcome_distribution(plays).lattice_cdf()).max() < 0.005


def test_edge_is_the_passers_skill_less_the_defense(league: League) -> None:
    attempts = targeted_attempts(league.plays).select("game_id", "play_id", "defteam")
    defense = league.truth.join(attempts, on=["game_id", "play_id"]).join(
        league.passers, on=["passer_player_id", "season"]
    )
    quality = (pl.col("skill_yd") - pl.col("edge_yd")).round(9)
    by_team = defense.group_by("season", "defteam").agg(quality.n_unique().alias("values"))
    assert (by_team["values"] == 1).all()
    assert defense.select(quality.std()).item() == pytest.approx(0.15, rel=0.4)


def test_expected_score_of_a_passer_is_the_mean_that_attempts_earn(league: League) -> None:
    mid = league.league_average_distribution().mid_cdf(league.truth["yards"].to_numpy())
    seasons = (
        league.truth.with_columns(pl.Series("mid", mid))
        .group_by("passer_player_id", "season")
        .agg(pl.len(), pl.col("mid", "expected_mid_cdf").mean(), pl.col("mid").std().alias("sd"))
        .filter(pl.col("len") >= 100)
    )
    z = seasons.select(
        (pl.col("mid") - pl.col("expected_mid_cdf")) / pl.col("sd") * pl.col("len").sqrt()
    ).to_series()
    # The sum of n squared standard normal variables; both tails, since a truth that hugs the
    # outcomes would be as wrong as one that misses them.
    assert 1e-4 < scipy.stats.chi2(len(z)).cdf((z**2).sum()) < 1 - 1e-4


def test_expected_score_ranks_passers_by_skill(league: League) -> None:
    seasons = (
        league.truth.group_by("passer_player_id", "season")
        .agg(pl.len(), pl.col("expected_mid_cdf").mean())
        .filter(pl.col("len") >= 300)
        .join(league.passers, on=["passer_player_id", "season"])
    )
    assert seasons.select(pl.corr("expected_mid_cdf", "skill_yd")).item() > 0.97


def test_league_average_skill_is_zero_in_each_season(league: League) -> None:
    share = pl.when("starter").then(0.9).otherwise(0.1)
    average = league.passers.group_by("season").agg(
        (share * pl.col("skill_yd")).sum().alias("skill_yd")
    )
    assert average["skill_yd"].abs().max() < 1e-9


def test_every_passer_of_the_plays_is_known_by_one_name_and_team(league: League) -> None:
    thrown = league.plays.drop_nulls("passer_player_id").select(
        "passer_player_id", "passer_player_name", "season", pl.col("posteam").alias("team")
    )
    known = league.passers.select(thrown.columns)
    assert thrown.unique().join(known, on=thrown.columns, how="anti").is_empty()
    assert known.select("passer_player_id", "season").is_unique().all()
    assert known["passer_player_id"].n_unique() == known["passer_player_name"].n_unique()


def test_passers_and_teammates_are_different_people(league: League) -> None:
    passers = set(league.passers["passer_player_id"])
    for column in ("receiver_player_id", "interception_player_id"):
        assert passers.isdisjoint(league.plays[column].drop_nulls())


def test_constant_skill_stays_but_for_the_yearly_centring() -> None:
    settings = LeagueSettings(
        seasons=(2019, 2020), weeks=1, skill_season_correlation=1.0, turnover_probability=0.0
    )
    passers = simulate_league(settings, seed=2).passers
    first, second = (passers.filter(pl.col("season") == s)["skill_yd"] for s in (2019, 2020))
    np.testing.assert_allclose(first, second, atol=1e-12)


@pytest.mark.slow
def test_backups_start_the_share_of_games_that_was_asked_for() -> None:
    settings = LeagueSettings(seasons=(2020,), weeks=12, backup_start_probability=0.5)
    league = simulate_league(settings, seed=9)
    started = (
        league.truth.select("game_id", "season", "passer_player_id")
        .unique()
        .join(league.passers, on=["passer_player_id", "season"])
    )
    # 384 starts: a standard error of 0.026.
    assert started["starter"].mean() == pytest.approx(0.5, abs=0.1)


def test_equal_seeds_give_equal_leagues_and_others_do_not() -> None:
    one, two, other = (simulate_league(SMALL, seed=seed) for seed in (3, 3, 4))
    for name in ("plays", "games", "passers", "truth"):
        assert_frame_equal(getattr(one, name), getattr(two, name))
    assert not one.plays.equals(other.plays)
    assert not one.passers.equals(other.passers)


def test_global_randomness_is_left_alone() -> None:
    np.random.seed(1)  # noqa: NPY002  # the global state is what must not move
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    simulate_league(SMALL, seed=3)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seasons": ()}, r"one or more different years .* got \(\)"),
        ({"seasons": (2020, 2019)}, "ascending order"),
        ({"seasons": (2020, 2020)}, "different years"),
        ({"seasons": (98,)}, "from 1999 to 2100"),
        ({"teams": 7}, "even number from 2 to 32, got 7"),
        ({"teams": 34}, "even number from 2 to 32, got 34"),
        ({"weeks": 0}, "weeks must be from 1 to 30, got 0"),
        ({"skill_sd_yd": -0.1}, "skill_sd_yd must be from 0 to 2 yards per attempt, got -0.1"),
        ({"skill_sd_yd": float("nan")}, "skill_sd_yd must be .* got nan"),
        ({"backup_deficit_yd": 3.0}, "backup_deficit_yd"),
        ({"defense_sd_yd": -1.0}, "defense_sd_yd"),
        ({"skill_season_correlation": 1.1}, "skill_season_correlation must be from 0 to 1"),
        ({"turnover_probability": -1.0}, "turnover_probability"),
        ({"backup_start_probability": 1.0}, r"backup_start_probability must be in \[0, 1\)"),
    ],
    ids=str,
)
def test_settings_outside_their_domain_are_refused(change: dict, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        LeagueSettings(**change)


@pytest.fixture(scope="module")
def small_league() -> League:
    return simulate_league(SMALL, seed=3)


def test_written_files_hold_the_league(small_league: League, tmp_path: Path) -> None:
    folder = tmp_path / "league"
    write_league(small_league, folder)
    names = {path.name for path in folder.iterdir()}
    seasons = {f"play_by_play_{season}.parquet" for season in (2019, 2021)}
    assert names == seasons | {"games.parquet", "passers.parquet", "truth.parquet"}
    plays = pl.read_parquet(sorted(folder.glob("play_by_play_*.parquet")))
    assert_frame_equal(plays, small_league.plays)
    for name in ("games", "passers", "truth"):
        assert_frame_equal(pl.read_parquet(folder / f"{name}.parquet"), getattr(small_league, name))


def test_a_folder_with_files_is_left_alone(small_league: League, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(RequestError, match="is not empty"):
        write_league(small_league, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_overwrite_replaces_the_former_league(small_league: League, tmp_path: Path) -> None:
    folder = tmp_path / "league"
    write_league(simulate_league(LeagueSettings(seasons=(2010,), teams=2, weeks=1), seed=1), folder)
    write_league(small_league, folder, overwrite=True)
    assert not (folder / "play_by_play_2010.parquet").exists()
    assert (folder / "play_by_play_2019.parquet").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["league"]
