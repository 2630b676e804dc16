"""Place labels beside points so that no two collide, the same way every time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dropback._arrays import Floats

_ANGLES = np.deg2rad([0, 180, 90, 270, 30, 150, 210, 330, 60, 120, 240, 300])
_RINGS = 14
_ROUNDS = 4

_Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Placed:
    """Where a label goes.

    Attributes:
        x: Its center.
        y: Its center.
        led: Whether it is far enough from its point to need a line.
    """

    x: float
    y: float
    led: bool


def place_labels(
    x: Floats,
    y: Floats,
    sizes: Sequence[tuple[float, float]],
    *,
    width: float,
    height: float,
    radius: float,
    gap: float = 2.0,
) -> list[Placed | None]:
    """Find a place for each label: as near to its point as no collision allows.

    Each label tries rings of growing distance around its point and takes the first place that
    touches no label, no point and no edge. Crowded points choose first. There is no chance in it:
    the same points give the same picture.

    Args:
        x: Points, shape ``(N,)``, in points from the left edge of the area.
        y: From its bottom edge.
        sizes: Width and height of each label, in points.
        width: Of the area.
        height: Of the area.
        radius: Of the marker of a point.
        gap: Between labels, and between a label and its marker.

    Returns:
        The place of each label, or None where none is free.

    Example:
        >>> here = place_labels(np.array([50.0]), np.array([50.0]), [(20, 10)],
        ...                     width=100, height=100, radius=4)
        >>> here[0]
        Placed(x=66.0, y=50.0, led=False)
    """
    spread = np.hypot(x[:, None] - x, y[:, None] - y)
    crowded = np.exp(-spread / (6 * radius)).sum(axis=1)
    places = [
        list(_places(x, y, point, sizes[point], width, height, radius, gap))
        for point in range(len(x))
    ]
    taken: dict[int, _Place] = {}
    # The first round places greedily; the next ones let each label come nearer in turn.
    for _ in range(_ROUNDS):
        for point in np.argsort(-crowded, kind="stable").tolist():
            taken.pop(point, None)
            others = [place.box for place in taken.values()]
            free = (p for p in places[point] if not any(_meet(p.box, o, gap) for o in others))
            if (place := next(free, None)) is not None:
                taken[point] = place
    return [
        None if (place := taken.get(point)) is None else Placed(place.x, place.y, place.ring > 1)
        for point in range(len(x))
    ]


@dataclass(frozen=True)
class _Place:
    """A center that a label may have: its ring, and the box that it would fill."""

    x: float
    y: float
    ring: int
    box: _Box


def _places(
    x: Floats,
    y: Floats,
    point: int,
    size: tuple[float, float],
    width: float,
    height: float,
    radius: float,
    gap: float,
) -> Iterator[_Place]:
    """Places of a label in the area that cover no marker, the nearest first."""
    wide, high = size
    ring, angle = (grid.ravel() for grid in np.meshgrid(range(_RINGS), _ANGLES, indexing="ij"))
    reach = radius + gap + ring * high * 0.6
    right, up = np.cos(angle), np.sin(angle)
    # The nearest corner or side of the label touches the ring.
    center_x = x[point] + right * reach + np.sign(right.round(9)) * wide / 2
    center_y = y[point] + up * reach + np.sign(up.round(9)) * high / 2
    left, bottom = center_x - wide / 2, center_y - high / 2
    inside = (left >= 0) & (bottom >= 0) & (left + wide <= width) & (bottom + high <= height)
    near_x = np.clip(x, left[:, None], left[:, None] + wide)
    near_y = np.clip(y, bottom[:, None], bottom[:, None] + high)
    covers = (np.hypot(x - near_x, y - near_y) < radius).any(axis=1)
    for n in np.flatnonzero(inside & ~covers).tolist():
        box = (float(left[n]), float(bottom[n]), float(left[n] + wide), float(bottom[n] + high))
        yield _Place(float(center_x[n]), float(center_y[n]), int(ring[n]), box)


def _meet(one: _Box, other: _Box, gap: float) -> bool:
    return (
        one[0] < other[2] + gap
        and other[0] < one[2] + gap
        and one[1] < other[3] + gap / 2
        and other[1] < one[3] + gap / 2
    )
