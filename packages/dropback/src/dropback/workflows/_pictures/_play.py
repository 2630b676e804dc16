"""Draw a card of one play: what it would have gained, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from dropback.workflows._pictures._look import Look, Page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito (2008): distinct with any color vision.
_KINDS: Final = {
    "loss": ("#D55E00", "loss"),
    "none": ("#8A96A3", "incomplete or no gain"),
    "short": ("#0072B2", "short of the line to gain"),
    "first": ("#009E73", "first down"),
    "touchdown": ("#E69F00", "touchdown"),
}
# Yards that are shown: beyond lie less than a hundredth of most plays.
_LEAST, _MOST = -12, 45
_NUMBERS_IN, _BARS_IN, _LEGEND_IN = 0.62, 2.3, 0.2


class Forecast(Protocol):
    """What is drawn of a `dropback.live.Forecast`."""

    @property
    def gain(self) -> float: ...
    @property
    def first_down(self) -> float | None: ...
    @property
    def touchdown(self) -> float: ...
    @property
    def mean(self) -> float: ...
    @property
    def first_yd(self) -> int: ...
    @property
    def probabilities(self) -> list[float]: ...
    @property
    def yards_max(self) -> int: ...
    @property
    def yards_to_go(self) -> int | None: ...


@dataclass(frozen=True)
class PlayFacts:
    """What the card of a play says beside its forecast.

    Attributes:
        title: Passer and receiver.
        under: Teams, when, and down and distance.
        team: nflverse's code of the offense.
        yards: Yards gained, None before they are known.
        score: The play score, None before it is known.
        source: Line at the bottom.
    """

    title: str
    under: str
    team: str | None
    yards: int | None
    score: float | None
    source: str = "dropback"


def draw_play(facts: PlayFacts, forecast: Forecast, *, look: Look | None = None) -> Figure:
    """Draw a play's card: its chances, its distribution, and the yards and score.

    Args:
        facts: What the card says.
        forecast: The distribution at the release.
        look: How it looks.
    """
    look = look or Look()
    color, _ = look.team(facts.team)
    with look.style():
        numbers = _numbers(facts, forecast)
        rows = -(-len(numbers) // (3 if look.phone else 6))
        legend_in = _LEGEND_IN * (3 if look.phone else 1)
        page = Page(
            look, rows * _NUMBERS_IN + _BARS_IN + legend_in + 0.5, title=facts.title,
            subtitle=facts.under, source=facts.source, color=color,
        )  # fmt: skip
        per_row = -(-len(numbers) // rows)
        wide = (look.width_in - 0.5) / per_row
        for place, (name, value) in enumerate(numbers):
            left, top = (
                0.3 + wide * (place % per_row),
                page.top_in + _NUMBERS_IN * (place // per_row),
            )
            page.write(left, top, value, "title", weight="bold")
            page.write(left, top + 0.26, name, "small", color=look.color("soft"))
        top = page.top_in + rows * _NUMBERS_IN + legend_in
        axes = page.axes(0.62, top, look.width_in - 0.85, _BARS_IN - 0.25)
        yards = np.arange(forecast.first_yd, forecast.first_yd + len(forecast.probabilities))
        masses = np.array(forecast.probabilities)
        kinds = np.array([_kind(forecast, yard) for yard in yards.tolist()])
        for kind, (shade, label) in _KINDS.items():
            chosen = (kinds == kind) & (yards >= _LEAST) & (yards <= _MOST)
            if chosen.any():
                axes.bar(yards[chosen], masses[chosen], 0.86, color=shade, label=label)
        usual = masses[(yards != 0) & (yards != forecast.yards_max)]
        axes.set_ylim(0, 1.25 * max(0.03, float(usual.max(initial=0.0))))
        axes.set_xlim(_LEAST - 1, min(_MOST, forecast.yards_max) + 1)
        axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.set_xlabel("Yards gained; up: the chance of each for an average passer")
        if facts.yards is not None:
            at = min(max(facts.yards, _LEAST), _MOST)
            axes.axvline(at, color=look.color("text"), linewidth=2)
            if at != facts.yards:
                aside = 1 if at < 0 else -1
                axes.text(
                    at + aside, 0.98, f"{facts.yards} (beyond)", color=look.color("text"),
                    transform=axes.get_xaxis_transform(),
                    ha="left" if aside > 0 else "right", va="top",
                )  # fmt: skip
        # Above the bars: a tall one may stand anywhere.
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1.01), ncols=2 if look.phone else 5, frameon=False,
            fontsize=8, borderaxespad=0, handlelength=1.2, columnspacing=1.2,
        )  # fmt: skip
    return page.figure


def _numbers(facts: PlayFacts, forecast: Forecast) -> list[tuple[str, str]]:
    """Name and value of each number."""
    numbers = [("Caught for a gain", _share(forecast.gain))]
    if forecast.first_down is not None:
        numbers.append(("First down", _share(forecast.first_down)))
    numbers += [("Touchdown", _share(forecast.touchdown)), ("Expected", f"{forecast.mean:.1f} yd")]
    if facts.yards is not None:
        numbers.append(("Gained", f"{facts.yards} yd"))
    if facts.score is not None:
        numbers.append(("Score", f"{facts.score:.3f}".removeprefix("0")))
    return numbers


def _share(share: float) -> str:
    """A probability in whole per cent; what is not sure is not said to be."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _kind(forecast: Forecast, yard: int) -> str:
    if yard >= forecast.yards_max:
        return "touchdown"
    if forecast.yards_to_go is not None and yard >= forecast.yards_to_go:
        return "first"
    return "short" if yard > 0 else "loss" if yard < 0 else "none"
