"""The filters of a network's layer: read from the file where that can be, by Keras where it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from featuremap_cli.errors import NetworkError, UsageError
from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.networks.catalogue import APPLICATION
from featuremap_cli.sources.checkpoints import no_such_convolution, read_bank
from featuremap_cli.sources.convolution_weights import KERNEL_NAMES, bank_paths, filter_bank, weights_fit

if TYPE_CHECKING:
    from featuremap_cli.arrays import FilterBank
    from featuremap_cli.sources.notation import LayerReference


def filters_of(reference: LayerReference, weights: str = "imagenet", unsafe: bool = False) -> FilterBank:
    """The filters of one convolutional layer.

    Built-in networks, `.keras` and `.h5` files are read without importing Keras; `keras:NAME`, and what of a file only
    Keras understands, with it.

    Args:
        reference: the network and the layer.
        weights: for `keras:NAME`: `imagenet`, `none` or a file of weights.
        unsafe: run the code that a model file may hold, where Keras has to load it.

    Returns:
        The filters, with `source` the reference's SPEC. A SeparableConv2D gives its depthwise filters, says so in
        `source` and `notes`, and gives its 1x1 ones under `PATH/pointwise`.

    Raises:
        NetworkError: no such network or layer, or one that cannot be used.
        UsageError: weights given for a network that has its own.
    """
    application = reference.model.startswith(APPLICATION)
    if weights != "imagenet" and not application:
        raise UsageError(f"--weights is for keras:NAME; {reference.model} has its own weights: leave --weights out")
    if reference.model in BUILTIN:
        return _builtin_bank(reference)
    bank = None if application else read_bank(reference.model, reference.layer)
    return _bank_by_keras(reference, weights, unsafe) if bank is None else bank


def _builtin_bank(reference: LayerReference) -> FilterBank:
    network = BUILTIN[reference.model]
    paths = network.layer_paths()
    if reference.layer not in paths:
        raise no_such_convolution(reference.model, reference.layer, paths)
    return filter_bank("Conv2D", network.layer_weights(reference.layer), reference.spec)


def _bank_by_keras(reference: LayerReference, weights: str, unsafe: bool) -> FilterBank:
    from featuremap_cli.networks.walk import named_layers

    layers = named_layers(_load(reference.model, weights, unsafe))
    kinds = {path: kind for path, layer in layers.items() if (kind := _kind(layer)) is not None}
    for path, kind in kinds.items():
        if reference.layer in bank_paths(kind, path):
            return _layer_bank(layers[path], kind, reference, pointwise=reference.layer != path)
    if reference.layer in layers:
        raise NetworkError(
            f"{reference.spec} is a {type(layers[reference.layer]).__name__} layer: expected one of "
            f"{', '.join(KERNEL_NAMES)}; `featuremap layers {reference.model}` lists all layers"
        )
    banks = [name for path, kind in kinds.items() for name in bank_paths(kind, path)]
    raise no_such_convolution(reference.model, reference.layer, banks)


def _load(network: str, weights: str, unsafe: bool) -> Any:
    """The `keras.Model`; only what its layers hold is asked of it, so it is not prepared for images."""
    if network.startswith(APPLICATION):
        from featuremap_cli.networks.applications import build_application

        return build_application(network.removeprefix(APPLICATION), weights)
    if Path(network).is_dir():
        raise NetworkError(
            f"{network} is a folder: a SavedModel's graph does not keep its layers' filters apart; "
            "save the network with model.save('NAME.keras') and give the file"
        )
    from featuremap_cli.networks.keras_files import load_keras_file

    return load_keras_file(Path(network), unsafe=unsafe)


def _kind(layer: Any) -> str | None:
    """The Keras class whose weights a layer has; a class of somebody's own counts as what it was made from."""
    from featuremap_cli.networks.startup import keras

    return next((name for name in KERNEL_NAMES if isinstance(layer, getattr(keras.layers, name))), None)


def _layer_bank(layer: Any, kind: str, reference: LayerReference, pointwise: bool) -> FilterBank:
    weights = layer.get_weights()
    settings = {name: getattr(layer, name, None) for name in ("filters", "depth_multiplier", "use_bias")}
    if not weights_fit(kind, {**settings, "kernel_size": list(layer.kernel_size)}, weights):
        shapes = ", ".join(f"{array.dtype}{list(array.shape)}" for array in weights) or "none"
        raise NetworkError(
            f"{reference.spec} has other weights than a {kind} layer of Keras: expected a kernel and a bias of float "
            f"numbers, got {shapes}; save the network with plain weights"
        )
    return filter_bank(kind, weights, reference.spec, groups=getattr(layer, "groups", 1), pointwise=pointwise)
