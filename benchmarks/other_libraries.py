"""Compare predictive distributions of this package and of others, on real and simulated targets.

Five ways from the same rows to a distribution, each as its library has it:

- `splicedpareto`: bins and generalized Pareto tails from the sample, the composite likelihood;
- TabPFN's bar distribution: its class alone, without the pretrained weights, over quantiles of the
  targets;
- zuko: a conditional neural spline flow;
- GluonTS: the Student's t output;
- scikit-learn: gradient-boosted trees by the quantile loss, one model a level.

The first four share a trunk, an optimizer and a number of epochs; zuko has networks of its own.
Targets are divided by the range between their quartiles for all. Printed on rows that no fit has
seen: log score, CRPS as the weighted mean of pinball losses of 23 levels, which all ways have, the
pinball loss of the outer levels, and how often the outer quantiles are exceeded, in percent.

    python benchmarks/other_libraries.py
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
import warnings
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats
import torch
import zuko
from arch.data import sp500
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from gluonts.torch.distributions import StudentTOutput
    from tabpfn.architectures.shared.bar_distribution import FullSupportBarDistribution

from splicedpareto.nn import ResidualMLP, SplicedBinnedParetoHead
from splicedpareto.objectives import composite_nll

if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = torch.tensor([0.001, 0.01, *np.arange(0.05, 0.96, 0.05), 0.99, 0.999])
WIDTH, BINS = 32, 40
Rows = tuple[Tensor, Tensor]


def returns() -> tuple[Rows, Rows]:
    """Tomorrow's return of the S&P 500 from the size of returns of late; the last 2,007 days."""
    daily = 100 * np.log(sp500.load()["Adj Close"]).diff().dropna()
    size = daily.abs()
    x = np.log(np.stack([size.rolling(n).mean() + 0.05 for n in (1, 5, 22)], axis=1))[22:-1]
    return split(x, daily.to_numpy()[23:], 3000)


def diabetes() -> tuple[Rows, Rows]:
    """Progression of the disease in 442 patients, a light tail and few rows."""
    x, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return split(x[order], y[order], 300)


def simulated() -> tuple[Rows, Rows]:
    """Two modes that move, and tails of concentration .33 above and .2 below."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (6000, 2))
    side = np.where(rng.random(6000) < 0.5 + 0.3 * x[:, 1], 2.0, -1.0)
    noise = rng.normal(0, 0.4, 6000)
    far = rng.random(6000)
    noise = np.where(far < 0.05, -0.7 - rng.pareto(5, 6000), noise)
    noise = np.where(far > 0.95, 0.7 + rng.pareto(3, 6000), noise)
    return split(x, 2 * x[:, 0] + side + (1 + 0.5 * x[:, 1]) * noise, 3000)


def split(x: np.ndarray, y: np.ndarray, first: int) -> tuple[Rows, Rows]:
    """Rows to fit and rows to score, standardized by the first."""
    x = (x - x[:first].mean(0)) / x[:first].std(0)
    low, middle, high = np.quantile(y[:first], [0.25, 0.5, 0.75])
    rows, targets = (torch.tensor(a, dtype=torch.float32) for a in (x, (y - middle) / (high - low)))
    return (rows[:first], targets[:first]), (rows[first:], targets[first:])


Scored = tuple[Tensor | None, Tensor]


def train(
    modules: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], fitted: Rows, epochs: int
) -> None:
    """AdamW with one cycle of the learning rate, for all networks alike."""
    x, y = fitted
    steps = epochs * math.ceil(len(y) / 256)
    optimizer = torch.optim.AdamW(modules.parameters(), lr=5e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    for _ in range(epochs):
        for part in torch.randperm(len(y)).split(256):
            optimizer.zero_grad()
            loss(x[part], y[part]).mean().backward()
            nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
            optimizer.step()
            schedule.step()


def spliced(fitted: Rows, new: Rows, epochs: int) -> Scored:
    """This package's distribution."""
    x, y = fitted
    head = SplicedBinnedParetoHead.from_data(WIDTH, y, bins=BINS)
    network = nn.Sequential(ResidualMLP(x.shape[1], WIDTH), head)
    train(network, lambda a, b: composite_nll(network(a), b), fitted, epochs)
    with torch.no_grad():
        dist = network(new[0])
        return dist.log_prob(new[1]), dist.icdf(LEVELS[:, None])


