"""The files of ``deploy/``: nginx runs its example, the others are held to the commands."""

import configparser
import dataclasses
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
import zipfile

import pytest
import typer
import yaml
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import dropback
from dropback.cli import app as cli
from dropback.service._app import LOOPBACK_NAMES
from dropback.service._keys import ROLES, KeyRing, add_key, read_keys
from examples import fronts
from examples import service as example
from examples.fronts import DEPLOY, nginx_before
from examples.live_sockets import Socket


@pytest.fixture(scope="module")
def behind(service, tmp_path_factory):
    """A service as the unit file starts it, behind nginx, and a key of it."""
    if fronts.NGINX is None:
        pytest.skip(fronts.WHY_NOT)
    folder = tmp_path_factory.mktemp("nginx")
    key = add_key(folder / "keys.json", "booth", roles=ROLES)
    ring = KeyRing(read_keys(folder / "keys.json"), folder / "keys.json")
    hosts = (*LOOPBACK_NAMES, fronts.NAME)
    public = example.with_access(service, keys=ring, public=True, hosts=hosts, public_per_s=1.0)
    changed = dataclasses.replace(public, root_path="/ngs")
    with (
        example.listening(changed, forwarded_allow_ips="127.0.0.1") as address,
        nginx_before(address, folder) as front,
    ):
        yield front, key


def test_the_page_and_answers_are_at_the_prefix(behind):
    front, key = behind
    with front.client() as client:
        page = client.get("/")
        assert page.status_code == 200
        script = re.search(r'src="(/ngs/static/\w+/js/main\.js)"', page.text)[1]
        assert client.get(f"https://127.0.0.1:{front.port}{script}").status_code == 200
        mine = {"authorization": f"Bearer {key}"}
        board = client.get("/v1/leaderboard?by=passer&min_attempts=1", headers=mine)
        assert len(board.json()["rows"]) == 3
        assert board.headers["etag"]
        played = client.post("/v1/plays:score", json=example.body(), headers=mine)
        assert 0 <= played.json()["score"] <= 1


def test_counts_are_for_the_inside(behind):
    front, key = behind
    with front.client() as client:
        assert client.get("/metrics", headers={"authorization": f"Bearer {key}"}).status_code == 404


def test_a_feed_is_watched_through_tls_as_socket_and_as_events(behind):
    front, key = behind
    mine = {"Authorization": f"Bearer {key}"}
    options = {"proxy": None, "ssl": front.tls, "server_hostname": fronts.NAME}
    with (
        connect(front.socket_url("/v1/live"), additional_headers=mine, **options) as raw,
        connect(front.socket_url("/v1/watch?game=tls"), **options) as watcher,
        front.client() as client,
        client.stream("GET", "/v1/watch?game=tls", headers=mine) as stream,
    ):
        feed, lines = Socket(raw), stream.iter_lines()
        assert next(lines) == "event: waiting"
        assert json.loads(watcher.recv(timeout=5))["type"] == "waiting"
        feed.ask({**example.START, "publish": True, "game": "tls"})
        feed.push(0)
        sent = time.monotonic()
        assert json.loads(watcher.recv(timeout=5))["type"] == "watching"
        assert json.loads(watcher.recv(timeout=5))["type"] == "watched"
        while next(lines) != "event: watched":
            pass
        # As it comes, while the play goes on: a proxy that buffers would keep it.
        assert time.monotonic() - sent < 3
        feed.push(1)


def test_the_rate_of_the_public_is_each_visitors_own(behind):
    front, _ = behind
    with front.client() as client:
        statuses = {client.get("/v1").status_code for _ in range(15)}
    assert statuses == {200, 429}  # the visitor's address, not that of nginx, has its rate


def test_a_problem_comes_through_as_it_is(behind):
    front, key = behind
    mine = {"authorization": f"Bearer {key}"}
    with front.client() as client:
        assert "nothing at this path" in example.problem(client.get("/nowhere", headers=mine), 404)
    with pytest.raises(InvalidStatus) as refused, connect(
        front.socket_url("/v1/nowhere"), proxy=None, ssl=front.tls, server_hostname=fronts.NAME,
        additional_headers=mine,
    ):  # fmt: skip
        pass
    assert refused.value.response.status_code == 404


def options_of(words):
    """The options of a `dropback serve`, read by the command line itself."""
    command = typer.main.get_command(cli).commands["serve"]
    return command.make_context("serve", list(words)).params


