"""What is known of a layer from its kind and from the shapes that its network gives it and expects of it."""

from __future__ import annotations

from featuremap_cli.analysis.layer_kinds import LayerKind
from featuremap_cli.analysis.layers import LayerFacts, LayerRecord, Shape, View, values_of
from featuremap_cli.networks.layer_entry import Size

TensorShape = tuple[Size, ...]
"""Without the batch axis, channels last."""


def image_record(shape: Shape) -> LayerRecord:
    """The record of the image itself, (height, width, channels)."""
    return LayerRecord(None, "input", "InputLayer", (), LayerFacts(shape, 0, 0, View.PIXELS), values_of(shape))


def image_shape(shape: TensorShape) -> Shape | None:
    """(height, width, channels); a vector is one position. None for what is neither."""
    if None in shape or len(shape) not in (1, 3):
        return None
    sizes = [int(size or 0) for size in shape]
    return (1, 1, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1], sizes[2])


def facts_of(kind: LayerKind | View, before: TensorShape, after: TensorShape, macs: int | None) -> LayerFacts:
    """What is known of a call; a kind whose arithmetic does not give the network's own shape is not trusted.

    Args:
        kind: the kind of its layer.
        before: what it is given first.
        after: what it returns.
        macs: its multiplications where they follow from its weights alone, for shapes that are no images.
    """
    output_shape = image_shape(after)
    if isinstance(kind, View):
        return LayerFacts(output_shape, None, None if kind is View.UNKNOWN else 0, kind)
    input_shape = image_shape(before)
    if input_shape is None or output_shape is None:
        return LayerFacts(output_shape, None, macs, View.UNKNOWN)
    facts = kind.facts(input_shape)
    return facts if facts.output_shape == output_shape else LayerFacts(output_shape, None, None, View.UNKNOWN)
