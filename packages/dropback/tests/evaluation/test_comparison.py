"""A metric comparison takes the same passers for every metric, and says what it left out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dropback.errors import ReaderError, RequestError
from dropback.evaluation.comparison import (
    MetricComparison,
    as_dict,
    compare_metrics,
    draw,
    headline,
    markdown,
)
from dropback.evaluation.comparison._metrics import Metric
from dropback.evaluation.comparison._reliability import other_half_wins, split_half
from dropback.simulation import LeagueSettings, simulate_league
from examples.trained_run import Command

TEAMS = [f"T{number:02d}" for number in range(12)]


def league(seed: int = 0, *, seasons: int = 2, weeks: int = 6) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Passing plays whose EPA shows the passer's skill, and games that skill decides."""
    draw = np.random.default_rng(seed)
    skill = draw.normal(size=len(TEAMS))
    plays, games = [], []
    for season in range(2020, 2020 + seasons):
        for week in range(1, weeks + 1):
            order = draw.permutation(len(TEAMS))
            for home, away in order.reshape(-1, 2):
                game = f"{season}_{week:02d}_{TEAMS[away]}_{TEAMS[home]}"
                margin = round(10 * (skill[home] - skill[away]) + 5 * draw.normal())
                games.append((game, season, "REG", TEAMS[away], 20, TEAMS[home], 20 + margin, True))
                for team in (home, away):
                    epa = 0.3 * skill[team] + draw.normal(size=16)
                    plays.extend((game, season, TEAMS[team], f"00-{team:02d}", v) for v in epa)
    names = ["game_id", "season", "posteam", "passer_player_id", "epa"]
    count = pl.DataFrame(plays, schema=names, orient="row").with_columns(
        play_id=pl.int_range(pl.len()),
        season_type=pl.lit("REG"),
        passer_player_name=pl.format("P.{}", pl.col("posteam")),
        attempt=1,
        dropback=1,
        sack=0,
        sack_yards=0,
        completion=(pl.col("epa") > 0).cast(pl.Int64),
        passing_yards=(8 * pl.col("epa")).round().cast(pl.Int64),
        touchdown=(pl.col("epa") > 2).cast(pl.Int64),
        interception=(pl.col("epa") < -2).cast(pl.Int64),
        completion_over_expected=pl.col("epa").clip(-1, 1),
    )
    columns = ["game_id", "season", "game_type", "away_team", "away_score", "home_team"]
    return count, pl.DataFrame(games, schema=[*columns, "home_score", "final"], orient="row")


def scores(passing: pl.DataFrame, seed: int = 1) -> pl.DataFrame:
    """A score that is the EPA, and one that is noise."""
    noise = np.random.default_rng(seed).normal(size=len(passing))
    return passing.select("game_id", "play_id", pl.col("epa").alias("play_score")).with_columns(
        noise=pl.Series(noise)
    )


def ratings(passing: pl.DataFrame) -> pl.DataFrame:
    """A rating for each passer and season, in a publisher's spelling."""
    drawn = passing.select("season", "posteam").unique().sort("season", "posteam")
    return drawn.select(
        "season",
        pl.format("Paul {}", pl.col("posteam")).alias("player"),
        pl.col("posteam").alias("team"),
        pl.int_range(pl.len()).cast(pl.Float64).alias("value"),
    )


@pytest.fixture(scope="module")
def result() -> MetricComparison:
    """A comparison with a noise score and a rating beside the baselines."""
    passing, games = league()
    return compare_metrics(
        scores(passing),
        passing,
        games,
        names=("play_score", "noise"),
        ratings={"qbr": ratings(passing)},
        plays_per_half=30,
        replicates=200,
    )


def test_a_score_of_skill_is_related_to_winning_and_noise_is_not(result: MetricComparison) -> None:
    rows = headline(result)
    assert rows["play_score"]["win_pct"]["r"] > 0.7
    assert abs(rows["noise"]["win_pct"]["r"]) < 0.5
    assert rows["noise"]["win_pct"]["lead_low"] > 0
    assert rows["noise"]["split_half"]["r"] < rows["play_score"]["split_half"]["r"]


