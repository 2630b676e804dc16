"""Select the plays to model from play-by-play, and count each exclusion with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from dropback._frames import validated
from dropback.data import _outcomes as outcomes
from dropback.data._play_by_play import PLAY_BY_PLAY_COLUMNS
from dropback.data._play_context import at_home, goal_to_go, half_seconds_remaining
from dropback.data._tables import Outcome, Plays, PlaySet
from dropback.data._weather import WEATHER_SOURCES, attach_weather, lacking_weather
from dropback.errors import ReaderError, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import dataframely as dy

# Receivers of incompletions are null in every game book before 2009 (data of 2006-2023).
FIRST_SEASON_WITH_RECEIVERS = 2009

Games = Literal["regular", "postseason", "all"]

_IDENTITY = ("game_id", "play_id", "season", "season_type", "week", "posteam")
# Columns of runs, scores and fouls do not belong to a pass play; `epa` may come from elsewhere.
_SITUATION_COLUMNS = set(Plays.column_names()) - {"epa"}
# What `Plays` demands: a value outside excludes its play, and not the whole file.
_RANGES = {
    "week": (1, 99),
    "qtr": (1, 99),
    "down": (1, 4),
    "ydstogo": (0, 100),
    "yardline_100": (1, 99),
}


@dataclass(frozen=True)
class Selection:
    """The plays kept, and how many rows were left out for which reason.

    Attributes:
        plays: One row per play, valid as `Plays`.
        left_out: Columns ``reason`` and ``plays``, most frequent first. Each row of the source
            is counted once, under the first reason that applies.
        missing_columns: Optional source columns that were absent or empty throughout.
        doubtful: Completions kept whose air yards and yards after the catch do not add up to the
            gain, as after a lateral or a slip of the scorer.
    """

    plays: dy.DataFrame[Plays]
    left_out: pl.DataFrame
    missing_columns: tuple[str, ...]
    doubtful: int


def select_plays(
    play_by_play: pl.DataFrame,
    *,
    plays: PlaySet = PlaySet.TARGETED,
    games: Games = "regular",
    outcome: Outcome = Outcome.YARDS,
) -> Selection:
    """Choose the plays to model and state their outcome and its bounds.

    Args:
        play_by_play: What `read_play_by_play` returned; `attach_epa` adds `epa_source`, without
            which the plays have no EPA, so that no table mixes sources.
        plays: `TARGETED` becomes `ATTEMPTS` in seasons before 2009.
        games: Games to keep.
        outcome: Outcome that the plays are modeled by; a play without it is left out.

    Raises:
        ReaderError: No play is left.
        RequestError: Seasons before and from 2009 together: their sets of plays differ.
    """
    play_set = _play_set_of(play_by_play, plays)
    if "epa_source" not in play_by_play.columns:
        play_by_play = play_by_play.with_columns(
            pl.lit(None, dtype=pl.Float64).alias("epa"),
            pl.lit(None, dtype=pl.String).alias("epa_source"),
        )
    labeled = (
        play_by_play.with_columns(
            outcomes.yards(), outcomes.yards_max(), outcomes.yards_min(), *_context()
        )
        .with_columns(_official_attempts(), _team_games())
        .with_columns(_reason(play_set, games, outcome).alias("reason"))
        .with_columns(
            pl.when(outcomes.is_repeated(pl.col("reason").is_null()))
            .then(pl.lit("repeated play"))
            .otherwise("reason")
            .alias("reason")
        )
    )
    left_out = (
        labeled.filter(pl.col("reason").is_not_null())
        .group_by("reason")
        .agg(pl.len().cast(pl.Int64).alias("plays"))
        .sort("plays", "reason", descending=[True, False])
    )
    kept = attach_weather(
        labeled.filter(pl.col("reason").is_null()).with_columns(
            pl.lit(play_set.value).alias("play_set")
        )
    )
    if kept.is_empty():
        reasons = "; ".join(f"{row[0]}: {row[1]}" for row in left_out.iter_rows())
        raise ReaderError(f"No play is left to model. Left out: {reasons or 'none was read'}.")
    missing = tuple(
        column.name
        for column in PLAY_BY_PLAY_COLUMNS
        if column.name in _SITUATION_COLUMNS
        and column.name not in WEATHER_SOURCES
        and not column.required
        and kept[column.name].null_count() == kept.height
    )
    apart = pl.col("air_yards") + pl.col("yards_after_catch") != pl.col("yards")
    doubtful = kept.filter(pl.col("complete_pass") & apart).height
    return Selection(validated(Plays, kept), left_out, (*missing, *lacking_weather(kept)), doubtful)


def _play_set_of(play_by_play: pl.DataFrame, plays: PlaySet) -> PlaySet:
    if plays is not PlaySet.TARGETED:
        return plays
    early = play_by_play["season"] < FIRST_SEASON_WITH_RECEIVERS
    if early.all() and play_by_play.height:
        return PlaySet.ATTEMPTS
    if early.any():
        raise RequestError(
            f"Seasons before {FIRST_SEASON_WITH_RECEIVERS} name no receiver of an incompletion, "
            "so their targeted attempts cannot be told from throw-aways: take them "
            "without the later seasons, or use --plays attempts for all."
        )
    return PlaySet.TARGETED


def _context() -> Iterable[pl.Expr]:
    """Columns of `Plays` that depend on their row alone."""
    for name in ("complete_pass", "interception", "sack"):
        yield (pl.col(name) == 1).fill_null(value=False).alias(name)
    for name in ("pass_touchdown", "qb_hit", "shotgun", "no_huddle"):
        yield (pl.col(name) == 1).alias(name)
    yield from (at_home(), goal_to_go(), half_seconds_remaining())


def _official_attempts() -> pl.Expr:
    """Official attempts of the play's passer in its game."""
    attempt = outcomes.is_official_attempt()
    once = attempt & ~outcomes.is_repeated(attempt)
    return once.sum().over("game_id", "passer_player_id").cast(pl.Int64).alias("official_attempts")


