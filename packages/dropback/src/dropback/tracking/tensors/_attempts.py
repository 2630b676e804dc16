"""Select tracked plays as play-by-play plays are selected, with each exclusion counted.

It is in tracking, above `dropback.data._selection`, because it knows both the columns of tensors
and the plays of `select_plays`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from dropback._frames import validated
from dropback.data import _outcomes as outcomes
from dropback.data._field import QUARTER_SECONDS, last_regular_week
from dropback.data._play_context import at_home, goal_to_go, half_seconds_remaining
from dropback.data._selection import (
    FIRST_SEASON_WITH_RECEIVERS,
    Games,
    first_that_holds,
    other_games,
    select_plays,
)
from dropback.data._tables import Outcome, Plays, PlaySet
from dropback.errors import RequestError, TrackingError
from dropback.tracking._described import SPIKE, described_result
from dropback.tracking._windows import THROWS
from dropback.tracking.tensors._play_tensors import TENSOR_PLAYS_COLUMNS

if TYPE_CHECKING:
    import dataframely as dy

    from dropback._arrays import Integers

_THROWN: Final = ("C", "I", "IN")
_OWN_KEY: Final = ["old_game_id", "play_id"]
_PLAYOFF_WEEKS: Final = 4
_NO_THROW: Final = "pass whose throw is not charted"
# Of the 19 spikes of 2017 18 are charted with no air yards, one with -2.
_SPIKED_YD: Final = 2


@dataclass(frozen=True)
class TrackedAttempts:
    """The tracked plays kept, where their tensors are, and what was left out.

    Attributes:
        plays: One row a play, valid as `dropback.data._tables.Plays`, in the order of the tensors.
        rows: Row of each play in the tensors, shape ``(len(plays),)``, ascending.
        left_out: Columns ``reason`` and ``plays``, most frequent first. Each tracked play that is
            not kept is counted once, under the first reason that applies.
        untracked: Plays of the play-by-play that would be kept but are not tracked: a network of
            static features can take them. Empty without play-by-play.
    """

    plays: dy.DataFrame[Plays]
    rows: Integers
    left_out: pl.DataFrame
    untracked: dy.DataFrame[Plays]


def select_tracked(
    plays: pl.DataFrame,
    *,
    play_by_play: pl.DataFrame | None = None,
    play_set: PlaySet = PlaySet.TARGETED,
    games: Games = "regular",
    outcome: Outcome = Outcome.YARDS,
) -> TrackedAttempts:
    """Choose the tracked plays to model and state their outcome and its bounds.

    With play-by-play, everything but the frames comes from there, through `select_plays`; plays
    are joined by ``old_game_id`` and ``play_id``, and ``game_id`` is nflverse's. Without it the
    tracking set speaks for itself: ``game_id`` is its own key as text, ids of players are gsis
    ids or else the set's own as text, ``air_yards`` is as charted or else the rounded throw
    depth, official attempts and team games are counted over the tracked plays, and what the set
    cannot tell (formation, location, hits, yards after the catch, expected points) is null.
    Without air yards a play is kept all the same, since a tracked target says as much.

    Args:
        plays: The plays of `PlayTensors`, all of them.
        play_by_play: What `read_play_by_play` returned.
        play_set: Which plays; scrambles are none.
        games: Which games to keep.
        outcome: What the plays will be judged by; expected points need play-by-play.

    Raises:
        ReaderError: No tracked play is left of those in the play-by-play.
        RequestError: The outcome is expected points without play-by-play, or seasons before and
            from 2009 together.
        TrackingError: ``plays`` is another table, no play is left, or play-by-play has none of
            the plays.
    """
    if missing := [name for name in TENSOR_PLAYS_COLUMNS if name not in plays.columns]:
        raise TrackingError(
            f"plays must be the table of plays of play tensors, but it lacks "
            f"{', '.join(missing[:3])}{' and more' if len(missing) > 3 else ''}: "
            "pass `PlayTensors.plays`."
        )
    if play_by_play is not None:
        return _by_play_by_play(plays, play_by_play, play_set, games, outcome)
    if outcome is not Outcome.YARDS:
        raise RequestError(
            "Expected points added need play-by-play beside the tracking set, which has yards "
            "alone: pass it, or judge plays by yards."
        )
    return _by_own_tables(plays, play_set, games)


def _by_play_by_play(
    plays: pl.DataFrame,
    play_by_play: pl.DataFrame,
    play_set: PlaySet,
    games: Games,
    outcome: Outcome,
) -> TrackedAttempts:
    tracked = plays.select(
        old_game_id=pl.col("game_id").cast(pl.String),
        play_id="play_id",
        throw=pl.col("end_event").is_in(THROWS).fill_null(value=True),
    ).with_row_index("row")
    recorded = play_by_play.join(tracked, on=_OWN_KEY, how="semi", maintain_order="left").unique(
        _OWN_KEY, keep="first", maintain_order=True
    )
    if recorded.is_empty():
        seasons, others = (
            ", ".join(map(str, sorted(set(table["season"])))) or "none"
            for table in (plays, play_by_play)
        )
        raise TrackingError(
            f"None of the {plays.height} tracked plays is in the play-by-play by old_game_id and "
            f"play_id (tracked seasons {seasons}; play-by-play seasons {others}): give that of "
            "their seasons."
        )
    if plays["season"].min() >= FIRST_SEASON_WITH_RECEIVERS:  # type: ignore[operator]  # of int
        # Older seasons have no tracking, and targeted attempts that cannot be told.
        play_by_play = play_by_play.filter(pl.col("season") >= FIRST_SEASON_WITH_RECEIVERS)
    # All of play-by-play, so that official attempts are those of a passer's whole game.
    chosen = select_plays(play_by_play, plays=play_set, games=games, outcome=outcome).plays
    # Once more on the tracked plays alone, for their reasons.
    reasons = select_plays(recorded, plays=play_set, games=games, outcome=outcome).left_out
    unknown = tracked.height - recorded.height
    if unknown:
        absent = pl.DataFrame({"reason": ["not in the play-by-play"], "plays": [unknown]})
        reasons = pl.concat([reasons, absent])
    found = chosen.join(tracked, on=_OWN_KEY, how="inner").sort("row")
    kept = found.filter(pl.col("throw") | pl.col("sack"))
    if unseen := found.height - kept.height:
        reasons = pl.concat([reasons, pl.DataFrame({"reason": [_NO_THROW], "plays": [unseen]})])
    return TrackedAttempts(
        plays=validated(Plays, kept),
        rows=kept["row"].cast(pl.Int64).to_numpy(),
        left_out=_most_frequent_first(reasons),
        untracked=validated(Plays, chosen.join(tracked, on=_OWN_KEY, how="anti")),
    )


def _by_own_tables(plays: pl.DataFrame, play_set: PlaySet, games: Games) -> TrackedAttempts:
    labeled = (
        _in_nflverse_columns(plays)
        .with_columns(
            outcomes.yards(),
            outcomes.yards_max(),
            outcomes.yards_min(),
            at_home(),
            goal_to_go(),
            half_seconds_remaining(),
        )
        .with_columns(
            pass_touchdown=pl.col("complete_pass") & (pl.col("yards") == pl.col("yards_max")),
            play_set=pl.lit(play_set.value),
        )
        .with_columns(_reason(play_set, games).alias("reason"))
    )
    left_out = labeled.drop_nulls("reason").group_by("reason").agg(plays=pl.len().cast(pl.Int64))
    kept = labeled.filter(pl.col("reason").is_null())
    if kept.is_empty():
        reasons = "; ".join(f"{row[0]}: {row[1]}" for row in left_out.sort("reason").iter_rows())
        hint = " Outcomes that a set lacks are in play-by-play: give it beside the tracking."
        lacks = not left_out.filter(pl.col("reason").is_in(_OUTCOME_LACKING)).is_empty()
        raise TrackingError(
            f"No tracked play is left to model. Left out: {reasons or 'none was read'}."
            f"{hint if lacks else ''}"
        )
    return TrackedAttempts(
        plays=validated(Plays, kept.select(Plays.column_names())),
        rows=kept["row"].cast(pl.Int64).to_numpy(),
        left_out=_most_frequent_first(left_out),
        untracked=Plays.create_empty(),
    )


def _in_nflverse_columns(plays: pl.DataFrame) -> pl.DataFrame:
    """The tracked plays in nflverse's columns, as far as a tracking set can tell them."""
    result, qtr, clock = pl.col("pass_result"), pl.col("quarter"), pl.col("game_clock_s")
    season, of_week = pl.col("season"), pl.col("week")
    nothing: dict[str, pl.DataType | type[pl.DataType]] = {
        "goal_to_go": pl.Int64, "shotgun": pl.Boolean, "no_huddle": pl.Boolean,
        "pass_location": pl.String, "yards_after_catch": pl.Int64, "qb_hit": pl.Boolean,
        "passing_yards": pl.Int64, "epa": pl.Float64, "epa_source": pl.String,
        "roof": pl.String, "temp": pl.Float64, "wind": pl.Float64, "rain": pl.Boolean,
        "snow": pl.Boolean,
    }  # fmt: skip
    official = (
        result.is_in(_THROWN) & (pl.col("down") > 0) & ~pl.col("nullified").fill_null(value=False)
    )
    return (
        plays.with_row_index("row")
        .with_columns(week=week(pl.col("game_id"), season, of_week))
        .select(
            *("row", "play_id", "season", "week", "home_team", "score_differential", "down"),
            *("yards_gained", "pass_result", "nullified", "end_event", "target_slot"),
            pl.col("game_id").cast(pl.String),
            season_type(of_week, season).alias("season_type"),
            *_person("passer", "passer"),
            *_person("target", "receiver"),
            posteam="offense",
            defteam="defense",
            qtr="quarter",
            quarter_seconds_remaining=clock,
            game_seconds_remaining=clock + (4 - qtr).clip(lower_bound=0) * QUARTER_SECONDS,
            ydstogo="yards_to_go",
            yardline_100=pl.col("yards_to_goal").round().cast(pl.Int64),
            air_yards=pl.coalesce("air_yards", pl.col("throw_depth_yd").round().cast(pl.Int64)),
            spiked=_spiked(),
            complete_pass=(result == "C").fill_null(value=False),
            interception=(result == "IN").fill_null(value=False),
            sack=(result == "S").fill_null(value=False),
            return_yards="interception_return_yards",
            desc="description",
            old_game_id=pl.col("game_id").cast(pl.String),
            official=official.fill_null(value=False),
            **{name: pl.lit(None, dtype=dtype) for name, dtype in nothing.items()},
        )
        .with_columns(
            official_attempts=pl.col("official").sum().over("game_id", "passer_player_id"),
            team_games=pl.col("game_id").n_unique().over("season", "season_type", "posteam"),
        )
    )


