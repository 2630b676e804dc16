"""Define the canonical tables of tracking data and their units.

Every reader ends in these three tables, whatever the source. The offense moves toward +x; frame 0
is the snap; the last frame of a play is the release (or the event that ended the dropback).
"""

from __future__ import annotations

from typing import Final

import dataframely as dy

from dropback.data._field import GOAL_LINE_X_YD, OWN_GOAL_LINE_X_YD, QUARTER_SECONDS

FIRST_SEASON: Final = 2000
LAST_SEASON: Final = 2100

PLAYERS: Final = 22
BALL_SLOT: Final = 22
# At least five of the offense are not eligible and one passes (NFL rulebook, Rule 5, Section 3 and
# Rule 7, Section 5), so the eligible are in the last five slots of the offense.
FIRST_RECEIVER: Final = 6
RECEIVERS: Final = 5
SLOTS: Final = 23

# The line of scrimmage is between the goal lines; charted ones are up to a yard off.
LINE_RANGE_X_YD: Final = (OWN_GOAL_LINE_X_YD - 1, GOAL_LINE_X_YD + 1)

# Outside the field is legal, a field's half length outside is no position.
X_RANGE_YD: Final = (-60, 180)
Y_RANGE_YD: Final = (-60, 120)

# Values beyond are typing errors or in another unit.
HEIGHT_RANGE_IN: Final = (60, 90)
WEIGHT_RANGE_LB: Final = (120, 450)

FRAME_QUANTITIES: Final = (
    "x_yd",
    "y_yd",
    "speed_yd_per_s",
    "acceleration_yd_per_s2",
    "direction_deg",
    "orientation_deg",
)


# In order of slots; see `dropback.tracking._roles`.
GROUPS_AT_SNAP: Final = ("passer", "blocker", "eligible", "front", "middle", "deep", "ball")


