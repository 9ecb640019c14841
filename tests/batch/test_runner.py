from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_jobs import Toy, locations

from featuremap_cli.batch import runner, stages, starting
from featuremap_cli.batch.fingerprint import Fingerprint
from featuremap_cli.batch.job import Task
from featuremap_cli.batch.outputs import MANIFEST, OutputFolder
from featuremap_cli.batch.record import Record, Tally
from featuremap_cli.batch.runner import RunSettings, preview, run
from featuremap_cli.errors import ExitCode, NetworkError, OutputError
from featuremap_cli.sources.locations import ImageLocation, MissingImage, find_images

# jobs, overlaps, batch size: one by one, overlapped in one process, and worker processes.
ENGINES = [(1, False, 1), (1, False, 3), (1, True, 1), (1, True, 3), (2, False, 1), (2, False, 3)]
engines = pytest.mark.parametrize(("jobs", "overlaps", "batch_size"), ENGINES)


@pytest.fixture
def always_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "_SECONDS_HERE", 0)


@pytest.fixture
def photos(tmp_path: Path) -> Callable[[dict[str, str]], list[ImageLocation]]:
    def make(contents: dict[str, str]) -> list[ImageLocation]:
        for name, content in contents.items():
            path = tmp_path / "photos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            age(path)
        return locations(str(tmp_path / "photos"), list(contents))

    return make


Photos = Callable[[dict[str, str]], list[ImageLocation]]


def age(path: Path) -> None:
    """A file that was written a moment ago is looked at more closely; most are older."""
    os.utime(path, (time.time() - 100, time.time() - 100))


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def statuses(records: list[Record]) -> list[str]:
    return [record.status for record in records]


def manifest_lines(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / MANIFEST).read_text().splitlines()]


@engines
@pytest.mark.usefixtures("always_workers")
def test_every_engine_gives_the_same_in_the_order_of_the_plan(
    tmp_path: Path, photos: Photos, jobs: int, overlaps: bool, batch_size: int
) -> None:
    found = photos({f"{n}.jpg": "bad" if n == 4 else f"photo {n}" for n in range(11)})
    plain = list(run(Toy(), found, RunSettings(OutputFolder(str(tmp_path / "plain")))))
    job = Toy(overlaps=overlaps, batch_size=batch_size, chatty=True)
    records = list(run(job, found, RunSettings(OutputFolder(str(tmp_path / "out")), jobs=jobs)))
    assert [record.image for record in records] == [location.path for location in found]
    assert statuses(records) == ["done"] * 4 + ["failed"] + ["done"] * 6
    assert files(tmp_path / "out") == files(tmp_path / "plain")
    assert len(files(tmp_path / "out")) == 20
    assert [record.layers for record in records] == [record.layers for record in plain]
    assert records[0].outputs == (str(tmp_path / "out/0.toy.png"), str(tmp_path / "out/0/000-layer.png"))
    assert records[0].notices == ("notice of 0.jpg",)
    assert {line["stem"]: line["status"] for line in manifest_lines(tmp_path / "out")} == {
        str(n): "failed" if n == 4 else "done" for n in range(11)
    }


@engines
@pytest.mark.usefixtures("always_workers")
def test_a_bad_image_fails_and_the_rest_goes_on(
    tmp_path: Path, photos: Photos, jobs: int, overlaps: bool, batch_size: int
) -> None:
    found = photos({"a.jpg": "a", "b.jpg": "bad", "c.jpg": "misfit", "d.jpg": "odd", "e.jpg": "e"})
    found.insert(2, MissingImage("nowhere.jpg", "nowhere.jpg does not exist"))  # type: ignore[arg-type]
    found.append(ImageLocation(str(tmp_path / "vanished.jpg"), "vanished.jpg"))
    job = Toy(overlaps=overlaps, batch_size=batch_size)
    records = list(run(job, found, RunSettings(OutputFolder(str(tmp_path / "out")), jobs=jobs)))
    assert statuses(records) == ["done", "failed", "failed", "failed", "failed", "done", "failed"]
    messages = [record.failure.message for record in records if record.failure]
    assert "is bad: expected a good one" in messages[0]
    assert messages[1] == "nowhere.jpg does not exist"
    assert "use --gray" in messages[2]
    assert messages[3] == "a fault of featuremap's own, please report it: ZeroDivisionError: division by zero"
    assert "FileNotFoundError" in messages[4]
    failure = records[4].failure
    assert failure is not None
    assert "toy_jobs.py" in (failure.traceback or "")
    tally = Tally()
    for record in records:
        tally.add(record)
    assert (tally.done, tally.skipped, tally.failed) == (2, 0, 5)
    assert tally.exit_code == ExitCode.SOME_IMAGES_FAILED


