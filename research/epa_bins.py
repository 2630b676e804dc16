"""Which bins and tail masses suit EPA best? Log score and CRPS of a season that was not seen.

One network of 2015-2017 for each choice, judged on 2018.

    python research/epa_bins.py ../shared/data/pbp
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import polars as pl
import torch

from dropback import workflows
from dropback.data._features import feature_matrix, feature_schema
from dropback.data._tables import Outcome, PlaySet
from dropback.models import ModelSettings, _network
from dropback.models._model import PassModel
from dropback.models._predict import predict_plays
from dropback.models._train import Training, assign_folds


def main() -> None:
    """Print a row a choice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of play_by_play_*.parquet")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    years = range(2015, 2019)
    values = workflows.fit_expected_points_for(arguments.data, seasons=years)
    plays = workflows.read_plays(
        arguments.data, seasons=years, outcome=Outcome.EPA, expected_points=values
    ).plays
    learned, scored = (
        plays.filter(pl.col("season") < 2018),
        plays.filter(pl.col("season") == 2018),
    )
    schema = feature_schema(PlaySet.TARGETED)
    base = ModelSettings(outcome=Outcome.EPA)
    games = assign_folds(learned["game_id"].to_list(), base.folds, seed=0)
    for width in (0.2, 0.1, 0.05):
        _network.EPA_BIN = width
        for lower, upper in ((0.01, 0.05), (0.01, 0.01), (0.05, 0.05)):
            settings = replace(base, lower_tail_mass=lower, upper_tail_mass=upper)
            with tempfile.TemporaryDirectory() as work:
                features = feature_matrix(learned, schema)
                training = Training(learned, features, schema, settings, 0, Path(work), games)
                network, _ = training.network(base.folds)
            fitted = PassModel(settings, schema, PlaySet.TARGETED, (network,), {})
            table = predict_plays(fitted, scored)
            print(
                f"bins of {width:<5} tails {lower:.2f} and {upper:.2f}:  "
                f"log score {table['log_score'].mean():.4f}  CRPS {table['crps'].mean():.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
