"""An update projects passers as `dropback seasons` and `dropback project` do."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dropback import workflows
from dropback._files import sealed
from dropback.data import read_play_by_play
from dropback.expected_points import (
    expected_points_added,
    fit_expected_points,
    load_expected_points,
)
from dropback.projection import project_passers
from dropback.simulation import League
from dropback.workflows import Update
from dropback.workflows.seasons._numbers import scored_quarterback_plays
from examples.small_models import few_trees
from examples.trained_run import Command, TrainedRun


@pytest.fixture(autouse=True)
def small_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of its projection alone."""
    few_trees(monkeypatch)

    def write(path: Path, *, projection: pl.DataFrame | None, **_: object) -> None:
        path.write_text("none" if projection is None else str(projection.height))

    monkeypatch.setattr("dropback.workflows._report.write_report", write)


@pytest.fixture(scope="module")
def seasons(tiny_league: League) -> dict[int, pl.DataFrame]:
    """Both seasons of the tiny league, with an EPA as nflverse records it."""
    rows = tiny_league.plays.with_columns(
        (pl.col("yards_gained").fill_null(0) / 10 - 0.4).alias("qb_epa")
    )
    return {year: rows.filter(pl.col("season") == year) for year in (2020, 2021)}


@pytest.fixture
def update(tmp_path: Path, trained: TrainedRun) -> Callable[..., Update]:
    """Writes files of seasons, and updates their folder."""

    def call(*plays: pl.DataFrame) -> Update:
        for season in plays:
            season.write_parquet(tmp_path / f"play_by_play_{season['season'][0]}.parquet")
        return workflows.update(tmp_path, model=trained.folder, offline=True)

    return call


Updating = Callable[..., Update]


def without_epa(season: pl.DataFrame) -> pl.DataFrame:
    """A season as it is before nflverse values it."""
    return season.drop("qb_epa")


def projected(rows: pl.DataFrame, scores: pl.DataFrame, folder: Path | None) -> pl.DataFrame:
    """The projection from one table of all plays, as `dropback seasons` makes it."""
    plays = read_play_by_play(rows)
    model = None if folder is None else load_expected_points(folder)
    return project_passers(
        scored_quarterback_plays(expected_points_added(plays, model), scores, "regular"), 2021
    )


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.sample(1)
def test_a_projection_grown_by_weeks_is_one_made_whole(
    update: Updating, seasons: dict[int, pl.DataFrame], own: bool, tmp_path: Path
) -> None:
    given = {year: without_epa(rows) if own else rows for year, rows in seasons.items()}
    early = update(given[2020], given[2021].filter(pl.col("week") <= 2))
    assert early.projected.is_empty()
    done = update(given[2021])
    held = done.store
    assert held.manifest.epa.startswith("dropback expected points" if own else "qb_epa")
    model = tmp_path / "expected_points" if own else None
    whole = projected(pl.concat(given.values()), held.scores(), model)
    assert_frame_equal(held.table("projection"), whole, abs_tol=1e-6)
    assert (tmp_path / "report.html").read_text() == str(whole.height)
    assert pl.read_csv(tmp_path / "projection.csv").height == whole.height
    assert set(held.table("qb_score")["season"]) == {2020, 2021}
    # Who moved, from the ranks of both projections.
    ranks = [dict(each.store.table("projection").select("passer_player_name", "rank").rows())
             for each in (early, done)]  # fmt: skip
    moved = {name for name, rank in ranks[0].items() if ranks[1].get(name, rank) != rank}
    told = done.projected
    assert moved
    assert set(told["passer_player_name"]) == moved
    assert dict(told.select("passer_player_name", "rank_before").rows()).items() <= ranks[0].items()


def test_all_seasons_have_the_epa_of_one_source(
    update: Updating, seasons: dict[int, pl.DataFrame], tmp_path: Path
) -> None:
    assert update(seasons[2020]).store.manifest.epa == "qb_epa"
    mixed = update(without_epa(seasons[2021])).store
    sources = {
        source
        for year in (2020, 2021)
        for source in mixed.quarterback_plays(year)["epa_source"].unique()
    }
    assert sources == {"dropback expected points"}
    # That season's column comes later; what was valued by one model stays so.
    later = update(seasons[2021]).store
    assert later.manifest.epa == mixed.manifest.epa
    assert (tmp_path / "expected_points").is_dir()


def test_a_model_of_expected_points_that_is_there_is_used(
    update: Updating, seasons: dict[int, pl.DataFrame], tmp_path: Path
) -> None:
    model = fit_expected_points(
        read_play_by_play(seasons[2020]), seed=5, folder=tmp_path / "expected_points"
    )
    store = update(without_epa(seasons[2021])).store
    assert store.manifest.epa.endswith(model.data_digest[:16])


def test_what_cannot_be_projected_is_a_note_and_scores_stay(
    update: Updating, seasons: dict[int, pl.DataFrame]
) -> None:
    no_runs = seasons[2021].filter(pl.col("play_type") != "run")
    done = update(no_runs)
    assert done.notes[0].startswith("No projection: qb_score counts a quarterback's own runs")
    assert (done.store.boards, done.store.manifest.tables) == (("2021",), {})
    assert done.store.table("projection").is_empty()
    assert update().notes == ()
    assert not update(seasons[2021]).store.table("projection").is_empty()


def test_a_store_of_version_1_gets_a_projection(
    update: Updating, seasons: dict[int, pl.DataFrame], tmp_path: Path
) -> None:
    done = update(*seasons.values())
    whole, scores = done.store.table("projection"), done.store.scores()
    # Version 1 as it was: neither the fields nor the files of quarterbacks.
    folder = tmp_path / "store"
    content = json.loads((folder / "manifest.json").read_text())
    for name in ("qb_plays", "tables", "epa", "weather", "sha256"):
        del content[name]
    content["pages"] = {"report.html": content["pages"]["report.html"]}
    content = sealed(content | {"version": 1})
    (folder / "manifest.json").write_text(json.dumps(content))
    for path in (*folder.glob("qb-*"), *folder.glob("projection-*")):
        path.unlink()
    former = workflows.open_score_store(tmp_path)
    assert_frame_equal(former.scores(), scores)
    assert former.table("projection").is_empty()
    moved = update()
    assert (moved.scored, moved.store.manifest.version) == (0, 4)
    assert_frame_equal(moved.store.table("projection"), whole)
    assert update().rewritten == ()


def test_the_command_prints_who_moved_in_the_projection(
    run: Command, seasons: dict[int, pl.DataFrame], trained: TrainedRun, tmp_path: Path
) -> None:
    path = tmp_path / "play_by_play_2021.parquet"
    seasons[2021].filter(pl.col("week") <= 2).write_parquet(path)
    code, out, err = run("update", tmp_path, "--model", trained.folder, "--offline")
    assert (code, "Movers of the projection" in out) == (0, False), err
    seasons[2021].write_parquet(path)
    code, out, err = run("update", tmp_path, "--offline")
    assert (code, "Movers of the projection" in out) == (0, True), err
    assert "projection.csv: written" in err.replace("\n", "")
