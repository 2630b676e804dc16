import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from dropback.cli import app
from dropback.errors import DropbackError, ReaderError, RequestError
from dropback.service._keys import KeyRing, StoredKey, TokenBucket, add_key, read_keys


def test_a_key_is_shown_once_and_its_hash_alone_is_kept(tmp_path):
    file = tmp_path / "keys.json"
    result = CliRunner().invoke(app, ["keys", "add", "desk", "--file", str(file), "--rate", "5"])
    key = result.stdout.strip()
    assert key.startswith("dropback_")
    assert key not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    ring = KeyRing(read_keys(file))
    found = ring.find(key)
    assert found is not None
    assert (found.name, found.requests_per_s) == ("desk", 5.0)
    assert ring.find(key[:-1]) is None
    assert ring.find("") is None


def test_a_file_holds_several_keys_under_names_of_their_own(tmp_path):
    file = tmp_path / "keys.json"
    first, second = add_key(file, "a"), add_key(file, "b")
    assert first != second
    assert [key.name for key in read_keys(file)] == ["a", "b"]
    with pytest.raises(RequestError, match="has a key named 'a'"):
        add_key(file, "a")


@pytest.mark.parametrize(
    ("name", "rate"),
    [("", 1.0), ("a b", 1.0), ("x" * 65, 1.0), ("<script>", 1.0)]
    + [("a", rate) for rate in (0.0, -1.0, 5e-324, 1e300, float("nan"), float("inf"))],
)
def test_a_name_or_a_rate_that_is_none_is_refused(tmp_path, name, rate):
    with pytest.raises(RequestError, match="The key cannot be created"):
        add_key(tmp_path / "keys.json", name, requests_per_s=rate)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"keys": [{"name": "a"}]}',
        '{"keys": 3}',
        "[" * 9999,
        '{"keys": [' * 9999,
        '{"keys": [{"name": "\udcff"}]}',
        "\udcff\udcfe",
        '{"keys": [{"name": "a", "sha256": "',
    ],
)
def test_a_file_that_holds_no_keys_is_refused(tmp_path, content):
    file = tmp_path / "keys.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ReaderError, match="not a file of API keys"):
        read_keys(file)
    with pytest.raises(ReaderError, match="'dropback keys add'"):
        read_keys(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("second", "of"), [({"sha256": "1" * 64}, "name"), ({"name": "b"}, "sha256")]
)
def test_names_and_keys_must_differ(tmp_path, second, of):
    file = tmp_path / "keys.json"
    key = {"name": "a", "sha256": "0" * 64}
    file.write_text(json.dumps({"keys": [key, key | second]}))
    with pytest.raises(ReaderError, match=f"{of} of its own, two have '{key[of]}'"):
        read_keys(file)


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    file = tmp_path / "keys.json"
    add_key(file, "a")
    ring = KeyRing.of(file)
    assert not ring.refresh()
    added = []

    def change(path):
        found = read_keys(path)
        with monkeypatch.context() as alone:
            alone.setattr("dropback.service._keys.read_keys", read_keys)
            added.append(add_key(file, f"b{len(added)}"))
        return found

    monkeypatch.setattr("dropback.service._keys.read_keys", change)
    ring = KeyRing.of(file)
    assert ring.find(added[0]) is None
    assert ring.refresh()
    assert ring.find(added[0]).name == "b0"


def test_a_bucket_gives_its_burst_then_its_rate():
    now = 0.0
    bucket = TokenBucket(2.0, 3.0, clock=lambda: now)
    assert [bucket.take() for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take() == pytest.approx(0.5)
    now = 0.25
    assert bucket.take() == pytest.approx(0.25)
    now = 0.5
    assert bucket.take() == 0.0
    assert bucket.take() == pytest.approx(0.5)
    now = 100.0  # no more than the burst gathers
    assert [bucket.take() > 0 for _ in range(4)] == [False, False, False, True]


def test_each_key_has_a_bucket_of_its_own():
    keys = [StoredKey(name, "0" * 63 + str(number), 1.0) for number, name in enumerate("ab")]
    ring = KeyRing(keys, clock=lambda: 0.0)
    assert ring.take(keys[0]) == 0.0
    assert ring.take(keys[0]) > 0
    assert ring.take(keys[1]) == 0.0


_WRITER = """
import sys
from pathlib import Path
from dropback.service._keys import add_key
print("ready", flush=True)
for number in range(10**6):
    add_key(Path(sys.argv[1]), f"k{number}")
"""


def test_a_writer_that_is_killed_leaves_a_whole_file(tmp_path):
    file = tmp_path / "keys.json"
    writer = subprocess.Popen(  # noqa: S603  # our own script
        [sys.executable, "-c", _WRITER, str(file)], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    try:
        read = 0
        while read < 40:  # while it writes, too, each reading finds a whole file
            if file.exists():
                read_keys(file)
                read += 1
            time.sleep(0.002)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    try:
        kept = read_keys(file)
    except DropbackError as error:  # pragma: no cover  # the failure this test is for
        pytest.fail(str(error))
    add_key(file, "after")
    assert [key.name for key in read_keys(file)] == [*(key.name for key in kept), "after"]
