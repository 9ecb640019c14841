"""What a batch is made of: plain records, and the few methods a job has.

A job is a frozen dataclass that can be pickled; it says what to do with any image. A worker opens it once (loading a
network, say) and uses the session for all its images. Nothing here knows of pictures or of processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from featuremap_cli.batch.fingerprint import Fingerprint
from featuremap_cli.batch.outputs import OutputFolder, Written
from featuremap_cli.errors import ExitCode, FeaturemapError
from featuremap_cli.sources.locations import ImageLocation


@dataclass(frozen=True)
class Task:
    """One image to do.

    Attributes:
        index: its place in the plan, from 0.
        location: what to open (`location.path`), and what sheets call it (`location.name`).
        stem: its outputs' path below the output folder, without what kind of output it is.
    """

    index: int
    location: ImageLocation
    stem: str


@dataclass(frozen=True)
class Outcome:
    """What a session wrote for one image.

    Attributes:
        outputs: the files, in the order they are told to the user.
        layers: statistics of the maps, JSON values, one mapping a layer, as `--json` prints them.
        notices: what the user should know (`64 of 96 shown`).
    """

    outputs: tuple[Written, ...]
    layers: tuple[Mapping[str, Any], ...] = ()
    notices: tuple[str, ...] = ()


class Session(Protocol):
    """A job opened in one worker. Each method is called from one thread at a time, but the three may overlap."""

    def read(self, task: Task) -> Any:
        """Read and decode one image.

        Raises:
            FeaturemapError: it cannot be read; the image fails, the batch goes on.
        """

    def compute(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """One result for each of 1 to `batch_size` inputs; what `write` needs of the input belongs into its result.

        Raises:
            FeaturemapError: one of them does not fit; they are then tried one by one.
        """

    def write(self, task: Task, result: Any, folder: OutputFolder) -> Outcome:
        """Draw, and write through `folder`.

        Raises:
            OutputError: a file cannot be written; the run ends.
        """


@runtime_checkable
class GatheringSession(Session, Protocol):
    """A session whose result is more than its files: it gathers something over all its images.

    What was gathered on different images merges, in any order, to what one session gathers on all of them.
    """

    @property
    def gathered(self) -> Any:
        """What it has gathered so far; picklable."""

    def fresh(self) -> GatheringSession:
        """A session of the same opened job that has gathered nothing."""

    def take_in(self, gathered: Any) -> None:
        """Add what another session has gathered on other images."""


class Job(Protocol):
    """What to do with every image; picklable, defined at the top level of a module that can be imported."""

    @property
    def name(self) -> str:
        """The command, `convolve`."""

    @property
    def batch_size(self) -> int:
        """How many images `compute` takes at a time."""

    @property
    def overlaps(self) -> bool:
        """Whether one process reads, computes and writes at the same time even with `--jobs 1`: right for a network,
        which uses every core by itself."""

    def options(self) -> Mapping[str, Any]:
        """Everything that changes what the outputs look like, as JSON values; for a file its content's hash."""

    def open(self) -> Session:
        """Prepare for images, once a worker.

        Raises:
            FeaturemapError: it cannot be done at all; the run ends.
        """


class GatheringJob(Job, Protocol):
    """A job whose sessions gather; what is pickled of it opens a session of its own."""

    def open(self) -> GatheringSession:
        """Prepare for images, once a worker.

        Raises:
            FeaturemapError: it cannot be done at all; the run ends.
        """


@dataclass(frozen=True)
class Failure:
    """Why something could not be done, in a form that travels between processes.

    Attributes:
        message: one line for the user.
        exit_code: what the command ends with where nothing else was done.
        traceback: where it happened, for an error that nobody foresaw.
    """

    message: str
    exit_code: ExitCode = ExitCode.NO_IMAGE
    traceback: str | None = None

    def as_error(self) -> FeaturemapError:
        """The exception that this failure was, or one of its kind."""
        kinds = [kind for kind in FeaturemapError.__subclasses__() if kind.exit_code == self.exit_code]
        error = (kinds or [FeaturemapError])[0](self.message)
        if self.traceback:
            error.add_note(self.traceback)
        return error


@dataclass(frozen=True)
class Finished:
    """What became of a task: an outcome or a failure.

    Attributes:
        index: the task's.
        outcome: what was written; None where it failed.
        failure: why it failed; None where it is done.
        fingerprint: of the image as it was read.
        seconds: what it took: reading, its share of computing, writing.
    """

    index: int
    outcome: Outcome | None = None
    failure: Failure | None = None
    fingerprint: Fingerprint = field(default=Fingerprint("", None))
    seconds: float = 0.0
