"""The rulebook's numbers."""

import polars as pl
import pytest

from dropback.data import _field as field
from dropback.data._field import last_regular_week


def test_quarters_make_an_hour() -> None:
    assert 4 * field.QUARTER_SECONDS == 2 * field.HALF_SECONDS == 3600


def test_field_is_120_yards_from_end_line_to_end_line() -> None:
    assert field.GOAL_TO_GOAL_YD + 2 * field.END_ZONE_DEPTH_YD == field.FIELD_LENGTH_YD == 120


@pytest.mark.parametrize("season", [2012, 2020, 2021, 2023])
def test_last_regular_week_of_the_real_season_is_the_fields(data_dir, season: int) -> None:
    plays = pl.scan_parquet(data_dir / "pbp" / f"play_by_play_{season}.parquet")
    last = plays.filter(pl.col("season_type") == "REG").select(pl.col("week").max())
    assert last.collect().item() == pl.select(last_regular_week(pl.lit(season))).item()


def test_regular_seasons_have_a_week_more_from_2021_on() -> None:
    seasons = pl.DataFrame({"season": [1990, 2020, 2021, 2026]})
    assert seasons.select(last_regular_week(pl.col("season"))).to_series().to_list() == [
        17,
        17,
        18,
        18,
    ]
