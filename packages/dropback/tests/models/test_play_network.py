"""The play network: what it may see, how it is trained and stored, and who it is compared with."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from dropback import workflows
from dropback.data._tables import Outcome, Plays
from dropback.errors import RequestError, RunError, TrackingError
from dropback.evaluation import OverTime, evaluate
from dropback.live import PlayPredictor, play_contexts
from dropback.models import PLAY_NETWORK, ModelSettings, SequenceSettings
from dropback.models._frame_columns import ENGINEERED, FRAME_COLUMNS
from dropback.models._grid import YARDS
from dropback.models._model import PassModel, whole_yard_distribution
from dropback.models._predict import predict_plays
from dropback.models._store import load_run
from dropback.models.baselines import (
    TRACKING_BASELINES,
    fit_baseline,
)
from dropback.simulation import League
from dropback.simulation.tracking import oracle_distribution
from dropback.tracking import PlayTensors, build_tensors, read_tracking
from dropback.workflows import TrackedSelection
from examples.simulated_plays import write_throws
from splicedpareto.training import FitResult, FitSettings, SequenceDataset

TINY = replace(
    PLAY_NETWORK,
    folds=2,
    width=8,
    fit=FitSettings(max_epochs=2, batch_size=64, learning_rate=2e-3),
    sequence=SequenceSettings(channels=8, levels=2, player_width=8, prefix_share=0.6),
)
BRIEF = replace(TINY, members=1, fit=replace(TINY.fit, max_epochs=1))


@pytest.fixture(scope="module")
def league(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About ten games of a simulated league."""
    return write_throws(tmp_path_factory.mktemp("play_network") / "league", 300, seed=4)


@pytest.fixture(scope="module")
def tensors(league: Path) -> PlayTensors:
    """Their features."""
    return build_tensors(league, league.parent / "tensors")[0]


@pytest.fixture(scope="module")
def selection(tensors: PlayTensors) -> TrackedSelection:
    """All their plays."""
    return select(tensors)


@pytest.fixture(scope="module")
def run(selection: TrackedSelection, league: Path) -> Path:
    """A play network of two folds."""
    folder = league.parent / "run"
    workflows.train(selection, folder, settings=TINY, seed=1)
    return folder


@pytest.fixture(scope="module")
def model(run: Path) -> PassModel:
    """The same, loaded."""
    return load_run(run).model


def select(tensors: PlayTensors, **options: object) -> TrackedSelection:
    chosen = workflows.read_plays(tensors, **options)  # type: ignore[arg-type]
    assert isinstance(chosen, workflows.TrackedSelection)
    return chosen


def changed(tensors: PlayTensors, **plays: pl.Expr | pl.Series) -> PlayTensors:
    return replace(tensors, plays=tensors.plays.with_columns(**plays))


# What it sees


def test_batch_holds_each_play_from_snap_to_release(selection: TrackedSelection) -> None:
    some = selection.features[np.array([5, 0, 17])]
    sequences, lengths, static = some.batch()
    tensors = some.tensors
    assert lengths.tolist() == [len(tensors.frames_of(row)) for row in some.rows]
    assert sequences.shape == (3, int(lengths.max()), len(FRAME_COLUMNS))
    x = [FRAME_COLUMNS.index(f"defense_{slot}_x_from_line_yd") for slot in range(11)]
    for place, row in enumerate(some.rows):
        shown = sequences[place, : lengths[place]][:, x]
        np.testing.assert_array_equal(shown, tensors.frames_of(row)[:, 11:, 0])
        assert not sequences[place, lengths[place] :].any()
    np.testing.assert_array_equal(static, tensors.static[some.rows])


def test_target_is_shown_in_the_last_frame_alone(selection: TrackedSelection) -> None:
    sequences, lengths, _ = selection.features.batch()
    flags = [at for at, name in enumerate(FRAME_COLUMNS) if name.endswith("is_target")]
    shown = sequences[:, :, flags].sum(dim=2)
    last = torch.arange(sequences.shape[1]) == lengths[:, None] - 1
    assert torch.equal(shown, last.float())