def test_a_score_that_is_the_epa_ties_with_the_epa(result: MetricComparison) -> None:
    row = headline(result)["epa_per_dropback"]["year_to_year"]
    assert [row["lead"], row["lead_low"], row["lead_high"]] == pytest.approx([0, 0, 0], abs=1e-9)


def test_headline_is_the_average_that_the_statistic_names(result: MetricComparison) -> None:
    averages = {name: row["average"] for name, row in headline(result)["noise"].items()}
    assert (averages["win_pct"], averages["year_to_year"]) == ("season mean", "pooled")


def test_ratings_have_no_split_half(result: MetricComparison) -> None:
    rows = headline(result)
    assert "split_half" not in rows["qbr"]
    assert set(rows["qbr"]) == set(rows["play_score"]) - {"split_half", "other_half_wins"}


def test_a_passer_without_a_rating_is_left_out_for_all_and_counted() -> None:
    passing, games = league()
    rated = ratings(passing).filter(pl.col("team") != "T03")
    unknown = rated.head(1).with_columns(player=pl.lit("Nobody T99"))
    found = compare_metrics(
        scores(passing),
        passing,
        games,
        ratings={"qbr": pl.concat([rated, unknown])},
        plays_per_half=30,
        replicates=0,
    )
    assert "00-03" not in found.passers["passer_player_id"]
    assert set(found.comparison.filter(pl.col("statistic") == "win_pct")["rows"]) == {22}
    assert ("qualified passer-seasons", "without ESPN QBR", 2) in found.left_out.rows()
    assert found.unmatched.select("rating", "player", "reason").rows() == [
        ("qbr", "Nobody T99", "no passer of this name")
    ]


def test_games_without_an_end_or_a_row_are_left_out_and_counted() -> None:
    passing, games = league()
    games = games.with_columns(final=pl.int_range(pl.len()) != 3)[1:]
    found = compare_metrics(scores(passing), passing, games, plays_per_half=30, replicates=0)
    counted = found.left_out.filter(pl.col("what") == "games").rows()
    assert counted == [("games", "not in the table of games", 1), ("games", "not final", 1)]
    assert found.passers.filter(pl.col("season") == 2020)["games"].sum() == 2 * (36 - 2)


def test_a_shrunk_score_and_a_number_of_the_season_stand_beside_the_others() -> None:
    passing, games = league()
    number = passing.select("season", "passer_player_id").unique()
    number = number.with_columns(value=pl.col("passer_player_id").str.slice(3).cast(pl.Float64))
    own = scores(passing).select("game_id", "play_id", half=0.5 + pl.col("play_score"))
    found = compare_metrics(
        own,
        passing,
        games,
        names="half",
        shrinkage={"half": 32.0},
        season_values={"number": number},
        plays_per_half=30,
        replicates=0,
    )
    plays = passing.group_by("season", "passer_player_id").agg(pl.col("epa").mean(), pl.len())
    rows = found.passers.join(plays, on=["season", "passer_player_id"])
    shrunk = 0.5 + (rows["epa"] * rows["len"] / (rows["len"] + 32)).to_numpy()
    assert rows["half"].to_numpy() == pytest.approx(shrunk, rel=1e-12)
    assert list(found.labels)[-1] == "number"
    assert "split_half" not in headline(found)["number"]


def test_a_passer_with_one_attempt_is_not_compared() -> None:
    passing, games = league()
    other = pl.lit("00-99").alias("passer_player_id")
    one = pl.concat([passing[:1].with_columns(other), passing[1:]])
    found = compare_metrics(scores(one), one, games, plays_per_half=30, replicates=0)
    assert "00-99" not in found.passers["passer_player_id"]
    reason = "fewer than 14 attempts per team game (24 passer-seasons have them)"
    assert ("passer-seasons", reason, 1) in found.left_out.rows()