def _team_games() -> pl.Expr:
    """Games of the passer's team in that season and season type."""
    return (
        pl.col("game_id")
        .n_unique()
        .over("season", "season_type", "posteam")
        .cast(pl.Int64)
        .alias("team_games")
    )


def _reason(play_set: PlaySet, games: Games, outcome: Outcome) -> pl.Expr:
    """The first reason for which a row is left out, null where it is kept."""
    clock = ("qtr", "game_seconds_remaining", "half_seconds_remaining")
    needed = (*_IDENTITY, *clock, "home", "defteam", "score_differential", *_RANGES)
    thrown = ~pl.col("sack")
    rules = [
        *other_games(games),
        (~pl.col("play_type").is_in(["pass", "qb_spike"]), "not a pass play"),
        (pl.col("two_point_attempt") == 1, "two-point try"),
        ((pl.col("qb_spike") == 1) | (pl.col("play_type") == "qb_spike"), "spike"),
    ]
    if play_set is not PlaySet.DROPBACKS:
        rules += [
            (pl.col("sack"), "sack"),
            (pl.col("air_yards").is_null(), "no air yards recorded"),
        ]
    if play_set is PlaySet.TARGETED:
        receiver = pl.coalesce("receiver_player_id", "receiver_player_name")
        # A ball that was caught had a target, whether or not he was recorded.
        rules.append(
            (receiver.is_null() & ~pl.col("complete_pass"), "no receiver (thrown away, batted)")
        )
    rules += [
        (pl.any_horizontal(pl.col(name).is_null() for name in needed), "situation not recorded"),
        (
            pl.any_horizontal(~pl.col(name).is_between(*ends) for name, ends in _RANGES.items()),
            "situation outside the rules",
        ),
        (outcomes.is_beyond_field("air_yards"), "air yards outside the field"),
        (pl.col("passer_player_id").is_null(), "no passer recorded"),
        (
            thrown
            & ~pl.col("complete_pass")
            & ~pl.col("interception")
            & pl.col("incomplete_pass").ne_missing(1),
            "no result recorded",
        ),
        (pl.col("yards").is_null(), "outcome not recorded"),
        (
            (pl.col("yards") > pl.col("yards_max")) | (pl.col("yards") < pl.col("yards_min")),
            "outcome outside the field",
        ),
        (pl.col(outcome.value).is_null(), "no expected points added"),
    ]
    return first_that_holds(rules)


def first_that_holds(rules: Iterable[tuple[pl.Expr, str]]) -> pl.Expr:
    """The reason of the first rule whose condition holds, null where none does."""
    # A null condition must not exclude, whatever the column: missing flags read as "no".
    return pl.coalesce(
        pl.when(condition.fill_null(value=False)).then(pl.lit(reason))
        for condition, reason in rules
    )


def other_games(games: Games) -> list[tuple[pl.Expr, str]]:
    """The rules that leave out the games which are not to be kept; preseason games never are."""
    preseason = (pl.col("season_type") == "PRE", "preseason game")
    if games == "all":
        return [preseason]
    other = "POST" if games == "regular" else "REG"
    return [preseason, (pl.col("season_type") == other, f"not a {games} game")]
