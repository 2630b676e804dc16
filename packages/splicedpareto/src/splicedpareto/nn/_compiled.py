"""Streams and distributions at fixed points, compiled with Numba."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from splicedpareto.nn._distribution_kernels import evaluate_distributions
from splicedpareto.nn._stream_kernels import read_last, read_step
from splicedpareto.nn._stream_weights import distribution_table, item_weights, network_weights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray
    from torch import nn

    from splicedpareto.nn._grid import GridDistribution
    from splicedpareto.nn._streaming import SequenceStream

    _Floats: TypeAlias = NDArray[np.float32]
    _Numbers: TypeAlias = NDArray[np.int64]

__all__ = ["CompiledStreams", "GridDistributions"]


class GridDistributions(NamedTuple):
    """Distributions of ``B`` sequences.

    Attributes:
        cdf: At the points, shape ``(B, J)``.
        lower_threshold: Shape ``(B,)``.
        upper_threshold: Shape ``(B,)``.
    """

    cdf: NDArray[np.float32]
    lower_threshold: NDArray[np.float32]
    upper_threshold: NDArray[np.float32]


class CompiledStreams:
    """Distributions after the last step of whole sequences, or step by step, as machine code.

    The numbers are those of `SequenceStream` followed by a head and a `GridDistribution`, within
    1e-5, in float32 on the processor. A lone sequence costs torch what its some two hundred
    operators cost to start; here it is one call and the arithmetic. Several networks are pooled as
    `pooled_distribution` does. Threads may share an object. Matrix products are BLAS's, which may
    use threads of its own: limit those to one where latency counts.

    Args:
        streams: One of each network, of equal sizes.
        heads: The linear map to raw parameters of each.
        distribution: Of the networks' head.

    Raises:
        ValueError: Not one head for each stream.

    Example:
        >>> import torch
        >>> from splicedpareto.nn import (
        ...     CompiledStreams, GridDistribution, SequenceEncoder, SequenceStream
        ... )
        >>> from splicedpareto.nn import SplicedBinnedParetoHead
        >>> stream = SequenceStream(SequenceEncoder(5, 2, channels=16, width=8))
        >>> head = SplicedBinnedParetoHead(8, torch.linspace(0, 100, 11))
        >>> distribution = GridDistribution(head, torch.tensor([2.5, 50.0, 100.0]))
        >>> machine = CompiledStreams([stream], [head.linear], distribution)
        >>> sequences = np.zeros((1, 40, 5), np.float32)
        >>> machine.last(sequences, np.array([40]), np.zeros((1, 2), np.float32)).cdf.round(4)
        array([[0.0307, 0.5   , 0.9807]], dtype=float32)
    """

    def __init__(
        self,
        streams: Sequence[SequenceStream],
        heads: Sequence[nn.Linear],
        distribution: GridDistribution,
    ) -> None:
        if len(heads) != len(streams):
            raise ValueError(
                f"heads must be one for each of the {len(streams)} streams, got {len(heads)}."
            )
        self._networks = [
            network_weights(stream, head) for stream, head in zip(streams, heads, strict=True)
        ]
        self._items = [item_weights(stream.encoder.items) for stream in streams]
        self._distribution = distribution_table(distribution)
        self._history_size = sum(stream.history_size for stream in streams)

    def last(self, sequences: _Floats, lengths: _Numbers, static: _Floats) -> GridDistributions:
        """Distributions after the last step of whole sequences.

        Args:
            sequences: Shape ``(B, T, F)``, contiguous, all ending at the last step; NaN where a
                number is missing.
            lengths: Steps of each, from 1 to T, shape ``(B,)``.
            static: Static features, shape ``(B, S)``.
        """
        raw = np.zeros((len(sequences), self._distribution.raw), np.float32)
        for network, items in zip(self._networks, self._items, strict=True):
            read_last(sequences, lengths, static, network, items, raw)
        return self._distributions(raw)

    def step(
        self, columns: _Floats, history: _Floats, static: _Floats
    ) -> tuple[GridDistributions, _Floats]:
        """Distributions after one more step, and the history with it.

        Args:
            columns: The step of each sequence, shape ``(B, F)``.
            history: Of the steps before it, those of the networks side by side, shape ``(B, H)``;
                0 before the first step. It is left as it was.
            static: Static features, shape ``(B, S)``.
        """
        raw = np.zeros((len(columns), self._distribution.raw), np.float32)
        after = np.empty((len(columns), self._history_size), np.float32)
        begin = 0
        for network, items in zip(self._networks, self._items, strict=True):
            read_step(columns, history, begin, static, network, items, after, raw)
            begin += network.history
        return self._distributions(raw), after

    def _distributions(self, raw: _Floats) -> GridDistributions:
        """The distributions of sums of the networks' raw parameters."""
        distributions = GridDistributions(
            np.empty((len(raw), len(self._distribution.points)), np.float32),
            np.empty(len(raw), np.float32),
            np.empty(len(raw), np.float32),
        )
        evaluate_distributions(raw, 1 / len(self._networks), self._distribution, *distributions)
        return distributions
