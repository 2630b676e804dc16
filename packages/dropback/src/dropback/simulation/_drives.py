"""Play every game of the league at once, one snap of each at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dropback.data._field import GOAL_TO_GOAL_YD, OVERTIME_SECONDS, QUARTER_SECONDS
from dropback.simulation._play_calls import (
    Kind,
    call_plays,
    choose_target,
    formation,
    quarter_end,
    seconds_used,
)
from dropback.simulation._throws import PlayContexts, Throws, outcome_distribution

if TYPE_CHECKING:
    from dropback._arrays import Floats, Integers

    Rows = dict[str, Integers]

NULL = -(10**6)
"""A missing number in the rows; far outside every column's range."""

# Phases of a game: what comes next.
KICK_OFF, TRY, SCRIMMAGE, OVER = range(4)

# Runs are quantiles of the real ones, joined by straight lines.
RUN_PROBABILITIES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
RUN_QUANTILES_YD = (-9.0, -4.0, -2.0, -1.0, 1.0, 3.0, 6.0, 11.0, 15.0, 28.0, 66.0, 95.0)
SCRAMBLE_QUANTILES_YD = (0.0, 1.0, 1.0, 2.0, 3.0, 6.0, 10.0, 14.0, 18.0, 28.0, 45.0, 80.0)

# Targets by depth: eight receivers a team, of whom the last three are running backs.
TARGET_SHARES_BEHIND_LINE = (0.1, 0.08, 0.06, 0.08, 0.03, 0.35, 0.2, 0.1)
TARGET_SHARES_DOWNFIELD = (0.25, 0.2, 0.14, 0.18, 0.1, 0.07, 0.04, 0.02)


@dataclass
class _Games:
    """Where each of ``G`` games stands; every field has shape ``(G,)``, `points` ``(G, 2)``."""

    quarter: Integers
    seconds: Integers
    offense: Integers
    yardline: Integers
    down: Integers
    to_go: Integers
    phase: Integers
    second_half_receiver: Integers
    points: Integers


def play_games(edge_yd: Floats, generator: np.random.Generator) -> tuple[Rows, Integers]:
    """Play all games to the end.

    Overtime is sudden death; a game that it leaves level is a tie.

    Args:
        edge_yd: Skill of each side's passer minus quality of the other side's defense, in
            yards per attempt, shape ``(G, 2)``: home, away.
        generator: Source of randomness.

    Returns:
        One array a column, a row a play, in playing order within each game and grouped by
        game; `NULL` where a column does not apply. Final points, shape ``(G, 2)``.
    """
    games = _new_games(len(edge_yd), generator)
    steps: list[Rows] = []
    while True:
        _start_quarters(games)
        live = np.flatnonzero(games.phase != OVER)
        if not live.size:
            break
        phase = games.phase[live]
        for play, which in ((_kick_off, KICK_OFF), (_try, TRY)):
            if (chosen := live[phase == which]).size:
                steps.append(play(games, chosen, generator))
        if (chosen := live[phase == SCRIMMAGE]).size:
            steps.append(_scrimmage(games, chosen, edge_yd, generator))
    rows = {name: np.concatenate([step[name] for step in steps]) for name in steps[0]}
    # Each game has at most one row a step and the steps are in order, so a stable sort keeps it.
    order = np.argsort(rows["game"], kind="stable")
    return {name: values[order] for name, values in rows.items()}, games.points


def _new_games(n: int, generator: np.random.Generator) -> _Games:
    """All games before their opening kick-off."""
    receiver = generator.integers(0, 2, n)
    zeros = np.zeros(n, dtype=np.int64)
    return _Games(
        quarter=zeros + 1,
        seconds=zeros + 4 * QUARTER_SECONDS,
        offense=receiver,
        yardline=zeros + 75,
        down=zeros + 1,
        to_go=zeros + 10,
        phase=zeros + KICK_OFF,
        second_half_receiver=1 - receiver,
        points=np.zeros((n, 2), dtype=np.int64),
    )


