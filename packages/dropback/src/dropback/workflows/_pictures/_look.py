"""Set the size, colors and frame that all charts share, for light and dark, page and phone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from dropback.data._team_colors import team_color
from dropback.errors import WITHOUT_MATPLOTLIB, RequestError

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import Rectangle as Rectangle  # noqa: PLC0414  # for other modules
    from matplotlib.textpath import TextPath
except ModuleNotFoundError as missing:
    raise RequestError(WITHOUT_MATPLOTLIB) from missing

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from matplotlib.axes import Axes

_LIGHT: Final = {"ground": "#ffffff", "text": "#16191c", "soft": "#5c656d", "line": "#d9dee2"}
_DARK: Final = {"ground": "#14171a", "text": "#f2f4f5", "soft": "#a9b2b9", "line": "#363d43"}
_BAND: Final = {False: "#f3f5f7", True: "#1c2024"}
_FONT: Final = "DejaVu Sans"  # comes with matplotlib: the same everywhere

Size = Literal["title", "text", "small"]
_POINTS: Final[dict[Size, float]] = {"title": 14.0, "text": 9.5, "small": 8.0}
_MARGIN_IN: Final = 0.18


@dataclass(frozen=True)
class Look:
    """How a chart looks.

    Attributes:
        dark: Light letters on a dark ground.
        phone: Narrow, for a screen of 360 pixels: 4 inches at 270 dots an inch, so that the
            smallest letters are 10 pixels of the screen high.
    """

    dark: bool = False
    phone: bool = False

    @property
    def width_in(self) -> float:
        """Width of a figure, inches."""
        return 4.0 if self.phone else 8.8

    @property
    def dpi(self) -> int:
        """Dots per inch of a PNG."""
        return 270 if self.phone else 150

    def color(self, name: Literal["ground", "text", "soft", "line"]) -> str:
        """A color of the frame."""
        return (_DARK if self.dark else _LIGHT)[name]

    @property
    def band(self) -> str:
        """Color of every other band behind rows."""
        return _BAND[self.dark]

    def team(self, team: str | None) -> tuple[str, str]:
        """Color and outline of a team."""
        return team_color(team, self.color("ground"))

    def style(self) -> AbstractContextManager[None]:
        """Matplotlib's settings while a chart is drawn."""
        soft, text = self.color("soft"), self.color("text")
        settings: dict[Any, Any] = {
            "font.family": _FONT,
            "font.size": _POINTS["text"],
            "text.color": text,
            "axes.labelcolor": soft,
            "axes.edgecolor": self.color("line"),
            "axes.facecolor": "none",
            "axes.labelsize": _POINTS["small"] + 0.5,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "grid.color": self.color("line"),
            "grid.linewidth": 0.6,
            "xtick.color": soft,
            "ytick.color": soft,
            "xtick.labelsize": _POINTS["small"] + 0.5,
            "ytick.labelsize": _POINTS["small"] + 0.5,
            "text.parse_math": False,  # a dollar in a name is a dollar
        }
        return mpl.rc_context(settings)


class Page:
    """A figure with a title above and a source below, measured in inches from its top left.

    Args:
        look: How it looks.
        height_in: Height between title and source.
        title: Heading; wrapped.
        subtitle: Line below; wrapped.
        source: Line at the bottom; wrapped.
        color: Of the bar beside the title; None draws none.
    """

    def __init__(
        self,
        look: Look,
        height_in: float,
        *,
        title: str,
        subtitle: str = "",
        source: str = "",
        color: str | None = None,
        image_in: float = 0.0,
    ) -> None:
        self.look = look
        inset = _MARGIN_IN + (0.12 if color else 0.0)
        room = look.width_in - inset - _MARGIN_IN - image_in
        heading = wrapped(title, "title", room, bold=True)
        under = wrapped(subtitle, "text", room) if subtitle else []
        foot = wrapped(source, "small", look.width_in - 2 * _MARGIN_IN) if source else []
        self.top_in = _MARGIN_IN + 0.25 * len(heading) + 0.17 * len(under) + 0.12
        self.top_in = max(self.top_in, image_in + 0.1)
        self.bottom_in = 0.1 + 0.15 * len(foot)
        self.height_in = self.top_in + height_in + self.bottom_in
        self.figure = Figure(
            figsize=(look.width_in, self.height_in), dpi=look.dpi, facecolor=look.color("ground")
        )
        at = _MARGIN_IN
        for line in heading:
            self.write(inset, at, line, "title", weight="bold")
            at += 0.25
        for line in under:
            self.write(inset, at + 0.01, line, "text", color=look.color("soft"))
            at += 0.17
        if color:
            bar = self.axes(_MARGIN_IN - 0.05, _MARGIN_IN, 0.055, max(at - _MARGIN_IN, 0.2))
            bar.set_facecolor(color)
            bar.set(xticks=[], yticks=[])
            bar.spines[:].set_visible(False)
        for place, line in enumerate(foot):
            below = self.height_in - self.bottom_in + 0.02 + 0.15 * place
            self.write(_MARGIN_IN, below, line, "small", color=look.color("soft"))

    def write(
        self,
        left_in: float,
        top_in: float,
        text: str,
        size: Size = "text",
        *,
        color: str | None = None,
        weight: str = "normal",
        align: Literal["left", "center", "right"] = "left",
    ) -> None:
        """Write one line whose top left corner is given."""
        self.figure.text(
            left_in / self.look.width_in, 1 - top_in / self.height_in, text,
            fontsize=_POINTS[size], color=color or self.look.color("text"), fontweight=weight,
            ha=align, va="top",
        )  # fmt: skip

    def axes(self, left_in: float, top_in: float, width_in: float, height_in: float) -> Axes:
        """Axes at a place in inches from the top left of the figure."""
        wide, high = self.look.width_in, self.height_in
        return self.figure.add_axes(
            (left_in / wide, 1 - (top_in + height_in) / high, width_in / wide, height_in / high)
        )


@lru_cache(maxsize=4096)
def text_width_in(text: str, size: Size | float = "text", *, bold: bool = False) -> float:
    """Width of a line of text, inches."""
    if not text.strip():
        return 0.0
    points = size if isinstance(size, float) else _POINTS[size]
    font = FontProperties(family=_FONT, weight="bold" if bold else "normal")
    outline = TextPath((0, 0), text, size=points, prop=font).vertices[:, 0]
    return float(outline.max() - outline.min()) / 72


def wrapped(
    text: str, size: Size, room_in: float, *, bold: bool = False, most: int = 9
) -> list[str]:
    """Break a text into lines that fit, at most so many; the last ends in an ellipsis if cut."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width_in(longer, size, bold=bold) > room_in:
            lines.append(word)
        elif lines:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > most:
        lines = lines[:most]
        while lines[-1] and text_width_in(f"{lines[-1]}…", size, bold=bold) > room_in:
            lines[-1] = lines[-1][:-1]
        lines[-1] += "…"
    return lines


def points(size: Size) -> float:
    """Size of letters in points."""
    return _POINTS[size]
