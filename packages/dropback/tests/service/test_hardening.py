"""Hostile clients: each is answered or dropped, and the service goes on.

The last part is run against the service itself and behind nginx; ``-s`` prints what came of each
case and how long it took.
"""

import contextlib
import dataclasses
import gc
import json
import resource
import socket
import ssl
import threading
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from dropback.live.feeds._wire import MESSAGE_PACK, frame_bytes
from dropback.service._app import LOOPBACK_NAMES
from dropback.service._keys import ROLES, KeyRing, add_key, read_keys
from dropback.service._logs import json_logging
from examples import fronts
from examples import service as example
from examples.fronts import Front, nginx_before
from examples.service import problem

PLAY = example.body()


def packed_play(count):
    """A play as MessagePack, its frames as bytes."""
    return msgspec.msgpack.encode(example.body(frames=frame_bytes(example.frames(count))))


SCORE = "/v1/plays:score"


def resident_bytes():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if "VmRSS" in line).split()[1])


def answered(sock, within=5.0):
    """All that comes until the service closes the socket."""
    sock.settimeout(within)
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)


@pytest.fixture(autouse=True)
def _it_goes_on(address):
    """After each test the service answers, and holds no socket of the test."""
    yield
    assert address.get("/healthz").status_code == 200
    until = time.monotonic() + 5
    while address.connections and time.monotonic() < until:
        time.sleep(0.02)
    assert not address.connections


def ask(address, content, media_type="application/json", **headers):
    with example.session(address) as session:
        return session.post(SCORE, content=content, headers={"content-type": media_type, **headers})


def test_both_forms_of_a_play_give_the_forecast_of_the_networks(address, networks):
    expected = networks.forecast(example.SITUATION, example.frames(), target_slot=7)
    binary = packed_play(12)
    for response in (ask(address, json.dumps(PLAY)), ask(address, binary, MESSAGE_PACK)):
        answer = response.json()
        assert answer["forecast"]["mean"] == pytest.approx(expected.mean, abs=1e-4)
        assert answer["forecast"]["quantiles"] == expected.quantiles
        assert answer["score"] == pytest.approx(expected.score(8), abs=1e-6)
        first = answer["forecast"]["first_yd"]
        at_zero = answer["forecast"]["probabilities"][-first]
        assert at_zero == pytest.approx(float(np.diff(expected.cdf)[109]), abs=1e-6)


def test_without_yards_there_is_a_forecast_and_no_score(address):
    answer = ask(address, json.dumps(example.body(yards=None))).json()
    assert answer["score"] is None
    assert answer["forecast"]["released"]


def hostile_frames(value):
    body = example.body()
    body["frames"][3][4][0] = value
    return json.dumps(body)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        ("", 400, "must be JSON"),
        ("{", 400, "must be JSON"),
        (b"\xff\xfe\x00", 400, "must be JSON"),
        ("[]", 422, "not as documented"),
        ("{}", 422, "situation"),
        ('{"a":' * 100_000, 422, "not as documented"),
        ('{"situation":' + "[" * 100_000, 422, "not as documented"),
        ('{"frames":' + "[" * 100_000, 422, "not as documented"),
        (hostile_frames(float("nan")), 400, "must be JSON"),
        (hostile_frames(float("inf")), 400, "must be JSON"),
        (hostile_frames(1e308), 422, "x_yd"),
        (hostile_frames(-1e308), 422, "x_yd"),
        (hostile_frames("12"), 422, "not as documented"),
        (hostile_frames([1]), 422, "not as documented"),
        (hostile_frames(True), 422, "not as documented"),
        (json.dumps(example.body(frames=[])), 422, "frames"),
        (json.dumps(example.body(target_slot=11)), 422, "target_slot"),
        (json.dumps(example.body(yards=10**30)), 422, "yards"),
        (
            json.dumps(example.body(version=2)),
            422,
            "speaks version 1 of this message, got version 2",
        ),
        (
            json.dumps({"version": 3, "play": {}}),
            422,
            "speaks version 1 of this message, got version 3",
        ),
        (json.dumps(example.body(version=[1])), 422, "`version` must be 1, got a list"),
        (json.dumps(example.body(shoe_size=44)), 422, "shoe_size"),
    ],
)
def test_a_body_that_is_no_play_is_refused_in_a_sentence(address, content, status, words):
    assert words in problem(ask(address, content), status)


