"""Real servers on loopback: an S3 server, and a Dask scheduler with worker processes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

# Worker processes import the jobs by name.
sys.path.insert(0, str(Path(__file__).parent))

from loopback import NO_NETWORK, SECRET, Ran, Run, Servers

from featuremap_cli.commands.app import main


@pytest.fixture
def featuremap(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `featuremap WORDS...` in this process."""

    def run(*words: object) -> Ran:
        code = main([str(word) for word in words])
        captured = capfd.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """`s3://NAME`, a new bucket; credentials stand where S3's own tools look for them."""
    import boto3

    for name, value in {
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_server,
        **NO_NETWORK,
    }.items():
        monkeypatch.setenv(name, value)
    name = f"bucket{time.time_ns()}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """A scheduler and workers to be started; they end with the test."""
    folder = tmp_path / "servers"
    folder.mkdir()
    started = Servers(folder)
    yield started
    started.stop()


@pytest.fixture
def two_workers(servers: Servers) -> Servers:
    """A scheduler with two workers, both there."""
    servers.scheduler()
    servers.worker()
    servers.worker()
    servers.wait_for_workers(2)
    return servers
