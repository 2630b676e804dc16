"""Outliers and heavy tails: does the regressor keep its error and its coverage?

For each family of targets a table row: the error on clean rows with 0 to 5 % of the training
targets replaced by 1e4, 1e6 or 1e9, and the coverage of its quantiles. The tables of
`docs/results/regressor_robustness.md` are printed in Markdown.

    python research/regressor_robustness.py

A target is the family's quantile at the normal probability of .6 x0 + .8 e, so that its conditional
median is known and the same for all families, in normal scores: the error is the mean distance of
the predicted median from the true one, both in scores, on 8,000 rows of their own. With several
seeds or networks the distance from the outcomes' scores is printed too: the noise is most of it.
"""

from __future__ import annotations

import argparse
import itertools
import warnings

import numpy as np
import scipy.stats
import torch

from splicedpareto.contrib.sklearn import SplicedBinnedParetoRegressor

FAMILIES = {
    "normal": scipy.stats.norm(),
    "Student's t (3)": scipy.stats.t(3),
    "lognormal (1)": scipy.stats.lognorm(1),
    "lognormal (5)": scipy.stats.lognorm(5),
    "Cauchy": scipy.stats.cauchy(),
    "Pareto (.5)": scipy.stats.pareto(0.5),
}
SHARES = (0.001, 0.0025, 0.01, 0.05)
VALUES = (1e4, 1e6, 1e9)
NOISE = 0.8
LEVELS = (0.01, 0.05, 0.5, 0.95, 0.99)
SETTINGS = {"width": 16, "blocks": 1, "max_epochs": 25, "patience": 6, "learning_rate": 0.01}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000, help="training rows (2000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds (0)")
    parser.add_argument("--networks", type=int, default=1, help="random states a seed (1)")
    parser.add_argument("--families", nargs="+", choices=[*FAMILIES], default=[*FAMILIES])
    parser.add_argument("--averaging", type=float, help="power of an average of the weights")
    parser.add_argument("--still", action="store_true", help="bins that do not move")
    parser.add_argument("--named", action="store_true", help="name the outliers' value as an atom")
    parser.add_argument("--shares", type=float, nargs="+", default=[*SHARES], help="of outliers")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = {"moving": not arguments.still, "averaging": arguments.averaging}
    cases = [(0.0, 0.0), *itertools.product(arguments.shares, VALUES)]
    atoms = {value: [value] if arguments.named and value else None for value in (0.0, *VALUES)}
    fits = {
        (name, *case): np.array(
            [
                np.mean(
                    [
                        one_fit(
                            name,
                            *case,
                            arguments.rows,
                            seed,
                            state,
                            atoms=atoms[case[1]],
                            **settings,
                        )
                        for state in range(seed, seed + 100 * arguments.networks, 100)
                    ],
                    axis=0,
                )
                for seed in arguments.seeds
            ]
        )
        for name in arguments.families
        for case in cases
    }
    results = {case: of_seeds.mean(axis=0) for case, of_seeds in fits.items()}
    print("Error without outliers, and times that with them, the worst of 1e4, 1e6 and 1e9:\n")
    print("| target | none | " + " | ".join(f"{100 * s:g} %" for s in arguments.shares) + " |")
    print("|---" * (2 + len(arguments.shares)) + "|")
    for name in arguments.families:
        clean = results[name, 0.0, 0.0][0]
        worst = [max(results[name, s, v][0] for v in VALUES) / clean for s in arguments.shares]
        print(f"| {name} | {clean:.3f} | " + " | ".join(f"{w:.2f}" for w in worst) + " |")
        least = [least_ratio(clean, share) for share in arguments.shares]
        print(f"| {name}, least | | " + " | ".join(f"{w:.2f}" for w in least) + " |")
    if len(arguments.seeds) * arguments.networks > 1:
        print("\nThe same of the distance from the outcomes:\n")
        for name in arguments.families:
            clean = results[name, 0.0, 0.0][-1]
            worst = [max(results[name, s, v][-1] for v in VALUES) / clean for s in arguments.shares]
            print(f"| {name} | {clean:.3f} | " + " | ".join(f"{w:.2f}" for w in worst) + " |")
        print("\nError of each seed:\n")
        print("| target | outliers | " + " | ".join(map(str, arguments.seeds)) + " |")
        print("|---" * (2 + len(arguments.seeds)) + "|")
        for (name, share, value), of_seeds in fits.items():
            about = f"{100 * share:g} % at {value:.0e}" if share else "none"
            errors = " | ".join(f"{error:.3f}" for error in of_seeds[:, 0])
            print(f"| {name} | {about} | {errors} |")
    print("\nShare of clean rows below predicted quantiles, in percent:\n")
    print("| target | outliers | 1 | 5 | 50 | 95 | 99 |\n|---|---|---|---|---|---|---|")
    for name in arguments.families:
        for share, value in ((0.0, 0.0), (0.0025, 1e9)):
            if (name, share, value) not in results:
                continue
            covered = results[name, share, value][1:-1]
            about = f".25 % at {value:.0e}" if share else "none"
            print(f"| {name} | {about} | " + " | ".join(f"{100 * c:.1f}" for c in covered) + " |")


def least_ratio(clean: float, share: float) -> float:
    """Ratio of a fit that is as good on all rows, outliers above included, as one without them.

    With a share above, the median of all rows is a higher quantile of the clean ones: its error has
    a mean beside the spread, taken to be Gaussian, that it has without outliers.
    """
    spread = clean * np.sqrt(np.pi / 2)
    shift = NOISE * scipy.stats.norm.ppf(0.5 / (1 - share))
    return float(scipy.stats.foldnorm.mean(shift / spread, scale=spread)) / clean


def one_fit(
    name: str,
    share: float,
    value: float,
    count: int,
    seed: int,
    state: int,
    **settings: bool | float | list[float] | None,
) -> list[float]:
    """Error of the median in normal scores, coverage, and distance from outcomes, on clean rows."""
    family, random = FAMILIES[name], np.random.default_rng(seed)
    inputs = random.normal(size=(count + 8_000, 3)).astype(np.float32)
    center = 0.6 * inputs[:, 0]
    score = center + NOISE * random.normal(size=len(inputs))
    target = np.where(
        score < 0, family.ppf(scipy.stats.norm.cdf(score)), family.isf(scipy.stats.norm.sf(score))
    )
    spoilt = target[:count].copy()
    spoilt[random.choice(count, round(share * count), replace=False)] = value
    model = SplicedBinnedParetoRegressor(random_state=state, **settings, **SETTINGS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(inputs[:count], spoilt)
    quantiles = model.predict_quantiles(inputs[count:], LEVELS).astype(float)
    median = quantiles[:, LEVELS.index(0.5)]
    level = np.where(median < family.median(), family.cdf(median), family.sf(median))
    predicted = scipy.stats.norm.ppf(np.clip(level, 1e-300, 1))
    predicted = np.where(median < family.median(), predicted, -predicted)
    covered = (target[count:, None] <= quantiles).mean(0)
    error, distance = (np.abs(predicted - at[count:]).mean() for at in (center, score))
    return [float(error), *covered, float(distance)]


if __name__ == "__main__":
    main()