def test_weights_of_plays_weight_the_score() -> None:
    passing, games = league()
    weighted = scores(passing).with_columns(
        play_score_weight=(pl.col("play_score") > 0).cast(pl.Float64)
    )
    found = compare_metrics(weighted, passing, games, plays_per_half=20, replicates=0)
    positive = passing.filter(pl.col("epa") > 0)
    oracle = positive.group_by("season", "passer_player_id").agg(pl.col("epa").mean())
    both = found.passers.join(oracle, on=["season", "passer_player_id"])
    assert both["play_score"].to_list() == pytest.approx(both["epa"].to_list())


def test_a_season_of_one_game_has_dashes_and_no_crash() -> None:
    passing, games = league(seasons=1, weeks=1)
    one = passing.filter(pl.col("game_id") == games["game_id"][0])
    found = compare_metrics(scores(one), one, games, plays_per_half=30, replicates=50)
    assert len(found.passers) == 2
    assert found.comparison["r"].null_count() == found.comparison.height > 0
    assert "| **play_score** | – |" in markdown(found)
    assert draw(found) is not None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s.drop("play_score"), ReaderError, "no column of numbers 'play_score'"),
        (lambda s: s.drop("play_id"), ReaderError, "must name their play: 'play_id' missing"),
        (lambda s: pl.concat([s, s]), ReaderError, "hold game .*, play 0 twice"),
        (lambda s: s.head(9), RequestError, "No play of season 2021 has a play_score"),
    ],
)
def test_scores_that_cannot_be_compared_say_why(
    change: Callable[[pl.DataFrame], pl.DataFrame], error: type[Exception], message: str
) -> None:
    passing, games = league()
    with pytest.raises(error, match=message):
        compare_metrics(change(scores(passing)), passing, games, plays_per_half=30, replicates=0)


def test_a_season_without_results_is_named() -> None:
    passing, games = league()
    with pytest.raises(RequestError, match="no final game of season 2021"):
        compare_metrics(scores(passing), passing, games.filter(pl.col("season") == 2020))


def test_markdown_marks_leads_whose_interval_excludes_zero(result: MetricComparison) -> None:
    text = markdown(result)
    row = headline(result)["noise"]["win_pct"]
    lead = f"**{row['lead']:+.2f}".replace("0.", ".", 1)
    (line,) = [line for line in text.splitlines() if line.startswith("| noise | ") and "+" in line]
    assert lead in line
    (tied,) = [line for line in text.splitlines() if line.startswith("| EPA per d") and "+" in line]
    assert "**" not in tied


def test_json_has_every_row_and_no_nan(result: MetricComparison) -> None:
    content = json.loads(json.dumps(as_dict(result), allow_nan=False))
    assert len(content["comparison"]) == result.comparison.height
    assert (content["ours"], content["passer_seasons"]) == ("play_score", 24)


def test_figure_has_a_panel_a_statistic_and_a_row_a_metric(result: MetricComparison) -> None:
    figure = draw(result)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    # No playoffs were played, so the two statistics of the playoffs hold nothing that varies.
    assert len(shown) == len({name for row in headline(result).values() for name in row})
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == list(result.labels.values())


MEAN = {
    "all": Metric("all", pl.col("play_id") >= 0, pl.col("epa").mean()),
    "half": Metric("half", pl.col("play_id") % 2 == 0, pl.col("epa").mean()),
}


def skilled(passers: int, games: int, plays: int, spread: float) -> pl.DataFrame:
    """Plays of unit variance whose mean differs by `spread` between passers."""
    draw = np.random.default_rng(7)
    skill = spread * draw.normal(size=passers)
    index = np.repeat(np.arange(passers), games * plays)
    return pl.DataFrame(
        {
            "season": 2020,
            "passer_player_id": [f"{n:04d}" for n in index],
            "game_id": [f"g{n}" for n in np.tile(np.repeat(np.arange(games), plays), passers)],
            "play_id": np.arange(len(index)),
            "epa": skill[index] + draw.normal(size=len(index)),
        }
    )