class Plays(dy.Schema):
    """One row a dropback, or a designed run where these are asked for.

    Columns:
        game_id, play_id: The league's keys; nflverse's ``old_game_id`` and ``play_id``.
        season, week: Season is the year it began in; week is null where the set has none.
        source_format, source_file: The layout and the file that the play came from.
        lacks: What the set does not hold: ``ball``, ``linemen``, ``events``, ``speed``,
            ``acceleration``, ``direction``, ``orientation``.
        derived: The columns of ``Frames`` that were derived from positions.
        corrections: The conventions that were corrected for this play.
        offense, defense, home_team, away_team: nflverse team codes (pseudonyms stay as they are).
        quarter, down: 1 to 4 (5 and more: overtime); down 0 is a try.
        game_clock_s: Seconds left in the quarter.
        yards_to_go, yards_to_goal: Yards to the line to gain and to the goal line.
        line_of_scrimmage_x_yd: On the canonical field, so 10 is the offense's own goal line.
        score_differential: Offense minus defense before the play, points.
        pass_result: C complete, I incomplete, IN intercepted, S sack, R scramble; null on designed
            runs and where the set does not say.
        yards_gained: Before penalties, yards; null where the set has no outcome.
        air_yards: As charted, from the line of scrimmage; null where the set does not say.
        interception_return_yards: Yards that an interception was returned; null on other plays
            and where the set does not say (``yards_gained`` is 0 there, as the league books it).
        nullified: Whether a penalty took the play off the books.
        recorded_time_to_throw_s, recorded_pressure: The set's own, to hold the splits against; null
            where it has none.
        coverage, coverage_type, target_route: As the set charts them, in one spelling of each word.
        snap_event, end_event: The events that open and close the window; null without events.
        snap_frame: The source's frame number of frame 0.
        frames: Frames from snap to end, both included; the last is ``frames - 1``.
        rotated: Whether the play was rotated by 180 degrees to move toward +x.
        passer_slot, target_slot: Slots of ``Players``; null where not known.
        passer_source, target_source: ``given``, ``inferred`` or null.
        duplicate_rows: Rows of the window that repeated a player and frame; the first was kept.
        filled_positions: Player positions filled across gaps of at most 0.3 s.
        ball_to_center_yd: From the ball to the nearest player of the line or receiver at the snap.
        ball_to_passer_yd: From the ball to the passer at the release of a forward pass.
        snap_off_frames: Frames from when a play usually starts, by its snap, to when it does: the
            middle of those of the line, of all players and of the ball; null where one is unknown.
        ball_off_frames: By how many frames the ball starts later than the players do, leaves the
            passer after the release, and lies nearest to where the passer holds it: the middle of
            the three where two agree, else 0.
        release_off_frames: Frames from the release of a forward pass to the last one, up to .8 s
            later and before it arrives, in which the ball is within two yards of the passer; null
            where the ball is off, and instead of 3 and more for a pass of half a second.
        rate_hz: Frames a second by the time stamps; null where these do not say.
        speed_before_snap_yd_per_s, speed_after_snap_yd_per_s: Median over the players of the net
            displacement in the half second before the snap, and from .5 to 1 s after it.
        fastest_step_yd_per_s: Longest step of a player in the window.
        speed_error_yd_per_s: Mean distance of recorded speeds from displacements.
        time_to_throw_error_s: From the set's time to throw to that of its frames.
        repeated_events: Snaps and throws charted beside those that bound the window.
        flags: What is unusual about the play and was not set aside, in words.
    """

    game_id = dy.Int64(primary_key=True)
    play_id = dy.Int64(primary_key=True)
    season = dy.Int32(min=FIRST_SEASON, max=LAST_SEASON)
    week = dy.Int32(nullable=True, min=0)
    source_format = dy.String()
    source_file = dy.String()
    lacks = dy.List(dy.String())
    derived = dy.List(dy.String())
    corrections = dy.List(dy.String())
    offense = dy.String(nullable=True)
    defense = dy.String(nullable=True)
    home_team = dy.String(nullable=True)
    away_team = dy.String(nullable=True)
    # No game has gone beyond a sixth period.
    quarter = dy.Int32(nullable=True, min=1, max=6)
    game_clock_s = dy.Int32(nullable=True, min=0, max=QUARTER_SECONDS)
    down = dy.Int32(nullable=True, min=0, max=4)
    yards_to_go = dy.Int32(nullable=True, min=0, max=109)
    line_of_scrimmage_x_yd = dy.Float32(min=LINE_RANGE_X_YD[0], max=LINE_RANGE_X_YD[1])
    yards_to_goal = dy.Float32(min=-1.0, max=101.0)
    # The widest margin of the league's history is 73.
    score_differential = dy.Int32(nullable=True, min=-100, max=100)
    pass_result = dy.Enum(["C", "I", "IN", "S", "R"], nullable=True)
    yards_gained = dy.Int32(nullable=True, min=-110, max=110)
    air_yards = dy.Int32(nullable=True, min=-110, max=110)
    interception_return_yards = dy.Int32(nullable=True, min=-110, max=110)
    nullified = dy.Bool(nullable=True)
    play_action = dy.Bool(nullable=True)
    dropback_type = dy.String(nullable=True)
    description = dy.String(nullable=True)
    recorded_time_to_throw_s = dy.Float32(nullable=True)
    recorded_pressure = dy.Bool(nullable=True)
    coverage = dy.String(nullable=True)
    coverage_type = dy.String(nullable=True)
    target_route = dy.String(nullable=True)
    snap_event = dy.String(nullable=True)
    end_event = dy.String(nullable=True)
    snap_frame = dy.Int32()
    frames = dy.Int32(min=2)
    rotated = dy.Bool()
    passer_slot = dy.Int8(nullable=True, min=0, max=10)
    target_slot = dy.Int8(nullable=True, min=0, max=10)
    passer_source = dy.Enum(["given", "inferred"], nullable=True)
    target_source = dy.Enum(["given", "inferred"], nullable=True)
    duplicate_rows = dy.Int32(min=0)
    filled_positions = dy.Int32(min=0)
    ball_to_center_yd = dy.Float32(nullable=True, min=0)
    ball_to_passer_yd = dy.Float32(nullable=True, min=0)
    snap_off_frames = dy.Float32(nullable=True)
    ball_off_frames = dy.Float32(nullable=True)
    release_off_frames = dy.Float32(nullable=True)
    rate_hz = dy.Float32(nullable=True)
    speed_before_snap_yd_per_s = dy.Float32(nullable=True, min=0)
    speed_after_snap_yd_per_s = dy.Float32(nullable=True, min=0)
    fastest_step_yd_per_s = dy.Float32(nullable=True, min=0)
    speed_error_yd_per_s = dy.Float32(nullable=True, min=0)
    time_to_throw_error_s = dy.Float32(nullable=True, min=0)
    repeated_events = dy.Int32(min=0)
    flags = dy.List(dy.String())


