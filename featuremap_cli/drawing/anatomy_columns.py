"""The columns of an anatomy: which tiles and operators there are, and how large."""

from __future__ import annotations

from dataclasses import dataclass, replace

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.anatomy import COLOR_CHANNELS, MapAnatomy, Parts, Stage
from featuremap_cli.convolution.worked_pixel import WorkedPixel
from featuremap_cli.drawing.equation import (
    Bracket,
    Column,
    Operator,
    RowNames,
    Span,
    Tile,
    TileColumn,
    channel_title,
)
from featuremap_cli.drawing.extents import measure
from featuremap_cli.drawing.number_grid import Texts, number_texts
from featuremap_cli.drawing.numerals import short
from featuremap_cli.drawing.page import Measures
from featuremap_cli.drawing.scaling import clipped_fraction
from featuremap_cli.drawing.shading import Shading, Size, fitted_size, gray_shading, signed_shading
from featuremap_cli.drawing.text import line_height
from featuremap_cli.drawing.worked_panel import FramedImage

SIGNED_COLORMAP = "RdBu_r"
"""Blue, white, red; darker with the distance from zero on either side."""

_ROWS_HEIGHT = 1440
_LARGEST_TILE, _SMALLEST_TILE, _STEP = 640, 96, 4
_LARGEST_NUMBERED = 7
_KERNEL_PART = 0.8
_COLORS = {"R": (214, 39, 40), "G": (44, 160, 44), "B": (31, 119, 180)}
_FINAL = ("activation", "pool")
_VISIBLE, _LARGE = 0.5, 2.0
_AFTER = {"sum": "sum", "bias": "plus bias", "pool": "pooled"}


@dataclass(frozen=True, eq=False)
class AnatomyPicture:
    """What is drawn of a map's anatomy.

    Attributes:
        anatomy: of the map.
        parts: which channels are shown one by one.
        title: the first line.
        cmap: the colormap of signed values.
        worked: a value that is worked out below; None for none.
        framed: the image beside it; None where it is not shown.
    """

    anatomy: MapAnatomy
    parts: Parts
    title: str
    cmap: str = SIGNED_COLORMAP
    worked: WorkedPixel | None = None
    framed: FramedImage | None = None


@dataclass(frozen=True, eq=False)
class Scales:
    """The scales of a picture.

    Products share one, and so do the maps made of them. What an activation leaves so small that it could not be seen
    on the scale of the sum has one of its own, with what is pooled from it. A rest so large that it would leave the
    products pale is drawn on the scale of the sum instead.
    """

    input: Shading
    kernel: Shading
    product: Shading
    linear: Shading
    final: Shading
    large_rest: bool

    @classmethod
    def of(cls, picture: AnatomyPicture) -> Scales:
        """Measure what is drawn."""
        anatomy, shown, rest = picture.anatomy, list(picture.parts.shown), picture.parts.rest
        products = anatomy.products[shown]
        large_rest = rest is not None and _greatest(rest) > _LARGE * _greatest(products)
        drawn = [*products] if rest is None or large_rest else [*products, rest]
        linear, final = _stage_scales(anatomy, picture.cmap)
        if _never_negative(anatomy):
            final = replace(final, one_sided=True)
        if rest is not None and large_rest:
            linear = replace(linear, clipped=max(linear.clipped, clipped_fraction([rest], linear.low, linear.high)))
        return cls(
            gray_shading([anatomy.pixels[..., position] for position in shown]),
            signed_shading([anatomy.laid_weights[..., shown]], picture.cmap),
            # a single product is the sum
            linear if rows_count(picture.parts) == 1 else signed_shading(drawn, picture.cmap, clip=True),
            linear,
            final,
            large_rest,
        )

    def of_stage(self, stage: Stage) -> Shading:
        """The scale of a stage's map."""
        return self.final if stage.kind in _FINAL else self.linear

    @property
    def clipped(self) -> float:
        """The part of a map's values beyond the ends of its scale, of the map with most of them, 0 to 1."""
        return max(self.product.clipped, self.linear.clipped, self.final.clipped)

    def limits(self) -> dict[str, list[float]]:
        """For the PNG's text chunk."""
        named = {
            "input": self.input,
            "kernels": self.kernel,
            "products": self.product,
            "sum": self.linear,
            "result": self.final,
        }
        return {name: [shading.low, shading.high] for name, shading in named.items()}


