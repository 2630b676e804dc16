"""Which objective gives the best held-out distribution of yards? The choice behind `ModelSettings`.

Fits one network a fold with each objective on real targeted attempts (2018-2020 regular seasons)
and prints proper scores and calibration on the held-out games. ``exact, free scale`` is the trap
of the quantile splice, fitted here on purpose; `exact_interval_nll` refuses it.

    python research/objectives.py ../shared/data/pbp --folds 2
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch
from torch.utils.data import TensorDataset

from dropback.data._features import feature_matrix, feature_schema
from dropback.data._tables import Plays, PlaySet, Predictions
from dropback.evaluation._calibration import evaluate
from dropback.models import ModelSettings
from dropback.models._network import (
    build_network,
    exact_log_score,
    observed_interval,
    training_objective,
)
from dropback.models._predict import summarize_distributions
from dropback.models._train import assign_folds, split_fold
from dropback.workflows import read_plays
from splicedpareto.training import fit

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

DEFAULT = ModelSettings()
CASES: dict[str, tuple[ModelSettings, Callable[..., Tensor] | None]] = {
    "composite (default)": (DEFAULT, None),
    "composite, both tails 5 %": (replace(DEFAULT, lower_tail_mass=0.05), None),
    "composite, lower tail 2.5 %": (replace(DEFAULT, lower_tail_mass=0.025), None),
    "exact, tied scale": (replace(DEFAULT, objective="exact", tail_scale="tied"), None),
    "exact, free scale (the trap)": (DEFAULT, exact_log_score),
    "binned, no tails": (replace(DEFAULT, family="binned"), None),
}


def main() -> None:
    """Print a row a case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="folder of play_by_play_*.parquet")
    parser.add_argument("--folds", type=int, default=2, help="how many of the five folds to run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    plays = read_plays(arguments.data, seasons=(2018, 2019, 2020)).plays
    schema = feature_schema(PlaySet.TARGETED)
    features = torch.from_numpy(feature_matrix(plays, schema))
    tensors = (features, *observed_interval(plays))
    games = plays["game_id"].to_list()
    dealt = assign_folds(games, DEFAULT.folds, seed=0)
    print(
        f"{'objective':32}{'MAE':>8}{'CRPS':>8}{'log score':>11}{'PP error':>10}"
        f"{'lower 1 %':>11}{'upper 1 %':>11}{'seconds':>9}"
    )
    for name, (settings, objective) in CASES.items():
        tables, rows, seconds = [], [], 0.0
        for fold in range(arguments.folds):
            split = split_fold(games, dealt, fold, settings, 0)
            network = build_network(
                settings, features.shape[1], seed=fold, inputs=features[split.training]
            )
            began = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                fit(
                    network,
                    TensorDataset(*(tensor[split.training] for tensor in tensors)),
                    TensorDataset(*(tensor[split.validation] for tensor in tensors)),
                    objective=objective or training_objective(settings),
                    validation_objective=exact_log_score,
                    settings=settings.fit,
                    folder=Path(folder),
                )
            seconds += time.perf_counter() - began
            held_out = Plays.validate(plays[split.held_out])
            inputs = features[split.held_out]
            tables.append(
                summarize_distributions(
                    held_out,
                    lambda chosen, _, network=network, inputs=inputs: network(inputs[chosen]),
                    folds=np.full(len(held_out), -1),
                    seed=0,
                )
            )
            rows.append(held_out)
        together = Plays.validate(pl.concat(rows))
        predictions = Predictions.validate(pl.concat(tables))
        metrics = evaluate(together, {"sbp": predictions}).metrics["sbp"]
        print(
            f"{name:32}{metrics['mae'].value:8.4f}{metrics['crps'].value:8.4f}"
            f"{metrics['log_score'].value:11.4f}{metrics['pp_error'].value:10.4f}"
            f"{metrics['tail_lower'].value:11.4f}{metrics['tail_upper'].value:11.4f}"
            f"{seconds:9.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
