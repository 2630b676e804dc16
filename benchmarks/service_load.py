"""How fast the service answers, how much it takes, and what it does when asked for more.

    python benchmarks/service_load.py [--run FOLDER] [--seconds 60] [--soak-minutes 10]

The service runs in a process of its own (``dropback serve``, one worker); this one asks, on
loopback. Without ``--run`` the networks are untrained, of the sizes that are trained by default:
the time of an answer does not depend on the weights. A play is 40 frames.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from websockets.asyncio.client import connect

from dropback.live import PlayFrames, Situation
from dropback.live.export import export_onnx
from dropback.play_network.columns import FRAME_COLUMNS
from dropback.service.codec import PLAY_MEDIA_TYPE, encode_frame, encode_play
from splicedpareto.networks import DistributionNetwork, SequenceEncoder, SplicedBinnedParetoHead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FRAMES = 40
SITUATION = Situation(line_of_scrimmage_x_yd=35, yards_to_goal=75, down=1, yards_to_go=10)
START = json.dumps(
    {
        "type": "start",
        "version": 1,
        "situation": {"line_of_scrimmage_x_yd": 35, "yards_to_goal": 75, "down": 1},
    }
)


def made_frames() -> NDArray[np.float32]:
    """22 men and the ball who walk about, to the hundredth as files have them."""
    generator = np.random.default_rng(0)
    made = np.empty((FRAMES, 23, 6), np.float32)
    walk = generator.normal(0, 0.3, (FRAMES, 23, 2)).cumsum(axis=0)
    made[..., :2] = (generator.uniform((20, 8), (50, 45), (23, 2)) + walk).round(2)
    made[..., 2] = generator.uniform(0, 8, (FRAMES, 23)).round(2)
    made[..., 3] = generator.uniform(0, 3, (FRAMES, 23)).round(2)
    made[..., 4:] = generator.uniform(0, 359, (FRAMES, 23, 2)).round(2)
    return made


PLAY = made_frames()
BINARY = encode_play(PlayFrames(SITUATION, PLAY, 7), yards=8)
JSON = json.dumps(
    {
        "situation": {"line_of_scrimmage_x_yd": 35, "yards_to_goal": 75, "down": 1},
        "frames": PLAY.astype(float).round(2).tolist(),
        "target_slot": 7,
        "yards": 8,
    }
).encode()


def untrained(folder: Path) -> Path:
    """An export of a network with random weights."""
    torch.manual_seed(0)
    encoder = SequenceEncoder(len(FRAME_COLUMNS), 8, 64, 64)
    head = SplicedBinnedParetoHead(64, torch.arange(-50, 102) - 0.5, lower_mass=0.01)
    encoder.standardize.scale.fill_(10.0)
    encoder.standardize_static.scale.fill_(30.0)
    export_onnx([DistributionNetwork(encoder, head).eval()], folder / "export")
    return folder / "export"


def request(content: bytes, media_type: str, port: int) -> bytes:
    """A whole request as bytes."""
    head = (
        f"POST /v1/plays:score HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"content-type: {media_type}\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


@dataclass
class Served:
    """The service's process."""

    port: int
    process: subprocess.Popen[bytes]

    def resident_mb(self) -> float:
        """Memory that it holds, megabytes."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


@contextlib.contextmanager
def served(run: Path, log: Path) -> Iterator[Served]:
    """The service of a run, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dropback", "serve", str(run), "--port", str(port)]
    with log.open("wb") as lines, subprocess.Popen(command, stderr=lines) as process:  # noqa: S603
        try:
            until = time.monotonic() + 120
            while True:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            yield Served(port, process)
        finally:
            process.terminate()
            process.wait(60)


def quantiles(seconds: list[float]) -> str:
    """Median and 99th percentile."""
    p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1e3
    return f"{p50:.2f} / {p99:.2f} ms"


