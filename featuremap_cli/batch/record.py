"""What a run tells about each image, and about all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from featuremap_cli.batch.job import Failure
from featuremap_cli.errors import ExitCode


@dataclass(frozen=True)
class Record:
    """What became of one image; what `--json` prints.

    Attributes:
        index: its place in the plan, from 0.
        image: as it was given or found.
        status: `done`, `skipped` (it was done by an earlier run) or `failed`.
        outputs: paths of its files.
        layers: statistics of its maps.
        notices: what the user should know.
        failure: why it failed.
        seconds: what it took; 0 where it was skipped.
    """

    index: int
    image: str
    status: str
    outputs: tuple[str, ...] = ()
    layers: tuple[Mapping[str, Any], ...] = ()
    notices: tuple[str, ...] = ()
    failure: Failure | None = None
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints for the image."""
        return {
            "image": self.image,
            "status": self.status,
            "error": self.failure.message if self.failure else None,
            "outputs": list(self.outputs),
            "layers": [dict(layer) for layer in self.layers],
        }


@dataclass
class Tally:
    """Counts records, and says what the command ends with.

    Attributes:
        done: images that were done.
        skipped: images that an earlier run had done.
        failed: images that could not be done.
    """

    done: int = 0
    skipped: int = 0
    failed: int = 0
    _codes: frozenset[ExitCode] = frozenset()

    @property
    def images(self) -> int:
        """How many records there were."""
        return self.done + self.skipped + self.failed

    @property
    def exit_code(self) -> ExitCode:
        """0 where nothing failed, 7 where some did; where all did, what they failed of (3: images, 1: our faults)."""
        if not self.failed:
            return ExitCode.DONE
        if self.done or self.skipped:
            return ExitCode.SOME_IMAGES_FAILED
        return next(iter(self._codes)) if len(self._codes) == 1 else ExitCode.NO_IMAGE

    def add(self, record: Record) -> None:
        """Count one record."""
        if record.failure is not None:
            self.failed += 1
            self._codes |= {record.failure.exit_code}
        elif record.status == "skipped":
            self.skipped += 1
        else:
            self.done += 1
