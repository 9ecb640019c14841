"""What happens to a run that is killed, interrupted, or loses its workers. All with real processes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import toy_jobs
from toy_jobs import Toy, locations

from featuremap_cli.batch import starting
from featuremap_cli.batch.atomic import is_temporary
from featuremap_cli.batch.manifest import parse_entry
from featuremap_cli.batch.outputs import MANIFEST, OutputFolder
from featuremap_cli.batch.runner import RunSettings, run
from featuremap_cli.errors import FeaturemapError

Start = Callable[..., subprocess.Popen[str]]
KILLED_RUNS = 24

# Runs toy_jobs.py as a program, and then says something about the process. It need not wait for the disk.
PROGRAM = """
import os, resource, runpy, sys
os.fsync = lambda descriptor: None
from pathlib import Path
sys.argv = sys.argv[1:]
sys.path[0] = str(Path(sys.argv[0]).parent)
runpy.run_path(sys.argv[0], run_name='__main__')
"""
PEAK_MEMORY = (
    "print(sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))"
)
MODULES = "print(*(name for name in ('multiprocessing', 'subprocess', 'rich', 'queue') if name in sys.modules))"


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def begin(
        folder: Path, out: Path, jobs: int, seconds: float = 0.0, patience: float = 0.0, **more: bool
    ) -> subprocess.Popen[str]:
        words = [str(folder), str(out), str(jobs), str(seconds), "0", str(patience)]
        process = subprocess.Popen(
            [sys.executable, toy_jobs.__file__, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def make_photos(folder: Path, count: int, content: str = "photo") -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:03}.jpg").write_text(f"{content} {number}")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MANIFEST
    }


def temporary(folder: Path) -> list[str]:
    return [name for name in files(folder) if is_temporary(Path(name).name)] if folder.exists() else []


def children(process: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_killed_at_random_moments_then_repeated_equals_an_uninterrupted_run(tmp_path: Path, start: Start) -> None:
    photos = make_photos(tmp_path / "photos", 16)
    whole = tmp_path / "whole"
    assert start(photos, whole, 1).wait() == 0
    expected = files(whole)
    assert len(expected) == 32
    chance = random.Random(4)
    cut_short = 0
    for number in range(KILLED_RUNS):
        out = tmp_path / f"out{number}"
        jobs = (2, 1, 0)[number % 3]
        process = start(photos, out, jobs, 0.01, start_new_session=True)
        wait_until((out / MANIFEST).exists)
        time.sleep(chance.uniform(0.0, 0.15))
        # The workers too, as a machine that loses its power does.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert all(
            content in (expected.get(name), None) or is_temporary(Path(name).name)
            for name, content in files(out).items()
        ), "a file under its final name is whole"
        noted = {
            entry.stem
            for line in (out / MANIFEST).read_bytes().splitlines()
            if (entry := parse_entry(line)) is not None
        }
        cut_short += len(noted) < 16
        again = start(photos, out, jobs)
        told = again.communicate()[0].splitlines()
        assert again.returncode == 0
        skipped = {Path(line.partition(" ")[2]).stem for line in told if line.startswith("skipped")}
        assert len(told) == 16
        assert skipped == noted, "what was noted, and only that, is skipped"
        assert files(out) == expected
    assert cut_short >= KILLED_RUNS // 2, "the kill must come in time, or this test proves little"


@pytest.mark.parametrize("jobs", [0, 1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_ends_at_once_without_temporary_files(
    tmp_path: Path, start: Start, jobs: int, number: signal.Signals
) -> None:
    photos = make_photos(tmp_path / "photos", 200)
    out = tmp_path / "out"
    process = start(photos, out, jobs, 0.02, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    workers = children(process.pid)
    assert len(workers) == (2 if jobs == 2 else 0)
    begun = time.monotonic()
    # As a terminal does: to the whole group of processes.
    os.killpg(process.pid, number)
    _, words = process.communicate()
    assert time.monotonic() - begun < 5
    assert process.returncode == 130
    assert "Traceback" not in words
    assert all(is_gone(worker) for worker in workers)
    assert temporary(out) == []
    assert 0 < len(files(out)) < 400
    again = start(photos, out, 2)
    told = again.communicate()[0].splitlines()
    assert {line.split()[0] for line in told} == {"done", "skipped"}
    assert len(files(out)) == 400


@pytest.mark.parametrize("jobs", [0, 2])
def test_interruption_does_not_wait_for_a_slow_image(tmp_path: Path, start: Start, jobs: int) -> None:
    photos = make_photos(tmp_path / "photos", 20, "slow")
    (photos / "000.jpg").write_text("quick")
    process = start(photos, tmp_path / "out", jobs)
    assert process.stdout is not None
    process.stdout.readline()
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert time.monotonic() - begun < 10, "a slow image takes 30 seconds"
    assert process.returncode == 130
    assert temporary(tmp_path / "out") == []


def test_workers_of_a_killed_run_end_by_themselves(tmp_path: Path, start: Start) -> None:
    photos = make_photos(tmp_path / "photos", 200)
    process = start(photos, tmp_path / "out", 2, 0.02)
    assert process.stdout is not None
    process.stdout.readline()
    workers = children(process.pid)
    process.kill()
    process.wait()
    wait_until(lambda: all(is_gone(worker) for worker in workers))
    assert temporary(tmp_path / "out") == []


def test_a_killed_worker_is_replaced_and_nothing_is_lost(tmp_path: Path, start: Start) -> None:
    photos = make_photos(tmp_path / "photos", 60)
    process = start(photos, tmp_path / "out", 2, 0.02)
    assert process.stdout is not None
    first = process.stdout.readline()
    os.kill(children(process.pid)[0], signal.SIGKILL)
    told = [first, *process.stdout.read().splitlines()]
    assert process.wait() == 0
    assert [line.split()[0] for line in told] == ["done"] * 60
    assert len(files(tmp_path / "out")) == 120


def write_photos(folder: Path, contents: dict[str, str]) -> list[str]:
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_text(content)
    return list(contents)


def test_an_image_that_kills_workers_fails_and_the_rest_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "_SECONDS_HERE", 0)
    contents = {f"{n:02}.jpg": "x" for n in range(20)}
    contents |= {"03.jpg": "die", "04.jpg": f"die-once {tmp_path / 'died'}", "15.jpg": "die"}
    names = write_photos(tmp_path / "photos", contents)
    settings = RunSettings(OutputFolder(str(tmp_path / "out")), jobs=2)
    records = list(run(Toy(batch_size=2), locations(str(tmp_path / "photos"), names), settings))
    failed = [Path(record.image).name for record in records if record.status == "failed"]
    assert [Path(record.image).name for record in records] == names
    assert failed == ["03.jpg", "15.jpg"]
    failure = records[3].failure
    assert failure is not None
    assert "killed by signal 9 (SIGKILL)" in failure.message
    assert "--jobs 1" in failure.message
    assert len(files(tmp_path / "out")) == 36


def test_workers_that_cannot_even_start_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "_SECONDS_HERE", 0)
    names = write_photos(tmp_path / "photos", {"a.jpg": "a", "b.jpg": "b"})
    settings = RunSettings(OutputFolder(str(tmp_path / "out")), jobs=2)
    with pytest.raises(FeaturemapError, match=r"worker processes do not start.*SIGKILL.*--jobs 1"):
        list(run(Toy(does_not_open="die"), locations(str(tmp_path / "photos"), names), settings))


@pytest.mark.parametrize("jobs", [2, 3])
def test_workers_that_die_while_the_run_goes_on_without_them_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    monkeypatch.setattr(starting, "_SECONDS_HERE", 0.01)
    names = write_photos(tmp_path / "photos", {f"{n:03}.jpg": "x" for n in range(400)})
    settings = RunSettings(OutputFolder(str(tmp_path / "out")), jobs=jobs)
    toy = Toy(seconds=0.02, does_not_open=f"die-unless {os.getpid()}")
    done, others = [], children(os.getpid())
    with pytest.raises(FeaturemapError, match=r"worker processes do not start.*SIGKILL.*--jobs 1"):
        done.extend(record.status for record in run(toy, locations(str(tmp_path / "photos"), names), settings))
    assert children(os.getpid()) == others


def test_a_run_that_ends_while_workers_start_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "_SECONDS_HERE", 0.01)
    contents = {f"{n:02}.jpg": "x" for n in range(20)} | {"02.jpg": "bad"}
    names = write_photos(tmp_path / "photos", contents)
    settings = RunSettings(OutputFolder(str(tmp_path / "out")), jobs=2, fail_fast=True)
    others = children(os.getpid())
    records = list(run(Toy(seconds=0.02), locations(str(tmp_path / "photos"), names), settings))
    assert [record.status for record in records] == ["done", "done", "failed"]
    assert children(os.getpid()) == others


def test_an_interruption_while_workers_start_leaves_none(tmp_path: Path, start: Start) -> None:
    process = start(make_photos(tmp_path / "photos", 200), tmp_path / "out", 2, 0.02, patience=0.05)
    while not (workers := children(process.pid)):
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, words = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in words
    # One that was caught in its very start finds its input closed, and leaves by itself.
    wait_until(lambda: all(is_gone(worker) for worker in workers))
    assert temporary(tmp_path / "out") == []


def test_two_runs_into_one_folder_do_not_corrupt_each_other(tmp_path: Path, start: Start) -> None:
    photos = make_photos(tmp_path / "photos", 60)
    assert start(photos, tmp_path / "whole", 1).wait() == 0
    out = tmp_path / "out"
    both = [start(photos, out, jobs, 0.003) for jobs in (1, 0)]
    for process in both:
        told, words = process.communicate()
        assert process.returncode == 0, words
        assert len(told.splitlines()) == 60
    assert files(out) == files(tmp_path / "whole")
    lines = (out / MANIFEST).read_bytes().splitlines()
    assert all(parse_entry(line) is not None for line in lines)
    assert start(photos, out, 1).communicate()[0].count("skipped") == 60


@pytest.mark.parametrize("jobs", [0, 1, 2])
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path, jobs: int) -> None:
    few, many = make_photos(tmp_path / "few", 20), make_photos(tmp_path / "many", 1000)
    peaks = []
    for folder in (few, many):
        command = [
            sys.executable,
            "-c",
            PROGRAM + PEAK_MEMORY,
            toy_jobs.__file__,
            folder,
            tmp_path / f"out-{folder.name}",
        ]
        told = subprocess.run([*command, str(jobs), "0", "4000000"], capture_output=True, text=True, check=True).stdout
        peaks.append(int(told.split()[-1]))
    assert peaks[1] < 1.15 * peaks[0], peaks


def test_a_single_image_starts_no_process_and_imports_nothing_for_it(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", 1)
    program = [sys.executable, "-c", PROGRAM + MODULES, toy_jobs.__file__]
    command = [*program, photos, tmp_path / "out", "2", "0", "0", "0.4"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert told[0].startswith("done")
    assert told[-1].strip() == ""
    command = [*program, make_photos(tmp_path / "more", 20), tmp_path / "out", "2", "0.05", "0", "0.4"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-2:] == [
        "subprocess",
        "queue",
    ], "the test can fail"
