"""Do weather, stadium, monotone constraints or more fits make the trees of a throw better?

Fits the trees of some folds on the seasons before the one that is judged, without and with each
set of columns that the table of games tells before kickoff, and prints the scores of that season by
the mean of the fits and the differences to the columns of today, with 90 % intervals over games. A
killed study goes on from its folder.

    python research/weather_study.py ../shared/data/pbp --judged 2020 --out weather/2020
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch

from _throw_pools import forecast_of
from _weather import ALTITUDE, stadium_completions
from dropback import workflows
from dropback._files import whole_file
from dropback.data._features import WEATHER, FeatureSchema, feature_matrix
from dropback.data._tables import Outcome, PlaySet
from dropback.evaluation import evaluate
from dropback.models import THROW_MODEL
from dropback.models._boosting import boost, boosted
from dropback.models._catch_point import (
    COMPLETE,
    INTERCEPTED,
    RESULT_TREES,
    fit_hazard,
    fit_result,
    from_state,
    mean_masses,
    results_of,
    to_state,
)
from dropback.models._examples import Examples
from dropback.models._grid import GRIDS
from dropback.models._store import schema_of
from dropback.models._train import assign_folds, split_fold
from dropback.models._weather_trees import Told, corrected, fit_correction
from dropback.models.baselines._forecasts import with_climatology

if TYPE_CHECKING:
    import dataframely as dy

    from dropback._arrays import Floats
    from dropback.data._features import FeatureMatrix
    from dropback.data._tables import Plays
    from dropback.models._catch_point import CatchPoint

METRICS = ("mae", "crps", "log_score")
NOW = "columns of today"
COLUMNS: dict[str, tuple[str, ...]] = {
    "weather": WEATHER,
    "weather, altitude and stadium": (*WEATHER, "altitude", "stadium_completions"),
}
CORRECTIONS: dict[str, tuple[str, ...]] = {
    "air yards": (),
    "roof": ("roof",),
    "wind": ("wind",),
    "temperature": ("temperature",),
    "rain and snow": ("rain", "snow"),
    **COLUMNS,
}
MONOTONE = (
    "air_yards",
    "air_yards_short",
    "air_yards_deep",
    "air_yards_log",
)
TWO_STEPS = "completed or not, then intercepted or not"
CONSTRAINED = f"{TWO_STEPS}; completions fall in air yards"
TWO_SEEDS = "two fits of what happens, by two seeds"
CANDIDATES = (NOW, *COLUMNS, TWO_SEEDS, TWO_STEPS, CONSTRAINED)


@dataclass(frozen=True)
class TwoSteps:
    """Completed or not, then intercepted or not, by two boosters, as one of three classes."""

    complete: Any
    intercepted: Any

    def inplace_predict(self, features: FeatureMatrix) -> Floats:
        """Probability of each class, shape ``(N, 3)``."""
        caught, lost = boosted(self.complete, features), boosted(self.intercepted, features)
        return np.column_stack([(1 - caught) * (1 - lost), caught, (1 - caught) * lost])


@dataclass(frozen=True)
class MeanOf:
    """Mean of several boosters' probabilities."""

    boosters: tuple[Any, ...]

    def inplace_predict(self, features: FeatureMatrix) -> Floats:
        """Probability of each class, shape ``(N, 3)``."""
        return np.mean([boosted(each, features) for each in self.boosters], axis=0)


def corrected_shares(
    fit: CatchPoint, split: tuple[Examples, Examples], others: FeatureMatrix, seed: int
) -> Floats:
    """What a fit says happens, corrected by the air yards and the columns beyond its own.

    Args:
        fit: The fit.
        split: Plays to learn from and to stop by.
        others: Columns of the plays to predict.
        seed: Seed of the subsamples.

    Returns:
        Probabilities of what happens in the others, shape ``(N, 3)``.
    """
    width = len(fit.schema.names)
    chosen = [fit.schema.names.index("air_yards"), *range(width, others.shape[1])]

    def told(part: Examples) -> Told:
        shares = fit.shares(part.features[:, :width])
        return Told(part.features[:, chosen], results_of(part), shares)

    learned, stop = map(told, split)
    trees = fit_correction(learned, stop, seed)
    return corrected(trees, others[:, chosen], fit.shares(others[:, :width]))


def fit_two_steps(training: Examples, stop: Examples, seed: int, *, constrained: bool) -> TwoSteps:
    """Fit what happens in two steps, with the settings of `fit_result` for each."""

    def fit(learned: Examples, judged: Examples, result: int, signs: dict[str, int]) -> Any:  # noqa: ANN401
        return boost(
            (learned.features, results_of(learned) == result),
            (judged.features, results_of(judged) == result),
            seed=seed,
            objective="binary:logistic",
            **RESULT_TREES,
            monotone_constraints=tuple(signs.get(name, 0) for name in learned.schema.names),
        )

    falling = dict.fromkeys(MONOTONE, -1) if constrained else {}
    others = (training[~training.complete], stop[~stop.complete])
    return TwoSteps(fit(training, stop, COMPLETE, falling), fit(*others, INTERCEPTED, {}))


