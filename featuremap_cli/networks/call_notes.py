"""Keeping what the layers of a Keras model give while the model runs.

For the time of one `with` block each layer's `call` is replaced, on that one object, by a wrapper that notes the
output. It does not matter how the model is made: nested, shared, subclassed and wrapped layers all go through
`call` (`keras.Model(inputs, layer.output)` reaches none of the last three). The same block serves a pass on real
pixels and the tracing of a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from featuremap_cli.networks.startup import keras
from featuremap_cli.networks.walk import CONVOLUTIONS, KerasLayer


@dataclass(frozen=True, eq=False)
class CallNote:
    """What one call of one layer gave.

    Attributes:
        layer: the layer.
        number: which of its calls, from 0.
        given: its first argument: a tensor for nearly all layers.
        output: what it returned: a tensor for nearly all layers.
        before_activation: what its built-in activation was given; `output` where it has no activation inside.
            None for a layer of someone's own that has an activation and does not call it.
    """

    layer: KerasLayer
    number: int
    given: Any
    output: Any
    before_activation: Any


@contextmanager
def noting(layers: Iterable[KerasLayer], note: Callable[[CallNote], None]) -> Iterator[None]:
    """Inside the block, `note` is given every call of these layers, in the order in which the calls end.

    The layers are as before when the block is left, however it is left.
    """
    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(_noting_one(layer, note))
        yield


@contextmanager
def _noting_one(layer: KerasLayer, note: Callable[[CallNote], None]) -> Iterator[None]:
    numbers = count()
    given_to_activation: list[Any] = []
    activation = inner_activation(layer)

    def noted_call(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            given_to_activation.clear()
            given = next(iter((*arguments, *named.values())), None)
            output = original(*arguments, **named)
            before = output if activation is None else next(iter(given_to_activation), None)
            note(CallNote(layer, next(numbers), given, output, before))
            return output

        return call

    def noted_activation(original: Callable[..., Any]) -> Callable[..., Any]:
        def apply(inputs: Any) -> Any:
            given_to_activation.append(inputs)
            return original(inputs)

        return apply

    with _replaced(layer, "call", noted_call(layer.call)):
        if activation is None:
            yield
        else:
            with _replaced(layer, "activation", noted_activation(activation)):
                yield


def inner_activation(layer: KerasLayer) -> Callable[..., Any] | None:
    """The activation that a convolution applies itself; None where it has none."""
    activation = getattr(layer, "activation", None) if isinstance(layer, CONVOLUTIONS) else None
    return None if activation is keras.activations.linear else activation


@contextmanager
def _replaced(layer: KerasLayer, name: str, value: Any) -> Iterator[None]:
    """An attribute of this one object, written past Keras's `__setattr__`, which refuses once a layer is built."""
    attributes: dict[str, Any] = layer.__dict__
    kept = attributes.get(name)
    existed = name in attributes
    attributes[name] = value
    try:
        yield
    finally:
        if existed:
            attributes[name] = kept
        else:
            del attributes[name]
