"""Write the rows of sacks, scrambles, throw-aways and designed runs in the small tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.simulation._play_calls import Kind
from dropback.simulation._rosters import FIRST_PLAYER_NUMBER, player_id, player_name
from dropback.simulation.tracking._calls import COVERAGES
from dropback.simulation.tracking._lineup import BACK, DEFENSE, ELIGIBLE, FRAME_S, PASSER
from dropback.simulation.tracking._routes import ROUTES
from dropback.simulation.tracking._tables import player_numbers, situation_rows
from dropback.tracking._schema import PLAYERS

if TYPE_CHECKING:
    from dropback.simulation.tracking._other_plays import OtherPlays


# Flags and yards of throws alone.
_OF_THROWS: Final = (
    *("wasTargettedReceiver", "hadPassReception", "hadInterception", "interceptionYards"),
)


def other_tables(plays: OtherPlays) -> dict[str, pl.DataFrame]:
    """Rows of ``plays``, ``player_play`` and ``pbp``, in the columns of the throws'.

    Columns of the throws' that say nothing of these plays are absent.
    """
    return {
        "plays": _play_rows(plays),
        "player_play": _player_play_rows(plays),
        "pbp": _play_by_play_rows(plays),
    }


def _play_rows(plays: OtherPlays) -> pl.DataFrame:
    a, c = plays.attempts, plays.calls
    kind = pl.col("kind")
    is_run, away = kind == Kind.RUN, kind == Kind.THROW_AWAY
    throw_s = np.round((plays.tracks.release - plays.tracks.snap) * FRAME_S, 1)
    outcome = a.with_columns(
        action=np.where(c.play_action, "TRUE", "FALSE"), throw_s=pl.Series(throw_s)
    ).select(
        playAction=pl.when(~is_run).then("action"),
        dropbackType=pl.when(kind == Kind.SCRAMBLE)
        .then(pl.lit("SCRAMBLE"))
        .when(~is_run)
        .then(pl.lit("TRADITIONAL")),
        passResult=kind.replace_strict(
            {Kind.SACK: "S", Kind.SCRAMBLE: "R", Kind.THROW_AWAY: "I"}, default=None
        ),
        passLength=pl.when(away).then("air_yards").cast(pl.Int64),
        timeToThrow=pl.when(away).then("throw_s"),
        qbSpike=pl.when(~is_run).then(pl.lit("FALSE")),
        qbKneel=pl.lit(0, dtype=pl.Int64),
        prePenaltyYardsGained=pl.col("yards_gained").cast(pl.Int64),
        yardsGained=pl.col("yards_gained").cast(pl.Int64),
        isDropback=pl.when(is_run).then(pl.lit("FALSE")).otherwise(pl.lit("TRUE")),
        pff_passCoverage=pl.Series(np.array(COVERAGES)[c.coverage]),
        pff_manZone=pl.Series(np.where(c.coverage <= 1, "Man", "Zone")),
    )
    return pl.concat([situation_rows(plays, _description(a)), outcome], how="horizontal")


def _player_play_rows(plays: OtherPlays) -> pl.DataFrame:
    a, c, n = plays.attempts, plays.calls, len(plays.attempts)
    numbers, clubs = player_numbers(a)
    is_run = plays.kind == Kind.RUN
    flags = {
        name: np.zeros((n, PLAYERS), np.int64)
        for name in ("wasInitialPassRusher", "wasRunningRoute", "hadRushAttempt")
    }
    flags["wasInitialPassRusher"][:, DEFENSE] = c.rushes & ~is_run[:, None]
    flags["wasRunningRoute"][:, ELIGIBLE] = ~c.blocks
    carries = np.isin(plays.kind, (Kind.RUN, Kind.SCRAMBLE))
    carrier = np.where(is_run, BACK, PASSER)
    flags["hadRushAttempt"][np.arange(n), carrier] = carries
    routes = np.full((n, PLAYERS), "", dtype="U9")
    routes[:, ELIGIBLE] = np.where(c.blocks, "", np.array(ROUTES)[c.routes.route])
    none = pl.Series(np.zeros(n * PLAYERS, np.int64))
    return pl.DataFrame(
        {
            "gameId": np.repeat(a["source_game_id"].to_numpy(), PLAYERS),
            "playId": np.repeat(a["play_id"].to_numpy(), PLAYERS),
            "nflId": numbers.ravel() + FIRST_PLAYER_NUMBER,
            "teamAbbr": clubs.ravel(),
            **dict.fromkeys(_OF_THROWS, none),
            **{name: values.ravel() for name, values in flags.items()},
            "routeRan": pl.Series(routes.ravel()).replace("", None),
        }
    )


def _play_by_play_rows(plays: OtherPlays) -> pl.DataFrame:
    """Play-by-play's own rows, with the back who carries the ball here."""
    a = plays.attempts
    is_run, thrown = pl.col("kind") == Kind.RUN, pl.col("play_type") == "pass"
    back = pl.Series("back", player_numbers(a)[0][:, BACK])
    added = ("edge_yd", "week_number", "source_game_id", "kickoff", "kind")
    names = [name for name in a.columns if name not in added]
    return (
        a.with_columns(back, _description(a).alias("desc"))
        .with_columns(
            pl.when(thrown).then(pl.col("passer_player_id", "passer_player_name")),
            rusher_player_id=pl.when(is_run)
            .then(player_id(pl.col("back")))
            .otherwise("rusher_player_id"),
            rusher_player_name=pl.when(is_run)
            .then(player_name(pl.col("back")))
            .otherwise("rusher_player_name"),
        )
        .select(names)
    )


def _description(attempts: pl.DataFrame) -> pl.Series:
    """Each play in the feed's words."""
    back = pl.Series("back", player_numbers(attempts)[0][:, BACK])
    start = pl.format("({}) {}", "time", "passer_player_name")
    kind = pl.col("kind")
    return attempts.with_columns(back).select(
        pl.when(kind == Kind.SACK)
        .then(pl.format("{} sacked for {} yards.", start, "yards_gained"))
        .when(kind == Kind.SCRAMBLE)
        .then(pl.format("{} scrambles for {} yards.", start, "yards_gained"))
        .when(kind == Kind.THROW_AWAY)
        .then(pl.format("{} pass incomplete. Thrown away.", start))
        .otherwise(
            pl.format("({}) {} runs for {} yards.", "time", player_name(pl.col("back")),
                      "yards_gained")
        )
    ).to_series()  # fmt: skip
