"""Trees beside the networks: one distribution, blind to its fold, stored whole, weighted by age."""

import sys
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import dropback
from dropback.data._features import WEATHER, feature_matrix
from dropback.data._tables import Outcome, Plays, PlaySet
from dropback.errors import RequestError
from dropback.models import THROW_MODEL, ModelSettings, _train, settings_for
from dropback.models._catch_point import CatchPoint
from dropback.models._examples import Examples
from dropback.models._grid import YARDS
from dropback.models._model import PassModel, whole_yard_distribution, with_shares
from dropback.models._network import network_inputs
from dropback.models._predict import predict_plays
from dropback.models._store import load_run
from dropback.models._train import FITS_OF_ALL, train_run
from dropback.models.baselines import fit_baseline
from dropback.simulation import League
from examples.trained_run import TrainedRun
from splicedpareto.distributions import Gaussian


@pytest.fixture(scope="module")
def blended(trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """As `trained`, with trees."""
    folder = tmp_path_factory.mktemp("blended") / "run"
    run = dropback.train(trained.selection, folder, settings=settings_of(trained))
    return TrainedRun(run, trained.selection, trained.unseen)


def settings_of(trained: TrainedRun) -> ModelSettings:
    small = trained.model.settings
    return replace(small, family="catch-point", boosted_share=0.75)


def masses(model: PassModel, plays: pl.DataFrame, fold: int | None) -> np.ndarray:
    """Probabilities of `YARDS` on the field, shape ``(N, 211)``."""
    latent = model.predict_distribution(feature_matrix(plays, model.schema), fold)
    distribution = whole_yard_distribution(
        latent, np.array(plays["yards_min"]), np.array(plays["yards_max"])
    )
    return distribution.log_prob(torch.from_numpy(YARDS).float()[:, None]).exp().numpy().T


def on_field(masses: np.ndarray, plays: pl.DataFrame) -> np.ndarray:
    """Move what lies beyond the ends of the field to its ends."""
    low, high = (plays[name].to_numpy()[:, None] for name in ("yards_min", "yards_max"))
    onto = np.clip(YARDS, low, high) - YARDS[0]
    moved = np.zeros_like(masses)
    for play in range(len(plays)):
        np.add.at(moved[play], onto[play], masses[play])
    return moved


@pytest.mark.parametrize("fold", [None, 0, 1])
def test_trees_say_what_happens_and_networks_add_how_far(
    blended: TrainedRun, fold: int | None
) -> None:
    model, plays = blended.model, blended.unseen.plays[:80]
    features = feature_matrix(plays, model.schema)
    # A game that is not in training is predicted by the trees of all games too.
    fits = model.boosted if fold is None else [model.boosted[fold]]
    assert len(fits) == (2 + FITS_OF_ALL if fold is None else 1)
    trees = np.mean([each.masses(features) for each in fits], axis=0)
    known = model.schema.without_weather(features)
    shares = np.mean([each.result.inplace_predict(known) for each in fits], axis=0)
    inputs = network_inputs(features, model.settings, model.schema)
    own = model.networks if fold is None else [model.networks[fold]]
    edges = torch.from_numpy(YARDS[:-1] + 0.5).float()[:, None]
    networks = np.zeros_like(trees)
    with torch.inference_mode():
        for network in own:
            _, run, back = network(*inputs).components
            for share, part in ((shares[:, [1]], run), (shares[:, [2]], back)):
                cdf = part.cdf(edges).double().numpy().T
                networks += share * np.diff(cdf, prepend=0.0, append=1.0, axis=1) / len(own)
    networks[:, -YARDS[0]] += shares[:, 0]
    found = masses(model, plays, fold)
    expected = on_field(0.25 * networks + 0.75 * trees, plays)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=2e-5)
    # No outcome that the field allows is impossible.
    low, high = (plays[name].to_numpy()[:, None] for name in ("yards_min", "yards_max"))
    assert found[(low <= YARDS) & (high >= YARDS)].min() > 0


def test_network_without_outcomes_of_the_ball_is_refused() -> None:
    with pytest.raises(TypeError, match="must predict a Mixture, got Gaussian"):
        with_shares(Gaussian(torch.zeros(2), torch.ones(2)), torch.zeros(2, 3))


def test_stored_run_predicts_alike(blended: TrainedRun) -> None:
    loaded = load_run(blended.folder)
    assert loaded.record == blended.record
    assert loaded.model.schema.names[-6:] == ("season", *WEATHER)
    plays = blended.unseen.plays
    assert predict_plays(loaded.model, plays).equals(predict_plays(blended.model, plays))


