"""Where the image goes into a network, and what else the network asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.layer_entry import Size

Pixels = tuple[int, int]
"""A (width, height)."""

FREE_SIZE: Pixels = (224, 224)
"""What most networks that take any size were trained at."""


@dataclass(frozen=True)
class NetworkInput:
    """One input of a network.

    Attributes:
        name: as the model calls it.
        shape: with the batch axis; None where it is free.
        dtype: `float32`, `uint8`, ...
    """

    name: str
    shape: tuple[Size, ...]
    dtype: str


@dataclass(frozen=True)
class ImageInput:
    """The input that takes the image.

    Attributes:
        position: its place among the network's inputs.
        name: as the model calls it.
        height, width, channels: None where the network takes any.
        images: how many images the network takes at once; None for any number.
        dtype: what the network wants, `float32` for most.
        channels_first: the network keeps its channels before height and width.
    """

    position: int
    name: str
    height: Size
    width: Size
    channels: Size
    images: Size = None
    dtype: str = "float32"
    channels_first: bool = False

    @property
    def shape(self) -> tuple[Size, ...]:
        """With the batch axis, as the network takes it."""
        size = (self.height, self.width)
        return (self.images, self.channels, *size) if self.channels_first else (self.images, *size, self.channels)


def find_image_input(inputs: Sequence[NetworkInput], network: str, *, channels_first: bool = False) -> ImageInput:
    """The image-shaped input: four axes, and gray or RGB before any other number of channels.

    Args:
        inputs: all that the network asks for.
        network: its name, for the message.
        channels_first: the network keeps its channels before height and width.

    Raises:
        NetworkError: none of them has four axes; the message names them.
    """
    channel_axis = 1 if channels_first else 3
    images = [position for position, entry in enumerate(inputs) if len(entry.shape) == 4]
    if not images:
        raise NetworkError(
            f"{network} has no input for an image: expected (batch, height, width, channels), got "
            + ", ".join(f"`{entry.name}` {shown_shape(entry.shape)}" for entry in inputs)
        )
    position = min(images, key=lambda place: inputs[place].shape[channel_axis] not in (1, 3))
    chosen = inputs[position]
    height, width = chosen.shape[2:] if channels_first else chosen.shape[1:3]
    return ImageInput(
        position,
        chosen.name,
        height,
        width,
        chosen.shape[channel_axis],
        images=chosen.shape[0],
        dtype=chosen.dtype,
        channels_first=channels_first,
    )


def about_other_inputs(inputs: Sequence[NetworkInput], image: ImageInput, network: str) -> tuple[str, ...]:
    """A line that says what else a network asks for, where it does."""
    others = [entry for place, entry in enumerate(inputs) if place != image.position]
    if not others:
        return ()
    named = ", ".join(f"`{entry.name}` {shown_shape(entry.shape)}" for entry in others)
    return (
        f"{network} takes more than an image: the image goes to `{image.name}`, layers that need {named} are left out",
    )


def takes_size(image: ImageInput, size: tuple[int, int]) -> bool:
    """Whether an input takes images of this (width, height)."""
    return image.width in (None, size[0]) and image.height in (None, size[1])


def wanted_size(image: ImageInput, input_size: Pixels | None, free_size: Pixels | None) -> Pixels | None:
    """The (width, height) to run a network at, in pixels; None for its own, or each image's.

    Args:
        image: the network's input.
        input_size: what was asked for, whatever the network takes.
        free_size: what to run at where nothing was asked for and the network takes any size.
    """
    if input_size is not None or free_size is None or None not in (image.width, image.height):
        return input_size
    return image.width or free_size[0], image.height or free_size[1]


def about_free_size(network: str, size: Pixels) -> str:
    """A line that says at which size a network that takes any is run."""
    return (
        f"{network} takes images of any size, and is taken at {size[0]} x {size[1]} pixels; "
        "--input-size W,H takes it at another"
    )


def shown_shape(shape: Sequence[Size]) -> str:
    """(None, 4) as `(any, 4)`."""
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"
