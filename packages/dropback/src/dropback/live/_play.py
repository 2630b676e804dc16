"""A play in progress: its frames come one by one, in whatever order the wire has them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from dropback.errors import LiveError
from dropback.live._columns import SituationArrays, checked_frames
from dropback.live._situation import Situation
from dropback.live._state import pack, unpack
from dropback.tracking._blocks import X
from dropback.tracking._kernels import HISTORY_FRAMES
from dropback.tracking._schema import FRAME_QUANTITIES, PLAYERS, SLOTS
from dropback.tracking.ingest._gaps import MAX_GAP_FRAMES, fill_gaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback.live._forecast import Forecast
    from dropback.live._predictor import PlayPredictor

__all__ = ["FrameCounts", "LivePlay", "Mark"]

_MARKED: Final = ("frame", "velocities", "history")
_EVERYONE: Final = np.ones((1, SLOTS), bool)


@dataclass(frozen=True)
class FrameCounts:
    """What came of the frames of a play.

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


class Mark(NamedTuple):
    """Where a play stands after a frame; nothing in it is ever changed.

    Attributes:
        number: Of the frame, -1 before the first.
        frame: The frame, complete, shape ``(23, 6)``; NaN before the first.
        velocities: See `newest_player_features`, shape ``(5, 22, 2)``.
        history: What the networks keep, shape ``(H,)``.
    """

    number: int
    frame: NDArray[np.float32]
    velocities: NDArray[np.float32]
    history: NDArray[np.float32]

    @classmethod
    def before_snap(cls, history_size: int) -> Mark:
        """Where a play stands before its first frame."""
        return cls(
            number=-1,
            frame=np.full((SLOTS, len(FRAME_QUANTITIES)), np.nan, np.float32),
            velocities=np.zeros((HISTORY_FRAMES, PLAYERS, 2), np.float32),
            history=np.zeros(history_size, np.float32),
        )


