"""The arguments of a layer that is written as code: numbers, pairs and words, read from the syntax and never run."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from featuremap_cli.analysis.layer_kinds import LayerKind, PointByPoint
from featuremap_cli.analysis.layers import Shape, Window
from featuremap_cli.convolution.geometry import Padding, Pair


class CodeError(ValueError):
    """Code that cannot be read as layers.

    Args:
        problem: what was expected and what came.
        node: the piece of syntax that is meant; None for all of the text.
    """

    def __init__(self, problem: str, node: ast.expr | ast.stmt | None = None) -> None:
        super().__init__(problem)
        self.node = node


INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")

HARMLESS = frozenset(
    {
        *("name", "activation", "trainable", "dtype", "device", "inplace", "seed", "p", "rate", "negative_slope"),
        *(
            "alpha",
            "momentum",
            "eps",
            "epsilon",
            "dim",
            "batch_size",
            "lambda",
            "beta",
            "max_value",
            "min_val",
            "max_val",
        ),
        *("padding_mode", "data_format", "align_corners", "count_include_pad", "keepdims", "stddev", "threshold"),
        *("return_indices", "divisor_override", "approximate", "input_dim", "renorm", "virtual_batch_size"),
        *("antialias", "fill_mode", "fill_value", "pad_to_aspect_ratio", "kwargs"),
    }
)
"""Parameters that any class may have and that change neither sizes nor costs; so do those that end as below."""

HARMLESS_ENDINGS = ("_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True)
class Arguments:
    """What stands between the brackets of one class.

    Attributes:
        name: of the class.
        given: {parameter: its value's syntax}; `None` counts as not given.
    """

    name: str
    given: Mapping[str, ast.expr]

    def value(self, parameter: str, default: Any = None) -> Any:
        """The value, which must be written out; the default where none or None is given."""
        node = self.given.get(parameter)
        if node is None:
            return default
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
            problem = f"`{self.name}` is read with numbers and words alone, got `{ast.unparse(node)}`"
            raise CodeError(problem, node) from error
        return default if value is None else value

    def whole(self, parameter: str, default: int | None = None, least: int = 1) -> int:
        """A whole number; one that has no default must be given."""
        value = self.value(parameter, default)
        if value is None:
            raise self.error(parameter, f"`{self.name}` lacks its {_spoken(parameter)}")
        if not _is_whole(value, least):
            least_words = "above zero" if least == 1 else f"of at least {least}"
            raise self.error(
                parameter, f"`{parameter}` of `{self.name}` is a whole number {least_words}, got {value!r}"
            )
        return cast(int, value)

    def pair(self, parameter: str, default: Pair | None = None, least: int = 1) -> Pair:
        """(height, width) from one whole number or two."""
        value = self.value(parameter, default)
        if value is None:
            raise self.error(parameter, f"`{self.name}` lacks its {_spoken(parameter)}")
        pair = [value, value] if not isinstance(value, tuple | list) else list(value)
        if len(pair) == 1:
            pair *= 2
        if len(pair) != 2 or not all(_is_whole(one, least) for one in pair):
            least_words = "above zero" if least == 1 else f"of at least {least}"
            problem = f"`{parameter}` of `{self.name}` is a whole number {least_words}, or two, got {value!r}"
            raise self.error(parameter, problem)
        return pair[0], pair[1]

    def flag(self, parameter: str, default: bool) -> bool:
        """True or False."""
        return bool(self.value(parameter, default))

    def choice(self, parameter: str, choices: Sequence[str], default: str) -> str:
        """One of some words, in small letters."""
        value = self.value(parameter, default)
        word = value.lower() if isinstance(value, str) else value
        if word not in choices:
            known = " or ".join(repr(choice) for choice in choices)
            raise self.error(parameter, f"`{parameter}` of `{self.name}` is known as {known}, got {value!r}")
        return cast(str, word)

    def padding(self, default: Padding) -> Padding | Pair:
        """SAME, VALID, or positions on every side; (rows, columns) where those differ."""
        value = self.value("padding", default)
        if isinstance(value, str) and value.lower() in ("same", "valid"):
            return "same" if value.lower() == "same" else "valid"
        if isinstance(value, str):
            problem = f"`padding` of `{self.name}` is same, valid, a whole number or two, got {value!r}"
            raise self.error("padding", problem)
        rows, columns = self.pair("padding", (0, 0), least=0)
        return rows if rows == columns else (rows, columns)

    def window(self, size: Pair, strides: str, dilation: str, padding: Padding, default: Pair = (1, 1)) -> Window:
        """How a filter of that size is laid; `default` are the strides where none are given."""
        return Window(size, self.pair(strides, default), self.pair(dilation, (1, 1)), self.padding(padding))

    def shape(self, parameter: str) -> Shape | None:
        """(height, width, channels) where the parameter is written out as three numbers; else None."""
        try:
            value = self.value(parameter)
        except CodeError:
            return None
        three = tuple(value) if isinstance(value, tuple | list) and len(value) == 3 else ()
        return cast(Shape, three) if three and all(_is_whole(one, 1) for one in three) else None

    def refuse(self, parameter: str, *harmless: object) -> None:
        """Refuse a parameter that changes sizes or costs in a way that is not known here.

        Raises:
            CodeError: it has another value than the harmless ones.
        """
        value = self.value(parameter)
        if value is not None and value not in harmless:
            raise self.error(parameter, f"`{parameter}` of `{self.name}` is not known other than {harmless[0]!r}")

    def error(self, parameter: str, problem: str) -> CodeError:
        """An error about one parameter, or about the whole class where that is not given."""
        return CodeError(problem, self.given.get(parameter))


@dataclass(frozen=True)
class CodeLayer:
    """A layer that was written as code.

    Attributes:
        type: the kind of layer, in Keras's words where it has any.
        path: what layers of this kind are called, before their number.
        kind: its arithmetic; None for what is no layer but says what is fed in.
        channels: how many channels its input has by what is written, or None.
        values: how many values its input has in all by what is written, or None.
        shape: the (height, width, channels) of its input by what is written, or None.
    """

    type: str
    path: str
    kind: LayerKind | None
    channels: int | None = None
    values: int | None = None
    shape: Shape | None = None


@dataclass(frozen=True)
class CodeClass:
    """A class that can be written.

    Attributes:
        parameters: those that may stand without their names, in their order.
        read: from arguments to the layer.
        others: parameters that go by their names alone.
    """

    parameters: tuple[str, ...]
    read: Callable[[Arguments], CodeLayer]
    others: tuple[str, ...] = ()


def alone(type_: str, path: str, kind: LayerKind) -> Callable[[Arguments], CodeLayer]:
    """A reader for a class whose arguments change nothing."""
    return lambda _: CodeLayer(type_, path, kind)


def point_classes(*names: str) -> dict[str, CodeClass]:
    """Classes that leave every shape and have no weights."""
    return {name: CodeClass(("",) * 4, alone(name, name.lower(), PointByPoint())) for name in names}


def longer_by(a: Arguments, window: Window) -> Pair:
    """`output_padding`, which both libraries want smaller than the strides."""
    extra = a.pair("output_padding", (0, 0), least=0)
    if extra[0] >= window.strides[0] or extra[1] >= window.strides[1]:
        strides = " and ".join(str(one) for one in dict.fromkeys(window.strides))
        problem = f"`output_padding` of `{a.name}` is smaller than its strides, {strides}"
        raise a.error("output_padding", f"{problem}, got {a.value('output_padding')!r}")
    return extra


def optional_whole(a: Arguments, parameter: str) -> int | None:
    """A whole number, or None where none is given."""
    return None if a.value(parameter) is None else a.whole(parameter)


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _spoken(parameter: str) -> str:
    counts = ("filters", "out_channels", "units", "out_features")
    return f"number of {'units' if parameter in counts[2:] else 'filters'}" if parameter in counts else "size"