def test_what_is_before_the_release_is_a_prefix(selection: TrackedSelection) -> None:
    features = selection.features
    whole, lengths, _ = features.batch()
    cut, shorter, _ = features.before_release(0.5).batch()
    assert torch.equal(shorter, (lengths - 5).clamp(min=1))
    for row in range(0, len(features), 37):
        torch.testing.assert_close(
            cut[row, : shorter[row]], whole[row, : shorter[row]], equal_nan=True, rtol=0, atol=0
        )
    assert (features.reaches(2.0) == (lengths > 20).numpy()).all()


def test_distribution_before_the_release_knows_no_later_frame_and_no_target(
    model: PassModel, selection: TrackedSelection
) -> None:
    features = selection.features[selection.features.reaches(0.5)]
    tensors = features.tensors
    later = np.concatenate([np.arange(end - 5, end) for end in tensors.offsets[features.rows + 1]])
    players, engineered = np.array(tensors.players), np.array(tensors.engineered)
    players[later] += 7
    engineered[later] += 7
    other = changed(tensors, target_slot=((pl.col("target_slot") + 1) % 5 + 6).cast(pl.Int8))
    disturbed = replace(features, tensors=replace(other, players=players, engineered=engineered))
    distribution, same = (
        model.predict_distribution(each.before_release(0.5)) for each in (features, disturbed)
    )
    support = torch.from_numpy(YARDS).float()[:, None] + 0.5
    torch.testing.assert_close(distribution.cdf(support), same.cdf(support), rtol=0, atol=0)
    released = (model.predict_distribution(each).cdf(support) for each in (features, disturbed))
    assert (next(released) != next(released)).any(dim=0).all()


def test_distribution_never_sees_what_came_of_the_play(
    model: PassModel, tensors: PlayTensors
) -> None:
    ours = select(tensors)
    told = changed(
        tensors,
        yards_gained=pl.lit(3, dtype=pl.Int32),
        pass_result=pl.lit("C").cast(tensors.plays.schema["pass_result"]),
    )
    theirs = select(told)
    assert (ours.plays["yards"] != theirs.plays["yards"]).any()
    support = torch.from_numpy(YARDS).float()[:, None] + 0.5
    torch.testing.assert_close(
        model.predict_distribution(ours.features).cdf(support),
        model.predict_distribution(theirs.features).cdf(support),
    )


def test_stored_columns_are_those_of_the_batch(selection: TrackedSelection) -> None:
    some = selection.features[np.arange(40)]
    dataset = some.dataset((torch.arange(40.0),), prefix_share=0.0, mirror=False)
    expected, lengths, static = some.batch()
    for batch in dataset.batches_in_order(16):
        sequences, found, at_snap, play = dataset[batch]
        rows = play.long()
        assert torch.equal(found, lengths[rows])
        torch.testing.assert_close(at_snap, static[rows], equal_nan=True)
        steps = sequences.shape[1]
        torch.testing.assert_close(
            sequences, expected[rows, :steps], equal_nan=True, rtol=1e-3, atol=1e-3
        )


def test_mirror_shows_half_of_the_plays_turned(selection: TrackedSelection) -> None:
    some = selection.features[np.arange(64)]
    datasets = [
        some.dataset((torch.arange(64.0),), prefix_share=0.0, mirror=mirror)
        for mirror in (False, True)
    ]
    batch = next(iter(datasets[0].batches_in_order(64)))
    plain, seen = (dataset[batch][0] for dataset in datasets)
    y = FRAME_COLUMNS.index("offense_0_y_velocity_yd_per_s")
    turned = (plain[:, 5, y] == -seen[:, 5, y]) & (plain[:, 5, y] != 0)
    assert 20 < int(turned.sum()) < 44
    torch.testing.assert_close(plain[~turned], seen[~turned], equal_nan=True)
    torch.testing.assert_close(
        plain[..., ENGINEERED], seen[..., ENGINEERED], equal_nan=True, rtol=0, atol=0
    )