def _start_quarters(games: _Games) -> None:
    """Start the next quarter, overtime or nothing where the clock has run out."""
    level = games.points[:, 0] == games.points[:, 1]
    live = games.phase != OVER
    games.phase[live & (games.quarter == 5) & ~level] = OVER
    # A touchdown as time expires is still followed by its try.
    out_of_time = live & (games.seconds == quarter_end(games.quarter)) & (games.phase != TRY)
    ended = out_of_time & ((games.quarter == 5) | ((games.quarter == 4) & ~level))
    games.phase[ended] = OVER
    next_quarter = out_of_time & (games.phase != OVER)
    games.quarter[next_quarter] += 1
    third, overtime = next_quarter & (games.quarter == 3), next_quarter & (games.quarter == 5)
    games.offense[third] = games.second_half_receiver[third]
    games.seconds[overtime] = OVERTIME_SECONDS
    games.phase[third | overtime] = KICK_OFF


def _rows(games: _Games, chosen: Integers, kind: Integers) -> Rows:
    """One row a game before the play is known: the state, and `NULL` for the rest."""
    points = games.points[chosen]
    rows = {
        "game": chosen,
        "kind": kind,
        "offense": games.offense[chosen],
        "quarter": games.quarter[chosen],
        "seconds": games.seconds[chosen],
        "home_points": points[:, 0],
        "away_points": points[:, 1],
    }
    zeros = np.zeros(len(chosen), dtype=np.int64)
    for name in ("to_go", "shotgun", "no_huddle", "penalty"):
        rows[name] = zeros.copy()
    for name in (
        *("down", "yardline", "yards", "air_yards", "location", "return_yards", "completed"),
        *("intercepted", "hit", "receiver", "rusher", "interceptor"),
    ):
        rows[name] = np.full(len(chosen), NULL)
    return rows


def _kick_off(games: _Games, chosen: Integers, generator: np.random.Generator) -> Rows:
    """Kick off to the side on offense."""
    rows = _rows(games, chosen, np.full(len(chosen), Kind.KICK_OFF))
    rows["yardline"][:] = 35
    n = len(chosen)
    touchback = generator.random(n) < 0.62
    start = np.clip(np.rint(generator.normal(75, 8, n)), 30, 99).astype(np.int64)
    _set_down(games, chosen, yardline=np.where(touchback, 75, start))
    _run_clock(games, chosen, np.where(touchback, 0, generator.integers(4, 8, n)))
    return rows


def _try(games: _Games, chosen: Integers, generator: np.random.Generator) -> Rows:
    """Kick the extra point or try for two after a touchdown."""
    n = len(chosen)
    offense = games.offense[chosen]
    lead = _lead(games, chosen)
    late = games.quarter[chosen] == 4
    # The leads, touchdown included, at which two points change what the next score does.
    tempting = late & np.isin(lead, (-10, -5, -2, 1, 5))
    for_two = generator.random(n) < np.where(tempting, 0.6, 0.075)
    good = generator.random(n) < np.where(for_two, 0.48, 0.94)
    rows = _rows(games, chosen, np.where(for_two, Kind.TWO_POINT_TRY, Kind.EXTRA_POINT))
    rows["yardline"] = np.where(for_two, 2, 15)
    games.points[chosen, offense] += good * np.where(for_two, 2, 1)
    games.offense[chosen] = 1 - offense
    games.phase[chosen] = KICK_OFF
    return rows


def _scrimmage(
    games: _Games, chosen: Integers, edge_yd: Floats, generator: np.random.Generator
) -> Rows:
    """Snap the ball once in each chosen game."""
    c = _contexts(games, chosen)
    kinds = call_plays(c, generator)
    rows = _rows(games, chosen, kinds)
    rows |= {
        "down": games.down[chosen],
        "to_go": games.to_go[chosen],
        "yardline": games.yardline[chosen],
    }
    shotgun, no_huddle = formation(c, kinds, generator)
    rows["shotgun"], rows["no_huddle"] = shotgun.astype(np.int64), no_huddle.astype(np.int64)
    edge = edge_yd[chosen, games.offense[chosen]]
    _carry(rows, c, generator)
    _drop_back(rows, c, edge, generator)
    _advance(games, chosen, rows, c, generator)
    return rows


def _carry(rows: Rows, c: PlayContexts, generator: np.random.Generator) -> None:
    """Fill in runs, scrambles and kneels."""
    kinds = rows["kind"]
    n = len(kinds)
    u = generator.random(n)
    ran = np.interp(u, RUN_PROBABILITIES, RUN_QUANTILES_YD)
    scrambled = np.interp(u, RUN_PROBABILITIES, SCRAMBLE_QUANTILES_YD)
    yards = np.select([kinds == Kind.RUN, kinds == Kind.SCRAMBLE], [ran, scrambled], -1.0)
    # A carrier is not brought down in the offense's end zone: safeties come from sacks.
    yards = np.clip(np.rint(yards).astype(np.int64), c.yardline_100 - 99, c.yardline_100)
    carried = np.isin(kinds, (Kind.RUN, Kind.SCRAMBLE, Kind.KNEEL))
    rows["yards"][carried] = yards[carried]
    carrier = np.where(kinds == Kind.RUN, np.searchsorted((0.62, 0.9), generator.random(n)), 3)
    rows["rusher"][carried] = carrier[carried]
    rows["penalty"] = (generator.random(n) < 0.015).astype(np.int64)


