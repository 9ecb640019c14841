"""What a run has done, so that the same command need not do it again: `featuremap-manifest.jsonl` in the output folder.

One JSON object a line, appended when an image is done or has failed, after its files are in place; the last line of an
image counts. Lines are only ever added, each in one write, so that two runs can keep one manifest. A line that was cut
by a crash or a full disk is ignored, and its image is done again.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from featuremap_cli.batch.atomic import explain
from featuremap_cli.batch.hash_set import HashSet, hash_of
from featuremap_cli.errors import OutputError

_START = b'{"key": "'
_KEY = slice(len(_START), len(_START) + 16)


@dataclass(frozen=True)
class Entry:
    """One line: what became of one image.

    Attributes:
        job: the command, `convolve`.
        stem: where its outputs are, see `batch/outputs.py`; with `job` it names the entry.
        source: the absolute path of the image.
        relative: the image's path below its folder argument, which sheets show.
        status: `done` or `failed`.
        error: why it failed.
        digest: hash of the image's content, see `Fingerprint`.
        stamp: its size, times and number, see `Fingerprint`.
        options: hash of the options.
        version: of this tool.
        outputs: bytes of each file written, by its path below the output folder.
        layers: statistics of the maps, as `--json` prints them.
        seconds: what the image took.
    """

    job: str
    stem: str
    source: str
    relative: str
    status: str
    error: str | None = None
    digest: str = ""
    stamp: tuple[int, ...] | None = None
    options: str = ""
    version: str = ""
    outputs: Mapping[str, int] = field(default_factory=dict)
    layers: tuple[Mapping[str, Any], ...] = ()
    seconds: float = 0.0

    def line(self) -> bytes:
        """The entry as it is written, with its line end."""
        return (json.dumps({"key": key_of(self.job, self.stem), **asdict(self)}) + "\n").encode()


def key_of(job: str, stem: str) -> str:
    """What names an entry: 16 hexadecimal digits."""
    return f"{hash_of(f'{job} {stem}'):016x}"


def parse_entry(line: bytes) -> Entry | None:
    """Read one line; None where it is cut or from another kind of file."""
    try:
        values = json.loads(line)
        del values["key"]
        entry = Entry(**values)
        stamp = tuple(entry.stamp) if entry.stamp is not None else None
        return Entry(**{**values, "stamp": stamp, "layers": tuple(entry.layers), "outputs": dict(entry.outputs)})
    except (ValueError, TypeError, KeyError):
        return None


class Manifest:
    """The manifest of one output folder.

    Only the place of each image's last line is held in memory (16 bytes an image). What this run appends is not
    looked up again: an image comes once in a run.

    Args:
        path: the file; there need not be one yet.

    Raises:
        OutputError: it is there and cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._appender: int | None = None
        self._outputs: HashSet | None = None
        keys, places = array("Q"), array("Q")
        for place, line in self._lines():
            if line.startswith(_START) and line.endswith(b"}\n"):
                try:
                    keys.append(int(line[_KEY], 16))
                    places.append(place)
                except ValueError:
                    continue
        unsorted = np.frombuffer(keys, dtype=np.uint64) if keys else np.zeros(0, np.uint64)
        order = np.argsort(unsorted, kind="stable")
        self._keys = unsorted[order]
        self._places = (np.frombuffer(places, dtype=np.uint64) if places else np.zeros(0, np.uint64))[order]

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, job: str, stem: str) -> Entry | None:
        """The last entry of an image; None where there is none, or where it cannot be read."""
        key = np.uint64(hash_of(f"{job} {stem}"))
        index = int(np.searchsorted(self._keys, key, side="right")) - 1
        if index < 0 or self._keys[index] != key:
            return None
        with self.path.open("rb") as file:
            file.seek(int(self._places[index]))
            entry = parse_entry(file.readline())
        return entry if entry is not None and (entry.job, entry.stem) == (job, stem) else None

    def entries(self) -> Iterator[Entry]:
        """Yield the last entry of each image, in the order in which they were written; lines that cannot be read are
        left out."""
        if not len(self):
            return
        is_last = np.append(self._keys[1:] != self._keys[:-1], True)
        with self.path.open("rb") as file:
            for place in np.sort(self._places[is_last]):
                file.seek(int(place))
                entry = parse_entry(file.readline())
                if entry is not None:
                    yield entry

    def append(self, entry: Entry) -> None:
        """Add a line, in one write.

        Raises:
            OutputError: the disk is full, the folder is read-only, ...
        """
        line = entry.line()
        try:
            if self._appender is None:
                self._appender = self._open()
            written = os.write(self._appender, line)
        except OSError as error:
            raise OutputError(explain(error, self.path)) from error
        if written < len(line):
            raise OutputError(f"cannot write {self.path}: the disk is full; free some space and repeat the command")
        if self._outputs is not None:
            for output in entry.outputs:
                self._outputs.add(output)

    def wrote(self, relative: str) -> bool:
        """Whether a file below the output folder was written by a run, and is no picture of the user's."""
        if self._outputs is None:
            self._outputs = HashSet()
            for _, line in self._lines():
                entry = parse_entry(line)
                for output in entry.outputs if entry else ():
                    self._outputs.add(output)
        return relative in self._outputs

    def close(self) -> None:
        """Close the file; a later `append` opens it again."""
        if self._appender is not None:
            os.close(self._appender)
            self._appender = None

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        try:
            with self.path.open("rb") as file:
                place = 0
                for line in file:
                    yield place, line
                    place += len(line)
        except FileNotFoundError:
            return
        except NotADirectoryError as error:
            raise OutputError(explain(error, self.path)) from error
        except OSError as error:
            raise OutputError(f"cannot read {self.path}: {error.strerror}; choose another folder with --out") from error

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self.path, flags, 0o666)
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if size:
            os.lseek(descriptor, size - 1, os.SEEK_SET)
            if os.read(descriptor, 1) != b"\n":
                # The end of a line that was cut must not swallow the next one.
                os.write(descriptor, b"\n")
        return descriptor
