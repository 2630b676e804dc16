"""Measure where players are for a throw to a receiver: columns of a set of players, in torch.

Batches of training, live plays and exported graphs compute them here, from the columns of a frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import torch

from dropback.data._field import END_ZONE_DEPTH_YD, FIELD_WIDTH_YD
from dropback.models._frame_columns import ENGINEERED, PLAYER_WIDTH
from dropback.tracking._schema import PLAYERS

if TYPE_CHECKING:
    from torch import Tensor

BALL_YD_PER_S: Final = 20.0
"""Speed of a throw over the ground; it settles where the catch point is taken to be."""

# The ball is caught at least a yard inside the end line and the sidelines.
_INSIDE_YD: Final = 1.0
_HALF_WIDTH_YD: Final = FIELD_WIDTH_YD / 2
# Nobody runs 15 yards a second; a slip in the data must not outrun the ball.
_FASTEST2: Final = 15.0**2
# A defender plays the ball after this time, and then as fast as a player runs.
_REACTION_S: Final = 0.4
_RUN_YD_PER_S: Final = 6.0
_NEAR_YD: Final = 3.0
_FIRST_DEFENDER: Final = PLAYERS // 2

GROUPS: Final = {
    "own": slice(0, 10),
    "from_target": slice(10, 15),
    "from_passer": slice(15, 18),
    "from_catch": slice(18, 25),
    "closing": slice(25, 36),
    "field": slice(36, 38),
}
"""Columns of a player by what they tell, which an ablation hides one after another."""

PLAYER_COLUMNS: Final = 38
THROW_COLUMNS: Final = 12
HISTORY_COLUMNS: Final = 24
ROWS: Final = 2 + PLAYERS - _FIRST_DEFENDER
"""Players that a throw is described by: the target, the passer and the defense."""


class ThrowColumns(NamedTuple):
    """Throws to K receivers in each of N frames.

    Attributes:
        players: Of the target, the passer and each defender, shape ``(N, K, 13, 38)``.
        throw: Of the throw as a whole, shape ``(N, K, 12)``.
        catch_yd: Where the receiver would catch the ball, yards from the line of scrimmage, at
            most those to the goal line, shape ``(N, K)``.
    """

    players: Tensor
    throw: Tensor
    catch_yd: Tensor


def throw_columns(frames: Tensor, to_goal: Tensor, slots: Tensor) -> ThrowColumns:
    """Describe throws.

    The catch point is where a ball of `BALL_YD_PER_S` meets a receiver who runs on at their
    velocity.

    Args:
        frames: Columns of frames, shape ``(N, 259)``: `dropback.models._frame_columns`.
        to_goal: Yards from the line of scrimmage to the goal line, shape ``(N,)``.
        slots: Slots of the receivers, shape ``(N, K)``.
    """
    players = frames[:, : ENGINEERED.start].view(-1, PLAYERS, PLAYER_WIDTH)[..., :-1]
    receivers = slots.shape[1]
    index = slots[..., None].expand(-1, -1, PLAYER_WIDTH - 1)
    target, passer = players.gather(1, index)[:, :, None], players[:, None, :1]
    others = torch.cat([passer, players[:, None, _FIRST_DEFENDER:]], dim=2)
    rows = torch.cat([target, others.expand(-1, receivers, -1, -1)], dim=2)
    place, moves, goal = rows[..., :2], rows[..., 2:4], to_goal[:, None, None, None]
    at_target, of_target, at_passer = target[..., :2], target[..., 2:4], passer[..., :2]

    gap = at_target - at_passer
    toward = _dot(gap, of_target)
    rest = BALL_YD_PER_S**2 - _dot(of_target, of_target).clamp(max=_FASTEST2)
    flight = (toward + (toward.square() + rest * _dot(gap, gap)).sqrt()) / rest
    reached = at_target + of_target * flight
    widest = _HALF_WIDTH_YD - _INSIDE_YD
    catch_x = torch.minimum(reached[..., :1], goal + (END_ZONE_DEPTH_YD - _INSIDE_YD))
    catch = torch.cat([catch_x, reached[..., 1:].clamp(-widest, widest)], -1)
    thrown = catch - at_passer
    length = _length(thrown)
    along = thrown / length

    from_catch, from_target, from_passer = place - catch, place - at_target, place - at_passer
    on_way = _axes(from_passer, along)
    # From the nearest point of the ball's way.
    short = torch.minimum(on_way[..., :1].clamp(min=0), length)
    from_way = torch.cat([on_way[..., :1] - short, on_way[..., 1:]], -1)
    runs_on = from_catch + moves * flight
    reacts = from_catch + moves * flight.clamp(max=_REACTION_S)
    # All lengths at once: an exported graph pays for each operator.
    vectors = (from_catch, from_target, from_passer, from_way, runs_on, reacts, moves)
    lengths = _length(torch.stack(vectors, -2)).squeeze(-1)
    to_catch, to_target, to_passer = (lengths[..., i : i + 1] for i in range(3))
    ahead = -_dot(from_catch, moves) / to_catch
    late = lengths[..., 5:6] - _RUN_YD_PER_S * (flight - _REACTION_S).clamp(min=0)
    described = torch.cat(
        [
            rows,
            *(from_target, moves - of_target, to_target),
            *(from_passer, to_passer),
            *(from_catch, to_catch, _axes(from_catch, along), _axes(moves, along)),
            *(lengths[..., 3:6], ahead, late, torch.exp(-lengths[..., 1:6] / _NEAR_YD)),
            *(lengths[..., 6:], *_from_lines(place, goal)),
        ],
        dim=-1,
    )
    numbers = (length, flight, _length(of_target), _length(gap))
    throw = [catch, *_from_lines(catch, goal), *numbers, along, _axes(of_target, along)]
    catch_yd = torch.minimum(catch[..., :1], goal).flatten(1)
    return ThrowColumns(described, torch.cat(throw, -1).squeeze(2), catch_yd)


def _from_lines(place: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
    """Distances from the goal line, negative beyond it, and from the nearer sideline."""
    return goal - place[..., :1], _HALF_WIDTH_YD - place[..., 1:].abs()


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Products of vectors ``(*B, 2)``, shape ``(*B, 1)``: what is scaled by them needs no view."""
    return (one * other).sum(-1, keepdim=True)


