"""Measure whether each play is plausible, and set aside or flag those that are not.

A play that contradicts itself gives features of the wrong moment or player, and nothing
fails. What must hold of every play is measured, stored with it, and held against bounds that the
real sets give: 386 dropbacks with a ball (a game of 2017, highlights of 2018 and 2019, 2021) and
149 without (two games of 2015). ``docs/reference/tracking.md`` has the distributions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import polars as pl

from dropback._frames import collected
from dropback.data._field import RATE_HZ
from dropback.tracking._blocks import SPEED, X, Y
from dropback.tracking._schema import BALL_SLOT
from dropback.tracking._windows import FORWARD_PASSES
from dropback.tracking.ingest._clocks import are_exact, read_stamps
from dropback.tracking.ingest._contradictions import (
    AGAINST_SIDES,
    ON_ONE_CLOCK,
    contradictions,
    distance,
    measured_at_snap,
)
from dropback.tracking.ingest._conventions import Check, Decision
from dropback.tracking.ingest._entities import AROUND_SNAP
from dropback.tracking.ingest._mirrored import LEFT_IS_RIGHT_IN_GAME, off_the_words
from dropback.tracking.ingest._moment_causes import SLIGHTLY_OFF, another_release, another_snap
from dropback.tracking.ingest._moments import BALL_OFF, RELEASE_OFF, SNAP_OFF
from dropback.tracking.ingest._results import with_results
from dropback.tracking.readers._cells import CELL, cells_in, flags_in
from dropback.tracking.readers._words import folded_word

if TYPE_CHECKING:
    from dropback._arrays import Floats, Integers, Singles
    from dropback.tracking._blocks import PlayBlock
    from dropback.tracking.ingest._entities import PlayerRuns, WindowRows


@dataclass(frozen=True)
class Limit:
    """What a measure of a play must keep to.

    Attributes:
        column: The measure, a column of `Plays`.
        name: Its name as a check.
        least: Lowest plausible value; None for none.
        most: Highest plausible value; None for none.
        action: What becomes of a play beyond.
        reason: Why, in the words of ``left_out.csv`` and ``flags``.
    """

    column: str
    name: str
    least: float | None
    most: float | None
    action: Literal["set aside", "flag"]
    reason: str

    def beyond(self) -> pl.Expr:
        """Whether a play is; false where the measure is unknown."""
        value = pl.col(self.column)
        below = pl.lit(value=False) if self.least is None else value < self.least
        above = pl.lit(value=False) if self.most is None else value > self.most
        return (below | above).fill_null(value=False)


LIMITS: Final = (
    # All but the spare ball (30 yd) are within 1.6.
    Limit("ball_to_center_yd", "ball at the center at the snap", None, 3.0, "set aside",
          "ball away from the center at the snap"),
    # The event is charted up to .4 s after the ball leaves the hand: 95 % within 5.2, all within
    # 7.6. Of another clock: 7.3 to 13.6; of a spare ball 25.
    Limit("ball_to_passer_yd", "ball at the passer at the release", None, 10.0, "set aside",
          "ball away from the passer at the release"),
    Limit("ball_to_passer_yd", "ball near the passer at the release", None, 6.0, "flag",
          "ball far from the passer at the release"),
    Limit("snap_off_frames", "players and ball start at the snap", *SNAP_OFF, "flag",
          "a snap unlike the start of players and ball"),
    Limit("ball_off_frames", "ball on the players' clock", *BALL_OFF, "flag",
          "ball behind or ahead of the players"),
    Limit("release_off_frames", "ball gone after the release", None, RELEASE_OFF[1], "flag",
          "ball with the passer after the release"),
    Limit("release_off_frames", "ball with the passer until the release", RELEASE_OFF[0], None,
          "flag", "ball gone from the passer before the release"),
    Limit("rate_hz", "ten frames a second", 9.5, 10.5, "set aside", "not ten frames a second"),
    # 2017 to 2021: .12, at most .6; in 2015 twelve of 149 snaps are charted after the start.
    Limit("speed_before_snap_yd_per_s", "still before the snap", None, 1.0, "flag",
          "players move before the snap"),
    # 2.2; the least is .6. A snap that nobody moves after: .2.
    Limit("speed_after_snap_yd_per_s", "moving after the snap", 0.5, None, "flag",
          "players stand after the snap"),
    # The fastest of 535 dropbacks is 10.2; the league's fastest ball carrier on record, 10.4.
    Limit("fastest_step_yd_per_s", "steps that a player can run", None, 12.5, "flag",
          "a step that no player can run"),
    # Means of 2018 to 2021 are .1, of 2017's and 2015's smoother speeds .5 to .8.
    Limit("speed_error_yd_per_s", "speed of each play against displacement", None, 1.0, "flag",
          "recorded speeds unlike displacements"),
    # No frames of a set that has such a time are public: the event is charted up to .4 s late.
    Limit("time_to_throw_error_s", "time to throw against the set's", None, 0.75, "flag",
          "time to throw unlike the set's"),
    Limit("repeated_events", "repeated snaps and throws", None, 0, "flag", "repeated events"),
)  # fmt: skip
"""What a play must keep to, in the order in which reasons are given."""

_CAUSES: Final = {
    "ball_to_center_yd": another_snap(SLIGHTLY_OFF),
    "ball_to_passer_yd": another_release(),
}

MEASURES: Final = (*dict.fromkeys(limit.column for limit in LIMITS), "flags", "nullified")


def speeds_around_snap(window: WindowRows, runs: PlayerRuns) -> pl.DataFrame:
    """Median speed of the players before and after the snap, by net displacement.

    Args:
        window: Rows around the snap, on one clock.
        runs: Runs by player of all rows.

    Returns:
        ``play``, ``speed_before_snap_yd_per_s`` and ``speed_after_snap_yd_per_s``, null where the
        source has no such frames.
    """
    table = pl.LazyFrame(
        {
            "play": runs.play[window.around_run],
            "player": runs.player[window.around_run],
            "since": window.since_snap,
            "x": window.rows["x_yd"].to_numpy()[window.around],
            "y": window.rows["y_yd"].to_numpy()[window.around],
        }
    ).filter(pl.col("player") >= 0)
    key = ["play", "player"]
    moves = []
    early, snap, soon, later = AROUND_SNAP
    for name, start, end in (("before", early, snap), ("after", soon, later)):
        pair = table.filter(since=start).join(table.filter(since=end), on=key, how="inner")
        along, across = pl.col("x_right") - pl.col("x"), pl.col("y_right") - pl.col("y")
        speed = (along.pow(2) + across.pow(2)).sqrt() * (RATE_HZ / (end - start))
        column = f"speed_{name}_snap_yd_per_s"
        moves.append(pair.group_by("play").agg(speed.median().cast(pl.Float32).alias(column)))
    return collected(moves[0].join(moves[1], on="play", how="full", coalesce=True))


def frame_rates(window: WindowRows, runs: PlayerRuns) -> pl.DataFrame:
    """Frames a second in the second after the snap, by the time stamps of each play's first track.

    Args:
        window: Rows around the snap, on one clock.
        runs: Runs by player of all rows.

    Returns:
        ``play`` and ``rate_hz``; no row where there are no exact stamps.
    """
    run = window.around_run
    # Rows in the order of frames have a run each: a track is told by its player.
    leads = runs.player[np.searchsorted(runs.head, runs.first_of_play)]
    of_first = runs.player[run] == leads[runs.play[run]]
    _, snap, _, later = AROUND_SNAP
    start, end = (np.flatnonzero(of_first & (window.since_snap == at)) for at in (snap, later))
    stamps = read_stamps(window.rows, window.around[np.concatenate([start, end])])
    table = pl.DataFrame({"play": runs.play[run[np.concatenate([start, end])]], "stamp": stamps})
    pair = table[: len(start)].join(table[len(start) :], on="play", how="inner")
    lasted = pl.col("stamp_right") - pl.col("stamp")
    if not are_exact(stamps):
        pair = pair.clear()
    return (
        pair.with_columns(rate_hz=((later - snap) / lasted).cast(pl.Float32))
        .filter(pl.col("rate_hz").is_finite())
        .unique("play", keep="first", maintain_order=True)
        .select("play", "rate_hz")
    )


def speed_errors(block: PlayBlock, steps: Singles) -> Floats:
    """Mean distance of recorded speeds from displacements in each play, yards a second, ``[N]``.

    Args:
        block: Plays.
        steps: Their `steps_between`.
    """
    error = np.abs(steps - block.frames[1:, :BALL_SLOT, SPEED])
    error[block.frame_in_play[1:] == 0] = np.nan
    known = np.isfinite(error)
    starts = np.maximum(block.offsets[:-1] - 1, 0)
    total = np.add.reduceat(np.where(known, error, 0.0).sum(axis=1), starts)
    count = np.add.reduceat(known.sum(axis=1), starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / np.where(count, count, np.nan))


def with_quality(
    block: PlayBlock, plays: pl.DataFrame, steps: Singles, *, linemen: bool
) -> pl.DataFrame:
    """The plays with the measures of `LIMITS` that canonical frames give, and their flags.

    Args:
        block: Canonical plays.
        plays: Their rows with ``passer_slot``, and the measures of the source's rows.
        steps: Their `steps_between`, which is changed in place.
        linemen: Whether the set has them: without, nobody is the center.
    """
    first, last = block.frames[block.offsets[:-1]], block.frames[block.offsets[1:] - 1]
    passer = plays["passer_slot"].fill_null(BALL_SLOT).to_numpy()
    to_passer = distance(last[np.arange(len(last)), passer], last[:, BALL_SLOT])
    thrown = plays["end_event"].is_in(FORWARD_PASSES).fill_null(value=False).to_numpy()
    to_passer[~thrown | (passer == BALL_SLOT)] = np.nan
    to_line = distance(first[:, 1:11], first[:, BALL_SLOT][:, None])
    nearest = np.where(np.isnan(to_line) | (not linemen), np.inf, to_line).min(axis=1)
    steps[block.frame_in_play[1:] == 0] = 0.0
    fastest = np.maximum.reduceat(
        np.nan_to_num(steps).max(axis=1), np.maximum(block.offsets[:-1] - 1, 0)
    )
    in_frames = pl.when(pl.col("end_event").is_in(FORWARD_PASSES)).then(
        (pl.col("end_frame") - pl.col("snap_frame")) / RATE_HZ
    )
    plays = plays.with_columns(
        time_to_throw_error_s=(in_frames - pl.col("recorded_time_to_throw_s"))
        .abs()
        .cast(pl.Float32)
    )
    measured = plays.with_columns(
        pl.Series(name, np.where(np.isinf(values), np.nan, values), pl.Float32, nan_to_null=True)
        for name, values in (
            ("ball_to_passer_yd", to_passer),
            ("ball_to_center_yd", nearest),
            ("fastest_step_yd_per_s", fastest),
        )
    )
    line = plays["line_of_scrimmage_x_yd"].cast(pl.Float32).to_numpy()
    measured = measured.with_columns(*measured_at_snap(first, line)).with_columns(
        pl.col("repeated_events").fill_null(0),
        pl.Series(
            "off_words_yd",
            off_the_words(block.arrival_xy[:, BALL_SLOT, Y], plays["description"]),
            pl.Float32,
            nan_to_null=True,
        ),
    )
    said = [
        *(
            pl.when(limit.beyond()).then(
                pl.format(f"{limit.reason}{CELL}{limit.column} is {{}}", _short(limit.column))
            )
            for limit in LIMITS
        ),
        *contradictions(),
    ]
    return (
        with_results(measured)
        .with_columns(
            said=pl.concat_list(pl.concat_list(said).list.drop_nulls(), "unread", "cells")
        )
        .with_columns(flags=flags_in(pl.col("said")), details=cells_in(pl.col("said")))
    )


def _short(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Float64).round(2)


def implausible(plays: pl.DataFrame) -> pl.DataFrame:
    """Rows of (play, game_id, play_id, reason, detail) for plays that are set aside."""
    found = []
    none = pl.lit(None, pl.String)
    for limit in LIMITS:
        if limit.action == "set aside":
            bound = f"at most {limit.most:g}" if limit.least is None else f"about {RATE_HZ:g}"
            found.append(
                plays.filter(limit.beyond()).select(
                    "play",
                    "game_id",
                    "play_id",
                    reason=pl.lit(limit.reason),
                    detail=pl.format(
                        f"{limit.column} is {{}}, must be {bound}{{}}",
                        pl.col(limit.column).round(1),
                        pl.when(pl.col(limit.column) < 0)
                        .then(pl.lit(": the column time runs backwards"))
                        .otherwise(
                            pl.format("; {}", _CAUSES.get(limit.column, none)).fill_null("")
                        ),
                    ),
                )
            )
    return pl.concat(found).unique("play", keep="first", maintain_order=True)


def quality_checks(plays: pl.DataFrame) -> list[Check]:
    """The measures of a file's plays against their bounds, as checks.

    Args:
        plays: The columns of `LIMITS` and ``flags`` of all plays measured, also those set aside.
    """
    checks = []
    for limit in LIMITS:
        values = plays[limit.column].drop_nulls().cast(pl.Float64)
        if values.is_empty():
            checks.append(Check(limit.name, "not measurable", None, "no play says so"))
            continue
        count = int(plays.select(limit.beyond().sum()).item())
        bounds = [f"at least {limit.least:g}"] if limit.least is not None else []
        bounds += [f"at most {limit.most:g}"] if limit.most is not None else []
        middle, tail = (
            values.quantile(q, "nearest") for q in (0.5, 0.01 if limit.most is None else 0.99)
        )
        evidence = (
            f"median {middle:.2f}, {'1' if limit.most is None else '99'} % {tail:.2f} over "
            f"{len(values)} plays; must be {' and '.join(bounds)}"
        )
        if count:
            done = "set aside" if limit.action == "set aside" else "flagged"
            evidence += f": {count} {'play' if count == 1 else 'plays'} {done}"
        decision: Decision = "ok"
        if count:
            decision = "flagged" if limit.action == "flag" else "wrong, not corrected"
        checks.append(Check(limit.name, decision, middle, evidence))
    if plays["nullified"].null_count() == plays.height:
        absent = "neither a flag nor a description: none is left out as nullified by a penalty"
        checks.append(Check("nullified plays", "not measurable", None, absent))
    else:
        count = int(plays["nullified"].sum())
        evidence = f"{count} of {plays.height} plays, by the set's flag or the description"
        checks.append(Check("nullified plays", "ok", float(count), evidence))
    of_games: tuple[tuple[str, Decision], ...] = (
        (ON_ONE_CLOCK, "corrected"),
        (AGAINST_SIDES, "corrected"),
        (LEFT_IS_RIGHT_IN_GAME, "wrong, not corrected"),
    )
    for flag, decision in of_games:
        count = int(plays["flags"].list.contains(flag).sum())
        if count:
            checks.append(Check(flag, decision, float(count), f"{count} of {plays.height} plays"))
    return checks


def checks_of_splits(plays: pl.DataFrame) -> list[Check]:
    """What a set records of its plays against what its positions say.

    Args:
        plays: ``recorded_pressure``, ``pressured_any_time``, ``coverage``, ``deep_defenders`` at
            the snap, ``target_route`` and ``target_slot`` of kept plays.
    """
    checks = []
    pressed = plays.drop_nulls(["recorded_pressure", "pressured_any_time"])
    if pressed.height:
        agree = float((pressed["recorded_pressure"] == pressed["pressured_any_time"]).sum())
        theirs, ours = (
            100 * float(pressed[name].sum()) / pressed.height
            for name in ("recorded_pressure", "pressured_any_time")
        )
        evidence = (
            f"{100 * agree / pressed.height:.0f} % of {pressed.height} plays agree; the set has "
            f"{theirs:.0f} % pressured, positions {ours:.0f} %"
        )
        checks.append(
            _judged("pressure against the set's", agree / pressed.height, evidence, least=0.5)
        )
    shell = folded_word("coverage")
    by_shell = plays.select(
        deep=pl.col("deep_defenders") >= _TWO_DEEP,
        two=shell.is_in(_TWO_HIGH),
        one=shell.is_in(_ONE_HIGH),
    )
    two, one = (by_shell.filter(kind)["deep"] for kind in ("two", "one"))
    if len(two) >= _FEW_PLAYS and len(one) >= _FEW_PLAYS:
        shares = [float(part.sum()) / len(part) for part in (two, one)]
        evidence = (
            f"two or more defenders are {_DEEP_YD:g} yards deep at the snap on "
            f"{100 * shares[0]:.0f} % of {len(two)} plays with two deep safeties by the charting "
            f"and on {100 * shares[1]:.0f} % of {len(one)} with one"
        )
        checks.append(
            _judged("coverage against the snap", shares[0] - shares[1], evidence, least=0.0)
        )
    targets = plays.filter(pl.col("target_slot").is_not_null())
    routes = targets["target_route"].count()
    if routes:
        evidence = f"charted for {routes} of {targets.height} targets"
        checks.append(Check("route of the target", "ok", float(routes), evidence))
    return checks


def _judged(name: str, value: float, evidence: str, *, least: float) -> Check:
    decision: Decision = "ok" if value > least else "wrong, not corrected"
    if decision != "ok":
        evidence += ": are the set's tables those of these plays?"
    return Check(name, decision, value, evidence)


def deep_defenders(block: PlayBlock) -> Integers:
    """Defenders at least `_DEEP_YD` beyond the line of scrimmage at the snap, shape ``[N]``."""
    first = block.frames[block.offsets[:-1], BALL_SLOT // 2 : BALL_SLOT, X]
    line = block.plays["line_of_scrimmage_x_yd"].to_numpy()
    return np.asarray((first - line[:, None] >= _DEEP_YD).sum(axis=1))


# Coaches' terms: what the deep part of the field is split into; quarters and cover 6 show two.
_TWO_HIGH: Final = ("COVER2", "2MAN", "COVER4", "QUARTERS", "COVER6", "COVER6RIGHT", "COVER6LEFT",
                    "COVER2MAN", "COVER2ZONE", "COVER4ZONE", "COVER6ZONE")  # fmt: skip
_ONE_HIGH: Final = ("COVER1", "COVER3", "COVER1MAN", "COVER3ZONE", "COVER1DOUBLE", "COVER3SEAM",
                    "COVER3CLOUDRIGHT", "COVER3CLOUDLEFT")  # fmt: skip
_DEEP_YD: Final = 10.0
_TWO_DEEP: Final = 2
_FEW_PLAYS: Final = 20


def steps_between(frames: Singles) -> Singles:
    """Displacement of players from each frame to the next, yards a second, ``[F - 1, 22]``."""
    x, y = frames[:, :BALL_SLOT, X], frames[:, :BALL_SLOT, Y]
    return np.asarray(np.hypot(x[1:] - x[:-1], y[1:] - y[:-1]) * np.float32(RATE_HZ))
