"""What `featuremap patches` writes: the few images that hold a place are read again, cut out and projected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from featuremap_cli.commands.options import PLAIN, PageOptions
from featuremap_cli.commands.pictures import styled, write_picture
from featuremap_cli.errors import ImageError

if TYPE_CHECKING:
    from featuremap_cli.analysis.excitation import Response
    from featuremap_cli.arrays import Float32, Image
    from featuremap_cli.batch.outputs import OutputFolder, Written
    from featuremap_cli.commands.patches_job import LayerWatch, PatchesSession
    from featuremap_cli.drawing.cutout import Window
    from featuremap_cli.drawing.page import Sheet
    from featuremap_cli.drawing.patches import PatchOrder, PatchSheet
    from featuremap_cli.drawing.style import Tile
    from featuremap_cli.graph.gradient_rules.backward import Method
    from featuremap_cli.networks.projection import Projector
    from featuremap_cli.sources.placement import Box, Placement


@dataclass(frozen=True)
class PatchesStyle:
    """How the sheets look.

    Attributes:
        method: of the projections.
        boxes: whether each box is drawn on its image too.
        columns: filters in a row, or None.
        tile: the size of a patch.
        text: for the PNGs' text chunks.
        page: title, type, format and resolution.
    """

    method: Method
    boxes: bool
    columns: int | None
    tile: Tile
    text: Mapping[str, str]
    page: PageOptions = PLAIN


@dataclass(frozen=True, eq=False)
class LayerPatches:
    """What was found in one layer, ready to be drawn and written.

    Args:
        session: the job after all images.
        watch: the layer.
        images: how many images were seen.
        style: how the sheets look.
    """

    session: PatchesSession
    watch: LayerWatch
    images: int
    style: PatchesStyle
    _lost: list[str] = field(default_factory=list, init=False)

    def lines(self) -> list[dict[str, Any]]:
        """Return what `patches.jsonl` says: an object a patch, filter by filter, the strongest first."""
        return [
            {
                "filter": one.filter,
                "rank": one.rank,
                "image": self.session.sources[one.image].task.location.path,
                "row": one.row,
                "column": one.column,
                "value": one.value,
                "box": list(self._box(one)),
            }
            for places in self.watch.excitation.responses()
            for one in places
        ]

    def write(self, folder: OutputFolder) -> tuple[list[Written], tuple[str, ...]]:
        """Write the sheet, the lines, and where they are wanted the boxes; return the files and lines for stderr.

        Raises:
            OutputError: a file cannot be written.
        """
        from featuremap_cli.batch.outputs import patches_file

        path = self.watch.entry.path
        with styled(self.style.page):
            sheet = self._draw()
            boxes = list(self._draw_boxes()) if self.style.boxes else []
        lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self.lines())
        written = [
            write_picture(folder, patches_file(path), sheet, {}, self.style.page),
            folder.write(patches_file(path, ".jsonl"), lines.encode("utf-8", "surrogateescape")),
        ]
        written += [write_picture(folder, name, one, self.style.text, self.style.page) for name, one in boxes]
        return written, (*sheet.notes, *dict.fromkeys(self._lost))

    def _box(self, one: Response) -> Box:
        """The field of a place, in pixels of its image: (left, top, right, bottom)."""
        window = self.watch.field.window(one.row, one.column)
        return self._placement(one).to_source((window.left, window.top, window.right, window.bottom))

    def _seen(self, one: Response) -> Box:
        """The part of it that the network was given."""
        box, given = self._box(one), self._placement(one).source
        return max(box[0], given[0]), max(box[1], given[1]), min(box[2], given[2]), min(box[3], given[3])

    def _placement(self, one: Response) -> Placement:
        from featuremap_cli.sources.placement import placement

        height, width = self.watch.field.picture
        return placement(self.session.sources[one.image].size, (width, height), self.session.job.network.fit)

    def _window(self, one: Response) -> Window:
        return self.watch.field.window(one.row, one.column).within(self.watch.field.picture)

    def _draw(self) -> Sheet:
        from featuremap_cli.drawing.patches import PatchSheet
        from featuremap_cli.networks.projection import make_projector

        network = self.session.network
        projector = make_projector(network, self.watch.entry, self.style.method, self.session.job.network.preprocess)
        sheet = PatchSheet(self._order(projector))
        waiting: list[tuple[int, Response, Image, Float32]] = []
        for block, one, picture, array in self._pictures():
            waiting.append((block, one, picture, array))
            if len(waiting) == self.session.job.network.batch_size:
                self._put(sheet, projector, waiting)
                waiting.clear()
        if waiting:
            self._put(sheet, projector, waiting)
        text = {**self.style.text, "Layer": self.watch.entry.path, "Method": self.style.method, "Shown": self._shown()}
        return sheet.sheet(self.watch.count, text, (*self._notes(), *self._pink_notes(sheet.pink)))

    def _put(
        self, sheet: PatchSheet, projector: Projector, patches: Sequence[tuple[int, Response, Image, Float32]]
    ) -> None:
        """Project some places together and paint them."""
        import numpy as np

        from featuremap_cli.networks.projection import Place

        batch = np.concatenate([array for *_, array in patches])
        places = [Place(one.filter, one.row, one.column) for _, one, *_ in patches]
        for (block, one, picture, _), projection in zip(patches, projector.project(batch, places), strict=True):
            sheet.put(block, one.rank - 1, picture, projection, self._window(one))

    def _pictures(self) -> Iterator[tuple[int, Response, Image, Float32]]:
        """Each place with its filter's block, the picture and the network's input, image by image."""
        held: dict[int, list[tuple[int, Response]]] = {}
        for block, places in enumerate(self.watch.excitation.responses()):
            for one in places:
                held.setdefault(one.image, []).append((block, one))
        for image in sorted(held):
            try:
                prepared, _ = self.session.read(self.session.sources[image].task)
            except ImageError as error:
                self._lost.append(f"{error}; its patches are left empty")
                continue
            for block, one in held[image]:
                yield block, one, prepared.picture, prepared.array

    def _order(self, projector: Projector) -> PatchOrder:
        from featuremap_cli.drawing.cutout import whole
        from featuremap_cli.drawing.patches import FilterPlaces, PatchOrder

        responses, unreal = self.watch.excitation.responses(), self.watch.excitation.unreal()
        filters = tuple(
            FilterPlaces(index, tuple(one.value for one in places), index in unreal)
            for index, places in zip(self.watch.excitation.filters, responses, strict=True)
        )
        picture = self.watch.field.picture
        size = min(self.watch.field.size[0], picture[0]), min(self.watch.field.size[1], picture[1])
        images = f"{self.images:,} image{'s' if self.images != 1 else ''}"
        return PatchOrder(
            title=f"Patches · {self.session.network.name} {self.watch.entry.path} · {images}",
            details=self._details(projector.others, size == whole(picture).size),
            filters=filters,
            size=size,
            columns=self.style.columns,
            tile=self.style.tile,
        )

    def _details(self, others: Sequence[str], is_whole: bool) -> tuple[str, ...]:
        from featuremap_cli.drawing.cutout import CLIPPED

        height, width = self.watch.field.size
        seen = "the whole image" if is_whole else f"{height} x {width} pixels"
        hatched = "" if is_whole else ", hatched outside the image"
        own = f"{', '.join(others)} with {'its' if len(others) == 1 else 'their'} own gradient" if others else ""
        return (
            f"{self._shown()} filters",
            self._places_words(),
            f"left: {self.style.method} projections, gray is zero, each on its own scale, {CLIPPED:.1%} clipped",
            f"right: what the places see, {seen}{hatched}",
            own,
            self._unreal(),
        )

    def _places_words(self) -> str:
        top = self.watch.excitation.top
        if top == 1:
            return "the place where each fires most"
        if any(len(places) < top for places in self.watch.excitation.responses()):
            return f"up to {top} places where each fires most{self._overlap_words()}"
        return f"the {top} places where each fires most{self._overlap_words()}"

    def _overlap_words(self) -> str:
        if min(self.session.job.per_image, top := self.watch.excitation.top) == 1:
            return ", one an image" if top > 1 else ""
        if self.watch.overlap == 0:
            return " that do not overlap"
        return f", overlapping by at most {self.watch.overlap:.0%}"

    def _unreal(self) -> str:
        from featuremap_cli.drawing.patches import unreal_words

        return unreal_words(self.watch.excitation.unreal())

    def _shown(self) -> str:
        return f"{len(self.watch.excitation.filters)} of {self.watch.count}"

    def _notes(self) -> tuple[str, ...]:
        path, shown, chosen = self.watch.entry.path, len(self.watch.excitation.filters), self.watch.chosen
        lines, unreal = [], self.watch.excitation.unreal()
        if shown < chosen:
            lines.append(f"{path}: {shown} of {chosen} filters shown; --limit all takes every one")
        if self.watch.field.axes is None:
            lines.append(f"{path}: its receptive field is not known; whole images are shown, one place an image")
        silent = [
            str(index)
            for index, places in zip(self.watch.excitation.filters, self.watch.excitation.responses(), strict=True)
            if not places and index not in unreal
        ]
        if silent:
            named = ", ".join(silent[:8]) + (", ..." if len(silent) > 8 else "")
            lines.append(f"{path}: filters that never fire: {named} ({len(silent)} of {shown})")
        if unreal:
            lines.append(f"{path}: {self._unreal()} ({len(unreal)} of {shown}); only finite values are ranked")
        return tuple(lines)

    def _pink_notes(self, pink: Sequence[int]) -> Iterator[str]:
        """NaN spreads through a layer's weights into the projections of filters whose own maps are finite."""
        if pink:
            named = ", ".join(map(str, pink[:8])) + (", ..." if len(pink) > 8 else "")
            path = self.watch.entry.path
            yield f"{path}: NaN or infinite values in projections of {named}, drawn in pink"

    def _draw_boxes(self) -> Iterator[tuple[str, Sheet]]:
        """For each image that holds a place, a file's name and the image with its boxes."""
        from featuremap_cli.batch.outputs import patches_file
        from featuremap_cli.drawing.cutout import Window
        from featuremap_cli.drawing.patches import Spot, draw_boxes
        from featuremap_cli.sources.images import read_image

        for number in self.watch.excitation.images():
            task = self.session.sources[number].task
            try:
                image = read_image(task.location.path, pixel_limit=self.session.job.pixel_limit)
            except ImageError as error:
                self._lost.append(f"{error}; its boxes are not drawn")
                continue
            spots = []
            for one in (one for places in self.watch.excitation.responses() for one in places if one.image == number):
                left, top, right, bottom = self._seen(one)
                spots.append(Spot(one.filter, one.rank, one.value, Window(top, left, bottom, right)))
            title = f"Places · {task.location.name} · {self.session.network.name} {self.watch.entry.path}"
            details = (f"where filters fire most, {self.images:,} images seen", "above each: filter, activation, rank")
            yield patches_file(self.watch.entry.path, f"/{task.stem}.png"), draw_boxes(image, spots, title, details)
