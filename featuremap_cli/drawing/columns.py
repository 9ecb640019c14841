"""How many tiles stand in a row, where nobody says."""

from __future__ import annotations

import math
from functools import lru_cache

from featuremap_cli.drawing.page import AUTO_LIMIT, SMALLEST_TYPE, Measures, text_size
from featuremap_cli.drawing.text import line_height

SMALLEST_TILE = 128
"""Maps of less than 64 pixels are enlarged to about so many at the least, where there is room."""

# from here on columns or rows are so many that type and gaps stop growing with the sheet
CROWDED, CROWDED_ROWS = 16, 24

_MANY = 128
_WIDER = 1.25
# tiles of so many times the type's size have labels of two lines: narrower ones have only room for an index
_TWO_LINES = 4, 9
# the width of a digit, in parts of the type's size
_DIGIT = 0.65


def default_columns(count: int, size: tuple[int, int]) -> int:
    """Return how many columns make a grid a little wider than high.

    Up to three tiles stand in one row. 64 are 8 x 8. Tiles more than twice as long in one direction than in the other
    are counted by the shape of the whole grid with its labels instead.

    Args:
        count: tiles.
        size: (height, width) of a tile.
    """
    height, width = size
    if 1 / 2 <= width / height <= 2:
        return count if count <= 3 else math.ceil(math.sqrt(count))
    wish = math.log(_WIDER)
    strip = line_height(Measures.at(1).label)

    def distance(columns: int) -> float:
        scale = min(1.0, AUTO_LIMIT / (columns * width))
        return abs(math.log(columns * width * scale / (math.ceil(count / columns) * (height * scale + strip))) - wish)

    return min(range(1, count + 1), key=distance)


def automatic_columns(count: int, size: tuple[int, int], labeled: bool) -> int:
    """Return how many columns a sheet of `--tile auto` has.

    Labels below more than 128 tiles take up to as much height as the tiles themselves. So many tiles are set where
    they become largest on a full page, and among equals where the grid is a little wider than high.

    Args:
        count: tiles.
        size: (height, width) of what a tile shows.
        labeled: whether there are labels below the tiles.
    """
    return default_columns(count, size) if count <= _MANY else _roomiest_columns(count, size, labeled, text_size())


@lru_cache(maxsize=64)
def _roomiest_columns(count: int, size: tuple[int, int], labeled: bool, lettered: int | None) -> int:
    height, width = size
    index = _DIGIT * (lettered or SMALLEST_TYPE) * len(str(count)) if labeled else 0.0

    def worth(columns: int) -> tuple[float, float]:
        rows = math.ceil(count / columns)
        measures = Measures.at(2, crowding=max(columns / CROWDED, rows / CROWDED_ROWS))
        across = (AUTO_LIMIT - 3 * measures.margin) / columns - measures.gap
        lines = 2 if _TWO_LINES[0] <= across / measures.label < _TWO_LINES[1] else 1
        strip = lines * line_height(measures.label) + measures.label // 4 if labeled else 0
        down = (AUTO_LIMIT - 6 * measures.margin) / rows - measures.gap - strip
        scale = min(across / width, down / height, max(1, SMALLEST_TILE // max(size)))
        if scale <= 0 or across < index:
            return min(0.0, scale, across - index), 0.0
        scale = math.floor(scale) if scale >= 1 else scale
        cell = max(width * scale, index)
        shape = columns * (cell + measures.gap) / (rows * (height * scale + strip + measures.gap))
        return scale, -abs(math.log(shape / _WIDER))

    return max(range(1, min(count, AUTO_LIMIT) + 1), key=worth)
