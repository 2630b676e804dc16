"""Simulate a tracking league week by week, with the true distribution of each play."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback._statistics import random_generator
from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.simulation._league import simulate_league
from dropback.simulation.tracking._after_release import Tracks, finish_plays
from dropback.simulation.tracking._before_release import Dropbacks, play_dropbacks
from dropback.simulation.tracking._calls import Calls, call_plays
from dropback.simulation.tracking._lineup import FRAME_S
from dropback.simulation.tracking._manner import manner_of
from dropback.simulation.tracking._motion import Motion, measure_motion
from dropback.simulation.tracking._other_plays import OtherPlays, other_plays, play_others
from dropback.simulation.tracking._release_distribution import ReleaseState, release_distribution
from dropback.simulation.tracking._settings import TrackingLeagueSettings
from dropback.simulation.tracking._snap_state import SnapState, draw_quickness, taken_attempts
from dropback.tracking._schema import RECEIVERS

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats
    from dropback.simulation._outcome_distribution import OutcomeDistribution, Outcomes


@dataclass(frozen=True)
class TrackingLeague:
    """Settings, schedule and players of a league before its first snap.

    Args:
        settings: Its settings.
        seed: Its seed.
        attempts: One row a play in order of season, week, game and play: play-by-play's columns
            up to the snap, ``edge_yd``, ``week_number`` (from 0, through the seasons),
            ``source_game_id`` and ``kickoff``; ``reads`` where the settings spread them.
        games: One row a game that is played, as ``games.parquet``.
        passers: One row a passer and season with ``skill_yd``; ``reads``, the probability of a
            throw to the best receiver, where the settings spread it.
        quickness: By team and slot, shape ``(32, 22)``.
        others: The other plays between them, as `other_plays` gives them with the columns added to
            ``attempts``; empty where the settings want none.
    """

    settings: TrackingLeagueSettings
    seed: int
    attempts: pl.DataFrame
    games: pl.DataFrame
    passers: pl.DataFrame
    quickness: Floats
    others: pl.DataFrame

    @property
    def weeks(self) -> int:
        """Number of weeks that hold a play."""
        return int(self.attempts["week_number"].to_numpy()[-1]) + 1


@dataclass(frozen=True)
class Week:
    """All plays of a week, ``N`` of them.

    Args:
        attempts: Their rows of `TrackingLeague.attempts`.
        snap: Their state at the snap.
        calls: What both sides called.
        dropbacks: Their frames up to the release.
        states: What the distribution of a throw to each of the five eligible depends on, play by
            play, shape ``(5 N,)`` each.
        state: The same of the throw to the target, shape ``(N,)`` each.
        outcomes: Drawn from it.
        tracks: All positions to the whistle.
        rotated: Which plays go to the left in the stadium.
        motion: The rows of the feed.
    """

    attempts: pl.DataFrame
    snap: SnapState
    calls: Calls
    dropbacks: Dropbacks
    states: ReleaseState
    state: ReleaseState
    outcomes: Outcomes
    tracks: Tracks
    rotated: Flags
    motion: Motion


def simulate_tracking_league(
    settings: TrackingLeagueSettings | None = None, *, seed: int
) -> TrackingLeague:
    """Draw teams, passers and plays; `simulate_week` then simulates their frames.

    The plays are the targeted attempts of a play-by-play league with the same seed, up to the
    snap. Each gets a new outcome, which the rest of its game does not follow from.

    Args:
        settings: Size and spread; the defaults are 5,000 plays.
        seed: At least 0. Equal arguments give equal leagues.

    Raises:
        RequestError: The seed is no whole number of 0 or more.
    """
    settings = TrackingLeagueSettings() if settings is None else settings
    league = simulate_league(settings.league(), seed=seed)
    attempts = taken_attempts(league, settings.plays)
    others = other_plays(league, attempts)
    others = others if settings.all_plays else others.clear()
    season = pl.col("season") - settings.first_season
    placed = {
        "week_number": season * settings.league().weeks + pl.col("week") - 1,
        "source_game_id": pl.col("old_game_id").cast(pl.Int64),
        "kickoff": pl.col("old_game_id").str.slice(0, 8).str.to_datetime("%Y%m%d")
        + pl.duration(hours=17),
    }
    attempts, others = attempts.with_columns(**placed), others.with_columns(**placed)
    games = league.games.join(attempts, on="old_game_id", how="semi")
    quickness = draw_quickness(settings, random_generator(seed, 1))
    passers = league.passers
    if settings.reads_sd:
        reads = _draw_reads(settings, passers, random_generator(seed, 3))
        passers = left_join(passers, reads, on="passer_player_id")
        attempts = left_join(attempts, reads, on="passer_player_id")
    return TrackingLeague(settings, seed, attempts, games, passers, quickness, others)


def _draw_reads(
    settings: TrackingLeagueSettings, passers: pl.DataFrame, generator: np.random.Generator
) -> pl.DataFrame:
    """Probability of a throw to the best receiver, one row a passer, the same in all seasons."""
    names = passers.select(pl.col("passer_player_id").unique().sort())
    deviations = np.clip(generator.normal(size=len(names)), -2, 2)
    return names.with_columns(reads=pl.Series(settings.reads_sd * (2 + deviations)))


def simulate_week(league: TrackingLeague, number: int) -> Week:
    """Simulate all plays of a week.

    Args:
        league: The league.
        number: The week's, from 0 to ``league.weeks - 1``.
    """
    # One stream a week and purpose: a week is the same whatever is simulated before it.
    calling, playing, drawing, finishing, measuring, reading = (
        np.random.default_rng(stream)
        for stream in np.random.SeedSequence([league.seed, 2, number]).spawn(6)
    )
    attempts = league.attempts.filter(pl.col("week_number") == number)
    snap = SnapState.from_attempts(attempts, league.quickness)
    calls = call_plays(snap, calling)
    dropbacks = play_dropbacks(snap, calls, manner_of(league.settings.motion, calls), playing)
    states = _states_at_release(snap, dropbacks)
    if "reads" in attempts.columns:
        yards = release_distribution(states).mean().reshape(calls.blocks.shape)
        best = np.where(calls.blocks, -np.inf, yards).argmax(axis=1)
        sees = reading.random(len(snap)) < attempts["reads"].to_numpy()
        dropbacks = replace(dropbacks, target=np.where(sees, best, dropbacks.target))
    state = states[np.arange(len(snap)) * RECEIVERS + dropbacks.target]
    outcomes = release_distribution(state, snap.edge_yd).sample(drawing)
    tracks = finish_plays(snap, calls, dropbacks, outcomes, finishing)
    rotated = measuring.random(len(snap)) < 0.5
    motion = measure_motion(tracks, calls, rotated, measuring)
    seen = (calls, dropbacks, states, state, outcomes, tracks, rotated, motion)
    return Week(attempts, snap, *seen)


def simulate_other_plays(league: TrackingLeague, number: int) -> OtherPlays | None:
    """Simulate the plays of a week that are no targeted attempts; None where it has none.

    Args:
        league: The league; it has others where its settings have ``all_plays``.
        number: The week's, from 0 to ``league.weeks - 1``.
    """
    others = league.others.filter(pl.col("week_number") == number)
    if others.is_empty():
        return None
    streams = np.random.SeedSequence([league.seed, 4, number])
    return play_others(others, league.quickness, league.settings.motion, streams)


def oracle_distribution(
    truth: pl.DataFrame, *, passer: Literal["average", "actual"] = "average"
) -> OutcomeDistribution:
    """The exact distribution of each play's yards given all that was seen up to the release.

    Args:
        truth: Rows of ``truth.parquet``.
        passer: The league-average passer, which a network that never sees who throws can hope
            to know; or the actual passer against the actual defense.

    Returns:
        The distributions; `OutcomeDistribution.cdf` gives them at any whole yard, and `oracle_cdf`
        at all.
    """
    edge = truth["edge_yd"].to_numpy() if passer == "actual" else 0.0
    return release_distribution(ReleaseState.from_frame(truth), edge)


def oracle_throws(truth: pl.DataFrame) -> OutcomeDistribution:
    """The exact distribution of a throw to each of the eligible, by the league-average passer.

    Args:
        truth: Rows of ``truth.parquet``, whose lists have an entry for each of the five eligible.

    Returns:
        The distributions, play by play in the order of ``receivers``, shape ``(5 N,)`` each.
    """
    states = {f.name: truth[f"{f.name}_of_each"].to_numpy().ravel() for f in fields(ReleaseState)}
    return release_distribution(ReleaseState(**states))


def oracle_cdf(distribution: OutcomeDistribution) -> Floats:
    """CDF at each of the 211 whole yards that a play can gain, shape ``(N, 211)``.

    The yards are those of `dropback.models._predict.YARDS`, -110 to 100.
    """
    return distribution.cdf(np.arange(YARDS_LOWEST, YARDS_HIGHEST + 1)[None, :])


def _states_at_release(snap: SnapState, dropbacks: Dropbacks) -> ReleaseState:
    """What throws to each of the eligible depend on, from the last two frames, shape ``(5 N,)``."""
    plays = np.repeat(np.arange(len(snap)), RECEIVERS)
    release = dropbacks.release[plays]
    xy = dropbacks.xy[plays, release]
    velocity = (xy - dropbacks.xy[plays, release - 1]) / FRAME_S
    return ReleaseState.at_release(
        xy,
        velocity,
        np.tile(np.arange(RECEIVERS), len(snap)),
        line_x_yd=snap.line_x_yd[plays],
        yardline_100=snap.yardline_100[plays],
    )
