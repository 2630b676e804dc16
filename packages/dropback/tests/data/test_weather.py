"""Roof and weather at kickoff: from nflverse's columns, from the words of a report, or unknown."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dropback.data import read_play_by_play, select_plays
from dropback.data._features import WEATHER, FeatureSchema, feature_matrix
from dropback.errors import ReaderError
from examples.play_by_play_rows import Rows

NAMES = ("roof", "temp", "wind", "rain", "snow")
UNKNOWN = (None,) * 5


def weather_of(rows: Rows, **columns: object) -> tuple[Any, ...]:
    return select_plays(rows(columns)).plays.select(NAMES).row(0)


@pytest.mark.parametrize(
    ("stadium", "weather", "expected"),
    [
        (
            "Soldier Field",
            "Light rain Temp: 46° F, Humidity: 82%, Wind: SW 13 mph",
            ("outdoors", 46, 13, True, False),
        ),
        (
            "Lambeau Field",
            "Snow showers Temp: -6° F, Wind: W 8mph mph",
            ("outdoors", -6, 8, True, True),
        ),
        (
            "Soldier Field",
            "20% chance of rain Temp: 60° F, Wind: N 5 mph",
            ("outdoors", 60, 5, False, False),
        ),
        (
            "Soldier Field",
            "No chance of snow, rain Temp: 40° F, Wind: N 5 mph",
            ("outdoors", 40, 5, True, False),
        ),
        # Nobody throws in a wind of 71 mph: an error of writing.
        (
            "Acrisure Stadium",
            "Cloudy Temp: 43° F, Wind: From SSE 71 mph",
            ("outdoors", 43, None, False, False),
        ),
        # Of a stadium without a report nobody says what the weather was.
        ("Soldier Field", "Temp: ° F, Wind:   mph", UNKNOWN),
        ("Soldier Field", None, UNKNOWN),
        ("Simulated", "Simulated", UNKNOWN),
        (None, "Sunny Temp: 70° F, Wind: N 5 mph", ("outdoors", 70, 5, False, False)),
        (None, "Controlled Climate Temp: 68° F", ("closed", None, None, False, False)),
        ("Ford Field", None, ("dome", None, None, False, False)),
        (" ford field ", None, ("dome", None, None, False, False)),
        ("A new stadium", "Indoors Temp: 70° F", ("closed", None, None, False, False)),
        ("Lucas Oil Stadium", None, ("retractable", None, None, None, None)),
        ("Soldier Field", "Temp: 50° F, Wind: Calm mph", ("outdoors", 50, 0, False, False)),
        (
            "Soldier Field",
            "Temp: 49° F, Wind: NW, gusts to 29 16 mph",
            ("outdoors", 49, 16, False, False),
        ),
        (
            "Soldier Field",
            "Temp: 49° F, Wind: W 15 gusts up to 25 mph",
            ("outdoors", 49, 15, False, False),
        ),
        (
            "Soldier Field",
            "Rain Chance 40% Temp: 97° F, Wind: W 15 mph",
            ("outdoors", 97, 15, False, False),
        ),
        (
            "Soldier Field",
            "50% change of rain Temp: 55° F, Wind: SW 7 mph",
            ("outdoors", 55, 7, False, False),
        ),
        (
            "Soldier Field",
            "Temp: 99999999999999999999° F, Wind: 5",
            ("outdoors", None, 5, False, False),
        ),
        # The weather outside a dome.
        (
            "Caesars Superdome",
            "Rain Temp: 88° F, Wind: N 9 mph",
            ("dome", None, None, False, False),
        ),
        ("AT&T Stadium", "Temp: 80° F, Wind: S 9 mph", ("retractable", 80, 9, False, False)),
        ("AT&T Stadium", "Temp: ° F, Wind:   mph", ("closed", None, None, False, False)),
        (
            "Lucas Oil Stadium",
            "Roof closed Temp: 30° F, Wind: N 4 mph",
            ("closed", None, None, False, False),
        ),
        (None, None, UNKNOWN),
    ],
)
def test_report_of_a_game_in_numbers(
    rows: Rows, stadium: str | None, weather: str | None, expected: tuple[object, ...]
) -> None:
    assert weather_of(rows, stadium=stadium, weather=weather) == expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"roof": "outdoors", "temp": 31.0, "wind": 12.0}, ("outdoors", 31, 12, None, None)),
        ({"roof": " Dome"}, ("dome", None, None, False, False)),
        # nflverse's roof is the roof of the day, whatever the stadium can do.
        ({"roof": "outdoors", "stadium": "Ford Field"}, ("outdoors", None, None, None, None)),
        ({"roof": "outdoors", "temp": 999.0, "wind": -5.0}, ("outdoors", None, None, None, None)),
        ({"roof": "outdoors", "temp": float("inf")}, ("outdoors", None, None, None, None)),
        ({"roof": "indoors", "temp": 50.0, "wind": 5.0}, UNKNOWN),
        (
            {"roof": "open", "temp": 75.0, "wind": 4.0, "weather": "Rain Temp: 60° F"},
            ("open", 75, 4, True, False),
        ),
        ({"roof": "closed", "temp": 20.0, "wind": 30.0}, ("closed", None, None, False, False)),
        ({"roof": "glass"}, UNKNOWN),
        ({"temp": 50.0}, ("outdoors", 50, None, None, None)),
    ],
)
def test_columns_of_nflverse_come_first(
    rows: Rows, columns: dict[str, object], expected: tuple[object, ...]
) -> None:
    assert weather_of(rows, **columns) == expected


def test_one_play_tells_the_weather_of_its_game(rows: Rows) -> None:
    other = {"game_id": "2020_02_KC_BUF", "play_id": 7}
    plays = select_plays(rows({}, {"roof": "dome"}, other)).plays
    assert plays["roof"].to_list() == ["dome", "dome", None]


def test_columns_of_trees(rows: Rows) -> None:
    outside = {"weather": "Rain Temp: 46° F, Wind: 13 mph"}
    games = [
        {"game_id": f"2020_0{n}_KC_BUF", "play_id": n, **told}
        for n, told in enumerate(
            ({"roof": "dome"}, {"roof": "open", **outside}, {"roof": "outdoors"}, {})
        )
    ]
    plays = select_plays(rows(*games)).plays
    assert WEATHER == ("roof", "wind", "temperature", "rain", "snow")
    # Under a roof there is no wind, and it is as warm as in a room.
    nan = np.nan
    np.testing.assert_array_equal(
        feature_matrix(plays, FeatureSchema(("down_1", *WEATHER))),
        [
            [1, 2, 0, 70, 0, 0],
            [1, 1, 13, 46, 1, 0],
            [1, 0, nan, nan, nan, nan],
            [1, nan, nan, nan, nan, nan],
        ],
    )


def test_unknown_weather_is_told(rows: Rows) -> None:
    def lacking(**columns: object) -> tuple[str, ...]:
        return select_plays(rows(columns)).missing_columns

    assert lacking() == ("roof", "temp", "wind", "rain", "snow")
    assert lacking(roof="outdoors", temp=50.0, wind=3.0) == ("rain", "snow")
    # There is none under a roof.
    assert lacking(roof="dome") == ()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"roof": "bubble"}, "'roof' is 'bubble', not one of dome, closed, open, retractable, out"),
        ({"wind": [3.0, 25.0]}, "'wind' must be one value a game, .* got 3.0 and 25.0; correct"),
        ({"temp": [-5.0, 5.0]}, "'temp' must be one value a game, .* got -5.0 and 5.0; correct"),
        ({"weather": ["Sunny", "Rain"]}, "'weather' must be one .* got 'Sunny' and 'Rain'; corr"),
        ({"pass_location": "Lft"}, "play_id 1: 'pass_location' is 'Lft', not one of left, middle"),
    ],
)
@pytest.mark.parametrize("of_schedule", [False, True])
def test_what_no_game_can_have_is_refused_by_game_and_column(
    rows: Rows, tmp_path: Path, told: dict[str, object], said: str, *, of_schedule: bool
) -> None:
    ((name, values),) = told.items()
    plays = rows({}, {"play_id": 2}).with_columns(play_id=pl.Series([1, 2]))
    column = pl.Series(name, values if isinstance(values, list) else [values] * 2)
    if not of_schedule or name == "pass_location":
        plays = plays.with_columns(column)
    else:
        pl.DataFrame({"game_id": ["2020_01_KC_BUF"] * 2}).with_columns(column).write_parquet(
            tmp_path / "games.parquet"
        )
    plays.write_parquet(tmp_path / "play_by_play_2020.parquet")
    with pytest.raises(ReaderError, match=rf"parquet, game_id 2020_01_KC_BUF.*{said}"):
        read_play_by_play(tmp_path)


def test_words_are_taken_in_any_case_and_nothing_is_null(rows: Rows) -> None:
    columns = {"roof": pl.Series([" Dome ", ""]), "pass_location": pl.Series(["Left ", " "])}
    plays = rows({}, {"game_id": "2020_02_KC_BUF"}).with_columns(**columns)
    found = read_play_by_play(plays).select("roof", "pass_location")
    assert found.rows() == [("dome", "left"), (None, None)]


@pytest.mark.parametrize(
    ("report", "temp", "wind", "rain"),
    [
        ("Rain Temp: 10° C, Humidity: 80%, Wind: NW 32 km/h", None, None, True),
        ("Clear Temp: 50° F, Wind: W 9 m/s mph", 50.0, None, False),
        ("Clear Temp: -3 Celsius, Wind: W 12 mph", None, 12.0, False),
        ("Clear Temp: 60° F, Cloud, Wind: 8 knots", 60.0, None, False),
        ("No rain expected, 0% chance of rain Temp: 60° F, Wind: N 8 mph", 60.0, 8.0, False),
    ],
)
def test_other_units_and_rain_that_is_not_expected_are_not_taken(
    rows: Rows, report: str, temp: float | None, wind: float | None, *, rain: bool
) -> None:
    plays = rows({"weather": report, "roof": "outdoors"})
    found = select_plays(plays).plays.select("temp", "wind", "rain")
    assert found.row(0) == (temp, wind, rain)


@pytest.fixture
def season(rows: Rows, tmp_path: Path) -> Path:
    """A file of two games, without the columns of the weather."""
    plays = rows({}, {"game_id": "2020_02_KC_BUF"})
    path = tmp_path / "play_by_play_2020.parquet"
    plays.drop("stadium", "weather", "roof", "temp", "wind").write_parquet(path)
    return path


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("of_folder", [True, False])
def test_schedule_beside_the_plays_tells_the_weather(
    season: Path, ending: str, *, of_folder: bool
) -> None:
    schedule = pl.DataFrame(
        {
            "game_id": ["2020_02_KC_BUF", "2020_02_KC_BUF", "2020_09_A_B"],
            "roof": [None, "outdoors", "dome"],
            "temp": [41, None, 70],
            "home_team": "BUF",
        }
    )
    path = season.parent / f"games.{ending}"
    _ = schedule.write_parquet(path) if ending == "parquet" else schedule.write_csv(path)
    found = read_play_by_play(season.parent if of_folder else season)
    assert found["roof"].to_list() == [None, "outdoors"]
    assert found["temp"].to_list() == [None, 41.0]
    assert found["home_team"].to_list() == ["BUF", "BUF"]


def test_weather_of_the_plays_comes_before_that_of_the_schedule(season: Path) -> None:
    told = pl.read_parquet(season).with_columns(roof=pl.lit("open"))
    told.write_parquet(season)
    games = {"game_id": ["2020_01_KC_BUF"], "roof": ["dome"], "temp": [60.0]}
    pl.DataFrame(games).write_parquet(season.parent / "games.parquet")
    found = read_play_by_play(season)
    assert found["roof"].to_list() == ["open", "open"]
    assert found["temp"].to_list() == [60.0, None]


def test_schedule_fills_the_games_that_the_plays_lack(season: Path) -> None:
    second = pl.col("game_id") == "2020_02_KC_BUF"
    told = pl.read_parquet(season).with_columns(temp=pl.when(second).then(30.0))
    told.write_parquet(season)
    games = {"game_id": ["2020_01_KC_BUF", "2020_02_KC_BUF"], "temp": [60.0, 70.0]}
    pl.DataFrame(games).write_parquet(season.parent / "games.parquet")
    assert read_play_by_play(season)["temp"].to_list() == [60.0, 30.0]


def test_schedule_under_former_team_codes_is_the_same_game(rows: Rows, tmp_path: Path) -> None:
    plays = rows({"game_id": "2016_01_LAC_KC", "season": 2016})
    plays.write_parquet(tmp_path / "play_by_play_2016.parquet")
    schedule = tmp_path / "games.parquet"
    pl.DataFrame({"game_id": ["2016_01_SD_KC"], "temp": [60.0]}).write_parquet(schedule)
    assert read_play_by_play(tmp_path)["temp"].to_list() == [60.0]
    both = ["2016_01_LAC_KC", "2016_01_SD_KC"]
    pl.DataFrame({"game_id": both, "temp": [60.0, 60.0]}).write_parquet(schedule)
    assert read_play_by_play(tmp_path)["temp"].to_list() == [60.0]


@pytest.mark.parametrize("content", [b"another table", None])
def test_schedule_that_tells_nothing_is_passed_over(season: Path, content: bytes | None) -> None:
    path = season.parent / "games.parquet"
    if content is None:
        pl.DataFrame({"game": ["2020_01_KC_BUF"], "roof": ["dome"]}).write_parquet(path)
    else:
        path.write_bytes(content)
    assert read_play_by_play(season)["roof"].to_list() == [None, None]


def test_bad_value_of_the_schedule_is_named(season: Path) -> None:
    schedule = pl.DataFrame({"game_id": ["2020_01_KC_BUF"], "temp": ["warm"]})
    schedule.write_parquet(season.parent / "games.parquet")
    with pytest.raises(
        ReaderError, match=r"games.parquet, game_id 2020_01_KC_BUF: 'temp' is 'warm'"
    ):
        read_play_by_play(season)
