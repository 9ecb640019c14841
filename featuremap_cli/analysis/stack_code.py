"""Layers as lines of Keras or of PyTorch: `Conv2D(32, 3, padding="same")`, `nn.Conv2d(3, 32, 3, padding=1)`.

The lines are parsed and never run. Read are a layer alone, several with commas or new lines between them, a list, a
`Sequential` of them, `x = Conv2D(...)(x)`, `model.add(...)`, `self.conv1 = ...`, and lines as PyTorch prints them,
`(0): Conv2d(...)`.
"""

from __future__ import annotations

import ast
import difflib
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from featuremap_cli.analysis.stack_arguments import (
    HARMLESS,
    HARMLESS_ENDINGS,
    Arguments,
    CodeClass,
    CodeError,
    CodeLayer,
)
from featuremap_cli.analysis.stack_keras import KERAS
from featuremap_cli.analysis.stack_torch import TORCH

CLASSES = {**KERAS, **TORCH}
_CALL = re.compile(r"[A-Za-z_][\w.]*\s*\(|\s*\[")
_WORDS_FIRST = re.compile(r"\s*[A-Za-z][A-Za-z_-]*\s+[\d/(]")
_PRINTED = re.compile(r"^[ \t]*\(\w+\):[ \t]*", re.MULTILINE)
_EXAMPLE = "expected lines of Keras or PyTorch, such as `Conv2D(32, 3)`"


@dataclass(frozen=True)
class Placed:
    """A layer and where it stands in the text, from `start` to `end`."""

    layer: CodeLayer
    start: int
    end: int


def is_code(text: str) -> bool:
    """Whether layers are written as calls or in a list, not in words."""
    return _CALL.search(text) is not None and _WORDS_FIRST.match(text) is None


def read_code(text: str) -> list[Placed]:
    """Read the layers of some code, at least one.

    Raises:
        CodeError: the text is no such code, or has a class or an argument that is not known; the message says so.
    """
    source = _Source(text)
    layers = [Placed(_layer(call), *source.span(call)) for node in source.nodes for call in _calls(node)]
    if not layers:
        raise CodeError(_EXAMPLE)
    return layers


def place(text: str, error: CodeError) -> tuple[int, int]:
    """Where in a text an error is: the start and end of its piece of syntax, or all of the text."""
    return (0, len(text)) if error.node is None else _Source(text).span(error.node)


class _Source:
    """A text's syntax, and the way back from syntax to text."""

    def __init__(self, text: str) -> None:
        self._text = text
        # One list where commas stand between the layers, however they are indented; else statements.
        plain = _PRINTED.sub("", text)
        self._is_moved = plain != text
        try:
            tree: ast.AST = ast.parse(f"[{plain}\n]", mode="eval")
            self.nodes: list[ast.stmt | ast.expr] = list(tree.body.elts)  # type: ignore[attr-defined]
            self._before = 1
        except (SyntaxError, ValueError, RecursionError, MemoryError, AttributeError):
            lines = textwrap.dedent(plain) if "\n" in plain else plain.strip()
            self._is_moved = self._is_moved or lines != text
            self._before = 0
            self.nodes = _statements(lines)

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Start and end of a node in the text; all of it where they are not known."""
        if self._is_moved or node.end_lineno is None or node.end_col_offset is None:
            return 0, len(self._text)
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)

    def _offset(self, line: int, column: int) -> int:
        lines = self._text.split("\n")
        before = column - (self._before if line == 1 else 0)
        # Columns of the syntax count bytes.
        return sum(len(one) + 1 for one in lines[: line - 1]) + len(lines[line - 1].encode()[:before].decode())


def _statements(lines: str) -> list[ast.stmt | ast.expr]:
    try:
        return list(ast.parse(lines, mode="exec").body)
    except SyntaxError as error:
        raise CodeError(f"{_EXAMPLE}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise CodeError(_EXAMPLE) from error


def _calls(node: ast.stmt | ast.expr) -> Iterator[ast.Call]:
    """Yield the calls of layers in a statement or an expression, in the order in which they are applied."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return
    if isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign | ast.Return) and node.value is not None:
        yield from _calls(node.value)
    elif isinstance(node, ast.List | ast.Tuple):
        for item in node.elts:
            yield from _calls(item)
    elif not isinstance(node, ast.Call):
        raise CodeError(f"{_EXAMPLE}, got `{ast.unparse(node)}`", node)
    elif isinstance(node.func, ast.Call):  # Conv2D(...)(x), where x is a name, or made by what goes before
        for argument in node.args:
            if isinstance(argument, ast.Call):
                yield from _calls(argument)
            elif not isinstance(argument, ast.Name):
                raise CodeError(f"a layer is read that takes one input, got `{ast.unparse(argument)}`", argument)
        yield from _calls(node.func)
    elif _last_name(node.func) in ("Sequential", "add"):
        for argument in node.args:
            yield from _calls(argument)
    else:
        yield node


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _layer(node: ast.Call) -> CodeLayer:
    name = _last_name(node.func)
    known = CLASSES.get(name)
    if known is None:
        near = difflib.get_close_matches(name, CLASSES, n=1)
        expected = f"did you mean `{near[0]}`?" if near else f"expected one of {', '.join(CLASSES)}"
        raise CodeError(f"no layer is called `{name}`: {expected}", node.func)
    return known.read(Arguments(name, _given(node, name, known)))


def _given(node: ast.Call, name: str, known: CodeClass) -> dict[str, ast.expr]:
    takes = ", ".join(parameter for parameter in known.parameters if parameter) or "nothing"
    if len(node.args) > len(known.parameters):
        problem = f"`{name}` takes {takes} without their names, got {len(node.args)} values"
        raise CodeError(problem, node.args[len(known.parameters)])
    given: dict[str, ast.expr] = {}
    for parameter, value in zip(known.parameters, node.args, strict=False):
        if isinstance(value, ast.Starred):
            raise CodeError(f"`{name}` is read with numbers and words alone, got `{ast.unparse(value)}`", value)
        given[parameter] = value
    for keyword in node.keywords:
        parameter = keyword.arg or "**"
        if parameter in given:
            raise CodeError(f"`{parameter}` of `{name}` is given twice: keep one", keyword.value)
        if parameter not in (*known.parameters, *known.others):
            if parameter in HARMLESS or parameter.endswith(HARMLESS_ENDINGS):
                continue
            raise CodeError(f"`{parameter}` of `{name}` is not known here: expected {takes}", keyword.value)
        given[parameter] = keyword.value
    return given
