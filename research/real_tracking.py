"""Networks on the real passes that are no selection: two games of 2015, one of 2017.

Six forecasts of the same plays: climatology and a model of play-by-play, trained on earlier
seasons; the play network, trained on a simulated league and never on a real play; the same,
trained on with two of the three games and judged on the third, each in turn; half of the model of
play-by-play, half of the play network, a share that nothing was asked for; and with the share that
has the best log score on the two other games. Differences have 90 % intervals by resampling plays:
three games are too few to resample. Then the plays to which the play network gave the least
probability.

    dropback train ../shared/data/pbp --seasons 2012-2014 --out runs/pbp
    dropback train league/ --folds 10 --members 1 --out runs/tracking
    python research/real_tracking.py ../shared/data --static runs/pbp --tracking runs/tracking
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from _real_passes import read_real_passes
from dropback import workflows
from dropback.data._features import feature_matrix
from dropback.data._tables import Outcome
from dropback.models._grid import GRIDS, whole_yard_masses
from dropback.models._predict import predict_plays, summarize_distributions
from dropback.models._store import Run, load_run
from dropback.models._train import Training
from dropback.models.baselines import fit_baseline

if TYPE_CHECKING:
    import dataframely as dy
    from torch.distributions import Distribution

    from dropback._arrays import Floats, Integers
    from dropback.data._tables import Plays, Predictions
    from dropback.models._model import PassModel, Predictor
    from dropback.models._play_batches import TrackedPlays

FINE_EPOCHS, FINE_RATE = 8, 1e-4
SHARES = np.arange(11) / 10
BASE = "play-by-play, earlier seasons"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of tracking/ and pbp/")
    parser.add_argument("--static", type=Path, required=True)
    parser.add_argument("--tracking", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    static = load_run(arguments.static)
    network = load_run(arguments.tracking).model
    tensors, selection = read_real_passes(arguments.data)
    print(f"{len(tensors)} dropbacks with tracking, {len(selection.plays)} targeted; left out:")
    for reason, count in selection.left_out.iter_rows():
        print(f"  {count:4d} {reason}")
    plays, features = selection.plays, selection.features
    both = tuple(
        whole_yard_masses(each) for each in _latent(static.model, network, plays, features)
    )
    shares = _shares_by_other_games(both, plays)
    for game in sorted(set(plays["game_id"])):
        own = plays["game_id"] == game
        print(f"{game}: share of the play network by the other games {shares[own.to_numpy()][0]:g}")
    climatology = _climatology(static, arguments.data / "pbp")
    tracked = predict_plays(network, plays, features=features)
    _report(
        {
            "climatology": predict_plays(climatology, plays),
            BASE: predict_plays(static.model, plays),
            "tracking, simulated league": tracked,
            "the same, trained on with the other games": _fine_tuned(
                network, plays, features, arguments.seed
            ),
            "half play-by-play, half tracking": _pooled(both, plays, np.full(len(plays), 0.5)),
            "the share that is best on the other games": _pooled(both, plays, shares),
        },
        plays["game_id"].n_unique(),
    )
    _print_least_likely(plays, tracked)


def _climatology(run: Run, folder: Path) -> Predictor:
    """Distribution of all outcomes that the static network was trained on."""
    learned = workflows.read_plays(folder, seasons=run.record.seasons).plays
    with tempfile.TemporaryDirectory() as work:
        return fit_baseline("climatology", run, learned, work=Path(work))


def _fine_tuned(
    network: PassModel, plays: dy.DataFrame[Plays], features: TrackedPlays, seed: int
) -> dy.DataFrame[Predictions]:
    """Each game by a network that went on from `network` on the other games."""
    games = sorted(set(plays["game_id"]))
    settings = replace(
        network.settings,
        folds=len(games),
        members=None,
        fit=replace(
            network.settings.fit, max_epochs=FINE_EPOCHS, learning_rate=FINE_RATE, batch_size=32
        ),
    )
    dealt = {game: fold for fold, game in enumerate(games)}
    with tempfile.TemporaryDirectory() as work:
        training = Training(plays, features, network.schema, settings, seed, Path(work), dealt)
        tuned, best = training.model(network)
    print(f"best of {FINE_EPOCHS} epochs: {', '.join(str(epoch + 1) for epoch in best)}")
    return predict_plays(tuned, plays, features=features)


def _latent(
    static: PassModel, network: PassModel, plays: dy.DataFrame[Plays], features: TrackedPlays
) -> tuple[Distribution, Distribution]:
    """Distributions of both models before the field bounds them."""
    return (
        static.predict_distribution(feature_matrix(plays, static.schema)),
        network.predict_distribution(features),
    )


def _shares_by_other_games(both: tuple[Floats, Floats], plays: dy.DataFrame[Plays]) -> Floats:
    """Of each play, the share of the play network with the best log score on the other games."""
    scores = np.stack(
        [_pooled(both, plays, np.full(len(plays), share))["log_score"] for share in SHARES]
    )
    games = plays["game_id"].to_numpy()
    best = np.array([scores[:, games != game].mean(axis=1).argmin() for game in games])
    return SHARES[best]


def _pooled(
    both: tuple[Floats, Floats], plays: dy.DataFrame[Plays], shares: Floats
) -> dy.DataFrame[Predictions]:
    """The mean of the probabilities of both models, with a share of the play network a play."""
    masses = (1 - shares[:, None]) * both[0] + shares[:, None] * both[1]

    def distribution_of(rows: Integers, fold: int) -> Distribution:  # noqa: ARG001  # none is held out
        return GRIDS[Outcome.YARDS].distribution(masses[rows])

    return summarize_distributions(plays, distribution_of, folds=np.full(len(plays), -1), seed=0)


def _report(tables: dict[str, dy.DataFrame[Predictions]], games: int) -> None:
    first = tables[BASE]
    print(f"\n{len(first)} plays of {games} games\n")
    print(
        "| forecast | MAE | CRPS | log score | in 90 % | CRPS and log score minus play-by-play's |"
    )
    print("|---|---|---|---|---|---|")
    draws = np.random.default_rng(0).integers(0, len(first), (2000, len(first)))
    for name, table in tables.items():
        assert table.select("game_id", "play_id").equals(first.select("game_id", "play_id"))
        error = (table["median"] - table["observed"]).abs().mean()
        inside = table["pit"].is_between(0.05, 0.95).mean()
        gaps = []
        for score in ("crps", "log_score"):
            gap = (table[score] - first[score]).to_numpy()
            low, high = np.quantile(gap[draws].mean(axis=1), (0.05, 0.95))
            gaps.append(f"{gap.mean():+.3f} ({low:+.3f} to {high:+.3f})")
        print(
            f"| {name} | {error:.2f} | {table['crps'].mean():.3f} | "
            f"{table['log_score'].mean():.3f} | {inside:.3f} | {', '.join(gaps)} |"
        )


def _print_least_likely(plays: dy.DataFrame[Plays], tracked: dy.DataFrame[Predictions]) -> None:
    """What happened in the plays that the play network thought least likely."""
    joined = tracked.join(plays, on=["game_id", "play_id"]).sort("log_score", descending=True)
    print("\n| game | play | air yards | yards | complete | log score |\n|---|---|---|---|---|---|")
    columns = ("game_id", "play_id", "air_yards", "yards", "complete_pass", "log_score")
    for *cells, score in joined.select(columns).head(10).iter_rows():
        print(f"| {' | '.join(map(str, cells))} | {score:.1f} |")


if __name__ == "__main__":
    main()
