"""Filters read straight from a saved network's file, without Keras or TensorFlow, one layer at a time.

`.keras` files (keras_archive.py) and `.h5`/`.hdf5` files (legacy_h5.py) are told apart by their first bytes. What is
not recognized (a subclassed network, a custom layer, weights whose shapes are not those of the configuration) is never
guessed at: the answer is None, and the caller loads the network with Keras.
"""

from __future__ import annotations

import difflib
import re
import struct
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from featuremap_cli.arrays import FilterBank
from featuremap_cli.errors import NetworkError
from featuremap_cli.sources.convolution_weights import KERNEL_NAMES, bank_paths, filter_bank, weights_fit
from featuremap_cli.sources.keras_archive import open_archive
from featuremap_cli.sources.legacy_h5 import open_legacy_h5
from featuremap_cli.sources.network_config import SavedLayer, saved_layers
from featuremap_cli.sources.other_formats import advice_for_network

ZIP_START, HDF5_START = b"PK", b"\x89HDF\r\n\x1a\n"

_HDF5_REASON = re.compile(r" \(([^:,()]+)[^()]*\)?$")


class SavedNetwork(Protocol):
    """An opened file: its configuration, and where each layer's weights are."""

    config: object

    def weights(
        self, layer: SavedLayer, layers: tuple[SavedLayer, ...], names: Sequence[str] = ()
    ) -> list[NDArray[Any]] | None:
        """A layer's weights in Keras's order, or None; `names` is what they are called, unknown for convolutions."""

    def weight_shapes(
        self, layer: SavedLayer, layers: tuple[SavedLayer, ...], names: Sequence[str] = ()
    ) -> list[tuple[int, ...]] | None:
        """Their shapes, without reading them."""


def read_bank(path: str | Path, layer_path: str) -> FilterBank | None:
    """The filters of one convolutional layer of a saved network.

    Args:
        path: a `.keras`, `.h5` or `.hdf5` file.
        layer_path: `conv1`, or `backbone/conv1` for a layer in a nested network. For a SeparableConv2D this is its
            depthwise bank; `PATH/pointwise` is its other one.

    Returns:
        The filters, equal to the layer's `get_weights()` in the order of `FilterBank`; None where the file or the
        layer is not one that can be read without Keras.

    Raises:
        NetworkError: there is no such file, it is damaged, encrypted or no network, or it has no such convolution.
    """
    with opened_network(Path(path)) as network:
        layers = saved_layers(network.config) if network is not None else None
        if network is None or layers is None:
            return None
        layer, pointwise = _find(layers, layer_path, str(path))
        if layer is None:
            return None
        weights = network.weights(layer, layers)
        if weights is None or not weights_fit(layer.class_name, layer.settings, weights):
            return None
        return filter_bank(
            layer.class_name,
            weights,
            f"{path}:{layer_path}",
            groups=int(layer.settings.get("groups") or 1),
            pointwise=pointwise,
        )


def convolution_paths(path: str | Path) -> tuple[str, ...] | None:
    """The paths that `read_bank` takes for a file, in the file's order; None where the file cannot be read so.

    Raises:
        NetworkError: as `read_bank`.
    """
    with opened_network(Path(path)) as network:
        layers = saved_layers(network.config) if network is not None else None
        return None if layers is None else tuple(_bank_paths(layers))


def no_such_convolution(network: str, layer_path: str, paths: Iterable[str]) -> NetworkError:
    """The error for a layer that is not there, with the nearest that are.

    Args:
        network: the network as the user named it.
        layer_path: the layer as the user named it.
        paths: the paths there are.
    """
    known = list(paths)
    near = difflib.get_close_matches(layer_path, known, n=3, cutoff=0.5)
    near += [path for path in known if path.endswith(f"/{layer_path}") or path.startswith(f"{layer_path}/")][:3]
    nearest = f"nearest: {', '.join(dict.fromkeys(near))}" if near else f"it has {', '.join(known[:3]) or 'none'}"
    more = ", ..." if not near and len(known) > 3 else ""
    return NetworkError(
        f"{network} has no convolution `{layer_path}`; {nearest}{more}; `featuremap layers {network}` lists all layers"
    )


def _find(layers: tuple[SavedLayer, ...], layer_path: str, network: str) -> tuple[SavedLayer | None, bool]:
    """The layer asked for, and whether its 1x1 filters are; (None, False) where only Keras can tell."""
    for layer in layers:
        if _is_convolution(layer) and layer_path in bank_paths(layer.class_name, layer.path):
            return layer, layer_path != layer.path
    for layer in layers:
        if layer.path == layer_path and layer.of_keras:
            raise NetworkError(
                f"{network}:{layer_path} is a {layer.class_name} layer: expected one of "
                f"{', '.join(KERNEL_NAMES)}; `featuremap layers {network}` lists all layers"
            )
        if layer.path == layer_path or (layer_path.startswith(f"{layer.path}/") and not _is_convolution(layer)):
            return None, False
    raise no_such_convolution(network, layer_path, _bank_paths(layers))


def _bank_paths(layers: Iterable[SavedLayer]) -> Iterator[str]:
    for layer in layers:
        if _is_convolution(layer):
            yield from bank_paths(layer.class_name, layer.path)


def _is_convolution(layer: SavedLayer) -> bool:
    return layer.class_name in KERNEL_NAMES and layer.of_keras


@contextmanager
def opened_network(path: Path) -> Iterator[SavedNetwork | None]:
    """A saved network's file, opened by what it begins with; None for a folder, which holds a SavedModel if anything.

    Raises:
        NetworkError: there is no such file, or it is damaged, encrypted or no network.
    """
    if path.is_dir():
        yield None
        return
    try:
        with path.open("rb") as file:
            start = file.read(len(HDF5_START))
        if start.startswith(ZIP_START):
            with open_archive(path) as archive:
                yield archive
        elif start == HDF5_START:
            with open_legacy_h5(path) as legacy:
                yield legacy
        else:
            raise NetworkError(
                f"{path} is not a Keras network: expected a .keras (zip) or .h5 (HDF5) file, got one of "
                f"{_size(path)} that begins as neither; {advice_for_network(path.name)}"
            )
    except FileNotFoundError as error:
        raise NetworkError(
            f"{path}: no such file; expected a saved network (.keras, .h5, .hdf5); `featuremap networks` lists those "
            "that are built in"
        ) from error
    except PermissionError as error:
        raise NetworkError(f"{path} cannot be opened: no permission to read it; chmod it, or copy it") from error
    # h5py tells damage by OSError and RuntimeError, and KeyError for links; zipfile and json by the others.
    except (
        OSError,
        RuntimeError,
        KeyError,
        ValueError,
        zipfile.BadZipFile,
        struct.error,
        NotImplementedError,
    ) as error:
        raise NetworkError(
            f"{path} is damaged: expected a whole Keras network, got a file of {_size(path)} that breaks off or does "
            f"not fit together ({_reason(error)}); copy or download it again"
        ) from error


def _size(path: Path) -> str:
    size = path.stat().st_size
    return "1 byte" if size == 1 else f"{size:,} bytes"


def _reason(error: Exception) -> str:
    """An error in a few words: of HDF5's, `Unable to open file (truncated file: eof = 3000, ...)`, what went wrong."""
    told = " ".join(str(error).split())
    inner = _HDF5_REASON.search(told)
    return inner[1] if inner else told[:80]
