"""Render a metric comparison as Markdown, as a dictionary for JSON, and as one figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dropback._choices import season_list
from dropback.errors import WITHOUT_MATPLOTLIB, RequestError
from dropback.evaluation.comparison._correlations import STATISTICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dropback.evaluation.comparison._comparison import MetricComparison

HEADINGS = {name: statistic.label for name, statistic in STATISTICS.items()} | {
    "split_half": "split-half reliability",
    "other_half_wins": "wins in the other half",
}
"""Each statistic's words for readers, in the order of the table."""

_OURS, _BASELINE = "#D55E00", "#0072B2"  # Okabe and Ito (2008)


def format_correlation(value: float | None, *, signed: bool = False) -> str:
    """Two decimals without the leading zero, as correlations are printed; a dash where undefined.

    Example:
        >>> [format_correlation(r) for r in (0.614, -0.05, None)]
        ['.61', '-.05', '–']
    """
    if value is None:
        return "–"
    text = f"{value:+.2f}" if signed else f"{value:.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 0.995 else text


def lead_sign(row: dict[str, Any]) -> int:
    """1 where our lead's interval lies above 0, -1 where below, 0 where it holds 0 or is none."""
    low, high = row["lead_low"], row["lead_high"]
    return 0 if low is None else int(low > 0) - int(high < 0)


def headline(result: MetricComparison) -> dict[str, dict[str, dict[str, Any]]]:
    """The headline rows of the comparison, by metric and statistic."""
    rows: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in result.labels}
    for row in result.comparison.filter("headline").iter_rows(named=True):
        rows[row["metric"]][row["statistic"]] = row
    return rows


def markdown(result: MetricComparison) -> str:
    """The table, the leads behind it, and what was left out, in Markdown."""
    rows = headline(result)
    names = [name for name in HEADINGS if any(name in row for row in rows.values())]
    headings = [HEADINGS[name] for name in names]
    ours = result.labels[result.ours]
    correlations = [
        [f"**{label}**" if metric == result.ours else label]
        + [_with_interval(rows[metric].get(name), "r") for name in names]
        for metric, label in result.labels.items()
    ]
    leads = [
        [label, *(_with_interval(rows[metric].get(name), "lead") for name in names)]
        for metric, label in result.labels.items()
        if metric != result.ours
    ]
    bases = {name: next(row[name] for row in rows.values() if name in row) for name in names}
    unmatched = result.unmatched.group_by("rating", "reason", maintain_order=True).len()
    left_out = [
        *result.left_out.iter_rows(),
        *((f"{result.labels[name]} rows", why, count) for name, why, count in unmatched.rows()),
    ]
    seasons = season_list(result.passers["season"])
    parts = [
        f"{seasons.capitalize()}: {len(result.passers)} qualified passer-seasons "
        f"of {result.passers['passer_player_id'].n_unique()} passers, the same for every metric. "
        f"90 % intervals over {result.replicates} draws of passers.",
        *([result.drift] if result.drift else []),
        _table(["r with", *headings], correlations),
        f"{ours} minus the baseline; bold where the interval excludes 0:",
        _table(["baseline", *headings], leads),
        _table(
            ["statistic", "average", "passer-seasons", "seasons"],
            [
                (HEADINGS[name], row["average"], row["rows"], row["seasons"])
                for name, row in bases.items()
            ],
        ),
        _table(["left out", "why", "number"], left_out),
    ]
    return "\n\n".join(parts) + "\n"


def _table(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(map(str, cells))} |" for cells in (heading, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(heading), *lines[1:]])


def as_dict(result: MetricComparison) -> dict[str, object]:
    """Everything but the passers, for JSON."""
    return {
        "ours": result.ours,
        "labels": result.labels,
        "statistics": HEADINGS,
        "seasons": sorted(result.passers["season"].unique().to_list()),
        "passer_seasons": len(result.passers),
        "plays_per_half": result.plays_per_half,
        "replicates": result.replicates,
        "seed": result.seed,
        "interval": 0.9,
        "drift": result.drift,
        "comparison": result.comparison.to_dicts(),
        "left_out": result.left_out.to_dicts(),
        "unmatched": result.unmatched.to_dicts(),
    }


def draw(result: MetricComparison) -> Figure:
    """Draw each headline correlation with its interval: a panel a statistic, a row a metric."""
    try:
        import matplotlib as mpl  # noqa: PLC0415  # an optional extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise RequestError(WITHOUT_MATPLOTLIB) from missing
    rows = headline(result)
    names = [name for name in HEADINGS if any(name in row for row in rows.values())]
    labels = list(result.labels.values())
    columns = min(4, len(names))
    lines = -(-len(names) // columns)
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}):
        size = (3 * columns + 1.2, lines * (0.26 * len(labels) + 1))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        for axes, name in zip(grid.flat, names, strict=False):
            _panel(axes, result, {metric: row.get(name) for metric, row in rows.items()})
            axes.set_title(HEADINGS[name], fontsize=10)
        for axes in grid.flat[len(names) :]:
            axes.set_visible(False)
        grid[0, 0].set_yticks(np.arange(len(labels)), labels)
        grid[0, 0].set_ylim(len(labels) - 0.5, -0.5)
        figure.suptitle(
            f"Correlations of passing metrics, {season_list(result.passers['season'])}, "
            f"{len(result.passers)} qualified passer-seasons, 90 % intervals",
            fontsize=11,
        )
    return figure


def _panel(axes: Axes, result: MetricComparison, rows: dict[str, dict[str, Any] | None]) -> None:
    for place, metric in enumerate(result.labels):
        row = rows[metric]
        if row is None or row["r"] is None:
            continue
        color = _OURS if metric == result.ours else _BASELINE
        if row["r_low"] is not None:
            axes.plot([row["r_low"], row["r_high"]], [place, place], color=color, linewidth=1.6)
        axes.plot(row["r"], place, "o", color=color, markersize=5)
        if metric == result.ours:
            axes.axvline(row["r"], color=color, linewidth=0.7, linestyle=":")
    axes.axvline(0, color="0.6", linewidth=0.8)
    axes.grid(axis="x", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def _with_interval(row: dict[str, Any] | None, of: str) -> str:
    if row is None or row[of] is None:
        return "–"
    signed = of == "lead"
    text = format_correlation(row[of], signed=signed)
    low, high = row[f"{of}_low"], row[f"{of}_high"]
    if low is None:
        return text
    ends = (format_correlation(end, signed=signed) for end in (low, high))
    interval = f"({' to '.join(ends)})"
    return f"**{text}** {interval}" if signed and lead_sign(row) else f"{text} {interval}"