def reliability(plays: pl.DataFrame, **settings: Any) -> pl.DataFrame:
    """Split-half reliability of `MEAN`."""
    passers = plays.select("season", "passer_player_id").unique()
    return split_half(plays, passers, metrics=MEAN, ours="all", replicates=0, **settings)


def test_reliability_is_that_of_twice_the_plays_of_a_half() -> None:
    plays = skilled(passers=400, games=8, plays=20, spread=0.2)
    row = reliability(plays, plays_per_half=40, splits=10).row(0, named=True)
    # Variance of skill over the variance of a mean of 80 plays; its standard error is near .03.
    assert row["r"] == pytest.approx(0.04 / (0.04 + 1 / 80), abs=0.06)
    assert row["rows"] == 400


def test_a_metric_that_counts_twice_the_plays_gains_nothing() -> None:
    plays = skilled(passers=400, games=8, plays=20, spread=0.2)
    rows = reliability(plays, plays_per_half=30, splits=10)
    assert rows["r"][0] == pytest.approx(rows["r"][1], abs=0.06)


def test_halves_never_share_a_game() -> None:
    # All plays of a game are equal: halves agree only where they share one.
    plays = skilled(passers=300, games=2, plays=12, spread=0.0).with_columns(
        pl.col("epa").first().over("passer_player_id", "game_id")
    )
    assert abs(reliability(plays, plays_per_half=5, splits=5)["r"][0]) < 0.25


def test_passers_with_too_few_plays_are_left_out_of_the_halves() -> None:
    plays = skilled(passers=30, games=4, plays=10, spread=1.0)
    short = plays.filter((pl.col("passer_player_id") > "0009") | (pl.col("game_id") == "g0"))
    assert reliability(short, plays_per_half=10)["rows"].to_list() == [20, 20]
    assert reliability(plays, plays_per_half=21).is_empty()


@pytest.mark.parametrize("settings", [{"plays_per_half": 0}, {"splits": 0}])
def test_a_split_needs_plays_and_deals(settings: dict[str, int]) -> None:
    with pytest.raises(RequestError, match="at least one play a half and one deal"):
        reliability(skilled(6, 2, 2, 1.0), **settings)


def decided_by_luck(seed: int = 3) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Plays whose value is skill and their game's luck, in games that the luck alone decides."""
    draw = np.random.default_rng(seed)
    plays = skilled(passers=300, games=10, plays=8, spread=0.5).with_columns(
        game_id=pl.format("{}-{}", "passer_player_id", "game_id"), posteam=pl.lit("A")
    )
    games = plays["game_id"].unique(maintain_order=True)
    luck = pl.DataFrame({"game_id": games, "luck": draw.normal(size=len(games))})
    plays = plays.join(luck, on="game_id", maintain_order="left")
    skill = pl.col("epa").mean().over("passer_player_id")
    values = plays.with_columns(all=pl.col("epa"), luck=pl.col("luck"), skill=skill)
    won = luck.select("game_id", team=pl.lit("A"), won=(pl.col("luck") > 0).cast(pl.Float64))
    return values, won


def test_what_sums_to_the_result_of_its_own_games_gains_nothing_in_the_other_half() -> None:
    plays, won = decided_by_luck()
    metrics = {n: Metric(n, pl.lit(value=True), pl.col(n).mean()) for n in ("luck", "skill")}
    passers = plays.select("season", "passer_player_id").unique()
    rows = other_half_wins(plays, passers, won, metrics=metrics, ours="luck", replicates=0)
    # 20 deals of 300 passers: the mean's standard error is below 1 / sqrt(300) = .06.
    assert np.abs(rows["r"].to_numpy()).max() < 0.12
    assert rows["statistic"].unique().to_list() == ["other_half_wins"]
    assert rows["rows"].to_list() == [300, 300]


