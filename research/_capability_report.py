"""Tables of `capabilities.py` in Markdown, and the criteria of its ticks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

RISKS = (0.01, 0.001)
PP_LEVELS = np.linspace(0, 1, 129)
REFERENCE = "SBP"
SEEDS = 5
# On fixed series these depend on no seed.
_WITHOUT_SEEDS = ("SPOT", "DSPOT")
RESAMPLES = 4000


@dataclass(frozen=True)
class Criterion:
    """A capability, what it is measured by, and when it is there.

    Attributes:
        name: Heading of its column.
        rule: The rule in words.
        measures: Names of what is measured.
        holds: Whether the means over the seeds, in that order, pass.
    """

    name: str
    rule: str
    measures: tuple[str, ...]
    holds: Callable[..., bool]


# Fixed before the first full run, on the simulated series, where the truth is known.
CRITERIA = (
    Criterion(
        "models the base",
        "CRPS at most 3 % above the true distribution's and PP error at most 0.02",
        ("CRPS excess", "pp_error"),
        lambda excess, error: excess <= 0.03 and error <= 0.02,
    ),
    Criterion(
        "multimodal",
        "the dip between the two true modes lies 30 % below both in at least 80 % of the steps",
        ("dip",),
        lambda dip: dip >= 0.8,
    ),
    Criterion(
        "asymmetric tails",
        "exceedances of 1 % and 0.1 % on either side within half and twice the nominal rate",
        ("below 0.01", "below 0.001", "above 0.99", "above 0.999"),
        lambda *rates: all(
            0.5 <= rate / risk <= 2
            for rate, risk in zip(rates, (0.01, 0.001, 0.01, 0.001), strict=True)
        ),
    ),
    Criterion(
        "time-varying threshold",
        "rank correlation with the true 1 % and 99 % quantile over time at least 0.9, both",
        ("threshold lower", "threshold upper"),
        lambda *both: min(both) >= 0.9,
    ),
    Criterion(
        "time-varying tail index",
        "rank correlation of tail heaviness with the truth over time at least 0.5, both tails",
        ("heaviness lower", "heaviness upper"),
        lambda *both: min(both) >= 0.5,
    ),
    Criterion(
        "learned by gradient",
        "the loss has a finite gradient in every raw parameter, and none is always zero",
        ("gradient",),
        lambda share: share == 1,
    ),
    Criterion(
        "density integrates to one",
        "by quadrature of twenty fitted distributions, error at most 0.002",
        ("integral error",),
        lambda error: error <= 2e-3,
    ),
)


SCORES = (
    "log score",
    "CRPS",
    "CRPS lower tail",
    "CRPS upper tail",
    "pinball 0.001",
    "pinball 0.01",
    "pinball 0.99",
    "pinball 0.999",
)
RATES = ("below 0.01", "below 0.001", "above 0.99", "above 0.999")
TITLES = {
    "simulated": "Simulated series, distribution known",
    "tweets": "Twitter volume, ten series, in units of each one's interquartile range",
}
Cells = dict[str, list[dict[str, Any]]]


def print_report(cells: list[dict[str, Any]]) -> None:
    """Print all tables in Markdown."""
    for kind, title in TITLES.items():
        of_kind: Cells = {}
        for cell in cells:
            if cell["kind"] == kind:
                of_kind.setdefault(cell["method"], []).append(cell)
        if not of_kind:
            continue
        # Simulated series differ between seeds, so that all methods must have the same.
        with_seeds = [m for m in of_kind if kind == "simulated" or m not in _WITHOUT_SEEDS]
        common = set.intersection(
            *({cell["seed"] for cell in of_kind[method]} for method in with_seeds)
        )
        if not common:
            continue
        for method in with_seeds:
            of_kind[method] = [cell for cell in of_kind[method] if cell["seed"] in common]
        print(f"## {title}\n\nSeeds: {', '.join(map(str, sorted(common)))}.\n")
        _print_scores(of_kind)
        _print_differences(of_kind)
        _print_rates(of_kind)
        if "True distribution" in of_kind:
            _print_capabilities(of_kind)
    # NN-SPOT's cell is timed within the Gaussian's.
    seconds = sum(cell["cpu_seconds"] for cell in cells if cell["method"] != "NN-SPOT")
    print(f"{len(cells)} cells, {seconds / 60:.0f} minutes of one thread.")


def block_means(cells: list[dict[str, Any]], score: str, *, pooled: bool) -> NDArray[np.float64]:
    """Means of a score in blocks of time, shape ``(N,)``.

    Args:
        cells: The seeds of one method.
        score: Name of the score.
        pooled: Whether the seeds forecast the same series, so that a block is their mean; else
            every seed's blocks stand for themselves.
    """
    ordered = sorted(cells, key=lambda cell: cell["seed"])
    blocks = np.array([cell["blocks"][score] for cell in ordered])
    return blocks.mean(0) if pooled else blocks.flatten()


def interval(blocks: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of a mean, by resampling whole blocks of time."""
    generator = np.random.default_rng(0)
    chosen = generator.integers(len(blocks), size=(RESAMPLES, len(blocks)))
    low, high = np.quantile(blocks[chosen].mean(1), [0.025, 0.975])
    return float(low), float(high)


