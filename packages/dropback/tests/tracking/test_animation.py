"""A play as a page that moves: what it holds, and that it fetches nothing."""

import json
import re
import shutil
import subprocess

import matplotlib as mpl
import polars as pl
import pytest
from PIL import Image

from dropback.data._team_colors import TEAM_COLORS, contrast
from dropback.errors import RequestError, TrackingError
from dropback.tracking import Around, read_tracking
from dropback.tracking._animation import GRASS, ink_on, side_colors
from dropback.tracking._plot import plot_play
from examples.tracking_sets import MadePlay, made_set


@pytest.fixture
def block(tmp_path):
    source = made_set("bdb_2025").change(
        "plays.csv", playDescription=pl.lit("A.Player0 pass to </script><b>A.Player6")
    )
    return read_tracking(source.write(tmp_path / "set"), around=Around(3, None))[0][0]


@pytest.fixture
def short(tmp_path):
    """A play that is thrown three tenths of a second after the snap: a film draws each."""
    play = MadePlay(release=9, arrival=13, frames=14)
    return read_tracking(made_set("bdb_2025", play).write(tmp_path / "short"))[0][0]


def test_page_holds_every_frame_with_numbers_and_events(block, tmp_path):
    plot_play(block, 0, tmp_path / "play.html", note="a made play")
    page = (tmp_path / "play.html").read_text()
    assert "a made play" in page
    assert not re.search(r"https?://|src=|href=|@import|url\(", page)
    assert page.count("</script>") == 1
    assert "&lt;/script&gt;" in page
    data = json.loads(re.search(r"const play = (\{.*\});", page)[1])
    assert (data["first"], len(data["frames"])) == (-3, 38)
    assert data["players"][0]["label"] == "1"
    assert {p["side"] for p in data["players"]} == {"offense", "defense", "ball"}
    assert sum(p["rim"] for p in data["players"]) == 2
    assert data["events"][3] == "ball_snap"
    assert data["events"][33] == "pass_arrived"
    rows = block.to_polars().filter(frame=10, slot=8)
    assert data["frames"][13][8] == pytest.approx(rows.select("x_yd", "y_yd").row(0), abs=0.006)


def test_jersey_numbers_are_kept_and_may_be_absent(tmp_path):
    source = made_set("bdb_2023")
    (block,), _ = read_tracking(source.write(tmp_path / "with"))
    named = block.players.filter(pl.col("side") != "ball")
    assert named["jersey_number"].to_list() == (named["player_id"] - 29999).to_list()
    source.tracking["week1.csv"] = source.tracking["week1.csv"].drop("jerseyNumber")
    (block,), _ = read_tracking(source.write(tmp_path / "without"))
    assert block.players["jersey_number"].null_count() == 23


def test_two_teams_are_told_apart_on_the_field():
    for offense in TEAM_COLORS:
        for defense in TEAM_COLORS:
            colors = side_colors(offense, defense)
            assert colors["offense"] != colors["defense"]
            assert contrast(colors["offense"], GRASS) >= 3
            for side in ("offense", "defense"):
                assert contrast(ink_on(colors[side]), colors[side]) >= 4.5
    assert side_colors(None, None)["offense"] != side_colors(None, None)["defense"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_film_has_a_frame_for_each_tenth_of_a_second(short, tmp_path):
    film = tmp_path / "play.mp4"
    plot_play(short, 0, film)
    probe = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames"]
    shown = subprocess.run(  # noqa: S603  # our own film
        [*probe, "-of", "csv=p=0", film], capture_output=True, check=True
    )
    assert int(shown.stdout) == 4 + 10  # the last is held for a second


def test_a_film_that_needs_no_program_lasts_as_long(short, tmp_path):
    plot_play(short, 0, tmp_path / "play.gif")
    with Image.open(tmp_path / "play.gif") as film:
        durations = []
        for index in range(film.n_frames):
            film.seek(index)
            durations.append(film.info["duration"])
    # Equal frames may be stored as one that lasts longer.
    assert sum(durations) == (4 + 10) * 100


@pytest.mark.parametrize("name", ["play.png", "play.gif", "play.html"])
def test_a_place_that_takes_no_film_is_told_in_a_sentence(short, tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match=rf"file/{name} could not be written"):
        plot_play(short, 0, tmp_path / "file" / name)


def test_a_film_that_ffmpeg_does_not_end_is_not_left(short, tmp_path):
    program = tmp_path / "ffmpeg"
    lines = ("#!/bin/sh", "for last; do :; done", "head -c 9 >$last", "cat >/dev/null", "exit 3")
    program.write_text("\n".join(lines))
    program.chmod(0o755)
    (tmp_path / "films").mkdir()
    with (
        mpl.rc_context({"animation.ffmpeg_path": str(program)}),
        pytest.raises(TrackingError, match=r"play\.mp4 could not be written: ffmpeg ended with 3"),
    ):
        plot_play(short, 0, tmp_path / "films" / "play.mp4")
    assert not list((tmp_path / "films").iterdir())
