"""Choose what an offense does on each play: the call, the formation, the target, the clock."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from dropback.data._field import QUARTER_SECONDS

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats, Integers
    from dropback.simulation._throws import PlayContexts

# Rates and tables in this module were rounded from the 2018-2020 regular seasons.

# Depth of throws on early downs, away from the goal: quantiles joined by straight lines.
DEPTH_PROBABILITIES = (
    *(0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5),
    *(0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 1.0),
)
DEPTH_QUANTILES_YD = (
    *(-12.0, -7.0, -6.0, -4.6, -2.7, -1.2, -0.3, 0.7, 1.6, 3.1, 4.6),
    *(6.4, 10.0, 12.4, 15.2, 18.5, 23.5, 33.0, 41.5, 46.0, 50.0, 60.0),
)


class Kind(IntEnum):
    """What a row of the play-by-play records."""

    KICK_OFF = 0
    EXTRA_POINT = 1
    TWO_POINT_TRY = 2
    PENALTY = 3
    PUNT = 4
    FIELD_GOAL = 5
    RUN = 6
    KNEEL = 7
    SCRAMBLE = 8
    SACK = 9
    SPIKE = 10
    THROW_AWAY = 11
    TARGETED = 12


def call_plays(context: PlayContexts, generator: np.random.Generator) -> Integers:
    """Choose each offense's kind of play, shape ``(N,)``, as `Kind` values."""
    c, n = context, len(context)
    chase, lead = c.urgency(), c.score_differential
    protect = (
        (c.quarter == 4)
        * np.clip(lead / 8, 0, 1.5)
        * np.clip(1 - c.game_seconds_remaining / QUARTER_SECONDS, 0, 1)
    )

    drop_back = _chance_to_drop_back(c) + 2.2 * chase - 2.4 * protect - 0.25 * (lead > 10)
    kinds = np.where(generator.random(n) < expit(drop_back), Kind.TARGETED, Kind.RUN)

    pressure = 0.2 * (c.down >= 3) + 0.2 * np.clip((c.yards_to_go - 7) / 10, 0, 1) + 0.3 * chase
    # Sacks are 6.2 % of dropbacks, scrambles 4.3 %, throw-aways and batted balls 2.8 %.
    sacked, scrambled, thrown_away = 0.056 * np.exp(pressure), 0.043, 0.029
    u = generator.random(n)
    passing = kinds == Kind.TARGETED
    kinds[passing & (u < sacked)] = Kind.SACK
    kinds[passing & (u > 1 - scrambled)] = Kind.SCRAMBLE
    kinds[passing & (u < 1 - scrambled) & (u > 1 - scrambled - thrown_away)] = Kind.THROW_AWAY

    u = generator.random(n)
    end_of_half = (
        (c.half_seconds_remaining <= 60) & (c.quarter % 2 == 0) & (c.score_differential <= 0)
    )
    kinds[end_of_half & (c.down <= 3) & (u < 0.09)] = Kind.SPIKE
    # A leading offense kneels once the remaining downs outlast the clock.
    outlasts = c.game_seconds_remaining <= 40 * (4 - c.down)
    kinds[(c.quarter == 4) & (lead > 0) & (c.down <= 3) & outlasts] = Kind.KNEEL

    fourth = c.down == 4
    kicks = fourth & (generator.random(n) >= _chance_to_go(c, chase))
    in_range = generator.random(n) < expit((38 - c.yardline_100) / 1.5)
    kinds[kicks] = np.where(in_range, Kind.FIELD_GOAL, Kind.PUNT)[kicks]
    kinds[generator.random(n) < 0.063] = Kind.PENALTY
    return kinds


def formation(
    context: PlayContexts, kinds: Integers, generator: np.random.Generator
) -> tuple[Flags, Flags]:
    """Choose shotgun and no-huddle, each shape ``(N,)``; neither for kicks, kneels and spikes."""
    c, n = context, len(context)
    dropped_back = (kinds == Kind.SCRAMBLE) | (kinds == Kind.SACK) | (kinds >= Kind.THROW_AWAY)
    by_down = np.where(c.down == 1, 0.67, np.where(c.down == 2, 0.79, 0.96))
    shotgun = np.where(dropped_back, by_down + 0.15 * (c.yards_to_go > 10), 0.62 * by_down)
    scrimmage = (kinds == Kind.RUN) | (kinds == Kind.PENALTY) | dropped_back
    no_huddle = np.where(c.hurried(), 0.24, 0.085)
    return (
        scrimmage & (generator.random(n) < shotgun),
        scrimmage & (generator.random(n) < no_huddle),
    )


