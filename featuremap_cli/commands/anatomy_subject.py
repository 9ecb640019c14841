"""What `featuremap anatomy` takes apart: a map that a filter makes of an image, or one of a network's layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from featuremap_cli.commands.options import NetworkOptions
from featuremap_cli.errors import NetworkError, UsageError

if TYPE_CHECKING:
    from featuremap_cli.arrays import FeatureMaps, FilterBank, Image
    from featuremap_cli.convolution.anatomy import MapAnatomy
    from featuremap_cli.convolution.operation import Operation, Pool
    from featuremap_cli.convolution.worked_pixel import WorkedPixel
    from featuremap_cli.networks.layer_entry import LayerEntry
    from featuremap_cli.networks.network import Network

Stages = Sequence[tuple[str, "FeatureMaps"]]
Span = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Subject:
    """One feature map, and all that is asked about it.

    Attributes:
        anatomy: how it is made.
        name: of filter and layer, for titles: `alexnet conv3`.
        image: what the filter, or the network, was given.
        every_stage: gives all maps of the layer after each stage.
        sight: gives the part of the image that a value sees, (top, left, bottom, right), ends not included; None
            where it sees nothing of it, or where that cannot be told.
        notices: what the user should know.
    """

    anatomy: MapAnatomy
    name: str
    image: Image
    every_stage: Callable[[], Stages]
    sight: Callable[[WorkedPixel], Span | None]
    notices: tuple[str, ...] = ()


def filter_subject(
    image: Image,
    banks: Sequence[FilterBank],
    index: int,
    operation: Operation,
    engine: Literal["numpy", "tensorflow"],
) -> Subject:
    """Return the map that a filter makes of an image.

    Args:
        image: as the filter is to see it.
        banks: of one SPEC.
        index: which of the maps that they make together.
        operation: how they are applied.
        engine: what adds up the products.

    Raises:
        UsageError: there is no such map, or the filters do not fit the image.
    """
    from featuremap_cli.commands.banks import prepared_words
    from featuremap_cli.convolution import engine as numpy_engine
    from featuremap_cli.convolution.anatomy import anatomy_of_filter, stages_of_all
    from featuremap_cli.convolution.fitting import channel_names, fit_banks

    convolve = numpy_engine.convolve
    if engine == "tensorflow":
        from featuremap_cli.networks import tensorflow_engine

        convolve = tensorflow_engine.convolve
    bank, place = _find(banks, index, image.channels if operation.depthwise else 1)
    fit_banks([bank], image.channels, operation)  # refuses what does not fit before pixels are prepared for it
    pixels = image.pixels if bank.prepares is None else bank.prepares.apply(image.pixels)
    names = channel_names(image.channels, bank.prepares) if bank.prepares is not None else None
    bank = replace(bank, prepares=None)
    anatomy = anatomy_of_filter(pixels, bank, place, operation, convolve, names)
    name = f"{bank.source} {anatomy.met.name}" if anatomy.met.name not in ("", bank.source) else bank.source
    name = " · ".join((name, *prepared_words([bank])))
    return Subject(
        anatomy=anatomy,
        name=name,
        image=image,
        every_stage=lambda: stages_of_all(pixels, bank, operation, convolve),
        sight=lambda worked: worked.span,
        notices=(*bank.notes, *image.notes),
    )


def layer_subject(image: Image, options: NetworkOptions, layer: str, index: int, pool: Pool | None) -> Subject:
    """Return a map of a network's layer.

    Args:
        image: any image.
        options: which network, and how the image comes to it.
        layer: which layer, as `--layer` says it.
        index: which of its maps.
        pool: what is done to the map last.

    Raises:
        NetworkError: the network or the layer cannot be used.
        UsageError: there is no such map.
    """
    from featuremap_cli.commands.models import load

    network = load(options)
    selection = network.select([layer])
    if len(selection.entries) > 1:
        named = ", ".join(entry.path for entry in selection.entries[:3])
        raise NetworkError(
            f"--layer {layer} means {len(selection.entries)} layers of {network.name} ({named}, ...): "
            "expected one; give its path"
        )
    from featuremap_cli.networks.layer_anatomy import run_layer

    entry = selection.entries[0]
    count = None if entry.output_shape is None else entry.output_shape[-1]
    if count is not None and index >= count:  # before the network runs
        raise UsageError(f"--filter {index}: expected 0 to {count - 1}, since {entry.path} makes {count} maps")
    prepared = network.prepare(image, options.preprocess, options.fit)
    run = run_layer(network, entry, prepared, options.preprocess)
    return Subject(
        anatomy=run.anatomy(index, pool),
        name=f"{network.name} {entry.path}",
        image=prepared.picture,
        every_stage=lambda: run.every_stage(pool),
        sight=lambda worked: _sight(network, entry, prepared.picture, worked),
        notices=(*network.notices, *selection.notices, *prepared.picture.notes),
    )


def _find(banks: Sequence[FilterBank], index: int, maps_each: int) -> tuple[FilterBank, int]:
    """The bank that makes a map, and the map's place among that bank's own."""
    start = 0
    for bank in banks:
        maps = bank.filters * (1 if bank.depthwise else maps_each)
        if start <= index < start + maps:
            return bank, index - start
        start += maps
    source = banks[0].source
    raise UsageError(f"--filter {index}: expected 0 to {start - 1}, as {source} makes {start} map{'s' * (start > 1)}")


def _sight(network: Network, entry: LayerEntry, picture: Image, worked: WorkedPixel) -> Span | None:
    """What of the image a value of a network's layer depends on."""
    from featuremap_cli.analysis.visible import visible_box
    from featuremap_cli.networks.records import network_graph

    sized = replace(network.input, height=picture.height, width=picture.width, channels=picture.channels)
    graph = network_graph(replace(network, input=sized))
    place = next((place for place, record in enumerate(graph.records) if record.index == entry.index), None)
    box = None if place is None else visible_box(graph, place, (worked.row, worked.column))
    return None if box is None else (box[0][0], box[1][0], box[0][1] + 1, box[1][1] + 1)
