"""A service as its clients meet it: itself, or nginx by the example of ``deploy/``."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from examples.service import Address

DEPLOY = Path(__file__).parents[4] / "deploy"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
WHY_NOT = "nginx is not installed"
NAME = "scores.example.org"

_MAIN = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    lingering_timeout 1s;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True)
class Front:
    """What a client meets: the service, or nginx before it."""

    name: str
    port: int
    prefix: str
    tls: ssl.SSLContext | None
    address: Address

    @property
    def url(self) -> str:
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}{self.prefix}"

    def socket_url(self, path: str) -> str:
        scheme = "ws" if self.tls is None else "wss"
        return f"{scheme}://127.0.0.1:{self.port}{self.prefix}{path}"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, verify=self.tls or False)

    def connect(self) -> socket.socket:
        """A raw connection, its TLS done."""
        sock: Any = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return sock if self.tls is None else self.tls.wrap_socket(sock, server_hostname=NAME)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def nginx_before(address: Address, folder: Path, *, seconds: int = 1) -> Iterator[Front]:
    """nginx by the example, its waits as short as tests need them."""
    assert NGINX is not None
    subprocess.run(  # noqa: S603  # a program of the system
        ["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={NAME}",
         "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    port = free_port()
    site = (DEPLOY / "nginx.conf").read_text()
    for old, new in (
        ("server dropback:8080;", f"server 127.0.0.1:{address.port};"),
        ("listen 8443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/nginx/certificates/fullchain.pem", str(folder / "cert.pem")),
        ("/etc/nginx/certificates/privkey.pem", str(folder / "key.pem")),
        ("timeout 10s", f"timeout {seconds}s"),
        ("timeout   10s", f"timeout {seconds}s"),
        ("timeout          10s", f"timeout {seconds}s"),
    ):
        assert old in site, old
        site = site.replace(old, new)
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603
    tls = ssl.create_default_context(cafile=folder / "cert.pem")
    front = Front("nginx", port, "/ngs", tls, address)
    try:
        until = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), front.connect():
                break
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.02)
        yield front
    finally:
        process.terminate()
        process.wait(10)
