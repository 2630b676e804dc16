"""Recover reads and accuracy of simulated passers from their decisions and their execution.

A tracking league whose passers differ in two traits, independent of each other: accuracy
(``skill_yd``) and reads, the probability that they throw to the best receiver. Play networks learn
from half of the games each; every play is valued by the network that never saw its game. Printed
are, for passers with many throws, the rank correlation of each number with each trait, the same by
the true distributions, and how near the network's expected yards of a throw to another receiver
come to the true ones.

    python research/decisions.py --plays 18000
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from scipy.stats import spearmanr

from dropback import workflows
from dropback.models import PLAY_NETWORK
from dropback.ranking import reliability
from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    oracle_distribution,
    oracle_throws,
    simulate_tracking_league,
    write_tracking_league,
)
from dropback.tracking import build_tensors

NUMBERS = ("decision", "decision_average", "execution", "time", "yards")


def main() -> None:
    """Simulate, train and compare, each where the folder does not hold it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plays", type=int, default=18_000)
    parser.add_argument("--reads-sd", type=float, default=0.13)
    parser.add_argument("--epochs", type=int, default=PLAY_NETWORK.fit.max_epochs)
    parser.add_argument("--least", type=int, default=300, help="throws that a passer needs")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("runs/decisions"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    league, tensors, run = (arguments.out / name for name in ("league", "tensors", "run"))
    if not league.exists():
        settings = TrackingLeagueSettings(plays=arguments.plays, reads_sd=arguments.reads_sd)
        write_tracking_league(simulate_tracking_league(settings, seed=arguments.seed), league)
    if not tensors.exists():
        build_tensors(league, tensors)
    if not run.exists():
        fit = replace(PLAY_NETWORK.fit, max_epochs=arguments.epochs)
        workflows.train(tensors, run, settings=replace(PLAY_NETWORK, folds=2, fit=fit))
    truth = pl.read_parquet(league / "truth.parquet").with_columns(
        pl.col("old_game_id").cast(pl.String), pl.col("play_id").cast(pl.Int64)
    )
    # The feed's keys of passers are numbers, play-by-play's are text.
    keys = truth.select("old_game_id", "play_id", "passer_player_id")
    table = workflows.decisions(run, tensors).drop("passer_player_id")
    table = table.drop("old_game_id").rename({"game_id": "old_game_id"})
    table = table.join(keys, on=["old_game_id", "play_id"]).with_columns(game_id="old_game_id")
    print_others(table, truth)
    print_traits(table, league, arguments.least)


def print_others(table: pl.DataFrame, truth: pl.DataFrame) -> None:
    """How near the expected yards of throws to others come to the true ones."""
    ours = table.select(
        *("old_game_id", "play_id"),
        ours=pl.col("expected_yards"),
        choice=pl.col("chosen_yards"),
    )
    yards = oracle_throws(truth).mean().reshape(-1, 5)
    shown = truth.select("old_game_id", "play_id", "blocks").with_columns(
        pl.Series("true", yards), pl.Series("chosen", oracle_distribution(truth).mean())
    )
    both = ours.join(shown, on=["old_game_id", "play_id"])
    chosen = np.corrcoef(both["choice"], both["chosen"])[0, 1]
    best = np.where(both["blocks"].to_numpy(), -np.inf, both["true"].to_numpy()).max(axis=1)
    found = both["ours"].list.max().to_numpy()
    print(
        f"{len(both):,} plays; expected yards, ours and true: of the chosen throw r {chosen:.3f},"
    )
    print(
        f"of the best of all receivers r {np.corrcoef(found, best)[0, 1]:.3f}, mean "
        f"{found.mean():.2f} and {best.mean():.2f}"
    )


def print_traits(table: pl.DataFrame, league: Path, least: int) -> None:
    """Rank correlation of each number with each trait, and its reliability."""
    traits = (
        pl.read_parquet(league / "passers.parquet")
        .group_by("passer_player_id")
        .agg(pl.col("skill_yd", "reads").mean())
    )
    means = (
        table.group_by("passer_player_id")
        .agg(pl.len().alias("plays"), pl.col(*NUMBERS).mean())
        .filter(pl.col("plays") >= least)
        .join(traits, on="passer_player_id")
    )
    print(f"{len(means)} passers of at least {least} throws, median {means['plays'].median():.0f}")
    print("| | reads | accuracy | half of the variance is skill at |\n|---|---|---|---|")
    for name in NUMBERS:
        correlations = [spearmanr(means[name], means[t]).statistic for t in ("reads", "skill_yd")]
        scored = table.filter(pl.col(name).is_not_null()).with_columns(play_score=name)
        half = reliability(scored, by="passer", replicates=100).half
        print(f"| {name} | {correlations[0]:.2f} | {correlations[1]:.2f} | {half:,.0f} throws |")


if __name__ == "__main__":
    main()