class Players(dy.Schema):
    """One row a play and player on the field, and one for the ball where the set has it.

    Columns:
        slot: 0 to 10 offense, 11 to 21 defense, 22 ball; see `dropback.tracking._roles`.
        player_id: The source's ``nflId``, null for the ball. It differs by era: prefer gsis_id.
            Where the source's ids are text, a number that stands for it.
        player_key: The source's id where it is text, else null.
        gsis_id: nflverse's player key where the set holds it.
        jersey_number: Null where the set has none.
        side: ``offense``, ``defense`` or ``ball``.
        role_at_snap: The group that the slot is of, one of `GROUPS_AT_SNAP`.
        role: passer, target, eligible, blocker, rusher, coverage or ball.
        position: One vocabulary over all sets (HB is RB, OT is T, ...).
        height_in, weight_lb: Inches and pounds; null where absent or out of all bounds.
    """

    game_id = dy.Int64(primary_key=True)
    play_id = dy.Int64(primary_key=True)
    slot = dy.UInt8(primary_key=True, max=BALL_SLOT)
    player_id = dy.Int64(nullable=True)
    player_key = dy.String(nullable=True)
    gsis_id = dy.String(nullable=True)
    display_name = dy.String(nullable=True)
    jersey_number = dy.Int32(nullable=True)
    side = dy.Enum(["offense", "defense", "ball"])
    role_at_snap = dy.Enum(GROUPS_AT_SNAP)
    role = dy.Enum(["passer", "target", "eligible", "blocker", "rusher", "coverage", "ball"])
    position = dy.String(nullable=True)
    height_in = dy.Float32(nullable=True, min=HEIGHT_RANGE_IN[0], max=HEIGHT_RANGE_IN[1])
    weight_lb = dy.Float32(nullable=True, min=WEIGHT_RANGE_LB[0], max=WEIGHT_RANGE_LB[1])


class Frames(dy.Schema):
    """One row a play, frame and slot, in that order, complete: 23 rows a frame.

    Columns:
        frame: 0 at the snap; seconds since the snap are ``frame / 10``.
        x_yd: From the line behind the offense's end zone, 0 to 120; outside is legal.
        y_yd: From the right sideline as the offense faces, 0 to 53 1/3; outside is legal.
        speed_yd_per_s, acceleration_yd_per_s2: Magnitudes.
        direction_deg, orientation_deg: Compass degrees in [0, 360): 0 is +y, 90 is +x, so a player
            who runs or faces downfield has 90.

    A slot without a player (linemen in the 2021 set, the ball in the 2026 set) is null
    throughout; so is a quantity the set lacks and positions cannot give.
    """

    game_id = dy.Int64(primary_key=True)
    play_id = dy.Int64(primary_key=True)
    frame = dy.Int16(primary_key=True, min=0)
    slot = dy.UInt8(primary_key=True, max=BALL_SLOT)
    x_yd = dy.Float32(nullable=True, min=X_RANGE_YD[0], max=X_RANGE_YD[1])
    y_yd = dy.Float32(nullable=True, min=Y_RANGE_YD[0], max=Y_RANGE_YD[1])
    speed_yd_per_s = dy.Float32(nullable=True, min=0)
    acceleration_yd_per_s2 = dy.Float32(nullable=True)
    direction_deg = dy.Float32(nullable=True, min=0, max_exclusive=360)
    orientation_deg = dy.Float32(nullable=True, min=0, max_exclusive=360)


class LeftOut(dy.Schema):
    """One row a play, or whole file, that was set aside, with the reason in a sentence."""

    source_file = dy.String()
    game_id = dy.Int64(nullable=True)
    play_id = dy.Int64(nullable=True)
    reason = dy.String()
    detail = dy.String()
