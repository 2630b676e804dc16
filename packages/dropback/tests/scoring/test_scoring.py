"""Play scores are the mid-CDF of each play's own prediction."""

import dataframely as dy
import polars as pl
import pytest

from dropback.data import Plays, Predictions, Scores, select_plays
from dropback.errors import RequestError
from dropback.scoring import score_plays, season_drift
from examples.play_by_play_rows import Rows


@pytest.fixture
def plays(rows: Rows) -> dy.DataFrame[Plays]:
    return select_plays(rows({}, {"game_id": "2020_02_KC_LAC"}, {"air_yards": 30})).plays


@pytest.fixture
def predictions(plays: pl.DataFrame) -> dy.DataFrame[Predictions]:
    """Mid-CDFs 0.1, 0.2 and 0.3 in the order of the plays."""
    numbers = {name: pl.lit(1) for name in Predictions.column_names() if name.startswith("q")}
    numbers |= dict.fromkeys(["median", "mean", "crps", "log_score", "pit"], pl.lit(0.5))
    table = plays.with_columns(
        **numbers,
        fold=pl.lit(2),
        mid_cdf=pl.Series([0.1, 0.2, 0.3]),
        outcome=pl.lit("yards"),
        tracked=pl.lit(value=False),
        observed=pl.lit(-99.0),
    )
    return Predictions.validate(table, cast=True)


def test_each_play_has_its_own_score_whatever_the_order(plays, predictions) -> None:
    scores = score_plays(plays, predictions.reverse())
    assert scores["play_score"].to_list() == scores["mid_cdf"].to_list() == [0.1, 0.2, 0.3]
    assert scores["play_id"].to_list() == plays["play_id"].to_list()


def test_scores_keep_the_circumstances_and_the_fold(plays, predictions) -> None:
    scores = score_plays(plays, predictions)
    assert Scores.is_valid(scores)
    assert scores.select(plays.columns).equals(plays)
    assert scores["fold"].to_list() == [2, 2, 2]


def test_play_without_a_prediction_is_one_sentence(plays, predictions) -> None:
    with pytest.raises(RequestError, match=r"a prediction, but 1 of 3 have none: .*\.$"):
        score_plays(plays, predictions.head(2))


def test_predictions_of_other_plays_are_ignored(plays, predictions) -> None:
    assert score_plays(plays.head(1), predictions)["play_score"].to_list() == [0.1]


def test_drift_of_a_season_is_its_mean_less_one_half_from_2500_plays_on() -> None:
    """2,500 plays of .53 and .49 in turn have a mean of .51; 2,499 plays are too few."""
    scores = [0.53, 0.49] * 1250
    table = pl.DataFrame(
        {"season": [2020] * 2500 + [2021] * 2499, "mid_cdf": scores + scores[:-1]}
    ).select("season", drift=season_drift("mid_cdf"))
    assert dict(table.unique().iter_rows()) == {2020: pytest.approx(0.01), 2021: 0.0}


def test_few_plays_have_the_scores_of_their_predictions_alone(plays, predictions) -> None:
    assert score_plays(plays, predictions)["season_drift"].to_list() == [0.0, 0.0, 0.0]
