"""A network in one HDF5 file (`.h5`, `.hdf5`), as Keras 2 saved it and Keras 3 still does, read without Keras.

Source: keras/src/legacy/saving/legacy_h5_format.py. The root's attribute model_config holds the configuration;
the group model_weights has a group for each outermost layer, whose attribute weight_names lists its arrays: for a layer
in its own order, for a nested network all of them, each under the name its variable had, `conv1/kernel:0`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.errors import NetworkError
from featuremap_cli.sources.convolution_weights import KERNEL_NAMES
from featuremap_cli.sources.keras_archive import array_shapes, attribute, hard_link, sound_datasets
from featuremap_cli.sources.network_config import SavedLayer


class LegacyH5:
    """An opened HDF5 file.

    Attributes:
        config: the parsed configuration; None where the weights are laid out as this module does not know.
    """

    def __init__(self, config: object, weights: Any) -> None:
        self.config = config
        self._weights = weights

    def weights(
        self, layer: SavedLayer, layers: tuple[SavedLayer, ...], names: Sequence[str] = ()
    ) -> list[NDArray[Any]] | None:
        """A layer's weights in Keras's order; None where the file does not name them plainly.

        Args:
            layer: the layer.
            layers: all layers of the file: among several of one name in a nested network, only one whose
                variables carry its whole path is told apart.
            names: what the weights are called, in the order wanted; needed for a layer that is no convolution.
        """
        stored = self._stored(layer, layers, names)
        return None if stored is None else [np.asarray(dataset[()]) for dataset in stored]

    def weight_shapes(
        self, layer: SavedLayer, layers: tuple[SavedLayer, ...], names: Sequence[str] = ()
    ) -> list[tuple[int, ...]] | None:
        """The shapes of what `weights` gives, which is not read; None for anything but numbers."""
        return array_shapes(self._stored(layer, layers, names))

    def _stored(self, layer: SavedLayer, layers: tuple[SavedLayer, ...], names: Sequence[str]) -> list[Any] | None:
        group = hard_link(self._weights, layer.names[0])
        if group is None:
            return None
        stored = attribute_texts(group, "weight_names")
        if len(layer.names) == 1:
            return sound_datasets(group, stored) if _are_called(stored, names) else None
        namesakes = [
            other for other in layers if other.names[0] == layer.names[0] and other.names[-1] == layer.names[-1]
        ]
        inner = "/".join(layer.names[1:]) if len(namesakes) > 1 else layer.names[-1]
        wanted = KERNEL_NAMES.get(layer.class_name) or tuple((name,) for name in names if name != "bias")
        chosen = weights_below(stored, inner, wanted) if wanted else None
        return None if chosen is None else sound_datasets(group, chosen)


@contextmanager
def open_legacy_h5(path: Path) -> Iterator[LegacyH5]:
    """Open an HDF5 file.

    Raises:
        NetworkError: it holds weights alone, or something else.
        OSError: it is damaged.
    """
    import h5py

    with h5py.File(path, "r") as file:
        config = attribute(file, "model_config")
        if config is None:
            raise NetworkError(
                f"{path} is an HDF5 file without a network in it: expected the attribute model_config; weights alone "
                "are not enough, save the whole network with model.save('NAME.keras')"
            )
        weights = hard_link(file, "model_weights")
        known = weights is not None and _is_known_layout(weights)
        if not isinstance(config, str | bytes):
            raise ValueError("its configuration is no text")
        yield LegacyH5(json.loads(config) if known else None, weights)


def attribute_texts(group: Any, name: str) -> list[str]:
    """A list of texts in a group's attributes; a long one is cut into `name0`, `name1`, ..."""
    whole = attribute(group, name)
    if whole is not None:
        return [_text(value) for value in whole]
    texts: list[str] = []
    for number in itertools.count():
        piece = attribute(group, f"{name}{number}")
        if piece is None:
            break
        texts.extend(_text(value) for value in piece)
    return texts


def weights_below(stored: list[str], layer: str, kernel_names: tuple[tuple[str, ...], ...]) -> list[str] | None:
    """Among a nested network's arrays, those of one layer.

    Args:
        stored: the names of all arrays, `block/conv1/kernel:0`.
        layer: the end of the path that the layer's variables carry, `conv1` or `block/conv1`.
        kernel_names: for each kernel, the names it may have.

    Returns:
        The names of the kernels and the bias, in this order; None if none or several layers match.
    """
    by_variable = {name.rpartition(":")[0] or name: name for name in stored}
    owners = {
        owner
        for owner, _, last in (variable.rpartition("/") for variable in by_variable)
        if last in kernel_names[0] and (owner == layer or owner.endswith(f"/{layer}"))
    }
    if len(owners) != 1:
        return None
    owner = owners.pop()
    wanted = [next((n for n in names if f"{owner}/{n}" in by_variable), None) for names in kernel_names]
    if None in wanted:
        return None
    bias = ["bias"] if f"{owner}/bias" in by_variable else []
    return [by_variable[f"{owner}/{name}"] for name in (*wanted, *bias)]


def _are_called(stored: list[str], names: Sequence[str]) -> bool:
    """Whether arrays have these names, in this order; a depthwise kernel may be called a kernel."""
    if not names:
        return True
    called = [name.rpartition("/")[2].partition(":")[0] for name in stored]
    return len(called) == len(names) and all(
        own == wanted or (own, wanted) == ("depthwise_kernel", "kernel")
        for own, wanted in zip(called, names, strict=True)
    )


def _is_known_layout(weights: Any) -> bool:
    version = _text(attribute(weights, "keras_version"))
    backend = _text(attribute(weights, "backend"))
    # Keras 1 kept kernels in other orders, and so did Theano's and CNTK's layers.
    return version.partition(".")[0] in ("2", "3") and backend in ("tensorflow", "jax", "torch", "numpy")


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
