"""Schemas of the tables that pass from room to room.

Each is validated once, where it is made or read; behind that point its columns are trusted.
Names that nflverse has keep nflverse's name and meaning.
"""

from __future__ import annotations

from enum import StrEnum

import dataframely as dy

__all__ = ["PLAY_KEY", "PlaySet", "Plays", "Predictions", "Scores"]

PLAY_KEY = ("game_id", "play_id")
"""A play's identity in every table."""


class PlaySet(StrEnum):
    """Which plays a model is trained on and a passer is judged by.

    A model of one set never predicts another, because each set has its own outcome law.
    """

    TARGETED = "targeted"
    """Passes with a named receiver: no sack, spike, throw-away or two-point try."""
    ATTEMPTS = "attempts"
    """All passes with air yards: what `TARGETED` becomes before 2009, where receivers of
    incompletions were not recorded."""
    DROPBACKS = "dropbacks"
    """Targeted attempts, throw-aways and sacks."""


class Plays(dy.Schema):
    """A row a play: who, when, the situation at the snap, the throw, and what came of it."""

    game_id = dy.String(primary_key=True)
    play_id = dy.Int64(primary_key=True)
    season = dy.Int64(nullable=False)
    season_type = dy.String(nullable=False)
    week = dy.Int64(nullable=False, min=1)
    play_set = dy.String(nullable=False, check=lambda c: c.is_in([s.value for s in PlaySet]))
    passer_player_id = dy.String(nullable=False)
    passer_player_name = dy.String(nullable=True)
    receiver_player_id = dy.String(nullable=True)
    receiver_player_name = dy.String(nullable=True)
    posteam = dy.String(nullable=False)
    defteam = dy.String(nullable=False)
    home = dy.Bool(nullable=False)
    qtr = dy.Int64(nullable=False, min=1)
    game_seconds_remaining = dy.Int64(nullable=False)
    half_seconds_remaining = dy.Int64(nullable=False)
    score_differential = dy.Int64(nullable=False)
    down = dy.Int64(nullable=False, min=1, max=4)
    ydstogo = dy.Int64(nullable=False, min=0, max=100)
    yardline_100 = dy.Int64(nullable=False, min=1, max=99)
    goal_to_go = dy.Bool(nullable=False)
    shotgun = dy.Bool(nullable=True)
    no_huddle = dy.Bool(nullable=True)
    air_yards = dy.Int64(nullable=True)
    pass_location = dy.String(nullable=True)
    complete_pass = dy.Bool(nullable=False)
    interception = dy.Bool(nullable=False)
    sack = dy.Bool(nullable=False)
    pass_touchdown = dy.Bool(nullable=True)
    yards_after_catch = dy.Int64(nullable=True)
    qb_hit = dy.Bool(nullable=True)
    yards = dy.Int64(nullable=False)
    yards_min = dy.Int64(nullable=False)
    yards_max = dy.Int64(nullable=False)
    official_attempts = dy.Int64(nullable=False, min=0)
    team_games = dy.Int64(nullable=False, min=1)
    desc = dy.String(nullable=True)


class Predictions(dy.Schema):
    """A row a play: the predictive law of `yards` in numbers, and how the outcome met it."""

    game_id = dy.String(primary_key=True)
    play_id = dy.Int64(primary_key=True)
    season = dy.Int64(nullable=False)
    week = dy.Int64(nullable=False)
    passer_player_id = dy.String(nullable=False)
    play_set = dy.String(nullable=False)
    fold = dy.Int64(nullable=True)
    yards = dy.Int64(nullable=False)
    median = dy.Float64(nullable=False)
    mean = dy.Float64(nullable=False)
    q01 = dy.Int64(nullable=False)
    q05 = dy.Int64(nullable=False)
    q10 = dy.Int64(nullable=False)
    q25 = dy.Int64(nullable=False)
    q50 = dy.Int64(nullable=False)
    q75 = dy.Int64(nullable=False)
    q90 = dy.Int64(nullable=False)
    q95 = dy.Int64(nullable=False)
    q99 = dy.Int64(nullable=False)
    pit = dy.Float64(nullable=False, min=0.0, max=1.0)
    mid_cdf = dy.Float64(nullable=False, min=0.0, max=1.0)
    crps = dy.Float64(nullable=False, min=0.0)
    log_score = dy.Float64(nullable=False, min=0.0)


class Scores(Plays):
    """A row a play: its circumstances, its predictive law in short, and its play score."""

    fold = dy.Int64(nullable=True)
    median = dy.Float64(nullable=False)
    mean = dy.Float64(nullable=False)
    mid_cdf = dy.Float64(nullable=False, min=0.0, max=1.0)
    play_score = dy.Float64(nullable=False)
