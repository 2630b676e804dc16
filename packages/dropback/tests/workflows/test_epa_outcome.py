"""EPA through the machinery of yards: a continuous distribution, learned, stored and compared."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.stats
import scoringrules
import torch

from dropback import workflows
from dropback.data._play_by_play import read_play_by_play
from dropback.data._selection import Selection, select_plays
from dropback.data._tables import Outcome, PlaySet
from dropback.errors import RunError
from dropback.evaluation._calibration import evaluate
from dropback.expected_points import (
    ExpectedPoints,
    ExpectedPointsSettings,
    attach_epa,
    expected_points_added,
    fit_expected_points,
)
from dropback.models import ModelSettings
from dropback.models._predict import QUANTILE_LEVELS, predict_plays
from dropback.models._store import Run, load_run
from dropback.models.baselines import fit_baseline
from dropback.scoring import score_plays
from dropback.simulation import League
from examples.play_by_play_rows import Rows
from splicedpareto.distributions import Gaussian
from splicedpareto.training import FitSettings

Trained = tuple[Path, Selection]
EPA = ModelSettings(
    outcome=Outcome.EPA,
    folds=2,
    width=8,
    blocks=1,
    fit=FitSettings(max_epochs=2, batch_size=128, seed=0),
)


@pytest.fixture(scope="module")
def values(tiny_league: League) -> ExpectedPoints:
    plays = read_play_by_play(tiny_league.plays)
    return fit_expected_points(plays, settings=ExpectedPointsSettings(rounds=3, depth=3))


@pytest.fixture(scope="module")
def run(
    tiny_league: League, values: ExpectedPoints, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    folder = tmp_path_factory.mktemp("epa") / "run"
    selection = workflows.read_plays(
        tiny_league.plays,
        seasons=[2020],
        plays=PlaySet.DROPBACKS,
        outcome=Outcome.EPA,
        expected_points=values,
    )
    workflows.train(selection, folder, settings=EPA, expected_points=values)
    return folder, selection


@pytest.fixture(scope="module")
def loaded(run: Trained) -> Run:
    return load_run(run[0])


def test_numbers_of_a_continuous_distribution_are_its_own() -> None:
    count = 700  # more than a chunk
    epa = np.linspace(-6, 5, count)
    keys = {"season": 2020, "week": 1, "passer_player_id": "p", "play_set": "targeted"}
    plays = pl.DataFrame(
        {"game_id": "g", "play_id": range(count), **keys, "epa": epa}, strict=False
    )

    class Same:
        """One distribution of every play."""

        play_set, outcome, fold_of_game, members = PlaySet.TARGETED, Outcome.EPA, {}, 1

        def predict_distribution(self, features: np.ndarray, _fold: int | None) -> Gaussian:
            return Gaussian(torch.full((len(features),), 0.2), torch.full((len(features),), 1.6))

    table = predict_plays(Same(), plays, features=np.zeros((count, 1)))
    oracle = scipy.stats.norm(0.2, 1.6)
    np.testing.assert_allclose(table["pit"], oracle.cdf(epa), atol=1e-6)
    assert table["mid_cdf"].equals(table["pit"].rename("mid_cdf"))
    np.testing.assert_allclose(table["log_score"], -oracle.logpdf(epa), rtol=1e-5)
    crps = scoringrules.crps_normal(epa, 0.2, 1.6)
    np.testing.assert_allclose(table["crps"], crps, rtol=1e-4, atol=1e-5)
    for name, level in QUANTILE_LEVELS.items():
        np.testing.assert_allclose(table[name], oracle.ppf(level), atol=1e-5)
    assert set(table["outcome"]) == {"epa"}
    np.testing.assert_array_equal(table["observed"], epa)


def test_a_run_values_plays_by_the_model_that_it_learned_with(
    tiny_league: League, run: Trained, loaded: Run
) -> None:
    folder, selection = run
    assert loaded.model.outcome is Outcome.EPA
    assert loaded.record.outcome_source == "dropback expected points"
    again = workflows.read_plays_for(loaded, tiny_league.plays, seasons=[2020])
    assert again.plays["epa"].equals(selection.plays["epa"])
    report = json.loads((folder / "report.json").read_text())
    assert report["plays"] == len(selection.plays)


def test_play_scores_of_epa_are_the_distributions_cdf(run: Trained, loaded: Run) -> None:
    plays = run[1].plays
    predictions = predict_plays(loaded.model, plays)
    scores = score_plays(plays, predictions)
    assert set(scores["outcome"]) == {"epa"}
    assert scores["play_score"].equals(predictions["pit"].rename("play_score"))
    # A distribution of 2,000 plays that were held out: the mean of its PIT is near one half.
    assert scores["play_score"].mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", ["gaussian", "binned", "idr", "quantile-forest", "climatology"])
@pytest.mark.sample(2)
def test_baselines_predict_epa_too(
    run: Trained,
    loaded: Run,
    tmp_path: Path,
    name: str,
) -> None:
    plays = run[1].plays
    baseline = fit_baseline(name, loaded, plays, work=tmp_path)
    table = predict_plays(baseline, plays)
    assert set(table["outcome"]) == {"epa"}
    result = evaluate(plays, {"sbp": predict_plays(loaded.model, plays), name: table})
    spread = float(plays["epa"].std())  # type: ignore[arg-type]
    # Two epochs teach `binned` little: its distribution is still nearly uniform over 28 points.
    assert 0.3 * spread < result.metrics[name]["crps"].value < 2 * spread


def test_climatology_of_epa_is_the_counts_of_the_other_folds(
    run: Trained, loaded: Run, tmp_path: Path
) -> None:
    plays, model = run[1].plays, loaded.model
    baseline = fit_baseline("climatology", loaded, plays, work=tmp_path)
    distribution = baseline.predict_distribution(np.zeros((1, 1), dtype=np.float32), 0)
    folds = plays["game_id"].replace_strict(model.fold_of_game).to_numpy()
    others = plays["epa"].to_numpy()[folds != 0]
    for edge in (-2.05, 0.05, 1.95):
        share = ((others < edge).sum() + 0.1 * round((edge + 14.05) / 0.1)) / (
            len(others) + 0.1 * 281
        )
        assert distribution.cdf(torch.tensor(edge)).item() == pytest.approx(share, abs=1e-3)


def test_plays_without_epa_are_counted_out(rows: Rows) -> None:
    table = rows({"qb_epa": 0.4}, {"qb_epa": None}, *[{"qb_epa": -0.1}] * 198)
    attached = attach_epa(table, expected_points_added(table))
    selection = select_plays(attached, outcome=Outcome.EPA)
    assert dict(selection.left_out.iter_rows()) == {"no expected points added": 1}
    assert selection.plays["epa"].to_list()[:2] == [0.4, -0.1]
    assert set(selection.plays["epa_source"]) == {"nflverse qb_epa"}


def test_raw_columns_of_nflverse_do_not_slip_into_plays_of_yards(rows: Rows) -> None:
    plays = select_plays(rows({"epa": 0.4, "qb_epa": 0.5})).plays
    assert plays["epa"].to_list() == plays["epa_source"].to_list() == [None]


def test_a_run_refuses_epa_of_another_source(tiny_league: League, tmp_path: Path) -> None:
    nflverse = tiny_league.plays.with_columns(qb_epa=pl.lit(0.1) + pl.col("play_id") % 7)
    selection = workflows.read_plays(
        nflverse, seasons=[2020], plays=PlaySet.DROPBACKS, outcome=Outcome.EPA
    )
    other = tmp_path / "run"
    trained = workflows.train(selection, other, settings=EPA)
    assert trained.record.outcome_source == "nflverse qb_epa"
    renamed = nflverse.rename({"qb_epa": "epa"})
    with pytest.raises(RunError, match=r"from 'nflverse qb_epa' and .* from 'nflverse epa'"):
        workflows.score(other, renamed, seasons=[2021])


def test_plays_selected_for_yards_are_refused(tiny_league: League, loaded: Run) -> None:
    plays = workflows.read_plays(tiny_league.plays, seasons=[2021], plays=PlaySet.DROPBACKS).plays
    with pytest.raises(RunError, match=r"predicts 'epa', which .* lack"):
        predict_plays(loaded.model, plays)


def test_settings_of_an_unknown_outcome_are_refused() -> None:
    with pytest.raises(ValueError, match="wins"):
        ModelSettings(outcome="wins")  # type: ignore[arg-type]
