"""Draw a leaderboard: tiers with intervals, or the score against another metric."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from dropback.errors import RequestError
from dropback.ranking._comparison import probability_above
from dropback.workflows._pictures._images import Images, show
from dropback.workflows._pictures._labels import place_labels
from dropback.workflows._pictures._look import Look, Page, Rectangle, points, text_width_in, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dropback._arrays import Floats, Integers

# A tier ends where its first passer is better than the next with this probability.
_TIER: Final = 0.9
_MOST_NAME_IN: Final = {False: 2.3, True: 1.25}
SOURCE: Final = "dropback: where each throw's outcome falls in what a league-average passer gets"
# Column of a board to its label and the factor that it is drawn by.
AGAINST: Final[dict[str, tuple[str, float]]] = {
    "epa_per_dropback": ("EPA per dropback", 1.0),
    "success_rate": ("Success rate, %", 100.0),
    "cpoe": ("Completion over expected, %", 1.0),
    "cpoe_ours": ("Completion over expected (ours), %", 1.0),
    "any_a": ("ANY/A, yards", 1.0),
    "passer_rating": ("Passer rating", 1.0),
    "plays": ("plays", 1.0),
}


@dataclass(frozen=True)
class Measure:
    """What a board ranks by.

    Attributes:
        label: Of the axis.
        average: Value of a league-average passer.
        signed: Whether values are differences from the average, written with their sign.
        source: What it is, in a sentence's end.
    """

    label: str = "mean play score"
    average: float = 0.5
    signed: bool = False
    source: str = SOURCE

    def text(self, value: float) -> str:
        """A value as it stands beside its row."""
        return f"{value:+.3f}" if self.signed else f"{value:.3f}".removeprefix("0")


PLAY_SCORE: Final = Measure()


def tiers(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort a leaderboard by the shrunk score, the best first, and number its tiers from 1.

    A row begins a new tier where the first row of the tier above is better with a probability of
    90 %. Of defenses the lowest score is the best.

    Args:
        rows: A leaderboard.

    Example:
        >>> board = pl.DataFrame({"score_shrunk": [0.5, 0.6, 0.59], "shrunk_sd": [0.01] * 3})
        >>> tiers(board).rows()
        [(0.6, 0.01, 1), (0.59, 0.01, 1), (0.5, 0.01, 2)]
    """
    lower = "better" in rows.columns and "lower" in rows["better"]
    ordered = rows.sort("score_shrunk", descending=not lower, maintain_order=True)
    mean, sd = ordered["score_shrunk"].to_numpy(), ordered["shrunk_sd"].to_numpy()
    mean = -mean if lower else mean
    better = probability_above(mean[:, None], sd[:, None], mean, sd) >= _TIER
    found = [1] * ordered.height
    first = 0
    for row in range(1, ordered.height):
        found[row] = found[row - 1]
        if better[first, row]:
            first = row
            found[row] += 1
    return ordered.with_columns(pl.Series("tier", found, dtype=pl.Int64))