class LivePlay:
    """A play in progress, from `PlayPredictor.start`.

    The rule for frames, the same that `dropback.tracking.ingest._gaps` has for files:

    - Frames are numbered from 0 at the snap, ten a second. Number ``n`` after number ``n - 1``
      gives the forecast of frame ``n``.
    - The newest number once more is a duplicate, an older number is late: both are ignored and
      counted, and no forecast is given.
    - A man whose x is NaN in a frame, or a frame that is skipped, is a hole. While a hole is open
      the man stays at his last place; when he is seen again, the hole is filled by a straight
      line and the networks read those frames anew, so that every forecast is that of the file up
      to its frame. The forecasts of skipped frames are given together with that of the frame
      after them; forecasts given before are not recalled.
    - A man not yet seen holds the forecasts back; then his first place fills the hole.
    - A hole of more than 3 frames (0.3 s) ends the play: `push` raises, then and ever after.
    - After the release no frame is taken.

    A frame that is refused for its shape or its values leaves the play as it was.

    Attributes:
        situation: What was known before the snap.
        counts: What came of the frames so far.
        ended: Why no further frame is taken, in a sentence; None while the play is on.
    """

    def __init__(self, predictor: PlayPredictor, situation: Situation, start: Mark) -> None:
        self.situation = situation
        self.counts = FrameCounts()
        self.ended: str | None = None
        self.arrays = SituationArrays(situation)
        self._predictor = predictor
        # Nothing up to the anchor will change; the frames after it, as they came, still may.
        self._anchor = start
        self._open: tuple[NDArray[np.float32], ...] = ()
        # Where the play stood before its newest frame, and that frame, complete.
        self._before = start
        self._newest = start.frame
        self._told = -1

    @property
    def frame(self) -> int:
        """Number of the newest frame, -1 before the first."""
        return self._anchor.number + len(self._open)

    def push(self, number: int, frame: NDArray[np.float32]) -> tuple[Forecast, ...]:
        """Take a frame.

        Args:
            number: Of the frame, 0 at the snap.
            frame: Canonical, shape ``(23, 6)`` by `dropback.tracking._schema.FRAME_QUANTITIES`:
                slots 0 to 10 the offense, 11 to 21 the defense, 22 the ball, which is never
                read. Of a man who is seen only the acceleration and the orientation may be NaN,
                and the direction while he stands.

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
            target_slot: Slot of the man thrown to, 0 to 10; None where nobody knows.

        Raises:
            LiveError: No forecast yet, a play that has ended, or no such slot.
        """
        self._require_on()
        if self._before.number + 1 != self.frame or self.frame < 0:
            raise LiveError(
                "A release needs a frame in which every man has been seen, got "
                f"{self.frame + 1} frames: push the frame of the release first."
            )
        forecast = self._predictor.released(self, self._before, self._newest, target_slot)
        self.ended = f"The ball was released at frame {self.frame}: start another play."
        return forecast

    def state(self) -> bytes:
        """All that `PlayPredictor.resume` needs to go on, in another process too.

        A NumPy ``.npz`` of about 50 KB at 64 channels: the situation, the counts, and of the
        frames only the newest and those of an open hole.
        """
        facts = {
            "digest": self._predictor.digest,
            "situation": asdict(self.situation),
            "counts": asdict(self.counts),
            "ended": self.ended,
            "told": self._told,
            "numbers": [self._anchor.number, self._before.number],
        }
        open_frames = np.array(self._open, np.float32).reshape(-1, *self._newest.shape)
        arrays = {"open": open_frames, "newest": self._newest}
        for name, mark in (("anchor", self._anchor), ("before", self._before)):
            arrays |= {f"{name}_{part}": getattr(mark, part) for part in _MARKED}
        return pack(facts, arrays)

    @classmethod
    def restored(cls, predictor: PlayPredictor, state: bytes) -> LivePlay:
        """See `PlayPredictor.resume`."""
        facts, arrays = unpack(state)
        if facts["digest"] != predictor.digest:
            raise LiveError(
                f"A state must be of the same networks ({predictor.digest[:12]}), got one of "
                f"{facts['digest'][:12]}: start the play anew."
            )
        anchor, before = (
            Mark(number, *(arrays[f"{name}_{part}"] for part in _MARKED))
            for name, number in zip(("anchor", "before"), facts["numbers"], strict=True)
        )
        eligible = tuple(facts["situation"].pop("eligible"))
        play = cls(predictor, Situation(**facts["situation"], eligible=eligible), anchor)
        play.counts = FrameCounts(**facts["counts"])
        play.ended = facts["ended"]
        play._open = tuple(arrays["open"])
        play._before, play._newest = before, arrays["newest"]
        play._told = facts["told"]
        return play

    def plan(
        self, number: int, frame: NDArray[np.float32]
    ) -> tuple[Mark, tuple[NDArray[np.float32], ...]]:
        """Take a frame into the play, and say what has to be read for it.

        Returns:
            Where reading goes on from, and the complete frames to read from there: none where the
            frame was ignored or forecasts are held back.

        Raises:
            LiveError: As in `push`.
        """
        self._require_on()
        frame, complete = checked_frames(frame, single=True)
        if number <= self.frame:
            if number == self.frame:
                self.counts = replace(self.counts, duplicates=self.counts.duplicates + 1)
            else:
                self.counts = replace(self.counts, late=self.counts.late + 1)
            return self._anchor, ()
        skipped = number - self.frame - 1
        if complete and not skipped and not self._open:
            self.counts = replace(self.counts, taken=self.counts.taken + 1)
            return self._anchor, (np.array(frame),)
        return self._anchor, self._bridged(np.array(frame), skipped)

    def accept(self, marks: list[Mark], forecasts: list[Forecast]) -> tuple[Forecast, ...]:
        """Go on to where the frames of `plan` led.

        Args:
            marks: After the anchor and each of the frames.
            forecasts: Of the frames.

        Returns:
            The forecasts not given before.
        """
        self._before, self._newest = marks[-2], marks[-1].frame
        settled = len(marks) - 1 - len(self._open)
        self._anchor = marks[settled]
        fresh = tuple(forecast for forecast in forecasts if forecast.frame > self._told)
        self._told = marks[-1].number
        return fresh

    def _bridged(self, frame: NDArray[np.float32], skipped: int) -> tuple[NDArray[np.float32], ...]:
        """Fill the holes between the anchor and a frame, and keep open what a later one closes."""
        number = self.frame + skipped + 1
        if skipped > MAX_GAP_FRAMES:
            self._end(f"frames {self.frame + 1} to {number - 1} never came")
        absent = np.full_like(frame, np.nan)
        seen = (*self._open, *[absent] * skipped, frame)
        begun = self._anchor.number >= 0
        window = np.stack([self._anchor.frame, *seen] if begun else seen)
        hole = np.isnan(window[:, :PLAYERS, X])
        never_seen = hole.all(axis=0)
        if never_seen.any() and len(window) <= MAX_GAP_FRAMES:
            filled = None
        else:
            # `fill_gaps` needs a place to go by: a man not seen at all is one hole.
            gaps = (
                None
                if never_seen.any()
                else fill_gaps(window, np.array([0, len(window)]), _EVERYONE)
            )
            if gaps is None or gaps.too_long[0]:
                slot = int((never_seen if gaps is None else hole.sum(axis=0)).argmax())
                self._end(f"slot {slot} was not seen for more than {MAX_GAP_FRAMES} frames")
            filled = tuple(window[begun:])
        self.counts = replace(
            self.counts, taken=self.counts.taken + 1, filled=self.counts.filled + skipped
        )
        hole = hole[begun:]
        still_open = hole[-1] if filled is not None else np.ones(PLAYERS, bool)
        # Frames since the first hole that is still open at the newest frame.
        run = np.cumprod(hole[::-1][:, still_open], axis=0).sum(axis=0).max(initial=0)
        self._open = seen[len(seen) - int(run) :] if filled is not None else seen
        return filled or ()

    def _require_on(self) -> None:
        if self.ended is not None:
            raise LiveError(self.ended)

    def _end(self, reason: str) -> None:
        self.ended = (
            f"The play ended after frame {self.frame}, {reason}: at most {MAX_GAP_FRAMES} frames "
            "(0.3 s) are filled by straight lines."
        )
        raise LiveError(self.ended)
