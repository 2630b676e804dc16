"""Compute the features of a pass that are known at its release, from play-by-play.

No feature is recorded after the ball is thrown, and none identifies the passer: the prediction is
that of a league-average passer. `qb_hit` is charted with the result, so it belongs to the outcome
and is no feature; the same holds for penalties.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import polars as pl

from dropback.data._field import HALF_SECONDS, last_regular_week
from dropback.data._outcomes import is_beyond_field
from dropback.data._tables import PlaySet
from dropback.data._weather import weather_features
from dropback.errors import DropbackError

if TYPE_CHECKING:
    import dataframely as dy

    from dropback._arrays import Singles
    from dropback.data._tables import Plays

FeatureMatrix: TypeAlias = "Singles"

FORMULA_VERSION = 1
"""Raised with every change of a formula below; a test pins the values of hand-worked plays."""


@dataclass(frozen=True)
class FeatureSchema:
    """Names and order of the columns that a network was trained on."""

    names: tuple[str, ...]

    @property
    def width(self) -> int:
        """Columns before those of the weather, which come last where there are any."""
        return sum(name not in WEATHER for name in self.names)

    def without_weather(self, features: FeatureMatrix) -> FeatureMatrix:
        """The columns of `features` before those of the weather, shape ``(N, width)``."""
        return np.ascontiguousarray(features[:, : self.width])

    def weather(self, features: FeatureMatrix) -> FeatureMatrix:
        """The columns of the weather, shape ``(N, 5)``, or ``(N, 0)`` where there are none."""
        return features[:, self.width :]

    @property
    def digest(self) -> str:
        """SHA-256 of the names, their order and the version of their formulas."""
        return hashlib.sha256(json.dumps([FORMULA_VERSION, *self.names]).encode()).hexdigest()


def feature_schema(plays: PlaySet) -> FeatureSchema:
    """The features for a set of plays.

    For dropbacks the throw itself is left out: a sack has no air yards, so their absence would
    reveal the result to the network.
    """
    names = _SITUATION if plays is PlaySet.DROPBACKS else _SITUATION | _THROW
    return FeatureSchema(tuple(names))


def feature_matrix(
    plays: dy.DataFrame[Plays] | pl.DataFrame, schema: FeatureSchema
) -> FeatureMatrix:
    """Compute the features of `schema` for each play.

    Returns:
        Shape ``(N, F)``, float32, in the order of `schema`; finite, but that what is not known of
        the weather is NaN.

    Raises:
        DropbackError: The schema names a feature that this version does not have, a value is
            missing, or a pass comes down off the field.
    """
    unknown = [name for name in schema.names if name not in _FEATURES]
    if unknown:
        raise DropbackError(
            f"Unknown features {', '.join(unknown)}: the model was trained by another version; "
            "train it again or install that version."
        )
    table = plays.select(_FEATURES[name].cast(pl.Float32).alias(name) for name in schema.names)
    for name in schema.names[: schema.width]:
        if (count := table[name].null_count()) > 0:
            play = plays.row(table[name].is_null().arg_max() or 0, named=True)
            raise DropbackError(
                f"Feature {name!r} is missing in {count} plays, first in game "
                f"{play['game_id']}, play {play['play_id']}: its source columns must be filled."
            )
    if "air_yards" in schema.names:
        _require_on_field(plays)
    return np.ascontiguousarray(table.to_numpy())


def _require_on_field(plays: pl.DataFrame) -> None:
    """Fail where a pass comes down beyond an end line."""
    for play in plays.filter(is_beyond_field("air_yards")).head(1).iter_rows(named=True):
        raise DropbackError(
            f"Game {play['game_id']}, play {play['play_id']}: 'air_yards' is {play['air_yards']} "
            f"with {play['yardline_100']} yards to the goal line, beyond the end line: correct "
            "the play-by-play."
        )


def _flag(name: str) -> dict[str, pl.Expr]:
    """Encode a flag that may be unrecorded in two columns, so that unknown is not read as no."""
    return {
        name: pl.col(name).fill_null(value=False),
        f"{name}_unknown": pl.col(name).is_null(),
    }


_LAST_WEEK = last_regular_week(pl.col("season"))
_GAME_LEFT = pl.col("game_seconds_remaining") / (2 * HALF_SECONDS)
_MARGIN = pl.col("score_differential")
_BEYOND_STICKS = pl.col("air_yards") - pl.col("ydstogo")
_SHORT_OF_GOAL = pl.col("yardline_100") - pl.col("air_yards")

# Scales bring every column near the unit range; the network standardizes on its training plays.
_SITUATION: dict[str, pl.Expr] = {
    **{f"down_{down}": pl.col("down") == down for down in range(1, 5)},
    "yards_to_go": pl.col("ydstogo").clip(0, 30),
    "yards_to_go_log": pl.col("ydstogo").cast(pl.Float64).log1p(),
    "yardline_100": pl.col("yardline_100"),
    "yardline_100_log": pl.col("yardline_100").cast(pl.Float64).log1p(),
    "goal_to_go": pl.col("goal_to_go"),
    "overtime": pl.col("qtr") > 4,
    "game_remaining": _GAME_LEFT,
    "half_remaining": pl.col("half_seconds_remaining") / HALF_SECONDS,
    "half_last_two_minutes": (1 - pl.col("half_seconds_remaining") / 120).clip(0, 1),
    "margin": _MARGIN.clip(-28, 28),
    "margin_absolute": _MARGIN.abs().clip(0, 28),
    # Points to make up for each half hour that is left: what makes a team throw deep.
    "margin_late": _MARGIN.clip(-21, 21) * (1 - _GAME_LEFT),
    "week": pl.min_horizontal(pl.col("week"), _LAST_WEEK),
    "weeks_remaining": (_LAST_WEEK - pl.col("week")).clip(lower_bound=0),
    "postseason": pl.col("season_type") == "POST",
    "home": pl.col("home"),
    **_flag("shotgun"),
    **_flag("no_huddle"),
}
_THROW: dict[str, pl.Expr] = {
    "air_yards": pl.col("air_yards"),
    # One hinge each for the screen, the short, the intermediate and the deep throw: the
    # distribution bends at the line of scrimmage and flattens beyond 20 yards.
    "air_yards_behind": (-pl.col("air_yards")).clip(0, 15),
    "air_yards_short": pl.col("air_yards").clip(0, 8),
    "air_yards_deep": (pl.col("air_yards") - 18).clip(lower_bound=0),
    "air_yards_log": pl.col("air_yards").clip(lower_bound=0).cast(pl.Float64).log1p(),
    "beyond_sticks": _BEYOND_STICKS.clip(-25, 40),
    "at_sticks": (_BEYOND_STICKS >= 0),
    "short_of_goal": _SHORT_OF_GOAL,
    "short_of_goal_near": (1 - _SHORT_OF_GOAL.clip(0, 10) / 10),
    "into_end_zone": _SHORT_OF_GOAL <= 0,
    "location_left": pl.col("pass_location").eq_missing(pl.lit("left")),
    "location_middle": pl.col("pass_location").eq_missing(pl.lit("middle")),
    "location_right": pl.col("pass_location").eq_missing(pl.lit("right")),
}
_WEATHER = weather_features()
WEATHER = tuple(_WEATHER)
"""Names of the columns of the weather at kickoff."""

_FEATURES = _SITUATION | _THROW | {"season": pl.col("season")} | _WEATHER