def draw_tiers(
    rows: pl.DataFrame,
    *,
    title: str,
    subtitle: str = "",
    measure: Measure = PLAY_SCORE,
    look: Look | None = None,
    images: Images | None = None,
) -> Figure:
    """Rank passers with the interval of each, in tiers.

    Args:
        rows: What `passing_board` returned, one row a passer (or season of one).
        title: Heading.
        subtitle: Line below it.
        measure: What they are ranked by.
        look: How it looks.
        images: Where logos are.
    """
    look, images = look or Look(), images or Images()
    board = tiers(rows)
    names = [_name(row) for row in board.iter_rows(named=True)]
    row_in = 0.255
    with look.style():
        page = Page(
            look, row_in * board.height + 0.42, title=title, subtitle=subtitle,
            source="Point and line: score shrunk to the league, with 90 % interval; ring: mean "
            "score. A tier ends where its first is better with 90 % probability. "
            f"{measure.source}.",
        )  # fmt: skip
        most = _MOST_NAME_IN[look.phone]
        names = [wrapped(name, "text", most, most=1)[0] for name in names]
        named_in = max(text_width_in(name) for name in names)
        logos_in = 0.24 if images.logos else 0.0
        team_in = 0.0 if look.phone or images.logos else 0.42
        left = 0.5 + logos_in + named_in + 0.12 + team_in
        axes = page.axes(left, page.top_in, look.width_in - left - 0.55, row_in * board.height)
        place = np.arange(board.height)
        low, high = (
            board[f"shrunk_{end}"].fill_null(board["score_shrunk"]).to_numpy()
            for end in ("low", "high")
        )
        score, shrunk = board["score"].to_numpy(), board["score_shrunk"].to_numpy()
        ends = (min(low.min(), score.min()), max(high.max(), score.max()))
        room = 0.04 * (ends[1] - ends[0]) + 1e-4
        axes.set(xlim=(ends[0] - room, ends[1] + room), ylim=(board.height - 0.5, -0.5), yticks=[])
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        where = f", league average {measure.average:g}".replace("0.", ".")
        axes.set_xlabel(measure.label + ("" if look.phone else where))
        if ends[0] - room < measure.average < ends[1] + room:
            axes.axvline(
                measure.average, color=look.color("soft"), linewidth=0.9, linestyle=(0, (4, 3))
            )
        for (number,), tier in board.with_columns(place=place).group_by(
            "tier", maintain_order=True
        ):
            _tier_band(page, number, tier["place"].to_numpy(), row_in)
        teams = [_team(row) for row in board.iter_rows(named=True)]
        colors, edges = zip(*map(look.team, teams), strict=True)
        ground = look.color("ground")
        axes.hlines(place, low, high, colors=colors, linewidth=2.2, zorder=2)
        for x, face, edge, size in (
            (score, ground, colors, 27),
            (shrunk, colors, edges, 55),
        ):
            axes.scatter(
                x, place, s=size, c=face, edgecolors=edge, linewidths=1.1, zorder=3, clip_on=False
            )
        for at, team in enumerate(teams):
            middle = page.top_in + row_in * (at + 0.5) - 0.066
            rank = int((np.abs(shrunk[:at] - shrunk[at]) > 1e-12).sum()) + 1
            page.write(0.42, middle, str(rank), color=look.color("soft"), align="right")
            if (logo := images.logo(team)) is not None:
                show(page.axes(0.48, middle - 0.03, 0.2, 0.2), logo)
            page.write(0.5 + logos_in, middle, names[at])
            if team_in and team and team != names[at]:
                page.write(left - 0.1, middle, team, color=look.color("soft"), align="right")
            value = measure.text(float(shrunk[at]))
            page.write(look.width_in - 0.18, middle, value, align="right")
    return page.figure


def _tier_band(page: Page, number: int, place: Integers, row_in: float) -> None:
    """Shade every other tier across the page, and write its number at the left."""
    top, rows = page.top_in + row_in * int(place[0]), len(place)
    look = page.look
    if number % 2 == 0:
        page.figure.add_artist(
            Rectangle(
                (0, 1 - (top + row_in * rows) / page.height_in), 1, row_in * rows / page.height_in,
                transform=page.figure.transFigure, facecolor=look.band, zorder=-1,
            )
        )  # fmt: skip
    if rows * row_in > text_width_in(f"Tier {number}", "small") + 0.1:
        page.figure.text(
            0.1 / look.width_in, 1 - (top + row_in * rows / 2) / page.height_in, f"Tier {number}",
            rotation=90, ha="center", va="center", fontsize=points("small"),
            color=look.color("soft"),
        )  # fmt: skip
    else:
        page.write(
            0.1, top + row_in / 2 - 0.055, str(number), "small", color=look.color("soft"),
            align="center",
        )  # fmt: skip


