import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dropback.tracking.tensors._play_tensors import SCHEMA, PartJoiner

ROW_NUMBERS = {"players": 22 * 8, "engineered": 17, "static": 8}


def write_part(folder: Path, plays: dict[int, int]) -> Path:
    """A part of plays by their frames; every number of a play is its key."""
    folder.mkdir()
    for name, numbers in ROW_NUMBERS.items():
        rows = [1 if name == "static" else frames for frames in plays.values()]
        values = np.repeat(list(plays), np.array(rows) * numbers).astype("<f4")
        (folder / f"{name}.f32").write_bytes(values.tobytes())
    pl.DataFrame(
        {"game_id": [7] * len(plays), "play_id": list(plays), "frames": list(plays.values())}
    ).with_columns(
        lacks=pl.lit([], pl.List(pl.String)), derived=pl.lit([], pl.List(pl.String))
    ).write_parquet(folder / "plays.parquet")
    return folder


def test_parts_are_appended_in_order_without_plays_that_are_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with PartJoiner(out) as joiner:
        joiner.join_part(write_part(tmp_path / "a", {3: 2, 1: 1}))
        joiner.join_part(write_part(tmp_path / "b", {1: 4, 2: 3}))
        joiner.finish({})
    static = np.fromfile(out / "static.f32", "<f4").reshape(-1, 8)
    players = np.fromfile(out / "players.f32", "<f4").reshape(-1, 22, 8)
    assert static[:, 0].tolist() == [3, 1, 2]
    assert players[:, 21, 7].tolist() == [3, 3, 1, 2, 2, 2]
    assert json.loads((out / SCHEMA).read_text())["frames"] == 6


def test_a_part_that_cannot_be_copied_stops_the_join(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    lost = write_part(tmp_path / "a", {1: 2})
    (lost / "engineered.f32").unlink()
    with PartJoiner(out) as joiner:
        joiner.join_part(lost)
        with pytest.raises(FileNotFoundError, match=r"engineered\.f32"):
            joiner.finish({})
        with pytest.raises(FileNotFoundError, match=r"engineered\.f32"):
            joiner.join_part(write_part(tmp_path / "b", {2: 2}))
    assert not (out / SCHEMA).exists()
