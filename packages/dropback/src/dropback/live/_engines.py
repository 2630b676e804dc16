"""What evaluates the networks: machine code, torch, or ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from dropback.errors import RequestError
from dropback.live._graphs import FrameGraph, PlayGraph
from splicedpareto.nn import CompiledStreams, GridDistributions

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    import onnxruntime
    from numpy.typing import NDArray

    from dropback.live._graphs import PooledStreams

__all__ = [
    "CompiledEvaluator",
    "Evaluator",
    "OnnxEvaluator",
    "TorchEvaluator",
    "onnx_runtime",
]


class Evaluator(Protocol):
    """Evaluates networks on arrays of float32, at the 211 whole yards.

    Attributes:
        stride: Whole plays must have a multiple of this number of frames and one more.
    """

    stride: int

    def play(
        self,
        columns: NDArray[np.float32],
        lengths: NDArray[np.int64],
        static: NDArray[np.float32],
    ) -> GridDistributions:
        """The distributions at the last frame, before the field bounds them.

        Args:
            columns: Shape ``(B, T, 259)``, all plays ending at the last frame, 0 before a play.
            lengths: Frames of each play, shape ``(B,)``.
            static: Shape ``(B, 8)``.
        """

    def frame(
        self,
        columns: NDArray[np.float32],
        history: NDArray[np.float32],
        static: NDArray[np.float32],
    ) -> tuple[GridDistributions, NDArray[np.float32]]:
        """See `FrameGraph.forward`."""


class CompiledEvaluator:
    """Evaluates in machine code of our own."""

    stride = 1

    def __init__(self, pool: PooledStreams) -> None:
        streams, heads = list(pool.streams), list(pool.heads)
        self._streams = CompiledStreams(streams, heads, pool.distribution)  # type: ignore[arg-type]  # ModuleList has forgotten what it holds

    def play(
        self,
        columns: NDArray[np.float32],
        lengths: NDArray[np.int64],
        static: NDArray[np.float32],
    ) -> GridDistributions:
        """See `Evaluator`."""
        return self._streams.last(columns, lengths, static)

    def frame(
        self,
        columns: NDArray[np.float32],
        history: NDArray[np.float32],
        static: NDArray[np.float32],
    ) -> tuple[GridDistributions, NDArray[np.float32]]:
        """See `Evaluator`."""
        return self._streams.step(columns, history, static)


class TorchEvaluator:
    """Evaluates in torch, operator by operator."""

    def __init__(self, pool: PooledStreams) -> None:
        self.stride = pool.sizes.stride
        self._play = PlayGraph(pool)
        self._frame = FrameGraph(pool)

    def play(
        self,
        columns: NDArray[np.float32],
        lengths: NDArray[np.int64],
        static: NDArray[np.float32],
    ) -> GridDistributions:
        """See `Evaluator`."""
        valid = _valid(lengths, columns.shape[1])
        with torch.inference_mode():
            distribution = self._play(*map(torch.from_numpy, (columns, valid, static)))
        return GridDistributions(*(values.numpy() for values in distribution))

    def frame(
        self,
        columns: NDArray[np.float32],
        history: NDArray[np.float32],
        static: NDArray[np.float32],
    ) -> tuple[GridDistributions, NDArray[np.float32]]:
        """See `Evaluator`."""
        with torch.inference_mode():
            *distribution, history_after = self._frame(
                *map(torch.from_numpy, (columns, history, static))
            )
        return GridDistributions(
            *(values.numpy() for values in distribution)
        ), history_after.numpy()


class OnnxEvaluator:
    """Evaluates exported graphs by ONNX Runtime, on one thread a call.

    Args:
        play: The exported `PlayGraph`: a file, or its bytes.
        frame: The exported `FrameGraph`.
        stride: See `Evaluator`.
    """

    def __init__(self, play: Path | bytes, frame: Path | bytes, stride: int) -> None:
        self.stride = stride
        runtime = onnx_runtime()
        options = runtime.SessionOptions()
        # A play is too small to share: a second thread makes it slower, and a service wants its
        # cores for other plays.
        options.intra_op_num_threads = options.inter_op_num_threads = 1

        def session(graph: Path | bytes) -> onnxruntime.InferenceSession:
            content = graph if isinstance(graph, bytes) else str(graph)
            return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

        self._play, self._frame = session(play), session(frame)

    def play(
        self,
        columns: NDArray[np.float32],
        lengths: NDArray[np.int64],
        static: NDArray[np.float32],
    ) -> GridDistributions:
        """See `Evaluator`."""
        valid = _valid(lengths, columns.shape[1])
        feeds = {"columns": columns, "valid": valid, "static": static}
        return GridDistributions(*self._play.run(None, feeds))

    def frame(
        self,
        columns: NDArray[np.float32],
        history: NDArray[np.float32],
        static: NDArray[np.float32],
    ) -> tuple[GridDistributions, NDArray[np.float32]]:
        """See `Evaluator`."""
        feeds = {"columns": columns, "history": history, "static": static}
        *distribution, history_after = self._frame.run(None, feeds)
        return GridDistributions(*distribution), history_after


def _valid(lengths: NDArray[np.int64], frames: int) -> NDArray[np.float32]:
    """1 from the snap of each play on, 0 before it, shape ``(B, T, 1)``."""
    begun = np.arange(frames) >= frames - lengths[:, None]
    return begun[..., None].astype(np.float32)


def onnx_runtime() -> ModuleType:
    """ONNX Runtime.

    Raises:
        RequestError: It is not installed.
    """
    try:
        import onnxruntime  # noqa: PLC0415  # an optional extra
    except ImportError as error:
        raise RequestError(
            "The engine 'onnx' needs ONNX Runtime: install it with `pip install "
            "'dropback[onnx]'`, or use the engine 'compiled'."
        ) from error
    runtime: ModuleType = onnxruntime
    return runtime
