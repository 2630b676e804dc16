"""Colors of the teams, and the one to draw a team in on a light or a dark ground."""

from __future__ import annotations

from typing import Final

# Primary and secondary color, as in nflverse's teams_colors_logos.
TEAM_COLORS: Final[dict[str, tuple[str, str]]] = {
    "ARI": ("#97233F", "#FFB612"),
    "ATL": ("#A71930", "#000000"),
    "BAL": ("#241773", "#9E7C0C"),
    "BUF": ("#00338D", "#C60C30"),
    "CAR": ("#0085CA", "#000000"),
    "CHI": ("#0B162A", "#C83803"),
    "CIN": ("#FB4F14", "#000000"),
    "CLE": ("#FF3C00", "#311D00"),
    "DAL": ("#002244", "#B0B7BC"),
    "DEN": ("#FB4F14", "#002244"),
    "DET": ("#0076B6", "#B0B7BC"),
    "GB": ("#203731", "#FFB612"),
    "HOU": ("#03202F", "#A71930"),
    "IND": ("#002C5F", "#A5ACAF"),
    "JAX": ("#006778", "#9F792C"),
    "KC": ("#E31837", "#FFB612"),
    "LA": ("#003594", "#FFD100"),
    "LAC": ("#007BC7", "#FFC20E"),
    "LV": ("#000000", "#A5ACAF"),
    "MIA": ("#008E97", "#F58220"),
    "MIN": ("#4F2683", "#FFC62F"),
    "NE": ("#002244", "#C60C30"),
    "NO": ("#D3BC8D", "#000000"),
    "NYG": ("#0B2265", "#A71930"),
    "NYJ": ("#003F2D", "#A5ACAF"),
    "PHI": ("#004C54", "#A5ACAF"),
    "PIT": ("#000000", "#FFB612"),
    "SEA": ("#002244", "#69BE28"),
    "SF": ("#AA0000", "#B3995D"),
    "TB": ("#A71930", "#322F2B"),
    "TEN": ("#4B92DB", "#002244"),
    "WAS": ("#5A1414", "#FFB612"),
}
"""Primary and secondary color of each franchise."""

# WCAG 2.2, success criterion 1.4.11: graphics stand out from their ground by 3 to 1.
LEAST_CONTRAST: Final = 3.0
_OTHER: Final = ("#5B6770", "#A7B1B8")
_STEPS: Final = 40


def team_color(team: str | None, ground: str) -> tuple[str, str]:
    """The color to draw a team in, and the one to outline it with.

    The first of primary and secondary that stands out from the ground by 3 to 1, else the primary
    mixed with white or black until it does. A team without colors is gray.

    Args:
        team: nflverse's code, or None.
        ground: Color behind, ``#rrggbb``.

    Example:
        >>> team_color("KC", "#ffffff"), team_color("DAL", "#14171a")
        (('#E31837', '#FFB612'), ('#B0B7BC', '#002244'))
    """
    first, second = TEAM_COLORS.get(team or "", _OTHER)
    if contrast(first, ground) >= LEAST_CONTRAST:
        return first, second
    if contrast(second, ground) >= LEAST_CONTRAST:
        return second, first
    toward = "#ffffff" if _luminance(ground) < _luminance("#777777") else "#000000"
    mixed = (_mixed(first, toward, step / _STEPS) for step in range(_STEPS + 1))
    return next(c for c in mixed if contrast(c, ground) >= LEAST_CONTRAST), second


def contrast(one: str, other: str) -> float:
    """Contrast of two colors, from 1 to 21.

    References:
        WCAG 2.2, "contrast ratio".

    Example:
        >>> contrast("#000000", "#ffffff")
        21.0
    """
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _channels(color: str) -> tuple[float, ...]:
    return tuple(int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))


def _luminance(color: str) -> float:
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in _channels(color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(color: str, other: str, share: float) -> str:
    pairs = zip(_channels(color), _channels(other), strict=True)
    return "#" + "".join(f"{round(255 * ((1 - share) * a + share * b)):02x}" for a, b in pairs)
