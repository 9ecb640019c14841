"""How `featuremap health` says what it found: a table, lines about the worst filters, JSON, CSV."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featuremap_cli.commands.thresholds import numbers, percent

if TYPE_CHECKING:
    from rich.table import Table

    from featuremap_cli.analysis.change import Change, ChangedFilter, LayerChange
    from featuremap_cli.analysis.health import FilterHealth, LayerHealth
    from featuremap_cli.analysis.weights import WeightHealth
    from featuremap_cli.networks.weights import UnrealWeights

MOST_RARE = 5
RARE_FROM = 0.95  # the part of zeros from which a filter that fires on every image is named
"""How many of the filters that respond least are named."""

_FILTER_NUMBERS = (
    "mean", "std", "min", "max", "zero_fraction", "firing_rate", "hoyer", "lifetime_sparseness", "nan", "inf",
)  # fmt: skip


@dataclass(frozen=True)
class HealthReport:
    """All that was found.

    Attributes:
        network: the network's name.
        images: how many were seen.
        layers: one a layer.
        weights: of each layer; None where they are not known.
        unreal: NaN and infinity among all weights of the network.
        compared_with: the name of the other checkpoint; None without one.
        changes: one a layer; empty without another checkpoint.
        failed_checks: a line for each.
    """

    network: str
    images: int
    layers: tuple[LayerHealth, ...]
    weights: tuple[WeightHealth | None, ...]
    unreal: tuple[UnrealWeights, ...]
    compared_with: str | None
    changes: tuple[LayerChange, ...]
    failed_checks: tuple[str, ...]

    def notices(self) -> Iterator[str]:
        """Yield what is to be known before the numbers are believed."""
        if self.images == 1 and any(layer.dead for layer in self.layers):
            yield "a filter counts as dead here where it is silent on the one image: give more images"
        if all(layer.zero_fraction < 0.01 and (layer.min or 0.0) < 0 for layer in self.layers):
            yield (
                "the layers give values below zero and hardly a zero: their activation is a layer of its own, and dead "
                "filters show there; --layer '*relu*' or all-layers measures it"
            )
        uncompared = [layer.layer for layer in self.layers if not layer.compared]
        if uncompared:
            yield f"filters are not compared with each other in {', '.join(uncompared)}: it would take too much memory"

    def as_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        layers = [
            {**layer.as_json(), "weights": weights.as_json() if weights else None}
            for layer, weights in zip(self.layers, self.weights, strict=True)
        ]
        unreal = [
            {
                "layer": one.layer,
                "weight": one.weight,
                "nan": one.nan,
                "inf": one.infinite,
                "filters": list(one.filters),
            }
            for one in self.unreal
        ]
        found = {"model": self.network, "images": self.images, "layers": layers, "unreal_weights": unreal}
        if self.compared_with is not None:
            found["compared"] = {"with": self.compared_with, "layers": [change.as_json() for change in self.changes]}
        return {**found, "failed_checks": list(self.failed_checks)}

    def as_csv(self) -> str:
        """Return a table of all filters, a line each, with a header."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self._csv_header())
        for place, layer in enumerate(self.layers):
            for one in layer.filters:
                writer.writerow(["" if cell is None else cell for cell in self._csv_row(place, one)])
        return stream.getvalue()

    def _csv_header(self) -> list[str]:
        columns = ["layer", "filter", *_FILTER_NUMBERS, "dead", "saturated", "alike", "correlation"]
        columns += ["weight_norm", "weight_zero_fraction", "weight_duplicate"]
        if self.changes:
            columns += ["weight_change", "weight_cosine", "map_change", "map_cosine", "weight_unreal", "map_unreal"]
        return columns

    def _csv_row(self, place: int, one: FilterHealth) -> Iterator[Any]:
        yield from (self.layers[place].layer, one.index, *(getattr(one, name) for name in _FILTER_NUMBERS))
        yield from (int(one.dead), int(one.saturated), *(one.alike or (None, None)))
        weights = self.weights[place]
        if weights is None:
            yield from (None, None, None)
        else:
            duplicates = dict(weights.duplicates)
            yield from (weights.norms[one.index], weights.zero_fractions[one.index], duplicates.get(one.index))
        if self.changes:
            change = self.changes[place]
            moved = change.filter_weights[one.index] if change.filter_weights else None
            yield from (moved.relative, moved.cosine) if moved else (None, None)
            maps = change.filter_maps[one.index]
            yield from (maps.relative, maps.cosine, moved.unreal if moved else None, maps.unreal)

    def as_text(self, width: int) -> str:
        """Return the tables and the lines about the worst filters.

        Args:
            width: columns of the terminal; the tables are wider where they have to be.
        """
        tables = [_health_table(self.layers)]
        if self.changes:
            tables.append(_change_table(self.changes, self.compared_with or ""))
        lines = list(self.worst())
        return "\n".join(
            [*(_rendered(table, width) for table in tables), *(["Worst filters", *lines] if lines else [])]
        )

    def worst(self) -> Iterator[str]:
        """Yield a line for each kind of fault in each layer, then the filters that respond least."""
        from featuremap_cli.commands.thresholds import describe_unreal

        yield from (f"  {describe_unreal(one)}" for one in self.unreal)
        for layer, weights in zip(self.layers, self.weights, strict=True):
            yield from (f"  {layer.layer}: {words}" for words in _faults(layer, weights))
        rare = sorted(
            (one.firing_rate, 1 - one.zero_fraction, place, one.index)
            for place, layer in enumerate(self.layers)
            for one in layer.filters
            if not one.dead and (one.firing_rate < 1 or one.zero_fraction > RARE_FROM)
        )
        for rate, share, place, index in rare[:MOST_RARE]:
            where = f"{percent(share)} of its values are not zero, on {percent(rate)} of the images"
            yield f"  {self.layers[place].layer}: filter {index} responds least: {where}"


