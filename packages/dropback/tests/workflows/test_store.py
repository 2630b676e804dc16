"""A store is whole or says in one sentence that it is not."""

import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import dropback
from dropback.errors import ReaderError, RequestError
from dropback.workflows import _store as store
from dropback.workflows import open_score_store, read_scores
from examples.trained_run import TrainedRun


@pytest.fixture(scope="module")
def scores(trained: TrainedRun) -> pl.DataFrame:
    """Both seasons of the tiny league."""
    parts = [dropback.score(trained.run, each) for each in (trained.selection, trained.unseen)]
    return pl.concat(parts).sort("game_id", "play_id")


def write(folder: Path, scores: pl.DataFrame, **more: dict[str, str]) -> store.ScoreStore:
    """A store of `scores`, a part a season."""
    parts = {
        year: store.write_part(folder, f"s{year}", store.without_totals(part), ".parquet")
        for (year,), part in scores.partition_by("season", as_dict=True).items()
    }
    return store.commit(folder, store.Manifest("run", "digest", scores=parts, **more), None)


def test_scores_come_back_as_they_were_scored(scores: pl.DataFrame, tmp_path: Path) -> None:
    write(tmp_path / "store", scores)
    opened = open_score_store(tmp_path)
    assert opened.seasons == (2020, 2021)
    assert_frame_equal(opened.scores(), scores, check_column_order=False)
    assert_frame_equal(read_scores(str(tmp_path)), opened.scores())
    assert opened.scores(seasons="2021")["season"].unique().to_list() == [2021]
    assert opened.scores(games="postseason").is_empty()


def test_games_of_a_team_are_counted_over_all_weeks(scores: pl.DataFrame, tmp_path: Path) -> None:
    early = scores.filter(pl.col("week") == 1)
    write(tmp_path / "store", early)
    assert set(open_score_store(tmp_path).scores()["team_games"]) == {1}
    write(tmp_path / "store", scores)
    assert set(open_score_store(tmp_path).scores()["team_games"]) == {4}


def test_what_a_store_lacks_is_named(scores: pl.DataFrame, tmp_path: Path) -> None:
    opened = write(tmp_path / "store", scores)
    with pytest.raises(RequestError, match="no scores of season 2019; it holds seasons 2020, 2021"):
        opened.scores(seasons=2019)
    with pytest.raises(RequestError, match="no ranking of 2020; it holds those of nothing yet"):
        opened.board(2020)
    with pytest.raises(RequestError, match="games must be one of"):
        opened.scores(games="playoffs")  # type: ignore[arg-type]
    with pytest.raises(ReaderError, match="holds no store; make it with 'dropback update"):
        open_score_store(tmp_path / "elsewhere")


def test_a_store_of_a_newer_version_is_refused(scores: pl.DataFrame, tmp_path: Path) -> None:
    write(tmp_path / "store", scores)
    path = tmp_path / "store" / "manifest.json"
    content = json.loads(path.read_text()) | {"version": 99}
    path.write_text(json.dumps(content))
    with pytest.raises(ReaderError, match=r"a store of version 99, and dropback .* upgrade"):
        open_score_store(tmp_path)


def test_a_damaged_store_is_one_sentence(scores: pl.DataFrame, tmp_path: Path) -> None:
    opened = write(tmp_path / "store", scores)
    part = opened.folder / opened.manifest.scores[2020]
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    with pytest.raises(ReaderError, match="the file is damaged: restore it"):
        opened.scores()
    part.unlink()
    with pytest.raises(ReaderError, match="not readable"):
        opened.scores()
    manifest = tmp_path / "store" / "manifest.json"
    whole = manifest.read_text()
    for damaged in ("", "{}", "[]", whole[:-9], whole.replace("2020", "2019", 1)):
        manifest.write_text(damaged)
        with pytest.raises(ReaderError, match="the store is damaged"):
            open_score_store(tmp_path)


def test_what_no_manifest_names_goes_with_the_update_after_the_next(
    scores: pl.DataFrame, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    first = write(folder, scores)
    (folder / ".scores.half.parquet").write_bytes(b"left by a kill")
    part = store.write_part(folder, "s2020", scores.head(3), ".parquet")
    second = store.commit(folder, store.Manifest("run", "d", scores={2020: part}), first.manifest)
    assert_frame_equal(first.scores(), scores, check_column_order=False)  # opened before
    store.commit(folder, second.manifest, second.manifest)
    assert {path.name for path in folder.iterdir()} == {"manifest.json", part}
