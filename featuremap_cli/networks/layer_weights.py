"""The weights of one layer, whatever keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """A layer's weights.

    Attributes:
        path: the layer's, as `LayerEntry` has it, without the number of a call.
        kind: which of Keras's convolutions it is, a name of `KERNEL_NAMES`; None for another layer.
        settings: those of a convolution, in Keras's words: `filters`, `kernel_size`, `activation` and so on.
        arrays: by name, in Keras's order.
    """

    path: str
    kind: str | None
    settings: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
