"""Define the schemas of the tables that the folders exchange.

A table is validated once, where it is computed or read; from there on its columns are trusted.
Columns that nflverse has keep nflverse's name and meaning.
"""

from __future__ import annotations

from enum import StrEnum

import dataframely as dy
import polars as pl

PLAY_KEY = ("game_id", "play_id")
"""A play's identity in every table."""


def repeated_plays(table: pl.DataFrame) -> pl.DataFrame:
    """Rows whose play another row of the table is too."""
    return table.filter(pl.struct(PLAY_KEY).is_duplicated())


class PlaySet(StrEnum):
    """Which plays a model is trained on and a passer is evaluated by.

    A model of one set never predicts another, because each set has its own outcome distribution.
    """

    TARGETED = "targeted"
    """Passes with a named receiver: no sack, spike, throw-away or two-point try."""
    ATTEMPTS = "attempts"
    """All passes with air yards. `TARGETED` becomes this before 2009, because receivers of
    incompletions were not recorded."""
    DROPBACKS = "dropbacks"
    """Targeted attempts, throw-aways and sacks."""


class Outcome(StrEnum):
    """The outcome that a play is scored by: the name of its column in `Plays`."""

    YARDS = "yards"
    """Whole yards, bounded by the field."""
    EPA = "epa"
    """Expected points added, a continuous number of points."""


class Plays(dy.Schema):
    """One row per play: passer, game, situation at the snap, throw, and outcome."""

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
    roof = dy.String(nullable=True)
    temp = dy.Float64(nullable=True)
    wind = dy.Float64(nullable=True)
    rain = dy.Bool(nullable=True)
    snow = dy.Bool(nullable=True)
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
    epa = dy.Float64(nullable=True)
    epa_source = dy.String(nullable=True)
    official_attempts = dy.Int64(nullable=False, min=0)
    team_games = dy.Int64(nullable=False, min=1)
    desc = dy.String(nullable=True)
    old_game_id = dy.String(nullable=True)


class Predictions(dy.Schema):
    """One row per play: summary of the predictive distribution, and the outcome's place in it.

    `outcome` names the predicted variable; `observed`, `median`, `mean`, the quantiles and `crps`
    are in its units. For yards, `log_score` is minus the log of a probability; for EPA, of a
    density; 103.3 where that is too small for float32.
    """

    game_id = dy.String(primary_key=True)
    play_id = dy.Int64(primary_key=True)
    season = dy.Int64(nullable=False)
    week = dy.Int64(nullable=False)
    passer_player_id = dy.String(nullable=False)
    play_set = dy.String(nullable=False)
    tracked = dy.Bool(nullable=False)
    """Whether the prediction used the play's tracking, or play-by-play alone."""
    fold = dy.Int64(nullable=True)
    outcome = dy.String(nullable=False, check=lambda c: c.is_in([o.value for o in Outcome]))
    observed = dy.Float64(nullable=False)
    median = dy.Float64(nullable=False)
    mean = dy.Float64(nullable=False)
    q01 = dy.Float64(nullable=False)
    q05 = dy.Float64(nullable=False)
    q10 = dy.Float64(nullable=False)
    q25 = dy.Float64(nullable=False)
    q50 = dy.Float64(nullable=False)
    q75 = dy.Float64(nullable=False)
    q90 = dy.Float64(nullable=False)
    q95 = dy.Float64(nullable=False)
    q99 = dy.Float64(nullable=False)
    pit = dy.Float64(nullable=False, min=0.0, max=1.0)
    mid_cdf = dy.Float64(nullable=False, min=0.0, max=1.0)
    crps = dy.Float64(nullable=False, min=0.0)
    log_score = dy.Float64(nullable=False)

    @dy.rule()
    def log_score_of_probabilities_is_positive(cls) -> pl.Expr:  # noqa: N805  # dataframely's form
        """A probability is at most 1; a density is not."""
        return (pl.col("log_score") >= 0) | (pl.col("outcome") == Outcome.EPA.value)


class Scores(Plays):
    """One row per play: the columns of `Plays`, its prediction in short, and its play score."""

    outcome = dy.String(nullable=False, check=lambda c: c.is_in([o.value for o in Outcome]))
    tracked = dy.Bool(nullable=False)
    fold = dy.Int64(nullable=True)
    median = dy.Float64(nullable=False)
    mean = dy.Float64(nullable=False)
    mid_cdf = dy.Float64(nullable=False, min=0.0, max=1.0)
    play_score = dy.Float64(nullable=False)
    season_drift = dy.Float64(nullable=False)
    """Mean `play_score` of the season's plays less one half; rankings subtract it."""


class StandardScores(Plays):
    """One row per dropback: the columns of `Plays` and its standardized score."""

    epa = dy.Float64(nullable=False)
    mid_cdf = dy.Float64(nullable=True, min=0.0, max=1.0)
    """Of the yards; null without a distribution of yards, as for sacks and throw-aways."""
    epa_cdf = dy.Float64(nullable=True, min=0.0, max=1.0)
    epa_mean = dy.Float64(nullable=True)
    play_score = dy.Float64(nullable=False)
