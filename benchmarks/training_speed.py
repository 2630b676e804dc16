"""How long do a training step and scoring a season of play-by-play take, before and after a change?

Plays are simulated, weights are random: nothing is downloaded or trained. Alone it prints
milliseconds of this tree; with ``--before`` it alternates processes of another tree with those of
this one, on the same machine in the same minutes, and prints medians and the median of the ratios.

    python benchmarks/training_speed.py
    python benchmarks/training_speed.py --before ../before/src --rounds 7
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import torch

from dropback.simulation import LeagueSettings, simulate_league

try:
    from dropback.data._features import feature_matrix, feature_schema
    from dropback.data._play_by_play import read_play_by_play
    from dropback.data._selection import select_plays
    from dropback.data._tables import PlaySet
    from dropback.models import ModelSettings
    from dropback.models._model import PassModel
    from dropback.models._network import build_network, observed_targets, training_objective
    from dropback.models._predict import predict_plays
except ModuleNotFoundError:  # a tree of 0.1
    from dropback.features.play_by_play import (  # type: ignore[import-not-found,no-redef]
        feature_matrix,
        feature_schema,
    )
    from dropback.model import (  # type: ignore[import-not-found,no-redef]
        ModelSettings,
        PassModel,
        build_network,
        observed_targets,
        training_objective,
    )
    from dropback.prediction import (  # type: ignore[import-not-found,no-redef]
        predict as predict_plays,
    )
    from dropback.readers.play_by_play import (  # type: ignore[import-not-found,no-redef]
        read_play_by_play,
    )
    from dropback.selection import select_plays  # type: ignore[import-not-found,no-redef]
    from dropback.tables import PlaySet  # type: ignore[import-not-found,no-redef]

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS, SCORINGS = 60, 5


def milliseconds(work: Callable[[], object], repeat: int) -> float:
    """Median processor time of `work`, after two calls that are not counted."""
    durations = []
    for _ in range(repeat + 2):
        began = time.process_time()
        work()
        durations.append(1000 * (time.process_time() - began))
    return statistics.median(durations[2:])


def measure() -> dict[str, float]:
    """Milliseconds of a step on a batch, and of predicting a season by five networks."""
    torch.set_num_threads(1)
    league = simulate_league(LeagueSettings(seasons=(2021,)), seed=1)
    plays = select_plays(read_play_by_play(league.plays)).plays
    settings, schema = ModelSettings(), feature_schema(PlaySet.TARGETED)
    features = feature_matrix(plays, schema)
    networks = [
        build_network(settings, features.shape[1], seed=seed, inputs=features)
        for seed in range(settings.folds)
    ]
    network, objective = networks[0], training_objective(settings)
    rows = slice(settings.fit.batch_size)
    inputs = torch.from_numpy(features)[rows]
    targets = [target[rows] for target in observed_targets(plays, settings.outcome)]
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        objective(network(inputs), *targets).mean().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.fit.gradient_norm)
        optimizer.step()

    found = {"training step": milliseconds(step, STEPS)}
    ensemble = tuple(each.eval() for each in networks)
    model = PassModel(settings, schema, PlaySet.TARGETED, ensemble, {})
    found["scoring a season"] = milliseconds(lambda: predict_plays(model, plays), SCORINGS)
    return found


def in_process(source: str) -> dict[str, float]:
    """The same measured in a new process that imports from `source`."""
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, __file__, "--json"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print a row for each kind of work."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", help="sources of the tree to compare with")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each tree")
    parser.add_argument("--json", action="store_true", help="print the milliseconds as JSON")
    arguments = parser.parse_args()
    if arguments.before is None:
        found = measure()
        rows = [f"{name}: {value:.2f} ms" for name, value in found.items()]
        print(json.dumps(found) if arguments.json else "\n".join(rows))
        return
    now = os.environ.get("PYTHONPATH", "")
    pairs = [(in_process(arguments.before), in_process(now)) for _ in range(arguments.rounds)]
    print("| | before, ms | after, ms | ratio | lowest to highest |\n|---|---|---|---|---|")
    for name in pairs[0][0]:
        ratios = [after[name] / before[name] for before, after in pairs]
        medians = [statistics.median(found[name] for found in side) for side in zip(*pairs)]  # noqa: B905  # pairs
        print(
            f"| {name} | {medians[0]:.1f} | {medians[1]:.1f} | {statistics.median(ratios):.2f} | "
            f"{min(ratios):.2f} to {max(ratios):.2f} |"
        )


if __name__ == "__main__":
    main()
