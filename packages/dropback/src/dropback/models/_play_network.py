"""The play network: players as a set around each throw, the past, a mixture over receivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from dropback.models._frame_columns import PLAYER_WIDTH
from dropback.models._receivers import ReceiversHead
from dropback.models._throw_columns import (
    HISTORY_COLUMNS,
    PLAYER_COLUMNS,
    ROWS,
    THROW_COLUMNS,
    all_there,
    history_columns,
    throw_columns,
)
from dropback.tracking._schema import FIRST_RECEIVER, RECEIVERS
from dropback.tracking.tensors._features import STATIC_COLUMNS
from splicedpareto.nn import DistributionNetwork, ResidualMLP, SequenceEncoder, Standardize

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.distributions import Distribution

    from dropback.models._settings import ModelSettings, SequenceSettings
    from splicedpareto.nn import DistributionHead

_MARKERS: Final = slice(
    FIRST_RECEIVER * PLAYER_WIDTH + PLAYER_WIDTH - 1,
    (FIRST_RECEIVER + RECEIVERS) * PLAYER_WIDTH,
    PLAYER_WIDTH,
)
_RECEIVERS_X: Final = slice(
    FIRST_RECEIVER * PLAYER_WIDTH, (FIRST_RECEIVER + RECEIVERS) * PLAYER_WIDTH, PLAYER_WIDTH
)
_TO_GOAL: Final = STATIC_COLUMNS.index("yards_to_goal")
_STATIC: Final = len(STATIC_COLUMNS)


class ThrowEncoder(nn.Module):
    """State of a throw to a receiver: the players around it as a set, the past, the situation.

    A perceptron of three layers, one for all, reads the columns of each player beside the throw
    and the situation. The state is read from the mean and the maximum over the defense, the
    target's and the passer's own rows, and the state of the past.

    Args:
        width: Channels of the perceptron of players.
        past: Channels of the state of the past.
        out: Channels ``C`` of the state.
        blocks: Residual blocks after the pools.
        dropout: Of these blocks.
    """

    def __init__(self, width: int, past: int, out: int, *, blocks: int, dropout: float) -> None:
        super().__init__()
        self.standardize = Standardize(PLAYER_COLUMNS)
        self.standardize_throw = Standardize(THROW_COLUMNS + _STATIC)
        self.first = nn.Linear(PLAYER_COLUMNS, width)
        self.situation = nn.Linear(THROW_COLUMNS + _STATIC, width, bias=False)
        # Target, passer, defender.
        self.role = nn.Parameter(torch.zeros(3, width))
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width, width)
        read = 4 * width + THROW_COLUMNS + _STATIC + past
        self.mlp = ResidualMLP(read, out, blocks=blocks, dropout=dropout)

    @torch.no_grad()
    def fit_standardization(self, frames: Tensor, static: Tensor, slots: Tensor) -> None:
        """Take mean and scale of each column; see `forward`."""
        columns = throw_columns(frames, static[:, _TO_GOAL], slots)
        self.standardize.fit(columns.players.flatten(0, 2))
        of_throws = self._of_throws(columns.throw, static)
        self.standardize_throw.fit(of_throws.flatten(0, 1), keep_flags=True)

    def forward(
        self, frames: Tensor, past: Tensor, static: Tensor, slots: Tensor
    ) -> tuple[Tensor, Tensor]:
        """State of throws in one frame, shape ``(N, K, C)``, and where they are caught ``(N, K)``.

        Args:
            frames: Shape ``(N, 259)``.
            past: State of the past of each receiver, shape ``(N, K, E)``.
            static: Shape ``(N, 8)``.
            slots: Of the receivers, shape ``(N, K)``.
        """
        columns = throw_columns(frames, static[:, _TO_GOAL], slots)
        throw = self.standardize_throw.filled(self._of_throws(columns.throw, static))
        role = torch.cat([self.role[:2], self.role[2:].expand(ROWS - 2, -1)])
        players = self.first(self.standardize.filled(columns.players))
        players = nn.functional.silu(players + self.situation(throw)[:, :, None] + role)
        players = nn.functional.silu(self.second(players))
        players = nn.functional.silu(self.third(players))
        pools = [
            *_pooled(players[:, :, 2:], columns.players[:, :, 2:, :1]),
            *(players[:, :, 0], players[:, :, 1]),
        ]
        state = torch.cat([*pools, throw.to(pools[0].dtype), past.to(pools[0].dtype)], -1)
        return self.mlp(state), columns.catch_yd

    def _of_throws(self, throw: Tensor, static: Tensor) -> Tensor:
        return torch.cat([throw, static[:, None].expand(-1, throw.shape[1], -1)], -1)


def _pooled(players: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and maximum over players ``(N, K, D, C)`` who are there: of a place ``(N, K, D, 1)``."""
    if all_there(places):
        return players.mean(2), players.amax(2)
    there = places.isfinite()
    kept = there.to(players.dtype)
    mean = (players * kept).sum(2) / kept.sum(2).clamp(min=1)
    highest = players.masked_fill(~there, -torch.inf).amax(2)
    return mean, highest.masked_fill(highest == -torch.inf, 0)


