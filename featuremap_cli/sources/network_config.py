"""The layers that a saved Keras network's configuration describes, read without Keras.

Only Functional and Sequential networks are read, and networks nested in them; what a subclassed network or a custom
layer holds cannot be known without running its code.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NETWORKS = ("Functional", "Sequential", "Model")
"""The classes that are nothing but their layers; Keras 2 called a Functional network `Model` at first."""


@dataclass(frozen=True, eq=False)
class SavedLayer:
    """One layer of a saved network.

    Attributes:
        names: its name, with the names of the networks and wrappers it is nested in before it.
        class_name: the name of its class.
        of_keras: its class is Keras's own. Older files do not tell, and count as such.
        settings: what its `get_config()` gave.
        group: where a .keras file keeps it, `layers/functional/layers/conv2d_1`: in each network the snake-cased
            class and, from the second of its kind on, a counter.
        shared_id: equal for the several entries of one shared layer; None where it is not shared.
    """

    names: tuple[str, ...]
    class_name: str
    of_keras: bool
    settings: Mapping[str, Any]
    group: str
    shared_id: int | None

    @property
    def path(self) -> str:
        """The layer path, `backbone/conv1`."""
        return "/".join(self.names)


def saved_layers(config: object) -> tuple[SavedLayer, ...] | None:
    """Every layer that is not a network itself, in the file's order, nested ones where their network stands.

    Args:
        config: the parsed configuration, {"class_name": "Functional", "config": {"name", "layers": [...]}}.

    Returns:
        None for what this module does not read: a subclassed network, or no network at all.
    """
    if not isinstance(config, dict) or not _is_network(config):
        return None
    try:
        return tuple(_layers_of(config, (), ""))
    except (KeyError, TypeError, AttributeError):
        # A configuration that is not laid out as Keras lays it out: Keras itself shall say what is wrong with it.
        return None


def snake_case(class_name: str) -> str:
    """A class's name as Keras writes it in .keras files: `conv2d_transpose` for `Conv2DTranspose`."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def _layers_of(network: Mapping[str, Any], names: tuple[str, ...], group: str) -> Iterator[SavedLayer]:
    settings = network["config"]
    # Before Keras 2.2.3 a Sequential network's settings were the list of its layers.
    layers = settings if isinstance(settings, list) else settings["layers"]
    seen: Counter[str] = Counter()
    for layer in layers:
        kind = snake_case(layer["class_name"])
        counter = f"_{seen[kind]}" if seen[kind] else ""
        seen[kind] += 1
        yield from _one_layer(layer, names, f"{group}layers/{kind}{counter}")


def _one_layer(layer: Mapping[str, Any], parents: tuple[str, ...], group: str) -> Iterator[SavedLayer]:
    settings = layer["config"]
    name = layer["name"] if "name" in layer or isinstance(settings, list) else settings["name"]
    if not isinstance(name, str):
        raise TypeError(f"a layer's name is a text, got {name!r}")
    names = (*parents, name)
    if _is_network(layer):
        yield from _layers_of(layer, names, f"{group}/")
        return
    yield SavedLayer(names, layer["class_name"], _is_of_keras(layer), settings, group, layer.get("shared_object_id"))
    if isinstance(settings.get("layer"), dict) and _is_of_keras(layer):
        yield from _one_layer(settings["layer"], names, f"{group}/layer")


def _is_network(layer: Mapping[str, Any]) -> bool:
    return layer.get("class_name") in NETWORKS and _is_of_keras(layer)


def _is_of_keras(layer: Mapping[str, Any]) -> bool:
    module = layer.get("module")
    if module is None:
        return layer.get("registered_name") is None
    return str(module).partition(".")[0] in ("keras", "tf_keras", "tensorflow")
