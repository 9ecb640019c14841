"""The command line that makes a picture again, as its text chunks carry it.

Options at their defaults are left out, and so are those that do not change the picture (where results go, how many at
a time): the same picture carries the same words, however the run was cut up.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any, get_type_hints

from typer.models import OptionInfo


def option_words(*groups: Any) -> tuple[str, ...]:
    """Return the options of filled option dataclasses as words of a command line, defaults left out."""
    return tuple(word for group in groups for word in _group_words(group))


def command_line(command: str, path: str, words: tuple[str, ...]) -> str:
    """Return `featuremap COMMAND PATH WORDS` as a shell would read it."""
    return shlex.join(["featuremap", command, path, *words])


def repeated(flag: str, values: Iterable[str] | None) -> tuple[str, ...]:
    """Return an option that may be given several times as words of a command line."""
    return tuple(word for value in values or () for word in (flag, value))


def _group_words(group: Any) -> Iterator[str]:
    hints = get_type_hints(type(group), include_extras=True)
    for field in fields(group):
        value = getattr(group, field.name)
        if value == field.default:
            continue
        flag = _flag(field.name, hints[field.name])
        if isinstance(value, bool):
            on, _, off = flag.partition("/")
            yield on if value else off
        elif isinstance(value, list):
            yield from repeated(flag, value)
        else:
            yield from (flag, str(value))


def _flag(name: str, hint: Any) -> str:
    """Return the long form of an option: `--cmap`, or `--labels/--no-labels`."""
    declared = [
        text
        for info in hint.__metadata__
        if isinstance(info, OptionInfo)
        for text in (info.default, *(info.param_decls or ()))
    ]
    long = [text for text in declared if isinstance(text, str) and text.startswith("--")]
    return long[0] if long else "--" + name.replace("_", "-")
