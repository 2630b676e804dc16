"""Streams as machine code.

All in one file, since the cache of machine code looks at the file of a function alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from splicedpareto.compiled import compiled

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    from splicedpareto.nn._stream_weights import ItemWeights, NetworkWeights

    _Floats: TypeAlias = NDArray[np.float32]
    _Numbers: TypeAlias = NDArray[np.int64]

__all__ = ["read_last", "read_step"]

_ZERO: Final = np.float32(0)
_ONE: Final = np.float32(1)
_NAN: Final = np.float32(np.nan)


@compiled
def _filled(values: _Floats, first: int, mean: _Floats, scale: _Floats, out: _Floats) -> None:
    """Standardized numbers from the first on, 0 where one is missing."""
    for column in range(len(mean)):
        value = (values[first + column] - mean[column]) / scale[column]
        out[column] = value if value == value else _ZERO  # noqa: PLR0124 - NaN alone differs


@compiled
def _add_product(vector: _Floats, matrix: _Floats, out: _Floats) -> None:
    """Add a vector's product with the first rows of a matrix."""
    # Four rows at once: the sums are then read and written a fourth as often.
    whole = len(vector) - len(vector) % 4
    for row in range(0, whole, 4):
        a, b, c, d = vector[row], vector[row + 1], vector[row + 2], vector[row + 3]
        for column in range(len(out)):
            out[column] += (
                a * matrix[row, column]
                + b * matrix[row + 1, column]
                + c * matrix[row + 2, column]
                + d * matrix[row + 3, column]
            )
    for row in range(whole, len(vector)):
        for column in range(len(out)):
            out[column] += vector[row] * matrix[row, column]


@compiled
def _marked(columns: _Floats, items: ItemWeights) -> int:
    """The first marked item of a step, -1 where none is."""
    if items.marker >= 0:
        for item in range(items.items):
            flag = columns[item * items.features + items.marker]
            if abs(flag) > 0:
                return item
    return -1


@compiled
def _describe(columns: _Floats, items: ItemWeights, marked: int, described: _Floats) -> None:
    """Descriptions of the items of a step, then those of the anchors and the marked one again."""
    features, targets = items.features, len(items.anchors) + (items.marker >= 0)
    group, end = 0, items.sizes[0]
    row = np.empty(len(items.mean), np.float32)
    for item in range(items.items):
        if item == end:
            group += 1
            end += items.sizes[group]
        first = item * features
        for feature in range(features):
            row[feature] = columns[first + feature]
        at = features
        for target in range(targets):
            to = items.anchors[target] if target < len(items.anchors) else marked
            for coordinate in items.coordinates:
                place = columns[to * features + coordinate] if to >= 0 else _NAN
                row[at] = columns[first + coordinate] - place
                at += 1
        for number in range(len(items.sizes)):
            row[at + number] = number == group
        _filled(row, 0, items.mean, items.scale, described[item])
    for target in range(targets):
        to = items.anchors[target] if target < len(items.anchors) else max(marked, 0)
        for column in range(len(row)):
            described[items.items + target, column] = described[to, column]


@compiled
def _relu_rows(values: _Floats, bias: _Floats) -> None:
    """Add a bias to rows and cut them off at 0, in place."""
    for row in range(len(values)):
        for channel in range(len(bias)):
            value = values[row, channel] + bias[channel]
            values[row, channel] = value if value > 0 else _ZERO


@compiled
def _embed_items(columns: _Floats, items: ItemWeights, out: _Floats) -> None:
    """States of the items of steps ``(N, F)`` into zeros; see `ItemEncoder.forward`."""
    targets = len(items.anchors) + (items.marker >= 0)
    rows, width = items.items + targets, len(items.second_bias)
    described = np.empty((len(columns) * rows, len(items.mean)), np.float32)
    marks = np.empty(len(columns), np.int64)
    for step in range(len(columns)):
        marks[step] = _marked(columns[step], items)
        _describe(columns[step], items, marks[step], described[step * rows :])
    embedding = np.dot(described, items.first)
    _relu_rows(embedding, items.first_bias)
    embedding = np.dot(embedding, items.second)
    _relu_rows(embedding, items.second_bias)
    for step in range(len(columns)):
        row, at = step * rows, 0
        for size in items.sizes:
            for item in range(row, row + size):
                for channel in range(width):
                    value = embedding[item, channel]
                    most = out[step, at + width + channel]
                    out[step, at + channel] += value / np.float32(size)
                    # Nothing is below 0 after the ReLU.
                    out[step, at + width + channel] = value if value > most else most
            row += size
            at += 2 * width
        for target in range(targets):
            if target < len(items.anchors) or marks[step] >= 0:
                for channel in range(width):
                    out[step, at + channel] = embedding[row + target, channel]
            at += width


