"""How commands end when nobody reads what they print."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_no_path_on_stdin_is_no_image(tmp_path: Path) -> None:
    words = [*PROGRAM, "convolve", "-"]
    result = subprocess.run(words, cwd=tmp_path, input=b"", capture_output=True, check=False)
    assert result.returncode == 3
    assert b"expected a path on each line of stdin" in result.stderr
