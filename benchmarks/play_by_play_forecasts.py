"""Is the forecast of a throw the best there is? Fit it and every baseline, and judge them.

Each season is predicted from the seasons before it alone, by the model and by every baseline, all
fitted on the same games. Prints a table of each season and of all together, in Markdown, and the
90 % intervals over games of the paired differences; then what is not first, and exits with 1.

    python benchmarks/play_by_play_forecasts.py ../shared/data/pbp --out runs/forecasts

Runs and predictions stay in the folder of `--out`; the same command goes on from there. All
baselines take hours. ``--quick`` is the same on a simulated league, in seconds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch

from dropback import load_run, workflows
from dropback._files import whole_file
from dropback._statistics import codes, percentile_interval, resampled_weights
from dropback.data._features import feature_matrix
from dropback.data._tables import Plays, Predictions
from dropback.errors import DropbackError, RunError
from dropback.evaluation import evaluate
from dropback.evaluation._calibration import DEPTH_BANDS, distances_from_uniform
from dropback.models import THROW_MODEL, ModelSettings
from dropback.models._predict import predict_plays
from dropback.models._store import data_digest
from dropback.models.baselines import fit_baseline, parse_baselines
from dropback.simulation import LeagueSettings, simulate_league, write_league
from splicedpareto.training import FitSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dataframely as dy

    from dropback.evaluation import Evaluation
    from dropback.models._store import Run

OURS = "ours"
ORDER = (
    "hazard",
    "climatology",
    "air-yards",
    "gaussian",
    "binned",
    "idr",
    "cp-xyac",
    "quantile-forest",
)
QUICK_LEAGUE = LeagueSettings(seasons=(2019, 2020, 2021), teams=4, weeks=4)
QUICK = replace(THROW_MODEL, folds=2, width=16, fit=FitSettings(max_epochs=4, batch_size=128))
COLUMNS = {
    "mae": ("MAE", 3),
    "rmse": ("RMSE", 2),
    "crps": ("CRPS", 4),
    "log_score": ("log score", 4),
    "pp_error": ("PP error", 4),
}
# How much a band of depths may lose to the hazard in CRPS, which chance alone explains.
_BAND_SLACK = 0.01
_HIGHEST_PP_ERROR = 0.005
_TAIL = (0.007, 0.013)
_REPLICATES = 200

Tables = dict[str, "dy.DataFrame[Predictions]"]


def main() -> int:
    """Print the tables; 1 where something is not first, 2 where the input is at fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", help="folder of play_by_play_*.parquet")
    parser.add_argument("--out", type=Path, help="folder of runs and predictions to go on from")
    parser.add_argument("--judged", default="2021-2023", help="seasons to predict")
    parser.add_argument("--history", type=int, default=9, help="seasons before each to learn from")
    parser.add_argument("--baselines", default=",".join(ORDER))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a simulated league, tiny networks")
    arguments = parser.parse_args()
    if not arguments.quick and (arguments.data is None or arguments.out is None):
        parser.error("name the folder of play-by-play and --out, or pass --quick")
    torch.set_num_threads(arguments.threads)
    try:
        return check(arguments)
    except DropbackError as error:
        parser.exit(2, f"error: {error}\n")


def check(arguments: argparse.Namespace) -> int:
    """Fit and judge what the command line names; 1 where something is not first."""
    baselines = parse_baselines(arguments.baselines)
    with tempfile.TemporaryDirectory() as temporary:
        data, out = arguments.data, arguments.out or Path(temporary) / "out"
        judged, history, settings = arguments.judged, arguments.history, THROW_MODEL
        if arguments.quick:
            data = Path(temporary) / "league"
            write_league(simulate_league(QUICK_LEAGUE, seed=3), data)
            judged, history, settings = "2020,2021", 1, QUICK
        found = {
            season: season_forecasts(data, out / f"{season}", season, history, baselines, settings)
            for season in workflows.parse_seasons(judged)
        }
    return report(found, enough_plays=not arguments.quick)


