"""Files appear whole or not at all, on disk and in a real S3 server; faults are one sentence."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from dropback.errors import RequestError, StoreError
from dropback.storage import (
    is_url,
    keep_folder,
    local_copy,
    open_store,
    output_folder,
    read_folder,
    remote_files,
    require_new_output,
    require_own_place,
    split_url,
    write_output,
)
from examples.cluster import S3Server, free_port
from examples.proxies import failing_proxy, refusing_proxy


@pytest.fixture(params=["disk", "s3", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of each kind; memory stands for any other file system of fsspec."""
    if request.param == "disk":
        return str(tmp_path / "store")
    if request.param == "memory":
        return f"memory://{tmp_path.name}/store"
    return str(request.getfixturevalue("bucket"))


def test_a_file_is_read_as_it_was_written_and_created_only_once(root: str, tmp_path: Path) -> None:
    store = open_store(root)
    assert store.size("a/b.bin") is None
    store.write("a/b.bin", b"first")
    assert (store.read("a/b.bin"), store.size("a/b.bin")) == (b"first", 5)
    assert not store.create("a/b.bin", b"other")
    assert store.create("a/c.bin", b"other")
    assert store.read("a/b.bin") == b"first"
    store.fetch("a/c.bin", tmp_path / "copy" / "c.bin")
    assert (tmp_path / "copy" / "c.bin").read_bytes() == b"other"


def test_of_many_that_create_one_file_one_wins(root: str) -> None:
    store = open_store(root)
    with ThreadPoolExecutor(8) as pool:
        for number in range(5):
            key = f"race/{number}"
            won = list(pool.map(lambda mark, key=key: store.create(key, b"%d" % mark), range(8)))
            assert won.count(True) == 1
            assert store.read(key) == b"%d" % won.index(True)


def folder_of(path: Path, **files: str) -> Path:
    for name, text in files.items():
        target = path / name.replace("__", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return path


def test_a_kept_folder_comes_back_and_a_cut_file_makes_it_absent(root: str, tmp_path: Path) -> None:
    store = open_store(root)
    kept = keep_folder(store, "results/one", folder_of(tmp_path / "in", a="1", b__c="22"))
    found = read_folder(store, "results/one")
    assert found == kept
    found.fetch(store, tmp_path / "out")
    assert (tmp_path / "out" / "a").read_text() == "1"
    assert (tmp_path / "out" / "b" / "c").read_text() == "22"
    store.write(kept.files["b/c"].key, b"2")
    assert read_folder(store, "results/one") is None


def test_a_file_of_the_right_size_and_wrong_content_is_refused(root: str, tmp_path: Path) -> None:
    store = open_store(root)
    kept = keep_folder(store, "one", folder_of(tmp_path / "in", a="1234"))
    store.write(kept.files["a"].key, b"4321")
    with pytest.raises(StoreError, match=r"its SHA-256 differs"):
        kept.fetch(store, tmp_path / "out")
    assert not (tmp_path / "out" / "a").exists()


def test_two_drivers_of_equal_folders_agree_and_of_others_the_first_wins(bucket: str) -> None:
    for _ in range(2):
        with output_folder(bucket) as folder:
            folder_of(folder, a="same")
        assert Path(local_copy(bucket), "a").read_text() == "same"
    with (
        pytest.raises(StoreError, match=r"written meanwhile by another process"),
        output_folder(bucket) as folder,
    ):
        folder_of(folder, a="other")
    assert Path(local_copy(bucket), "a").read_text() == "same"
    with output_folder(bucket, overwrite=True) as folder:
        folder_of(folder, a="other")
    assert Path(local_copy(bucket), "a").read_text() == "other"
    with pytest.raises(RequestError, match=r"is there already.*--overwrite"):
        require_new_output(bucket, overwrite=False)


def test_what_stops_before_the_manifest_leaves_no_output(bucket: str) -> None:
    with pytest.raises(OSError, match="of the user"), output_folder(bucket) as folder:
        folder_of(folder, a="1").joinpath("a").rename("of the user/nowhere")
    require_new_output(bucket, overwrite=False)
    with pytest.raises(StoreError, match=r"does not exist"):
        local_copy(bucket)


NAMES = ("week 1", "week#1", "week%201", "wöchentlich-試合", 'a:b+c&d"e')


@pytest.mark.parametrize("name", NAMES, ids=range(5))
def test_a_url_names_its_letters_and_no_others(bucket: str, name: str) -> None:
    # Read as a URL of the web, week#1 and week#2 were one place.
    write_output(f"{bucket}/{name}/a.txt", lambda path: path.write_text(name))
    assert list(open_store(bucket).sizes()) == [f"{name}/a.txt"]
    assert Path(local_copy(f"{bucket}/{name}/a.txt")).read_text() == name
    assert (Path(local_copy(f"{bucket}/{name}")) / "a.txt").read_text() == name


@pytest.mark.parametrize("name", ["..", "./x", "x/../y"], ids=range(3))
def test_folders_that_no_store_has_are_refused(bucket: str, name: str) -> None:
    with pytest.raises(StoreError, match=r"must not hold \. or \.\. between slashes"):
        open_store(f"{bucket}/{name}")


@pytest.mark.parametrize("name", ["x*", "x?", "x[1]"], ids=range(3))
def test_an_output_is_no_wildcard(bucket: str, name: str) -> None:
    for refuse in (
        lambda url: require_new_output(url, overwrite=True),
        lambda url: require_own_place(url, "a.txt"),
    ):
        with pytest.raises(StoreError, match=r"must not hold .*, which mean any letters"):
            refuse(f"{bucket}/{name}")
    # What another program named so is read by its name.
    write_output(f"{bucket}/{name}.txt", lambda path: path.write_text(name))
    assert Path(local_copy(f"{bucket}/{name}.txt")).read_text() == name


def test_plain_files_are_copied_by_url_folder_and_glob(bucket: str) -> None:
    for name in ("a.csv", "b.csv", "deep/c.txt"):
        write_output(f"{bucket}/{name}", lambda path: path.write_text(path.name))
    assert Path(local_copy(f"{bucket}/a.csv")).read_text() == "a.csv"
    everything = Path(local_copy(bucket))
    assert {path.name for path in everything.rglob("*.*")} >= {"a.csv", "b.csv", "c.txt"}
    some = Path(local_copy(f"{bucket}/*.csv"))
    assert sorted(path.name for path in some.glob("*.csv")) == ["a.csv", "b.csv"]
    # Changed content is another copy, and the same content is not fetched again.
    before = local_copy(f"{bucket}/a.csv")
    assert local_copy(f"{bucket}/a.csv") == before
    write_output(f"{bucket}/a.csv", lambda path: path.write_text("A.csv"))
    assert Path(local_copy(f"{bucket}/a.csv")).read_text() == "A.csv"


def test_a_file_system_of_fsspec_has_files_folders_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.csv").write_text("a")
    (tmp_path / "empty").mkdir()
    root = f"file://{tmp_path}"
    assert Path(local_copy(f"{root}/folder/a.csv")).read_text() == "a"
    assert (Path(local_copy(f"{root}/folder")) / "a.csv").read_text() == "a"
    for name in ("none", "empty", "none.csv"):
        with pytest.raises(StoreError, match=rf"/{name} does not exist: no file is there"):
            local_copy(f"{root}/{name}")
    assert open_store(root).size("folder") is None


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("s3://nobody/plays", r"s3://nobody/plays does not exist: the bucket .* check the name"),
        ("foo://x/y", r"foo://x/y names no store: .*foo.*; use s3://"),
        ("s3://", r"s3:// must name a bucket, as s3://bucket/folder"),
        ("s3:/league/x", r"s3:/league/x has one slash after its colon: a URL has two"),
        (Path("gs://league/x"), r"gs:/league/x has one slash .* as text, not as a Path"),
        ("az://plays/x", "az://plays/x needs credentials and none were found"),
        ("dbfs://host/x", r"dbfs://host/x names no store: .*'instance' and 'token'; use s3"),
        ("sftp://host/x", r'needs a package that is not installed here \(.*"paramiko"'),
    ],
)
def test_a_place_that_cannot_be_written_is_one_sentence(
    url: str | Path, match: str, bucket: str
) -> None:
    began = time.monotonic()
    with pytest.raises(StoreError, match=match):
        require_new_output(url, overwrite=False)
    assert time.monotonic() - began < 30
    assert is_url(bucket)


