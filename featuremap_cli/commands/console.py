"""What the command line says: data on stdout, words on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from featuremap_cli.errors import OutputError


def tell(message: str) -> None:
    """Print a line of words to stderr, after the program's name."""
    print(f"featuremap: {message}", file=sys.stderr, flush=True)


def give(line: str) -> None:
    """Print a line of data to stdout; bytes of file names that are no valid text pass through unchanged.

    Raises:
        BrokenPipeError: nobody reads any more.
        OutputError: stdout cannot be written, a full disk say.
    """
    with writing_to_stdout():
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


@contextmanager
def writing_to_stdout() -> Iterator[None]:
    """Say in a line that stdout cannot be written.

    Raises:
        BrokenPipeError: nobody reads any more.
        OutputError: the disk behind stdout is full, say.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write to stdout: {error.strerror}; send it elsewhere") from error


def give_json(value: Any) -> None:
    """Print one JSON value on one line of stdout; numbers that JSON cannot write, NaN and infinities, are null."""
    give(json.dumps(_writable(value), ensure_ascii=False, allow_nan=False))


def _writable(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _writable(item) for key, item in value.items()}
    return [_writable(item) for item in value] if isinstance(value, list | tuple) else value