def test_a_mirrored_set_keeps_its_order(selection: TrackedSelection) -> None:
    some = selection.features[np.arange(64)]
    dataset = some.dataset((), prefix_share=0.0, mirror=True, reorder=False)
    batch = next(iter(dataset.batches_in_order(64)))
    seen, lengths, _ = dataset[batch]
    dataset.augment = None
    plain = dataset[batch][0]
    last = torch.arange(64), lengths - 1
    targets = [at for at, name in enumerate(FRAME_COLUMNS) if name.endswith("is_target")]
    assert torch.equal(seen[last][:, targets], plain[last][:, targets])
    y = [FRAME_COLUMNS.index(f"defense_{slot}_y_from_middle_yd") for slot in range(11)]
    turned = (seen[last][:, y] == -plain[last][:, y]).all(dim=1)
    assert 20 < int(turned.sum()) < 44
    assert torch.equal(seen[last][~turned], plain[last][~turned].nan_to_num(7))


def test_places_of_targets_are_among_the_last_five_of_the_offense(tensors: PlayTensors) -> None:
    slots = pl.Series([6, 10, 3, None, *[8] * (len(tensors) - 4)], dtype=pl.Int8)
    features = select(tensors).features
    told = replace(features, tensors=changed(tensors, target_slot=slots), rows=np.arange(5))
    assert told.target_places().tolist() == [0, 4, -1, -1, 2]


def test_player_without_a_place_is_refused(selection: TrackedSelection) -> None:
    tensors = selection.features.tensors
    players = np.array(tensors.players)
    players[tensors.offsets[3] + 1, 14, 0] = np.nan
    broken = replace(selection.features, tensors=replace(tensors, players=players))
    game, play = selection.features.keys().row(3)
    with pytest.raises(TrackingError, match=f"game {game}, play {play} lacks some"):
        broken.batch()


def test_matrices_for_trees_are_of_the_last_frames(selection: TrackedSelection) -> None:
    some = selection.features[np.array([2, 9])]
    sequences, lengths, static = (each.numpy() for each in some.batch())
    last = sequences[[0, 1], lengths - 1]
    engineered = np.concatenate([last[:, ENGINEERED], static], axis=1)
    np.testing.assert_array_equal(some.engineered_matrix(), engineered)
    flat = some.flat_matrix()
    assert flat.shape == (2, 3 * len(FRAME_COLUMNS) + 8)
    np.testing.assert_array_equal(flat[:, : len(FRAME_COLUMNS)], last)
    back = sequences[[0, 1], np.maximum(lengths - 11, 0)]
    np.testing.assert_array_equal(flat[:, 2 * len(FRAME_COLUMNS) : -8], back)
    known = np.isfinite(static)
    np.testing.assert_array_equal(some.static_matrix()[:, 8:], ~known)


# How it is trained and stored


def test_run_is_stored_and_loaded(run: Path, model: PassModel, selection: TrackedSelection) -> None:
    record = json.loads((run / "run.json").read_text())
    assert record["longest_frames"] == int(selection.features.lengths.max())
    assert record["settings"]["sequence"]["encoder"] == "set"
    table = predict_plays(model, selection.plays, features=selection.features)
    assert table["tracked"].all()
    assert table["fold"].null_count() == 0
    held_out = json.loads((run / "report.json").read_text())
    assert held_out["metrics"]["catch-point"]["crps"]["value"] == pytest.approx(
        table["crps"].mean()
    )


