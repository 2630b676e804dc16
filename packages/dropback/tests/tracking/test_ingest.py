import json
import os
import re
import shutil
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from dropback._files import working_folder
from dropback.cli import app
from dropback.errors import RequestError, TaskError, TrackingError
from dropback.execution._executors import SerialExecutor
from dropback.storage import local_copy, open_store, write_output
from dropback.tracking import PlayTensors, build_tensors, ingest
from dropback.tracking._plot import plot_play
from dropback.tracking._schema import Frames
from dropback.tracking._storage import chunk_files, read_chunk, read_plays_table
from dropback.tracking.ingest import _looking as looking
from dropback.tracking.ingest import _parts as parts
from dropback.tracking.ingest import _pipeline as pipeline
from dropback.tracking.ingest._looking import find_play
from examples import deadly
from examples.cluster import free_port
from examples.tracking_sets import MadePlay, made_set

NAME = "tracking_week_1.csv"


@pytest.fixture
def weeks(tmp_path):
    """Two weeks: plays 1 and 2 in the first, 3 and one without a snap in the second."""
    plays = [MadePlay(play=1), MadePlay(play=2, right=False), MadePlay(play=3, release=30),
             MadePlay(play=4, events={26: "pass_forward"})]  # fmt: skip
    source = made_set("bdb_2025", *plays)
    table = source.tracking[NAME]
    source.tracking = {
        "tracking_week_1.csv": table.filter(pl.col("playId") <= 2),
        "tracking_week_2.csv": table.filter(pl.col("playId") > 2),
    }
    return source.write(tmp_path / "source")


def test_ingest_writes_valid_tables_by_season_and_counts_what_it_left_out(weeks, tmp_path):
    report = ingest(weeks, tmp_path / "plays")
    assert report.counts().rows() == [("bdb_2025", 2, 4, 3, 1)]
    assert (report.plays_read, report.plays_kept) == (4, 3)
    plays = read_plays_table(tmp_path / "plays")
    assert sorted(plays["play_id"]) == [1, 2, 3]
    frames = pl.read_parquet(tmp_path / "plays/frames/season=2022/*.parquet")
    Frames.validate(frames.select(Frames.column_names()))
    assert frames.height == 23 * (21 + 21 + 25)
    table = pl.read_csv(tmp_path / "plays/left_out.csv")
    assert table.select("play_id", "reason").rows() == [(4, "no snap")]
    summary = json.loads((tmp_path / "plays/ingest.json").read_text())
    assert summary["left_out_by_reason"] == {"no snap": 1}


def test_ingest_prints_what_failed_and_check_prints_all(weeks, tmp_path):
    late = made_set("bdb_2025", MadePlay(play=9, events={16: "ball_snap", 26: "pass_forward"}))
    late.tracking = {"tracking_week_3.csv": late.tracking[NAME].with_columns(
        x=pl.when(pl.col("nflId").is_null()).then(43.0).otherwise("x"))}  # fmt: skip
    late.tables = {}
    late.write(weeks)
    plays = pl.read_csv(weeks / "plays.csv", infer_schema=False)
    pl.concat([plays, plays[:1].with_columns(playId=pl.lit("9"))]).write_csv(weeks / "plays.csv")
    run = CliRunner().invoke(app, ["ingest", str(weeks), "--out", str(tmp_path / "plays")])
    assert run.exit_code == 0, run.output
    text = " ".join(run.output.split())
    assert "still before the snap" in text
    assert "no snap" in text
    assert "players move before the snap: 1 play" in text
    assert "speed against displacement" not in text  # it is right
    page = (tmp_path / "plays/ingest.html").read_text()
    assert "players move before the snap" in page
    assert "<td>no snap</td>" in page
    assert not re.search(r"(?:src|href)=", page)
    summary = json.loads((tmp_path / "plays/ingest.json").read_text())
    assert summary["flagged"][0]["play_id"] == 9
    arguments = ["check", str(weeks), "--html", str(tmp_path / "check.html")]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.output
    assert "players move before the snap: 1 play" in " ".join(run.output.split())
    assert "against displacement" in " ".join(run.output.split())
    assert "players move before the snap" in (tmp_path / "check.html").read_text()


def test_a_page_escapes_what_files_say(tmp_path):
    source = made_set("bdb_2025").write(tmp_path / "<b>source")
    report = ingest(source, tmp_path / "plays")
    assert report.plays_kept == 1
    page = (tmp_path / "plays/ingest.html").read_text()
    assert "&lt;b&gt;source" in page
    assert "<b>source" not in page