def week(game_id: pl.Expr, season: pl.Expr, recorded: pl.Expr) -> pl.Expr:
    """The week of a game as nflverse counts, on through the playoffs.

    A recorded week is kept, but that no season has more than four weeks of playoffs: the league
    counts the idle week before the Super Bowl, nflverse does not. Where none is recorded it
    follows from the date that a game's key begins with: weeks start on Thursday, the first on the
    one after Labor Day, the first Monday of September; a game before it is of the first week.

    Args:
        game_id: The league's key, ``yyyymmdd`` and two digits.
        season: Year the season began in.
        recorded: Week as the set counts it, null where it does not.
    """
    date = (game_id // 100).cast(pl.String).str.to_date("%Y%m%d", strict=False)
    first_of_september = pl.date(season, 9, 1)
    labor_day = first_of_september + pl.duration(days=(8 - first_of_september.dt.weekday()) % 7)
    since = (date - labor_day).dt.total_days() - 3
    counted = (since // 7 + 1).clip(lower_bound=1)
    last = last_regular_week(season) + _PLAYOFF_WEEKS
    return pl.min_horizontal(pl.coalesce(recorded, counted), last).cast(pl.Int64)


def season_type(week: pl.Expr, season: pl.Expr) -> pl.Expr:
    """REG or POST, from the week."""
    return pl.when(week <= last_regular_week(season)).then(pl.lit("REG")).otherwise(pl.lit("POST"))


def _person(role: str, name: str) -> list[pl.Expr]:
    own = pl.col(f"{role}_player_id").cast(pl.String)
    return [
        pl.coalesce(f"{role}_gsis_id", own).alias(f"{name}_player_id"),
        pl.col(f"{role}_name").alias(f"{name}_player_name"),
    ]


def _spiked() -> pl.Expr:
    """Whether a tracked play is a spike, by most of what tells: event, description and result.

    A set may lack the event: then the description tells a spike, unless the result or air yards
    are those of a pass.
    """
    described, result = described_result(pl.col("description")), pl.col("pass_result")
    event = (pl.col("end_event") == "qb_spike").fill_null(value=False)
    words = (described == SPIKE).fill_null(value=False)
    caught = result.is_in(["C", "IN"]).fill_null(value=False)
    charted = (pl.col("air_yards").abs() > _SPIKED_YD).fill_null(value=False)
    told = described.is_in(_THROWN).fill_null(value=False)
    return (event & ~caught & ~told) | (words & (event | ~(caught | charted)))


def _reason(play_set: PlaySet, games: Games) -> pl.Expr:
    """The first reason for which a tracked play is left out, null where it is kept."""
    needed = (
        *("posteam", "defteam", "home", "qtr", "game_seconds_remaining", "score_differential"),
        *("down", "ydstogo", "yardline_100", "week"),
    )
    result, unknown_yards = pl.col("pass_result"), pl.col("yards_gained").is_null()
    rules = [
        *other_games(games),
        (pl.col("nullified"), "nullified by a penalty"),
        (result.is_null() & (pl.col("end_event") == "handoff"), "designed run"),
        (result.is_null(), "result unknown"),
        (result == "R", "scramble"),
        # A set may lack the down or the event; the game book's words are the same in all.
        (
            (pl.col("down") == 0) | pl.col("desc").str.contains("(?i)two-point conversion attempt"),
            "two-point try",
        ),
        (pl.col("spiked"), "spike"),
        (result.is_in(_THROWN) & ~pl.col("end_event").is_in(THROWS), _NO_THROW),
    ]
    if play_set is not PlaySet.DROPBACKS:
        rules.append((pl.col("sack"), "sack"))
    if play_set is PlaySet.TARGETED:
        no_target = pl.col("target_slot").is_null()
        rules += [
            (no_target & pl.col("complete_pass"), "target of a completion unknown"),
            (no_target, "no target (thrown away, batted)"),
        ]
    rules += [
        *((pl.col(name).is_null(), f"situation not recorded ({name})") for name in needed),
        (
            ~pl.col("yardline_100").is_between(1, 99) | (pl.col("ydstogo") > 100),
            "situation outside the rules",
        ),
        (pl.col("passer_player_id").is_null(), "no passer known"),
        (
            pl.col("interception") & pl.col("return_yards").is_null(),
            "interception whose return is unknown",
        ),
        (pl.col("complete_pass") & unknown_yards, "outcome not recorded"),
        # Sets of passing statistics book a sack as 0 yards; a sack for no loss goes with them.
        (
            pl.col("sack") & (unknown_yards | (pl.col("yards_gained") == 0)),
            "sack whose loss is unknown",
        ),
        (
            ~pl.col("yards").is_between(pl.col("yards_min"), pl.col("yards_max")),
            "outcome outside the field",
        ),
    ]
    return first_that_holds(rules)


# What play-by-play can tell, where it is given beside the tracking.
_OUTCOME_LACKING: Final = (
    "result unknown",
    "interception whose return is unknown",
    "outcome not recorded",
    "sack whose loss is unknown",
)


def _most_frequent_first(reasons: pl.DataFrame) -> pl.DataFrame:
    return reasons.sort("plays", "reason", descending=[True, False])
