"""The order of execution is Keras's, for graphs of any shape."""

from __future__ import annotations

import json
import random

import keras
import pytest
from keras import layers

from featuremap_cli.networks.configuration.execution_order import execution_order
from featuremap_cli.networks.configuration.saved_graph import read_graph


def random_model(seed: int) -> keras.Model:
    """Layers on layers, some called again, some added up, with several outputs."""
    chance = random.Random(seed)
    values = [keras.Input((4, 4, 2), name="image")]
    made = []
    for number in range(chance.randint(4, 14)):
        if made and chance.random() < 0.3:
            values.append(chance.choice(made)(chance.choice(values)))
        elif chance.random() < 0.4:
            values.append(layers.Add(name=f"add{number}")([chance.choice(values), chance.choice(values)]))
        else:
            made.append(layers.Conv2D(2, 1, name=f"conv{number}"))
            values.append(made[-1](chance.choice(values)))
    outputs = [values[-1], *chance.sample(values[1:], k=min(2, len(values) - 1))]
    chance.shuffle(outputs)
    return keras.Model(values[0], outputs)


def order_of_keras(model: keras.Model) -> list[str]:
    called = []

    def note(operation: keras.Operation, *arguments: object, **named: object) -> object:
        called.append(operation.name)
        return operation(*arguments, **named)

    model._run_through_graph([keras.KerasTensor((1, 4, 4, 2))], call_fn=note)
    return called


@pytest.mark.parametrize("seed", range(40))
def test_any_graph_runs_in_the_order_of_keras(seed: int) -> None:
    written = json.loads(random_model(seed).to_json())
    again = keras.models.model_from_json(json.dumps(written))
    assert [node.layer for node, _ in read_graph(written).calls] == order_of_keras(again)


def test_a_chain_longer_than_python_calls_functions() -> None:
    chain = {number: [number - 1] if number else [] for number in range(5000)}
    assert execution_order([4999], chain, {number: str(number) for number in chain}) == list(range(5000))


def test_a_circle_is_told() -> None:
    with pytest.raises(ValueError, match="circle"):
        execution_order([0], {0: [1], 1: [0]}, {0: "a", 1: "b"})
