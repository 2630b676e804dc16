"""The regressor against boosted trees of four packages and a quantile forest, by two scores.

Simulated targets with zeros, counts, censored times and heavy tails, whose truth is scored too, and
ten data sets that scikit-learn and statsmodels ship. The tables of
`docs/results/regressor_comparison.md` are printed in Markdown.

    pip install ngboost lightgbm catboost quantile-forest statsmodels pyro-ppl scikit-base
    pip install --no-deps lightgbmlss  # it asks for torch below 2.10, and works with 2.13
    python research/regressor_comparison.py

A third of the rows is held out. Every method predicts quantiles at 99 levels, whose mean pinball
loss, doubled, stands for the CRPS; it is divided by that of the training targets' own quantiles. A
log score is given where a method has a density, or masses of counts. Settings are each package's
own, but 13 quantiles for LightGBM, between which it is interpolated, and 300 trees for all boosted
ones. Censored times are scored against the times themselves, which the simulation knows.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import math
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas
import scipy.special
import scipy.stats
import sklearn.datasets
import torch

from splicedpareto.contrib.sklearn import SplicedBinnedParetoRegressor

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEVELS = np.arange(1, 100) / 100
FEW_LEVELS = np.array([0.01, 0.05, *np.arange(1, 10) / 10, 0.95, 0.99])
TREES = 300
LARGEST = 3000
# LightGBM splits no fewer, as a leaf keeps twenty.
FEWEST_ROWS = 40


@dataclass(frozen=True)
class Task:
    """Rows, targets, and what is known of them.

    Attributes:
        inputs: Shape ``(n, p)``.
        target: Shape ``(n,)``.
        settings: Of the regressor.
        censored: Lower and upper ends for training, shape ``(n, 2)``; None where all are known.
        truth: Quantiles of the true distributions at levels, shape ``(n, Q)``, where known.
    """

    inputs: Array
    target: Array
    settings: dict[str, Any] = field(default_factory=dict)
    censored: Array | None = None
    truth: Callable[[Array], Array] | None = None


@dataclass(frozen=True)
class Forecast:
    """Quantiles at `LEVELS`, shape ``(n, 99)``, and log scores, shape ``(n,)``, if any."""

    quantiles: Array
    log_score: Array | None = None


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", help="data sets")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--averaging", type=float, help="of our regressor's weights: a power")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    tasks = {**simulations(), **public()}
    names = arguments.methods
    head = "| data | rows | " + " | ".join([*names, "truth"]) + " |"
    rule = "|---" * (len(names) + 3) + "|"
    by_crps, by_log = [head, rule], [head, rule]
    for name in arguments.only or tasks:
        task = tasks[name]()
        task.settings["averaging"] = arguments.averaging
        order = np.random.default_rng(0).permutation(len(task.target))[:LARGEST]
        test, train = np.split(order, [len(order) // 3])
        y = task.target[test]
        climatology = np.quantile(task.target[train], LEVELS)
        worst = crps(np.broadcast_to(climatology, (len(test), 99)), y)
        scores, logs = [], []
        for method in names:
            forecast = METHODS[method](task, train, test)
            scores.append(None if forecast is None else crps(forecast.quantiles, y) / worst)
            no_log = forecast is None or forecast.log_score is None
            logs.append(None if no_log else float(np.mean(forecast.log_score)))
        truth = None
        if task.truth is not None:
            truth = crps(task.truth(LEVELS)[test], y) / worst
        by_crps.append(row(name, len(order), [*scores, truth]))
        by_log.append(row(name, len(order), [*logs, None]))
        print(by_crps[-1], by_log[-1], sep="\n", flush=True)
    print("\nCRPS over that of climatology:\n", *by_crps, sep="\n")
    print("\nLog score, in nats:\n", *by_log, sep="\n")


def row(name: str, count: int, values: list[float | None]) -> str:
    """A line of a table, the least value of the methods in bold."""
    least = min((v for v in values[:-1] if v is not None), default=math.nan)
    cells = ["" if v is None else f"{v:.3f}" for v in values]
    bold = [f"**{c}**" if v == least else c for c, v in zip(cells, values, strict=True)]
    return f"| {name} | {count:,} | " + " | ".join(bold) + " |"


def crps(quantiles: Array, target: Array) -> float:
    """Twice the mean pinball loss."""
    error = target[:, None] - quantiles
    return float(2 * np.maximum(LEVELS * error, (LEVELS - 1) * error).mean())


def ours(task: Task, train: Array, test: Array) -> Forecast:
    """The regressor, told what is known of the target."""
    model = SplicedBinnedParetoRegressor(random_state=0, **task.settings)
    target = task.target if task.censored is None else task.censored
    inputs = task.inputs.astype(np.float32)
    model.fit(inputs[train], target[train])
    distribution = model.predict_distribution(inputs[test])
    log_score = -distribution.log_prob(torch.from_numpy(task.target[test]).float()).double().numpy()
    return Forecast(
        model.predict_quantiles(inputs[test], LEVELS).astype(float),
        None if task.settings.get("atoms") else log_score,
    )


def boosted_parameters(task: Task, train: Array, test: Array) -> Forecast:
    """NGBoost: normal, of times lognormal (censored too), of counts Poisson."""
    ngboost, distns = (importlib.import_module(n) for n in ("ngboost", "ngboost.distns"))
    common = {"n_estimators": TREES, "verbose": False, "random_state": 0}
    x, y = task.inputs, task.target
    if task.censored is not None:
        known = np.isfinite(task.censored[:, 1])
        model = ngboost.NGBSurvival(Dist=distns.LogNormal, **common)
        model.fit(x[train], task.censored[train, 0], known[train].astype(int))
    else:
        family = distns.Poisson if task.settings.get("discrete") else distns.Normal
        model = ngboost.NGBRegressor(Dist=family, **common).fit(x[train], y[train])
    predicted = model.pred_dist(x[test])
    quantiles = np.stack([predicted.ppf(level) for level in LEVELS], axis=-1)
    if task.settings.get("atoms"):
        return Forecast(quantiles)
    return Forecast(
        quantiles,
        -predicted.logpmf(y[test])
        if hasattr(predicted, "logpmf") and task.settings.get("discrete")
        else -predicted.logpdf(y[test]),
    )


def boosted_quantiles(task: Task, train: Array, test: Array) -> Forecast | None:
    """LightGBM, a model for each of 13 quantiles, sorted."""
    if task.censored is not None:
        return None
    lightgbm = importlib.import_module("lightgbm")
    few = []
    for level in FEW_LEVELS:
        model = lightgbm.LGBMRegressor(
            objective="quantile", alpha=level, n_estimators=TREES, learning_rate=0.03,
            num_leaves=15, verbose=-1, n_jobs=1, random_state=0,
        )  # fmt: skip
        few.append(model.fit(task.inputs[train], task.target[train]).predict(task.inputs[test]))
    ordered = np.sort(np.stack(few, axis=-1), axis=-1)
    return Forecast(np.stack([np.interp(LEVELS, FEW_LEVELS, line) for line in ordered]))


def boosted_distribution(task: Task, train: Array, test: Array) -> Forecast | None:
    """LightGBMLSS: lognormal with zeros, negative binomial, or the best on a fifth of the rows.

    The best of gamma and lognormal for positive targets, of Student's t and normal for others.
    """
    if task.censored is not None:
        return None
    if task.settings.get("atoms"):
        names = ["ZALN"]
    elif task.settings.get("discrete"):
        names = ["NegativeBinomial"]
    else:
        names = ["Gamma", "LogNormal"] if task.settings.get("support") else ["StudentT", "Gaussian"]
    held, rest = np.split(train, [len(train) // 5])
    if len(rest) < FEWEST_ROWS:
        names = names[:1]
    if len(names) > 1:
        trials = [distribution_of_rows(task, rest, held, name) for name in names]
        losses = [-float(np.mean(trial.logpdf(task.target[held]))) for trial in trials]
        names = [names[int(np.nanargmin(losses))]]
    predicted = distribution_of_rows(task, train, test, names[0])
    if names == ["ZALN"]:
        gate, lognormal = predicted
        rest = (LEVELS - gate[:, None]).clip(0) / (1 - gate[:, None])
        quantiles = np.stack([lognormal.ppf(column) for column in rest.T], axis=-1)
        return Forecast(np.where(rest > 0, quantiles, 0))
    quantiles = np.stack([predicted.ppf(level) for level in LEVELS], axis=-1)
    log_prob = predicted.logpmf if names == ["NegativeBinomial"] else predicted.logpdf
    return Forecast(quantiles, -log_prob(task.target[test]))


def distribution_of_rows(task: Task, train: Array, test: Array, name: str) -> Any:  # noqa: ANN401
    """SciPy's distributions as LightGBMLSS predicts them; of ZALN after the share of zeros."""
    lightgbm = importlib.import_module("lightgbm")
    model = importlib.import_module("lightgbmlss.model")
    family = importlib.import_module(f"lightgbmlss.distributions.{name}")
    boosted = model.LightGBMLSS(getattr(family, name)())
    settings = {
        "learning_rate": 0.03, "num_leaves": 15, "verbose": -1, "num_threads": 1, "seed": 0,
    }  # fmt: skip
    rows = lightgbm.Dataset(task.inputs[train], label=task.target[train])
    boosted.train(settings, rows, num_boost_round=TREES)
    frame = boosted.predict(pandas.DataFrame(task.inputs[test]), pred_type="parameters")
    values = {column: frame[column].to_numpy(float) for column in frame}
    if name == "NegativeBinomial":
        return scipy.stats.nbinom(values["total_count"], 1 - values["probs"])
    if name == "Gamma":
        return scipy.stats.gamma(values["concentration"], scale=1 / values["rate"])
    if name == "StudentT":
        return scipy.stats.t(values["df"], values["loc"], values["scale"])
    if name == "Gaussian":
        return scipy.stats.norm(values["loc"], values["scale"])
    lognormal = scipy.stats.lognorm(values["scale"], scale=np.exp(values["loc"]))
    return (values["gate"], lognormal) if name == "ZALN" else lognormal


