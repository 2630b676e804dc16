"""Measure how fast the service starts and answers, how much it takes, and what overload does.

    python benchmarks/service_load.py [--run FOLDER] [--seconds 60] [--soak-minutes 10]

The service runs in a process of its own (``dropback serve``, one worker); this process sends the
load on loopback. Without ``--run`` one network of 64 channels, untrained and exported, is served:
the time of an answer does not depend on the weights. A play is 40 frames. A request for nothing
(``/healthz``) is the baseline: what socket, HTTP and scheduler take by themselves. The CPU time of
an answer, unlike its latency, hardly depends on what else the computer does. Service and client
each stay on a core of their own, the last and the first; with ``--free`` the system chooses.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import scipy.stats
import torch
import uvloop

from _service_clients import (
    HttpCrowd,
    LiveCrowd,
    Tally,
    WatchCrowd,
    ask,
    live_frame,
    live_socket,
    read_message,
)
from dropback import __version__
from dropback.data._tables import PlaySet
from dropback.live.feeds._wire import MESSAGE_PACK, frame_bytes
from dropback.models import PLAY_NETWORK, SequenceSettings
from dropback.models._model import PassModel
from dropback.models._network import build_network
from dropback.models._play_batches import tracking_schema
from dropback.models._store import RunRecord, write_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FRAMES = 40
SITUATION = {"line_of_scrimmage_x_yd": 35, "yards_to_goal": 75, "down": 1, "yards_to_go": 10}


def random_frames() -> NDArray[np.float32]:
    """22 players and the ball on random walks, to the hundredth as in files."""
    generator = np.random.default_rng(0)
    frames = np.empty((FRAMES, 23, 6), np.float32)
    walk = generator.normal(0, 0.3, (FRAMES, 23, 2)).cumsum(axis=0)
    frames[..., :2] = (generator.uniform((20, 8), (50, 45), (23, 2)) + walk).round(2)
    frames[..., 2] = generator.uniform(0, 8, (FRAMES, 23)).round(2)
    frames[..., 3] = generator.uniform(0, 3, (FRAMES, 23)).round(2)
    frames[..., 4:] = generator.uniform(0, 359, (FRAMES, 23, 2)).round(2)
    return frames


PLAY = random_frames()
BINARY_PLAY = msgspec.msgpack.encode(
    {"situation": SITUATION, "frames": frame_bytes(PLAY), "target_slot": 7, "yards": 8}
)
JSON_PLAY = json.dumps(
    {
        "situation": SITUATION,
        "frames": PLAY.astype(float).round(2).tolist(),
        "target_slot": 7,
        "yards": 8,
    }
).encode()


def live_message(**fields: object) -> bytes:
    """A message of a feed, as MessagePack."""
    return live_frame(msgspec.msgpack.encode(fields))


START = live_message(type="start", version=2, situation=SITUATION)
PUBLISHED = live_message(type="start", version=2, situation=SITUATION, publish=True, game="load")
LIVE_FRAMES = [
    live_message(type="frame", number=number, frame=frame_bytes(frame))
    for number, frame in enumerate(PLAY)
]
RELEASE = live_message(type="release", target_slot=7)
FORECAST = b"\xa8forecast"


def untrained(folder: Path, *, networks: int = 1, channels: int = 64) -> Path:
    """A run of networks with random weights and 4 levels."""
    sequence = SequenceSettings(channels=channels)
    settings = replace(
        PLAY_NETWORK, width=channels, folds=max(networks, 2), members=networks, sequence=sequence
    )
    schema = tracking_schema()
    members = tuple(
        build_network(settings, len(schema.names), seed=seed).eval() for seed in range(networks)
    )
    run = folder / f"run-{networks}"
    run.mkdir()
    write_run(
        run,
        PassModel(settings, schema, PlaySet.TARGETED, members, {"none": 0}),
        RunRecord(
            settings=settings,
            feature_names=schema.names,
            feature_digest=schema.digest,
            play_set=PlaySet.TARGETED.value,
            seasons=(),
            games="regular",
            plays=0,
            data_digest="",
            code_version=__version__,
            seed=0,
            best_epochs=(0,) * networks,
            longest_frames=FRAMES,
        ),
    )
    return run


def export(run: Path) -> None:
    """Write the graphs of a run, which the service then runs."""
    subprocess.run([sys.executable, "-m", "dropback", "export", str(run)], check=True)  # noqa: S603


def request(content: bytes, media_type: str) -> bytes:
    """A whole request for the score of a play."""
    head = (
        f"POST /v1/plays:score HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {media_type}\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


NOTHING = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
JSON = request(JSON_PLAY, "application/json")
BINARY = request(BINARY_PLAY, MESSAGE_PACK)


@dataclass
class Served:
    """The service's process."""

    port: int
    process: subprocess.Popen[bytes]
    started: float
    """On the monotonic clock."""
    ready_s: float = 0.0
    """From the start of the process until it answered."""
    ready_cpu_s: float = 0.0
    """CPU time until then."""

    def note_ready(self) -> None:
        """Record that it has answered."""
        self.ready_s = time.monotonic() - self.started
        self.ready_cpu_s = self.cpu_s()

    def cpu_s(self) -> float:
        """CPU time that it has used, seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Memory that it holds, megabytes."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


@contextlib.contextmanager
def served(run: Path, log: Path, engine: str | None, core: int | None = None) -> Iterator[Served]:
    """The service of a run, on a free port, and on one core where one is named."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dropback", "serve", str(run), "--port", str(port)]
    if engine is not None:
        command += ["--engine", engine]
    if core is not None:
        command += ["--core", str(core)]
    started = time.monotonic()
    with log.open("wb") as lines, subprocess.Popen(command, stderr=lines) as process:  # noqa: S603
        try:
            until = time.monotonic() + 120
            while True:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until
                # It is bound before it is loaded: what counts is an answer.
                with (
                    contextlib.suppress(OSError),
                    socket.create_connection(("127.0.0.1", port), timeout=1) as sock,
                ):
                    ask(sock, NOTHING)
                    break
                time.sleep(0.02)
            service = Served(port, process, started)
            service.note_ready()
            yield service
        finally:
            process.terminate()
            process.wait(60)