@engines
@pytest.mark.usefixtures("always_workers")
def test_an_output_that_cannot_be_written_ends_the_run_and_keeps_what_is_done(
    tmp_path: Path, photos: Photos, jobs: int, overlaps: bool, batch_size: int
) -> None:
    found = photos({f"{n}.jpg": "x" for n in range(6)} | {"full.jpg": "x"} | {f"late{n}.jpg": "x" for n in range(40)})
    job = Toy(overlaps=overlaps, batch_size=batch_size, seconds=0.01)
    records: list[Record] = []
    with pytest.raises(OutputError, match="the disk is full"):
        records.extend(run(job, found, RunSettings(OutputFolder(str(tmp_path / "out")), jobs=jobs)))
    assert statuses(records) == ["done"] * len(records)
    noted = {line["stem"] for line in manifest_lines(tmp_path / "out")}
    assert {Path(record.image).stem for record in records} <= noted
    assert len(noted) < 40
    assert not [name for name in files(tmp_path / "out") if name.endswith(".tmp")]
    again = list(run(job, found[:6], RunSettings(OutputFolder(str(tmp_path / "out")), jobs=jobs)))
    assert statuses(again).count("skipped") == len([stem for stem in noted if len(str(stem)) == 1])


@engines
@pytest.mark.usefixtures("always_workers")
def test_a_job_that_does_not_open_ends_the_run(
    tmp_path: Path, photos: Photos, jobs: int, overlaps: bool, batch_size: int
) -> None:
    job = Toy(overlaps=overlaps, batch_size=batch_size, does_not_open="no such layer; there are conv1, conv2")
    with pytest.raises(NetworkError, match="there are conv1, conv2"):
        list(run(job, photos({"a.jpg": "a", "b.jpg": "b"}), RunSettings(OutputFolder(str(tmp_path / "o")), jobs=jobs)))


@engines
@pytest.mark.usefixtures("always_workers")
def test_fail_fast_stops_at_the_first_failure(
    tmp_path: Path, photos: Photos, jobs: int, overlaps: bool, batch_size: int
) -> None:
    found = photos({f"{n}.jpg": "bad" if n == 2 else "x" for n in range(60)})
    job = Toy(overlaps=overlaps, batch_size=batch_size, seconds=0.005)
    settings = RunSettings(OutputFolder(str(tmp_path / "out")), jobs=jobs, fail_fast=True)
    assert statuses(list(run(job, found, settings))) == ["done", "done", "failed"]
    assert len(manifest_lines(tmp_path / "out")) < 40


def test_a_finished_run_is_skipped_and_tells_the_same(tmp_path: Path, photos: Photos) -> None:
    found = photos({"a.jpg": "a", "holiday/b.jpg": "b"})
    settings = RunSettings(OutputFolder(str(tmp_path / "out")))
    first = list(run(Toy(), found, settings))
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in files(tmp_path / "out")}
    lines = (tmp_path / "out" / MANIFEST).read_bytes()
    second = list(run(Toy(), found, settings))
    assert statuses(second) == ["skipped", "skipped"]
    assert [(record.outputs, record.layers) for record in second] == [(one.outputs, one.layers) for one in first]
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in before} == before
    assert (tmp_path / "out" / MANIFEST).read_bytes() == lines
    assert second[0].as_json() == {
        "image": found[0].path,
        "status": "skipped",
        "error": None,
        "outputs": list(first[0].outputs),
        "layers": [{"layer": "toy", "min": 0.0}],
    }


