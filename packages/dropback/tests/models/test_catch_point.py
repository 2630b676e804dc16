"""A family whose gains are counted from the catch: its likelihood is one, and moves with it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import dropback
from dropback.data._features import feature_matrix, feature_schema
from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.data._tables import Outcome, PlaySet
from dropback.errors import DropbackError, RequestError
from dropback.models import ModelSettings
from dropback.models._network import build_network, exact_log_score, network_inputs
from dropback.models._predict import predict_plays
from dropback.models._store import load_run
from dropback.simulation import League
from dropback.workflows import read_plays
from examples.trained_run import TrainedRun
from splicedpareto.distributions import Mixture


@pytest.fixture(scope="module")
def caught(trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """As `trained`, counted from the catch."""
    folder = tmp_path_factory.mktemp("caught") / "run"
    settings = replace(trained.model.settings, family="catch-point")
    run = dropback.train(trained.selection, folder, settings=settings)
    return TrainedRun(run, trained.selection, trained.unseen)


def test_likelihood_of_every_outcome_sums_to_one(caught: TrainedRun) -> None:
    plays = caught.unseen.plays[:100]
    features = feature_matrix(plays, caught.model.schema)
    distribution = caught.model.predict_distribution(features)
    low, high = (torch.tensor(plays[name]).float() for name in ("yards_min", "yards_max"))
    yards = torch.arange(YARDS_LOWEST, YARDS_HIGHEST + 1.0)[:, None]
    # As `observed_interval` censors at both goal lines.
    lower = torch.where(low >= yards, -torch.inf, yards - 0.5)
    upper = torch.where(high <= yards, torch.inf, yards + 0.5)
    probability = (-exact_log_score(distribution, lower, upper)).exp()
    assert probability.min() > 0
    total = torch.where((low <= yards) & (high >= yards), probability, 0).sum(dim=0)
    np.testing.assert_allclose(total, 1, atol=1e-5)


@pytest.mark.parametrize("depth", [-9.0, 0.0, 31.0])
def test_gain_after_the_catch_moves_with_the_catch(depth: float) -> None:
    network = build_network(ModelSettings(family="catch-point", width=4), 2, seed=0)
    behind, there = (
        network(torch.zeros(1, 2), torch.tensor([origin])) for origin in (-20.0, depth)
    )
    assert isinstance(behind, Mixture)
    assert isinstance(there, Mixture)
    run = torch.arange(-90.0, 90.0)[:, None] + 0.5
    torch.testing.assert_close(
        there.components[1].cdf(depth + run), behind.components[1].cdf(run - 20), atol=1e-6, rtol=0
    )
    # A pass that is not caught, and a return, begin where they did.
    at = torch.arange(-90.0, 90.0)[:, None]
    for fixed in (0, 2):
        assert torch.equal(there.components[fixed].cdf(at), behind.components[fixed].cdf(at))


def test_origin_is_the_last_input(caught: TrainedRun) -> None:
    plays = caught.unseen.plays[:5]
    features = feature_matrix(plays, caught.model.schema)
    *_, origin = network_inputs(features, caught.model.settings, caught.model.schema)
    assert origin.tolist() == plays["air_yards"].to_list()
    (only,) = network_inputs(features, ModelSettings(family="sbp"), caught.model.schema)
    assert torch.equal(only, torch.from_numpy(features))


def test_stored_run_predicts_alike(caught: TrainedRun) -> None:
    loaded = load_run(caught.folder)
    plays = caught.unseen.plays
    assert predict_plays(loaded.model, plays).equals(predict_plays(caught.model, plays))


def test_plays_without_air_yards_are_refused(tiny_league: League, tmp_path: Path) -> None:
    plays = read_plays(tiny_league.plays, seasons=[2020], plays=PlaySet.DROPBACKS)
    with pytest.raises(RequestError, match="counts yards from the catch, and these plays have no"):
        dropback.train(plays, tmp_path / "run", settings=ModelSettings(family="catch-point"))
    assert list(tmp_path.iterdir()) == []


def test_expected_points_are_not_counted_from_the_catch() -> None:
    with pytest.raises(RequestError, match="counts yards from the catch, got outcome 'epa'"):
        ModelSettings(family="catch-point", outcome=Outcome.EPA)


@pytest.mark.parametrize(("to_goal", "air_yards"), [(30, 41), (30, -81), (99, 110), (1, -110)])
def test_pass_off_the_field_names_the_play(
    trained: TrainedRun, to_goal: int, air_yards: int
) -> None:
    plays = trained.unseen.plays
    here = pl.int_range(pl.len()) == 7
    game, number = plays.row(7, named=True)["game_id"], plays.row(7, named=True)["play_id"]
    schema = feature_schema(PlaySet.TARGETED)

    def with_throw(depth: int) -> pl.DataFrame:
        changed = {"yardline_100": to_goal, "air_yards": depth}
        return plays.with_columns(
            pl.when(here).then(value).otherwise(name).alias(name) for name, value in changed.items()
        )

    with pytest.raises(
        DropbackError,
        match=f"Game {game}, play {number}: 'air_yards' is {air_yards} with {to_goal}",
    ):
        feature_matrix(with_throw(air_yards), schema)
    inward = air_yards - 1 if air_yards > 0 else air_yards + 1
    assert len(feature_matrix(with_throw(inward), schema)) == len(plays)
