"""Latency of live inference, one play and one thread, by engine and by stage.

`python benchmarks/live_latency.py` prints microseconds (p50 and p99 over 2,000 calls, in blocks
that take turns) for a simulated play of 40 frames and untrained networks of 64 and 128 channels
and 4 levels; the p50 of the quietest block of 20 calls, which tells most on a busy machine, and its
ratio to the baseline's (torch's eager `Conv1d` of equal size, the network alone); and plays a
second in batches. Threads are set to one, and the garbage collector runs between blocks alone, as
a service may run it between plays.
"""

from __future__ import annotations

import argparse
import gc
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from dropback.live import Engine, PlayFrames, PlayPredictor, Situation
from dropback.live._columns import SituationArrays, next_columns, play_columns
from dropback.models._frame_columns import FRAME_COLUMNS
from dropback.tracking.tensors._features import STATIC_COLUMNS
from splicedpareto.nn import DistributionNetwork, SequenceEncoder, SplicedBinnedParetoHead

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FRAMES, CALLS, BLOCK, BATCH = 40, 2000, 20, 256
ENGINES: tuple[Engine, ...] = ("compiled", "onnx", "torch")
SITUATION = Situation(
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
        widths = [len(FRAME_COLUMNS)] + [channels] * 4
        self.first, self.second, self.shortcut = (
            nn.ModuleList(
                nn.Conv1d(a if wide else b, b, kernel, dilation=2**level if kernel > 1 else 1)
                for level, (a, b) in enumerate(pairwise(widths))
            )
            for kernel, wide in ((3, True), (3, False), (1, True))
        )
        self.mlp = nn.Sequential(
            nn.Linear(channels + len(STATIC_COLUMNS), 64), nn.SiLU(), nn.Linear(64, 155)
        )

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
    """An untrained network of the play model's size."""
    encoder = SequenceEncoder(len(FRAME_COLUMNS), len(STATIC_COLUMNS), channels, 64)
    head = SplicedBinnedParetoHead(64, torch.arange(-50, 102) - 0.5, lower_mass=0.01)
    return DistributionNetwork(encoder, head).eval()


def made_play(generator: np.random.Generator) -> NDArray[np.float32]:
    """A play of 40 frames in which 22 men run straight ahead."""
    time_s = np.arange(FRAMES)[:, None] / 10
    frames = np.zeros((FRAMES, 23, 6), np.float32)
    speed, angle = generator.uniform(0, 8, 23), generator.uniform(0, 360, 23)
    start = generator.uniform((35, 5), (60, 48), (23, 2))
    frames[..., 0] = start[:, 0] + time_s * speed * np.sin(np.deg2rad(angle))
    frames[..., 1] = start[:, 1] + time_s * speed * np.cos(np.deg2rad(angle))
    frames[..., 2], frames[..., 4], frames[..., 5] = speed, angle, angle
    return frames


def measured(
    ways: dict[str, Callable[[], object]], calls: int, block: int = BLOCK
) -> dict[str, NDArray[np.float64]]:
    """Microseconds of each call of each way, in blocks that take turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        for _ in range(20):
            way()
    gc.disable()
    for _ in range(calls // block):
        for name, way in ways.items():
            gc.collect()
            for _ in range(block):
                start = time.perf_counter_ns()
                way()
                times[name].append((time.perf_counter_ns() - start) / 1000)
    gc.enable()
    return {name: np.array(values) for name, values in times.items()}


def summary(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """p50 and p99 of all calls, and the p50 of the quietest block."""
    p50, p99 = np.percentile(values, [50, 99])
    return float(p50), float(p99), float(np.median(values.reshape(-1, BLOCK), axis=1).min())


def streamed(predictor: PlayPredictor, frames: NDArray[np.float32]) -> Callable[[], object]:
    """One more frame of a play that begins anew after its last."""
    state = {"play": predictor.start(SITUATION), "next": 0}

    def push() -> object:
        if state["next"] == len(frames):
            state.update(play=predictor.start(SITUATION), next=0)
        number = state["next"]
        state["next"] = number + 1
        (forecast,) = state["play"].push(number, frames[number])
        return forecast.score(7)

    return push


def print_alone(calls: int) -> None:
    """Print p50 and p99 of the compiled engine, all calls of one way in a row."""
    frames = made_play(np.random.default_rng(0))
    for channels in (64, 128):
        predictor = PlayPredictor([network(channels)])
        ways: dict[str, Callable[[], object]] = {
            "whole play to score": lambda p=predictor: p.forecast(
                SITUATION, frames, target_slot=7
            ).score(7),
            "one more frame to score": streamed(predictor, frames),
        }
        for name, way in ways.items():
            p50, p99 = np.percentile(measured({name: way}, calls, block=calls)[name], [50, 99])
            print(f"{channels} channels, compiled: {name:<24} {p50:5.0f} {p99:5.0f} us")


def main() -> None:
    """Print one table for each width, and the throughput."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--alone", action="store_true", help="The compiled engine alone.")
    arguments = parser.parse_args()
    calls = arguments.calls
    torch.set_num_threads(1)
    if arguments.alone:
        print_alone(calls)
        return
    generator = np.random.default_rng(0)
    frames = made_play(generator)
    arrays = SituationArrays(SITUATION)
    velocities, numbers = np.zeros((1, 5, 22, 2), np.float32), np.array([9])
    columns = play_columns(arrays, frames, 7)
    padded = np.zeros((1, 49, len(FRAME_COLUMNS)), np.float32)
    padded[0, -FRAMES:] = columns
    lengths = np.array([FRAMES])
    for channels in (64, 128):
        made = network(channels)
        textbook = Conv1dNetwork(channels).eval()
        inputs = torch.from_numpy(columns).nan_to_num().T[None].contiguous()
        static = torch.from_numpy(arrays.static)

        def baseline(
            textbook: nn.Module = textbook, inputs: tuple[Tensor, ...] = (inputs, static)
        ) -> object:
            with torch.inference_mode():
                return textbook(*inputs)

        ways: dict[str, Callable[[], object]] = {
            "baseline: Conv1d, eager, network alone": baseline,
            "columns of a whole play": lambda: play_columns(arrays, frames, 7),
            "columns of one frame": lambda: next_columns(
                arrays.line_x_yd, arrays.eligible, frames[9:10], velocities, numbers
            ),
        }
        predictors = {name: PlayPredictor([made], engine=name) for name in ENGINES}
        for name, predictor in predictors.items():
            evaluator = predictor._evaluator  # noqa: SLF001  # the network without the features
            history = np.zeros((1, predictor._sizes.history), np.float32)  # noqa: SLF001
            ways |= {
                f"{name}: distribution of columns, whole play": lambda e=evaluator: e.play(
                    padded, lengths, arrays.static
                ),
                f"{name}: distribution of columns, one frame": lambda e=evaluator, h=history: (
                    e.frame(columns[9:10], h, arrays.static)
                ),
                f"{name}: whole play to score": lambda p=predictor: p.forecast(
                    SITUATION, frames, target_slot=7
                ).score(7),
                f"{name}: one more frame to score": streamed(predictor, frames),
            }
        times = measured(ways, calls)
        base = summary(times["baseline: Conv1d, eager, network alone"])
        print(f"\n{channels} channels, {calls} calls: p50, p99, quiet p50 in us, and / baseline")
        for name, values in times.items():
            p50, p99, quiet = summary(values)
            print(f"{name:<42} {p50:7.0f} {p99:7.0f} {quiet:7.0f} {quiet / base[2]:7.2f}")
        plays = [PlayFrames(SITUATION, made_play(generator), 7) for _ in range(BATCH)]
        for name, predictor in predictors.items():
            rate = 0.0
            for _ in range(3):
                start = time.perf_counter()
                predictor.forecast_many(plays)
                rate = max(rate, BATCH / (time.perf_counter() - start))
            live = [predictor.start(SITUATION) for _ in range(BATCH)]
            start = time.perf_counter()
            for number in range(FRAMES):
                predictor.push_many(
                    [
                        (one, number, play.frames[number])
                        for one, play in zip(live, plays, strict=True)
                    ]
                )
            pushed = BATCH * FRAMES / (time.perf_counter() - start)
            print(f"{name}: {rate:.0f} whole plays/s, {pushed:.0f} frames/s of {BATCH} plays")


if __name__ == "__main__":
    main()
