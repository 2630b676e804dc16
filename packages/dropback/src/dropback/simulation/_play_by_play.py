"""Write the simulated plays in nflverse's play-by-play columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback.data._field import GOAL_TO_GOAL_YD, QUARTER_SECONDS
from dropback.simulation._drives import NULL
from dropback.simulation._play_calls import Kind
from dropback.simulation._rosters import TEAMS, player_id, player_name

if TYPE_CHECKING:
    from dropback._arrays import Integers
    from dropback.simulation._rosters import Calendar

PLAY_TYPES = {
    Kind.KICK_OFF: "kick_off",
    Kind.EXTRA_POINT: "xp_kick",
    Kind.TWO_POINT_TRY: "pat2",
    Kind.PENALTY: "penalty",
    Kind.PUNT: "punt",
    Kind.FIELD_GOAL: "field_goal",
    Kind.RUN: "run",
    Kind.KNEEL: "run",
    Kind.SCRAMBLE: "run",
    Kind.SACK: "pass",
    Kind.SPIKE: "pass",
    Kind.THROW_AWAY: "pass",
    Kind.TARGETED: "pass",
}

# Players of a team beside its passers. At most 64 new passers a season in at most 102 seasons
# keep the passers' numbers below.
FIRST_TEAMMATE = 8_000
TEAMMATES = 20
FIRST_RECEIVER, FIRST_RUSHER, FIRST_DEFENDER = 0, 8, 12

# From 16 air yards on the feed calls a pass deep.
DEEP_YD = 16


def targeted() -> pl.Expr:
    """Whether a row is a targeted attempt: aimed at a receiver, no sack, spike or throw-away."""
    return (pl.col("play_type") == "pass") & pl.col("receiver_player_id").is_not_null()


def play_by_play(
    rows: dict[str, Integers], calendar: Calendar, passers: Integers, generator: np.random.Generator
) -> pl.DataFrame:
    """Lay the rows out in nflverse's columns and dtypes.

    Args:
        rows: What `play_games` returned, grouped by game.
        calendar: The games.
        passers: Number of the passer of each game's home and away side, shape ``(G, 2)``.
        generator: Source of the gaps between play numbers.

    Returns:
        The 50 columns of the real files, a row a play.
    """
    game, offense = rows["game"], rows["offense"]
    sides = np.stack([calendar.home, calendar.away], axis=1)
    integers = {
        name: pl.Series(values, dtype=pl.Int64)
        for name, values in rows.items()
        if name not in ("game", "kind", "offense")
    }
    frame = pl.DataFrame(
        {
            **integers,
            "kind": rows["kind"],
            "season": calendar.season[game],
            "week": calendar.week[game],
            "pairing": _pairing(calendar)[game],
            "home": offense == 0,
            "home_team": np.array(TEAMS)[calendar.home][game],
            "away_team": np.array(TEAMS)[calendar.away][game],
            "offense_team": sides[game, offense],
            "defense_team": sides[game, 1 - offense],
            "passer": passers[game, offense],
            "play_id": _play_numbers(game, generator),
        }
    ).with_columns(pl.when(pl.col(name) != NULL).then(pl.col(name)) for name in integers)
    described = frame.select(*_identity(), *_state(), *_result(), *_people())
    return described.with_columns(_description().alias("desc"))


def games_table(calendar: Calendar, points: Integers) -> pl.DataFrame:
    """One row a game with its final score, in the columns of ``games.parquet``."""
    frame = pl.DataFrame(
        {
            "season": calendar.season,
            "week": calendar.week,
            "pairing": _pairing(calendar),
            "home_team": np.array(TEAMS)[calendar.home],
            "away_team": np.array(TEAMS)[calendar.away],
            "home_score": points[:, 0],
            "away_score": points[:, 1],
        }
    )
    return frame.select(
        _game_id(),
        _old_game_id(),
        "season",
        pl.lit("REG").alias("game_type"),
        "week",
        _game_day().dt.to_string("%Y-%m-%d").alias("gameday"),
        *("away_team", "away_score", "home_team", "home_score"),
        pl.lit("Home").alias("location"),
        pl.format("{} Stadium", "home_team").alias("stadium"),
        pl.lit("Simulated").alias("weather"),
        pl.lit("FINAL").alias("phase"),
    )


def _pairing(calendar: Calendar) -> Integers:
    """Number of each game within its week, from 0."""
    games = np.arange(len(calendar.week))
    changes = np.diff(calendar.season * 100 + calendar.week, prepend=-1) != 0
    return games - np.maximum.accumulate(np.where(changes, games, 0))


def _play_numbers(game: Integers, generator: np.random.Generator) -> Integers:
    """Play numbers that grow within each game by uneven gaps, as the feed's do."""
    total = np.cumsum(generator.integers(15, 32, len(game)))
    first = np.diff(game, prepend=-1) != 0
    before = np.maximum.accumulate(np.where(first, total, 0))
    return total - before + 35


