"""Servers before a real S3 server that answer some requests themselves."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count


@dataclass
class FailingProxy:
    """Where it listens, and the paths of the writes that it failed."""

    port: int
    failed: list[str] = field(default_factory=list)


def _forward(handler: BaseHTTPRequestHandler, target: int, body: bytes) -> None:
    """Hand a request to the server behind, and its answer back."""
    there = HTTPConnection("127.0.0.1", target)
    there.request(handler.command, handler.path, body, dict(handler.headers))
    found = there.getresponse()
    content = found.read()
    handler.send_response(found.status)
    for name, value in found.getheaders():
        if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
            handler.send_header(name, value)
    # What a HEAD tells is the length of what a GET would answer.
    length = found.getheader("Content-Length") if handler.command == "HEAD" else len(content)
    handler.send_header("Content-Length", str(length or 0))
    handler.end_headers()
    handler.wfile.write(content)
    there.close()


def _refuse(handler: BaseHTTPRequestHandler, status: int) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@contextmanager
def _served(answer: "type[BaseHTTPRequestHandler]", port: int = 0) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", port), answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:  # as http.server
        self.answer()

    do_PUT = do_HEAD = do_POST = do_DELETE = do_GET  # noqa: N815  # as http.server

    def log_message(self, *_: object) -> None:
        pass

    @property
    def body(self) -> bytes:
        """What was sent."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))


@contextmanager
def failing_proxy(target: int, every: int = 10, port: int = 0) -> Iterator[FailingProxy]:
    """Fail one write of so many, by turns with status 503 and by a closed connection."""
    writes = count(1)
    proxy = FailingProxy(0)

    class Failing(_Handler):
        def answer(self) -> None:
            body = self.body
            if self.command != "PUT" or next(writes) % every:
                _forward(self, target, body)
                return
            proxy.failed.append(self.path)
            if len(proxy.failed) % 2:
                _refuse(self, 503)
            else:
                self.close_connection = True
                self.connection.close()

    with _served(Failing, port) as proxy.port:
        yield proxy


@contextmanager
def refusing_proxy(status: int) -> Iterator[int]:
    """Answer every request with one status; its port."""

    class Refusing(_Handler):
        def answer(self) -> None:
            _ = self.body
            _refuse(self, status)

    with _served(Refusing) as port:
        yield port


@contextmanager
def slow_proxy(target: int, seconds: float) -> Iterator[int]:
    """Answer each request so much later, as a store that is far away; its port."""

    class Slow(_Handler):
        def answer(self) -> None:
            time.sleep(seconds)
            _forward(self, target, self.body)

    with _served(Slow) as port:
        yield port
