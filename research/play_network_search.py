"""Which settings of the play network are best on a simulated tracking league: one change at a time.

Each line of the file is one fit: the settings that differ from the first, epochs, seed, seconds,
and the log score and CRPS at the release, and the log score at every frame, of whole games that the
fit never saw. "hide" takes a group of columns away, or the past. A killed search goes on. With
`--release` the network is trained and judged at the release alone; with `--real` the networks are
judged on the real passes that are no selection, too.

    dropback simulate tracking --plays 50000 --out league/
    dropback features league/ --out tensors/
    python research/play_network_search.py tensors/ --out search.jsonl
    python research/play_network_search.py tensors/ --out search.jsonl --executor processes:2
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from _real_passes import read_real_passes
from dropback import workflows
from dropback.data._tables import Plays
from dropback.errors import RequestError
from dropback.execution import Task, open_executor, run_tasks
from dropback.models import PLAY_NETWORKS, ModelSettings, SequenceSettings
from dropback.models._grid import YARDS
from dropback.models._model import whole_yard_distribution
from dropback.models._network import build_network, observed_interval
from dropback.models._play_batches import TrackedPlays, tracking_schema
from dropback.models._play_network import PlayNetwork, ThrowEncoder
from dropback.models._throw_columns import GROUPS
from dropback.models._train import Training, split_fold
from dropback.storage import fetched
from dropback.tracking import PlayTensors

# Changes of `ModelSettings`, of its `sequence` and of its `fit`, told apart by the prefix.
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    *({"hide": name} for name in ("past", *GROUPS)),
    {"sequence.encoder": "tcn"},
    {"sequence.mirror": False},
    {"fit.weight_decay": 0.01},
    {"fit.weight_decay": 0.5},
    {"fit.learning_rate": 1.5e-3},
    {"fit.learning_rate": 6e-3},
    {"fit.averaging": None},
    {"dropout": 0.1},
    {"width": 128, "blocks": 1},
    {"sequence.player_width": 128},
    {"sequence.channels": 64},
)


_SUPPORT = torch.from_numpy(YARDS).float()[:, None]


def settings_of(change: dict[str, Any], epochs: int, *, release: bool) -> ModelSettings:
    """The default settings with one change."""
    first = PLAY_NETWORKS[change.get("sequence.encoder", "set")]
    assert first.sequence is not None
    parts: dict[str, dict[str, Any]] = {"": {}, "fit": {"max_epochs": epochs}, "sequence": {}}
    if release:
        parts["sequence"]["prefix_share"] = 0.0
    for name, value in change.items():
        part, _, field = name.rpartition(".")
        if name != "hide":
            parts[part][field] = value
    return replace(
        first,
        folds=10,
        fit=replace(first.fit, **parts["fit"]),
        sequence=replace(first.sequence, **parts["sequence"]),
        **parts[""],
    )


def state_without(
    hidden: str, settings: ModelSettings, features: TrackedPlays, seed: int
) -> dict[str, torch.Tensor]:
    """New weights of a network to which a group of columns is always 0."""
    network = build_network(settings, 0, seed=seed * 1000, inputs=features)
    assert isinstance(network, PlayNetwork)
    if hidden == "past":
        network.time.standardize.scale.fill_(torch.inf)
    else:
        for encoder in (network.trunk, network.released.trunk):
            assert isinstance(encoder, ThrowEncoder)
            encoder.standardize.scale[GROUPS[hidden]] = torch.inf
    return network.state_dict()


def fit_change(
    folder: Path,
    store: str,  # noqa: ARG001  # as tasks are called
    tensors: str,
    change: str,
    seed: int,
    most: int,
    epochs: int,
    threads: int,
    release: bool,
    real: str | None,
) -> None:
    """Fit one change on some games, judge it on others, and write ``line.json``."""
    torch.set_num_threads(threads)
    selection = workflows.read_plays(PlayTensors.open(Path(tensors)))
    assert isinstance(selection, workflows.TrackedSelection)
    games = selection.plays["game_id"].to_numpy()
    some = np.unique(games)[:: max(1, len(games) // most)]
    rows = np.flatnonzero(np.isin(games, some))
    plays, features = Plays.validate(selection.plays[rows]), selection.features[rows]
    dealt = {game: number % 10 for number, game in enumerate(sorted(some))}
    changed = json.loads(change)
    settings = settings_of(changed, epochs, release=release)
    began = time.perf_counter()
    split = split_fold(plays["game_id"].to_list(), dealt, 0, settings, seed)
    held_out, initial = split.held_out, None
    if "hide" in changed:
        initial = state_without(changed["hide"], settings, features[split.training], seed)
    try:
        with tempfile.TemporaryDirectory() as work:
            training = Training(
                plays, features, tracking_schema(), settings, seed, Path(work), dealt
            )
            network, best = training.network(0, initial)
        found = judge(network, plays[held_out], features[held_out])
        if real is not None:
            _, passes = read_real_passes(Path(real))
            on_real = judge(network, passes.plays, passes.features)
            found |= {f"real_{name}": value for name, value in on_real.items()}
    except RequestError:  # the loss diverged
        best, found = -1, dict.fromkeys(("log_score", "crps", "every_frame"), np.inf)
    line = {
        "change": changed, "seed": seed, "plays": len(plays), "epochs": epochs,
        "best_epoch": best, "seconds": time.perf_counter() - began, **found,
    }  # fmt: skip
    (folder / "line.json").write_text(json.dumps(line))


def main() -> None:
    """Fit what is not yet in the file, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tensors", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--plays", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--release", action="store_true")
    parser.add_argument("--hide", action="store_true", help="hide each group, change nothing else")
    parser.add_argument("--real", type=Path, help="folder of tracking/ and pbp/ to judge on, too")
    parser.add_argument("--executor", default="serial", help="where fits run, as for dropback")
    parser.add_argument("--store", help="path or URL of the fits; beside --out by default")
    arguments = parser.parse_args()
    done = {}
    if arguments.out.is_file():
        lines = [json.loads(line) for line in arguments.out.read_text().splitlines()]
        done = {json.dumps([line["change"], line["seed"]]): line for line in lines}
    common = (
        *(arguments.plays, arguments.epochs, arguments.threads, arguments.release),
        None if arguments.real is None else str(arguments.real.resolve()),
    )
    tensors = str(arguments.tensors.resolve())
    tasks = [
        Task(f"{change} {seed}", fit_change, (tensors, json.dumps(change), seed, *common))
        for seed in range(arguments.seeds)
        for change in CHANGES
        if not (arguments.hide and change and "hide" not in change)
        and json.dumps([change, seed]) not in done
    ]
    store = arguments.store or str(arguments.out.with_suffix(".tasks").resolve())
    with open_executor(arguments.executor) as (executor, needs):
        for task, _ in run_tasks(executor, tasks, store, needs=needs):
            with fetched(store, task.name) as folder:
                line = json.loads((folder / "line.json").read_text())
            with arguments.out.open("a") as file:
                file.write(json.dumps(line) + "\n")
            done[json.dumps([line["change"], line["seed"]])] = line
    print_table(list(done.values()))


