"""Tracking leaves as long frames and as a torch dataset."""

import builtins
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch.utils.data import DataLoader

from dropback.errors import RequestError
from dropback.tracking import (
    PlayBlock,
    PlayDataset,
    PlayTensors,
    build_tensors,
    collate_plays,
    read_tracking,
)
from dropback.tracking._dataset import mirrored
from examples.simulated_plays import write_throws


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few throws of a simulated league."""
    return write_throws(tmp_path_factory.mktemp("exports") / "league", 12, seed=8)


@pytest.fixture(scope="module")
def block(folder: Path) -> PlayBlock:
    return read_tracking(folder)[0][0]


@pytest.fixture(scope="module")
def tensors(folder: Path) -> PlayTensors:
    return build_tensors(folder, folder.parent / "tensors")[0]


def test_long_frames_are_the_rows_of_the_source(block: PlayBlock, folder: Path) -> None:
    rows = block.to_polars()
    file = pl.read_parquet(next(folder.glob("tracking_week_*.parquet")))
    # Plays to the right are in the source as they are; the last frame is that of the release.
    right = file.filter(pl.col("playDirection") == "right")
    both = rows.filter(pl.col("side") != "ball").join(
        right.with_columns(nflId=pl.col("nflId").cast(pl.Int64)),
        left_on=["game_id", "play_id", "source_frame", "player_id"],
        right_on=["gameId", "playId", "frameId", "nflId"],
    )
    assert len(both) > 22 * 20
    np.testing.assert_allclose(both["x_yd"], both["x"], atol=1e-3)
    np.testing.assert_allclose(both["speed_yd_per_s"], both["s"], atol=1e-3)
    assert (both["display_name"] == both["displayName"]).all()
    first = rows.filter(pl.col("frame") == 0)
    snapped = file.filter(pl.col("event") == "ball_snap").select("playId", "frameId").unique()
    shown = first.select("play_id", "source_frame").unique().sort("play_id").rows()
    assert shown == [r for r in snapped.sort("playId").rows() if r[0] in first["play_id"]]
    assert (rows["seconds"] * 10 - rows["frame"]).abs().max() < 1e-9


def test_pandas_has_the_same_rows(block: PlayBlock, monkeypatch: pytest.MonkeyPatch) -> None:
    table = block.to_pandas()
    assert table["display_name"].tolist() == block.to_polars()["display_name"].to_list()
    imported = builtins.__import__

    def without_pandas(name: str, *rest: object, **more: object) -> object:
        if name == "pandas":
            raise ImportError(name)
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(RequestError, match="pip install 'dropback"):
        block.to_pandas()


def test_batches_are_padded_and_masked(tensors: PlayTensors) -> None:
    loader = DataLoader(PlayDataset(tensors), batch_size=5, collate_fn=collate_plays)
    seen = 0
    for batch in loader:
        for place, play in enumerate(batch["play"].tolist()):
            own = torch.from_numpy(np.array(tensors.frames_of(play)))
            length = int(batch["lengths"][place])
            assert length == len(own) == int(batch["mask"][place].sum())
            assert torch.equal(batch["players"][place, :length].nan_to_num(), own.nan_to_num())
            assert not batch["players"][place, length:].any()
            assert int(batch["target_slot"][place]) == tensors.plays["target_slot"][play]
            seen += 1
    assert seen == len(tensors)


def test_a_mirror_turns_the_field_over_its_long_axis(tensors: PlayTensors) -> None:
    plain, turned = PlayDataset(tensors)[0], PlayDataset(tensors, mirror=1.0)[0]
    target = [int(item["target_slot"]) for item in (plain, turned)]
    one, other = (
        item["players"][:, slot] for item, slot in zip((plain, turned), target, strict=True)
    )
    # The same receiver: as far upfield, on the other side, running the other way across.
    torch.testing.assert_close(other[:, 0], one[:, 0])
    torch.testing.assert_close(other[:, 1], -one[:, 1])
    moving = one[:, 2:4].norm(dim=-1) > 1
    angle = torch.deg2rad(other[moving, 6])
    heading = torch.stack([angle.sin(), angle.cos()], -1)
    expected = one[moving, 2:4] * torch.tensor([1.0, -1.0])
    expected = expected / expected.norm(dim=-1, keepdim=True)
    assert (heading * expected).sum(-1).median() > 0.9
    again = mirrored(mirrored(plain["players"].numpy()))
    np.testing.assert_allclose(again[..., :6], plain["players"][..., :6], atol=1e-6)


def test_a_mirror_that_is_no_share_is_refused(tensors: PlayTensors) -> None:
    with pytest.raises(ValueError, match="must be a share"):
        PlayDataset(tensors, mirror=2)