def test_outcomes_of_the_held_out_games_change_nothing(blended: TrainedRun, tmp_path: Path) -> None:
    plays, model = blended.selection.plays, blended.model
    held_out = plays["game_id"].replace_strict(model.fold_of_game) == 0
    throw = pl.when(held_out)
    changed = plays.with_columns(
        complete_pass=throw.then(pl.lit(value=True)).otherwise("complete_pass"),
        interception=throw.then(pl.lit(value=False)).otherwise("interception"),
        yards=throw.then(pl.min_horizontal("air_yards", "yards_max")).otherwise("yards"),
    )
    other = train_run(Plays.validate(changed), tmp_path / "run", settings=model.settings, seed=0)
    hidden = plays.filter(held_out)
    np.testing.assert_array_equal(masses(other.model, hidden, 0), masses(model, hidden, 0))
    assert not np.array_equal(masses(other.model, hidden, 1), masses(model, hidden, 1))


def test_killed_training_keeps_the_trees(
    blended: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, fitted = _train.fit_hazard, []

    def die_of_the_second(training: Examples, stop: Examples, seed: int) -> CatchPoint:
        fitted.append(seed)
        if len(fitted) == 2:
            raise KeyboardInterrupt
        return fit(training, stop, seed)

    out, plays, settings = tmp_path / "run", blended.selection.plays, blended.model.settings
    monkeypatch.setattr(_train, "fit_hazard", die_of_the_second)
    with pytest.raises(KeyboardInterrupt):
        train_run(plays, out, settings=settings, seed=0)
    run = train_run(plays, out, settings=settings, seed=0)
    assert fitted == [0, 1, 1]
    unseen = blended.unseen.plays
    assert predict_plays(run.model, unseen).equals(predict_plays(blended.model, unseen))


def test_fit_of_all_games_has_more_rounds_than_those_of_the_folds(blended: TrainedRun) -> None:
    folds, of_all = blended.model.boosted[:2], blended.model.boosted[2:]
    assert len(of_all) == FITS_OF_ALL
    for forecast in of_all:
        for part in ("result", "runs.booster"):
            rounds = [attrgetter(part)(each).num_boosted_rounds() for each in folds]
            found = attrgetter(part)(forecast).num_boosted_rounds()
            assert found == round(1.15 * np.mean(rounds))


def test_fits_of_all_games_have_seeds_of_their_own(blended: TrainedRun) -> None:
    features = feature_matrix(blended.unseen.plays, blended.model.schema)
    one, other, *_ = (each.masses(features) for each in blended.model.boosted[2:])
    assert not np.array_equal(one, other)


def test_default_settings_suit_the_plays() -> None:
    assert settings_for(PlaySet.TARGETED, Outcome.YARDS) == THROW_MODEL
    assert settings_for("attempts", Outcome.YARDS) == THROW_MODEL
    assert settings_for(PlaySet.DROPBACKS, Outcome.YARDS) == ModelSettings()
    assert settings_for(PlaySet.TARGETED, Outcome.EPA) == ModelSettings(outcome=Outcome.EPA)


def test_the_hazard_is_the_part_of_the_model_that_each_fold_has(
    blended: TrainedRun, tmp_path: Path
) -> None:
    hazard = fit_baseline("hazard", blended.run, blended.selection.plays, work=tmp_path)
    features = feature_matrix(blended.unseen.plays[:50], blended.model.schema)
    support = torch.from_numpy(YARDS).float()[:, None] + 0.5
    pooled = hazard.predict_distribution(features).cdf(support).numpy().T
    known = blended.model.schema.without_weather(features)
    shares = [each.result.inplace_predict(known) for each in blended.model.boosted[:2]]
    trees = np.mean([each.masses(features) for each in blended.model.boosted[:2]], axis=0)
    # The baseline adds half a percent of climatology, and has one distribution of all returns.
    most = 0.0051 + np.max(shares, axis=0)[:, [2]]
    assert (abs(pooled - trees.cumsum(axis=1)) < most).all()


def test_networks_of_other_families_have_no_trees(blended: TrainedRun, tmp_path: Path) -> None:
    plays = blended.selection.plays
    gaussian = fit_baseline("gaussian", blended.run, plays, work=tmp_path)
    assert not gaussian.network.boosted  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"boosted_share": 1.0}, r"boosted_share must be in \[0, 1\), got 1.0"),
        ({"boosted_share": float("nan")}, "boosted_share must be in"),
        ({"family": "sbp", "boosted_share": 0.5}, "must be 0 with family 'sbp', got 0.5"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, float], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        replace(THROW_MODEL, **settings)


def test_training_seasons_are_not_judged_with_others(
    blended: TrainedRun, tiny_league: League
) -> None:
    with pytest.raises(RequestError, match=r"2020, 2021 overlap the training seasons 2020 of .*ap"):
        dropback.evaluate(blended.run, tiny_league.plays)
    for seasons, out_of_fold in (([2020], True), ([2021], False)):
        found = dropback.evaluate(blended.run, tiny_league.plays, seasons=seasons)
        assert found.out_of_fold == out_of_fold


def test_a_run_where_xgboost_is_absent_is_not_called_damaged(
    blended: TrainedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(RequestError, match="Boosted trees need XGBoost"):
        load_run(blended.folder)
