"""Writing a file whole or not at all.

The bytes go to a temporary file in the same folder, are flushed to the disk, and take the final name in one step
(`os.replace`). Whatever happens in between, a file under its final name is whole.

A process that is killed outright leaves its temporary file behind. A temporary file is therefore locked while it is
written, and `remove_stale` takes away those that nobody holds. Where a lock cannot be had, age decides. Should a file
in use be taken away all the same (a shared disk that keeps locks to itself), its writer notices and writes it again.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from featuremap_cli.errors import OutputError

TEMPORARY_PREFIX = ".featuremap-"
TEMPORARY_SUFFIX = ".tmp"

# No single picture takes an hour to write.
FORGOTTEN_AFTER_SECONDS = 3600.0

_ATTEMPTS = 10


class WriteGate:
    """The temporary files that a run has open in this process, so that an interrupted run can take them away.

    Once closed, nothing more is written through it: threads that cannot be stopped may go on computing, and leave no
    trace. Pickling gives a new open gate, since a gate belongs to one process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Path] = set()
        self._closed = False

    def __reduce__(self) -> tuple[type[WriteGate], tuple[()]]:
        return WriteGate, ()

    def check(self) -> None:
        """Refuse where `close` was called.

        Raises:
            OutputError: it was.
        """
        with self._lock:
            if self._closed:
                raise OutputError("interrupted: nothing more is written")

    def create(self, temporary: Path) -> BinaryIO:
        """Create the file, which must not exist, and remember it.

        Raises:
            OutputError: the gate is closed.
            OSError: the file cannot be created.
        """
        with self._lock:
            if self._closed:
                raise OutputError("interrupted: nothing more is written")
            self._open.add(temporary)
            return temporary.open("xb")

    def forget(self, temporary: Path) -> None:
        """The file has got its final name, or is gone."""
        with self._lock:
            self._open.discard(temporary)

    def close(self) -> None:
        """Refuse every later write and remove the temporary files that are there now."""
        with self._lock:
            self._closed = True
            for temporary in self._open:
                temporary.unlink(missing_ok=True)


def write_atomically(path: str | Path, data: bytes, gate: WriteGate | None = None) -> None:
    """Write `data` to `path`, whole or not at all, making the folders above it.

    Args:
        path: where to; a file that is there is replaced.
        data: the whole content.
        gate: what an interruption closes; without one the write cannot be forbidden.

    Raises:
        OutputError: the disk is full, the folder is read-only, a file stands where a folder is needed, ... The old
            file, if there was one, is untouched.
    """
    target = Path(path)
    gate = gate or WriteGate()
    for attempt in range(_ATTEMPTS):
        try:
            if attempt:
                target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, data, gate)
        except FileNotFoundError as error:
            # The folder is not there yet, or another run took the temporary file for one that was left behind.
            if attempt == _ATTEMPTS - 1:
                raise OutputError(explain(error, target)) from error
        except OSError as error:
            raise OutputError(explain(error, target)) from error
        else:
            return


def _write(target: Path, data: bytes, gate: WriteGate) -> None:
    temporary = target.with_name(temporary_name())
    try:
        with gate.create(temporary) as file:
            _lock(file)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        # Ctrl-C may strike anywhere in here.
        temporary.unlink(missing_ok=True)
        raise
    finally:
        gate.forget(temporary)


def explain(error: OSError, target: Path) -> str:
    """What went wrong when `target` was written, in one line that says what to do."""
    start = f"cannot write {target}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = "the disk is full" if error.errno == errno.ENOSPC else "the disk quota is used up"
        return f"{start}: {what}; free some space and repeat the command, what is done is kept"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{start}: the folder is read-only for you; choose another with --out"
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"{start}: a file stands where a folder is needed; move it away or choose another folder with --out"
    if error.errno == errno.EISDIR:
        return f"{start}: a folder of that name stands there; move it away or choose another folder with --out"
    if error.errno == errno.ENAMETOOLONG:
        return f"{start}: the path is too long for this disk; choose a shorter folder with --out"
    return f"{start}: {error.strerror or error}; choose another folder with --out"


def temporary_name() -> str:
    """A new name for a temporary file."""
    return f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}{TEMPORARY_SUFFIX}"


def remove_stale(folder: Path) -> int:
    """Remove the temporary files in `folder` (not below it) that no process writes any more; says how many.

    Two runs may write into one folder at the same time, so files in use stay. A folder that is not there or cannot be
    listed has nothing to remove.
    """
    removed = 0
    try:
        with os.scandir(folder) as entries:
            temporary = [Path(entry.path) for entry in entries if is_temporary(entry.name)]
        for path in temporary:
            if not _is_in_use(path):
                path.unlink(missing_ok=True)
                removed += 1
    except OSError:
        return removed
    return removed


def is_temporary(name: str) -> bool:
    """Whether a file of this name is one of our temporary files."""
    return name.startswith(TEMPORARY_PREFIX) and name.endswith(TEMPORARY_SUFFIX)


def _lock(file: BinaryIO) -> bool:
    """Take the lock that marks a temporary file as in use; the system releases it when the process ends."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_in_use(path: Path) -> bool:
    if time.time() - path.stat().st_mtime > FORGOTTEN_AFTER_SECONDS:
        return False
    with path.open("rb") as file:
        return not _lock(file)
