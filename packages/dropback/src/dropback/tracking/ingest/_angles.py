"""Compare recorded angles with displacements by each reading that files have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.tracking._blocks import X, Y
from dropback.tracking._schema import BALL_SLOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dropback._arrays import Flags, Floats, Integers, Singles
    from dropback.tracking._blocks import PlayBlock

# Where a compass angle of the file's reading is (sign * angle + offset) mod 360.
ANGLE_READINGS: Final = {
    "compass degrees": (1.0, 0.0),
    "compass degrees, rotated by 180": (1.0, 180.0),
    "compass degrees, 90 too low": (1.0, 90.0),
    "compass degrees, 90 too high": (1.0, -90.0),
    "compass degrees, mirrored": (-1.0, 0.0),
    "mathematical degrees": (-1.0, 90.0),
    "mathematical degrees, rotated by 180": (-1.0, 270.0),
}

# Either side by itself has few angles of another sense than the other's: of the directions of the
# offense, and of the defense, .997 and more are within 45 degrees in all seasons of the real sets;
# of orientations at the snap .92 and more are within 60, and .818 of the eleven of a play. Where
# one team's are turned, half are or none.
_LEAST_SHARE: Final = 0.9
_CLOSE_DEG: Final = 45.0
_LEAST_SHARE_FACING: Final = 0.6
_CLOSE_FACING_DEG: Final = 60.0
_FEW: Final = 8
_APART: Final = 0.3


@dataclass(frozen=True)
class Angles:
    """Recorded angles of one kind beside the true ones.

    Args:
        angle: As recorded, made degrees.
        true_angle: Compass degrees.
        offense: Whose of them are players of the offense.
        play: The place of the play of each in `block`.
        block: Their plays.
        facing: Whether they are where players face, and not where they go.
    """

    angle: Floats
    true_angle: Floats
    offense: Flags
    play: Integers
    block: PlayBlock
    facing: bool

    def holds(self, reading: tuple[float, float]) -> bool:
        """Whether nearly all of either side's angles are the true ones by a reading."""
        close = self._close(reading)
        least = _LEAST_SHARE_FACING if self.facing else _LEAST_SHARE
        return all(
            close[side].mean() >= least
            for side in (self.offense, ~self.offense)
            if side.sum() >= _FEW
        )

    def apart(self, reading: tuple[float, float]) -> str:
        """Whose angles a reading fits and whose it does not, as recorded, in words."""
        close, off = self._close(reading), self._off((1.0, 0.0))
        parts = [
            (abs(close[part].mean() - close[~part].mean()), part, name, others)
            for part, name, others in self._parts()
            if min(part.sum(), (~part).sum()) >= _FEW
        ]
        apart, part, name, others = max(parts, key=lambda part: part[0], default=(0, None, "", ""))
        if part is None or apart < _APART:
            return f"; by that {close.mean():.0%} are within {self._reach():.0f} degrees"
        return f"; {median(off[part]):.1f} of {name}, {median(off[~part]):.1f} of {others}"

    def _parts(self) -> Iterator[tuple[Flags, str, str]]:
        yield self.offense, "the offense", "the defense"
        plays = self.block.plays
        if not plays["home_team"].null_count() and not plays["offense"].null_count():
            has_ball = (plays["offense"] == plays["home_team"]).to_numpy()
            yield has_ball[self.play] == self.offense, "the home team", "the visiting team"
        games = plays["game_id"].to_numpy()
        for game in np.unique(games).tolist():
            yield (games == game)[self.play], f"game {game}", "the other games"

    def _reach(self) -> float:
        return _CLOSE_FACING_DEG if self.facing else _CLOSE_DEG

    def _close(self, reading: tuple[float, float]) -> Flags:
        return np.asarray(self._off(reading) < self._reach())

    def _off(self, reading: tuple[float, float]) -> Floats:
        return errors_of(self.angle, self.true_angle, *reading)


def steps_of(block: PlayBlock, quantity: int) -> tuple[Singles, Singles, Singles]:
    """Displacements of players along x and y, yards, and a quantity where each ends."""
    inside = block.frame_in_play[1:] > 0
    players = block.frames[:, :BALL_SLOT]
    along, across = (np.diff(players[..., axis], axis=0)[inside] for axis in (X, Y))
    return along, across, players[1:, :, quantity][inside]


def errors_of(angle: Floats, true_angle: Floats, sign: float, offset: float) -> Floats:
    """Angles between angles by a reading and true ones, degrees."""
    return np.asarray(np.abs((sign * angle + offset - true_angle + 180.0) % 360.0 - 180.0))


def median_error(angle: Floats, true_angle: Floats, sign: float, offset: float) -> float:
    """Median angle between angles by a reading and true ones, degrees."""
    return median(errors_of(angle, true_angle, sign, offset))


def best_reading(
    angle: Floats, true_angle: Floats, signs: tuple[float, ...]
) -> tuple[str, dict[str, float]]:
    """The best reading of the signs, and the median error of each, degrees."""
    errors = {
        name: median_error(angle, true_angle, sign, offset)
        for name, (sign, offset) in ANGLE_READINGS.items()
        if sign in signs or name == "compass degrees"
    }
    return min(errors, key=lambda name: errors[name]), errors


def median(values: Floats) -> float:
    """Median of what is finite, infinite for nothing."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else np.inf