def draw_scatter(
    rows: pl.DataFrame,
    *,
    against: str,
    title: str,
    subtitle: str = "",
    look: Look | None = None,
    images: Images | None = None,
) -> Figure:
    """Draw the score of each passer against another metric, both means as lines.

    Args:
        rows: What `passing_board` returned.
        against: Column of the other metric, one of `AGAINST`.
        title: Heading.
        subtitle: Line below it.
        look: How it looks.
        images: Where logos are.

    Raises:
        RequestError: The board lacks the metric.
    """
    look, images = look or Look(), images or Images()
    if against == "cpoe" and against not in rows.columns and "cpoe_ours" in rows.columns:
        against = "cpoe_ours"
    if against not in rows.columns or against not in AGAINST:
        there = [name for name in AGAINST if name in rows.columns]
        raise RequestError(
            f"The score is drawn against one of {', '.join(there)}, got {against!r}; name "
            "play-by-play with --pbp that has it."
        )
    board = rows.drop_nulls(against)
    if board.is_empty():
        raise RequestError(f"No passer of the table has {against!r}.")
    label, factor = AGAINST[against]
    x, y = factor * board[against].to_numpy().astype(float), board["score"].to_numpy()
    high_in = 4.3 if look.phone else 5.9
    notes = f"Lines: means of the {board.height} passers. " if board.height > 1 else ""
    if board.height > 2 and x.std() > 0 and y.std() > 0:
        notes += f"Correlation {np.corrcoef(x, y)[0, 1]:.2f}. "
    with look.style():
        page = Page(look, high_in, title=title, subtitle=subtitle, source=f"{notes}{SOURCE}.")
        left, bottom = 0.62, 0.5
        width, height = look.width_in - left - 0.2, high_in - bottom
        axes = page.axes(left, page.top_in, width, height)
        for values, limits in ((x, axes.set_xlim), (y, axes.set_ylim)):
            room = 0.07 * float(np.ptp(values)) or 0.05 * abs(float(values[0])) or 0.05
            limits(float(values.min()) - room, float(values.max()) + room)
        axes.set(xlabel=label, ylabel="mean play score")
        axes.grid()
        if board.height > 1:
            style: dict[str, Any] = {
                "color": look.color("soft"),
                "linewidth": 0.9,
                "linestyle": (0, (4, 3)),
            }
            axes.axvline(float(x.mean()), **style)
            axes.axhline(float(y.mean()), **style)
        _mark(page, board, axes, x, y, images)
    return page.figure


def _mark(
    page: Page, board: pl.DataFrame, axes: Axes, x: Floats, y: Floats, images: Images
) -> None:
    """Draw a marker or logo for each row and its name beside it."""
    look, area = page.look, axes.get_window_extent()
    scale = 72 / look.dpi
    corner = np.array([area.x0, area.y0])
    place = (axes.transData.transform(np.column_stack([x, y])) - corner) * scale
    size = points("small") + (0.0 if look.phone else 0.5)
    names = [_name(row, short=True) for row in board.iter_rows(named=True)]
    if look.phone:
        names = _surnames(names)
    logo_in = 0.26 if look.phone else 0.34
    labels = place_labels(
        place[:, 0],
        place[:, 1],
        [(72 * text_width_in(name, size) + 1, size * 1.05) for name in names],
        width=area.width * scale,
        height=area.height * scale,
        radius=36 * logo_in if images.logos else 4.9,
    )
    to_data = axes.transData.inverted().transform
    for at, row in enumerate(board.iter_rows(named=True)):
        color, edge = look.team(_team(row))
        label = labels[at]
        if label is not None:
            where = to_data(np.array([label.x, label.y]) / scale + corner)
            if label.led:
                axes.plot(
                    [x[at], where[0]], [y[at], where[1]], color=look.color("soft"), linewidth=0.5,
                    zorder=1.5,
                )  # fmt: skip
            axes.text(
                where[0], where[1], names[at], fontsize=size, ha="center", va="center",
                bbox={"facecolor": look.color("ground"), "edgecolor": "none", "pad": 0.4},
            )  # fmt: skip
        logo = images.logo(_team(row))
        if logo is None:
            axes.plot(
                x[at], y[at], "o", markersize=8, markerfacecolor=color, markeredgecolor=edge,
                markeredgewidth=1.2, zorder=3,
            )  # fmt: skip
            continue
        left, up = (corner + place[at] / scale) / look.dpi
        top = page.height_in - up
        show(page.axes(left - logo_in / 2, top - logo_in / 2, logo_in, logo_in), logo)


def _team(row: dict[str, Any]) -> str | None:
    team = row.get("team") or row.get("posteam") or row.get("defteam")
    return team.split("/")[0] if team else None  # of a season in two teams the one of most plays


def _name(row: dict[str, Any], *, short: bool = False) -> str:
    """A row's player, with the season where rows are seasons."""
    full = None if short else row.get("full_name")
    names = (row.get(f"{role}_player_name") for role in ("passer", "receiver"))
    name = full or next(filter(None, names), None) or _team(row) or "?"
    return f"{name} {row['season']}" if row.get("season") else str(name)


def _surnames(names: list[str]) -> list[str]:
    """Names without their initials, where no two are then equal."""
    bare = [re.sub(r"^\w{1,3}\.(?=\w)", "", name) for name in names]
    return [name if bare.count(cut) > 1 else cut for name, cut in zip(names, bare, strict=True)]
