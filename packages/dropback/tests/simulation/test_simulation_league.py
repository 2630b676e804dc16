"""The synthetic league's plays: their layout, bookkeeping and resemblance to real ones."""

from pathlib import Path

import polars as pl
import pytest

from dropback.simulation import League
from examples.simulated_plays import targeted_attempts


@pytest.fixture(scope="module")
def real(data_dir: Path) -> pl.DataFrame:
    """Three real regular seasons."""
    files = [data_dir / "pbp" / f"play_by_play_{year}.parquet" for year in (2018, 2019, 2020)]
    return pl.read_parquet(files).filter(pl.col("season_type") == "REG")


def with_next(plays: pl.DataFrame) -> pl.DataFrame:
    """Each row beside the next row of its game; a game's last row has nulls there."""
    names = ("home_score_pre", "away_score_pre", "yardline_100", "posteam", "down", "ydstogo")
    names = (*names, "play_type", "game_seconds_remaining", "qtr", "play_id")
    return plays.with_columns(
        pl.col(name).shift(-1).over("game_id").alias(f"next_{name}") for name in names
    )


@pytest.mark.parametrize(
    ("table", "file"), [("plays", "play_by_play_2019.parquet"), ("games", "games.parquet")]
)
def test_tables_have_the_real_columns_and_dtypes(
    league: League, data_dir: Path, table: str, file: str
) -> None:
    schema = pl.read_parquet_schema(data_dir / "pbp" / file)
    assert list(getattr(league, table).schema.items()) == list(schema.items())


def test_nulls_fall_where_the_real_ones_do(league: League, real: pl.DataFrame) -> None:
    def null_shares(plays: pl.DataFrame) -> pl.DataFrame:
        shares = plays.group_by("play_type").agg(pl.exclude("play_type").is_null().mean())
        return shares.unpivot(index="play_type", value_name="null_share")

    both = null_shares(league.plays).join(
        null_shares(real), on=["play_type", "variable"], suffix="_real"
    )
    gap = (pl.col("null_share") - pl.col("null_share_real")).abs()
    # Real rows leave out a possession here and there (5 % of extra points).
    assert both.filter(gap > 0.06).is_empty()


def test_play_types_are_those_of_the_real_files(league: League, real: pl.DataFrame) -> None:
    assert set(league.plays["play_type"]) <= set(real["play_type"])


def test_game_ids_name_season_week_and_teams(league: League) -> None:
    row = league.plays.row(0, named=True)
    season, week, away, home = row["game_id"].split("_")
    assert (int(season), int(week), away, home) == (
        *(row["season"], row["week"]),
        *(row["away_team"], row["home_team"]),
    )
    assert row["game_id"][4:8] == "_01_"
    assert league.games["game_id"].n_unique() == league.games["old_game_id"].n_unique() == 512


def test_plays_are_unique_and_in_order(league: League) -> None:
    assert league.plays.select("game_id", "play_id").is_unique().all()
    moved = with_next(league.plays).filter(pl.col("next_play_id") <= pl.col("play_id"))
    assert moved.is_empty()


def test_descriptions_say_who_did_what(league: League) -> None:
    plays = league.plays
    assert plays["desc"].null_count() == 0
    caught = plays.filter(pl.col("complete_pass") == 1).row(0, named=True)
    assert caught["desc"].endswith(
        f"{caught['passer_player_name']} pass {caught['pass_length']} {caught['pass_location']} "
        f"to {caught['receiver_player_name']} for {caught['yards_gained']} yards."
    )


def test_clock_never_runs_backwards(league: League) -> None:
    step = with_next(league.plays).filter(pl.col("next_qtr") <= 4)
    assert (step["next_game_seconds_remaining"] <= step["game_seconds_remaining"]).all()
    assert (step["next_qtr"] >= step["qtr"]).all()
    overtime = with_next(league.plays.filter(pl.col("qtr") == 5)).drop_nulls("next_qtr")
    assert (overtime["next_game_seconds_remaining"] <= overtime["game_seconds_remaining"]).all()
    assert overtime["game_seconds_remaining"].max() == 600


