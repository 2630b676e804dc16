"""Evaluate the networks of a run: in torch, the reference, or by ONNX Runtime, the fast way."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from dropback.errors import RequestError, RunError
from dropback.models._frame_columns import FRAME_COLUMNS
from dropback.models._grid import YARDS
from dropback.models._play_network import PlayNetwork
from dropback.models._store import weights_digest
from dropback.tracking.tensors._features import STATIC_COLUMNS
from splicedpareto.nn import SequenceEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from dropback._arrays import Singles
    from dropback.models._store import Run
    from splicedpareto.nn import DistributionNetwork

Engine: TypeAlias = Literal["torch", "onnx"]
"""What evaluates the networks."""

GraphName: TypeAlias = Literal["play", "frame", "release"]

MOST_PLAYS: Final = 4096
"""Plays that one call of an exported graph takes."""


@dataclass(frozen=True)
class PoolSizes:
    """What a caller of the graphs must know.

    Attributes:
        history: Numbers that are kept of each play between two frames.
        stride: Whole plays are padded to a multiple of this number of frames and one more.
        receptive_field: Frames that a distribution sees.
        digest: SHA-256 of all weights.
    """

    history: int
    stride: int
    receptive_field: int
    digest: str


def live_networks(run: Run) -> Sequence[DistributionNetwork]:
    """The networks of a run; one of play-by-play, which cannot forecast live, is refused."""
    if run.model.settings.sequence is None:
        raise RunError(
            f"{run.folder} is a run of play-by-play; a live forecast needs one trained on "
            "tracking: `dropback train PLAYS --out RUN`."
        )
    return run.model.networks


class ConvolutionReader(nn.Module):
    """Reads a network whose trunk is a convolution over frames as `PlayNetwork` is read."""

    def __init__(self, network: DistributionNetwork) -> None:
        super().__init__()
        trunk = network.trunk
        if not isinstance(trunk, SequenceEncoder) or trunk.pooling != "last":
            raise RunError(
                f"A network must read its state at the last frame, got {type(trunk).__name__}: "
                "train a play network, `dropback train` on play tensors."
            )
        self.time, self.head = trunk, network.head

    @property
    def history_size(self) -> int:
        """Numbers that `next_frame` keeps of each play."""
        size: int = self.time.convolution.history_size
        return size

    def whole_play(self, columns: Tensor, begun: Tensor, static: Tensor) -> Tensor:
        """See `PlayNetwork.whole_play`."""
        return self.head.raw_parameters(self.time.last_state(columns, begun, static))

    def next_frame(self, columns: Tensor, history: Tensor, static: Tensor) -> tuple[Tensor, Tensor]:
        """See `PlayNetwork.next_frame`."""
        state, after = self.time.step(columns, history, static)
        return self.head.raw_parameters(state), after

    def release(self, columns: Tensor, history: Tensor, static: Tensor) -> Tensor:
        """See `PlayNetwork.release`."""
        return self.next_frame(columns, history, static)[0]


class NetworkPool:
    """The networks of a run, copied, pooled as `pooled_distribution` does.

    Args:
        networks: At least one, of equal sizes.

    Attributes:
        sizes: Of the graphs.
        readers: What reads plays by each network.
        yards: The ends of `YARDS`, shape ``(211, 1)``.

    Raises:
        RunError: No network, or one that cannot be read a frame at a time.
    """

    def __init__(self, networks: Sequence[DistributionNetwork]) -> None:
        if not networks:
            raise RunError("networks must hold at least one network, got none.")
        self.readers: list[PlayNetwork | ConvolutionReader] = []
        for network in copy.deepcopy(list(networks)):
            network.eval().requires_grad_(requires_grad=False)
            self.readers.append(
                network if isinstance(network, PlayNetwork) else ConvolutionReader(network)
            )
        found = {
            (r.time.convolution.receptive_field, r.time.stride, r.history_size)
            for r in self.readers
        }
        if len(found) > 1:
            raise RunError(f"networks must be of equal sizes, got {len(found)} kinds.")
        ((field, stride, history),) = found
        digest = weights_digest(networks)
        self.sizes = PoolSizes(history * len(self.readers), stride, field, digest)
        # Whole yards end half a yard after them.
        self.yards = torch.from_numpy(YARDS).float()[:, None] + 0.5

    def cdf(self, raw: Sequence[Tensor], scored: Tensor) -> Tensor:
        """CDF of the pooled whole yards at `YARDS`: that of `whole_yard_distribution`.

        Args:
            raw: Raw parameters of each network.
            scored: 1 at the yards of a touchdown and beyond, else 0, shape ``(B, 211)``.
        """
        pooled = raw[0] if len(raw) == 1 else torch.stack(list(raw)).mean(dim=0)
        cdf: Tensor = self.readers[0].head.distribution(pooled).cdf(self.yards)
        return torch.maximum(cdf.T, scored)


class Graph(nn.Module, ABC):
    """A step of inference that runs in torch as it is and exports to ONNX.

    Attributes:
        inputs: Names of what `forward` takes, each of any number of plays.
        outputs: Names of what `forward` returns.
    """

    inputs: ClassVar[tuple[str, ...]]
    outputs: ClassVar[tuple[str, ...]]

    def __init__(self, pool: NetworkPool) -> None:
        super().__init__()
        self.pool = pool
        self.readers = nn.ModuleList(pool.readers)

    def example(self, plays: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random inputs to trace and to compare with."""
        return (
            *self.example_frames(plays, generator),
            torch.randn(plays, len(STATIC_COLUMNS), generator=generator),
            torch.randint(2, (plays, len(YARDS)), generator=generator).float(),
        )

    @abstractmethod
    def example_frames(self, plays: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The first two of the inputs."""

    def dynamic_shapes(self) -> tuple[dict[int, Any], ...]:
        """Which dimensions of the inputs may change, as `torch.export` takes them."""
        plays = torch.export.Dim("plays", min=1, max=MOST_PLAYS)
        return tuple({0: plays} for _ in self.inputs)


class PlayGraph(Graph):
    """Whole plays to their distributions at the release to a known receiver."""

    inputs: ClassVar = ("columns", "begun", "static", "scored")
    outputs: ClassVar[tuple[str, ...]] = ("cdf",)

    def forward(self, columns: Tensor, begun: Tensor, static: Tensor, scored: Tensor) -> Tensor:
        """Evaluate plays.

        Args:
            columns: Shape ``(B, T, 259)`` with ``T - 1`` a multiple of `PoolSizes.stride`, all
                plays ending at the last frame.
            begun: 1 from the snap on, 0 before it, shape ``(B, T, 1)``.
            static: Shape ``(B, 8)``.
            scored: See `NetworkPool.cdf`, whose result it gives.
        """
        raw = [reader.whole_play(columns, begun, static) for reader in self.pool.readers]
        return self.pool.cdf(raw, scored)

    def example_frames(self, plays: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See `Graph`."""
        size = plays, 2 * self.pool.sizes.stride + 1
        columns = torch.randn(*size, len(FRAME_COLUMNS), generator=generator)
        return columns, torch.ones(*size, 1)

    def dynamic_shapes(self) -> tuple[dict[int, Any], ...]:
        """See `Graph`; the frames change too."""
        columns, begun, *others = super().dynamic_shapes()
        frames = self.pool.sizes.stride * torch.export.Dim("blocks", min=1, max=64) + 1
        return {**columns, 1: frames}, {**begun, 1: frames}, *others


class ReleaseGraph(Graph):
    """A frame in which plays are thrown to a known receiver to their distributions."""

    inputs: ClassVar = ("columns", "history", "static", "scored")
    outputs: ClassVar[tuple[str, ...]] = ("cdf",)

    def forward(self, columns: Tensor, history: Tensor, static: Tensor, scored: Tensor) -> Tensor:
        """Evaluate frames; see `FrameGraph.forward`."""
        raw = [
            reader.release(columns, part, static)
            for reader, part in zip(self.pool.readers, self._parts(history), strict=True)
        ]
        return self.pool.cdf(raw, scored)

    def example_frames(self, plays: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See `Graph`."""
        columns = torch.randn(plays, len(FRAME_COLUMNS), generator=generator)
        return columns, torch.randn(plays, self.pool.sizes.history, generator=generator)

    def _parts(self, history: Tensor) -> Sequence[Tensor]:
        """The history of each network."""
        parts = len(self.pool.readers)
        return history.chunk(parts, dim=-1) if parts > 1 else (history,)


class FrameGraph(ReleaseGraph):
    """One more frame of plays, whose target is unknown, to their distributions there."""

    outputs: ClassVar = ("cdf", "history_after")

    def forward(  # type: ignore[override]  # the history beside the distribution
        self, columns: Tensor, history: Tensor, static: Tensor, scored: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Evaluate frames.

        Args:
            columns: Shape ``(B, 259)``.
            history: What is kept of the frames before, shape ``(B, H)``; 0 at the snap.
            static: Shape ``(B, 8)``.
            scored: See `NetworkPool.cdf`.

        Returns:
            The result of `NetworkPool.cdf`, and the history with this frame.
        """
        steps = [
            reader.next_frame(columns, part, static)
            for reader, part in zip(self.pool.readers, self._parts(history), strict=True)
        ]
        after = [history_after for _, history_after in steps]
        cdf = self.pool.cdf([raw for raw, _ in steps], scored)
        return cdf, after[0] if len(after) == 1 else torch.cat(after, dim=-1)


def graphs_of(pool: NetworkPool) -> dict[GraphName, Graph]:
    """The graphs of a pool."""
    return {"play": PlayGraph(pool), "frame": FrameGraph(pool), "release": ReleaseGraph(pool)}


class Evaluator(Protocol):
    """Evaluates the graphs on arrays of float32."""

    def run(self, name: GraphName, *inputs: Singles) -> Sequence[Singles]:
        """The outputs of a graph for its inputs."""


class TorchEvaluator:
    """Evaluates in torch, operator by operator: the reference."""

    def __init__(self, pool: NetworkPool) -> None:
        self._graphs = graphs_of(pool)

    def run(self, name: GraphName, *inputs: Singles) -> Sequence[Singles]:
        """See `Evaluator`."""
        with torch.inference_mode():
            outputs = self._graphs[name](*map(torch.from_numpy, inputs))
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        return [values.numpy() for values in several]


class OnnxEvaluator:
    """Evaluates exported graphs by ONNX Runtime, on one thread a call.

    Args:
        graphs: The exported graphs, each a file or its bytes.

    Raises:
        RequestError: ONNX Runtime is not installed.
    """

    def __init__(self, graphs: Mapping[GraphName, Path | bytes]) -> None:
        runtime = onnx_runtime()
        options = runtime.SessionOptions()
        # A play is too small to share: a second thread makes it slower, and a service wants its
        # cores for other plays.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Arrays of a few kilobytes each: to plan which may take another's place costs a tenth.
        options.enable_mem_reuse = False
        self._sessions = {
            name: runtime.InferenceSession(
                graph if isinstance(graph, bytes) else str(graph),
                options,
                providers=["CPUExecutionProvider"],
            )
            for name, graph in graphs.items()
        }
        self._names = {
            name: [[of_graph.name for of_graph in ends()] for ends in (s.get_inputs, s.get_outputs)]
            for name, s in self._sessions.items()
        }

    def run(self, name: GraphName, *inputs: Singles) -> Sequence[Singles]:
        """See `Evaluator`."""
        taken, given = self._names[name]
        feeds = dict(zip(taken, inputs, strict=True))
        outputs: Sequence[Singles] = self._sessions[name].run(given, feeds)
        return outputs


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