def catboost_normal(task: Task, train: Array, test: Array) -> Forecast | None:
    """CatBoost's mean and variance, as a normal distribution."""
    if task.censored is not None:
        return None
    catboost = importlib.import_module("catboost")
    model = catboost.CatBoostRegressor(
        loss_function="RMSEWithUncertainty", iterations=TREES, verbose=False, random_seed=0,
        thread_count=1, allow_writing_files=False,
    )  # fmt: skip
    model.fit(task.inputs[train], task.target[train])
    mean, variance = model.predict(task.inputs[test]).T
    predicted = scipy.stats.norm(mean, np.sqrt(variance))
    quantiles = np.stack([predicted.ppf(level) for level in LEVELS], axis=-1)
    y = task.target[test]
    if task.settings.get("atoms"):
        return Forecast(quantiles)
    if task.settings.get("discrete"):
        mass = predicted.cdf(y + 0.5) - predicted.cdf(y - 0.5)
        return Forecast(quantiles, -np.log(np.maximum(mass, 1e-12)))
    return Forecast(quantiles, -predicted.logpdf(y))


def quantile_forest(task: Task, train: Array, test: Array) -> Forecast | None:
    """A quantile forest of 200 trees, with leaves of ten rows at least."""
    if task.censored is not None:
        return None
    forests = importlib.import_module("quantile_forest")
    model = forests.RandomForestQuantileRegressor(
        n_estimators=200, min_samples_leaf=10, random_state=0, n_jobs=1
    )
    model.fit(task.inputs[train], task.target[train])
    return Forecast(model.predict(task.inputs[test], quantiles=LEVELS.tolist()))


