"""How good are the baselines of play-by-play? Fit them on some seasons and judge them on others.

Prints, for the model and for each baseline: CRPS, log score and mean absolute error, the PIT's mean
and largest distance from uniform, the processor seconds of all fits, and the 90 % intervals over
games of the differences to the model.

    python research/forecast_baselines.py ../shared/data/pbp --baselines air-yards,hazard
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch

from dropback import workflows
from dropback.evaluation import evaluate
from dropback.models import ModelSettings
from dropback.models._predict import predict_plays
from dropback.models.baselines import fit_baseline, parse_baselines


def main() -> None:
    """Print a row a forecast."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of play_by_play_*.parquet")
    parser.add_argument("--baselines", default="climatology,air-yards,idr,hazard")
    parser.add_argument("--seasons", default="2018-2020", help="seasons to learn from")
    parser.add_argument("--judged", default="2021", help="seasons to judge on")
    parser.add_argument("--folds", type=int, default=5, help="folds of the games to learn from")
    parser.add_argument("--members", type=int, help="folds with a fit; all unless given")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = ModelSettings(folds=arguments.folds, members=arguments.members)
    learned = workflows.read_plays(
        arguments.data, seasons=workflows.parse_seasons(arguments.seasons)
    )
    judged = workflows.read_plays(
        arguments.data, seasons=workflows.parse_seasons(arguments.judged)
    ).plays
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        run = workflows.train(learned, Path(folder) / "run", settings=settings)
        seconds = time.process_time() - began
        tables = {settings.family: predict_plays(run.model, judged)}
        print(f"{len(learned.plays):,} plays of {arguments.seasons}, judged on {len(judged):,}")
        print("| forecast | CRPS | log score | MAE | PP error | PIT distance | fit, s |", end="")
        print(" CRPS minus ours | log score minus ours |")
        print("|---" * 9 + "|")
        for name in (settings.family, *parse_baselines(arguments.baselines)):
            if name != settings.family:
                began = time.process_time()
                baseline = fit_baseline(name, run, learned.plays, work=Path(folder))
                seconds = time.process_time() - began
                tables[name] = predict_plays(baseline, judged)
            result = evaluate(judged, tables)
            row = result.metrics[name]
            print(
                f"| {name} | {row['crps'].value:.4f} | {row['log_score'].value:.4f}"
                f" | {row['mae'].value:.3f} | {row['pp_error'].value:.4f}"
                f" | {result.pit_distance[name]:.4f} | {seconds:.0f} |",
                end="",
            )
            for metric in ("crps", "log_score"):
                if name == settings.family:
                    print(" |", end="")
                    continue
                ours = result.differences[name][metric]
                print(f" {-ours.high:+.4f} to {-ours.low:+.4f} |", end="")
            print(flush=True)
        print(f"chance allows a PIT distance of {result.flat_distance:.4f} 1 time in 20")


if __name__ == "__main__":
    main()
