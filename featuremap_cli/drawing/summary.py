"""A whole layer as one picture: mean or maximum over its maps, or three principal components in color."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.analysis.map_facts import MapFacts, survey
from featuremap_cli.arrays import FeatureMaps, FilterBank, Float32, Image, LayerMaps
from featuremap_cli.drawing.canvas import color_canvas
from featuremap_cli.drawing.choice import picked
from featuremap_cli.drawing.components import Axes, principal_axes, principal_components
from featuremap_cli.drawing.grid import Grid, Order, lay_out
from featuremap_cli.drawing.input_image import input_picture, input_words
from featuremap_cli.drawing.labels import Label, map_label
from featuremap_cli.drawing.page import Heading, Sheet, limits_text
from featuremap_cli.drawing.palette import MISSING_COLOR
from featuremap_cli.drawing.resampling import enlarge
from featuremap_cli.drawing.scaling import to_levels
from featuremap_cli.drawing.sheet import draw_caption, draw_view, view_maps
from featuremap_cli.drawing.style import SheetStyle
from featuremap_cli.drawing.tiles import put_tiles
from featuremap_cli.errors import UsageError

Summary = Literal["pca", "mean", "max"]

_COLORS = ("red", "green", "blue")
_MIDDLE = 128


def parse_summary(text: str) -> Summary:
    """Return `text` where it is a summary that `--summary` knows; raises UsageError otherwise."""
    for kind in get_args(Summary):
        if text.strip() == kind:
            return kind  # type: ignore[no-any-return]
    raise UsageError(f"--summary {text}: expected pca, mean or max, got {text!r}")


def draw_summary(
    maps: LayerMaps, kind: Summary, style: SheetStyle, title: str, image: Image | None = None, detail: str = ""
) -> Sheet:
    """Return one picture of a whole layer, or of the maps that `style.select` picks.

    `mean` and `max` are taken over the maps at each position and drawn as a map is. `pca` gives the maps' first three
    principal components as red, green and blue, each from its own minimum to its maximum. A position where a map is
    NaN or infinite is marked.

    Args:
        maps: the layer.
        kind: `pca`, `mean` or `max`.
        style: scale, colormap, selection and tile size.
        title: the first line.
        image: the input image beside it, or None.
        detail: a last part for the second line.

    Raises:
        UsageError: an unknown colormap, or a selection that does not fit.
    """
    chosen = tuple(picked(style.select, maps.filters, maps.layer))
    some = maps if style.select is None else _picked(maps, chosen)
    count = f"{len(chosen)} of {maps.filters} maps" if style.select is not None else f"{maps.filters} maps"
    what = f"{count} of {maps.size[0]} x {maps.size[1]}"
    if kind == "pca":
        sheet = _draw_components(some, style, (title, f"principal components of {what}", detail), image)
    else:
        sheet = _draw_statistic(some, kind, style, (title, f"{kind} of {what}", detail), image)
    text = {**sheet.text, "Shown": f"{kind} of {len(chosen)} of {maps.filters}", "Summary": kind}
    return replace(sheet, shown=chosen, total=maps.filters, text=text)


def _draw_statistic(
    maps: LayerMaps, kind: Summary, style: SheetStyle, words: tuple[str, str, str], image: Image | None
) -> Sheet:
    one = np.empty((1, *maps.size), np.float32)
    for first, band in maps.bands():
        one[0, first : first + band.shape[1]] = band.mean(axis=0) if kind == "mean" else band.max(axis=0)
    layer = FeatureMaps(one, ("",), maps.layer)
    view = view_maps(layer, replace(style, select=None, sort="index"))
    label = replace(map_label(0, "", view.extents[0]), index=kind)
    scale = view.limits.words if view.limits is not None else "scaled to its own range"
    title, what, detail = words
    heading = Heading(title, (what, scale, detail), bool(view.missing))
    text = {**view.text(), "Limits": limits_text({str(kind): view.limits_of(0)})}
    return Sheet(draw_view(view, (label,), heading, image)[0], text)


def _draw_components(maps: LayerMaps, style: SheetStyle, words: tuple[str, str, str], image: Image | None) -> Sheet:
    scores, shares = _components(maps)
    facts = survey(scores)
    title, what, detail = words
    missing = any(one.unreal for one in facts)
    order = Order(
        count=1,
        size=maps.size,
        tile=style.tile,
        columns=1,
        heading=Heading(title, (what, _shares(shares), "each scaled to its own range", detail), missing),
        labels=(Label("pca"),) if style.labels else (),
        image_size=(image.height, image.width) if image is not None else None,
    )
    grid = lay_out(order)
    canvas = color_canvas(grid.width, grid.height)
    order.heading.draw(canvas, grid.measures, grid.width - 2 * grid.measures.margin)
    if image is not None and grid.image is not None:
        box = grid.image
        canvas.frame(box.left, box.top, box.width, box.height, grid.measures.line)
        canvas.paste(input_picture(image, box.height, box.width), box.left, box.top)
        draw_caption(canvas, grid, input_words(image), box)
    box = grid.box(0)
    canvas.frame(box.left, box.top, box.width, box.height, grid.measures.line)
    canvas.paste(_in_color(scores, facts, grid), box.left, box.top)
    draw_caption(canvas, grid, "pca", box)
    limits = {color: (one.low, one.high) for color, one in zip(_COLORS, facts, strict=False)}
    text = {"Scale": "each component from its own minimum to its maximum", "Limits": limits_text(limits)}
    return Sheet(canvas.picture(), text)


def _components(maps: LayerMaps) -> tuple[LayerMaps, tuple[float, ...]]:
    """Return the principal components as maps, and the part of the variance that each carries."""
    if isinstance(maps, FeatureMaps):
        found = principal_components(maps.maps.reshape(maps.filters, -1))
        scores = found.scores.reshape(len(found.scores), *maps.size)
        return FeatureMaps(scores, ("",) * len(scores), maps.layer), found.shares
    axes = principal_axes(_Positions(maps))
    facts = survey(_scores(maps, axes))
    signs = [-1 if one.high < -one.low else 1 for one in facts]
    turned = replace(axes, vectors=axes.vectors * np.array(signs, np.float32)[:, np.newaxis])
    return _scores(maps, turned), axes.shares


@dataclass(frozen=True, eq=False)
class _MadeMaps:
    """Maps made of other maps, band by band as those are read; a `LayerMaps`.

    Attributes:
        maps: the others.
        filters: how many are made.
        make: from a band, float32 (filters, rows, width), to the same rows of what is made.
    """

    maps: LayerMaps
    filters: int
    make: Callable[[Float32], Float32]

    @property
    def names(self) -> tuple[str, ...]:
        return ("",) * self.filters

    @property
    def layer(self) -> str:
        return self.maps.layer

    @property
    def size(self) -> tuple[int, int]:
        return self.maps.size

    def bands(self) -> Iterator[tuple[int, Float32]]:
        for first, band in self.maps.bands():
            yield first, self.make(band)


def _picked(maps: LayerMaps, chosen: Sequence[int]) -> LayerMaps:
    if isinstance(maps, FeatureMaps):
        return FeatureMaps(maps.maps[list(chosen)], tuple(maps.names[index] for index in chosen), maps.layer)
    return _MadeMaps(maps, len(chosen), lambda band: band[list(chosen)])


def _scores(maps: LayerMaps, axes: Axes) -> LayerMaps:
    def make(band: Float32) -> Float32:
        return axes.scores(band.reshape(len(band), -1)).reshape(-1, *band.shape[1:])

    return _MadeMaps(maps, len(axes.vectors), make)


@dataclass(frozen=True, eq=False)
class _Positions:
    """The maps of a layer as channels of many positions, (channels, positions), block by block."""

    maps: LayerMaps

    def __iter__(self) -> Iterator[Float32]:
        for _, band in self.maps.bands():
            yield band.reshape(len(band), -1)


def _shares(shares: Sequence[float]) -> str:
    """Return what part of the variance each color carries, in words."""
    if not shares:
        return "no variance"
    parts = [f"{color} {100 * share:.0f}%" for color, share in zip(_COLORS, shares, strict=False)]
    return f"{', '.join(parts)} of the variance"


def _in_color(scores: LayerMaps, facts: Sequence[MapFacts], grid: Grid) -> NDArray[np.uint8]:
    """Return the components as RGB at the tile's size; a color without a component stays in the middle."""
    picture = np.full((*grid.map_size, 3), _MIDDLE, np.uint8)

    def put(index: int, top: int, values: Float32) -> None:
        levels = to_levels(values, facts[index].low, facts[index].high, 255, missing=255)
        picture[top : top + len(values), :, index] = levels

    put_tiles(scores, range(scores.filters), grid.map_size, put)
    picture[(picture == 255).any(axis=2)] = MISSING_COLOR
    return enlarge(picture, grid.factor)


def summarize_bank(bank: FilterBank, kind: Summary) -> FilterBank:
    """Return a bank of many input channels as one of a single channel (`mean`, `max`) or of three (`pca`).

    The components are those of the input channels over all filters and positions. Banks of one input channel come
    back as they are.

    Args:
        bank: weights (filter_height, filter_width, input_channels, filters).
        kind: `pca`, `mean` or `max`.
    """
    if bank.input_channels == 1:
        return bank
    if kind != "pca":
        over_channels = bank.weights.mean if kind == "mean" else bank.weights.max
        return replace(bank, weights=over_channels(axis=2, keepdims=True).astype(np.float32))
    height, width, channels, filters = bank.weights.shape
    positions = np.moveaxis(bank.weights, 2, 0).reshape(channels, -1)
    scores = principal_components(positions).scores
    planes = np.zeros((3, scores.shape[1]), np.float32)
    planes[: len(scores)] = scores
    return replace(bank, weights=np.moveaxis(planes.reshape(3, height, width, filters), 0, 2))
