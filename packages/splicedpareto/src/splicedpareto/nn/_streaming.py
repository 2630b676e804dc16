"""A sequence read step by step: the state after each, for the same work every time."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from splicedpareto.nn._encoder import SequenceEncoder

__all__ = ["SequenceStream"]


class SequenceStream(nn.Module):
    """Reads sequences step by step; its states are those of `SequenceEncoder.states`.

    What later steps need of earlier ones is kept in a history of fixed size: of each convolution
    of kernel size :math:`k` and dilation :math:`d` its last :math:`(k - 1) d` inputs, oldest
    first, 0 before the first step. So a step costs one row of each matrix product, whatever came
    before it. It leaves the history that it was given as it was: a step may be taken back.

    Weights are copied when the stream is made, filters with their norms multiplied out. A step
    exports to one graph of fixed shapes (`torch.export`, `torch.onnx.export`).

    Args:
        encoder: The encoder, which must read the state at the last step.

    Attributes:
        history_size: Numbers ``H`` that are kept of each sequence.
        stride: Steps between those that the deepest level of a whole sequence looks at.
        receptive_field: Steps that a state sees.

    Raises:
        ValueError: An encoder that averages over the steps.

    Example:
        >>> from splicedpareto.nn import SequenceEncoder
        >>> encoder = SequenceEncoder(5, 0, channels=16, width=8).eval()
        >>> sequences = torch.randn(3, 40, 5)
        >>> stream = SequenceStream(encoder)
        >>> history = stream.begin(3)
        >>> for step in range(40):
        ...     state, history = stream(sequences[:, step], history)
        >>> torch.allclose(state, encoder(sequences, torch.full((3,), 40)), atol=1e-5)
        True
    """

    def __init__(self, encoder: SequenceEncoder) -> None:
        super().__init__()
        if encoder.pooling != "last":
            raise ValueError(
                f"pooling must be 'last', got {encoder.pooling!r}: the state after a step must "
                "not be a mean over all."
            )
        self.encoder = copy.deepcopy(encoder)
        self.receptive_field = encoder.convolution.receptive_field
        del self.encoder.convolution  # read step by step by the blocks below
        self.blocks = nn.ModuleList(_BlockStep(block) for block in encoder.convolution.blocks)
        self._pieces = [size for block in self.blocks for size in block.pieces]  # type: ignore[union-attr]  # ModuleList has forgotten what it holds
        self.history_size = sum(self._pieces)
        self.stride = 2 ** len(self.blocks)
        self.requires_grad_(requires_grad=False)
        self.eval()

    def begin(self, batch: int = 1) -> Tensor:
        """The history before the first step, shape ``(batch, H)``."""
        return self.encoder.standardize_static.mean.new_zeros((batch, self.history_size))

    def forward(
        self, columns: Tensor, history: Tensor, static: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Take one step.

        Args:
            columns: The step of each sequence, shape ``(B, F)``; NaN where a number is missing.
            history: Of the steps before it, shape ``(B, H)``.
            static: Static features, shape ``(B, S)``; None where ``S`` is 0.

        Returns:
            The state, shape ``(B, C)``, and the history with this step, shape ``(B, H)``.
        """
        pieces = iter(torch.split(history, self._pieces, dim=-1))
        kept: list[Tensor] = []
        inputs = state = self.encoder.embed(columns)
        for block in self.blocks:
            state = block(state, pieces, kept)
        return self.encoder.read(state, inputs, static), torch.cat(
            kept, dim=-1
        ) if kept else history

    def last(self, sequences: Tensor, valid: Tensor, static: Tensor | None = None) -> Tensor:
        """The state after the last step of whole sequences, without a history.

        Args:
            sequences: Shape ``(B, T, F)`` with ``T - 1`` a multiple of `stride`, all ending at
                the last step, what comes before a sequence of any content but NaN.
            valid: 1 where a sequence has begun, 0 before it, shape ``(B, T, 1)``.
            static: As in `forward`.

        Returns:
            States, shape ``(B, C)``.
        """
        inputs = state = self.encoder.embed(sequences) * valid
        for block in self.blocks:
            state = block.every_second(state, valid)  # type: ignore[operator]
            valid = valid[:, ::2]
        return self.encoder.read(state[:, -1], inputs[:, -1], static)


