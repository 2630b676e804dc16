"""The folder of `dropback seasons` is compared by its numbers, each shrunk as in its table."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dropback.data import read_play_by_play
from dropback.expected_points import expected_points_added
from dropback.scoring import PASSING_SHRINKAGE, QUARTERBACK_SHRINKAGE
from dropback.simulation import LeagueSettings, simulate_league
from dropback.workflows.seasons._numbers import (
    projection_table,
    qualified_passers,
    quarterback_table,
    scored_quarterback_plays,
    with_passing_score,
)
from examples.trained_run import Command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A season as `dropback seasons` leaves it, its throws' places drawn at random."""
    place = tmp_path_factory.mktemp("folder")
    value = pl.col("yards_gained").fill_null(0).cast(pl.Float64) / 10 - 0.4
    settings = LeagueSettings(seasons=(2020,), teams=8, weeks=4)
    plays = simulate_league(settings, seed=5).plays.with_columns(
        epa=value, wpa=pl.when(pl.col("down").is_not_null()).then(value / 50)
    )
    plays.write_parquet(place / "play_by_play_2020.parquet")
    plays.select("game_id", "season", "home_team", "away_team").unique().sort(
        "game_id"
    ).with_columns(
        game_type=pl.lit("REG"), home_score=20, away_score=pl.int_range(pl.len()) + 10
    ).write_parquet(place / "games.parquet")
    rows = read_play_by_play(place)
    snaps = expected_points_added(rows).join(
        rows.select("game_id", "play_id", "wpa"), on=["game_id", "play_id"]
    )
    throws = snaps.filter((pl.col("play_type") == "pass") & pl.col("epa").is_not_null())
    draws = np.random.default_rng(0).random(len(throws))
    scores = throws.with_columns(mid_cdf=pl.Series(draws), passer_player_id="qb_player_id")
    own = scored_quarterback_plays(snaps, scores, "regular")
    tables = {
        "epa": snaps,
        "scores": with_passing_score(scores),
        "qb_plays": own,
        "qb_score": quarterback_table(
            own.with_columns(wpa_source=pl.lit("nflverse wpa")), qualified_passers(rows)
        ),
        "projection": projection_table(own),
    }
    for name, table in tables.items():
        table.write_parquet(place / f"{name}.parquet")
    return place


@pytest.fixture
def bakeoff(folder: Path, run: Command) -> Command:
    """Runs the command on the folder, or on a file of it."""
    fixed = ("--pbp", folder, "--games", folder / "games.parquet", "--seasons", "2020")
    small = ("--half", 15, "--replicates", 20)
    return lambda name, *options: run("bakeoff", folder / name, *fixed, *small, *options)


def test_all_numbers_stand_beside_every_older_metric(
    bakeoff: Command, folder: Path, tmp_path: Path
) -> None:
    code, _, err = bakeoff("", "--out", tmp_path)
    assert code == 0, err
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert content["ours"] == "qb_score"
    assert list(content["labels"]) == [
        *("qb_score", "passing_score"),
        *("passer_rating", "any_a", "epa_per_dropback", "success_rate", "cpoe"),
        *("epa_per_qb_play", "epa_per_qb_play_shrunk", "wpa_per_qb_play"),
        "projection",
    ]
    assert "wins in the other half" in (tmp_path / "comparison.md").read_text()
    # The compared means are those of the tables.
    passers = pl.read_csv(tmp_path / "passers.csv").sort("passer_player_id")
    table = pl.read_parquet(folder / "qb_score.parquet").filter(
        pl.col("passer_player_id").is_in(passers["passer_player_id"].implode())
    )
    assert passers["qb_score"].to_numpy() == pytest.approx(table["qb_score"].to_numpy())
    assert passers["wpa_per_qb_play"].to_numpy() == pytest.approx(
        (table["wpa"] / table["plays"]).to_numpy()
    )
    throws = pl.read_parquet(folder / "scores.parquet").group_by("passer_player_id")
    own = throws.agg(pl.col("passing_score").sum(), pl.len().alias("n")).join(
        passers.select("passer_player_id", mean="passing_score"), on="passer_player_id"
    )
    shrunk = 0.5 + (own["passing_score"] - 0.5 * own["n"]) / (own["n"] + PASSING_SHRINKAGE.plays)
    assert own["mean"].to_numpy() == pytest.approx(shrunk.to_numpy())
    assert QUARTERBACK_SHRINKAGE.plays == PASSING_SHRINKAGE.plays == 200


@pytest.mark.slow
def test_a_file_of_a_number_puts_it_first(bakeoff: Command, tmp_path: Path) -> None:
    pl.DataFrame({"passing_score": [0.5]}).write_parquet(tmp_path / "unrelated.parquet")
    code, _, err = bakeoff("qb_score.parquet", "--out", tmp_path, "--score", "passing_score")
    assert code == 0, err
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert content["ours"] == "passing_score"
    assert "qb_score" not in content["labels"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--score", "depth"), "has the numbers qb_score, passing_score, projection, not 'depth'"),
        (("--score", "projection"), "A projection is no mean over plays"),
    ],
)
def test_a_number_that_cannot_be_compared_is_one_sentence(
    bakeoff: Command, tmp_path: Path, options: tuple[str, str], message: str
) -> None:
    code, _, err = bakeoff("", "--out", tmp_path / "out", *options)
    assert code == 2
    assert message in " ".join(err.split())
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_one_sentence(run: Command, tmp_path: Path, folder: Path):
    code, _, err = run(
        *("bakeoff", tmp_path, "--pbp", folder, "--games", folder / "games.parquet"),
        *("--seasons", "2020", "--out", tmp_path / "out"),
    )
    assert code == 2
    assert "must be one that 'dropback seasons' wrote" in " ".join(err.split())