def _length(vector: Tensor) -> Tensor:
    # The square of a millimeter: the root has a slope at 0.
    return (_dot(vector, vector) + 1e-6).sqrt()


def _axes(vector: Tensor, along: Tensor) -> Tensor:
    """Parts along and across a direction, shape ``(*B, 2)``."""
    across = vector[..., 1:] * along[..., :1] - vector[..., :1] * along[..., 1:]
    return torch.cat([_dot(vector, along), across], -1)


def history_columns(sequences: Tensor, slots: Tensor) -> Tensor:
    """What is followed over time of each receiver.

    Args:
        sequences: Columns of frames, shape ``(N, T, 259)``.
        slots: Slots of the receivers, shape ``(N, K)``.

    Returns:
        The receiver's and the passer's own columns, their distances to the nearest defender and
        the receiver's place from the passer, shape ``(N, T, K, 24)``.
    """
    plays, steps = sequences.shape[:2]
    players = sequences[..., : ENGINEERED.start].view(plays, steps, PLAYERS, PLAYER_WIDTH)[..., :-1]
    index = slots[:, None, :, None].expand(-1, steps, -1, PLAYER_WIDTH - 1)
    receiver = players.gather(2, index)
    passer = players[:, :, :1].expand_as(receiver)
    defense = players[:, :, None, _FIRST_DEFENDER:, :2]
    nearest = [_nearest(_length(defense - player[..., None, :2])) for player in (receiver, passer)]
    return torch.cat([receiver, passer, receiver[..., :2] - passer[..., :2], *nearest], -1)


def _nearest(distances: Tensor) -> Tensor:
    """Least distance ``(*B, 1)`` of ``(*B, D, 1)``, of the players that are there; NaN without."""
    if all_there(distances):
        return distances.amin(-2)
    least = distances.nan_to_num(nan=torch.inf).amin(-2)
    return least.masked_fill(least == torch.inf, torch.nan)


def all_there(quantities: Tensor) -> bool:
    """Whether no player is absent, as in every live play: then a graph needs no masks."""
    return _exporting() or not bool(quantities.isnan().any())


def _exporting() -> bool:
    return torch.onnx.is_in_onnx_export() or torch.compiler.is_compiling()
