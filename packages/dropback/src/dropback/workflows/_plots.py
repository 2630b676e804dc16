"""Draw calibration and error of an evaluation, reliability, and a passer's seasons."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from dropback._files import whole_file
from dropback.errors import WITHOUT_MATPLOTLIB, RequestError
from dropback.evaluation._calibration import DEPTH_BANDS

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
except ModuleNotFoundError as missing:
    raise RequestError(WITHOUT_MATPLOTLIB) from missing

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from dropback._arrays import Floats
    from dropback.evaluation._calibration import Evaluation
    from dropback.ranking import Reliability

_LEVELS = np.arange(1, 100) / 100
# Okabe and Ito (2008): distinct to readers with any color vision.
_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
# For the models beyond the colors.
_DASHES = ("solid", "dashed", "dotted")


def _line(place: int) -> dict[str, Any]:
    """Style of a model's line: the first is ours, wider and on top of the baselines."""
    return {
        "color": _COLORS[place % len(_COLORS)],
        "linestyle": _DASHES[place // len(_COLORS) % len(_DASHES)],
        "linewidth": 2.2 if place == 0 else 1.3,
        "zorder": 4 - place / 100,  # above the grid and the band
    }


def _pit(axes: Axes, evaluation: Evaluation) -> None:
    bins = len(next(iter(evaluation.pit_histogram.values())))
    edges = np.linspace(0, 1, bins + 1)
    for place, (model, density) in enumerate(evaluation.pit_histogram.items()):
        axes.stairs(density, edges, label=model, **_line(place))
    axes.axhline(1, color="0.4", linewidth=0.8, linestyle="--")
    axes.set(
        title="PIT histogram: flat is calibrated",
        xlabel="randomized probability integral transform",
        ylabel="density",
        xlim=(0, 1),
        ylim=(0, None),
    )


def _pp(axes: Axes, evaluation: Evaluation) -> None:
    for place, (model, cdf) in enumerate(evaluation.pit_cdf.items()):
        axes.plot(_LEVELS, np.array(cdf) - _LEVELS, label=model, **_line(place))
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
    for shift, metric, color, label in (
        (-0.12, "tail_lower", _COLORS[0], "below the 1 % quantile"),
        (0.12, "tail_upper", _COLORS[4], "above the 99 % quantile"),
    ):
        rows = [evaluation.metrics[name][metric] for name in names]
        value, low, high = 100 * np.array([(row.value, row.low, row.high) for row in rows]).T
        _points(axes, place + shift, value, (low, high), {"color": color, "label": label})
    axes.axhline(1, color="0.4", linewidth=0.8, linestyle="--")
    axes.set(title="Outcomes in each 1 % tail, 90 % intervals", ylabel="% of plays", ylim=(0, None))
    axes.set_xticks(place, names, rotation=30, ha="right", rotation_mode="anchor")


def _points(
    axes: Axes, x: ArrayLike, value: Floats, ends: tuple[Floats, Floats], style: dict[str, Any]
) -> None:
    """Draw points with their intervals."""
    error = np.array([value - ends[0], ends[1] - value])
    axes.errorbar(x, value, error.clip(0), fmt="o", **style)


def _depth(axes: Axes, evaluation: Evaluation) -> None:
    labels = [f"{low} to {high}" for low, high in DEPTH_BANDS]
    labels[0], labels[-1] = f"< {DEPTH_BANDS[0][1] + 1}", f"{DEPTH_BANDS[-1][0]} +"
    for place, (model, row) in enumerate(evaluation.mae_by_depth.items()):
        axes.plot(labels, row, marker="o", markersize=4, label=model, **_line(place))
    axes.set(
        title="Mean absolute error by depth of throw",
        xlabel="air yards",
        ylabel="yards",
        ylim=(0, None),
    )


PLOTS = {"pit": _pit, "pp": _pp, "tails": _tails, "mae_by_depth": _depth}
"""Name of each picture and the function that draws it."""


_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
# Inches: on a phone 360 pixels wide its letters are then 11 pixels high.
_SMALL = (4.6, 3.2)
_STYLE: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
    "axes.titlesize": 11,
}


def draw(name: str, evaluation: Evaluation) -> Figure:
    """One of `PLOTS`, as a figure that belongs to no window and no global state."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.8, 3.6), layout="constrained")
        axes = figure.add_subplot()
        PLOTS[name](axes, evaluation)
        # Beside the axes: inside, it lies upon lines of some evaluation.
        figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure


def write_plots(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write every picture as PNG into `folder`."""
    paths = []
    for name in PLOTS:
        path = folder / f"{name}.png"
        write_figure(draw(name, evaluation), path)
        paths.append(path)
    return paths


