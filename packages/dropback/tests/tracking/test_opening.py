"""Whatever a user names: tensors, canonical tables, tracking files or play-by-play."""

import gc
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dropback.data._play_by_play import PLAY_BY_PLAY_COLUMNS
from dropback.errors import TrackingError
from dropback.tracking import build_tensors, ingest, is_tracking, open_tracking
from examples.tracking_sets import MadePlay, made_set

NAME = "tracking_week_1.csv"


@pytest.fixture
def source(tmp_path):
    """Play 1, and play 2 without a release."""
    plays = [MadePlay(play=1), MadePlay(play=2, events={6: "ball_snap"})]
    return made_set("bdb_2025", *plays).write(tmp_path / "source")


@pytest.fixture
def recorded(tmp_path):
    """A folder of one season of play-by-play, without rows."""
    folder = tmp_path / "pbp"
    folder.mkdir()
    columns = {column.name: column.dtype for column in PLAY_BY_PLAY_COLUMNS}
    pl.DataFrame(schema=columns).write_parquet(folder / "play_by_play_2022.parquet")
    return folder


def test_every_form_of_tracking_opens_as_the_same_tensors(source, tmp_path):
    ingest(source, tmp_path / "plays")
    built, _ = build_tensors(source, tmp_path / "tensors")
    named = (tmp_path / "tensors", tmp_path / "plays", source, source / NAME, source / "track*.csv")
    for path in named:
        assert is_tracking(path)
        opened = open_tracking(str(path))
        assert opened.plays.equals(built.plays)
        np.testing.assert_array_equal(opened.players, built.players)


def test_skipped_plays_are_reported(source):
    reports = []
    open_tracking(source, on_report=reports.append)
    assert [report.left_out["reason"].to_list() for report in reports] == [["no release"]]


def test_tensors_go_to_the_given_folder_and_stay(source, tmp_path):
    open_tracking(source, work=tmp_path / "kept")
    assert len(open_tracking(tmp_path / "kept")) == 1


def test_kept_tensors_are_opened_again_while_their_files_are_the_same(source, tmp_path):
    kept = tmp_path / "kept"
    reports = []
    for _ in range(2):
        open_tracking(source, work=kept, on_report=reports.append)
    assert len(reports) == 1  # the second time no file was read
    made = pl.read_csv(source / NAME, null_values="NA").filter(pl.col("playId") == 1)
    more = pl.concat([made, made.with_columns(playId=pl.lit(3, pl.Int64))])
    more.write_csv(source / NAME, null_value="NA")
    plays = pl.read_csv(source / "plays.csv")
    third = plays.head(1).with_columns(playId=pl.lit(3, pl.Int64))
    pl.concat([plays, third]).write_csv(source / "plays.csv")
    assert len(open_tracking(source, work=kept, on_report=reports.append)) == 2
    assert len(reports) == 2


def test_temporary_tensors_go_with_the_last_use(source, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened = open_tracking(source)
    assert list(tmp_path.glob("dropback-*"))
    del opened
    gc.collect()
    assert not list(tmp_path.glob("dropback-*"))


def test_nothing_temporary_stays_where_no_play_is_left(tmp_path, monkeypatch):
    play = MadePlay(events={6: "ball_snap"})
    source = made_set("bdb_2025", play).write(tmp_path / "source")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(TrackingError, match="no play is left"):
        open_tracking(source)
    assert not list(tmp_path.glob("dropback-*"))


@pytest.mark.parametrize("what", ["", "play_by_play_2022.parquet", "play_by_play_*.parquet"])
def test_play_by_play_is_no_tracking(what, recorded):
    assert not is_tracking(recorded / what)
    with pytest.raises(TrackingError, match="it is play-by-play"):
        open_tracking(recorded / what)


def test_what_holds_both_is_tracking_and_a_folder_above_both_too(source, recorded):
    assert is_tracking(recorded.parent)
    (source / "play_by_play_2022.parquet").symlink_to(recorded / "play_by_play_2022.parquet")
    assert is_tracking(source)
    assert is_tracking(source / "*")


def test_play_by_play_with_tracking_in_a_folder_below_is_play_by_play(source, recorded):
    source.rename(recorded / "beside")
    assert not is_tracking(recorded)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "does not exist; it must be tracking or play-by-play"),
        ("*.docx", "does not exist"),
        ("notes.csv", "is neither tracking"),
        (".", "is neither tracking .* nor play-by-play"),
    ],
)
def test_what_is_neither_is_named(name, words, tmp_path):
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TrackingError, match=words):
        is_tracking(tmp_path / name)


def test_a_column_maps_files_are_tracking_where_it_is_given(tmp_path):
    (tmp_path / "mine.csv").write_text("g,p,id,f,t,xx,yy\n")
    (tmp_path / "map.toml").write_text(
        'possession = "code"\n[rows]\nsource_game_id = "g"\nsource_play_id = "p"\n'
        'player_id = "id"\nframe = "f"\nteam = "t"\nx_yd = "xx"\ny_yd = "yy"\n'
        '[plays]\nfile = "plays.csv"\nsource_game_id = "g"\nsource_play_id = "p"\n'
        'game_id = "g"\nplay_id = "p"\noffense = "t"\n'
    )
    assert is_tracking(tmp_path / "mine.csv", layout=str(tmp_path / "map.toml"))
    with pytest.raises(TrackingError, match="is neither tracking"):
        is_tracking(Path(tmp_path / "mine.csv"))
