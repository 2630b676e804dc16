"""On the path of worker processes: the file whose name stands in ``DEADLY`` kills its reader.

Python imports this when it starts. ``DEADLY`` is the path of a text file.
"""

import os
import signal
import sys
from pathlib import Path

# The command lines of workers: of Ray, of Dask with a nanny and without, of `processes`.
_WORKERS = ("default_worker.py", "dask_worker", "--multiprocessing-fork")


def _arm() -> None:
    from dropback.tracking.ingest import _parts as parts  # noqa: PLC0415  # in workers alone

    read = parts.read_file

    def read_or_die(source, *rest, **more):  # as `read_file`
        if source.path.name == Path(os.environ["DEADLY"]).read_text():
            os.kill(os.getpid(), signal.SIGKILL)
        return read(source, *rest, **more)

    parts.read_file = read_or_die


if any(mark in word for mark in _WORKERS for word in sys.orig_argv):
    _arm()
