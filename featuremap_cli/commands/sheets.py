"""From feature maps to the files that show them: what the drawing options ask for."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from featuremap_cli import __version__
from featuremap_cli.batch.outputs import OutputFolder, Written, arrays_file, tile_file
from featuremap_cli.commands.options import PLAIN, DrawingOptions, FilterSheetOptions, PageOptions, SheetOptions
from featuremap_cli.commands.pictures import styled, write_picture
from featuremap_cli.errors import UsageError

if TYPE_CHECKING:
    from featuremap_cli.analysis.map_facts import MapFacts
    from featuremap_cli.analysis.statistics import MapStatistics
    from featuremap_cli.arrays import FilterBank, Float32, Image, LayerMaps
    from featuremap_cli.drawing.page import Sheet
    from featuremap_cli.drawing.style import SheetStyle


@dataclass(frozen=True)
class SheetPlan:
    """What to draw of each layer: the drawing options, read once.

    Attributes:
        style: how a sheet looks.
        with_image: the input image stands at the sheet's start.
        separate, overlay, summary, arrays: as the options of these names.
        page: title, type, format and resolution.
    """

    style: SheetStyle
    with_image: bool
    separate: bool
    overlay: bool
    summary: Literal["pca", "mean", "max"] | None
    arrays: bool
    page: PageOptions = PLAIN


def read_plan(options: SheetOptions, with_image: bool) -> SheetPlan:
    """Read the drawing options.

    Args:
        options: as given on the command line.
        with_image: what holds where neither --with-image nor --no-with-image is given.

    Raises:
        UsageError: an option that cannot be read, or two that exclude each other, before any work is done.
    """
    from featuremap_cli.drawing.palette import colormap
    from featuremap_cli.drawing.scaling import parse_scale
    from featuremap_cli.drawing.style import SheetStyle, parse_select, parse_tile

    own = options if isinstance(options, DrawingOptions) else DrawingOptions()
    if own.overlay and options.summary:
        raise UsageError(
            f"--overlay and --summary {options.summary} make two different sheets: expected one of them, got both; "
            "leave one out"
        )
    colormap(options.cmap, 2)  # an unknown name is refused before any work is done
    channels = options.channels if isinstance(options, FilterSheetOptions) else None
    style = SheetStyle(
        scale=parse_scale(options.scale),
        cmap=options.cmap,
        limit=_limit(options),
        select=parse_select(options.select) if options.select else None,
        sort=options.sort,
        columns=options.columns,
        tile=parse_tile(options.tile),
        labels=options.labels,
        channels=parse_select(channels, "--channels") if channels else None,
    )
    return SheetPlan(
        style=style,
        with_image=with_image if own.with_image is None else own.with_image,
        separate=own.separate,
        overlay=own.overlay,
        summary=options.summary,
        arrays=options.arrays,
        page=options,
    )


def _limit(options: SheetOptions) -> int | None:
    """Return how many maps are drawn at most: whoever selects some wants to see them all."""
    from featuremap_cli.drawing.style import SheetStyle, parse_limit

    if options.limit is not None:
        return parse_limit(options.limit)
    return None if options.select else SheetStyle().limit


def filters_options(options: SheetOptions) -> SheetOptions:
    """Return what drawing options meant for maps say of the sheet of the filters that made them.

    Colors, type, labels, columns, tile size, limit, format and arrays hold for both. Scale, order and choice are left
    out: limits in a map's units say nothing of weights, and the sheet of filters shows every index that a map may have.
    """
    names = ("text_size", "dpi", "format", "cmap", "labels", "columns", "tile", "limit", "arrays")
    kept = {name: getattr(options, name) for name in names}
    return replace(SheetOptions(), **kept)


@dataclass(frozen=True)
class LayerFiles:
    """What was written for one layer: the files, and what the user should know."""

    written: tuple[Written, ...]
    notices: tuple[str, ...]


def write_maps(
    maps: LayerMaps, image: Image, title: str, plan: SheetPlan, command: str, sheet_file: str, folder: OutputFolder
) -> tuple[LayerFiles, MapStatistics]:
    """Draw the maps of one layer and write all that the plan asks for; the sheet is the first file.

    Args:
        maps: all maps of the layer.
        image: the input as the filters saw it.
        title: the sheet's first line.
        plan: what to draw.
        command: the command line that makes the picture again, for its text chunks.
        sheet_file: the sheet's name below the output folder.
        folder: where to write.

    Returns:
        The files, and the statistics of all maps.

    Raises:
        OutputError: a file cannot be written.
        UsageError: a selection that the layer does not have.
    """
    from featuremap_cli.analysis.statistics import map_statistics
    from featuremap_cli.drawing.runs import escaped_notices

    said = {"Image": image.name, "Layer": maps.layer}
    with styled(plan.page):
        sheet, facts = _sheet(maps, image, title, plan)
    written = [write_picture(folder, sheet_file, sheet.picture, _provenance(sheet, command, said), plan.page)]
    if plan.separate:
        from featuremap_cli.drawing.separate import draw_tiles

        for index, tile in draw_tiles(maps, plan.style, facts):
            name = tile_file(sheet_file, index, maps.names[index])
            text = _provenance(tile, command, {**said, "Filter": str(index)})
            written.append(write_picture(folder, name, tile.picture, text, plan.page))
    if plan.arrays:
        arrays = {"maps": _values(maps), "names": _texts(maps.names), "layer": _text(maps.layer)}
        written.append(folder.write(arrays_file(sheet_file), npz(arrays)))
    return LayerFiles(tuple(written), (*sheet.notes, *escaped_notices())), map_statistics(maps, facts)


def write_filters(
    banks: Sequence[FilterBank], title: str, plan: SheetPlan, command: str, sheet_file: str, folder: OutputFolder
) -> LayerFiles:
    """Draw filter banks on one sheet and write it, with their values where the plan asks for arrays.

    Raises:
        OutputError: a file cannot be written.
    """
    from featuremap_cli.convolution.engine import layer_name
    from featuremap_cli.drawing.filters import draw_filters
    from featuremap_cli.drawing.runs import escaped_notices
    from featuremap_cli.sources.kernels import join_banks

    with styled(plan.page):
        sheet = draw_filters(banks, plan.style, title, summary=plan.summary)
    facts = {"Layer": layer_name(banks)}
    written = [write_picture(folder, sheet_file, sheet.picture, _provenance(sheet, command, facts), plan.page)]
    if plan.arrays:
        joined = join_banks(banks)
        for number, bank in enumerate(joined):
            # One file holds filters of one size: more sizes, more files, numbered.
            name = arrays_file(sheet_file if len(joined) == 1 else f"{sheet_file.removesuffix('.png')}.{number}.png")
            written.append(folder.write(name, npz(bank_arrays(bank))))
    return LayerFiles(tuple(written), (*sheet.notes, *escaped_notices()))


def bank_arrays(bank: FilterBank) -> dict[str, object]:
    """Return what `--arrays` writes of a filter bank; `filters FILE.npz` reads the same bank back."""
    import numpy as np

    return {
        "filters": bank.weights,
        "bias": bank.bias,
        "names": _texts(bank.names),
        "layer": _text(bank.source),
        "every_channel": np.asarray(bank.every_channel),
    }


def npz(arrays: Mapping[str, object]) -> bytes:
    """Return the arrays as the content of an .npz file, the same bytes for the same arrays."""
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: np.asarray(value) for name, value in arrays.items()})
    return buffer.getvalue()


def _values(maps: LayerMaps) -> Float32:
    """Return maps (filters, height, width), put together where they come in bands."""
    import numpy as np

    from featuremap_cli.arrays import FeatureMaps

    if isinstance(maps, FeatureMaps):
        return maps.maps
    values = np.empty((maps.filters, *maps.size), np.float32)
    for first, band in maps.bands():
        values[:, first : first + band.shape[1]] = band
    return values


def _sheet(maps: LayerMaps, image: Image, title: str, plan: SheetPlan) -> tuple[Sheet, Sequence[MapFacts]]:
    """Return the sheet, and what was found out about each map on the way."""
    from featuremap_cli.analysis.map_facts import survey

    shown_image, squares = image if plan.with_image else None, plan.style.sort == "std"
    if plan.summary:
        from featuremap_cli.drawing.summary import draw_summary

        return draw_summary(maps, plan.summary, plan.style, title, shown_image), survey(maps, squares)
    if plan.overlay:
        from featuremap_cli.drawing.overlay import draw_overlay

        facts = survey(maps, squares)
        return draw_overlay(maps, plan.style, title, image, facts=facts), facts
    from featuremap_cli.drawing.sheet import draw_maps, read_for_sheet

    reading = read_for_sheet(maps, plan.style, title, shown_image)
    return draw_maps(maps, plan.style, title, shown_image, reading=reading), reading.facts


def _provenance(sheet: Sheet, command: str, facts: Mapping[str, str]) -> dict[str, str]:
    return {"Software": f"featuremap {__version__}", "Command": command, **facts, **sheet.text}


def _texts(names: Sequence[str]) -> object:
    import numpy as np

    return np.asarray(list(names), dtype=np.str_)


def _text(name: str) -> object:
    import numpy as np

    return np.asarray(name, dtype=np.str_)
