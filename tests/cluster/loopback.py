"""What the tests need to talk to real servers on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MANIFEST = "featuremap-manifest.jsonl"
SECRET = "not-to-be-told"
NO_NETWORK = {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}


@dataclass(frozen=True)
class Ran:
    """What a command printed and ended with."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def upload(url: str, content: bytes) -> None:
    """Put an object with Amazon's own client."""
    import boto3

    name, _, key = url.removeprefix("s3://").partition("/")
    boto3.client("s3").put_object(Bucket=name, Key=key, Body=content)


def objects(url: str) -> dict[str, bytes]:
    """Every object below an address, by Amazon's own client."""
    import boto3

    name, _, prefix = url.removeprefix("s3://").partition("/")
    client = boto3.client("s3")
    found: dict[str, bytes] = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=f"{prefix}/" if prefix else ""):
        for one in page.get("Contents", ()):
            key = one["Key"]
            found[key.removeprefix(f"{prefix}/")] = client.get_object(Bucket=name, Key=key)["Body"].read()
    return found


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but the manifest."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MANIFEST
    }


def manifest_lines(folder: Path) -> list[dict[str, object]]:
    """What the manifest in a folder says."""
    return [json.loads(line) for line in (folder / MANIFEST).read_text().splitlines()]


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@dataclass
class Servers:
    """A Dask scheduler and its workers, as processes of their own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """The scheduler file."""
        return self.folder / "scheduler.json"

    @property
    def address(self) -> str:
        """The scheduler's address, tcp://..."""
        return str(json.loads(self.file.read_text())["address"])

    def scheduler(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a scheduler, and wait until it listens."""
        self.file.unlink(missing_ok=True)
        module = "distributed.cli.dask_scheduler"
        process = self._start(
            [sys.executable, "-m", module, "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"],
            *("--scheduler-file", str(self.file), *words),
        )
        wait_until(self._is_written)
        return process

    def worker(self, version: str = "") -> subprocess.Popen[bytes]:
        """Start a worker of two threads without a nanny, in a folder where no image is."""
        other = f"import featuremap_cli.version as one; one.__version__ = {version!r}; " if version else ""
        program = f"{other}from distributed.cli.dask_worker import main; main()"
        return self._start(
            [sys.executable, "-c", program, "--scheduler-file", str(self.file), "--host", "127.0.0.1"],
            *("--nthreads", "2", "--no-nanny", "--no-dashboard", "--local-directory", str(self.folder / "scratch")),
        )

    def wait_for_workers(self, count: int) -> None:
        """Wait until so many workers have joined."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            wait_until(lambda: len(client.nthreads()) == count)

    def stop(self) -> None:
        """End them all."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.communicate()

    def _is_written(self) -> bool:
        try:
            return bool(self.address)
        except (OSError, ValueError, KeyError):
            return False

    def _start(self, command: list[str], *words: str) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(ROOT), str(HERE)])
        environment = {**os.environ, **NO_NETWORK, "PYTHONPATH": path, **self.environment}
        log = (self.folder / f"log{len(self.processes)}.txt").open("wb")
        process = subprocess.Popen([*command, *words], env=environment, cwd=self.folder, stdout=log, stderr=log)
        log.close()
        self.processes.append(process)
        return process
