"""Run the command line: each command parses, calls one library function, and prints."""

from __future__ import annotations

import os
import sys

from dropback.cli._app import app, command
from dropback.cli._console import errors
from dropback.errors import DropbackError, TaskError

__all__ = ["app", "main"]

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main() -> None:
    """Run the command line; bad input prints one sentence and exits with 2.

    Where tasks failed for good and the others are done, it exits with 1.
    """
    # Before torch is imported. The networks are small: a second thread makes training 1.2 times
    # as fast on an idle machine, and several times slower where other work holds the other core.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        command()(standalone_mode=True)
    except DropbackError as error:
        errors.print(f"error: {error}", style="bold red", soft_wrap=True, markup=False)
        sys.exit(1 if isinstance(error, TaskError) else 2)
    except SystemExit as stopped:
        # Typer turns Ctrl-C into this exit code and says nothing.
        if stopped.code == _INTERRUPTED:
            errors.print(
                "Interrupted. No half-written file is left. Run the same command again: 'train' "
                "resumes from its last epoch, 'seasons' from its last fit, 'ingest' and "
                "'features' after the files that were finished."
            )
        raise
