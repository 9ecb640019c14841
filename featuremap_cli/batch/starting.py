"""Which engine a run gets: worker processes take half a second to start, which quick images do not soon pay back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from featuremap_cli.batch.cluster_settings import Cluster
from featuremap_cli.batch.engines import Engine, OneByOne, tasks_ahead
from featuremap_cli.batch.fingerprint import size_of_image
from featuremap_cli.batch.job import Finished, Job, Task
from featuremap_cli.batch.outputs import OutputFolder

if TYPE_CHECKING:
    from featuremap_cli.batch.pool import Pool

# How long an image takes is known only when some have been done. A run begins here; when it has taken a while, worker
# processes are started, and once one of them is ready they do what is left. With 0 they do everything. The price: an
# image that kills its process ends the run where it is among the first, and fails alone only later on.
_SECONDS_HERE = 0.3
# Several files of this size together are many megapixels, and a network is not to be loaded here and in workers too.
_MANY_BYTES = 6_000_000
_FEW_IMAGES_OF_A_NETWORK = 8


def engine_for(job: Job, folder: OutputFolder, jobs: int, cluster: Cluster | None = None) -> Engine:
    """The engine for so many worker processes, or for a cluster.

    With one, everything stays in this process: one image after the other, or overlapping where the job says so.
    """
    if cluster is not None:
        from featuremap_cli.batch.cluster import DaskEngine

        return DaskEngine(job, folder, cluster)
    if jobs > 1:
        return WorkersWhenWorthIt(job, folder, jobs)
    if job.overlaps:
        from featuremap_cli.batch.pipeline import Overlapped

        return Overlapped(job, folder)
    return OneByOne(job, folder)


class WorkersWhenWorthIt:
    """Does the first tasks here; starts worker processes once that has taken long, or will, and goes on until they are
    ready."""

    def __init__(self, job: Job, folder: OutputFolder, jobs: int) -> None:
        self._job, self._folder, self._jobs = job, folder, jobs
        self._first: list[tuple[Task, int]] = []
        self._seconds = 0.0
        self._here = OneByOne(job, folder)
        self._pool: Pool | None = None
        self._is_pool_at_work = False

    def is_full(self) -> bool:
        """Whether the workers have enough to do, or would have."""
        if self._pool is not None and self._is_pool_at_work:
            return self._pool.is_full()
        return not self._job.overlaps and len(self._first) >= self._jobs * tasks_ahead(self._job.batch_size)

    def submit(self, task: Task) -> None:
        """Keep the task, or give it to the workers."""
        if self._pool is not None and self._is_pool_at_work:
            self._pool.submit(task)
            return
        self._first.append((task, size_of_image(task.location.path)))
        self._start_if_worth_it()

    def collect(self, wait: bool) -> list[Finished]:
        """What the workers have done; without workers, what is done here now."""
        if self._pool is not None and not self._is_pool_at_work and self._pool.is_warm():
            self._hand_over(self._pool)
        if self._pool is not None and self._is_pool_at_work:
            return self._pool.collect(wait)
        if wait and self._first:
            self._here.submit(self._first.pop(0)[0])
            # A network's batch is gathered while there are tasks.
            while self._first and not self._here.is_full():
                self._here.submit(self._first.pop(0)[0])
        begin = time.monotonic()
        finished = self._here.collect(wait)
        self._seconds += time.monotonic() - begin
        self._start_if_worth_it()
        return finished

    def close(self) -> list[Finished]:
        """End the workers."""
        return self._here.close() + (self._pool.close() if self._pool is not None else [])

    def _start_if_worth_it(self) -> None:
        if self._pool is not None or not self._first:
            return
        waiting, is_slow = len(self._first), self._seconds >= _SECONDS_HERE
        at_once = waiting > 1 and sum(size for _, size in self._first) >= _MANY_BYTES
        if self._job.overlaps:
            at_once = at_once or waiting >= _FEW_IMAGES_OF_A_NETWORK
        elif not _SECONDS_HERE:
            at_once = True
        if at_once or (is_slow and waiting > 1 and not self._job.overlaps):
            # A single image is done without importing what this imports.
            from featuremap_cli.batch.pool import Pool

            self._pool = Pool(self._job, self._folder, self._jobs)
            if at_once:
                self._hand_over(self._pool)
            else:
                self._pool.warm_up(waiting)

    def _hand_over(self, pool: Pool) -> None:
        self._is_pool_at_work = True
        for task, _ in self._first:
            pool.submit(task)
        self._first.clear()
