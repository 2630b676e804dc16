"""Forecast plays from raw frames: whole plays at once, or one frame after another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from dropback.errors import LiveError, RequestError, RunError
from dropback.live._engines import Engine, NetworkPool, TorchEvaluator, live_networks
from dropback.live._export import is_export, read_export
from dropback.live._forecast import Forecast
from dropback.live._inputs import (
    ContextArrays,
    PlayContext,
    checked_play,
    next_columns,
    play_columns,
    target_or_none,
)
from dropback.live._play import LivePlay, Snapshot
from dropback.live._points import PlayPoints
from dropback.models._frame_columns import FRAME_COLUMNS
from dropback.models._store import load_run
from dropback.tracking._schema import (
    FIRST_RECEIVER,
    FRAME_QUANTITIES,
    RECEIVERS,
    SLOTS,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from dropback._arrays import Singles
    from dropback.live._engines import Evaluator, PoolSizes
    from splicedpareto.nn import DistributionNetwork

GRAPHS: Final = "graphs"
"""Folder of a run in which ``dropback export`` leaves its graphs."""

# Plays, or frames, of a batch that is evaluated at once: 64 of 49 frames are 3 MB of columns.
_BATCH: Final = 64


@dataclass(frozen=True, eq=False)
class PlayFrames:
    """A play up to its release.

    Attributes:
        context: What was known before the snap.
        frames: Canonical frames from the snap to the release, shape ``(T, 23, 6)``, complete but
            for the ball; T from 1 to 600.
        target_slot: Slot of the intended receiver, 0 to 10; None where it is unknown.
    """

    context: PlayContext
    frames: Singles
    target_slot: int | None = None


class PlayPredictor:
    """Forecasts from the networks of a run. Threads may share it; a `LivePlay` they may not.

    Built from networks it evaluates them in torch; `load` also runs the graphs that ``dropback
    export`` wrote, by ONNX Runtime, in a fraction of the time.

    Args:
        networks: Networks of a play; several are pooled as `pooled_distribution` does.

    Raises:
        RunError: No network, or one that cannot read a frame at a time.

    Example:
        >>> predictor = dropback.PlayPredictor([network])  # a run's: PlayPredictor.load(folder)
        >>> live = predictor.start(PlayContext(line_of_scrimmage_x_yd=60, yards_to_goal=50))
        >>> (forecast,) = live.push(0, frame)  # shape (23, 6): the players and the ball
        >>> round(sum(forecast.probabilities), 4), forecast.quantiles["q05"] <= forecast.median
        (1.0, True)
    """

    def __init__(self, networks: Sequence[DistributionNetwork]) -> None:
        pool = NetworkPool(networks)
        self._set_up(TorchEvaluator(pool), pool.sizes)

    def _set_up(self, evaluator: Evaluator, sizes: PoolSizes) -> None:
        self._evaluator = evaluator
        self._sizes = sizes
        self._points: PlayPoints | None = None
        # Code is loaded now, not while the first play waits for its answer.
        context = PlayContext(line_of_scrimmage_x_yd=60, yards_to_goal=50)
        frame = np.zeros((SLOTS, len(FRAME_QUANTITIES)), np.float32)
        _ = self.forecast(context, frame[None], target_slot=FIRST_RECEIVER).mean
        live = self.start(context)
        live.push(0, frame)
        live.release(FIRST_RECEIVER)

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        *,
        engine: Engine | None = None,
        expected_points: str | os.PathLike[str] | None = None,
    ) -> Self:
        """The predictor of a run folder, or of a folder that ``dropback export`` made.

        Args:
            folder: The folder.
            engine: ``"torch"``, the reference; or ``"onnx"`` (the extra ``onnx``), which runs
                exported graphs. None is ``"onnx"`` where the run has been exported, else
                ``"torch"``.
            expected_points: Folder of an expected-points model, which forecasts then are valued by
                (`Forecast.epa`); None values none.

        Raises:
            RunError: No such folder, damaged, without a play network, of another schema, or with
                graphs of other weights; or ``"onnx"`` of a run that has not been exported.
            RequestError: An unknown engine, or one whose package is not installed.
        """
        predictor = cls._loaded(Path(folder), engine)
        if expected_points is not None:
            predictor._points = PlayPoints(Path(expected_points))  # noqa: SLF001  # its own kind
        return predictor

    @classmethod
    def _loaded(cls, folder: Path, engine: Engine | None) -> Self:
        """See `load`."""
        if engine not in {None, "torch", "onnx"}:
            raise RequestError(f"engine must be 'torch' or 'onnx', got {engine!r}.")
        if is_export(folder):
            if engine == "torch":
                raise RunError(
                    f"{folder} holds exported graphs, which the engine 'onnx' runs, got 'torch'."
                )
            return cls._evaluating(*read_export(folder))
        pool = NetworkPool(live_networks(load_run(folder)))
        graphs = folder / GRAPHS
        if engine == "torch" or (engine is None and not is_export(graphs)):
            return cls._evaluating(TorchEvaluator(pool), pool.sizes)
        if not is_export(graphs):
            raise RunError(
                f"{folder} has no exported graphs: run `dropback export {folder}` once, or use "
                "the engine 'torch'."
            )
        evaluator, sizes = read_export(graphs)
        if sizes.digest != pool.sizes.digest:
            raise RunError(
                f"{graphs}: exported from other weights than those of the run: delete the folder "
                f"and run `dropback export {folder}` again."
            )
        return cls._evaluating(evaluator, sizes)

    @classmethod
    def _evaluating(cls, evaluator: Evaluator, sizes: PoolSizes) -> Self:
        """A predictor of what is evaluated already, without building networks again."""
        predictor = cls.__new__(cls)
        predictor._set_up(evaluator, sizes)  # noqa: SLF001  # its own kind
        return predictor

    @property
    def digest(self) -> str:
        """SHA-256 of all weights."""
        return self._sizes.digest

    def forecast(
        self, context: PlayContext, frames: Singles, *, target_slot: int | None = None
    ) -> Forecast:
        """The distribution at the release.

        Args:
            context: What was known before the snap.
            frames: See `PlayFrames`.
            target_slot: See `PlayFrames`.

        Raises:
            LiveError: Frames of another shape, incomplete, or with values that no field has.
        """
        return self.forecast_many([PlayFrames(context, frames, target_slot)])[0]

    def forecast_many(self, plays: Sequence[PlayFrames]) -> list[Forecast]:
        """The distribution of each play at its release, for throughput.

        Raises:
            LiveError: As in `forecast`, naming the play by its place where there are several.
        """
        frames = [_complete(play, place, len(plays)) for place, play in enumerate(plays)]
        by_length: dict[int, list[int]] = {}
        forecasts: dict[int, Forecast] = {}
        for place, of_play in enumerate(frames):
            if _is_receiver(plays[place].target_slot):
                by_length.setdefault(self._padded(len(of_play)), []).append(place)
            else:
                forecasts[place] = self._forecast_to_nobody(plays[place], of_play)
        for length, places in by_length.items():
            for start in range(0, len(places), _BATCH):
                batch = places[start : start + _BATCH]
                of_batch = self._forecast_padded(
                    [plays[place] for place in batch], [frames[place] for place in batch], length
                )
                forecasts |= zip(batch, of_batch, strict=True)
        return [forecasts[place] for place in range(len(plays))]

    def start(self, context: PlayContext) -> LivePlay:
        """A play that is about to be snapped."""
        return LivePlay(self, context, Snapshot.before_first_frame(self._sizes.history))

    def resume(self, state: bytes) -> LivePlay:
        """The play of a `LivePlay.state`.

        Raises:
            LiveError: Not such a state, or one of other networks.
        """
        return LivePlay.restored(self, state)

    def push_many(
        self, frames: Sequence[tuple[LivePlay, int, Singles]]
    ) -> list[tuple[Forecast, ...] | LiveError]:
        """`LivePlay.push` for many plays at once; a refused frame gives its error in its place.

        Args:
            frames: Play, number and frame; of each play one at most.

        Raises:
            LiveError: Two frames of one play.
        """
        if len({id(play) for play, _, _ in frames}) < len(frames):
            raise LiveError(
                "push_many must get one frame of each play at most: push them one after another."
            )
        results: list[tuple[Forecast, ...] | LiveError] = [()] * len(frames)
        readings: list[_Reading] = []
        for place, (play, number, frame) in enumerate(frames):
            try:
                anchor, pending = play.prepare(number, frame)
            except LiveError as error:
                results[place] = error
                continue
            if pending:
                readings.append(_Reading(place, play, pending, [anchor], []))
        step = 0
        while unread := [reading for reading in readings if len(reading.pending) > step]:
            for start in range(0, len(unread), _BATCH):
                self._read(unread[start : start + _BATCH], step)
            step += 1
        for reading in readings:
            results[reading.place] = reading.play.apply(reading.snapshots, reading.forecasts)
        return results

    def forecast_release(
        self, play: LivePlay, before: Snapshot, frame: Singles, target_slot: int | None
    ) -> Forecast:
        """The forecast of a frame in which the ball is released; see `LivePlay.release`."""
        arrays, number = play.context.arrays, before.number + 1
        columns, _ = next_columns(
            arrays.line_x_yd,
            arrays.eligible,
            frame[None],
            before.velocities[None],
            np.array([number]),
            np.array([target_or_none(target_slot)]),
        )
        cdf, *_ = self._evaluator.run(
            "release" if _is_receiver(target_slot) else "frame",
            columns,
            before.history[None],
            arrays.static,
            arrays.scored,
        )
        return self._forecasts(cdf, [play.context], [number], released=True)[0]

    def _read(self, readings: Sequence[_Reading], step: int) -> None:
        """Read the pending frame `step` of each play."""
        latest = [reading.snapshots[-1] for reading in readings]
        contexts = [reading.play.context for reading in readings]
        arrays = _joined(contexts)
        frames = _stacked([reading.pending[step] for reading in readings])
        numbers = [snapshot.number + 1 for snapshot in latest]
        columns, velocities = next_columns(
            arrays.line_x_yd,
            arrays.eligible,
            frames,
            _stacked([snapshot.velocities for snapshot in latest]),
            np.array(numbers),
        )
        cdf, histories = self._evaluator.run(
            "frame",
            columns,
            _stacked([snapshot.history for snapshot in latest]),
            arrays.static,
            arrays.scored,
        )
        forecasts = self._forecasts(cdf, contexts, numbers, released=False)
        for row, reading in enumerate(readings):
            reading.snapshots.append(
                Snapshot(numbers[row], frames[row], velocities[row], histories[row])
            )
            reading.forecasts.append(forecasts[row])

    def _forecast_padded(
        self, plays: Sequence[PlayFrames], frames: Sequence[Singles], length: int
    ) -> list[Forecast]:
        """Forecasts of plays that are padded, or cut at the front, to one length."""
        contexts = [play.context for play in plays]
        numbers = [len(of_play) - 1 for of_play in frames]
        longest = max(length, max(numbers) + 1)
        columns = np.zeros((len(plays), longest, len(FRAME_COLUMNS)), np.float32)
        begun = np.zeros((len(plays), longest, 1), np.float32)
        for row, (play, of_play) in enumerate(zip(plays, frames, strict=True)):
            first = longest - len(of_play)
            target = target_or_none(play.target_slot)
            play_columns(play.context.arrays, of_play, target, columns[row, first:])
            begun[row, first:] = 1
        arrays = _joined(contexts)
        (cdf,) = self._evaluator.run(
            "play", columns[:, -length:], begun[:, -length:], arrays.static, arrays.scored
        )
        return self._forecasts(cdf, contexts, numbers, released=True)

    def _forecast_to_nobody(self, play: PlayFrames, frames: Singles) -> Forecast:
        """The forecast of a play whose target is unknown: that of its last frame."""
        live = self.start(play.context)
        for number, frame in enumerate(frames):
            live.push(number, frame)
        return live.release(play.target_slot)

    def _forecasts(
        self,
        cdf: Singles,
        contexts: Sequence[PlayContext],
        numbers: Sequence[int],
        *,
        released: bool,
    ) -> list[Forecast]:
        """A forecast of each row."""
        points = None if self._points is None else self._points.of
        return [
            Forecast(
                number, released, of_play, context.yards_max, context.yards_to_go,
                None if points is None else points(context),
            )
            for number, of_play, context in zip(numbers, cdf, contexts, strict=True)
        ]  # fmt: skip

    def _padded(self, frames: int) -> int:
        """Frames that a play is padded to: a multiple of the stride and one more."""
        seen, stride = min(frames, self._sizes.receptive_field) - 1, self._sizes.stride
        return -(-max(seen, 1) // stride) * stride + 1


class _Reading(NamedTuple):
    """A play whose pending frames are read, with its snapshots and forecasts so far."""

    place: int
    play: LivePlay
    pending: tuple[Singles, ...]
    snapshots: list[Snapshot]
    forecasts: list[Forecast]


def _is_receiver(target_slot: int | None) -> bool:
    """Whether a target is known, and in a slot of an eligible receiver."""
    return target_slot is not None and FIRST_RECEIVER <= target_slot < FIRST_RECEIVER + RECEIVERS


def _complete(play: PlayFrames, place: int, plays: int) -> Singles:
    try:
        target_or_none(play.target_slot)
        return checked_play(play.frames)
    except LiveError as error:
        if plays == 1:
            raise
        raise LiveError(f"Play {place}: {error}") from None


def _stacked(arrays: list[Singles]) -> Singles:
    """Arrays above each other, without a copy of a single one."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


def _joined(contexts: Sequence[PlayContext]) -> ContextArrays:
    """Contexts above each other, without a copy of a single one."""
    if len(contexts) == 1:
        return contexts[0].arrays
    arrays = zip(*(context.arrays for context in contexts), strict=True)
    return ContextArrays(*map(np.concatenate, arrays))
