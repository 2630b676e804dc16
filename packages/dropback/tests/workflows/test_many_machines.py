"""Training, prediction and evaluation as tasks: the bytes of one process, in any store."""

from dataclasses import replace
from pathlib import Path

import pytest

import dropback
from dropback.errors import RequestError
from dropback.models import THROW_MODEL
from dropback.simulation import League
from dropback.storage import WorkArea, local_copy, work_area
from examples.cluster import DaskCluster, free_port
from examples.trained_run import Command, TrainedRun


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".origin"
    }


@pytest.fixture(params=["serial", pytest.param("dask", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> str:
    """Where tasks are done: by this process, one after the other, or by two workers of Dask."""
    serial = request.param == "serial"
    return "serial" if serial else request.getfixturevalue("dask").address


def test_a_run_fitted_by_tasks_is_the_run_of_one_process(
    trained: TrainedRun, engine: str, bucket: str
) -> None:
    settings = trained.run.record.settings
    steps: list[str] = []
    made = dropback.train(
        trained.selection, f"{bucket}/run", settings=settings, executor=engine,
        on_step=steps.append,
    )  # fmt: skip
    assert sorted(steps) == ["network 1", "network 2"]
    assert files_of(made.folder) == files_of(trained.run.folder)
    # What is scored by tasks, from the store, is what one process scores.
    alone = dropback.predict(trained.run, trained.selection, seed=3)
    apart = dropback.predict(
        f"{bucket}/run", trained.selection, seed=3, executor=engine, store=f"{bucket}/p"
    )
    assert apart.equals(alone)
    alone_scores = dropback.score(trained.run, trained.unseen)
    assert dropback.score(made, trained.unseen, executor=engine).equals(alone_scores)


@pytest.mark.slow
def test_trees_and_starting_weights_fitted_by_tasks_are_the_same(
    trained: TrainedRun, dask: DaskCluster, tmp_path: Path
) -> None:
    small = replace(THROW_MODEL, folds=2, width=8, blocks=1, fit=trained.run.record.settings.fit)
    for executor in ("serial", dask.address):
        dropback.train(
            trained.selection, tmp_path / executor[:4], settings=small, executor=executor
        )
    assert files_of(tmp_path / "seri") == files_of(tmp_path / "dask")


@pytest.mark.slow
def test_baselines_evaluated_by_tasks_are_the_same(
    trained: TrainedRun, tiny_league: League, dask: DaskCluster
) -> None:
    found = [
        dropback.evaluate(
            trained.run,
            tiny_league.plays,
            seasons=[2021],
            against=["climatology", "gaussian"],
            executor=executor,
        ).as_dict()
        for executor in ("serial", dask.address)
    ]
    assert found[0] == found[1]


@pytest.mark.slow
def test_the_command_line_trains_and_scores_by_tasks_from_and_to_a_store(
    run: Command,
    bucket: str,
    dask: DaskCluster,
    tiny_league: League,
    trained: TrainedRun,
    tmp_path: Path,
) -> None:
    tiny_league.plays.write_parquet(tmp_path / "play_by_play_all.parquet")
    scored = ("--seasons", "2021", "--executor", dask.address)
    code, _, _ = run(
        "score", trained.folder, tmp_path, "--out", f"{bucket}/scores.parquet", *scored
    )
    assert code == 0
    alone = run("score", trained.folder, tmp_path, "--out", tmp_path / "s.parquet", *scored[:2])
    assert alone[0] == 0
    copy = Path(local_copy(f"{bucket}/scores.parquet"))
    assert copy.read_bytes() == (tmp_path / "s.parquet").read_bytes()
    code, _, said = run(
        "score", trained.folder, tmp_path, "--out", f"{bucket}/scores.parquet", *scored
    )
    assert (code, "is there already" in said) == (2, True)
    code, _, said = run("train", tmp_path, "--out", "s3://nobody/run", *scored)
    assert (code, "s3://nobody/run does not exist: the bucket" in " ".join(said.split())) == (
        2,
        True,
    )


@pytest.mark.parametrize(
    "words",
    [
        ("ingest", "DATA", "--out", "OUT"),
        ("features", "DATA", "--out", "OUT"),
        ("train", "DATA", "--out", "OUT"),
        ("seasons", "DATA", "--out", "OUT", "--seasons", "2020"),
        ("predict", "RUN", "DATA", "--out", "OUT.parquet"),
        ("score", "RUN", "DATA", "--out", "OUT.parquet"),
        ("evaluate", "RUN", "DATA", "--json", "OUT.json"),
    ],
    ids=lambda words: str(words[0]),
)
@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_an_engine_that_is_not_there_is_told_before_anything_is_read(
    words: tuple[str, ...], kind: str, run: Command, trained: TrainedRun, tmp_path: Path
) -> None:
    # Were the data read first, which takes minutes of a league, that they are absent were told.
    named = {"DATA": str(tmp_path / "absent"), "RUN": trained.folder}
    out = str(tmp_path / "new" / "out")
    names = [str(named.get(word, word)).replace("OUT", out) for word in words]
    address = f"{kind}://127.0.0.1:{free_port()}"
    code, _, said = run(*names, "--executor", address)
    assert code == 2
    assert f"error: {address}: nothing answers there" in said
    assert list(tmp_path.iterdir()) == []


def test_too_little_memory_for_a_task_leaves_nothing_behind(
    run: Command, trained: TrainedRun, tiny_league: League, tmp_path: Path
) -> None:
    tiny_league.plays.write_parquet(tmp_path / "play_by_play_all.parquet")
    out = tmp_path / "new" / "scores.parquet"
    code, _, said = run(
        "score", trained.folder, tmp_path, "--out", out, "--executor", "processes:1?memory=60MB"
    )
    assert (code, "memory= must leave a task room, got 60 MB" in said) == (2, True)

    def keep_and_refuse(area: WorkArea) -> None:
        area.keep_file("plays", tiny_league.plays.write_parquet, ".parquet")
        raise RequestError("no room")

    # Known only as a task begins, as where a worker's other packages take the room.
    with pytest.raises(RequestError, match="no room"), work_area(out, "work") as area:
        keep_and_refuse(area)
    assert [path.name for path in tmp_path.iterdir()] == ["play_by_play_all.parquet"]


def test_an_evaluation_goes_to_a_store_and_its_inputs_come_from_there(
    run: Command, bucket: str, tiny_league: League, trained: TrainedRun, tmp_path: Path
) -> None:
    plays = tmp_path / "play_by_play_all.parquet"
    tiny_league.plays.write_parquet(plays)
    common = ("evaluate", trained.folder, plays, "--seasons", "2021")
    for out in (f"{bucket}/report.json", f"{tmp_path}/report.json"):
        assert run(*common, "--json", out)[0] == 0
    copy = Path(local_copy(f"{bucket}/report.json"))
    assert copy.read_bytes() == (tmp_path / "report.json").read_bytes()
    assert files_of(Path(local_copy(f"{bucket}/report-plots"))) == files_of(
        tmp_path / "report-plots"
    )
    # Absent, they are told before the plays are read.
    for option in ("--pbp", "--truth"):
        code, _, said = run("evaluate", trained.folder, tmp_path / "absent", option, f"{bucket}/no")
        assert (code, f"{bucket}/no does not exist" in said) == (2, True)
    for option in ("--init", "--expected-points", "--pbp"):
        code, _, said = run(
            "train", tmp_path / "absent", "--out", tmp_path / "run", option, f"{bucket}/no"
        )
        assert (code, f"{bucket}/no does not exist" in said) == (2, True)


def test_an_output_that_takes_no_url_makes_no_folder_named_s3(
    run: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, said = run("simulate", "tracking", "--plays", "8", "--out", "s3://league/simulated")
    assert (code, "must be a path of this disk" in said) == (2, True)
    assert list(tmp_path.iterdir()) == []
