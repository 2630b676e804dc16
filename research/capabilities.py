"""The publication's capability table, measured: which distribution suits heavy-tailed series?

Distributions on one trunk, and three detectors for the exceedances, on simulated series whose
exact distribution is known and on the ten Twitter-volume series of the Numenta Anomaly Benchmark. A
line of JSON is kept for each finished cell (data, method, seed); run again, finished cells are
skipped. The tables of `docs/results/capabilities.md` are printed in Markdown.

    python research/capabilities.py ../shared/data/timeseries/nab_tweets --out capabilities.jsonl

Every network sees the last 61 values (a temporal convolution over four levels) and the time of
day, and is fitted by the one loop of `splicedpareto.training`, by the objective its source states:
the spliced distribution and the bins by the composite likelihood, the quantile network by the CRPS,
all others by the likelihood. Training, validation (early stopping) and test follow each other in
time.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from _capability_report import PP_LEVELS, RISKS, SEEDS, print_report
from _series import SeriesSet, read_tweets, simulated_set
from splicedpareto.contrib import (
    GaussianMixtureHead,
    HybridParetoHead,
    QuantileParetoHead,
    StudentTHead,
)
from splicedpareto.contrib.detectors import Spot, stream_thresholds
from splicedpareto.distributions import Mixture
from splicedpareto.nn import (
    AffineTransformedHead,
    DistributionHead,
    DistributionNetwork,
    GaussianHead,
    MovingBinsHead,
    SplicedBinnedParetoHead,
    Standardize,
    TemporalConvolution,
)
from splicedpareto.objectives import composite_nll, crps_loss, exact_nll
from splicedpareto.scoring_rules import pp_error, quantile_score
from splicedpareto.training import FitSettings, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from splicedpareto.distributions import SplicedBinnedPareto
    from splicedpareto.distributions._base import ScalarDistribution

BINS = 60
CHANNELS = 24
# Steps before a chunk whose states are left out, because they see less than all of the past.
WARM_UP = 60
CHUNK = 128
# Blocks of the bootstrap: a period of the simulation, half a day of the real series.
BLOCK = {"simulated": 200, "tweets": 144}
# Drift depth of DSPOT: a period, half a day.
DEPTH = BLOCK
EPOCHS = {"simulated": 16, "tweets": 5}
BATCH = {"simulated": 4, "tweets": 12}
# A log score is capped here, so that one outcome that a method rules out does not decide a mean;
# the table counts the capped outcomes.
WORST_LOG_SCORE = 30.0
LEVELS = (0.001, 0.01, 0.05, 0.95, 0.99, 0.999)


class SeriesTrunk(nn.Module):
    """Standardization and a temporal convolution, without the states of the warm-up."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.standardize = Standardize(features)
        self.convolution = TemporalConvolution(features, CHANNELS, levels=4, dropout=0.0)

    def forward(self, inputs: Tensor) -> Tensor:
        """States ``(B, T - 60, C)`` of inputs ``(B, T, F)``."""
        states: Tensor = self.convolution(self.standardize(inputs))
        return states[:, WARM_UP:]


def bin_edges(training: Tensor) -> Tensor:
    """Training quantiles at levels evenly spaced in the logit, and the extremes."""
    levels = torch.linspace(-8, 8, BINS - 1, dtype=torch.float64).sigmoid()
    inner = np.quantile(training.numpy(), levels.numpy())
    ends = [[training.min().item()], inner, [training.max().item()]]
    return torch.from_numpy(np.unique(np.concatenate(ends))).float()


def spliced_head(training: Tensor) -> DistributionHead:
    """Spliced binned-Pareto, 5 % in each tail as published."""
    edges = bin_edges(training)
    head = SplicedBinnedParetoHead(CHANNELS, edges)
    with torch.no_grad():
        head.linear.bias[: head.bins] = _log_shares(training, edges)
        _start_tails(head.linear.bias[head.bins + 2 :], training, edges)
    return head


def moving_head(training: Tensor) -> DistributionHead:
    """The same in units of a location and a scale that the network gives."""
    low, middle, high = np.quantile(training.numpy(), [0.25, 0.5, 0.75])
    scale = (high - low) / 1.35
    head = spliced_head((training - middle) / scale)
    return AffineTransformedHead(head, location=middle, scale=scale)


