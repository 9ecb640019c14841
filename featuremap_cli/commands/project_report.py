"""What `featuremap project` computes and writes for one image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from featuremap_cli.commands.options import PLAIN, PageOptions
from featuremap_cli.commands.pictures import styled, write_picture

if TYPE_CHECKING:
    from featuremap_cli.arrays import Float32
    from featuremap_cli.batch.outputs import OutputFolder, Written
    from featuremap_cli.commands.filter_words import FilterChoice
    from featuremap_cli.commands.receptive_fields import LayerField
    from featuremap_cli.drawing.page import Sheet
    from featuremap_cli.graph.gradient_rules.backward import Method
    from featuremap_cli.networks.input import PreparedInput
    from featuremap_cli.networks.layer_entry import LayerEntry
    from featuremap_cli.networks.network import Network
    from featuremap_cli.networks.projection import Projector

_AT_A_TIME = 16


@dataclass(frozen=True)
class Activation:
    """What is projected of one filter.

    Attributes:
        filter: index of the filter.
        row, column: the place in its map; None for the whole map, and for the greatest of a silent one.
        value: the activation there; the greatest of the map where it is projected as a whole.
    """

    filter: int
    row: int | None
    column: int | None
    value: float


@dataclass(frozen=True, eq=False)
class ImageProjections:
    """One layer's maps of one image, and their projections.

    Attributes:
        name, stem: of the image: what sheets call it, and where its files go.
        network: ready to run.
        entry: the layer.
        prepared: the image as the network takes it.
        maps: float32 (filters, height, width).
        method: how activations are projected.
        at: (row, column), `max` or `all`.
        preprocess: what the image was prepared with.
        text: for the pictures' text chunks.
        page: title, type, format and resolution.
    """

    name: str
    stem: str
    network: Network
    entry: LayerEntry
    prepared: PreparedInput
    maps: Float32
    method: Method
    at: tuple[int, int] | str
    preprocess: str
    text: Mapping[str, str] = field(default_factory=dict)
    page: PageOptions = PLAIN

    @cached_property
    def projector(self) -> Projector:
        """The layer's."""
        from featuremap_cli.networks.projection import make_projector

        return make_projector(self.network, self.entry, self.method, self.preprocess)

    @cached_property
    def seen(self) -> LayerField:
        """What the layer's positions see."""
        from featuremap_cli.commands.receptive_fields import layer_field

        return layer_field(self.network, self.entry, (self.prepared.picture.height, self.prepared.picture.width))

    @cached_property
    def unreal(self) -> tuple[int, ...]:
        """The filters whose maps hold NaN or infinity."""
        import numpy as np

        finite = np.isfinite(self.maps).all(axis=(1, 2))
        return tuple(int(index) for index in np.flatnonzero(~finite))

    def chosen(self, choice: FilterChoice) -> list[Activation]:
        """Return what is projected: of the one filter, or of those that fire most; none of them where none fires.

        Raises:
            UsageError: a filter or a place that the layer does not have.
        """
        import numpy as np

        from featuremap_cli.commands.filter_words import require_filter

        count = len(self.maps)
        if choice.index is not None:
            return [self._activation(require_filter(choice.index, count, self.entry.path, f"--filter {choice.index}"))]
        every = [self._activation(index) for index in range(count)]
        firing = [one for one in every if np.isfinite(one.value) and one.value > 0]
        return sorted(firing, key=lambda one: (-one.value, one.filter))[: choice.top]

    def _activation(self, index: int) -> Activation:
        import numpy as np

        from featuremap_cli.commands.filter_words import require_place

        values = self.maps[index]
        known = np.where(np.isfinite(values), values, -np.inf)
        row, column = (int(place) for place in np.unravel_index(known.argmax(), values.shape))
        if self.at == "all" or (self.at == "max" and not values.any()):
            # A silent filter fires nowhere: no place of its map is more than another.
            return Activation(index, None, None, float(values[row, column]))
        if isinstance(self.at, tuple):
            row, column = self.at
            require_place(self.at, (values.shape[0], values.shape[1]), self.entry.path)
        return Activation(index, row, column, float(values[row, column]))

    def projections(self, chosen: Sequence[Activation]) -> list[Float32]:
        """Return the projection of each, float32 (height, width, channels) as large as the network's input."""
        from featuremap_cli.networks.projection import WHOLE_MAP, Place

        places = [
            Place(
                one.filter,
                *((WHOLE_MAP, WHOLE_MAP) if one.row is None or one.column is None else (one.row, one.column)),
            )
            for one in chosen
        ]
        found: list[Float32] = []
        for start in range(0, len(places), _AT_A_TIME):
            part = places[start : start + _AT_A_TIME]
            found += list(self.projector.project(self.prepared.array.repeat(len(part), axis=0), part))
        return found

    def write(
        self, chosen: Sequence[Activation], folder: OutputFolder, *, asked_top: bool
    ) -> Iterator[tuple[Activation | None, Written]]:
        """Write a picture for each, two at a time, and one of all of them where those that fire most were asked for.

        Yields:
            what a picture shows and its file; None for the picture of all.

        Raises:
            OutputError: a file cannot be written.
        """
        from featuremap_cli.batch.outputs import projection_file

        projections = self.projections(chosen)
        if asked_top and chosen:
            name = projection_file(self.stem, self.entry.path, chosen[0].filter, self.method)
            name = name.replace(f".{chosen[0].filter}.{self.method}.png", f".top{len(chosen)}.{self.method}.png")
            with styled(self.page):
                sheet = self._draw_all(chosen, projections)
            yield None, write_picture(folder, name, sheet, {}, self.page)

        def write_one(one: Activation, projection: Float32) -> Written:
            name = projection_file(self.stem, self.entry.path, one.filter, self.method)
            with styled(self.page):
                sheet = self._draw(one, projection)
            return write_picture(folder, name, sheet, {}, self.page)

        with ThreadPoolExecutor(max_workers=2) as threads:
            yield from zip(chosen, threads.map(write_one, chosen, projections), strict=True)

    def as_json(self, one: Activation) -> dict[str, Any]:
        """Return what `--json` prints of one projection; JSON has no word for NaN and infinity, so they are None."""
        return {
            "layer": self.entry.path,
            "filter": one.filter,
            "method": self.method,
            "row": one.row,
            "column": one.column,
            "value": one.value if math.isfinite(one.value) else None,
        }

    def _draw(self, one: Activation, projection: Float32) -> Sheet:
        from featuremap_cli.drawing.cutout import CLIPPED
        from featuremap_cli.drawing.projections import Projected, draw_projection

        place = None if one.row is None or one.column is None else (one.row, one.column)
        window = None if place is None or self.seen.axes is None else self.seen.window(*place)
        projected = Projected(self.prepared.picture, self.maps[one.filter], place, projection, window, self.method)
        title = f"Projection · {self.name} · {self.network.name} {self.entry.path} · filter {one.filter}"
        return draw_projection(
            projected,
            title,
            (*self._words(one), *self._remarks(), f"{CLIPPED:.1%} of a projection's values clipped"),
            self._text(str(one.filter)),
        )

    def _draw_all(self, chosen: Sequence[Activation], projections: Sequence[Float32]) -> Sheet:
        import numpy as np

        from featuremap_cli.drawing.cutout import CLIPPED, whole
        from featuremap_cli.drawing.patches import FilterPlaces, PatchOrder, PatchSheet, unreal_words

        picture = self.prepared.picture
        size = picture.height, picture.width
        is_whole = self.at == "all" or self.seen.axes is None
        field_size = size if is_whole else (min(self.seen.size[0], size[0]), min(self.seen.size[1], size[1]))
        details = (
            f"the {len(chosen)} filters of {len(self.maps)} that fire most, with their activations",
            f"left: {self.method} projection, gray is zero, each on its own scale, {CLIPPED:.1%} clipped",
            "right: "
            + ("the image" if is_whole else f"what the activation sees, {field_size[0]} x {field_size[1]} pixels"),
            *self._remarks(),
            unreal_words(self.unreal),
            "" if all(np.isfinite(one).all() for one in projections) else "pink: NaN or infinite",
        )
        filters = tuple(FilterPlaces(one.filter, (one.value,)) for one in chosen)
        title = f"Projections · {self.name} · {self.network.name} {self.entry.path}"
        sheet = PatchSheet(PatchOrder(title, details, filters, field_size))
        for block, (one, projection) in enumerate(zip(chosen, projections, strict=True)):
            place = None if is_whole or one.row is None or one.column is None else (one.row, one.column)
            window = whole(size) if place is None else self.seen.window(*place).within(size)
            sheet.put(block, 0, picture, projection, window)
        shown = ", ".join(str(one.filter) for one in chosen)
        return sheet.sheet(len(self.maps), self._text(shown))

    def _words(self, one: Activation) -> Iterator[str]:
        if one.filter in self.unreal:
            yield "the map holds NaN or infinite values"
        if math.isfinite(one.value):
            yield self._activation_words(one)
        elif one.row is not None:
            yield f"row {one.row}, column {one.column}, where it is not finite"

    def _activation_words(self, one: Activation) -> str:
        from featuremap_cli.drawing.numerals import short

        height, width = self.maps.shape[1:]
        if not self.maps[one.filter].any():
            return "silent: the filter is zero everywhere on this image"
        if one.row is None:
            return (
                f"the whole map, {height} x {width}, each place as strong as its activation, at most {short(one.value)}"
            )
        return f"activation {short(one.value)} at row {one.row}, column {one.column} of {height} x {width}"

    def _remarks(self) -> tuple[str, ...]:
        others = self.projector.others
        if not others:
            return ()
        return (f"{', '.join(others)} with {'its' if len(others) == 1 else 'their'} own gradient",)

    def _text(self, filters: str) -> dict[str, str]:
        return {**self.text, "Image": self.name, "Layer": self.entry.path, "Filter": filters, "Method": self.method}
