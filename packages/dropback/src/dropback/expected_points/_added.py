"""Compute expected points added (EPA): how much each play changed the expected points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback.data._field import GOAL_TO_GOAL_YD
from dropback.data._outcomes import single_plays
from dropback.data._tables import PLAY_KEY
from dropback.errors import RequestError
from dropback.expected_points._next_score import timeline

if TYPE_CHECKING:
    from dropback._arrays import Floats, Integers
    from dropback.expected_points._model import ExpectedPoints

OWN_SOURCE = "dropback expected points"
"""Name of our own model as the source of a table's EPA."""

# nflverse's columns, the better first: `qb_epa` ends a play where a receiver loses a fumble.
_RECORDED = ("qb_epa", "epa")
# nflverse leaves single plays without a value, whole seasons never.
_RECORDED_SHARE = 0.99

# Columns of a snap that `_described` reads.
_DESCRIBES = (
    *("game_id", "play_id", "season", "season_type", "week", "posteam", "defteam", "play_type"),
    *("desc", "passer_player_id", "passer_player_name", "rusher_player_id", "rusher_player_name"),
    *("qb_spike", "qb_scramble", "two_point_attempt", "ep", "epa"),
)

# Duration of a play where the clock of the next one is missing (nflfastR's add_qb_epa: 6 s).
_PLAY_SECONDS = 6


def recorded_epa(play_by_play: pl.DataFrame) -> str | None:
    """Name the column of nflverse to read EPA from; None where a season of the source lacks it.

    A table takes all its EPA from one source, so a column counts only if it is filled for the
    dropbacks of every season.
    """
    dropbacks = play_by_play.filter(_dropback() & pl.col("down").is_not_null())
    for name in _RECORDED:
        filled = dropbacks.group_by("season").agg(pl.col(name).is_not_null().mean())[name]
        if len(filled) and float(filled.min()) >= _RECORDED_SHARE:  # type: ignore[arg-type]
            return name
    return None


def expected_points_added(
    play_by_play: pl.DataFrame, model: ExpectedPoints | None = None
) -> pl.DataFrame:
    r"""EPA of every snap: the value after the play minus the value of its situation.

    .. math:: \mathrm{EPA}_i = v_i - \mathrm{EP}_i

    where :math:`v_i` is 7, 3, -2 (or their opposites) after a score, 0 at the end of a half, and
    else the EP of the next situation in the same half, its sign changed where the other team has
    the ball. The next situation is that of the next snap, called back or not. Two exceptions
    credit the play itself, by the situation that its yards alone would have left:

    - a foul on a play that counts (nflverse counts its yards in EPA);
    - a fumble that a receiver loses after the catch (as in nflverse's `qb_epa`).

    Args:
        play_by_play: What `read_play_by_play` returned.
        model: Values situations; None reads nflverse's column (see `recorded_epa`).

    Returns:
        One row per snap, in the source's order: `game_id`, `play_id`, `season`, `season_type`,
        `week`, `posteam`, `defteam`, `play_type`, `qb_player_id` and `qb_player_name` (passer,
        or rusher of a `qb_run`), `qb_dropback` (pass, sack or scramble; no spike, kneel or
        two-point try, as in nflverse), `qb_run` (scramble or run by a player with at least as
        many passes as runs in that season; no kneel), `ep` (null where EPA was read),
        `epa` (null where nflverse has none), and `epa_source`.

    Raises:
        RequestError: `model` is None and the source has no EPA.

    References:
        Yurko, Ventura and Horowitz (2019), section 3.2, for the difference; Carl and Baldwin's
        nflfastR for `qb_dropback` and `qb_epa`.
    """
    if model is None:
        column = recorded_epa(play_by_play)
        if column is None:
            raise RequestError(
                "The play-by-play has no epa or qb_epa for every season: pass an expected-points "
                "model, as fit_expected_points returns it."
            )
        snaps = single_plays(play_by_play).filter(pl.col("down").is_not_null())
        valued = snaps.with_columns(
            pl.lit(None, dtype=pl.Float64).alias("ep"), pl.col(column).alias("epa")
        )
        source = f"nflverse {column}"
    else:
        valued = _added(timeline(play_by_play).filter("scrimmage"), model)
        source = OWN_SOURCE
    return _described(valued, source)


