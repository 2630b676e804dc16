"""Rosters with nflverse's columns of players and of rosters."""

from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from dropback.data import read_roster
from dropback.data._nflverse import fetch_roster
from dropback.data._table_files import write_table
from dropback.errors import ReaderError, RequestError

PLAYERS = pl.DataFrame(
    {
        "gsis_id": ["00-1", "00-2", None],
        "display_name": ["Patrick Mahomes", "Odell Beckham", "Undrafted Man"],
        "position": ["QB", "WR", "QB"],
        "latest_team": ["KC", "OAK", None],
        "headshot": ["faces/1.png", None, None],
    }
)
ROSTERS = pl.DataFrame(
    {
        "season": [2021, 2020, 2020],
        "team": ["LAR", "DET", "KC"],
        "position": ["QB"] * 3,
        "full_name": ["Matthew Stafford", "Matt Stafford", "Chad Henne"],
        "gsis_id": ["00-3", "00-3", "00-4"],
    }
)


@pytest.mark.parametrize("ending", ["parquet", "csv", "xlsx", "sqlite"])
def test_table_of_players_is_read_from_any_file(ending: str, tmp_path: Path) -> None:
    write_table(PLAYERS, tmp_path / f"players.{ending}")
    assert read_roster(tmp_path / f"players.{ending}").rows() == [
        ("00-1", "Patrick Mahomes", "QB", "KC", "faces/1.png"),
        ("00-2", "Odell Beckham", "WR", "LV", None),
    ]


def test_rosters_of_seasons_give_the_last_one() -> None:
    found = read_roster(ROSTERS.to_pandas())
    assert found.rows() == [
        ("00-4", "Chad Henne", "QB", "KC", None),
        ("00-3", "Matthew Stafford", "QB", "LA", None),
    ]
    assert read_roster(found).equals(found)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (PLAYERS.drop("gsis_id"), "must have a column of ids, 'gsis_id' or 'player_id'; its col"),
        (PLAYERS.drop("display_name"), "must have a column of full names, 'display_name'"),
        (PLAYERS.tail(1), "none of its 1 rows has an id and a name"),
        (ROSTERS.with_columns(season=pl.lit("x")), "'season' is 'x', not a whole number"),
    ],
)
def test_what_is_no_roster_is_one_sentence(frame: pl.DataFrame, words: str) -> None:
    with pytest.raises(ReaderError, match=words):
        read_roster(frame)


def test_what_is_no_frame_is_one_sentence() -> None:
    with pytest.raises(RequestError, match="A roster must be a data frame"):
        read_roster(pd.Series([1]))  # type: ignore[arg-type]


def test_roster_is_fetched_once(tmp_path: Path) -> None:
    asked = []
    path = tmp_path / "rosters.parquet"
    fetch_roster(path, seasons="2020-2021", load=lambda years: asked.append(years) or ROSTERS)
    assert asked == [[2020, 2021]]
    assert read_roster(path).height == 2
    with pytest.raises(RequestError, match="is there already"):
        fetch_roster(path, load=lambda: PLAYERS)
    fetch_roster(path, overwrite=True, load=lambda: PLAYERS)
    assert read_roster(path).height == 2


def test_failed_download_keeps_the_file(tmp_path: Path) -> None:
    def fail() -> pl.DataFrame:
        raise OSError("no route to host")

    write_table(PLAYERS, tmp_path / "players.csv")
    with pytest.raises(ReaderError, match=r"The table of players could not be .* \(no route"):
        fetch_roster(tmp_path / "players.csv", overwrite=True, load=fail)
    assert read_roster(tmp_path / "players.csv").height == 2
