"""Fixtures of engines and of a store, for the tests that ask for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.cluster import DaskCluster, S3Server, dask_cluster, make_bucket, s3_server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server process, or a skip that says what to install."""
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    pytest.importorskip("obstore", reason="the extra cloud is not installed")
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        make_bucket(server, "league")
        yield server


@pytest.fixture
def bucket(
    s3: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> str:
    """A prefix in a bucket of the server, which this process may write."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DROPBACK_CACHE", str(tmp_path / "cache"))
    return f"s3://league/{request.node.name.replace('[', '-').replace(']', '')}"


@pytest.fixture(scope="session")
def dask(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two workers of Dask that know the S3 server; tests must leave both alive."""
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    with dask_cluster(tmp_path_factory.mktemp("dask"), **s3.environment) as cluster:
        yield cluster
