"""Simulate the plays between the targeted attempts: sacks, scrambles, throw-aways, designed runs.

Which play becomes which, and its yards, are those of the play-by-play league, drawn before the
snap; the frames are made to show them. They say nothing about when a passer is sacked or runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.data._field import FIELD_WIDTH_YD, GOAL_LINE_X_YD
from dropback.simulation._play_calls import Kind
from dropback.simulation.tracking._after_release import Ending, Tracks, at_release, play_on
from dropback.simulation.tracking._before_release import ACCELERATION, Dropbacks, play_dropbacks
from dropback.simulation.tracking._calls import Calls, call_plays
from dropback.simulation.tracking._designed_runs import hand_off
from dropback.simulation.tracking._lineup import BACK, ELIGIBLE, FRAME_S, PASSER, norm
from dropback.simulation.tracking._manner import manner_of
from dropback.simulation.tracking._motion import Motion, measure_motion
from dropback.simulation.tracking._release_distribution import throw_flight
from dropback.simulation.tracking._snap_state import SnapState

if TYPE_CHECKING:
    from numpy.random import SeedSequence

    from dropback._arrays import Flags, Floats, Integers
    from dropback.simulation._league import League
    from dropback.simulation.tracking._settings import MannerName

KINDS: Final = (Kind.SACK, Kind.SCRAMBLE, Kind.THROW_AWAY, Kind.RUN)

# No depth is called on a sack or scramble; throws of play-by-play are 8 yards deep on average.
_USUAL_DEPTH_YD: Final = 8
# Yards a second of who is about to be sacked, of a scrambler and of a back.
_PACES: Final = {Kind.SACK: 4.0, Kind.SCRAMBLE: 5.0, Kind.RUN: 5.4}


@dataclass(frozen=True)
class OtherPlays:
    """The other plays of a week, ``N`` of them; fields that `Week` has too are alike.

    Args:
        attempts: Their rows of `other_plays`.
        kind: What each is, a `Kind` of `KINDS`, shape ``(N,)``.
        snap: Their state at the snap.
        calls: What both sides called.
        tracks: All positions to the whistle. The release is that of a throw-away, the handoff of a
            run, and else the frame in which the passer tucks the ball.
        contact: Frame in which the carrier is first touched; that of the whistle on a throw-away.
        rotated: Which plays go to the left in the stadium.
        motion: The rows of the feed.
    """

    attempts: pl.DataFrame
    kind: Integers
    snap: SnapState
    calls: Calls
    tracks: Tracks
    contact: Integers
    rotated: Flags
    motion: Motion


def other_plays(league: League, attempts: pl.DataFrame) -> pl.DataFrame:
    """The other plays of a play-by-play league up to the last attempt that is taken.

    Kneels, spikes, kicks, tries and penalties are none of them.

    Args:
        league: The league.
        attempts: The targeted attempts that are taken of it, in order.

    Returns:
        Their rows of play-by-play in the order of ``attempts``, with ``kind`` and
        ``edge_yd`` (0: nothing is drawn by it), and the passer of runs too.
    """
    passer = pl.col("passer_player_id", "passer_player_name").drop_nulls().first()
    rows = (
        league.plays.filter(pl.col("play_type").is_in(["pass", "run"]))
        .sort("season", "week", "old_game_id", "play_id")
        .with_columns(passer.over("old_game_id", "posteam"), edge_yd=pl.lit(0.0))
    )
    key = ["old_game_id", "play_id"]
    taken = rows.select(pl.struct(key).is_in(attempts.select(pl.struct(key)).to_series().implode()))
    targeted = pl.col("receiver_player_id").is_not_null()
    kneels = pl.col("rusher_player_id") == pl.col("passer_player_id")
    kind = (
        pl.when(pl.col("sack") == 1)
        .then(Kind.SACK)
        .when(pl.col("qb_scramble") == 1)
        .then(Kind.SCRAMBLE)
        .when((pl.col("play_type") == "pass") & ~targeted & (pl.col("qb_spike") == 0))
        .then(Kind.THROW_AWAY)
        .when((pl.col("play_type") == "run") & ~kneels)
        .then(Kind.RUN)
    )
    last = int(taken.to_series().arg_true()[-1])
    return rows.head(last).with_columns(kind=kind).drop_nulls("kind")


def play_others(
    attempts: pl.DataFrame, quickness: Floats, manner_name: MannerName, streams: SeedSequence
) -> OtherPlays:
    """Simulate other plays to the whistle.

    Args:
        attempts: Rows of `other_plays`, ``N`` of them.
        quickness: By team and slot, shape ``(32, 22)``.
        manner_name: How players move.
        streams: Source of randomness.
    """
    calling, playing, ending, measuring = map(np.random.default_rng, streams.spawn(4))
    depth = pl.col("air_yards").fill_null(_USUAL_DEPTH_YD)
    snap = SnapState.from_attempts(attempts.with_columns(depth), quickness)
    kind = attempts["kind"].to_numpy()
    runs = kind == Kind.RUN
    calls = call_plays(snap, calling)
    calls = replace(
        calls,
        # All block for a run, and nobody rolls out by design to be sacked.
        blocks=calls.blocks | runs[:, None],
        rollout=np.where(runs | (kind == Kind.SACK), 0.0, calls.rollout),
        play_action=calls.play_action & ~runs,
    )
    manner = manner_of(manner_name, calls)
    # Smoothed to the whistle: what follows the release is in the window of a sack.
    unsmoothed = replace(manner, inertia=np.zeros_like(manner.inertia))
    acceleration = ACCELERATION * snap.quickness * manner.agility
    held = play_dropbacks(snap, calls, unsmoothed, playing, throws=False)
    handed = hand_off(snap, calls, acceleration, playing)
    xy = held.xy
    frames = min(xy.shape[1], handed.xy.shape[1])
    xy[runs, :frames] = handed.xy[runs, :frames]
    before = Dropbacks(xy, np.where(runs, handed.release, held.release), held.target)
    tracks = play_on(snap, calls, before, _ending(attempts, snap, before, ending), ending, manner)
    lasts = tracks.whistle - tracks.release
    contact = tracks.whistle - np.minimum(ending.integers(2, 9, len(snap)), lasts - 1)
    contact = np.where(kind == Kind.THROW_AWAY, tracks.whistle, contact)
    rotated = measuring.random(len(snap)) < 0.5
    motion = measure_motion(tracks, calls, rotated, measuring)
    return OtherPlays(attempts, kind, snap, calls, tracks, contact, rotated, motion)


def _ending(
    attempts: pl.DataFrame, snap: SnapState, before: Dropbacks, generator: np.random.Generator
) -> Ending:
    """Where the carrier is stopped, or the ball is thrown away."""
    n, plays = len(snap), np.arange(len(snap))
    kind, yards = attempts["kind"].to_numpy(), attempts["yards_gained"].to_numpy()
    here, velocity = at_release(before)
    carrier = np.where(kind == Kind.RUN, BACK, PASSER)
    start = here[plays, carrier]
    x = snap.line_x_yd + np.where(yards >= snap.yardline_100, snap.yardline_100 + 3, yards)
    # Runs go wide of where they start, sacks hardly.
    wide = np.minimum(0.35 * np.abs(x - start[:, 0]) + 0.3, np.where(kind == Kind.SACK, 0.8, 8.0))
    aside = generator.normal(size=n) * wide
    y = np.clip(start[:, 1] + aside, 1.0, FIELD_WIDTH_YD - 1.0)
    end = np.stack([np.clip(x, 0.5, GOAL_LINE_X_YD + 3.0), y], axis=1)
    pace = np.select([kind == one for one in _PACES], list(_PACES.values()), 1.0)
    runs = np.ceil(norm(end - start) / pace / FRAME_S).astype(np.int64) + 3
    # Thrown over the sideline that the target is nearer to.
    away = kind == Kind.THROW_AWAY
    target = ELIGIBLE.start + before.target
    aim, _ = throw_flight(here[:, PASSER], here[plays, target], velocity[plays, target])
    out_y = np.where(aim[:, 1] < FIELD_WIDTH_YD / 2, 0.0, FIELD_WIDTH_YD)
    aim = np.where(away[:, None], np.stack([aim[:, 0], out_y], axis=1), end)
    flight = 0.25 + norm(aim - here[:, PASSER]) / 21.0
    return Ending(
        aim=aim,
        flies=np.where(away, np.rint(flight / FRAME_S), 0).astype(np.int64),
        end=np.where(away[:, None], aim, end),
        runs=np.where(away, 2, runs),
        receiver=np.where(away, target, carrier),
        carrier=carrier,
        carried=~away,
    )
