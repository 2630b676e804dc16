"""Lay out the columns of a frame that the play network reads, and mirror them.

22 players of 11 quantities come first, then the engineered columns. The target of the throw is
known in the frame of the release, and in no frame before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.tracking._compiled import one_layout
from dropback.tracking._kernels import network_columns
from dropback.tracking._schema import PLAYERS
from dropback.tracking.tensors._features import ABOUT_TARGET, ENGINEERED_COLUMNS, NETWORK_QUANTITIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback._arrays import Flags, Integers, Singles

_QUANTITIES: Final = (*NETWORK_QUANTITIES, "is_target")

PLAYER_WIDTH: Final = len(_QUANTITIES)
"""Columns a player."""

FRAME_COLUMNS: Final = (
    *(
        f"{side}_{number}_{quantity}"
        for side in ("offense", "defense")
        for number in range(PLAYERS // 2)
        for quantity in _QUANTITIES
    ),
    *ENGINEERED_COLUMNS,
)
"""Names and order of the columns of a frame."""

_PLAYER_COLUMNS: Final = PLAYERS * PLAYER_WIDTH

ENGINEERED: Final = slice(_PLAYER_COLUMNS, None)
"""Where the engineered columns are."""

# Across the field's long axis: y, its derivatives and the cosines of compass angles (0 is +y).
_CHANGES_SIGN: Final = frozenset(
    {
        "y_from_middle_yd",
        "y_velocity_yd_per_s",
        "y_acceleration_yd_per_s2",
        "direction_cosine",
        "orientation_cosine",
    }
)


def frame_columns(
    players: Singles, engineered: Singles, target_slot: Integers, released: Flags
) -> Singles:
    """Columns that the network reads of each frame.

    Args:
        players: Player features, shape ``[F, 22, 8]``: `PLAYER_QUANTITIES`.
        engineered: Shape ``[F, 17]``: `ENGINEERED_COLUMNS`.
        target_slot: Slot of the target, -1 where it is unknown, shape ``[F]``.
        released: Whether the frame is that of the release, shape ``[F]``.

    Returns:
        Shape ``[F, 259]`` in the order of `FRAME_COLUMNS`. Columns about the target are NaN
        (missing) and its flag is 0, except in the frame of a release to a known target. Angles are
        sine and cosine, both 0 for a standing player without a direction; an orientation that the
        set lacks is NaN.
    """
    columns = np.empty((len(players), len(FRAME_COLUMNS)), np.float32)
    network_columns(
        one_layout(players), one_layout(engineered), target_slot, released, ABOUT_TARGET, columns
    )
    return columns


def mirror_signs() -> Singles:
    """Signs that the columns take in a mirror along the field's long axis, shape ``[259]``."""
    of_player = [-1 if name in _CHANGES_SIGN else 1 for name in _QUANTITIES]
    return np.array([*of_player * PLAYERS, *[1] * len(ENGINEERED_COLUMNS)], np.float32)


def mirrored_order(mirror_slots: NDArray[np.uint8]) -> Integers:
    """Columns of a frame in the order they take in a mirror.

    Args:
        mirror_slots: Slot that each slot is filled from, shape ``[*B, 22]``.

    Returns:
        Shape ``[*B, 259]``: ``mirrored = signs * columns[order]``.
    """
    first = mirror_slots.astype(np.int64)[..., None] * PLAYER_WIDTH + np.arange(PLAYER_WIDTH)
    engineered = np.arange(_PLAYER_COLUMNS, len(FRAME_COLUMNS))
    shape = (*mirror_slots.shape[:-1], len(engineered))
    return np.concatenate(
        [
            first.reshape(*mirror_slots.shape[:-1], _PLAYER_COLUMNS),
            np.broadcast_to(engineered, shape),
        ],
        axis=-1,
    )
