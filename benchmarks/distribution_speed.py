"""Time the distribution beside GluonTS's and beside the plainest program of the same formulas.

All contenders run alternately in one process and on one thread, so that a busy machine slows all
alike; a ratio is the median over the rounds, on the clock of the thread, in float32, with the
construction of the distribution included, and its checks unless a column says otherwise.
`prototype` is the same mathematics without checks, without safe gradients at infinite values and
without sums from the right, for one batch shape.

    python benchmarks/distribution_speed.py
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import subprocess
import sys
import time
import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splicedpareto.distributions import Discretized, SplicedBinnedPareto
from splicedpareto.objectives import composite_interval_nll, composite_nll, crps_loss

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # gluonts recommends a faster JSON library
    from gluonts.torch.distributions import SplicedBinnedPareto as GluonTS

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH, BINS = 4096, 100
LOW, HIGH, MASS = -10.0, 10.0, 0.05
# Fewest times faster than GluonTS that we promise, forward and with the backward pass.
GOALS = {"log_prob": (7, 3), "cdf": (18, 12), "icdf": (7, 5)}
# Most times as slow as another call that we promise.
EXPECTATIONS = {
    "mean / log_prob": 3.0,
    "variance / log_prob": 5.0,
    "entropy / log_prob": 5.0,
    "shortfall / log_prob": 5.0,
    "CRPS / log_prob": 5.0,
    "CRPS / composite, and backward": 5.0,
}
# The batch at which memory is measured, and the most that a call may take, in sizes of the logits:
# what is promised, and other moments.
LARGE_BATCH, LARGE_BINS, MEMORY, OTHERS = 65_536, 150, 4.0, 5.0
PROMISED = {"log_prob", "mean", "CRPS", "CRPS and backward"}
# Most that twice the batch may cost: the cost grows with the batch, not with its square.
LINEAR = 2.6

Leaves = tuple[Tensor, ...]


def leaves(batch: int, bins: int) -> Leaves:
    """Logits, two concentrations above 0 (GluonTS takes no others) and two scales."""
    source = torch.Generator().manual_seed(1)
    logits = torch.randn(batch, bins, generator=source)
    tails = [0.05 + torch.rand(batch, generator=source) for _ in range(4)]
    return logits, *tails


def ours(leaves: Leaves, *, validate: bool | None = None) -> SplicedBinnedPareto:
    """Our distribution over equal bins."""
    logits, *tails = leaves
    edges = torch.linspace(LOW, HIGH, logits.shape[-1] + 1)
    return SplicedBinnedPareto(logits, edges, *tails, MASS, MASS, validate_args=validate)


def theirs(leaves: Leaves) -> GluonTS:
    """GluonTS's distribution over the same bins."""
    logits, *tails = leaves
    # One column a parameter: with flat ones it broadcasts the batch against itself.
    lower_shape, upper_shape, lower_scale, upper_scale = (tail[:, None] for tail in tails)
    tails = [upper_shape, upper_scale, lower_shape, lower_scale]
    return GluonTS(LOW, HIGH, logits, *tails, logits.shape[-1], MASS)


