"""Who may do what: hosts, origins, prefixes, the public, and roles."""

import dataclasses
import json
import re
import socket
from contextlib import suppress

import pytest
from typer.testing import CliRunner
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from dropback.cli import app as cli
from dropback.errors import RequestError
from dropback.service._access import Access
from dropback.service._app import LOOPBACK_NAMES, make_access
from dropback.service._keys import KeyRing, add_key, read_keys
from dropback.service._server import ServeSettings, bind
from examples import service as example
from examples.live_sockets import opened
from examples.service import client_of, problem


@pytest.fixture(scope="module")
def proxied(service, tmp_path_factory):
    """A service behind a proxy at a prefix, with keys and a public audience."""
    file = tmp_path_factory.mktemp("access") / "keys.json"
    key = add_key(file, "desk", roles=("score", "feed"))
    access = {
        "hosts": (*LOOPBACK_NAMES, "scores.example.org"),
        "origins": ("https://partner.example.org",),
        "public": True,
        "keys": KeyRing(read_keys(file), file),
    }
    changed = dataclasses.replace(example.with_access(service, **access), root_path="/ngs")
    with example.listening(changed, forwarded_allow_ips="127.0.0.1") as address:
        yield address, key


@pytest.mark.parametrize("path", ["/ngs/v1", "/v1"])
def test_a_prefix_may_be_taken_off_by_the_proxy_or_not(proxied, path):
    address, _ = proxied
    with example.session(address) as client:
        answer = client.get(path, headers={"host": "scores.example.org"})
    assert answer.status_code == 200
    assert answer.json()["public"]


def test_the_page_and_the_documents_name_the_prefix(proxied):
    address, _ = proxied
    assert address.get("/openapi.json").json()["servers"] == [{"url": "/ngs"}]
    assert address.get("/asyncapi.json").json()["servers"]["this"]["pathname"] == "/ngs"
    page = address.get("/ngs/plays/1/2").text
    assert 'data-root="/ngs"' in page
    (sheet,) = re.findall(r'href="(/ngs/static/\w+/css/base.css)"', page)
    assert address.get(sheet).status_code == 200
    again = {"if-none-match": address.get("/ngs/").headers["etag"]}
    with example.session(address) as client:
        assert client.get("/ngs/", headers=again).status_code == 304


def test_the_public_reads_and_watches_and_does_nothing_else(proxied):
    address, key = proxied
    with example.session(address) as client:
        assert client.get("/v1/leaderboard?min_attempts=1").status_code == 200
        detail = problem(client.post("/v1/plays:score", json={}), 401)
        assert "read only" in detail
        problem(client.get("/metrics"), 401)
        mine = {"authorization": f"Bearer {key}"}
        assert client.get("/metrics", headers=mine).status_code == 200
        refused = client.get("/v1/leaderboard", headers=mine)
        assert "does not have the role 'read'" in problem(refused, 403)
    with connect(address.live.replace("/v1/live", "/v1/watch"), proxy=None) as watcher:
        assert '"waiting"' in watcher.recv()
    with pytest.raises(InvalidStatus) as refused, opened(address):
        pass
    assert refused.value.response.status_code == 401
    with opened(address, additional_headers={"Authorization": f"Bearer {key}"}) as feed:
        assert feed.ask({**example.START, "publish": True})["published"]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:{}", None),
        ("https://partner.example.org", None),
        ("https://evil.example", 403),
    ],
)
def test_a_socket_of_another_site_is_taken_from_allowed_ones_alone(proxied, origin, status):
    address, _ = proxied
    url = address.live.replace("/v1/live", "/ngs/v1/watch")
    origin = origin.format(address.port)
    if status is None:
        with connect(url, proxy=None, origin=origin) as watcher:
            watcher.recv()
        return
    with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None, origin=origin):
        pass
    assert refused.value.response.status_code == status


def test_a_page_of_an_allowed_site_may_read_answers(proxied):
    address, _ = proxied
    with example.session(address) as client:
        for origin, allowed in (
            ("https://partner.example.org", True),
            ("https://evil.example", False),
        ):
            headers = client.get("/v1", headers={"origin": origin}).headers
            assert ("access-control-allow-origin" in headers) is allowed


def test_a_request_has_one_host(proxied):
    address, _ = proxied
    with socket.create_connection(("127.0.0.1", address.port), timeout=10) as raw:
        hosts = b"host: scores.example.org\r\nhost: evil.example\r\nconnection: close\r\n"
        raw.sendall(b"GET /ngs/v1 HTTP/1.1\r\n" + hosts + b"\r\n")
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"A request must have one Host header, got 2." in answer


def test_a_host_that_is_not_allowed_is_misdirected(proxied):
    address, _ = proxied
    with example.session(address) as client:
        detail = problem(client.get("/v1", headers={"host": "evil.example"}), 421)
    assert "--allow-host" in detail


def test_the_address_of_a_client_is_what_a_trusted_proxy_says(service):
    access = example.with_access(service, public=True, public_per_s=0.2)
    for trusted, statuses in (("127.0.0.1", {200}), ("10.0.0.1", {200, 429})):
        with (
            example.listening(access, forwarded_allow_ips=trusted) as address,
            example.session(address) as client,
        ):
            found = {
                client.get("/v1", headers={"x-forwarded-for": f"198.51.100.{n}"}).status_code
                for n in range(5)
            }
            assert found == statuses


