"""What the command line says: data on stdout, words on stderr."""

from __future__ import annotations

import codecs
import json
import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from featuremap_cli.errors import OutputError

_ESCAPING = "featuremap-escaping"
_SURROGATES = re.compile("[\ud800-\udfff]")


def escape(error: UnicodeError) -> tuple[str | bytes, int]:
    """What is written for characters that a stream cannot encode: a file name's own bytes, else a backslash escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":  # of a name that is no valid text, as os.fsdecode has it
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return character.encode("unicode_escape").decode("ascii"), error.start + 1


codecs.register_error(_ESCAPING, escape)


def escape_what_cannot_be_written(*streams: TextIO) -> None:
    """Have streams escape what their encoding has no bytes for, instead of ending the run."""
    for stream in streams:
        stream.reconfigure(errors=_ESCAPING)  # type: ignore[attr-defined]


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
    """Print one JSON value on one line of stdout; numbers that JSON cannot write, NaN and infinities, are null.

    Text is UTF-8, as RFC 8259 wants it, where stdout is; else escaped. Bytes of a file name that are no valid text are
    escaped as `\\udcXX`, from which `os.fsencode` makes them again.
    """
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
    text = json.dumps(_writable(value), ensure_ascii=not is_unicode, allow_nan=False)
    give(_SURROGATES.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def _writable(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _writable(item) for key, item in value.items()}
    return [_writable(item) for item in value] if isinstance(value, list | tuple) else value
