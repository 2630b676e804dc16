"""Fetching seasons with a loader in the place of the network."""

import builtins
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


def test_present_season_is_kept_and_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "play_by_play_2018.parquet").write_text("present")
    asked: list[int] = []

    def load(season: int) -> pl.DataFrame:
        asked.append(season)
        return loaded(season)

    files = fetch([2018, 2019], tmp_path, load=load)
    assert asked == [2019]
    assert files[0].read_text() == "present"


def test_progress_is_seen_after_each_season(tmp_path: Path) -> None:
    seen: list[tuple[int, bool]] = []
    fetch(
        [2018, 2019],
        tmp_path,
        load=loaded,
        on_season=lambda season, path: seen.append((season, path.is_file())),
    )
    assert seen == [(2018, True), (2019, True)]


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
    with pytest.raises(ReaderError, match=r"install it with 'pip install dropback\[fetch\]'\.$"):
        fetch([2018], tmp_path)
