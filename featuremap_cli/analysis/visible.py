"""Which pixels of one image a position really sees.

The receptive field (`receptive_field.py`) is that of a position far from the border. Near it, padding takes the place
of pixels, and rows that a layer leaves out at the bottom are never seen. Here every position of every layer has its own
interval along each axis, exact for the given input size.
"""

from __future__ import annotations

from collections.abc import Sequence

from featuremap_cli.analysis.layers import LayerGraph, LayerRecord, View
from featuremap_cli.analysis.receptive_field import Interval, hull
from featuremap_cli.analysis.taps import POINT
from featuremap_cli.convolution.geometry import Pair

AxisSight = tuple[Interval | None, ...] | None


def visible_box(graph: LayerGraph, place: int, position: Pair) -> tuple[Interval, Interval] | None:
    """The rows and columns of the image that one position of one layer depends on.

    Args:
        graph: the network, with the size of the image.
        place: the layer's place in `graph.records`.
        position: (row, column) in the layer's output.

    Returns:
        ((first row, last row), (first column, last column)), all within the image; None where the layer's field is
        not known, or the position sees nothing of the image.
    """
    found = []
    for axis in (0, 1):
        sight = _axis_sights(graph, axis, place)
        interval = None if sight is None else sight[position[axis]]
        if interval is None:
            return None
        found.append(interval)
    return found[0], found[1]


def _axis_sights(graph: LayerGraph, axis: int, place: int) -> AxisSight:
    """What each position of the layer at `place` sees along one axis; None where it is not known."""
    sights: list[AxisSight] = []
    for record in graph.records[: place + 1]:
        sights.append(_sight_of(record, [sights[source] for source in record.inputs], axis))
    return sights[place]


def _sight_of(record: LayerRecord, inputs: Sequence[AxisSight], axis: int) -> AxisSight:
    reads, shape = record.facts.reads, record.facts.output_shape
    if shape is None and reads is View.POINT and len({sight and len(sight) for sight in inputs}) == 1:
        # Channels in more than one axis, or several outputs; the positions are those of what it is given.
        met = [sight for sight in inputs if sight is not None]
        return tuple(map(hull, zip(*met, strict=True))) if met else None
    if shape is None or reads is View.UNKNOWN:
        return None
    if reads is View.PIXELS:
        return tuple((pixel, pixel) for pixel in range(shape[axis]))
    if reads is View.NOTHING:
        return (None,) * shape[axis]
    known = [sight for sight in inputs if sight is not None]
    if len(known) < len(inputs):
        return None
    if reads is View.WHOLE:
        return (hull([interval for sight in known for interval in sight]),) * shape[axis]
    if reads is View.POINT:
        # A feature map of one position is repeated where it meets a larger one (broadcasting).
        known = [sight * shape[axis] if len(sight) == 1 else sight for sight in known]
    taps = POINT if isinstance(reads, View) else reads[axis]
    return tuple(
        hull([sight[tap] for sight in known for tap in taps.at(position) if 0 <= tap < len(sight)])
        for position in range(shape[axis])
    )