def difference(
    cells: list[dict[str, Any]], reference: list[dict[str, Any]], score: str, *, pooled: bool
) -> tuple[float, float, float]:
    """Mean of a score less the reference's, and its interval, over the seeds that both have."""
    seeds = {cell["seed"] for cell in cells} & {cell["seed"] for cell in reference}
    if {cell["seed"] for cell in cells} == {0} and pooled:
        seeds = {cell["seed"] for cell in reference}  # a method without seeds
        cells = cells * len(seeds)
    else:
        cells = [cell for cell in cells if cell["seed"] in seeds]
    reference = [cell for cell in reference if cell["seed"] in seeds]
    paired = block_means(cells, score, pooled=pooled)
    paired = paired - block_means(reference, score, pooled=pooled)
    return float(paired.mean()), *interval(paired)


def _is_pooled(cells: Cells) -> bool:
    """Real series are the same for every seed; simulated ones are drawn anew."""
    return "True distribution" not in cells


def _row(*entries: str) -> None:
    print(f"| {' | '.join(entries)} |")


def _header(*entries: str) -> None:
    _row(*entries)
    _row(*["---"] * len(entries))


def _print_scores(cells: Cells) -> None:
    _header("method", *SCORES, "capped", "PP error")
    for method, seeds in cells.items():
        known = [s for s in SCORES if s in seeds[0]["blocks"]]
        best = {}
        for score in SCORES:
            means = [
                np.mean([cell["blocks"][score] for cell in other])
                for name, other in cells.items()
                if name != "True distribution" and score in other[0]["blocks"]
            ]
            best[score] = min(means)
        entries = []
        for score in SCORES:
            if score not in known:
                entries.append("")
                continue
            mean = np.mean([cell["blocks"][score] for cell in seeds])
            mark = "**" if method != "True distribution" and mean == best[score] else ""
            entries.append(f"{mark}{mean:.4g}{mark}")
        capped, error = "", ""
        if "capped" in seeds[0]["blocks"]:
            capped = f"{np.mean([cell['blocks']['capped'] for cell in seeds]):.2%}"
            error = f"{np.mean([cell['pp_error'] for cell in seeds]):.3f}"
        _row(method, *entries, capped, error)
    print()


def _print_differences(cells: Cells) -> None:
    reference = REFERENCE if REFERENCE in cells else next(iter(cells))
    print(f"Difference to {reference} with its 95 % interval; above 0 the method is worse:\n")
    _header("method", *SCORES)
    for method, seeds in cells.items():
        if method == reference:
            continue
        entries = []
        for score in SCORES:
            if score not in seeds[0]["blocks"]:
                entries.append("")
                continue
            mean, low, high = difference(seeds, cells[reference], score, pooled=_is_pooled(cells))
            entries.append(f"{mean:+.2g} [{low:+.2g}, {high:+.2g}]")
        _row(method, *entries)
    print()


def _print_rates(cells: Cells) -> None:
    print("Exceedances with their 95 % interval (nominal 1 % and 0.1 % on each side):\n")
    _header("method", *(f"{name.split()[0]} {float(name.split()[1]):.1%}" for name in RATES))
    for method, seeds in cells.items():
        entries = []
        for name in RATES:
            blocks = block_means(seeds, name, pooled=_is_pooled(cells))
            low, high = interval(blocks)
            entries.append(f"{blocks.mean():.2%} [{low:.2%}, {high:.2%}]")
        _row(method, *entries)
    print()


def _print_capabilities(cells: Cells) -> None:
    print("### Capabilities\n")
    for criterion in CRITERIA:
        print(f"- **{criterion.name}**: {criterion.rule}")
    print()
    _header("method", *(criterion.name for criterion in CRITERIA))
    for method, seeds in cells.items():
        if method == "True distribution":
            continue
        measured = measures(seeds, cells["True distribution"])
        entries = []
        for criterion in CRITERIA:
            values = [measured.get(name) for name in criterion.measures]
            if None in values:
                entries.append("no")
                continue
            tick = "yes" if criterion.holds(*values) else "no"
            entries.append(f"{tick} ({', '.join(f'{v:.2g}' for v in values)})")
        _row(method, *entries)
    print()


def measures(seeds: list[dict[str, Any]], truth: list[dict[str, Any]]) -> dict[str, float]:
    """What the criteria ask, each the mean over the seeds; what was not measured is left out."""
    names = {name for cell in seeds for name in cell} - {"kind", "method", "seed", "cpu_seconds"}
    found = {name: float(np.mean([c[name] for c in seeds])) for name in names - {"blocks"}}
    found |= {name: float(np.mean([c["blocks"][name] for c in seeds])) for name in RATES}
    if "CRPS" in seeds[0]["blocks"]:
        excess, _, _ = difference(seeds, truth, "CRPS", pooled=False)
        found["CRPS excess"] = excess / float(np.mean([c["blocks"]["CRPS"] for c in truth]))
    return found