class _FilterStep(nn.Module):
    """A causal filter at the newest step, from its history in pieces.

    The history of a filter of dilation ``d`` is cut before and after each input that the step
    reads, which is the oldest of every ``d``: the pieces are joined anew without any arithmetic.
    """

    weight: Tensor
    wide: Tensor
    bias: Tensor

    def __init__(self, convolution: nn.Module, dilation: int) -> None:
        super().__init__()
        weight: Tensor = convolution.weight.detach()  # type: ignore[operator]
        self.register_buffer("weight", weight.T.contiguous())
        self.register_buffer("bias", convolution.bias.detach().clone())  # type: ignore[operator]
        taps: int = convolution.kernel_size  # type: ignore[assignment]
        features = weight.shape[1] // taps
        by_tap = weight.reshape(-1, taps, features).permute(2, 1, 0)
        self.register_buffer("wide", by_tap.flatten(1).contiguous())
        self._between = dilation > 1
        self._taps = taps
        period = [features] + [features * (dilation - 1)] * self._between
        self.pieces = period * (taps - 1)

    def forward(self, inputs: Tensor, pieces: Iterator[Tensor], kept: list[Tensor]) -> Tensor:
        """The filter's value ``(B, C)`` at inputs ``(B, F)``; its new history goes to `kept`."""
        mine = [next(pieces) for _ in self.pieces]
        kept += [*mine[1:], inputs] if self.pieces else []
        read = mine[:: 2 if self._between else 1]
        return torch.addmm(self.bias, torch.cat([*read, inputs], dim=-1), self.weight)

    def every(self, inputs: Tensor) -> Tensor:
        """Values ``(B, N, C)`` at inputs ``(B, N, F)`` that lie a dilation apart.

        One wide product, shifted after it: the outputs are narrower than the inputs.
        """
        *earlier, values = torch.split(inputs @ self.wide, len(self.bias), dim=-1)
        for back, part in enumerate(reversed(earlier), start=1):
            values = values + nn.functional.pad(part[:, :-back], (0, 0, back, 0))
        return values + self.bias

    def every_second(self, inputs: Tensor) -> Tensor:
        """`every`, of an odd number of inputs, at the first, the third and so on."""
        padded = nn.functional.pad(inputs, (0, 0, self._taps - 1, 0))
        # An end counted from the back: a graph of any number of steps then has constant slices.
        ends = [tap + 1 - self._taps or None for tap in range(self._taps)]
        read = [padded[:, tap:end:2] for tap, end in enumerate(ends)]
        return torch.cat(read, dim=-1) @ self.weight + self.bias


class _BlockStep(nn.Module):
    """A residual block at the newest step."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        dilation: int = block.dilation  # type: ignore[assignment]
        self.first = _FilterStep(block.first, dilation)  # type: ignore[arg-type]
        self.second = _FilterStep(block.second, dilation)  # type: ignore[arg-type]
        self.shortcut = copy.deepcopy(block.shortcut)
        self.pieces = self.first.pieces + self.second.pieces

    def every_second(self, inputs: Tensor, valid: Tensor) -> Tensor:
        """Every second state, from the first to the last, of an odd number of inputs.

        Args:
            inputs: Inputs that lie a dilation apart, shape ``(B, 2 n + 1, F)``.
            valid: 0 before a sequence begins, where every state must be 0, else 1.
        """
        hidden = self.first.every(inputs).relu() * valid
        hidden = self.second.every_second(hidden).relu()
        state: Tensor = self.shortcut(inputs[:, ::2])  # type: ignore[operator]
        return (state + hidden).relu() * valid[:, ::2]

    def forward(self, inputs: Tensor, pieces: Iterator[Tensor], kept: list[Tensor]) -> Tensor:
        """The state ``(B, C)`` at inputs ``(B, F)``."""
        hidden = self.first(inputs, pieces, kept).relu()
        hidden = self.second(hidden, pieces, kept).relu()
        state: Tensor = (self.shortcut(inputs) + hidden).relu()  # type: ignore[operator]
        return state
