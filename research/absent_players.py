"""What a play network loses where players or the ball are absent, trained for that or not.

python research/absent_players.py [--plays N] [--epochs N] [--seed N]

Two runs on one simulated league, the second with players dropped at random from a share of its
plays (`--drop-players`). Both predict every play out of fold: as it is; without the linemen of both
sides, as the Big Data Bowl 2021; with the passer, the target, two more receivers and four
defenders alone, as plays of 2026; and from files without the ball. CRPS in yards, and the mean of
the paired difference between the runs with its standard error over games.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from dropback import workflows
from dropback.models import PLAY_NETWORK
from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    oracle_distribution,
    simulate_tracking_league,
    write_tracking_league,
)
from dropback.tracking import PlayTensors, build_tensors

DROPPED = 0.3
# The league's line-ups: the offense's line, and the four who rush first.
LINEMEN = [*range(1, 6), *range(11, 15)]


def without_linemen(tensors: PlayTensors) -> PlayTensors:
    """The same plays without both lines."""
    players = np.array(tensors.players)
    players[:, LINEMEN] = np.nan
    return replace(tensors, players=players)


def few(tensors: PlayTensors, generator: np.random.Generator) -> PlayTensors:
    """The passer, the target, two more receivers and four defenders of each play, by lot."""
    players = np.array(tensors.players)
    targets = tensors.plays["target_slot"].to_numpy()
    for play, target in enumerate(targets):
        others = [slot for slot in range(6, 11) if slot != target]
        kept = [0, target, *generator.choice(others, 2, replace=False)]
        kept += list(generator.choice(np.arange(11, 22), 4, replace=False))
        absent = np.setdiff1d(np.arange(22), kept)
        players[tensors.offsets[play] : tensors.offsets[play + 1], absent] = np.nan
    return replace(tensors, players=players)


def without_ball(league: Path, folder: Path) -> PlayTensors:
    """Tensors of the league's files without their rows of the ball."""
    bare = folder / "bare"
    bare.mkdir()
    for file in league.iterdir():
        if file.name.startswith("tracking_week"):
            pl.read_parquet(file).filter(pl.col("club") != "football").write_parquet(
                bare / file.name
            )
        elif file.suffix == ".csv":
            (bare / file.name).write_bytes(file.read_bytes())
    return build_tensors(bare, folder / "bare-tensors")[0]


def main() -> None:
    """Train both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plays", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    generator = np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        league = folder / "league"
        made = simulate_tracking_league(
            TrackingLeagueSettings(plays=arguments.plays), seed=arguments.seed
        )
        write_tracking_league(made, league)
        tensors = build_tensors(league, folder / "tensors")[0]
        views = {
            "all players": tensors,
            "without linemen": without_linemen(tensors),
            "eight players": few(tensors, generator),
            "without the ball": without_ball(league, folder),
        }
        selection = workflows.read_plays(tensors)
        assert isinstance(selection, workflows.TrackedSelection)
        sequence = PLAY_NETWORK.sequence
        assert sequence is not None
        fit = replace(PLAY_NETWORK.fit, max_epochs=arguments.epochs)
        settings = replace(PLAY_NETWORK, folds=2, members=2, fit=fit)
        found: dict[tuple[str, float], np.ndarray] = {}
        for share in (0.0, DROPPED):
            chosen = replace(settings, sequence=replace(sequence, player_dropout=share))
            run = workflows.train(
                selection, folder / f"run-{share}", settings=chosen, seed=arguments.seed
            )
            for name, view in views.items():
                features = replace(selection.features, tensors=view)
                table = workflows.predict(run, replace(selection, features=features))
                found[name, share] = table["crps"].to_numpy()
        games = selection.plays["game_id"]
        truth = pl.read_parquet(league / "truth.parquet")
        average = oracle_distribution(truth)
        yards = np.arange(-110, 101)
        below = truth["yards"].to_numpy()[:, None] <= yards
        oracle = np.square(average.cdf(yards[None, :]) - below).sum(axis=1).mean()
    print(f"{len(games):,} plays, {arguments.epochs} epochs; oracle {oracle:.3f}")
    print("| seen | trained on all | players dropped | difference | standard error |")
    for name in views:
        plain, dropped = found[name, 0.0], found[name, DROPPED]
        by_game = (
            pl.DataFrame({"game": games, "gain": dropped - plain})
            .group_by("game")
            .agg(pl.col("gain").sum(), pl.len())
        )
        gain = by_game["gain"].to_numpy()
        mean = gain.sum() / len(plain)
        error = np.sqrt(np.square(gain - mean * by_game["len"].to_numpy()).sum()) / len(plain)
        print(f"| {name} | {plain.mean():.3f} | {dropped.mean():.3f} | {mean:+.3f} | {error:.3f} |")


if __name__ == "__main__":
    main()