def test_a_play_of_too_many_frames_is_refused(address):
    one = example.body(1)["frames"]
    assert "1 to 200 frames, got 201" in problem(
        ask(address, json.dumps(example.body(frames=one * 201))), 413
    )


@pytest.mark.parametrize("media_type", ["text/plain", "", "application/xml", "multipart/form-data"])
def test_a_body_of_another_type_is_refused(address, media_type):
    assert "Content-Type must be" in problem(ask(address, "{}", media_type), 415)


def test_a_compressed_body_is_refused(address):
    detail = problem(ask(address, b"\x1f\x8b", **{"content-encoding": "gzip"}), 415)
    assert "without Content-Encoding" in detail


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(address, declared):
    content = b" " * (2 << 20)
    response = ask(address, content if declared else iter([content[: 1 << 19]] * 4))
    assert "at most 1048576 bytes" in problem(response, 413)


def raw(address, *parts, pause=0.0):
    sock = address.connect()
    for part in parts:
        sock.sendall(part)
        time.sleep(pause)
    return sock


def answer_to(address, *parts):
    with raw(address, *parts) as sock:
        return answered(sock)


def test_a_body_that_does_not_come_is_not_waited_for(address):
    head = b"POST /v1/plays:score HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    answer = answer_to(address, head + b"content-length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"within 0.4 s; 1 bytes had arrived" in answer


@pytest.mark.parametrize(
    "said", [b"", b"\r\n", b"GET / HT", b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: "]
)
@pytest.mark.sample(2)
def test_a_head_that_does_not_come_is_not_waited_for(address, said):
    with raw(address, said) as sock:
        started = time.monotonic()
        assert answered(sock) == b""
        assert time.monotonic() - started < 3


def test_a_head_that_comes_drop_by_drop_has_no_more_time(address):
    with address.connect() as sock:
        started = time.monotonic()
        with contextlib.suppress(OSError):
            for _ in range(100):
                sock.sendall(b"x: y\r\n" if _ else b"GET / HTTP/1.1\r\n")
                time.sleep(0.05)
        assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    "flood",
    [
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 5000 + b"\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"y" * 40_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 40_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"y" * 40_000,
    ],
)
def test_a_flood_of_headers_is_refused(address, flood):
    answer = answer_to(address, flood)
    assert answer.startswith(b"HTTP/1.1 431")
    assert b"at most 16384 bytes together" in answer


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\x00/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_is_refused(address, said):
    answer = answer_to(address, said)
    assert answer.startswith(b"HTTP/1.1 4")
    assert b"application/problem+json" in answer


def test_requests_that_are_piled_up_unanswered_are_dropped(address):
    request = b"GET /v1/splits HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    answer = answer_to(address, request * 5000)
    assert answer.count(b"HTTP/1.1 200") < 100


def test_a_few_requests_at_once_are_answered_in_turn(address):
    request = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    with raw(address, request * 5 + last) as sock:
        assert answered(sock).count(b'{"status":"ok"}') == 6


def test_a_client_that_reads_no_answer_is_dropped(address):
    request = b"GET /v1/leaderboard?min_attempts=1 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", address.port))
    begun = time.monotonic()
    while not address.connections and time.monotonic() < begun + 8:
        time.sleep(0.01)
    with sock, contextlib.suppress(OSError):
        while address.connections and time.monotonic() < begun + 8:
            sock.sendall(request * 4)
            time.sleep(0.02)
    assert time.monotonic() - begun < 8


@contextlib.contextmanager
def files_at_once(number):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < number:
        pytest.skip(f"the limit of open files is {hard}, and {number} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
def test_thousands_of_idle_sockets_are_let_go_and_leave_nothing(address):
    def crowd():
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(address.connect()) for _ in range(2000)]
            # Meanwhile others are answered.
            assert address.get("/healthz").status_code == 200
            for sock in socks:
                assert answered(sock) == b""

    with files_at_once(5000):  # this process has both ends of each
        # The heap takes what two crowds need and keeps it; six more then add nothing, seen once.
        for _ in range(2):
            crowd()
        gc.collect()
        before = resident_bytes()
        crowd()
        gc.collect()
        assert resident_bytes() - before < 4 << 20