class Prototype:
    """The formulas written down once, for one batch dimension, shared edges and nonzero shapes."""

    def __init__(self, leaves: Leaves) -> None:
        logits, self.lower_shape, self.upper_shape, self.lower_scale, self.upper_scale = leaves
        self.edges = torch.linspace(LOW, HIGH, logits.shape[-1] + 1)
        self.log_probs = logits.log_softmax(-1)
        self.sums = self.log_probs.exp().cumsum(-1)
        level = torch.full((len(logits),), MASS)
        self.lower, self.upper = self._binned(level), self._binned(1 - level)

    def _bin(self, number: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Left edge, width, log-probability and sum before a bin."""
        column = number[:, None]
        log_prob = self.log_probs.gather(-1, column).squeeze(-1)
        below = self.sums.gather(-1, column).squeeze(-1) - log_prob.exp()
        left = self.edges[number]
        return left, self.edges[number + 1] - left, log_prob, below

    def _binned(self, level: Tensor) -> Tensor:
        """Quantile of the bins."""
        number = torch.searchsorted(self.sums.detach(), level.detach()[:, None]).squeeze(-1)
        left, width, log_prob, below = self._bin(number.clamp(max=len(self.edges) - 2))
        return left + width * (level - below) / log_prob.exp()

    def _tail(self, value: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """In the body, in the upper tail, and the nearer tail's hazard, shape and scale."""
        upper, body = value > self.upper, (value >= self.lower) & (value <= self.upper)
        excess = torch.where(upper, value - self.upper, self.lower - value)
        shape = torch.where(upper, self.upper_shape, self.lower_shape)
        scale = torch.where(upper, self.upper_scale, self.lower_scale)
        hazard = (shape * torch.where(body, 0, excess) / scale).log1p() / shape
        return body, upper, hazard, shape, scale

    def _at(self, value: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        number = torch.bucketize(value.detach(), self.edges, right=True) - 1
        return self._bin(number.clamp(0, len(self.edges) - 2))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density."""
        _, width, log_prob, _ = self._at(value)
        body, _, hazard, shape, scale = self._tail(value)
        tail = math.log(MASS) - scale.log() - (1 + shape) * hazard
        return torch.where(body, log_prob - width.log(), tail)

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most a value."""
        left, width, log_prob, below = self._at(value)
        body, upper, hazard, _, _ = self._tail(value)
        beyond = MASS * (-hazard).exp()
        inside = below + log_prob.exp() * (value - left) / width
        return torch.where(body, inside, torch.where(upper, 1 - beyond, beyond))

    def icdf(self, level: Tensor) -> Tensor:
        """Quantile."""
        upper, body = level > 1 - MASS, (level >= MASS) & (level <= 1 - MASS)
        beyond = torch.where(body, MASS, torch.where(upper, 1 - level, level))
        shape = torch.where(upper, self.upper_shape, self.lower_shape)
        scale = torch.where(upper, self.upper_scale, self.lower_scale)
        excess = scale * (shape * (MASS / beyond).log()).expm1() / shape
        outer = torch.where(upper, self.upper + excess, self.lower - excess)
        return torch.where(body, self._binned(level), outer)


def timed(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each call, in rounds of all, so that a slow moment strikes all.

    Each is called twice and the second time counts: the first one also pays for the memory that
    another contender gave back to the system, up to a third of its time.
    """
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            call()
            began = time.thread_time()
            call()
            spent[name].append(1e3 * (time.thread_time() - began))
    return spent


def ratio(spent: dict[str, list[float]], slow: str, fast: str) -> float:
    """Median ratio of two calls over the rounds."""
    return statistics.median(a / b for a, b in zip(spent[slow], spent[fast], strict=True))


def forward(build: Callable[[Leaves], object], method: str, at: Leaves, value: Tensor) -> object:
    """Build and ask once, without a graph."""
    return getattr(build(at), method)(value)


def backward(build: Callable[[Leaves], object], method: str, at: Leaves, value: Tensor) -> object:
    """Build, ask once and walk back to all parameters."""
    at = tuple(leaf.detach().requires_grad_() for leaf in at)
    return torch.autograd.grad(getattr(build(at), method)(value).sum(), at, allow_unused=True)


CONTENDERS: dict[str, Callable[[Leaves], object]] = {
    "GluonTS": theirs,
    "prototype": Prototype,
    "ours": ours,
    "ours, unchecked": lambda at: ours(at, validate=False),
}


def compare(rounds: int) -> bool:
    """Print a row a method and pass; tell whether every goal is met."""
    small, large = leaves(BATCH, BINS), leaves(2 * BATCH, BINS)
    met = True
    print(
        f"{BATCH} x {BINS} bins, ms{'GluonTS':>18}{'prototype':>11}{'ours':>8}{'unchecked':>11}"
        f"{'faster':>9}{'goal':>6}{'twice the batch':>17}"
    )
    for method, goals in GOALS.items():
        source = torch.Generator().manual_seed(2)
        values = [
            1.3 * HIGH * (2 * torch.rand(n, generator=source) - 1) for n in (BATCH, 2 * BATCH)
        ]
        if method == "icdf":
            values = [
                torch.rand(n, generator=source).clamp(1e-4, 1 - 1e-4) for n in (BATCH, 2 * BATCH)
            ]
        for title, run, goal in (
            ("forward", forward, goals[0]),
            ("and backward", backward, goals[1]),
        ):
            calls = {
                name: lambda b=build, m=method, r=run, v=values[0]: r(b, m, small, v)
                for name, build in CONTENDERS.items()
            }
            calls["large"] = lambda m=method, r=run, v=values[1]: r(ours, m, large, v)
            spent = timed(calls, rounds)
            middle = {name: statistics.median(times) for name, times in spent.items()}
            faster, growth = ratio(spent, "GluonTS", "ours"), ratio(spent, "large", "ours")
            met &= faster >= goal and growth < LINEAR
            print(
                f"{method:9}{title:16}"
                f"{middle['GluonTS']:16.2f}{middle['prototype']:11.2f}{middle['ours']:8.2f}"
                f"{middle['ours, unchecked']:11.2f}{faster:8.1f}x{goal:5}x{growth:16.2f}x"
                f"   prototype {ratio(spent, 'GluonTS', 'prototype'):.1f}x",
                flush=True,
            )
    return met


def compare_losses(rounds: int) -> None:
    """Print the training loss of whole numbers beside the exact interval likelihood."""
    logits, *tails = leaves(1024, 151)
    edges = torch.arange(-50.0, 102.0) - 0.5
    whole = torch.randint(-10, 40, (1024,), generator=torch.Generator().manual_seed(3)).float()

    def loss(objective: Callable[..., Tensor]) -> object:
        at = [leaf.detach().requires_grad_() for leaf in (logits, *tails)]
        dist = SplicedBinnedPareto(at[0], edges, *at[1:], 0.01, 0.05, validate_args=False)
        return torch.autograd.grad(objective(dist, whole - 0.5, whole + 0.5).sum(), at)

    spent = timed(
        {
            "composite_interval_nll": lambda: loss(composite_interval_nll),
            "log_prob_interval": lambda: loss(lambda dist, a, b: -dist.log_prob_interval(a, b)),
        },
        rounds,
    )
    print("\nforward and backward of a loss of whole numbers, 1024 x 151 bins, ms")
    for name, times in spent.items():
        print(f"{name:24}{statistics.median(times):8.2f}")


def time_counts(rounds: int) -> None:
    """Print the times of what adds up over whole numbers, of rounded variables without bounds."""
    logits, *tails = leaves(400, 50)
    edges = torch.linspace(-0.5, 999.5, 51)
    value = torch.randint(0, 1000, (400,), generator=torch.Generator().manual_seed(4)).float()
    dist = Discretized(SplicedBinnedPareto(logits, edges, *tails, MASS, MASS))
    calls = {name: call for name, call in CALLS.items() if name != "shortfall"}
    calls["clamped mean"] = lambda dist, _: dist.clamped_mean(0.0, 500.0)
    spent = timed({n: lambda call=call: call(dist, value) for n, call in calls.items()}, rounds)
    print("\nDiscretized without bounds, 400 x 50 bins of 20 whole numbers, ms")
    for name, times in spent.items():
        print(f"{name:24}{statistics.median(times):8.2f}{ratio(spent, name, 'log_prob'):8.1f}x")


def compare_expectations(rounds: int) -> bool:
    """Print the mean and the CRPS beside log_prob and the composite loss; tell whether all hold."""
    small = leaves(BATCH, BINS)
    value = 1.3 * HIGH * (2 * torch.rand(BATCH, generator=torch.Generator().manual_seed(2)) - 1)

    def loss(objective: Callable[[SplicedBinnedPareto, Tensor], Tensor]) -> object:
        at = tuple(leaf.detach().requires_grad_() for leaf in small)
        return torch.autograd.grad(objective(ours(at), value).sum(), at)

    spent = timed(
        {
            **{n: lambda call=call: call(ours(small), value) for n, call in CALLS.items()},
            "composite": lambda: loss(composite_nll),
            "CRPS and backward": lambda: loss(crps_loss),
        },
        rounds,
    )
    forward = [name for name in EXPECTATIONS if name.endswith(" / log_prob")]
    found = {name: ratio(spent, *name.split(" / ")) for name in forward}
    found["CRPS / composite, and backward"] = ratio(spent, "CRPS and backward", "composite")
    print(f"\ntimes as slow, {BATCH} x {BINS} bins")
    for name, most in EXPECTATIONS.items():
        print(f"{name:32}{found[name]:6.2f}   at most {most:g}")
    return all(found[name] <= most for name, most in EXPECTATIONS.items())


CALLS: dict[str, Callable[..., Tensor]] = {
    "log_prob": lambda dist, value: dist.log_prob(value),
    "mean": lambda dist, _: dist.mean,
    "variance": lambda dist, _: dist.variance,
    "entropy": lambda dist, _: dist.entropy(),
    "shortfall": lambda dist, _: dist.expected_shortfall(0.9),
    "CRPS": lambda dist, value: dist.crps(value),
}
# Of these the memory is measured, "and backward" to the logits.
MEASURED = [*CALLS, "CRPS and backward"]


def print_memory(name: str) -> None:
    """Print the peak memory of one call in this process, in sizes of its logits."""
    at, value = leaves(LARGE_BATCH, LARGE_BINS), torch.zeros(LARGE_BATCH)
    call, walk = CALLS[name.removesuffix(" and backward")], name.endswith("and backward")

    def run(at: Leaves, value: Tensor) -> None:
        result = call(ours((at[0].requires_grad_(walk), *at[1:]), validate=False), value)
        if walk:
            torch.autograd.grad(result.sum(), at[0])

    run(leaves(2, LARGE_BINS), value[:2])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run(at, value)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(1024 * peak / (at[0].numel() * at[0].element_size()))


def compare_memory() -> bool:
    """Print the peak memory of calls, each in a process of its own; tell whether all hold."""
    print(f"\nextra memory in sizes of the logits, {LARGE_BATCH} x {LARGE_BINS} bins")
    met = True
    for name in MEASURED:
        command = [sys.executable, __file__, "--memory", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this file
        sizes, most = float(done.stdout), MEMORY if name in PROMISED else OTHERS
        met &= sizes <= most
        print(f"{name:32}{sizes:6.2f}   at most {most:g}")
    return met


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40, help="runs of each; the median counts")
    parser.add_argument("--memory", choices=MEASURED, help="only print the memory of one call")
    parser.add_argument("--counts", action="store_true", help="only time rounded variables")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory:
        print_memory(arguments.memory)
        return
    if arguments.counts:
        time_counts(arguments.rounds)
        return
    met = compare(arguments.rounds)
    met &= compare_expectations(arguments.rounds)
    met &= compare_memory()
    compare_losses(arguments.rounds)
    time_counts(arguments.rounds)
    print("every goal is met" if met else "A GOAL IS MISSED")


if __name__ == "__main__":
    main()