@compiled
def _embedded(columns: _Floats, network: NetworkWeights, items: ItemWeights | None) -> _Floats:
    """What the convolution reads of steps ``(N, F)``."""
    out = np.zeros((len(columns), len(network.wide)), np.float32)
    of_step = len(network.mean)
    of_items = out.shape[1] - of_step
    if items is not None:
        _embed_items(columns, items, out)
    first = columns.shape[1] - of_step
    for step in range(len(columns)):
        _filled(columns[step], first, network.mean, network.scale, out[step, of_items:])
    return out


@compiled
def _first_filter(state: _Floats, weight: _Floats, bias: _Floats, taps: int) -> _Floats:
    """A filter and its ReLU over neighboring steps, behind a row of 0 for each step too early.

    One wide product, shifted after it: the outputs are narrower than the inputs.
    """
    steps, channels = len(state), len(bias)
    wide = np.dot(state, weight)
    hidden = np.zeros((steps + taps - 1, channels), np.float32)
    for step in range(steps):
        row = hidden[step + taps - 1]
        for back in range(min(taps, step + 1)):
            first = (taps - 1 - back) * channels
            for channel in range(channels):
                row[channel] += wide[step - back, first + channel]
    # What lies before the sequence is 0 at every layer.
    _relu_rows(hidden[taps - 1 :], bias)
    return hidden


@compiled
def _every_second(values: _Floats, first: int, kept: int, taps: int) -> _Floats:
    """Rows ``first, first + 2, ...``, each beside the `taps` - 1 after it."""
    width = values.shape[1]
    read = np.empty((kept, taps * width), np.float32)
    for number in range(kept):
        for tap in range(taps):
            for column in range(width):
                read[number, tap * width + column] = values[first + 2 * number + tap, column]
    return read


@compiled
def _last_state(inputs: _Floats, network: NetworkWeights) -> _Floats:
    """The convolution's state at the last of steps ``(N, E)``, shape ``(1, C)``.

    See `SequenceStream.last`: a level needs every second step of the one before, counted back
    from the last.
    """
    levels, channels = network.first_bias.shape
    taps = network.second.shape[1] // channels
    state = inputs
    for level in range(levels):
        weight = network.wide if level == 0 else network.later_wide[level - 1]
        hidden = _first_filter(state, weight, network.first_bias[level], taps)
        last = len(state) - 1
        first = last % 2 if level < levels - 1 else last
        kept = (last - first) // 2 + 1
        hidden = np.dot(_every_second(hidden, first, kept, taps), network.second[level])
        _relu_rows(hidden, network.second_bias[level])
        state = _every_second(state, first, kept, 1)
        if level == 0 and len(network.shortcut) > 0:
            state = np.dot(state, network.shortcut)
        for number in range(kept):
            for channel in range(channels):
                hidden[number, channel] += state[number, channel]
        _relu_rows(hidden, network.after_bias[level])
        state = hidden
    return state


@compiled
def _filtered(
    inputs: _Floats,
    weight: _Floats,
    bias: _Floats,
    dilation: int,
    history: _Floats,
    at: int,
    after: _Floats,
    out: _Floats,
) -> int:
    """A filter and its ReLU at the newest step; its history, which begins `at`, moves on by one.

    Returns:
        Where the history of the next filter begins.
    """
    features = len(inputs)
    earlier = len(weight) // features - 1
    for channel in range(len(bias)):
        out[channel] = bias[channel]
    for tap in range(earlier):
        first = at + tap * dilation * features
        _add_product(history[first : first + features], weight[tap * features :], out)
    _add_product(inputs, weight[earlier * features :], out)
    for channel in range(len(bias)):
        out[channel] = out[channel] if out[channel] > 0 else _ZERO
    end = at + earlier * dilation * features
    if end > at:
        for number in range(at, end - features):
            after[number] = history[number + features]
        for feature in range(features):
            after[end - features + feature] = inputs[feature]
    return end


