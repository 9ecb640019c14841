"""What part of the image one position of a layer sees.

Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019. As there, the
field is that of a position far from the border: where it passes the image's edge, padding is seen, and counted. Along
an axis a field is an interval of pixels, moving on by the effective stride from one position to the next. Through a
layer, the interval of an output is the union of the intervals of the positions it reads; where branches meet, the union
of theirs. Transposed convolutions and resizing give fields whose size depends on the position, repeating after a
period (`taps.AxisTaps`), so one period of intervals is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from featuremap_cli.analysis.layers import LayerGraph, LayerRecord, View
from featuremap_cli.analysis.taps import POINT, AxisTaps
from featuremap_cli.convolution.geometry import Pair

Interval = tuple[int, int]


@dataclass(frozen=True)
class AxisField:
    """The fields of a layer's positions along one axis.

    Position i sees `intervals[i % period]`, shifted by `advance * (i // period)`.

    Attributes:
        advance: pixels between one period and the next; 0 where every position sees the same.
        intervals: (first pixel, last pixel) of each position of the first period; None where it sees nothing.
    """

    advance: int
    intervals: tuple[Interval | None, ...]

    @property
    def period(self) -> int:
        """Positions until the pattern repeats."""
        return len(self.intervals)

    @property
    def size(self) -> int:
        """Pixels in the field; the largest where it depends on the position."""
        return max((last - first + 1 for first, last in filter(None, self.intervals)), default=0)

    @property
    def stride(self) -> Fraction:
        """How many pixels the field moves from one position to the next, on average."""
        return Fraction(self.advance, self.period)

    @property
    def offset(self) -> Fraction | None:
        """The pixel at the center of position 0's field, counted from 0; None where position 0 sees nothing."""
        return None if self.intervals[0] is None else Fraction(sum(self.intervals[0]), 2)

    @property
    def center(self) -> Fraction | None:
        """Where the centers of the fields stand, on average over a period, measured from position 0's place."""
        seen = [interval for interval in self.intervals if interval is not None]
        if len(seen) < self.period:
            return None
        centers = Fraction(sum(first + last for first, last in seen), 2 * self.period)
        return centers - self.stride * Fraction(self.period - 1, 2)

    def at(self, position: int) -> Interval | None:
        """The first and last pixel that `position` sees; they may lie outside the image."""
        repeat, phase = divmod(position, self.period)
        interval = self.intervals[phase]
        return None if interval is None else (interval[0] + self.advance * repeat, interval[1] + self.advance * repeat)


@dataclass(frozen=True)
class ReceptiveField:
    """The field of a layer: `height` and `width` are its axes, None where it is not known.

    Attributes:
        aligned: False where branches met, here or before, whose centers lie apart: the field is their union.
    """

    height: AxisField | None
    width: AxisField | None
    aligned: bool = True

    @property
    def axes(self) -> tuple[AxisField, AxisField] | None:
        """Both axes, or None where one is not known."""
        return None if self.height is None or self.width is None else (self.height, self.width)


def hull(intervals: Sequence[Interval | None]) -> Interval | None:
    """The smallest interval that holds all of them; None where there is none."""
    seen = [interval for interval in intervals if interval is not None]
    return (min(first for first, _ in seen), max(last for _, last in seen)) if seen else None


def through(field: AxisField, taps: AxisTaps) -> AxisField:
    """The field of a layer that reads `taps` of a layer whose field is `field`."""
    repeats = field.period // math.gcd(field.period, taps.advance)
    period = taps.period * repeats
    intervals = tuple(hull([field.at(tap) for tap in taps.at(position)]) for position in range(period))
    return AxisField(field.advance * taps.advance * repeats // field.period, intervals)


def union(fields: Sequence[AxisField], pixels: int) -> AxisField | None:
    """The field of a layer that adds or concatenates layers with these fields.

    A field that covers all `pixels` of the image whatever the position covers the others too. Otherwise the union of
    fields that move at different speeds has no stride of its own: None.
    """
    fields = [field for field in fields if any(field.intervals)]
    whole = whole_axis(pixels)
    if whole in fields:
        return whole
    if not fields:
        return AxisField(0, (None,))
    if len({field.stride for field in fields}) > 1:
        return None
    period = math.lcm(*(field.period for field in fields))
    intervals = tuple(hull([field.at(position) for field in fields]) for position in range(period))
    return AxisField(int(fields[0].stride * period), intervals)


def whole_axis(pixels: int) -> AxisField:
    """Every position sees all of the image."""
    return AxisField(0, ((0, pixels - 1),))


def receptive_fields(graph: LayerGraph) -> tuple[ReceptiveField, ...]:
    """The field of each record of the graph, in the order of `graph.records`."""
    fields: list[ReceptiveField] = []
    for record in graph.records:
        inputs = [_spread(fields[place], graph.records[place], record) for place in record.inputs]
        fields.append(_field_of(record, inputs, graph.input_shape[:2]))
    return tuple(fields)


def _spread(field: ReceptiveField, source: LayerRecord, target: LayerRecord) -> ReceptiveField:
    """What `target` reads of `source` at each of its positions: a source of one position is repeated (broadcasting)."""
    shapes = source.facts.output_shape, target.facts.output_shape
    if target.facts.reads is not View.POINT or shapes[0] is None or shapes[1] is None:
        return field
    axes = [
        AxisField(0, (axis.at(0),)) if axis is not None and shapes[0][place] == 1 < shapes[1][place] else axis
        for place, axis in enumerate((field.height, field.width))
    ]
    return replace(field, height=axes[0], width=axes[1])


def _field_of(record: LayerRecord, inputs: Sequence[ReceptiveField], pixels: Pair) -> ReceptiveField:
    reads = record.facts.reads
    if reads is View.PIXELS:
        return ReceptiveField(AxisField(1, ((0, 0),)), AxisField(1, ((0, 0),)))
    if reads is View.NOTHING:
        return ReceptiveField(AxisField(0, (None,)), AxisField(0, (None,)))
    met = ReceptiveField(
        _meet([field.height for field in inputs], pixels[0]),
        _meet([field.width for field in inputs], pixels[1]),
        all(field.aligned for field in inputs) and _are_aligned(inputs),
    )
    if reads is View.UNKNOWN:
        return replace(met, height=None, width=None)
    if reads is View.WHOLE:
        return ReceptiveField(_see_all(met.height, pixels[0]), _see_all(met.width, pixels[1]))
    taps = (POINT, POINT) if isinstance(reads, View) else reads
    return replace(
        met,
        height=None if met.height is None else through(met.height, taps[0]),
        width=None if met.width is None else through(met.width, taps[1]),
    )


def _meet(fields: Sequence[AxisField | None], pixels: int) -> AxisField | None:
    """The union of the branches; unknown as soon as one is, unless another sees the whole image."""
    known = [field for field in fields if field is not None]
    if len(known) < len(fields) and whole_axis(pixels) not in known:
        return None
    return union(known, pixels)


def _see_all(field: AxisField | None, pixels: int) -> AxisField | None:
    """What a layer sees that reads all positions: the image, or nothing, or it is not known."""
    return whole_axis(pixels) if field is not None and any(field.intervals) else field


def _are_aligned(inputs: Sequence[ReceptiveField]) -> bool:
    """Whether the centers of the branches' fields lie on each other; whole and unknown fields do not count."""
    for axis in ("height", "width"):
        fields = [getattr(field, axis) for field in inputs]
        moving = [field for field in fields if field is not None and field.advance]
        if len({(field.stride, field.center) for field in moving}) > 1:
            return False
    return True
