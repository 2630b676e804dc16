"""A play is thrown to each receiver: the choice is judged apart from the throw."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from typer.testing import CliRunner

import dropback
from dropback import workflows
from dropback.cli import app as cli
from dropback.errors import RequestError
from dropback.models import ModelSettings, SequenceSettings
from dropback.models._decisions import LEAST_PROBABILITY, decide_plays
from dropback.models._frame_columns import PLAYER_WIDTH
from dropback.models._grid import YARDS
from dropback.models._model import PassModel, whole_yard_distribution
from dropback.models._play_batches import TrackedPlays
from dropback.models._store import load_run
from dropback.ranking import decision_board
from dropback.tracking import build_tensors
from dropback.tracking._schema import FIRST_RECEIVER
from dropback.tracking.tensors._features import NETWORK_QUANTITIES, PLAYER_QUANTITIES
from examples.simulated_plays import write_throws
from examples.trained_run import TrainedRun
from splicedpareto.training import FitSettings

SMALL = ModelSettings(
    family="catch-point",
    width=8,
    blocks=1,
    folds=2,
    fit=FitSettings(max_epochs=2, batch_size=64),
    sequence=SequenceSettings(channels=8, levels=2, player_width=8, prefix_share=0.6),
)


@pytest.fixture(scope="module")
def selection(tmp_path_factory: pytest.TempPathFactory) -> workflows.TrackedSelection:
    """Tracked throws of a few games."""
    folder = tmp_path_factory.mktemp("decisions")
    tensors = build_tensors(write_throws(folder / "league", 200, seed=6), folder / "tensors")[0]
    chosen = workflows.read_plays(tensors)
    assert isinstance(chosen, workflows.TrackedSelection)
    return chosen


@pytest.fixture(scope="module")
def run(selection: workflows.TrackedSelection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    workflows.train(selection, folder, settings=SMALL)
    return folder


@pytest.fixture(scope="module")
def model(run: Path) -> PassModel:
    return load_run(run).model


@pytest.fixture(scope="module")
def table(model: PassModel, selection: workflows.TrackedSelection) -> pl.DataFrame:
    return decide_plays(model, selection.plays, selection.features)


def changed(tracked: TrackedPlays, **arrays: object) -> TrackedPlays:
    return replace(tracked, tensors=replace(tracked.tensors, **arrays))


def expected_yards(table: pl.DataFrame) -> np.ndarray:
    return np.array(table["expected_yards"].to_list(), dtype=float)


def throws_at(model: PassModel, tracked: TrackedPlays, plays: pl.DataFrame) -> list[float]:
    """Mean of the first play's throw to each receiver, from its probabilities of whole yards."""
    fold = model.fold_of_game[plays["game_id"][0]]
    sequences, lengths, static = tracked[np.arange(1)].batch()
    low, high = (plays[name].to_numpy()[:1].copy() for name in ("yards_min", "yards_max"))
    last = int(lengths[0]) - 1
    orientation = [NETWORK_QUANTITIES.index(f"orientation_{p}") for p in ("sine", "cosine")]
    # The passer is slot 0; half a second is five frames and that of the release.
    sequences[0, max(last - 5, 0) :, orientation] = torch.nan
    found = []
    for slot in range(FIRST_RECEIVER, FIRST_RECEIVER + 5):
        thrown = sequences.clone()
        thrown[:, :, PLAYER_WIDTH - 1 : 22 * PLAYER_WIDTH : PLAYER_WIDTH] = 0
        thrown[0, last, slot * PLAYER_WIDTH + PLAYER_WIDTH - 1] = 1
        with torch.inference_mode():
            latent = model.networks[fold](thrown, lengths, static)
            whole = whole_yard_distribution(latent, low, high)
            masses = whole.log_prob(torch.from_numpy(YARDS).float()[:, None]).exp().numpy()[:, 0]
        found.append(float(masses @ YARDS))
    return found


def test_expected_yards_are_the_mean_of_the_throw_to_each_receiver(
    model: PassModel, selection: workflows.TrackedSelection, table: pl.DataFrame
) -> None:
    found = throws_at(model, selection.features, selection.plays)
    np.testing.assert_allclose(expected_yards(table)[0], found, atol=2e-3)


def test_numbers_are_differences_of_the_expected_yards(
    table: pl.DataFrame, selection: workflows.TrackedSelection
) -> None:
    place = selection.features.target_places().numpy()
    for row, at in zip(table.head(20).iter_rows(named=True), place[:20], strict=True):
        assert row["chosen_yards"] == row["expected_yards"][at]
        others = [
            (yards, share)
            for k, (yards, share) in enumerate(
                zip(row["expected_yards"], row["target_probability"], strict=True)
            )
            if k != at and yards is not None and share >= LEAST_PROBABILITY
        ]
        best = max(yards for yards, _ in others)
        average = sum(y * p for y, p in others) / sum(p for _, p in others)
        assert row["decision"] == pytest.approx(row["chosen_yards"] - best)
        assert row["decision_average"] == pytest.approx(row["chosen_yards"] - average)
        assert sum(filter(None, row["target_probability"])) == pytest.approx(1)


def test_execution_is_the_score_within_the_chosen_throw(
    run: Path, selection: workflows.TrackedSelection, table: pl.DataFrame
) -> None:
    scores = dropback.score(run, selection)
    np.testing.assert_allclose(table["execution"], scores["play_score"], atol=1e-6)


