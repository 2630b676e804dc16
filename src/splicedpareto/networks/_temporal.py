"""Causal convolutions over sequences of unequal length, and the state that a head reads."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from splicedpareto.distributions._checks import require
from splicedpareto.networks._mlp import ResidualMLP, Standardize

__all__ = ["SequenceEncoder", "TemporalConvolution"]


class TemporalConvolution(nn.Module):
    r"""Temporal convolutional network (TCN): the state at a step sees that step and those before.

    Level :math:`l` is a residual block of two causal convolutions of dilation :math:`2^l`,

    .. math:: h_{l+1} = \operatorname{relu}(h_l + g_l(h_l)), \qquad
        (F * h)_t = b + \sum_{j=0}^{k-1} W_j h_{t - j 2^l},

    where :math:`g` is twice convolution, ReLU and dropout of whole channels, steps before the
    first count as 0, and the first block passes :math:`h_0` through a linear map where its width
    differs. Filters are weight-normalised (Salimans and Kingma 2016).

    Args:
        in_features: Number ``F`` of input columns.
        channels: Number ``C`` of channels of the state.
        levels: Number of residual blocks.
        kernel_size: Steps :math:`k` that one convolution sees.
        dropout: Probability with which a channel of a sequence is dropped in training.

    Attributes:
        receptive_field: Steps that a state sees, :math:`1 + 2 (k - 1)(2^{levels} - 1)`.

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
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}.")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}.")
        self.in_features = in_features
        self.channels = channels
        self.receptive_field = 1 + 2 * (kernel_size - 1) * (2**levels - 1)
        self.blocks = nn.ModuleList(
            _ResidualBlock(
                in_features if level == 0 else channels, channels, kernel_size, 2**level, dropout
            )
            for level in range(levels)
        )

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
        self._check(inputs, lengths, shortest=0)
        if lengths is None:
            return self._states(inputs)
        valid = _valid_steps(lengths, inputs.shape[1])[..., None]
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
        self._check(inputs, lengths, shortest=1)
        valid = None
        if lengths is not None:
            inputs, valid = _aligned_at_the_end(inputs, lengths)
        inputs = inputs[:, -self.receptive_field :]
        state = inputs
        for block in self.blocks:
            if valid is not None:
                valid = valid[:, -state.shape[1] :]
            # ModuleList has forgotten what it holds.
            state, valid = block.every_second(state, valid)  # type: ignore[operator]
        return state[:, -1]

    def _states(self, inputs: Tensor) -> Tensor:
        states = inputs
        for block in self.blocks:
            states = block(states)
        return states

    def _check(self, inputs: Tensor, lengths: Tensor | None, *, shortest: int) -> None:
        if inputs.dim() != 3 or inputs.shape[2] != self.in_features or inputs.shape[1] < shortest:
            raise ValueError(
                f"inputs must have shape (B, T, {self.in_features}) with T at least {shortest}, "
                f"got {tuple(inputs.shape)}."
            )
        if lengths is None:
            return
        if lengths.shape != inputs.shape[:1]:
            raise ValueError(
                f"lengths must have shape ({inputs.shape[0]},), one for each sequence, got "
                f"{tuple(lengths.shape)}."
            )
        if not torch.compiler.is_compiling():
            steps = inputs.shape[1]
            inside = (lengths >= shortest) & (lengths <= steps)
            require(inside, "lengths", f"in [{shortest}, {steps}]", lengths)


class _CausalConvolution(nn.Module):
    """A weight-normalised filter over a step and the `kernel_size` - 1 before it.

    One product of a matrix with the shifted inputs side by side: in training 0.89 to 0.97 times as
    fast as `torch.nn.Conv1d` at 64 and 128 channels, in the layout of every other layer, and able
    to leave out the steps that nobody reads, which makes it 2.0 to 2.7 times as fast
    (`benchmarks/temporal_convolution.py`).
    """

    def __init__(self, in_features: int, channels: int, kernel_size: int) -> None:
        super().__init__()
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

    def forward(self, inputs: Tensor, *, dilation: int = 1, stride: int = 1) -> Tensor:
        """Convolve ``(B, T, F)``; keep every `stride`-th step, counted back from the last."""
        steps = inputs.shape[1]
        padded = nn.functional.pad(inputs, (0, 0, (self.kernel_size - 1) * dilation, 0))
        first = (steps - 1) % stride
        shifted = [
            padded[:, first + tap * dilation : steps + tap * dilation : stride]
            for tap in range(self.kernel_size)
        ]
        return torch.cat(shifted, dim=-1) @ self.weight.T + self.bias


