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

    def pooled(self, raw: Sequence[Tensor]) -> Tensor:
        """The raw parameters of the pooled distribution, from those of each network."""
        return raw[0] if len(raw) == 1 else torch.stack(list(raw)).mean(dim=0)

    def cdf(self, raw: Tensor, scored: Tensor) -> Tensor:
        """CDF of the pooled whole yards at `YARDS`: that of `whole_yard_distribution`.

        Args:
            raw: The result of `pooled`.
            scored: 1 at the yards of a touchdown and beyond, else 0, shape ``(B, 211)``.
        """
        cdf: Tensor = self.readers[0].head.distribution(raw).cdf(self.yards)
        return torch.maximum(cdf.T, scored)


class Graph(nn.Module, ABC):
    """A part of inference that runs in torch as it is and exports to ONNX.

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

    @abstractmethod
    def example(self, plays: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random inputs to trace and to compare with."""

    def dynamic_shapes(self) -> tuple[dict[int, Any], ...]:
        """Which dimensions of the inputs may change, as `torch.export` takes them."""
        plays = torch.export.Dim("plays", min=1, max=MOST_PLAYS)
        return tuple({0: plays} for _ in self.inputs)


class DistributionGraph(Graph):
    """The pooled raw parameters to the distribution: what all other graphs end in."""

    inputs: ClassVar = ("raw", "scored")
    outputs: ClassVar = ("cdf",)

    def forward(self, raw: Tensor, scored: Tensor) -> Tensor:
        """See `NetworkPool.cdf`."""
        return self.pool.cdf(raw, scored)

    def example(self, plays: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See `Graph`; raw parameters as the networks give them."""
        frame = FrameGraph(self.pool)
        with torch.no_grad():
            raw, _ = frame(*frame.example(plays, generator))
        return raw, torch.randint(2, (plays, len(YARDS)), generator=generator).float()

    def dynamic_shapes(self) -> tuple[dict[int, Any], ...]:
        """See `Graph`; before the release the receivers of a throw are several."""
        raw, scored = super().dynamic_shapes()
        if isinstance(self.pool.readers[0], PlayNetwork):
            raw = {**raw, 1: torch.export.Dim("receivers", min=1, max=64)}
        return raw, scored


class PlayGraph(Graph):
    """Whole plays to their raw parameters at the release to a known receiver."""

    inputs: ClassVar = ("columns", "begun", "static")
    outputs: ClassVar[tuple[str, ...]] = ("raw",)

    def forward(self, columns: Tensor, begun: Tensor, static: Tensor) -> Tensor:
        """Evaluate plays.

        Args:
            columns: Shape ``(B, T, 259)`` with ``T - 1`` a multiple of `PoolSizes.stride`, all
                plays ending at the last frame.
            begun: 1 from the snap on, 0 before it, shape ``(B, T, 1)``.
            static: Shape ``(B, 8)``.

        Returns:
            The result of `NetworkPool.pooled`.
        """
        return self.pool.pooled(
            [reader.whole_play(columns, begun, static) for reader in self.pool.readers]
        )

    def example(self, plays: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """See `Graph`."""
        size = plays, 2 * self.pool.sizes.stride + 1
        columns = torch.randn(*size, len(FRAME_COLUMNS), generator=generator)
        return columns, torch.ones(*size, 1), _example_static(plays, generator)

    def dynamic_shapes(self) -> tuple[dict[int, Any], ...]:
        """See `Graph`; the frames change too."""
        columns, begun, static = super().dynamic_shapes()
        frames = self.pool.sizes.stride * torch.export.Dim("blocks", min=1, max=64) + 1
        return {**columns, 1: frames}, {**begun, 1: frames}, static


class ReleaseGraph(Graph):
    """A frame in which plays are thrown to a known receiver to their raw parameters."""

    inputs: ClassVar = ("columns", "history", "static")
    outputs: ClassVar[tuple[str, ...]] = ("raw",)

    def forward(self, columns: Tensor, history: Tensor, static: Tensor) -> Tensor:
        """Evaluate frames; see `FrameGraph.forward`."""
        return self.pool.pooled(
            [
                reader.release(columns, part, static)
                for reader, part in zip(self.pool.readers, self._parts(history), strict=True)
            ]
        )

    def example(self, plays: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """See `Graph`."""
        columns = torch.randn(plays, len(FRAME_COLUMNS), generator=generator)
        history = torch.randn(plays, self.pool.sizes.history, generator=generator)
        return columns, history, _example_static(plays, generator)

    def _parts(self, history: Tensor) -> Sequence[Tensor]:
        """The history of each network."""
        parts = len(self.pool.readers)
        return history.chunk(parts, dim=-1) if parts > 1 else (history,)


class FrameGraph(ReleaseGraph):
    """One more frame of plays, whose target is unknown, to their raw parameters there."""

    outputs: ClassVar = ("raw", "history_after")

    def forward(  # type: ignore[override]  # the history beside the parameters
        self, columns: Tensor, history: Tensor, static: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Evaluate frames.

        Args:
            columns: Shape ``(B, 259)``.
            history: What is kept of the frames before, shape ``(B, H)``; 0 at the snap.
            static: Shape ``(B, 8)``.

        Returns:
            The result of `NetworkPool.pooled`, and the history with this frame.
        """
        steps = [
            reader.next_frame(columns, part, static)
            for reader, part in zip(self.pool.readers, self._parts(history), strict=True)
        ]
        after = [history_after for _, history_after in steps]
        raw = self.pool.pooled([raw for raw, _ in steps])
        return raw, after[0] if len(after) == 1 else torch.cat(after, dim=-1)


def _example_static(plays: int, generator: torch.Generator) -> Tensor:
    """Random static columns."""
    return torch.randn(plays, len(STATIC_COLUMNS), generator=generator)


def graphs_of(pool: NetworkPool) -> dict[GraphName, Graph]:
    """The graphs of a pool, each of which a `DistributionGraph` follows."""
    return {"play": PlayGraph(pool), "frame": FrameGraph(pool), "release": ReleaseGraph(pool)}


class Evaluator(Protocol):
    """Evaluates the graphs, each with the distribution that follows, on arrays of float32."""

    def run(self, name: GraphName, *inputs: Singles) -> Sequence[Singles]:
        """The CDF and what else a graph gives, for its inputs and the yards that score."""


class TorchEvaluator:
    """Evaluates in torch, operator by operator: the reference."""

    def __init__(self, pool: NetworkPool) -> None:
        self._graphs, self._pool = graphs_of(pool), pool

    def run(self, name: GraphName, *inputs: Singles) -> Sequence[Singles]:
        """See `Evaluator`."""
        *read, scored = map(torch.from_numpy, inputs)
        with torch.inference_mode():
            outputs = self._graphs[name](*read)
            raw, *others = outputs if isinstance(outputs, tuple) else (outputs,)
            cdf = self._pool.cdf(raw, scored)
        return [values.numpy() for values in (cdf, *others)]


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
            name: (
                [taken.name for taken in session.get_inputs()],
                sorted((given.name for given in session.get_outputs()), key="cdf".__ne__),
            )
            for name, session in self._sessions.items()
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
