"""SavedModel folders: a signature whose variables are frozen into its graph, which can then be cut down to a layer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.graph_layers import (
    find_layers,
    graph_layers,
    image_keeps_channels_first,
    model_name,
    scales_bytes,
)
from featuremap_cli.networks.image_input import ImageInput, NetworkInput, find_image_input
from featuremap_cli.networks.preprocessing_guess import Guess, guess
from featuremap_cli.networks.recording import RUN_ERRORS, GraphRecorder, first_line
from featuremap_cli.networks.startup import SavedModel, convert_variables_to_constants_v2, tensorflow

DEFAULT_SIGNATURE = "serving_default"

OUTSIDE = ("ReadFile", "WriteFile", "PyFunc", "PyFuncStateless", "EagerPyFunc")
"""Operations by which a graph reads or writes files or calls Python; loading weights uses others."""


def load_saved_model(folder: Path, *, unsafe: bool = False) -> Any:
    """A SavedModel's signature as a function whose graph holds the weights as constants.

    Args:
        folder: holds `saved_model.pb`.
        unsafe: allow graphs that read or write files or call Python.

    Raises:
        NetworkError: a folder that is something else or damaged, a graph that reaches outside, no signature.
    """
    if not unsafe and (operation := next(_outside_operations(folder), None)):
        raise NetworkError(
            f"{folder} holds the operation {operation}, which reaches outside the network: if you trust whoever made "
            "the folder, --unsafe runs it"
        )
    try:
        loaded = tensorflow.saved_model.load(str(folder))
        signatures = dict(loaded.signatures)
        if signatures:
            chosen = signatures.get(DEFAULT_SIGNATURE) or next(iter(signatures.values()))
            return convert_variables_to_constants_v2(chosen)
    except (*RUN_ERRORS, OSError, KeyError, AttributeError, RuntimeError) as error:
        raise NetworkError(f"{folder} cannot be loaded as a SavedModel: {first_line(error)}") from error
    raise NetworkError(f"{folder} has no signature to run: expected {DEFAULT_SIGNATURE}; write it with model.export()")


def function_inputs(function: Any) -> tuple[NetworkInput, ...]:
    """What the signature asks for."""
    return tuple(
        NetworkInput(tensor.op.name, tuple(tensor.shape) if tensor.shape.rank else (), tensor.dtype.name)
        for tensor in function.inputs
    )


def find_saved_model_input(function: Any, network: str) -> ImageInput:
    """The input of a signature that takes the image.

    Raises:
        NetworkError: there is none.
    """
    return find_image_input(
        function_inputs(function), network, channels_first=image_keeps_channels_first(function.graph)
    )


def saved_model_recorder(function: Any, image: ImageInput, network: str) -> GraphRecorder:
    """The layers that the signature's graph shows, ready to be recorded.

    Args:
        function: of `load_saved_model`.
        image: of `find_saved_model_input`.
        network: its name, for messages.
    """
    found = find_layers(function.inputs[image.position], function.graph.get_operations())
    entries, spots = graph_layers(function, image, found)
    return GraphRecorder(function, image, entries, spots, network)


def guess_saved_model_preprocessing(function: Any, image: ImageInput, network: str) -> Guess:
    """The name of a preprocessing, and a line that says how it was told; see `preprocessing_guess.guess`."""
    tensor, operations = function.inputs[image.position], function.graph.get_operations()
    scopes = [layer.scope for layer in find_layers(tensor, operations)]
    return guess([model_name(scopes)] if scopes else [], scales_bytes(tensor, operations), network, image.channels)


def _outside_operations(folder: Path) -> Iterator[str]:
    """The operations among OUTSIDE that a SavedModel's file holds; it is read, not run."""
    try:
        parsed = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    except (DecodeError, OSError) as error:
        raise NetworkError(
            f"{folder} is damaged: expected a SavedModel's saved_model.pb, got a file that does not decode "
            f"({first_line(error)}); copy or export it again"
        ) from error
    for graph in (meta.graph_def for meta in parsed.meta_graphs):
        for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
            yield from (node.op for node in nodes if node.op in OUTSIDE)
