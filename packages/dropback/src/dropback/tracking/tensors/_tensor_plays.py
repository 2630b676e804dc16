"""The table of plays beside play tensors: all that a model and its users need of a play."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.tracking._roles import mirror_slots
from dropback.tracking._schema import PLAYERS, Plays
from dropback.tracking._splits import SPLITS
from dropback.tracking._storage import with_splits
from dropback.tracking.tensors._features import eligible_slots

if TYPE_CHECKING:
    from dropback.tracking._blocks import PlayBlock

__all__ = ["TENSOR_PLAYS_COLUMNS", "tensor_plays"]

_KEYS: Final = ("game_id", "play_id")
_MAN: Final = ("player_id", "gsis_id", "name")

TENSOR_PLAYS_COLUMNS: Final = (
    *Plays.column_names(),
    *(name for name in SPLITS if name not in Plays.column_names()),
    *(f"{role}_{what}" for role in ("passer", "target") for what in _MAN),
    "eligible_slots",
    "mirror_slots",
)


def tensor_plays(block: PlayBlock, splits: pl.DataFrame) -> pl.DataFrame:
    """The plays of a block in the columns of `TENSOR_PLAYS_COLUMNS`.

    Args:
        block: Canonical plays.
        splits: Their splits, as `play_splits` gives them.

    Returns:
        The plays in their order: the columns of `dropback.tracking._schema.Plays`, the splits, who
        passed and who was the target (``passer_player_id``, ``passer_gsis_id``, ``passer_name``,
        ...; null where not known), ``eligible_slots`` (shape ``[11]``, of the offense's slots)
        and ``mirror_slots`` (shape ``[22]``): after a mirror image across the field's long axis
        the man of ``mirror_slots[slot]`` stands in ``slot``.
    """
    plays = with_splits(block.plays, splits)
    men = block.players.select(*_KEYS, "slot", "player_id", "gsis_id", name="display_name")
    for role in ("passer", "target"):
        of_role = men.rename({what: f"{role}_{what}" for what in _MAN})
        plays = plays.join(
            of_role.with_columns(pl.col("slot").cast(pl.Int8)),
            left_on=[*_KEYS, f"{role}_slot"],
            right_on=[*_KEYS, "slot"],
            how="left",
            maintain_order="left",
        )
    mirror = mirror_slots(block.groups_at_snap[:, :PLAYERS])
    eligible = eligible_slots(block)
    return plays.with_columns(
        pl.Series("eligible_slots", eligible, dtype=pl.Array(pl.Boolean, eligible.shape[1])),
        pl.Series("mirror_slots", np.ascontiguousarray(mirror), dtype=pl.Array(pl.UInt8, PLAYERS)),
    ).select(TENSOR_PLAYS_COLUMNS)
