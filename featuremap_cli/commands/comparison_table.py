"""Stacks side by side: what `arithmetic --compare` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from featuremap_cli.commands.console import give
from featuremap_cli.commands.quantities import count, memory, pair, parameters
from featuremap_cli.commands.tables import field_words, print_table

if TYPE_CHECKING:
    from featuremap_cli.analysis.comparison import Comparison
    from featuremap_cli.analysis.description import Description

QUANTITIES = (
    ("parameters", "parameters", parameters),
    ("multiplications", "macs", count),
    ("memory, inference", "inference_bytes", memory),
    ("memory, training", "training_bytes", memory),
)


def give_comparison(comparison: Comparison) -> None:
    """Print a column for each stack: its layers, what they give and see, and its totals as shares of the last."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    stacks = comparison.stacks
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for stack in stacks:
        table.add_column(stack.graph.name, overflow="fold")
    table.add_row("layers", *("\n".join(_layer_lines(stack)) for stack in stacks))
    table.add_row("receptive field", *(field_words(stack.rows[-1]) for stack in stacks))
    for title, key, written in QUANTITIES:
        values = [written(getattr(stack.totals, key)) for stack in stacks]
        table.add_row(title, *(f"{value}{_share(comparison, key, place)}" for place, value in enumerate(values)))
    print_table(table)
    storage, last = stacks[0].storage, stacks[-1].graph
    images = "an image" if storage.batch_size == 1 else f"{storage.batch_size} images"
    give("")
    give(f"Input {pair(last.input_shape)}, {storage.dtype}, memory for {images}; shares of `{last.name}`.")


def _layer_lines(stack: Description) -> Sequence[str]:
    """A line a layer: name, output, field."""
    width = max(len(row.record.path) for row in stack.rows)
    return [
        f"{row.record.path:{width}}  {pair(row.record.facts.output_shape)}, field {field_words(row)}"
        for row in stack.rows
    ]


def _share(comparison: Comparison, key: str, place: int) -> str:
    """A stack's share of what the last needs, in percent; empty for the last itself."""
    ratio = comparison.ratio(key, place)
    return "" if ratio is None or place == len(comparison.stacks) - 1 else f"  ({100 * ratio:.3g}%)"