def sample_head(training: Tensor) -> DistributionHead:
    """The same as the package starts it at a sample, without a choice of our own."""
    return SplicedBinnedParetoHead.from_data(CHANNELS, training, bins=BINS).float()


def score_moved_head(training: Tensor) -> DistributionHead:
    """That with bins which move along the distribution of the sample."""
    return MovingBinsHead.from_data(CHANNELS, training, bins=BINS).float()


class GaussianBinsHead(SplicedBinnedParetoHead):
    """Spliced binned-Pareto whose bins hold the masses of a mixture of three Gaussians.

    The network gives weights, means and deviations in place of a logit a bin; what the mixture has
    beyond the outermost edges is theirs.
    """

    def __init__(self, training: Tensor, edges: Tensor | None = None) -> None:
        super().__init__(CHANNELS, bin_edges(training) if edges is None else edges)
        tails = self.linear.bias[self.bins :].detach()
        low, middle, high = np.quantile(training.numpy(), [0.25, 0.5, 0.75])
        settings = {"components": 3, "location": middle, "scale": (high - low) / 1.35}
        self.mixture = GaussianMixtureHead(CHANNELS, **settings)
        self.linear = nn.Linear(CHANNELS, 4)
        nn.init.zeros_(self.linear.weight)
        with torch.no_grad():
            self.linear.bias.copy_(tails)
            _start_tails(self.linear.bias[2:], training, self.edges)

    def raw_parameters(self, state: Tensor) -> Tensor:
        """Those of the mixture, then of the tails."""
        return torch.cat([self.mixture.raw_parameters(state), self.linear(state)], -1)

    def distribution(self, raw: Tensor) -> SplicedBinnedPareto:
        """The distribution for raw parameters ``(*B, 13)``."""
        logits = self.log_masses(raw[..., :-4]).movedim(0, -1)
        return super().distribution(torch.cat([logits, raw[..., -4:]], -1))

    def log_masses(self, raw: Tensor) -> Tensor:
        """Logarithms of the bins' masses, shape ``(K, *B)``, of the mixture's raw parameters."""
        edges = self.edges.reshape(-1, *(1,) * (raw.dim() - 1))
        log_mass = self.mixture.distribution(raw).log_prob_interval(edges[:-1], edges[1:])
        # A bin far from all Gaussians has no mass in single precision.
        return log_mass.clamp(min=-60)


class EvenGaussianBinsHead(GaussianBinsHead):
    """The same over even bins, of which the outermost hold what the mixture has beyond.

    There the Gaussians follow no tail. Means and deviations are learned in units of the outcome.
    """

    def __init__(self, training: Tensor) -> None:
        low, high = np.quantile(training.numpy(), [0.002, 0.998])
        super().__init__(training, torch.linspace(low, high, 2 * BINS + 1))
        self.mixture = GaussianMixtureHead(CHANNELS, components=3)

    def log_masses(self, raw: Tensor) -> Tensor:
        """Logarithms of the bins' masses, of which none is 0 in single precision."""
        edges = self.edges[1:-1].to(raw.dtype).reshape(-1, *(1,) * (raw.dim() - 1))
        below = self.mixture.distribution(raw).cdf(edges)
        ends = torch.zeros_like(below[:1]), torch.ones_like(below[:1])
        return (torch.cat([ends[0], below, ends[1]]).diff(dim=0) + 1e-7).log()


class LinearBinsHead(SplicedBinnedParetoHead):
    """Spliced binned-Pareto whose density is linear within each bin: a value at every edge.

    Each bin is cut in eight of constant density, which is linear to a hundredth.
    """

    parts = 8

    def __init__(self, training: Tensor) -> None:
        knots = bin_edges(training)
        shares = torch.arange(self.parts) / self.parts
        cut = (knots[:-1, None] + knots.diff()[:, None] * shares).flatten()
        super().__init__(CHANNELS, torch.cat([cut, knots[-1:]]))
        tails = self.linear.bias[self.bins :].detach()
        self.linear = nn.Linear(CHANNELS, len(knots) + 4)
        nn.init.zeros_(self.linear.weight)
        log_density = _log_shares(training, knots) - knots.diff().log()
        with torch.no_grad():
            ends = (
                torch.cat([log_density[:1], log_density]),
                torch.cat([log_density, log_density[-1:]]),
            )
            self.linear.bias.copy_(torch.cat([(ends[0] + ends[1]) / 2, tails]))
            _start_tails(self.linear.bias[-2:], training, self.edges)

    def distribution(self, raw: Tensor) -> SplicedBinnedPareto:
        """The distribution for raw log-heights at the edges and four of the tails."""
        heights, tails = raw[..., :-4], raw[..., -4:]
        heights = (heights - heights.amax(-1, keepdim=True).detach()).exp()
        shares = (torch.arange(self.parts).to(raw.dtype) + 0.5) / self.parts
        density = torch.lerp(heights[..., :-1, None], heights[..., 1:, None], shares).flatten(-2)
        logits = (density * self.edges.diff()).clamp(min=1e-30).log()
        return super().distribution(torch.cat([logits, tails], -1))


