"""Measure this checkout against another one, alternately on the same machine.

    python benchmarks/compare_revisions.py BEFORE -- benchmarks/live_latency.py --json --calls 400

Runs a measuring script with the sources of BEFORE and of this checkout in alternation, each time in
a process of its own, and prints the median of each number on either side and the median of the
ratios of neighboring runs: a machine that slows down slows both. The script is this checkout's in
either case; it must print one JSON object of numbers as its last line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


def sources(checkout: Path) -> list[str]:
    """Folders of a checkout that hold packages: ``src``, or that of each package."""
    found = sorted(checkout.glob("packages/*/src")) or sorted(checkout.glob("src"))
    if not found:
        raise SystemExit(f"error: {checkout} has neither src/ nor packages/*/src.")
    return [str(folder) for folder in found]


def measured(checkout: Path, command: list[str]) -> dict[str, float]:
    """The numbers that the script prints with the sources of a checkout."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sources(checkout))}
    done = subprocess.run(  # noqa: S603  # the command is the caller's
        [sys.executable, *command], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    numbers: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return numbers


def main() -> None:
    """Print a line for each number that both checkouts have."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before", type=Path, help="The other checkout.")
    parser.add_argument("--rounds", type=int, default=5, help="Runs of each checkout.")
    parser.add_argument("command", nargs="+", help="The script and its arguments, after --.")
    arguments = parser.parse_args()
    rounds = [
        [measured(checkout, arguments.command) for checkout in (arguments.before, HERE)]
        for _ in range(arguments.rounds)
    ]
    before, after = rounds[0]
    names = [name for name in before if name in after]
    width = max(map(len, names), default=0)
    title = f"medians of {len(rounds)}"
    print(f"{title:<{width}}   before    after  after / before (least, most)")
    for name in names:
        old, new = ([pair[side][name] for pair in rounds] for side in (0, 1))
        ratios = [b / a for a, b in zip(old, new, strict=True)]
        print(
            f"{name:<{width}} {statistics.median(old):8.4g} {statistics.median(new):8.4g}  "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
