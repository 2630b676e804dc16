"""Weather and stadium of a game, as known at kickoff."""

import polars as pl
import pytest
from research._weather import stadium_completions, weather_of


def columns_of(stadium: str, weather: str | None) -> dict[str, float | None]:
    games = pl.DataFrame(
        {"game_id": ["one"], "stadium": [stadium], "weather": [weather]},
        schema_overrides={"weather": pl.String},
    )
    return weather_of(games).row(0, named=True)


@pytest.mark.parametrize(
    ("stadium", "weather", "expected"),
    [
        (
            "Soldier Field",
            "Light rain Temp: 46° F, Humidity: 82%, Wind: SW 13 mph",
            (0, 13, 46, 1, 0),
        ),
        ("Lambeau Field", "Snow showers Temp: -6° F, Wind: W 8mph mph", (0, 8, -6, 1, 1)),
        ("Soldier Field", "20% chance of rain Temp: 60° F, Wind: N 5 mph", (0, 5, 60, 0, 0)),
        ("Soldier Field", "No chance of snow, rain Temp: 40° F, Wind: N 5 mph", (0, 5, 40, 1, 0)),
        ("Acrisure Stadium", "Cloudy Temp: 43° F, Wind: From SSE 71 mph", (0, None, 43, 0, 0)),
        ("Soldier Field", "Temp: ° F, Wind:   mph", (0, None, None, 0, 0)),
        ("Ford Field", None, (2, 0, 70, 0, 0)),
        # The weather outside a dome.
        ("Caesars Superdome", "Rain Temp: 88° F, Wind: N 9 mph", (2, 0, 70, 0, 0)),
        ("AT&T Stadium", "Temp: 80° F, Wind: S 9 mph", (1, 9, 80, 0, 0)),
        ("AT&T Stadium", "Temp: ° F, Wind:   mph", (2, 0, 70, 0, 0)),
        ("Lucas Oil Stadium", "Roof closed Temp: 30° F, Wind: N 4 mph", (2, 0, 70, 0, 0)),
    ],
)
def test_report_of_a_game_in_numbers(
    stadium: str, weather: str | None, expected: tuple[float | None, ...]
) -> None:
    found = columns_of(stadium, weather)
    assert tuple(found[n] for n in ("roof", "wind", "temperature", "rain", "snow")) == expected


def test_completions_of_a_stadium_are_those_of_its_earlier_seasons() -> None:
    # In each season one stadium completes 3 of 4 and the other 1 of 4 at the same depth.
    rows = [
        {"game_id": f"{season}-{stadium}", "season": season, "air_yards": 5, "complete_pass": c}
        for season in (2019, 2020, 2021)
        for stadium, caught in (("east", 3), ("west", 1))
        for c in (True,) * caught + (False,) * (4 - caught)
    ]
    plays = pl.DataFrame(rows)
    stadiums = plays.select("game_id", stadium=pl.col("game_id").str.slice(5)).unique()
    found = dict(stadium_completions(plays, stadiums).rows())
    # One throw above the half that are expected; 300 more count as average.
    assert found == {
        "2019-east": None,
        "2019-west": None,
        "2020-east": pytest.approx(1 / 304),
        "2020-west": pytest.approx(-1 / 304),
        "2021-east": pytest.approx(2 / 308),
        "2021-west": pytest.approx(-2 / 308),
    }
