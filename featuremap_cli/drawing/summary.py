"""A whole layer as one picture: mean or maximum over its maps, or three principal components in color."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import FeatureMaps, FilterBank, Float32, Image
from featuremap_cli.drawing.canvas import color_canvas
from featuremap_cli.drawing.choice import picked
from featuremap_cli.drawing.components import Components, principal_components
from featuremap_cli.drawing.grid import Grid, Order, lay_out
from featuremap_cli.drawing.input_image import input_picture, input_words
from featuremap_cli.drawing.labels import Label, map_label
from featuremap_cli.drawing.page import Heading, Sheet, limits_text
from featuremap_cli.drawing.palette import MISSING_COLOR
from featuremap_cli.drawing.resampling import enlarge, reduce_by_area
from featuremap_cli.drawing.scaling import to_levels
from featuremap_cli.drawing.sheet import draw_caption, draw_view, view_maps
from featuremap_cli.drawing.style import SheetStyle
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
    maps: FeatureMaps, kind: Summary, style: SheetStyle, title: str, image: Image | None = None, detail: str = ""
) -> Sheet:
    """Return one picture of a whole layer, or of the maps that `style.select` picks.

    `mean` and `max` are taken over the maps at each position and drawn as a map is. `pca` gives the maps' first three
    principal components as red, green and blue, each from its own minimum to its maximum. A position where a map is
    NaN or infinite is marked.

    Args:
        maps: the layer; its maps are float32 (filters, height, width).
        kind: `pca`, `mean` or `max`.
        style: scale, colormap, selection and tile size.
        title: the first line.
        image: the input image beside it, or None.
        detail: a last part for the second line.

    Raises:
        UsageError: an unknown colormap, or a selection that does not fit.
    """
    chosen = tuple(picked(style.select, maps.filters, maps.layer))
    some = maps.maps[list(chosen)] if style.select is not None else maps.maps
    count = f"{len(chosen)} of {maps.filters} maps" if style.select is not None else f"{maps.filters} maps"
    what = f"{count} of {maps.size[0]} x {maps.size[1]}"
    if kind == "pca":
        sheet = _draw_components(some, style, (title, f"principal components of {what}", detail), image)
    else:
        sheet = _draw_statistic(replace(maps, maps=some), kind, style, (title, f"{kind} of {what}", detail), image)
    text = {**sheet.text, "Shown": f"{kind} of {len(chosen)} of {maps.filters}", "Summary": kind}
    return replace(sheet, shown=chosen, total=maps.filters, text=text)


def _draw_statistic(
    maps: FeatureMaps, kind: Summary, style: SheetStyle, words: tuple[str, str, str], image: Image | None
) -> Sheet:
    one = maps.maps.mean(axis=0) if kind == "mean" else maps.maps.max(axis=0)
    layer = FeatureMaps(one.astype(np.float32)[np.newaxis], ("",), maps.layer)
    view = view_maps(layer, replace(style, select=None, sort="index"))
    label = replace(map_label(0, "", view.extents[0], with_range=view.limits is None), index=kind)
    scale = view.limits.words if view.limits is not None else "scaled to its own range"
    title, what, detail = words
    heading = Heading(title, (what, scale, detail), bool(view.missing))
    text = {**view.text(), "Limits": limits_text({str(kind): view.limits_of(0)})}
    return Sheet(draw_view(view, (label,), heading, image), text)


def _draw_components(maps: Float32, style: SheetStyle, words: tuple[str, str, str], image: Image | None) -> Sheet:
    size = maps.shape[1], maps.shape[2]
    components = principal_components(maps.reshape(maps.shape[0], -1))
    title, what, detail = words
    missing = bool(np.isnan(components.scores).any())
    order = Order(
        count=1,
        size=size,
        tile=style.tile,
        columns=1,
        heading=Heading(title, (what, _shares(components), "each scaled to its own range", detail), missing),
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
    canvas.paste(_in_color(components, size, grid), box.left, box.top)
    draw_caption(canvas, grid, "pca", box)
    limits = {color: _span(scores) for color, scores in zip(_COLORS, components.scores, strict=False)}
    text = {"Scale": "each component from its own minimum to its maximum", "Limits": limits_text(limits)}
    return Sheet(canvas.picture(), text)


def _shares(components: Components) -> str:
    """Return what part of the variance each color carries, in words."""
    if not components.shares:
        return "no variance"
    parts = [f"{color} {100 * share:.0f}%" for color, share in zip(_COLORS, components.shares, strict=False)]
    return f"{', '.join(parts)} of the variance"


def _span(scores: Float32) -> tuple[float, float]:
    return float(np.nanmin(scores)), float(np.nanmax(scores))


def _in_color(components: Components, size: tuple[int, int], grid: Grid) -> NDArray[np.uint8]:
    """Return the components as RGB at the tile's size; a color without a component stays in the middle."""
    planes = []
    for scores in components.scores:
        plane = scores.reshape(size)
        if grid.factor == 1:
            plane = reduce_by_area(plane, *grid.tile)
        planes.append(to_levels(plane, *_span(scores), 255, missing=255))
    shape = planes[0].shape if planes else (grid.tile[0] // grid.factor, grid.tile[1] // grid.factor)
    planes += [np.full(shape, _MIDDLE, np.uint8)] * (3 - len(planes))
    picture = np.stack(planes, axis=2)
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