def one_at_a_time(port: int, message: bytes, times: int) -> list[float]:
    """Seconds from the first byte out to the last byte in, one request after another."""
    taken = []
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(times):
            started = time.perf_counter()
            sock.sendall(message)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += sock.recv(1 << 16)
            head, _, body = answer.partition(b"\r\n\r\n")
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            while len(body) < length:
                body += sock.recv(1 << 16)
            taken.append(time.perf_counter() - started)
            assert head.startswith(b"HTTP/1.1 200"), answer
    return taken[times // 10 :]


async def live_one(port: int, plays: int) -> list[float]:
    """Seconds from a frame to its forecast, one play after another on one socket."""
    taken = []
    async with connect(f"ws://127.0.0.1:{port}/v1/live", compression=None) as live:
        for _ in range(plays):
            await live.send(START)
            await live.recv()
            for number, frame in enumerate(PLAY):
                message = encode_frame(number, frame)
                started = time.perf_counter()
                await live.send(message)
                answer = await live.recv()
                taken.append(time.perf_counter() - started)
                assert answer.startswith('{"type":"forecast"'), answer
            await live.send('{"type":"release","target_slot":7,"yards":8}')
            await live.recv()
    return taken[len(taken) // 10 :]


@dataclass
class Tally:
    """What came of requests: seconds from when each was due, by status."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    offered: int = 0
    unanswered: int = 0

    def add(self, status: int, seconds: float) -> None:
        """Note an answer."""
        self.seconds.setdefault(status, []).append(seconds)

    def count(self, status: int) -> int:
        """Answers of a status."""
        return len(self.seconds.get(status, []))


# Four times the queue of the service, and half the sockets that it takes.
_SOCKETS = 1000


class Connections:
    """Sockets that ask one thing at a time each."""

    def __init__(self, port: int, message: bytes) -> None:
        self._port, self._message = port, message
        self._may_open = asyncio.Semaphore(_SOCKETS)
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, due: float, tally: Tally) -> None:
        """Ask once, when a socket is free or may be opened."""
        tally.offered += 1
        async with self._may_open:
            try:
                pair = self._free.pop() if self._free else await self._open()
                reader, writer = pair
                writer.write(self._message)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                tally.add(int(head[9:12]), time.perf_counter() - due)
                self._free.append(pair)
            except (OSError, asyncio.IncompleteReadError):
                tally.unanswered += 1

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)

    def close(self) -> None:
        """Close the sockets that are free: all, once everything was answered."""
        for _, writer in self._free:
            writer.close()


async def offered(port: int, message: bytes, per_s: float, seconds: float) -> Tally:
    """Ask at a rate, whatever the answers: seconds count from when a request was due."""
    connections, tally = Connections(port, message), Tally()
    started = time.perf_counter()
    asked: set[asyncio.Task[None]] = set()
    for number in range(int(per_s * seconds)):
        due = started + number / per_s
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        elif number % 32 == 0:
            await asyncio.sleep(0)
        task = asyncio.create_task(connections.ask(due, tally))
        asked.add(task)
        task.add_done_callback(asked.discard)
    await asyncio.gather(*asked)
    connections.close()
    return tally


async def overload(port: int, per_s: float, seconds: float) -> tuple[Tally, float]:
    """More than can be done; then seconds until a play is answered in 10 ms again."""
    message = request(BINARY, PLAY_MEDIA_TYPE, port)
    tally = await offered(port, message, per_s, seconds)
    ended = time.perf_counter()
    while True:
        after = Tally()
        due = time.perf_counter()
        connections = Connections(port, message)
        await connections.ask(due, after)
        connections.close()
        if after.count(200) and after.seconds[200][0] < 0.01:
            return tally, due - ended


async def live_many(port: int, plays: int, seconds: float) -> list[float]:
    """Seconds from each frame to its forecast, plays at ten frames a second, starts spread."""

    async def one(place: int) -> list[float]:
        taken = []
        await asyncio.sleep(0.1 * place / plays)
        async with connect(f"ws://127.0.0.1:{port}/v1/live", compression=None) as live:
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                await live.send(START)
                await live.recv()
                due = time.perf_counter()
                for number, frame in enumerate(PLAY):
                    due += 0.1
                    await asyncio.sleep(max(0.0, due - time.perf_counter()))
                    started = time.perf_counter()
                    await live.send(encode_frame(number, frame))
                    await live.recv()
                    taken.append(time.perf_counter() - started)
        return taken

    return [second for taken in await asyncio.gather(*map(one, range(plays))) for second in taken]


async def soak(service: Served, minutes: int) -> list[float]:
    """Resident megabytes at the start and after each minute of plays and live plays together."""
    message = request(BINARY, PLAY_MEDIA_TYPE, service.port)
    held = [service.resident_mb()]
    for _ in range(minutes):
        tally, _ = await asyncio.gather(
            offered(service.port, message, 200, 60), live_many(service.port, 32, 58)
        )
        assert not tally.unanswered
        held.append(service.resident_mb())
    return held


def measure(service: Served, arguments: argparse.Namespace) -> None:
    """Print a row a figure."""
    port = service.port

    def row(what: str, goal: str, found: str) -> None:
        print(f"| {what} | {goal} | {found} |", flush=True)

    print("| what | goal, p50 / p99 | measured |\n|---|---|---|")
    for name, content, media_type, goal in (
        ("JSON", JSON, "application/json", "1.5 / 4 ms"),
        ("binary", BINARY, PLAY_MEDIA_TYPE, "0.8 / 2 ms"),
    ):
        taken = one_at_a_time(port, request(content, media_type, port), arguments.times)
        row(f"one play at a time, {name}", goal, quantiles(taken))
    taken = asyncio.run(live_one(port, arguments.times // FRAMES))
    row("live socket, frame to distribution", "0.5 / 2 ms", quantiles(taken))
    message = request(BINARY, PLAY_MEDIA_TYPE, port)
    tally = asyncio.run(offered(port, message, 500, arguments.seconds))
    failed = tally.offered - tally.count(200)
    found = f"{failed} of {tally.offered:,} failed, {quantiles(tally.seconds[200])}"
    row(f"500 plays a second for {arguments.seconds} s, binary", "no error", found)
    taken = asyncio.run(live_many(port, 64, arguments.seconds / 3))
    found = f"{quantiles(taken)} over {len(taken):,} frames"
    row("64 live plays at 10 Hz", "p99 < 10 ms", found)
    tally, recovered = asyncio.run(overload(port, 2500, 10))
    lost = tally.offered - tally.count(200) - tally.count(503)
    row(
        "2,500 plays a second offered for 10 s",
        "429 or 503, none lost, recovers in 1 s",
        f"{tally.count(200):,} answered ({quantiles(tally.seconds[200])}), {tally.count(503):,} "
        f"refused with 503, {lost} lost; a play in 10 ms again after {recovered:.2f} s",
    )
    if arguments.soak_minutes:
        held = asyncio.run(soak(service, arguments.soak_minutes))
        row(
            f"memory over {arguments.soak_minutes} minutes, 200 plays a second and 32 live plays",
            "flat",
            f"{held[0]:.0f} MB at first, then by the minute "
            + ", ".join(f"{value:.0f}" for value in held[1:]),
        )


def main() -> None:
    """Serve, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="Run or export to serve; untrained by default.")
    parser.add_argument("--times", type=int, default=4000, help="Requests one at a time.")
    parser.add_argument("--seconds", type=int, default=60, help="Of the steady load.")
    parser.add_argument("--soak-minutes", type=int, default=0, help="0 leaves the soak out.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work:
        run = arguments.run or untrained(Path(work))
        with served(run, Path(work) / "service.log") as service:
            measure(service, arguments)


if __name__ == "__main__":
    main()
