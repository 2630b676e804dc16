"""Passers of a tracking league may differ in reads, apart from accuracy."""

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dropback.errors import RequestError
from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    oracle_distribution,
    oracle_throws,
    simulate_tracking_league,
    write_tracking_league,
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Path]:
    """Leagues whose passers differ in reads or do not."""
    folder = tmp_path_factory.mktemp("reads")
    for spread in (0.0, 0.2):
        settings = TrackingLeagueSettings(plays=300, reads_sd=spread)
        write_tracking_league(simulate_tracking_league(settings, seed=3), folder / str(spread))
    return {spread: folder / str(spread) for spread in (0.0, 0.2)}


def truth(folder: Path) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    """The truth, expected yards of a throw to each receiver, and of the best who runs a route."""
    table = pl.read_parquet(folder / "truth.parquet")
    yards = oracle_throws(table).mean().reshape(-1, 5)
    return table, yards, np.where(table["blocks"].to_numpy(), -np.inf, yards).max(axis=1)


@pytest.mark.slow
def test_the_throw_to_the_target_is_one_of_the_five(folders: dict[float, Path]) -> None:
    for folder in folders.values():
        table, yards, _ = truth(folder)
        chosen = oracle_distribution(table).mean()
        assert np.abs(yards - chosen[:, None]).min(axis=1).max() < 1e-9


def test_who_reads_well_throws_to_the_best(folders: dict[float, Path]) -> None:
    table, _, best = truth(folders[0.2])
    passers = pl.read_parquet(folders[0.2] / "passers.parquet")
    assert passers["reads"].is_between(0, 0.8).all()
    reads = table.join(passers, on=["passer_player_id", "season"], how="left")["reads"].to_numpy()
    is_best = oracle_distribution(table).mean() > best - 1e-9
    # Without the trait few first reads are the best; the rest of the difference is the trait.
    untrained, _, there = truth(folders[0.0])
    base = (oracle_distribution(untrained).mean() > there - 1e-9).mean()
    expected = reads + (1 - reads) * base
    z = (is_best.mean() - expected.mean()) / np.sqrt(
        (expected * (1 - expected)).mean() / len(reads)
    )
    assert abs(z) < 4
    upper = reads > np.median(reads)
    assert is_best[upper].mean() > is_best[~upper].mean() + 0.1


def test_without_it_the_league_is_as_it_was(folders: dict[float, Path]) -> None:
    assert "reads" not in pl.read_parquet(folders[0.0] / "passers.parquet").columns
    # The plays of the release before the trait, on the same seed.
    rows = (folders[0.0] / "plays.csv").read_bytes()
    assert hashlib.sha256(rows).hexdigest()[:16] == "5a5f5e90e73ca939"


def test_a_spread_beyond_its_range_is_refused() -> None:
    with pytest.raises(RequestError, match=r"reads_sd must be from 0 to 0\.25, got 0\.5"):
        TrackingLeagueSettings(reads_sd=0.5)
