"""Every error this tool raises on purpose, each with its exit code.

The exit codes are a promise to scripts. Library code raises; one handler at the command line's edge prints the
message and turns it into the code. A message says what was expected, what came, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the `featuremap` command."""

    DONE = 0
    FAULT = 1
    USAGE = 2
    NO_IMAGE = 3
    NETWORK = 4
    OUTPUT = 5
    MISSING_DEPENDENCY = 6
    SOME_IMAGES_FAILED = 7
    THRESHOLD_CROSSED = 8
    INTERRUPTED = 130


class FeaturemapError(Exception):
    """Base of all errors of this package; `exit_code` is what the command line ends with."""

    exit_code: ExitCode = ExitCode.FAULT


class UsageError(FeaturemapError):
    """An option, argument or filter that cannot be used as written."""

    exit_code = ExitCode.USAGE


class NotationError(UsageError):
    """A text that does not parse; the message underlines the token that is wrong.

    Args:
        text: the whole text as the user wrote it.
        start: index of the first character of the wrong token.
        length: its length in characters; 0 points between characters.
        problem: what was expected and what came.
    """

    def __init__(self, text: str, start: int, length: int, problem: str) -> None:
        self.text, self.start, self.length, self.problem = text, start, length, problem
        shown = "".join(character if character.isprintable() else " " for character in text)
        underline = " " * start + "^" * max(1, length)
        super().__init__(f"{problem}\n  {shown}\n  {underline}")


class ImageError(FeaturemapError):
    """An image that cannot be found or read."""

    exit_code = ExitCode.NO_IMAGE


class NetworkError(FeaturemapError):
    """A model file, a network's name or a layer that cannot be used."""

    exit_code = ExitCode.NETWORK


class OutputError(FeaturemapError):
    """A result that cannot be written."""

    exit_code = ExitCode.OUTPUT


class MissingDependencyError(FeaturemapError):
    """An optional package that is needed here and is not installed; the message gives the line to install it."""

    exit_code = ExitCode.MISSING_DEPENDENCY


class SomeImagesFailedError(FeaturemapError):
    """Some images of a run could not be done; the others were."""

    exit_code = ExitCode.SOME_IMAGES_FAILED


class ThresholdCrossedError(FeaturemapError):
    """A health threshold given on the command line was crossed."""

    exit_code = ExitCode.THRESHOLD_CROSSED


def require_choice(what: str, value: object, choices: Sequence[object]) -> None:
    """Refuse a word that is none of those there are, where a caller of the Python API may give any.

    Args:
        what: is chosen: `a pool`.
        value: what was given.
        choices: what there is; None stands for nothing at all.

    Raises:
        UsageError: the value is none of them.
    """
    if not any(type(value) is type(one) and value == one for one in choices):
        known = [repr(one) for one in choices]
        raise UsageError(f"{what} {value!r}: expected {', '.join(known[:-1])} or {known[-1]}")
