"""Engines do tasks. The runner hands them tasks and collects what became of them, in any order.

Here are the two that need no other process: one after the other, and with threads that overlap reading, computing and
writing. `pool.py` has the one with worker processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from featuremap_cli.batch import stages
from featuremap_cli.batch.job import Finished, Job, Session, Task
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.stages import Underway


class Engine(Protocol):
    """Does tasks. No method blocks longer than one image (or one batch of a network) takes."""

    def is_full(self) -> bool:
        """Whether `collect` should be called before another `submit`."""

    def submit(self, task: Task) -> None:
        """Take a task; it may be done now or later.

        Raises:
            FeaturemapError: the job cannot be opened, or an output cannot be written; the run ends.
        """

    def collect(self, wait: bool) -> list[Finished]:
        """What has been finished since the last call. With `wait`, at least one, or none when none is left.

        Raises:
            FeaturemapError: as for `submit`.
        """

    def close(self) -> list[Finished]:
        """End at once, throwing away what is not finished; returns what was finished and not yet collected.

        No temporary file is left, and nothing is written later.
        """


class OneByOne:
    """Does each task (or batch of tasks) in this thread while it is waited for: `--jobs 1`, and single images."""

    def __init__(self, job: Job, folder: OutputFolder) -> None:
        self._job, self._folder = job, folder
        self._session: Session | None = None
        self._tasks: list[Task] = []
        self._finished: list[Finished] = []

    def is_full(self) -> bool:
        """Whether a whole batch waits."""
        return len(self._tasks) >= self._job.batch_size

    def submit(self, task: Task) -> None:
        """Keep the task until `collect` waits."""
        self._tasks.append(task)

    def collect(self, wait: bool) -> list[Finished]:
        """Do what waits, a batch at a time."""
        if wait and self._tasks:
            batch, self._tasks = self._tasks[: self._job.batch_size], self._tasks[self._job.batch_size :]
            self._session = self._session or self._job.open()
            self._finished.extend(do_tasks(self._session, batch, self._folder))
        finished, self._finished = self._finished, []
        return finished

    def close(self) -> list[Finished]:
        """Forget what waits."""
        finished, self._finished, self._tasks = self._finished, [], []
        return finished


def do_tasks(session: Session, tasks: Sequence[Task], folder: OutputFolder) -> list[Finished]:
    """Do one batch of tasks in this thread.

    Raises:
        OutputError: a file cannot be written.
    """
    finished: list[Finished] = []

    def unfinished(results: Iterable[Underway | Finished]) -> list[Underway]:
        underway: list[Underway] = []
        for result in results:
            if isinstance(result, Finished):
                finished.append(result)
            else:
                underway.append(result)
        return underway

    images = unfinished(stages.read(session, task) for task in tasks)
    computed = unfinished(stages.compute(session, images)) if images else []
    for image in computed:
        finished.append(stages.write(session, image, folder))
    return finished


def tasks_ahead(batch_size: int) -> int:
    """How many tasks one pipeline should have: a batch being read, one being computed, and one image at each end."""
    return 2 * batch_size + 2
