"""Find the changes of a module that none of its tests notices, with Cosmic Ray.

Cosmic Ray changes one operator, comparison or constant at a time and runs the tests; a change
that survives is a missing test or a term that is not needed. All of it happens in a scratch copy
of the repository. Numba is switched off, so no compiled cache can answer for a changed source.

    python research/mutation_check.py packages/splicedpareto/src/splicedpareto/scoring_rules.py

Tests beside the module are found by its path; name others after it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONFIGURATION = """[cosmic-ray]
module-path = {module}
timeout = {timeout}
excluded-modules = []
test-command = {command}

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
# Bars of annotations (`int | None`) are never evaluated, a decorator is no formula, and nobody
# mistakes a sum for a shift: one replacement of an operator is enough.
exclude-operators = [
  "core/ReplaceBinaryOperator_BitOr_.*",
  "core/ReplaceBinaryOperator_.*_(LShift|RShift|BitOr|BitAnd|BitXor|Mod|FloorDiv|Pow)",
  "core/RemoveDecorator",
]
"""
SURVIVORS = """
select start_pos_row, operator_name, diff from mutation_specs join work_results using (job_id)
where test_outcome = 'SURVIVED' order by start_pos_row
"""
OUTCOMES = """
select coalesce(test_outcome, worker_outcome), count(*) from work_results group by 1 order by 1
"""


def tests_beside(module: Path) -> list[Path]:
    """The test file of a module's name, or else the test folder of its package."""
    package, inside = Path(*module.parts[:2]), Path(*module.parts[4:])
    named = package / "tests" / inside.parent / f"test_{inside.stem.lstrip('_')}.py"
    return [named if (ROOT / named).exists() else named.parent]


def copy_tracked_files(folder: Path) -> None:
    """Copy both packages, as they are in the working tree, into a scratch folder."""
    listed = subprocess.run(
        ["git", "ls-files", "packages", "pyproject.toml"],  # noqa: S607  # the caller's git
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def check(module: Path, tests: list[Path], *, timeout: float) -> int:
    """Print every mutation of a module that survives its tests; how many there are."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_tracked_files(folder)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        command += [str(test) for test in tests]
        (folder / "mutations.toml").write_text(
            CONFIGURATION.format(
                module=json.dumps(str(module)),
                timeout=timeout,
                command=json.dumps(" ".join(command)),
            )
        )
        sources = [str(path) for path in folder.glob("packages/*/src")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sources),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NUMBA_DISABLE_JIT": "1",
        }

        def run(*arguments: str) -> None:
            subprocess.run(arguments, cwd=folder, env=environment, check=True)  # noqa: S603  # literals

        run("cosmic-ray", "init", "mutations.toml", "session.sqlite")
        run("cr-filter-operators", "session.sqlite", "mutations.toml")
        run("cosmic-ray", "baseline", "mutations.toml")
        run("cosmic-ray", "exec", "mutations.toml", "session.sqlite")
        with sqlite3.connect(folder / "session.sqlite") as session:
            survivors = session.execute(SURVIVORS).fetchall()
            outcomes = session.execute(OUTCOMES).fetchall()
    for line, operator, diff in survivors:
        print(f"{module}:{line} survives {operator}")
        changed = [row for row in diff.splitlines() if row[:1] in "+-"]
        print("\n".join(changed[2:]), end="\n\n")
    print("; ".join(f"{count} {outcome.lower()}" for outcome, count in outcomes))
    return len(survivors)


def main() -> int:
    """Check one module; exit code 1 where a mutation survives."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", type=Path, help="source file, from the repository's root")
    parser.add_argument("tests", type=Path, nargs="*", help="test files; by default those beside")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for one run of tests")
    arguments = parser.parse_args()
    tests = arguments.tests or tests_beside(arguments.module)
    return int(check(arguments.module, tests, timeout=arguments.timeout) > 0)


if __name__ == "__main__":
    sys.exit(main())
