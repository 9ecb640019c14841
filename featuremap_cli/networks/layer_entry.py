"""What is known of one layer of a network, whatever the network is made of."""

from __future__ import annotations

from dataclasses import dataclass

Size = int | None
"""A number of pixels or channels; None where it depends on the image."""


@dataclass(frozen=True)
class LayerEntry:
    """One layer of a network, or one of the calls of a layer that is called several times.

    Attributes:
        index: its place in depth among all the entries, from 0; the number in the names of files.
        path: its name, with the names of the models it is nested in before it: `backbone/conv1`; for a layer that is
            called several times `encoder/conv#1`, `encoder/conv#2`.
        type: the name of its class, `Conv2D`; for a graph without classes the operation.
        output_shape: without the batch axis and channels last, (height, width, channels) for an image; None where
            the layer has not one output or its shape is unknown.
        is_convolution: it is a convolution, of whatever rank.
        undrawable: why it has no feature maps, in words that follow the layer's name (`gives (10,), not (height,
            width, channels)`); None where it has.
    """

    index: int
    path: str
    type: str
    output_shape: tuple[Size, ...] | None
    is_convolution: bool
    undrawable: str | None = None


def why_undrawable(output_shape: tuple[Size, ...]) -> str | None:
    """Why an output of this shape, without the batch axis, is no set of feature maps; None where it is one."""
    if len(output_shape) == 3:
        return None
    shown = ", ".join("any" if size is None else str(size) for size in output_shape)
    return f"gives ({shown}{',' if len(output_shape) == 1 else ''}), not (height, width, channels)"
