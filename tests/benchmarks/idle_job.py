"""A job that does nothing with its images: what is left is what running it costs."""

from __future__ import annotations

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
