"""Which plays are kept, and the one reason of each that is not."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropback.data import Plays, PlaySet, read_play_by_play, select_plays
from dropback.data._play_by_play import PLAY_BY_PLAY_COLUMNS
from dropback.errors import ReaderError, RequestError
from examples.play_by_play_rows import Rows

INCOMPLETE = {"complete_pass": 0, "incomplete_pass": 1, "yards_gained": 0}
SACK = {"complete_pass": 0, "sack": 1, "yards_gained": -7, "air_yards": None}
SACK |= {"receiver_player_id": None}
THROWN_AWAY = {**INCOMPLETE, "receiver_player_id": None, "receiver_player_name": None}
SPIKE = {**THROWN_AWAY, "qb_spike": 1, "air_yards": None}
TWO_POINTS = {"two_point_attempt": 1, "down": None, "yardline_100": 2}
INTERCEPTED = {"complete_pass": 0, "interception": 1, "yards_gained": 0}

REASONS: list[tuple[dict[str, Any], str]] = [
    ({"season_type": "PRE"}, "preseason game"),
    ({"season_type": "POST", "week": 18}, "not a regular game"),
    ({"play_type": "run"}, "not a pass play"),
    ({"play_type": "no_play"}, "not a pass play"),
    (TWO_POINTS, "two-point try"),
    (SPIKE, "spike"),
    ({**SPIKE, "play_type": "qb_spike"}, "spike"),
    ({**SPIKE, "play_type": "qb_spike", "qb_spike": None}, "spike"),
    (SACK, "sack"),
    ({"air_yards": None}, "no air yards recorded"),
    (THROWN_AWAY, "no receiver (thrown away, batted)"),
    *(
        ({name: None}, "situation not recorded")
        for name in (
            *("game_id", "play_id", "season", "season_type", "week", "home_team", "posteam"),
            *("defteam", "qtr", "quarter_seconds_remaining", "game_seconds_remaining", "down"),
            *("ydstogo", "yardline_100", "score_differential"),
        )
    ),
    ({"down": 5}, "situation outside the rules"),
    ({"yardline_100": 0}, "situation outside the rules"),
    ({"yardline_100": 100}, "situation outside the rules"),
    ({"ydstogo": -1}, "situation outside the rules"),
    ({"week": 0}, "situation outside the rules"),
    ({"qtr": 0}, "situation outside the rules"),
    # From the own 25: the end lines are 35 yards behind and 85 ahead.
    ({"air_yards": -36}, "air yards outside the field"),
    ({"air_yards": 86}, "air yards outside the field"),
    ({"passer_player_id": None}, "no passer recorded"),
    ({"complete_pass": 0}, "no result recorded"),
    ({"complete_pass": None, "incomplete_pass": None}, "no result recorded"),
    (
        {"complete_pass": None, "incomplete_pass": None, "interception": None, "sack": None},
        "no result recorded",
    ),
    ({"yards_gained": None}, "outcome not recorded"),
    ({"yards_gained": 76}, "outcome outside the field"),
    ({**INTERCEPTED, "return_yards": 44}, "outcome outside the field"),
    ({"play_id": 10}, "repeated play"),
    ({"quarter_seconds_remaining": 598, "desc": "A.Passer to B.Receiver."}, "repeated play"),
]


def left_out(plays: pl.DataFrame, **options: Any) -> dict[str, int]:
    return dict(select_plays(plays, **options).left_out.iter_rows())


@pytest.mark.parametrize(("play", "reason"), REASONS)
def test_play_is_left_out_for_one_reason(rows: Rows, play: dict[str, Any], reason: str) -> None:
    selection = select_plays(rows({}, play))
    assert selection.plays["play_id"].to_list() == [10]
    assert selection.left_out.rows() == [(reason, 1)]


@pytest.mark.parametrize(
    "play",
    [
        {},
        INCOMPLETE,
        {**INTERCEPTED, "return_yards": 43},
        {"yards_gained": 75, "pass_touchdown": 1},
        {**INCOMPLETE, "complete_pass": None, "interception": None},
        dict.fromkeys(["sack", "qb_spike", "two_point_attempt", "interception"]),
        {"passer_player_name": None, "receiver_player_name": None, "return_yards": None},
    ],
)
def test_targeted_attempt_is_kept_with_its_null_flags_read_as_no(
    rows: Rows, play: dict[str, Any]
) -> None:
    assert len(select_plays(rows(play)).plays) == 1


@given(st.lists(st.sampled_from([play for play, _ in REASONS]), max_size=30))
@settings(max_examples=10, deadline=None)
def test_each_row_is_counted_once(rows: Rows, plays: list[dict[str, Any]]) -> None:
    table = rows({}, *plays)
    selection = select_plays(table)
    assert len(selection.plays) + selection.left_out["plays"].sum() == len(table)


def test_first_reason_that_applies_is_counted(rows: Rows) -> None:
    everything = {**SACK, **TWO_POINTS, "qb_spike": 1, "passer_player_id": None}
    assert left_out(rows({}, everything)) == {"two-point try": 1}


def test_reasons_come_most_frequent_first(rows: Rows) -> None:
    table = select_plays(rows({}, SACK, SPIKE, SPIKE, {"play_type": "run"})).left_out
    assert table.rows() == [("spike", 2), ("not a pass play", 1), ("sack", 1)]


def test_dropbacks_add_sacks_and_throw_aways(rows: Rows) -> None:
    selection = select_plays(rows({}, SACK, THROWN_AWAY, SPIKE), plays=PlaySet.DROPBACKS)
    assert selection.plays["yards"].to_list() == [12, -7, 0]
    assert selection.plays["sack"].to_list() == [False, True, False]
    assert selection.plays["play_set"].unique().to_list() == ["dropbacks"]
    assert selection.left_out.rows() == [("spike", 1)]


def test_attempts_add_throw_aways_with_air_yards(rows: Rows) -> None:
    selection = select_plays(rows({}, SACK, THROWN_AWAY), plays=PlaySet.ATTEMPTS)
    assert selection.plays["play_id"].to_list() == [10, 30]
    assert selection.left_out.rows() == [("sack", 1)]


@pytest.mark.parametrize(("season", "kept"), [(2008, ["attempts"] * 2), (2009, ["targeted"])])
def test_targeted_attempts_need_a_receiver_from_2009(rows: Rows, season: int, kept: list) -> None:
    plays = select_plays(rows({"season": season}, {"season": season, **THROWN_AWAY})).plays
    assert plays["play_set"].to_list() == kept


def test_targeted_attempts_of_both_eras_are_refused_together(rows: Rows) -> None:
    with pytest.raises(RequestError, match=r"before 2009 .* --plays attempts for all\.$"):
        select_plays(rows({"season": 2008}, {"season": 2009}))


@pytest.mark.parametrize("plays", [PlaySet.ATTEMPTS, PlaySet.DROPBACKS])
def test_other_sets_may_hold_both_eras(rows: Rows, plays: PlaySet) -> None:
    assert len(select_plays(rows({"season": 2008}, {"season": 2009}), plays=plays).plays) == 2


@pytest.mark.parametrize(
    ("games", "kept", "reasons"),
    [
        ("regular", [10], {"not a regular game": 1}),
        ("postseason", [20], {"not a postseason game": 1}),
        ("all", [10, 20], {}),
    ],
)
def test_games_are_those_asked_for(rows: Rows, games: Any, kept: list, reasons: dict) -> None:
    selection = select_plays(rows({}, {"season_type": "POST", "week": 18}), games=games)
    assert selection.plays["play_id"].to_list() == kept
    assert dict(selection.left_out.iter_rows()) == reasons


def test_no_play_left_is_one_sentence_with_the_reasons(rows: Rows) -> None:
    with pytest.raises(ReaderError, match=r"^No play is left to model\. Left out: sack: 2; sp"):
        select_plays(rows(SACK, SACK, SPIKE))


@pytest.mark.parametrize(
    "other",
    [
        {"quarter_seconds_remaining": 597},
        {"quarter_seconds_remaining": 600, "down": 2},
        {"quarter_seconds_remaining": 600, "yards_gained": 0},
        {"quarter_seconds_remaining": 600, "game_id": "2020_01_LA_SF"},
    ],
)
def test_another_play_at_about_the_same_time_is_no_repeat(rows: Rows, other: dict) -> None:
    assert len(select_plays(rows({}, other)).plays) == 2


def test_a_timeout_under_a_plays_key_does_not_take_its_place(rows: Rows) -> None:
    timeout = {"play_id": 10, "play_type": "no_play", "quarter_seconds_remaining": 600}
    selection = select_plays(rows(timeout, {"play_id": 10, "quarter_seconds_remaining": 600}))
    assert selection.left_out.rows() == [("not a pass play", 1)]
    assert selection.plays["official_attempts"].to_list() == [1]


@pytest.mark.parametrize(
    ("receiver", "thrown", "kept"),
    [
        ({"receiver_player_name": "B.Receiver"}, INCOMPLETE, 1),
        ({"receiver_player_name": None}, INCOMPLETE, 0),
        ({"receiver_player_name": None}, {}, 1),
    ],
)
def test_a_name_or_a_catch_makes_a_target_without_an_id(
    rows: Rows, receiver: dict, thrown: dict, kept: int
) -> None:
    play = {**thrown, "receiver_player_id": None, **receiver}
    assert len(select_plays(rows({}, play)).plays) == 1 + kept


def test_passing_yards_go_on_after_a_lateral(rows: Rows) -> None:
    lateral = {"yardline_100": 30, "yards_gained": 5, "passing_yards": 30, "pass_touchdown": 1}
    selection = select_plays(rows(lateral, {**INCOMPLETE, "passing_yards": None}))
    assert selection.plays.select("yards", "yards_max").rows() == [(30, 30), (0, 75)]
    # 8 yards through the air and 4 after the catch are not 30.
    assert selection.doubtful == 1


def test_no_play_at_all_is_one_sentence(rows: Rows) -> None:
    with pytest.raises(ReaderError, match="Left out: none was read"):
        select_plays(rows())


def test_columns_without_a_value_are_told(rows: Rows) -> None:
    known = {"roof": "dome"}
    selection = select_plays(rows({"shotgun": None, "desc": None, **known}, {"desc": None}))
    assert selection.missing_columns == ("desc",)


def test_official_attempts_count_what_the_record_book_counts(rows: Rows) -> None:
    other_game = {"game_id": "2020_02_KC_LAC", "week": 2, "home_team": "LAC"}
    table = rows(
        *({}, INCOMPLETE, INTERCEPTED, THROWN_AWAY),
        {**SPIKE, "play_type": "qb_spike"},
        *(
            SACK,
            TWO_POINTS,
            {**TWO_POINTS, "down": 1},
            {"down": None},
            {"play_type": "no_play"},
            {"passer_player_id": "00-9"},
            other_game,
        ),
        {"play_id": 10},
    )
    attempts = (
        select_plays(table)
        .plays.group_by("game_id", "passer_player_id")
        .agg(pl.col("official_attempts").unique())
    )
    assert sorted(attempts.rows()) == [
        ("2020_01_KC_BUF", "00-1", [5]),
        ("2020_01_KC_BUF", "00-9", [1]),
        ("2020_02_KC_LAC", "00-1", [1]),
    ]


def test_team_games_are_the_teams_and_not_the_passers(rows: Rows) -> None:
    table = rows(
        {},
        {"game_id": "2020_02_KC_LAC", "week": 2, "play_type": "run"},
        {"game_id": "2020_03_KC_LV", "week": 3, "passer_player_id": "00-9"},
        {"game_id": "2020_18_KC_LV", "week": 18, "season_type": "POST"},
        {"game_id": "2020_02_BUF_NE", "week": 2, "posteam": "BUF"},
        {"game_id": "2021_01_KC_LV", "season": 2021},
    )
    plays = select_plays(table, games="all").plays
    assert plays["team_games"].to_list() == [3, 3, 1, 1, 1]


@pytest.mark.parametrize(
    ("qtr", "seconds", "half"),
    [(1, 900, 1800), (1, 0, 900), (2, 900, 900), (3, 12, 912), (4, 12, 12), (5, 600, 600)],
)
def test_half_ends_with_its_second_quarter(rows: Rows, qtr: int, seconds: int, half: int) -> None:
    plays = select_plays(rows({"qtr": qtr, "quarter_seconds_remaining": seconds})).plays
    assert plays["half_seconds_remaining"].item() == half


@pytest.mark.parametrize(
    ("flag", "to_go", "goal"), [(1, 10, True), (0, 5, False), (None, 5, True), (None, 4, False)]
)
def test_goal_to_go_is_derived_where_it_is_not_recorded(
    rows: Rows, flag: int | None, to_go: int, *, goal: bool
) -> None:
    play = {"goal_to_go": flag, "ydstogo": to_go, "yardline_100": 5, "yards_gained": 1}
    assert select_plays(rows(play)).plays["goal_to_go"].item() is goal


@pytest.mark.parametrize(("posteam", "home"), [("BUF", True), ("KC", False)])
def test_home_is_where_the_offense_lives(rows: Rows, posteam: str, *, home: bool) -> None:
    assert select_plays(rows({"posteam": posteam})).plays["home"].item() is home


@pytest.fixture(scope="module")
def published(data_dir: Path) -> pl.DataFrame:
    """The regular seasons that the published metric was trained on."""
    return select_plays(read_play_by_play(data_dir / "pbp", seasons=range(2018, 2021))).plays


def test_regular_seasons_2018_to_2020_hold_51623_targeted_attempts(published: pl.DataFrame) -> None:
    assert len(published) == 51_623
    assert published["complete_pass"].sum() == pytest.approx(34_000, rel=0.02)
    assert published["interception"].sum() == pytest.approx(1_200, rel=0.02)


def test_rodgers_2020_has_the_record_books_season(published: pl.DataFrame) -> None:
    season = published.filter(pl.col("passer_player_name") == "A.Rodgers", pl.col("season") == 2020)
    games = season.group_by("game_id").agg(pl.col("official_attempts").max())
    assert season["pass_touchdown"].sum() == 48
    assert season.filter("complete_pass")["yards"].sum() == 4_299
    assert games["official_attempts"].sum() == 526
    assert season["team_games"].unique().to_list() == [16]


@pytest.mark.slow
def test_no_real_play_is_outside_its_field(data_dir: Path) -> None:
    files = [data_dir / "pbp" / f"play_by_play_{year}.parquet" for year in range(2009, 2024)]
    scan = pl.scan_parquet(files)
    present = set(scan.collect_schema())
    columns = [column.name for column in PLAY_BY_PLAY_COLUMNS if column.name in present]
    passes = scan.filter(pl.col("play_type") == "pass").select(columns).collect()
    selection = select_plays(read_play_by_play(passes), plays=PlaySet.DROPBACKS, games="all")
    assert selection.left_out["reason"].to_list() == ["spike", "repeated play"]
    assert len(selection.plays) > 290_000


def test_selected_plays_are_valid(published: pl.DataFrame) -> None:
    assert Plays.is_valid(published)
