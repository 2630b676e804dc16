"""What the stadium of a game tells, as known at kickoff."""

import polars as pl
import pytest
from research._weather import stadium_completions


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