def _start_tails(raw_scale: Tensor, training: Tensor, edges: Tensor) -> None:
    """Set raw scales of both tails to the mean excesses beyond the 5 % and 95 % points."""
    low, high = np.quantile(training.numpy(), [0.05, 0.95])
    span = 0.05 * (edges[-1] - edges[0])
    excesses = ((low - training)[training < low], (training - high)[training > high])
    for at, excess in enumerate(excesses):
        # The inverse of the softplus, of the mean excess in the head's unit.
        raw_scale[at] = torch.expm1(excess.mean() / span).log()


def binned_head(training: Tensor) -> DistributionHead:
    """The same bins without tails; two more reach as far again on either side."""
    edges = bin_edges(training)
    reach = edges[-1] - edges[0]
    edges = torch.cat([edges[:1] - reach, edges, edges[-1:] + reach])
    head = SplicedBinnedParetoHead(CHANNELS, edges, lower_mass=0.0, upper_mass=0.0)
    with torch.no_grad():
        head.linear.bias[: head.bins] = _log_shares(training, edges)
    return head


def _log_shares(training: Tensor, edges: Tensor) -> Tensor:
    """Log-frequencies of the bins: heads start at the distribution of all steps."""
    counts = torch.bincount(torch.bucketize(training.float(), edges), minlength=len(edges) + 1)
    return (counts[1:-1] + 0.5).log()


def quantile_head(training: Tensor) -> DistributionHead:
    """Eleven quantiles from 5 % to 95 %; the CRPS of nineteen costs twice as much."""
    levels = torch.tensor([0.05, *(k / 10 for k in range(1, 10)), 0.95])
    quantiles = torch.from_numpy(np.quantile(training.numpy(), levels.numpy())).float()
    return QuantileParetoHead(CHANNELS, levels, quantiles)


def _at_quartiles(
    head: Callable[..., DistributionHead], **settings: int
) -> Callable[[Tensor], DistributionHead]:
    def build(training: Tensor) -> DistributionHead:
        low, middle, high = np.quantile(training.numpy(), [0.25, 0.5, 0.75])
        return head(CHANNELS, location=middle, scale=(high - low) / 1.35, **settings)

    return build


@dataclass(frozen=True)
class Method:
    """A head built from the training targets, and what it minimizes."""

    head: Callable[[Tensor], DistributionHead]
    objective: Callable[..., Tensor]


def each_composite_nll(pool: Mixture, value: Tensor) -> Tensor:
    """The loss of a pool, of which each part is fitted alone."""
    losses = [composite_nll(part, value) for part in pool.components]
    return torch.stack(losses).mean(0)


@dataclass(frozen=True)
class Pool:
    """The mean of the distributions of methods, each fitted alone.

    Attributes:
        of: Methods.
        averaging: Power of the average of their weights; None for the weights themselves.
        within: Nats of the best log score on the validation part, within which a method is kept.
    """

    of: tuple[str, ...]
    objective: Callable[..., Tensor] = each_composite_nll
    averaging: float | None = None
    within: float = math.inf