def draw_reliability(found: Reliability) -> Figure:
    """Reliability by attempts: the formula with its interval, the split halves beside it."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_SMALL, layout="constrained")
        axes = figure.add_subplot()
        attempts, value, low, high = (found.curve[name].to_numpy() for name in found.curve.columns)
        axes.fill_between(attempts, low, high, color=_COLORS[0], alpha=0.2, linewidth=0)
        axes.plot(attempts, value, color=_COLORS[0], label="n / (n + k), 90 % interval")
        columns = ("attempts", "reliability", "low", "high")
        at, reached, *ends = (found.split_half[name].to_numpy() for name in columns)
        style = {"color": _COLORS[4], "label": "split halves of games"}
        _points(axes, at, reached, (ends[0], ends[1]), style)
        axes.axhline(0.5, color="0.4", linewidth=0.8, linestyle="--")
        if found.half < attempts[-1]:
            axes.axvline(found.half, color="0.4", linewidth=0.8, linestyle="--")
            axes.annotate(
                f"one half at {found.half:.0f}", (found.half, 0.02), (5, 0),
                textcoords="offset points",
            )  # fmt: skip
        axes.set(
            title="Share of a score's variance that is skill",
            xlabel="attempts",
            ylabel="reliability",
            xlim=(0, attempts[-1]),
            ylim=(0, 1),
        )
        axes.legend(frameon=False, fontsize=9)
    return figure


def draw_league(rows: pl.DataFrame) -> Figure:
    """The range of the qualified passers' scores in each season, to lay `draw_seasons` upon.

    Args:
        rows: A leaderboard by passer and season with ``qualified``.
    """
    figure, axes = _season_axes(rows)
    league = (
        rows.filter("qualified")
        .group_by("season")
        .agg(
            pl.col("score").quantile(0.1).alias("low"),
            pl.col("score").median().alias("middle"),
            pl.col("score").quantile(0.9).alias("high"),
        )
        .sort("season")
    )
    season, low, middle, high = (league[name].to_numpy() for name in league.columns)
    axes.bar(season, high - low, bottom=low, width=0.8, color="0.9", label="middle 80 %")
    axes.hlines(middle, season - 0.4, season + 0.4, color="0.55", label="median")
    for fill, label in ((_COLORS[0], "qualified"), ("white", "fewer attempts")):
        axes.plot([], [], "o", color=_COLORS[0], markerfacecolor=fill, label=label)
    axes.set(ylabel="mean play score, 90 % interval")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=9))
    axes.legend(
        frameon=False, fontsize=8, ncols=4, loc="lower right", bbox_to_anchor=(1.02, 0.99),
        columnspacing=0.8, handletextpad=0.3, handlelength=1.0, borderpad=0,
    )  # fmt: skip
    return figure


def draw_seasons(rows: pl.DataFrame, passer_player_id: str) -> Figure:
    """A passer's seasons with 90 % intervals, see-through, in the frame of `draw_league`.

    Args:
        rows: As for `draw_league`.
        passer_player_id: The passer.
    """
    figure, axes = _season_axes(rows)
    axes.set_axis_off()
    own = rows.filter(pl.col("passer_player_id") == passer_player_id)
    for (qualified,), kept in own.group_by("qualified", maintain_order=True):
        season, score, low, high = (
            kept[name].to_numpy() for name in ("season", "score", "score_low", "score_high")
        )
        style = {"color": _COLORS[0], "markerfacecolor": _COLORS[0] if qualified else "white"}
        _points(axes, season, score, (low, high), style)
    return figure


def _season_axes(rows: pl.DataFrame) -> tuple[Figure, Axes]:
    """An empty frame that is the same for every passer of `rows`."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_SMALL, facecolor="none")
        axes = figure.add_axes((0.15, 0.09, 0.83, 0.8), facecolor="none")
    shown = rows.filter("qualified")
    ends = pl.concat([shown["score"], shown["score_low"], shown["score_high"]]).drop_nulls()
    low, high = float(ends.min()), float(ends.max())  # type: ignore[arg-type]  # of floats
    room = 0.05 * (high - low) + 1e-6
    seasons = rows["season"]
    axes.set(
        xlim=(int(seasons.min()) - 0.6, int(seasons.max()) + 0.6),  # type: ignore[arg-type]
        ylim=(low - room, high + room),
    )
    return figure, axes


def svg(figure: Figure) -> str:
    """A figure as SVG text: letters stay letters, and equal figures give equal text."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dropback"}):
        figure.savefig(buffer, format="svg", metadata=_NO_METADATA)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure whole or not at all, in the format of the file's ending."""
    if path.suffix == ".svg":
        with whole_file(path) as aside:
            aside.write_text(svg(figure), encoding="utf-8")
        return
    with whole_file(path) as aside:
        figure.savefig(aside, dpi=max(figure.dpi, 130), metadata={"Software": None})
