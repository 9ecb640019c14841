"""What is wrong with a model file, found out without Keras: in a moment, and before any code in it can run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from featuremap_cli.errors import NetworkError
from featuremap_cli.sources.checkpoints import convolution_paths, opened_network

CODE = ("Lambda", "__lambda__")
"""Classes of a configuration whose value is Python code: a Lambda layer holds it marshalled."""


def require_sound_file(path: Path, *, unsafe: bool = False) -> None:
    """Refuse what is no model file, and a model file that would run code.

    Args:
        path: what the user gave as a model file.
        unsafe: code is allowed.

    Raises:
        NetworkError: the file is damaged, encrypted, something else, or holds Python code.
    """
    convolution_paths(path)  # reads the whole of the file's structure, and says what is wrong with it
    with opened_network(path) as network:
        configuration = None if network is None else network.config
    if not unsafe and (layer := next(_code_in(configuration), None)):
        raise NetworkError(
            f"{path} holds Python code, in {layer}: expected layers alone; if you trust whoever made the file, "
            "--unsafe runs that code"
        )


def require_saved_model(folder: Path) -> None:
    """Refuse a folder that holds no SavedModel.

    Raises:
        NetworkError: there is no `saved_model.pb` in it.
    """
    if not (folder / "saved_model.pb").is_file():
        raise NetworkError(
            f"{folder} is a folder without a network: expected a SavedModel folder (saved_model.pb in it), or name a "
            ".keras or .h5 file"
        )


def _code_in(configuration: Any) -> Iterator[str]:
    """The names of the layers that hold code, wherever in a configuration they are."""
    if isinstance(configuration, list):
        for item in configuration:
            yield from _code_in(item)
    elif isinstance(configuration, dict):
        if configuration.get("class_name") in CODE:
            inner = configuration.get("config")
            name = inner.get("name") if isinstance(inner, dict) else None
            yield f"the {configuration['class_name']} layer {name}" if name else "an activation or function"
        for item in configuration.values():
            yield from _code_in(item)