def choose_target(
    context: PlayContexts, generator: np.random.Generator
) -> tuple[Integers, Integers]:
    """Choose each throw's depth and side.

    Returns:
        Air yards, shape ``(N,)``, at most the yards to the goal; location 0 left, 1 middle,
        2 right.
    """
    c, n = context, len(context)
    depth = np.interp(generator.random(n), DEPTH_PROBABILITIES, DEPTH_QUANTILES_YD)
    depth = np.where(depth > 0, depth * (1 + 0.12 * c.urgency()), depth)
    # From third down on, the shorter the distance the more throws go just beyond the marker.
    to_marker = np.where((c.down >= 3) & (c.yards_to_go <= 15), 0.5, 0.0)
    beyond = c.yards_to_go - 1 + generator.gamma(1.4, 2.6, n)
    depth = np.where(generator.random(n) < to_marker, beyond, depth)
    to_end_zone = np.where(c.yardline_100 <= 20, 0.25 * (1 - c.yardline_100 / 25), 0.0)
    depth = np.where(generator.random(n) < to_end_zone, c.yardline_100, depth)
    air_yards = np.clip(np.rint(depth).astype(np.int64), c.yardline_100 - 99, c.yardline_100)
    in_middle = np.interp(air_yards, (-5, 5, 15, 30), (0.15, 0.25, 0.32, 0.18))
    u = generator.random(n)
    side = np.where(u < in_middle, 1, np.where(u < in_middle + (1 - in_middle) * 0.486, 0, 2))
    return air_yards, side


def quarter_end(quarter: Integers) -> Integers:
    """Game seconds remaining when the quarter ends; overtime has a clock of its own."""
    return np.maximum(4 - quarter, 0) * QUARTER_SECONDS


def seconds_used(
    context: PlayContexts,
    kinds: Integers,
    completed: Flags,
    short_of_goal: Flags,
    generator: np.random.Generator,
) -> Integers:
    """Seconds from this snap to the next, shape ``(N,)``.

    Args:
        context: The plays before the snap, ``N`` of them.
        kinds: `Kind` values, shape ``(N,)``, as the rest.
        completed: Whether a pass was caught by the offense.
        short_of_goal: Whether the ball stopped short of the goal line.
        generator: Source of randomness.
    """
    c, n = context, len(context)
    play = generator.integers(3, 9, n)
    carried = np.isin(kinds, (Kind.RUN, Kind.SCRAMBLE)) | completed
    # Ball carriers in a hurry run out of bounds three times as often.
    stayed_in = generator.random(n) >= np.where(c.hurried(), 0.3, 0.1)
    runs_on = (carried & stayed_in) | (kinds == Kind.SACK) | (kinds == Kind.KNEEL)
    protects = (c.quarter == 4) & (c.score_differential > 0) & (c.game_seconds_remaining < 400)
    unhurried = np.where(protects, 37, generator.integers(27, 42, n))
    huddle = np.where(c.hurried(), generator.integers(7, 18, n), unhurried)
    # Half of the penalties come before the snap and take no time.
    idle = generator.random(n) < 0.5
    flagged = np.where(idle, 0, play + generator.integers(0, 20, n))
    return np.select(
        [runs_on & short_of_goal, kinds == Kind.PUNT, kinds == Kind.PENALTY, kinds == Kind.SPIKE],
        [play + huddle, play + 4, flagged, np.ones(n, dtype=np.int64)],
        play,
    )


def _chance_to_drop_back(c: PlayContexts) -> Floats:
    """Logit of a dropback by down and distance."""
    to_go = c.yards_to_go
    first = np.interp(to_go, (1, 3, 5, 10, 15, 20), (0.26, 0.36, 0.43, 0.51, 0.66, 0.75))
    second = np.interp(to_go, (1, 3, 5, 8, 10, 13, 20), (0.31, 0.43, 0.56, 0.69, 0.67, 0.76, 0.8))
    third = np.interp(to_go, (1, 2, 3, 5, 8, 12, 20), (0.28, 0.68, 0.81, 0.92, 0.95, 0.89, 0.84))
    chance = np.select([c.down == 1, c.down == 2], [first, second], third)
    return np.asarray(np.log(chance / (1 - chance)))


def _chance_to_go(c: PlayContexts, chase: Floats) -> Floats:
    """Probability of a scrimmage play on fourth down."""
    by_distance = np.interp(c.yards_to_go, (1, 2, 3, 6, 10), (0.66, 0.35, 0.22, 0.13, 0.06))
    by_place = np.interp(c.yardline_100, (0, 30, 36, 42, 60, 75), (0.9, 1.0, 2.0, 1.8, 0.6, 0.2))
    desperate = (c.quarter >= 4) & (c.score_differential < 0) & (c.game_seconds_remaining < 240)
    needs_touchdown = (c.score_differential < -3) | (c.yardline_100 > 38)
    return np.where(
        desperate & needs_touchdown, 0.9, np.clip(by_distance * by_place + 0.3 * chase, 0, 0.9)
    )
