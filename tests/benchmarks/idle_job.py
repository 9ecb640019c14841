"""A job that does nothing with its images: what is left is what running it on a Dask cluster costs.

Prints the seconds of a batch of one image on two processes, the start not counted. Usage:
    python idle_job.py PHOTOGRAPHS FOLDER
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from featuremap_cli.batch.job import Outcome, Task
from featuremap_cli.batch.outputs import OutputFolder


@dataclass(frozen=True)
class IdleJob:
    """The job, and its own session."""

    name = "idle"
    batch_size = 1
    overlaps = False

    def options(self) -> Mapping[str, Any]:
        """Return nothing."""
        return {}

    def open(self) -> IdleJob:
        """Return itself."""
        return self

    def read(self, task: Task) -> None:
        """Do nothing."""

    def compute(self, inputs: Sequence[None]) -> Sequence[None]:
        """Do nothing."""
        return inputs

    def write(self, task: Task, result: None, folder: OutputFolder) -> Outcome:
        """Write nothing."""
        return Outcome(())


def main() -> None:
    """Print what a batch costs."""
    from idle_job import IdleJob as Named  # not __main__'s, which no other process knows

    from featuremap_cli.batch import cluster
    from featuremap_cli.batch.cluster_settings import Cluster
    from featuremap_cli.batch.runner import RunSettings, run
    from featuremap_cli.sources.locations import find_images

    cluster._MOST_IN_A_BATCH = 1
    settings = RunSettings(OutputFolder(sys.argv[2]), resumes=False, cluster=Cluster("local:2", lambda _: None))
    moments = [time.perf_counter() for _ in run(Named(), find_images([sys.argv[1]]), settings)]
    print((moments[-1] - moments[0]) / (len(moments) - 1))


if __name__ == "__main__":
    main()
