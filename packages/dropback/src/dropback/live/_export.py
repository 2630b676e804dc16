"""Export the graphs of inference to ONNX files, and read them back."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args

import torch

from dropback._files import whole_folder
from dropback.errors import RequestError, RunError
from dropback.live._engines import (
    DistributionGraph,
    GraphName,
    NetworkPool,
    OnnxEvaluator,
    PoolSizes,
    TorchEvaluator,
    graphs_of,
    onnx_runtime,
)
from dropback.models._frame_columns import ENGINEERED, FRAME_COLUMNS
from dropback.models._grid import YARDS
from dropback.tracking.tensors._features import STATIC_COLUMNS
from dropback.tracking.tensors._play_tensors import schema_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from onnx import ModelProto

    from dropback.live._engines import Graph
    from splicedpareto.nn import DistributionNetwork

DESCRIPTION: Final = "live.json"
_FORMAT: Final = 4
_NAMES: Final[tuple[GraphName, ...]] = get_args(GraphName)

# Largest difference of a number of order 1 between torch and ONNX Runtime that an export may have.
_TOLERANCE: Final = 1e-5
# The history reaches some tens.
_SCALES: Final = {"cdf": 1.0, "history_after": 10.0}


def export_onnx(networks: Sequence[DistributionNetwork], folder: Path) -> None:
    """Write the graphs and what a caller must know of them.

    ``play.onnx``, ``frame.onnx`` and ``release.onnx`` are the graphs of `dropback.live._engines`
    for any number of plays; ``live.json`` names their columns and sizes. Each is compared with
    torch on random inputs before the folder takes its place.

    Args:
        networks: As `PlayPredictor` takes them.
        folder: A new folder.

    Raises:
        RunError: Networks that cannot be exported, or graphs that differ from torch.
        RequestError: The folder exists, or the extra ``onnx`` is not installed.
    """
    onnx_runtime()  # before the tracing, which takes long
    pool = NetworkPool(networks)
    distribution = _traced(DistributionGraph(pool))
    graphs = {
        name: _simplified(_followed(_traced(graph), distribution)).SerializeToString()
        for name, graph in graphs_of(pool).items()
    }
    _compare(pool, OnnxEvaluator(graphs))
    described = {
        "format": _FORMAT,
        "schema_hash": schema_hash(),
        "frame_columns": list(FRAME_COLUMNS),
        "static_columns": list(STATIC_COLUMNS),
        "yards": [int(YARDS[0]), int(YARDS[-1])],
        "sizes": asdict(pool.sizes),
    }
    with whole_folder(folder) as aside:
        for name, content in graphs.items():
            (aside / f"{name}.onnx").write_bytes(content)
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
        version, schema = described["format"], described["schema_hash"]
        columns, sizes = described["frame_columns"], PoolSizes(**described["sizes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{folder / DESCRIPTION}: not what `dropback export` writes ({error!r}); export again."
        ) from error
    if version != _FORMAT:
        raise RunError(
            f"{folder}: exported in format {version!r}, this version reads {_FORMAT}: export again."
        )
    if (schema, columns) != (schema_hash(), list(FRAME_COLUMNS)):
        raise RunError(
            f"{folder}: exported for columns of schema {str(schema)[:12]}, this version reads "
            f"{schema_hash()[:12]}: export again, from a run of this version."
        )
    try:
        return OnnxEvaluator({name: folder / f"{name}.onnx" for name in _NAMES}), sizes
    except RequestError:
        raise
    except Exception as error:  # ONNX Runtime has no class of its own that it documents
        raise RunError(
            f"{folder}: a graph is missing or damaged ({error}); export again."
        ) from error


def _traced(graph: Graph) -> ModelProto:
    """A graph as ONNX has it."""
    try:
        with _quiet():
            program = torch.onnx.export(
                graph.eval(),
                graph.example(3, torch.Generator().manual_seed(0)),
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_shapes=graph.dynamic_shapes(),
                dynamo=True,
                verbose=False,
            )
    except ImportError as error:
        raise RequestError(
            "An export needs ONNX: install it with `pip install 'dropback[onnx]'`."
        ) from error
    assert program is not None  # noqa: S101  # it is only where torch writes a file itself
    # Versions of onnxscript that are promised leave operators before what they read.
    program.model.graph.sort()
    return program.model_proto


def _followed(graph: ModelProto, distribution: ModelProto) -> ModelProto:
    """A graph and the distribution of its raw parameters as one: half of the time is the latter's.

    Two graphs name what lies within by number, so one of them takes other names.
    """
    from onnx.compose import add_prefix, merge_models  # noqa: PLC0415  # an optional extra

    apart = add_prefix(distribution, "cdf/", rename_inputs=False, rename_outputs=False)
    return merge_models(graph, apart, io_map=[("raw", "raw")])


def _simplified(model: ModelProto) -> ModelProto:
    """The graph with fewer operators: a play is so small that each costs as much as its numbers."""
    from onnxscript.rewriter import rewrite  # noqa: PLC0415  # an optional extra
    from onnxscript.rewriter.pattern import RewriteRule  # noqa: PLC0415

    rules = [RewriteRule(*rule) for rule in (_BY_PLACE, _COLUMN, _BACK, _SOFTPLUS)]
    return rewrite(model, rules)


# Each rule is a pattern, what takes its place, and when; `op` and values are onnxscript's, which
# has no types for them.
_Rule: TypeAlias = "tuple[Callable[..., Any], Callable[..., Any], Callable[..., bool]]"


def _always(*_: Any, **__: Any) -> bool:  # noqa: ANN401
    return True


def _is_flat(_: Any, table: Any, **__: Any) -> bool:  # noqa: ANN401
    return table.shape is not None and len(table.shape) == 1


def _is_last(_: Any, table: Any, axis: Any, **__: Any) -> bool:  # noqa: ANN401
    return table.shape is not None and axis.value == len(table.shape) - 1


def _is_rounded_away(_: Any, most: Any, **__: Any) -> bool:  # noqa: ANN401
    """Whether softplus beyond a number is that number, in single precision: from 17 on."""
    return most.const_value is not None and float(most.const_value.numpy()) > 17


# ``table[index]`` as a look-up by place takes a quarter of the time of one by tuples.
_BY_PLACE: _Rule = (
    lambda op, table, index: op.GatherND(table, op.Unsqueeze(index, [-1])),
    lambda op, table, index: op.Gather(table, index, axis=0),
    _is_flat,
)
# A column that is taken out and put back as one.
_COLUMN: _Rule = (
    lambda op, table, place, axis: op.Unsqueeze(op.Gather(table, place, axis=axis), [-1]),
    lambda op, table, place, axis: op.Gather(
        table, op.Unsqueeze(place, op.Constant(value_ints=[0])), axis=axis
    ),
    _is_last,
)
_BACK: _Rule = (
    lambda op, column: op.Unsqueeze(op.Squeeze(column, [-1]), [-1]),
    lambda op, column: op.Identity(column),
    _always,
)
# ONNX Runtime's softplus overflows nowhere.
_SOFTPLUS: _Rule = (
    lambda op, raw, most: op.Where(op.Greater(raw, most), raw, op.Softplus(raw)),
    lambda op, raw, most: op.Softplus(raw),  # noqa: ARG005  # the pattern names it
    _is_rounded_away,
)


def _compare(pool: NetworkPool, exported: OnnxEvaluator) -> None:
    """Raise unless the graphs agree with torch, on other numbers and sizes than they came from."""
    reference = TorchEvaluator(pool)
    generator = torch.Generator().manual_seed(1)
    _, scored = DistributionGraph(pool).example(5, generator)
    for name, graph in graphs_of(pool).items():
        inputs = graph.example(5, generator)
        if name == "play":
            columns, begun, _ = inputs
            told = columns[..., ENGINEERED]
            told[torch.rand(told.shape, generator=generator) < 0.1] = torch.nan
            columns[1, : pool.sizes.stride] = begun[1, : pool.sizes.stride] = 0
        arrays = [values.numpy() for values in (*inputs, scored)]
        names = ("cdf", *graph.outputs[1:])
        results = zip(names, reference.run(name, *arrays), exported.run(name, *arrays), strict=True)
        for output, ours, theirs in results:
            difference = float(abs(ours - theirs).max()) / _SCALES[output]
            if not difference <= _TOLERANCE:
                raise RunError(
                    f"An exported graph must agree with torch within {_TOLERANCE:g}, got "
                    f"{difference:g} in {output!r} of {name!r}: use the engine 'torch'."
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
