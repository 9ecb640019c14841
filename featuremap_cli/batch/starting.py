"""Which engine a run gets: worker processes take 0.3 s to start, which a few small images do not pay back."""

from __future__ import annotations

from featuremap_cli.batch.cluster_settings import Cluster
from featuremap_cli.batch.engines import Engine, OneByOne
from featuremap_cli.batch.fingerprint import size_of_image
from featuremap_cli.batch.job import Finished, Job, Task
from featuremap_cli.batch.outputs import OutputFolder

# On 2 cores, eight photographs of 200 KB take as long with worker processes, their start included, as without.
_FEW_IMAGES = 8
_FEW_BYTES = 1_500_000


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
    """Keeps the first tasks; starts worker processes once they are many or large, and else does them here."""

    def __init__(self, job: Job, folder: OutputFolder, jobs: int) -> None:
        self._job, self._folder, self._jobs = job, folder, jobs
        self._first: list[Task] = []
        self._bytes = 0
        self._here = OneByOne(job, folder)
        self._pool: Engine | None = None

    def is_full(self) -> bool:
        """Whether the workers are busy."""
        return self._pool is not None and self._pool.is_full()

    def submit(self, task: Task) -> None:
        """Keep the task, or give it to the workers."""
        if self._pool is not None:
            self._pool.submit(task)
            return
        self._first.append(task)
        self._bytes += size_of_image(task.location.path)
        if len(self._first) >= _FEW_IMAGES or (len(self._first) > 1 and self._bytes >= _FEW_BYTES):
            self._pool = self._start_pool()

    def collect(self, wait: bool) -> list[Finished]:
        """What the workers have done; without workers, what is done here now."""
        if self._pool is not None:
            return self._pool.collect(wait)
        if wait and self._first:
            task = self._first.pop(0)
            self._here.submit(task)
            # A network's batch is gathered while there are tasks.
            while self._first and not self._here.is_full():
                self._here.submit(self._first.pop(0))
        return self._here.collect(wait)

    def close(self) -> list[Finished]:
        """End the workers."""
        return self._here.close() + (self._pool.close() if self._pool is not None else [])

    def _start_pool(self) -> Engine:
        # A single image is done without importing what this imports.
        from featuremap_cli.batch.pool import Pool

        pool = Pool(self._job, self._folder, self._jobs)
        for task in self._first:
            pool.submit(task)
        self._first.clear()
        return pool
