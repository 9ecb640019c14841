"""How filters are applied to an image, and how the command line writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from featuremap_cli.convolution.geometry import Border, Padding, Pair
from featuremap_cli.errors import NotationError, UsageError, require_choice
from featuremap_cli.sources.numerals import read_pair

Activation = Literal["relu", "leaky-relu", "sigmoid", "tanh", "abs"]

DEFAULT_POOL_SIZE = 2


@dataclass(frozen=True)
class Pool:
    """Pooling, as `tf.nn.pool`.

    Attributes:
        kind: the largest value of each window, or its mean. NaN is passed over by `max`.
        size: (height, width) of the window.
        strides: (down, right) between two windows.
        padding: TensorFlow's VALID, or SAME, under which a mean is over the map's own values alone.

    Raises:
        UsageError: another kind or padding, or numbers below 1.
    """

    kind: Literal["max", "avg"]
    size: Pair = (DEFAULT_POOL_SIZE, DEFAULT_POOL_SIZE)
    strides: Pair = (DEFAULT_POOL_SIZE, DEFAULT_POOL_SIZE)
    padding: Literal["same", "valid"] = "valid"

    def __post_init__(self) -> None:
        object.__setattr__(self, "padding", _small(self.padding))
        require_choice("a pool", self.kind, ("max", "avg"))
        require_choice("a pool's padding", self.padding, ("same", "valid"))
        _check_positive("a pool's size", self.size)
        _check_positive("a pool's stride", self.strides)


@dataclass(frozen=True)
class Operation:
    """How filters are applied. The defaults are those of a convolutional layer: stride 1, SAME, no activation.

    Attributes:
        padding: TensorFlow's SAME or VALID, or pixels of border on every side; for a transposed convolution as many are
            cut from every side of its output (see `geometry.transposed_length`).
        border: what stands outside the image.
        strides: (down, right) between two outputs; for a transposed convolution between two inputs.
        dilation: (down, right) between two taps of a filter.
        flip: turn the filters by half a turn first (true convolution); without it they are slid as they are
            (cross-correlation), as in every deep-learning library. Where SAME needs an odd number of border pixels,
            the odd one stays at the bottom and right, as TensorFlow puts it: with filters of even size the result is
            that of `scipy.signal.convolve2d(mode="same")` moved up and left by one pixel.
        depthwise: keep the channels apart: a map for each channel and filter.
        transpose: transposed convolution.
        activation: applied after the bias. `leaky-relu` has slope 0.2, TensorFlow's default.
        pool: applied last.

    Raises:
        UsageError: a stride, dilation or padding out of range, or a border for a transposed convolution.
    """

    padding: Padding = "same"
    border: Border = "zero"
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)
    flip: bool = False
    depthwise: bool = False
    transpose: bool = False
    activation: Activation | None = None
    pool: Pool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "padding", _small(self.padding))
        require_choice("border", self.border, get_args(Border))
        require_choice("activation", self.activation, (*get_args(Activation), None))
        if not isinstance(self.padding, int) or isinstance(self.padding, bool):
            require_choice("padding", self.padding, ("same", "valid"))
        if self.pool is not None and not isinstance(self.pool, Pool):
            raise UsageError(f"pool {self.pool!r}: expected a Pool or None")
        _check_positive("a stride", self.strides)
        _check_positive("a dilation", self.dilation)
        if isinstance(self.padding, int) and self.padding < 0:
            raise UsageError(
                f"expected a padding of 0 pixels or more, got {self.padding}; --padding takes same, valid or N"
            )
        if self.transpose and self.border != "zero":
            raise UsageError(
                f"a transposed convolution has nothing outside the image: expected border zero, got {self.border}; "
                "leave out --border"
            )


def parse_padding(text: str) -> Padding:
    """Read `--padding`: `same`, `valid`, or a number of pixels.

    Raises:
        NotationError: anything else.
    """
    word = text.strip().lower()
    if word in ("same", "valid"):
        return cast(Literal["same", "valid"], word)
    if re.fullmatch("[0-9]+", word):
        return int(word)
    raise NotationError(text, 0, len(text), f"--padding takes same, valid or a number of pixels, got {text}")


def parse_pair(text: str, option: str) -> Pair:
    """Read `--strides` or `--dilation`: `2` for both axes, or `1,2` (or `1x2`, `(1, 2)`) for rows and columns.

    Args:
        text: what the user wrote.
        option: its name, for the message.

    Raises:
        NotationError: not one or two whole numbers from 1 on.
    """
    pair = read_pair(text)
    if pair is not None and min(pair) > 0:
        return pair
    expected = f"{option} takes a whole number from 1 on, or two, down and right, as in 1,2"
    pairs = _pairs(text, 0, expected)
    if len(pairs) > 1:
        raise NotationError(text, 0, len(text), f"{expected}; got {text}")
    return pairs[0]


def parse_pool(text: str) -> Pool:
    """Read `--pool`: `max`, `avg:3`, `max:3,2` or `max:3,2,same` (size, stride, padding), also `max:3x2,1x2`.

    The stride is the size where it is left out, the padding VALID.

    Raises:
        NotationError: another kind, or sizes that are not whole numbers from 1 on.
    """
    word, colon, _ = text.partition(":")
    if word not in ("max", "avg"):
        raise NotationError(text, 0, len(word), f"--pool takes max or avg, as in max:3,2, got {word or 'nothing'}")
    kind = cast(Literal["max", "avg"], word)
    if not colon:
        return Pool(kind)
    sizes, comma, last = text.rpartition(",")
    padding = last.strip().lower()
    written, named = (sizes, padding) if comma and padding in ("same", "valid") else (text, "valid")
    expected = "--pool takes a size, and maybe a stride and a padding, as in max:3,2,same"
    pairs = _pairs(written, len(word) + 1, expected)
    return Pool(kind, pairs[0], pairs[-1], cast(Literal["same", "valid"], named))


def _pairs(text: str, start: int, expected: str) -> list[Pair]:
    """One or two numbers from 1 on with a comma between, each for both axes, or `3x2` for rows and columns."""
    parts, pairs = text[start:].split(","), []
    for part in parts:
        pair = read_pair(part) or read_pair(f"{part},{part}")
        if pair is None or min(pair) < 1:
            raise NotationError(text, start, len(part), f"{expected}; got {part.strip() or 'nothing'}")
        pairs.append(pair)
        start += len(part) + 1
    if len(pairs) > 2:
        start = len(text) - len(",".join(parts[2:]))
        raise NotationError(text, start, len(text) - start, f"{expected}; got {len(parts)} numbers")
    return pairs


def _small(word: object) -> object:
    """SAME and VALID as TensorFlow writes them, in small letters; anything else as it is."""
    return word.lower() if isinstance(word, str) else word


def _check_positive(what: str, pair: Pair) -> None:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise UsageError(f"expected {what} as two numbers, down and right, got {pair!r}")
    if min(pair) < 1:
        raise UsageError(f"expected {what} of 1 or more in both directions, got {pair[0]},{pair[1]}")
