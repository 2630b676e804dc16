"""Every feature's value on plays worked by hand, and what must never move one.

Where a value here changes, raise `FORMULA_VERSION` and pin the new digests.
"""

from typing import Any

import numpy as np
import polars as pl
import pytest

from dropback.data import Plays, PlaySet, select_plays
from dropback.data._features import FeatureSchema, feature_matrix, feature_schema
from dropback.errors import DropbackError
from examples.play_by_play_rows import Rows

# LATE: third and 7 at the opponent's 25, four down with 90 seconds left: 20 yards to the left.
# FAR, beyond every clip: overtime of a playoff game, first and 35 at the own 1, thrown 20 back.
# GOAL: fourth and goal at the 3 on the first snap: 2 yards deep in the end zone.
# SHORT: second and 8 at midfield a minute before the half: short of the sticks to the right.
SITUATIONS: dict[str, tuple[Any, Any, Any, Any]] = {
    "season": (2020, 2021, 2020, 2021),
    "season_type": ("REG", "POST", "REG", "REG"),
    "week": (10, 19, 17, 3),
    "posteam": ("KC", "BUF", "KC", "BUF"),
    "qtr": (4, 5, 1, 2),
    "quarter_seconds_remaining": (90, 600, 900, 60),
    "game_seconds_remaining": (90, 600, 3600, 1860),
    "down": (3, 1, 4, 2),
    "ydstogo": (7, 35, 3, 8),
    "yardline_100": (25, 99, 3, 50),
    "goal_to_go": (0, 0, 1, 0),
    "score_differential": (-4, 35, -30, 24),
    "air_yards": (20, -11, 5, -20),
    "pass_location": ("left", None, "middle", "right"),
    "shotgun": (1, 0, None, 1),
    "no_huddle": (None, 1, 0, 0),
    "yards_gained": (12, 0, 3, 12),
}
LATE, FAR, GOAL, SHORT = (
    dict(zip(SITUATIONS, play, strict=True)) for play in zip(*SITUATIONS.values(), strict=True)
)
SITUATION: dict[str, tuple[float, float, float, float]] = {
    "down_1": (0, 1, 0, 0),
    "down_2": (0, 0, 0, 1),
    "down_3": (1, 0, 0, 0),
    "down_4": (0, 0, 1, 0),
    "yards_to_go": (7, 30, 3, 8),
    "yards_to_go_log": (2.0794415, 3.5835189, 1.3862944, 2.1972246),  # log 8, 36, 4, 9
    "yardline_100": (25, 99, 3, 50),
    "yardline_100_log": (3.2580965, 4.6051702, 1.3862944, 3.9318256),  # log 26, 100, 4, 51
    "goal_to_go": (0, 0, 1, 0),
    "overtime": (0, 1, 0, 0),
    "game_remaining": (0.025, 0.16666667, 1, 0.51666667),
    "half_remaining": (0.05, 0.33333333, 1, 0.03333333),
    "half_last_two_minutes": (0.25, 0, 0, 0.5),
    "margin": (-4, 28, -28, 24),
    "margin_absolute": (4, 28, 28, 24),
    "margin_late": (-3.9, 17.5, 0, 10.15),  # -4 x 0.975, 21 x 5/6, -21 x 0, 21 x 29/60
    "week": (10, 18, 17, 3),
    "weeks_remaining": (7, 0, 0, 15),
    "postseason": (0, 1, 0, 0),
    "home": (0, 1, 0, 1),
    "shotgun": (1, 0, 0, 1),
    "shotgun_unknown": (0, 0, 1, 0),
    "no_huddle": (0, 1, 0, 0),
    "no_huddle_unknown": (1, 0, 0, 0),
}
THROW: dict[str, tuple[float, float, float, float]] = {
    "air_yards": (20, -11, 5, -20),
    "air_yards_behind": (0, 11, 0, 15),
    "air_yards_short": (8, 0, 5, 0),
    "air_yards_deep": (2, 0, 0, 0),
    "air_yards_log": (3.0445224, 0, 1.7917595, 0),  # log 21, 1, 6, 1
    "beyond_sticks": (13, -25, 2, -25),
    "at_sticks": (1, 0, 1, 0),
    "short_of_goal": (5, 110, -2, 70),
    "short_of_goal_near": (0.5, 0, 1, 0),
    "into_end_zone": (0, 0, 1, 0),
    "location_left": (1, 0, 0, 0),
    "location_middle": (0, 0, 1, 0),
    "location_right": (0, 0, 0, 1),
}
# All that a feature may look at; every other column is of the outcome's side or names someone.
KNOWN_AT_RELEASE = {
    *("season", "season_type", "week", "home", "qtr", "game_seconds_remaining"),
    *("half_seconds_remaining", "score_differential", "down", "ydstogo", "yardline_100"),
    *("goal_to_go", "shotgun", "no_huddle", "air_yards", "pass_location"),
}


@pytest.fixture
def worked(rows: Rows) -> pl.DataFrame:
    return select_plays(rows(LATE, FAR, GOAL, SHORT), games="all").plays


