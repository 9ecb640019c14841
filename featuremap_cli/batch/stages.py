"""The three stages of one image, and what an error in any of them means.

An error of this package, and any other error too, fails its image, and the batch goes on. Only an output that cannot
be written (OutputError) goes up and ends the run: the next image could not be written either.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from featuremap_cli.batch.fingerprint import Fingerprint, Stamp, digest_of_image, stamp_of
from featuremap_cli.batch.job import Failure, Finished, Session, Task
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.errors import ExitCode, FeaturemapError, OutputError
from featuremap_cli.sources.stores import noting_digests


@dataclass(frozen=True, eq=False)
class Underway:
    """An image between two stages.

    Attributes:
        task: the image.
        value: what the last stage made of it.
        fingerprint: of the file that was read.
        seconds: spent on it so far.
    """

    task: Task
    value: Any
    fingerprint: Fingerprint
    seconds: float


def read(session: Session, task: Task) -> Underway | Finished:
    """Read one image and note what it was."""
    start = time.perf_counter()
    try:
        before = task.location.stamp or stamp_of(task.location.path)
        with noting_digests() as fetched:
            value = session.read(task)
        fingerprint = _fingerprint(task.location.path, before, fetched)
    except Exception as error:  # noqa: BLE001 -- see the module: nothing that one image does may stop the others
        return failed(task, error, time.perf_counter() - start)
    return Underway(task, value, fingerprint, time.perf_counter() - start)


def _fingerprint(path: str, before: Stamp | None, fetched: Mapping[str, str]) -> Fingerprint:
    if path in fetched:
        # The digest is of the very bytes that were read: should the stamp be older, the next run reads them again.
        return Fingerprint(fetched[path], before)
    digest = digest_of_image(path)
    # A file that changes while it is read must not be taken for one that is done.
    changed = before is not None and stamp_of(path) != before
    return Fingerprint("", None) if changed else Fingerprint(digest, before)


def compute(session: Session, images: Sequence[Underway]) -> list[Underway | Finished]:
    """Compute several images at once, or one by one where that fails, so that one of them does not fail the others."""
    start = time.perf_counter()
    try:
        results = session.compute([image.value for image in images])
    except Exception as error:  # noqa: BLE001 -- see the module
        if len(images) > 1:
            return [result for image in images for result in compute(session, [image])]
        return [failed(images[0].task, error, images[0].seconds + time.perf_counter() - start)]
    share = (time.perf_counter() - start) / len(images)
    return [
        Underway(image.task, result, image.fingerprint, image.seconds + share)
        for image, result in zip(images, results, strict=True)
    ]


def write(session: Session, image: Underway, folder: OutputFolder) -> Finished:
    """Draw and write one image.

    Raises:
        OutputError: a file cannot be written.
    """
    start = time.perf_counter()
    try:
        outcome = session.write(image.task, image.value, folder)
    except OutputError:
        raise
    except Exception as error:  # noqa: BLE001 -- see the module
        return failed(image.task, error, image.seconds + time.perf_counter() - start)
    seconds = image.seconds + time.perf_counter() - start
    return Finished(image.task.index, outcome, None, image.fingerprint, seconds)


def failed(task: Task, error: Exception, seconds: float = 0.0) -> Finished:
    """An image that failed of `error`."""
    return Finished(task.index, failure=failure_of(error), seconds=seconds)


def failure_of(error: Exception) -> Failure:
    """What to tell about an error, in a form that travels between processes."""
    if isinstance(error, FeaturemapError):
        return Failure(str(error), error.exit_code)
    where = "".join(traceback.format_exception(error))
    if isinstance(error, MemoryError):
        return Failure("not enough memory for this image; try --jobs 1, or a smaller one", ExitCode.FAULT, where)
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return Failure(f"a fault of featuremap's own, please report it: {what}", ExitCode.FAULT, where)