def test_overtime_is_played_exactly_in_level_games(league: League) -> None:
    after = with_next(league.plays)
    starts = after.filter((pl.col("qtr") == 4) & (pl.col("next_qtr") == 5))
    assert (starts["next_home_score_pre"] == starts["next_away_score_pre"]).all()
    overtime = league.plays.filter(pl.col("qtr") == 5)["game_id"].unique()
    level = league.games.filter(pl.col("home_score") == pl.col("away_score"))["game_id"]
    assert set(level) <= set(overtime)
    assert 0 < len(overtime) < 60


def test_every_point_comes_from_the_play_before_it(league: League) -> None:
    side = pl.when(pl.col("posteam") == pl.col("home_team")).then(1).otherwise(-1)
    swing = (pl.col("next_home_score_pre") - pl.col("next_away_score_pre") - LEAD) * side
    play = pl.col("play_type")
    crossed = pl.col("yards_gained") == pl.col("yardline_100")
    own_end_zone = pl.col("yards_gained") <= pl.col("yardline_100") - 100
    allowed = (
        pl.when(play == "xp_kick").then(swing.is_in([0, 1]))
        .when(play == "pat2").then(swing.is_in([0, 2]))
        .when(play == "field_goal").then(swing.is_in([0, 3]))
        .when(pl.col("return_touchdown") == 1).then(swing == -6)
        .when(play.is_in(["pass", "run"]) & crossed).then(swing == 6)
        .when(play.is_in(["pass", "run"]) & own_end_zone).then(swing == -2)
        .otherwise(swing == 0)
    )  # fmt: skip
    assert with_next(league.plays).select(allowed).to_series().drop_nulls().all()


@pytest.mark.parametrize(
    ("before", "often"),
    [
        *((pl.col("play_type") == kind, 100) for kind in ("field_goal", "xp_kick", "pat2")),
        (pl.col("yards_gained") == pl.col("yardline_100") - 100, 5),
    ],
    ids=["field goal", "extra point", "two points", "safety"],
)
def test_after_a_score_or_a_safety_the_side_of_the_offense_kicks_off(
    league: League, before: pl.Expr, often: int
) -> None:
    scored = with_next(league.plays).filter(before, pl.col("next_play_type") == "kick_off")
    # A half that ends with the score is followed by the other half's own kick-off.
    scored = scored.filter(pl.col("qtr") == pl.col("next_qtr"))
    assert len(scored) > often
    assert (scored["next_posteam"] == scored["defteam"]).all()


def test_each_side_receives_one_of_the_halves(league: League) -> None:
    kick_offs = league.plays.filter(pl.col("play_type") == "kick_off")
    first, third = (
        kick_offs.filter(pl.col("qtr") == quarter)
        .group_by("game_id", maintain_order=True)
        .agg(pl.col("posteam", "quarter_seconds_remaining").first())
        for quarter in (1, 3)
    )
    halves = first.join(third, on="game_id", suffix="_third")
    assert len(halves) == len(league.games)
    assert (halves["quarter_seconds_remaining_third"] == 900).all()
    assert (halves["posteam"] != halves["posteam_third"]).all()


def test_final_scores_continue_the_last_play(league: League) -> None:
    last = league.plays.group_by("game_id", maintain_order=True).last()
    both = last.join(league.games.select("game_id", "home_score", "away_score"), on="game_id")
    for side in ("home", "away"):
        assert (both[f"{side}_score"] - both[f"{side}_score_pre"]).is_between(0, 6).all()


def test_the_ball_moves_by_the_yards_gained(league: League) -> None:
    drive = with_next(league.plays).filter(
        pl.col("play_type").is_in(["pass", "run"]),
        pl.col("next_down").is_not_null(),
        pl.col("posteam") == pl.col("next_posteam"),
        (pl.col("interception") == 1).fill_null(value=False).not_(),
        # The ball is kicked off again at half-time.
        pl.col("next_play_type") != "kick_off",
    )
    expected = drive["yardline_100"] - drive["yards_gained"]
    assert (drive["next_yardline_100"] == expected).all()
    gained = drive["yards_gained"] >= drive["ydstogo"]
    assert (drive["next_down"].filter(gained) == 1).all()
    assert (drive["next_down"].filter(~gained) == drive["down"].filter(~gained) + 1).all()
    short = drive.filter(~gained)
    assert (short["next_ydstogo"] == short["ydstogo"] - short["yards_gained"]).all()


