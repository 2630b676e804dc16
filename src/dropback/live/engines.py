"""What evaluates the graphs: torch, or ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch

from dropback.errors import RequestError
from dropback.live.graphs import FrameGraph, PlayGraph

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    import numpy as np
    import onnxruntime
    from numpy.typing import NDArray

    from dropback.live.graphs import PooledStreams

__all__ = ["Evaluator", "Laws", "OnnxEvaluator", "TorchEvaluator", "onnx_runtime"]


class Laws(NamedTuple):
    """Laws of B plays, before the field bounds them.

    Attributes:
        cdf: At the whole yards of `dropback.prediction.YARDS`, shape ``(B, 211)``.
        lower_threshold_yd: Shape ``(B,)``.
        upper_threshold_yd: Shape ``(B,)``.
    """

    cdf: NDArray[np.float32]
    lower_threshold_yd: NDArray[np.float32]
    upper_threshold_yd: NDArray[np.float32]


class Evaluator(Protocol):
    """Evaluates `PlayGraph` and `FrameGraph` on arrays of float32."""

    def play(
        self,
        columns: NDArray[np.float32],
        valid: NDArray[np.float32],
        static: NDArray[np.float32],
    ) -> Laws:
        """See `PlayGraph.forward`."""

    def frame(
        self,
        columns: NDArray[np.float32],
        history: NDArray[np.float32],
        static: NDArray[np.float32],
    ) -> tuple[Laws, NDArray[np.float32]]:
        """See `FrameGraph.forward`."""


class TorchEvaluator:
    """Evaluates in torch, operator by operator."""

    def __init__(self, pool: PooledStreams) -> None:
        self._play = PlayGraph(pool)
        self._frame = FrameGraph(pool)

    def play(
        self,
        columns: NDArray[np.float32],
        valid: NDArray[np.float32],
        static: NDArray[np.float32],
    ) -> Laws:
        """See `Evaluator`."""
        with torch.inference_mode():
            law = self._play(*map(torch.from_numpy, (columns, valid, static)))
        return Laws(*(values.numpy() for values in law))

    def frame(
        self,
        columns: NDArray[np.float32],
        history: NDArray[np.float32],
        static: NDArray[np.float32],
    ) -> tuple[Laws, NDArray[np.float32]]:
        """See `Evaluator`."""
        with torch.inference_mode():
            *law, history_after = self._frame(*map(torch.from_numpy, (columns, history, static)))
        return Laws(*(values.numpy() for values in law)), history_after.numpy()


class OnnxEvaluator:
    """Evaluates exported graphs by ONNX Runtime, on one thread a call.

    Args:
        play: The exported `PlayGraph`: a file, or its bytes.
        frame: The exported `FrameGraph`.
    """

    def __init__(self, play: Path | bytes, frame: Path | bytes) -> None:
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
        valid: NDArray[np.float32],
        static: NDArray[np.float32],
    ) -> Laws:
        """See `Evaluator`."""
        feeds = {"columns": columns, "valid": valid, "static": static}
        return Laws(*self._play.run(None, feeds))

    def frame(
        self,
        columns: NDArray[np.float32],
        history: NDArray[np.float32],
        static: NDArray[np.float32],
    ) -> tuple[Laws, NDArray[np.float32]]:
        """See `Evaluator`."""
        feeds = {"columns": columns, "history": history, "static": static}
        *law, history_after = self._frame.run(None, feeds)
        return Laws(*law), history_after


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
            "'dropback[onnx]'`, or use the engine 'torch'."
        ) from error
    runtime: ModuleType = onnxruntime
    return runtime