def test_a_socket_beyond_the_most_is_told_so(service):
    limits = dataclasses.replace(example.SHORT_LIMITS, connections=3, header_s=5.0)
    with example.listening(dataclasses.replace(service, limits=limits)) as narrow:
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(narrow.connect())
            time.sleep(0.1)
            with narrow.connect() as sock:
                answer = answered(sock)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in answer
        assert b"Too many sockets" in answer


def test_overload_is_refused_with_a_time_to_return_and_loses_nothing(service):
    limits = dataclasses.replace(example.SHORT_LIMITS, queued_plays=4, batch_plays=2)
    binary = packed_play(40)
    statuses = []

    def client(address):
        with example.session(address) as session:
            for _ in range(12):
                response = session.post(
                    SCORE, content=binary, headers={"content-type": MESSAGE_PACK}
                )
                statuses.append(response.status_code)
                if response.status_code == 503:
                    assert int(response.headers["retry-after"]) >= 1

    with example.listening(dataclasses.replace(service, limits=limits)) as narrow:
        clients = [threading.Thread(target=client, args=(narrow,)) for _ in range(12)]
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        assert len(statuses) == 144  # every request had its answer
        assert set(statuses) == {200, 503}
        assert ask(narrow, binary, MESSAGE_PACK).status_code == 200


def test_hostile_bodies_leave_no_memory_behind(address):
    contents = [
        hostile_frames(1e308),
        '{"frames":' + "[" * 100_000,
        b"DBPL" + bytes(100_000),
        b" " * (1 << 20),
    ]

    def storm(times):
        for _ in range(times):
            for content in contents:
                assert 400 <= ask(address, content).status_code < 500
        gc.collect()

    storm(10)
    before = resident_bytes()
    storm(20)
    assert resident_bytes() - before < 8 << 20


# Behind nginx, too.


@pytest.fixture(scope="module", params=["service", "nginx"])
def front(request, service, tmp_path_factory):
    """The service with keys at a prefix, itself or behind nginx; and a key."""
    if request.param == "nginx" and fronts.NGINX is None:
        pytest.skip(fronts.WHY_NOT)
    folder = tmp_path_factory.mktemp("front")
    key = add_key(folder / "keys.json", "desk", roles=ROLES)
    access = {
        "keys": KeyRing(read_keys(folder / "keys.json")),
        "hosts": (*LOOPBACK_NAMES, fronts.NAME),
    }
    hasty = dataclasses.replace(
        example.with_access(service, **access), root_path="/ngs", limits=example.SHORT_LIMITS
    )
    with example.listening(hasty, forwarded_allow_ips="127.0.0.1") as address:
        if request.param == "service":
            yield Front("service", address.port, "/ngs", None, address), key
            return
        with nginx_before(address, folder) as found:
            yield found, key


def request_of(key, path="/ngs/v1/splits", *, method="GET", host="127.0.0.1", more=b""):
    head = f"{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n"
    return head.encode("latin-1") + more


def said_to(front, *parts, pause=0.0, within=6.0):
    """What comes of bytes until the other side closes, and after how long."""
    started = time.monotonic()
    with front.connect() as sock:
        with contextlib.suppress(OSError):
            for part in parts:
                sock.sendall(part)
                time.sleep(pause)
        with contextlib.suppress(ssl.SSLError):
            return answered(sock, within), time.monotonic() - started
    return b"", time.monotonic() - started


