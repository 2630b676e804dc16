"""What a cut link and a lost host cost: three hosts of network namespaces on one machine.

Each host has an address, a veth pair to a bridge, and an engine's head or worker. A link is cut in
mid job and healed, or a host's processes are killed; the job must end with every result right.

    python benchmarks/cluster_hosts.py --runs 3
    python benchmarks/cluster_hosts.py --runs 20 --only ray --fault "link cut for good"

Takes root and iproute2, and says so where they are not there.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import _clusters  # noqa: F401  # puts the examples of the tests on the path
from examples import squares_job
from examples.cluster import stop
from examples.hosts import Hosts, engine, why_no_hosts

TASKS = 12


FAULTS = ("host gone", "link cut for 3 s", "link cut for good")


class NeverBeganError(Exception):
    """A job that ended before its first result, hence before the fault, with what was said."""


def once(kind: str, fault: str, folder: Path, moment: float) -> tuple[bool, float]:
    """One job with one fault: whether all results are right, and seconds after the fault.

    Raises:
        NeverBeganError: The engine, or the job, did not begin.
    """
    hosts = Hosts(3)
    log = folder / "driver.log"
    log.touch()
    try:
        with engine(kind, hosts, folder) as engine_there:
            job = [sys.executable, squares_job.__file__, engine_there.executor]
            driver = engine_there.start_beside(log, [*job, str(folder / "store"), str(TASKS), "1"])
            end = time.monotonic() + 90
            while "done" not in log.read_text():
                if driver.poll() is not None or time.monotonic() > end:
                    logs = [path.read_text()[-1500:] for path in sorted(folder.glob("*.log"))]
                    raise NeverBeganError("\n".join(logs))
                time.sleep(0.05)
            time.sleep(moment)
            struck = time.monotonic()
            if fault == "host gone":
                stop(engine_there.processes[2])
            else:
                hosts.link(2, "down")
            try:
                if fault == "link cut for 3 s":
                    time.sleep(3)
                    hosts.link(2, "up")
                code = driver.wait(180)
                after = time.monotonic() - struck
            finally:
                with contextlib.suppress(subprocess.CalledProcessError):
                    hosts.link(2, "up")
                if driver.poll() is None:
                    stop(driver)
            return code == 0 and "right" in log.read_text(), after
    finally:
        hosts.close()


def main() -> None:
    """Run each fault of each engine and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="dask or ray")
    parser.add_argument("--fault", choices=FAULTS, help="one of them")
    arguments = parser.parse_args()
    if why := why_no_hosts():
        sys.exit(f"not run: {why}")
    chosen = random.Random(0)  # noqa: S311  # moments, no secrets
    Path("/tmp/ray").mkdir(exist_ok=True)  # noqa: S108  # where Ray keeps its files
    print(f"{TASKS} tasks of 1 s on two workers: 6 s without a fault")
    print("| engine | fault | runs | never began | all right | s after the fault, each |")
    print("|---|---|---|---|---|---|")
    for kind in ("dask", "ray"):
        for fault in FAULTS if arguments.fault is None else (arguments.fault,):
            if arguments.only not in {"", kind}:
                continue
            right, never, seconds = 0, 0, []
            # A busy machine may not answer before it is given up; no fault was tried then.
            while len(seconds) < arguments.runs and never <= arguments.runs:
                with ExitStack() as held:
                    folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="hosts-")))
                    try:
                        found, after = once(kind, fault, folder, chosen.random() * 2)
                    except (NeverBeganError, AssertionError) as error:
                        print(f"never began: {error}", file=sys.stderr, flush=True)
                        never += 1
                        continue
                    right += found
                    seconds.append(f"{after:.0f}")
            print(
                f"| {kind} | {fault} | {len(seconds)} | {never} | {right} | {', '.join(seconds)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