def test_an_interception_turns_the_ball_over_where_the_return_ended(league: League) -> None:
    stolen = with_next(league.plays).filter(
        pl.col("interception") == 1,
        pl.col("return_touchdown") == 0,
        pl.col("air_yards") < pl.col("yardline_100"),
        pl.col("next_down").is_not_null(),
    )
    assert len(stolen) > 300
    assert (stolen["next_posteam"] == stolen["defteam"]).all()
    expected = 100 - stolen["yardline_100"] + stolen["air_yards"] - stolen["return_yards"]
    assert (stolen["next_yardline_100"] == expected.clip(1, 99)).all()


LEAD = pl.col("home_score_pre") - pl.col("away_score_pre")
CLOCK = pl.col("quarter_seconds_remaining")


@pytest.mark.parametrize(
    "rule",
    [
        pl.col("passer_player_id").str.contains(r"^00-009\d{4}$"),
        pl.col("passer_player_name").str.contains(r"^[A-Z]\.[A-Z][a-z]+$"),
        pl.col("time").str.contains(r"^\d\d:[0-5]\d$"),
        pl.col("old_game_id").str.contains(r"^20(19|20)\d{6}$"),
        ("00:" + pl.col("time")).str.to_time().cast(pl.Int64) // 10**9 == CLOCK,
        CLOCK.is_between(0, 900),
        pl.col("game_seconds_remaining") == CLOCK + 900 * pl.max_horizontal(4 - pl.col("qtr"), 0),
        pl.col("score_differential")
        == pl.when(pl.col("posteam") == pl.col("home_team")).then(LEAD).otherwise(-LEAD),
        pl.col("yards_gained") <= pl.col("yardline_100"),
        pl.col("air_yards") <= pl.col("yardline_100"),
        pl.col("air_yards") >= pl.col("yardline_100") - 99,
        pl.col("yardline_100").is_between(1, 99),
        (pl.col("ydstogo") <= pl.col("yardline_100")) | pl.col("down").is_null(),
        pl.col("down").is_between(1, 4),
        pl.col("ydstogo") >= 0,
        (pl.col("goal_to_go") == 1)
        == ((pl.col("ydstogo") == pl.col("yardline_100")) & pl.col("down").is_not_null()),
        pl.col("yards_after_catch") == pl.col("yards_gained") - pl.col("air_yards"),
        (pl.col("pass_touchdown") == 1)
        == ((pl.col("complete_pass") == 1) & (pl.col("yards_gained") == pl.col("yardline_100"))),
        pl.col("return_yards").is_between(0, 100 - pl.col("yardline_100") + pl.col("air_yards")),
        pl.col("complete_pass")
        + pl.col("incomplete_pass")
        + pl.col("interception")
        + pl.col("sack")
        == 1,
        (pl.col("sack") == 0) | (pl.col("yards_gained") <= 0),
        (pl.col("interception") == 0) | (pl.col("yards_gained") == 0),
        (pl.col("two_point_attempt") == 1) == (pl.col("play_type") == "pat2"),
        pl.col("posteam") != pl.col("defteam"),
    ],
    ids=str,
)
def test_every_row_obeys(league: League, rule: pl.Expr) -> None:
    assert league.plays.select(rule).to_series().drop_nulls().all()


def test_every_team_plays_once_a_week(league: League) -> None:
    sides = pl.concat(
        league.games.select("season", "week", pl.col(side).alias("team"))
        for side in ("home_team", "away_team")
    )
    assert sides.is_unique().all()
    assert len(sides) == 2 * 16 * 32


def test_nobody_meets_the_same_team_twice_before_having_met_all(league: League) -> None:
    teams = pl.col("home_team", "away_team")
    pair = pl.concat_str(pl.min_horizontal(teams), pl.max_horizontal(teams))
    assert league.games.select("season", pair.alias("pair")).is_unique().all()


