"""Workers that answer with their number and load nothing, so that a test can start a dozen."""

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any


def answer_by_number(settings: Any, listener: socket.socket, told: Any) -> None:
    """Answer each connection with the process's number; finish what was accepted on SIGTERM."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    if (Path(settings.root) / "broken").exists():
        sys.exit(3)
    listener.settimeout(0.02)
    told.send("ready")
    while not stopping:
        try:
            taken, _ = listener.accept()
        except TimeoutError:
            continue
        with taken:
            if taken.recv(100) == b"die":
                os._exit(1)
            taken.sendall(str(os.getpid()).encode())
