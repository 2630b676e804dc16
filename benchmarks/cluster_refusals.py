"""What each command says of each fault of an engine or a store, how soon, and what it leaves.

Simulates two small sets, trains a run of each, and starts every command with every fault. A row is
right where the exit code is 2, one line begins with `error:`, it came within 30 s, and no file or
folder is left. Takes some twenty minutes of one core for all.

    python benchmarks/cluster_refusals.py
    python benchmarks/cluster_refusals.py --faults "no bucket,misspelled" --commands ingest
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import _clusters  # noqa: F401  # puts the examples of the tests on the path
from dropback.simulation import LeagueSettings, simulate_league
from dropback.storage import put_output, write_output
from examples.cluster import free_port, make_bucket, s3_server, worker_environment
from examples.proxies import refusing_proxy

STORE = "s3://league"
MOST_SECONDS = 30
SMALL = ("--epochs", "1", "--folds", "2")


@dataclass(frozen=True)
class Fault:
    """Where a command reads and writes, by what, and what is changed in its environment."""

    source: str
    out: str
    executor: str = "processes:1"
    environment: dict[str, str | None] = field(default_factory=dict)


def commands(fault: Fault) -> dict[str, list[str]]:
    """Words of each command."""
    source, out = fault.source, f"{fault.out}/new"
    words = {
        "ingest": ["ingest", f"{source}/league", "--out", f"{out}/plays"],
        "features": ["features", f"{source}/plays", "--out", f"{out}/tensors"],
        "train": ["train", f"{source}/pbp", "--out", f"{out}/run", *SMALL],
        "train-tracking": ["train", f"{source}/tensors", "--out", f"{out}/tracked", *SMALL],
        "seasons": [
            "seasons",
            f"{source}/pbp",
            "--seasons",
            "2020-2021",
            "--out",
            f"{out}/seasons",
        ],
        "score": ["score", f"{source}/run", f"{source}/pbp", "--out", f"{out}/scores.parquet"],
        "score-tracking": [
            *("score", f"{source}/tracked", f"{source}/tensors", "--out", f"{out}/tracked.parquet")
        ],
        "predict": ["predict", f"{source}/run", f"{source}/pbp", "--out", f"{out}/table.parquet"],
        "evaluate": ["evaluate", f"{source}/run", f"{source}/pbp", "--json", f"{out}/report.json"],
    }
    return {name: [*some, "--executor", fault.executor] for name, some in words.items()}


def run(words: list[str], environment: dict[str, str], folder: Path) -> tuple[int, float, str]:
    """Exit code, seconds, and all that a command says."""
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "dropback", *words],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    return done.returncode, time.perf_counter() - began, done.stderr + done.stdout


def simulate(folder: Path, environment: dict[str, str]) -> None:
    """Play-by-play and tracking, and a run of each, in a folder and in the store."""
    (folder / "pbp").mkdir()
    league = simulate_league(LeagueSettings(seasons=(2020, 2021), teams=8, weeks=4), seed=0)
    league.plays.write_parquet(folder / "pbp" / "play_by_play_all.parquet")
    for words in (
        ["simulate", "tracking", "--plays", "300", "--out", "league", "--workers", "1"],
        ["ingest", "league", "--out", "plays"],
        ["features", "plays", "--out", "tensors"],
        ["train", "pbp", "--seasons", "2020", "--out", "run", *SMALL],
        ["train", "tensors", "--out", "tracked", *SMALL],
    ):
        code, _, said = run(words, environment, folder)
        if code:
            sys.exit(said)
    for path in [*(folder / "league").iterdir(), *(folder / "pbp").iterdir()]:
        url = f"{STORE}/{path.relative_to(folder)}"
        write_output(url, lambda to, path=path: to.write_bytes(path.read_bytes()))
    for name in ("plays", "tensors", "run", "tracked"):
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / name
            subprocess.run(["cp", "-r", folder / name, copy], check=True)  # noqa: S603, S607
            put_output(copy, f"{STORE}/{name}", overwrite=True)


def faults(here: str, store_port: int, refusing_port: int) -> dict[str, Fault]:
    """The faults by name; `here` has the inputs on disk."""
    nothing = f"127.0.0.1:{free_port()}"
    refuses: dict[str, str | None] = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{refusing_port}"}
    down: dict[str, str | None] = {"AWS_ENDPOINT_URL": f"http://{nothing}"}
    bare = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"))
    return {
        "nothing at ray": Fault(here, "out", f"ray://{nothing}"),
        "nothing at dask": Fault(here, "out", f"dask://{nothing}"),
        "RAY_ADDRESS gone": Fault(here, "out", "ray", {"RAY_ADDRESS": nothing}),
        "no ray there": Fault(here, "out", f"ray://127.0.0.1:{store_port}"),
        "no dask there": Fault(here, "out", f"dask://127.0.0.1:{store_port}"),
        "misspelled": Fault(here, "out", "proceses:2"),
        "too little memory": Fault(here, "out", "processes:1?memory=50MB"),
        "no bucket": Fault(here, "s3://nobody"),
        "no bucket to read": Fault("s3://nobody", "out"),
        "not ours": Fault(here, STORE, environment=refuses),
        "not ours to read": Fault(STORE, "out", environment=refuses),
        "store down": Fault(here, STORE, environment=down),
        "store down to read": Fault(STORE, "out", environment=down),
        "no credentials": Fault(here, STORE, environment=dict(bare)),
        "no credentials to read": Fault(STORE, "out", environment=dict(bare)),
    }


def main() -> None:
    """Run each and print a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", default="", help="by commas; default all")
    parser.add_argument("--commands", default="", help="by commas; default all")
    arguments = parser.parse_args()
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="refusals-")))
        server = held.enter_context(s3_server(folder))
        os.environ.update(server.environment, DROPBACK_CACHE=str(folder / "cache"))
        make_bucket(server, "league")
        refusing_port = held.enter_context(refusing_proxy(403))
        environment = worker_environment(RAY_AUTH_MODE="disabled", COLUMNS="300")
        (folder / "in").mkdir()
        simulate(folder / "in", environment)
        print("| fault | command | right | exit code | s | what is said |")
        print("|---|---|---|---|---|---|")
        wrong = rows = 0
        for fault_name, fault in faults(str(folder / "in"), server.port, refusing_port).items():
            if arguments.faults and fault_name not in arguments.faults.split(","):
                continue
            changed = {**environment, **fault.environment}
            told = {name: value for name, value in changed.items() if value is not None}
            for name, words in commands(fault).items():
                if arguments.commands and name not in arguments.commands.split(","):
                    continue
                with tempfile.TemporaryDirectory(prefix="refusals-") as work:
                    code, seconds, said = run(words, told, Path(work))
                    left = [str(path.relative_to(work)) for path in Path(work).rglob("*")]
                sentences = [line for line in said.splitlines() if line.startswith("error: ")]
                trace = "Traceback" in said
                right = code == 2 and len(sentences) == 1 and not trace and not left
                right = right and seconds < MOST_SECONDS
                rows, wrong = rows + 1, wrong + (not right)
                note = f" left: {', '.join(left[:3])}" if left else ""
                verdict = f"{'yes' if right else 'NO'} | {code} | {seconds:.1f}"
                what = " ".join(sentences) or repr(said[-200:])
                print(f"| {fault_name} | {name} | {verdict} | {what}{note} |", flush=True)
        print(f"{rows - wrong} of {rows} right")


if __name__ == "__main__":
    main()
