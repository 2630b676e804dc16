"""Run tasks as tasks of Ray."""

from __future__ import annotations

import logging
import os
import socket
import time
import warnings
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dropback.errors import RequestError, StoreError, TaskError
from dropback.execution._engines import Absence
from dropback.execution._losses import first_line, is_loss
from dropback.execution._workers import Worker, describe_worker, require_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from dropback.execution._needs import Needs

_Result = TypeVar("_Result")

# Times that Ray runs a task again whose worker or machine was lost, or whose store failed.
_RETRIES: Final = 3

# Seconds in which each machine of the cluster must answer who it is.
_TIMEOUT: Final = 25
_CHANNEL_TIMEOUT: Final = 8
_HEAD_TIMEOUT: Final = 3

# Seconds in which a head that went may come back: Ray itself ends the process after 60.
_SILENCE_S: Final = 40.0

# Seconds that Ray takes to join a cluster, a minute if let, and between the tries of its client.
_WAITS: Final = {
    "RAY_gcs_server_request_timeout_seconds": "15",
    "RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S": "5",
}

# What Ray's head is asked for to learn whether it takes our token; its client server by True.
_QUESTIONS: Final = {
    True: "/ray.rpc.RayletDriver/ClusterInfo",
    False: "/ray.rpc.NodeInfoGcsService/GetClusterId",
}


class RayExecutor:
    """The machines of a Ray cluster.

    Args:
        address: ``HOST:PORT`` of its client server; empty joins the cluster of ``RAY_ADDRESS``, or
            starts one on this machine, which ends with the command.
        needs: What each task asks for.
        networks: Whether tasks load torch.

    Raises:
        RequestError: Ray is not installed or does not answer, or a machine has other versions,
            another clock, or too little.
    """

    def __init__(self, address: str, needs: Needs, *, networks: bool) -> None:
        self._join(address)
        try:
            self._check(needs, networks=networks)
        except BaseException:
            self._ray.shutdown()
            raise
        self._options: dict[str, Any] = {
            "num_cpus": needs.cores,
            "num_gpus": needs.accelerators,
            "max_retries": _RETRIES,
            "retry_exceptions": [OSError, StoreError],
        }
        if needs.memory_bytes:
            self._options["memory"] = needs.memory_bytes
        self._cores = needs.cores
        self._absence = Absence(f"{self._place}: no worker has been left")
        self._silence = Absence(f"{self._place}: the head has not answered", _SILENCE_S)

    def _join(self, address: str) -> None:
        with _settings():
            ray = self._ray = _imported()
        # Not the last cluster that a file of this machine names: it may be gone, or another user's.
        place = f"ray://{address}" if address else os.environ.get("RAY_ADDRESS") or "local"
        if ":" in place:  # else it is one of Ray's words, "local" or "auto"
            _require_grpc(place)
        options: dict[str, Any] = {"logging_level": logging.WARNING, "log_to_driver": False}
        if place == "local":
            options["include_dashboard"] = False
        # What is started here would inherit them, and have no time on a busy machine.
        waits = nullcontext() if place == "local" else _settings()
        try:
            with waits, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Ray warns of what the error tells
                ray.init(place, **options)
        except (ConnectionError, TimeoutError, RuntimeError, ImportError, OSError) as error:
            raise RequestError(
                f"{place}: no Ray cluster answers there ({first_line(error)}): start one "
                "with 'ray start --head', or check the address."
            ) from error
        self._place = place
        head = address or ray.get_runtime_context().gcs_address
        host, _, port = head.rpartition(":")
        self._head = (host.strip("[]"), int(port))

    def submit(self, function: Callable[..., _Result], /, *arguments: object) -> Future[_Result]:
        """Run the function where Ray finds room for it."""
        task = self._ray.remote(function).options(**self._options)
        future: Future[_Result] = task.remote(*arguments).future()
        # Ray sets results of canceled futures too, and prints a trace for each.
        future.set_running_or_notify_cancel()
        return future

    def require_workers(self) -> None:
        """Raise `TaskError` where there has been no machine with enough cores for too long."""
        try:
            # Asked for its machines, a head that is gone keeps Ray waiting, which after a minute
            # ends this process without a word of ours.
            socket.create_connection(self._head, _HEAD_TIMEOUT).close()
        except OSError:
            self._silence.see(0)
            return
        self._silence.see(1)
        try:
            nodes = [node for node in self._ray.nodes() if node["Alive"]]
        except Exception as error:  # what Ray's client raises differs with what is gone
            raise TaskError(
                f"{self._place}: the head no longer answers ({type(error).__name__}): start it and "
                "run the same command again; what is done is kept."
            ) from error
        cores = [node["Resources"].get("CPU", 0.0) for node in nodes]
        self._absence.see(sum(found >= self._cores for found in cores))

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:  # noqa: ARG002  # Ray cancels
        """Leave the cluster, which stays, or end the one that was started."""
        if not self._silence.is_over:  # a head that is gone would hold this up
            self._ray.shutdown()

    def _check(self, needs: Needs, *, networks: bool) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        nodes = [node for node in self._ray.nodes() if node["Alive"]]
        for name, unit, needed, scale in (
            ("CPU", "cores", needs.cores, 1.0),
            ("memory", "GB of memory", needs.memory_bytes, 1e9),
            ("GPU", "accelerators", needs.accelerators, 1.0),
        ):
            largest = max(float(node["Resources"].get(name, 0.0)) for node in nodes)
            if largest < needed:
                raise RequestError(
                    f"Ray: a task needs {needed / scale:g} {unit} and the largest machine offers "
                    f"{largest / scale:.3g}: add a machine that has them, or ask for less."
                )
        asked = time.time()
        probe = self._ray.remote(describe_worker)
        answers = [
            probe.options(
                num_cpus=0,
                max_retries=1,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            ).remote()
            for node in nodes
        ]
        try:
            workers: list[Worker] = self._ray.get(answers, timeout=_TIMEOUT)
        except self._ray.exceptions.GetTimeoutError as error:
            raise RequestError(
                f"Ray: a machine did not answer within {_TIMEOUT} s; its machines are "
                f"{', '.join(str(node['NodeManagerAddress']) for node in nodes)}."
            ) from error
        except self._ray.exceptions.RayError as error:
            if is_loss(error):
                raise RequestError(
                    f"Ray: a machine was lost before any task began ({first_line(error)}): run "
                    "the same command again."
                ) from error
            raise RequestError(
                f"Ray: a machine cannot import dropback ({_last_line(error)}): install the same "
                "version of it on every machine."
            ) from error
        require_workers(workers, asked, time.time(), needs=needs, networks=networks)