def import_cpu_s() -> float:
    """CPU seconds that a process takes to start and import what the service needs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    imports = "import dropback.cli, dropback.service._server, onnxruntime"
    subprocess.run([sys.executable, "-c", imports], check=True)  # noqa: S603
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cores(*, free: bool) -> tuple[int, int] | None:
    """Core of the client and core of the service, None where they are not kept apart."""
    if free or not hasattr(os, "sched_getaffinity"):
        return None
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[-1]) if len(usable) > 1 else None


def quantiles(seconds: list[float]) -> str:
    """Median and 99th percentile."""
    if not seconds:
        return "no answer"
    p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1e3
    return f"{p50:.2f} / {p99:.2f} ms"


def quantiles_of(tally: Tally) -> str:
    """The same, of the plays that were answered."""
    return quantiles(tally.seconds.get(200, []))


def one_at_a_time(port: int, message: bytes, times: int) -> list[float]:
    """Seconds from the first byte out to the last byte in, one request after another."""
    taken = []
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(times):
            started = time.perf_counter()
            answer = ask(sock, message)
            taken.append(time.perf_counter() - started)
            assert answer.startswith(b"HTTP/1.1 200"), answer
    return taken[times // 10 :]


def live_one(port: int, plays: int) -> list[float]:
    """Seconds from a frame to its forecast, one play after another on one socket."""
    taken = []
    with live_socket(port) as live:
        for _ in range(plays):
            live.sendall(START)
            read_message(live)
            for frame in LIVE_FRAMES:
                started = time.perf_counter()
                live.sendall(frame)
                answer = read_message(live)
                taken.append(time.perf_counter() - started)
                assert FORECAST in answer[:20], answer
            live.sendall(RELEASE)
            read_message(live)
    return taken[len(taken) // 10 :]


async def offered(crowd: HttpCrowd, per_s: float, seconds: float) -> Tally:
    """Ask at a rate, whatever the answers."""
    started = time.perf_counter()
    for number in range(int(per_s * seconds)):
        due = started + number / per_s
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        elif number % 32 == 0:
            await asyncio.sleep(0)
        crowd.ask(min(due, time.perf_counter()))  # a timer may be a little early
    return await crowd.all_answered()


async def overload(port: int, per_s: float, seconds: float) -> tuple[Tally, float]:
    """More than can be done; then seconds until a play is answered in 50 ms again."""
    tally = await offered(HttpCrowd(port, BINARY), per_s, seconds)
    ended = time.perf_counter()
    while True:
        due = time.perf_counter()
        after = await offered(HttpCrowd(port, BINARY), 1, 1)
        if after.count(200) and after.seconds[200][0] < 0.05:
            return tally, due - ended


async def live_many(port: int, plays: int, seconds: float) -> LiveCrowd:
    """Plays at ten frames a second."""
    crowd = LiveCrowd(port, plays, START, LIVE_FRAMES, FORECAST)
    await crowd.run(seconds)
    return crowd


async def watched(port: int, watchers: int, feeds: int, seconds: float) -> tuple[LiveCrowd, float]:
    """Published plays at ten frames a second under the eyes of watchers: what the feeds wait for.

    Returns:
        The feeds, and the frames a second that the slowest watcher was sent, as its share of those
        that the fastest was sent.
    """
    async with WatchCrowd(port, watchers) as crowd:
        live = LiveCrowd(port, feeds, PUBLISHED, LIVE_FRAMES, FORECAST)
        await live.run(seconds)
        await asyncio.sleep(0.5)
        read = crowd.bytes_each
        return live, min(read) / max(read)


async def soak(service: Served, minutes: int, per_s: float, plays: int) -> None:
    """Plays and live plays together for minutes; print what memory the service has at each."""
    load = asyncio.gather(
        offered(HttpCrowd(service.port, BINARY), per_s, 60 * minutes),
        live_many(service.port, plays, 60 * minutes),
    )
    held = [service.resident_mb()]
    print(f"soak, {per_s:g} plays a second and {plays} live plays: {held[0]:.1f} MB at first")
    for minute in range(1, minutes + 1):
        await asyncio.sleep(60)
        held.append(service.resident_mb())
        print(f"  after minute {minute}: {held[-1]:.1f} MB", flush=True)
    tally, live = await load
    answers = ", ".join(f"{len(of)} with {status}" for status, of in sorted(tally.seconds.items()))
    print(
        f"  {tally.offered:,} plays: {answers}, {tally.unanswered} lost, {quantiles_of(tally)}; "
        f"{len(live.seconds):,} frames, {len(live.refused)} refused, {quantiles(live.seconds)}"
    )
    if minutes > 3:  # a line has two parameters, and the first minute fills pools
        slope, reach = slope_of(np.array(held[1:]))
        print(
            f"  slope from minute 1 on: {slope:+.3f} MB a minute "
            f"(95% interval {slope - reach:+.3f} to {slope + reach:+.3f})"
        )


def slope_of(values: NDArray[np.float64]) -> tuple[float, float]:
    """Slope of the least-squares line a step, and half its 95% interval by Student's t."""
    steps = np.arange(len(values)) - (len(values) - 1) / 2
    slope = float(steps @ values / (steps @ steps))
    left = values - values.mean() - slope * steps
    freedom = len(values) - 2
    error = np.sqrt(left @ left / freedom / (steps @ steps))
    return slope, float(scipy.stats.t.ppf(0.975, freedom) * error)


