"""Ray runs tasks like any other: equal bytes, lost workers cost their task, loopback alone."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dropback.errors import RequestError
from dropback.execution import open_executor
from examples.cluster import started, stop, worker_environment

_DRIVER = """
import json, sys, time
from dropback.errors import DropbackError
from dropback.execution import Task, open_executor, run_tasks
from dropback.execution._engines import Absence
from examples import tasks

store, marker, executor = sys.argv[1:4]
some = [Task(f"number {n}", tasks.square, (n,)) for n in range(4)]
once = [Task(f"once {n}", tasks.square_or_die_once, (n, marker), key=n) for n in range(4)]
found = {}
with open_executor(executor) as (ray, needs):
    for task, done in run_tasks(ray, [*some, *once], store, needs=needs):
        found[task.label] = [task.name, done.digest]
    for name, wrong in (("refused", tasks.refuse), ("deadly", tasks.square_or_die)):
        try:
            extra = (7,) if wrong is tasks.refuse else (7, 7)
            list(run_tasks(ray, [Task(name, wrong, extra)], store, needs=needs))
        except DropbackError as error:
            found[name] = f"{type(error).__name__}: {error}"
    # A head that is gone is told before Ray ends the process without a word.
    there = ray._head, ray._silence
    ray._head, ray._silence = ("127.0.0.1", 9), Absence("here: the head has not answered", 0.1)
    ray.require_workers()
    time.sleep(0.2)
    try:
        ray.require_workers()
    except DropbackError as error:
        found["gone"] = f"{type(error).__name__}: {error}"
    ray._head, ray._silence = there
    ray.require_workers()
for asked in ("memory=900TB", "accelerators=1"):
    try:
        with open_executor(f"{executor}?{asked}"):
            pass
    except DropbackError as error:
        found[asked] = str(error)
print("RESULT" + json.dumps(found))
"""


@dataclass(frozen=True)
class RayHead:
    """A head in a namespace where only loopback is there."""

    pid: int
    environment: dict[str, str]

    def run(self, *command: str) -> str:
        """What a command says that runs beside it."""
        done = subprocess.run(  # noqa: S603  # our own command
            ["nsenter", "-t", str(self.pid), "-n", *command],  # noqa: S607  # of the system
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


@pytest.fixture(scope="module")
def head() -> Iterator[RayHead]:
    """Ray with two cores, or a skip with the reason."""
    pytest.importorskip("ray", reason="the extra ray is not installed")
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        pytest.skip("Ray listens widely outside a network namespace, which takes root and iproute2")
    # A socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    environment = worker_environment(RAY_AUTH_MODE="disabled", RAY_ADDRESS="127.0.0.1:6379")
    ray = Path(sys.executable).with_name("ray")
    start = (
        f"ip link set lo up && exec {ray} start --head --block --node-ip-address=127.0.0.1 "
        "--port=6379 --ray-client-server-port=10001 --num-cpus=2 --include-dashboard=false "
        f"--disable-usage-stats --temp-dir={folder}"
    )
    process = started(folder / "log", ["unshare", "--net", "sh", "-c", start], environment)
    try:
        end = time.monotonic() + 90
        while "to terminate" not in (said := (folder / "log").read_text()) and "block" not in said:
            assert time.monotonic() < end, said
            assert process.poll() is None, said
            time.sleep(0.2)
        time.sleep(1)
        yield RayHead(process.pid, environment)
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def found(head: RayHead, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a driver got, of all that the tests ask."""
    folder = tmp_path_factory.mktemp("ray")
    arguments = (str(folder / "store"), str(folder / "died"), "ray")
    said = head.run(sys.executable, "-c", _DRIVER, *arguments)
    result: dict[str, object] = json.loads(said.partition("RESULT")[2])
    result["folder"] = str(folder)
    return result


@pytest.mark.slow
def test_ray_gives_the_bytes_of_one_process_and_repeats_what_a_killed_worker_had(
    found: dict[str, object],
) -> None:
    folder = Path(str(found["folder"]))
    assert (folder / "died").exists()
    for number in range(4):
        for kind in ("number", "once"):
            name, _ = found[f"{kind} {number}"]  # type: ignore[misc]  # as the driver wrote
            written = (folder / "store" / name / "square.txt").read_text()
            assert written == str(number**2)


@pytest.mark.slow
def test_ray_tells_wrong_input_lost_tasks_and_too_little_in_one_sentence(
    found: dict[str, object],
) -> None:
    assert found["refused"] == "RequestError: 7 is no number of folds."
    assert str(found["deadly"]).startswith(
        "TaskError: 1 of the tasks failed on every worker that tried them, the others are done: "
        "deadly. The first, deadly: WorkerCrashedError"
    )
    assert str(found["gone"]).startswith(
        "TaskError: here: the head has not answered for 0 s: start"
    )
    assert "a task needs 900000 GB of memory and the largest" in str(found["memory=900TB"])
    assert "a task needs 1 accelerators and the largest machine offers 0" in str(
        found["accelerators=1"]
    )


@pytest.mark.parametrize(("token", "wants"), [("", "a token"), ("stale", "another token")])
def test_a_cluster_that_wants_a_token_says_so_at_once(
    token: str, wants: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    grpc = pytest.importorskip("grpc")

    class Refuse(grpc.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
        def intercept_service(self, _: object, call: Any) -> Any:  # as grpc calls it
            sent = dict(call.invocation_metadata).get("authorization")
            assert sent == f"Bearer {token}"
            return grpc.unary_unary_rpc_method_handler(
                lambda _, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, "token")
            )

    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    if token:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text(f"{token}\n")
    server = grpc.server(ThreadPoolExecutor(1), interceptors=[Refuse()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with pytest.raises(
            RequestError, match=f"^ray://127.0.0.1:{port}: the cluster wants {wants}"
        ):
            open_executor(f"ray://127.0.0.1:{port}").__enter__()
    finally:
        server.stop(None).wait()


@pytest.mark.slow
def test_ray_listens_on_loopback_alone(head: RayHead) -> None:
    lines = head.run("ss", "-ltnH").splitlines()
    addresses = [line.split()[3].rpartition(":")[0].strip("[]") for line in lines]
    assert len(addresses) >= 4
    assert {address.removeprefix("::ffff:") for address in addresses} == {"127.0.0.1"}
