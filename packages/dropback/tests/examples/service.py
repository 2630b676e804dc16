"""Serve untrained networks, invented plays and hand-built scores."""

import asyncio
import contextlib
import dataclasses
import functools
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import nn

from dropback.live import PlayContext
from dropback.live.feeds._wire import frame_bytes
from dropback.models._frame_columns import FRAME_COLUMNS
from dropback.service._access import Access
from dropback.service._app import LOOPBACK_NAMES, Service
from dropback.service._keys import ROLES, KeyRing, add_key, read_keys
from dropback.service._limits import Limits
from dropback.service._server import bind, make_server
from examples.scored_plays import table, throws
from splicedpareto.nn import DistributionNetwork, SequenceEncoder, SplicedBinnedParetoHead

SITUATION = PlayContext(line_of_scrimmage_x_yd=35, yards_to_goal=75, down=1, yards_to_go=10)
OPERATIONS = [
    ("get", "/asyncapi.json"),
    ("get", "/healthz"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
    ("get", "/readyz"),
    ("get", "/v1"),
    ("get", "/v1/browse"),
    ("get", "/v1/compare"),
    ("get", "/v1/forecasts"),
    ("get", "/v1/leaderboard"),
    ("get", "/v1/live/games"),
    ("get", "/v1/live/plays"),
    ("get", "/v1/passers"),
    ("get", "/v1/passers/{passer}"),
    ("get", "/v1/passers/{passer}/card"),
    ("get", "/v1/passers/{passer}/detail"),
    ("get", "/v1/plays"),
    ("get", "/v1/plays/{game}/{play}"),
    ("get", "/v1/plays/{game}/{play}/card"),
    ("get", "/v1/splits"),
    ("get", "/v1/teams"),
    ("post", "/v1/plays:score"),
]

SITUATION_JSON = {
    "line_of_scrimmage_x_yd": 35,
    "yards_to_goal": 75,
    "down": 1,
    "yards_to_go": 10,
}
START = {"type": "start", "version": 2, "situation": SITUATION_JSON}


def frame_message(number: int, frame: NDArray[np.float32]) -> bytes:
    """A frame as MessagePack."""
    message = {"type": "frame", "number": number, "frame": frame_bytes(frame)}
    return msgspec.msgpack.encode(message)


def network(seed: int, *, std: float) -> DistributionNetwork:
    """A small network whose weights nearly all inputs move."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        encoder = SequenceEncoder(len(FRAME_COLUMNS), 8, 6, 8)
        head = SplicedBinnedParetoHead(8, torch.arange(-50, 102) - 0.5, lower_mass=0.01)
        nn.init.normal_(head.linear.weight, std=std)
        encoder.standardize.scale.fill_(10.0)
        encoder.standardize_static.scale.fill_(30.0)
    return DistributionNetwork(encoder, head).eval()


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that is a coroutine, run to its end."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(test(**fixtures))

    return run


def frames(count: int = 12, *, seed: int = 0) -> NDArray[np.float32]:
    """22 players and the ball on random walks."""
    generator = np.random.default_rng(seed)
    values = np.empty((count, 23, 6), np.float32)
    start = generator.uniform((20, 5), (50, 48), (23, 2))
    walk = generator.normal(0, 0.3, (count, 23, 2)).cumsum(axis=0)
    values[..., :2] = (start + walk).round(2)
    values[..., 2] = generator.uniform(0, 8, (count, 23)).round(2)
    values[..., 3] = 0.5
    values[..., 4:] = generator.uniform(0, 359, (count, 23, 2)).round(2)
    return values


def body(count: int = 12, **more: Any) -> dict[str, Any]:
    """A whole play as JSON."""
    return {
        "situation": SITUATION_JSON,
        "frames": frames(count).astype(float).round(2).tolist(),
        "target_slot": 7,
        "yards": 8,
        **more,
    }


def scores() -> pl.DataFrame:
    """Three passers over two seasons, a dozen throws each."""
    generator = np.random.default_rng(1)
    plays = []
    number = 0
    for passer, skill in (("00-A", 0.55), ("00-B", 0.5), ("00-C", 0.45)):
        for season in (2020, 2021):
            for game in (1, 2):
                values = (skill + generator.uniform(-0.4, 0.4, 6)).clip(0, 1).tolist()
                for play in throws(passer, values, season=season, defteam="BUF", down=1):
                    number += 1
                    play["game_id"] = f"{season}_{game:02d}_KC_BUF"
                    play["play_id"] = number
                    play["mid_cdf"] = play["play_score"]
                    play["air_yards"] = 25 if number % 3 == 0 else 5
                    play["outcome"] = "yards"
                    plays.append(play)
    return table(plays)


@dataclass(frozen=True)
class Address:
    """Where a service listens."""

    port: int
    server: Any

    @property
    def connections(self) -> set[Any]:
        """The open connections."""
        return self.server.config.http_protocol_class.connections

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def live(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/live"

    @property
    def wire(self) -> Any:
        """What the application was wrapped in."""
        return self.server.config.loaded_app

    def get(self, path: str) -> httpx.Response:
        with session(self) as client:
            return client.get(path)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)


@contextlib.contextmanager
def listening(
    service: Service, wrap: Callable[[Any], Any] = lambda app: app, **options: Any
) -> Iterator[Address]:
    """The service on a free port, in a thread."""
    server = make_server(service, **options)
    server.config.loaded_app = wrap(server.config.loaded_app)
    with bind("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield Address(listener.getsockname()[1], server)
        finally:
            server.should_exit = True
            thread.join(timeout=30)
            assert not thread.is_alive()


def session(address: Address) -> httpx.Client:
    """A client of a listening service; reading the certificates of the world takes 30 ms."""
    # A picture takes seconds where the machine is shared.
    return httpx.Client(base_url=address.url, trust_env=False, verify=False, timeout=30)  # noqa: S501


# Short, so that a test of a time limit waits little.
SHORT_LIMITS = Limits(
    header_s=0.4,
    body_s=0.4,
    write_s=0.4,
    live_idle_s=5.0,
    resume_s=1.0,
    keep_alive_s=1,
    shutdown_s=5,
)


class PausedPredictor:
    """Networks that wait until the test allows them to proceed, and record their batches."""

    def __init__(self, networks):
        self._networks = networks
        self.start = networks.start
        self.proceed = threading.Event()
        self.batches = []

    def forecast_many(self, plays):
        self.proceed.wait(10)
        self.batches.append(len(plays))
        return self._networks.forecast_many(plays)

    def push_many(self, frames):
        self.proceed.wait(10)
        self.batches.append(-len(frames))
        return self._networks.push_many(frames)


@contextlib.contextmanager
def client_of(service):
    """A client of the service on a port of its own."""
    with listening(service) as address, session(address) as client:
        yield client


def problem(response: httpx.Response, status: int) -> str:
    """The sentence of a problem, which shows no path and no trace."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    answer = response.json()
    assert answer["status"] == status
    assert "Traceback" not in answer["detail"]
    assert "dropback/" not in answer["detail"]
    return answer["detail"]


def keyed(service: Service, file: Path, **key: Any) -> tuple[Service, str]:
    """The service with a file of keys, and its one key, which may do everything."""
    secret = add_key(file, "desk", **{"roles": ROLES, **key})
    return with_access(service, keys=KeyRing(read_keys(file), file)), secret


def with_access(service: Service, **access: Any) -> Service:
    """The service with other rights, on loopback unless they say otherwise."""
    return dataclasses.replace(service, access=Access(**{"hosts": LOOPBACK_NAMES, **access}))
