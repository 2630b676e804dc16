"""Many seasons at once: no play is scored by a model that saw it, and nothing is done twice."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dropback.cli import app
from dropback.data._tables import Outcome, PlaySet, Scores
from dropback.errors import ReaderError, RequestError
from dropback.projection import project_passers
from dropback.simulation import League, LeagueSettings, simulate_league
from dropback.storage import WorkArea, local_copy, write_output
from dropback.workflows.seasons import ScoredSeasons, SeasonsSettings, plan_fits, score_seasons
from dropback.workflows.seasons._fitting import Fit, fit_and_predict
from examples.cluster import DaskCluster

Made = tuple[Path, ScoredSeasons, list[str]]
SEASONS = (2010, 2011, 2012, 2013)
QUICK = SeasonsSettings(epochs=1, refresh_epochs=1)


@given(
    st.sets(st.integers(2006, 2023), min_size=1),
    st.sampled_from([PlaySet.TARGETED, PlaySet.DROPBACKS]),
)
def test_no_fit_learns_what_it_scores(seasons: set[int], plays: PlaySet) -> None:
    fits = plan_fits(sorted(seasons), plays=plays, outcomes=[Outcome.YARDS], folds=2)
    for fit in fits:
        if fit.fold is None:
            assert max(fit.learns) < min(fit.scores)
            assert len(fit.learns) == 3
            assert fit.starts_from is not None
            assert fit.starts_from.play_set == fit.play_set
            assert max(fit.starts_from.learns) < min(fit.scores)
    scored = [season for fit in fits if fit.fold in {None, 0} for season in fit.scores]
    assert sorted(scored) == sorted(seasons)


def test_attempts_before_2009_are_never_mixed_with_targeted_ones() -> None:
    fits = plan_fits(range(2006, 2024), plays=PlaySet.TARGETED, outcomes=[Outcome.EPA], folds=2)
    kinds = {(fit.play_set, fit.learns, fit.scores) for fit in fits if fit.scores[0] <= 2012}
    first, second = (2006, 2007, 2008), (2009, 2010, 2011)
    assert kinds == {
        (PlaySet.ATTEMPTS, first, first),
        (PlaySet.TARGETED, second, second),
        (PlaySet.TARGETED, second, (2012,)),
    }
    assert len(fits) == 2 + 2 + 12


@pytest.fixture(scope="module")
def league() -> League:
    return simulate_league(LeagueSettings(seasons=SEASONS, teams=4, weeks=3), seed=5)


@pytest.fixture(scope="module")
def result(league: League, tmp_path_factory: pytest.TempPathFactory) -> Made:
    out, steps = tmp_path_factory.mktemp("seasons") / "out", []
    made = score_seasons(
        league.plays,
        out,
        seasons=SEASONS,
        settings=QUICK,
        executor="serial",
        on_step=steps.append,
    )
    return out, made, steps


def test_every_play_is_scored_once_by_both_outcomes(result: Made) -> None:
    out, made, _ = result
    scores = pl.read_parquet(out / "scores.parquet")
    assert scores.equals(made.scores)
    assert set(Scores.column_names()) < set(scores.columns)
    assert not scores.select("game_id", "play_id").is_duplicated().any()
    assert set(scores["season"]) == set(SEASONS)
    for name in ("mid_cdf", "epa", "epa_cdf", "epa_mean"):
        assert scores[name].null_count() == 0
    assert scores["play_score"].equals(scores["mid_cdf"].rename("play_score"))
    # The first three seasons were scored by held-out folds, the last by a network of those three.
    folds = dict(scores.group_by("season").agg(pl.col("fold").unique().sort()).iter_rows())
    assert folds == {2010: [0, 1], 2011: [0, 1], 2012: [0, 1], 2013: [None]}


def test_every_dropback_has_a_standardized_score(result: Made) -> None:
    out, made, _ = result
    standard = pl.read_parquet(out / "standard.parquet")
    assert made.standard is not None
    assert standard.equals(made.standard)
    # Every throw with a distribution is a dropback; sacks and throw-aways are those without.
    assert standard["mid_cdf"].count() == made.scores.height
    assert standard.filter("sack")["mid_cdf"].null_count() == standard["sack"].sum() > 0
    by_season = standard.group_by("season").agg(pl.col("play_score").mean())
    assert by_season["play_score"].to_numpy() == pytest.approx(0.5)


def test_the_numbers_of_every_passers_season_are_written_with_their_intervals(result: Made) -> None:
    out, made, _ = result
    for name in ("passing_score", "qb_score"):
        table = pl.read_parquet(out / f"{name}.parquet")
        assert table.equals(made.numbers[name])
        assert not table.select("season", "passer_player_id").is_duplicated().any()
        assert (table[f"{name}_low"] < table[name]).all()
        assert (table[name] < table[f"{name}_high"]).all()
        ranked = table.filter("qualified").sort("season", "rank")
        assert ranked.filter(pl.col("season") == 2010)[name].is_sorted(descending=True)
        assert ranked["place"][0] == f"1 of {ranked['population'][0]}, 2010"
        assert (
            table.filter(~pl.col("qualified"))["rank"].null_count() == (~table["qualified"]).sum()
        )
    plays = pl.read_parquet(out / "qb_plays.parquet")
    snaps = pl.read_parquet(out / "epa.parquet").filter(pl.col("season_type") == "REG")
    assert plays.height == snaps.filter(pl.col("qb_dropback") | pl.col("qb_run")).height
    assert made.numbers["qb_score"]["plays"].sum() == plays.height
    assert {"wpa", "wpa_source"} < set(made.numbers["qb_score"].columns)
    projected = pl.read_parquet(out / "projection.parquet")
    assert sorted(projected["season"].unique()) == list(SEASONS)
    assert (projected["projection_low"] < projected["projection"]).all()
    # At the end of a season nothing of the next is known.
    first = plays.filter(pl.col("season") <= 2011)
    again = project_passers(first, 2011)
    assert projected.filter(pl.col("season") == 2011).equals(again)
    assert made.scores["passing_score"].mean() == pytest.approx(0.5, abs=0.01)
    assert made.summary["not_written"] == {}


def test_a_table_without_runs_has_no_quarterbacks_score_and_says_why(
    league: League, tmp_path: Path
) -> None:
    passes = league.plays.filter((pl.col("season") < 2012) & (pl.col("play_type") != "run"))
    made = score_seasons(
        passes, tmp_path / "out", seasons="2010-2011", settings=QUICK, executor="serial"
    )
    assert set(made.numbers) == {"passing_score"}
    assert "play-by-play of 2010, 2011 has none" in made.summary["not_written"]["qb_score"]


def test_the_folder_holds_what_the_summary_says(result: Made) -> None:
    out, made, steps = result
    boards = {path.stem for path in (out / "leaderboards").iterdir()}
    years = {f"{name}-{season}" for name in ("yards", "epa", "standard") for season in SEASONS}
    careers = {"yards-career-targeted", "epa-career-targeted", "standard-career-dropbacks"}
    assert boards == years | careers
    summary = json.loads((out / "summary.json").read_text())
    assert summary["plays"] == made.scores.height
    assert set(summary["calibration"]) == {"yards", "epa"}
    assert set(summary["calibration"]["yards"]) == {str(season) for season in SEASONS}
    assert summary["left_out"]["targeted"]["not a pass play"] > 0
    assert summary["scored_by"]["epa-targeted-2013"] == "learned from 2010-2012"
    snaps = pl.read_parquet(out / "epa.parquet")
    assert snaps.filter("qb_dropback")["epa"].null_count() == 0
    assert len(steps) == 6 + 3
    assert not list(out.parent.glob(".*"))


def means_of(fit: Fit, plays: pl.DataFrame, folder: Path) -> pl.Series:
    """Mean of each play that a fit scores, of these plays."""
    folder.mkdir()
    area = WorkArea(str(folder), folder)
    table = area.keep_file("plays", plays.write_parquet, ".parquet")
    fit_and_predict(folder, str(folder), fit, [table], QUICK.model(fit), 0, None)
    return pl.read_parquet(folder / "predictions.parquet")["mean"]


def test_a_seasons_distribution_does_not_depend_on_its_own_outcomes(
    result: Made, tmp_path: Path
) -> None:
    plays = result[1].scores
    last = pl.col("season") == 2013
    fit = next(
        fit
        for fit in plan_fits(SEASONS, plays=PlaySet.TARGETED, outcomes=[Outcome.YARDS], folds=2)
        if fit.scores == (2013,)
    )
    means = []
    for number, table in enumerate(
        (plays, plays.with_columns(yards=pl.when(last).then(0).otherwise("yards")))
    ):
        means.append(means_of(fit, table, tmp_path / f"{number}"))
    assert means[0].equals(means[1])
    # The oracle of that: the same fit on all seasons' changed outcomes is another.
    changed = plays.with_columns(yards=pl.lit(0, dtype=pl.Int64))
    assert not means_of(fit, changed, tmp_path / "changed").equals(means[0])


def test_interrupted_it_keeps_finished_fits_and_ends_the_same(
    league: League, result: Made, tmp_path: Path
) -> None:
    def interrupt(step: str) -> None:
        if step == "yards-targeted-2013":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_seasons(
            league.plays,
            tmp_path / "out",
            seasons=SEASONS,
            settings=QUICK,
            executor="serial",
            on_step=interrupt,
        )
    assert not (tmp_path / "out").exists()
    steps: list[str] = []
    made = score_seasons(
        league.plays,
        tmp_path / "out",
        seasons=SEASONS,
        settings=QUICK,
        executor="serial",
        on_step=steps.append,
    )
    assert [step for step in steps if "kept" in step] == [
        "yards-targeted-2010-2012-fold-0 (kept)",
        "yards-targeted-2010-2012-fold-1 (kept)",
        "yards-targeted-2013 (kept)",
    ]
    assert made.scores.equals(result[1].scores)


@pytest.mark.slow
def test_scores_do_not_depend_on_the_threads_of_the_process(
    league: League, result: Made, tmp_path: Path
) -> None:
    alone = replace(QUICK, outcomes=(Outcome.YARDS,))
    torch.set_num_threads(2)
    made = score_seasons(
        league.plays, tmp_path / "out", seasons=SEASONS, settings=alone, executor="serial"
    )
    assert torch.get_num_threads() == 2
    assert made.scores["play_score"].equals(result[1].scores["play_score"])


def test_a_taken_folder_or_a_missing_season_is_one_sentence(
    league: League, result: Made, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match="pass --overwrite"):
        score_seasons(league.plays, result[0], seasons=SEASONS, settings=QUICK)
    with pytest.raises(ReaderError, match="no plays of season 2014"):
        score_seasons(league.plays, tmp_path / "out", seasons=[2013, 2014], settings=QUICK)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"outcomes": ()}, "outcomes must name yards, epa or both, each once, got none"),
        ({"outcomes": (Outcome.EPA, Outcome.EPA)}, "each once, got epa, epa"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"refresh_epochs": 0}, "refresh_epochs must be at least 1, got 0"),
        ({"folds": 1}, "folds must be at least 2, got 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object], match: str) -> None:
    with pytest.raises(RequestError, match=match):
        SeasonsSettings(**wrong)  # type: ignore[arg-type]


def test_the_command_refuses_an_unknown_outcome(tmp_path: Path) -> None:
    arguments = ["seasons", str(tmp_path), "--seasons", "2020", "--outcomes", "wins"]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, RequestError)
    assert "--outcomes must be yards, epa or both, got 'wins'" in str(done.exception)


def test_the_command_prints_calibration_and_writes_the_folder(
    league: League, tmp_path: Path
) -> None:
    league.plays.write_parquet(tmp_path / "play_by_play_all.parquet")
    arguments = ["seasons", str(tmp_path), "--seasons", "2010-2011", "--outcomes", "yards"]
    quick = ["--epochs", "1", "--executor", "serial", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*arguments, *quick], catch_exceptions=False)
    assert done.exit_code == 0
    assert "Calibration, yards" in done.output
    assert (tmp_path / "out" / "scores.parquet").is_file()
    assert not (tmp_path / "out" / "expected_points").exists()


@pytest.mark.slow
def test_a_store_and_dask_give_the_bytes_of_one_process(
    league: League, dask: DaskCluster, bucket: str, tmp_path: Path
) -> None:
    league.plays.write_parquet(tmp_path / "play_by_play_all.parquet")
    write_output(
        f"{bucket}/pbp/play_by_play_all.parquet",
        league.plays.write_parquet,
    )
    quick = replace(QUICK, outcomes=(Outcome.YARDS,))
    years = SEASONS[:3]
    score_seasons(tmp_path, tmp_path / "out", seasons=years, settings=quick, executor="serial")
    score_seasons(
        f"{bucket}/pbp", f"{bucket}/out", seasons=years, settings=quick, executor=dask.address
    )
    copy = Path(local_copy(f"{bucket}/out"))
    files = sorted(path.relative_to(copy) for path in copy.rglob("*.*") if path.is_file())
    # All of it: what told the seconds in one file made two equal commands refuse each other.
    compared = [file for file in files if file.name != ".origin"]
    assert len(compared) == 3 + 3 + 1
    for file in compared:
        assert (copy / file).read_bytes() == (tmp_path / "out" / file).read_bytes(), file
    with pytest.raises(RequestError, match="is there already"):
        score_seasons(f"{bucket}/pbp", f"{bucket}/out", seasons=years, settings=quick)