METHODS: dict[str, Method | Pool] = {
    "SBP": Method(spliced_head, composite_nll),
    "SBP, moving bins": Method(moving_head, composite_nll),
    "SBP of the sample": Method(sample_head, composite_nll),
    "SBP, bins moved by scores": Method(score_moved_head, composite_nll),
    "SBP, bins of Gaussians": Method(GaussianBinsHead, composite_nll),
    "SBP, even bins of Gaussians": Method(EvenGaussianBinsHead, composite_nll),
    "SBP, linear bins": Method(LinearBinsHead, composite_nll),
    "SBP, both pooled": Pool(("SBP, moving bins", "SBP, bins of Gaussians")),
    "SBP, best pooled": Pool(
        ("SBP", "SBP, moving bins", "SBP, even bins of Gaussians"), averaging=8.0, within=0.05
    ),
    "Binned": Method(binned_head, composite_nll),
    "Gaussian": Method(_at_quartiles(GaussianHead), exact_nll),
    "Student-t": Method(_at_quartiles(StudentTHead), exact_nll),
    "Mixture density (3)": Method(_at_quartiles(GaussianMixtureHead, components=3), exact_nll),
    "Hybrid Pareto": Method(_at_quartiles(HybridParetoHead), exact_nll),
    "Hybrid Pareto mixture (3)": Method(_at_quartiles(HybridParetoHead, components=3), exact_nll),
    "GPD-tailed quantiles": Method(quantile_head, crps_loss),
}
DETECTORS = ("SPOT", "DSPOT", "NN-SPOT")


def fit_network(
    series: SeriesSet, method: Method, seed: int, kind: str, averaging: float | None = None
) -> DistributionNetwork:
    """One network for all series of the set, from the seed's weights to its best epoch."""
    inputs = torch.from_numpy(series.inputs)
    targets = torch.from_numpy(series.targets)
    first, second = series.ends
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        trunk = SeriesTrunk(inputs.shape[-1])
        network = DistributionNetwork(trunk, method.head(targets[:, :first].flatten()))
    trunk.standardize.fit(inputs[:, :first].flatten(0, 1))
    with tempfile.TemporaryDirectory() as folder:
        fit(
            network,
            _chunks(inputs, targets, WARM_UP, first),
            _chunks(inputs, targets, first, second),
            objective=method.objective,
            validation_objective=method.objective,
            settings=FitSettings(
                max_epochs=EPOCHS[kind],
                batch_size=BATCH[kind],
                learning_rate=8e-3,
                patience=EPOCHS[kind],
                seed=seed,
                averaging=averaging,
            ),
            folder=Path(folder),
        )
    return network


class PooledNetwork:
    """Networks side by side: their raw parameters joined, and the mean of their distributions."""

    def __init__(self, networks: Sequence[DistributionNetwork]) -> None:
        self.networks = networks
        self.head = self
        self.widths: list[int] = []

    def raw_parameters(self, inputs: Tensor) -> Tensor:
        """Raw parameters of all networks, side by side."""
        parts = [network.raw_parameters(inputs) for network in self.networks]
        self.widths = [part.shape[-1] for part in parts]
        return torch.cat(parts, -1)

    def distribution(self, raw: Tensor) -> Mixture:
        """Mixture of equal weights."""
        parts = zip(self.networks, raw.split(self.widths, -1), strict=True)
        parts = [network.head.distribution(part) for network, part in parts]
        return Mixture(raw.new_zeros(len(parts)), parts)


def fit_method(
    series: SeriesSet, name: str, seed: int, kind: str
) -> DistributionNetwork | PooledNetwork:
    """The network of a method, or the networks of a pool."""
    method = METHODS[name]
    if isinstance(method, Method):
        return fit_network(series, method, seed, kind)
    networks = []
    for part in map(METHODS.__getitem__, method.of):
        if not isinstance(part, Method):
            raise TypeError(f"a pool is of methods, not of another pool, {part}.")
        networks.append(fit_network(series, part, seed, kind, method.averaging))
    losses = [validation_score(network, series) for network in networks]
    kept = [
        n for n, loss in zip(networks, losses, strict=True) if loss <= min(losses) + method.within
    ]
    return PooledNetwork(kept)


@torch.no_grad()
def validation_score(network: DistributionNetwork, series: SeriesSet) -> float:
    """Mean log score of the validation part."""
    first, second = series.ends
    raw = raw_parameters(network, series, first)[:, : second - first]
    scores = []
    for n, width in enumerate(series.width):
        distribution = network.head.distribution(raw[n])
        lower = torch.from_numpy(series.lower[n, first:second]).float()
        y = torch.from_numpy(series.targets[n, first:second]).float()
        log_prob = (
            distribution.log_prob_interval(lower, lower + width)
            if width
            else distribution.log_prob(y)
        )
        scores.append(-log_prob.clamp(min=-WORST_LOG_SCORE).mean())
    return float(torch.stack(scores).mean())


