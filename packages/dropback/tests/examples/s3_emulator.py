"""moto's S3 server, whose conditional writes are made as whole as those of S3.

moto looks whether an object is there and then writes it, so that two of several threads may create
one: with threads switched every microsecond, 18 of 300 objects that eight threads created.
"""

import sys
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple


class OneWriteAtATime:
    """An application whose conditional writes wait for each other."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application, self._writing = application, Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if "HTTP_IF_NONE_MATCH" not in environ and "HTTP_IF_MATCH" not in environ:
            return self._application(environ, start)
        with self._writing:
            return list(self._application(environ, start))


if __name__ == "__main__":
    backends = DomainDispatcherApplication(create_backend_app)
    run_simple("127.0.0.1", int(sys.argv[1]), OneWriteAtATime(backends), threaded=True)