def _drop_back(rows: Rows, c: PlayContexts, edge: Floats, generator: np.random.Generator) -> None:
    """Fill in sacks, spikes, throw-aways and targeted attempts."""
    kinds = rows["kind"]
    n = len(kinds)
    passes = kinds >= Kind.SACK
    for name in ("completed", "intercepted", "yards"):
        rows[name][passes] = 0
    hit_probability = np.select(
        [kinds == Kind.SACK, kinds == Kind.THROW_AWAY, kinds == Kind.TARGETED],
        [0.945, 0.35, 0.085],
        0.0,
    )
    rows["hit"][passes] = (generator.random(n) < hit_probability)[passes]

    sacked = kinds == Kind.SACK
    # A tenth of sacks lose a yard or none; the rest scatter about 7.
    loss = np.where(
        generator.random(n) < 0.1, generator.integers(0, 2, n), generator.gamma(5.0, 1.45, n)
    )
    loss = np.minimum(np.rint(loss).astype(np.int64), GOAL_TO_GOAL_YD - c.yardline_100)
    rows["yards"][sacked] = -loss[sacked]

    aimed = (kinds == Kind.THROW_AWAY) | (kinds == Kind.TARGETED)
    air_yards, location = choose_target(c, generator)
    rows["air_yards"][aimed], rows["location"][aimed] = air_yards[aimed], location[aimed]
    # Nearly half of the penalty rows tell of a pass that did not count.
    undone = (kinds == Kind.PENALTY) & (generator.random(n) < 0.45)
    rows["location"][undone] = location[undone]

    targeted = kinds == Kind.TARGETED
    shares = np.where((air_yards <= 0)[:, None], TARGET_SHARES_BEHIND_LINE, TARGET_SHARES_DOWNFIELD)
    receiver = (generator.random(n)[:, None] > np.cumsum(shares, axis=1)[:, :-1]).sum(axis=1)
    rows["receiver"][targeted] = receiver[targeted]
    throws = Throws(
        context=c[targeted],
        air_yards=air_yards[targeted],
        shotgun=rows["shotgun"][targeted] == 1,
        middle=location[targeted] == 1,
        right=location[targeted] == 2,
    )
    distribution = outcome_distribution(throws, edge[targeted])
    yards, completed, intercepted = distribution.sample(generator)
    rows["completed"][targeted], rows["intercepted"][targeted] = completed, intercepted
    rows["yards"][targeted] = np.where(intercepted, 0, yards)
    caught_by_defense = np.flatnonzero(targeted)[intercepted]
    rows["return_yards"][caught_by_defense] = -yards[intercepted]
    rows["interceptor"][caught_by_defense] = generator.integers(0, 5, len(caught_by_defense))


