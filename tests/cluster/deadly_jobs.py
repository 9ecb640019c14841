"""A job with nothing to do with pictures: what an image's file holds decides what happens to the worker."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featuremap_cli.batch.job import Outcome, Task
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.errors import ImageError, NetworkError, OutputError


@dataclass(frozen=True)
class Deadly:
    """Writes what it reads.

    die: kills its process. bad: cannot be read. full: cannot be written. `diary` gets a byte for each death, and a
    line with the process's number for each time the job is opened.
    """

    diary: str
    seconds: float = 0.0
    batch_size: int = 1
    does_not_open: str = ""
    overlaps: bool = False
    name: str = "deadly"

    def options(self) -> dict[str, Any]:
        return {}

    def open(self) -> DeadlySession:
        if self.does_not_open:
            raise NetworkError(self.does_not_open)
        self.note("opened", f"{os.getpid()}\n")
        return DeadlySession(self)

    def note(self, what: str, text: str) -> None:
        with open(f"{self.diary}.{what}", "a") as file:  # noqa: PTH123
            file.write(text)

    def noted(self, what: str) -> str:
        path = Path(f"{self.diary}.{what}")
        return path.read_text() if path.exists() else ""


class DeadlySession:
    def __init__(self, job: Deadly) -> None:
        self.job = job

    def read(self, task: Task) -> str:
        content = Path(task.location.path).read_text()
        if content.startswith("bad"):
            raise ImageError(f"{task.location.path} is bad: expected a good one; copy it again")
        return content

    def compute(self, inputs: Sequence[str]) -> list[str]:
        for content in inputs:
            if content.startswith("die"):
                self.job.note("deaths", "x")
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(self.job.seconds)
        return [content.upper() for content in inputs]

    def write(self, task: Task, result: str, folder: OutputFolder) -> Outcome:
        if result.startswith("FULL"):
            raise OutputError("the disk is full; free some space")
        written = folder.write(f"{task.stem}.txt", f"{task.location.path}\n{result}".encode())
        return Outcome((written,))