def rows_count(parts: Parts) -> int:
    """How many rows there are: one a channel shown, and one for the others."""
    return len(parts.shown) + (parts.rest is not None)


def largest_columns(picture: AnatomyPicture, scales: Scales, measures: Measures, room: int) -> tuple[list[Column], int]:
    """Return the columns with the largest tiles that fit on the page, and the height of a row.

    Args:
        picture: what is drawn.
        scales: its scales.
        measures: of the page.
        room: for all columns together, in pixels.
    """
    count = rows_count(picture.parts)
    tallest = max(_SMALLEST_TILE, (_ROWS_HEIGHT - (count - 1) * 2 * measures.gap) // count)
    for side in range(_LARGEST_TILE, _SMALLEST_TILE, -_STEP):
        columns, height = _Tiling(picture, scales, measures, (min(side, tallest), side)).columns()
        if sum(column.width for column in columns) <= room:
            return columns, height
    return _Tiling(picture, scales, measures, (_SMALLEST_TILE, _SMALLEST_TILE)).columns()


@dataclass(frozen=True, eq=False)
class _Tiling:
    """The columns, for tiles that fit into a box of (height, width) pixels."""

    picture: AnatomyPicture
    scales: Scales
    measures: Measures
    box: Size

    def columns(self) -> tuple[list[Column], int]:
        """Return the columns from left to right, and the height of a row."""
        parts, measures = self.picture.parts, self.measures
        names = [self._anatomy.channel_names[position] for position in parts.shown]
        count = rows_count(parts)
        titles = tuple(channel_title(name) for name in names)
        columns: list[Column] = [
            RowNames(titles, tuple(_COLORS.get(name) for name in names), measures),
            self._inputs(),
            Operator("×", measures, rows=len(names)),
            self._kernels(names),
            Operator("=", measures, rows=count),
            self._products(),
        ]
        if count > 1:
            columns += [Bracket(measures), Operator("+", measures), self._stage(self._anatomy.stages[0])]
        for stage in self._anatomy.stages[1:]:
            columns += [self._step(stage), self._stage(stage)]
        return columns, self._row_height

    @property
    def _anatomy(self) -> MapAnatomy:
        return self.picture.anatomy

    @property
    def _row_height(self) -> int:
        input_size, product_size = (
            self._fitted(self._anatomy.pixels.shape[:2]),
            self._fitted(self._anatomy.products.shape[1:]),
        )
        return max(input_size[0], product_size[0], self._named * 4 * self.measures.label, 2 * self.measures.label)

    @property
    def _named(self) -> bool:
        """Whether kernels are called after their channels' colors; numbered channels have their number in the row."""
        return all(name in COLOR_CHANNELS for name in self._anatomy.channel_names)

    def _fitted(self, size: tuple[int, ...]) -> Size:
        return fitted_size((size[0], size[1]), self.box)

    def _inputs(self) -> TileColumn:
        pixels, worked = self._anatomy.pixels, self.picture.worked
        size, marked = self._fitted(pixels.shape[:2]), None if worked is None else worked.span
        tiles = tuple(Tile(pixels[..., position], size, marked=marked) for position in self.picture.parts.shown)
        caption = "input channels" if len(self._anatomy.channel_names) > 1 else "input channel"
        return TileColumn(tiles, caption, _shape(pixels.shape[:2]), self.scales.input, self.measures)

    def _kernels(self, names: list[str]) -> TileColumn:
        weights = self._anatomy.laid_weights
        height, width = weights.shape[:2]
        box = round(_KERNEL_PART * (self._row_height - self._named * line_height(self.measures.label)))
        size = fitted_size((height, width), (min(box, height * box // 3), min(box, width * box // 3)))
        tiles = tuple(
            Tile(weights[..., position], size, f"Wt-{name}" if self._named else "", cells)
            for position, name, cells in zip(self.picture.parts.shown, names, self._cells(), strict=True)
        )
        caption = "kernels" if len(tiles) > 1 else "kernel"
        return TileColumn(tiles, caption, _shape((height, width)), self.scales.kernel, self.measures)

    def _cells(self) -> list[Texts] | list[None]:
        weights, shown = self._anatomy.laid_weights, self.picture.parts.shown
        if max(weights.shape[:2]) > _LARGEST_NUMBERED:
            return [None] * len(shown)
        written = self._anatomy.met.cells
        if written is None:
            return number_texts([weights[..., position] for position in shown], digits=2)
        turned = tuple(row[::-1] for row in written[::-1])
        return [turned if self._anatomy.operation.flip else written] * len(shown)

    def _products(self) -> TileColumn:
        parts, products = self.picture.parts, self._anatomy.products
        size, marked = self._fitted(products.shape[1:]), self._marked_value()
        tiles = [Tile(products[position], size, marked=marked) for position in parts.shown]
        if parts.rest is not None:
            shading = self.scales.linear if self.scales.large_rest else None
            tiles.append(Tile(parts.rest, size, marked=marked, shading=shading))
        caption = "products" if len(tiles) > 1 else "product"
        return TileColumn(tuple(tiles), caption, _shape(products.shape[1:]), self.scales.product, self.measures)

    def _stage(self, stage: Stage) -> TileColumn:
        marked = None if stage.kind == "pool" else self._marked_value()
        tile = Tile(stage.values, self._fitted(stage.values.shape), marked=marked)
        caption = _AFTER.get(stage.kind, f"after {stage.words}")
        return TileColumn(
            (tile,), caption, _shape(stage.values.shape), self.scales.of_stage(stage), self.measures, alone=True
        )

    def _step(self, stage: Stage) -> Operator:
        if stage.kind == "bias":
            return Operator("+", self.measures, above="bias", below=short(self._anatomy.met.bias))
        if stage.kind == "pool":
            kind, _, stride = stage.words.partition(", ")
            return Operator("→", self.measures, above=kind.replace("-pool", ""), below=stride)
        return Operator("→", self.measures, above=stage.words)

    def _marked_value(self) -> Span | None:
        worked = self.picture.worked
        return None if worked is None else (worked.row, worked.column, worked.row + 1, worked.column + 1)


def _greatest(values: Float32) -> float:
    """The greatest magnitude of the finite values."""
    extent = measure(values)
    return max(abs(extent.low), abs(extent.high))


def _never_negative(anatomy: MapAnatomy) -> bool:
    """Whether the activation, and the pool after it, left nothing below zero, as ReLU does."""
    if anatomy.stage("activation") is None:
        return False
    extents = [measure(stage.values) for stage in anatomy.stages if stage.kind in _FINAL]
    return all(extent.low >= 0 for extent in extents) and any(extent.high > 0 for extent in extents)


def _stage_scales(anatomy: MapAnatomy, cmap: str) -> tuple[Shading, Shading]:
    """The scales of the sum and the biased map, and of what the activation and the pool make of them."""
    linear = [stage.values for stage in anatomy.stages if stage.kind not in _FINAL]
    final = [stage.values for stage in anatomy.stages if stage.kind in _FINAL]
    own = signed_shading(final, cmap, clip=True) if final else None
    shared = signed_shading([*linear, *final], cmap, clip=True)
    if own is None or own.high >= _VISIBLE * shared.high:
        return shared, shared
    return signed_shading(linear, cmap, clip=True), own


def _shape(size: tuple[int, ...]) -> str:
    return f"{size[0]} x {size[1]}"