def _advance(
    games: _Games, chosen: Integers, rows: Rows, c: PlayContexts, generator: np.random.Generator
) -> None:
    """Move the ball, the score and the clock by what the rows say."""
    kinds = rows["kind"]
    n = len(kinds)
    short_of_goal = rows["yards"] < c.yardline_100
    seconds = seconds_used(c, kinds, rows["completed"] == 1, short_of_goal, generator)
    _run_clock(games, chosen, seconds)

    penalty = kinds == Kind.PENALTY
    enforced = _penalty_yards(c, generator)
    gain = np.where(penalty, enforced, np.where(rows["yards"] == NULL, 0, rows["yards"]))
    rows["penalty"] = np.where(penalty, 1, rows["penalty"] * (kinds >= Kind.RUN))

    left = c.yardline_100 - gain
    converted = gain >= c.yards_to_go
    next_down = np.where(converted, 1, np.where(penalty, c.down, c.down + 1))
    to_go = np.where(converted, np.minimum(10, left), c.yards_to_go - gain)
    kicked = (kinds == Kind.PUNT) | (kinds == Kind.FIELD_GOAL)
    intercepted = rows["intercepted"] == 1
    failed = ~kicked & ~intercepted & (next_down > 4)

    # Where the other side would start, in its own yards to the goal.
    to_passer_goal = GOAL_TO_GOAL_YD - c.yardline_100 + rows["air_yards"] - rows["return_yards"]
    in_end_zone = (rows["air_yards"] == c.yardline_100) & (rows["return_yards"] == 0)
    after_interception = np.where(in_end_zone, 80, np.clip(to_passer_goal, 1, 99))
    landed = c.yardline_100 - np.rint(generator.normal(42, 9, n)).astype(np.int64)
    after_punt = np.where(landed <= 0, 80, np.clip(GOAL_TO_GOAL_YD - landed, 20, 99))
    after_miss = np.minimum(GOAL_TO_GOAL_YD - c.yardline_100 - 7, 80)
    start = np.select(
        [intercepted, kinds == Kind.PUNT, kinds == Kind.FIELD_GOAL],
        [after_interception, after_punt, np.maximum(after_miss, 1)],
        GOAL_TO_GOAL_YD - left,
    )
    turned_over = failed | kicked | intercepted
    _set_down(
        games,
        chosen,
        yardline=np.where(turned_over, start, left),
        down=np.where(turned_over, 1, next_down),
        to_go=np.where(turned_over, np.minimum(10, start), to_go),
    )
    offense = games.offense[chosen].copy()
    games.offense[chosen] = np.where(turned_over, 1 - offense, offense)

    field_goal = (kinds == Kind.FIELD_GOAL) & (generator.random(n) < _chance_of_field_goal(c))
    touchdown = ~penalty & ~turned_over & (left == 0)
    safety = ~penalty & (left >= 100)
    pick_six = intercepted & (to_passer_goal == 0)
    defense = 1 - offense
    for scored, side, ball_to, points, phase in (
        (touchdown, offense, offense, 6, TRY),
        (pick_six, defense, defense, 6, TRY),
        (field_goal, offense, defense, 3, KICK_OFF),
        # After a safety the side that was scored on also has to kick.
        (safety, defense, defense, 2, KICK_OFF),
    ):
        games.points[chosen[scored], side[scored]] += points
        games.offense[chosen[scored]] = ball_to[scored]
        games.phase[chosen[scored]] = phase


def _set_down(
    games: _Games,
    chosen: Integers,
    *,
    yardline: Integers,
    down: Integers | int = 1,
    to_go: Integers | None = None,
) -> None:
    """Place the ball for the next snap."""
    games.yardline[chosen] = yardline
    games.down[chosen] = down
    games.to_go[chosen] = np.minimum(10, yardline) if to_go is None else to_go
    games.phase[chosen] = SCRIMMAGE


def _run_clock(games: _Games, chosen: Integers, seconds: Integers) -> None:
    """Take seconds off the clock, at most to the end of the quarter."""
    end = quarter_end(games.quarter[chosen])
    games.seconds[chosen] = np.maximum(games.seconds[chosen] - seconds, end)


def _contexts(games: _Games, chosen: Integers) -> PlayContexts:
    """The chosen games as their offenses see them."""
    return PlayContexts(
        quarter=games.quarter[chosen],
        game_seconds_remaining=games.seconds[chosen],
        down=games.down[chosen],
        yards_to_go=games.to_go[chosen],
        yardline_100=games.yardline[chosen],
        score_differential=_lead(games, chosen),
    )


def _lead(games: _Games, chosen: Integers) -> Integers:
    """Points of the offense minus points of the defense."""
    offense = games.offense[chosen]
    return games.points[chosen, offense] - games.points[chosen, 1 - offense]


def _penalty_yards(c: PlayContexts, generator: np.random.Generator) -> Integers:
    """Yards for or against the offense, at most half the distance to either goal."""
    kinds = generator.choice(4, len(c), p=(0.4, 0.23, 0.22, 0.15))
    yards = np.array([-5, -10, 5, 15])[kinds]
    to_own_goal = GOAL_TO_GOAL_YD - c.yardline_100
    return np.asarray(np.clip(yards, -(to_own_goal // 2), c.yardline_100 // 2))


def _chance_of_field_goal(c: PlayContexts) -> Floats:
    """Probability that the kick is good, by the line of scrimmage."""
    return np.interp(c.yardline_100, (2, 15, 25, 32, 38, 50), (0.99, 0.94, 0.82, 0.72, 0.6, 0.2))
