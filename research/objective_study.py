"""Which training objective recovers the body, the thresholds and the tails of a known distribution?

Three targets with known truth: two distributions without covariates (a skew t with three degrees of
freedom; two modes with generalized Pareto tails) and a conditional one, in which location, scale
and both tail indices move with a covariate. Every objective is fitted to the same draws with the
same optimizer, five times over; two of them are traps, fitted here on purpose past the refusal of
`exact_nll`. Each fit is appended to the file of results, so an interrupted study goes on.

    python research/objective_study.py objective_study.json
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import scipy.stats
import torch
from torch import Tensor, nn

from splicedpareto import objectives
from splicedpareto.distributions import Gaussian, SplicedBinnedPareto
from splicedpareto.distributions._distribution import log_density
from splicedpareto.distributions._tails import Tails
from splicedpareto.nn import ResidualMLP

DRAWS, BINS, MASS, SEEDS = 20_000, 50, 0.05, 5
Loss = Callable[[SplicedBinnedPareto, Tensor], Tensor]


class Target(Protocol):
    """A distribution given x; only the conditional one looks at it."""

    name: str

    def cdf(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Distribution function."""

    def quantile(self, level: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Quantiles."""

    def log_density(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Log-density."""


class SkewT:
    """Student's t with three degrees of freedom, upper half stretched by 1.5, lower shrunk by it.

    Fernandez and Steel (1998), eq. 1.
    """

    name = "t3 with skew"
    skew = 1.5

    def cdf(self, y: np.ndarray, _: np.ndarray) -> np.ndarray:
        """Distribution function."""
        g, distribution = self.skew, scipy.stats.t(3)
        share = 1 / (1 + g**2)
        below = 2 * share * distribution.cdf(y * g)
        return np.where(y < 0, below, share + 2 * (1 - share) * (distribution.cdf(y / g) - 0.5))

    def quantile(self, level: np.ndarray, _: np.ndarray) -> np.ndarray:
        """Quantiles."""
        g, distribution = self.skew, scipy.stats.t(3)
        share = 1 / (1 + g**2)
        below = distribution.ppf(np.minimum(level / (2 * share), 0.5)) / g
        above = distribution.ppf(np.maximum((level - share) / (2 * (1 - share)) + 0.5, 0.5)) * g
        return np.where(level < share, below, above)

    def log_density(self, y: np.ndarray, _: np.ndarray) -> np.ndarray:
        """Log-density."""
        g = self.skew
        return math.log(2 / (g + 1 / g)) + scipy.stats.t(3).logpdf(np.where(y < 0, y * g, y / g))


class TwoModes:
    """Two normal modes, and 5 % beyond -4 and 4 in generalized Pareto tails."""

    name = "two modes, GPD tails"
    tails = ((0.2, 0.7), (0.4, 1.0))

    def __init__(self) -> None:
        self._grid = np.linspace(-4, 4, 20_001)
        body = sum(scipy.stats.norm(m, s).pdf(self._grid) for m, s in ((-1.5, 0.5), (1.5, 0.7)))
        steps = np.concatenate([[0.0], ((body[1:] + body[:-1]) / 2 * np.diff(self._grid)).cumsum()])
        self._sums = MASS + (1 - 2 * MASS) * steps / steps[-1]
        self._density = (1 - 2 * MASS) * body / steps[-1]

    def _beyond(self) -> list[Any]:
        return [scipy.stats.genpareto(c=xi, scale=scale) for xi, scale in self.tails]

    def cdf(self, y: np.ndarray, _: np.ndarray) -> np.ndarray:
        """Distribution function."""
        lower, upper = self._beyond()
        body = np.interp(y, self._grid, self._sums)
        return np.where(
            y < -4, MASS * lower.sf(-4 - y), np.where(y > 4, 1 - MASS * upper.sf(y - 4), body)
        )

    def quantile(self, level: np.ndarray, _: np.ndarray) -> np.ndarray:
        """Quantiles."""
        lower, upper = self._beyond()
        body = np.interp(level, self._sums, self._grid)
        below = -4 - lower.isf(np.minimum(level / MASS, 1))
        above = 4 + upper.isf(np.minimum((1 - level) / MASS, 1))
        return np.where(level < MASS, below, np.where(level > 1 - MASS, above, body))

    def log_density(self, y: np.ndarray, _: np.ndarray) -> np.ndarray:
        """Log-density."""
        lower, upper = self._beyond()
        tail = math.log(MASS) + np.where(y > 4, upper.logpdf(y - 4), lower.logpdf(-4 - y))
        body = np.log(np.interp(y, self._grid, self._density))
        return np.where(np.abs(y) > 4, tail, body)


class Moving:
    """Normal body, tails tied to it from its 5 and 95 % points on; all moves with x in [-2, 2].

    Location 3 x, scale exp(0.4 x), upper concentration from 0.1 to 0.5, lower from 0.3 to 0.05.
    """

    name = "conditional"
    splice = float(scipy.stats.norm.isf(MASS))
    tail_scale = MASS / float(scipy.stats.norm.pdf(splice))

    def _moves(self, x: np.ndarray) -> tuple[np.ndarray, ...]:
        rise = 1 / (1 + np.exp(-2 * x))
        return 3 * x, np.exp(0.4 * x), 0.3 - 0.25 * rise, 0.1 + 0.4 * rise

    def cdf(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Distribution function."""
        loc, scale, lower, upper = self._moves(x)
        z = (y - loc) / scale
        below = MASS * scipy.stats.genpareto.sf(-self.splice - z, lower, scale=self.tail_scale)
        above = MASS * scipy.stats.genpareto.sf(z - self.splice, upper, scale=self.tail_scale)
        body = np.where(z > self.splice, 1 - above, scipy.stats.norm.cdf(z))
        return np.where(z < -self.splice, below, body)

    def quantile(self, level: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Quantiles."""
        loc, scale, lower, upper = self._moves(x)
        deep, high = np.minimum(level / MASS, 1), np.minimum((1 - level) / MASS, 1)
        below = -self.splice - scipy.stats.genpareto.isf(deep, lower, scale=self.tail_scale)
        above = self.splice + scipy.stats.genpareto.isf(high, upper, scale=self.tail_scale)
        body = np.where(level > 1 - MASS, above, scipy.stats.norm.ppf(level))
        return loc + scale * np.where(level < MASS, below, body)

    def log_density(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Log-density."""
        loc, scale, lower, upper = self._moves(x)
        z = (y - loc) / scale
        below = scipy.stats.genpareto.logpdf(-self.splice - z, lower, scale=self.tail_scale)
        above = scipy.stats.genpareto.logpdf(z - self.splice, upper, scale=self.tail_scale)
        tail = math.log(MASS) + np.where(z > 0, above, below)
        inside = np.abs(z) <= self.splice
        return np.where(inside, scipy.stats.norm.logpdf(z), tail) - np.log(scale)


TARGETS: dict[str, Target] = {target.name: target for target in (SkewT(), TwoModes(), Moving())}


def exact_past_the_refusal(dist: SplicedBinnedPareto, value: Tensor) -> Tensor:
    """What `exact_nll` refuses: thresholds pull on the logits, scales are free."""
    return -dist.log_prob(value)


def exact_with_detached_thresholds(dist: SplicedBinnedPareto, value: Tensor) -> Tensor:
    """The exact likelihood, blind to how thresholds move; for values of the batch's shape."""
    distribution = dist.distribution
    columns = value[..., None] if dist.batch_shape else value
    tails, cell = distribution.look_up(distribution.bin_index(columns), with_sums=False)
    held = (tail._replace(threshold=tail.threshold.detach()) for tail in tails)
    return -log_density(Tails(*held), cell, columns).reshape(value.shape)


def composite_and_crps(dist: SplicedBinnedPareto, value: Tensor) -> Tensor:
    """Both losses in equal parts."""
    return objectives.composite_nll(dist, value) + objectives.crps_loss(dist, value)


@dataclasses.dataclass(frozen=True)
class Case:
    """An objective with the splice and the scales that it needs."""

    loss: Loss
    splice: str = "quantile"
    tied: bool = False
    # Shift and scale the targets by a Gaussian network's mean and deviation first.
    standardized: bool = False


CASES = {
    "composite": Case(objectives.composite_nll),
    "composite + CRPS": Case(composite_and_crps),
    "exact, tied scales": Case(objectives.exact_nll, tied=True),
    "edge splice, exact": Case(objectives.exact_nll, splice="edge"),
    "CRPS": Case(objectives.crps_loss),
    "trap: exact, free scales": Case(exact_past_the_refusal),
    "trap: exact, thresholds detached": Case(exact_with_detached_thresholds),
}
CONDITIONAL = CASES | {
    "composite, standardized": Case(objectives.composite_nll, standardized=True),
    "edge splice, standardized": Case(objectives.exact_nll, splice="edge", standardized=True),
}


def build(raw: Tensor, edges: Tensor, case: Case) -> SplicedBinnedPareto:
    """Distribution of unbounded numbers: logits, two concentrations in (0, 0.9), two scales."""
    entries = BINS + 2 * (case.splice == "edge")
    shapes = 0.9 * raw[..., entries : entries + 2].sigmoid()
    # The scale at which the density of uniform bins is continuous.
    unit = MASS * (edges[-1] - edges[0])
    scales = unit * (nn.functional.softplus(raw[..., entries + 2 :]) + 1e-3)
    return SplicedBinnedPareto(
        raw[..., :entries],
        edges,
        shapes[..., 0],
        shapes[..., 1],
        *((None, None) if case.tied else scales.unbind(-1)),
        splice=case.splice,  # type: ignore[arg-type]
        validate_args=False,
    )


def start(case: Case) -> Tensor:
    """Uniform bins, tails of 5 %, concentrations of 0.1, scales of about one unit."""
    logits = torch.zeros(BINS + 2 * (case.splice == "edge"))
    if case.splice == "edge":
        logits[[0, -1]] = math.log(BINS * MASS / (1 - 2 * MASS))
    return torch.cat([logits, torch.full((2,), math.log(1 / 8)), torch.full((2,), 0.54)])


class Raw(nn.Module):
    """Unbounded numbers, free or a network's; the first is the same for every input."""

    def __init__(self, initial: Tensor, *, conditional: bool) -> None:
        super().__init__()
        self.free = nn.Parameter(initial.clone())
        self.trunk = ResidualMLP(1, 32, blocks=1) if conditional else None
        if self.trunk is not None:
            self.linear = nn.Linear(32, len(initial), bias=False)
            nn.init.zeros_(self.linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Numbers of shape ``(P,)``, or ``(n, P)`` with a network."""
        return self.free if self.trunk is None else self.free + self.linear(self.trunk(x[:, None]))


def minimize(module: Raw, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor) -> None:
    """Adam under a half cosine, on random batches."""
    steps, size, rate = (400, 1000, 0.05) if module.trunk is None else (500, 512, 0.01)
    optimizer = torch.optim.Adam(module.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.randint(len(y), (size,))
        optimizer.zero_grad()
        loss(module(x[rows]), y[rows]).mean().backward()
        nn.utils.clip_grad_norm_(module.parameters(), 10.0)
        optimizer.step()
        schedule.step()


def fit(
    case: Case, x: Tensor, y: Tensor, *, conditional: bool
) -> Callable[[Tensor], SplicedBinnedPareto]:
    """Fit one objective; returns the distribution for given covariates."""
    moments = None
    if case.standardized:
        moments = Raw(torch.zeros(2), conditional=conditional)

        def gaussian(raw: Tensor) -> Gaussian:
            scale = nn.functional.softplus(raw[..., 1]) + 1e-2
            return Gaussian(raw[..., 0], scale, validate_args=False)

        minimize(moments, lambda raw, value: objectives.exact_nll(gaussian(raw), value), x, y)
        with torch.no_grad():
            distribution = gaussian(moments(x))
            y = (y - distribution.loc) / distribution.scale
    tail = MASS if case.splice == "edge" else 0.002
    edges = torch.linspace(*np.quantile(y.numpy(), [tail, 1 - tail]).tolist(), BINS + 1)
    module = Raw(start(case), conditional=conditional)
    minimize(module, lambda raw, value: case.loss(build(raw, edges, case), value), x, y)

    @torch.no_grad()
    def fitted(at: Tensor) -> SplicedBinnedPareto:
        dist = build(module(at), edges, case)
        if moments is None:
            return dist
        around = gaussian(moments(at))
        return dist.affine(around.loc, around.scale)

    return fitted


@torch.no_grad()
def measure(target: Target, fitted: Callable[[Tensor], SplicedBinnedPareto]) -> dict[str, float]:
    """Compare a fitted distribution with the truth on draws that it never saw."""
    x, y = draw(target, 10_000)
    dist, value = fitted(torch.tensor(x).float()), torch.tensor(y).float()
    truth = -target.log_density(y, x).mean()
    grid = np.linspace(-1.9, 1.9, 39) if target.name == "conditional" else np.zeros(1)
    distribution = fitted(torch.tensor(grid).float())

    def exact(level: float) -> np.ndarray:
        return target.quantile(np.full(grid.shape, level), grid)

    result = {
        "nll": float(-dist.log_prob(value).double().mean() - truth),
        "crps": float(dist.crps(value).double().mean()),
    }
    middle = exact(0.5)
    for level in (0.99, 0.999, 0.01, 0.001):
        far = distribution.icdf(torch.tensor(level)).double().numpy()
        error = (far - exact(level)) / np.abs(exact(level) - middle)
        # Outwards is positive in either tail; over a covariate the mean of absolute errors.
        sign = 1 if level > 0.5 else -1
        result[f"q{level}"] = float(np.abs(error).mean() if len(grid) > 1 else sign * error[0])
    inner = np.linspace(0.1, 0.9, 17)
    reached = [
        distribution.cdf(torch.tensor(exact(level)).float()).double().numpy() for level in inner
    ]
    result["body"] = float(np.mean([np.abs(r - u) for r, u in zip(reached, inner, strict=True)]))
    low, high = (
        t.expand(len(grid)).double().numpy()
        for t in (distribution.lower_threshold, distribution.upper_threshold)
    )
    result["below"] = float(target.cdf(low, grid).mean())
    result["above"] = float(1 - target.cdf(high, grid).mean())
    return result


def draw(target: Target, count: int, seed: int = 12_345) -> tuple[np.ndarray, np.ndarray]:
    """Covariates and outcomes."""
    source = np.random.default_rng(seed)
    x = source.uniform(-2, 2, count)
    return x, target.quantile(source.uniform(size=count), x)


COLUMNS = {
    "nll": "NLL - truth's",
    "crps": "CRPS",
    "body": "body",
    "q0.99": ".99",
    "q0.999": ".999",
    "q0.01": ".01",
    "q0.001": ".001",
    "below": "mass below",
    "above": "mass above",
}


def report(results: dict[str, dict[str, float]]) -> None:
    """Print a table a target: mean and standard deviation over the seeds."""
    for target in TARGETS:
        print(f"\n{target}\n\n| objective | " + " | ".join(COLUMNS.values()) + " |")
        print("|---" * (len(COLUMNS) + 1) + "|")
        for name in CONDITIONAL if target == "conditional" else CASES:
            found = [r for key, r in results.items() if key.startswith(f"{target}/{name}/")]
            if not found:
                continue
            cells = []
            for column in COLUMNS:
                numbers = [r[column] for r in found]
                spread = f" ± {statistics.stdev(numbers):.3f}" if len(numbers) > 1 else ""
                cells.append(f"{statistics.mean(numbers):.3f}{spread}")
            print(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    """Fit what the file of results lacks, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "results", type=Path, help="file of results; fits it holds are not repeated"
    )
    parser.add_argument("--seeds", type=int, default=SEEDS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    path = arguments.results
    results = json.loads(path.read_text()) if path.is_file() else {}
    for seed in range(arguments.seeds):
        for target in TARGETS.values():
            conditional = target.name == "conditional"
            for name, case in (CONDITIONAL if conditional else CASES).items():
                key = f"{target.name}/{name}/{seed}"
                if key in results:
                    continue
                x, y = (torch.tensor(v).float() for v in draw(target, DRAWS, seed))
                torch.manual_seed(seed)
                began = time.process_time()
                results[key] = measure(target, fit(case, x, y, conditional=conditional))
                results[key]["seconds"] = time.process_time() - began
                aside = path.with_suffix(".writing")
                aside.write_text(json.dumps(results, indent=1))
                aside.replace(path)
    results = {k: r for k, r in results.items() if int(k.rsplit("/", 1)[1]) < arguments.seeds}
    report(results)
    print(f"\n{sum(r['seconds'] for r in results.values()):.0f} s of one core")


if __name__ == "__main__":
    main()
