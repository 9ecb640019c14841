"""The rows and totals that tables, `--json` and `--csv` show of a network."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from featuremap_cli.analysis.cost import Storage, Totals, totals
from featuremap_cli.analysis.layers import LayerGraph, LayerRecord, View
from featuremap_cli.analysis.receptive_field import ReceptiveField, receptive_fields


@dataclass(frozen=True)
class LayerRow:
    """What is said of one layer.

    Attributes:
        record: the layer.
        output_bytes: its output, for the whole batch; None where it is not known.
        field: what its positions see of the image.
    """

    record: LayerRecord
    output_bytes: int | None
    field: ReceptiveField

    @property
    def sees_all(self) -> bool:
        """Whether every position sees the whole image."""
        axes = self.field.axes
        return axes is not None and all(axis.advance == 0 and axis.size > 0 for axis in axes)

    def as_json(self) -> dict[str, Any]:
        """The layer's object in `--json`; pairs are [height, width], what is not known is null."""
        record, axes = self.record, self.field.axes
        seen = axes if axes is not None and all(axis.size for axis in axes) else None
        window = record.window
        return {
            "index": record.index,
            "path": record.path,
            "type": record.type,
            "filter_size": list(window.size) if window else None,
            "strides": list(window.strides) if window else None,
            "dilation": list(window.dilation) if window else None,
            "padding": window.padding if window else None,
            "output_shape": list(record.facts.output_shape) if record.facts.output_shape else None,
            "parameters": record.facts.parameters,
            "macs": record.facts.macs,
            "output_bytes": self.output_bytes,
            "receptive_field": [axis.size for axis in seen] if seen else None,
            "receptive_stride": [number(axis.stride) for axis in seen] if seen else None,
            "receptive_offset": [number(axis.offset) for axis in seen] if seen else None,
            "aligned": self.field.aligned,
            "unknown": record.facts.reads is View.UNKNOWN,
        }


@dataclass(frozen=True)
class Description:
    """A network in rows and totals.

    Attributes:
        graph: the network.
        storage: how outputs are stored.
        rows: one a layer, in order, without what is fed in.
        totals: of the whole network.
        per_image: the same for one image.
    """

    graph: LayerGraph
    storage: Storage
    rows: tuple[LayerRow, ...]
    totals: Totals
    per_image: Totals

    @property
    def unknown(self) -> tuple[LayerRecord, ...]:
        """The layers whose arithmetic is not known."""
        return tuple(row.record for row in self.rows if row.record.facts.reads is View.UNKNOWN)

    def only(self, indices: Collection[int]) -> tuple[LayerRow, ...]:
        """The rows of the layers with these indices."""
        return tuple(row for row in self.rows if row.record.index in indices)

    def as_json(self, rows: Sequence[LayerRow] | None = None) -> dict[str, Any]:
        """What `--json` prints, with these rows or all of them."""
        return {
            "network": self.graph.name,
            "input_shape": list(self.graph.input_shape),
            "batch_size": self.storage.batch_size,
            "dtype": self.storage.dtype,
            "layers": [row.as_json() for row in (self.rows if rows is None else rows)],
            "totals": {
                **asdict(self.totals),
                "layers": len(self.rows),
                "inference_bytes_per_image": self.per_image.inference_bytes,
                "training_bytes_per_image": self.per_image.training_bytes,
            },
        }


def describe(graph: LayerGraph, storage: Storage | None = None) -> Description:
    """Rows and totals of a network.

    Args:
        graph: the network.
        storage: batch size and type of values; one image in float32 where None.
    """
    storage = storage or Storage()
    rows = tuple(
        LayerRow(record, storage.bytes_of(record.values), field)
        for record, field in zip(graph.records, receptive_fields(graph), strict=True)
        if not record.is_input
    )
    return Description(graph, storage, rows, totals(graph, storage), totals(graph, Storage(1, storage.dtype)))


COLUMNS = (
    "index",
    "path",
    "type",
    "filter_height",
    "filter_width",
    "stride_height",
    "stride_width",
    "dilation_height",
    "dilation_width",
    "padding",
    "output_height",
    "output_width",
    "output_channels",
    "parameters",
    "macs",
    "output_bytes",
    "receptive_field_height",
    "receptive_field_width",
    "receptive_stride_height",
    "receptive_stride_width",
    "receptive_offset_height",
    "receptive_offset_width",
    "aligned",
    "unknown",
)
"""The columns of `--csv`: the keys of `--json`, pairs taken apart."""


def as_cells(row: LayerRow) -> tuple[Any, ...]:
    """One layer's values under `COLUMNS`; what is not known is empty, truth is `true` or `false` as in JSON."""
    cells: list[Any] = []
    for key, value in row.as_json().items():
        length = {"output_shape": 3}.get(key, 2 if key in _PAIRS else 1)
        shown = str(value).lower() if isinstance(value, bool) else value
        shown = "x".join(str(one) for one in value) if isinstance(value, tuple) else shown
        cells += [""] * length if value is None else value if isinstance(value, list) else [shown]
    return tuple(cells)


_PAIRS = {"filter_size", "strides", "dilation", "receptive_field", "receptive_stride", "receptive_offset"}


def number(value: Fraction | None) -> int | float | None:
    """A fraction as a whole number where it is one."""
    if value is None:
        return None
    return int(value) if value.denominator == 1 else float(value)