@pytest.mark.parametrize("name", [*SITUATION, *THROW])
def test_feature_of_plays_worked_by_hand(worked: pl.DataFrame, name: str) -> None:
    values = feature_matrix(worked, FeatureSchema((name,)))[:, 0]
    np.testing.assert_allclose(values, (SITUATION | THROW)[name], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("plays", [PlaySet.TARGETED, PlaySet.ATTEMPTS])
def test_schema_of_throws_is_the_situation_and_the_throw(plays: PlaySet) -> None:
    assert feature_schema(plays).names == (*SITUATION, *THROW)


def test_schema_of_dropbacks_has_no_throw() -> None:
    assert feature_schema(PlaySet.DROPBACKS).names == tuple(SITUATION)


@pytest.mark.parametrize(
    ("plays", "digest"),
    [
        (PlaySet.TARGETED, "e28dd3850095fe862de95a7ff1985fb775e2aa06298fe293a4c3d26212721ff9"),
        (PlaySet.DROPBACKS, "8d9dbddd97a6fe363b2db1a401df81bbf2ecba30d7fe7a327b6922b3ad1ef1d8"),
    ],
)
def test_digest_is_that_of_the_formulas_pinned_here(plays: PlaySet, digest: str) -> None:
    assert feature_schema(plays).digest == digest


def test_digest_tells_the_order_of_the_names() -> None:
    assert FeatureSchema(("down_1", "down_2")).digest != FeatureSchema(("down_2", "down_1")).digest


def test_digest_tells_the_version_of_the_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    before = FeatureSchema(("down_1",)).digest
    monkeypatch.setattr("dropback.data._features.FORMULA_VERSION", 2)
    assert FeatureSchema(("down_1",)).digest != before


def other_values(column: pl.Series) -> list[pl.Series]:
    """The column turned into something else, in more than one way."""
    if column.dtype == pl.Boolean:
        return [~column, pl.Series(column.name, [True] * len(column))]
    if column.dtype == pl.String:
        return [column.fill_null("") + "x", column.clear(len(column))]
    return [column.fill_null(0) + 7, column.fill_null(0) * 0 - 50]


@pytest.mark.parametrize("name", sorted(set(Plays.column_names()) - KNOWN_AT_RELEASE))
def test_no_feature_sees_what_comes_after_the_release_or_who_throws(
    worked: pl.DataFrame, name: str
) -> None:
    schema = feature_schema(PlaySet.TARGETED)
    expected = feature_matrix(worked, schema)
    for changed in other_values(worked[name]):
        np.testing.assert_array_equal(
            feature_matrix(worked.with_columns(changed), schema), expected
        )


@pytest.mark.parametrize(
    "outcome",
    [
        {"complete_pass": 0, "incomplete_pass": 1, "yards_gained": 0, "yards_after_catch": None},
        {"complete_pass": 0, "interception": 1, "return_yards": 9, "qb_hit": 1, "desc": "picked"},
        {"yards_gained": 0, "yards_after_catch": -3, "qb_hit": None, "receiver_player_id": "00-8"},
        {"passer_player_id": "00-9", "passer_player_name": "Z.Other", "old_game_id": "0"},
    ],
)
def test_features_of_a_throw_do_not_depend_on_how_it_ended(
    rows: Rows, outcome: dict[str, Any]
) -> None:
    schema = feature_schema(PlaySet.TARGETED)
    before = select_plays(rows(LATE, GOAL)).plays
    after = select_plays(rows({**LATE, **outcome}, {**GOAL, **outcome})).plays
    np.testing.assert_array_equal(feature_matrix(after, schema), feature_matrix(before, schema))


def test_features_of_dropbacks_do_not_tell_a_sack(rows: Rows) -> None:
    sack = {"complete_pass": 0, "sack": 1, "air_yards": None, "pass_location": None}
    sack |= {"yards_gained": -7}
    plays = select_plays(rows(LATE, {**LATE, **sack}), plays=PlaySet.DROPBACKS).plays
    thrown, sacked = feature_matrix(plays, feature_schema(PlaySet.DROPBACKS))
    np.testing.assert_array_equal(thrown, sacked)


def test_matrix_is_contiguous_single_precision(worked: pl.DataFrame) -> None:
    schema = feature_schema(PlaySet.TARGETED)
    matrix = feature_matrix(worked, schema)
    assert matrix.dtype == np.float32
    assert matrix.shape == (4, len(schema.names))
    assert matrix.flags.c_contiguous


def test_columns_follow_the_schemas_order(worked: pl.DataFrame) -> None:
    matrix = feature_matrix(worked, FeatureSchema(("yardline_100", "air_yards")))
    assert matrix.tolist() == [[25, 20], [99, -11], [3, 5], [50, -20]]


def test_missing_value_names_the_feature_and_the_play(worked: pl.DataFrame) -> None:
    gap = worked.with_columns(
        air_yards=pl.when(pl.col("play_id") > 10).then(pl.col("air_yards"))
    ).reverse()
    sentence = r"'air_yards' is missing in 1 plays, first in game 2020_01_KC_BUF, play 10: .*\.$"
    with pytest.raises(DropbackError, match=sentence):
        feature_matrix(gap, feature_schema(PlaySet.TARGETED))


def test_unknown_feature_is_named(worked: pl.DataFrame) -> None:
    with pytest.raises(DropbackError, match=r"Unknown features moon, tide: .* another version"):
        feature_matrix(worked, FeatureSchema(("down_1", "moon", "tide")))
