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


class ImpossibleSettingError(UnknownLayerError):
    """A setting that no layer can have: the file is damaged, or was written by hand, and Keras need not be asked."""


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
        pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
        if len(pair) != 2 or not all(type(number) is int and number > 0 for number in pair):
            raise ImpossibleSettingError(f"has {name}={value!r}: expected whole numbers above 0, for rows and columns")
        return pair

    def take_flag(self, name: str) -> bool:
        """A setting that is true or false."""
        value = self.take(name)
        if not isinstance(value, bool):
            raise ImpossibleSettingError(f"has {name}={value!r}: expected true or false")
        return value

    def take_count(self, name: str, default: int | None = None) -> int:
        """A setting that is a whole number above zero.

        Args:
            name: the setting's.
            default: what holds where it is not there.

        Raises:
            ImpossibleSettingError: it is something else.
        """
        value = self.take(name) if default is None else self.take_or(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ImpossibleSettingError(f"has {name}={value!r}: expected a whole number above 0")
        return value

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
