"""A stack of layers from a description: `150x100x3`, `conv 200 5x5 same`, `3 x conv 64 3x3; pool 2`.

A layer is a word of `stack_words.WORDS` and what it takes, in any order, or a line of Keras or PyTorch; `N x` in front
repeats either. Layers stand in words of their own on the command line, or with `;` between them. Padding is
`valid` where none is written and pools move by their size, as in Keras.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from featuremap_cli.analysis.layer_kinds import LayerKind
from featuremap_cli.analysis.layers import LayerFacts, LayerGraph, LayerRecord, Shape, View, values_of
from featuremap_cli.analysis.stack_arguments import CodeError
from featuremap_cli.analysis.stack_code import is_code, place, read_code
from featuremap_cli.analysis.stack_words import ALIASES, WORDS, Settings, Word, word_called
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.errors import NotationError, UsageError

MOST_LAYERS = 10_000
# `(3, 3)` and `3 x 3` are one piece, `stride=2` is two.
_TOKEN = re.compile(r"/?\([^();]*\)|\d+\s*[x×*]\s*\d+|[^\s;=]+", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_SIZE = re.compile(r"\(?(\d+)\s*[x×*,]\s*(\d+)\)?", re.IGNORECASE)
_REPEAT = re.compile(r"(\d+)[x×*]", re.IGNORECASE)
_REPEATED_CODE = re.compile(r"\s*(\d+)\s*[x×*]\s*(?=[A-Za-z_\[])", re.IGNORECASE)


@dataclass(frozen=True)
class _Token:
    """A piece of the user's text and where it stands in it."""

    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True)
class _Phrase:
    """One layer as it was written: the whole text, the layer's place in it, and what it says.

    Attributes:
        kind: its arithmetic; None for what only says what is fed in.
        channels, values, shape: what it says of its input, as code does, or None.
    """

    text: str
    start: int
    end: int
    type: str
    path: str
    kind: LayerKind | None
    channels: int | None = None
    values: int | None = None
    shape: Shape | None = None

    def error(self, problem: str) -> NotationError:
        """An error about the whole layer."""
        return NotationError(self.text, self.start, self.end - self.start, problem)


def parse_input(text: str) -> Shape:
    """(height, width, channels) from `150x100x3`.

    Raises:
        NotationError: it is not three whole numbers of at least 1.
    """
    parts = [part.strip() for part in re.split(r"[x×*,]", text.strip().strip("()[]"), flags=re.IGNORECASE)]
    if len(parts) == 2:  # a gray image's, as it is often written
        parts.append("1")
    if len(parts) != 3 or not all(_NUMBER.fullmatch(part) and int(part) for part in parts):
        problem = f"expected the input as HEIGHTxWIDTHxCHANNELS, such as 150x100x3 (a gray image: x1), got `{text}`"
        raise NotationError(text, 0, len(text), problem)
    return int(parts[0]), int(parts[1]), int(parts[2])


def describe_stack(shape: Shape, layers: Sequence[str], name: str = "stack") -> LayerGraph:
    """The graph of a stack that is only described.

    Args:
        shape: (height, width, channels) of the input.
        layers: one or several layers each, with `;` between them.
        name: what tables call it.

    Raises:
        NotationError: a layer that cannot be read, or that cannot be applied to what the layer before it gives.
    """
    records = [LayerRecord(0, "input", "InputLayer", (), LayerFacts(shape, 0, 0, View.PIXELS), values_of(shape))]
    counts: Counter[str] = Counter()
    for phrase in (phrase for text in layers for phrase in _phrases(text)):
        if len(records) > MOST_LAYERS:
            raise phrase.error(f"a stack has at most {MOST_LAYERS:,} layers")
        _refuse_other_input(phrase, shape, len(records) == 1, counts)
        kind = phrase.kind
        if kind is None:
            continue
        counts[phrase.path] += 1
        path = f"{phrase.path}{counts[phrase.path]}"
        try:
            facts = kind.facts(shape)
        except UsageError as error:
            raise phrase.error(f"{path}: {error}") from error
        number = len(records)
        values = values_of(facts.output_shape)
        records.append(LayerRecord(number - 1, path, phrase.type, (number - 1,), facts, values, kind.window))
        shape = facts.output_shape or shape
    return LayerGraph(name, records[0].facts.output_shape or shape, tuple(records), (len(records) - 1,))