def test_only_what_changed_is_done_again(tmp_path: Path, photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    found = photos({"a.jpg": "a", "b.jpg": "b", "c.jpg": "c"})
    out = tmp_path / "out"
    settings = RunSettings(OutputFolder(str(out)))

    def repeat(job: Toy = Toy(), force: bool = False) -> list[str]:  # noqa: B008
        changed = RunSettings(settings.folder, force=force)
        return statuses(list(run(job, found, changed)))

    assert repeat() == ["done"] * 3
    assert repeat() == ["skipped"] * 3
    Path(found[1].path).write_text("B")
    assert repeat() == ["skipped", "done", "skipped"]
    Path(found[1].path).write_text("X")
    os.utime(found[1].path, ns=(10**18, 10**18))
    assert repeat() == ["skipped", "done", "skipped"], "same size and an old date do not hide a change"
    os.utime(found[1].path)
    assert repeat() == ["skipped"] * 3, "a date alone is no change"
    (out / "a.toy.png").unlink()
    assert repeat() == ["done", "skipped", "skipped"]
    (out / "c" / "000-layer.png").write_bytes(b"altered")
    assert repeat() == ["skipped", "skipped", "done"]
    assert repeat(Toy(word="other")) == ["done"] * 3
    assert repeat(Toy(word="other")) == ["skipped"] * 3
    assert repeat(Toy(word="other"), force=True) == ["done"] * 3
    monkeypatch.setattr(runner, "__version__", "99.0")
    assert repeat(Toy(word="other")) == ["done"] * 3
    assert repeat(Toy(word="other")) == ["skipped"] * 3


def test_a_failed_image_is_tried_again(tmp_path: Path, photos: Photos) -> None:
    found = photos({"a.jpg": "bad", "b.jpg": "b"})
    settings = RunSettings(OutputFolder(str(tmp_path / "out")))
    assert statuses(list(run(Toy(), found, settings))) == ["failed", "done"]
    Path(found[0].path).write_text("mended")
    assert statuses(list(run(Toy(), found, settings))) == ["done", "skipped"]


def test_a_cut_last_line_is_ignored(tmp_path: Path, photos: Photos) -> None:
    found = photos({"a.jpg": "a", "b.jpg": "b"})
    settings = RunSettings(OutputFolder(str(tmp_path / "out")))
    list(run(Toy(), found, settings))
    manifest = tmp_path / "out" / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-30])
    assert statuses(list(run(Toy(), found, settings))) == ["skipped", "done"]
    assert statuses(list(run(Toy(), found, settings))) == ["skipped", "skipped"]


