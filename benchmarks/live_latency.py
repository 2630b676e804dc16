"""Latency and throughput of live inference, from raw frames to a score.

    python benchmarks/live_latency.py
    python benchmarks/compare_revisions.py BEFORE -- benchmarks/live_latency.py --json

Prints p50 and p99 in microseconds over 2,000 calls (on one thread, in blocks that alternate between
the engines) for a simulated play of 40 frames and untrained networks: convolutions of 64 and 128
channels and 4 levels, and the play network that `dropback train` trains (0 channels); beside them
torch's eager `Conv1d` network of equal size without features and distribution; the p50 of the
quietest block of 20 calls, which tells most on a busy machine; and plays and frames a
second in batches of 512 on two threads; and the operators of the exported graphs as ONNX Runtime
runs them. The garbage collector runs between blocks alone, as a service may run it between plays.
`--json` prints the same as one object, "fast" the faster engine: for that the script also runs with
the sources of version 0.1, whose fast engine was compiled.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from dropback import live
from dropback.live import PlayFrames, PlayPredictor

try:
    from splicedpareto.nn import DistributionNetwork, SequenceEncoder, SplicedBinnedParetoHead
except ImportError:  # version 0.1
    from splicedpareto.networks import (
        DistributionNetwork,
        SequenceEncoder,
        SplicedBinnedParetoHead,
    )

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

COLUMNS, STATIC = 259, 8
FRAMES, CALLS, BLOCK, BATCH = 40, 2000, 20, 512
PLAY, FRAME = "raw frames to score", "one more frame to score"
OLD = hasattr(live, "Situation")  # version 0.1
CONTEXT = (live.Situation if OLD else live.PlayContext)(
    line_of_scrimmage_x_yd=45.0,
    yards_to_goal=65,
    down=2,
    yards_to_go=8,
    quarter=3,
    seconds_left_in_half_s=1200,
    score_differential=-3,
    at_home=True,
    weeks_left=6,
)


class Conv1dNetwork(nn.Module):
    """The textbook: `Conv1d` over all frames, the last state through a perceptron."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = [COLUMNS] + [channels] * 4
        self.first, self.second, self.shortcut = (
            nn.ModuleList(
                nn.Conv1d(a if wide else b, b, kernel, dilation=2**level if kernel > 1 else 1)
                for level, (a, b) in enumerate(pairwise(widths))
            )
            for kernel, wide in ((3, True), (3, False), (1, True))
        )
        self.mlp = nn.Sequential(nn.Linear(channels + STATIC, 64), nn.SiLU(), nn.Linear(64, 155))

    def forward(self, columns: Tensor, static: Tensor) -> Tensor:
        """Raw parameters ``(B, 155)`` of columns ``(B, F, T)``."""
        for level, (first, second, shortcut) in enumerate(
            zip(self.first, self.second, self.shortcut, strict=True)
        ):
            pad = (2 * 2**level, 0)
            hidden = first(nn.functional.pad(columns, pad)).relu()
            hidden = second(nn.functional.pad(hidden, pad)).relu()
            columns = (shortcut(columns) + hidden).relu()
        return self.mlp(torch.cat([columns[..., -1], static], dim=-1))


def network(channels: int) -> DistributionNetwork:
    """An untrained convolution of so many channels; for 0 the play network."""
    if not channels:
        from dropback.models import PLAY_NETWORK  # noqa: PLC0415  # of this version
        from dropback.models._network import build_network  # noqa: PLC0415

        return build_network(PLAY_NETWORK, 0, seed=0).eval()
    encoder = SequenceEncoder(COLUMNS, STATIC, channels, 64)
    head = SplicedBinnedParetoHead(64, torch.arange(-50, 102) - 0.5, lower_mass=0.01)
    return DistributionNetwork(encoder, head).eval()


def predictors(channels: int) -> tuple[dict[str, PlayPredictor], dict[str, float]]:
    """The reference and the fast engine for one network, and the operators of its graphs."""
    networks = [network(channels)]
    if OLD:
        return {
            "torch": PlayPredictor(networks, engine="torch"),
            "fast": PlayPredictor(networks, engine="compiled"),
        }, {}
    from dropback.live._export import export_onnx  # noqa: PLC0415  # of this version

    with tempfile.TemporaryDirectory() as folder:
        graphs = Path(folder) / "graphs"
        export_onnx(networks, graphs)
        counts = {f"fast: {name}, operators": operators(graphs, name) for name in ("play", "frame")}
        return {"torch": PlayPredictor(networks), "fast": PlayPredictor.load(graphs)}, counts


def operators(graphs: Path, name: str) -> float:
    """Operators of an exported graph, as ONNX Runtime joins them."""
    import onnx  # noqa: PLC0415  # version 0.1 does not need it
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(graphs / f"{name}.joined")
    options.log_severity_level = 3  # it warns that the file is for this machine alone
    onnxruntime.InferenceSession(str(graphs / f"{name}.onnx"), options)
    return float(len(onnx.load(options.optimized_model_filepath).graph.node))


