"""The whole distribution of each play, beside one computed by SciPy and beside its quantiles."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pytest
import scipy.stats
import torch
from polars.testing import assert_frame_equal

import dropback
from dropback.data._tables import Outcome, PlaySet
from dropback.errors import RunError
from dropback.models._yard_probabilities import yard_probabilities
from examples.play_by_play_rows import plays_of
from examples.trained_run import TrainedRun
from splicedpareto.distributions import Gaussian

# Fewest and most yards out of the order in which chunks are taken.
PLAYS = plays_of([-30, 0, 12, 40, -99, 3], [-50, -60, -80, -95, -99, -105], [60, 50, 30, 40, 8, 3])


@dataclass(frozen=True)
class Normal:
    """Every play's mean is its row's number, deviation 12."""

    outcome: Outcome = Outcome.YARDS
    play_set: PlaySet = PlaySet.TARGETED
    members: int = 1
    fold_of_game: dict[str, int] = field(default_factory=dict)
    schema: None = None

    def predict_distribution(self, features: np.ndarray, fold: int | None = None) -> Gaussian:
        assert fold is None
        mean = torch.from_numpy(features).float()
        return Gaussian(mean, torch.full_like(mean, 12.0))


def test_rows_are_those_of_a_plain_computation() -> None:
    table = yard_probabilities(Normal(), PLAYS, np.arange(6.0))
    plays = PLAYS.select("game_id", "play_id", "yards_min", "yards_max")
    whole = table.join(plays, ["game_id", "play_id"], maintain_order="left")
    assert table.height == (plays["yards_max"] - plays["yards_min"] + 1).sum()
    for mean, play in enumerate(plays.iter_rows(named=True)):
        rows = whole.filter(game_id=play["game_id"], play_id=play["play_id"])
        yards = np.arange(play["yards_min"], play["yards_max"] + 1)
        expected = scipy.stats.norm(mean, 12).cdf(yards + 0.5)
        expected[-1] = 1  # whatever crosses the goal line is a touchdown
        assert rows["yards"].to_list() == yards.tolist()
        assert rows["cdf"].to_numpy() == pytest.approx(expected, abs=2e-6)
        assert rows["probability"].to_numpy() == pytest.approx(
            np.diff(expected, prepend=0), abs=2e-6
        )
    assert table["play_id"].unique(maintain_order=True).to_list() == PLAYS["play_id"].to_list()


def test_a_model_of_expected_points_has_no_yards() -> None:
    with pytest.raises(RunError, match="need a model of yards, and this one predicts 'epa'"):
        yard_probabilities(Normal(Outcome.EPA), PLAYS.with_columns(epa=pl.lit(0.5)), np.zeros(6))


@pytest.mark.parametrize("seasons", ["selection", "unseen"])
def test_quantiles_and_mean_are_those_of_the_predictions(trained: TrainedRun, seasons: str) -> None:
    selection = getattr(trained, seasons)
    table = dropback.yard_probabilities(trained.run, selection)
    found = table.group_by("game_id", "play_id", maintain_order=True).agg(
        pl.col("yards").filter(pl.col("cdf") >= 0.9).min().cast(float).alias("q90"),
        (pl.col("yards") * pl.col("probability")).sum().alias("mean"),
        pl.col("probability").sum(),
    )
    told = dropback.predict(trained.run, selection).select("game_id", "play_id", "q90", "mean")
    assert_frame_equal(found.drop("probability"), told, abs_tol=1e-6)
    assert found["probability"].to_numpy() == pytest.approx(1)


def test_how_a_play_came_out_is_not_looked_at(trained: TrainedRun) -> None:
    plays = trained.unseen.plays.head(40)
    otherwise = plays.with_columns(
        yards=pl.col("yards_min"), complete_pass=pl.lit(False), yards_after_catch=None
    )
    model = trained.model
    assert_frame_equal(yard_probabilities(model, plays), yard_probabilities(model, otherwise))