def _chunks(inputs: Tensor, targets: Tensor, start: int, stop: int) -> TensorDataset:
    """Whole chunks of targets in [start, stop) and their inputs, warm-up included."""
    starts = range(start, stop - CHUNK + 1, CHUNK)
    return TensorDataset(
        torch.cat([inputs[:, s - WARM_UP : s + CHUNK] for s in starts]),
        torch.cat([targets[:, s : s + CHUNK] for s in starts]).float(),
    )


@torch.no_grad()
def raw_parameters(
    network: DistributionNetwork | PooledNetwork, series: SeriesSet, start: int
) -> Tensor:
    """Raw parameters of every step from `start` on, shape ``(N, T - start, P)``."""
    inputs = torch.from_numpy(series.inputs[:, start - WARM_UP :])
    return network.raw_parameters(inputs)


@torch.no_grad()
def score_network(
    network: DistributionNetwork | PooledNetwork, series: SeriesSet
) -> dict[str, NDArray[np.float64]]:
    """Scores, quantiles and PIT of every test step, each of shape ``(N, T)``."""
    start = series.ends[1]
    raw = raw_parameters(network, series, start)
    targets = torch.from_numpy(series.targets[:, start:]).float()
    bounds = np.quantile(series.targets[:, : series.ends[0]], [0.05, 0.95], axis=1).T
    # The heaviness of tails is compared with the truth alone.
    levels = [q for q in LEVELS if series.distribution is not None or min(q, 1 - q) < 0.05]
    rows = []
    for n in range(len(series.names)):
        low, high = map(float, bounds[n])
        lower = torch.from_numpy(series.lower[n, start:]).float()
        upper = lower + series.width[n]
        pieces = zip(*(v.split(250) for v in (raw[n], targets[n], lower, upper)), strict=True)
        parts = []
        for parameters, y, *interval in pieces:
            distribution = network.head.distribution(parameters)
            surprise = -(
                distribution.log_prob_interval(*interval)
                if series.width[n]
                else distribution.log_prob(y)
            )
            parts.append(
                {
                    "log score": surprise.clamp(max=WORST_LOG_SCORE),
                    "capped": (surprise > WORST_LOG_SCORE).double(),
                    "CRPS": distribution.crps(y),
                    "CRPS lower tail": distribution.crps_between(y, -math.inf, low),
                    "CRPS upper tail": distribution.crps_between(y, high, math.inf),
                    "PIT": distribution.cdf(y),
                }
                | {f"quantile {q}": _quantile(distribution, q) for q in levels}
            )
        rows.append(
            {name: torch.cat([p[name] for p in parts]).double().numpy() for name in parts[0]}
        )
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _quantile(distribution: ScalarDistribution, level: float) -> Tensor:
    tail = torch.tensor(min(level, 1 - level))
    quantile = distribution.icdf(tail) if level < 0.5 else distribution.isf(tail)
    return quantile.expand(distribution.batch_shape)


def score_truth(series: SeriesSet) -> dict[str, NDArray[np.float64]]:
    """The same of the true distribution."""
    start = series.ends[1]
    distribution = series.distribution.from_step(start)
    y = series.targets[0, start:]
    low, high = np.quantile(series.targets[0, : series.ends[0]], [0.05, 0.95])
    values = {
        "log score": -distribution.log_density(y),
        "capped": np.zeros_like(y),
        "CRPS": distribution.crps_between(y, -np.inf, np.inf),
        "CRPS lower tail": distribution.crps_between(y, -np.inf, low),
        "CRPS upper tail": distribution.crps_between(y, high, np.inf),
        "PIT": distribution.cdf(y),
    }
    return {name: value[None] for name, value in values.items()} | true_quantiles(series)


@functools.lru_cache(maxsize=1)
def true_quantiles(series: SeriesSet) -> dict[str, NDArray[np.float64]]:
    """Quantiles of the true distribution, shape ``(1, T)``."""
    distribution = series.distribution.from_step(series.ends[1])
    return {f"quantile {q}": distribution.quantile(q)[None] for q in LEVELS}


