"""The check that our forecast is first: it goes on where it stopped, and fails where one is not."""

import re
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.stats
from benchmarks import play_by_play_forecasts as check

from dropback.data._tables import Predictions
from dropback.evaluation._calibration import distances_from_uniform
from dropback.workflows import read_plays

OURS = check.OURS


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs and predictions of the quick check."""
    folder = tmp_path_factory.mktemp("forecasts")
    with pytest.MonkeyPatch.context() as patch:
        assert run(patch, folder) == 0
    return folder


def run(patch: pytest.MonkeyPatch, folder: Path) -> int:
    options = ["--quick", "--baselines", "climatology", "--out", str(folder)]
    patch.setattr(sys, "argv", ["check", *options])
    patch.setattr("dropback.models._boosting._MOST_ROUNDS", 20)
    return check.main()


def test_a_second_call_fits_nothing_and_prints_the_same(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(check.workflows, "train", fail)
    monkeypatch.setattr(check, "fit_baseline", fail)
    assert run(monkeypatch, out) == 0
    printed = capsys.readouterr().out
    for heading in ("2020, ", "2021, ", "Together, ", "| ours minus | MAE | CRPS | log score |"):
        assert printed.count(f"\n{heading}") == 1
    assert printed.count("| **ours** |") == 3
    assert printed.count("| climatology |") == 4


def test_one_lost_baseline_is_predicted_again(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = out / "2021" / "climatology.parquet"
    before = pl.read_parquet(lost)
    lost.unlink()
    assert run(monkeypatch, out) == 0
    assert pl.read_parquet(lost).equals(before)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("--quick", "--baselines", "hazzard"),
            "Unknown baseline 'hazzard'.* Did you mean 'hazard'",
        ),
        (("nowhere", "--out", "runs"), "nowhere does not exist"),
        (("nowhere", "--out", "runs", "--judged", "20x"), "20x"),
    ],
)
def test_bad_input_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    options: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["check", *options])
    with pytest.raises(SystemExit, match="2"):
        check.main()
    assert re.fullmatch(f"error: .*{words}.*\n", capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def forecasts(out: Path) -> check.Tables:
    """Forecasts of one season, the hazard's as ours."""
    table = Predictions.validate(pl.read_parquet(out / "2021" / f"{OURS}.parquet"))
    return {OURS: table, "hazard": table}


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Their plays."""
    folder = tmp_path_factory.mktemp("league")
    check.write_league(check.simulate_league(check.QUICK_LEAGUE, seed=3), folder)
    return read_plays(folder, seasons=[2021]).plays


def changed(table: pl.DataFrame, **columns: pl.Expr) -> pl.DataFrame:
    return Predictions.validate(table.with_columns(**columns))


def test_equal_scores_are_not_first(
    plays: pl.DataFrame, forecasts: check.Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.report({2021: (plays, forecasts)}, enough_plays=True) == 1
    printed = capsys.readouterr().out
    for words in ("2021: MAE", "2021: CRPS", "2021: log score", "together: CRPS minus that of haz"):
        assert f"NOT FIRST: {words}" in printed


def better_than(table: pl.DataFrame) -> pl.DataFrame:
    """A hazard that is worse in every score, its PIT uniform as ours."""
    return changed(
        table,
        crps=pl.col("crps") + 0.1,
        log_score=pl.col("log_score") + 0.1,
        median=pl.col("median") + 60,
    )


def calibrated(table: pl.DataFrame) -> pl.DataFrame:
    return changed(table, pit=(pl.int_range(pl.len()) + 0.5) / pl.len())


def test_the_best_calibrated_forecast_is_first(
    plays: pl.DataFrame, forecasts: check.Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = calibrated(forecasts[OURS])
    found = {OURS: ours, "hazard": better_than(ours)}
    assert check.report({2021: (plays, found)}, enough_plays=True) == 0
    assert "First in every season and together." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pit": pl.col("pit").clip(0.2, 0.8)}, "PP error 0.0"),
        ({"pit": pl.col("pit").clip(0.2, 0.8)}, "PIT distance 0.2"),
        ({"pit": pl.col("pit").clip(0.0, 0.98)}, "tail_upper 0.0000, from 0.007 to 0.013"),
        ({"pit": pl.when(pl.col("pit") < 0.03).then(0.001).otherwise("pit")}, "tail_lower 0.0"),
        ({"crps": pl.col("crps") + pl.when(pl.int_range(pl.len()) == 0).then(90).otherwise(0)},
         "CRPS of throws of"),
    ],
)  # fmt: skip
def test_each_goal_is_checked(
    plays: pl.DataFrame,
    forecasts: check.Tables,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, pl.Expr],
    words: str,
) -> None:
    good = calibrated(forecasts[OURS])
    found = {OURS: changed(good, **change), "hazard": better_than(good)}
    assert check.report({2021: (plays, found)}, enough_plays=True) == 1
    assert f"NOT FIRST: 2021: {words}" in capsys.readouterr().out


def test_a_difference_that_may_be_chance_is_not_first(
    plays: pl.DataFrame, forecasts: check.Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    good = calibrated(forecasts[OURS])
    # One game decides: the mean is better, the interval holds 0.
    lucky = plays["game_id"] == plays["game_id"][0]
    bonus = pl.lit(lucky.cast(pl.Float64)) * 0.5
    hazard = changed(
        better_than(good), crps=forecasts[OURS]["crps"] + bonus, log_score=pl.col("log_score")
    )
    assert check.report({2021: (plays, {OURS: good, "hazard": hazard})}, enough_plays=True) == 1
    printed = capsys.readouterr().out
    assert "2021: CRPS " not in printed
    assert "together: CRPS minus that of hazard up to" in printed


def test_weighted_distance_counts_plays_as_often_as_their_weights() -> None:
    pit = np.array([0.7, 0.1, 0.4])
    once, again = distances_from_uniform(pit, np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0]]))
    # Up to .1, .4 and .7 are 1/3, 2/3 and 1: .3 beyond the last.
    assert once == pytest.approx(0.3)
    # Without the play at .1 nothing lies below .4, and a third up to it: .7 before the others.
    assert again == pytest.approx(0.4)
    repeated = np.array([0.7, 0.7, 0.4])
    assert again == pytest.approx(scipy.stats.kstest(repeated, "uniform").statistic)


def test_a_miss_says_by_how_much_and_what_chance_does(
    plays: pl.DataFrame, forecasts: check.Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    good = calibrated(forecasts[OURS])
    ours = changed(good, pit=pl.col("pit").clip(0.02, 0.98), mid_cdf=pl.lit(0.51))
    check.report({2021: (plays, {OURS: ours, "hazard": good})}, enough_plays=True)
    printed = capsys.readouterr().out
    assert re.search(r"MAE .*: \+0\.0000 \(\+0\.0000 to \+0\.0000\)", printed)
    assert re.search(r"PIT distance 0\.0\d*, of hazard 0\.00.*: \+0\.0\d+ \(", printed)
    assert "The league drifted by +0.0100 (+0.0100 to +0.0100) in the mean mid-CDF" in printed
