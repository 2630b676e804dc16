"""How long do the main commands take, start-up included, and how much memory?

Each command runs as a process of its own; the baseline of the same run is a process that imports
torch and polars and reads the same season, which no scoring command can beat.

    python benchmarks/command_speed.py DATA/pbp --seasons 2006-2023

Memory is that of the command and its workers together, asked for ten times a second; pages that
they share count in each.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil


def measure(*command: str) -> tuple[float, float]:
    """Wall seconds of a command and its peak memory, MiB."""
    began = time.perf_counter()
    with psutil.Popen(command, stdout=subprocess.DEVNULL) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, _memory(process))
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(0.1)
    if process.returncode:
        raise SystemExit(f"error: {' '.join(command)} ended with {process.returncode}.")
    return time.perf_counter() - began, peak / 2**20


def _memory(process: psutil.Process) -> int:
    """Bytes in memory of a process and its descendants."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for member in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += member.memory_info().rss
    return total


def main() -> None:
    """Print a row a command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of play_by_play_*.parquet")
    parser.add_argument("--repeat", type=int, default=3, help="runs; the fastest is printed")
    parser.add_argument("--seasons", help="rank these too, such as 2006-2023; one run")
    arguments = parser.parse_args()
    data, python = str(arguments.data), sys.executable
    season = arguments.data / "play_by_play_2021.parquet"
    with tempfile.TemporaryDirectory() as folder:
        run, scores = f"{folder}/run", f"{folder}/scores.parquet"
        dropback = (python, "-m", "dropback")
        commands = {
            "import torch, polars; read 2021": (
                python,
                "-c",
                f"import torch, polars; polars.read_parquet({str(season)!r})",
            ),
            "train 2018-2020 (51,623 plays)": (
                *dropback, "train", data, "--seasons", "2018-2020", "--out", run, "--overwrite",
            ),
            "score 2021 (18,057 plays)": (
                *dropback, "score", run, data, "--seasons", "2021", "--out", scores,
            ),
            "leaderboard by passer and season": (*dropback, "leaderboard", scores),
        }  # fmt: skip
        if arguments.seasons:
            commands[f"seasons {arguments.seasons}"] = (
                *dropback, "seasons", data, "--seasons", arguments.seasons, "--out",
                f"{folder}/seasons",
            )  # fmt: skip
        baseline = None
        for name, command in commands.items():
            repeat = 1 if name.startswith(("train", "seasons")) else arguments.repeat
            wall, memory = min(measure(*command) for _ in range(repeat))
            baseline = baseline or wall
            print(f"{name:36}{wall:8.2f} s {wall / baseline:8.1f} x baseline{memory:9.0f} MiB")


if __name__ == "__main__":
    main()
