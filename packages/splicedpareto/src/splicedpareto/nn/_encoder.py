"""The trunk of a network that reads a sequence with static features beside it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from splicedpareto.distributions._checks import (
    require_choice,
    require_real,
    require_switch,
    require_tensor,
    require_whole,
)
from splicedpareto.nn._mlp import ResidualMLP, Standardize
from splicedpareto.nn._tcn import TemporalConvolution, valid_steps


class SequenceEncoder(nn.Module):
    """The trunk of a `DistributionNetwork` for a sequence with static features beside it.

    A `TemporalConvolution` over the standardized sequence; its state, read at the last step or
    averaged over all, is concatenated with the standardized static features and passed through a
    `ResidualMLP`.

    NaN in a sequence or a static feature says that the number is missing. It counts as the mean of
    its column: columns are standardized by the numbers present, and what is missing is then 0.

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
        shortcut: Whether the perceptron also reads the step itself beside the convolution's
            state; in a long convolution what the last step alone tells is blurred.
        robust: Whether a few far values of a column leave all others as they are; see
            `Standardize`.

    Attributes:
        stride: Steps between those that the deepest level looks at, for the last state.

    Raises:
        ValueError: A size below its least value, a dropout outside ``[0, 1)``, or another pooling.

    Example:
        >>> encoder = SequenceEncoder(5, 2, channels=16, width=8)
        >>> sequences, lengths = torch.randn(3, 40, 5), torch.tensor([40, 12, 7])
        >>> static = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, torch.nan]])
        >>> encoder(sequences, lengths, static).shape
        torch.Size([3, 8])
        >>> encoder.states(sequences, lengths, static).shape
        torch.Size([3, 40, 8])
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
        shortcut: bool = False,
        robust: bool = False,
    ) -> None:
        super().__init__()
        require_whole("in_features", in_features, 1)
        require_whole("static_features", static_features, 0)
        require_switch("shortcut", shortcut)
        require_choice("pooling", pooling, "last", "mean")
        self.pooling = pooling
        self.standardize = Standardize(in_features, robust=robust)
        self.standardize_static = Standardize(static_features, robust=robust)
        self.shortcut = shortcut
        self.convolution = TemporalConvolution(
            in_features,
            channels,
            levels=levels,
            kernel_size=kernel_size,
            dropout=dropout,
        )
        self.stride = 2**levels
        read = channels + static_features + (in_features if shortcut else 0)
        self.mlp = ResidualMLP(read, width, blocks=blocks, dropout=dropout)

    def fit_standardization(
        self,
        sequences: Tensor,
        lengths: Tensor,
        static: Tensor | None = None,
        *,
        weight: Tensor | None = None,
    ) -> None:
        """Take mean and scale of each column from the numbers present, padding left out.

        A column of which nothing is present has mean 0 and scale 1; flags, columns of zeros and
        ones, keep their zeros. A few thousand sequences will do.

        Args:
            sequences: As in `forward`.
            lengths: As in `forward`.
            static: As in `forward`.
            weight: Of each sequence, shape ``(B,)``; None where all count the same.

        Raises:
            ValueError: A shape breaks its rule.
            TypeError: An argument is no tensor.
        """
        require_real("sequences", sequences)
        require_real("lengths", lengths)
        if sequences.dim() != 3 or lengths.shape != sequences.shape[:1]:
            raise ValueError(
                "sequences must have shape (B, T, F) and lengths (B,), got "
                f"{tuple(sequences.shape)} and {tuple(lengths.shape)}."
            )
        if weight is not None:
            require_tensor("weight", weight)
            if weight.shape != lengths.shape:
                raise ValueError(
                    f"weight must have shape {tuple(lengths.shape)}, one for each sequence, got "
                    f"{tuple(weight.shape)}."
                )
        valid = valid_steps(lengths, sequences.shape[1])
        of_steps = None if weight is None else weight[:, None].expand_as(valid)[valid]
        self.standardize.fit(sequences[valid], of_steps, keep_flags=True)
        if static is not None:
            self.standardize_static.fit(static, weight, keep_flags=True)

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
        inputs = self.standardize.filled(sequences)
        if self.pooling == "last":
            state = self.convolution.last_state(inputs, lengths)
        else:
            state = self.convolution(inputs, lengths).sum(dim=1) / lengths[:, None]
        if self.shortcut:
            inputs = inputs[torch.arange(len(inputs), device=inputs.device), lengths - 1]
        return self.read(state, inputs, static)

    def states(self, sequences: Tensor, lengths: Tensor, static: Tensor | None = None) -> Tensor:
        """State at every step: what `forward` gives for the sequence up to there.

        Args:
            sequences: As in `forward`.
            lengths: As in `forward`.
            static: As in `forward`.

        Returns:
            States, shape ``(B, T, C)``; 0 at padding.

        Raises:
            ValueError: A shape or a length that breaks its rule.
        """
        require_real("lengths", lengths)
        inputs = self.standardize.filled(sequences)
        state = self.convolution(inputs, lengths)
        steps = state.shape[1]
        if self.pooling == "mean":
            count = torch.arange(1, steps + 1, device=state.device)
            state = state.cumsum(dim=1) / count[:, None]
        if static is not None:
            self._check_static(static, state.shape[:1])
            static = static[:, None].expand(-1, steps, -1)
        return torch.where(
            valid_steps(lengths, steps)[..., None], self.read(state, inputs, static), 0
        )

    def last_state(self, sequences: Tensor, begun: Tensor, static: Tensor | None = None) -> Tensor:
        """State of each sequence, where all end at the last step: `forward` as a graph.

        Exported (`torch.export`, `torch.onnx.export`) it has slices of constant shape where
        :math:`T - 1` is a multiple of `stride`.

        Args:
            sequences: Shape ``(B, T, F)``, any content but NaN before a sequence begins.
            begun: 1 from the first step of each sequence on, 0 before, shape ``(B, T, 1)``.
            static: As in `forward`.

        Returns:
            States, shape ``(B, C)``.

        Raises:
            ValueError: The encoder averages over the steps.
        """
        self._require_last()
        inputs = self.standardize.filled(sequences) * begun
        state = self.convolution.aligned_last_state(inputs, begun)
        return self.read(state, inputs[:, -1], static)

    def begin(self, batch: int = 1) -> Tensor:
        """The history before the first step, shape ``(batch, H)``."""
        require_whole("batch", batch, 0)
        return self.standardize_static.mean.new_zeros((batch, self.convolution.history_size))

    def step(
        self, columns: Tensor, history: Tensor, static: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """State after one more step of each sequence: that of `states` there.

        Args:
            columns: The step of each sequence, shape ``(B, F)``; NaN where a number is missing.
            history: Of the steps before it, shape ``(B, H)``; left as it is, so that a step may be
                taken back.
            static: As in `forward`.

        Returns:
            The state, shape ``(B, C)``, and the history with this step, shape ``(B, H)``.

        Raises:
            ValueError: The encoder averages over the steps.

        Example:
            >>> encoder = SequenceEncoder(5, 0, channels=16, width=8).eval()
            >>> sequences = torch.randn(3, 40, 5)
            >>> history = encoder.begin(3)
            >>> for step in range(40):
            ...     state, history = encoder.step(sequences[:, step], history)
            >>> torch.allclose(state, encoder(sequences, torch.full((3,), 40)), atol=1e-5)
            True
        """
        self._require_last()
        inputs = self.standardize.filled(columns)
        state, history = self.convolution.step(inputs, history)
        return self.read(state, inputs, static), history

    def _require_last(self) -> None:
        if self.pooling != "last":
            raise ValueError(
                f"pooling must be 'last', got {self.pooling!r}: the state after a step must not be "
                "a mean over all."
            )

    def _check_static(self, static: Tensor, batch: torch.Size) -> None:
        """Raise unless static features are one row for each state."""
        require_real("static", static)
        if torch.compiler.is_compiling():  # a graph may leave the batch open
            return
        features = len(self.standardize_static.mean)
        if static.shape != (*batch, features):
            raise ValueError(
                f"static must have shape {(*batch, features)}, a row for each sequence, got "
                f"{tuple(static.shape)}."
            )

    def read(self, state: Tensor, inputs: Tensor, static: Tensor | None) -> Tensor:
        """State of the encoder from the convolution's.

        Args:
            state: Of the convolution, shape ``(*B, C)``.
            inputs: The same steps, standardized, which a shortcut shows.
            static: Static features, shape ``(*B, S)``; None where ``S`` is 0.
        """
        parts = [state]
        if self.shortcut:
            parts.append(inputs.to(state.dtype))
        if static is not None:
            self._check_static(static, state.shape[:-1])
            parts.append(self.standardize_static.filled(static).to(state.dtype))
        encoded: Tensor = self.mlp(torch.cat(parts, dim=-1))
        return encoded
