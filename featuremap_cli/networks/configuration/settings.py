"""A layer's configuration, read so that no setting is overlooked.

What a layer computes depends on all of its settings. One that is not asked for, and is not known to have no influence
on a prediction, makes the layer unknown, whatever its class: a later Keras may have given it a meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.graph.runtime import GraphError

WITHOUT_INFLUENCE = ("name", "trainable", "dtype", "batch_input_shape")
ENDINGS_WITHOUT_INFLUENCE = ("_initializer", "_regularizer", "_constraint")
"""How weights are made and trained: they come from the file."""


class UnknownLayerError(GraphError):
    """A layer, or a way of connecting layers, that this package does not compute; Keras shall do it."""


class Settings:
    """What a layer's `get_config()` gave.

    Args:
        values: {setting: value}.

    Raises:
        UnknownLayerError: the layer does not compute in float32.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        require_float32(values)
        self._unread = {name: value for name, value in values.items() if not _has_no_influence(name)}

    def take(self, name: str) -> Any:
        """A setting's value.

        Raises:
            UnknownLayerError: there is none of that name.
        """
        if name not in self._unread:
            raise UnknownLayerError(f"has no {name}")
        return self._unread.pop(name)

    def take_or(self, name: str, default: Any) -> Any:
        """A setting's value, or what holds where it is not there, as in files that are older than the setting."""
        return self._unread.pop(name, default)

    def take_pair(self, name: str) -> Pair:
        """A setting that is a whole number for rows and one for columns."""
        value = self.take(name)
        pair = (value, value) if isinstance(value, int) else tuple(value)
        if len(pair) != 2 or not all(isinstance(number, int) and number > 0 for number in pair):
            raise UnknownLayerError(f"has {name}={value}")
        return pair

    def take_flag(self, name: str) -> bool:
        """A setting that is true or false."""
        return bool(self.require(name, True, False))

    def require(self, name: str, *accepted: Any) -> Any:
        """A setting's value, one of those accepted.

        Raises:
            UnknownLayerError: it is another.
        """
        value = self.take(name)
        if not any(value == one and type(value) is type(one) for one in accepted):
            raise UnknownLayerError(f"has {name}={value}")
        return value

    def ignore(self, *names: str) -> None:
        """Leave settings aside that have no influence on a prediction."""
        for name in names:
            self._unread.pop(name, None)

    def finish(self) -> None:
        """Say that everything is read.

        Raises:
            UnknownLayerError: something is left that is set.
        """
        left = {name: value for name, value in self._unread.items() if value is not None}
        if left:
            raise UnknownLayerError(f"has {', '.join(f'{name}={value}' for name, value in left.items())}")


def require_float32(values: Mapping[str, Any]) -> None:
    """Refuse a layer that computes in another type, as its configuration says.

    Raises:
        UnknownLayerError: it does, or does not say.
    """
    if _type_name(values.get("dtype")) != "float32":
        raise UnknownLayerError(f"computes in {values.get('dtype')}")


def _has_no_influence(name: str) -> bool:
    return name in WITHOUT_INFLUENCE or name.endswith(ENDINGS_WITHOUT_INFLUENCE)


def _type_name(dtype: Any) -> Any:
    """`float32` from what Keras 2 writes, the name, or Keras 3, a policy."""
    if isinstance(dtype, dict) and dtype.get("class_name") == "DTypePolicy":
        return dtype.get("config", {}).get("name")
    return dtype
