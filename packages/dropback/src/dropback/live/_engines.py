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
from dropback.models._store import weights_digest
from dropback.tracking.tensors._features import STATIC_COLUMNS
from splicedpareto.nn import SequenceEncoder, SplicedBinnedParetoHead

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from dropback._arrays import Singles
    from dropback.models._store import Run
    from splicedpareto.nn import DistributionNetwork

Engine: TypeAlias = Literal["torch", "onnx"]
"""What evaluates the networks."""

GraphName: TypeAlias = Literal["play", "frame"]

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


class NetworkPool:
    """The networks of a run, copied, pooled as `pooled_distribution` does.

    Args:
        networks: At least one, of equal sizes.

    Attributes:
        sizes: Of the graphs.
        trunks: Of the networks.
        heads: Of the networks.
        yards: The ends of `YARDS`, shape ``(211, 1)``.

    Raises:
        RunError: No network, or one that does not read frames or has no spliced distribution.
    """

    def __init__(self, networks: Sequence[DistributionNetwork]) -> None:
        if not networks:
            raise RunError("networks must hold at least one network, got none.")
        self.trunks: list[SequenceEncoder] = []
        self.heads: list[SplicedBinnedParetoHead] = []
        for network in copy.deepcopy(list(networks)):
            network.eval().requires_grad_(requires_grad=False)
            trunk, head = network.trunk, network.head
            if not isinstance(trunk, SequenceEncoder) or trunk.pooling != "last":
                raise RunError(
                    f"A network must read its state at the last frame, got {type(trunk).__name__}: "
                    "train a play network, `dropback train` on play tensors."
                )
            if not isinstance(head, SplicedBinnedParetoHead):
                raise RunError(
                    f"The head must be spliced binned-Pareto, got {type(head).__name__}: train "
                    "with family 'sbp' or 'binned'."
                )
            self.trunks.append(trunk)
            self.heads.append(head)
        convolutions = [trunk.convolution for trunk in self.trunks]
        sizes = {(c.receptive_field, len(c.blocks), c.history_size) for c in convolutions}
        if len(sizes) > 1:
            raise RunError(f"networks must be of equal sizes, got {len(sizes)} kinds.")
        ((field, levels, history),) = sizes
        digest = weights_digest(networks)
        self.sizes = PoolSizes(history * len(self.trunks), 2**levels, field, digest)
        # Whole yards end half a yard after them.
        self.yards = torch.from_numpy(YARDS).float()[:, None] + 0.5

    def distribution(self, states: Sequence[Tensor], scored: Tensor) -> tuple[Tensor, Tensor]:
        """The pooled distribution of whole yards: that of `whole_yard_distribution`.

        Args:
            states: Of each network, shape ``(B, C)``.
            scored: 1 at the yards of a touchdown and beyond, else 0, shape ``(B, 211)``.

        Returns:
            CDF at `YARDS`, shape ``(B, 211)``, and of the distribution before the field bounds it
            the lower and the upper threshold, shape ``(B, 2)``.
        """
        raw = [head.raw_parameters(state) for head, state in zip(self.heads, states, strict=True)]
        pooled = raw[0] if len(raw) == 1 else torch.stack(raw).mean(dim=0)
        cdf, *thresholds = self.heads[0].distribution(pooled).cdf_and_thresholds(self.yards)
        return torch.maximum(cdf.T, scored), torch.stack(thresholds, -1)


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
        self.trunks = nn.ModuleList(pool.trunks)
        self.heads = nn.ModuleList(pool.heads)

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
    """Whole plays to their distributions at the last frame."""

    inputs: ClassVar = ("columns", "begun", "static", "scored")
    outputs: ClassVar = ("cdf", "thresholds")

    def forward(
        self, columns: Tensor, begun: Tensor, static: Tensor, scored: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Evaluate plays.

        Args:
            columns: Shape ``(B, T, 259)`` with ``T - 1`` a multiple of `PoolSizes.stride`, all
                plays ending at the last frame.
            begun: 1 from the snap on, 0 before it, shape ``(B, T, 1)``.
            static: Shape ``(B, 8)``.
            scored: See `NetworkPool.distribution`, whose result it gives.
        """
        states = [trunk.last_state(columns, begun, static) for trunk in self.pool.trunks]
        return self.pool.distribution(states, scored)

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


class FrameGraph(Graph):
    """One more frame of plays to their distributions there."""

    inputs: ClassVar = ("columns", "history", "static", "scored")
    outputs: ClassVar = ("cdf", "thresholds", "history_after")

    def forward(
        self, columns: Tensor, history: Tensor, static: Tensor, scored: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Evaluate frames.

        Args:
            columns: Shape ``(B, 259)``.
            history: What is kept of the frames before, shape ``(B, H)``; 0 at the snap.
            static: Shape ``(B, 8)``.
            scored: See `NetworkPool.distribution`.

        Returns:
            The result of `NetworkPool.distribution`, and the history with this frame.
        """
        parts = history.chunk(len(self.pool.trunks), dim=-1)
        steps = [
            trunk.step(columns, part, static)
            for trunk, part in zip(self.pool.trunks, parts, strict=True)
        ]
        after = [history_after for _, history_after in steps]
        found = self.pool.distribution([state for state, _ in steps], scored)
        return *found, after[0] if len(after) == 1 else torch.cat(after, dim=-1)

    def example_frames(self, plays: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See `Graph`."""
        columns = torch.randn(plays, len(FRAME_COLUMNS), generator=generator)
        return columns, torch.randn(plays, self.pool.sizes.history, generator=generator)


def graphs_of(pool: NetworkPool) -> dict[GraphName, Graph]:
    """The graphs of a pool."""
    return {"play": PlayGraph(pool), "frame": FrameGraph(pool)}


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
        return [values.numpy() for values in outputs]


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