def _game_id() -> pl.Expr:
    week = pl.col("week").cast(pl.String).str.zfill(2)
    return pl.format("{}_{}_{}_{}", "season", week, "away_team", "home_team").alias("game_id")


def _game_day() -> pl.Expr:
    """Sundays from the first after 5 September, the earliest that a season has begun on."""
    opening = pl.date(pl.col("season"), 9, 5)
    to_sunday = pl.duration(days=7 - opening.dt.weekday())
    return opening + to_sunday + pl.duration(days=7 * (pl.col("week") - 1))


def _old_game_id() -> pl.Expr:
    pairing = pl.col("pairing").cast(pl.String).str.zfill(2)
    return pl.format("{}{}", _game_day().dt.to_string("%Y%m%d"), pairing).alias("old_game_id")


def _identity() -> list[pl.Expr]:
    """Which play of which game."""
    return [
        _game_id(),
        _old_game_id(),
        pl.col("play_id", "season").cast(pl.Int32),
        pl.lit("REG").alias("season_type"),
        pl.col("week").cast(pl.Int32),
        pl.col("home_team", "away_team"),
        pl.col("offense_team").replace_strict(dict(enumerate(TEAMS))).alias("posteam"),
        pl.col("defense_team").replace_strict(dict(enumerate(TEAMS))).alias("defteam"),
    ]