def detector_quantiles(
    name: str, series: SeriesSet, kind: str, network: DistributionNetwork | None
) -> dict[str, NDArray[np.float64]]:
    """Thresholds of a detector at each risk on each side, as quantiles, shape ``(N, T)``.

    Calibrated on training and validation; NN-SPOT on the validation residuals from the Gaussian
    network's means alone, which it was not fitted to. Alarms stay in the fit: discarded, as
    published, they would cut a tail of 5 % by a fifth at a risk of 1 % (see `Spot`).
    """
    first, start = series.ends
    mean = None
    if network is not None:
        raw = raw_parameters(network, series, first)
        mean = network.head.distribution(raw).loc.numpy()
    quantiles = {}
    for risk in RISKS:
        for upper in (False, True):
            rows = []
            for n, values in enumerate(series.targets):
                depth = DEPTH[kind] if name == "DSPOT" else 0
                detector = Spot(risk, depth=depth, upper=upper, discard_alarms=False)
                if mean is None:
                    rows.append(stream_thresholds(detector, values[:start], values[start:]))
                else:
                    held, shown = np.split(mean[n], [start - first])
                    rows.append(
                        stream_thresholds(
                            detector,
                            values[first:start],
                            values[start:],
                            calibration_forecast=held,
                            forecast=shown,
                        )
                    )
            quantiles[f"quantile {1 - risk if upper else risk}"] = np.stack(rows)
    return quantiles


def summarize(
    values: dict[str, NDArray[np.float64]], series: SeriesSet, kind: str
) -> dict[str, object]:
    """What a cell keeps: block means over all series of every score, and calibration."""
    y = series.targets[:, series.ends[1] :]
    scores = {k: v for k, v in values.items() if k != "PIT" and not k.startswith("quantile")}
    for risk in RISKS:
        for side, level in (("below", risk), ("above", 1 - risk)):
            quantile = values[f"quantile {level}"]
            beyond = y < quantile if side == "below" else y > quantile
            scores[f"{side} {level}"] = beyond.astype(float)
            loss = quantile_score(torch.from_numpy(quantile), torch.from_numpy(y), level)
            scores[f"pinball {level}"] = loss.numpy()
    count = y.shape[1] // BLOCK[kind]
    kept = {
        name: value[:, : count * BLOCK[kind]].mean(0).reshape(count, -1).mean(1).tolist()
        for name, value in scores.items()
    }
    cell: dict[str, object] = {"blocks": kept}
    if "PIT" in values:
        levels = torch.from_numpy(PP_LEVELS)
        cell["pp_error"] = float(
            np.mean([pp_error(torch.from_numpy(u), levels).item() for u in values["PIT"]])
        )
    return cell


def run_cell(kind: str, name: str, seed: int, series: SeriesSet) -> list[dict[str, object]]:
    """Fit and score one method; the Gaussian network also serves NN-SPOT."""
    if name == "True distribution":
        values = score_truth(series)
        return [{"method": name} | summarize(values, series, kind) | shape_measures(values, values)]
    if name in DETECTORS:
        return [_detector_cell(name, series, kind, None)]
    method = METHODS[name]
    network = fit_method(series, name, seed, kind)
    values = score_network(network, series)
    cell = {"method": name} | summarize(values, series, kind)
    if series.distribution is not None:
        cell |= shape_measures(values, true_quantiles(series))
        cell |= distribution_measures(network, method, series)
    cells = [cell]
    if name == "Gaussian":
        cells.append(_detector_cell("NN-SPOT", series, kind, network))
    return cells


def _detector_cell(
    name: str, series: SeriesSet, kind: str, network: DistributionNetwork | None
) -> dict[str, object]:
    values = detector_quantiles(name, series, kind, network)
    cell = {"method": name} | summarize(values, series, kind)
    if series.distribution is not None:
        cell |= shape_measures(values, true_quantiles(series))
    return cell


def shape_measures(
    values: dict[str, NDArray[np.float64]], truth: dict[str, NDArray[np.float64]]
) -> dict[str, float]:
    r"""Rank correlations over time with the truth: of thresholds, and of tail heaviness.

    The heaviness :math:`\log \frac{Q(.999) - Q(.95)}{Q(.99) - Q(.95)}` has neither location nor
    scale, and grows with the concentration of a generalized Pareto tail.
    """
    measures = {}
    for side, (far, near, threshold) in {
        "lower": (0.001, 0.01, 0.05),
        "upper": (0.999, 0.99, 0.95),
    }.items():
        measures[f"threshold {side}"] = _rank_correlation(
            *(v[f"quantile {near}"][0] for v in (values, truth))
        )
        if f"quantile {threshold}" in values:
            measures[f"heaviness {side}"] = _rank_correlation(
                *(
                    np.log(
                        (v[f"quantile {far}"] - v[f"quantile {threshold}"])
                        / (v[f"quantile {near}"] - v[f"quantile {threshold}"])
                    )[0]
                    for v in (values, truth)
                )
            )
    return measures


