"""One play in progress: the rule by which its frames are taken, one after another."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

import numpy as np

from dropback.errors import LiveError
from dropback.live._continuity import Doubt, frame_doubts
from dropback.live._inputs import VELOCITIES, PlayContext, checked_frame
from dropback.live._state import pack_state, unpack_state
from dropback.tracking._blocks import X
from dropback.tracking._schema import FRAME_QUANTITIES, PLAYERS, SLOTS
from dropback.tracking.ingest._gaps import MAX_GAP_FRAMES, fill_gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropback._arrays import Singles
    from dropback.live._forecast import Forecast

_ARRAYS: Final = ("frame", "velocities", "history")
_ALL_SLOTS: Final = np.ones((1, SLOTS), bool)


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


class FrameReader(Protocol):
    """What a play needs of the predictor that started it."""

    @property
    def digest(self) -> str:
        """SHA-256 of all weights."""

    def push_many(
        self, frames: Sequence[tuple[LivePlay, int, Singles]]
    ) -> list[tuple[Forecast, ...] | LiveError]:
        """See `PlayPredictor.push_many`."""

    def forecast_release(
        self, play: LivePlay, before: Snapshot, frame: Singles, target_slot: int | None
    ) -> Forecast:
        """See `PlayPredictor.forecast_release`."""


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
        doubts: What no play can show in the frames taken so far; the forecasts stand on it.
        ended: Why no further frame is taken, in a sentence; None while the play is on.
    """

    def __init__(self, predictor: FrameReader, context: PlayContext, start: Snapshot) -> None:
        self.context = context
        self.counts = FrameCounts()
        self.doubts: tuple[Doubt, ...] = ()
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
        if self._last_emitted != self.frame or self.frame < 0:
            raise LiveError(
                "A release needs a frame by which every player has been seen, got "
                f"{self.frame + 1} frames: push the frame of the release first."
            )
        forecast = self._predictor.forecast_release(self, self._before, self._newest, target_slot)
        self.ended = f"The ball was released at frame {self.frame}: start another play."
        return forecast

    def state(self) -> bytes:
        """All that `PlayPredictor.resume` needs to go on, in another process too.

        A NumPy ``.npz`` of about 50 KB at 64 channels: the context, the counts, the doubts, and of
        the frames only the newest and those of an open hole.
        """
        facts = {
            "digest": self._predictor.digest,
            "context": asdict(self.context),
            "counts": self.counts._asdict(),
            "doubts": self.doubts,
            "ended": self.ended,
            "last_emitted": self._last_emitted,
            "numbers": [self._anchor.number, self._before.number],
        }
        arrays = {
            "pending": np.array(self._pending, np.float32).reshape(-1, *self._newest.shape),
            "newest": self._newest,
        }
        for name, snapshot in (("anchor", self._anchor), ("before", self._before)):
            arrays |= {f"{name}_{field}": getattr(snapshot, field) for field in _ARRAYS}
        return pack_state(facts, arrays)

    @classmethod
    def restored(cls, predictor: FrameReader, state: bytes) -> LivePlay:
        """See `PlayPredictor.resume`."""
        facts, arrays = unpack_state(state)
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
        play.doubts = tuple(Doubt(*doubt) for doubt in facts["doubts"])
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
        doubts = frame_doubts(
            (self.frame, self._newest), number, frame, self.context.line_of_scrimmage_x_yd
        )
        if complete and not skipped and not self._pending:
            self.counts = self.counts._replace(taken=self.counts.taken + 1)
            filled: tuple[Singles, ...] = (np.array(frame),)
        else:
            filled = self._bridged(np.array(frame), skipped)
        self.doubts += doubts
        return self._anchor, filled

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
        when = f"after frame {self.frame}" if self.frame >= 0 else "before its first frame"
        self.ended = (
            f"The play ended {when}, {reason}: at most {MAX_GAP_FRAMES} frames (0.3 s) are "
            "filled by straight lines."
        )
        raise LiveError(self.ended)
