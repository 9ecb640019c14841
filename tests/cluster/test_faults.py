"""What happens when workers die, the scheduler is lost, or versions differ. All with real processes."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from deadly_jobs import Deadly
from loopback import Servers, files, manifest_lines

from featuremap_cli.batch.cluster_settings import Cluster
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.record import Record
from featuremap_cli.batch.runner import RunSettings, run
from featuremap_cli.errors import MissingDependencyError, NetworkError, OutputError
from featuremap_cli.sources.locations import ImageLocation
from featuremap_cli.version import __version__


@pytest.fixture
def job(tmp_path: Path) -> Deadly:
    return Deadly(str(tmp_path / "diary"))


def photos(folder: Path, contents: dict[str, str]) -> list[ImageLocation]:
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_text(content)
    return [ImageLocation(str(folder / name), name) for name in contents]


def plain(count: int) -> dict[str, str]:
    return {f"{number:03}.jpg": f"photo {number}" for number in range(count)}


def settings(out: Path, address: object, told: list[str] | None = None) -> RunSettings:
    tell = (told if told is not None else []).append
    return RunSettings(OutputFolder(str(out)), cluster=Cluster(str(address), tell))


def statuses(records: list[Record]) -> Counter[str]:
    return Counter(record.status for record in records)


def each_image_once(out: Path, count: int) -> bool:
    stems = [line["stem"] for line in manifest_lines(out)]
    return len(stems) == len(set(stems)) == count


def test_a_worker_killed_in_the_middle_is_done_again_elsewhere(
    tmp_path: Path, two_workers: Servers, job: Deadly
) -> None:
    found = photos(tmp_path / "photos", plain(80))
    slow = Deadly(job.diary, seconds=0.05)
    records: list[Record] = []
    for record in run(slow, found, settings(tmp_path / "out", two_workers.file)):
        records.append(record)
        if len(records) == 10:
            two_workers.processes[1].kill()
    assert statuses(records) == {"done": 80}
    assert [record.image for record in records] == [location.path for location in found]
    assert each_image_once(tmp_path / "out", 80)
    assert files(tmp_path / "out") == {
        f"{number:03}.txt": f"{found[number].path}\nPHOTO {number}".encode() for number in range(80)
    }


def test_each_worker_opens_the_job_once(tmp_path: Path, two_workers: Servers, job: Deadly) -> None:
    slow = Deadly(job.diary, seconds=0.02)
    found = photos(tmp_path / "photos", plain(60))
    assert statuses(list(run(slow, found, settings(tmp_path / "out", two_workers.address)))) == {"done": 60}
    opened = job.noted("opened").split()
    workers = {str(process.pid) for process in two_workers.processes[1:]}
    assert sorted(opened) == sorted(workers)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_an_image_that_kills_workers_is_given_up_after_three(tmp_path: Path, job: Deadly, batch_size: int) -> None:
    found = photos(tmp_path / "photos", plain(20) | {"007.jpg": "die", "011.jpg": "bad"})
    deadly = Deadly(job.diary, batch_size=batch_size)
    records = list(run(deadly, found, settings(tmp_path / "out", "local:2")))
    failed = {Path(record.image).name: record.failure for record in records if record.failure}
    assert statuses(records) == {"done": 18, "failed": 2}
    assert failed.keys() == {"007.jpg", "011.jpg"}
    assert failed["007.jpg"] is not None
    assert "3 worker processes died" in failed["007.jpg"].message
    assert job.noted("deaths") == "xxx"
    assert each_image_once(tmp_path / "out", 20)


def test_dask_s_own_count_of_deaths_is_respected(tmp_path: Path, servers: Servers, job: Deadly) -> None:
    servers.environment["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "1"
    servers.scheduler()
    for _ in range(6):
        servers.worker()
    found = photos(tmp_path / "photos", plain(6) | {"003.jpg": "die"})
    records = list(run(job, found, settings(tmp_path / "out", servers.file)))
    assert statuses(records) == {"done": 5, "failed": 1}
    assert job.noted("deaths") == "xxxx"


def test_a_lost_scheduler_ends_the_run_and_repeating_it_resumes(
    tmp_path: Path, two_workers: Servers, job: Deadly, capfd: pytest.CaptureFixture[str]
) -> None:
    found = photos(tmp_path / "photos", plain(60))
    slow = Deadly(job.diary, seconds=0.05)
    records: list[Record] = []

    def until_lost() -> None:
        for record in run(slow, found, settings(tmp_path / "out", two_workers.address)):
            records.append(record)
            if len(records) == 5:
                two_workers.processes[0].kill()

    with pytest.raises(OutputError, match="is gone; start it again and repeat the command"):
        until_lost()
    assert capfd.readouterr().err == ""
    noted = len(manifest_lines(tmp_path / "out"))
    assert 5 <= noted < 60
    two_workers.scheduler()
    two_workers.worker()
    again = list(run(slow, found, settings(tmp_path / "out", two_workers.address)))
    assert statuses(again) == {"skipped": noted, "done": 60 - noted}
    assert each_image_once(tmp_path / "out", 60)
    assert len(files(tmp_path / "out")) == 60


def test_no_scheduler_ends_the_run(tmp_path: Path, servers: Servers, job: Deadly) -> None:
    servers.scheduler()
    address = servers.address
    servers.stop()
    found = photos(tmp_path / "photos", plain(1))
    with pytest.raises(OutputError, match="is the scheduler running"):
        list(run(job, found, settings(tmp_path / "out", address)))


def test_a_worker_with_another_version_is_refused_with_both(tmp_path: Path, servers: Servers, job: Deadly) -> None:
    servers.scheduler()
    servers.worker(version="99.5")
    servers.wait_for_workers(1)
    found = photos(tmp_path / "photos", plain(3))
    with pytest.raises(MissingDependencyError, match=rf"has featuremap 99\.5, this is featuremap {__version__}"):
        list(run(job, found, settings(tmp_path / "out", servers.file)))
    assert job.noted("opened") == ""


def test_a_late_worker_with_another_version_is_refused_too(tmp_path: Path, servers: Servers, job: Deadly) -> None:
    servers.scheduler()
    found = photos(tmp_path / "photos", plain(3))

    def tell(line: str) -> None:
        if "has no worker yet" in line:
            servers.worker(version="99.5")

    late = RunSettings(OutputFolder(str(tmp_path / "out")), cluster=Cluster(str(servers.file), tell))
    with pytest.raises(MissingDependencyError, match=r"featuremap 99\.5"):
        list(run(job, found, late))
    assert job.noted("opened") == ""


def test_tasks_stay_bounded_however_long_the_list(tmp_path: Path, two_workers: Servers, job: Deadly) -> None:
    (location,) = photos(tmp_path / "photos", plain(1))
    pulled = itertools.count()
    seen = 0

    def endless() -> Iterator[ImageLocation]:
        nonlocal seen
        for seen in pulled:
            yield ImageLocation(location.path, f"{seen}.jpg")

    slow = Deadly(job.diary, seconds=0.05)
    records = run(slow, endless(), settings(tmp_path / "out", two_workers.file))
    for _ in range(40):
        next(records)
    records.close()
    # Four threads, two batches each of at most half a second's images, and one batch more that is being gathered.
    assert seen < 40 + 4 * 2 * 12 + 12


def test_ending_early_leaves_nothing_behind(tmp_path: Path, two_workers: Servers, job: Deadly) -> None:
    found = photos(tmp_path / "photos", plain(100))
    slow = Deadly(job.diary, seconds=0.05)
    records = run(slow, found, settings(tmp_path / "out", two_workers.file))
    for _ in range(5):
        next(records)
    records.close()
    before = files(tmp_path / "out")
    time.sleep(0.5)
    assert files(tmp_path / "out") == before
    # A next run on the same cluster gets the workers at once, and finds no trace of the first.
    rest = list(run(Deadly(job.diary), found, settings(tmp_path / "out", two_workers.file)))
    assert statuses(rest)["skipped"] >= 5
    assert statuses(rest)["skipped"] + statuses(rest)["done"] == 100
    assert len(before) < 100


def test_what_must_end_a_run_ends_it(tmp_path: Path, two_workers: Servers, job: Deadly) -> None:
    found = photos(tmp_path / "photos", plain(5) | {"002.jpg": "full"})
    with pytest.raises(OutputError, match="the disk is full"):
        list(run(job, found, settings(tmp_path / "out", two_workers.file)))
    closed = Deadly(job.diary, does_not_open="no such layer; there are conv1, conv2")
    with pytest.raises(NetworkError, match="there are conv1, conv2"):
        list(run(closed, found, settings(tmp_path / "out2", two_workers.file)))