def _rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    # Rounding in a constant must not count as variation.
    if np.ptp(one) < 1e-9 * np.abs(one).max():
        return 0.0
    return float(scipy.stats.spearmanr(one, other).statistic)


def distribution_measures(
    network: DistributionNetwork | PooledNetwork, method: Method | Pool, series: SeriesSet
) -> dict[str, float]:
    """Dips found between the true modes, the density's integral, and the gradient's reach."""
    start = series.ends[1]
    truth = series.distribution.from_step(start)
    raw = raw_parameters(network, series, start)[0].double()
    distribution = network.head.distribution(raw)
    # Means over a tenth of a scale, so that one bin more or less decides nothing.
    half = torch.from_numpy(truth.scale) * 0.1
    low, dip, high = (
        distribution.log_prob_interval(at - half, at + half)
        for at in map(torch.from_numpy, truth.modes())
    )
    found = dip < torch.minimum(low, high) + math.log(0.7)
    few = network.head.distribution(raw[:: len(raw) // 20])
    levels = torch.linspace(0, 1, 4001, dtype=torch.float64)[1:-1, None]
    tail = torch.logspace(-4, -12, 81, dtype=torch.float64)[:, None]
    knots = torch.cat([few.icdf(tail), few.icdf(levels), few.isf(tail)]).sort(0).values
    middle, width = (knots[1:] + knots[:-1]) / 2, knots.diff(dim=0)
    offset = width / (2 * math.sqrt(3))  # Gauss-Legendre of two points
    density = (few.log_prob(middle - offset).exp() + few.log_prob(middle + offset).exp()) / 2
    learned = raw[:2048].clone().requires_grad_()
    y = torch.from_numpy(series.targets[0, start : start + 2048])
    distribution = network.head.distribution(learned)
    # Bins without tails leave four outputs of their head unused.
    (used,) = torch.autograd.grad(distribution.cdf(y).sum(), learned)
    distribution = network.head.distribution(learned)
    (gradient,) = torch.autograd.grad(method.objective(distribution, y).mean(), learned)
    reached = (gradient.isfinite().all(0) & (gradient != 0).any(0))[(used != 0).any(0)]
    return {
        "dip": found.double().mean().item(),
        "integral error": ((density * width).sum(0) - 1).abs().max().item(),
        "gradient": reached.double().mean().item(),
    }


def cells(kind: str, seeds: Sequence[int]) -> Iterator[tuple[str, int]]:
    """All cells of a set of series; what needs no network has no seed on fixed series."""
    for seed in seeds:
        yield from ((name, seed) for name in METHODS)
        if kind == "simulated":
            yield "True distribution", seed
        if kind == "simulated" or seed == seeds[0]:
            yield from (("SPOT", seed), ("DSPOT", seed))


def main() -> None:
    """Run the cells that are missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tweets", type=Path, help="folder of Twitter_volume_*.csv")
    parser.add_argument("--out", type=Path, default=Path("capabilities.jsonl"))
    parser.add_argument("--data", nargs="+", choices=[*EPOCHS], default=[*EPOCHS])
    names = [*METHODS, "True distribution", *DETECTORS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="run these alone")
    parser.add_argument("--seeds", type=int, nargs="+", default=[*range(SEEDS)])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lines = arguments.out.read_text().splitlines() if arguments.out.is_file() else []
    finished = [json.loads(line) for line in lines]
    done = {(cell["kind"], cell["method"], cell["seed"]) for cell in finished}
    simulated = functools.lru_cache(maxsize=1)(simulated_set)
    for kind in arguments.data:
        real = read_tweets(arguments.tweets) if kind == "tweets" else None
        for name, seed in cells(kind, arguments.seeds):
            if name not in arguments.only or (kind, name, seed) in done:
                continue
            began = time.process_time()
            for cell in run_cell(kind, name, seed, real or simulated(seed)):
                seconds = round(time.process_time() - began, 1)
                line = {"kind": kind, "seed": seed, "cpu_seconds": seconds} | cell
                finished.append(line)
                with arguments.out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
            print(f"{kind}, {name}, seed {seed}: {seconds} s", file=sys.stderr, flush=True)
    print_report(finished)


if __name__ == "__main__":
    main()
