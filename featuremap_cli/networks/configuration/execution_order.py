"""The order in which Keras runs the nodes of a Functional model: its own rule, without Keras.

A node is one call of a layer in the model. Keras orders them by how far from an output they are, the farthest first,
and among equals by the order in which its search from the outputs has met them. The numbers of layers in file names
follow this order, so that it has to be the same.

Source: `map_graph` and `_build_map` in keras/src/ops/function.py.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def execution_order(
    outputs: Sequence[Node], parents: Mapping[Node, Sequence[Node]], layer_of: Mapping[Node, str]
) -> list[Node]:
    """The nodes that the outputs depend on, in the order in which Keras runs them, and the inputs' nodes.

    Args:
        outputs: the nodes that give the model's outputs, in their order.
        parents: for each node, the nodes whose outputs it is given, in their order, repeated ones repeated.
        layer_of: for each node, the name of the layer that it is a call of.

    Raises:
        ValueError: the nodes are connected in a circle.
    """
    finished = _search(outputs, parents)
    depths: dict[Node, int] = {}
    layer_depths: dict[str, int] = {}
    for node in reversed(finished):
        depth = max(depths.setdefault(node, 0), layer_depths.get(layer_of[node], 0))
        layer_depths[layer_of[node]] = depths[node] = depth
        for parent in parents[node]:
            depths[parent] = max(depth + 1, depths.get(parent, 0))
    # Sorting keeps the order of equals, which is that in which they got a depth first.
    return sorted(depths, key=lambda node: -depths[node])


def _search(outputs: Sequence[Node], parents: Mapping[Node, Sequence[Node]]) -> list[Node]:
    """The nodes in the order in which a search into depth from the outputs is done with them.

    A deep network has chains of more nodes than Python lets functions call each other: the search keeps its own stack.
    """
    finished: dict[Node, None] = {}
    for output in outputs:
        stack = [(output, iter(parents[output]))] if output not in finished else []
        open_nodes = {output}
        while stack:
            node, ahead = stack[-1]
            parent = next(ahead, None)
            if parent is None:
                stack.pop()
                open_nodes.discard(node)
                finished[node] = None
            elif parent in open_nodes:
                raise ValueError(f"{parent} is part of a circle")
            elif parent not in finished:
                open_nodes.add(parent)
                stack.append((parent, iter(parents[parent])))
    return list(finished)