DEPTHS = ((-20, -3), (-3, 1), (1, 5), (5, 10), (10, 16), (16, 25), (25, 65))


def between(low: int, high: int) -> pl.Expr:
    return pl.col("air_yards").is_between(low, high, closed="left")


@pytest.mark.parametrize(
    ("marginal", "band"),
    [
        ((pl.col("yards") == 0).mean(), 0.015),
        ((pl.col("complete_pass") == 1).mean(), 0.015),
        ((pl.col("interception") == 1).mean(), 0.003),
        ((pl.col("pass_touchdown") == 1).mean(), 0.008),
        (((pl.col("yards") < 0) & (pl.col("complete_pass") == 1)).mean(), 0.006),
        (pl.col("yards").mean(), 0.4),
        (pl.col("yards").std(), 0.5),
        *((pl.col("yards").quantile(q), 1.0) for q in (0.05, 0.5, 0.75, 0.9, 0.95)),
        (pl.col("yards").quantile(0.01), 2.0),
        (pl.col("yards").quantile(0.99), 3.0),
        (pl.col("yards").quantile(0.999), 8.0),
        (pl.col("air_yards").mean(), 0.5),
        *((pl.col("air_yards").quantile(q), 1.0) for q in (0.05, 0.25, 0.5, 0.75, 0.95)),
        *((pl.col("complete_pass").filter(between(*d)).mean(), 0.04) for d in DEPTHS),
        *((pl.col("interception").filter(between(*d)).mean(), 0.015) for d in DEPTHS),
        *((between(*d).mean(), 0.02) for d in DEPTHS),
        *((pl.col("yards").filter(between(*d)).mean(), 1.2) for d in DEPTHS),
        ((pl.col("return_yards").filter(pl.col("interception") == 1) == 0).mean(), 0.06),
        (pl.col("return_touchdown").filter(pl.col("interception") == 1).mean(), 0.05),
        (pl.col("shotgun").mean(), 0.03),
        ((pl.col("down") >= 3).mean(), 0.04),
        (pl.col("yardline_100").mean(), 2.0),
    ],
    ids=str,
)
def test_attempts_resemble_the_real_ones(
    league: League, real: pl.DataFrame, marginal: pl.Expr, band: float
) -> None:
    simulated, observed = (
        targeted_attempts(plays).select(marginal).item() for plays in (league.plays, real)
    )
    assert simulated == pytest.approx(observed, abs=band)


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [
        (pl.col("play_type").is_not_null(), 0.05),
        (pl.col("play_type") == "pass", 0.05),
        (pl.col("play_type") == "run", 0.05),
        (pl.col("play_type") == "punt", 0.1),
        (pl.col("play_type") == "penalty", 0.15),
        (pl.col("play_type") == "field_goal", 0.2),
        (pl.col("play_type") == "kick_off", 0.1),
        (pl.col("play_type") == "pat2", 0.3),
        (pl.col("sack") == 1, 0.15),
        (pl.col("qb_spike") == 1, 0.5),
        (pl.col("qb_scramble") == 1, 0.1),
        (
            (pl.col("incomplete_pass") == 1)
            & (pl.col("qb_spike") == 0)
            & pl.col("receiver_player_id").is_null(),
            0.15,
        ),
    ],
    ids=str,
)
def test_rows_of_each_kind_are_as_frequent_as_real_ones(
    league: League, real: pl.DataFrame, kind: pl.Expr, tolerance: float
) -> None:
    simulated, observed = (
        plays.select(kind.sum()).item() / plays["game_id"].n_unique()
        for plays in (league.plays, real)
    )
    assert simulated == pytest.approx(observed, rel=tolerance)


def test_points_are_as_many_as_real_ones(league: League, data_dir: Path) -> None:
    games = pl.read_parquet(data_dir / "pbp" / "games.parquet").filter(
        pl.col("season").is_between(2018, 2020), pl.col("game_type") == "REG"
    )
    points = (pl.col("home_score") + pl.col("away_score")).mean()
    simulated, observed = (table.select(points).item() for table in (league.games, games))
    assert simulated == pytest.approx(observed, abs=4)
