"""How fast do networks over sequences train, and how long does a whole fit take?

First plays a second, forward, backward and a step of fused AdamW, of one batch of equal length,
alternating with a textbook network of weight-normed `Conv1d` layers and with `pytorch-tcn`; then
whole epochs of `fit` over some of 50,000 made-up sequences of 15 to 60 steps, 30 on average, each
way in a process of its own; of those the time is that of the processor, all threads together, which
other programs disturb less.

    python benchmarks/temporal_training.py --threads 1
    python benchmarks/temporal_training.py --threads 1 --fit 2500
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from pytorch_tcn import TCN
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from splicedpareto.nn import (
    DistributionNetwork,
    SequenceEncoder,
    SplicedBinnedParetoHead,
    TemporalConvolution,
)
from splicedpareto.objectives import composite_nll
from splicedpareto.training import FitSettings, SequenceDataset, fit

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH, STEPS, COLUMNS, CHANNELS, LEVELS, KERNEL, DROPOUT = 256, 40, 176, 128, 4, 3, 0.1
STATIC, SEQUENCES, EPOCHS = 8, 50_000, 20


class TextbookBlock(nn.Module):
    """A residual block as Bai, Kolter and Koltun (2018) draw it."""

    def __init__(self, in_features: int, dilation: int) -> None:
        super().__init__()
        self.trim = (KERNEL - 1) * dilation

        def layer(width: int) -> nn.Module:
            convolution = nn.Conv1d(width, CHANNELS, KERNEL, dilation=dilation, padding=self.trim)
            return weight_norm(convolution)

        self.first, self.second = layer(in_features), layer(CHANNELS)
        same = in_features == CHANNELS
        self.shortcut = nn.Identity() if same else nn.Conv1d(in_features, CHANNELS, 1)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, inputs: Tensor) -> Tensor:
        """States ``(B, C, T)`` of inputs ``(B, F, T)``."""
        hidden = inputs
        for layer in (self.first, self.second):
            hidden = self.dropout(layer(hidden)[..., : -self.trim].relu())
        return (self.shortcut(inputs) + hidden).relu()


def training_step(
    network: nn.Module, read: Callable[[], Tensor], *, half: bool
) -> Callable[[], None]:
    """One step of training on what is read."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            states = read()
        states.float().square().mean().backward()
        optimizer.step()

    return step


def print_steps(rounds: int) -> None:
    """Print a row for each network and precision."""
    inputs = torch.randn(BATCH, STEPS, COLUMNS)
    channels_first = inputs.transpose(1, 2).contiguous()
    ragged = torch.randint(STEPS - 2, STEPS + 1, (BATCH,))
    blocks = [TextbookBlock(CHANNELS if level else COLUMNS, 2**level) for level in range(LEVELS)]
    textbook, ours = nn.Sequential(*blocks), TemporalConvolution(COLUMNS, CHANNELS, dropout=DROPOUT)
    library = TCN(COLUMNS, [CHANNELS] * LEVELS, KERNEL, dropout=DROPOUT, use_norm="weight_norm")
    readings: dict[str, tuple[nn.Module, Callable[[], Tensor]]] = {
        "weight-normed Conv1d": (textbook, lambda: textbook(channels_first)[..., -1]),
        "pytorch-tcn": (library, lambda: library(channels_first)[..., -1]),
        "ours, last state": (ours, lambda: ours.last_state(inputs)),
        "ours, last state, ragged": (ours, lambda: ours.last_state(inputs, ragged)),
        "ours, every state": (ours, lambda: ours(inputs)),
    }
    steps = {
        (name, half): training_step(network, read, half=half)
        for name, (network, read) in readings.items()
        for half in (False, True)
    }
    best = dict.fromkeys(steps, 0.0)
    for _ in range(rounds):
        for key, step in steps.items():
            began = time.perf_counter()
            step()
            best[key] = max(best[key], BATCH / (time.perf_counter() - began))
    base, baseline = best["weight-normed Conv1d", False], best["pytorch-tcn", False]
    print(f"| threads: {torch.get_num_threads()} | weights | precision | plays/s | "
          "x Conv1d | x pytorch-tcn |")  # fmt: skip
    print("|---|---|---|---|---|---|")
    for (name, half), rate in best.items():
        size = sum(parameter.numel() for parameter in readings[name][0].parameters())
        precision = "bfloat16" if half else "float32"
        print(
            f"| {name} | {size:,} | {precision} | {rate:.0f} | {rate / base:.2f} | "
            f"{rate / baseline:.2f} |"
        )


