"""Draw a card of one passer, or of one of their games with its best and worst throws."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from dropback.workflows._pictures._boards import SOURCE
from dropback.workflows._pictures._images import Images, show
from dropback.workflows._pictures._look import Look, Page, points, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dropback.ranking import Profile

_DEPTHS: Final = ("behind the line", "short", "middle", "deep")
_SHORT_DEPTHS: Final = ("behind", "0-9 yd", "10-19 yd", "20+ yd")
_QUARTER_S: Final = 900
_GAME_S: Final = 3600
_LEADING: Final = re.compile(r"^\s*(?:\([^)]*\)\s*)+")
_GOOD, _BAD = "#0072B2", "#D55E00"  # Okabe and Ito (2008): distinct with any color vision
_GOOD_DARK, _BAD_DARK = "#56B4E9", "#E69F00"


@dataclass(frozen=True)
class Facts:
    """What a card says in numbers, already as text.

    Attributes:
        name: Of the passer.
        under: Line below the name.
        team: nflverse's code.
        player_id: For the headshot.
        numbers: Heading and value of each number, the first one largest.
        note: A sentence at the foot, before what the score is.
    """

    name: str
    under: str
    team: str | None
    player_id: str
    numbers: Sequence[tuple[str, str]] = field(default_factory=tuple)
    note: str = ""


def draw_passer(
    facts: Facts,
    profile: Profile,
    depths: pl.DataFrame,
    *,
    look: Look | None = None,
    images: Images | None = None,
) -> Figure:
    """Draw a passer's card: numbers, seasons, depths, where the throws fall, best and worst.

    Args:
        facts: What the card says.
        profile: What `passer_profile` returned.
        depths: ``depth``, ``score``, ``score_low``, ``score_high`` and ``league``, the mean of all
            passers, by depth of the throw.
        look: How it looks.
        images: Where logos and headshots are.
    """
    look, images = look or Look(), images or Images()
    color, _ = look.team(facts.team)
    with look.style():
        throws = [
            *_throws(look, profile.best, "best", 2),
            *_throws(look, profile.worst, "worst", 2),
        ]
        across = 1 if look.phone else 3
        panel_in, tall = 2.0, (3 if look.phone else 1)
        numbers_in = _numbers_height(facts, look)
        throws_in = _throws_height(throws, look)
        page = _card(
            look, facts, images, numbers_in + tall * (panel_in + 0.55) + throws_in + 0.1, color
        )
        at = page.top_in
        _write_numbers(page, facts, at, color)
        at += numbers_in
        wide = (look.width_in - 0.36) / across
        panels = (_seasons_panel, _depths_panel, _throws_panel)
        for number, panel in enumerate(panels):
            left = 0.18 + (0 if look.phone else wide * number)
            top = at + (panel_in + 0.55) * (number if look.phone else 0) + 0.22
            axes = page.axes(left + 0.46, top, wide - 0.62, panel_in - 0.15)
            page.write(left + 0.06, top - 0.22, panel(axes, look, profile, depths, color), "small")
        at += tall * (panel_in + 0.55)
        _write_throws(page, throws, at)
    return page.figure


def draw_game(
    facts: Facts,
    plays: pl.DataFrame,
    *,
    throws: int = 3,
    look: Look | None = None,
    images: Images | None = None,
) -> Figure:
    """Draw a game's card: numbers, every throw by its time, the best and the worst throws.

    Args:
        facts: What the card says.
        plays: The passer's scored plays of the game.
        throws: Best, and worst, throws to name.
        look: How it looks.
        images: Where logos and headshots are.
    """
    look, images = look or Look(), images or Images()
    color, _ = look.team(facts.team)
    ordered = plays.sort("play_score", "play_id", descending=[True, False])
    few = min(throws, (plays.height + 1) // 2)
    with look.style():
        best = _throws(look, ordered.head(few), "best", few, game=True)
        rest = ordered.reverse().head(plays.height - few)
        worst = _throws(look, rest, "worst", throws, game=True)
        named = [*best, *worst]
        numbers_in, throws_in = _numbers_height(facts, look), _throws_height(named, look)
        panel_in = 2.3
        page = _card(look, facts, images, numbers_in + panel_in + 0.55 + throws_in + 0.1, color)
        _write_numbers(page, facts, page.top_in, color)
        top = page.top_in + numbers_in
        page.write(0.24, top, "Each throw by its time in the game", "small")
        axes = page.axes(0.64, top + 0.22, look.width_in - 0.85, panel_in - 0.1)
        _timeline(axes, look, plays, color)
        _write_throws(page, named, top + panel_in + 0.55)
    return page.figure


def _card(look: Look, facts: Facts, images: Images, height_in: float, color: str) -> Page:
    pictures = [
        picture
        for picture in (images.logo(facts.team), images.headshot(facts.player_id))
        if picture is not None
    ]
    image_in = 0.72 if pictures else 0.0
    page = Page(
        look, height_in, title=facts.name, subtitle=facts.under, color=color,
        source=f"{facts.note} {SOURCE}.".lstrip(),
        image_in=image_in * len(pictures) + (0.05 if pictures else 0.0),
    )  # fmt: skip
    for place, picture in enumerate(pictures, 1):
        left = look.width_in - 0.15 - image_in * place
        show(page.axes(left, 0.12, image_in - 0.06, image_in - 0.06), picture)
    return page


def _per_row(look: Look) -> int:
    return 3 if look.phone else 8


def _numbers_height(facts: Facts, look: Look) -> float:
    return 0.6 * -(-len(facts.numbers) // _per_row(look)) + 0.08


def _write_numbers(page: Page, facts: Facts, top_in: float, color: str) -> None:
    rows = -(-len(facts.numbers) // _per_row(page.look))
    across = max(-(-len(facts.numbers) // max(rows, 1)), 3)
    wide = (page.look.width_in - 0.4) / across
    for place, (heading, value) in enumerate(facts.numbers):
        left = 0.24 + wide * (place % across)
        top = top_in + 0.6 * (place // across)
        page.write(left, top, heading, "small", color=page.look.color("soft"))
        first = place == 0
        page.write(left, top + 0.17, value, "title", weight="bold", color=color if first else None)


def _seasons_panel(axes: Axes, look: Look, profile: Profile, _: pl.DataFrame, color: str) -> str:
    rows = profile.seasons
    season, score = rows["season"].to_numpy(), rows["score"].to_numpy()
    low, high = (rows[n].fill_null(rows["score"]).to_numpy() for n in ("score_low", "score_high"))
    axes.axhline(0.5, color=look.color("soft"), linewidth=0.9, linestyle=(0, (4, 3)))
    axes.vlines(season, low, high, color=color, linewidth=2)
    axes.plot(season, score, "o", color=color, markersize=6)
    axes.grid(axis="y")
    step = max(1, -(-len(season) // 5))
    axes.set_xticks(season[::step], [f"{year}" for year in season[::step]])
    if len(season):
        axes.set_xlim(season[0] - 0.6, season[-1] + 0.6)
    return "Score by season, 90 % interval"


def _depths_panel(axes: Axes, look: Look, _: Profile, depths: pl.DataFrame, color: str) -> str:
    rows = {row["depth"]: row for row in depths.iter_rows(named=True)}
    for at, depth in enumerate(_DEPTHS):
        row = rows.get(depth)
        if row is None:
            continue
        axes.hlines(row["league"], at - 0.3, at + 0.3, color=look.color("soft"), linewidth=1.4)
        if row["score_low"] is not None:
            axes.vlines(at, row["score_low"], row["score_high"], color=color, linewidth=2)
        axes.plot(at, row["score"], "o", color=color, markersize=6)
    axes.set_xticks(range(len(_DEPTHS)), _SHORT_DEPTHS)
    axes.tick_params(axis="x", labelsize=points("small") - 1)
    axes.set_xlim(-0.6, len(_DEPTHS) - 0.4)
    axes.grid(axis="y")
    return "Score by air yards; bar: all passers"


def _throws_panel(axes: Axes, look: Look, profile: Profile, _: pl.DataFrame, color: str) -> str:
    if len(profile.passer):
        middle = (profile.edges[:-1] + profile.edges[1:]) / 2
        axes.bar(middle, 100 * profile.passer, width=0.085, color=color)
        axes.stairs(100 * profile.league, profile.edges, color=look.color("soft"), linewidth=1.4)
    axes.set(xlim=(0, 1), xticks=[0, 0.5, 1])
    axes.set_xticklabels(["worst", "median", "best"])
    axes.grid(axis="y")
    return "Throws by their score, %; line: all passers"


def _timeline(axes: Axes, look: Look, plays: pl.DataFrame, color: str) -> None:
    # In overtime the clock starts again, at 10 or 15 minutes: it goes on behind the fourth quarter.
    overtime = pl.col("qtr") > 4
    left = pl.col("half_seconds_remaining")
    length = pl.when(left.filter(overtime).max() > 600).then(900).otherwise(600)
    rows = plays.with_columns(
        minute=pl.when(overtime)
        .then(_GAME_S + length - left)
        .otherwise(_GAME_S - pl.col("game_seconds_remaining"))
        / 60
    )
    x, y = rows["minute"].to_numpy(), rows["play_score"].to_numpy()
    axes.axhline(0.5, color=look.color("soft"), linewidth=0.9)
    axes.vlines(x, 0.5, y, color=color, linewidth=1.4, alpha=0.75)
    touchdown = rows["pass_touchdown"].fill_null(value=False).to_numpy()
    picked = rows["interception"].to_numpy()
    plain = ~touchdown & ~picked
    edge = look.color("ground")
    style: dict[str, Any] = {"linestyle": "none", "markeredgecolor": edge, "markeredgewidth": 0.6}
    axes.plot(x[plain], y[plain], marker="o", markersize=5, color=color, **style)
    axes.plot(
        x[touchdown], y[touchdown], marker="*", markersize=11, color=_tone(look, good=True), **style
    )
    axes.plot(
        x[picked], y[picked], marker="X", markersize=8, color=_tone(look, good=False), **style
    )
    last = max(60.0, float(x.max()) + 0.5)
    for quarter in range(1, 4):
        axes.axvline(quarter * _QUARTER_S / 60, color=look.color("line"), linewidth=0.9)
    middles = [7.5, 22.5, 37.5, 52.5]
    names = ["Q1", "Q2", "Q3", "Q4"]
    if last > 60.0:
        axes.axvline(60, color=look.color("line"), linewidth=0.9)
        middles.append((60 + last) / 2)
        names.append("OT")
    axes.set_xticks(middles, names)
    axes.tick_params(axis="x", length=0)
    axes.set(xlim=(-0.5, last + 0.5), ylim=(-0.05, 1.05), yticks=[0, 0.5, 1], ylabel="play score")
    told = [(touchdown, "star: touchdown"), (picked, "cross: interception")]
    words = ", ".join(word for flags, word in told if flags.any())
    if words:
        axes.set_xlabel(words)


def _tone(look: Look, *, good: bool) -> str:
    if look.dark:
        return _GOOD_DARK if good else _BAD_DARK
    return _GOOD if good else _BAD


@dataclass(frozen=True)
class _Throw:
    kind: str
    score: str
    when: str
    lines: list[str]


def _throws(
    look: Look, plays: pl.DataFrame, kind: str, most: int, *, game: bool = False
) -> list[_Throw]:
    """The first plays of a table as text that fits its column."""
    room = _column_in(look) - 0.62
    found = []
    for row in plays.head(most).iter_rows(named=True):
        when = _situation(row) if game else _date(row)
        score = f"{row['play_score']:.3f}".removeprefix("0")
        found.append(_Throw(kind, score, when, wrapped(describe(row), "small", room, most=3)))
    return found


def _date(row: dict[str, Any]) -> str:
    return f"{row['season']} week {row['week']}, against {row['defteam']}"


def _situation(row: dict[str, Any]) -> str:
    """Quarter, clock, down and distance: "Q2 11:44, 3rd and 7"."""
    quarter = row["qtr"]
    left = row["half_seconds_remaining"] - (_QUARTER_S if quarter in {1, 3} else 0)
    clock = f"{'OT' if quarter > 4 else f'Q{quarter}'} {left // 60}:{left % 60:02}"
    ordinal = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th"}[row["down"]]
    return f"{clock}, {ordinal} and {'goal' if row['goal_to_go'] else row['ydstogo']}"


def describe(row: dict[str, Any]) -> str:
    """What happened in a play: the play-by-play's description, else its numbers.

    Example:
        >>> describe({"desc": "(2:01) (Shotgun) P.Mahomes pass deep left to T.Hill for 40 yards."})
        'P.Mahomes pass deep left to T.Hill for 40 yards.'
    """
    if text := _LEADING.sub("", row.get("desc") or ""):
        return text
    depth = "" if row.get("air_yards") is None else f", thrown {row['air_yards']} yards deep"
    return f"{row.get('yards', 0):+d} yards{depth}."


def _column_in(look: Look) -> float:
    """Width of a column of throws: one on a phone, best beside worst on a page."""
    return look.width_in - 0.36 if look.phone else (look.width_in - 0.36) / 2


def _height_of(throw: _Throw) -> float:
    return 0.16 + 0.145 * len(throw.lines) + 0.07


def _throws_height(throws: list[_Throw], look: Look) -> float:
    columns = [[t for t in throws if t.kind == kind] for kind in ("best", "worst")]
    heights = [0.27 + sum(map(_height_of, column)) if column else 0.0 for column in columns]
    return sum(heights) + 0.1 if look.phone else max(heights)


def _write_throws(page: Page, throws: list[_Throw], top_in: float) -> None:
    look, at = page.look, top_in
    for number, kind in enumerate(("best", "worst")):
        column = [throw for throw in throws if throw.kind == kind]
        if not column:
            continue
        if not look.phone:
            at = top_in
        left = 0.24 + (0 if look.phone else _column_in(look) * number)
        page.write(left, at, f"{kind.capitalize()} throws", weight="bold")
        at += 0.27
        tone = _tone(look, good=kind == "best")
        for throw in column:
            page.write(left, at, throw.score, weight="bold", color=tone)
            page.write(left + 0.45, at, throw.when, "small", color=look.color("soft"))
            for place, line in enumerate(throw.lines):
                page.write(left + 0.45, at + 0.16 + 0.145 * place, line, "small")
            at += _height_of(throw)
        at += 0.1