@pytest.mark.parametrize("seconds", [0.0, 0.7])
@pytest.mark.sample(1)
def test_live_predictor_of_the_run_gives_the_same_distributions(
    seconds: float, run: Path, model: PassModel, league: Path, selection: TrackedSelection
) -> None:
    block = read_tracking(league)[0][0]
    some = selection.features[np.arange(5)]
    keys = some.keys()
    assert keys.equals(block.plays.select("game_id", "play_id")[:5])
    high = selection.plays["yards_max"][:5].to_numpy(writable=True)
    # How far the ball flies bounds a return in play-by-play; live nobody knows it yet.
    low = np.full(5, YARDS[0])
    support = torch.from_numpy(YARDS).float()[:, None]
    shown = some.before_release(seconds)
    predictors = [(model.networks[:1], 0), (model.networks, None)]
    for networks, fold in predictors:
        expected = whole_yard_distribution(model.predict_distribution(shown, fold), low, high).cdf(
            support
        )
        predictor = PlayPredictor.load(run) if fold is None else PlayPredictor(networks)
        for play, situation in enumerate(play_contexts(block)[:5]):
            frames = block.frames[block.offsets[play] : block.offsets[play + 1]]
            frames = frames[: max(1, len(frames) - round(seconds * 10))]
            target = None if seconds else block.plays["target_slot"][play]
            found = predictor.forecast(situation, frames, target_slot=target)
            np.testing.assert_allclose(found.cdf, expected[:, play], atol=1e-5)


def test_predictions_do_not_depend_on_company(
    model: PassModel, selection: TrackedSelection
) -> None:
    together = predict_plays(model, selection.plays, features=selection.features)
    rows = np.array([11, 3, 200])
    apart = predict_plays(
        model, Plays.validate(selection.plays[rows]), features=selection.features[rows]
    )
    np.testing.assert_allclose(apart["crps"], together["crps"].to_numpy()[rows], rtol=1e-4)


def test_fewer_members_leave_seen_plays_out(selection: TrackedSelection, tmp_path: Path) -> None:
    model = workflows.train(selection, tmp_path / "run", settings=BRIEF).model
    held_out = workflows.read_evaluation(tmp_path / "run" / "report.json")
    assert len(model.networks) == 1
    unseen = workflows.keep_unseen(selection, model)
    folds = [model.fold_of_game[game] for game in unseen.plays["game_id"]]
    assert set(folds) == {0}
    assert held_out.plays == len(folds) == len(unseen.plays)
    seen = len(selection.plays) - len(folds)
    assert unseen.left_out.row(0) == ("seen by every network", seen)
    with pytest.raises(RunError, match=f"trained on {seen} of the {len(selection.plays)} plays"):
        predict_plays(model, selection.plays, features=selection.features)


def test_training_goes_on_from_another_run(
    run: Path, model: PassModel, selection: TrackedSelection, tmp_path: Path
) -> None:
    still = replace(TINY, fit=replace(TINY.fit, max_epochs=1, learning_rate=1e-12))
    again = workflows.train(selection, tmp_path / "on", settings=still, initial=run)
    for ours, theirs in zip(again.model.networks, model.networks, strict=True):
        for name, value in ours.state_dict().items():
            torch.testing.assert_close(value, theirs.state_dict()[name], rtol=1e-5, atol=1e-6)
    wider = replace(still, width=16)
    with pytest.raises(RequestError, match="networks of another shape"):
        workflows.train(selection, tmp_path / "wider", settings=wider, initial=run)


def test_run_of_tracking_refuses_play_by_play(run: Path, tiny_league: League) -> None:
    with pytest.raises(RunError, match="reads tracking but the data are play-by-play"):
        workflows.score(run, tiny_league.plays)