@compiled
def _next_state(
    inputs: _Floats, history: _Floats, begin: int, network: NetworkWeights, after: _Floats
) -> _Floats:
    """The convolution's state at one more step; see `SequenceStream.forward`."""
    levels, channels = network.first_bias.shape
    at, state = begin, inputs
    hidden = np.empty(channels, np.float32)
    for level in range(levels):
        weight = network.first if level == 0 else network.later[level - 1]
        at = _filtered(
            state, weight, network.first_bias[level], 1 << level, history, at, after, hidden
        )
        out = np.empty(channels, np.float32)
        at = _filtered(
            hidden,
            network.second[level],
            network.second_bias[level],
            1 << level,
            history,
            at,
            after,
            out,
        )
        if level == 0 and len(network.shortcut) > 0:
            _add_product(state, network.shortcut, out)
        else:
            for channel in range(channels):
                out[channel] += state[channel]
        for channel in range(channels):
            value = out[channel] + network.after_bias[level, channel]
            out[channel] = value if value > 0 else _ZERO
        state = out
    return state


@compiled
def _silu(values: _Floats) -> None:
    """Each number times its logistic function, in place."""
    for channel in range(len(values)):
        values[channel] /= _ONE + np.exp(-values[channel])


@compiled
def _normed(values: _Floats, gain: _Floats, bias: _Floats, epsilon: float) -> _Floats:
    """Layer norm."""
    width = np.float32(len(values))
    mean, square = _ZERO, _ZERO
    for value in values:
        mean += value / width
    for value in values:
        square += (value - mean) * (value - mean) / width
    inverse = _ONE / np.sqrt(square + np.float32(epsilon))
    out = np.empty(len(values), np.float32)
    for channel in range(len(values)):
        out[channel] = (values[channel] - mean) * inverse * gain[channel] + bias[channel]
    return out


@compiled
def _add_raw(
    state: _Floats, inputs: _Floats, static: _Floats, network: NetworkWeights, raw: _Floats
) -> None:
    """Add the raw parameters of a state; see `SequenceEncoder.read` and `ResidualMLP`."""
    channels, of_step = len(state), len(inputs) if network.shows_step else 0
    read = np.empty(len(network.read_mean), np.float32)
    for column in range(channels):
        read[column] = state[column]
    for column in range(of_step):
        read[channels + column] = inputs[column]
    _filled(static, 0, network.static_mean, network.static_scale, read[channels + of_step :])
    for column in range(len(read)):
        read[column] = (read[column] - network.read_mean[column]) / network.read_scale[column]
    hidden = network.lift_bias.copy()
    _add_product(read, network.lift, hidden)
    _silu(hidden)
    for block in range(len(network.mix)):
        mixed = network.mix_bias[block].copy()
        normed = _normed(
            hidden, network.norm[block], network.norm_bias[block], network.norm_epsilon
        )
        _add_product(normed, network.mix[block], mixed)
        _silu(mixed)
        for channel in range(len(hidden)):
            hidden[channel] += mixed[channel]
    for column in range(len(raw)):
        raw[column] += network.head_bias[column]
    _add_product(hidden, network.head, raw)


@compiled
def read_last(
    sequences: _Floats,
    lengths: _Numbers,
    static: _Floats,
    network: NetworkWeights,
    items: ItemWeights | None,
    raw: _Floats,
) -> None:
    """Add the raw parameters after the last step of each sequence."""
    steps = sequences.shape[1]
    for number in range(len(sequences)):
        seen = min(lengths[number], network.field)
        inputs = _embedded(sequences[number, steps - seen :], network, items)
        state = _last_state(inputs, network)
        _add_raw(state[0], inputs[seen - 1], static[number], network, raw[number])


@compiled
def read_step(
    columns: _Floats,
    history: _Floats,
    begin: int,
    static: _Floats,
    network: NetworkWeights,
    items: ItemWeights | None,
    after: _Floats,
    raw: _Floats,
) -> None:
    """Add the raw parameters after one more step of each sequence."""
    inputs = _embedded(columns, network, items)
    for number in range(len(columns)):
        state = _next_state(inputs[number], history[number], begin, network, after[number])
        _add_raw(state, inputs[number], static[number], network, raw[number])
