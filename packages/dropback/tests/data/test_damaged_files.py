"""A file that is damaged anywhere is read as it was, as other values, or refused in a sentence."""

from pathlib import Path

import numpy as np
import pytest

import dropback
from dropback.data._play_by_play import read_play_by_play
from dropback.errors import DropbackError
from dropback.simulation import League
from dropback.tracking import build_tensors, open_tracking
from dropback.tracking._storage import chunk_files, read_chunk, read_splits
from examples.simulated_plays import write_throws


def damage(content: bytes, random: np.random.Generator) -> bytes:
    """Flip a bit, cut the end off, or drop or zero some bytes."""
    place = int(random.integers(len(content)))
    changed = bytearray(content)
    match random.integers(4):
        case 0:
            changed[place] ^= 1 << int(random.integers(8))
        case 1:
            del changed[place:]
        case 2:
            del changed[place : place + 5]
        case 3:
            changed[place : place + 16] = bytes(len(changed[place : place + 16]))
    return bytes(changed)


def test_damaged_play_by_play_is_refused_in_a_sentence(tiny_league: League, tmp_path: Path) -> None:
    path = tmp_path / "play_by_play_2021.parquet"
    tiny_league.plays.head(300).write_parquet(path)
    content, random, refused = path.read_bytes(), np.random.default_rng(1), 0
    for _ in range(100):
        path.write_bytes(damage(content, random))
        try:
            read_play_by_play(tmp_path)
        except DropbackError as error:
            refused += 1
            assert str(path) in str(error)  # noqa: PT017  # of those that fail
    assert refused > 50


@pytest.mark.parametrize("kind", ["tensors", "plays"])
@pytest.mark.sample(1)
def test_damaged_tracking_is_refused_in_a_sentence(kind: str, tmp_path: Path) -> None:
    league = write_throws(tmp_path / "league", 20, seed=2)
    folder = tmp_path / kind
    if kind == "tensors":
        build_tensors(league, folder)
        files = [folder / name for name in ("schema.json", "offsets.npy", "plays.parquet")]
    else:
        dropback.ingest(league, folder)
        files = [path for path in folder.rglob("*.parquet") if path.name != "repeated.parquet"]

    def read() -> None:
        if kind == "tensors":
            open_tracking(folder)
        else:
            for chunk in chunk_files(folder):
                read_chunk(chunk)
                read_splits(chunk)

    random, refused = np.random.default_rng(2), 0
    for path in files:
        content = path.read_bytes()
        for _ in range(12):
            path.write_bytes(damage(content, random))
            try:
                read()
            except DropbackError:
                refused += 1
        path.write_bytes(content)
    assert refused > 4 * len(files)
    read()
