"""A Keras model rebuilt for images of another size."""

from __future__ import annotations

from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.image_input import ImageInput
from featuremap_cli.networks.recording import RUN_ERRORS
from featuremap_cli.networks.startup import keras
from featuremap_cli.networks.walk import KerasModel


def resized_model(model: KerasModel, image: ImageInput, size: tuple[int, int], network: str) -> KerasModel:
    """The same layers and weights for images of another size.

    Args:
        model: a Sequential or Functional model with one input.
        image: that input.
        size: (width, height) wanted.
        network: its name, for messages.

    Raises:
        NetworkError: the model is made for one size only, as one with a Dense layer over all pixels is.
    """
    shape = (image.channels, size[1], size[0]) if image.channels_first else (size[1], size[0], image.channels)
    try:
        resized = keras.models.clone_model(model, input_tensors=keras.Input(shape, dtype=image.dtype, name=image.name))
        resized.set_weights(model.get_weights())
    except RUN_ERRORS as error:
        raise NetworkError(
            f"{network} takes images of {image.width} x {image.height} pixels and cannot be rebuilt for "
            f"{size[0]} x {size[1]}: leave --input-size out, or choose a network without dense layers"
        ) from error
    return resized