def fit_candidate(
    name: str, today: CatchPoint, split: tuple[Examples, Examples], seed: int
) -> CatchPoint:
    """Fit the trees of a fold as a candidate has them.

    Args:
        name: One of `CANDIDATES`.
        today: The fit by the columns of today.
        split: Plays to learn from and to stop by, with the columns of the candidate.
        seed: Seed of the subsamples.
    """
    if name == NOW:
        return today
    if name in COLUMNS:
        return fit_hazard(*split, seed)
    if name == TWO_SEEDS:
        return replace(today, result=MeanOf((today.result, fit_result(*split, seed + 500))))
    return replace(today, result=fit_two_steps(*split, seed, constrained=name == CONSTRAINED))


def stored_fit(path: Path, split: tuple[Examples, Examples], seed: int) -> CatchPoint:
    """The fit by the columns of today, from the folder where it is there."""
    if not path.is_file():
        with whole_file(path) as aside:
            torch.save(to_state(fit_hazard(*split, seed)), aside)
    return from_state(torch.load(path, weights_only=True), split[0].schema)


def report(plays: dy.DataFrame[Plays], forecasts: dict[str, Floats]) -> None:
    """Print the scores of each, and the paired differences to the first."""
    result = evaluate(plays, {name: forecast_of(plays, each) for name, each in forecasts.items()})
    print("| | MAE | CRPS | log score | PIT distance |\n|---|---|---|---|---|")
    for name, row in result.metrics.items():
        numbers = (f"{row[metric].value:.4f}" for metric in METRICS)
        print(f"| {name} | {' | '.join(numbers)} | {result.pit_distance[name]:.4f} |")
    print("\n| minus the columns of today | MAE | CRPS | log score |\n|---|---|---|---|")
    for name, row in result.differences.items():
        gaps = (row[metric] for metric in METRICS)
        numbers = (f"{-gap.value:+.4f} ({-gap.high:+.4f} to {-gap.low:+.4f})" for gap in gaps)
        print(f"| {name} | {' | '.join(numbers)} |")


def main() -> None:
    """Fit what the folder lacks and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of play_by_play_*.parquet, games.parquet")
    parser.add_argument("--judged", type=int, required=True, help="season to predict")
    parser.add_argument("--history", type=int, default=9, help="seasons before it to learn from")
    parser.add_argument("--fits", type=int, default=3, help="of the five folds")
    parser.add_argument("--out", type=Path, required=True, help="folder of the predictions")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    season, out = arguments.judged, arguments.out
    out.mkdir(parents=True, exist_ok=True)
    plays = workflows.read_plays(arguments.data, seasons=[season]).plays
    past = range(season - arguments.history, season)
    learned = workflows.read_plays(arguments.data, seasons=past).plays
    known = schema_of(THROW_MODEL, PlaySet(plays["play_set"][0]))
    schema = FeatureSchema(known.names[: known.width])
    games = pl.read_parquet(arguments.data / "games.parquet")
    extra = games.select("game_id", altitude=pl.col("stadium").replace_strict(ALTITUDE, default=0))
    completions = stadium_completions(pl.concat([learned, plays]), games)
    extra = extra.join(completions, on="game_id", how="left")

    def columns(rows: dy.DataFrame[Plays], names: tuple[str, ...]) -> FeatureMatrix:
        more = rows.select("game_id").join(extra, on="game_id", how="left", maintain_order="left")
        weather = feature_matrix(rows, FeatureSchema(WEATHER))
        others = [
            weather[:, WEATHER.index(name)] if name in WEATHER else more[name].to_numpy()
            for name in names
        ]
        return np.column_stack([feature_matrix(rows, schema), *others]).astype(np.float32)

    counts = GRIDS[Outcome.YARDS].counts(learned["yards"].to_numpy())
    game_ids = learned["game_id"].to_list()
    folds = assign_folds(game_ids, THROW_MODEL.folds, seed=0)
    splits = [split_fold(game_ids, folds, fold, THROW_MODEL, 0) for fold in range(arguments.fits)]
    forecasts: dict[str, Floats] = {}
    for name in CANDIDATES:
        names, masses = COLUMNS.get(name, ()), []
        for fold in range(arguments.fits):
            path = out / f"{name}-{fold}.npy"
            if not path.is_file():
                split = splits[fold]
                # Under other names, because trees leave columns named as the weather aside.
                seen = FeatureSchema((*schema.names, *(f"kickoff_{name}" for name in names)))
                examples = Examples(learned, columns(learned, names), seen, Outcome.YARDS)
                parts = (examples[split.training], examples[split.validation])
                now = stored_fit(out / f"today-{fold}.pt", parts, fold)
                fit = fit_candidate(name, now, parts, fold)
                with whole_file(path) as aside:
                    np.save(aside, fit.masses(columns(plays, names)))
            masses.append(np.load(path))
        forecasts[name] = with_climatology(np.mean(masses, axis=0), counts)
    fits = [
        from_state(torch.load(out / f"today-{fold}.pt", weights_only=True), schema)
        for fold in range(arguments.fits)
    ]
    for name, names in CORRECTIONS.items():
        examples = Examples(learned, columns(learned, names), schema, Outcome.YARDS)
        others = columns(plays, names)
        shares = [
            corrected_shares(
                fit, (examples[split.training], examples[split.validation]), others, fold
            )
            for fold, (fit, split) in enumerate(zip(fits, splits, strict=True))
        ]
        masses = mean_masses(fits, columns(plays, ()), shares)
        forecasts[f"today's, corrected by {name}"] = with_climatology(masses, counts)
    print(f"{season}, {len(plays):,} plays, {arguments.fits} fits of each\n")
    report(plays, forecasts)


if __name__ == "__main__":
    main()
