from __future__ import annotations

from pathlib import Path

import pytest
from toy_jobs import Toy, locations

from featuremap_cli.batch import pool
from featuremap_cli.batch.engines import OneByOne
from featuremap_cli.batch.job import Task
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.pipeline import Overlapped
from featuremap_cli.batch.starting import WorkersWhenWorthIt, engine_for


class RecordingPool(OneByOne):
    started = 0

    def __init__(self, job: Toy, folder: OutputFolder, jobs: int) -> None:
        RecordingPool.started += 1
        super().__init__(job, folder)


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> type[RecordingPool]:
    monkeypatch.setattr(pool, "Pool", RecordingPool)
    monkeypatch.setattr(RecordingPool, "started", 0)
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
    ("sizes", "starts"),
    [([10] * 7, False), ([10] * 8, True), ([5_000_000], False), ([1_000_000, 600_000], True), ([1, 1], False)],
)
def test_workers_start_for_many_or_large_images(
    tmp_path: Path, pools: type[RecordingPool], sizes: list[int], starts: bool
) -> None:
    engine = WorkersWhenWorthIt(Toy(), OutputFolder(str(tmp_path / "out")), 2)
    for task in tasks(tmp_path, sizes):
        engine.submit(task)
    assert pools.started == starts
    finished = []
    while collected := engine.collect(wait=True):
        finished += collected
    assert [one.index for one in finished] == list(range(len(sizes)))
    assert engine.close() == []


def test_a_batch_is_gathered_from_few_images(tmp_path: Path, pools: type[RecordingPool]) -> None:
    engine = WorkersWhenWorthIt(Toy(batch_size=3), OutputFolder(str(tmp_path / "out")), 2)
    for task in tasks(tmp_path, [10] * 5):
        engine.submit(task)
    assert [len(engine.collect(wait=True)) for _ in range(3)] == [3, 2, 0]
    assert pools.started == 0