METHODS = {
    "ours": ours,
    "NGBoost": boosted_parameters,
    "LightGBM": boosted_quantiles,
    "LightGBMLSS": boosted_distribution,
    "CatBoost": catboost_normal,
    "quantile forest": quantile_forest,
}


def simulations() -> dict[str, Callable[[], Task]]:
    """Tasks whose distributions are known."""

    def rows(count: int = LARGEST) -> tuple[Array, np.random.Generator]:
        random = np.random.default_rng(1)
        return random.normal(size=(count, 4)), random

    def zeros() -> Task:
        inputs, random = rows()
        zero = scipy.special.expit(1 + inputs[:, 1])
        outcome = scipy.stats.lognorm(1, scale=np.exp(inputs[:, 0]))
        some = outcome.rvs(random_state=random)
        target = np.where(random.uniform(size=len(zero)) < zero, 0, some)

        def truth(levels: Array) -> Array:
            rest = (levels - zero[:, None]) / (1 - zero[:, None])
            scale = np.exp(inputs[:, :1])
            return np.where(rest > 0, scale * scipy.stats.lognorm(1).ppf(rest.clip(0)), 0)

        return Task(inputs, target, {"support": (0, None), "atoms": "auto"}, truth=truth)

    def counts() -> Task:
        inputs, random = rows()
        mean = np.exp(1 + 0.7 * inputs[:, 0])
        outcome = scipy.stats.nbinom(1.5, 1.5 / (1.5 + mean))
        return Task(
            inputs,
            outcome.rvs(random_state=random).astype(float),
            {"discrete": True},
            truth=lambda levels: np.stack([outcome.ppf(level) for level in levels], axis=-1),
        )

    def times() -> Task:
        inputs, random = rows()
        outcome = scipy.stats.weibull_min(1.5, scale=np.exp(0.8 * inputs[:, 0]))
        time, end = outcome.rvs(random_state=random), random.exponential(2, size=len(inputs))
        ends = np.stack([np.minimum(time, end), np.where(time <= end, time, np.inf)], axis=-1)
        return Task(
            inputs, time, {"support": (0, None)}, ends,
            lambda levels: np.stack([outcome.ppf(level) for level in levels], axis=-1),
        )  # fmt: skip

    def heavy() -> Task:
        inputs, random = rows()
        outcome = scipy.stats.t(2, 2 * inputs[:, 0], np.exp(0.5 * inputs[:, 1]))
        return Task(
            inputs, outcome.rvs(random_state=random), {},
            truth=lambda levels: np.stack([outcome.ppf(level) for level in levels], axis=-1),
        )  # fmt: skip

    return {
        "zeros and lognormal": zeros,
        "negative binomial": counts,
        "censored Weibull": times,
        "Student's t (2)": heavy,
    }