def count(number: int, noun: str) -> str:
    """Return `1 image`, `12 images`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def terminal_width() -> int:
    """Return the columns of the terminal; 100 where stdout is none."""
    from shutil import get_terminal_size

    return get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100


def changed_words(one: ChangedFilter, biases: tuple[float, float] | None) -> str:
    """Return how far a filter moved: `weights by 43% (cosine 0.910), bias 0.1 to -2, maps by 12% (cosine 0.990)`.

    Args:
        one: the filter.
        biases: before and after; None where they are not known. Said where they differ.
    """
    moved = [f"weights {_change_words(one.weights)}"] if one.weights is not None else []
    if biases is not None and biases[0] != biases[1] and not all(map(math.isnan, biases)):
        moved.append("bias {:.3g} to {:.3g}".format(*biases))
    return ", ".join([*moved, f"maps {_change_words(one.maps)}"])


def _change_words(change: Change) -> str:
    words = _relative_words(change)
    words = words if change.unreal or change.relative is None else f"by {words}"
    return words if change.cosine is None else f"{words} (cosine {change.cosine:.3f})"


def _relative_words(change: Change) -> str:
    if change.unreal:
        return f"NaN or inf in {change.unreal:,}"
    return "from zero" if change.relative is None else percent(change.relative)


def _faults(layer: LayerHealth, weights: WeightHealth | None) -> Iterator[str]:
    filters = len(layer.filters)
    unreal = [one.index for one in layer.filters if one.nan or one.inf]
    alike = [f"{one.index} as {one.alike[0]} ({one.alike[1]:.3f})" for one in layer.filters if one.alike]
    faults: tuple[tuple[str, Sequence[Any]], ...] = (
        ("give NaN or infinity", unreal),
        ("dead" if layer.images > 1 else "silent on the one image", layer.dead),
        ("saturated", layer.saturated),
        ("respond alike", alike),
        ("have the same weights", [f"{one} as {two}" for one, two in weights.duplicates] if weights else []),
    )
    for words, found in faults:
        if found:
            yield f"{len(found)} of {filters} {words}: {numbers(found)}"


def _health_table(layers: Sequence[LayerHealth]) -> Table:
    table = _table("layer", "filters", "mean", "std", "min", "max", "zeros", "Hoyer", "lifetime", "population")
    for name in ("silent", "dead", "NaN, inf"):
        table.add_column(name, justify="right", no_wrap=True)
    for layer in layers:
        spread = (_number(value) for value in (layer.mean, layer.std, layer.min, layer.max))
        shares = (_share(value) for value in (layer.hoyer, layer.lifetime_sparseness, layer.population_sparseness))
        unreal = f"{layer.nan:,}, {layer.inf:,}" if layer.nan or layer.inf else "0"
        faults = (percent(layer.silent_fraction), str(len(layer.dead)), unreal)
        table.add_row(layer.layer, str(len(layer.filters)), *spread, percent(layer.zero_fraction), *shares, *faults)
    return table


def _change_table(changes: Sequence[LayerChange], name: str) -> Table:
    table = _table(f"change since {name}", "weights", "cosine", "maps", "cosine")
    for change in changes:
        cells: list[str] = []
        for one in (change.weights, change.maps):
            cells += ["", ""] if one is None else [_relative_words(one), _share(one.cosine)]
        table.add_row(change.layer, *cells)
    return table


def _table(first: str, *others: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _rendered(table: Table, width: int) -> str:
    """Return a table as text; no column is cut, however narrow the terminal."""
    from rich.console import Console

    stream = io.StringIO()
    console = Console(
        file=stream,
        width=10_000,
        highlight=False,
        color_system="standard" if sys.stdout.isatty() else None,
        force_terminal=sys.stdout.isatty(),
    )
    needed = console.measure(table).maximum
    console.print(table, width=max(needed, width) if needed > width else None)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
