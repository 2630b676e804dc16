"""Weights of networks as arrays, for machine code that reads no modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from splicedpareto.nn._grid import GridDistribution
    from splicedpareto.nn._items import ItemEncoder
    from splicedpareto.nn._streaming import SequenceStream

    _Floats: TypeAlias = NDArray[np.float32]
    _Numbers: TypeAlias = NDArray[np.int64]

__all__ = [
    "DistributionTable",
    "ItemWeights",
    "NetworkWeights",
    "distribution_table",
    "item_weights",
    "network_weights",
]


class NetworkWeights(NamedTuple):
    """Weights of one network, in float32. ``L`` levels, ``k`` taps, ``C`` channels, ``E`` inputs.

    Attributes:
        mean: Of the columns of the step as a whole.
        scale: Of the same.
        wide: First filter of the first level for whole sequences, ``(E, k C)``.
        later_wide: Those of the later levels, ``(L - 1, C, k C)``.
        first: First filter of the first level for a step, ``(k E, C)``.
        later: Those of the later levels, ``(L - 1, k C, C)``.
        first_bias: ``(L, C)``.
        second: Second filters, ``(L, k C, C)``.
        second_bias: ``(L, C)``.
        shortcut: Of the first level, ``(E, C)``, or empty where it is the identity.
        after_bias: Added after the residual sum, ``(L, C)``: the shortcut's, 0 from level 1 on.
        shows_step: Whether the perceptron reads the step beside the state.
        static_mean: ``(S,)``.
        static_scale: ``(S,)``.
        read_mean: Of what the perceptron reads, ``(R,)``.
        read_scale: ``(R,)``.
        lift: ``(R, W)``.
        lift_bias: ``(W,)``.
        norm: Gain of the layer norms of the perceptron's ``M`` blocks, ``(M, W)``.
        norm_bias: ``(M, W)``.
        norm_epsilon: Of the layer norms.
        mix: ``(M, W, W)``.
        mix_bias: ``(M, W)``.
        head: ``(W, P)``.
        head_bias: ``(P,)``.
        history: Numbers that are kept of a sequence.
        field: Steps that a state sees.
    """

    mean: _Floats
    scale: _Floats
    wide: _Floats
    later_wide: _Floats
    first: _Floats
    later: _Floats
    first_bias: _Floats
    second: _Floats
    second_bias: _Floats
    shortcut: _Floats
    after_bias: _Floats
    shows_step: bool
    static_mean: _Floats
    static_scale: _Floats
    read_mean: _Floats
    read_scale: _Floats
    lift: _Floats
    lift_bias: _Floats
    norm: _Floats
    norm_bias: _Floats
    norm_epsilon: float
    mix: _Floats
    mix_bias: _Floats
    head: _Floats
    head_bias: _Floats
    history: int
    field: int


class ItemWeights(NamedTuple):
    """Weights of an `ItemEncoder`.

    Attributes:
        items: Number of them.
        features: Of an item.
        sizes: Of the groups.
        coordinates: See `ItemSettings`, as the next.
        anchors: Items.
        marker: Feature, or -1.
        mean: Of the description.
        scale: Of the same.
        first: ``(D, W)``.
        first_bias: ``(W,)``.
        second: ``(W, W)``.
        second_bias: ``(W,)``.
    """

    items: int
    features: int
    sizes: _Numbers
    coordinates: _Numbers
    anchors: _Numbers
    marker: int
    mean: _Floats
    scale: _Floats
    first: _Floats
    first_bias: _Floats
    second: _Floats
    second_bias: _Floats


class DistributionTable(NamedTuple):
    """A `GridDistribution`: its head's settings, and each point's place among the bins.

    Attributes:
        raw: Raw parameters of the head.
        edges: Of the bins, ``(K + 1,)``.
        points: ``(J,)``.
        bins: Number of the bin of each point, ``(J,)``.
        shares: Share of that bin to the left of the point, ``(J,)``.
        lower_mass: Probability of the lower tail.
        upper_mass: Probability of the upper tail.
        lowest_concentration: See `SplicedBinnedParetoHead`.
        highest_concentration: The same.
        lower_unit: Of the scale of the lower tail.
        upper_unit: Of the scale of the upper tail.
        tied: Whether scales are such that the density has no jump.
    """

    raw: int
    edges: _Floats
    points: _Floats
    bins: _Numbers
    shares: _Floats
    lower_mass: float
    upper_mass: float
    lowest_concentration: float
    highest_concentration: float
    lower_unit: float
    upper_unit: float
    tied: bool


def _array(tensor: Tensor) -> _Floats:
    # Always a copy: training goes on with the tensor.
    return np.array(tensor.detach().cpu().numpy(), np.float32, order="C")


def _stacked(tensors: Sequence[Tensor], *shape: int) -> _Floats:
    """Tensors of a shape above each other; none give an empty array."""
    return np.array([_array(tensor) for tensor in tensors], np.float32).reshape(-1, *shape)


def network_weights(stream: SequenceStream, head: nn.Linear) -> NetworkWeights:
    """The weights of a stream and of the head behind it."""
    encoder, mlp = stream.encoder, stream.encoder.mlp
    # A module list has forgotten what it holds.
    levels: list[Any] = list(stream.blocks)
    blocks: list[Any] = list(mlp.blocks)
    first, shortcut = levels[0].first, levels[0].shortcut
    taps = len(first.weight) // len(first.wide)
    channels, width = len(first.bias), len(mlp.lift.bias)
    is_identity = isinstance(shortcut, nn.Identity)
    after_bias = np.zeros((len(levels), channels), np.float32)
    if not is_identity:
        after_bias[0] = _array(shortcut.bias)
    return NetworkWeights(
        mean=_array(encoder.standardize.mean),
        scale=_array(encoder.standardize.scale),
        wide=_array(first.wide),
        later_wide=_stacked(
            [block.first.wide for block in levels[1:]],
            channels,
            taps * channels,
        ),
        first=_array(first.weight),
        later=_stacked(
            [block.first.weight for block in levels[1:]],
            taps * channels,
            channels,
        ),
        first_bias=_stacked([block.first.bias for block in levels], channels),
        second=_stacked([block.second.weight for block in levels], taps * channels, channels),
        second_bias=_stacked([block.second.bias for block in levels], channels),
        shortcut=np.empty((0, 0), np.float32) if is_identity else _array(shortcut.weight.T),
        after_bias=after_bias,
        shows_step=encoder.shortcut,
        static_mean=_array(encoder.standardize_static.mean),
        static_scale=_array(encoder.standardize_static.scale),
        read_mean=_array(mlp.standardize.mean),
        read_scale=_array(mlp.standardize.scale),
        lift=_array(mlp.lift.weight.T),
        lift_bias=_array(mlp.lift.bias),
        norm=_stacked([block[0].weight for block in blocks], width),
        norm_bias=_stacked([block[0].bias for block in blocks], width),
        norm_epsilon=blocks[0][0].eps if blocks else 0.0,
        mix=_stacked([block[1].weight.T for block in blocks], width, width),
        mix_bias=_stacked([block[1].bias for block in blocks], width),
        head=_array(head.weight.T),
        head_bias=_array(head.bias),
        history=stream.history_size,
        field=stream.receptive_field,
    )


def item_weights(encoder: ItemEncoder | None) -> ItemWeights | None:
    """The weights of an encoder of items; None of none."""
    if encoder is None:
        return None
    settings = encoder.settings
    return ItemWeights(
        items=settings.items,
        features=settings.features,
        sizes=np.array(settings.groups),
        coordinates=np.array(settings.coordinates, np.int64),
        anchors=np.array(settings.anchors, np.int64),
        marker=-1 if settings.marker is None else settings.marker,
        mean=_array(encoder.standardize.mean),
        scale=_array(encoder.standardize.scale),
        first=_array(encoder.first.weight.T),
        first_bias=_array(encoder.first.bias),
        second=_array(encoder.second.weight.T),
        second_bias=_array(encoder.second.bias),
    )


def distribution_table(distribution: GridDistribution) -> DistributionTable:
    """What evaluating a distribution at its points takes."""
    head = distribution.head
    edges, points = head.edges.double().cpu().numpy(), distribution.points.double().cpu().numpy()
    number = np.clip(np.searchsorted(edges, points, side="right") - 1, 0, head.bins - 1)
    share = (points - edges[number]) / np.diff(edges)[number]
    return DistributionTable(
        raw=head.linear.out_features,
        edges=edges.astype(np.float32),
        points=points.astype(np.float32),
        bins=number,
        shares=share.clip(0, 1).astype(np.float32),
        lower_mass=head.lower_mass,
        upper_mass=head.upper_mass,
        lowest_concentration=head.concentration_range[0],
        highest_concentration=head.concentration_range[1],
        lower_unit=head.lower_unit,
        upper_unit=head.upper_unit,
        tied=head.scale == "tied",
    )
