"""How to mix the networks of a throw with the trees: whole, or given what happens to the ball.

Fits the trees of every fold and of all games, and some of the networks, on the seasons before the
one that is judged, and prints the scores of that season by which trees predict it and by the share
of the networks beside all of them. "Whole" mixes their distributions as they are; "given"
lets the trees say what happens to the ball and takes from the networks how far it goes then. A
killed study goes on from its folder.

    python research/pool_study.py ../shared/data/pbp --judged 2020 --out pool/2020
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from _throw_pools import forecast_of
from dropback import workflows
from dropback.data._features import feature_matrix
from dropback.data._tables import Outcome, PlaySet
from dropback.evaluation import evaluate
from dropback.models import THROW_MODEL
from dropback.models._grid import GRIDS, whole_yard_masses
from dropback.models._model import with_shares
from dropback.models._network import network_inputs
from dropback.models._store import schema_of
from dropback.models._train import Training, assign_folds
from dropback.models.baselines import with_one_return
from dropback.models.baselines._forecasts import with_climatology

SHARES = (0.05, 0.1, 0.2, 0.3)


def main() -> None:
    """Fit what the folder lacks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of play_by_play_*.parquet")
    parser.add_argument("--judged", type=int, required=True, help="season to predict")
    parser.add_argument("--history", type=int, default=9, help="seasons before it to learn from")
    parser.add_argument("--networks", type=int, default=1, help="of the five")
    parser.add_argument("--out", type=Path, required=True, help="folder of the fits")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    season = arguments.judged
    plays = workflows.read_plays(arguments.data, seasons=[season]).plays
    past = range(season - arguments.history, season)
    learned = workflows.read_plays(arguments.data, seasons=past).plays
    schema = schema_of(THROW_MODEL, PlaySet(plays["play_set"][0]))
    arguments.out.mkdir(parents=True, exist_ok=True)
    folds = assign_folds(learned["game_id"].to_list(), THROW_MODEL.folds, seed=0)
    matrix = feature_matrix(learned, schema)
    training = Training(learned, matrix, schema, THROW_MODEL, 0, arguments.out, folds)
    trees = training.boosted()
    networks = [training.network(fold)[0] for fold in range(arguments.networks)]

    features = feature_matrix(plays, schema)
    of_folds, of_all = trees[: THROW_MODEL.folds], trees[THROW_MODEL.folds :]
    by_trees = {
        name: np.mean([each.masses(features) for each in fits], axis=0)
        for name, fits in {
            "trees of the folds": of_folds,
            "of all games": of_all,
            "of both": trees,
        }.items()
    }
    shares = np.mean([each.shares(features) for each in trees], axis=0)
    counts = GRIDS[Outcome.YARDS].counts(learned["yards"].to_numpy())
    logits = torch.from_numpy(shares).log().float()
    with torch.inference_mode():
        inputs = network_inputs(features, THROW_MODEL, schema)
        whole = [network(*inputs) for network in networks]
        kinds = {"whole": whole, "given": [with_shares(each, logits) for each in whole]}
        from_networks = {
            kind: np.mean([whole_yard_masses(part) for part in parts], axis=0)
            for kind, parts in kinds.items()
        }
    examples = training.examples()
    recipe = np.mean(
        [
            with_climatology(with_one_return(each, examples).masses(features), counts)
            for each in of_folds
        ],
        axis=0,
    )
    pools = {"hazard": recipe} | {
        f"{name}, .5 % climatology": with_climatology(masses, counts)
        for name, masses in by_trees.items()
    }
    for share in SHARES:
        for kind, masses in from_networks.items():
            pools[f"{kind}, {share:g}"] = (1 - share) * by_trees["of both"] + share * masses

    result = evaluate(plays, {name: forecast_of(plays, masses) for name, masses in pools.items()})
    print(f"{season}, {result.plays:,} plays, {len(networks)} of {THROW_MODEL.folds} networks\n")
    print("| pool | MAE | CRPS | log score | PIT distance |\n|---|---|---|---|---|")
    for name, row in result.metrics.items():
        numbers = (f"{row[metric].value:.4f}" for metric in ("mae", "crps", "log_score"))
        print(f"| {name} | {' | '.join(numbers)} | {result.pit_distance[name]:.4f} |")


if __name__ == "__main__":
    main()