def measure(arguments: argparse.Namespace, service: Served) -> None:
    """Print a row a figure."""
    port, seconds = service.port, arguments.seconds

    def row(what: str, goal: str, found: str) -> None:
        print(f"| {what} | {goal} | {found} |", flush=True)

    print("| what | goal, p50 / p99 | measured |\n|---|---|---|")
    imports_s = import_cpu_s()
    found = (
        f"{service.ready_cpu_s - imports_s:.1f} s of CPU time after {imports_s:.1f} s of imports, "
        f"in all {service.ready_s:.1f} s"
    )
    row("ready", "5 s after its imports", found)
    for name, message, goal in (
        ("a request for nothing", NOTHING, "baseline"),
        ("one play at a time, JSON", JSON, "3 / 8 ms"),
        ("one play at a time, MessagePack", BINARY, "3 / 8 ms"),
    ):
        before = service.cpu_s()
        taken = one_at_a_time(port, message, arguments.times)
        cpu_ms = 1e3 * (service.cpu_s() - before) / arguments.times
        row(name, goal, f"{quantiles(taken)}, {cpu_ms:.2f} ms of CPU time")
    before = service.cpu_s()
    taken = live_one(port, arguments.times // FRAMES)
    cpu_ms = 1e3 * (service.cpu_s() - before) / arguments.times
    found = f"{quantiles(taken)}, {cpu_ms:.2f} ms of CPU time"
    row("live socket, frame to distribution", "below 20 ms", found)
    tally = uvloop.run(offered(HttpCrowd(port, BINARY), 500, seconds))
    failed = tally.offered - tally.count(200)
    found = f"{failed} of {tally.offered:,} failed, {quantiles_of(tally)}"
    row(f"500 plays a second for {seconds} s, MessagePack", "no error", found)
    live = uvloop.run(live_many(port, 64, seconds / 3))
    found = f"{quantiles(live.seconds)} over {len(live.seconds):,} frames"
    row("64 live plays at 10 Hz", "p99 < 10 ms", f"{found}, {len(live.refused)} refused")
    for watchers in (0, arguments.watchers):
        feeds, share = (
            uvloop.run(watched(port, watchers, 1, seconds / 3))
            if watchers
            else (uvloop.run(live_many(port, 1, seconds / 3)), 1.0)
        )
        found = f"{quantiles(feeds.seconds)} over {len(feeds.seconds):,} frames"
        if watchers:
            found += f"; the watcher who was sent least had {share:.0%} of the most"
        goal = "p99 < 20 ms" if watchers else "baseline"
        row(f"a feed's round trip with {watchers} watchers", goal, found)
    if arguments.soak_minutes:
        plays, live_plays = arguments.soak_plays, arguments.soak_live
        uvloop.run(soak(service, arguments.soak_minutes, plays, live_plays))


def measure_overload(service: Served) -> None:
    """Print what becomes of five times the plays that the service can do.

    It serves what `train` makes, five networks of 128 channels, in torch: one of 64 does more plays
    than a client on a core of its own can ask for.
    """
    port = service.port
    taken = one_at_a_time(port, BINARY, 400)
    per_s = round(5 / float(np.median(taken)), -2)
    tally, recovered = uvloop.run(overload(port, per_s, 10))
    lost = tally.offered - tally.count(200) - tally.count(503)
    print(
        f"| {per_s:,.0f} plays a second for 10 s, five times what is done one at a time, of five "
        f"networks of 128 channels | 429 or 503, none lost, recovers in 1 s | "
        f"{tally.count(200):,} answered ({quantiles_of(tally)}), {tally.count(503):,} refused with "
        f"503 ({quantiles(tally.seconds.get(503, []))}), {lost} lost; a play in 50 ms again after "
        f"{recovered:.2f} s |"
    )


def main() -> None:
    """Serve, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="What to serve; untrained by default.")
    parser.add_argument("--engine", help="As of `dropback serve`.")
    parser.add_argument("--times", type=int, default=4000, help="Requests one at a time.")
    parser.add_argument("--seconds", type=int, default=60, help="Of the steady load.")
    parser.add_argument("--watchers", type=int, default=600, help="watchers of a live play")
    parser.add_argument("--no-overload", action="store_true", help="Leave the overload out.")
    parser.add_argument("--soak-minutes", type=int, default=0, help="0 leaves the soak out.")
    parser.add_argument("--soak-plays", type=float, default=100, help="A second, in the soak.")
    parser.add_argument("--soak-live", type=int, default=32, help="Live plays, in the soak.")
    parser.add_argument("--free", action="store_true", help="Keep nothing on a core.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work:
        run = arguments.run
        if run is None:
            run = untrained(Path(work))
            if arguments.engine != "torch":
                export(run)
        # A pause of this process would be taken for one of the service.
        gc.collect()
        gc.freeze()
        gc.disable()
        kept = cores(free=arguments.free)
        where = "both on any core"
        if kept is not None:
            where = f"client on core {kept[0]}, service on core {kept[1]} (--core)"
        load = os.getloadavg()[0]
        print(f"{os.cpu_count()} cores, {where}; others' load before: {load:.1f}\n")
        core = None if kept is None else kept[1]
        every = os.sched_getaffinity(0)
        rounds = [(run, partial(measure, arguments))]
        if not arguments.no_overload:
            rounds.append((untrained(Path(work), networks=5, channels=128), measure_overload))
        for served_run, ask_of in rounds:
            os.sched_setaffinity(0, every)  # what is started here may use the same cores
            log = Path(work) / "service.log"
            with served(served_run, log, arguments.engine, core) as service:
                if kept is not None:
                    for thread in Path("/proc/self/task").iterdir():
                        os.sched_setaffinity(int(thread.name), {kept[0]})
                ask_of(service)


if __name__ == "__main__":
    main()
