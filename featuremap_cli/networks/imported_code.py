"""Modules that `--import` names: whose classes a model file uses, and Keras does not know until they are imported."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from featuremap_cli.errors import UsageError


def require_modules(names: Sequence[str]) -> None:
    """Refuse modules that are not there, without importing them.

    They are looked for where Python looks, and then in the current folder, which a command that pip installed does not
    look in by itself.

    Raises:
        UsageError: no module is called so.
    """
    for name in names:
        if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
            example = name.replace("\\", "/").rpartition("/")[2].removesuffix(".py").replace("-", "_")
            example = example if example.isidentifier() else "my_layers"
            raise UsageError(
                f"--import {name}: expected a module's name, as after `import` in Python, for example {example}"
            )
        _look_in_the_current_folder()
        # Of `package.module` the package alone: it would be imported to find what is in it.
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            raise _missing(name)


def import_modules(names: Sequence[str]) -> dict[str, Any]:
    """Import modules, which lets those of their classes be known that they register with Keras.

    Returns:
        By name, the classes and functions of these modules that Keras may be asked for though they are not registered.

    Raises:
        UsageError: no module is called so, or it fails.
    """
    require_modules(names)
    if not names:
        return {}
    from featuremap_cli.networks import startup  # noqa: F401  # quiet, before a module's own import of Keras

    found: dict[str, Any] = {}
    for name in names:
        try:
            module = importlib.import_module(name)
        # The code of somebody else may fail as it likes; it is never a fault of ours.
        except Exception as error:
            raise _fails(name, error) from error
        found.update(_objects_of(module))
    return found


def _objects_of(module: ModuleType) -> dict[str, type | Callable[..., Any]]:
    """What a module itself holds that a configuration may name: classes of Keras's kinds, and functions."""
    from featuremap_cli.networks.startup import keras

    kinds = (keras.layers.Layer, keras.initializers.Initializer, keras.regularizers.Regularizer)
    package = module.__name__.partition(".")[0]
    return {
        name: value
        for name, value in vars(module).items()
        if (inspect.isfunction(value) or (inspect.isclass(value) and issubclass(value, kinds)))
        and value.__module__.partition(".")[0] == package
    }


def _look_in_the_current_folder() -> None:
    folder = str(Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.append(folder)
        importlib.invalidate_caches()


def _missing(name: str) -> UsageError:
    package = name.partition(".")[0]
    return UsageError(
        f"--import {name}: there is no module of this name, neither installed nor in the current folder; check the "
        f"name, pip install what has it, or run where {package}.py is"
    )


def _fails(name: str, error: Exception) -> UsageError:
    if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
        return _missing(name)
    told = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return UsageError(f"--import {name}: the module is there and cannot be imported ({told}); mend or install that")
