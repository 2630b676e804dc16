"""Win probability: results of games read from plays, and what plays add to them."""

import numpy as np
import polars as pl
import pytest

from dropback.data import read_play_by_play
from dropback.errors import RequestError
from dropback.expected_points import timeline
from dropback.simulation import LeagueSettings, simulate_league
from dropback.win_probability import (
    OWN_SOURCE,
    WinProbabilitySettings,
    recorded_wpa,
    win_probability_added,
)
from dropback.win_probability._model import finished_games
from examples.play_by_play_rows import Rows

END = {"qtr": 4, "quarter_seconds_remaining": 20, "game_seconds_remaining": 20}
OVERTIME = {"qtr": 5, "quarter_seconds_remaining": 300, "game_seconds_remaining": 300}


@pytest.mark.parametrize(
    ("last", "won"),
    [
        ({**END, "score_differential": 3}, 0.0),  # KC leads at BUF
        ({**END, "score_differential": -7}, 1.0),
        ({**END, "posteam": "BUF", "defteam": "KC", "score_differential": 3}, 1.0),
        ({**END, "score_differential": 0}, None),  # overtime is to come
        ({**END, "quarter_seconds_remaining": 400, "score_differential": 3}, None),
        ({"score_differential": 30}, None),  # broken off in the first quarter
        ({**OVERTIME, "score_differential": 0}, None),
        ({**OVERTIME, "quarter_seconds_remaining": 5, "score_differential": 0}, 0.5),
        ({**OVERTIME, "score_differential": 0, "yards_gained": 75, "desc": "75 yards, TOUCHDOWN."},
         0.0),
    ],
)  # fmt: skip
def test_a_game_has_a_result_where_it_ended(rows: Rows, last: dict, won: float | None) -> None:
    found = finished_games(timeline(rows({}, {"game_seconds_remaining": 3200, **last})))
    assert found["home_won"].to_list() == ([] if won is None else [won])


@pytest.fixture(scope="module")
def league() -> pl.DataFrame:
    settings = LeagueSettings(seasons=(2020, 2021), teams=8, weeks=8)
    return read_play_by_play(simulate_league(settings, seed=2).plays)


@pytest.fixture(scope="module")
def valued(league: pl.DataFrame) -> pl.DataFrame:
    columns = ("game_id", "play_id", "season", "posteam", "home_team", "score_differential")
    known = league.select(columns).unique(["game_id", "play_id"], keep="first")
    wpa = win_probability_added(league, WinProbabilitySettings(rounds=20))
    return wpa.join(known, on=["game_id", "play_id"], maintain_order="left")


def test_what_plays_add_sums_to_the_result(league: pl.DataFrame, valued: pl.DataFrame) -> None:
    home = pl.col("posteam") == pl.col("home_team")
    side = pl.when(home).then(pl.col("wpa")).otherwise(-pl.col("wpa"))
    first = pl.when(home).then(pl.col("wp")).otherwise(1 - pl.col("wp")).first()
    games = valued.group_by("game_id", maintain_order=True).agg(
        side.sum().alias("added"), first.alias("start")
    )
    joined = games.join(finished_games(timeline(league)), on="game_id")
    assert joined.height > 50
    total = (joined["start"] + joined["added"]).to_numpy()
    assert total == pytest.approx(joined["home_won"].to_numpy(), abs=1e-6)


def test_probabilities_of_games_not_seen_are_calibrated(
    league: pl.DataFrame, valued: pl.DataFrame
) -> None:
    known = valued.join(finished_games(timeline(league)), on="game_id")
    home = pl.col("posteam") == pl.col("home_team")
    table = known.with_columns(
        won=pl.when(home).then(pl.col("home_won")).otherwise(1 - pl.col("home_won"))
    )
    # 64 games: a band's mean is known to about .06 or less of its 20 to 60 games.
    for low, high in ((0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)):
        band = table.filter(pl.col("wp").is_between(low, high))
        assert band["won"].mean() == pytest.approx(band["wp"].mean(), abs=0.17)
    assert set(valued["wpa_source"].drop_nulls()) == {OWN_SOURCE}


def test_no_game_is_valued_by_trees_that_saw_its_result(league: pl.DataFrame) -> None:
    """Whatever the result of a game is said to be, its own probabilities stay."""
    game = league["game_id"][0]
    told = [
        league.with_columns(
            home_score=pl.when(pl.col("game_id") == game).then(home),
            away_score=pl.when(pl.col("game_id") == game).then(20),
        )
        for home in (0, 40)
    ]
    first, second = (win_probability_added(t, WinProbabilitySettings(rounds=3)) for t in told)
    own = pl.col("game_id") == game
    assert first.filter(own)["wp"].equals(second.filter(own)["wp"])
    assert not first.filter(~own)["wp"].equals(second.filter(~own)["wp"])


def test_the_last_play_of_a_game_without_an_end_is_unknown(league: pl.DataFrame) -> None:
    game = league["game_id"][0]
    cut = league.filter((pl.col("game_id") != game) | (pl.col("qtr") < 3))
    found = win_probability_added(cut, WinProbabilitySettings(rounds=2))
    own = found.filter(pl.col("game_id") == game)
    assert own["wpa"].null_count() == 1
    assert own["wpa"][-1] is None


def test_a_few_games_have_no_win_probability(rows: Rows) -> None:
    found = win_probability_added(rows({}, {**END, "score_differential": 3}))
    assert found["wpa"].to_list() == [None, None]
    assert found["wpa_source"].to_list() == [None, None]


def test_nflverses_column_is_read_where_every_season_has_it(rows: Rows) -> None:
    table = rows({"wpa": 0.02}, {"wpa": -0.01, "season": 2021, "game_id": "2021_01_KC_BUF"})
    assert recorded_wpa(table)
    found = win_probability_added(table)
    assert found["wpa"].to_list() == [0.02, -0.01]
    assert set(found["wpa_source"]) == {"nflverse wpa"}
    half = table.with_columns(wpa=pl.when(pl.col("season") == 2020).then("wpa"))
    assert not recorded_wpa(half)
    assert "nflverse wpa" not in set(win_probability_added(half)["wpa_source"])


@pytest.mark.parametrize(("name", "value"), [("folds", 1), ("rounds", 0), ("depth", -1)])
def test_settings_outside_their_range_are_refused(name: str, value: int) -> None:
    with pytest.raises(RequestError, match=f"{name} must be .*, got {value}"):
        WinProbabilitySettings(**{name: value})


def test_a_lead_is_worth_more_with_less_time(valued: pl.DataFrame) -> None:
    assert np.isfinite(valued["wp"].to_numpy()).all()
    assert valued.filter(pl.col("score_differential") > 10)["wp"].mean() > 0.8