class Fit(NamedTuple):
    """One way to fit, and what it took."""

    name: str
    every_step: bool = False
    precision: str = "bfloat16"


def made_up() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Steps in float16, offsets, static features and targets of sequences of 15 to 60 steps."""
    torch.manual_seed(0)
    share = torch.distributions.Beta(2.0, 4.0).sample((SEQUENCES,))
    lengths = (15 + 45 * share).round().long()
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    steps = torch.empty(int(offsets[-1]), COLUMNS, dtype=torch.float16)
    for part in steps.split(50_000):
        part.copy_(torch.randn(part.shape))
    ends = steps[offsets[1:] - 1, 0].float()
    targets = ends + torch.distributions.StudentT(3.0).sample((SEQUENCES,))
    return steps, offsets, torch.randn(SEQUENCES, STATIC), targets


def measured_fit(way: Fit, trained: int, threads: int) -> tuple[float, float, float]:
    """Processor seconds of an epoch (the better of two), loss at the end, peak memory in MiB."""
    torch.set_num_threads(threads)
    steps, offsets, static, targets = made_up()
    rows = torch.randperm(SEQUENCES)
    training, validation = (
        SequenceDataset(steps, offsets, static, (targets,), rows=part)
        for part in (rows[:trained], rows[-(trained // 10) :])
    )
    torch.manual_seed(1)
    trunk = SequenceEncoder(COLUMNS, STATIC, CHANNELS, CHANNELS)
    trunk.fit_standardization(*validation[next(iter(validation.batches_in_order()))][:3])
    head = SplicedBinnedParetoHead(CHANNELS, torch.linspace(-6, 6, 101))
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        result = fit(
            DistributionNetwork(trunk, head),
            training,
            validation,
            inputs=3,
            every_step=way.every_step,
            objective=composite_nll,
            validation_objective=composite_nll,
            settings=FitSettings(
                max_epochs=3,
                batch_size=BATCH,
                learning_rate=1e-3,
                patience=3,
                precision=way.precision,  # type: ignore[arg-type]
            ),
            folder=Path(folder),
            on_epoch=lambda _epoch, _loss: ends.append(time.process_time()),
        )
    seconds = min(end - start for start, end in pairwise(ends))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return seconds, result.best_validation_loss, memory


def print_fits(trained: int, threads: int) -> None:
    """Print a row for each way to fit."""
    ways = (
        Fit("last state", precision="float32"),
        Fit("last state"),
        Fit("every step", every_step=True),
    )
    print(
        f"| threads: {threads} | precision | processor s an epoch of {trained:,} | "
        f"s for {EPOCHS} of {SEQUENCES:,} | loss after 3 | peak memory, MiB |"
    )
    print("|---|---|---|---|---|---|")
    measure = partial(measured_fit, trained=trained, threads=threads)
    # A process each: the peak of memory never falls within one.
    with ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        for way, (seconds, loss, memory) in zip(ways, pool.map(measure, ways), strict=True):
            total = EPOCHS * seconds / trained * SEQUENCES
            print(
                f"| {way.name} | {way.precision} | {seconds:.1f} | {total:.0f} | {loss:.3f} | "
                f"{memory:.0f} |",
                flush=True,
            )


def main() -> None:
    """Print the table of steps, or that of fits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=12, help="steps of each; the best counts")
    parser.add_argument("--fit", type=int, help="sequences to fit to, a tenth more to validate by")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.fit:
        print_fits(arguments.fit, arguments.threads)
    else:
        print_steps(arguments.rounds)


if __name__ == "__main__":
    main()
