"""Evaluate the networks of a run: in torch, the reference, or by ONNX Runtime, the fast way."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from dropback.data._outcomes import YARDS_LOWEST
from dropback.errors import RequestError, RunError
from dropback.models._frame_columns import FRAME_COLUMNS
from dropback.models._model import whole_yard_distribution
from dropback.models._predict import YARDS
from dropback.models._store import weights_digest
from dropback.tracking.tensors._features import STATIC_COLUMNS
from splicedpareto.nn import SequenceEncoder, SplicedBinnedParetoHead

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray

    from splicedpareto.nn import DistributionNetwork

Engine: TypeAlias = Literal["torch", "onnx"]
"""What evaluates the networks."""

GraphName: TypeAlias = Literal["play", "frame", "distribution"]

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


class NetworkPool:
    """The networks of a run, copied, pooled as `pooled_distribution` does.

    Args:
        networks: At least one, of equal sizes.

    Attributes:
        sizes: Of the graphs.
        trunks: Of the networks.
        heads: Of the networks.

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

    def raw_parameters(self, states: Sequence[Tensor]) -> Tensor:
        """Mean raw parameters of the networks' states, each ``(B, C)``."""
        raw = [head.raw_parameters(state) for head, state in zip(self.heads, states, strict=True)]
        return raw[0] if len(raw) == 1 else torch.stack(raw).mean(dim=0)


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

    @abstractmethod
    def example(self, plays: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random inputs to trace and to compare with."""

    def dynamic_shapes(self) -> tuple[dict[int, Any], ...]:
        """Which dimensions of the inputs may change, as `torch.export` takes them."""
        plays = torch.export.Dim("plays", min=1, max=MOST_PLAYS)
        return tuple({0: plays} for _ in self.inputs)


class PlayGraph(Graph):
    """Whole plays to the raw parameters of their distributions at the last frame."""

    inputs: ClassVar = ("columns", "begun", "static")
    outputs: ClassVar = ("raw",)

    def forward(self, columns: Tensor, begun: Tensor, static: Tensor) -> tuple[Tensor]:
        """Evaluate plays.

        Args:
            columns: Shape ``(B, T, 259)`` with ``T - 1`` a multiple of `PoolSizes.stride`, all
                plays ending at the last frame.
            begun: 1 from the snap on, 0 before it, shape ``(B, T, 1)``.
            static: Shape ``(B, 8)``.

        Returns:
            Shape ``(B, P)``.
        """
        states = [trunk.last_state(columns, begun, static) for trunk in self.pool.trunks]
        return (self.pool.raw_parameters(states),)

    def example(self, plays: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """See `Graph`."""
        frames = 2 * self.pool.sizes.stride + 1
        return (
            torch.randn(plays, frames, len(FRAME_COLUMNS), generator=generator),
            torch.ones(plays, frames, 1),
            torch.randn(plays, len(STATIC_COLUMNS), generator=generator),
        )

    def dynamic_shapes(self) -> tuple[dict[int, Any], ...]:
        """See `Graph`; the frames change too."""
        columns, begun, static = super().dynamic_shapes()
        frames = self.pool.sizes.stride * torch.export.Dim("blocks", min=1, max=64) + 1
        return {**columns, 1: frames}, {**begun, 1: frames}, static


class FrameGraph(Graph):
    """One more frame of plays to the raw parameters of their distributions there."""

    inputs: ClassVar = ("columns", "history", "static")
    outputs: ClassVar = ("raw", "history_after")

    def forward(self, columns: Tensor, history: Tensor, static: Tensor) -> tuple[Tensor, Tensor]:
        """Evaluate frames.

        Args:
            columns: Shape ``(B, 259)``.
            history: What is kept of the frames before, shape ``(B, H)``; 0 at the snap.
            static: Shape ``(B, 8)``.

        Returns:
            Shape ``(B, P)``, and the history with this frame.
        """
        parts = history.chunk(len(self.pool.trunks), dim=-1)
        steps = [
            trunk.step(columns, part, static)
            for trunk, part in zip(self.pool.trunks, parts, strict=True)
        ]
        after = [history_after for _, history_after in steps]
        raw = self.pool.raw_parameters([state for state, _ in steps])
        return raw, after[0] if len(after) == 1 else torch.cat(after, dim=-1)

    def example(self, plays: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """See `Graph`."""
        return (
            torch.randn(plays, len(FRAME_COLUMNS), generator=generator),
            torch.randn(plays, self.pool.sizes.history, generator=generator),
            torch.randn(plays, len(STATIC_COLUMNS), generator=generator),
        )


class DistributionGraph(Graph):
    """Raw parameters to the distribution of whole yards, bounded by the field."""

    inputs: ClassVar = ("raw", "yards_max")
    outputs: ClassVar = ("cdf", "lower_threshold", "upper_threshold")
    yards: Tensor

    def __init__(self, pool: NetworkPool) -> None:
        super().__init__(pool)
        self.register_buffer("yards", torch.from_numpy(YARDS).float()[:, None], persistent=False)

    def forward(self, raw: Tensor, yards_max: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Evaluate distributions.

        Args:
            raw: Shape ``(B, P)``.
            yards_max: Most yards of each play, shape ``(B,)``.

        Returns:
            CDF at `YARDS`, shape ``(B, 211)``, and of the distribution before the field bounds it
            the lower and the upper threshold, shape ``(B,)``.
        """
        latent = self.pool.heads[0].distribution(raw)
        yards_min = torch.full_like(yards_max, YARDS_LOWEST)
        cdf = whole_yard_distribution(latent, yards_min, yards_max).cdf(self.yards)
        return cdf.T, latent.lower_threshold, latent.upper_threshold

    def example(self, plays: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """See `Graph`."""
        raw_features = self.pool.heads[0].linear.out_features
        return torch.randn(plays, raw_features, generator=generator), torch.randint(
            1, 100, (plays,), generator=generator
        ).float()


def graphs_of(pool: NetworkPool) -> dict[GraphName, Graph]:
    """The graphs of a pool."""
    return {
        "play": PlayGraph(pool),
        "frame": FrameGraph(pool),
        "distribution": DistributionGraph(pool),
    }


class Evaluator(Protocol):
    """Evaluates the graphs on arrays of float32."""

    def run(self, name: GraphName, *inputs: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
        """The outputs of a graph for its inputs."""


class TorchEvaluator:
    """Evaluates in torch, operator by operator: the reference."""

    def __init__(self, pool: NetworkPool) -> None:
        self._graphs = graphs_of(pool)

    def run(self, name: GraphName, *inputs: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
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
        self._inputs = {
            name: [of_graph.name for of_graph in session.get_inputs()]
            for name, session in self._sessions.items()
        }

    def run(self, name: GraphName, *inputs: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
        """See `Evaluator`."""
        feeds = dict(zip(self._inputs[name], inputs, strict=True))
        outputs: Sequence[NDArray[np.float32]] = self._sessions[name].run(None, feeds)
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
