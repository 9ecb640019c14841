"""Runs of the real command that are killed, interrupted and repeated, in processes of their own."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PROGRAM = "import sys; from featuremap_cli.commands.app import main; sys.exit(main())"
IMAGES, CUTS = 12, 20


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    random_pixels = np.random.default_rng(5)
    for number in range(IMAGES):
        pixels = random_pixels.integers(0, 256, (180, 240, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"noise{number:02}.png")
    return folder


def command(photographs: Path, out: Path, *words: str) -> list[str]:
    kernels = ["-k", "sobel-x", "-k", "gaussian:9,2", "-k", "gabor:11,45"]
    return [sys.executable, "-c", PROGRAM, "convolve", str(photographs), *kernels, "-j", "2", "-o", str(out), *words]


def start(words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def finish(words: list[str]) -> bytes:
    result = subprocess.run(words, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def pictures(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("*.png"))}


def test_a_run_cut_at_random_moments_ends_as_if_it_had_not_been(photographs: Path, tmp_path: Path) -> None:
    finish(command(photographs, tmp_path / "whole"))
    whole = pictures(tmp_path / "whole")
    assert len(whole) == IMAGES + 1
    moments = random.Random(11)
    cut_short = 0
    for attempt in range(3 * CUTS):
        out = tmp_path / f"cut{attempt}"
        process = start(command(photographs, out))
        wait_for(process, out, files=moments.randrange(IMAGES - 2))
        time.sleep(moments.uniform(0, 0.05))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for path in out.glob("*.png"):
            assert path.read_bytes() == whole[path.name]  # a file under its final name is whole
        cut_short += len(pictures(out)) < len(whole)
        finish(command(photographs, out))
        assert pictures(out) == whole
        assert not list(out.glob(".featuremap-*"))
        if cut_short == CUTS:
            break
    assert cut_short == CUTS


def wait_for(process: subprocess.Popen[bytes], out: Path, files: int) -> None:
    """Wait until a run has written so many pictures, or has ended."""
    while process.poll() is None and len(list(out.glob("*.png"))) < files:
        time.sleep(0.002)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_ends_with_130_and_leaves_no_temporary_files(photographs: Path, tmp_path: Path, jobs: str) -> None:
    out = tmp_path / "out"
    process = start(command(photographs, out, "-j", jobs, "--tile", "full", "--separate"))
    while not list(out.glob("*.png")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, words = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"interrupted" in words
    assert b"Traceback" not in words
    assert not list(out.rglob(".featuremap-*"))


def test_the_pictures_do_not_depend_on_the_number_of_jobs(photographs: Path, tmp_path: Path) -> None:
    told = {}
    for jobs in ("1", "2", "3"):
        told[jobs] = finish(command(photographs, tmp_path / jobs, "-j", jobs)).decode().replace(f"/{jobs}/", "/")
    assert told["1"] == told["2"] == told["3"]
    assert pictures(tmp_path / "1") == pictures(tmp_path / "2") == pictures(tmp_path / "3")


def test_two_runs_into_one_folder_at_the_same_time(photographs: Path, tmp_path: Path) -> None:
    finish(command(photographs, tmp_path / "alone"))
    both = [start(command(photographs, tmp_path / "shared")) for _ in range(2)]
    for process in both:
        _, words = process.communicate()
        assert process.returncode == 0, words
    assert pictures(tmp_path / "shared") == pictures(tmp_path / "alone")
    repeated = finish(command(photographs, tmp_path / "shared", "--json")).decode().splitlines()
    assert len(repeated) == IMAGES
    assert all('"status": "skipped"' in line for line in repeated)


def test_names_that_need_care(photographs: Path, tmp_path: Path) -> None:
    picture = (photographs / "noise00.png").read_bytes()
    folder = tmp_path / "odd"
    folder.mkdir()
    names = [
        "with space.png",
        'it\'s "quoted".png',
        "two\nlines.png",
        "größe 图.png",
        "-k.png",
        "A.png",
        "a.png",
        "a.jpg",
    ]
    for name in names:
        (folder / name).write_bytes(picture)
    (folder / os.fsdecode(b"not\xfftext.png")).write_bytes(picture)
    finish(command(folder, tmp_path / "out"))
    assert len(list((tmp_path / "out").glob("*.maps.png"))) == len(names) + 1
    listing = "\n".join(str(path) for path in folder.iterdir() if "\n" not in path.name)
    words = [sys.executable, "-c", PROGRAM, "convolve", "-", "-k", "box", "-q", "-o", str(tmp_path / "from stdin")]
    result = subprocess.run(words, input=os.fsencode(listing), capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")
    assert len(list((tmp_path / "from stdin").glob("*.maps.png"))) == len(names)


def test_dry_run_prints_the_plan_and_writes_nothing(photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    planned = finish(command(photographs, out, "--dry-run")).decode().splitlines()
    assert planned[0] == f"{photographs}/noise00.png\t{out}/noise00"
    assert len(planned) == IMAGES
    assert not out.exists()