def _state() -> list[pl.Expr]:
    """Clock, down, place and score before the play."""
    quarters_left = pl.max_horizontal(4 - pl.col("quarter"), 0)
    quarter_seconds = pl.col("seconds") - quarters_left * QUARTER_SECONDS
    minutes = (quarter_seconds // 60).cast(pl.String).str.zfill(2)
    seconds = (quarter_seconds % 60).cast(pl.String).str.zfill(2)
    lead = pl.col("home_points") - pl.col("away_points")
    goal_to_go = pl.col("down").is_not_null() & (pl.col("to_go") == pl.col("yardline"))
    return [
        pl.col("quarter").cast(pl.Int32).alias("qtr"),
        pl.format("{}:{}", minutes, seconds).alias("time"),
        quarter_seconds.cast(pl.Int32).alias("quarter_seconds_remaining"),
        pl.col("seconds").cast(pl.Int32).alias("game_seconds_remaining"),
        pl.col("down").cast(pl.Int32),
        pl.col("to_go").cast(pl.Int32).alias("ydstogo"),
        pl.col("yardline").cast(pl.Int32).alias("yardline_100"),
        goal_to_go.cast(pl.Int32).alias("goal_to_go"),
        pl.col("home_points").cast(pl.Int32).alias("home_score_pre"),
        pl.col("away_points").cast(pl.Int32).alias("away_score_pre"),
        pl.when("home").then(lead).otherwise(-lead).cast(pl.Int32).alias("score_differential"),
        pl.col("kind")
        .replace_strict({int(kind): name for kind, name in PLAY_TYPES.items()})
        .alias("play_type"),
    ]


def _result() -> list[pl.Expr]:
    """Formation, throw and result."""
    kind, yards = pl.col("kind"), pl.col("yards")
    passed = kind >= Kind.SACK
    completed, intercepted = pl.col("completed") == 1, pl.col("intercepted") == 1
    scored = completed & (yards == pl.col("yardline"))
    to_passer_goal = GOAL_TO_GOAL_YD - pl.col("yardline") + pl.col("air_yards")
    returned = intercepted & (pl.col("return_yards") == to_passer_goal)
    incomplete = passed & (kind != Kind.SACK) & ~completed & ~intercepted

    def flag(condition: pl.Expr, name: str) -> pl.Expr:
        return condition.fill_null(value=False).cast(pl.Int32).alias(name)

    def pass_flag(condition: pl.Expr, name: str) -> pl.Expr:
        value = condition.fill_null(value=False).cast(pl.Int32)
        return pl.when(passed).then(value).alias(name)

    length = pl.when(pl.col("air_yards") >= DEEP_YD).then(pl.lit("deep")).otherwise(pl.lit("short"))
    has_place = pl.col("location").is_not_null()
    return [
        pl.col("shotgun", "no_huddle").cast(pl.Int32),
        flag(kind == Kind.SPIKE, "qb_spike"),
        flag(kind == Kind.SCRAMBLE, "qb_scramble"),
        pl.when(has_place).then(length).alias("pass_length"),
        pl.col("location")
        .replace_strict({0: "left", 1: "middle", 2: "right"}, return_dtype=pl.String)
        .alias("pass_location"),
        pass_flag(completed, "complete_pass"),
        pass_flag(incomplete, "incomplete_pass"),
        pass_flag(intercepted, "interception"),
        pass_flag(kind == Kind.SACK, "sack"),
        yards.cast(pl.Int32).alias("yards_gained"),
        pl.col("air_yards").cast(pl.Int32),
        pl.when(completed)
        .then(yards - pl.col("air_yards"))
        .cast(pl.Int32)
        .alias("yards_after_catch"),
        pl.col("return_yards").cast(pl.Int32),
        pass_flag(returned, "return_touchdown"),
        pass_flag(scored, "pass_touchdown"),
        pass_flag(completed & (yards >= pl.col("to_go")), "first_down_pass"),
        pass_flag(pl.col("hit") == 1, "qb_hit"),
        pl.col("penalty").cast(pl.Int32),
    ]


def _people() -> list[pl.Expr]:
    """Who threw, caught, ran and intercepted."""

    def teammate(team: str, first: int, which: str) -> pl.Expr:
        return FIRST_TEAMMATE + pl.col(team) * TEAMMATES + first + pl.col(which)

    kind = pl.col("kind")
    passer = pl.when(kind >= Kind.SACK).then(pl.col("passer"))
    receiver = teammate("offense_team", FIRST_RECEIVER, "receiver")
    passer_runs = (kind == Kind.SCRAMBLE) | (kind == Kind.KNEEL)
    rusher = (
        pl.when(passer_runs)
        .then(pl.col("passer"))
        .otherwise(teammate("offense_team", FIRST_RUSHER, "rusher"))
    )
    interceptor = teammate("defense_team", FIRST_DEFENDER, "interceptor")
    return [
        player_id(passer).alias("passer_player_id"),
        player_name(passer).alias("passer_player_name"),
        player_id(receiver).alias("receiver_player_id"),
        player_name(receiver).alias("receiver_player_name"),
        player_id(rusher).alias("rusher_player_id"),
        player_name(rusher).alias("rusher_player_name"),
        player_id(interceptor).alias("interception_player_id"),
        (kind == Kind.TWO_POINT_TRY).cast(pl.Int32).alias("two_point_attempt"),
    ]


def _description() -> pl.Expr:
    """The play in words, shorter than the feed's."""
    clock = pl.format("({})", "time")
    shotgun = pl.when(pl.col("shotgun") == 1).then(pl.lit(" (Shotgun)")).otherwise(pl.lit(""))
    where = pl.format("{} {}", "pass_length", "pass_location")
    passer, receiver = pl.col("passer_player_name"), pl.col("receiver_player_name")
    what = (
        pl.when(pl.col("qb_spike") == 1)
        .then(pl.format("{} spiked the ball to stop the clock.", passer))
        .when(pl.col("sack") == 1)
        .then(pl.format("{} sacked for {} yards.", passer, "yards_gained"))
        .when(pl.col("complete_pass") == 1)
        .then(pl.format("{} pass {} to {} for {} yards.", passer, where, receiver, "yards_gained"))
        .when(pl.col("interception") == 1)
        .then(
            pl.format(
                "{} pass {} intended for {} INTERCEPTED, returned {} yards.",
                *(passer, where, receiver, "return_yards"),
            )
        )
        .when((pl.col("incomplete_pass") == 1) & receiver.is_not_null())
        .then(pl.format("{} pass incomplete {} to {}.", passer, where, receiver))
        .when(pl.col("incomplete_pass") == 1)
        .then(pl.format("{} pass incomplete {}.", passer, where))
        .when(pl.col("play_type") == "run")
        .then(pl.format("{} runs for {} yards.", "rusher_player_name", "yards_gained"))
        .otherwise(
            pl.col("play_type").replace_strict(
                {
                    "kick_off": "Kick-off.",
                    "xp_kick": "Extra point try.",
                    "pat2": "TWO-POINT CONVERSION ATTEMPT.",
                    "penalty": "PENALTY - No Play.",
                    "punt": "Punt.",
                    "field_goal": "Field goal try.",
                },
                default="",
            )
        )
    )
    return pl.format("{}{} {}", clock, shotgun, what)
