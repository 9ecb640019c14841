"""Numbers about the feature maps of one layer for one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from featuremap_cli.analysis.map_facts import MapFacts, survey
from featuremap_cli.arrays import LayerMaps


@dataclass(frozen=True)
class MapStatistics:
    """What `--json` says of one layer.

    Attributes:
        layer: the layer path, or the filter bank's source.
        shape: (height, width, filters), in Keras's order.
        min, max, mean: over all finite values of all maps; None where no value is finite.
        zero_fraction: the part of all values that is exactly zero, 0 to 1.
        silent: indices of the maps that are zero everywhere.
        not_finite: how many values are NaN or infinite.
    """

    layer: str
    shape: tuple[int, int, int]
    min: float | None
    max: float | None
    mean: float | None
    zero_fraction: float
    silent: tuple[int, ...]
    not_finite: int

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints of the layer."""
        values = asdict(self)
        return {**values, "shape": list(self.shape), "silent": list(self.silent)}


def map_statistics(maps: LayerMaps, facts: Sequence[MapFacts] | None = None) -> MapStatistics:
    """Return the statistics of a layer's maps.

    Args:
        maps: all maps of the layer.
        facts: of each map, where they are known already.
    """
    facts = survey(maps) if facts is None else facts
    known, values = sum(one.known for one in facts), sum(one.size for one in facts)
    return MapStatistics(
        layer=maps.layer,
        shape=(*maps.size, maps.filters),
        min=min(one.low for one in facts) if known else None,
        max=max(one.high for one in facts) if known else None,
        mean=sum(one.total for one in facts) / known if known else None,
        zero_fraction=sum(one.zeros for one in facts) / values if values else 0.0,
        silent=tuple(index for index, one in enumerate(facts) if one.zeros == one.size),
        not_finite=values - known,
    )