def test_the_definitions_of_splits_lie_beside_their_values(weeks, tmp_path):
    ingest(weeks, tmp_path / "plays")
    tensors, _ = build_tensors(tmp_path / "plays", tmp_path / "tensors")
    recorded = json.loads((tmp_path / "plays/ingest.json").read_text())["splits"]
    assert recorded == tensors.schema["splits"]
    assert recorded["time_to_throw_s"]["source"] == "NFL Next Gen Stats glossary"
    assert set(recorded) <= set(tensors.plays.columns)


def test_a_second_run_reads_nothing_again(weeks, tmp_path, monkeypatch):
    first = ingest(weeks, tmp_path / "plays")
    monkeypatch.setattr(parts, "read_file", lambda *_, **__: pytest.fail("read again"))
    second = ingest(weeks, tmp_path / "plays")
    assert second.resumed_files == 2
    assert second.left_out.equals(first.left_out)
    assert second.plays_kept == first.plays_kept


def test_an_interrupted_run_goes_on_with_the_files_left(weeks, tmp_path, monkeypatch):
    real = parts.read_file

    def interrupted(source, *rest, **more):
        if source.path.name == "tracking_week_2.csv":
            raise KeyboardInterrupt
        return real(source, *rest, **more)

    monkeypatch.setattr(parts, "read_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ingest(weeks, tmp_path / "plays", executor="serial")
    monkeypatch.setattr(parts, "read_file", real)
    report = ingest(weeks, tmp_path / "plays")
    assert report.resumed_files == 1
    assert sorted(read_plays_table(tmp_path / "plays")["play_id"]) == [1, 2, 3]


def test_a_changed_file_is_read_again(weeks, tmp_path):
    ingest(weeks, tmp_path / "plays")
    path = weeks / "tracking_week_2.csv"
    table = pl.read_csv(path, infer_schema=False)
    table.filter(pl.col("playId") != "3").write_csv(path)
    report = ingest(weeks, tmp_path / "plays")
    assert report.resumed_files == 1
    assert sorted(read_plays_table(tmp_path / "plays")["play_id"]) == [1, 2]


def test_a_week_file_twice_counts_once_and_the_second_is_named(weeks, tmp_path):
    shutil.copy(weeks / "tracking_week_1.csv", weeks / "tracking_week_1_copy.csv")
    for _ in range(2):  # the second run resumes and must say the same
        report = ingest(weeks, tmp_path / "plays")
        assert report.plays_kept == 3
        twice = report.left_out.filter(pl.col("reason") == "play in an earlier file")
        assert sorted(twice["play_id"]) == [1, 2]
        assert set(twice["detail"]) == {"also in source/tracking_week_1.csv"}
        assert read_plays_table(tmp_path / "plays").height == 3


def test_tensors_from_source_and_from_canonical_tables_are_the_same(weeks, tmp_path):
    ingest(weeks, tmp_path / "plays")
    direct, _ = build_tensors(weeks, tmp_path / "direct")
    via_tables, _ = build_tensors(tmp_path / "plays", tmp_path / "via")
    np.testing.assert_array_equal(direct.players, via_tables.players)
    np.testing.assert_array_equal(direct.engineered, via_tables.engineered)
    assert direct.plays.equals(via_tables.plays)
    assert direct.schema["data_sha256"] == via_tables.schema["data_sha256"]


def test_parts_are_joined_in_the_order_of_their_files(weeks, tmp_path, monkeypatch):
    run = pipeline.run_tasks
    monkeypatch.setattr(pipeline, "run_tasks", lambda *args, **more: [*run(*args, **more)][::-1])
    tensors, _ = build_tensors(weeks, tmp_path / "tensors", executor="serial")
    assert tensors.plays["play_id"].to_list() == [1, 2, 3]  # the second file ended first
    assert np.diff(tensors.offsets).tolist() == [21, 21, 25]


def test_tensors_hold_one_play_a_file_twice_once(weeks, tmp_path):
    shutil.copy(weeks / "tracking_week_1.csv", weeks / "tracking_week_0.csv")
    tensors, report = build_tensors(weeks, tmp_path / "tensors")
    assert len(tensors) == 3
    assert report.left_out["reason"].to_list().count("play in an earlier file") == 2
    assert tensors.offsets.tolist() == [0, 21, 42, 67]
    assert tensors.players.shape == (67, 22, 8)
    # Play 2 comes second: its passer, turned, stands 5 yards behind the line.
    assert tensors.frames_of(1)[0, 0, 0] == pytest.approx(-5, abs=0.02)


def test_tensors_are_mapped_and_not_writable(weeks, tmp_path):
    tensors, _ = build_tensors(weeks, tmp_path / "tensors")
    assert isinstance(tensors.players, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        tensors.players[0] = 0
    assert not list(tmp_path.glob(".tensors.*"))


def test_tensors_of_another_schema_are_refused(weeks, tmp_path):
    build_tensors(weeks, tmp_path / "tensors")
    path = tmp_path / "tensors/schema.json"
    schema = json.loads(path.read_text())
    path.write_text(json.dumps({**schema, "schema_hash": "0" * 64}))
    with pytest.raises(TrackingError, match="columns of schema 000000000000, this version reads"):
        PlayTensors.open(tmp_path / "tensors")


def test_cut_tensors_are_refused_with_both_sizes(weeks, tmp_path):
    build_tensors(weeks, tmp_path / "tensors")
    path = tmp_path / "tensors/players.f32"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(TrackingError, match=r"must have 47168 bytes .* has 47164"):
        PlayTensors.open(tmp_path / "tensors")


def test_tensors_never_overwrite_a_folder_of_something_else(weeks, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    with pytest.raises(TrackingError, match="exists and is no folder of play tensors"):
        build_tensors(weeks, tmp_path / "mine")
    assert (tmp_path / "mine/thesis.txt").is_file()


def test_frames_that_do_not_fit_their_plays_are_refused(weeks, tmp_path):
    ingest(weeks, tmp_path / "plays")
    chunk = chunk_files(tmp_path / "plays")[0]
    frames = tmp_path / "plays/frames/season=2022" / chunk.name
    pl.read_parquet(frames).head(-1).write_parquet(frames)
    with pytest.raises(TrackingError, match="ingest that file again"):
        read_chunk(chunk)


def test_a_folder_without_canonical_plays_says_how_to_make_them(tmp_path):
    (tmp_path / "plays").mkdir()
    with pytest.raises(TrackingError, match="write them with `dropback ingest`"):
        build_tensors(tmp_path, tmp_path / "out")


def test_a_play_is_found_in_source_and_tables_alike(weeks, tmp_path):
    ingest(weeks, tmp_path / "plays")
    for path in (weeks, tmp_path / "plays"):
        block, number, note = find_play(path, 2022091100, 3)
        assert block.plays["play_id"][number] == 3
        assert note == ""


def test_a_play_is_looked_for_only_in_the_file_that_has_it(weeks, monkeypatch):
    real, read = looking.read_file, []

    def noted(source, *rest, **more):
        read.append(source.path.name)
        return real(source, *rest, **more)

    monkeypatch.setattr(looking, "read_file", noted)
    find_play(weeks, 2022091100, 3)
    assert read == ["tracking_week_2.csv"]


@pytest.mark.slow
def test_a_play_is_found_by_the_leagues_keys_where_the_set_has_its_own(data_dir):
    # The set calls it game 1, play 10.
    block, number, _ = find_play(data_dir / "tracking/hackathon_2015", 2015112907, 55)
    assert block.plays["play_id"][number] == 55


def test_time_that_jumps_is_reported_by_every_reading(weeks, tmp_path):
    path = weeks / "tracking_week_1.csv"
    table = pl.read_csv(path, infer_schema=False)
    late = (pl.col("playId") == "2") & (pl.col("frameId").cast(pl.Int64) >= 20)
    stamp = pl.when(late).then(pl.col("time").str.replace("T13", "T14")).otherwise("time")
    table.with_columns(time=stamp).write_csv(path)
    report = ingest(weeks, tmp_path / "plays")
    decisions = {
        file.source_file.rsplit("/")[-1]: check.decision
        for file in report.files
        for check in file.checks
        if check.name == "time jumps"
    }
    assert decisions == {"tracking_week_1.csv": "wrong, not corrected", "tracking_week_2.csv": "ok"}


def test_a_play_set_aside_is_not_found_and_says_why(weeks):
    with pytest.raises(TrackingError, match=r"no game 2022091100, play 4 .* set aside: no snap"):
        find_play(weeks, 2022091100, 4)


def test_the_commands_print_what_they_did(weeks, tmp_path):
    runner = CliRunner()
    plays, tensors = str(tmp_path / "plays"), str(tmp_path / "tensors")
    result = runner.invoke(app, ["ingest", str(weeks), "--out", plays])
    assert result.exit_code == 0
    assert "no snap" in result.output
    result = runner.invoke(app, ["features", plays, "--out", tensors])
    assert "3 plays, 67 frames" in result.output
    result = runner.invoke(app, ["check", str(weeks), "--out", str(tmp_path / "check.json")])
    assert "speed against displacement" in result.output
    checks = json.loads((tmp_path / "check.json").read_text())["files"][0]["checks"]
    assert {check["name"] for check in checks} >= {"direction", "time jumps", "event order"}
    picture = tmp_path / "play.png"
    arguments = ["plot", plays, "--game", "2022091100", "--play", "3", "--out", str(picture)]
    assert "drawn in" in runner.invoke(app, arguments).output
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_mp4_without_ffmpeg_says_what_to_install_and_another_ending_is_refused(
    weeks, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    block, number, _ = find_play(weeks, 2022091100, 1)
    with pytest.raises(TrackingError, match=r"mp4 needs an ffmpeg on the PATH.*or write a \.html"):
        plot_play(block, number, tmp_path / "play.mp4")
    with pytest.raises(
        TrackingError, match=r"must end in \.png, \.gif, \.mp4, \.html, got 'play\.bmp'"
    ):
        plot_play(block, number, tmp_path / "play.bmp")


@pytest.mark.parametrize("from_source", [True, False])
def test_a_play_that_was_set_aside_is_not_drawn_and_why(from_source, weeks, tmp_path):
    ingest(weeks, tmp_path / "plays")
    path = weeks if from_source else tmp_path / "plays"
    with pytest.raises(TrackingError, match=r"play 4 among.* set aside: no snap: no ball_snap"):
        find_play(path, 2022091100, 4)
    with pytest.raises(TrackingError, match=r"play 5 among its plays\.$"):
        find_play(path, 2022091100, 5)


def test_the_ball_is_drawn_over_the_players_and_can_be_seen(weeks, tmp_path):
    """At the release the ball lies on the passer: still at least 40 pixels of it are on top."""
    from matplotlib.image import imread  # noqa: PLC0415 - needed here only

    block, index, _ = find_play(weeks, 2022091100, 1)
    plot_play(block, index, tmp_path / "play.png")
    pixels = (imread(tmp_path / "play.png")[..., :3] * 255).round().astype(int)
    brown = (abs(pixels - np.array([139, 69, 19])) < 12).all(axis=-1)
    # The legend's own ball lies below the field.
    assert brown[: int(0.9 * len(pixels))].sum() >= 40


def test_an_engine_that_is_not_there_leaves_nothing(weeks, tmp_path):
    out = tmp_path / "plays"
    with pytest.raises(RequestError, match="nothing answers there"):
        ingest(weeks, out, executor=f"dask://127.0.0.1:{free_port()}")
    assert not out.exists()
    assert not list(tmp_path.glob(".plays*"))


def put_set(weeks, address):
    """Upload a set as a store would have it."""
    for path in sorted(weeks.rglob("*.csv")):
        write_output(f"{address}/{path.relative_to(weeks)}", partial(shutil.copy, path))


@pytest.mark.slow
def test_a_store_and_dask_give_the_tables_of_one_process(weeks, tmp_path, dask, bucket):
    """Every byte of the tables and of the tensors, from and to a real store."""
    raw, plays = f"{bucket}/raw", f"{bucket}/plays"
    put_set(weeks, raw)
    report = ingest(raw, plays, executor=dask.address)
    ingest(raw, tmp_path / "plays", executor="serial")
    assert report.counts().rows() == [("bdb_2025", 2, 4, 3, 1)]
    copy = Path(local_copy(plays))
    tables = sorted(file.relative_to(copy) for file in copy.rglob("*.parquet"))
    assert len(tables) == 2 * 4
    for name in (*tables, Path("left_out.csv"), Path("ingest.json"), Path("ingest.html")):
        assert (copy / name).read_bytes() == (tmp_path / "plays" / name).read_bytes(), name
    # A second driver finds every file read; then tensors, each chunk by a task.
    assert ingest(raw, plays, executor=dask.address).resumed_files == 2
    remote, _ = build_tensors(plays, f"{bucket}/tensors", executor=dask.address)
    local, _ = build_tensors(tmp_path / "plays", tmp_path / "tensors", executor="serial")
    assert remote.schema["data_sha256"] == local.schema["data_sha256"]
    assert remote.plays.equals(local.plays)


@pytest.mark.slow
def test_a_glob_of_a_store_is_its_files_with_the_tables_beside_them(weeks, bucket):
    put_set(weeks, f"{bucket}/raw")
    whole = ingest(f"{bucket}/raw", f"{bucket}/plays", executor="serial")
    for pattern in ("tracking_week_*.csv", "tracking_week_?.csv"):
        some = ingest(f"{bucket}/raw/{pattern}", f"{bucket}/some", executor="serial")
        assert some.counts().rows() == whole.counts().rows()
        store = open_store(bucket)
        assert store.read("some/manifest.json") == store.read("plays/manifest.json")


@pytest.mark.parametrize("content", ["{}", "[]", "no json", '{"files": {"other.txt": {}}}'])
def test_what_another_program_wrote_to_a_store_stays(weeks, bucket, content):
    write_output(f"{bucket}/manifest.json", lambda path: path.write_text(content))
    for work in (ingest, build_tensors):
        with pytest.raises(RequestError, match=rf"^{bucket} has a manifest.json that this command"):
            work(weeks, bucket, executor="serial")
    assert open_store(bucket).read("manifest.json") == content.encode()


def test_tensors_are_refused_a_folder_of_something_else_before_anything_is_read(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(TrackingError, match="mine exists and is no folder of play tensors"):
        build_tensors(tmp_path / "nothing", tmp_path / "mine")


@pytest.mark.slow
def test_a_play_in_two_files_of_a_store_counts_once(weeks, tmp_path, bucket):
    shutil.copy(weeks / "tracking_week_1.csv", weeks / "tracking_week_3.csv")
    put_set(weeks, f"{bucket}/raw")
    report = ingest(f"{bucket}/raw", f"{bucket}/plays", executor="serial")
    assert (report.plays_read, report.plays_kept) == (6, 3)
    assert sorted(read_plays_table(Path(local_copy(f"{bucket}/plays")))["play_id"]) == [1, 2, 3]
    assert ingest(weeks, tmp_path / "plays", executor="serial").plays_kept == 3
    # Parts whose plays were dropped are not read again.
    again = ingest(weeks, tmp_path / "plays")
    assert (again.resumed_files, again.plays_kept) == (3, 3)


class Losing:
    """Runs tasks here, but loses those of one file, as where its process dies each time."""

    def submit(self, function, order):
        if "week_2" not in order.arguments[0].relative:
            return SerialExecutor().submit(function, order)
        future = Future()
        future.set_exception(BrokenProcessPool("killed"))
        return future


def test_a_file_whose_task_always_dies_is_named_and_the_rest_is_read(weeks, tmp_path):
    with pytest.raises(TaskError, match=r"1 of the tasks .*: tracking_week_2\.csv\. The first"):
        ingest(weeks, tmp_path / "plays", executor=Losing())
    assert not (tmp_path / "plays" / "ingest.json").exists()
    assert ingest(weeks, tmp_path / "plays").resumed_files == 1


@pytest.mark.slow
def test_the_command_names_a_file_that_kills_its_readers_and_ends_with_1(
    run, weeks, tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", str(Path(deadly.__path__[0])), prepend=os.pathsep)
    (tmp_path / "deadly.txt").write_text("tracking_week_2.csv")
    monkeypatch.setenv("DEADLY", str(tmp_path / "deadly.txt"))
    words = ("ingest", weeks, "--out", tmp_path / "plays", "--executor")
    code, _, said = run(*words, "processes:1")
    assert (code, "are done: tracking_week_2.csv. The first" in " ".join(said.split())) == (1, True)
    assert not (tmp_path / "plays" / "ingest.json").exists()
    # Only the one that is missing is read.
    assert ingest(weeks, tmp_path / "plays", executor="serial").resumed_files == 1


def test_two_processes_do_not_write_one_folder(weeks, tmp_path):
    with (
        working_folder(tmp_path / "plays", "nothing"),
        pytest.raises(RequestError, match="is being written by another process"),
    ):
        ingest(weeks, tmp_path / "plays")