def test_an_image_that_changes_while_it_is_read_is_done_again(
    tmp_path: Path, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = photos({"a.jpg": "a"})
    import toy_jobs

    real = toy_jobs.ToySession.compute

    def change_then_compute(self: toy_jobs.ToySession, inputs: list[tuple[str, bytes]]) -> list[str]:
        Path(found[0].path).write_text("b")
        return real(self, inputs)

    settings = RunSettings(OutputFolder(str(tmp_path / "out")))
    monkeypatch.setattr(toy_jobs.ToySession, "compute", change_then_compute)
    assert statuses(list(run(Toy(), found, settings))) == ["done"]
    monkeypatch.setattr(toy_jobs.ToySession, "compute", real)
    assert statuses(list(run(Toy(), found, settings))) == ["done"]
    assert statuses(list(run(Toy(), found, settings))) == ["skipped"]


def test_an_image_that_changes_between_its_stamp_and_its_digest_is_noted_by_neither(
    tmp_path: Path, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes that were read are not those whose digest would be noted."""
    found = photos({"a.jpg": "a"})
    # A stamp of this very moment proves nothing; this one proves the size.
    monkeypatch.setattr(stages, "stamp_of", lambda path: (Path(path).stat().st_size, 0, 0, 0))
    import toy_jobs

    real = toy_jobs.ToySession.read

    def read_then_change(self: toy_jobs.ToySession, task: Task) -> tuple[str, bytes]:
        value = real(self, task)
        Path(found[0].path).write_text("longer")
        return value

    monkeypatch.setattr(toy_jobs.ToySession, "read", read_then_change)
    task = Task(0, found[0], "a")
    result = stages.read(Toy().open(), task)
    assert isinstance(result, stages.Underway)
    assert result.fingerprint == Fingerprint("", None)
    monkeypatch.setattr(toy_jobs.ToySession, "read", real)
    again = stages.read(Toy().open(), task)
    assert isinstance(again, stages.Underway)
    assert again.fingerprint.digest


def test_without_resuming_nothing_is_skipped_nor_noted(tmp_path: Path, photos: Photos) -> None:
    found = photos({"a.jpg": "a"})
    settings = RunSettings(OutputFolder(str(tmp_path / "out")), resumes=False)
    assert statuses(list(run(Toy(), found, settings))) == ["done"]
    assert statuses(list(run(Toy(), found, settings))) == ["done"]
    assert not (tmp_path / "out" / MANIFEST).exists()


def test_preview_says_what_would_be_done_and_writes_nothing(tmp_path: Path, photos: Photos) -> None:
    found = photos({"a.jpg": "a", "a.png": "b"})
    settings = RunSettings(OutputFolder(str(tmp_path / "out")))
    assert [(task.stem, done) for task, done in preview(Toy(), found, settings)] == [("a", False), ("a.png", False)]  # type: ignore[union-attr]
    assert not (tmp_path / "out").exists()
    list(run(Toy(), found[:1], settings))
    assert [done for _, done in preview(Toy(), found, settings)] == [True, False]


def test_many_skipped_images_do_not_pile_up_behind_a_slow_one(
    tmp_path: Path, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_MOST_WAITING", 5)
    found = photos({f"{n:02}.jpg": "x" for n in range(40)})
    settings = RunSettings(OutputFolder(str(tmp_path / "out")), jobs=2)
    list(run(Toy(), found[1:], settings))
    pulled: list[int] = []

    def watched() -> object:
        for number, location in enumerate(found):
            pulled.append(number)
            yield location

    first = next(iter(run(Toy(), watched(), settings)))  # type: ignore[arg-type]
    assert first.status == "done"
    assert len(pulled) <= 6


def test_a_run_of_its_own_folder_leaves_its_outputs_alone(tmp_path: Path, photos: Photos) -> None:
    photos({"a.jpg": "a", "holiday/b.jpg": "b"})
    folder = tmp_path / "photos"
    settings = RunSettings(OutputFolder(str(folder)))
    first = list(run(Toy(), find_images([str(folder)]), settings))
    second = list(run(Toy(), find_images([str(folder)]), settings))
    assert statuses(first) == ["done", "done"]
    assert statuses(second) == ["skipped", "skipped"]


def test_tally_says_what_the_command_ends_with() -> None:
    from featuremap_cli.batch.job import Failure

    def ends(*records: Record) -> ExitCode:
        tally = Tally()
        for record in records:
            tally.add(record)
        return tally.exit_code

    done, skipped = Record(0, "a", "done"), Record(0, "a", "skipped")
    image = Record(0, "a", "failed", failure=Failure("gone"))
    usage = Record(0, "a", "failed", failure=Failure("misfit", ExitCode.USAGE))
    assert ends() == ends(done, skipped) == ExitCode.DONE
    assert ends(done, image) == ends(skipped, usage) == ExitCode.SOME_IMAGES_FAILED
    assert ends(image, image) == ends(image, usage) == ExitCode.NO_IMAGE
    assert ends(usage, usage) == ExitCode.USAGE
