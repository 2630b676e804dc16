"""Convolve sequences of unequal length causally: every step, the last alone, or one more."""

from __future__ import annotations

import math
from itertools import chain, islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from splicedpareto.distributions._checks import (
    require,
    require_number,
    require_real,
    require_tensor,
    require_whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class TemporalConvolution(nn.Module):
    r"""Temporal convolutional network (TCN): the state at a step sees that step and those before.

    Level :math:`l` is a residual block of two causal convolutions of dilation :math:`2^l`,

    .. math:: h_{l+1} = \operatorname{relu}(h_l + g_l(h_l)), \qquad
        (F * h)_t = b + \sum_{j=0}^{k-1} W_j h_{t - j 2^l},

    where :math:`g` is twice convolution, ReLU and dropout of whole channels, steps before the
    first count as 0, and the first block passes :math:`h_0` through a linear map where its width
    differs. Filters are weight-normalized (Salimans and Kingma 2016).

    Args:
        in_features: Number ``F`` of input columns.
        channels: Number ``C`` of channels of the state.
        levels: Number of residual blocks.
        kernel_size: Steps :math:`k` that one convolution sees.
        dropout: Probability with which a channel of a sequence is dropped in training.

    Attributes:
        receptive_field: Steps that a state sees, :math:`1 + 2 (k - 1)(2^{levels} - 1)`.
        history_size: Numbers ``H`` that `step` keeps of each sequence.

    Raises:
        ValueError: A size below its least value, or a dropout outside ``[0, 1)``.

    References:
        Bai, Kolter and Koltun (2018), "An Empirical Evaluation of Generic Convolutional and
        Recurrent Networks for Sequence Modeling", arXiv:1803.01271, section 3.

    Example:
        >>> network = TemporalConvolution(5, 16)
        >>> network(torch.zeros(3, 40, 5), torch.tensor([40, 12, 7])).shape
        torch.Size([3, 40, 16])
        >>> network.receptive_field
        61
    """

    def __init__(
        self,
        in_features: int,
        channels: int,
        *,
        levels: int = 4,
        kernel_size: int = 3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        sizes = {"in_features": in_features, "channels": channels, "levels": levels}
        for name, size in (sizes | {"kernel_size": kernel_size}).items():
            require_whole(name, size, 1)
        require_number("dropout", dropout)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}.")
        self.in_features = in_features
        self.channels = channels
        self.receptive_field = 1 + 2 * (kernel_size - 1) * (2**levels - 1)
        blocks = [
            _ResidualBlock(
                in_features if level == 0 else channels, channels, kernel_size, 2**level, dropout
            )
            for level in range(levels)
        ]
        self.blocks = nn.ModuleList(blocks)
        # The history is a queue for each convolution, of all that its next steps read beside their
        # own inputs: what the next step reads comes first, then the same of the step after it for
        # the blocks of dilation 2 and more, and so on. So a step joins few, long pieces anew.
        of_blocks = [block.first.taps + block.second.taps for block in blocks]
        self._segments = [
            *chain(*of_blocks),
            *(2 ** (level - 1) * sum(chain(*of_blocks[level:])) for level in range(1, levels)),
        ]
        self.history_size = sum(self._segments)

    def forward(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The state at every step.

        Args:
            inputs: Sequences, shape ``(B, T, F)``, each followed by padding of any content.
            lengths: Steps before the padding, whole numbers in ``[0, T]``, shape ``(B,)``; None
                where every sequence has ``T``.

        Returns:
            States, shape ``(B, T, C)``; 0 at padding.

        Raises:
            ValueError: A shape or a length that breaks its rule.
        """
        lengths = self._ragged(inputs, lengths, shortest=0)
        inputs = self._as_computed(inputs)
        if lengths is None:
            return self._states(inputs)
        valid = valid_steps(lengths, inputs.shape[1])[..., None]
        # Padding comes after the steps and no filter looks ahead. It is blanked all the same:
        # NaN in it would reach the gradients of the filters as 0 * NaN.
        states = self._states(torch.where(valid, inputs, 0))
        return torch.where(valid, states, 0)

    def last_state(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The state at the last step of each sequence: ``forward`` there, for less work.

        With dilation :math:`2^l` only every :math:`2^l`-th step counts, so all levels together
        cost as much as one and a half.

        Args:
            inputs: As in `forward`.
            lengths: As in `forward`, at least 1.

        Returns:
            States, shape ``(B, C)``.

        Raises:
            ValueError: A shape or a length that breaks its rule.
        """
        lengths = self._ragged(inputs, lengths, shortest=1)
        state, begun = self._as_computed(inputs), None
        if lengths is not None:
            state, begun = _aligned_at_the_end(state, lengths)
            begun = begun[:, -self.receptive_field :]
        state = state[:, -self.receptive_field :]
        for block in self.blocks:
            skip = (state.shape[1] - 1) % 2
            state, begun = block.every_second(state, begun, skip=skip)  # type: ignore[operator]  # ModuleList
        return state[:, -1]

    def aligned_last_state(self, inputs: Tensor, begun: Tensor) -> Tensor:
        """`last_state` of sequences that all end at the last step of a tree without remainders.

        An exported graph of it computes no shapes: half of its operators would.

        Args:
            inputs: Shape ``(B, T, F)`` with :math:`T - 1` a multiple of :math:`2^{levels}`, 0
                before a sequence begins.
            begun: 1 from the first step of each sequence on, 0 before, shape ``(B, T, 1)``.
        """
        state = inputs
        for block in self.blocks:
            state, begun = block.every_second(state, begun, skip=0)  # type: ignore[operator]  # ModuleList
        return state[:, -1]

    def step(self, inputs: Tensor, history: Tensor) -> tuple[Tensor, Tensor]:
        """The state at one more step: ``forward`` there, for the same work whatever came before.

        What later steps need of earlier ones is a history of fixed size: of each convolution of
        kernel size :math:`k` and dilation :math:`d` the :math:`k - 1` inputs that each of its next
        :math:`d` steps reads of the steps so far.

        Args:
            inputs: The step of each sequence, shape ``(B, F)``.
            history: Of the steps before it, shape ``(B, H)``, 0 before the first; left as it is.

        Returns:
            States, shape ``(B, C)``, and the history with this step, shape ``(B, H)``.

        Raises:
            ValueError: The history is of another shape.
            TypeError: It is no tensor.
        """
        require_tensor("history", history)
        if history.dim() == 0 or history.shape[-1] != self.history_size:
            raise ValueError(
                f"history must have shape (B, {self.history_size}), got {tuple(history.shape)}."
            )
        segments = torch.split(history, self._segments, dim=-1)
        taps = len(segments) - (len(self.blocks) - 1)
        before, later = iter(segments[:taps]), segments[taps:]
        kept: list[Tensor] = []
        state = inputs
        for level, block in enumerate(self.blocks):
            kept += later[level - 1 : level]
            state, after = block.step(state, before)  # type: ignore[operator]  # ModuleList
            kept += after
        return state, torch.cat(kept, dim=-1) if kept else history

    def _as_computed(self, tensor: Tensor) -> Tensor:
        """The tensor in the type of the weights, or that in which `torch.autocast` multiplies.

        Cast once, not in every product of it: shifting and joining it then costs half as much.
        """
        device, own = tensor.device.type, next(self.parameters()).dtype
        if torch.is_autocast_enabled(device) and own != torch.float64:
            return tensor.to(torch.get_autocast_dtype(device))
        return tensor.to(own)

    def _states(self, inputs: Tensor) -> Tensor:
        states = inputs
        for block in self.blocks:
            states = block(states)
        return states

    def _ragged(self, inputs: Tensor, lengths: Tensor | None, *, shortest: int) -> Tensor | None:
        """Check the arguments; give the lengths, or None where no sequence is padded."""
        require_real("inputs", inputs)
        if lengths is not None:
            require_real("lengths", lengths)
        if inputs.dim() != 3 or inputs.shape[2] != self.in_features or inputs.shape[1] < shortest:
            raise ValueError(
                f"inputs must have shape (B, T, {self.in_features}) with T at least {shortest}, "
                f"got {tuple(inputs.shape)}."
            )
        if lengths is None:
            return None
        if lengths.shape != inputs.shape[:1]:
            raise ValueError(
                f"lengths must have shape ({inputs.shape[0]},), one for each sequence, got "
                f"{tuple(lengths.shape)}."
            )
        if torch.compiler.is_compiling():  # a graph must hold for every content of its inputs
            return lengths
        steps = inputs.shape[1]
        inside = (lengths >= shortest) & (lengths <= steps)
        require(inside, "lengths", f"in [{shortest}, {steps}]", lengths)
        # Alignment and masks cost the last state 5 to 12 % in training.
        return None if bool((lengths == steps).all()) else lengths


class _CausalConvolution(nn.Module):
    """A weight-normalized filter over a step and the `kernel_size` - 1 before it, and its ReLU.

    One product of a matrix with the inputs side by side: in the layout of every other layer, and
    able to leave out the steps that nobody reads (`benchmarks/temporal_training.py`).
    """

    def __init__(self, in_features: int, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.in_features = in_features
        self.kernel_size = kernel_size
        bound = 1 / math.sqrt(kernel_size * in_features)  # torch.nn.Conv1d's
        direction = torch.empty(channels, kernel_size * in_features).uniform_(-bound, bound)
        self.direction = nn.Parameter(direction)
        self.gain = nn.Parameter(direction.norm(dim=1, keepdim=True))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))

    @property
    def weight(self) -> Tensor:
        """Filters, shape ``(C, k F)``: the earliest step first, its columns side by side."""
        weight: Tensor = self.direction * (self.gain / self.direction.norm(dim=1, keepdim=True))
        return weight

    @property
    def taps(self) -> list[int]:
        """Sizes of what one step reads of each step before it."""
        return [self.in_features] * (self.kernel_size - 1)

    def filtered(self, joined: Tensor, *, begun: bool = False) -> Tensor:
        """Values ``(*B, C)`` of the inputs ``(*B, k F)`` that the filter reads, the earliest first.

        Every way to read a sequence comes here: all its steps, its last alone, or one more. With
        `begun` a last column says whether the sequence has begun, 1 or 0: before that all inputs
        are 0, and without the bias so is the value.
        """
        if not begun:
            return nn.functional.linear(joined, self.weight, self.bias).relu()
        weight = torch.cat([self.weight, self.bias[:, None]], dim=-1)
        return nn.functional.linear(joined, weight).relu()

    def forward(
        self,
        inputs: Tensor,
        kept: Tensor | None,
        *,
        dilation: int = 1,
        stride: int = 1,
        skip: int = 0,
        begun: Tensor | None = None,
    ) -> Tensor:
        """Convolve ``(B, T, F)``; leave out the first `skip` steps, then keep every `stride`-th.

        Args:
            inputs: Sequences.
            kept: What the ReLU is multiplied by, shape ``(B, 1, C)``; None for nothing.
            dilation: Steps between two inputs of the filter.
            stride: Steps between two outputs.
            skip: Steps before the first output.
            begun: Where outputs are not 0, see `filtered`; None for everywhere.
        """
        padded = nn.functional.pad(inputs, (0, 0, (self.kernel_size - 1) * dilation, 0))
        taps = [
            # Counted from the end: a graph of any number of steps then has constant slices.
            padded[:, skip + tap * dilation : (tap + 1 - self.kernel_size) * dilation : stride]
            for tap in range(self.kernel_size - 1)
        ]
        parts = [*taps, inputs[:, skip::stride]] + ([] if begun is None else [begun])
        states = self.filtered(torch.cat(parts, dim=-1), begun=begun is not None)
        return states if kept is None else states * kept

    def step(self, inputs: Tensor, before: Iterator[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The value ``(B, C)`` at one more step ``(B, F)``, and its taps a dilation later.

        Args:
            inputs: The step.
            before: What comes first is taken: the inputs of each of its `taps`, the earliest first.
        """
        read = [*islice(before, len(self.taps)), inputs]
        return self.filtered(torch.cat(read, dim=-1)), read[1:]


class _ResidualBlock(nn.Module):
    """Two causal convolutions of one dilation beside a shortcut."""

    def __init__(
        self, in_features: int, channels: int, kernel_size: int, dilation: int, dropout: float
    ) -> None:
        super().__init__()
        self.dilation = dilation
        self.dropout = dropout
        self.first = _CausalConvolution(in_features, channels, kernel_size)
        self.second = _CausalConvolution(channels, channels, kernel_size)
        self.shortcut = (
            nn.Identity() if in_features == channels else nn.Linear(in_features, channels)
        )

    def _kept(self, inputs: Tensor) -> Tensor | None:
        """0 for a channel of a sequence that is dropped, else the inverse of the share kept."""
        if not self.training or not self.dropout:
            return None
        # Whole channels cost less than single numbers, which took a fifth of the time.
        channels = len(self.first.bias)
        kept = inputs.new_empty((len(inputs), 1, channels)).bernoulli_(1 - self.dropout)
        return kept / (1 - self.dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        """States ``(B, T, C)`` of inputs ``(B, T, F)``."""
        hidden = self.first(inputs, self._kept(inputs), dilation=self.dilation)
        hidden = self.second(hidden, self._kept(inputs), dilation=self.dilation)
        return nn.functional.relu(self.shortcut(inputs) + hidden)

    def every_second(
        self, inputs: Tensor, begun: Tensor | None, *, skip: int
    ) -> tuple[Tensor, Tensor | None]:
        """Every second state up to the last, where neighboring inputs lie a dilation apart.

        Args:
            inputs: Sequences that end at the last step, shape ``(B, N, F)``, 0 where not `begun`.
            begun: Where a sequence has begun, shape ``(B, N, 1)``; None where all have.
            skip: 0 where ``N`` is odd, else 1.
        """
        hidden = self.first(inputs, self._kept(inputs), begun=begun)
        begun = None if begun is None else begun[:, skip::2]
        hidden = self.second(hidden, self._kept(inputs), stride=2, skip=skip, begun=begun)
        states = nn.functional.relu(self.shortcut(inputs[:, skip::2]) + hidden)
        if begun is None or isinstance(self.shortcut, nn.Identity):
            return states, begun
        return states * begun, begun  # the shortcut has a bias

    def step(self, inputs: Tensor, before: Iterator[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The state ``(B, C)`` at one more step ``(B, F)``; see `_CausalConvolution.step`."""
        hidden, after_first = self.first.step(inputs, before)
        hidden, after_second = self.second.step(hidden, before)
        return nn.functional.relu(self.shortcut(inputs) + hidden), after_first + after_second


def valid_steps(lengths: Tensor, steps: int) -> Tensor:
    """True at the steps of each sequence, False at padding, shape ``(B, T)``."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def _aligned_at_the_end(inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Move each sequence behind its padding, blank that, and tell where steps are."""
    count, steps = inputs.shape[:2]
    source = torch.arange(steps, device=inputs.device) - (steps - lengths)[:, None]
    valid = source[..., None] >= 0
    # Whole rows by one index each: `gather` reads an index for every number.
    start = torch.arange(count, device=inputs.device)[:, None] * steps
    moved = inputs.flatten(0, 1).index_select(0, (start + source.clamp(min=0)).flatten())
    return torch.where(valid, moved.view_as(inputs), 0), valid
