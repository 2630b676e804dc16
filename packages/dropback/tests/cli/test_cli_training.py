"""`dropback train` from a set as it was downloaded to a trained, evaluated run."""

import gzip
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
import torch
import typer

from dropback.cli._training import app
from dropback.errors import ReaderError
from dropback.models import PLAY_NETWORK, PLAY_NETWORKS, THROW_MODEL, ModelSettings
from dropback.tracking import read_tracking
from dropback.tracking.readers._heads import cut_heads
from dropback.workflows import plan_training
from dropback.workflows._plan import _memory_gb
from examples.simulated_plays import write_throws
from examples.small_models import small_models
from examples.tracking_sets import MadePlay, made_set
from examples.trained_run import Command

FAST = ("--folds", 2, "--members", 1, "--epochs", 1, "--threads", 1)


@pytest.fixture(scope="module")
def league(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five games of a tracking league on disk."""
    return write_throws(tmp_path_factory.mktemp("league") / "league", 300, seed=2)


@pytest.fixture(scope="module")
def archive(league: Path) -> Path:
    """The same as Kaggle hands it out: one zip, its tables at the root, its weeks below."""
    path = league.parent / "nfl-big-data-bowl-2025.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for table in ("plays.csv", "players.csv", "games.csv"):
            if (league / table).is_file():
                packed.write(league / table, f"set/{table}")
        rows = pl.read_parquet(league / "tracking_week_1.parquet")
        packed.writestr("set/tracking/tracking_week_1.csv", rows.write_csv(null_value="NA"))
    return path


def test_one_command_trains_and_evaluates_from_the_zip(
    run: Command, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_models(monkeypatch)
    out = tmp_path / "run"
    code, shown, err = run("train", archive, "--out", out, *FAST)
    assert code == 0, err
    assert "climatology" in shown
    assert "seconds before the release" in shown
    report = json.loads((out / "report.json").read_text())
    assert list(report["metrics"]) == ["catch-point-set", "climatology"]
    assert {path.name for path in tmp_path.iterdir()} == {"run", "run-tensors"}


def test_dry_run_says_what_training_keeps_and_writes_nothing(
    run: Command, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_models(monkeypatch)
    monkeypatch.setattr("dropback.workflows._plan._TIMED_BATCHES", 1)
    code, shown, err = run("train", archive, "--out", tmp_path / "run", "--dry-run", *FAST)
    assert code == 0, err
    assert not list(tmp_path.iterdir())
    # 300 plays were simulated, all of them targeted attempts.
    for what in ("in the set", "kept to train on"):
        found = re.search(rf"{what}\s+(\d+)", shown)
        assert found, shown
        assert int(found[1]) == pytest.approx(300, rel=0.03)
    assert re.search(r"to fit 1 networks,\s+memory about\s+\d+\.\d GB", shown)


def test_a_dry_run_and_a_training_are_refused_in_the_same_words(
    run: Command, tmp_path: Path
) -> None:
    few = made_set("bdb_2025", MadePlay(play=1), MadePlay(play=2)).write(tmp_path / "few")
    none = made_set("bdb_2025").change("plays.csv", down=7).write(tmp_path / "none")
    for folder, said in (
        (few, "Training needs at least 10 games for 5 folds, got 1"),
        (none, f"{none}: no play is left: none of 1 plays is kept: value out of bounds (1)"),
    ):
        arguments = ("train", folder, "--out", tmp_path / "run")
        for option in ("--dry-run",), ():
            code, _, err = run(*arguments, *option)
            assert code == 2
            assert said in " ".join(err.split())
    _, _, err = run("train", few, "--out", tmp_path / "run", "--dry-run")
    kept = "Of 2 plays 2 would be kept to train on; left out: none."
    assert kept in " ".join(err.split())


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_dry_run_counts_the_seasons_that_are_asked_for(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    # Four games of 2021 among six of 2022, of which two were played in January.
    days = (2022091100, 2021091200, 2022091101, 2021091201, 2022091102)
    days += (2023010800, 2021091202, 2023010801, 2021091203, 2022091103)
    folder = made_set(
        "bdb_2025", *(MadePlay(game=game, play=play) for game in days for play in (1, 2))
    ).write(tmp_path / "set")
    size = next(folder.glob("tracking*")).stat().st_size
    if share < 1:
        monkeypatch.setattr("dropback.tracking.readers._heads._HEAD_BYTES", int(share * size))
    monkeypatch.setattr("dropback.workflows._plan._seconds_of_epoch", lambda *_: 1.0)
    asked = ("train", folder, "--out", tmp_path / "run", "--folds", 2)
    for seasons, plays, games in (("2021", 8, 4), ("2022-", 12, 6)):
        settings = replace(PLAY_NETWORK, folds=2)
        plan = plan_training(folder, seasons=seasons, settings=settings)
        assert plan.games == games
        if share == 1.0:
            assert (plan.plays, plan.kept) == (plays, plays)
    for option in ("--dry-run",), ():
        code, _, err = run(*asked, *option, "--seasons", "2016")
        assert code == 2
        said = "The tracking holds no play of season 2016; it holds seasons 2021, 2022."
        assert said in " ".join(err.split())


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that takes no file")
def test_a_dry_run_and_a_training_refuse_an_output_that_cannot_be_written(
    run: Command, archive: Path
) -> None:
    for option in ("--dry-run",), ():
        code, _, err = run("train", archive, "--out", "/proc/run", *option, *FAST)
        assert code == 2
        assert "/proc/run could not be written: No such file or directory." in " ".join(err.split())


def games_of_files(folder: Path, files: int, games: int) -> Path:
    """A set of so many files, each of so many games of four plays."""
    made = made_set(
        "bdb_2025",
        *(
            MadePlay(game=2022091100 + game, play=play)
            for game in range(files * games)
            for play in range(1, 5)
        ),
    ).write(folder)
    (source,) = made.glob("tracking*")
    rows = pl.read_csv(source, infer_schema=False)
    source.unlink()
    place = (pl.col("gameId").cast(pl.Int64) - 2022091100) // games
    for week in range(files):
        rows.filter(place == week).write_csv(made / f"tracking_week_{week}.csv")
    return made


@pytest.mark.parametrize(
    ("files", "games", "share"),
    [
        (1, 6, 0.55),
        (2, 3, 0.3),
        *(
            pytest.param(files, games, share, marks=pytest.mark.slow)
            for files, games in ((6, 1), (1, 6), (2, 3))
            for share in (0.3, 0.55, 0.8)
            if (files, share) not in {(1, 0.55), (2, 0.3)}
        ),
    ],
)
def test_a_dry_run_projects_games_and_not_more_than_there_are(
    run: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: int,
    games: int,
    share: float,
) -> None:
    folder = games_of_files(tmp_path / "set", files, games)
    size = (folder / "tracking_week_0.csv").stat().st_size
    monkeypatch.setattr("dropback.tracking.readers._heads._HEAD_BYTES", int(share * size))
    monkeypatch.setattr("dropback.workflows._plan._seconds_of_epoch", lambda *_: 1.0)
    out = tmp_path / "run"
    code, _, err = run("train", folder, "--out", out, "--dry-run", "--folds", 5)
    said = " ".join(err.split())
    assert code == 2
    # Six games, which training would count.
    assert "Training needs at least 10 games for 5 folds, got 6: " in said
    assert re.search(rf"projected from the first \d+ plays of {min(files, 4)} of {files} f", said)
    code, shown, _ = run("train", folder, "--out", out, "--dry-run", "--folds", 3)
    assert code == 0
    shown = " ".join(shown.split())
    assert "projected from" in shown
    assert re.search(r"games of those kept \W*6", shown)
    assert "Training needs at least 6 games for 3 folds, and 6 are projected" in shown
    # What is left out of the sample may not be of the rest.
    code, _, err = run("train", folder, "--out", out, "--dry-run", "--games", "postseason")
    assert code == 2
    assert f"This is told from the first plays of {min(files, 4)} of {files} files." in " ".join(
        err.split()
    )


@pytest.mark.parametrize(
    ("files", "megabytes", "frames", "measured"),
    [(8, 941, 305_000, 3.46), (2, 234, 76_000, 1.85)],
)
def test_memory_of_a_plan_is_not_below_what_was_measured(
    files: int, megabytes: float, frames: int, measured: float
) -> None:
    # Peaks of whole trainings on the set of benchmarks/tracking_train.py and on a quarter of it.
    assert measured <= _memory_gb(files, megabytes, frames) <= 1.2 * measured


def test_time_of_a_plan_is_that_of_the_quietest_epoch_on_one_thread(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock of its own: an epoch takes 2 s, and other work makes the first two slower."""
    ticks = iter([0.0, 9.0, 10.0, *(20.0, 36.0, 41.0, 43.0)])
    threads: list[int] = []

    class Fit:
        def __init__(self, plays: object, *parts: object) -> None:
            self.plays, self.on_epoch = plays, parts[-1]

        def network(self, fold: int) -> None:
            for epoch in range(4):
                self.on_epoch(fold, epoch, 0.0)

    monkeypatch.setattr("dropback.workflows._plan.Training", Fit)
    clock = SimpleNamespace(process_time=lambda: next(ticks))
    monkeypatch.setattr("dropback.workflows._plan.time", clock)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    # Of its five games a third of the bytes was read.
    plan = plan_training(archive, settings=replace(PLAY_NETWORK, folds=2))
    assert (plan.games, plan.whole) == (5, False)
    assert threads == [1, 2]
    # The second reading took 1 s, by two readers.
    assert plan.reading_seconds == pytest.approx(0.5 * plan.plays / plan.sampled_plays, rel=0.01)
    # Eight batches of 128 plays, half of the plays learned from, two networks.
    learned, fits = plan.kept / 2, 2 * PLAY_NETWORK.fit.max_epochs
    play = 2 / (8 * PLAY_NETWORK.fit.batch_size) / 2**0.32
    assert plan.training_seconds == pytest.approx(play * learned * fits)


def test_help_names_the_defaults() -> None:
    options = {option.name: option.help for option in typer.main.get_command(app).params}
    sets, flat = PLAY_NETWORKS["set"], PLAY_NETWORKS["tcn"]
    assert sets.sequence is not None
    assert flat.sequence is not None
    plain, trees = ModelSettings().fit, THROW_MODEL.fit
    for name, stated in {
        "epochs": f"default {trees.max_epochs} ({plain.max_epochs} without trees), with tracking "
        f"{sets.fit.max_epochs} (tcn: {flat.fit.max_epochs})",
        "learning_rate": f"default {plain.learning_rate}, with tracking {sets.fit.learning_rate} "
        f"(tcn: {flat.fit.learning_rate})",
        "prefix_share": f"default {sets.sequence.prefix_share} (tcn: {flat.sequence.prefix_share})",
    }.items():
        assert stated in options[name]


def test_dry_run_of_anything_but_files_says_what_it_plans_from(
    run: Command, tmp_path: Path, league: Path
) -> None:
    play_by_play = next(league.glob("play_by_play_*.parquet"))
    for data in (play_by_play, "s3://bucket/set"):
        code, _, err = run("train", data, "--out", tmp_path / "run", "--dry-run")
        assert code == 2
        assert "--dry-run plans from tracking files" in " ".join(err.split())


@pytest.mark.parametrize("packed", ["csv", "csv.gz", "parquet"])
def test_heads_hold_whole_plays_of_any_file(
    tmp_path: Path, packed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dropback.tracking.readers._heads._HEAD_BYTES", 200_000)
    monkeypatch.setattr("dropback.tracking.readers._heads._HEAD_ROWS", 2_000)
    made = made_set("bdb_2025", *(MadePlay(play=number) for number in range(1, 11)))
    source = made.write(tmp_path / "set")
    file = source / "tracking_week_1.csv"
    rows = pl.read_csv(file, null_values="NA", infer_schema_length=None)
    if packed == "csv.gz":
        (source / "tracking_week_1.csv.gz").write_bytes(gzip.compress(file.read_bytes()))
    if packed == "parquet":
        rows.write_parquet(source / "tracking_week_1.parquet")
    if packed != "csv":
        file.unlink()
    heads = cut_heads(source, tmp_path / "heads")
    head = next((tmp_path / "heads").glob("tracking_week_1*"))
    found = pl.read_parquet(head) if packed == "parquet" else pl.read_csv(head, null_values="NA")
    sizes = found.group_by("playId").len()["len"].unique().to_list()
    assert sizes == [rows.height / 10]
    assert 1 <= found["playId"].n_unique() < 10
    # A gzip reader reads ahead, which counts in a file as small as this.
    near = 0.7 if packed == "csv.gz" else 0.25
    assert heads.share == pytest.approx(found.height / rows.height, rel=near)
    assert (tmp_path / "heads" / "plays.csv").is_file()


def test_files_of_each_kind_are_cut_and_counted_by_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dropback.tracking.readers._heads._HEAD_ROWS", 2_000)
    made = made_set("bdb_2025", *(MadePlay(play=number) for number in range(1, 26)))
    source = made.write(tmp_path / "set")
    file = source / "tracking_week_1.csv"
    rows = pl.read_csv(file, null_values="NA", infer_schema_length=None)
    file.unlink()
    rows.filter(pl.col("playId") <= 20).write_parquet(source / "tracking_week_9.parquet")
    for number in range(21, 26):
        text = rows.filter(pl.col("playId") == number).write_csv(null_value="NA").encode()
        (source / f"tracking_week_{number - 20}.csv.gz").write_bytes(gzip.compress(text))
    heads = cut_heads(source, tmp_path / "heads")
    assert heads.sampled == 5  # four of five small files, and the one with four fifths of the rows
    packed = pl.read_parquet(tmp_path / "heads" / "tracking_week_9.parquet")
    assert 1 <= packed["playId"].n_unique() < 20
    assert heads.share == pytest.approx(
        (packed.height + 4 * rows.height / 25) / rows.height, rel=0.02
    )


@pytest.mark.parametrize("name", ["tracking_week_2.csv", "plays.csv"])
def test_a_damaged_member_of_a_zip_is_named(tmp_path: Path, name: str) -> None:
    folder = made_set("bdb_2025").write(tmp_path / "set")
    (folder / "tracking_week_2.csv").write_bytes((folder / "tracking_week_1.csv").read_bytes())
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in folder.iterdir():
            packed.write(file, file.name)
    content = (folder / name).read_bytes()
    before, at, after = archive.read_bytes().rpartition(content)
    archive.write_bytes(before + at[:-9] + b"?" + at[-8:] + after)
    said = rf"set\.zip is not a readable zip file at {name}: Bad CRC-32"
    if name == "plays.csv":
        with pytest.raises(ReaderError, match=said):
            cut_heads(archive, tmp_path / "heads")
    else:
        cut_heads(archive, tmp_path / "heads")
        _, report = read_tracking(tmp_path / "heads")
        ((_, why, detail),) = report.files_not_read().rows()
        assert why == "file not read"
        assert re.search(said, detail)


@pytest.mark.parametrize("name", ["tracking_week_2.parquet", "tracking_week_2.csv.gz"])
def test_a_broken_file_is_left_to_the_reader(tmp_path: Path, name: str) -> None:
    source = made_set("bdb_2025", MadePlay(play=1)).write(tmp_path / "set")
    whole = gzip.compress(bytes(range(256)) * 9) if name.endswith("gz") else b"PAR1" + bytes(999)
    (source / name).write_bytes(whole[:-9])
    assert cut_heads(source, tmp_path / "heads").files == 2
    assert (tmp_path / "heads" / name).read_bytes() == whole[:-9]