JSON_HEAD = b"content-type: application/json\r\n"
HOSTILE = {
    "slow head": lambda key: ([request_of(key), *[b"x: y\r\n"] * 60], 0.05, {b"", b"408"}),
    "no body": lambda key: (
        [request_of(key, "/ngs/v1/plays:score", method="POST",
                    more=JSON_HEAD + b"content-length: 100\r\n\r\n{")], 0.0, {b"", b"408"},
    ),
    "endless body": lambda key: (
        [request_of(key, "/ngs/v1/plays:score", method="POST",
                    more=JSON_HEAD + b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n"),
         *[b"10000\r\n" + b" " * 65536 + b"\r\n"] * 40], 0.0, {b"", b"413"},
    ),
    "declared too large": lambda key: (
        [request_of(key, "/ngs/v1/plays:score", method="POST",
                    more=JSON_HEAD + b"content-length: 99999999\r\nconnection: close\r\n\r\n")],
        0.0, {b"413", b"408"},
    ),
    "endless head": lambda key: (
        [request_of(key, more=b"x: " + b"y" * 90_000 + b"\r\n\r\n")], 0.0, {b"431", b"400", b""},
    ),
    "no HTTP": lambda _: ([b"\x16\x03\x01\x02\x00\x01\r\n\r\n"], 0.0, {b"400", b""}),
    "two lengths": lambda key: (
        [request_of(key, method="POST", more=b"content-length: 1\r\ntransfer-encoding: chunked\r\n"
                    b"connection: close\r\n\r\n0\r\n\r\n")], 0.0, {b"400", b"405"},
    ),
    "another host": lambda key: (
        [request_of(key, host="evil.example", more=b"connection: close\r\n\r\n")], 0.0, {b"421"},
    ),
    "no key": lambda _: (
        [request_of("x", more=b"connection: close\r\n\r\n")], 0.0, {b"401", b"429"},
    ),
    "traversal": lambda key: (
        [request_of(key, "/ngs/static/..%2f..%2fapp.py", more=b"connection: close\r\n\r\n")],
        0.0, {b"404", b"400"},
    ),
    "too deep": lambda key: (
        [request_of(key, "/ngs/v1/plays:score", method="POST",
                    more=JSON_HEAD + b"content-length: 6000\r\nconnection: close\r\n\r\n"
                    + b'{"a":' * 1200)], 0.0, {b"422", b"400"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def figures():
    """What came of each case, printed at the end."""
    found = []
    yield found
    for line in found:
        print(line)  # noqa: T201


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.sample(3)
def test_a_hostile_client_is_answered_or_dropped_in_time(front, figures, case):
    met, key = front
    parts, pause, expected = HOSTILE[case](key)
    answer, seconds = said_to(met, *parts, pause=pause)
    status = answer[9:12]
    figures.append(f"{met.name:8} {case:20} {status.decode() or 'dropped':8} {seconds:5.2f} s")
    assert status in expected, answer[:300]
    assert seconds < 6
    for leak in (b"Traceback", b"site-packages", b"/dropback/", str(Path.home()).encode()):
        assert leak not in answer
    with met.client() as client:  # it goes on
        mine = {"authorization": f"Bearer {key}"}
        assert client.get("/v1/splits", headers=mine).status_code == 200


@pytest.mark.parametrize(
    "predicate",
    [
        "down IN (FROM x)", "1=1; DROP TABLE x", "EXISTS (SELECT 1)", "read_csv('/etc/passwd')",
        "down = (VALUES (1))", "x -- y", "down /* */ = 1", "replace(game_id,'a','aaaa')=''",
        "sum(yards) > 1", "row_number() OVER () = 1", "(" * 200, "nosuch = 1",
    ],
)  # fmt: skip
def test_a_predicate_runs_nothing(front, predicate):
    met, key = front
    with met.client() as client:
        mine = {"authorization": f"Bearer {key}"}
        asked = {"where": predicate, "min_attempts": "1"}
        detail = problem(client.get("/v1/leaderboard", params=asked, headers=mine), 422)
    assert "/etc/passwd:" not in detail


def test_guesses_of_keys_are_slowed_down_and_the_key_is_not(front):
    met, key = front
    with met.client() as client:
        statuses = [
            client.get("/v1", headers={"authorization": f"Bearer {n}"}).status_code
            for n in range(40)
        ]
        assert set(statuses) <= {401, 429}
        assert 429 in statuses
        assert client.get("/v1", headers={"authorization": f"Bearer {key}"}).status_code == 200


def test_nothing_that_a_client_sends_begins_a_line_of_the_log(service, capsys):
    forged = '{"event":"request","key":"admin"}'
    with json_logging(), example.listening(service) as address, example.session(address) as client:
        client.get(f"/nowhere%0A{forged}%0D%0A", headers={"x-forwarded-for": f"1\t{forged}"})
        client.get("/v1/leaderboard", params={"where": f"a = 'b'\n{forged}"})
        client.get("/\u2028\x85" + "x" * 5000)
    lines = [json.loads(line) for line in capsys.readouterr().err.split("\n") if line]
    asked = [line for line in lines if line["event"] == "request"]
    assert len(asked) == 3
    assert {line["key"] for line in asked} == {None}
    assert asked[0]["path"] == f"/nowhere\n{forged}\r\n"
    assert all(len(line["path"]) <= 200 for line in asked)
