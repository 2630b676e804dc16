"""Files and folders appear whole or not at all."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dropback._files import (
    move_folder,
    require_new_file,
    require_new_folder,
    require_writable,
    whole_file,
    whole_folder,
    working_folder,
)
from dropback.errors import RequestError

FAILURES = [
    (ValueError("bug"), ValueError),
    (OSError(errno.ENOSPC, "No space left on device"), RequestError),
    (
        pl.exceptions.ComputeError(
            "parquet: File out of specification: underlying IO error: No space left on device "
            "(os error 28)"
        ),
        RequestError,
    ),
    (KeyboardInterrupt(), KeyboardInterrupt),
]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def break_off(path: Path, failure: BaseException) -> None:
    path.write_text("ha")
    raise failure


def test_file_appears_whole_under_its_name_and_keeps_its_ending(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "table.csv"
    with whole_file(path) as aside:
        aside.write_text("whole")
        assert (aside.suffix, aside.parent) == (".csv", path.parent)
        assert not path.exists()
    assert path.read_text() == "whole"
    assert names(path.parent) == ["table.csv"]


def test_a_full_disk_is_told_in_its_own_words(tmp_path: Path) -> None:
    for failure, _ in FAILURES[1:3]:
        with (
            pytest.raises(
                RequestError, match=r"csv could not be written: No space left on .{6}\.$"
            ),
            whole_file(tmp_path / "table.csv") as aside,
        ):
            break_off(aside, failure)
        with (
            pytest.raises(RequestError, match=r"written: No space left on device; work so far is"),
            working_folder(tmp_path / "run", "work") as work,
        ):
            break_off(work / "state", failure)
        with (
            pytest.raises(RequestError, match=r"work so far is kept in \S+/run: run the same"),
            working_folder(tmp_path / "run", "work", within=tmp_path / "run") as work,
        ):
            raise failure


def test_file_replaces_the_former_one(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("former")
    with whole_file(path) as aside:
        aside.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.parametrize(("failure", "raised"), FAILURES)
def test_file_keeps_its_former_content_on_failure(
    tmp_path: Path, failure: BaseException, raised: type[BaseException]
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("former")
    with pytest.raises(raised), whole_file(path) as aside:
        break_off(aside, failure)
    assert path.read_text() == "former"
    assert names(tmp_path) == ["table.csv"]


def test_full_disk_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with (
        pytest.raises(RequestError, match=r"table\.csv could not be written: No space left .*\.$"),
        whole_file(path),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("write", [pl.DataFrame.write_parquet, pl.DataFrame.write_csv])
def test_writers_report_a_full_disk_as_a_request_error(tmp_path: Path, write) -> None:
    table = pl.DataFrame({"yards": range(100_000)})
    with pytest.raises(RequestError, match="No space left"), whole_file(tmp_path / "table") as _:
        write(table, "/dev/full")


@pytest.mark.parametrize(
    ("where", "write"),
    [("file/table.csv", Path.touch), ("folder", Path.touch), ("unwritten", Path.exists)],
)
def test_file_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, where: str, write: Callable[[Path], object]
) -> None:
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    with (
        pytest.raises(RequestError, match="could not be written"),
        whole_file(tmp_path / where) as aside,
    ):
        write(aside)
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.parametrize("former", [None, [], ["former"]])
def test_folder_appears_whole_with_nothing_of_the_former(
    tmp_path: Path, former: list[str] | None
) -> None:
    path = tmp_path / "new" / "run"
    if former is not None:
        path.mkdir(parents=True)
    for name in former or []:
        (path / name).touch()
    with whole_folder(path, overwrite=bool(former)) as aside:
        (aside / "weights").touch()
        assert former is not None or not path.exists()
    assert names(path) == ["weights"]
    assert names(path.parent) == ["run"]


@pytest.mark.parametrize(("failure", "raised"), FAILURES)
def test_folder_keeps_its_former_content_on_failure(
    tmp_path: Path, failure: BaseException, raised: type[BaseException]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "former").write_text("weights")
    with pytest.raises(raised), whole_folder(tmp_path / "run", overwrite=True) as aside:
        break_off(aside / "new", failure)
    assert (tmp_path / "run" / "former").read_text() == "weights"
    assert names(tmp_path) == ["run"]


def test_folder_comes_back_when_the_new_one_cannot_take_its_place(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "former").touch()
    with pytest.raises(RequestError), whole_folder(tmp_path / "run", overwrite=True) as aside:
        shutil.rmtree(aside)
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run") == ["former"]


def test_interrupted_move_puts_the_former_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (target / "former").touch()
    rename = Path.rename

    def interrupted(path: Path, to: Path) -> Path:
        if path == source:
            raise KeyboardInterrupt
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        move_folder(source, target)
    assert names(tmp_path) == ["source", "target"]
    assert names(target) == ["former"]


def test_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    with pytest.raises(RequestError, match=r"is not empty.*--overwrite"):
        require_new_folder(tmp_path, overwrite=False)
    require_new_folder(tmp_path, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_file_is_no_folder_to_write_to(tmp_path: Path, *, overwrite: bool) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match="must be a folder"):
        require_new_folder(tmp_path / "file", overwrite=overwrite)


def test_a_refusal_before_any_work_leaves_no_folder_behind(tmp_path: Path) -> None:
    with (
        pytest.raises(RequestError, match="no league"),
        working_folder(tmp_path / "new" / "deep" / "out", "work"),
    ):
        raise RequestError("no league")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that takes no file")
def test_a_path_that_takes_no_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out, reason in (
        (Path("/proc/out"), "No such file or directory"),
        (Path("/proc/deep/out"), "No such file or directory"),
        *(
            (tmp_path / "file" / out, f"{tmp_path}/file is a file and no folder, name another")
            for out in ("out", "deep/out")
        ),
    ):
        said = rf"^{out} could not be written: ({reason})\.$"
        with pytest.raises(RequestError, match=said):
            require_writable(out)
        with pytest.raises(RequestError, match=said):
            require_new_file(out, overwrite=True)
        with pytest.raises(RequestError, match=said):
            require_new_folder(out, overwrite=True)
        with pytest.raises(RequestError, match=said), working_folder(out, "work"):
            pass
    require_writable(tmp_path / "new" / "deep" / "out")
    assert names(tmp_path) == ["file"]


def test_one_process_has_the_working_folder_and_keeps_it_when_stopped(tmp_path: Path) -> None:
    out = tmp_path / "run"

    def stopped() -> None:
        with working_folder(out, "work") as work:
            (work / "state").touch()
            with pytest.raises(RequestError, match="run is being written by another process"):
                working_folder(out, "work").__enter__()
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RequestError, match=r"work so far is kept in .*run the same command again"):
        stopped()
    with working_folder(out, "work") as work:
        assert (work / "state").exists()
    assert not list(tmp_path.iterdir())