def test_a_choice_is_valued_without_outcome_target_and_the_passers_turn(
    model: PassModel, selection: workflows.TrackedSelection, table: pl.DataFrame
) -> None:
    plays, tracked = selection.plays, selection.features
    other_outcome = plays.with_columns(yards=pl.lit(0, plays.schema["yards"]))
    players = tracked.tensors.players.copy()
    ends = tracked.tensors.offsets[1:]
    orientation = PLAYER_QUANTITIES.index("orientation_deg")
    for end in ends:
        players[end - 6 : end, 0, orientation] = 17.0
    slots = pl.Series("target_slot", np.full(len(tracked.tensors.plays), 8), pl.Int8)
    for these, those in (
        (other_outcome, tracked),
        (plays, changed(tracked, players=players)),
        (plays, changed(tracked, plays=tracked.tensors.plays.with_columns(slots))),
    ):
        again = decide_plays(model, these, those)
        shown = expected_yards(again) if those is tracked else np.nan_to_num(expected_yards(again))
        before = expected_yards(table) if those is tracked else np.nan_to_num(expected_yards(table))
        # A receiver that is no longer the target may be no eligible one.
        alike = (shown != 0) & (before != 0)
        np.testing.assert_allclose(shown[alike], before[alike], atol=1e-5)
    seen = changed(tracked, players=np.where(np.arange(8) == orientation, 17.0, players))
    assert not np.allclose(expected_yards(decide_plays(model, plays, seen)), expected_yards(table))


def test_time_is_the_best_throw_less_the_best_half_a_second_before(
    table: pl.DataFrame, selection: workflows.TrackedSelection, model: PassModel
) -> None:
    reaches = selection.features.reaches(0.5)
    assert table["time"].is_null().to_list() == (~reaches).tolist()
    considered = np.array(table["target_probability"].to_list()[0]) >= LEAST_PROBABILITY
    considered[selection.features.target_places()[0]] = True
    tracked = selection.features
    now = throws_at(model, tracked, selection.plays)
    then = throws_at(model, tracked.before_release(0.5), selection.plays)
    brought = np.max(np.array(now)[considered]) - np.max(np.array(then)[considered])
    assert table["time"][0] == pytest.approx(brought, abs=2e-3)
    assert abs(brought) > 0.01


def test_a_board_has_each_number_with_its_interval_and_reliability(
    run: Path, selection: workflows.TrackedSelection
) -> None:
    table = workflows.decisions(run, selection)
    board = decision_board(table, min_attempts=1)
    mine = table.filter(pl.col("passer_player_id") == board["passer_player_id"][0])
    first = board.row(0, named=True)
    assert first["plays"] == len(mine)
    for name in ("decision", "execution", "time"):
        assert first[name] == pytest.approx(mine[name].mean())
        assert first[f"{name}_low"] <= first[name] <= first[f"{name}_high"]
        assert 0 <= first[f"{name}_reliability"] <= 1
    assert board["decision_rank"].is_sorted()
    with pytest.raises(RequestError, match="lacks decision, execution, time"):
        decision_board(selection.plays)


def test_the_splits_of_a_leaderboard_have_the_decisions_of_their_throws(
    run: Path, selection: workflows.TrackedSelection, tmp_path: Path
) -> None:
    table = workflows.decisions(run, selection)
    table.write_parquet(tmp_path / "decisions.parquet")
    dropback.score(run, selection).write_parquet(tmp_path / "scores.parquet")
    asked = ["--by", "passer", "--split", "depth=short", "--min-attempts", "1"]
    files = {"--decisions": "decisions.parquet", "--out": "board.parquet"}
    named = [str(part) for option, name in files.items() for part in (option, tmp_path / name)]
    done = CliRunner().invoke(
        cli, ["leaderboard", str(tmp_path / "scores.parquet"), *asked, *named]
    )
    assert done.exit_code == 0, done.output
    short = table.filter(pl.col("air_yards").is_between(0, 9))
    assert f"of {short.height} tracked throws" in done.output
    board = pl.read_parquet(tmp_path / "board.parquet").sort("passer_player_id")
    means = short.group_by("passer_player_id").agg(pl.col("decision", "time").mean())
    means = means.sort("passer_player_id")
    for name in ("decision", "time"):
        np.testing.assert_allclose(
            board[name].cast(float).fill_null(np.nan), means[name].fill_null(np.nan)
        )
    first = board.sort("rank").row(0, named=True)
    assert f"{first['decision']:.2f}" in done.output
    assert f"{first['decision_reliability']:.0%}" in done.output


def test_what_has_no_receivers_is_refused(
    model: PassModel, selection: workflows.TrackedSelection, trained: TrainedRun
) -> None:
    with pytest.raises(RequestError, match="encoder 'set'"):
        decide_plays(trained.model, selection.plays, selection.features)
    with pytest.raises(RequestError, match="play-by-play"):
        workflows.decisions(trained.run, trained.unseen)
    nobody = selection.features.tensors.plays.with_columns(target_slot=pl.lit(None, pl.Int8))
    with pytest.raises(RequestError, match="name none among the receivers"):
        decide_plays(model, selection.plays, changed(selection.features, plays=nobody))
