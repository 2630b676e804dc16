"""Draw the games of passers one after another, with a moving mean and its uncertainty."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback._statistics import NORMAL_90
from dropback.errors import RequestError
from dropback.workflows._pictures._boards import SOURCE
from dropback.workflows._pictures._look import Look, Page, points, text_width_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAMES_IN_MEAN: Final = 8
"""Games that the moving mean spans: half a season."""

_MOST: Final = 4
# Of several passers of one team, so that their lines differ.
_STYLES: Final = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))


def moving_mean(log: pl.DataFrame, games: int = GAMES_IN_MEAN) -> pl.DataFrame:
    """Mean score of each game and those before it, with its 90 % interval.

    Plays weigh alike. The variance of a game's mean is read from its own interval.

    Args:
        log: What `game_log` returned.
        games: Games that the mean spans; the first ones have fewer before them.

    Returns:
        `log` with ``mean``, ``mean_low`` and ``mean_high``.

    Example:
        >>> one = {"plays": [10, 30], "score": [0.4, 0.6], "score_low": [0.3, 0.5]}
        >>> moving_mean(pl.DataFrame(one))["mean"].to_list()
        [0.4, 0.55]
    """
    plays = pl.col("plays").rolling_sum(games, min_samples=1)
    variance = ((pl.col("score") - pl.col("score_low")) / NORMAL_90).pow(2) * pl.col("plays").pow(2)
    spread = variance.rolling_sum(games, min_samples=1).sqrt() / plays
    mean = (pl.col("score") * pl.col("plays")).rolling_sum(games, min_samples=1) / plays
    return log.with_columns(
        mean=mean, mean_low=mean - NORMAL_90 * spread, mean_high=mean + NORMAL_90 * spread
    )


def draw_trend(
    logs: Mapping[str, pl.DataFrame],
    *,
    title: str,
    subtitle: str = "",
    look: Look | None = None,
) -> Figure:
    """Draw passers' games and their moving means.

    Args:
        logs: Name to what `game_log` returned; one passer's games are shown with their intervals,
            several passers' as means alone.
        title: Heading.
        subtitle: Line below it.
        look: How it looks.

    Raises:
        RequestError: No passer, or more than four.
    """
    look = look or Look()
    if not 1 <= len(logs) <= _MOST:
        raise RequestError(f"A trend shows 1 to {_MOST} passers, got {len(logs)}.")
    alone = len(logs) == 1
    high_in = 3.3 if look.phone else 4.4
    order = pl.concat([log.select("season", "week") for log in logs.values()]).unique()
    order = order.sort("season", "week").with_row_index("place")
    source = (
        f"Line and band: mean of the last {GAMES_IN_MEAN} games with 90 % interval."
        + (" Points: games, 90 % interval of each." if alone else "")
        + f" {SOURCE}."
    )
    with look.style():
        page = Page(look, high_in, title=title, subtitle=subtitle, source=source)
        named_in = 0.0 if alone else max(text_width_in(n, "small", bold=True) for n in logs) + 0.1
        axes = page.axes(0.62, page.top_in, look.width_in - 0.8 - named_in, high_in - 0.45)
        axes.axhline(0.5, color=look.color("soft"), linewidth=0.9, linestyle=(0, (4, 3)))
        ends = []
        for number, log in enumerate(logs.values()):
            shown = moving_mean(log).join(order, on=["season", "week"]).sort("place")
            ends.append(_draw(axes, look, shown, _STYLES[number], alone=alone))
        seen = np.concatenate([end[1] for end in ends])
        seen = seen[np.isfinite(seen)]  # a lone play has no interval
        room = 0.03 * float(np.ptp(seen)) + 0.005
        axes.set(
            ylim=(min(seen.min(), 0.5) - room, max(seen.max(), 0.5) + room),
            xlim=(-0.7, order.height - 0.3),
            ylabel="mean play score",
        )
        axes.grid(axis="y")
        _label_seasons(axes, look, order)
        if not alone:
            _label_lines(page, axes, list(logs), [end[0] for end in ends])
    return page.figure


def _draw(
    axes: Axes, look: Look, shown: pl.DataFrame, style: object, *, alone: bool
) -> tuple[tuple[float, str], np.ndarray]:
    """Draw one passer; return where the line ends with its color, and the heights it takes."""
    color, edge = look.team(shown["team"][-1])
    x, mean, low, high = (shown[n].to_numpy() for n in ("place", "mean", "mean_low", "mean_high"))
    axes.fill_between(x, low, high, color=color, alpha=0.16 if alone else 0.1, linewidth=0)
    axes.plot(x, mean, color=color, linewidth=2.2, linestyle=style)
    if alone:
        score, bottom, top = (shown[n].to_numpy() for n in ("score", "score_low", "score_high"))
        axes.vlines(x, bottom, top, color=color, alpha=0.45, linewidth=1.1)
        axes.plot(
            x, score, "o", markersize=5, color=color, markeredgecolor=edge, markeredgewidth=0.8
        )
        return (float(mean[-1]), color), np.concatenate([score, bottom, top])
    # The bands of the first games, of few plays, may leave the picture.
    few = min(GAMES_IN_MEAN - 1, len(mean) // 2)
    return (float(mean[-1]), color), np.concatenate([mean, low[few:], high[few:]])


def _label_seasons(axes: Axes, look: Look, order: pl.DataFrame) -> None:
    """Name each season below its games, with a line between two."""
    seasons = order.group_by("season", maintain_order=True).agg(
        pl.col("place").min().alias("first"), pl.col("place").max().alias("last")
    )
    if seasons.height == 1:
        step = max(1, -(-order.height // (9 if look.phone else 18)))
        some = order.gather_every(step)
        axes.set_xticks(some["place"].to_numpy(), [f"{week}" for week in some["week"]])
        axes.set_xlabel(f"week of {seasons['season'][0]}")
        return
    for first in seasons["first"][1:]:
        axes.axvline(first - 0.5, color=look.color("line"), linewidth=0.9, zorder=0.5)
    every = max(1, -(-seasons.height // (5 if look.phone else 14)))
    named = seasons.gather_every(every)
    middle = (named["first"] + named["last"]).to_numpy() / 2
    axes.set_xticks(middle, [f"{season}" for season in named["season"]])
    axes.tick_params(axis="x", length=0)


def _label_lines(page: Page, axes: Axes, names: list[str], ends: list[tuple[float, str]]) -> None:
    """Name each line at its end, moved apart where two end together."""
    low, high = axes.get_ylim()
    box = axes.get_position()
    apart = points("small") * 1.25 / 72 / page.height_in
    at = [box.y0 + box.height * (end - low) / (high - low) for end, _ in ends]
    order = sorted(range(len(at)), key=lambda n: at[n])
    for below, above in pairwise(order):
        at[above] = max(at[above], at[below] + apart)
    for name, height, (_, color) in zip(names, at, ends, strict=True):
        page.figure.text(
            box.x1 + 0.06 / page.look.width_in, height, name, color=color, va="center",
            fontsize=points("small"), fontweight="bold",
        )  # fmt: skip