def season_forecasts(
    data: Path,
    folder: Path,
    season: int,
    history: int,
    baselines: Sequence[str],
    settings: ModelSettings,
) -> tuple[dy.DataFrame[Plays], Tables]:
    """Forecasts of one season by all, fitted where the folder does not hold them."""
    learned = workflows.read_plays(data, seasons=range(season - history, season))
    plays = workflows.read_plays(data, seasons=[season]).plays
    folder.mkdir(parents=True, exist_ok=True)
    run = stored_run(folder / "run", settings, learned.plays)
    if run is None:
        for stale in folder.glob("*.parquet"):
            stale.unlink()
        began = time.process_time()
        run = workflows.train(learned, folder / "run", settings=settings, overwrite=True)
        told(season, "training", began)
    tables: Tables = {}
    for name in (OURS, *baselines):
        path = folder / f"{name}.parquet"
        if not path.is_file():
            began = time.process_time()
            model = run.model
            if name != OURS:
                model = fit_baseline(name, run, learned.plays, work=folder / "work")
                told(season, f"fitting {name}", began)
            began = time.process_time()
            predictions = predict_plays(model, plays)
            told(season, f"predictions of {name}", began)
            with whole_file(path) as aside:
                predictions.write_parquet(aside)
        tables[name] = Predictions.validate(pl.read_parquet(path))
    return plays, tables


def stored_run(folder: Path, settings: ModelSettings, plays: pl.DataFrame) -> Run | None:
    """The run of a former call, unless it is of other settings, plays or another version."""
    try:
        run = load_run(folder)
    except RunError:
        return None
    same = run.record.settings == settings and run.record.data_digest == data_digest(
        feature_matrix(plays, run.model.schema), plays["yards"].to_numpy()
    )
    return run if same else None


def told(season: int, what: str, began: float) -> None:
    """Say how long something took."""
    seconds = time.process_time() - began
    print(f"{season}: {what} took {seconds:.0f} s of one core", file=sys.stderr, flush=True)


def report(found: Mapping[int, tuple[dy.DataFrame[Plays], Tables]], *, enough_plays: bool) -> int:
    """Print all tables and what falls short of the goals; 1 where anything does."""
    short: list[str] = []
    for season, (plays, tables) in found.items():
        result = evaluate(plays, tables)
        print(f"\n{season}, {result.plays:,} plays\n")
        print_table(result)
        print(f"\n{drift(result)}")
        short += [f"{season}: {each}" for each in of_season(result, plays, tables)]
    names = list(next(iter(found.values()))[1])
    plays = Plays.validate(pl.concat(plays for plays, _ in found.values()))
    together = {
        name: Predictions.validate(pl.concat(tables[name] for _, tables in found.values()))
        for name in names
    }
    result = evaluate(plays, together)
    print(f"\nTogether, {result.plays:,} plays\n")
    print_table(result)
    print("\n| ours minus | MAE | CRPS | log score |\n|---|---|---|---|")
    for name, row in result.differences.items():
        cells = (f"{row[m].low:+.4f} to {row[m].high:+.4f}" for m in ("mae", "crps", "log_score"))
        print(f"| {name} | {' | '.join(cells)} |")
    short += of_all(result)
    print()
    if not enough_plays:
        print(f"A simulated league says nothing of rank: {len(short)} goals missed in it.")
        return 0
    print(
        "\n".join(f"NOT FIRST: {each}" for each in short) or "First in every season and together."
    )
    return int(bool(short))


def print_table(result: Evaluation) -> None:
    """A row a forecast, best CRPS first."""
    heads = [head for head, _ in COLUMNS.values()]
    print(f"| | {' | '.join(heads)} | PIT distance | lowest / highest 1 % |")
    print("|---" * (len(heads) + 3) + "|")
    for name, row in sorted(result.metrics.items(), key=lambda item: item[1]["crps"].value):
        cells = [f"{row[metric].value:.{digits}f}" for metric, (_, digits) in COLUMNS.items()]
        tails = " / ".join(f"{100 * row[m].value:.2f}" for m in ("tail_lower", "tail_upper"))
        shown = f"**{name}**" if name == OURS else name
        print(f"| {shown} | {' | '.join(cells)} | {result.pit_distance[name]:.4f} | {tails} |")


