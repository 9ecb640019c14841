"""The picture of `layers --show`: what one position of each layer sees of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featuremap_cli import __version__
from featuremap_cli.commands.console import tell
from featuremap_cli.commands.options import PLAIN, PageOptions
from featuremap_cli.commands.pictures import styled, write_picture
from featuremap_cli.errors import UsageError

if TYPE_CHECKING:
    from featuremap_cli.analysis.description import Description, LayerRow
    from featuremap_cli.arrays import Image
    from featuremap_cli.drawing.frames import FieldFrame

MOST_FRAMES = 64


@dataclass(frozen=True)
class FieldPlan:
    """What `--show` asks for.

    Attributes:
        position: (row, column) in each layer's output; the center where None.
        stem: the image's name for its outputs.
        out: the output folder.
        command: the command line that makes the picture again, for its text chunks.
        page: title, type, format and resolution.
    """

    position: tuple[int, int] | None
    stem: str
    out: str
    command: str
    page: PageOptions = PLAIN


def write_fields(description: Description, rows: Sequence[LayerRow], image: Image, plan: FieldPlan) -> str:
    """Draw the fields of these layers on the image and write the picture.

    Args:
        description: the network, for images of this size.
        rows: the chosen layers.
        image: as the network sees it.
        plan: where, and what of.

    Returns:
        the path of the file.

    Raises:
        UsageError: no layer whose field is known, or a position that a layer does not have.
        OutputError: the picture cannot be written.
    """
    from featuremap_cli.batch.outputs import OutputFolder, fields_file
    from featuremap_cli.drawing.frames import draw_fields
    from featuremap_cli.drawing.runs import escaped_notices

    known = [row for row in rows if row.field.axes is not None]
    if len(known) < len(rows):
        tell(f"{len(rows) - len(known)} of {len(rows)} layers have no known receptive field and are not drawn")
    if not known:
        raise UsageError("none of the chosen layers has a known receptive field: choose others with --layer")
    frames = [_frame(description, row, plan.position) for row in _spread(known)]
    network = description.graph.name
    text = {
        "Software": f"featuremap {__version__}",
        "Command": plan.command,
        "Image": image.name,
        "Layer": ", ".join(frame.layer for frame in frames),
    }
    with styled(plan.page):
        sheet = draw_fields(image, frames, f"Receptive fields · {image.name} · {network}", text)
    folder = OutputFolder(plan.out)
    written = write_picture(folder, fields_file(plan.stem), sheet, {}, plan.page)
    for notice in escaped_notices():
        tell(notice)
    return folder.path(written.relative)


def _spread(rows: Sequence[LayerRow]) -> Sequence[LayerRow]:
    """The rows, or as many as fit on a page, evenly from first to last."""
    if len(rows) <= MOST_FRAMES:
        return rows
    tell(f"{MOST_FRAMES} of {len(rows)} layers drawn, spread from first to last; --layer chooses others")
    last = len(rows) - 1
    return [rows[round(place * last / (MOST_FRAMES - 1))] for place in range(MOST_FRAMES)]


def _frame(description: Description, row: LayerRow, position: tuple[int, int] | None) -> FieldFrame:
    from featuremap_cli.analysis.visible import visible_box
    from featuremap_cli.drawing.cutout import Window
    from featuremap_cli.drawing.frames import FieldFrame

    record, (rows, columns) = row.record, _sizes(row)
    row_place, column_place = position or (rows // 2, columns // 2)
    if row_place >= rows or column_place >= columns:
        raise UsageError(
            f"{record.path} has {rows} x {columns} positions: expected --at from 0,0 to {rows - 1},{columns - 1}, got "
            f"{row_place},{column_place}; --layer chooses layers"
        )
    box = visible_box(description.graph, description.graph.records.index(record), (row_place, column_place))
    seen = None if box is None else Window(box[0][0], box[1][0], box[0][1] + 1, box[1][1] + 1)
    height, width = row.field.axes or (None, None)
    size = (height.size, width.size) if height is not None and width is not None else (0, 0)
    return FieldFrame(record.index or 0, record.path, (row_place, column_place), size, seen)


def _sizes(row: LayerRow) -> tuple[int, int]:
    """(height, width) of a layer's output, whose field is known."""
    shape = row.record.facts.output_shape or (1, 1, 1)
    return shape[0], shape[1]