def simulated_play(generator: np.random.Generator) -> NDArray[np.float32]:
    """A play of 40 frames in which 22 players run straight ahead."""
    time_s = np.arange(FRAMES)[:, None] / 10
    frames = np.zeros((FRAMES, 23, 6), np.float32)
    speed, angle = generator.uniform(0, 8, 23), generator.uniform(0, 360, 23)
    start = generator.uniform((35, 5), (60, 48), (23, 2))
    frames[..., 0] = start[:, 0] + time_s * speed * np.sin(np.deg2rad(angle))
    frames[..., 1] = start[:, 1] + time_s * speed * np.cos(np.deg2rad(angle))
    frames[..., 2], frames[..., 4], frames[..., 5] = speed, angle, angle
    return frames


def latencies(ways: dict[str, Callable[[], object]], calls: int) -> dict[str, NDArray[np.float64]]:
    """Microseconds of each call of each way, in blocks that alternate, shape ``(blocks, 20)``."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        for _ in range(BLOCK):
            way()
    gc.disable()
    for _ in range(-(-calls // BLOCK)):
        for name, way in ways.items():
            gc.collect()
            for _ in range(BLOCK):
                start = time.perf_counter_ns()
                way()
                times[name].append((time.perf_counter_ns() - start) / 1000)
    gc.enable()
    return {name: np.reshape(values, (-1, BLOCK)) for name, values in times.items()}


def streamed(predictor: PlayPredictor, frames: NDArray[np.float32]) -> Callable[[], object]:
    """One more frame of a play that begins anew after its last."""
    state = {"play": predictor.start(CONTEXT), "next": 0}

    def push() -> object:
        if state["next"] == len(frames):
            state.update(play=predictor.start(CONTEXT), next=0)
        number = state["next"]
        state["next"] = number + 1
        (forecast,) = state["play"].push(number, frames[number])
        return forecast.score(7)

    return push


def rates(predictor: PlayPredictor, plays: list[PlayFrames]) -> tuple[float, float]:
    """Plays, and frames of as many live plays, a second: the best of three."""
    of_plays = of_frames = 0.0
    for _ in range(3):
        start = time.perf_counter()
        predictor.forecast_many(plays)
        of_plays = max(of_plays, len(plays) / (time.perf_counter() - start))
        started = [predictor.start(CONTEXT) for _ in plays]
        start = time.perf_counter()
        for number in range(FRAMES // 4):
            predictor.push_many(
                [
                    (one, number, play.frames[number])
                    for one, play in zip(started, plays, strict=True)
                ]
            )
        of_frames = max(of_frames, len(plays) * (FRAMES // 4) / (time.perf_counter() - start))
    return of_plays, of_frames


def numbers(channels: int, calls: int) -> dict[str, float]:
    """Every number of one width, by name."""
    generator = np.random.default_rng(0)
    frames = simulated_play(generator)
    engines, found = predictors(channels)
    textbook = Conv1dNetwork(channels or 128).eval()
    inputs = torch.zeros(1, COLUMNS, FRAMES), torch.zeros(1, STATIC)

    def conv1d() -> object:
        with torch.inference_mode():
            return textbook(*inputs)

    ways: dict[str, Callable[[], object]] = {"Conv1d alone": conv1d}
    for name, predictor in engines.items():
        ways[f"{name}: {PLAY}"] = lambda p=predictor: p.forecast(
            CONTEXT, frames, target_slot=7
        ).score(7)
        ways[f"{name}: {FRAME}"] = streamed(predictor, frames)
    torch.set_num_threads(1)
    for name, values in latencies(ways, calls).items():
        found[f"{name}, p50 us"], found[f"{name}, p99 us"] = np.percentile(values, [50, 99])
        found[f"{name}, quiet p50 us"] = float(np.median(values, axis=1).min())
    torch.set_num_threads(2)
    plays = [PlayFrames(CONTEXT, simulated_play(generator), 7) for _ in range(BATCH)]
    for name, predictor in engines.items():
        of_plays, of_frames = rates(predictor, plays)
        found[f"{name}: plays a second"], found[f"{name}: frames a second"] = of_plays, of_frames
    return {name: float(value) for name, value in found.items()}


def main() -> None:
    """Print the numbers of both widths."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--channels", type=int, nargs="+", default=[0, 64, 128])
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    arguments = parser.parse_args()
    result: dict[str, Any] = {}
    for channels in arguments.channels:
        for name, value in numbers(channels, arguments.calls).items():
            result[f"{channels} channels, {name}"] = value
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:<60} {value:9.0f}")


if __name__ == "__main__":
    main()
