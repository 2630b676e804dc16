"""Run tasks on the workers of a Dask scheduler."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from dropback.errors import RequestError
from dropback.execution._engines import Absence
from dropback.execution._workers import Worker, describe_worker, require_workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from dropback.execution._needs import Needs

_Result = TypeVar("_Result")

# Seconds in which what listens must say that it is a scheduler, and a first worker be there.
_IDENTITY_TIMEOUT: Final = 8
_TIMEOUT: Final = 12

# Times that a task is tried again where it raised, as for a store that fails; a lost worker is
# counted apart, by Dask's own `allowed-failures`.
_RETRIES: Final = 2


async def _identify(address: str) -> None:
    from distributed import rpc

    async with asyncio.timeout(_IDENTITY_TIMEOUT), rpc(f"tcp://{address}") as scheduler:
        await scheduler.identity()


class DaskExecutor:
    """The workers of one scheduler.

    Args:
        address: ``HOST:PORT`` of the scheduler.
        needs: What each task asks for.
        networks: Whether tasks load torch.

    Raises:
        RequestError: Dask is not installed, no scheduler or worker answers, or a worker has other
            versions, another clock, or too little.
    """

    def __init__(self, address: str, needs: Needs, *, networks: bool) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise RequestError(
                "An executor of Dask needs its package: pip install 'dropback[dask]'."
            ) from error
        # Where a scheduler ends it logs tracebacks; the tasks' own futures tell it in a sentence.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        try:
            # A client would wait for ever where something else listens.
            with ThreadPoolExecutor(1) as apart:
                apart.submit(asyncio.run, _identify(address)).result()
            self._client = Client(
                f"tcp://{address}", timeout=_TIMEOUT, set_as_default=False, heartbeat_interval=2000
            )
        # What else listens there may say anything: read as the length of a message, text asks for
        # more memory than there is.
        except Exception as error:
            raise RequestError(
                f"dask://{address}: no Dask scheduler answers there: start one with "
                "'dask scheduler', or check the address."
            ) from error
        try:
            self._resources = self._check(address, needs, networks=networks)
        except BaseException:
            self._client.close()
            raise
        self._absence = Absence(f"dask://{address}: no worker has been left")
        self._executor = self._client.get_executor(
            pure=False, retries=_RETRIES, resources=self._resources
        )

    def submit(self, function: Callable[..., _Result], /, *arguments: object) -> Future[_Result]:
        """Run the function on some worker."""
        future: Future[_Result] = self._executor.submit(function, *arguments)
        return future

    def require_workers(self) -> None:
        """Raise `TaskError` where there has been no worker for too long."""
        self._absence.see(len(self._client.scheduler_info(n_workers=-1)["workers"]))

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:  # noqa: ARG002  # Dask cancels
        """Leave the scheduler, whose workers stay."""
        self._client.close()

    def _check(self, address: str, needs: Needs, *, networks: bool) -> dict[str, float] | None:
        try:
            self._client.wait_for_workers(1, timeout=_TIMEOUT)
        except TimeoutError as error:
            raise RequestError(
                f"dask://{address}: the scheduler has no worker: start one with "
                f"'dask worker tcp://{address} --nthreads 1'."
            ) from error
        asked = time.time()
        try:
            workers: dict[str, Worker] = self._client.run(describe_worker, on_error="return")
        except Exception as error:  # what a worker without the package answers differs by version
            workers = {"": error}  # type: ignore[dict-item]
        for where, answer in workers.items():
            if not isinstance(answer, Worker):
                raise RequestError(
                    f"dask://{address}: the worker {where or 'there'} cannot import dropback "
                    f"({answer}): install the same version of it on every machine."
                )
        require_workers(workers.values(), asked, time.time(), needs=needs, networks=networks)
        known = self._client.scheduler_info(n_workers=-1)["workers"].values()
        if needs.memory_bytes:
            largest = max(int(worker["memory_limit"] or 0) for worker in known)
            if 0 < largest < needs.memory_bytes:
                raise RequestError(
                    f"dask://{address}: a task needs {needs.memory_bytes / 1e9:.1f} GB and the "
                    f"largest worker may use {largest / 1e9:.1f} GB: start workers with a higher "
                    "--memory-limit, or ask for less by memory=."
                )
        if not needs.accelerators:
            return None
        if max(worker["resources"].get("GPU", 0.0) for worker in known) < needs.accelerators:
            raise RequestError(
                f"dask://{address}: a task needs {needs.accelerators:g} accelerators and no worker "
                "has them: start workers with --resources 'GPU=1'."
            )
        return {"GPU": needs.accelerators}
