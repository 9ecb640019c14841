from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from toy_jobs import Toy, locations

from featuremap_cli.batch import pool, starting
from featuremap_cli.batch.engines import OneByOne
from featuremap_cli.batch.job import Task
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.pipeline import Overlapped
from featuremap_cli.batch.starting import WorkersWhenWorthIt, engine_for


class RecordingPool(OneByOne):
    started = wanted = 0

    def __init__(self, job: Toy, folder: OutputFolder, jobs: int) -> None:
        RecordingPool.started += 1
        self.asked = 0
        super().__init__(job, folder)

    def warm_up(self, tasks: int) -> None:
        """It takes three questions to get warm."""
        RecordingPool.wanted = tasks

    def is_warm(self) -> bool:
        self.asked += 1
        return self.asked >= 3


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> type[RecordingPool]:
    monkeypatch.setattr(pool, "Pool", RecordingPool)
    monkeypatch.setattr(RecordingPool, "started", 0)
    monkeypatch.setattr(RecordingPool, "wanted", 0)
    return RecordingPool


def tasks(folder: Path, sizes: list[int]) -> list[Task]:
    for number, size in enumerate(sizes):
        (folder / f"{number}.jpg").write_bytes(b"x" * size)
    found = locations(str(folder), [f"{number}.jpg" for number in range(len(sizes))])
    return [Task(number, location, str(number)) for number, location in enumerate(found)]


def test_one_job_stays_in_this_process(tmp_path: Path) -> None:
    folder = OutputFolder(str(tmp_path))
    assert isinstance(engine_for(Toy(), folder, 1), OneByOne)
    assert isinstance(engine_for(Toy(overlaps=True), folder, 1), Overlapped)
    assert isinstance(engine_for(Toy(), folder, 2), WorkersWhenWorthIt)


@pytest.mark.parametrize(
    ("sizes", "overlaps", "starts"),
    [
        ([10] * 20, False, False),
        ([9_000_000], False, False),
        ([5_000_000, 1_600_000], False, True),
        ([10] * 7, True, False),
        ([10] * 8, True, True),
    ],
)
def test_workers_start_at_once_for_large_images_and_many_of_a_network(
    tmp_path: Path, pools: type[RecordingPool], sizes: list[int], overlaps: bool, starts: bool
) -> None:
    engine = WorkersWhenWorthIt(Toy(overlaps=overlaps), OutputFolder(str(tmp_path / "out")), 2)
    for task in tasks(tmp_path, sizes):
        engine.submit(task)
    assert pools.started == starts
    finished = []
    while collected := engine.collect(wait=True):
        finished += collected
    assert [one.index for one in finished] == list(range(len(sizes)))
    assert engine.close() == []


@pytest.mark.parametrize(("seconds", "done_here"), [(0.01, 12), (0.12, 3), (0.5, 1)])
def test_workers_start_once_a_run_has_taken_long(
    tmp_path: Path, pools: type[RecordingPool], monkeypatch: pytest.MonkeyPatch, seconds: float, done_here: int
) -> None:
    clock = count()
    monkeypatch.setattr(starting.time, "monotonic", lambda: next(clock) * seconds)
    engine = WorkersWhenWorthIt(Toy(), OutputFolder(str(tmp_path / "out")), 2)
    for task in tasks(tmp_path, [10] * 12):
        engine.submit(task)
    assert engine.is_full()
    here = 0
    while not pools.started and engine.collect(wait=True):
        here += 1
    assert here == done_here
    assert pools.started == (done_here < 12)
    assert pools.wanted == (12 - done_here)
    # What is left is done here too until a worker is ready, and then by the workers.
    finished = [one for _ in range(12 - here) for one in engine.collect(wait=True)]
    assert [one.index for one in finished] == list(range(done_here, 12))


def test_one_image_left_is_not_worth_a_worker(
    tmp_path: Path, pools: type[RecordingPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = count()
    monkeypatch.setattr(starting.time, "monotonic", lambda: next(clock))
    engine = WorkersWhenWorthIt(Toy(), OutputFolder(str(tmp_path / "out")), 2)
    for task in tasks(tmp_path, [10] * 2):
        engine.submit(task)
    assert [len(engine.collect(wait=True)) for _ in range(3)] == [1, 1, 0]
    assert pools.started == 0


def test_a_batch_is_gathered_from_few_images(tmp_path: Path, pools: type[RecordingPool]) -> None:
    engine = WorkersWhenWorthIt(Toy(batch_size=3), OutputFolder(str(tmp_path / "out")), 2)
    for task in tasks(tmp_path, [10] * 5):
        engine.submit(task)
    assert [len(engine.collect(wait=True)) for _ in range(3)] == [3, 2, 0]
    assert pools.started == 0
