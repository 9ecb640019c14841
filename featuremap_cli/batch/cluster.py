"""The engine of `--cluster`: images go to a Dask cluster in batches of paths.

Dask does the scheduling: it gives batches to workers, and gives those of a lost worker to others. Here batches are
made and bounded, and what became of each image is told once. A batch that Dask has given up, because all workers that
did it died, is done image by image, one at a time, so that the image that kills workers is known.
"""

from __future__ import annotations

import os
import pickle
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

from featuremap_cli.batch.cluster_connection import Connection
from featuremap_cli.batch.cluster_settings import Cluster
from featuremap_cli.batch.job import Failure, Finished, Job, Task
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.pipeline import WAIT_SECONDS, take
from featuremap_cli.errors import ExitCode, FeaturemapError
from featuremap_cli.sources.locations import is_sample
from featuremap_cli.sources.stores import is_url
from featuremap_cli.version import __version__

GIVEN_UP_AFTER = 3
"""Workers that an image may kill."""

# A batch costs some 5 ms around its images: long enough that this does not count, short enough that the last batches
# of a run end together. The scheduler does a few thousand tasks a second at most, so many threads get longer ones.
_SECONDS_OF_A_BATCH = 0.5
_SECONDS_OF_A_BATCH_BY_THREAD = 0.002
_MOST_IN_A_BATCH = 256
_BATCHES_A_THREAD = 2


@dataclass(frozen=True, eq=False)
class _Flying:
    """A batch that Dask has.

    Attributes:
        future: Dask's; while it is held, the batch is wanted.
        tasks: the images.
        is_suspect: whether it is a single image that may have killed a worker.
    """

    future: Any
    tasks: tuple[Task, ...]
    is_suspect: bool