def judge(network: Any, plays: Any, features: Any) -> dict[str, float]:  # noqa: ANN401
    """Mean log score of what is known at every frame; at the release that, and CRPS of yards."""
    found: dict[str, list[torch.Tensor]] = {"log_score": [], "crps": [], "every_frame": []}
    interval = observed_interval(plays)
    frames = features.dataset(interval, prefix_share=1.0, mirror=False)
    with torch.inference_mode():
        for batch in frames.batches_in_order(512):
            *inputs, lower, upper = frames[batch]
            found["every_frame"].append(-network(*inputs).log_prob_interval(lower, upper))
        for rows in np.array_split(np.arange(len(plays)), -(-len(plays) // 512)):
            released = network(*features[rows].batch())
            lower, upper = (end[rows] for end in interval)
            found["log_score"].append(-released.log_prob_interval(lower, upper))
            part = plays[rows]
            bounds = (part[name].to_numpy(writable=True) for name in ("yards_min", "yards_max"))
            cdf = whole_yard_distribution(released, *bounds).cdf(_SUPPORT).T
            below = torch.tensor(part["yards"].to_list())[:, None] <= _SUPPORT[:, 0]
            found["crps"].append((cdf - below.float()).square().sum(-1))
    return {name: float(torch.cat(values).mean()) for name, values in found.items()}


def print_table(lines: list[dict[str, Any]]) -> None:
    """Changes from best to worst log score of the mix that is trained for by default."""
    share = SequenceSettings().prefix_share
    by_change: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_change.setdefault(json.dumps(line["change"]), []).append(line)
    rows = []
    for name, group in by_change.items():
        words = ", ".join(f"{key} {value}" for key, value in json.loads(name).items()) or "default"
        epochs = ", ".join(str(line["best_epoch"] + 1) for line in group)
        release, every, crps, seconds = (
            np.mean([line[key] for line in group])
            for key in ("log_score", "every_frame", "crps", "seconds")
        )
        mix = share * every + (1 - share) * release
        real = [
            f"{np.mean([line[name] for line in group]):.3f}"
            for name in ("real_log_score", "real_crps")
            if all(name in line for line in group)
        ]
        rows.append((mix, words, every, release, crps, epochs, seconds, real))
    judged = ["log score of real passes", "CRPS of real passes"] if rows and rows[0][-1] else []
    heads = [
        *("change", "log score of the mix", "of every frame", "at the release"),
        *("CRPS at the release", "best epoch", "seconds", *judged),
    ]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for mix, words, every, release, crps, epochs, seconds, real in sorted(rows):
        cells = [
            *(words, f"{mix:.3f}", f"{every:.3f}", f"{release:.3f}", f"{crps:.3f}"),
            *(epochs, f"{seconds:.0f}", *real),
        ]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
