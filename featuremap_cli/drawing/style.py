"""What the drawing options say: `SheetStyle`, and the texts that `--limit`, `--select`, `--sort` and `--tile` take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from featuremap_cli.drawing.scaling import OWN_RANGE, Scale
from featuremap_cli.errors import UsageError, require_choice
from featuremap_cli.sources.numerals import read_pair

Sort = Literal["index", "mean", "max", "std", "sparsity"]
Tile = Literal["auto", "full"] | tuple[int, int]
Pick = int | slice

_RANGE = re.compile(r"(-?\d+)?:(-?\d+)?")


@dataclass(frozen=True)
class SheetStyle:
    """How sheets are drawn; every default is the command line's.

    Attributes:
        scale: how values become brightness.
        cmap: `gray`, or any name that matplotlib knows.
        limit: at most so many maps are drawn; None draws all.
        select: indices and ranges of the maps to draw, or None for all; ranges are Python's, `10:20` ends at 19.
        sort: the order of the tiles: by index, or with the greatest first.
        columns: tiles in a row, or None for a grid a little wider than high.
        tile: `auto` (the sheet fits in about 2,400 x 2,400 pixels), `full` (every pixel of every map), or the
            (width, height) in pixels that each tile must fit in.
        labels: whether the tiles have labels.
        channels: of filters, indices and ranges of the input channels to draw; None for color, or the first 16.

    Raises:
        UsageError: a word that is none of those.
    """

    scale: Scale = OWN_RANGE
    cmap: str = "gray"
    limit: int | None = 64
    select: tuple[Pick, ...] | None = None
    sort: Sort = "index"
    columns: int | None = None
    tile: Tile = "auto"
    labels: bool = True
    channels: tuple[Pick, ...] | None = None

    def __post_init__(self) -> None:
        require_choice("sort", self.sort, get_args(Sort))
        if isinstance(self.tile, str):
            require_choice("tile", self.tile, ("auto", "full"))


def parse_limit(text: str) -> int | None:
    """Return the number that `--limit` gives, or None for `all`; raises UsageError for anything else."""
    if text.strip() == "all":
        return None
    if not text.strip().isdecimal() or int(text) == 0:
        raise UsageError(f"--limit {text}: expected a number of maps above zero, or `all`, got {text!r}")
    return int(text)


def parse_select(text: str, option: str = "--select") -> tuple[Pick, ...]:
    """Return the indices and ranges of `text`, such as `0,5,10:20`.

    Negative indices count from the end and ranges leave their end out, as in Python.

    Raises:
        UsageError: a part is neither an index nor a range.
    """
    picks: list[Pick] = []
    for part in (part.strip() for part in text.split(",")):
        if re.fullmatch(r"-?\d+", part):
            picks.append(int(part))
        elif (found := _RANGE.fullmatch(part)) is not None:
            start, stop = (int(end) if end else None for end in found.groups())
            picks.append(slice(start, stop))
        else:
            raise UsageError(f"{option} {text}: expected indices and ranges such as 0,5,10:20, got {part!r}")
    return tuple(picks)


def parse_sort(text: str) -> Sort:
    """Return `text` where it is an order that `--sort` knows; raises UsageError otherwise."""
    for order in get_args(Sort):
        if text.strip() == order:
            return order  # type: ignore[no-any-return]
    raise UsageError(f"--sort {text}: expected {', '.join(get_args(Sort)[:-1])} or {get_args(Sort)[-1]}, got {text!r}")


def parse_tile(text: str) -> Tile:
    """Return the tile size that `text` gives: `auto`, `full` or `W,H` in pixels; raises UsageError otherwise."""
    word = text.strip()
    if word == "auto":
        return "auto"
    if word == "full":
        return "full"
    size = read_pair(word)
    if size is None or 0 in size:
        raise UsageError(f"--tile {text}: expected `auto`, `full` or W,H in pixels such as 200,150, got {text!r}")
    return size
