"""Which calls chosen layers need, and when the memory of a value may be used again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from featuremap_cli.networks.forward.graph import IMAGE, Call, Graph


@dataclass(frozen=True, eq=False)
class Plan:
    """A part of a network, to be run for what some of its calls give.

    Attributes:
        calls: those that are needed, in the order of execution.
        before: the values that are kept as their activation is given them; they have one.
        after: the values that are kept as they are.
        memory: which memory a value lies in: that of another value where a layer passes on what it is given.
        uses: how often the values in a memory are needed; the image's and those of kept ones once more than they are
            read, so that they are never overwritten.
    """

    calls: tuple[Call, ...]
    before: frozenset[int]
    after: frozenset[int]
    memory: Mapping[int, int]
    uses: Mapping[int, int]

    @classmethod
    def make(cls, graph: Graph, chosen: Sequence[Call], before_activation: bool) -> Plan:
        """The part of a network that some calls need.

        Args:
            graph: the network.
            chosen: the calls whose values are wanted.
            before_activation: those of convolutions are wanted before their activation.
        """
        before = {
            call.output
            for call in chosen
            if before_activation and call.layer.is_convolution and call.layer.kind.activation
        }
        after = {call.output for call in chosen} - before
        calls = _needed(graph, chosen)
        memory = {IMAGE: IMAGE}
        for call in calls:
            memory[call.output] = memory[call.inputs[0]] if call.layer.kind.is_view else call.output
        uses = Counter(memory[value] for call in calls for value in call.inputs)
        uses.update([IMAGE, *(memory[value] for value in after)])
        return cls(calls, frozenset(before), frozenset(after), memory, uses)

    def is_last_use(self, call: Call, uses: Mapping[int, int]) -> bool:
        """Whether the first of a call's inputs is not needed after it, nor a second time in it.

        Args:
            call: the call, whose own uses are taken off already.
            uses: how often each memory is still needed.
        """
        memories = [self.memory[value] for value in call.inputs]
        return uses[memories[0]] == 0 and memories.count(memories[0]) == 1


def _needed(graph: Graph, chosen: Sequence[Call]) -> tuple[Call, ...]:
    needed = {call.output for call in chosen}
    found = []
    for call in reversed(graph.calls):
        if call.output in needed:
            found.append(call)
            needed.update(call.inputs)
    return tuple(reversed(found))
