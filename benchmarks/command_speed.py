"""How long do the main commands take, start-up included, and how much memory?

Each command runs as a process of its own; the baseline of the same run is a process that imports
torch and polars and reads the same season, which no scoring command can beat.

    python benchmarks/command_speed.py ../shared/data/pbp
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def measure(*command: str) -> tuple[float, float]:
    """Wall seconds of a command and the peak memory of all commands so far, MiB."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=os.environ)  # noqa: S603
    wall = time.perf_counter() - began
    return wall, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    """Print a row a command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of play_by_play_*.parquet")
    parser.add_argument("--repeat", type=int, default=3, help="runs; the fastest is printed")
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
        baseline = None
        for name, command in commands.items():
            repeat = 1 if name.startswith("train") else arguments.repeat
            wall, memory = min(measure(*command) for _ in range(repeat))
            baseline = baseline or wall
            print(
                f"{name:36}{wall:8.2f} s {wall / baseline:8.1f} x baseline"
                f"{memory:9.0f} MiB peak so far"
            )


if __name__ == "__main__":
    main()
