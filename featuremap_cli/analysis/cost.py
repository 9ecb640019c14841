"""What a network costs: parameters, multiplications, and memory.

Memory counts the outputs of layers. For a prediction an output can go as soon as the last layer that reads it is done,
so what is needed is the largest sum over the outputs that live at the same time; no layer is assumed to work in place.
For training all outputs are kept. The image and the parameters come on top and are given apart; gradients, optimizer
state and working space are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from featuremap_cli.analysis.layers import LayerGraph

BYTES = {"float32": 4, "float16": 2}


@dataclass(frozen=True)
class Storage:
    """How outputs are stored: how many images at a time, and how many bytes a value takes."""

    batch_size: int = 1
    dtype: str = "float32"

    @property
    def value_bytes(self) -> int:
        """Bytes of one value."""
        return BYTES[self.dtype]

    def bytes_of(self, values: int | None) -> int | None:
        """Bytes for that many values an image, for the whole batch; None stays None."""
        return None if values is None else values * self.value_bytes * self.batch_size


@dataclass(frozen=True)
class Totals:
    """What the whole network costs; None where a layer's share is not known.

    Attributes:
        parameters: weights and biases.
        macs: multiplications, each with its addition, for one image.
        inference_bytes: the outputs that live at the same time during a prediction, at most, for the whole batch.
        training_bytes: all outputs, for the whole batch.
        input_bytes: the images of the batch, and what else is fed in beside them.
        parameter_bytes: the parameters, once.
    """

    parameters: int | None
    macs: int | None
    inference_bytes: int | None
    training_bytes: int | None
    input_bytes: int
    parameter_bytes: int | None


def totals(graph: LayerGraph, storage: Storage) -> Totals:
    """What the whole network costs."""
    layers = graph.layers
    fed_in = sum(record.values or 0 for record in graph.records if record.is_input)
    parameters = _sum([layer.facts.parameters for layer in layers])
    return Totals(
        parameters=parameters,
        macs=_sum([layer.facts.macs for layer in layers]),
        inference_bytes=storage.bytes_of(_live_values(graph)),
        training_bytes=storage.bytes_of(_sum([layer.values for layer in layers])),
        input_bytes=storage.bytes_of(fed_in) or 0,
        parameter_bytes=None if parameters is None else parameters * storage.value_bytes,
    )


def _live_values(graph: LayerGraph) -> int | None:
    """The most values that live at the same time while the layers run in order; None where that is not known."""
    last_reader = {place: place for place in range(len(graph.records))}
    for place, record in enumerate(graph.records):
        last_reader.update(dict.fromkeys(record.inputs, place))
    last_reader.update(dict.fromkeys(graph.outputs, len(graph.records)))
    alive: dict[int, int] = {}
    largest = 0
    for place, record in enumerate(graph.records):
        if record.values is None or not (record.inputs or record.is_input):
            return None
        if not record.is_input:
            alive[place] = record.values
        largest = max(largest, sum(alive.values()))
        alive = {source: values for source, values in alive.items() if last_reader[source] > place}
    return largest


def _sum(values: list[int | None]) -> int | None:
    """The sum; None where a value is."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
