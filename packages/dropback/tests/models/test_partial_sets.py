"""Sets that lack players: what a network reads of them, and how it is trained for them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dropback import workflows
from dropback.errors import RequestError, TrackingError
from dropback.models import PLAY_NETWORK, PLAY_NETWORKS, SequenceSettings
from dropback.models._frame_columns import PLAYER_WIDTH
from dropback.models._network import build_network, network_inputs
from dropback.models._play_batches import tracking_schema
from dropback.models._play_network import PlayNetwork
from dropback.tracking import PlayDataset, PlayTensors, build_tensors, collate_plays
from dropback.workflows import TrackedSelection
from examples.simulated_plays import write_throws
from examples.tracking_sets import MadePlay, made_set
from splicedpareto.training import FitSettings

TINY = replace(
    PLAY_NETWORK,
    folds=2,
    members=1,
    width=8,
    fit=FitSettings(max_epochs=1, batch_size=64, learning_rate=2e-3),
    sequence=SequenceSettings(
        channels=8, levels=2, player_width=8, prefix_share=0.5, player_dropout=0.5
    ),
)
RECEIVER = 8
DEFENDERS = [12, 15, 20]


@pytest.fixture(scope="module")
def tensors(tmp_path_factory: pytest.TempPathFactory) -> PlayTensors:
    folder = tmp_path_factory.mktemp("partial")
    return build_tensors(write_throws(folder / "league", 240, seed=4), folder / "tensors")[0]


@pytest.fixture(scope="module")
def selection(tensors: PlayTensors) -> TrackedSelection:
    chosen = workflows.read_plays(tensors)
    assert isinstance(chosen, TrackedSelection)
    return chosen


@pytest.fixture(scope="module")
def network(selection: TrackedSelection) -> PlayNetwork:
    built = build_network(TINY, 0, seed=1, inputs=selection.features)
    assert isinstance(built, PlayNetwork)
    # The last layers begin at 0, with which nothing would depend on a player.
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weights in built.parameters():
            weights.add_(0.2 * torch.randn(weights.shape, generator=generator))
    return built.eval()


def without(tensors: PlayTensors, slots: list[int]) -> PlayTensors:
    players = np.array(tensors.players)
    players[:, slots] = np.nan
    return replace(tensors, players=players)


@torch.no_grad()
def raw(network: PlayNetwork, selection: TrackedSelection, tensors: PlayTensors, cut: int):
    features = replace(selection.features, tensors=tensors, cut_frames=cut)
    return network.raw_parameters(*features.batch())


@pytest.mark.parametrize("cut", [0, 5], ids=["release", "before"])
@pytest.mark.sample(1)
def test_what_an_absent_player_would_be_changes_nothing(
    network: PlayNetwork, selection: TrackedSelection, tensors: PlayTensors, cut: int
) -> None:
    absent = without(tensors, DEFENDERS)
    seen = raw(network, selection, absent, cut)
    assert seen.isfinite().all()
    assert not torch.equal(seen, raw(network, selection, tensors, cut))
    # The state of a play is that of a play in which only the others were ever there: which of the
    # defense's slots are empty does not matter.
    order = [slot for slot in range(11, 22) if slot not in DEFENDERS]
    moved = np.array(absent.players)
    moved[:, 11:] = np.nan
    moved[:, 11 : 11 + len(order)] = absent.players[:, order]
    other = raw(network, selection, replace(absent, players=moved), cut)
    torch.testing.assert_close(seen, other, rtol=1e-5, atol=1e-5)


def test_nobody_throws_to_a_receiver_that_is_not_there(
    network: PlayNetwork, selection: TrackedSelection, tensors: PlayTensors
) -> None:
    odds = raw(network, selection, without(tensors, [RECEIVER]), 5)[..., 0].softmax(-1)
    assert (odds[:, RECEIVER - 6] == 0).all()
    torch.testing.assert_close(odds.sum(-1), torch.ones(len(odds)))
    assert (odds[:, 0] > 0).all()


def test_training_drops_players_but_never_passer_or_target(selection: TrackedSelection) -> None:
    some = selection.features[np.arange(64)]
    outcomes = (torch.arange(64.0),)
    options = {"prefix_share": 0.0, "mirror": False}
    plain = some.dataset(outcomes, **options)  # type: ignore[arg-type]
    dropping = some.dataset(outcomes, player_dropout=0.5, **options)  # type: ignore[arg-type]
    (batch,) = dropping.batches(64, 0)
    sequences, lengths, _, rows = dropping[batch]
    whole = plain[next(iter(plain.batches(64, 0)))][0]
    absent = sequences[:, 0, : 22 * PLAYER_WIDTH : PLAYER_WIDTH].isnan()
    places = some.target_places()[rows.long()]
    assert not absent[:, :6].any()
    assert not absent[torch.arange(64), 6 + places].any()
    dropped = absent.any(1)
    assert 16 < dropped.sum() < 48  # half of the plays
    torch.testing.assert_close(sequences[~dropped], whole[~dropped], equal_nan=True)
    # A player is absent in all frames or in none.
    last = sequences[torch.arange(64), lengths - 1, : 22 * PLAYER_WIDTH : PLAYER_WIDTH]
    assert torch.equal(last.isnan(), absent)


def test_network_is_trained_on_all_players_and_predicts_some(
    selection: TrackedSelection, tensors: PlayTensors, tmp_path: Path
) -> None:
    run = workflows.train(selection, tmp_path / "run", settings=TINY, seed=1)
    fewer = replace(selection.features, tensors=without(tensors, [*range(1, 6), 11, 12, 13, 14]))
    held_out = replace(selection, features=fewer)
    table = workflows.predict(run, workflows.keep_unseen(held_out, run.model))
    assert table["crps"].is_finite().all()


@pytest.mark.parametrize(
    ("layout", "players"), [("bdb_2021", 17), ("bdb_2026", 15)], ids=["no linemen", "no ball"]
)
def test_partial_sets_become_tensors_with_a_mask(
    tmp_path: Path, layout: str, players: int, network: PlayNetwork
) -> None:
    source = made_set(layout, MadePlay(game=2023091000)).write(tmp_path / "set")
    tensors, _ = build_tensors(source, tmp_path / "tensors")
    batch = collate_plays([PlayDataset(tensors)[0]])
    assert int(batch["present"].sum()) == players
    assert batch["players"][0, :, batch["present"][0]].isfinite().all()
    assert batch["players"][0, :, ~batch["present"][0]].isnan().all()
    chosen = workflows.read_plays(tensors)
    assert isinstance(chosen, TrackedSelection)
    with torch.no_grad():
        assert network.raw_parameters(*chosen.features.batch()).isfinite().all()
    with pytest.raises(RequestError, match="reads all 22 players, and the set lacks some"):
        network_inputs(chosen.features, PLAY_NETWORKS["tcn"], tracking_schema())


def test_a_play_without_its_passer_is_refused_by_name(
    selection: TrackedSelection, tensors: PlayTensors
) -> None:
    features = replace(selection.features, tensors=without(tensors, [0]))
    with pytest.raises(TrackingError, match="position and velocity of the passer"):
        features.batch()


def test_convolution_over_all_columns_takes_no_dropped_players() -> None:
    with pytest.raises(RequestError, match="player_dropout must be 0 with encoder 'tcn'"):
        SequenceSettings(encoder="tcn", player_dropout=0.1)
