"""The gradient of a value by another as a graph of its own: every node's rule applied from the end to the start.

Three methods differ in what a rectifier does with the signal R that comes down to it, where x went into it:

| method | through a ReLU comes | source |
|---|---|---|
| `gradient` | R where x > 0 | Simonyan, Vedaldi and Zisserman 2013, arXiv:1312.6034 |
| `deconvnet` | R where R > 0 | Zeiler and Fergus 2014, arXiv:1311.2901 |
| `guided` | R where x > 0 and R > 0 | Springenberg and others 2014, arXiv:1412.6806 |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.graph.gradient_rules import RULES
from featuremap_cli.graph.gradient_rules.backward import Backward, Method, Shape
from featuremap_cli.graph.nodes import Node, NodeList, needed_nodes
from featuremap_cli.graph.runtime import GraphError

SIGNAL = "signal"
"""The value that is sent back."""


@dataclass(frozen=True, eq=False)
class BackwardGraph:
    """A gradient.

    Attributes:
        nodes: what computes it.
        constants: small arrays that they need, by value.
        gradient: the value that it is; None where nothing of the start reaches the end.
        taken: values of the forward graph that the nodes take, in no promised order.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, NDArray[np.generic]]
    gradient: str | None
    taken: frozenset[str]


def backward_graph(
    forward: Sequence[Node],
    start: str,
    end: str,
    shapes: Mapping[str, Shape],
    array: Callable[[str], NDArray[np.generic] | None],
    method: Method,
    opsets: Mapping[str, int],
) -> BackwardGraph:
    """The graph that makes, from a signal of the shape of `end`, what comes of it at `start`.

    Args:
        forward: nodes, each after those whose values it takes.
        start: the value to differentiate by.
        end: the value that is differentiated.
        shapes: of the values, with the batch axis, whose size may be None.
        array: a value that is known beforehand, a weight or a constant; None for another.
        method: what rectifiers do.
        opsets: {domain: version} of the forward graph's operators.

    Raises:
        GraphError: a node on the way has no gradient that is known; the message names its operator.
    """
    on_the_way = nodes_between(forward, start, end)
    at = Backward(NodeList("back "), shapes, array, method, frozenset({start, *_made(on_the_way)}), opsets)
    signals: dict[str, list[str]] = {end: [SIGNAL]}
    for node in reversed(on_the_way):
        given = [_total(signals.get(name, []), at) for name in node.outputs]
        if not any(given):
            continue
        if node.operator not in RULES:
            raise GraphError(f"{node.operator} has no gradient here, on the way from the layer to the image")
        passed = RULES[node.operator].apply(node, given, at)
        for name, signal in zip(node.inputs, passed, strict=False):
            if signal is not None and name in at.moving:
                signals.setdefault(name, []).append(signal)
    gradient = _total(signals.get(start, []), at)
    nodes = tuple(at.nodes.nodes)
    known = {SIGNAL, *_made(nodes), *at.nodes.constants, ""}
    taken = {name for node in nodes for name in node.inputs} - known
    return BackwardGraph(
        nodes,
        at.nodes.constants,
        gradient,
        frozenset(name for name in taken if array(name) is None),
    )


def nodes_between(forward: Sequence[Node], start: str, end: str) -> list[Node]:
    """The nodes that depend on the start and that the end depends on."""
    reached = {start}
    found = []
    for node in needed_nodes(forward, [end], {start}):
        if reached.intersection(node.inputs):
            reached.update(node.outputs)
            found.append(node)
    return found


def _made(nodes: Sequence[Node]) -> set[str]:
    return {name for node in nodes for name in node.outputs if name}


def _total(signals: Sequence[str], at: Backward) -> str | None:
    """What comes down to a value that several nodes take."""
    if len(signals) < 2:
        return signals[0] if signals else None
    return at.nodes.add("Sum", *signals)
