"""How players move toward the velocities that they want: sharply, or with real inertia.

``sharp`` is the manner that every published figure of the league rests on: players gather and lose
speed about 1.4 times as fast as real ones. ``real`` was chosen so that gains of speed are those of
half of the 217 real dropbacks at hand, those with even play ids; `research/league_motion.py` holds
it against the other half too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from dropback.simulation.tracking._lineup import DEFENSE, ELIGIBLE, LINE, PASSER
from dropback.tracking._schema import PLAYERS

if TYPE_CHECKING:
    from dropback._arrays import Floats
    from dropback.simulation.tracking._calls import Calls
    from dropback.simulation.tracking._settings import MannerName


@dataclass(frozen=True)
class Manner:
    """Limits of the players' motion, ``N`` plays of 22, shape ``(N, 22)`` each.

    Args:
        agility: Factor of the greatest acceleration.
        ease_yd_per_s: A wanted change of velocity below this is made only in part: nobody
            corrects a small difference at once. 0: made whole.
        inertia: Standard deviation, in frames, of the smoothing of a track. 0: none.
    """

    agility: Floats
    ease_yd_per_s: Floats
    inertia: Floats

    def eased(self, velocity: Floats, desired: Floats) -> Floats:
        """What players do of what they want, shape ``(N, 22, 2)``."""
        if not self.ease_yd_per_s.any():
            return desired
        gap = desired - velocity
        share = np.hypot(gap[..., 0], gap[..., 1]) / np.maximum(self.ease_yd_per_s, 1e-9)
        return np.asarray(velocity + gap * np.minimum(share, 1.0)[..., None])

    def smoothed(self, xy: Floats) -> Floats:
        """Tracks from the snap on, shape ``(N, T, 22, 2)``, that turn and brake with inertia.

        All start from rest where they stood. A track is smoothed by what comes after a frame too:
        the distribution of a throw is that of the smoothed frames.
        """
        if not self.inertia.any():
            return xy
        smooth = xy.copy()
        frames = xy.shape[1]
        for inertia in np.unique(self.inertia[self.inertia > 0]).tolist():
            play, slot = np.nonzero(self.inertia == inertia)
            track = xy[play, :, slot]
            # Mirrored about the snap, so that nobody moves at it; what the mirror moves goes back
            # within a second or two.
            reach = min(round(3 * inertia), frames - 1)
            ends = np.repeat(track[:, -1:], reach, axis=1)
            whole = np.concatenate([track[:, reach:0:-1], track, ends], axis=1)
            run = gaussian_filter1d(whole, inertia, axis=1, radius=reach)[:, reach : reach + frames]
            fades = np.exp(-0.5 * (np.arange(frames) / (2 * inertia)) ** 2)
            smooth[play, :, slot] = run - (run[:, :1] - track[:, :1]) * fades[:, None]
        return smooth


# Agility, ease and inertia by what a player does.
_REAL: Final = {
    "passer": (1.5, 6.0, 3.3),
    "receiver": (1.0, 2.0, 9.0),
    "blocker": (1.3, 2.0, 5.4),
    "rusher": (1.15, 1.5, 1.4),
    "coverage": (1.2, 2.5, 6.0),
}


def manner_of(name: MannerName, calls: Calls) -> Manner:
    """The limits of each player by what the calls have him do."""
    plays = len(calls.blocks)
    limits = np.zeros((plays, PLAYERS, 3))
    limits[..., 0] = 1.0
    if name == "real":
        limits[:, PASSER] = _REAL["passer"]
        limits[:, LINE] = _REAL["blocker"]
        limits[:, ELIGIBLE] = np.where(calls.blocks[..., None], _REAL["blocker"], _REAL["receiver"])
        limits[:, DEFENSE] = np.where(calls.rushes[..., None], _REAL["rusher"], _REAL["coverage"])
    agility, ease, inertia = np.moveaxis(limits, -1, 0)
    return Manner(agility, ease, inertia)