def test_plain_http_cannot_hold_an_output(bucket: str, s3: S3Server) -> None:
    url = f"http://127.0.0.1:{s3.port}/league/{split_url(bucket)[1]}"
    with pytest.raises(StoreError, match=rf"^{url} cannot hold an output: its file system"):
        require_new_output(url, overwrite=False)


def test_missing_credentials_are_one_sentence(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    # Where a machine of a cloud would ask; here it refuses, as anywhere else.
    with pytest.raises(StoreError, match=r"needs credentials|could not be used"):
        require_new_output(bucket, overwrite=False)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
@pytest.mark.parametrize(
    "value", ["not a url", "localhost:9000", "http://", "ftp://host", "http://host:99999"]
)
def test_an_endpoint_that_is_no_address_is_one_sentence(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match=rf"{name} must be an address .* got '{value}'\.$"):
        open_store("s3://bucket/folder").size("a")


@pytest.mark.slow
def test_a_store_that_nothing_serves_is_told_within_half_a_minute(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    for ask in (
        lambda: require_new_output(bucket, overwrite=False),
        lambda: local_copy(bucket),
        lambda: remote_files(f"{bucket}/*.csv"),
    ):
        began = time.monotonic()
        with pytest.raises(StoreError, match=rf"^{bucket} does not answer at {address}: check"):
            ask()
        # Seven tries; a store that has answered once is given twenty.
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("status", "ask", "words"),
    [
        (500, local_copy, r"answers every request with 500 Internal Server E"),
        (403, partial(require_new_output, overwrite=False), r"{} refuses access: use credentials"),
    ],
    ids=["a server that fails", "a bucket that is not ours"],
)
@pytest.mark.sample(1)
def test_a_store_that_refuses_is_one_sentence(
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    ask: Callable[[str], object],
    words: str,
) -> None:
    with refusing_proxy(status) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        with pytest.raises(StoreError, match=words.format(bucket)):
            ask(bucket)


@pytest.mark.slow
def test_a_store_that_fails_one_write_in_ten_loses_nothing(
    bucket: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing_proxy(s3.port, every=10) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        store = open_store(bucket)
        for number in range(40):
            store.write(f"{number}", b"%d" % number)
    assert len(proxy.failed) >= 4
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.environment["AWS_ENDPOINT_URL"])
    assert [open_store(bucket).read(f"{number}") for number in range(40)] == [
        b"%d" % number for number in range(40)
    ]
