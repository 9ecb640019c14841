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

from featuremap_cli.batch.engines import do_tasks
from featuremap_cli.batch.job import Finished, GatheringSession, Job, Outcome, Session, Task
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.pipeline import Begun, Fatal, Message, Pipeline
from featuremap_cli.batch.stages import failure_of
from featuremap_cli.errors import OutputError
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

    def to_open(self) -> Task:
        """The task with the path that this process opens."""
        return replace(self.task, location=replace(self.task.location, path=self.opens))


@dataclass(frozen=True)
class Report:
    """What became of a batch.

    Attributes:
        finished: one for each task, unless the run must end.
        fatal: why the run must end.
        gathered: what a `GatheringSession` has gathered on these images.
    """

    finished: tuple[Finished, ...]
    fatal: Fatal | None = None
    gathered: Any = None


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
        self._work: _Overlapping | _Gathering | None = None
        self._fatal: Fatal | None = None

    def do(self, sent: Sequence[SentTask]) -> Report:
        """Do these images; other threads may do others meanwhile."""
        with self._turn:
            if self._fatal is None and self._work is None:
                self._open()
            if self._fatal is not None or self._work is None:
                return Report((), self._fatal)
            work = self._work
        return work.do(sent)

    def stop(self) -> None:
        """Write nothing more, and let every thread go that waits."""
        with self._turn:
            self._fatal = self._fatal or Fatal(failure_of(InterruptedError("the run was ended")))
            if self._work is not None:
                self._work.stop(self._fatal)

    def _open(self) -> None:
        job: Job
        folder: OutputFolder
        job, folder = pickle.loads(self._opening)
        try:
            session = job.open()
        except Exception as error:  # noqa: BLE001 -- it travels to the run's own process, which raises it again
            self._fatal = Fatal(failure_of(error))
            return
        if isinstance(session, GatheringSession):
            self._work = _Gathering(session, job.batch_size, folder)
        else:
            self._work = _Overlapping(session, job.batch_size, folder)


class _Overlapping:
    """Batches of images through one pipeline: they overlap, and each ends when its own images are finished."""

    def __init__(self, session: Session, batch_size: int, folder: OutputFolder) -> None:
        self._batches: dict[int, _Batch] = {}
        self._planned: dict[int, Task] = {}
        self._fatal: Fatal | None = None
        self._pipeline = Pipeline(_AsPlanned(session, self._planned), batch_size, folder, self._deliver)

    def do(self, sent: Sequence[SentTask]) -> Report:
        batch = _Batch({one.task.index for one in sent})
        for one in sent:
            self._batches[one.task.index] = batch
            self._planned[one.task.index] = one.task
            self._pipeline.submit(one.to_open())
        if self._fatal is None:
            batch.is_over.wait()
        return Report(tuple(batch.finished), self._fatal if batch.missing else None)

    def stop(self, fatal: Fatal) -> None:
        self._pipeline.stop()
        self._end(fatal)

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


class _Gathering:
    """Batches of images that each gather by themselves: what a batch has gathered travels with its report, so that a
    batch that Dask does twice counts once."""

    def __init__(self, session: GatheringSession, batch_size: int, folder: OutputFolder) -> None:
        self._session, self._batch_size, self._folder = session, batch_size, folder
        self._turns = (threading.Lock(), threading.Lock(), threading.Lock())
        self._is_stopped = False

    def do(self, sent: Sequence[SentTask]) -> Report:
        part = self._session.fresh()
        planned = {one.task.index: one.task for one in sent}
        one_at_a_time = _InTurn(_AsPlanned(part, planned), self._turns)
        finished: list[Finished] = []
        for start in range(0, len(sent), self._batch_size):
            if self._is_stopped:
                break
            tasks = [one.to_open() for one in sent[start : start + self._batch_size]]
            try:
                finished.extend(do_tasks(one_at_a_time, tasks, self._folder))
            except OutputError as error:
                return Report((), Fatal(failure_of(error)))
        return Report(tuple(finished), gathered=part.gathered)

    def stop(self, fatal: Fatal) -> None:
        self._is_stopped = True
        self._folder.gate.close()


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


@dataclass(frozen=True)
class _InTurn:
    """A session each of whose methods is called from one thread at a time, as sessions expect."""

    session: Session
    turns: tuple[threading.Lock, threading.Lock, threading.Lock]

    def read(self, task: Task) -> Any:
        with self.turns[0]:
            return self.session.read(task)

    def compute(self, inputs: Sequence[Any]) -> Sequence[Any]:
        with self.turns[1]:
            return self.session.compute(inputs)

    def write(self, task: Task, result: Any, folder: OutputFolder) -> Outcome:
        with self.turns[2]:
            return self.session.write(task, result, folder)
