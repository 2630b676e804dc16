"""Time the first use of the compiled kernels on a fresh machine: an empty cache, then a warm one.

    python benchmarks/first_use.py

Each line is a process of its own. "CPU" is what compiling costs where other processes compete.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

_STEPS = """
import time
import numpy as np
from dropback.models._frame_columns import frame_columns
from dropback.tracking._motion import causal_slope, velocity
from dropback.live._inputs import next_columns
from dropback.tracking.tensors._features import engineered_features, player_features

frames = np.random.default_rng(0).uniform(10, 40, (20, 23, 6)).astype(np.float32)
number, line = np.arange(20), np.full(20, 30, np.float32)
target, eligible = np.full(20, 7), np.tile(np.arange(11) > 5, (20, 1))
start, cpu = time.perf_counter(), time.process_time()
players = player_features(frames, number, line)
engineered = engineered_features(frames, number, line, target, eligible)
frame_columns(players, engineered, target, np.zeros(20, bool))
next_columns(line[:2], eligible[:2], frames[:2], np.zeros((2, 5, 22, 2), np.float32), number[:2])
causal_slope(frames[..., :2], number)
velocity(frames[..., 2], frames[..., 4])
print(f"{time.perf_counter() - start:5.2f} s, CPU {time.process_time() - cpu:5.2f} s")
"""


def main() -> None:
    """Print the time of the features' first use without and with a cache."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        for name in ("empty cache", "warm cache"):
            command = [sys.executable, "-c", _STEPS]
            time = subprocess.check_output(command, env=environment, text=True)  # noqa: S603
            print(f"{name:12s}{time}", end="")


if __name__ == "__main__":
    main()
