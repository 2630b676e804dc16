"""Of files in a store the head is fetched, and it tells what the whole file tells."""

import gzip
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from dropback.errors import ReaderError
from dropback.storage import RemoteStore, write_output
from dropback.tracking.ingest import _heads as heads
from dropback.tracking.ingest._parts import find_parts
from dropback.tracking.readers import choose_formats
from examples.tracking_sets import MadePlay, made_set

ROWS = 20_000


@pytest.fixture
def table():
    """Rows of a week, many times, with players' ids that are text."""
    rows = made_set("bdb_2025", MadePlay(play=1)).tracking["tracking_week_1.csv"]
    noise = np.random.default_rng(0).normal(size=ROWS)
    return pl.concat([rows] * (ROWS // rows.height + 1))[:ROWS].with_columns(
        nflId=pl.format("00-{}", pl.col("nflId").fill_null(1)), x=noise, y=noise[::-1]
    )


def put(table, name, address):
    def write(path):
        if name.endswith(".parquet"):
            table.write_parquet(path, row_group_size=5_000)
        elif name.endswith(".gz"):
            path.write_bytes(gzip.compress(table.write_csv().encode(), 1))
        else:
            table.write_csv(path)

    write_output(f"{address}/{name}", write)


def described(url):
    parts, left_out = find_parts(url, choose_formats("auto"))
    return [(p.relative, p.layout.name, p.delimiter, p.ids, p.stamp) for p in parts], left_out


@pytest.fixture
def fetched(monkeypatch):
    """Bytes that were asked of stores."""
    counts = []
    for name in ("read_range", "fetch"):
        whole = getattr(RemoteStore, name)

        def counted(store, key, *rest, whole=whole, name=name):
            counts.append(rest[1] if name == "read_range" else store.size(key))
            return whole(store, key, *rest)

        monkeypatch.setattr(RemoteStore, name, counted)
    return counts


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_a_head_tells_layout_and_ids_for_a_fraction_of_the_bytes(
    table, ending, tmp_path, monkeypatch, fetched
):
    address = f"memory://{tmp_path.name}-{ending}"
    put(table, f"tracking_week_1.{ending}", address)
    whole = described(address)
    ((relative, layout, _, ids, _),) = whole[0]
    assert (relative, layout) == (f"tracking_week_1.{ending}", "bdb_2025")
    assert ids == {"player_id": "text"}
    everything = sum(fetched)
    fetched.clear()
    monkeypatch.setattr(heads, "_HEAD_BYTES", 20_000)
    assert described(address) == whole
    assert sum(fetched) < everything / 4


def test_what_is_no_parquet_and_what_has_no_layout_are_told_as_on_disk(
    table, tmp_path, monkeypatch
):
    monkeypatch.setattr(heads, "_HEAD_BYTES", 10)
    address = f"memory://{tmp_path.name}"
    put(table, "tracking_week_1.parquet", address)
    put(table.drop("x"), "tracking_week_2.parquet", address)
    write_output(f"{address}/tracking_week_3.parquet", lambda path: path.write_bytes(b"PAR1" * 9))
    parts, left_out = described(address)
    assert [part[0] for part in parts] == ["tracking_week_1.parquet"]
    reasons = dict(left_out)
    assert "but lacks x" in reasons[f"{address}/tracking_week_2.parquet"]
    assert "is not a readable Parquet file" in reasons[f"{address}/tracking_week_3.parquet"]
    with pytest.raises(ReaderError, match=f"{address}/tracking_week_2.parquet: a file of the"):
        described(f"{address}/tracking_week_2.parquet")


def test_a_process_that_reads_files_does_not_load_torch():
    code = "import sys, dropback.tracking.ingest._pipeline; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # our own code
    assert said.stdout.strip() == "False"
