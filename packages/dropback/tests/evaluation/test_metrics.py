"""Older metrics follow their formulas, count the plays they should, and give published seasons."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropback.data import read_play_by_play, select_plays
from dropback.errors import RequestError
from dropback.evaluation.comparison._metrics import (
    METRICS,
    passer_metrics,
    passer_rating,
    with_qualified,
)
from dropback.evaluation.comparison._plays import completion_over_expected, passing_plays
from dropback.simulation import League
from examples.play_by_play_rows import Rows

SACK = {"play_type": "pass", "sack": 1, "complete_pass": 0, "yards_gained": -7, "air_yards": None}
SPIKE = {"qb_spike": 1, "complete_pass": 0, "incomplete_pass": 1, "yards_gained": 0}
INTERCEPTION = {"complete_pass": 0, "interception": 1, "yards_gained": 0, "return_yards": 30}
SCRAMBLE = {
    "play_type": "run",
    "qb_scramble": 1,
    "complete_pass": 0,
    "passer_player_id": None,
    "passer_player_name": None,
    "rusher_player_id": "00-1",
    "rusher_player_name": "A.Passer",
    "yards_gained": 9,
}

# Record book: completions, attempts, yards, touchdowns, interceptions, rating; and ANY/A, of Pro
# Football Reference.
PUBLISHED = {
    (2007, "T.Brady"): (398, 578, 4806, 50, 8, 117.2, 8.88),
    (2010, "T.Brady"): (324, 492, 3900, 36, 4, 111.0, 8.25),
    (2011, "A.Rodgers"): (343, 502, 4643, 45, 6, 122.5, 9.39),
    # The source holds two editions of the first half of 2011_13_DET_NO under different play ids.
    (2011, "D.Brees"): (468, 657, 5476, 46, 14, 110.6),
    (2013, "P.Manning"): (450, 659, 5477, 55, 10, 115.1, 8.87),
    (2013, "N.Foles"): (203, 317, 2891, 27, 2, 119.2, 9.18),
    (2016, "M.Ryan"): (373, 534, 4944, 38, 7, 117.1, 9.03),
    (2016, "T.Brady"): (291, 432, 3554, 28, 2, 112.2),
    (2018, "P.Mahomes"): (383, 580, 5097, 50, 12, 113.8, 8.89),
    (2018, "D.Brees"): (364, 489, 3992, 32, 5, 115.7),
    (2018, "B.Roethlisberger"): (452, 675, 5129, 34, 16, 96.5),
    (2019, "L.Jackson"): (265, 401, 3127, 36, 6, 113.3),
    (2019, "J.Winston"): (380, 626, 5109, 33, 30, 84.3),
    (2020, "A.Rodgers"): (372, 526, 4299, 48, 5, 121.5, 8.89),
    (2020, "D.Watson"): (382, 544, 4823, 33, 7, 112.4),
    (2022, "P.Mahomes"): (435, 648, 5250, 41, 12, 105.2),
    (2023, "B.Purdy"): (308, 444, 4280, 31, 11, 113.0),
    (2023, "L.Jackson"): (307, 457, 3678, 24, 7, 102.7),
}
TOTALS = ("completions", "attempts", "passing_yards", "touchdowns", "interceptions")


@cache
def metrics_of(folder: Path, season: int) -> pl.DataFrame:
    """Metrics of every passer of a regular season."""
    plays = passing_plays(read_play_by_play(folder, seasons=[season]))
    metrics = {name: METRICS[name] for name in ("passer_rating", "any_a")}
    return passer_metrics(plays.filter(pl.col("season_type") == "REG"), metrics=metrics)


def line(data_dir: Path, season: int, name: str) -> dict[str, Any]:
    """The season of the passer of this name with most attempts."""
    found = metrics_of(data_dir / "pbp", season).filter(pl.col("passer_player_name") == name)
    return found.sort("attempts").row(-1, named=True)


# A season takes half a second to read.
@pytest.mark.parametrize(
    ("season", "name"),
    [key if key[0] == 2018 else pytest.param(*key, marks=pytest.mark.slow) for key in PUBLISHED],
)
def test_season_totals_rating_and_any_a_are_as_published(
    data_dir: Path, season: int, name: str
) -> None:
    *totals, rating, any_a = (*PUBLISHED[season, name], None)[:7]
    found = line(data_dir, season, name)
    assert [found[total] for total in TOTALS] == totals
    assert found["passer_rating"] == pytest.approx(rating, abs=0.05)
    if any_a is not None:
        assert found["any_a"] == pytest.approx(any_a, abs=0.005)


@pytest.mark.slow
def test_a_touchdown_that_a_penalty_took_back_is_one_attempt_too_many(data_dir: Path) -> None:
    # Favre 2009 was 363 of 531. The source keeps "TOUCHDOWN NULLIFIED by Penalty" (2009_07_MIN_PIT,
    # play 3543) as a completed pass for no gain.
    found = line(data_dir, 2009, "B.Favre")
    assert [found[total] for total in TOTALS] == [363 + 1, 531 + 1, 4202, 33, 7]
    assert found["passer_rating"] == pytest.approx(107.2, abs=0.15)


def test_each_metric_counts_its_plays(rows: Rows) -> None:
    # 12 yards, 12 for a touchdown, a spike, an interception, a sack for 7 and a scramble for 9.
    play_by_play = rows({}, {"pass_touchdown": 1}, SPIKE, INTERCEPTION, SACK, SCRAMBLE)
    epa = play_by_play.select(
        "game_id", "play_id", pl.Series("epa", [0.5, 3.0, -0.4, -4.0, 0.0, 0.9])
    )
    (found,) = passer_metrics(
        passing_plays(play_by_play, epa).with_columns(completion_over_expected=0.25)
    ).iter_rows(named=True)
    assert (found["attempts"], found["completions"], found["dropbacks"]) == (4, 2, 5)
    assert (found["sacks"], found["sack_yards"], found["passing_yards"]) == (1, 7, 24)
    assert found["ny_a"] == pytest.approx((24 - 7) / 5)
    assert found["ay_a"] == pytest.approx((24 + 20 - 45) / 4)
    assert found["any_a"] == pytest.approx((24 + 20 - 45 - 7) / 5)
    assert found["epa_per_dropback"] == pytest.approx((0.5 + 3 - 4 + 0 + 0.9) / 5)
    assert found["success_rate"] == pytest.approx(3 / 5)
    assert found["cpoe"] == pytest.approx(25)
    # Half completed, 6 yards an attempt, and 25 % each of touchdowns and interceptions.
    parts = (0.2 * 5, 3 * 0.25, 2.375, 0)
    assert found["passer_rating"] == pytest.approx(sum(parts) / 6 * 100)


def test_designed_runs_count_for_the_quarterback_and_the_shrunk_mean_is_of_the_league(
    rows: Rows,
) -> None:
    run = {"play_type": "run", "passer_player_id": None, "rusher_player_id": "00-1",
           "rusher_player_name": "A.Passer"}  # fmt: skip
    play_by_play = rows({}, SCRAMBLE, run, {"passer_player_id": "00-9"})
    runner = pl.Series("qb_run", [False, True, True, False])
    epa = play_by_play.select("game_id", "play_id", runner, pl.Series("epa", [1.0, 0.5, -0.3, 0.4]))
    plays = passing_plays(play_by_play, epa).with_columns(completion_over_expected=0.0)
    own, other = passer_metrics(plays).iter_rows(named=True)
    assert (own["dropbacks"], own["attempts"]) == (2, 1)
    assert own["epa_per_dropback"] == pytest.approx(0.75)
    assert own["epa_per_qb_play"] == pytest.approx(1.2 / 3)
    league = 1.6 / 4
    assert own["epa_per_qb_play_shrunk"] == pytest.approx((1.2 - 3 * league) / 203)
    assert other["epa_per_qb_play_shrunk"] == pytest.approx(0.0)
    assert own["wpa_per_qb_play"] is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"two_point_attempt": 1}, "a two-point try"),
        ({"play_type": "no_play"}, "a play wiped out"),
        ({"play_type": "run", "passer_player_id": None}, "a run"),
        ({"down": None}, "no down"),
        ({"passer_player_id": None}, "no passer"),
        ({**SCRAMBLE, "play_type": "no_play"}, "a scramble wiped out"),
    ],
)
def test_no_metric_counts(rows: Rows, change: dict[str, Any], reason: str) -> None:
    assert len(passing_plays(rows({}, change))) == 1, reason


def test_a_play_read_twice_counts_once(rows: Rows) -> None:
    assert len(passing_plays(rows({"play_id": 5}, {"play_id": 5}, {"play_id": 6}))) == 2


def test_nflverses_type_of_a_spike_is_an_attempt_and_no_dropback(rows: Rows) -> None:
    (found,) = passing_plays(rows({**SPIKE, "play_type": "qb_spike"})).iter_rows(named=True)
    assert (found["attempt"], found["dropback"], found["completion"]) == (1, 0, 0)


def test_a_passer_with_one_attempt_has_every_metric_and_one_with_a_sack_only_some(
    rows: Rows,
) -> None:
    plays = passing_plays(rows({}, {**SACK, "passer_player_id": "00-9"})).with_columns(
        completion_over_expected=pl.lit(None, pl.Float64)
    )
    first, second = passer_metrics(plays).iter_rows(named=True)
    # Completed; 9 yards above 3, a quarter each; no touchdown; no interception.
    assert first["passer_rating"] == pytest.approx((2.375 + 2.25 + 0 + 2.375) / 6 * 100)
    assert first["epa_per_dropback"] is None
    assert second["passer_rating"] is None
    assert second["ay_a"] is None
    assert second["any_a"] == -7


counts = st.tuples(*[st.integers(0, 60)] * 3, st.integers(-50, 900), st.integers(1, 20))


@given(counts)
def test_rating_lies_between_0_and_158_3(line: tuple[int, int, int, int, int]) -> None:
    completions, touchdowns, interceptions, yards, incompletions = line
    attempts = completions + interceptions + incompletions
    values = (attempts, completions, yards, touchdowns, interceptions)
    rating = pl.select(passer_rating(*(pl.lit(value) for value in values))).item()
    assert 0 <= rating <= 158.34


def test_qualified_is_14_attempts_per_game_of_the_team_that_played_most(rows: Rows) -> None:
    games = [
        {"game_id": f"2020_{week:02d}_KC_BUF", "passer_player_id": passer, "posteam": team}
        for week, passer, team in (
            *((1, "00-1", "KC") for _ in range(28)),
            *((1, "00-2", "BUF") for _ in range(27)),
            (2, "00-3", "KC"),
            (2, "00-3", "BUF"),
        )
    ]
    plays = passing_plays(rows(*games))
    table = with_qualified(passer_metrics(plays, metrics={}), plays)
    assert table.select("team_games", "qualified").rows() == [(2, True), (2, False), (2, False)]


def test_any_column_makes_a_group(rows: Rows) -> None:
    plays = passing_plays(rows({"posteam": "KC"}, {"posteam": "BUF"}, {"posteam": "KC"}))
    table = passer_metrics(plays, by=["posteam"], metrics={"ay_a": METRICS["ay_a"]})
    assert table.select("posteam", "attempts", "ay_a").rows() == [("BUF", 1, 12.0), ("KC", 2, 12.0)]


@pytest.mark.parametrize("by", [["season", "team"], []])
def test_unknown_groups_are_named(rows: Rows, by: list[str]) -> None:
    with pytest.raises(RequestError, match=r"Unknown ('team'|empty group): groups are columns of"):
        passer_metrics(passing_plays(rows({})), by=by)


def test_metrics_have_labels_of_their_own() -> None:
    assert len({metric.label for metric in METRICS.values()}) == len(METRICS)


def test_completion_over_expected_is_zero_on_average_and_blind_to_its_play(
    tiny_league: League,
) -> None:
    plays = select_plays(read_play_by_play(tiny_league.plays, seasons=[2020])).plays
    before = completion_over_expected(plays, folds=2)
    value = before["completion_over_expected"]
    assert abs(value.mean()) < 0.05  # type: ignore[arg-type, operator]
    assert value.is_between(-1, 1).all()
    assert ((value > 0) == plays["complete_pass"]).all()
    # Turning one play's result moves its own value by one, so its probability has not changed.
    turned = plays.with_columns(
        complete_pass=pl.col("complete_pass") ^ (pl.int_range(pl.len()) == 7)
    )
    after = completion_over_expected(turned, folds=2)["completion_over_expected"]
    assert abs(after[7] - value[7]) == pytest.approx(1, abs=1e-6)
    same_game = (plays["game_id"] == plays["game_id"][7]).to_numpy() & (np.arange(len(plays)) != 7)
    assert (after.to_numpy() == value.to_numpy())[same_game].all()


def test_completion_model_needs_a_game_a_fold(rows: Rows) -> None:
    plays = select_plays(rows({}, {})).plays
    with pytest.raises(RequestError, match="over 5 folds needs as many games, got 1"):
        completion_over_expected(plays)