def test_what_a_watcher_sends_takes_tokens_too(service, tmp_path):
    locked, key = example.keyed(service, tmp_path / "keys.json", requests_per_s=3.0)
    with example.listening(locked) as address:
        url = address.live.replace("/v1/live", "/v1/watch")
        headers = {"Authorization": f"Bearer {key}"}
        with connect(url, proxy=None, additional_headers=headers) as watcher:
            assert "waiting" in watcher.recv()
            # The service closes at the fourth, perhaps before the sixth is sent.
            with suppress(ConnectionClosed):
                for _ in range(6):
                    watcher.send("more")
            told = json.loads(watcher.recv())
            assert (told["type"], told["status"], told["fatal"]) == ("problem", 429, True)
            with pytest.raises(ConnectionClosed):
                watcher.recv()


def test_guessing_keys_is_slowed_down(service, tmp_path):
    locked, key = example.keyed(service, tmp_path / "keys.json")
    with client_of(locked) as client:
        statuses = [
            client.get("/v1", headers={"authorization": f"Bearer guess{n}"}).status_code
            for n in range(60)
        ]
        assert set(statuses) == {401, 429}
        assert client.get("/v1", headers={"authorization": f"Bearer {key}"}).status_code == 200


@pytest.mark.parametrize("path", ["/nowhere", "/v1/lives", "/v1/plays"])
def test_a_socket_at_an_unknown_path_is_a_problem(address, path):
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(address.live.replace("/v1/live", path), proxy=None),
    ):
        pass
    response = refused.value.response
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert b"/asyncapi.json" in response.body


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"host": "0.0.0.0"}, "--host 0.0.0.0 lets others in, which needs --keys"),  # noqa: S104
        ({"host": "127.0.0.1", "hosts": ["a.example"]}, "--allow-host lets others in"),
        ({"host": "127.0.0.1", "origins": ["https://a.example"]}, "--allow-origin lets others"),
        ({"host": "127.0.0.1", "public": True, "origins": ["a.example"]}, "a scheme and a name"),
    ],
)  # fmt: skip
def test_rights_that_would_let_anyone_feed_are_refused(options, words):
    with pytest.raises(RequestError, match=words.replace(".", r"\.")):
        make_access(**options)


def test_names_that_are_answered_are_those_that_were_allowed():
    access = make_access(host="127.0.0.1", public=True, hosts=["Scores.example.org"])
    assert set(access._hosts) == {*LOOPBACK_NAMES, "scores.example.org"}
    assert make_access(host="0.0.0.0", public=True)._hosts is None  # noqa: S104
    assert make_access(host="127.0.0.1", public=True, hosts=["*"])._hosts is None
    assert isinstance(access, Access)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--workers", "2"], "--workers 2 share their live plays through Redis"),
        (["--root-path", "ngs"], "--root-path must begin with /"),
        (["--root-path", "/ngs/"], "--root-path must begin with /"),
        (["--root-path", '/n"><script>'], "--root-path must begin with /"),
        (["--allow-host", "https://x.org", "--public"], "--allow-host must be a name"),
        (["--forwarded-allow-ips", "10.0.0.1,nginx"], "or *, got 'nginx'"),
        (["--redis", "http://127.0.0.1"], "--redis must be a URL such as"),
        (["--drain", "-1"], "--drain must be 0 to 3600 seconds"),
        (["--drain", "nan"], "--drain must be 0 to 3600 seconds"),
        (["--workers", "2", "--core", "0"], "--core keeps one process"),
    ],
)
@pytest.mark.sample(4)
def test_options_that_do_not_go_together_are_refused_before_anything_is_loaded(options, words):
    result = CliRunner().invoke(cli, ["serve", "--plays", "none", *options])
    assert words in str(result.exception)


def test_an_address_in_use_is_refused_before_anything_is_loaded(tmp_path):
    with bind("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        missing = str(tmp_path / "none.parquet")
        result = CliRunner().invoke(cli, ["serve", "--scores", missing, "--port", port])
    assert isinstance(result.exception, RequestError)
    assert f"127.0.0.1 port {port} cannot be bound" in str(result.exception)


def test_keys_are_listed_and_revoked(tmp_path):
    file = str(tmp_path / "keys.json")
    runner = CliRunner()
    runner.invoke(cli, ["keys", "add", "desk", "--file", file, "--role", "read", "--role", "feed"])
    runner.invoke(cli, ["keys", "add", "fan", "--file", file, "--rate", "5"])
    listed = runner.invoke(cli, ["keys", "list", "--file", file]).stdout.splitlines()
    assert [line.split() for line in listed] == [
        ["desk", "read,feed", "1000/s", "64", "live", "plays"],
        ["fan", "read,score", "5/s", "64", "live", "plays"],
    ]
    assert runner.invoke(cli, ["keys", "revoke", "desk", "--file", file]).exit_code == 0
    assert [key.name for key in read_keys(tmp_path / "keys.json")] == ["fan"]
    result = runner.invoke(cli, ["keys", "revoke", "desk", "--file", file])
    assert "has no key named 'desk'" in str(result.exception)
    result = runner.invoke(cli, ["keys", "add", "a", "--file", file, "--role", "king"])
    assert "The key cannot be created" in str(result.exception)


def test_settings_of_nothing_are_refused():
    with pytest.raises(RequestError, match="nothing to serve"):
        ServeSettings().check()