def public() -> dict[str, Callable[[], Task]]:
    """Data sets that scikit-learn and statsmodels ship."""

    def of_sklearn(name: str, column: str | None = None, **settings: object) -> Task:
        data = getattr(sklearn.datasets, f"load_{name}")()
        if column is None:
            return Task(data.data, np.asarray(data.target, dtype=float), dict(settings))
        index = list(data.feature_names).index(column)
        return Task(np.delete(data.data, index, axis=1), data.data[:, index], dict(settings))

    def of_statsmodels(name: str, column: str, **settings: object) -> Task:
        module = importlib.import_module(f"statsmodels.datasets.{name}")
        table = module.load_pandas().data.select_dtypes("number").dropna()
        return Task(
            table.drop(columns=column).to_numpy(float), table[column].to_numpy(float),
            dict(settings),
        )  # fmt: skip

    positive = {"support": (0, None)}
    return {
        "diabetes": functools.partial(of_sklearn, "diabetes", **positive),
        "wine, proline": functools.partial(of_sklearn, "wine", "proline", **positive),
        "breast cancer, area error": functools.partial(
            of_sklearn, "breast_cancer", "area error", **positive
        ),
        "engel, food": functools.partial(of_statsmodels, "engel", "foodexp", **positive),
        "randhie, visits": functools.partial(of_statsmodels, "randhie", "mdvis", discrete=True),
        "fair, affairs": functools.partial(
            of_statsmodels, "fair", "affairs", support=(0, None), atoms="auto"
        ),
        "anes96, age": functools.partial(of_statsmodels, "anes96", "age", discrete=True),
        "star98, above": functools.partial(of_statsmodels, "star98", "NABOVE", discrete=True),
        "cancer, deaths": functools.partial(of_statsmodels, "cancer", "cancer", discrete=True),
        "ccard, expenses": functools.partial(of_statsmodels, "ccard", "AVGEXP", **positive),
    }


if __name__ == "__main__":
    main()
