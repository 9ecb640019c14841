"""NaN in a max-pool: TensorFlow passes over it, as it does over the padding; the runtime's answer is one or the other.

A network without NaN, which is nearly every one, is spared the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.graph.nodes import Node

_NAME = "least"

LEAST: Mapping[str, NDArray[np.float32]] = {_NAME: np.asarray(np.finfo(np.float32).min, np.float32)}
"""The constants that `passing_over_nan` needs, by name."""


def passing_over_nan(nodes: Iterable[Node]) -> Iterator[Node]:
    """The same nodes, but that every max-pool takes NaN for the least of all floats, which TensorFlow begins with."""
    for node in nodes:
        if node.operator not in ("MaxPool", "GlobalMaxPool"):
            yield node
            continue
        value, *others = node.inputs
        where, without = f"{node.outputs[0]} nan", f"{node.outputs[0]} without nan"
        yield Node("IsNaN", (value,), (where,))
        yield Node("Where", (where, _NAME, value), (without,))
        yield Node(node.operator, (without, *others), node.outputs, node.attributes, node.domain)


def is_finite(array: NDArray[np.generic]) -> bool:
    """Whether an array is free of NaN and infinity; numbers so large that their sum is none count as infinity."""
    if not np.issubdtype(array.dtype, np.floating):
        return True
    with np.errstate(all="ignore"):
        return bool(np.isfinite(array.sum(dtype=None)))