def test_wins_in_the_other_half_are_those_of_the_other_half() -> None:
    # Two games a passer; each game's metric is the result of the *other* game.
    plays, won = decided_by_luck()
    few = plays.filter(
        pl.col("game_id").str.ends_with("g0") | pl.col("game_id").str.ends_with("g1")
    )
    first = won.join(few.select("game_id", "passer_player_id").unique(), on="game_id")
    other = first.with_columns(
        pl.when(pl.col("game_id").str.ends_with("g0"))
        .then(pl.col("game_id").str.replace("g0", "g1"))
        .otherwise(pl.col("game_id").str.replace("g1", "g0"))
    ).select("game_id", other="won")
    few = few.join(other, on="game_id")
    metrics = {"other": Metric("other", pl.lit(value=True), pl.col("other").mean())}
    passers = few.select("season", "passer_player_id").unique()
    rows = other_half_wins(few, passers, won, metrics=metrics, ours="other", replicates=0, splits=2)
    assert rows["r"].item() == pytest.approx(1, abs=1e-9)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated season on disk: play-by-play with EPA, results, scores, a QBR file."""
    folder = tmp_path_factory.mktemp("comparison")
    plays = simulate_league(LeagueSettings(seasons=(2020,), teams=8, weeks=4), seed=5).plays
    value = pl.col("yards_gained").fill_null(0).cast(pl.Float64) / 10 - 0.4
    plays = plays.with_columns(epa=value)
    plays.write_parquet(folder / "play_by_play_2020.parquet")
    passes = plays.filter(pl.col("play_type") == "pass")
    passes.select("game_id", "play_id", pl.col("epa").alias("play_score")).write_parquet(
        folder / "scores.parquet"
    )
    plays.select("game_id", "season", "home_team", "away_team").unique().sort(
        "game_id"
    ).with_columns(
        game_type=pl.lit("REG"), home_score=20, away_score=pl.int_range(pl.len()) + 10
    ).write_parquet(folder / "games.parquet")
    (folder / "qbr.csv").write_text("season,name_display,qbr_total\n2020,Nobody Known,50\n")
    (folder / "other.csv").write_text("a,b\n1,2\n")
    return folder


@pytest.fixture
def compare(files: Path, run: Command) -> Command:
    """Runs the command on the files."""
    scores, games = files / "scores.parquet", files / "games.parquet"
    fixed = (scores, "--pbp", files, "--seasons", "2020", "--games", games)
    return lambda *options: run("compare-metrics", *fixed, *options)


def test_command_writes_table_figure_and_report(compare: Command, tmp_path: Path) -> None:
    code, out, err = compare("--out", tmp_path, "--half", 15, "--replicates", 50)
    assert code == 0, err
    assert "EPA per dropback" in out
    table = pl.read_csv(tmp_path / "comparison.csv")
    assert set(table["metric"]) == {
        *("play_score", "passer_rating", "any_a", "epa_per_dropback", "success_rate", "cpoe"),
        *("epa_per_qb_play", "epa_per_qb_play_shrunk", "wpa_per_qb_play"),
    }
    assert {"win_pct", "qb_record", "split_half"} <= set(table["statistic"])
    assert (tmp_path / "comparison.md").read_text().startswith("Season 2020: ")
    assert json.loads((tmp_path / "comparison.json").read_text())["replicates"] == 50
    assert (tmp_path / "comparison.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--qbr", "other.csv"), "a file of ESPN QBR must have a column 'name_display'"),
        (("--madden", "none.csv"), "none.csv: no such file."),
        (("--score", "depth"), "no column of numbers 'depth': name one of play_score."),
        (("--qbr", "qbr.csv"), "No passer-season has all of play_score, passer_rating"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    compare: Command, files: Path, tmp_path: Path, options: tuple[str, str], message: str
) -> None:
    option, value = options
    path = files / value if value.endswith(".csv") else value
    code, out, err = compare("--out", tmp_path / "out", option, path)
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert not (tmp_path / "out").exists()
