"""Tables of layers as text: for a terminal by rich, for `--csv`, and the words below them."""

from __future__ import annotations

import csv
import io
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featuremap_cli.commands.console import give, tell, writing_to_stdout
from featuremap_cli.commands.quantities import at_least, count, memory, pair, parameters

if TYPE_CHECKING:
    from rich.table import Table

    from featuremap_cli.analysis.cost import Totals
    from featuremap_cli.analysis.description import Description, LayerRow
    from featuremap_cli.analysis.layers import Window

BETWEEN = 2
UNBOUNDED = 10_000
MOST_NAMED = 3


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        title: its head.
        cells: one a row.
        left: set flush left; numbers stand flush right.
        rank: where the terminal is too narrow, columns of the highest rank are left out first; 0 always stays.
    """

    title: str
    cells: tuple[str, ...]
    left: bool = False
    rank: int = 0

    @property
    def width(self) -> int:
        """Characters of the widest cell."""
        return max(len(text) for text in (self.title, *self.cells))


def give_table(description: Description, rows: Sequence[LayerRow]) -> None:
    """Print the layers as a table, and the totals below it; say on stderr what a narrow terminal leaves out."""
    columns, left_out = _fitted(_columns(rows))
    _print(columns)
    if not all(row.field.aligned for row in rows):
        give("* branches meet, here or before, whose fields have different centers: the field is their union")
    give("")
    for line in total_lines(description, len(rows)):
        give(line)
    if left_out:
        tell(f"left out to fit the terminal: {', '.join(left_out)}; widen it, or --csv and --json have all")


def give_csv(stacks: Sequence[tuple[Description, Sequence[LayerRow]]]) -> None:
    """Print rows as CSV; those of several descriptions under a first column `stack`, counted from 1."""
    from featuremap_cli.analysis.description import COLUMNS, as_cells

    several = len(stacks) > 1
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((["stack"] if several else []) + list(COLUMNS))
    for number, (_, rows) in enumerate(stacks, 1):
        writer.writerows(([number] if several else []) + list(as_cells(row)) for row in rows)
    give(text.getvalue().rstrip("\n"))


def tell_unknown(description: Description) -> None:
    """Say on stderr which layers are not known, and what follows from that."""
    unknown = description.unknown
    if not unknown:
        return
    named = ", ".join(f"{record.path} ({record.type})" for record in unknown[:MOST_NAMED])
    more = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
    what = "a layer is" if len(unknown) == 1 else f"{len(unknown)} layers are"
    tell(f"{what} not known and marked unknown, and so is the receptive field of what follows: {named}{more}")


def total_lines(description: Description, shown: int) -> list[str]:
    """The totals in words, a line each."""
    layers, totals, one = description.rows, description.totals, description.per_image
    part = f", {shown} shown" if shown < len(layers) else ""
    head = f"Total of {len(layers)} layers{part}" if len(layers) != 1 else "Total of 1 layer"
    batch = description.storage.batch_size
    known = [row.record.facts for row in layers]
    lines = [
        f"{head}, input {pair(description.graph.input_shape)}, {description.storage.dtype}:",
        f"  parameters        {at_least(totals.parameters, [facts.parameters for facts in known], parameters)}",
        f"  MACs              {at_least(totals.macs, [facts.macs for facts in known], count)} for an image: "
        "multiplications, each with its addition",
        f"  memory, inference {_memory_words(totals, one, batch, 'inference_bytes')}: "
        "the outputs that live at the same time, at most",
        f"  memory, training  {_memory_words(totals, one, batch, 'training_bytes')}: all outputs",
        f"  on top of both    {memory(totals.input_bytes)} of input, {memory(totals.parameter_bytes)} of parameters",
    ]
    return lines


def _memory_words(totals: Totals, one: Totals, batch: int, key: str) -> str:
    words = f"{memory(getattr(one, key))} for an image"
    return words if batch == 1 else f"{words}, {memory(getattr(totals, key))} for {batch}"


def _columns(rows: Sequence[LayerRow]) -> list[Column]:
    records = [row.record for row in rows]
    windows = [record.window for record in records]
    dilations = [window.dilation if window else (1, 1) for window in windows]
    columns = [
        Column("#", tuple("" if record.index is None else str(record.index) for record in records), rank=1),
        Column("layer", tuple(record.path for record in records), left=True),
        Column("type", tuple(record.type for record in records), left=True, rank=6),
        Column("filter", tuple(pair(window.size) if window else "" for window in windows)),
        Column("stride", tuple(pair(window.strides, short=True) if window else "" for window in windows)),
        Column(
            "dilation",
            tuple(pair(one, short=True) if window else "" for one, window in zip(dilations, windows, strict=True)),
        ),
        Column("padding", tuple(_padding(window) if window else "" for window in windows), rank=5),
        Column("output", tuple(pair(record.facts.output_shape) for record in records)),
        Column("parameters", tuple(parameters(record.facts.parameters) for record in records)),
        Column("MACs", tuple(count(record.facts.macs) for record in records)),
        Column("memory", tuple(memory(row.output_bytes) for row in rows), rank=2),
        Column("field", tuple(field_words(row) for row in rows)),
        Column("field stride", tuple(_moving(row, "receptive_stride") for row in rows), rank=3),
        Column("field offset", tuple(_moving(row, "receptive_offset") for row in rows), rank=4),
    ]
    return [column for column in columns if column.title != "dilation" or set(dilations) != {(1, 1)}]


def _padding(window: Window) -> str:
    """`same`, `2`, or `1x2` where rows and columns differ."""
    return pair(window.padding) if isinstance(window.padding, tuple) else str(window.padding)


def field_words(row: LayerRow) -> str:
    """The size of a receptive field; a star where branches do not line up."""
    if row.field.axes is None:
        return "unknown"
    size = row.as_json()["receptive_field"]
    if size is None:
        return "nothing"
    return "whole image" if row.sees_all else pair(size) + ("" if row.field.aligned else " *")


def _moving(row: LayerRow, key: str) -> str:
    """Stride or offset of a field; empty where it does not move."""
    value = row.as_json()[key]
    return "" if value is None or row.sees_all else pair(value, short=True)


def _fitted(columns: Sequence[Column]) -> tuple[list[Column], list[str]]:
    """The columns that the terminal has room for, and the titles of the others; all of them where it is no terminal."""
    kept, left_out = list(columns), []
    room = shutil.get_terminal_size().columns if is_terminal() else None
    while room is not None and sum(column.width + BETWEEN for column in kept) > room:
        droppable = max(kept, key=lambda column: column.rank)
        if droppable.rank == 0:
            break
        kept.remove(droppable)
        left_out.append(droppable.title)
    return kept, left_out


def _print(columns: Sequence[Column]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, BETWEEN - 1, 0, 0))
    for column in columns:
        table.add_column(column.title, justify="left" if column.left else "right", overflow="fold")
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    print_table(table)


def is_terminal() -> bool:
    """Whether a person reads what is printed."""
    return sys.stdout.isatty()


def print_table(table: Table) -> None:
    """Print a rich table: in color and as wide as the terminal there, plain and as wide as it is elsewhere."""
    from rich.console import Console

    width = None if is_terminal() else UNBOUNDED
    with writing_to_stdout():
        Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False).print(table)
        sys.stdout.flush()
