"""Jobs with nothing to do with pictures. What an image holds decides what happens to it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from featuremap_cli.batch.job import Outcome, Task
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.errors import ImageError, NetworkError, OutputError, UsageError
from featuremap_cli.sources.locations import ImageLocation


@dataclass(frozen=True)
class Toy:
    """Writes a text and a picture-sized pile of bytes for each image.

    bad: cannot be read. misfit: does not fit. odd: a fault of the code. die: kills its process.
    die-once PATH: kills its process where PATH is not there yet. slow: takes long. full: cannot be written.
    """

    word: str = "toy"
    batch_size: int = 1
    overlaps: bool = False
    seconds: float = 0.0
    bytes_in_memory: int = 0
    does_not_open: str = ""
    chatty: bool = False
    name: str = "toy"

    def options(self) -> dict[str, Any]:
        return {"word": self.word}

    def open(self) -> ToySession:
        if self.does_not_open == "die" or (
            self.does_not_open.startswith("die-unless") and str(os.getpid()) != self.does_not_open.split()[1]
        ):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.does_not_open and not self.does_not_open.startswith("die"):
            raise NetworkError(self.does_not_open)
        return ToySession(self)


class ToySession:
    def __init__(self, job: Toy) -> None:
        self.job = job

    def read(self, task: Task) -> tuple[str, bytes]:
        with open(task.location.path, "rb") as file:  # noqa: PTH123
            content = file.read()
        if content.startswith(b"bad"):
            raise ImageError(f"{task.location.path} is bad: expected a good one; copy it again")
        return content.decode(), bytes(self.job.bytes_in_memory)

    def compute(self, inputs: Sequence[tuple[str, bytes]]) -> list[str]:
        if self.job.chatty:
            print("libraries print what they like", flush=True)
            os.write(1, b"in any way\n")
        assert 1 <= len(inputs) <= self.job.batch_size
        results = []
        for content, _ in inputs:
            if content.startswith("misfit"):
                raise UsageError("the bank has 3 input channels, the image 1; use --gray")
            if content.startswith("odd"):
                raise ZeroDivisionError("division\nby zero")
            if content.startswith("die-once"):
                die_once(content.split()[1])
            elif content.startswith("die"):
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(30 if content.startswith("slow") else self.job.seconds)
            results.append(f"{self.job.word} {sha256(content.encode()).hexdigest()}")
        return results

    def write(self, task: Task, result: str, folder: OutputFolder) -> Outcome:
        if task.location.name.startswith("full"):
            raise OutputError("the disk is full; free some space")
        written = folder.write(f"{task.stem}.toy.png", f"{result} {task.location.name}\n".encode() * 1000)
        more = folder.write(f"{task.stem}/000-layer.png", result.encode())
        return Outcome((written, more), ({"layer": "toy", "min": 0.0},), (f"notice of {task.location.name}",))


def die_once(path: str) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def locations(folder: str, names: Sequence[str]) -> list[ImageLocation]:
    return [ImageLocation(f"{folder}/{name}", name) for name in names]


def main() -> None:
    """Run a toy over a folder: `python toy_jobs.py FOLDER OUT JOBS SECONDS [BYTES [PATIENCE]]`; prints each status.

    Workers start at once, or, as for a user, when the images took PATIENCE seconds.
    """
    from featuremap_cli.batch import starting
    from featuremap_cli.batch.runner import RunSettings, run
    from featuremap_cli.sources.locations import find_images

    folder, out, jobs, seconds, size, patience = [*sys.argv[1:], *"00"][:6]
    starting._SECONDS_HERE = float(patience)
    from toy_jobs import Toy as ImportableToy

    job = ImportableToy(seconds=float(seconds), bytes_in_memory=int(size), overlaps=jobs == "0")
    settings = RunSettings(OutputFolder(out), jobs=max(1, int(jobs)))
    try:
        for record in run(job, find_images([folder]), settings):
            print(record.status, record.image, flush=True)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