class _ResidualBlock(nn.Module):
    """Two causal convolutions of one dilation beside a shortcut."""

    def __init__(
        self, in_features: int, channels: int, kernel_size: int, dilation: int, dropout: float
    ) -> None:
        super().__init__()
        self.dilation = dilation
        self.first = _CausalConvolution(in_features, channels, kernel_size)
        self.second = _CausalConvolution(channels, channels, kernel_size)
        self.shortcut = (
            nn.Identity() if in_features == channels else nn.Linear(in_features, channels)
        )
        # Over (B, C, T) this drops whole channels, which costs less than single numbers.
        self.dropout = nn.Dropout1d(dropout)

    def _activate(self, hidden: Tensor) -> Tensor:
        active = nn.functional.relu(hidden)
        if not self.training or not self.dropout.p:
            return active
        dropped: Tensor = self.dropout(active.transpose(1, 2))
        return dropped.transpose(1, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        """States ``(B, T, C)`` of inputs ``(B, T, F)``."""
        hidden = self._activate(self.first(inputs, dilation=self.dilation))
        hidden = self._activate(self.second(hidden, dilation=self.dilation))
        return nn.functional.relu(self.shortcut(inputs) + hidden)

    def every_second(self, inputs: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Every second state, counted back from the last, where neighbours lie a dilation apart.

        Args:
            inputs: Sequences that end at the last step, shape ``(B, N, F)``, 0 where not `valid`.
            valid: Where a sequence has begun, shape ``(B, N, 1)``; None where all have.
        """
        hidden = self._activate(self.first(inputs))
        if valid is not None:
            hidden = hidden * valid  # what lies before a sequence is 0 at every layer
        hidden = self._activate(self.second(hidden, stride=2))
        first = (inputs.shape[1] - 1) % 2
        states = nn.functional.relu(self.shortcut(inputs[:, first::2]) + hidden)
        if valid is None:
            return states, None
        valid = valid[:, first::2]
        return states * valid, valid


def _valid_steps(lengths: Tensor, steps: int) -> Tensor:
    """True at the steps of each sequence, False at padding, shape ``(B, T)``."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def _aligned_at_the_end(inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Move each sequence behind its padding, blank that, and tell where steps are."""
    steps = inputs.shape[1]
    source = torch.arange(steps, device=inputs.device) - (steps - lengths)[:, None]
    valid = source[..., None] >= 0
    index = source.clamp(min=0)[..., None].expand(-1, -1, inputs.shape[2])
    return torch.where(valid, inputs.gather(1, index), 0), valid


class SequenceEncoder(nn.Module):
    """The trunk of a `DistributionNetwork` for a sequence with static features beside it.

    A `TemporalConvolution` over the standardised sequence; its state, read at the last step or
    averaged over all, is concatenated with the standardised static features and passed through a
    `ResidualMLP`.

    Args:
        in_features: Number ``F`` of columns of the sequence.
        static_features: Number ``S`` of static columns; 0 for none.
        channels: Channels of the convolution.
        width: Number ``C`` of channels of the state.
        levels: As in `TemporalConvolution`.
        kernel_size: As in `TemporalConvolution`.
        blocks: Residual blocks after the convolution.
        dropout: Of the convolution and of the blocks.
        pooling: ``"last"`` step, or ``"mean"`` over the steps.

    Raises:
        ValueError: A size below its least value, a dropout outside ``[0, 1)``, or another pooling.
    """

    def __init__(
        self,
        in_features: int,
        static_features: int,
        channels: int,
        width: int,
        *,
        levels: int = 4,
        kernel_size: int = 3,
        blocks: int = 1,
        dropout: float = 0.1,
        pooling: Literal["last", "mean"] = "last",
    ) -> None:
        super().__init__()
        if static_features < 0:
            raise ValueError(f"static_features must be at least 0, got {static_features}.")
        if pooling not in {"last", "mean"}:
            raise ValueError(f"pooling must be 'last' or 'mean', got {pooling!r}.")
        self.pooling = pooling
        self.standardize = Standardize(in_features)
        self.standardize_static = Standardize(static_features)
        self.convolution = TemporalConvolution(
            in_features, channels, levels=levels, kernel_size=kernel_size, dropout=dropout
        )
        self.mlp = ResidualMLP(channels + static_features, width, blocks=blocks, dropout=dropout)

    def fit_standardization(
        self,
        sequences: Tensor,
        lengths: Tensor,
        static: Tensor | None = None,
        *,
        weight: Tensor | None = None,
    ) -> None:
        """Take mean and scale of each column from training inputs, padding left out.

        Args:
            sequences: As in `forward`.
            lengths: As in `forward`.
            static: As in `forward`.
            weight: Of each sequence, shape ``(B,)``; None where all count the same.
        """
        valid = _valid_steps(lengths, sequences.shape[1])
        of_steps = None if weight is None else weight[:, None].expand_as(valid)[valid]
        self.standardize.fit(sequences[valid], of_steps)
        if static is not None:
            self.standardize_static.fit(static, weight)

    def forward(self, sequences: Tensor, lengths: Tensor, static: Tensor | None = None) -> Tensor:
        """State of each sequence.

        Args:
            sequences: Shape ``(B, T, F)``, each followed by padding of any content.
            lengths: Steps before the padding, whole numbers in ``[1, T]``, shape ``(B,)``.
            static: Static features, shape ``(B, S)``; None where ``S`` is 0.

        Returns:
            States, shape ``(B, C)``.

        Raises:
            ValueError: A shape or a length that breaks its rule.
        """
        inputs = self.standardize(sequences)
        if self.pooling == "last":
            state = self.convolution.last_state(inputs, lengths)
        else:
            state = self.convolution(inputs, lengths).sum(dim=1) / lengths[:, None]
        if static is None:
            static = state.new_empty((len(state), 0))
        encoded: Tensor = self.mlp(torch.cat([state, self.standardize_static(static)], dim=-1))
        return encoded