class PlayNetwork(DistributionNetwork):
    """Distribution of a play's yards at its last frame.

    At the release the target is known, and the distribution is that of the throw. Before it is the
    mixture over receivers of a throw that will go to each. Both have weights of their own (one
    network for both costs the release five points of the gap) and share the encoder of the past:
    a causal convolution over the frames of each receiver and the passer.

    Args:
        settings: Sizes.
        sequence: Sizes of what reads the frames.
        head: Makes the head of a throw.

    Attributes:
        time: Encoder of the past.
    """

    def __init__(
        self,
        settings: ModelSettings,
        sequence: SequenceSettings,
        head: Callable[[], DistributionHead],
    ) -> None:
        def encoder() -> ThrowEncoder:
            return ThrowEncoder(
                sequence.player_width,
                sequence.channels,
                settings.width,
                blocks=settings.blocks,
                dropout=settings.dropout,
            )

        super().__init__(encoder(), ReceiversHead(head()))
        self.counts_from_catch = settings.family == "catch-point"
        self.released = DistributionNetwork(encoder(), ReceiversHead(head()))
        self.time = SequenceEncoder(
            HISTORY_COLUMNS,
            0,
            sequence.channels,
            sequence.channels,
            levels=sequence.levels,
            kernel_size=sequence.kernel_size,
            blocks=0,
            dropout=settings.dropout,
        )

    def fit_standardization(self, sequences: Tensor, lengths: Tensor, static: Tensor) -> None:
        """Take mean and scale of each column over whole plays; see `raw_parameters`."""
        rows = torch.arange(len(sequences))
        at_release = sequences[rows, lengths - 1]
        # A frame of each play, from the snap to the release.
        before = sequences[rows, (lengths * torch.linspace(0, 0.99, len(rows))).long()]
        slots = _receivers(len(sequences))
        known = target_known(at_release)
        target = torch.where(known, _target(at_release), FIRST_RECEIVER)[:, None]
        self.released.trunk.fit_standardization(at_release, static, target)  # type: ignore[operator]  # a method
        self.trunk.fit_standardization(before, static, slots)  # type: ignore[operator]
        self.time.fit_standardization(history_columns(sequences, target).squeeze(2), lengths)

    def raw_parameters(self, *inputs: Tensor, every_step: bool = False) -> Tensor:
        """Unbounded parameters of the distribution at the last frame of each play.

        Args:
            inputs: Sequences ``(N, T, 259)``, lengths ``(N,)`` and static columns ``(N, 8)``.
            every_step: Must be False: train on prefixes.

        Returns:
            Shape ``(N, K, 1 + P)``: K is 1 where all targets are known, else 5.
        """
        if every_step:
            raise ValueError("every_step must be False: the play network is trained on prefixes.")
        sequences, lengths, static = inputs
        last = sequences[torch.arange(len(sequences), device=lengths.device), lengths - 1]
        known = target_known(last)
        if known.all():
            return self._at_release(sequences, lengths, static, last)
        if not known.any():
            return self._before_release(sequences, lengths, static, last)
        at, still = known.nonzero().squeeze(-1), (~known).nonzero().squeeze(-1)
        one = self._at_release(sequences[at], lengths[at], static[at], last[at])
        five = self._before_release(sequences[still], lengths[still], static[still], last[still])
        # A known target stands in its own place, the others have no probability.
        none = torch.zeros_like(one)
        none[..., 0] = -torch.inf
        place = _target(last[at]) - FIRST_RECEIVER
        is_place = torch.arange(RECEIVERS, device=place.device) == place[:, None]
        one = torch.where(is_place[..., None], one, none)
        raw = five.new_zeros((len(known), *five.shape[1:]))
        return raw.index_put((at,), one).index_put((still,), five)

    def read(self, frames: Tensor, past: Tensor, static: Tensor, *, released: bool) -> Tensor:
        """Raw parameters of one frame of each play.

        Args:
            frames: Shape ``(N, 259)``.
            past: State of the past of the receivers, shape ``(N, K, E)``: of the target alone
                where it is known, else of all five.
            static: Shape ``(N, 8)``.
            released: Whether the targets are known.
        """
        part = self.released if released else self
        slots = _target(frames)[:, None] if released else _receivers(frames.shape[0], frames.device)
        state, catch_yd = part.trunk(frames, past, static, slots)
        with torch.autocast(frames.device.type, enabled=False):
            origin = (catch_yd,) if self.counts_from_catch else ()
            raw: Tensor = part.head.raw_parameters(state.float(), *origin)
            if not released and not all_there(frames[:, _RECEIVERS_X]):
                # Nobody throws to a receiver that is not there.
                absent = frames[:, _RECEIVERS_X].isnan()
                odds = raw[..., 0].masked_fill(absent & ~absent.all(-1, keepdim=True), -torch.inf)
                raw = torch.cat([odds[..., None], raw[..., 1:]], -1)
        return raw

    def whole_play(self, columns: Tensor, begun: Tensor, static: Tensor) -> Tensor:
        """Raw parameters of plays that all end with the release, as a graph computes them.

        Here and below sizes are read by `shape`: `len` would fix them in a graph.

        Args:
            columns: Shape ``(B, T, 259)``, see `SequenceEncoder.last_state`.
            begun: 1 from the snap on, 0 before it, shape ``(B, T, 1)``.
            static: Shape ``(B, 8)``.
        """
        last = columns[:, -1]
        history = history_columns(columns, _target(last)[:, None]).squeeze(2)
        past = self.time.last_state(history, begun)
        return self.read(last, past[:, None], static, released=True)

    def next_frame(self, columns: Tensor, history: Tensor, static: Tensor) -> tuple[Tensor, Tensor]:
        """Raw parameters at one more frame before the release, and the history with it.

        Args:
            columns: Shape ``(B, 259)``.
            history: What is kept of the receivers' frames before, shape ``(B, H)``.
            static: Shape ``(B, 8)``.
        """
        seen = history_columns(columns[:, None], _receivers(columns.shape[0])).flatten(0, 2)
        past, after = self.time.step(seen, history.view(seen.shape[0], -1))
        raw = self.read(columns, past.view(columns.shape[0], RECEIVERS, -1), static, released=False)
        return raw, after.view(history.shape)

    def release(self, columns: Tensor, history: Tensor, static: Tensor) -> Tensor:
        """Raw parameters at a frame in which the ball is thrown; see `next_frame`."""
        target = _target(columns)[:, None]
        of_each = history.view(columns.shape[0], RECEIVERS, -1)
        place = (target - FIRST_RECEIVER)[..., None].expand(-1, -1, of_each.shape[-1])
        seen = history_columns(columns[:, None], target).flatten(0, 2)
        past, _ = self.time.step(seen, of_each.gather(1, place).squeeze(1))
        return self.read(columns, past[:, None], static, released=True)

    @property
    def history_size(self) -> int:
        """Numbers ``H`` that `next_frame` keeps of each play."""
        size: int = self.time.convolution.history_size
        return RECEIVERS * size

    def _at_release(
        self, sequences: Tensor, lengths: Tensor, static: Tensor, last: Tensor
    ) -> Tensor:
        history = history_columns(sequences, _target(last)[:, None]).squeeze(2)
        return self.read(last, self.time(history, lengths)[:, None], static, released=True)

    def _before_release(
        self, sequences: Tensor, lengths: Tensor, static: Tensor, last: Tensor
    ) -> Tensor:
        history = history_columns(sequences, _receivers(len(sequences), lengths.device))
        of_each = history.transpose(1, 2).flatten(0, 1)
        past = self.time(of_each, lengths.repeat_interleave(RECEIVERS))
        return self.read(last, past.view(len(last), RECEIVERS, -1), static, released=False)

    def forward(self, *inputs: Tensor, every_step: bool = False) -> Distribution:
        """The distribution of batch shape ``(N,)``."""
        return self.head.distribution(self.raw_parameters(*inputs, every_step=every_step))


def target_known(frames: Tensor) -> Tensor:
    """Whether frames ``(N, 259)`` are of a release to a known receiver, shape ``(N,)``."""
    return (frames[:, _MARKERS] != 0).any(-1)


def _target(frames: Tensor) -> Tensor:
    """Slot of the marked receiver of frames ``(N, 259)``, shape ``(N,)``."""
    return (frames[:, _MARKERS] != 0).int().argmax(-1) + FIRST_RECEIVER


def _receivers(plays: int, device: torch.device | None = None) -> Tensor:
    """Slots of the receivers, shape ``(plays, 5)``."""
    slots = torch.arange(FIRST_RECEIVER, FIRST_RECEIVER + RECEIVERS, device=device)
    return slots.expand(plays, -1)
