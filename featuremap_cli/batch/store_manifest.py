"""The manifest of a run whose results go to an object store, where nothing can be added to an object.

There, `featuremap-manifest.jsonl/` holds objects of some hundred lines each, written while the run goes on and joined
into one at its end. Each run writes and removes objects of its own names only, so that several runs can share a folder.
What a killed run had not yet written is done again. A copy of all lines lies in a temporary file of this machine while
the run lasts.
"""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from featuremap_cli.batch.manifest import Entry, Manifest
from featuremap_cli.batch.outputs import MANIFEST, OutputFolder, put_output
from featuremap_cli.errors import OutputError
from featuremap_cli.sources import stores
from featuremap_cli.sources.store_search import list_below

_MOST_LINES = 500
_MOST_SECONDS = 5.0


def open_manifest(folder: OutputFolder, resumes: bool) -> Manifest:
    """Open the manifest of an output folder; an empty one that is never written where the run does not resume.

    Raises:
        OutputError: it is there and cannot be read.
    """
    if not resumes:
        return Manifest(os.devnull)
    return StoreManifest(folder) if folder.is_remote else Manifest(folder.path(MANIFEST))


class StoreManifest(Manifest):
    """The manifest of an output folder in an object store.

    Args:
        folder: the output folder.

    Raises:
        OutputError: what is there cannot be read.
    """

    def __init__(self, folder: OutputFolder) -> None:
        self._root = folder.path(MANIFEST)
        # Names sort by time, and the last line of an image counts.
        self._run = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.urandom(4).hex()}"
        self._parts: list[str] = []
        self._unwritten: list[bytes] = []
        self._written_at = time.monotonic()
        self._copy = tempfile.TemporaryDirectory(prefix="featuremap-", ignore_cleanup_errors=True)
        path = Path(self._copy.name) / MANIFEST
        try:
            self._download(path)
            self._start = path.stat().st_size
            super().__init__(path)
        except BaseException:
            self._copy.cleanup()
            raise

    def append(self, entry: Entry) -> None:
        """Add a line; it is in the store some seconds later.

        Raises:
            OutputError: the store does not take it.
        """
        super().append(entry)
        self._unwritten.append(entry.line())
        if len(self._unwritten) >= _MOST_LINES or time.monotonic() - self._written_at > _MOST_SECONDS:
            self._write_part()

    def close(self) -> None:
        """Write what is left, join what this run has written, and remove the copy.

        Raises:
            OutputError: the store does not take it.
        """
        super().close()
        try:
            if self._unwritten:
                self._write_part()
            if len(self._parts) > 1:
                self._join()
        finally:
            self._copy.cleanup()

    def _write_part(self) -> None:
        part = f"{self._root}/{self._run}-{len(self._parts):08}.jsonl"
        put_output(part, b"".join(self._unwritten))
        self._parts.append(part)
        self._unwritten.clear()
        self._written_at = time.monotonic()

    def _join(self) -> None:
        with self.path.open("rb") as copy:
            copy.seek(self._start)
            put_output(f"{self._root}/{self._run}.jsonl", copy.read())
        try:
            for part in self._parts:
                stores.remove(part)
        except OSError as error:
            # Lines that stand there twice do no harm, but whoever may not remove should know.
            raise OutputError(f"cannot remove {part}: {error.strerror}; the results are complete") from error

    def _download(self, path: Path) -> None:
        try:
            urls = sorted(one.url for one in list_below(self._root) if one.url.endswith(".jsonl"))
            with path.open("wb") as copy:
                for url in urls:
                    copy.write(stores.fetch(url))
        except OSError as error:
            raise OutputError(
                f"cannot read {self._root}: {error.strerror}; check --out, and your access to the store"
            ) from error
