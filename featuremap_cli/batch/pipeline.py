"""Reading, computing and writing at the same time, by three threads with short belts between them.

At most a few images are in memory: one batch waiting to be computed, one being computed, and one image more at each
end.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

from featuremap_cli.batch import stages
from featuremap_cli.batch.belt import Belt, StoppedError
from featuremap_cli.batch.engines import tasks_ahead
from featuremap_cli.batch.job import Failure, Finished, Job, Session, Task
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.stages import Underway, failure_of

# Threads may still be inside NumPy or TensorFlow when a run is interrupted; they write nothing any more.
_PATIENCE_SECONDS = 0.3

# On Windows, Ctrl-C is noticed only between two waits.
WAIT_SECONDS = 0.5

Item = TypeVar("Item")


@dataclass(frozen=True)
class Begun:
    """An image is being worked on from now: whoever loses this worker should suspect it."""

    index: int


@dataclass(frozen=True)
class Fatal:
    """The run must end: the job cannot be opened, or an output cannot be written."""

    failure: Failure


Message = Begun | Finished | Fatal


class Pipeline:
    """The three threads of one opened job.

    Args:
        session: its three methods are called from three threads.
        batch_size: how many images are computed at a time; fewer where no more are there.
        folder: where outputs go.
        deliver: told of each image when it begins and when it is finished, from any of the threads.
    """

    def __init__(
        self, session: Session, batch_size: int, folder: OutputFolder, deliver: Callable[[Message], None]
    ) -> None:
        self._session, self._batch_size = session, batch_size
        self._folder, self._deliver = folder, deliver
        self._unclaimed = 0
        self._count = threading.Lock()
        self._tasks: Belt[Task] = Belt(sys.maxsize)
        self._read: Belt[Underway | Finished] = Belt(batch_size)
        self._computed: Belt[Underway] = Belt(1)
        stages_of_one = (self._read_one, self._compute_batch, self._write_one)
        self._threads = [threading.Thread(target=self._repeat, args=(stage,), daemon=True) for stage in stages_of_one]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task) -> None:
        """Take a task; returns at once."""
        with self._count:
            self._unclaimed += 1
        self._tasks.put(task)

    def stop(self) -> None:
        """Write nothing more, leave no temporary file, and wait a moment for the threads."""
        for belt in (self._tasks, self._read, self._computed):
            belt.stop()
        self._folder.gate.close()
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)

    def _repeat(self, stage: Callable[[], None]) -> None:
        try:
            while True:
                stage()
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001 -- a thread has nobody above it: the run's own thread raises it again
            self._deliver(Fatal(failure_of(error)))

    def _read_one(self) -> None:
        task = self._tasks.get()
        self._deliver(Begun(task.index))
        self._read.put(stages.read(self._session, task))

    def _compute_batch(self) -> None:
        images: list[Underway] = []
        while not images or (len(images) < self._batch_size and self._unclaimed):
            result = self._read.get()
            with self._count:
                self._unclaimed -= 1
            if isinstance(result, Finished):
                self._deliver(result)
            else:
                images.append(result)
        results = stages.compute(self._session, images)
        images.clear()
        while results:
            computed = results.pop(0)
            if isinstance(computed, Finished):
                self._deliver(computed)
            else:
                self._computed.put(computed)

    def _write_one(self) -> None:
        self._deliver(stages.write(self._session, self._computed.get(), self._folder))


class Overlapped:
    """The engine of a single process that does several things at once: a network with `--jobs 1`."""

    def __init__(self, job: Job, folder: OutputFolder) -> None:
        self._job, self._folder = job, OutputFolder(folder.root)
        self._pipeline: Pipeline | None = None
        self._messages: SimpleQueue[Message] = SimpleQueue()
        self._unfinished = 0
        self._fatal: Fatal | None = None

    def is_full(self) -> bool:
        """Whether enough tasks wait to keep the threads busy."""
        return self._unfinished >= tasks_ahead(self._job.batch_size)

    def submit(self, task: Task) -> None:
        """Hand the task to the threads."""
        if self._pipeline is None:
            self._pipeline = Pipeline(self._job.open(), self._job.batch_size, self._folder, self._messages.put)
        self._unfinished += 1
        self._pipeline.submit(task)

    def collect(self, wait: bool) -> list[Finished]:
        """What the threads have delivered."""
        finished = self._delivered(0.0)
        while wait and self._unfinished and not finished and not self._fatal:
            finished = self._delivered(WAIT_SECONDS)
        if self._fatal and not finished:
            raise self._fatal.failure.as_error()
        return finished

    def close(self) -> list[Finished]:
        """Stop the threads."""
        if self._pipeline is not None:
            self._pipeline.stop()
        return self._delivered(0.0)

    def _delivered(self, seconds: float) -> list[Finished]:
        finished: list[Finished] = []
        while (message := take(self._messages, 0.0 if finished else seconds)) is not None:
            if isinstance(message, Finished):
                finished.append(message)
            elif isinstance(message, Fatal):
                self._fatal = message
        self._unfinished -= len(finished)
        return finished


def take(messages: SimpleQueue[Item], seconds: float) -> Item | None:
    """The next message, waiting at most so long; None where there is none."""
    try:
        return messages.get(timeout=seconds) if seconds else messages.get_nowait()
    except Empty:
        return None