def _phrases(text: str) -> Iterator[_Phrase]:
    """The layers in one text, repeated ones as often as they are meant."""
    start = 0
    for part in text.split(";"):
        if is_code(part):
            yield from _coded(text, start, part)
            start += len(part) + 1
            continue
        tokens = [_Token(match[0], start + match.start()) for match in _TOKEN.finditer(part)]
        # A comma at a word's end divides words as a space does; one inside `3,3` does not.
        tokens = [_Token(token.text.rstrip(","), token.start) for token in tokens if token.text.strip(",")]
        if not tokens:
            raise NotationError(text, start, len(part), "expected a layer, such as `conv 64 3x3`, got nothing")
        times, rest = _repeated(text, tokens)
        word, settings_tokens = _word(text, rest)
        settings = _Reading(text, word, rest[0]).settings(settings_tokens)
        phrase = _Phrase(text, tokens[0].start, tokens[-1].end, word.type, word.path, word.kind(settings))
        for _ in range(times):
            yield phrase
        start += len(part) + 1


def _coded(text: str, start: int, part: str) -> Iterator[_Phrase]:
    """The layers that some code says, repeated ones as often as they are meant."""
    repeated = _REPEATED_CODE.match(part)
    times, before = (int(repeated[1]), repeated.end()) if repeated else (1, 0)
    if times < 1:
        raise NotationError(text, start, before, "a layer is repeated at least once")
    code = part[before:]
    try:
        found = read_code(code)
    except CodeError as error:
        first, end = place(code, error)
        raise NotationError(text, start + before + first, end - first, str(error)) from error
    for _ in range(times):
        for one in found:
            layer, at = one.layer, start + before
            said = layer.channels, layer.values, layer.shape
            yield _Phrase(text, at + one.start, at + one.end, layer.type, layer.path, layer.kind, *said)


def _refuse_other_input(phrase: _Phrase, shape: Shape, is_first: bool, counts: Counter[str]) -> None:
    """Refuse a layer that says of its input what it is not."""
    path = f"{phrase.path}{counts[phrase.path] + 1}"
    height, width, channels = shape
    if phrase.channels is not None and phrase.channels != channels:
        problem = f"{path} takes {phrase.channels} channels, and what comes before it gives {channels}"
        raise phrase.error(f"{problem}: write {channels}, or change the layer before")
    count = height * width * channels
    if phrase.values is not None and phrase.values != count:
        problem = f"{path} takes {phrase.values} values, and what comes before it gives {height}x{width}x{channels}"
        raise phrase.error(f"{problem}, {count} in all: write {count}, or change the layer before")
    if phrase.shape is not None and is_first and phrase.shape != shape:
        written = "x".join(str(one) for one in phrase.shape)
        problem = f"this says an input of {written}, and the stack's is {height}x{width}x{channels}"
        raise phrase.error(f"{problem}: write the same")


def _repeated(text: str, tokens: list[_Token]) -> tuple[int, list[_Token]]:
    """How often the layer is meant, and the tokens after that: `3 x conv ...`, `3x conv ...`."""
    first = tokens[0]
    joined = _REPEAT.fullmatch(first.text)
    apart = _NUMBER.fullmatch(first.text) and len(tokens) > 1 and tokens[1].text.lower() in ("x", "×", "*")
    if not (joined or apart):
        return 1, tokens
    times, rest = int(joined[1] if joined else first.text), tokens[1 if joined else 2 :]
    if times < 1:
        raise NotationError(text, first.start, len(first.text), "a layer is repeated at least once")
    if not rest:
        raise NotationError(text, len(text), 0, f"expected a layer after `{text.strip()}`, such as `conv 64 3x3`")
    return times, rest


def _word(text: str, tokens: list[_Token]) -> tuple[Word, list[_Token]]:
    """The longest word that the tokens begin with, and the tokens after it."""
    for length in (3, 2, 1):
        word = word_called(" ".join(token.text for token in tokens[:length]))
        if len(tokens) >= length and word is not None:
            return word, tokens[length:]
    first = tokens[0]
    near = difflib.get_close_matches(first.text.lower(), [*WORDS, *ALIASES], n=1)
    expected = f"did you mean `{near[0]}`?" if near else f"expected one of {', '.join(WORDS)}"
    raise NotationError(text, first.start, len(first.text), f"no layer is called `{first.text}`: {expected}")