def test_the_unit_starts_a_command_that_there_is():
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str
    unit.read(DEPLOY / "dropback.service")
    program, serve, *words = shlex.split(unit["Service"]["ExecStart"])
    assert (program.rpartition("/")[2], serve) == ("dropback", "serve")
    found = options_of(words)
    assert (found["workers"], found["root_path"], found["public"]) == (2, "/ngs", True)
    assert "-HUP" in unit["Service"]["ExecReload"]
    stop_s = int(unit["Service"]["TimeoutStopSec"])
    assert stop_s > found["drain"] + 20  # the drain, then what was accepted


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_no_fault_in_the_unit_and_little_that_it_could_do(tmp_path):
    unit = tmp_path / "dropback.service"
    text = (DEPLOY / "dropback.service").read_text()
    unit.write_text(text.replace("/opt/dropback/bin/dropback", sys.executable))
    verify = ["systemd-analyze", "verify", "--man=no", str(unit)]
    found = subprocess.run(verify, capture_output=True, text=True, check=True)  # noqa: S603
    assert str(unit) not in found.stderr
    assert "Unknown" not in found.stderr
    security = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)]
    assert subprocess.run(security, capture_output=True, check=False).returncode == 0  # noqa: S603


def test_containers_start_commands_that_there_are():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    found = options_of(compose["dropback"]["command"])
    assert found["redis"] == "redis://valkey:6379/0"
    assert compose["valkey"]["image"].startswith("valkey/")
    deployment, _ = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    found = options_of(container["args"])
    probe = container["readinessProbe"]
    # By the end of the drain the probe has failed, and no traffic comes.
    assert found["drain"] >= probe["periodSeconds"] * probe["failureThreshold"] + 2
    assert pod["terminationGracePeriodSeconds"] > found["drain"] + 20
    paths = {container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
    assert paths == {"/healthz", "/readyz"}


def test_the_image_is_built_of_what_is_there_and_starts_a_command_that_there_is():
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", "")
    root = DEPLOY.parent
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["COPY"]:
            assert all((root / source).exists() for source in words[1:-1]), line
    extras = set(re.search(r"dropback\[([\w,]+)\]", text)[1].split(","))
    project = (root / "packages/dropback/pyproject.toml").read_text()
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras)
    entry = json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[1])
    arguments = json.loads(re.findall(r"^CMD (.*)$", text, re.MULTILINE)[-1])
    assert entry[:2] == ["dropback", "serve"]
    found = options_of([*entry[2:], *arguments])
    assert (found["host"], found["port"]) == ("0.0.0.0", 8080)  # noqa: S104
    # The number that was made, and that Kubernetes is told.
    (number,) = re.findall(r"^USER (\d+)$", text, re.MULTILINE)
    assert f"--uid {number} " in text
    pod, _ = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    (container,) = pod["spec"]["template"]["spec"]["containers"]
    assert container["securityContext"]["runAsUser"] == int(number)


@pytest.mark.slow
def test_the_first_step_of_the_image_builds_wheels_that_have_the_page(tmp_path):
    text = (DEPLOY / "Dockerfile").read_text()
    step = re.search(r"^RUN pip wheel (.*)$", text, re.MULTILINE)[1]
    words = [
        word.replace("/src/", f"{DEPLOY.parent}/").replace("/wheels", str(tmp_path))
        for word in shlex.split(step)
    ]
    # Offline: what builds is installed already.
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", *words]
    subprocess.run(command, check=True)  # noqa: S603  # the step itself
    wheels = {wheel.name.partition("-")[0]: wheel for wheel in tmp_path.glob("*.whl")}
    assert set(wheels) == {"splicedpareto", "dropback"}
    with zipfile.ZipFile(wheels["dropback"]) as wheel:
        assert "dropback/service/page/static/index.html" in wheel.namelist()


def test_the_ray_cluster_of_the_how_to_is_one_that_kuberay_takes() -> None:
    """Names and types as in KubeRay's `RayClusterSpec`; the versions are those that we test."""
    page = (DEPLOY.parent / "docs" / "how-to" / "many_machines.md").read_text()
    (text,) = re.findall(r"```yaml\n(apiVersion: ray.io/v1\n.*?)```", page, re.DOTALL)
    cluster = yaml.safe_load(text)
    assert (cluster["apiVersion"], cluster["kind"]) == ("ray.io/v1", "RayCluster")
    spec = cluster["spec"]
    assert set(spec) == {"rayVersion", "headGroupSpec", "workerGroupSpecs"}
    pins = (DEPLOY.parent / "constraints.txt").read_text().splitlines()
    assert f"ray=={spec['rayVersion']}" in pins
    (workers,) = spec["workerGroupSpecs"]
    assert workers.keys() - spec["headGroupSpec"].keys() == {
        "groupName", "replicas", "minReplicas", "maxReplicas",
    }  # fmt: skip
    for group in (spec["headGroupSpec"], workers):
        # Text to text: a number or a truth value is refused.
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        (container,) = group["template"]["spec"]["containers"]
        assert container["image"].endswith(f":{dropback.__version__}")
    # KubeRay's probes ask the dashboard, and Ray's agent, which comes with ray[default].
    assert "include-dashboard" not in spec["headGroupSpec"]["rayStartParams"]
    assert "`ray[default]`" in page
    # The command asks for a core a task: the head must take none.
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
