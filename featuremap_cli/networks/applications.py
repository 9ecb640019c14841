"""The networks of keras.applications, each with its own input size and preprocessing, read from its own module."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.application_table import no_such_application
from featuremap_cli.networks.input import PREPROCESSING
from featuremap_cli.networks.keras_files import LOADING_ERRORS, load_weights
from featuremap_cli.networks.recording import first_line
from featuremap_cli.networks.startup import keras
from featuremap_cli.networks.walk import KerasModel

DOWNLOAD_SECONDS = 20.0
"""How long a server may be silent before a download counts as failed."""


def application_names() -> list[str]:
    """Every network of keras.applications: `ConvNeXtBase`, ..., `Xception`."""
    return sorted(name for name in dir(keras.applications) if name[0].isupper())


def build_application(name: str, weights: str = "imagenet", input_size: tuple[int, int] | None = None) -> KerasModel:
    """A network of keras.applications.

    Args:
        name: as in keras.applications, `ResNet50`.
        weights: `imagenet` (Keras downloads them once), `none` (random, the same ones each time) or a file.
        input_size: (width, height) in pixels; another size than the network's own leaves the classifier out.

    Raises:
        NetworkError: no such network, no such weights, a size it cannot take, or a download that failed.
    """
    constructor = _constructor(name)
    shape = {} if input_size is None else {"input_shape": (input_size[1], input_size[0], 3), "include_top": False}
    if weights == "imagenet":
        return _downloaded(constructor, name, shape)
    keras.utils.set_random_seed(0)
    try:
        model = constructor(weights=None, **shape)
    except LOADING_ERRORS as error:
        raise NetworkError(f"keras:{name} cannot be built: {first_line(error)}") from error
    if weights == "none":
        return model
    try:
        load_weights(model, Path(weights))
    except NetworkError:
        if shape or not Path(weights).is_file():
            raise
        # Weights without the classifier are as common as those with it.
        model = constructor(weights=None, include_top=False, input_shape=model.input_shape[1:])
        load_weights(model, Path(weights))
    return model


def application_preprocessing(name: str) -> str:
    """The preprocessing of a network, told by what its own module's `preprocess_input` does to known pixels.

    Returns:
        `caffe`, `tf` or `torch`; `inside` for a network that takes pixels in [0, 255] as they are.
    """
    known = np.array([[[0, 64, 255], [128, 255, 32]]], np.float32)
    own = sys.modules[_constructor(name).__module__].preprocess_input(known.copy())
    for preprocessing in ("caffe", "tf", "torch"):
        if np.allclose(PREPROCESSING[preprocessing].apply(known / np.float32(255)), own, atol=1e-3):
            return preprocessing
    return "inside"


def _constructor(name: str) -> Callable[..., KerasModel]:
    names = application_names()
    if name not in names:
        raise no_such_application(name)
    constructor: Callable[..., KerasModel] = getattr(keras.applications, name)
    return constructor


def _downloaded(constructor: Callable[..., KerasModel], name: str, shape: dict[str, Any]) -> KerasModel:
    try:
        with _impatient_sockets(), contextlib.redirect_stdout(sys.stderr if sys.stderr.isatty() else io.StringIO()):
            return constructor(weights="imagenet", **shape)
    except Exception as error:
        # Keras raises a bare Exception for a download that failed.
        if isinstance(error, LOADING_ERRORS) and not isinstance(error, OSError):
            raise NetworkError(f"keras:{name} cannot be built: {first_line(error)}") from error
        if not isinstance(error, OSError) and "URL fetch failure" not in str(error):
            raise
        address = re.search(r"https?://\S+?(?=[:,]?\s|$)", str(error))
        raise NetworkError(
            f"the weights of keras:{name} could not be downloaded ({_reason(error)}); download "
            f"{address[0] if address else 'them'} where there is a network and give the file with --weights FILE, "
            "or draw the untrained network with --weights none"
        ) from error


def _reason(error: BaseException) -> str:
    return first_line(error).rpartition(" -- ")[2]


@contextlib.contextmanager
def _impatient_sockets() -> Iterator[None]:
    """Sockets made inside the block give up after DOWNLOAD_SECONDS of silence; urllib on its own waits for ever."""
    kept = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(kept)
