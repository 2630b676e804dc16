"""Pictures of an evaluation: calibration, tails, and error by depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from dropback.evaluation import DEPTH_BANDS
from dropback.files import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from dropback.evaluation import Evaluation

__all__ = ["PLOTS", "draw", "write_plots"]

_LEVELS = np.arange(1, 100) / 100
# Okabe and Ito (2008): told apart by readers with any colour vision.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")


def _pit(axes: Axes, evaluation: Evaluation) -> None:
    bins = len(next(iter(evaluation.pit_histogram.values())))
    edges = np.linspace(0, 1, bins + 1)
    for colour, (model, density) in zip(_COLOURS, evaluation.pit_histogram.items(), strict=False):
        axes.stairs(density, edges, color=colour, label=model, linewidth=1.6)
    axes.axhline(1, color="0.4", linewidth=0.8, linestyle="--")
    axes.set(
        title="PIT histogram: flat is calibrated",
        xlabel="randomised probability integral transform",
        ylabel="density",
        xlim=(0, 1),
        ylim=(0, None),
    )


def _pp(axes: Axes, evaluation: Evaluation) -> None:
    for colour, (model, cdf) in zip(_COLOURS, evaluation.pit_cdf.items(), strict=False):
        axes.plot(_LEVELS, np.array(cdf) - _LEVELS, color=colour, label=model, linewidth=1.6)
    axes.axhspan(-0.01, 0.01, color="0.9")
    axes.set(
        title="PP plot: observed minus stated probability (band: 0.01)",
        xlabel="stated probability",
        ylabel="difference",
        xlim=(0, 1),
    )


def _tails(axes: Axes, evaluation: Evaluation) -> None:
    names = list(evaluation.metrics)
    place = np.arange(len(names))
    for shift, metric, colour, label in (
        (-0.12, "tail_lower", _COLOURS[0], "below the 1 % quantile"),
        (0.12, "tail_upper", _COLOURS[4], "above the 99 % quantile"),
    ):
        rows = [evaluation.metrics[name][metric] for name in names]
        value = np.array([row.value for row in rows])
        error = np.array([[row.value - row.low, row.high - row.value] for row in rows]).T
        axes.errorbar(
            place + shift, 100 * value, 100 * error.clip(0), fmt="o", color=colour, label=label
        )
    axes.axhline(1, color="0.4", linewidth=0.8, linestyle="--")
    axes.set(title="Outcomes in each 1 % tail, 90 % intervals", ylabel="% of plays", ylim=(0, None))
    axes.set_xticks(place, names, rotation=20)


def _depth(axes: Axes, evaluation: Evaluation) -> None:
    labels = [f"{low} to {high}" for low, high in DEPTH_BANDS]
    labels[0], labels[-1] = f"below {DEPTH_BANDS[0][1] + 1}", f"{DEPTH_BANDS[-1][0]} and more"
    for colour, (model, row) in zip(_COLOURS, evaluation.mae_by_depth.items(), strict=False):
        axes.plot(labels, row, color=colour, marker="o", label=model, linewidth=1.6)
    axes.set(
        title="Mean absolute error by depth of throw",
        xlabel="air yards",
        ylabel="yards",
        ylim=(0, None),
    )


PLOTS = {"pit": _pit, "pp": _pp, "tails": _tails, "mae_by_depth": _depth}
"""Name of each picture and what draws it."""


def draw(name: str, evaluation: Evaluation) -> Figure:
    """One of `PLOTS`, as a figure that belongs to no window and no global state."""
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 10}):
        figure = Figure(figsize=(7, 4.2), layout="constrained")
        axes = figure.add_subplot()
        PLOTS[name](axes, evaluation)
        axes.legend(frameon=False, fontsize=9)
    return figure


def write_plots(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write every picture as PNG into `folder`."""
    paths = []
    for name in PLOTS:
        path = folder / f"{name}.png"
        with whole_file(path) as aside:
            draw(name, evaluation).savefig(aside, dpi=130)
        paths.append(path)
    return paths
