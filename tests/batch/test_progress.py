from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from featuremap_cli.batch import progress
from featuremap_cli.batch.job import Failure
from featuremap_cli.batch.progress import Progress
from featuremap_cli.batch.record import Record


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


def done(index: int, *notices: str) -> Record:
    return Record(index, f"{index}.jpg", "done", notices=notices)


def failed(message: str) -> Record:
    return Record(0, "a\n.jpg", "failed", failure=Failure(message))


def test_failures_are_told_at_once_notices_once_and_a_summary_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, lines = Clock(monkeypatch), list[str]()
    with Progress(lines.append, total=6) as told:
        told.add(done(0, "64 of 96 maps shown"))
        assert lines == ["0.jpg: 64 of 96 maps shown"]
        told.add(failed("does not fit; use --gray"))
        assert lines[1:] == ["a\\n.jpg: does not fit; use --gray"]
        told.add(failed("a\\n.jpg is truncated"))
        assert lines[2:] == ["a\\n.jpg is truncated"]
        told.add(done(3, "64 of 96 maps shown"))
        told.add(Record(4, "4.jpg", "skipped"))
        assert len(lines) == 3
        clock.now += 8
    assert lines[3:] == ["2 done, 1 already done, 2 failed in 8.0 s (0.5 images a second)"]
    assert (told.tally.done, told.tally.skipped, told.tally.failed) == (2, 1, 2)


def test_off_a_terminal_there_are_warnings_and_one_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, lines = Clock(monkeypatch), list[str]()
    with Progress(lines.append, total=1000) as told:
        for number in range(100):
            clock.now += 2.5
            told.add(done(number))
        told.add(failed("a\\n.jpg is bad"))
    assert lines == ["a\\n.jpg is bad", "100 done, 1 failed in 4 min (0.4 images a second)"]


def test_a_single_image_needs_no_summary() -> None:
    lines: list[str] = []
    with Progress(lines.append, total=1) as told:
        told.add(done(0))
    assert lines == []


def test_quiet_tells_failures_only(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, lines = Clock(monkeypatch), list[str]()
    with Progress(lines.append, quiet=True) as told:
        told.add(done(0, "64 of 96 maps shown"))
        clock.now += 100
        told.add(failed("a\\n.jpg is bad"))
        told.add(done(2))
    assert lines == ["a\\n.jpg is bad"]


def test_notices_that_differ_do_not_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    told = Progress(lines.append)
    for number in range(100):
        told.add(done(number, f"{number} is constant"))
    assert len(lines) == 20


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (90, "2 min"), (3600, "1 h 00 min"), (9000, "2 h 30 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert progress._duration(seconds) == text


SCRIPT = """
import sys
from featuremap_cli.batch.job import Failure
from featuremap_cli.batch.progress import Progress
from featuremap_cli.batch.record import Record
def tell(line):
    print(line, file=sys.stderr, flush=True)
with Progress(tell, total=3, quiet=len(sys.argv) > 1) as told:
    for index, status in enumerate(("done", "failed", "done")):
        failure = Failure("b.jpg is bad [bold]") if status == "failed" else None
        told.add(Record(index, f"{index}.jpg", status, failure=failure))
        print(f"path {index}", flush=True)
tell("rich" if "rich" in sys.modules else "no bar")
"""


def on_a_terminal(*arguments: str) -> tuple[str, str]:
    """What a program writes to a terminal as stderr, and to a pipe as stdout."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-c", SCRIPT, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            seen += piece
            if not piece:
                break
        assert process.stdout is not None
        data = process.stdout.read()
    os.close(ours)
    assert process.returncode == 0
    return seen.decode(), data.decode()


def test_on_a_terminal_a_bar_counts_and_data_stays_on_stdout() -> None:
    seen, data = on_a_terminal()
    assert data == "path 0\npath 1\npath 2\n"
    assert "3/3" in seen
    assert "1 failed" in seen
    assert "b.jpg is bad [bold]" in seen
    assert "2 done, 1 failed in" in seen
    assert seen.rstrip().endswith("rich")


def test_quiet_draws_no_bar_on_a_terminal() -> None:
    seen, _ = on_a_terminal("quiet")
    assert seen.split("\r\n") == ["1.jpg: b.jpg is bad [bold]", "no bar", ""]


def test_off_a_terminal_rich_is_not_imported(tmp_path: Path) -> None:
    told = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert told.stderr.splitlines()[-1] == "no bar"
    assert "\x1b" not in told.stderr
