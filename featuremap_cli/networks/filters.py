"""The filters of a network's layer: read from the file where that can be, by Keras where it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featuremap_cli.errors import NetworkError, UsageError
from featuremap_cli.networks.application_table import require_application
from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.networks.file_check import require_code, require_saved_model
from featuremap_cli.networks.imported_code import require_modules
from featuremap_cli.sources.checkpoints import no_such_convolution, read_bank
from featuremap_cli.sources.convolution_weights import KERNEL_NAMES, bank_paths, filter_bank, weights_fit
from featuremap_cli.sources.network_names import APPLICATION

if TYPE_CHECKING:
    from featuremap_cli.arrays import FilterBank
    from featuremap_cli.sources.notation import LayerReference


def filters_of(
    reference: LayerReference, weights: str = "imagenet", unsafe: bool = False, imports: Sequence[str] = ()
) -> FilterBank:
    """The filters of one convolutional layer.

    Built-in networks, `.keras` and `.h5` files are read without importing Keras; `keras:NAME`, and what of a file only
    Keras understands, with it. Of a SavedModel folder, the constants in its graph are taken.

    Args:
        reference: the network and the layer.
        weights: for `keras:NAME`: `imagenet`, `none` or a file of weights.
        unsafe: run the code that a model file may hold, where Keras has to load it.
        imports: modules that have the classes which a model file uses, likewise.

    Returns:
        The filters, with `source` the reference's SPEC. A SeparableConv2D gives its depthwise filters, says so in
        `source` and `notes`, and gives its 1x1 ones under `PATH/pointwise`.

    Raises:
        NetworkError: no such network or layer, or one that cannot be used.
        UsageError: weights given for a network that has its own, or a module that cannot be imported.
    """
    application = reference.model.startswith(APPLICATION)
    if weights != "imagenet" and not application:
        raise UsageError(f"--weights is for keras:NAME; {reference.model} has its own weights: leave --weights out")
    require_modules(imports)
    if reference.model in BUILTIN:
        return _builtin_bank(reference)
    if reference.model.lower().endswith(".onnx"):
        return _onnx_bank(reference)
    bank = None if application else read_bank(reference.model, reference.layer)
    if bank is not None:
        return bank
    if not application and Path(reference.model).is_dir():
        return _graph_bank(reference, unsafe)
    return _bank_by_keras(reference, weights, unsafe, imports)


def _builtin_bank(reference: LayerReference) -> FilterBank:
    network = BUILTIN[reference.model]
    paths = network.layer_paths()
    if reference.layer not in paths:
        raise no_such_convolution(reference.model, reference.layer, paths)
    return filter_bank("Conv2D", network.layer_weights(reference.layer), reference.spec)


def _bank_by_keras(reference: LayerReference, weights: str, unsafe: bool, imports: Sequence[str]) -> FilterBank:
    if reference.model.startswith(APPLICATION):
        require_application(reference.model.removeprefix(APPLICATION))
    else:
        require_code(Path(reference.model), imports)
    from featuremap_cli.networks.walk import named_layers

    layers = named_layers(_load(reference.model, weights, unsafe, imports))
    kinds = {path: kind for path, layer in layers.items() if (kind := _kind(layer)) is not None}
    path = _chosen(reference, kinds, {path: type(layer).__name__ for path, layer in layers.items()})
    return _layer_bank(layers[path], kinds[path], reference, pointwise=reference.layer != path)


def _onnx_bank(reference: LayerReference) -> FilterBank:
    """The filters of a convolution in an ONNX file, named as its node is."""
    from featuremap_cli.networks.onnx_files.loading import load_onnx_file
    from featuremap_cli.networks.weights import layer_bank

    network = load_onnx_file(Path(reference.model))
    entries = {entry.path: entry for entry in network.layers()}
    if reference.layer not in entries:
        raise no_such_convolution(
            reference.model, reference.layer, [entry.path for entry in entries.values() if entry.is_convolution]
        )
    weights = next(iter(network.recorder.layer_weights({reference.layer})), None)
    bank = None if weights is None else layer_bank(weights, reference.spec)
    if bank is None:
        raise NetworkError(
            f"{reference.spec} is a node of the kind {entries[reference.layer].type} without filters over height and "
            f"width: expected a Conv or ConvTranspose; `featuremap layers {reference.model}` lists all layers"
        )
    return bank


def _graph_bank(reference: LayerReference, unsafe: bool) -> FilterBank:
    folder = Path(reference.model)
    require_saved_model(folder)
    from featuremap_cli.networks.graph_filters import graph_bank, saved_model_layers

    function, layers = saved_model_layers(folder, unsafe=unsafe)
    kinds = {path: layer.kind for path, layer in layers.items()}
    path = _chosen(reference, {path: kind for path, kind in kinds.items() if kind in KERNEL_NAMES}, kinds)
    return graph_bank(function, layers[path], reference.spec, pointwise=reference.layer != path)


def _chosen(reference: LayerReference, kinds: Mapping[str, str], types: Mapping[str, str]) -> str:
    """The path of the layer that is meant.

    Args:
        reference: the network and the layer.
        kinds: the Keras class of each layer that has filters.
        types: what every layer is called.
    """
    for path, kind in kinds.items():
        if reference.layer in bank_paths(kind, path):
            return path
    if reference.layer in types:
        raise NetworkError(
            f"{reference.spec} is a {types[reference.layer]} layer: expected one of {', '.join(KERNEL_NAMES)}; "
            f"`featuremap layers {reference.model}` lists all layers"
        )
    banks = [name for path, kind in kinds.items() for name in bank_paths(kind, path)]
    raise no_such_convolution(reference.model, reference.layer, banks)


def _load(network: str, weights: str, unsafe: bool, imports: Sequence[str]) -> Any:
    """The `keras.Model`; only what its layers hold is asked of it, so it is not prepared for images."""
    if network.startswith(APPLICATION):
        from featuremap_cli.networks.applications import build_application

        return build_application(network.removeprefix(APPLICATION), weights)
    from featuremap_cli.networks.keras_files import load_keras_file

    return load_keras_file(Path(network), unsafe=unsafe, imports=imports)


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