def of_season(result: Evaluation, plays: pl.DataFrame, tables: Tables) -> list[str]:
    """Goals that one season misses."""
    short = []
    ours = result.metrics[OURS]
    for metric in ("mae", "crps", "log_score"):
        label = COLUMNS[metric][0]
        for name, row in result.metrics.items():
            if name != OURS and not ours[metric].value < row[metric].value:
                gap = result.differences[name][metric]
                short.append(
                    f"{label} {ours[metric].value:.4f}, of {name} {row[metric].value:.4f}: "
                    f"{gap.value:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})"
                )
    if not ours["pp_error"].value <= _HIGHEST_PP_ERROR:
        short.append(f"PP error {ours['pp_error'].value:.4f}, at most {_HIGHEST_PP_ERROR}")
    short += [
        f"{tail} {ours[tail].value:.4f}, from {_TAIL[0]} to {_TAIL[1]}"
        for tail in ("tail_lower", "tail_upper")
        if not _TAIL[0] <= ours[tail].value <= _TAIL[1]
    ]
    if "hazard" in tables:
        if not result.pit_distance[OURS] <= result.pit_distance["hazard"]:
            distances = (result.pit_distance[OURS], result.pit_distance["hazard"])
            gap = pit_gap(plays, tables)
            short.append(
                f"PIT distance {distances[0]:.4f}, of hazard {distances[1]:.4f}: "
                f"{distances[0] - distances[1]:+.4f} ({gap[0]:+.4f} to {gap[1]:+.4f}); "
                f"{drift(result)}"
            )
        short += [
            f"CRPS of throws of {low} to {high} yards worse than hazard's by {excess:.3f}"
            for (low, high), excess in excess_by_depth(plays, tables).items()
            if excess > _BAND_SLACK
        ]
    return short


def drift(result: Evaluation) -> str:
    """By how much the league of a season was another than that of the seasons before it."""
    mean = result.metrics[OURS]["mean_mid_cdf"]
    return (
        f"The league drifted by {mean.value - 0.5:+.4f} ({mean.low - 0.5:+.4f} to "
        f"{mean.high - 0.5:+.4f}) in the mean mid-CDF"
    )


def pit_gap(plays: pl.DataFrame, tables: Tables) -> tuple[float, float]:
    """90 % interval over games of our PIT distance minus the hazard's."""
    game = codes(plays["game_id"])
    weights = resampled_weights(int(game.max()) + 1, _REPLICATES, seed=0)[1:, game]
    both = (
        distances_from_uniform(tables[name]["pit"].to_numpy(), weights) for name in (OURS, "hazard")
    )
    low, high = percentile_interval(np.subtract(*both))
    return float(low), float(high)


def excess_by_depth(plays: pl.DataFrame, tables: Tables) -> dict[tuple[int, int], float]:
    """Mean CRPS of ours minus the hazard's in each band of air yards that has plays."""
    excess = plays.select("air_yards", excess=tables[OURS]["crps"] - tables["hazard"]["crps"])
    found = {}
    for low, high in DEPTH_BANDS:
        band = excess.filter(pl.col("air_yards").is_between(low, high))["excess"]
        if len(band):
            found[low, high] = float(band.to_numpy().mean())
    return found


def of_all(result: Evaluation) -> list[str]:
    """Differences over all seasons whose interval holds 0 or worse."""
    return [
        f"together: {COLUMNS[metric][0]} minus that of {name} up to {row[metric].high:+.4f}"
        for name, row in result.differences.items()
        for metric in ("crps", "log_score")
        if not row[metric].high < 0
    ]


if __name__ == "__main__":
    sys.exit(main())
