"""Forecast plays from raw frames: whole plays at once, or one frame after another."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from dropback.errors import LiveError, RequestError, RunError
from dropback.live._engines import Engine, NetworkPool, TorchEvaluator, live_networks
from dropback.live._export import is_export, read_export
from dropback.live._forecast import Forecast
from dropback.live._inputs import (
    VELOCITIES,
    ContextArrays,
    PlayContext,
    checked_frame,
    checked_play,
    next_columns,
    play_columns,
    target_or_none,
)
from dropback.models._frame_columns import FRAME_COLUMNS
from dropback.models._store import load_run
from dropback.tracking._blocks import X
from dropback.tracking._schema import (
    FIRST_RECEIVER,
    FRAME_QUANTITIES,
    PLAYERS,
    RECEIVERS,
    SLOTS,
)
from dropback.tracking.ingest._gaps import MAX_GAP_FRAMES, fill_gaps

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dropback._arrays import Singles
    from dropback.live._engines import Evaluator, PoolSizes
    from splicedpareto.nn import DistributionNetwork

GRAPHS: Final = "graphs"
"""Folder of a run in which ``dropback export`` leaves its graphs."""

# Plays of a batch that is evaluated at once: 64 of 49 frames are 3 MB of columns.
_BATCH: Final = 64

_STATE_FORMAT: Final = 4
_ARRAYS: Final = ("frame", "velocities", "history")
_ALL_SLOTS: Final = np.ones((1, SLOTS), bool)


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


class FrameCounts(NamedTuple):
    """How many frames of a play were taken, ignored and filled.

    Attributes:
        taken: Frames that moved the play on.
        duplicates: Frames with the number of the newest, ignored.
        late: Frames older than the newest, ignored.
        filled: Frames that never came and were filled by straight lines.
    """

    taken: int = 0
    duplicates: int = 0
    late: int = 0
    filled: int = 0


class Snapshot(NamedTuple):
    """A play after a frame; nothing in it is ever changed.

    Attributes:
        number: Of the frame, -1 before the first.
        frame: The frame, complete, shape ``(23, 6)``; NaN before the first.
        velocities: See `next_columns`, shape `VELOCITIES`.
        history: What the networks keep, shape ``(H,)``.
    """

    number: int
    frame: Singles
    velocities: Singles
    history: Singles

    @classmethod
    def before_first_frame(cls, history_size: int) -> Self:
        """A play without a frame."""
        return cls(
            number=-1,
            frame=np.full((SLOTS, len(FRAME_QUANTITIES)), np.nan, np.float32),
            velocities=np.zeros(VELOCITIES, np.float32),
            history=np.zeros(history_size, np.float32),
        )


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
        # Code is loaded now, not while the first play waits for its answer.
        context = PlayContext(line_of_scrimmage_x_yd=60, yards_to_goal=50)
        frame = np.zeros((SLOTS, len(FRAME_QUANTITIES)), np.float32)
        _ = self.forecast(context, frame[None], target_slot=FIRST_RECEIVER).mean
        live = self.start(context)
        live.push(0, frame)
        live.release(FIRST_RECEIVER)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, engine: Engine | None = None) -> Self:
        """The predictor of a run folder, or of a folder that ``dropback export`` made.

        Args:
            folder: The folder.
            engine: ``"torch"``, the reference; or ``"onnx"`` (the extra ``onnx``), which runs
                exported graphs. None is ``"onnx"`` where the run has been exported, else
                ``"torch"``.

        Raises:
            RunError: No such folder, damaged, without a play network, of another schema, or with
                graphs of other weights; or ``"onnx"`` of a run that has not been exported.
            RequestError: An unknown engine, or one whose package is not installed.
        """
        folder = Path(folder)
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
            self._read(unread, step)
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
        return _forecasts(cdf, [play.context], [number], released=True)[0]

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
        forecasts = _forecasts(cdf, contexts, numbers, released=False)
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
        return _forecasts(cdf, contexts, numbers, released=True)

    def _forecast_to_nobody(self, play: PlayFrames, frames: Singles) -> Forecast:
        """The forecast of a play whose target is unknown: that of its last frame."""
        live = self.start(play.context)
        for number, frame in enumerate(frames):
            live.push(number, frame)
        return live.release(play.target_slot)

    def _padded(self, frames: int) -> int:
        """Frames that a play is padded to: a multiple of the stride and one more."""
        seen, stride = min(frames, self._sizes.receptive_field) - 1, self._sizes.stride
        return -(-max(seen, 1) // stride) * stride + 1


class LivePlay:
    """A play in progress, from `PlayPredictor.start`.

    The rule for frames, the same that `dropback.tracking.ingest._gaps` has for files:

    - Frames are numbered from 0 at the snap, ten a second. Number ``n`` after number ``n - 1``
      gives the forecast of frame ``n``.
    - The newest number once more is a duplicate, an older number is late: both are ignored and
      counted, and no forecast is given.
    - A player whose x is NaN in a frame, or a frame that is skipped, is a hole. While a hole is
      open the player stays at the last known place; when seen again, the hole is filled by a
      straight line and the networks read those frames anew, so that every forecast is that of the
      file up to its frame. The forecasts of skipped frames are given together with that of the
      frame after them; forecasts given before are not recalled.
    - A player not yet seen holds the forecasts back; the first known place then fills the hole.
    - A hole of more than 3 frames (0.3 s) ends the play: `push` raises, then and ever after.
    - After the release no frame is taken.

    A frame that is refused for its shape or its values leaves the play as it was.

    Attributes:
        context: What was known before the snap.
        counts: How many frames were taken, ignored and filled so far.
        ended: Why no further frame is taken, in a sentence; None while the play is on.
    """

    def __init__(self, predictor: PlayPredictor, context: PlayContext, start: Snapshot) -> None:
        self.context = context
        self.counts = FrameCounts()
        self.ended: str | None = None
        self._predictor = predictor
        # Nothing up to the anchor will change; the pending frames after it, as they came, may.
        self._anchor = start
        self._pending: tuple[Singles, ...] = ()
        # The play before its newest frame, and that frame, complete.
        self._before = start
        self._newest = start.frame
        self._last_emitted = -1

    @property
    def frame(self) -> int:
        """Number of the newest frame, -1 before the first."""
        return self._anchor.number + len(self._pending)

    def push(self, number: int, frame: Singles) -> tuple[Forecast, ...]:
        """Take a frame.

        Args:
            number: Of the frame, 0 at the snap.
            frame: Canonical, shape ``(23, 6)`` by `dropback.tracking._schema.FRAME_QUANTITIES`:
                slots 0 to 10 the offense, 11 to 21 the defense, 22 the ball, which is never
                read. Of a player who is seen only the acceleration and the orientation may be
                NaN, and the direction of one who stands.

        Returns:
            The forecasts that became possible, in order of their frames: one as a rule, none for
            a frame that is ignored, several where skipped frames were filled.

        Raises:
            LiveError: A frame of another shape or with values that no field has, a play that has
                ended, or a hole too long.
        """
        (result,) = self._predictor.push_many([(self, number, frame)])
        if isinstance(result, LiveError):
            raise result
        return result

    def release(self, target_slot: int | None) -> Forecast:
        """The forecast at the newest frame, now that the ball has left the hand there.

        Args:
            target_slot: Slot of the intended receiver, 0 to 10; None where it is unknown.

        Raises:
            LiveError: No forecast yet, a play that has ended, or no such slot.
        """
        self._require_on()
        if self._before.number + 1 != self.frame or self.frame < 0:
            raise LiveError(
                "A release needs a frame by which every player has been seen, got "
                f"{self.frame + 1} frames: push the frame of the release first."
            )
        forecast = self._predictor.forecast_release(self, self._before, self._newest, target_slot)
        self.ended = f"The ball was released at frame {self.frame}: start another play."
        return forecast

    def state(self) -> bytes:
        """All that `PlayPredictor.resume` needs to go on, in another process too.

        A NumPy ``.npz`` of about 50 KB at 64 channels: the context, the counts, and of the frames
        only the newest and those of an open hole.
        """
        facts = {
            "format": _STATE_FORMAT,
            "digest": self._predictor.digest,
            "context": asdict(self.context),
            "counts": self.counts._asdict(),
            "ended": self.ended,
            "last_emitted": self._last_emitted,
            "numbers": [self._anchor.number, self._before.number],
        }
        arrays: dict[str, NDArray[Any]] = {
            "facts": np.frombuffer(json.dumps(facts).encode(), np.uint8),
            "pending": np.array(self._pending, np.float32).reshape(-1, *self._newest.shape),
            "newest": self._newest,
        }
        for name, snapshot in (("anchor", self._anchor), ("before", self._before)):
            arrays |= {f"{name}_{field}": getattr(snapshot, field) for field in _ARRAYS}
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        return content.getvalue()

    @classmethod
    def restored(cls, predictor: PlayPredictor, state: bytes) -> LivePlay:
        """See `PlayPredictor.resume`."""
        facts, arrays = _unpacked(state)
        if facts["digest"] != predictor.digest:
            raise LiveError(
                f"A state must be of the same networks ({predictor.digest[:12]}), got one of "
                f"{facts['digest'][:12]}: start the play anew."
            )
        anchor, before = (
            Snapshot(number, *(arrays[f"{name}_{field}"] for field in _ARRAYS))
            for name, number in zip(("anchor", "before"), facts["numbers"], strict=True)
        )
        eligible = tuple(facts["context"].pop("eligible"))
        play = cls(predictor, PlayContext(**facts["context"], eligible=eligible), anchor)
        play.counts = FrameCounts(**facts["counts"])
        play.ended = facts["ended"]
        play._pending = tuple(arrays["pending"])
        play._before, play._newest = before, arrays["newest"]
        play._last_emitted = facts["last_emitted"]
        return play

    def prepare(self, number: int, frame: Singles) -> tuple[Snapshot, tuple[Singles, ...]]:
        """Take a frame into the play, and say which frames the networks have to read for it.

        Returns:
            The snapshot from which reading goes on, and the complete frames to read from there:
            none where the frame was ignored or forecasts are held back.

        Raises:
            LiveError: As in `push`.
        """
        self._require_on()
        frame, complete = checked_frame(frame)
        if number <= self.frame:
            if number == self.frame:
                self.counts = self.counts._replace(duplicates=self.counts.duplicates + 1)
            else:
                self.counts = self.counts._replace(late=self.counts.late + 1)
            return self._anchor, ()
        skipped = number - self.frame - 1
        if complete and not skipped and not self._pending:
            self.counts = self.counts._replace(taken=self.counts.taken + 1)
            return self._anchor, (np.array(frame),)
        return self._anchor, self._bridged(np.array(frame), skipped)

    def apply(self, snapshots: list[Snapshot], forecasts: list[Forecast]) -> tuple[Forecast, ...]:
        """Move on to where the frames of `prepare` led.

        Args:
            snapshots: The anchor, and one after each of the frames.
            forecasts: Of the frames.

        Returns:
            The forecasts not given before.
        """
        self._before, self._newest = snapshots[-2], snapshots[-1].frame
        settled = len(snapshots) - 1 - len(self._pending)
        self._anchor = snapshots[settled]
        fresh = tuple(forecast for forecast in forecasts if forecast.frame > self._last_emitted)
        self._last_emitted = snapshots[-1].number
        return fresh

    def _bridged(self, frame: Singles, skipped: int) -> tuple[Singles, ...]:
        """Fill the holes between the anchor and a frame; keep pending what a later one closes."""
        number = self.frame + skipped + 1
        if skipped > MAX_GAP_FRAMES:
            self._end(f"frames {self.frame + 1} to {number - 1} never came")
        absent = np.full_like(frame, np.nan)
        seen = (*self._pending, *[absent] * skipped, frame)
        begun = self._anchor.number >= 0
        window = np.stack([self._anchor.frame, *seen] if begun else seen)
        hole = np.isnan(window[:, :PLAYERS, X])
        never_seen = hole.all(axis=0)
        if never_seen.any() and len(window) <= MAX_GAP_FRAMES:
            filled = None
        else:
            # `fill_gaps` needs a known place: a player not seen at all is one hole.
            gaps = (
                None
                if never_seen.any()
                else fill_gaps(window, np.array([0, len(window)]), _ALL_SLOTS)
            )
            if gaps is None or gaps.too_long[0]:
                slot = int((never_seen if gaps is None else hole.sum(axis=0)).argmax())
                self._end(f"slot {slot} was not seen for more than {MAX_GAP_FRAMES} frames")
            filled = tuple(window[begun:])
        self.counts = self.counts._replace(
            taken=self.counts.taken + 1, filled=self.counts.filled + skipped
        )
        if filled is None:
            self._pending = seen
            return ()
        hole = hole[begun:]
        # Frames since the first hole that is still open at the newest frame.
        open_frames = np.cumprod(hole[::-1][:, hole[-1]], axis=0).sum(axis=0).max(initial=0)
        self._pending = seen[len(seen) - int(open_frames) :]
        return filled

    def _require_on(self) -> None:
        if self.ended is not None:
            raise LiveError(self.ended)

    def _end(self, reason: str) -> None:
        self.ended = (
            f"The play ended after frame {self.frame}, {reason}: at most {MAX_GAP_FRAMES} frames "
            "(0.3 s) are filled by straight lines."
        )
        raise LiveError(self.ended)


def _forecasts(
    cdf: Singles,
    contexts: Sequence[PlayContext],
    numbers: Sequence[int],
    *,
    released: bool,
) -> list[Forecast]:
    """A forecast of each row."""
    return [
        Forecast(number, released, of_play, context.yards_max)
        for number, of_play, context in zip(numbers, cdf, contexts, strict=True)
    ]


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


def _unpacked(state: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The facts and the arrays of a `LivePlay.state`.

    Raises:
        LiveError: Other bytes, or those of another version.
    """
    try:
        with np.load(io.BytesIO(state), allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        facts = json.loads(arrays.pop("facts").tobytes())
        version = facts.pop("format")
    except Exception as error:  # a zip file can be damaged in a dozen ways, each with its class
        raise LiveError(
            f"A state must be what `LivePlay.state` gave, got other bytes ({error})."
        ) from None
    if version != _STATE_FORMAT:
        raise LiveError(
            f"A state must be of format {_STATE_FORMAT}, got {version!r}: start the play anew."
        )
    return facts, arrays


def _stacked(arrays: list[Singles]) -> Singles:
    """Arrays above each other, without a copy of a single one."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


def _joined(contexts: Sequence[PlayContext]) -> ContextArrays:
    """Contexts above each other, without a copy of a single one."""
    if len(contexts) == 1:
        return contexts[0].arrays
    arrays = zip(*(context.arrays for context in contexts), strict=True)
    return ContextArrays(*map(np.concatenate, arrays))