def _require_grpc(place: str) -> None:
    """Tell what is no Ray, or wants another token, within seconds: Ray asks again for a while.

    Raises:
        RequestError: Nothing there speaks its protocol, or it refuses the token.
    """
    if os.environ.get("RAY_USE_TLS", "0") != "0":
        return  # Ray alone knows its certificates
    import grpc  # Ray's own

    token = _token()
    with grpc.insecure_channel(place.removeprefix("ray://")) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_CHANNEL_TIMEOUT)
            # An empty request changes nothing; the token is looked at first.
            ask = channel.unary_unary(_QUESTIONS[place.startswith("ray://")])
            ask(b"", timeout=_CHANNEL_TIMEOUT, metadata=[("authorization", f"Bearer {token}")])
        except grpc.FutureTimeoutError as error:
            raise RequestError(
                f"{place}: what answers there is no Ray: check the address and the port, "
                "10001 of its client server."
            ) from error
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                raise RequestError(
                    f"{place}: the cluster wants {'another' if token else 'a'} token: set "
                    "RAY_AUTH_TOKEN here to that of its head, which is in ~/.ray/auth_token there."
                ) from error


def _token() -> str:
    """The token of this user, from where Ray reads it; empty where there is none."""
    if os.environ.get("RAY_AUTH_MODE", "token").lower() != "token":
        return ""
    if token := os.environ.get("RAY_AUTH_TOKEN"):
        return token
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    file = Path(named) if named else Path.home() / ".ray" / "auth_token"
    return file.read_text().strip() if file.is_file() else ""


def _imported() -> Any:  # noqa: ANN401  # a module
    try:
        import ray
    except ImportError as error:
        raise RequestError(
            "An executor of Ray needs its package: pip install 'dropback[ray]'."
        ) from error
    return ray


@contextmanager
def _settings() -> Iterator[None]:
    """Tell Ray, which reads them as it is imported and as it joins, what it would take otherwise.

    A cluster that is started where there is a token asks for it, but Ray's client sends none
    unless it is told to.
    """
    wanted = {**_WAITS, "RAY_AUTH_MODE": "token"} if _token() else _WAITS
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _last_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].rstrip(".")
