"""What is wrong with a model file, found out without Keras: in a moment, and before any code in it can run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featuremap_cli.errors import NetworkError
from featuremap_cli.sources.checkpoints import convolution_paths, opened_network

CODE = ("Lambda", "__lambda__")
"""Classes of a configuration whose value is Python code: a Lambda layer holds it marshalled."""

IMPORTED_BY_KERAS = ("keras", "keras_hub", "keras_cv", "keras_nlp", "tf_keras", "builtins")
"""Packages whose classes Keras itself looks up; `builtins` is what it writes for any function."""


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


def require_code(path: Path, imports: Sequence[str] = ()) -> None:
    """Refuse a model file whose layers are of classes that nobody can have told Keras of.

    What is told so takes a moment, where importing Keras takes seconds; what is not, Keras finds out.

    Args:
        path: a sound model file.
        imports: the modules that are going to be imported.

    Raises:
        NetworkError: it needs code that is nowhere.
    """
    # Where Keras is imported already, its caller may have registered any class.
    if imports or "keras" in sys.modules:
        return
    with opened_network(path) as network:
        needed = next(_foreign_classes(None if network is None else network.config), None)
    if needed is not None:
        raise missing_code(path, needed)


@dataclass(frozen=True)
class ForeignClass:
    """A class of a configuration that is not Keras's.

    Attributes:
        name: what the file calls it, `kimm>Attention`, or `Attention`.
        module: where it was when the file was written, as far as that is told: `kimm._src.layers`.
    """

    name: str
    module: str | None

    @property
    def importable(self) -> str | None:
        """The module that is likely to know it: of an installed package, whose own modules are private, the package."""
        package = self.name.rpartition(">")[0]
        module = self.module if self.module not in (None, "__main__", "builtins") else None
        if module is None:
            return package if package.isidentifier() and package != "Custom" else None
        parts = module.split(".")
        return parts[0] if any(part.startswith("_") or part == "src" for part in parts) else module


def missing_code(path: Path, needed: ForeignClass, imports: Sequence[str] = ()) -> NetworkError:
    """The error for a file that needs the code of a class.

    Args:
        path: the file.
        needed: the class.
        imports: the modules that were imported, and do not have it.
    """
    module = needed.importable
    guessed = module if module is not None and module not in imports else "MODULE"
    nowhere = f"neither in the file nor in {', '.join(imports)}" if imports else "not in the file"
    return NetworkError(
        f"{path} needs the code of {needed.name}, which is {nowhere}: --import {guessed} imports the module that has "
        "it; or, where that code is, save the model with model.export('FOLDER') and give the folder"
    )


def foreign_class(path: Path, name: str) -> ForeignClass:
    """What a model file tells of a class, by its own name or the one it is registered by."""
    with opened_network(path) as network:
        known = _foreign_classes(None if network is None else network.config)
        wanted = name.rpartition(">")[2]
        return next((one for one in known if one.name.rpartition(">")[2] == wanted), ForeignClass(name, None))


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


def _foreign_classes(configuration: Any) -> Iterator[ForeignClass]:
    """The classes that Keras knows only where somebody has registered them, wherever in a configuration they are."""
    if isinstance(configuration, list):
        for item in configuration:
            yield from _foreign_classes(item)
    elif isinstance(configuration, dict):
        name, registered = configuration.get("class_name"), configuration.get("registered_name")
        module = configuration.get("module")
        if isinstance(name, str) and (registered or ">" in name) and _package(module) not in IMPORTED_BY_KERAS:
            yield ForeignClass(str(registered or name), module if isinstance(module, str) else None)
        for item in configuration.values():
            yield from _foreign_classes(item)


def _package(module: object) -> str:
    return str(module).partition(".")[0]


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
