"""How one feature map is made, in one picture: channels times kernels, products, sum, bias, activation, pool."""

from __future__ import annotations

import json
import math

from featuremap_cli.drawing.anatomy_columns import (
    SIGNED_COLORMAP,
    AnatomyPicture,
    Scales,
    largest_columns,
    rows_count,
)
from featuremap_cli.drawing.canvas import SOFT, Canvas, color_canvas
from featuremap_cli.drawing.equation import Rows, foot_height
from featuremap_cli.drawing.extents import measure
from featuremap_cli.drawing.grid import LARGEST_SHEET
from featuremap_cli.drawing.page import REFERENCE_WIDTH, Heading, Measures, Sheet
from featuremap_cli.drawing.text import line_height, text_width
from featuremap_cli.drawing.worked_panel import WorkedPanel, worked_panel
from featuremap_cli.errors import UsageError

_WIDTH = 2400
_NARROWEST = 1400


def draw_anatomy(picture: AnatomyPicture) -> Sheet:
    """Draw how one feature map is made.

    Returns:
        A sheet at most about 2,400 pixels wide, in RGB; its type is at least 13 pixels high when shown 1,200 wide.

    Raises:
        UsageError: there is no colormap of that name, or more channels are shown than a picture has room for.
    """
    measures = Measures.at(_WIDTH / REFERENCE_WIDTH)
    scales = Scales.of(picture)
    room = _WIDTH - 2 * measures.margin
    columns, row_height = largest_columns(picture, scales, measures, room)
    taken = sum(column.width for column in columns)
    width = max(taken, room if picture.worked is not None else _NARROWEST)
    panel = _panel(picture, scales, measures, width)
    details = (_channels(picture), *_operation_words(picture), _legend(picture.cmap), clipping_words(scales))
    heading = Heading(picture.title, details, missing=_unreal(picture))
    top = measures.margin + heading.height(measures, width) + line_height(measures.label) + measures.gap
    rows = Rows(top, row_height, 2 * measures.gap, rows_count(picture.parts))
    foot = rows.bottom + foot_height(measures) + 2 * measures.gap
    bottom = foot + (panel.height if panel else 0)
    _require_room(width + 2 * measures.margin, bottom + measures.margin, rows.count)
    canvas = color_canvas(width + 2 * measures.margin, bottom + measures.margin)
    heading.draw(canvas, measures, width)
    left = measures.margin + (width - taken) // 2
    start = left
    for column in columns:
        column.draw(canvas, left, rows)
        left += column.width
    if picture.parts.rest is not None:
        # from the row's name up to the sign before its product
        _write_rest(canvas, start + sum(column.width for column in columns[:4]), rows, picture, scales, measures)
    if panel is not None:
        panel.draw(canvas, measures.margin, foot)
    return Sheet(
        canvas.picture(),
        {
            "Scale": "symmetric",
            "Limits": json.dumps(scales.limits()),
            "Colormap": picture.cmap,
            "Shown": ",".join(str(picture.anatomy.met.channels[position]) for position in picture.parts.shown),
        },
    )


def _require_room(width: int, height: int, rows: int) -> None:
    if width * height > LARGEST_SHEET:
        raise UsageError(
            f"{rows:,} channels make a picture of {width:,} x {height:,} pixels, larger than other programs open; "
            "take fewer with --channels"
        )


def _panel(picture: AnatomyPicture, scales: Scales, measures: Measures, width: int) -> WorkedPanel | None:
    if picture.worked is None:
        return None
    shadings = scales.input, scales.kernel
    return worked_panel(picture.anatomy, picture.parts, picture.worked, shadings, picture.framed, measures, width)


def _channels(picture: AnatomyPicture) -> str:
    """How many channels are shown."""
    shown, others = len(picture.parts.shown), picture.parts.others
    if not others:
        return f"{shown} input channel{'s' * (shown > 1)}"
    where = "" if picture.worked is None else f" at {picture.worked.row},{picture.worked.column}"
    which = "the input channel" if shown == 1 else f"the {shown} input channels"
    return f"{which} of {shown + others:,} that contribute{'s' * (shown == 1)} most{where}"


def _operation_words(picture: AnatomyPicture) -> list[str]:
    """How the filter is applied, where that is not plain: a step of one, zeros around."""
    operation = picture.anatomy.operation
    padding = f"padding {operation.padding}"
    words = ["transposed"] if operation.transpose else []
    words.append(padding if operation.border == "zero" else f"{padding} by {operation.border}")
    for name, (down, right) in (("stride", operation.strides), ("dilation", operation.dilation)):
        if (down, right) != (1, 1):
            words.append(f"{name} {down}" if down == right else f"{name} {down},{right}")
    return [*words, "kernels turned by half a turn"] if operation.flip else words


def _legend(cmap: str) -> str:
    if cmap == SIGNED_COLORMAP:
        return "white is zero, red above, blue below"
    return f"zero is the middle of {cmap}"


def _unreal(picture: AnatomyPicture) -> bool:
    """Whether the picture shows NaN or infinite values."""
    anatomy, shown = picture.anatomy, list(picture.parts.shown)
    drawn = [anatomy.pixels[..., shown], anatomy.laid_weights[..., shown], anatomy.products[shown]]
    return any(measure(values).unreal for values in (*drawn, *(stage.values for stage in anatomy.stages)))


def clipping_words(scales: Scales) -> str:
    """Return what the bars do not cover, in words and in percent rounded up; an empty text where they cover all."""
    if not scales.clipped:
        return ""
    # rounded up, as it is the most; the inner rounding takes away what floating point adds
    percent = math.ceil(round(10_000 * scales.clipped, 6)) / 100
    return f"at most {percent:g}% of a map's values are beyond its bar's ends"


def _write_rest(
    canvas: Canvas, right: int, rows: Rows, picture: AnatomyPicture, scales: Scales, measures: Measures
) -> None:
    """Say in the last row, up to `right`, what its tile is."""
    lines = [f"the other {picture.parts.others:,} channels,", "each times its kernel, added up"]
    if scales.large_rest:
        lines.append("(on the scale of the sum)")
    size, tall = measures.label, line_height(measures.label)
    top = rows.center(rows.count - 1) - len(lines) * tall // 2
    for number, text in enumerate(lines):
        canvas.write(text, right - measures.gap - text_width(text, size), top + number * tall, size, SOFT)
