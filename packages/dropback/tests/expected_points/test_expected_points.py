"""Next scores and EPA of drives worked by hand; what the stored model may and may not know."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dropback.data import read_play_by_play
from dropback.errors import ReaderError, RequestError, RunError
from dropback.expected_points import (
    NEXT_SCORES,
    OWN_SOURCE,
    ExpectedPoints,
    ExpectedPointsSettings,
    expected_points_added,
    fit_expected_points,
    load_expected_points,
    recorded_epa,
    save_expected_points,
    timeline,
)
from dropback.simulation import League
from examples.play_by_play_rows import Rows

SMALL = ExpectedPointsSettings(rounds=3, depth=3)


class PlainValues(ExpectedPoints):
    """A tenth of a point a yard, less the number of the down: easy to work by hand."""

    def __init__(self) -> None:
        super().__init__(SMALL, "", (), (), {})

    def values(self, situations: pl.DataFrame) -> np.ndarray:
        return (
            situations.select((100 - pl.col("yardline_100")) / 10 - pl.col("down"))
            .to_series()
            .to_numpy()
        )


def home(down: int | None, to_go: int, yardline: int, **more: Any) -> dict[str, Any]:
    """A snap of the home team, BUF."""
    situation = {"down": down, "ydstogo": to_go, "yardline_100": yardline}
    return {"posteam": "BUF", "defteam": "KC", "yards_gained": 0, **situation, **more}


def away(down: int | None, to_go: int, yardline: int, **more: Any) -> dict[str, Any]:
    """A snap of the away team, KC."""
    return {**home(down, to_go, yardline), "posteam": "KC", "defteam": "BUF", **more}


INCOMPLETE = {"complete_pass": 0, "incomplete_pass": 1}
INTERCEPTED = {"complete_pass": 0, "interception": 1}
SACKED = {"complete_pass": 0, "sack": 1, "air_yards": None, "receiver_player_id": None}
RUN = {"play_type": "run", "complete_pass": None, "passer_player_id": None}
PUNT = {"play_type": "punt", "complete_pass": None, "passer_player_id": None}
TRY = {"down": None, "ydstogo": 0, "yardline_100": 15, "play_type": "xp_kick"}
KICKOFF = {"down": None, "ydstogo": 0, "yardline_100": 35, "play_type": "kick_off"}
NAMES = list(NEXT_SCORES)


def next_scores(plays: pl.DataFrame) -> list[str]:
    return [NAMES[label] for label in timeline(plays)["next_score"]]


def epa(plays: pl.DataFrame) -> list[float]:
    return expected_points_added(plays, PlainValues())["epa"].to_list()


def test_a_touchdown_drive_is_valued_step_by_step(rows: Rows) -> None:
    plays = rows(
        home(1, 10, 75, yards_gained=25),
        home(1, 10, 50, yards_gained=0, **INCOMPLETE),
        home(2, 10, 50, yards_gained=50, pass_touchdown=1),
        {**home(1, 1, 1), **TRY, "score_differential": 6},
        away(1, 10, 75, score_differential=-7),
    )
    # Values of the situations: 1.5, 4, 3; after the touchdown 7.
    assert epa(plays)[:3] == pytest.approx([4 - 1.5, 3 - 4, 7 - 3])
    assert next_scores(plays)[:4] == ["touchdown"] * 3 + ["none"]
    assert timeline(plays)["points"].to_list() == [0, 0, 7, 0, 0]


def test_a_field_goal_counts_three_for_both_teams_snaps(rows: Rows) -> None:
    plays = rows(
        away(4, 3, 60, **PUNT),
        home(1, 10, 80, yards_gained=60),
        home(1, 10, 20, play_type="field_goal"),
        {**away(1, 1, 1), **KICKOFF, "score_differential": -3},
    )
    # The punt leaves the other team 80 yards from scoring: value 1 for it.
    assert epa(plays) == pytest.approx([-1 - 0, 7 - 1, 3 - 7])
    assert next_scores(plays)[:3] == ["opponent field goal", "field goal", "field goal"]


def test_an_interception_is_the_other_teams_situation_with_its_sign_changed(rows: Rows) -> None:
    plays = rows(home(2, 8, 60, **INTERCEPTED, return_yards=5), away(1, 10, 55))
    assert epa(plays)[0] == pytest.approx(-(4.5 - 1) - (4 - 2))


def test_an_interception_returned_to_the_goal_line_costs_seven(rows: Rows) -> None:
    plays = rows(
        home(2, 8, 60, **INTERCEPTED, return_touchdown=1, return_yards=40),
        {**away(1, 1, 1), **TRY, "score_differential": 6},
        home(1, 10, 75, score_differential=-7),
    )
    assert epa(plays)[0] == pytest.approx(-7 - (4 - 2))
    assert next_scores(plays)[0] == "opponent touchdown"


def test_a_safety_costs_two(rows: Rows) -> None:
    plays = rows(
        home(2, 12, 98, **SACKED, yards_gained=-2),
        {**away(1, 1, 1), **KICKOFF, "play_type": "free_kick", "score_differential": 2},
        away(1, 10, 60, score_differential=2),
    )
    assert epa(plays)[0] == pytest.approx(-2 - (0.2 - 2))
    assert next_scores(plays)[0] == "opponent safety"


def test_a_sack_that_loses_the_ball_is_valued_by_what_followed(rows: Rows) -> None:
    plays = rows(home(1, 10, 60, **SACKED, yards_gained=-8), away(1, 10, 30))
    assert epa(plays)[0] == pytest.approx(-(7 - 1) - (4 - 1))


def test_a_fumble_after_the_catch_ends_the_play_at_the_catch(rows: Rows) -> None:
    plays = rows(home(1, 10, 60, yards_gained=12), away(1, 10, 40))
    # First and 10 at the opponent's 48, not the other team's ball.
    assert epa(plays)[0] == pytest.approx((5.2 - 1) - (4 - 1))


def test_a_failed_fourth_down_catch_is_a_turnover_on_downs(rows: Rows) -> None:
    plays = rows(home(4, 5, 40, yards_gained=3), away(1, 10, 63))
    assert epa(plays)[0] == pytest.approx(-(3.7 - 1) - (6 - 4))


def test_the_half_ends_in_nothing(rows: Rows) -> None:
    plays = rows(
        home(1, 10, 40, qtr=2, quarter_seconds_remaining=4, **INCOMPLETE),
        away(1, 10, 75, qtr=3, quarter_seconds_remaining=900, yards_gained=75),
        {**away(1, 1, 1, qtr=3), **TRY, "score_differential": 6},
    )
    assert epa(plays)[0] == pytest.approx(0 - (6 - 1))
    assert next_scores(plays)[:2] == ["none", "touchdown"]


@pytest.mark.parametrize("foul_yards", [15, -10])
def test_yards_of_a_foul_are_not_credited_to_the_play(rows: Rows, foul_yards: int) -> None:
    plays = rows(home(1, 10, 60, yards_gained=12, penalty=1), home(1, 10, 60 - 12 - foul_yards))
    assert epa(plays)[0] == pytest.approx((5.2 - 1) - (4 - 1))


def test_a_snap_called_back_still_shows_where_the_play_before_ended(rows: Rows) -> None:
    plays = rows(
        home(1, 10, 60, yards_gained=4),
        home(2, 6, 56, play_type="penalty", penalty=1, complete_pass=None),
        home(2, 16, 66),
    )
    assert epa(plays)[0] == pytest.approx((4.4 - 2) - (4 - 1))
    assert epa(plays)[1] == pytest.approx(3.4 - 4.4)


def test_points_of_a_try_are_no_score_of_their_own(rows: Rows) -> None:
    plays = rows(
        home(1, 5, 5, yards_gained=5),
        {**home(None, 0, 2, score_differential=6), "play_type": "pat2", "two_point_attempt": 1},
        away(1, 10, 75, score_differential=-8),
    )
    assert timeline(plays)["points"].to_list() == [7, 0, 0]


@pytest.mark.parametrize(
    ("last", "points"),
    [
        ({"desc": "B.Runner up the middle for 4 yards, TOUCHDOWN.", **RUN}, 7),
        ({"desc": "K.Kicker 44 yard field goal is GOOD, Center-L.Snapper.", **PUNT}, 3),
        ({"desc": "A.Passer sacked in End Zone for -9 yards, SAFETY.", **SACKED}, -2),
        ({"desc": "INTERCEPTED by X.Back. TOUCHDOWN.", **INTERCEPTED}, -7),
        ({"desc": "for 9 yards, TOUCHDOWN. The play was REVERSED. for 8 yards."}, 0),
        ({"desc": "for 9 yards, TOUCHDOWN NULLIFIED by Penalty."}, 0),
        ({"desc": None, "yards_gained": 40}, 7),
        ({"desc": None, "yards_gained": 39}, 0),
        ({"desc": "44 yard field goal is No Good.", **PUNT}, 0),
    ],
)
def test_the_last_row_of_a_game_is_scored_by_its_words(
    rows: Rows, last: dict[str, Any], points: int
) -> None:
    plays = rows(home(1, 10, 75, yards_gained=35), home(1, 10, 40, **last))
    assert timeline(plays)["points"].to_list() == [0, points]


def test_drives_to_the_next_score_count_changes_of_the_ball(rows: Rows) -> None:
    plays = rows(
        home(1, 10, 75),
        home(4, 10, 75, **PUNT),
        away(1, 10, 75),
        away(4, 10, 75, **PUNT),
        home(1, 10, 75, yards_gained=75),
        {**home(1, 1, 1), **TRY, "score_differential": 6},
        {**away(1, 1, 1), **KICKOFF, "score_differential": -7},
        away(1, 10, 75, score_differential=-7),
    )
    assert timeline(plays)["drives_to_score"].to_list() == [2, 2, 1, 1, 0, 1, 0, 0]


def test_rows_without_a_team_or_read_twice_are_passed_over(rows: Rows) -> None:
    once = [
        home(1, 10, 75, yards_gained=25, play_id=1),
        {"posteam": None, "score_differential": None, "down": None, "play_id": 2},
        home(1, 10, 50, play_id=3),
    ]
    assert epa(rows(*once)) == epa(rows(*once, *once)) == pytest.approx([4 - 1.5, 0 - 4])


def test_dropbacks_and_runs_of_passers_are_told_apart(rows: Rows) -> None:
    scramble = {**RUN, "qb_scramble": 1, "rusher_player_id": "00-1"}
    plays = rows(
        home(1, 10, 75),
        home(1, 10, 75, **SACKED),
        home(1, 10, 75, **scramble),
        home(1, 10, 75, **RUN, rusher_player_id="00-1"),
        home(1, 10, 75, **RUN, rusher_player_id="00-3"),
        home(1, 10, 75, **RUN, rusher_player_id="00-1", desc="A.Passer kneels."),
        home(1, 10, 75, qb_spike=1),
        home(1, 10, 75, play_type="penalty"),
    )
    found = expected_points_added(plays, PlainValues())
    assert found["qb_dropback"].to_list() == [True, True, True, *[False] * 5]
    assert found["qb_run"].to_list() == [False, False, True, True, *[False] * 4]
    assert found["qb_player_id"].to_list()[:6] == ["00-1"] * 4 + [None, None]
    assert set(found["epa_source"]) == {OWN_SOURCE}


def test_a_runner_who_throws_once_is_no_passer(rows: Rows) -> None:
    runs = [home(1, 10, 75, **RUN, rusher_player_id="00-9")] * 2
    plays = rows(home(1, 10, 75, passer_player_id="00-9"), *runs)
    assert not expected_points_added(plays, PlainValues())["qb_run"].any()


def test_nflverse_columns_are_read_and_never_mixed_with_ours(rows: Rows) -> None:
    both = rows({"epa": 0.5, "qb_epa": 0.7}, {"epa": -0.5, "qb_epa": -0.2})
    read = expected_points_added(both)
    assert (read["epa"].to_list(), read["epa_source"][0]) == ([0.7, -0.2], "nflverse qb_epa")
    assert recorded_epa(rows({"epa": 0.5})) == "epa"
    assert recorded_epa(rows({"epa": 0.5}, {"epa": None, "season": 2021})) is None


def test_without_a_source_of_epa_the_error_says_what_to_do(rows: Rows) -> None:
    with pytest.raises(RequestError, match="has no epa or qb_epa for every season"):
        expected_points_added(rows({}))


@pytest.fixture(scope="module")
def league_plays(tiny_league: League) -> pl.DataFrame:
    return read_play_by_play(tiny_league.plays)


@pytest.fixture(scope="module")
def fitted(league_plays: pl.DataFrame) -> ExpectedPoints:
    return fit_expected_points(league_plays, settings=SMALL)


def test_a_games_values_do_not_depend_on_its_own_scores(
    league_plays: pl.DataFrame, fitted: ExpectedPoints
) -> None:
    game = league_plays["game_id"][0]
    inside = pl.col("game_id") == game
    changed = league_plays.with_columns(
        pl.when(inside).then(0).otherwise("score_differential").alias("score_differential")
    )
    snaps = timeline(league_plays).filter(inside & pl.col("scrimmage"))
    refitted = fit_expected_points(changed, settings=SMALL)
    assert refitted.data_digest != fitted.data_digest
    np.testing.assert_array_equal(refitted.values(snaps), fitted.values(snaps))


def test_every_game_is_valued_by_trees_that_never_saw_it(fitted: ExpectedPoints) -> None:
    assert set(fitted.fold_of_game.values()) == set(range(SMALL.folds)) == {0, 1}
    assert len(fitted.boosters) == 2


def test_probabilities_are_a_distribution_and_unseen_games_get_the_mean_of_all(
    league_plays: pl.DataFrame, fitted: ExpectedPoints
) -> None:
    snaps = timeline(league_plays).filter("scrimmage").head(50)
    known = fitted.probabilities(snaps)
    np.testing.assert_allclose(known.sum(axis=1), 1, atol=1e-6)
    unseen = fitted.probabilities(snaps.with_columns(game_id=pl.lit("2030_01_A_B")))
    folds = fitted.fold_of_game
    (fold,) = {folds[game] for game in snaps["game_id"]}
    held_out_elsewhere = next(game for game, other in folds.items() if other != fold)
    other = fitted.probabilities(snaps.with_columns(game_id=pl.lit(held_out_elsewhere)))
    np.testing.assert_allclose(unseen, (known + other) / 2, atol=1e-7)


def test_a_stored_model_is_used_again_for_the_same_data_only(
    league_plays: pl.DataFrame, tmp_path: Path
) -> None:
    fits: list[int] = []
    folder = tmp_path / "ep"
    first = fit_expected_points(league_plays, folder=folder, settings=SMALL, on_fold=fits.append)
    again = fit_expected_points(league_plays, folder=folder, settings=SMALL, on_fold=fits.append)
    assert fits == [0, 1]
    assert again.data_digest == first.data_digest
    fewer = league_plays.filter(pl.col("season") == 2020)
    fit_expected_points(fewer, folder=folder, settings=SMALL, on_fold=fits.append)
    assert fits == [0, 1, 0, 1]
    assert load_expected_points(folder).seasons == (2020,)


def test_a_stored_model_gives_the_same_values(
    league_plays: pl.DataFrame, fitted: ExpectedPoints, tmp_path: Path
) -> None:
    save_expected_points(fitted, tmp_path / "ep")
    snaps = timeline(league_plays).filter("scrimmage")
    loaded = load_expected_points(tmp_path / "ep")
    np.testing.assert_array_equal(loaded.values(snaps), fitted.values(snaps))


@pytest.mark.parametrize("damage", ["truncated", "format", "no folder"])
def test_a_damaged_model_is_refused(fitted: ExpectedPoints, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "ep"
    if damage != "no folder":
        save_expected_points(fitted, folder)
    if damage == "truncated":
        (folder / "fold-1.ubj").write_bytes((folder / "fold-1.ubj").read_bytes()[:-9])
    if damage == "format":
        record = json.loads((folder / "expected_points.json").read_text())
        (folder / "expected_points.json").write_text(json.dumps({**record, "format": 99}))
    with pytest.raises(RunError, match=r"fit it again\.$"):
        load_expected_points(folder)


def test_a_damaged_model_is_fitted_again(league_plays: pl.DataFrame, tmp_path: Path) -> None:
    folder = tmp_path / "ep"
    fit_expected_points(league_plays, folder=folder, settings=SMALL)
    (folder / "folds.parquet").write_bytes(b"")
    fit_expected_points(league_plays, folder=folder, settings=SMALL)
    assert load_expected_points(folder).settings == SMALL


def test_too_few_games_or_no_score_is_one_sentence(rows: Rows) -> None:
    with pytest.raises(ReaderError, match=r"2 snaps without a score\.$"):
        fit_expected_points(rows(home(1, 10, 75), home(2, 10, 75)))
    with pytest.raises(ReaderError, match="at least 4 games for 2 folds, got 1"):
        fit_expected_points(rows(home(1, 10, 75), home(2, 10, 75, yards_gained=75)))


@pytest.mark.parametrize("wrong", [{"folds": 1}, {"rounds": 0}, {"depth": 0}])
def test_settings_out_of_range_are_named(wrong: dict[str, int]) -> None:
    with pytest.raises(RequestError, match=f"{next(iter(wrong))} must be"):
        ExpectedPointsSettings(**wrong)


def test_a_real_seasons_scores_agree_with_the_final_scores(data_dir: Path) -> None:
    plays = read_play_by_play(data_dir / "pbp", seasons=[2018])
    scores = timeline(plays).filter(pl.col("season_type") == "REG")["points"].abs()
    # The record book's 2018: 1,371 touchdowns, 802 field goals.
    assert ((scores == 7).sum(), (scores == 3).sum()) == (1371, 802)


CLOCK = ({"quarter_seconds_remaining": 600}, {"quarter_seconds_remaining": 560})


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(
    "more",
    [
        # The first play again under another key, where the game book holds it twice.
        (home(1, 10, 75, play_id=9001, yards_gained=4, epa=0.4, **CLOCK[0]),),
        # A timeout that has the first play's key and comes before it.
        (home(1, 10, 75, play_id=1, play_type="no_play", epa=9.0, **CLOCK[0]),),
    ],
)
def test_a_play_has_its_value_once(rows: Rows, recorded: bool, more: tuple[dict, ...]) -> None:
    plays = [
        home(1, 10, 75, play_id=1, yards_gained=4, epa=0.4, **CLOCK[0]),
        home(2, 6, 71, play_id=2, yards_gained=0, epa=-0.5, **CLOCK[1]),
    ]
    model = None if recorded else PlainValues()
    alone = expected_points_added(rows(*plays), model)
    found = expected_points_added(rows(*more, *plays), model)
    # .1 a yard for four yards, less one for the down.
    assert alone["epa"][0] == pytest.approx(0.4 if recorded else 0.4 - 1)
    assert found.filter(play_id=2)["epa"].to_list() == alone["epa"].to_list()[1:]
    assert found["epa"].to_list() == pytest.approx(alone["epa"].to_list())
