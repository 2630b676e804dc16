"""From raw frames to forecasts: a whole play at once, or frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, TypeVar

import numpy as np

from dropback.data._outcomes import YARDS_LOWEST
from dropback.errors import LiveError, RequestError, RunError
from dropback.live._columns import SituationArrays, complete_play, next_columns, play_columns
from dropback.live._engines import CompiledEvaluator, OnnxEvaluator, TorchEvaluator
from dropback.live._export import is_export, read_export, trace
from dropback.live._forecast import Forecast
from dropback.live._graphs import PooledStreams
from dropback.live._play import LivePlay, Mark
from dropback.live._situation import Situation
from dropback.models._frame_columns import FRAME_COLUMNS
from dropback.models._store import load_run
from dropback.tracking._schema import FRAME_QUANTITIES, PLAYERS, SLOTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dropback.live._engines import Evaluator
    from dropback.live._graphs import PoolSizes
    from splicedpareto.nn import DistributionNetwork, GridDistributions

__all__ = ["Engine", "PlayFrames", "PlayPredictor"]

# Plays of a batch that is evaluated at once: 64 of 49 frames are 3 MB of columns.
_BATCH: Final = 64

_T = TypeVar("_T", bound=np.generic)

Engine: TypeAlias = Literal["compiled", "torch", "onnx"]
"""What evaluates the networks."""


@dataclass(frozen=True, eq=False)
class PlayFrames:
    """A play up to its release.

    Attributes:
        situation: What was known before the snap.
        frames: Canonical frames from the snap to the release, shape ``(T, 23, 6)``, complete but
            for the ball; T from 1 to 600.
        target_slot: Slot of the man thrown to, 0 to 10; None where nobody knows.
    """

    situation: Situation
    frames: NDArray[np.float32]
    target_slot: int | None = None


class PlayPredictor:
    """Forecasts from the networks of a run. Threads may share it; a `LivePlay` they may not.

    Args:
        networks: Networks of a play; several are pooled as `pooled_distribution` does.
        engine: ``"compiled"`` for machine code of our own, the fastest, which takes some ten
            seconds to make at its first use on a machine; ``"torch"``; or ``"onnx"`` for ONNX
            Runtime (the extra ``onnx``), which takes as long at every use: see
            ``dropback export``.

    Raises:
        RunError: No network, or one that cannot read a frame at a time.
        RequestError: An unknown engine, or one whose package is not installed.
    """

    def __init__(
        self, networks: Sequence[DistributionNetwork], *, engine: Engine = "compiled"
    ) -> None:
        pool = PooledStreams(networks)
        evaluator: Evaluator
        if engine == "compiled":
            evaluator = CompiledEvaluator(pool)
        elif engine == "torch":
            evaluator = TorchEvaluator(pool)
        elif engine == "onnx":
            evaluator = OnnxEvaluator(*trace(pool), pool.sizes.stride)
        else:
            raise RequestError(f"engine must be 'compiled', 'torch' or 'onnx', got {engine!r}.")
        self._set_up(evaluator, pool.sizes)

    def _set_up(self, evaluator: Evaluator, sizes: PoolSizes) -> None:
        self._evaluator = evaluator
        self._sizes = sizes
        # Machine code is made or loaded now, not while the first play waits for its answer.
        situation = Situation(line_of_scrimmage_x_yd=60, yards_to_goal=50)
        frame = np.zeros((SLOTS, len(FRAME_QUANTITIES)), np.float32)
        _ = self.forecast(situation, frame[None]).mean
        self.start(situation).push(0, frame)

    @classmethod
    def load(cls, run: Path, *, engine: Engine | None = None) -> Self:
        """The predictor of a run folder, or of a folder that ``dropback export`` made.

        Args:
            run: The folder.
            engine: As of the class; None is ``"onnx"`` for exported graphs, which no other runs.

        Raises:
            RunError: No such folder, damaged, without a play network, or of another schema.
        """
        if is_export(run):
            if engine not in {None, "onnx"}:
                raise RunError(
                    f"{run} holds exported graphs, which the engine 'onnx' runs, got {engine!r}."
                )
            predictor = cls.__new__(cls)
            predictor._set_up(*read_export(run))  # noqa: SLF001  # its own kind
            return predictor
        return cls(load_run(run).model.networks, engine=engine or "compiled")

    @property
    def digest(self) -> str:
        """SHA-256 of all weights."""
        return self._sizes.digest

    def forecast(
        self,
        situation: Situation,
        frames: NDArray[np.float32],
        *,
        target_slot: int | None = None,
    ) -> Forecast:
        """The distribution at the release.

        Args:
            situation: What was known before the snap.
            frames: See `PlayFrames`.
            target_slot: See `PlayFrames`.

        Raises:
            LiveError: Frames of another shape, incomplete, or with values that no field has.
        """
        return self.forecast_many([PlayFrames(situation, frames, target_slot)])[0]

    def forecast_many(self, plays: Sequence[PlayFrames]) -> list[Forecast]:
        """The distribution of each play at its release, for throughput.

        Raises:
            LiveError: As in `forecast`, naming the play by its place where there are several.
        """
        frames = [self._complete(play, place, len(plays)) for place, play in enumerate(plays)]
        by_length: dict[int, list[int]] = {}
        for place, of_play in enumerate(frames):
            by_length.setdefault(self._padded(len(of_play)), []).append(place)
        forecasts: dict[int, Forecast] = {}
        for length, places in by_length.items():
            for start in range(0, len(places), _BATCH):
                chosen = places[start : start + _BATCH]
                distributions = self._distributions(
                    [(plays[place], frames[place]) for place in chosen], length
                )
                for row, place in enumerate(chosen):
                    situation, last = plays[place].situation, len(frames[place]) - 1
                    forecasts[place] = _forecast(distributions, row, situation, last, released=True)
        return [forecasts[place] for place in range(len(plays))]

    def start(self, situation: Situation) -> LivePlay:
        """A play that is about to be snapped."""
        return LivePlay(self, situation, Mark.before_snap(self._sizes.history))

    def resume(self, state: bytes) -> LivePlay:
        """The play of a `LivePlay.state`.

        Raises:
            LiveError: Not such a state, or one of other networks.
        """
        return LivePlay.restored(self, state)

    def push_many(
        self, frames: Sequence[tuple[LivePlay, int, NDArray[np.float32]]]
    ) -> list[tuple[Forecast, ...] | LiveError]:
        """`LivePlay.push` for many plays at once; a refused frame gives its error in its place.

        Args:
            frames: Play, number and frame; of each play one at most.

        Raises:
            LiveError: A play that is given twice.
        """
        if len({id(play) for play, _, _ in frames}) < len(frames):
            raise LiveError("push_many must get one frame of each play at most: push them in turn.")
        results: list[tuple[Forecast, ...] | LiveError] = [()] * len(frames)
        reading: list[_Reading] = []
        for place, (play, number, frame) in enumerate(frames):
            try:
                anchor, wanted = play.plan(number, frame)
            except LiveError as error:
                results[place] = error
                continue
            if wanted:
                reading.append(_Reading(place, play, wanted, [anchor], []))
        turn = 0
        while now := [one for one in reading if len(one.wanted) > turn]:
            self._read(now, turn)
            turn += 1
        for one in reading:
            results[one.place] = one.play.accept(one.marks, one.forecasts)
        return results

    def released(
        self,
        play: LivePlay,
        before: Mark,
        frame: NDArray[np.float32],
        target_slot: int | None,
    ) -> Forecast:
        """The forecast of a frame in which the ball leaves the hand; see `LivePlay.release`."""
        arrays, number = play.arrays, before.number + 1
        columns, _ = next_columns(
            arrays.line_x_yd,
            arrays.eligible,
            frame[None],
            before.velocities[None],
            np.array([number]),
            np.array([_slot(target_slot)]),
        )
        distributions, _ = self._evaluator.frame(columns, before.history[None], arrays.static)
        return _forecast(distributions, 0, play.situation, number, released=True)

    def _read(self, reading: Sequence[_Reading], turn: int) -> None:
        """Read one frame of each play."""
        marks = [one.marks[-1] for one in reading]
        arrays = [one.play.arrays for one in reading]
        frames = _stacked([one.wanted[turn] for one in reading])
        numbers = np.array([mark.number + 1 for mark in marks])
        columns, velocities = next_columns(
            _joined([one.line_x_yd for one in arrays]),
            _joined([one.eligible for one in arrays]),
            frames,
            _stacked([mark.velocities for mark in marks]),
            numbers,
        )
        distributions, histories = self._evaluator.frame(
            columns,
            _stacked([mark.history for mark in marks]),
            _joined([one.static for one in arrays]),
        )
        for row, one in enumerate(reading):
            number = marks[row].number + 1
            one.marks.append(Mark(number, frames[row], velocities[row], histories[row]))
            one.forecasts.append(
                _forecast(distributions, row, one.play.situation, number, released=False)
            )

    def _padded(self, frames: int) -> int:
        """Frames that the engine takes a play with: a multiple of its stride and one more."""
        seen = min(frames, self._sizes.receptive_field) - 1
        stride = self._evaluator.stride
        return -(-max(seen, 1) // stride) * stride + 1

    def _complete(self, play: PlayFrames, place: int, plays: int) -> NDArray[np.float32]:
        try:
            _slot(play.target_slot)
            return complete_play(play.frames)
        except LiveError as error:
            if plays == 1:
                raise
            raise LiveError(f"Play {place}: {error}") from None

    def _distributions(
        self, plays: Sequence[tuple[PlayFrames, NDArray[np.float32]]], length: int
    ) -> GridDistributions:
        """Distributions of plays that are padded to one length."""
        columns = np.zeros((len(plays), length, len(FRAME_COLUMNS)), np.float32)
        lengths = np.empty(len(plays), np.int64)
        arrays = [SituationArrays(play.situation) for play, _ in plays]
        for row, (play, frames) in enumerate(plays):
            lengths[row] = seen = min(len(frames), length)
            read = play_columns(arrays[row], frames, _slot(play.target_slot))
            columns[row, length - seen :] = read[-seen:]
        return self._evaluator.play(columns, lengths, _joined([one.static for one in arrays]))


@dataclass(frozen=True)
class _Reading:
    """The frames that a play has to have read, and where it got."""

    place: int
    play: LivePlay
    wanted: tuple[NDArray[np.float32], ...]
    marks: list[Mark]
    forecasts: list[Forecast]


def _slot(target_slot: int | None) -> int:
    if target_slot is None:
        return -1
    if target_slot not in range(PLAYERS // 2):
        raise LiveError(
            f"target_slot must be a slot of the offense, 0 to {PLAYERS // 2 - 1}, or None where "
            f"nobody knows, got {target_slot!r}."
        )
    return int(target_slot)


def _forecast(
    distributions: GridDistributions, row: int, situation: Situation, number: int, *, released: bool
) -> Forecast:
    """Distribution of a row, bounded by the field; see `whole_yard_distribution`."""
    cdf = np.minimum(distributions.cdf[row], np.float32(1))
    cdf[: situation.yards_min - YARDS_LOWEST] = 0
    cdf[situation.yards_max - YARDS_LOWEST :] = 1
    return Forecast(
        frame=number,
        released=released,
        cdf=cdf,
        lower_threshold_yd=float(distributions.lower_threshold[row]),
        upper_threshold_yd=float(distributions.upper_threshold[row]),
        yards_max=situation.yards_max,
    )


def _stacked(arrays: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Arrays above each other, without a copy of a single one."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


def _joined(arrays: list[NDArray[_T]]) -> NDArray[_T]:
    """Arrays of one row each above each other, without a copy of a single one."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
