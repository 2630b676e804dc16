"""A job of some slow tasks, as a process: EXECUTOR STORE COUNT SECONDS; tells each that is done."""

import sys
from pathlib import Path

from dropback.execution import Task, open_executor, run_tasks
from examples import tasks


def main() -> None:
    executor, store = sys.argv[1:3]
    count, seconds = int(sys.argv[3]), float(sys.argv[4])
    some = slow_squares(count, seconds)
    with open_executor(executor) as (opened, needs):
        for task, done in run_tasks(opened, some, store, needs=needs):
            tell("done" if done.fresh else "found", task.label)
    written = [(Path(store) / task.name / "square.txt").read_text() for task in some]
    tell("right" if written == [str(number**2) for number in range(count)] else "wrong")


def tell(*words: str) -> None:
    """To whoever started this."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def slow_squares(count: int, seconds: float) -> list[Task]:
    """Tasks that take a while each."""
    return [
        Task(f"number {number}", tasks.slow_square, (number, seconds)) for number in range(count)
    ]


# Processes that are spawned import this file too.
if __name__ == "__main__":
    main()
