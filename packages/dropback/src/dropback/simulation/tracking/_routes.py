"""Draw routes of the eligible receivers, and the order in which the passer reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats, Integers
    from dropback.simulation.tracking._snap_state import SnapState

ROUTES: Final = (
    *("HITCH", "SLANT", "OUT", "IN", "GO", "POST", "CORNER", "CROSS", "COMEBACK"),
    *("FLAT", "SCREEN", "CHECKDOWN"),
)
# Legs from where the receiver stands: share of the depth and yards down the field, yards toward
# the ball. Depths of breaks allow for the throw's flight, in which the receiver runs on.
_LEGS: Final = np.array(
    [
        [(1.0, 1.2, 0.0), (1.0, -0.4, 1.0), (1.0, -0.4, 1.0)],  # HITCH
        [(0.5, 0.0, 0.0), (1.0, 0.5, 9.0), (1.0, 3.0, 24.0)],  # SLANT
        [(1.0, -2.0, 0.0), (1.0, -1.0, -14.0), (1.0, -1.0, -30.0)],  # OUT
        [(1.0, -2.5, 0.0), (1.0, -1.0, 16.0), (1.0, -1.0, 34.0)],  # IN
        [(1.0, 30.0, -1.0), (1.0, 60.0, -1.0), (1.0, 90.0, -1.0)],  # GO
        [(0.5, 0.0, 0.0), (0.5, 28.0, 12.0), (0.5, 56.0, 24.0)],  # POST
        [(0.55, 0.0, 0.0), (0.55, 14.0, -12.0), (0.55, 30.0, -26.0)],  # CORNER
        [(0.5, 0.0, 1.0), (1.0, 0.5, 18.0), (1.0, 2.0, 40.0)],  # CROSS
        [(1.0, 1.0, 0.0), (1.0, -1.0, -2.5), (1.0, -1.0, -2.5)],  # COMEBACK
        [(0.0, 0.5, -4.0), (1.0, 0.5, -12.0), (1.0, 1.5, -30.0)],  # FLAT
        [(1.0, 0.0, 1.0), (1.0, 0.0, 2.5), (1.0, 0.0, 2.5)],  # SCREEN
        [(0.6, 0.0, 1.0), (1.0, 0.0, 1.5), (1.0, 0.0, 1.5)],  # CHECKDOWN
    ]
)
_SETTLES: Final = np.isin(ROUTES, ("HITCH", "COMEBACK", "SCREEN", "CHECKDOWN"))
_BREAKS: Final = ~np.isin(ROUTES, ("GO",))

# Shares of routes by intended depth, up to and including so many yards.
_DEPTH_LIMITS_YD: Final = (-1, 3, 8, 13, 19, 99)
_ROUTE_SHARES: Final = np.array(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 0.75, 0.0],
        [0.1, 0.1, 0.05, 0.0, 0.0, 0.0, 0.0, 0.15, 0.0, 0.35, 0.05, 0.2],
        [0.3, 0.25, 0.15, 0.05, 0.0, 0.0, 0.0, 0.15, 0.0, 0.05, 0.0, 0.05],
        [0.28, 0.05, 0.2, 0.2, 0.0, 0.05, 0.02, 0.12, 0.08, 0.0, 0.0, 0.0],
        [0.08, 0.0, 0.12, 0.25, 0.1, 0.15, 0.15, 0.05, 0.1, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.02, 0.58, 0.25, 0.15, 0.0, 0.0, 0.0, 0.0, 0.0],
    ]
)
# Shares of targets by intended depth: split end, flanker, slot, tight end, back.
_TARGET_SHARES: Final = np.array(
    [
        [0.08, 0.08, 0.16, 0.05, 0.63],
        [0.14, 0.14, 0.2, 0.2, 0.32],
        [0.24, 0.24, 0.24, 0.2, 0.08],
        [0.28, 0.28, 0.22, 0.2, 0.02],
        [0.3, 0.3, 0.22, 0.18, 0.0],
        [0.37, 0.37, 0.18, 0.08, 0.0],
    ]
)
# Routes beside the primary one are drawn for depths around these.
_OTHER_DEPTHS_YD: Final = (4.0, 7.0, 10.0, 13.0, 17.0, 23.0)


@dataclass(frozen=True)
class Routes:
    """Routes of the five eligible on ``N`` plays.

    Args:
        route: Index in `ROUTES`, shape ``(N, 5)``.
        legs: Ends of the three legs, yards, shape ``(N, 5, 3, 2)``.
        settles: Whether the receiver stops at the end of the last leg, shape ``(N, 5)``.
        depth_yd: How deep the route is, yards from the line, shape ``(N, 5)``.
        breaks: Whether the route turns, so that a throw waits for the turn, shape ``(N, 5)``.
        primary: The receiver that the play is drawn up for, shape ``(N,)``.
        reads: Order of the passer's reads, primary first, shape ``(N, 5)``.
    """

    route: Integers
    legs: Floats
    settles: Flags
    depth_yd: Floats
    breaks: Flags
    primary: Integers
    reads: Integers


def draw_routes(
    snap: SnapState, eligible_xy: Floats, ball_y_yd: Floats, generator: np.random.Generator
) -> Routes:
    """Draw a primary route of the intended depth, and others around it.

    Args:
        snap: The plays, ``N`` of them.
        eligible_xy: Where the eligible stand, shape ``(N, 5, 2)``.
        ball_y_yd: Where the ball lies.
        generator: Source of randomness.
    """
    s, n = snap, len(snap)
    everyone = np.arange(n)
    band = np.searchsorted(_DEPTH_LIMITS_YD, s.intended_yd)
    primary = _drawn(_TARGET_SHARES[band], generator)
    depth = generator.choice(_OTHER_DEPTHS_YD, (n, 5)) + generator.normal(size=(n, 5))
    # The back and the tight end stay shorter than the rest.
    depth *= np.array([1.0, 1.0, 0.9, 0.75, 0.3])
    # Deep targets are passed over more often than short ones, so more of them are planned.
    planned = np.where(s.intended_yd > 4, 1.35 * s.intended_yd - 1.4, s.intended_yd)
    depth[everyone, primary] = planned
    route = _drawn(_ROUTE_SHARES[np.searchsorted(_DEPTH_LIMITS_YD, depth)], generator)
    from_line = depth - (eligible_xy[..., 0] - s.line_x_yd[:, None])
    inward = np.sign(ball_y_yd[:, None] - eligible_xy[..., 1])
    shape = _LEGS[route]
    forward = shape[..., 0] * from_line[..., None] + shape[..., 1]
    legs = np.stack(
        [
            eligible_xy[:, :, None, 0] + forward,
            eligible_xy[:, :, None, 1] + shape[..., 2] * inward[..., None],
        ],
        axis=-1,
    )
    legs[..., 0] = np.clip(legs[..., 0], 1.0, FIELD_LENGTH_YD - 1.0)
    legs[..., 1] = np.clip(legs[..., 1], 1.5, FIELD_WIDTH_YD - 1.5)
    order = generator.random((n, 5))
    order[everyone, primary] = -1.0
    # The back is the outlet, looked at last.
    order[:, 4] += 1.0
    order[everyone, primary] = -1.0
    return Routes(
        route=route,
        legs=legs,
        settles=_SETTLES[route],
        depth_yd=depth,
        breaks=_BREAKS[route],
        primary=primary,
        reads=np.argsort(order, axis=1),
    )


def _drawn(shares: Floats, generator: np.random.Generator) -> Integers:
    """One category of each row of shares, shape ``(*B,)`` of ``(*B, K)``."""
    reached = np.cumsum(shares, axis=-1)
    u = generator.random(shares.shape[:-1]) * reached[..., -1]
    return np.asarray((u[..., None] > reached).sum(axis=-1))
