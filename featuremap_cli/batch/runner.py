"""Runs a job over many images: skips what is done, does the rest with an engine, and tells in the order of the plan.

The runner takes any job and knows nothing of pictures. What it yields is the same for every engine and any number of
workers.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

from featuremap_cli.batch.cluster_settings import Cluster
from featuremap_cli.batch.engines import Engine
from featuremap_cli.batch.fingerprint import digest_of_image, digest_of_options, stamp_of
from featuremap_cli.batch.interruption import interruptible
from featuremap_cli.batch.job import Failure, Finished, Job, Outcome, Task
from featuremap_cli.batch.manifest import Entry
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.plan import Missing, plan_images, source_of
from featuremap_cli.batch.present import PresentOutputs
from featuremap_cli.batch.record import Record
from featuremap_cli.batch.starting import engine_for
from featuremap_cli.batch.store_manifest import open_manifest
from featuremap_cli.errors import ImageError, OutputError
from featuremap_cli.sources.locations import ImageLocation, MissingImage
from featuremap_cli.version import __version__

# Finished images that wait for an earlier one before they are told; on a cluster, where thousands are done at a time.
_MOST_WAITING = 256
_MOST_WAITING_ON_A_CLUSTER = 65_536


@dataclass(frozen=True)
class RunSettings:
    """How a run behaves; nothing in here changes what an output looks like.

    Attributes:
        folder: where outputs go.
        jobs: worker processes at most; 1 stays in this process.
        force: do again what is done.
        fail_fast: end at the first image that fails.
        resumes: keep a manifest, and skip what it says is done. Off for a job whose result is more than its files.
        cluster: do it there instead of with worker processes here.
    """

    folder: OutputFolder
    jobs: int = 1
    force: bool = False
    fail_fast: bool = False
    resumes: bool = True
    cluster: Cluster | None = None


def default_jobs() -> int:
    """One worker for each core that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(job: Job, found: Iterable[ImageLocation | MissingImage], settings: RunSettings) -> Generator[Record]:
    """Do `job` for every image and yield what became of each, in the order of the images, while the run goes on.

    Close the iterator (`contextlib.closing`) where it is not read to its end: that ends the workers.

    Args:
        job: what to do.
        found: the images, as `sources.locations.find_images` yields them.
        settings: where to, and how.

    Raises:
        OutputError: a file cannot be written. The run ends, since the next image could not be written either; what is
            done stays and is noted.
        FeaturemapError: the job cannot be opened.
        KeyboardInterrupt: Ctrl-C, SIGTERM or SIGHUP; the workers are gone and no temporary file is left.
    """
    with interruptible(), closing(_Ledger(job, settings)) as ledger:
        engine = engine_for(job, settings.folder, settings.jobs, settings.cluster)
        try:
            plan = plan_images(found, job.name, settings.folder, ledger.manifest)
            most_waiting = _MOST_WAITING_ON_A_CLUSTER if settings.cluster else _MOST_WAITING
            for record in _records(plan, ledger, engine, most_waiting):
                yield record
                if settings.fail_fast and record.failure is not None:
                    return
        finally:
            with suppress(OutputError):
                for finished in engine.close():
                    ledger.settle(finished)


def preview(
    job: Job, found: Iterable[ImageLocation | MissingImage], settings: RunSettings
) -> Iterator[tuple[Task | Missing, bool]]:
    """What `run` would do, image by image, and whether it is done already; nothing is written."""
    with closing(_Ledger(job, settings)) as ledger:
        for planned in plan_images(found, job.name, settings.folder, ledger.manifest):
            yield planned, isinstance(planned, Task) and ledger.done_before(planned) is not None


