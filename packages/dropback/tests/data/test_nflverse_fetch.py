"""Fetching seasons with a loader in the place of the network."""

import builtins
import os
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dropback.data import fetch
from dropback.errors import ReaderError


def loaded(season: int) -> pl.DataFrame:
    return pl.DataFrame({"season": [season], "play_id": [1.0]})


def test_seasons_are_written_under_nflverse_names(tmp_path: Path) -> None:
    files = fetch([2018, 2020], tmp_path / "pbp", load=loaded)
    assert [file.name for file in files] == [
        "play_by_play_2018.parquet",
        "play_by_play_2020.parquet",
    ]
    assert sorted((tmp_path / "pbp").iterdir()) == files
    assert_frame_equal(pl.read_parquet(files[1]), loaded(2020))


def present(folder: Path, season: int, written: str, plays: int = 1) -> Path:
    """A file of a season, of an age."""
    path = folder / f"play_by_play_{season}.parquet"
    pl.DataFrame({"season": [season] * plays, "play_id": [0.0] * plays}).write_parquet(path)
    when = datetime.fromisoformat(f"{written}T12:00+00:00").timestamp()
    os.utime(path, (when, when))
    return path


@pytest.mark.parametrize(
    ("written", "refresh", "state"),
    [
        ("2019-03-02", False, "kept"),
        ("2019-03-02", True, "refreshed"),
        ("2019-02-27", False, "refreshed"),  # the Super Bowl may be corrected
        ("2018-10-09", False, "refreshed"),
    ],
)
def test_only_a_file_from_after_its_season_is_kept(
    tmp_path: Path, written: str, state: str, *, refresh: bool
) -> None:
    path, seen = present(tmp_path, 2018, written), []
    fetch([2018, 2019], tmp_path, refresh=refresh, load=loaded, on_season=lambda *a: seen.append(a))
    assert seen == [(2018, path, state), (2019, tmp_path / "play_by_play_2019.parquet", "new")]
    assert pl.read_parquet(path)["play_id"].item() == (0.0 if state == "kept" else 1.0)


def test_a_download_with_fewer_plays_does_not_replace_the_file(tmp_path: Path) -> None:
    path = present(tmp_path, 2018, "2018-10-09", plays=2)
    with pytest.raises(ReaderError, match=r"now has 1 plays and the file 2, .* the file is kept"):
        fetch([2018], tmp_path, load=loaded)
    assert pl.read_parquet(path).height == 2


def test_a_season_that_lost_a_play_replaces_the_file(tmp_path: Path) -> None:
    path = present(tmp_path, 2018, "2018-10-09", plays=200)
    for plays in (199, 198):
        table = pl.DataFrame({"season": [2018] * plays, "play_id": [1.0] * plays})
        fetch([2018], tmp_path, refresh=True, load=lambda _, table=table: table)
        os.utime(path, (1.539e9, 1.539e9))
    assert pl.read_parquet(path).height == 198  # nflverse takes out single plays
    with pytest.raises(ReaderError, match="now has 196 plays and the file 198"):
        fetch([2018], tmp_path, load=lambda _: table.head(196))


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "play_by_play_2018.parquet"
    path.write_text("damaged")
    fetch([2018], tmp_path, refresh=True, load=loaded)
    assert_frame_equal(pl.read_parquet(path), loaded(2018))


def test_failing_download_is_one_sentence_and_keeps_what_came_before(tmp_path: Path) -> None:
    def load(season: int) -> pl.DataFrame:
        if season == 2019:
            raise ConnectionError("no route to host\nlong trace")
        return loaded(season)

    with pytest.raises(ReaderError, match=r"^Season 2019 .* \(no route to host\); check .*\.$"):
        fetch([2018, 2019, 2020], tmp_path, load=load)
    assert [path.name for path in tmp_path.iterdir()] == ["play_by_play_2018.parquet"]


def test_failure_without_words_is_named_by_its_type(tmp_path: Path) -> None:
    def load(_: int) -> pl.DataFrame:
        raise TimeoutError

    with pytest.raises(ReaderError, match=r"\(TimeoutError\)"):
        fetch([2018], tmp_path, load=load)


def test_missing_extra_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args, **kwargs):
        if name == "nflreadpy":
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ReaderError, match=r"install it with `pip install 'dropback\[fetch\]'`\.$"):
        fetch([2018], tmp_path)