class DaskEngine:
    """Does tasks on a Dask cluster.

    Args:
        job: brought to each worker once.
        folder: where outputs go; every worker must reach it under the same name.
        cluster: which cluster. It is connected to when the first task comes.
    """

    def __init__(self, job: Job, folder: OutputFolder, cluster: Cluster) -> None:
        self._job, self._folder, self._cluster = job, folder, cluster
        self._name = f"featuremap-{job.name}-{os.urandom(6).hex()}"
        self._connection: Connection | None = None
        self._gathered: list[Task] = []
        self._suspects: deque[Task] = deque()
        self._flying: dict[str, _Flying] = {}
        self._landed: SimpleQueue[str] = SimpleQueue()
        self._deaths: Counter[int] = Counter()
        self._seconds = 0.0
        self._sent = 0
        self._litter = _Litter(folder)

    def is_full(self) -> bool:
        """Whether every thread of the cluster has a batch, and one more waits for it."""
        return self._connection is not None and len(self._flying) >= self._room(self._connection)

    def submit(self, task: Task) -> None:
        """Keep the task until a batch is full, then send it."""
        self._gathered.append(task)
        connection = self._connected()
        if len(self._gathered) >= self._batch_size(connection):
            self._send_gathered(connection)

    def collect(self, wait: bool) -> list[Finished]:
        """What the workers have reported."""
        if self._connection is None:
            return []
        finished = self._reported(self._connection, 0.0)
        while wait and not finished and (self._gathered or self._flying or self._suspects):
            if self._gathered and not self.is_full():
                self._send_gathered(self._connection)
            finished = self._reported(self._connection, WAIT_SECONDS)
        return finished

    def close(self) -> list[Finished]:
        """Leave the cluster; its workers write nothing more for this run."""
        if self._connection is None:
            return []
        finished: list[Finished] = []
        with suppress(FeaturemapError):
            finished = self._reported(self._connection, 0.0)
        self._connection.close()
        self._litter.look({}, self._flying_tasks())
        self._litter.remove()
        self._flying.clear()
        return finished

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = Connection(self._cluster)
            self._connection = connection
            folder = self._folder
            there = folder if folder.is_remote else OutputFolder(os.path.abspath(folder.root))  # noqa: PTH100
            connection.install(self._name, pickle.dumps((self._job, there)))
        return self._connection

    def _room(self, connection: Connection) -> int:
        return max(1, _BATCHES_A_THREAD * sum(connection.workers().values()))

    def _batch_size(self, connection: Connection) -> int:
        """As many images as take about the time of a batch; whole batches of a network."""
        if not self._seconds:
            return self._job.batch_size
        threads = sum(connection.workers().values())
        wanted = max(_SECONDS_OF_A_BATCH, threads * _SECONDS_OF_A_BATCH_BY_THREAD)
        images = min(_MOST_IN_A_BATCH, wanted / self._seconds)
        return self._job.batch_size * max(1, round(images / self._job.batch_size))

    def _send_gathered(self, connection: Connection) -> None:
        tasks, self._gathered = tuple(self._gathered), []
        self._send(connection, tasks, is_suspect=False)

    def _send(self, connection: Connection, tasks: tuple[Task, ...], is_suspect: bool) -> None:
        from featuremap_cli.batch.cluster_worker import SentTask, do_batch

        batch = pickle.dumps([SentTask(task, _opened_anywhere(task.location.path)) for task in tasks])
        self._sent += 1
        key = f"{self._name}-{self._sent}"
        future = connection.client.submit(do_batch, self._name, __version__, batch, key=key, pure=False)
        self._flying[key] = _Flying(future, tasks, is_suspect)
        self._litter.begin(tasks)
        future.add_done_callback(self._land)

    def _reported(self, connection: Connection, seconds: float) -> list[Finished]:
        finished: list[Finished] = []
        while (key := take(self._landed, 0.0 if finished else seconds)) is not None:
            finished.extend(self._what_became_of(connection, self._flying.pop(key)))
        if not connection.is_alive:
            raise connection.lost()
        self._litter.look(connection.workers(), self._flying_tasks())
        if self._suspects and not any(batch.is_suspect for batch in self._flying.values()):
            self._send(connection, (self._suspects.popleft(),), is_suspect=True)
        return finished

    def _land(self, future: Any) -> None:
        self._landed.put(future.key)

    def _what_became_of(self, connection: Connection, batch: _Flying) -> list[Finished]:
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        try:
            version, report = batch.future.result(timeout=60)
        except KilledWorker as error:
            return self._killed(batch, error.allowed_failures + 1)
        except (CancelledError, OSError, TimeoutError) as error:
            raise connection.lost() from error
        except Exception as error:
            # What Dask raises again is whatever the worker raised, of any class.
            what = " ".join(f"{type(error).__name__}: {error}".split())
            raise FeaturemapError(f"a worker could not take its images: {what}; start the workers again") from error
        if version != __version__:
            raise connection.refuse("a worker", version)
        read = pickle.loads(report)
        if read.fatal is not None:
            raise read.fatal.failure.as_error()
        if self._cluster.take_in is not None:
            self._cluster.take_in(read.gathered)
        return [self._told(one, batch) for one in read.finished]

    def _killed(self, batch: _Flying, deaths: int) -> list[Finished]:
        """Say that an image is given up, or try the images of a batch one by one."""
        self._deaths.update({task.index: deaths for task in batch.tasks})
        given_up = [task for task in batch.tasks if batch.is_suspect and self._deaths[task.index] >= GIVEN_UP_AFTER]
        self._suspects.extend(task for task in batch.tasks if task not in given_up)
        return [
            Finished(
                task.index,
                failure=Failure(
                    f"{self._deaths[task.index]} worker processes died while they did it; "
                    "if memory ran out, try a smaller image or workers with more memory",
                    ExitCode.FAULT,
                ),
            )
            for task in given_up
        ]

    def _told(self, finished: Finished, batch: _Flying) -> Finished:
        """Measure, and let a failure name the image as the user wrote it."""
        weight = 0.1 if self._seconds else 1.0
        self._seconds += weight * (max(finished.seconds, 1e-4) - self._seconds)
        if finished.failure is None:
            return finished
        path = next(task.location.path for task in batch.tasks if task.index == finished.index)
        message = finished.failure.message.replace(_opened_anywhere(path), path)
        return replace(finished, failure=replace(finished.failure, message=message))

    def _flying_tasks(self) -> list[Task]:
        return [task for batch in self._flying.values() for task in batch.tasks]


class _Litter:
    """The folders where workers that were killed may have left temporary files.

    Dask does a lost worker's batches again without a word; that a worker is gone shows some seconds later. So the
    folders of all batches since the last look are remembered.
    """

    def __init__(self, folder: OutputFolder) -> None:
        self._folder = folder
        self._workers: Mapping[str, int] = {}
        self._recent: set[str] = set()
        self._littered: set[str] = set()

    def begin(self, tasks: Iterable[Task]) -> None:
        """Note which images are done from now on."""
        for task in tasks:
            self._recent |= {task.stem, task.stem.rpartition("/")[0]}

    def look(self, workers: Mapping[str, int], flying: Iterable[Task]) -> None:
        """Note which workers there are, where they were counted anew, and which images are being done."""
        if workers is self._workers:
            return
        if self._workers.keys() - workers.keys():
            self._littered |= self._recent
        self._workers, self._recent = workers, set()
        self.begin(flying)

    def remove(self) -> None:
        """Remove what nobody writes any more."""
        for relative in self._littered:
            self._folder.remove_stale(relative)


def _opened_anywhere(path: str) -> str:
    """A path that does not depend on the working folder."""
    return path if is_url(path) or is_sample(path) else os.path.abspath(path)  # noqa: PTH100 -- as the plan does