def bars(fitted: Rows, new: Rows, epochs: int) -> Scored:
    """TabPFN's bar distribution over quantiles of the targets."""
    x, y = fitted
    borders = torch.quantile(y, torch.linspace(0, 1, BINS + 1)).unique()
    bar = FullSupportBarDistribution(borders)
    network = nn.Sequential(ResidualMLP(x.shape[1], WIDTH), nn.Linear(WIDTH, len(borders) - 1))
    train(network, lambda a, b: bar(network(a), b), fitted, epochs)
    with torch.no_grad():
        logits = network(new[0])
        quantiles = [bar.icdf(logits, float(level)) for level in LEVELS]
        return -bar(logits, new[1]), torch.stack(quantiles)


def flow(fitted: Rows, new: Rows, epochs: int) -> Scored:
    """A conditional neural spline flow of zuko."""
    network = zuko.flows.NSF(
        1, fitted[0].shape[1], transforms=2, bins=16, hidden_features=(WIDTH, WIDTH)
    )
    train(network, lambda a, b: -network(a).log_prob(b[:, None]), fitted, epochs)
    with torch.no_grad():
        dist = network(new[0])
        z = torch.special.ndtri(LEVELS)[:, None, None].expand(-1, len(new[1]), 1)
        quantiles = dist.transform.inv(z).squeeze(-1).sort(0).values
        return dist.log_prob(new[1][:, None]), quantiles


def student(fitted: Rows, new: Rows, epochs: int) -> Scored:
    """Student's t distribution, as GluonTS puts it out."""
    output = StudentTOutput()
    trunk = ResidualMLP(fitted[0].shape[1], WIDTH)
    network = nn.ModuleList([trunk, output.get_args_proj(WIDTH)])

    def parameters(x: Tensor) -> tuple[Tensor, ...]:
        return tuple(network[1](trunk(x)))

    train(network, lambda a, b: -output.distribution(parameters(a)).log_prob(b), fitted, epochs)
    with torch.no_grad():
        at = parameters(new[0])
        quantiles = scipy.stats.t.ppf(LEVELS[:, None].numpy(), *(each.numpy() for each in at))
        log_prob = output.distribution(at).log_prob(new[1])
        return log_prob, torch.as_tensor(quantiles, dtype=torch.float32)


def trees(fitted: Rows, new: Rows, epochs: int) -> Scored:  # noqa: ARG001  # has its own number
    """Trees by the quantile loss, one model a level; quantiles that cross are sorted."""
    quantiles = [
        HistGradientBoostingRegressor(loss="quantile", quantile=float(level), max_iter=60)
        .fit(*(each.numpy() for each in fitted))
        .predict(new[0].numpy())
        for level in LEVELS
    ]
    return None, torch.tensor(np.stack(quantiles), dtype=torch.float32).sort(0).values


SERIES = {"returns": returns, "diabetes": diabetes, "simulated": simulated}
WAYS = {
    "splicedpareto": spliced,
    "TabPFN's bars": bars,
    "zuko": flow,
    "GluonTS Student": student,
    "scikit-learn": trees,
}


def scores(log_prob: Tensor | None, quantiles: Tensor, y: Tensor) -> list[float]:
    """Log score, CRPS, both outer pinball losses, and four shares exceeded in percent."""
    error, level = y - quantiles, LEVELS[:, None]
    pinball = torch.maximum(level * error, (level - 1) * error).mean(-1)
    crps = 2 * torch.trapezoid(pinball, LEVELS).item()
    log_score = math.nan if log_prob is None else -log_prob.mean().item()
    below, above = (
        ((y < quantiles[k]).double().mean().item() for k in (0, 1)),
        ((y > quantiles[k]).double().mean().item() for k in (-2, -1)),
    )
    outer = [1000 * pinball[k].item() for k in (0, -1)]
    return [log_score, crps, *outer, *(100 * share for share in (*below, *above))]


def main() -> None:
    """Print a row a way for each series, means over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    titles = ["log score", "CRPS", ".001", ".999", "<.1%", "<1%", ">1%", ">.1%", "seconds"]
    for name, load in SERIES.items():
        fitted, new = load()
        print(f"\n{name}: {len(fitted[1])} rows to fit, {len(new[1])} to score")
        print(f"{'':16}" + "".join(f"{title:>10}" for title in titles), flush=True)
        for way, predict in WAYS.items():
            runs = []
            for seed in range(arguments.seeds if predict is not trees else 1):
                torch.manual_seed(seed)
                began = time.process_time()
                scored = predict(fitted, new, arguments.epochs)
                runs.append([*scores(*scored, new[1]), time.process_time() - began])
            means = (statistics.fmean(column) for column in zip(*runs, strict=True))
            print(f"{way:16}" + "".join(f"{mean:10.3f}" for mean in means), flush=True)


if __name__ == "__main__":
    main()