class _Reading:
    """Reads what follows a layer's word.

    Args:
        text: the whole text.
        word: the layer's word.
        at: the token it stands at.
    """

    def __init__(self, text: str, word: Word, at: _Token) -> None:
        self._text, self._word, self._at = text, word, at
        self._missing = [name for name in (word.count and "count", word.sized and "size") if name]
        self._values: dict[str, Any] = {}

    def settings(self, tokens: list[_Token]) -> Settings:
        """All the tokens read."""
        place = 0
        while place < len(tokens):
            place += self._read(tokens[place], tokens[place + 1] if place + 1 < len(tokens) else None)
        if self._missing:
            what = {"count": f"the number of {self._word.count}", "size": "a size such as 3x3"}[self._missing[0]]
            end = tokens[-1].end if tokens else self._at.end
            raise NotationError(self._text, end + 1, 1, f"{what} is missing: {self._word.usage}")
        return Settings(**self._values)

    def _read(self, token: _Token, following: _Token | None) -> int:
        """Read an option; return how many tokens it took."""
        text = token.text.lower()
        if text.startswith("/"):
            self._set("strides", token, self._pair(_Token(token.text[1:], token.start + 1)))
        elif text in ("same", "valid"):
            self._set("padding", token, text)
        elif text == "no-bias":
            self._set("no-bias", token, False, field="bias")
        elif text == "bilinear":
            self._set("bilinear", token, True)
        elif text == "padding" and following is not None and following.text.lower() in ("same", "valid"):
            self._set("padding", token, following.text.lower())
            return 2
        elif text in ("stride", "strides", "dilation", "groups", "multiplier", "pad", "padding"):
            self._read_named(text, token, following)
            return 2
        else:
            self._read_bare(token)
        return 1

    def _read_named(self, name: str, token: _Token, following: _Token | None) -> None:
        if following is None:
            raise NotationError(self._text, token.end + 1, 1, f"expected a number after `{token.text}`")
        if name in ("stride", "strides"):
            self._set("strides", token, self._pair(following))
        elif name == "dilation":
            self._set("dilation", token, self._pair(following))
        elif name in ("pad", "padding"):
            self._set("pad", token, self._number(following, least=0), field="padding")
        else:
            self._set(name, token, self._number(following))

    def _read_bare(self, token: _Token) -> None:
        """A number or a size: what the word still lacks, the count first."""
        is_size = _SIZE.fullmatch(token.text) is not None
        if not is_size and not _NUMBER.fullmatch(token.text):
            raise self._unexpected(token)
        wanted = next((name for name in self._missing if name == "size" or not is_size), None)
        if wanted is None:
            raise self._unexpected(token)
        self._missing.remove(wanted)
        self._values[wanted] = self._number(token) if wanted == "count" else self._pair(token)

    def _set(self, option: str, token: _Token, value: Pair | str | int, field: str = "") -> None:
        if option not in self._word.options:
            raise self._unexpected(token)
        field = field or option
        if field in self._values:
            raise NotationError(self._text, token.start, len(token.text), f"{field} is given twice: keep one")
        self._values[field] = value

    def _pair(self, token: _Token) -> Pair:
        found = _SIZE.fullmatch(token.text)
        if found is None:
            number = self._number(token)
            return number, number
        if not int(found[1]) or not int(found[2]):
            raise NotationError(self._text, token.start, len(token.text), f"`{token.text}` must be at least 1x1")
        return int(found[1]), int(found[2])

    def _number(self, token: _Token, least: int = 1) -> int:
        if not _NUMBER.fullmatch(token.text) or int(token.text) < least:
            problem = f"expected a whole number of at least {least}, got `{token.text}`"
            raise NotationError(self._text, token.start, max(1, len(token.text)), problem)
        return int(token.text)

    def _unexpected(self, token: _Token) -> NotationError:
        problem = f"`{token.text}` cannot stand here: expected {self._word.usage}"
        return NotationError(self._text, token.start, len(token.text), problem)
