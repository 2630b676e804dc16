"""Is a network that starts from the season before as good as the full ensemble?

For each season: five networks of the three seasons before it, one that starts anew, and one that
starts from the network of the season before, all judged on the season. Prints CPU seconds, CRPS,
log score, and how far the passers' season means move from those of the five.

    python research/rolling_fits.py ../shared/data/pbp --outcome epa --seasons 2013,2018
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

from dropback import workflows
from dropback.data._features import feature_matrix, feature_schema
from dropback.data._tables import Outcome, PlaySet
from dropback.models import ModelSettings
from dropback.models._model import PassModel
from dropback.models._predict import predict_plays
from dropback.models._train import Training, assign_folds
from dropback.workflows.seasons import SeasonsSettings

if TYPE_CHECKING:
    from splicedpareto.nn import DistributionNetwork

LEAST_PLAYS = 200
SCHEMA = feature_schema(PlaySet.TARGETED)


def fit(
    plays: pl.DataFrame,
    settings: ModelSettings,
    fold: int,
    initial: DistributionNetwork | None = None,
) -> tuple[DistributionNetwork, float]:
    """A network and the CPU seconds it took."""
    began = time.process_time()
    games = assign_folds(plays["game_id"].to_list(), settings.folds, seed=0)
    with tempfile.TemporaryDirectory() as work:
        features = feature_matrix(plays, SCHEMA)
        training = Training(plays, features, SCHEMA, settings, 0, Path(work), games)
        network, _ = training.network(fold, None if initial is None else initial.state_dict())
    return network, time.process_time() - began


def main() -> None:
    """Print a row a variant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of play_by_play_*.parquet")
    parser.add_argument("--outcome", type=Outcome, default=Outcome.YARDS)
    parser.add_argument("--seasons", default="2013,2018")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    outcome = arguments.outcome
    cold = ModelSettings(outcome=outcome)
    fast = SeasonsSettings()
    for season in workflows.parse_seasons(arguments.seasons):
        years = range(season - 4, season + 1)
        values = None
        if outcome is Outcome.EPA:
            values = workflows.fit_expected_points_for(arguments.data, seasons=years)
        plays = workflows.read_plays(
            arguments.data, seasons=years, outcome=outcome, expected_points=values
        ).plays
        scored = plays.filter(pl.col("season") == season)
        learned = plays.filter(pl.col("season").is_between(season - 3, season - 1))
        earlier = plays.filter(pl.col("season").is_between(season - 4, season - 2))
        five = [fit(learned, cold, fold) for fold in range(cold.folds)]
        variants = {"five networks, 12 epochs": five}
        for epochs in (12, 6):
            how = replace(cold, fit=replace(cold.fit, max_epochs=epochs))
            variants[f"one, anew, {epochs} epochs"] = [fit(learned, how, cold.folds)]
        before, _ = fit(earlier, cold, cold.folds)
        how = replace(
            cold, fit=replace(cold.fit, max_epochs=fast.refresh_epochs, learning_rate=4e-3)
        )
        name = f"one, from the season before, {fast.refresh_epochs} epochs"
        variants[name] = [fit(learned, how, cold.folds, before)]
        reference = None
        for name, members in variants.items():
            networks = tuple(network for network, _ in members)
            table = predict_plays(PassModel(cold, SCHEMA, PlaySet.TARGETED, networks, {}), scored)
            means = (
                scored.with_columns(score=table["mid_cdf"])
                .group_by("passer_player_id")
                .agg(pl.col("score").mean(), pl.len().alias("plays"))
                .filter(pl.col("plays") >= LEAST_PLAYS)
                .sort("passer_player_id")["score"]
                .to_numpy()
            )
            reference = means if reference is None else reference
            print(
                f"{outcome.value} {season} {name:40}{sum(took for _, took in members):7.1f} CPU s"
                f"  CRPS {table['crps'].mean():.4f}  log {table['log_score'].mean():.4f}"
                f"  season means: r {np.corrcoef(means, reference)[0, 1]:.4f},"
                f" largest move {np.abs(means - reference).max():.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
