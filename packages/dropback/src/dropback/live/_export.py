"""The graphs as ONNX files, for ONNX Runtime or any other runtime."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from dropback._files import whole_folder
from dropback.errors import RequestError, RunError
from dropback.live._engines import OnnxEvaluator, TorchEvaluator, onnx_runtime
from dropback.live._graphs import FrameGraph, PlayGraph, PooledStreams, PoolSizes
from dropback.models._frame_columns import FRAME_COLUMNS
from dropback.models._predict import YARDS
from dropback.tracking.tensors._features import STATIC_COLUMNS
from dropback.tracking.tensors._play_tensors import schema_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import nn

    from splicedpareto.nn import DistributionNetwork

__all__ = ["DESCRIPTION", "export_onnx", "is_export", "read_export", "trace"]

DESCRIPTION: Final = "live.json"
_FORMAT: Final = 1
_PLAY, _FRAME = "play.onnx", "frame.onnx"

# Largest difference of a probability between torch and ONNX Runtime that an export may have.
_TOLERANCE: Final = 1e-5


def export_onnx(networks: Sequence[DistributionNetwork], folder: Path) -> None:
    """Write both graphs and what a caller must know of them.

    ``play.onnx`` and ``frame.onnx`` are `dropback.live._graphs.PlayGraph` and `FrameGraph` for any
    number of plays; ``live.json`` names their columns and sizes. Both are run beside torch on
    random inputs before the folder takes its place.

    Args:
        networks: As `PlayPredictor` takes them.
        folder: A new folder.

    Raises:
        RunError: Networks that cannot be exported, or graphs that differ from torch.
        RequestError: The folder exists, or the extra ``onnx`` is not installed.
    """
    pool = PooledStreams(networks)
    play, frame = trace(pool)
    described = {
        "format": _FORMAT,
        "schema_hash": schema_hash(),
        "frame_columns": list(FRAME_COLUMNS),
        "static_columns": list(STATIC_COLUMNS),
        "yards": [int(YARDS[0]), int(YARDS[-1])],
        "sizes": asdict(pool.sizes),
    }
    with whole_folder(folder) as aside:
        (aside / _PLAY).write_bytes(play)
        (aside / _FRAME).write_bytes(frame)
        (aside / DESCRIPTION).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def is_export(folder: Path) -> bool:
    """Whether `export_onnx` made a folder."""
    return (folder / DESCRIPTION).is_file()


def read_export(folder: Path) -> tuple[OnnxEvaluator, PoolSizes]:
    """The graphs of a folder, ready to run.

    Raises:
        RunError: Another format or schema, or a damaged folder.
        RequestError: ONNX Runtime is not installed.
    """
    try:
        described: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        found = described["format"], described["schema_hash"], described["frame_columns"]
        sizes = PoolSizes(**described["sizes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{folder / DESCRIPTION}: not what `dropback export` writes ({error!r}); export again."
        ) from error
    if found != (_FORMAT, schema_hash(), list(FRAME_COLUMNS)):
        raise RunError(
            f"{folder}: exported for columns of schema {str(found[1])[:12]}, this version reads "
            f"{schema_hash()[:12]}: export again, from a run of this version."
        )
    try:
        return OnnxEvaluator(folder / _PLAY, folder / _FRAME, sizes.stride), sizes
    except RequestError:
        raise
    except Exception as error:  # ONNX Runtime has no class of its own that it documents
        raise RunError(
            f"{folder}: a graph is missing or damaged ({error}); export again."
        ) from error


def trace(pool: PooledStreams) -> tuple[bytes, bytes]:
    """The graphs of whole plays and of frames, as ONNX files have them.

    Raises:
        RunError: A graph gives other probabilities than torch.
        RequestError: The extra ``onnx`` is not installed.
    """
    onnx_runtime()  # before half a minute of tracing
    plays = torch.export.Dim("plays", min=1, max=4096)
    blocks = torch.export.Dim("blocks", min=1, max=64)
    frames = pool.sizes.stride * blocks + 1
    whole, one = PlayGraph(pool), FrameGraph(pool)
    graphs = (
        _traced(
            whole,
            whole.example(3),
            {
                "columns": {0: plays, 1: frames},
                "valid": {0: plays, 1: frames},
                "static": {0: plays},
            },
            ["cdf", "lower_threshold", "upper_threshold"],
        ),
        _traced(
            one,
            one.example(3),
            {"columns": {0: plays}, "history": {0: plays}, "static": {0: plays}},
            ["cdf", "lower_threshold", "upper_threshold", "history_after"],
        ),
    )
    _compare(pool, OnnxEvaluator(*graphs, pool.sizes.stride))
    return graphs


def _traced(
    graph: nn.Module,
    example: tuple[torch.Tensor, ...],
    shapes: dict[str, dict[int, Any]],
    outputs: list[str],
) -> bytes:
    try:
        with _quiet():
            program = torch.onnx.export(
                graph,
                example,
                input_names=list(shapes),
                output_names=outputs,
                dynamic_shapes=shapes,
                dynamo=True,
                verbose=False,
            )
    except ImportError as error:
        raise RequestError(
            "An export needs ONNX: install it with `pip install 'dropback[onnx]'`."
        ) from error
    content: bytes = program.model_proto.SerializeToString()  # type: ignore[union-attr]  # None only where it writes a file itself
    return content


def _compare(pool: PooledStreams, exported: OnnxEvaluator) -> None:
    """Raise unless both graphs agree with torch, on other numbers and sizes than they came from."""
    torch_evaluator = TorchEvaluator(pool)
    rng = np.random.default_rng(0)
    columns, _, static = (x.numpy() for x in PlayGraph(pool).example(5))
    columns[rng.random(columns.shape) < 0.1] = np.nan
    lengths = np.full(5, columns.shape[1])
    lengths[1] -= pool.sizes.stride
    columns[1, : pool.sizes.stride] = 0
    history = rng.normal(size=(5, pool.sizes.history)).astype(np.float32)
    pairs = [
        (*torch_evaluator.play(columns, lengths, static),),
        (*exported.play(columns, lengths, static),),
        (*(step := torch_evaluator.frame(columns[:, 0], history, static))[0], step[1]),
        (*(step := exported.frame(columns[:, 0], history, static))[0], step[1]),
    ]
    for ours, theirs in ((pairs[0], pairs[1]), (pairs[2], pairs[3])):
        # Thresholds are yards, up to 100; probabilities and the history are of order 1.
        for scale, a, b in zip((1, 100, 100, 10), ours, theirs, strict=False):
            difference = float(np.abs(a - b).max()) / scale
            if not difference <= _TOLERANCE:
                raise RunError(
                    f"An exported graph must agree with torch within {_TOLERANCE:g}, got "
                    f"{difference:g}: use the engine 'compiled'."
                )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporter says of its own and other packages' future."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
