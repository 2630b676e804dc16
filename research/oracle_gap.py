"""How much of the gap to the true distribution a play network closes, without the luck of outcomes.

`dropback evaluate --truth` scores the yards that were drawn. Where the distribution that they were
drawn from is known, so is the score to expect: that of a forecast F of a true distribution G is the
sum of (F - G)^2 over whole yards above the oracle's. Prints both for networks and for climatology.

    dropback simulate tracking --plays 50000 --seed 0 --out league/
    dropback features league/ --out tensors/
    dropback train tensors/ --seasons 2022-2023 --folds 10 --members 1 --threads 1 --out runs/one
    python research/oracle_gap.py tensors/ --truth league/truth.parquet --seasons 2024 runs/one
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch

from dropback import load_run, workflows
from dropback.data._tables import Outcome
from dropback.evaluation._calibration import share_of_gap
from dropback.models._grid import GRIDS, YARDS
from dropback.models._model import whole_yard_distribution
from dropback.models.baselines._distributions import oracle_masses
from dropback.tracking import PlayTensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.distributions import Distribution

    from dropback._arrays import Floats, Integers

_CHUNK = 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tensors", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--seasons", required=True, help="seasons that no run has seen")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tensors = PlayTensors.open(arguments.tensors)
    seasons = workflows.parse_seasons(arguments.seasons)
    judged = workflows.read_plays(tensors, seasons=seasons)
    earlier = workflows.read_plays(tensors, seasons=load_run(arguments.runs[0]).record.seasons)
    assert isinstance(judged, workflows.TrackedSelection)
    plays, features = judged.plays, judged.features
    masses = oracle_masses(pl.read_parquet(arguments.truth))
    true = np.stack([masses[key] for key in features.keys().iter_rows()]).cumsum(axis=1)
    observed = plays["yards"].to_numpy()[:, None] <= YARDS
    bounds = [plays[name].to_numpy(writable=True) for name in ("yards_min", "yards_max")]

    def scores(latent: Callable[[Integers], Distribution]) -> tuple[Floats, Floats]:
        """Of each play, what its CRPS exceeds the oracle's by, expected and with its yards."""
        expected, drawn = [], []
        for rows in np.array_split(np.arange(len(plays)), -(-len(plays) // _CHUNK)):
            with torch.inference_mode():
                field = whole_yard_distribution(latent(rows), *(bound[rows] for bound in bounds))
                cdf = field.cdf(torch.from_numpy(YARDS).float()[:, None]).T.double().numpy()
            expected.append(((cdf - true[rows]) ** 2).sum(axis=1))
            seen = observed[rows]
            drawn.append((((cdf - seen) ** 2) - ((true[rows] - seen) ** 2)).sum(axis=1))
        return np.concatenate(expected), np.concatenate(drawn)

    counts = GRIDS[Outcome.YARDS].counts(earlier.plays["yards"].to_numpy())
    worst = scores(lambda rows: GRIDS[Outcome.YARDS].distribution(np.tile(counts, (len(rows), 1))))
    print(f"{len(plays):,} plays\n")
    print("| run | CRPS above the oracle's, expected | closed | by the yards drawn | closed |")
    print("|---|---|---|---|---|")
    for path in arguments.runs:
        model = load_run(path).model
        cells = []
        for excess, most in zip(
            scores(lambda rows, model=model: model.predict_distribution(features[rows])),  # type: ignore[misc]
            worst,
            strict=True,
        ):
            share = share_of_gap(float(excess.mean()), worst=float(most.mean()), best=0.0)
            error = 100 * float(excess.std()) / len(plays) ** 0.5 / float(most.mean())
            cells += [f"{excess.mean():.4f}", f"{100 * share:.1f} % (s.e. {error:.1f})"]
        print(f"| {path.name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