def test_settings_for_other_data_are_refused(selection: TrackedSelection, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="settings are for play-by-play, but the data are trac"):
        workflows.train(selection, tmp_path / "run", settings=ModelSettings())


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (
            {"outcome": Outcome.EPA, "family": "sbp"},
            "encoder 'set' predicts yards, got outcome 'epa'",
        ),
        (
            {"sequence": SequenceSettings(encoder="tcn")},
            "encoder 'tcn' does not know the catch point",
        ),
    ],
)
def test_encoders_that_do_not_fit_the_rest_are_refused(bad: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        replace(TINY, **bad)


@pytest.mark.parametrize("bad", [{"encoder": "deep"}, {"prefix_share": 1.5}, {"catch_floor": 1.0}])
def test_settings_out_of_range_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(RequestError, match=next(iter(bad))):
        SequenceSettings(**bad)  # type: ignore[arg-type]


# Who it is compared with


@pytest.fixture(scope="module")
def ours(model: PassModel, selection: TrackedSelection) -> pl.DataFrame:
    """The run's own predictions."""
    return predict_plays(model, selection.plays, features=selection.features)


@pytest.mark.parametrize("name", TRACKING_BASELINES)
@pytest.mark.sample(2)
def test_every_baseline_holds_out_the_same_plays(
    name: str,
    run: Path,
    ours: pl.DataFrame,
    selection: TrackedSelection,
    league: Path,
    tmp_path: Path,
) -> None:
    truth = pl.read_parquet(league / "truth.parquet")
    baseline = fit_baseline(
        name,
        load_run(run),
        selection.plays,
        work=tmp_path,
        features=selection.features,
        truth=truth,
    )
    theirs = predict_plays(baseline, selection.plays, features=selection.features)
    keys = ["game_id", "play_id", "fold", "observed"]
    assert theirs.select(keys).equals(ours.select(keys))
    if name == "oracle":
        order = selection.features.keys().join(
            truth.with_columns(
                pl.col("old_game_id").cast(pl.Int64), pl.col("play_id").cast(pl.Int64)
            ),
            left_on=["game_id", "play_id"],
            right_on=["old_game_id", "play_id"],
            how="left",
            maintain_order="left",
        )
        crps = oracle_distribution(order).crps(order["yards"].to_numpy())
        np.testing.assert_allclose(theirs["crps"], crps, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_shares_of_the_gap_run_from_climatology_to_the_oracle(
    run: Path, tensors: PlayTensors, league: Path
) -> None:
    evaluated = workflows.evaluate(
        run,
        tensors,
        against=("climatology", "oracle"),
        truth=league / "truth.parquet",
    )
    shares = evaluated.evaluation.gap_closed
    crps = {name: row["crps"].value for name, row in evaluated.evaluation.metrics.items()}
    assert (shares["climatology"].value, shares["oracle"].value) == (0, 1)
    ours = (crps["climatology"] - crps["catch-point-set"]) / (crps["climatology"] - crps["oracle"])
    assert shares["catch-point-set"].value == pytest.approx(ours)


def test_release_alone_has_no_distributions_by_time(
    selection: TrackedSelection, tmp_path: Path
) -> None:
    settings = replace(BRIEF, sequence=replace(TINY.sequence, prefix_share=0.0))  # type: ignore[type-var]
    workflows.train(selection, tmp_path / "run", settings=settings)
    evaluated = workflows.evaluate(tmp_path / "run", selection.features.tensors)
    assert evaluated.by_time == OverTime({}, {})


def test_validation_holds_prefixes_as_training_does_and_no_mirrors(
    selection: TrackedSelection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[SequenceDataset] = []

    def note(_network: object, *datasets: SequenceDataset, **_options: object) -> FitResult:
        seen.extend(datasets)
        return FitResult(0, 0.0, (0.0,))

    monkeypatch.setattr("dropback.models._train.fit", note)
    workflows.train(selection, tmp_path / "run", settings=replace(TINY, members=1))
    training, validation = seen
    assert (training.prefix_share, validation.prefix_share) == (0.6, 0.6)
    assert training.augment is not None
    assert validation.augment is None


def test_oracle_wants_the_truth(run: Path, tensors: PlayTensors) -> None:
    with pytest.raises(RequestError, match=r"name its truth\.parquet"):
        workflows.evaluate(run, tensors, against=("oracle",))


def test_no_gap_without_both_ends(model: PassModel, selection: TrackedSelection) -> None:
    table = predict_plays(model, selection.plays, features=selection.features)
    assert evaluate(selection.plays, {"sbp": table, "climatology": table}).gap_closed == {}


def test_members_are_bounded_by_the_folds() -> None:
    assert ModelSettings().networks == 5
    with pytest.raises(RequestError, match=r"members must be in \[1, 5\], got 6"):
        ModelSettings(members=6)
