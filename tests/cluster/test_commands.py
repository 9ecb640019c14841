"""The command line on a cluster: the same bytes as here, and what is told."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import MANIFEST, ROOT, Run, Servers, files, wait_until

from featuremap_cli.errors import ExitCode

KERNELS = ("-k", "sobel-x", "-k", "gaussian:3,1", "--scale", "layer", "--arrays")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Seven photographs in folders, and a file that is none, in the working folder."""
    folder = tmp_path / "work" / "photos"
    (folder / "holiday").mkdir(parents=True)
    for number in range(6):
        name = ("china", "flower")[number % 2]
        shutil.copy(ROOT / "sample_images" / f"{name}.jpg", folder / f"{number}.jpg")
    shutil.copy(ROOT / "sample_images" / "flower.jpg", folder / "holiday" / "0.jpg")
    (folder / "broken.jpg").write_bytes(b"no picture")
    monkeypatch.chdir(tmp_path / "work")
    return folder


def test_convolve_gives_the_same_bytes_on_a_cluster(
    tmp_path: Path, photos: Path, two_workers: Servers, featuremap: Run
) -> None:
    here = featuremap("convolve", "photos", *KERNELS, "--json", "-o", "here", "-j", "1")
    # Paths are relative, and the workers live in another folder.
    there = featuremap("convolve", "photos", *KERNELS, "--json", "-o", "there", "--cluster", two_workers.address)
    assert here.code == there.code == ExitCode.SOME_IMAGES_FAILED
    assert files(tmp_path / "work/here") == files(tmp_path / "work/there")
    assert len(files(tmp_path / "work/here")) == 2 * 7 + 2
    assert json_lines(there.out) == json_lines(here.out.replace("here", "there"))
    assert re.search(r"^featuremap: dashboard: http://127\.0\.0\.1:\d+/", there.err, re.MULTILINE)
    again = featuremap("convolve", "photos", *KERNELS, "-o", "there", "-q", "--cluster", "local:1")
    assert "dashboard" not in again.err
    assert again.out == ""


def test_activations_give_the_same_bytes_on_a_cluster(
    tmp_path: Path, photos: Path, servers: Servers, featuremap: Run
) -> None:
    (photos / "broken.jpg").unlink()
    network = ("activations", "photos", "-m", "alexnet", "-l", "0", "-l", "-1", "--limit", "8")
    here = featuremap(*network, "-o", "here", "-j", "1")
    servers.scheduler()
    servers.worker()
    there = featuremap(*network, "-o", "there", "--cluster", servers.file)
    assert (here.code, there.code) == (0, 0)
    assert files(tmp_path / "work/here") == files(tmp_path / "work/there")
    assert len(files(tmp_path / "work/there")) == 2 * 7


def test_health_over_workers_is_that_of_one_process(
    tmp_path: Path, photos: Path, two_workers: Servers, featuremap: Run
) -> None:
    network = ("health", "photos", "-m", "alexnet", "-l", "0", "-l", "-1", "--batch-size", "2", "--json")
    here = featuremap(*network, "-o", "here")
    there = featuremap(*network, "-o", "there", "--cluster", two_workers.address)
    assert here.code == there.code == ExitCode.SOME_IMAGES_FAILED
    (expected,), (measured,) = json_lines(here.out), json_lines(there.out)
    assert dict(numbers(expected)) == pytest.approx(dict(numbers(measured)), rel=1e-9, abs=1e-9)
    assert dict(numbers(measured))["/images"] == 7


def test_patches_over_workers_are_those_of_one_process(
    tmp_path: Path, photos: Path, two_workers: Servers, featuremap: Run
) -> None:
    words = ("patches", "photos", "-m", "alexnet", "-l", "conv2", "--filters", "0:6", "--top", "5", "--batch-size", "2")
    here = featuremap(*words, "-o", "here")
    there = featuremap(*words, "-o", "there", "--cluster", two_workers.address)
    assert here.code == there.code == ExitCode.SOME_IMAGES_FAILED
    assert sorted(files(tmp_path / "work/here")) == ["conv2.patches.jsonl", "conv2.patches.png"]
    assert files(tmp_path / "work/here") == files(tmp_path / "work/there")


def test_ctrl_c_ends_the_processes_too(tmp_path: Path, photos: Path) -> None:
    program = "import sys; from featuremap_cli.commands.app import main; sys.exit(main())"
    words = ["convolve", "photos", "-k", "gabor:31,45", "-o", "out", "--cluster", "local:2"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_until((tmp_path / "work/out" / MANIFEST).exists)
    # As a terminal does: to the workers too.
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode in (ExitCode.INTERRUPTED, ExitCode.SOME_IMAGES_FAILED)
    assert "Traceback" not in told
    wait_until(lambda: not living(process.pid))
    assert not [name for name in files(tmp_path / "work/out") if name.endswith(".tmp")]


def living(group: int) -> list[str]:
    """The processes of a group that have not ended."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = entry.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_group) == group and state not in "ZX":
            found.append(entry.parent.name)
    return found


def numbers(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every leaf of a JSON value by its path; each text as whether it is there."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from numbers(inner, f"{path}/{place}")
    else:
        yield (path, value) if isinstance(value, int | float) else (f"{path}={value}", 1)


def json_lines(text: str) -> list[object]:
    return [json.loads(line) for line in text.splitlines()]
