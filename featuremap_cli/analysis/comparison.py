"""Stacks held against each other: three 3x3 convolutions or one of 7x7?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from featuremap_cli.analysis.description import Description

QUANTITIES = ("parameters", "macs", "inference_bytes", "training_bytes")


@dataclass(frozen=True)
class Comparison:
    """Descriptions of stacks that start from the same input; ratios are to the last one."""

    stacks: tuple[Description, ...]

    def ratio(self, quantity: str, stack: int) -> float | None:
        """How much a stack needs of a quantity, as a share of what the last stack needs; None over nothing."""
        own, last = (getattr(self.stacks[place].totals, quantity) for place in (stack, -1))
        return own / last if own is not None and last else None

    def as_json(self) -> dict[str, Any]:
        """What `arithmetic --compare --json` prints: `ratios[quantity][i]` is stack i over the last."""
        return {
            "stacks": [stack.as_json() for stack in self.stacks],
            "ratios": {
                quantity: [self.ratio(quantity, place) for place in range(len(self.stacks))] for quantity in QUANTITIES
            },
        }
