"""What runs inside a Dask worker: a job opened once, and batches of images done with it.

A worker gets the job as a plugin, also one that joins late or takes the place of another. The job is opened at the
first batch; batches that a worker's threads do at the same time share its session and overlap reading, computing and
writing.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from distributed import WorkerPlugin

from featuremap_cli.batch.job import Finished, Job, Outcome, Session, Task
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.pipeline import Begun, Fatal, Message, Pipeline
from featuremap_cli.batch.stages import failure_of
from featuremap_cli.version import __version__

_opened: dict[str, OpenedJob] = {}


@dataclass(frozen=True)
class SentTask:
    """A task on its way to a worker.

    Attributes:
        task: as it was planned; pictures tell its path.
        opens: the path that the worker opens, which does not depend on its working folder.
    """

    task: Task
    opens: str


@dataclass(frozen=True)
class Report:
    """What became of a batch.

    Attributes:
        finished: one for each task, unless the run must end.
        fatal: why the run must end.
    """

    finished: tuple[Finished, ...]
    fatal: Fatal | None = None


class JobPlugin(WorkerPlugin):  # type: ignore[misc]
    """Brings a job to every worker.

    Args:
        name: of this run.
        opening: the pickled job and output folder; a worker of another version never unpickles it.
    """

    idempotent = True

    def __init__(self, name: str, opening: bytes) -> None:
        self.name, self.opening = name, opening

    def setup(self, worker: Any) -> None:
        """Keep the job until a batch comes."""
        _opened[self.name] = OpenedJob(self.opening)

    def teardown(self, worker: Any) -> None:
        """Write nothing more."""
        opened = _opened.pop(self.name, None)
        if opened is not None:
            opened.stop()


def do_batch(name: str, version: str, batch: bytes) -> tuple[str, bytes]:
    """Do a batch of images in this worker.

    Args:
        name: of the run, as in `JobPlugin`.
        version: of this tool where the run was started.
        batch: a pickled list of `SentTask`.

    Returns:
        The version of this tool here, and a pickled `Report`; none where the versions differ.
    """
    if version != __version__:
        return __version__, b""
    return __version__, pickle.dumps(_opened[name].do(pickle.loads(batch)))


@dataclass(eq=False)
class _Batch:
    """A batch that a thread of the worker waits for."""

    missing: set[int]
    finished: list[Finished] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)


class OpenedJob:
    """A job in this worker process, opened when it is first needed."""

    def __init__(self, opening: bytes) -> None:
        self._opening = opening
        self._turn = threading.Lock()
        self._batches: dict[int, _Batch] = {}
        self._planned: dict[int, Task] = {}
        self._pipeline: Pipeline | None = None
        self._fatal: Fatal | None = None

    def do(self, sent: Sequence[SentTask]) -> Report:
        """Do these images; other threads may do others meanwhile."""
        batch = _Batch({one.task.index for one in sent})
        with self._turn:
            if self._fatal is None and self._pipeline is None:
                self._open()
            if self._fatal is not None or self._pipeline is None:
                return Report((), self._fatal)
            for one in sent:
                self._batches[one.task.index] = batch
                self._planned[one.task.index] = one.task
                self._pipeline.submit(replace(one.task, location=replace(one.task.location, path=one.opens)))
        batch.is_over.wait()
        return Report(tuple(batch.finished), self._fatal if batch.missing else None)

    def stop(self) -> None:
        """Write nothing more, and let every thread go that waits."""
        with self._turn:
            if self._pipeline is not None:
                self._pipeline.stop()
            self._end(Fatal(failure_of(InterruptedError("the run was ended"))))

    def _open(self) -> None:
        job: Job
        folder: OutputFolder
        job, folder = pickle.loads(self._opening)
        try:
            session = job.open()
        except Exception as error:  # noqa: BLE001 -- it travels to the run's own process, which raises it again
            self._fatal = Fatal(failure_of(error))
            return
        self._pipeline = Pipeline(_AsPlanned(session, self._planned), job.batch_size, folder, self._deliver)

    def _deliver(self, message: Message) -> None:
        if isinstance(message, Begun):
            return
        if isinstance(message, Fatal):
            self._end(message)
            return
        self._planned.pop(message.index, None)
        batch = self._batches.pop(message.index, None)
        if batch is not None:
            batch.missing.discard(message.index)
            batch.finished.append(message)
            if not batch.missing:
                batch.is_over.set()

    def _end(self, fatal: Fatal) -> None:
        self._fatal = self._fatal or fatal
        for batch in list(self._batches.values()):
            batch.is_over.set()


@dataclass(frozen=True)
class _AsPlanned:
    """A session that opens images by the path that holds in this worker, and writes of them what was planned: so the
    same bytes come out wherever the worker runs."""

    session: Session
    planned: dict[int, Task]

    def read(self, task: Task) -> Any:
        return self.session.read(task)

    def compute(self, inputs: Sequence[Any]) -> Sequence[Any]:
        return self.session.compute(inputs)

    def write(self, task: Task, result: Any, folder: OutputFolder) -> Outcome:
        return self.session.write(self.planned[task.index], result, folder)
