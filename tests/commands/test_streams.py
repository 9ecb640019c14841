"""How commands end when nobody reads what they print."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from featuremap_cli.sources.locations import sample_path

PROGRAM = [sys.executable, "-c", "import sys; from featuremap_cli.commands.app import main; sys.exit(main())"]


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    words = [*PROGRAM, "convolve", "sample:china", "sample:flower", "-o", "out", "-q"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as errors:
        assert errors.read() == b""
    assert process.wait() == 141  # as a program that the signal SIGPIPE has ended


def test_a_full_stdout_is_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run([*PROGRAM, "kernels"], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False)
    assert result.returncode == 5
    assert result.stderr == b"featuremap: cannot write to stdout: No space left on device; send it elsewhere\n"


def test_a_table_on_a_full_stdout(tmp_path: Path) -> None:
    words = [*PROGRAM, "arithmetic", "9x9x3", "pool 2"]
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(words, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (result.returncode, result.stderr.count(b"\n")) == (5, 1)


@pytest.mark.parametrize("command", [["convolve"], ["health", "-m", "alexnet"]])
def test_an_empty_list_on_stdin_is_nothing_to_do(tmp_path: Path, command: list[str]) -> None:
    words = [*PROGRAM, *command, "-"]
    result = subprocess.run(words, cwd=tmp_path, input=b"", capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (0, b"")
    assert result.stderr == b"featuremap: no image was named on stdin: nothing to do\n"


def test_paths_on_stdin_may_end_with_nul(tmp_path: Path) -> None:
    for name in ("a\nb.png", "c.png"):
        shutil.copy(sample_path("flower"), tmp_path / name)
    words = [*PROGRAM, "convolve", "-", "-0", "-k", "box", "--limit", "1", "--json"]
    for ending in (b"", b"\0"):
        listed = b"a\nb.png\0c.png" + ending
        result = subprocess.run(words, cwd=tmp_path, input=listed, capture_output=True, check=False)
        assert result.returncode == 0, result.stderr
        assert [json.loads(line)["image"] for line in result.stdout.splitlines()] == ["a\nb.png", "c.png"]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_name_that_stdout_cannot_encode_is_escaped_and_the_batch_goes_on(tmp_path: Path, encoding: str) -> None:
    names = ["0\N{RIGHTWARDS ARROW}.png", "1\N{CJK UNIFIED IDEOGRAPH-5377}.png", "2.png"]
    for name in names:
        shutil.copy(sample_path("flower"), tmp_path / name)
    (tmp_path / "3\N{RIGHTWARDS ARROW}.png").write_bytes(b"no image")
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding, "LC_ALL": "C.UTF-8"}
    words = [*PROGRAM, "convolve", ".", "-k", "box", "-o", "out"]
    result = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert result.returncode == 7, result.stderr
    told = result.stdout.decode(encoding).splitlines()
    assert [line for line in told if "maps" in line] == [
        "out/0\\u2192.maps.png",
        "out/1\\u5377.maps.png",
        "out/2.maps.png",
    ]
    assert b"3\\u2192.png is not an image" in result.stderr
    words = [*PROGRAM, "convolve", names[0], "-k", "box", "-o", "out", "--json", "--force"]
    result = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert json.loads(result.stdout)["image"] == names[0]


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac's file names are text")
def test_json_escapes_the_bytes_of_a_name_that_is_no_text(tmp_path: Path) -> None:
    name = b"caf\xe9.png"
    shutil.copy(sample_path("flower"), tmp_path / os.fsdecode(name))
    words = [*PROGRAM, "convolve", os.fsdecode(name), "-k", "box", "-o", "out", "--json"]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
    assert rb"caf\udce9.png" in result.stdout
    assert os.fsencode(json.loads(result.stdout.decode("utf-8"))["image"]) == name


def test_results_of_an_earlier_run_are_no_photographs(tmp_path: Path) -> None:
    shutil.copy(sample_path("flower"), tmp_path / "a.jpg")
    run = [*PROGRAM, "convolve", ".", "-k", "box"]
    subprocess.run(run, cwd=tmp_path, capture_output=True, check=True)
    again = subprocess.run([*run, "-o", "other", "--json"], cwd=tmp_path, capture_output=True, check=True)
    assert [json.loads(line)["image"] for line in again.stdout.splitlines()] == ["./a.jpg"]
    assert b"./featuremaps is passed over: an earlier run has written it; name it to search it" in again.stderr
    named = subprocess.run([*PROGRAM, "convolve", "featuremaps", "-k", "box", "-o", "third"], cwd=tmp_path, check=False)
    assert named.returncode == 0


@pytest.mark.parametrize(
    "words",
    [
        ["filters", "sobel-x", "--overlay"],
        ["filters", "sobel-x", "--with-image"],
        ["filters", "sobel-x", "--separate"],
        ["health", "sample:china", "-m", "alexnet", "--jobs", "2"],
        ["health", "sample:china", "-m", "alexnet", "--force"],
        ["patches", "sample:china", "-m", "alexnet", "--jobs", "2"],
        ["patches", "sample:china", "-m", "alexnet", "--force"],
    ],
    ids=" ".join,
)
def test_options_that_would_do_nothing_are_not_there(tmp_path: Path, words: list[str]) -> None:
    ran = subprocess.run([*PROGRAM, *words], cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode == 2
    assert b"No such option" in ran.stderr


@pytest.mark.parametrize("words", [["convolve", "sample:china"], ["filters", "sobel-x"]], ids=" ".join)
def test_a_picture_for_the_folder_of_results_is_refused(tmp_path: Path, words: list[str]) -> None:
    ran = subprocess.run([*PROGRAM, *words, "-o", "x.png"], cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode == 2
    assert b"--out x.png names a picture: expected a folder" in ran.stderr
    assert not (tmp_path / "x.png").exists()
