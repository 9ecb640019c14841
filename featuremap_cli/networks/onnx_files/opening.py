"""An ONNX file opened and checked, its external data read; nothing outside its own folder is followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from featuremap_cli.errors import NetworkError

LEAST_OPSET = 7
"""Operators before this version have other meanings: broadcasting, above all."""


def is_onnx_file(path: Path) -> bool:
    """Whether a file is to be opened as ONNX; the format has no mark of its own to begin with, only a name."""
    return path.suffix.lower() == ".onnx"


def open_model(path: Path) -> Any:
    """A file as `onnx.ModelProto`, with its weights, functions of its own set into the graph.

    Raises:
        NetworkError: no such file, one that is damaged or no ONNX, weights that are not where the file says or lie
            outside its folder, operators that are too old.
    """
    import onnx
    from google.protobuf.message import DecodeError
    from onnx.inliner import inline_local_functions

    try:
        model = onnx.load(path, load_external_data=False)
    except FileNotFoundError as error:
        raise NetworkError(f"{path}: no such file; expected an ONNX network") from error
    except PermissionError as error:
        raise NetworkError(f"{path} cannot be opened: no permission to read it; chmod it, or copy it") from error
    except (DecodeError, OSError) as error:
        raise NetworkError(
            f"{path} is no ONNX network, or breaks off: expected a file that torch.onnx.export, tf2onnx or the like "
            "wrote; copy or download it again"
        ) from error
    if not model.graph.node or not model.opset_import:
        raise NetworkError(f"{path} holds no ONNX network: it has no nodes, or does not say of which version they are")
    version = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), None)
    if version is not None and version < LEAST_OPSET:
        raise NetworkError(
            f"{path} has operators of version {version}: expected {LEAST_OPSET} or later; "
            "onnx.version_converter.convert_version brings it up to date"
        )
    _load_weights(model, path)
    return inline_local_functions(model) if model.functions else model


def _load_weights(model: Any, path: Path) -> None:
    """Read the weights that lie in files beside the network's."""
    from onnx.checker import ValidationError
    from onnx.external_data_helper import load_external_data_for_model, uses_external_data

    named = {
        entry.value
        for tensor in model.graph.initializer
        if uses_external_data(tensor)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    folder = path.resolve().parent
    for name in sorted(named):
        place = (folder / name).resolve()
        if not place.is_relative_to(folder):
            raise NetworkError(f"{path} keeps weights in {name}, outside its own folder: expected them beside it")
        if not place.is_file():
            raise NetworkError(
                f"{path} keeps weights in {name}, which is not there: an ONNX network of this size is two files; "
                "put them into one folder"
            )
    try:
        load_external_data_for_model(model, str(folder))
    except (OSError, ValueError, ValidationError) as error:
        raise NetworkError(f"the weights of {path} cannot be read: {' '.join(str(error).split())[:200]}") from error
