"""From tensors to the table of plays that play-by-play gives, two ways."""

import numpy as np
import polars as pl
import pytest

from dropback.data._play_by_play import read_play_by_play
from dropback.data._tables import Outcome, Plays, PlaySet
from dropback.errors import ReaderError, RequestError, TrackingError
from dropback.tracking import build_tensors, select_tracked
from dropback.tracking.tensors._attempts import season_type, week
from dropback.tracking.tensors._play_tensors import TENSOR_PLAYS_COLUMNS
from examples.simulated_plays import write_throws


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A hundred simulated throws."""
    return write_throws(tmp_path_factory.mktemp("tracked") / "league", 100, seed=11)


@pytest.fixture(scope="module")
def plays(folder):
    """The plays of their tensors."""
    return build_tensors(folder, folder.parent / "tensors")[0].plays


@pytest.fixture(scope="module")
def recorded(folder):
    """Their play-by-play."""
    return read_play_by_play(folder)


def test_tables_and_play_by_play_of_a_league_agree(plays, recorded, folder):
    own, joined = select_tracked(plays), select_tracked(plays, play_by_play=recorded)
    assert own.rows.tolist() == joined.rows.tolist() == list(range(100))
    assert own.left_out.is_empty()
    assert joined.left_out.is_empty()
    # Columns that a tracking set lacks or has in its own words.
    other = {"game_id", "passer_player_id", "passer_player_name", "receiver_player_id"}
    other |= {"receiver_player_name", "shotgun", "no_huddle", "pass_location", "yards_after_catch"}
    for name in set(Plays.column_names()) - other:
        assert own.plays[name].equals(joined.plays[name]), name
    assert (
        own.plays["yards"].to_list() == pl.read_parquet(folder / "truth.parquet")["yards"].to_list()
    )
    assert (own.plays["interception"] & (own.plays["yards"] < 0)).any()
    numbers = joined.plays["passer_player_id"].str.slice(3).cast(pl.Int64)
    assert own.plays["passer_player_id"].cast(pl.Int64).equals(numbers)
    assert joined.plays["game_id"][0].startswith("2022_01_")
    assert own.plays["game_id"].equals(own.plays["old_game_id"])


def test_plays_that_are_not_in_both_are_counted_and_returned(plays, recorded):
    joined = select_tracked(plays[10:60], play_by_play=recorded[30:])
    assert joined.rows.tolist() == list(range(20, 50))
    assert joined.left_out.rows() == [("not in the play-by-play", 20)]
    assert joined.untracked["play_id"].to_list() == recorded["play_id"][60:].to_list()
    # Official attempts are those of whole games, tracked or not.
    every = select_tracked(plays, play_by_play=recorded[30:]).plays
    assert joined.plays["official_attempts"].equals(every["official_attempts"][:30])


def test_play_by_play_of_seasons_without_receivers_is_passed_over(plays, recorded):
    # Beside all of nflverse, which names no receiver of an incompletion before 2009.
    old = recorded.with_columns(
        season=pl.lit(2008, recorded.schema["season"]),
        old_game_id="2008" + pl.col("old_game_id").str.slice(4),
        game_id="2008" + pl.col("game_id").str.slice(4),
    )
    joined = select_tracked(plays, play_by_play=pl.concat([old, recorded]))
    assert joined.rows.tolist() == list(range(100))
    assert joined.untracked.is_empty()
    assert set(joined.plays["play_set"]) == {"targeted"}


def test_the_reasons_of_play_by_play_come_first(plays, recorded):
    number = pl.int_range(pl.len())
    spoiled = recorded.with_columns(
        sack=pl.when(number == 3).then(1).otherwise("sack"),
        down=pl.when(number == 5).then(None).otherwise("down"),
    )
    joined = select_tracked(plays, play_by_play=spoiled)
    assert joined.left_out.rows() == [("sack", 1), ("situation not recorded", 1)]
    assert np.setdiff1d(np.arange(100), joined.rows).tolist() == [3, 5]


def test_rows_lead_to_the_tensors_whatever_their_order(plays, recorded):
    shuffled = plays.sample(fraction=1.0, shuffle=True, seed=1)
    for joined in (select_tracked(shuffled, play_by_play=recorded), select_tracked(shuffled)):
        keys = shuffled[joined.rows]["play_id"]
        assert joined.plays["play_id"].equals(keys)


CHANGES = {
    "nullified by a penalty": {"nullified": True},
    "result unknown": {"pass_result": None},
    "scramble": {"pass_result": "R"},
    "sack": {"pass_result": "S"},
    "two-point try": {"down": 0},
    "spike": {"end_event": "qb_spike", "pass_result": "I", "description": None},
    "pass whose throw is not charted": {"end_event": "run", "pass_result": "C"},
    "no target (thrown away, batted)": {"pass_result": "I", "target_slot": None},
    "target of a completion unknown": {"pass_result": "C", "target_slot": None},
    "situation not recorded (score_differential)": {"score_differential": None},
    "situation not recorded (home)": {"home_team": None},
    "situation outside the rules": {"yards_to_goal": 0.0},
    "no passer known": {"passer_player_id": None, "passer_gsis_id": None},
    "interception whose return is unknown": {
        "pass_result": "IN", "interception_return_yards": None,
    },
    "outcome not recorded": {"pass_result": "C", "yards_gained": None},
    "outcome outside the field": {"pass_result": "C", "yards_gained": 100},
    "not a regular game": {"week": 19},
}  # fmt: skip


def changed(plays: pl.DataFrame, changes: dict[str, object]) -> pl.DataFrame:
    """The first play with other values."""
    first = pl.int_range(pl.len()) == 0
    return plays.with_columns(
        pl.when(first).then(pl.lit(value, dtype=plays.schema[name])).otherwise(name).alias(name)
        for name, value in changes.items()
    )


@pytest.mark.parametrize("reason", list(CHANGES))
def test_each_reason_leaves_its_play_out(reason, plays):
    own = select_tracked(changed(plays[:3], CHANGES[reason]))
    assert own.left_out.rows() == [(reason, 1)]
    assert own.rows.tolist() == [1, 2]


SPIKED = "(:06) C.Newton spiked the ball to stop the clock."
THROWN = "J.Goff pass incomplete deep left to R.Woods."
UNCHARTED = "pass whose throw is not charted"


@pytest.mark.parametrize(
    ("event", "words", "result", "air_yards", "reason"),
    [
        ("qb_spike", SPIKED, "I", 0, "spike"),
        ("qb_spike", SPIKED.upper(), "C", 9, "spike"),
        ("qb_spike", None, None, None, "result unknown"),
        # 2015 has no event of spikes.
        ("pass_forward", SPIKED, "I", None, "spike"),
        ("pass_forward", SPIKED.upper(), "I", -2, "spike"),
        # Event and result, or event and charted air yards, are those of a pass.
        ("pass_forward", SPIKED, "C", 9, None),
        ("pass_forward", SPIKED, "I", 14, None),
        ("qb_spike", THROWN, "I", 14, UNCHARTED),
        ("qb_spike", None, "C", 9, UNCHARTED),
        ("handoff", THROWN, "I", 14, UNCHARTED),
        ("pass_tipped", THROWN, "I", 14, None),
        # The scorer tells of the receiver.
        ("pass_forward", "J.Goff pass to R.Woods. R.Woods spiked the ball.", "C", 9, None),
    ],
)
def test_a_spike_is_what_most_sources_tell(event, words, result, air_yards, reason, plays):
    changes = {"end_event": event, "description": words, "pass_result": result,
               "air_yards": air_yards, "yards_gained": 9}  # fmt: skip
    own = select_tracked(changed(plays[:3], changes))
    assert own.left_out.rows() == ([(reason, 1)] if reason else [])


def test_a_pass_of_the_play_by_play_must_have_a_throw_in_its_events(plays, recorded):
    joined = select_tracked(changed(plays, {"end_event": "run"}), play_by_play=recorded)
    assert joined.left_out.rows() == [(UNCHARTED, 1)]
    assert joined.rows.tolist() == list(range(1, 100))
    # A sack has none.
    sack = recorded.with_columns(
        sack=pl.when(pl.int_range(pl.len()) == 0).then(1).otherwise("sack")
    )
    sacked = changed(plays, {"end_event": "qb_sack"})
    joined = select_tracked(sacked, play_by_play=sack, play_set=PlaySet.DROPBACKS)
    assert joined.left_out.is_empty()


@pytest.mark.parametrize(
    ("changes", "play_set", "yards"),
    [
        ({"pass_result": "C", "yards_gained": 7}, PlaySet.TARGETED, 7),
        ({"pass_result": "I", "yards_gained": 7}, PlaySet.TARGETED, 0),
        ({"pass_result": "I", "yards_gained": None}, PlaySet.TARGETED, 0),
        ({"pass_result": "I", "target_slot": None}, PlaySet.ATTEMPTS, 0),
        ({"pass_result": "IN", "interception_return_yards": 12}, PlaySet.TARGETED, -12),
        ({"pass_result": "IN", "interception_return_yards": -2}, PlaySet.TARGETED, 2),
        ({"pass_result": "S", "yards_gained": -8, "target_slot": None}, PlaySet.DROPBACKS, -8),
        ({"air_yards": None, "throw_depth_yd": None}, PlaySet.TARGETED, None),
    ],
)
def test_yards_are_those_of_the_result(changes, play_set, yards, plays):
    own = select_tracked(changed(plays, changes), play_set=play_set)
    assert own.rows[0] == 0
    assert yards is None or own.plays["yards"][0] == yards
    assert own.plays["play_set"].unique().to_list() == [play_set.value]


@pytest.mark.parametrize(("quarter", "left"), [(1, 2912), (3, 1112), (4, 212), (5, 212)])
def test_the_clock_adds_the_quarters_to_come_and_none_after_the_fourth(quarter, left, plays):
    own = select_tracked(changed(plays[:1], {"quarter": quarter, "game_clock_s": 212}))
    assert own.plays["game_seconds_remaining"].item() == left


def test_attempts_are_those_of_a_game_and_games_those_of_a_kind(plays):
    # Five throws of one passer in week 1, one of them nullified, and two in the playoffs.
    seven = plays[:7].with_columns(
        game_id=pl.Series([2022091100] * 5 + [2023011500] * 2),
        week=pl.Series([1] * 5 + [19] * 2, dtype=plays.schema["week"]),
        passer_player_id=pl.lit(1, dtype=plays.schema["passer_player_id"]),
        passer_gsis_id=pl.lit(None, dtype=pl.String),
        offense=pl.lit("KC"),
        nullified=pl.Series([True] + [False] * 6),
    )
    own = select_tracked(seven, games="all")
    assert own.plays["official_attempts"].to_list() == [4] * 4 + [2] * 2
    assert own.plays["team_games"].to_list() == [1] * 6


def test_a_sack_booked_as_nothing_is_no_outcome(plays):
    sack = changed(plays[:3], {"pass_result": "S", "yards_gained": 0})
    own = select_tracked(sack, play_set=PlaySet.DROPBACKS)
    assert own.left_out.rows() == [("sack whose loss is unknown", 1)]


def test_bounds_follow_the_goal_line_and_the_depth_of_the_throw(plays):
    play = {"yards_to_goal": 40.0, "pass_result": "I"}
    for depth, lowest in (
        ({"air_yards": 12}, -82),
        ({"air_yards": None, "throw_depth_yd": 20.6}, -91),
        ({"air_yards": -3}, -70),
        ({"air_yards": None, "throw_depth_yd": None}, -70),
    ):
        row = select_tracked(changed(plays, {**play, **depth})).plays.row(0, named=True)
        assert (row["yards_min"], row["yards_max"]) == (lowest, 40)


def test_plays_without_any_outcome_say_where_outcomes_are(plays):
    blank = plays.with_columns(pass_result=pl.lit(None, dtype=plays.schema["pass_result"]))
    with pytest.raises(TrackingError, match=r"result unknown: 100\. Outcomes .* play-by-play"):
        select_tracked(blank)


def test_plays_that_lack_something_else_are_not_sent_for_outcomes(plays):
    blank = plays.with_columns(target_slot=pl.lit(None, dtype=plays.schema["target_slot"]))
    with pytest.raises(TrackingError, match=r"target of a completion unknown: \d+.*\d\.$"):
        select_tracked(blank)


def test_bad_requests_are_refused_in_a_sentence(plays, recorded):
    with pytest.raises(TrackingError, match=r"lacks mirror_slots: pass `PlayTensors.plays`"):
        select_tracked(plays.drop("mirror_slots"))
    with pytest.raises(RequestError, match="Expected points added need play-by-play"):
        select_tracked(plays, outcome=Outcome.EPA)
    with pytest.raises(ReaderError, match="no expected points added: 100"):
        select_tracked(plays, play_by_play=recorded, outcome=Outcome.EPA)
    early = recorded.with_columns(season=2019, old_game_id=pl.lit("2019090800"))
    with pytest.raises(TrackingError, match=r"tracked seasons 2022; play-by-play seasons 2019"):
        select_tracked(plays, play_by_play=early)


def test_weeks_follow_from_dates_in_every_real_game(data_dir):
    season = pl.col("season")
    none = pl.lit(None, dtype=pl.Int32)
    games = pl.read_parquet(data_dir / "pbp/games.parquet").with_columns(
        counted=week(pl.col("old_game_id").cast(pl.Int64), season, none)
    ).with_columns(kind=season_type(pl.col("counted"), season))  # fmt: skip
    assert games.height == 4862
    assert games.filter(pl.col("counted") != pl.col("week")).is_empty()
    assert games.filter((pl.col("kind") == "REG") != (pl.col("game_type") == "REG")).is_empty()


def test_given_weeks_stand_but_for_the_idle_one_before_the_super_bowl():
    keys = pl.DataFrame({"game_id": [2019020300, 2018101400], "season": 2018, "week": [22, 3]})
    assert keys.select(week(*map(pl.col, ("game_id", "season", "week")))).to_series().to_list() == [
        21, 3,
    ]  # fmt: skip


def test_every_column_of_tensors_plays_is_there(plays):
    assert tuple(plays.columns) == TENSOR_PLAYS_COLUMNS