def attach_epa(play_by_play: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
    """Replace the play-by-play's `epa` by that of one source, and add `epa_source`.

    Args:
        play_by_play: What `read_play_by_play` returned.
        added: What `expected_points_added` returned for it.
    """
    epa = added.select(*PLAY_KEY, "epa", "epa_source")
    return left_join(play_by_play.drop("epa"), epa, on=PLAY_KEY)


def _added(snaps: pl.DataFrame, model: ExpectedPoints) -> pl.DataFrame:
    following = ("posteam", "ep", "half_seconds_remaining")
    rows = (
        snaps.with_columns(ep=pl.Series(model.values(snaps)))
        .with_columns(
            pl.col(name).shift(-1).over("game_id", "half").alias(f"next_{name}")
            for name in following
        )
        .with_columns(kept_ball=pl.col("next_posteam") == pl.col("posteam"))
    )
    onward = pl.when("kept_ball").then("next_ep").otherwise(-pl.col("next_ep"))
    after = (
        pl.when(pl.col("points") != 0)
        .then(pl.col("points").cast(pl.Float64))
        .otherwise(onward.fill_null(0.0))  # no snap follows: the half is over
    )
    rows = rows.with_columns(after=after, by_itself=_is_credited_by_itself())
    hypothetical = _situation_after(rows.filter("by_itself"))
    values = np.where(hypothetical["kept_ball"], 1, -1) * model.values(hypothetical)
    alone = np.full(rows.height, np.nan)
    alone[rows["by_itself"].to_numpy()] = values
    return rows.with_columns(
        epa=pl.coalesce(pl.Series(alone).fill_nan(None), "after") - pl.col("ep")
    )


def points_of_gains(
    model: ExpectedPoints,
    gains: Integers,
    *,
    down: int,
    ydstogo: int,
    yardline_100: int,
    quarter: int,
    half_seconds_remaining: float,
    home: bool | None,
) -> Floats:
    r"""EPA of a snap for each gain that it might have, by the situation that the yards leave.

    A gain to the goal line is worth 7 points and a loss behind the own one -2. A turnover is not
    told by its yards: they count as if the offense kept the ball.

    Args:
        model: Values situations; the newest of its seasons is taken.
        gains: Whole yards, shape ``(K,)``.
        down: 1 to 4.
        ydstogo: Yards to the line to gain, at least 1.
        yardline_100: Yards to the goal line, 1 to 99.
        quarter: 1 to 4; 5 and more is overtime.
        half_seconds_remaining: Before the snap.
        home: Whether the offense is the home team; None takes the mean of both.

    Returns:
        Expected points added, shape ``(K,)``.
    """
    sides = (True, False) if home is None else (home,)
    snap = {
        "game_id": "", "season": max(model.seasons), "down": down, "ydstogo": ydstogo,
        "yardline_100": yardline_100, "half_seconds_remaining": half_seconds_remaining,
        "half": 0 if quarter <= 2 else 1 if quarter <= 4 else 2,
        "goal_to_go": ydstogo >= yardline_100,
    }  # fmt: skip
    at = pl.DataFrame(snap).join(pl.DataFrame({"home": sides}), how="cross")
    rows = at.join(pl.DataFrame({"yards_gained": gains}), how="cross").with_columns(
        next_half_seconds_remaining=pl.lit(None, pl.Float64)
    )
    left = _situation_after(rows)
    after = np.where(left["kept_ball"], 1, -1) * model.values(left)
    spot = yardline_100 - rows["yards_gained"].to_numpy()
    after = np.where(spot <= 0, 7.0, np.where(spot >= GOAL_TO_GOAL_YD, -2.0, after))
    added = after.reshape(len(sides), -1) - model.values(at)[:, None]
    return np.asarray(added.mean(axis=0))


def _is_credited_by_itself() -> pl.Expr:
    """Plays whose next situation holds more than the play: fouls, and fumbles after a catch."""
    counts = pl.col("play_type").is_in(["pass", "run"])
    same_half = pl.col("next_posteam").is_not_null()
    fouled = (
        (pl.col("penalty") == 1)
        & (pl.col("points") == 0)
        & pl.col("kept_ball")
        & (pl.col("interception").fill_null(0) == 0)
    )
    caught = pl.col("complete_pass").fill_null(0) == 1
    lost = caught & (((pl.col("points") == 0) & ~pl.col("kept_ball")) | (pl.col("points") == -7))
    return (counts & ((same_half & fouled) | lost)).fill_null(value=False)


def _situation_after(plays: pl.DataFrame) -> pl.DataFrame:
    """The situation that the gained yards alone leave, for the team that has the ball then."""
    gained = pl.col("yards_gained").fill_null(0)
    spot = (pl.col("yardline_100") - gained).clip(1, GOAL_TO_GOAL_YD - 1)
    converted = gained >= pl.col("ydstogo")
    kept = converted | (pl.col("down") < 4)
    series_ends = converted | (pl.col("down") == 4)
    clock = pl.coalesce(
        "next_half_seconds_remaining",
        (pl.col("half_seconds_remaining") - _PLAY_SECONDS).clip(lower_bound=0),
    )
    placed = plays.with_columns(
        kept_ball=kept,
        yardline_100=pl.when(kept).then(spot).otherwise(GOAL_TO_GOAL_YD - spot),
        to_go=pl.when(series_ends).then(10).otherwise(pl.col("ydstogo") - gained),
        down=pl.when(series_ends).then(1).otherwise(pl.col("down") + 1),
        half_seconds_remaining=clock,
        home=pl.col("home") == kept,
    )
    to_go = pl.min_horizontal("to_go", "yardline_100")
    return placed.with_columns(ydstogo=to_go, goal_to_go=to_go == pl.col("yardline_100"))


def _dropback() -> pl.Expr:
    passed = (pl.col("play_type") == "pass") & (pl.col("qb_spike").fill_null(0) == 0)
    scrambled = (pl.col("play_type") == "run") & (pl.col("qb_scramble").fill_null(0) == 1)
    no_try = pl.col("two_point_attempt").fill_null(0) == 0
    return ((passed | scrambled) & no_try).fill_null(value=False)


def _described(snaps: pl.DataFrame, source: str) -> pl.DataFrame:
    """The snaps with their quarterback."""
    # A million snaps of all columns are a gigabyte: what is not read goes before the join.
    snaps = snaps.select(_DESCRIBES)
    passes = (pl.col("play_type") == "pass").fill_null(value=False)
    runs = (pl.col("play_type") == "run").fill_null(value=False)
    kneels = pl.col("desc").fill_null("").str.contains("kneel")
    threw = snaps.filter(passes).group_by("season", "passer_player_id").len("passes")
    ran = snaps.filter(runs).group_by("season", "rusher_player_id").len("runs")
    quarterbacks = (
        threw.join(
            ran, left_on=["season", "passer_player_id"], right_on=["season", "rusher_player_id"]
        )
        .filter(pl.col("passes") >= pl.col("runs"))
        .select("season", pl.col("passer_player_id").alias("rusher_player_id"))
        .with_columns(runner_passes=pl.lit(value=True))
    )
    marked = left_join(snaps, quarterbacks, on=["season", "rusher_player_id"]).with_columns(
        qb_dropback=_dropback()
    )
    scrambles = pl.col("qb_dropback") & runs
    marked = marked.with_columns(
        qb_run=(scrambles | (runs & pl.col("runner_passes").fill_null(value=False))) & ~kneels
    )
    return marked.select(
        *("game_id", "play_id", "season", "season_type", "week", "posteam", "defteam", "play_type"),
        *(
            pl.when(passes)
            .then(f"passer_player_{part}")
            .when("qb_run")
            .then(f"rusher_player_{part}")
            .alias(f"qb_player_{part}")
            for part in ("id", "name")
        ),
        *("qb_dropback", "qb_run", "ep", "epa"),
        pl.lit(source).alias("epa_source"),
    )