def _records(plan: Iterator[Task | Missing], ledger: _Ledger, engine: Engine, most_waiting: int) -> Iterator[Record]:
    row = _Row(most_waiting)
    for planned in plan:
        if isinstance(planned, Missing):
            row.put(Record(planned.index, planned.argument, "failed", failure=Failure(planned.message)))
        elif (skipped := ledger.done_before(planned)) is not None:
            row.put(skipped)
        else:
            ledger.begin(planned)
            engine.submit(planned)
            row.put(*map(ledger.settle, engine.collect(wait=False)))
        yield from row.ready()
        while ledger.unsettled and (engine.is_full() or row.is_long()):
            row.put(*map(ledger.settle, engine.collect(wait=True)))
            yield from row.ready()
    while ledger.unsettled:
        row.put(*map(ledger.settle, engine.collect(wait=True)))
        yield from row.ready()


class _Row:
    """Records that arrive in any order and leave in the order of the plan."""

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._waiting: dict[int, Record] = {}
        self._next = 0

    def put(self, *records: Record) -> None:
        for record in records:
            self._waiting[record.index] = record

    def ready(self) -> Iterator[Record]:
        while (record := self._waiting.pop(self._next, None)) is not None:
            self._next += 1
            yield record

    def is_long(self) -> bool:
        return len(self._waiting) >= self._most_waiting


class _Ledger:
    """Knows what earlier runs have done, and notes what this one does."""

    def __init__(self, job: Job, settings: RunSettings) -> None:
        self._job, self._settings = job, settings
        self._options = digest_of_options(job.options())
        self.manifest = open_manifest(settings.folder, settings.resumes)
        self._present = PresentOutputs(settings.folder)
        self.unsettled: dict[int, Task] = {}

    def close(self) -> None:
        self.manifest.close()

    def begin(self, task: Task) -> None:
        self.unsettled[task.index] = task

    def settle(self, finished: Finished) -> Record:
        """Note what became of a task, and make its record."""
        task = self.unsettled.pop(finished.index)
        status = "failed" if finished.outcome is None else "done"
        outcome = finished.outcome or Outcome(())
        if self._settings.resumes:
            self.manifest.append(
                Entry(
                    job=self._job.name,
                    stem=task.stem,
                    source=source_of(task.location.path),
                    relative=task.location.relative,
                    status=status,
                    error=finished.failure.message if finished.failure else None,
                    digest=finished.fingerprint.digest,
                    stamp=finished.fingerprint.stamp,
                    options=self._options,
                    version=__version__,
                    outputs={written.relative: written.size for written in outcome.outputs},
                    layers=outcome.layers,
                    seconds=round(finished.seconds, 4),
                )
            )
        return Record(
            index=task.index,
            image=task.location.shown,
            status=status,
            outputs=self._paths(written.relative for written in outcome.outputs),
            layers=outcome.layers,
            notices=outcome.notices,
            failure=finished.failure,
            seconds=finished.seconds,
        )

    def done_before(self, task: Task) -> Record | None:
        """The record of an image that an earlier run has done and nothing has changed since; None for any other."""
        if self._settings.force or not self._settings.resumes:
            return None
        entry = self.manifest.find(self._job.name, task.stem)
        if entry is None or not self._still_holds(entry, task):
            return None
        return Record(task.index, task.location.shown, "skipped", self._paths(entry.outputs), entry.layers)

    def _still_holds(self, entry: Entry, task: Task) -> bool:
        return (
            entry.status == "done"
            and (entry.options, entry.version, entry.relative) == (self._options, __version__, task.location.relative)
            and self._present.hold(entry.outputs)
            and _is_unchanged(entry, task.location)
        )

    def _paths(self, outputs: Iterable[str]) -> tuple[str, ...]:
        return tuple(self._settings.folder.path(output) for output in outputs)


def _is_unchanged(entry: Entry, image: ImageLocation) -> bool:
    stamp = image.stamp or stamp_of(image.path)
    if stamp is not None and stamp == entry.stamp:
        return True
    try:
        return bool(entry.digest) and digest_of_image(image.path) == entry.digest
    except ImageError:
        return False
