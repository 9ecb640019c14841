"""What `featuremap patches` does with each image: run the network, and keep the places where filters fire most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from featuremap_cli.commands.options import PIXELS, NetworkOptions

if TYPE_CHECKING:
    from featuremap_cli.analysis.excitation import Excitation
    from featuremap_cli.arrays import Float32
    from featuremap_cli.batch.job import Outcome, Task
    from featuremap_cli.batch.outputs import OutputFolder
    from featuremap_cli.commands.receptive_fields import LayerField
    from featuremap_cli.networks.input import PreparedInput
    from featuremap_cli.networks.layer_entry import LayerEntry
    from featuremap_cli.networks.network import Network

_SPARE_SOURCES = 4096
# Fields of more than this share of the image's side may overlap where nobody says, by half.
_LARGE_FIELD, _OVERLAP_OF_LARGE = 1 / 3, 0.5


@dataclass(frozen=True)
class PatchesJob:
    """A network onto one image after another.

    Attributes:
        network: which, and how images come to it.
        layers: what `--layer` says.
        filters: what `--filters` says.
        limit: how many filters of a layer at most; None for all.
        top: places for each filter.
        per_image: how many of them in one image.
        overlap: the share of a field, 0 to 1, that two of them may have in common; None: by the size of the fields.
        batch_size: how many images run together.
        compiled: cut the network down to what is needed and keep that; pays from the second image on.
        pixel_limit: the most pixels of an image.
    """

    network: NetworkOptions
    layers: tuple[str, ...]
    filters: str
    limit: int | None
    top: int
    per_image: int
    overlap: float | None
    batch_size: int
    compiled: bool
    pixel_limit: int = PIXELS

    name = "patches"
    # A network uses every core by itself; reading goes on beside it.
    overlaps = True

    def options(self) -> Mapping[str, Any]:
        """Return nothing: no image is ever skipped."""
        return {}

    def open(self) -> PatchesSession:
        """Load the network and choose its layers and filters.

        Raises:
            NetworkError: the network or a layer cannot be used.
            UsageError: filters that a layer does not have.
        """
        from featuremap_cli.commands.models import load

        # Places can be compared at one size only.
        network = load(self.network, of_one_size=True)
        height, width = int(network.input.height or 0), int(network.input.width or 0)
        selection = network.select(self.layers)
        watches = tuple(self._watch(network, entry, (height, width)) for entry in selection.entries)
        return PatchesSession(self, network, watches, (*network.notices, *selection.notices))

    def _watch(self, network: Network, entry: LayerEntry, picture: tuple[int, int]) -> LayerWatch:
        from featuremap_cli.analysis.excitation import Excitation
        from featuremap_cli.commands.filter_words import read_filters
        from featuremap_cli.commands.receptive_fields import layer_field
        from featuremap_cli.errors import NetworkError

        shape = entry.output_shape
        if shape is None or None in shape:
            raise NetworkError(
                f"{entry.path} in {network.name} does not say how large its maps are: choose another layer"
            )
        rows, columns, count = (int(size or 0) for size in shape)
        chosen = read_filters(self.filters, count, entry.path)
        seen = layer_field(network, entry, picture)
        overlap = _usual_overlap(seen) if self.overlap is None else self.overlap
        fields = seen.fields((rows, columns))
        excitation = Excitation(chosen[: self.limit], self.top, self.per_image, fields, overlap)
        return LayerWatch(entry, count, len(chosen), seen, overlap, excitation)


def _usual_overlap(seen: LayerField) -> float:
    """Return how much fields may have in common: of large ones hardly two would be clear of each other."""
    share = max(field / side for field, side in zip(seen.size, seen.picture, strict=True))
    return _OVERLAP_OF_LARGE if share > _LARGE_FIELD else 0.0


@dataclass(frozen=True, eq=False)
class LayerWatch:
    """One layer whose filters are watched.

    Attributes:
        entry: the layer.
        count: how many filters it has.
        chosen: how many were asked for, before the limit.
        field: what its positions see.
        overlap: the share of a field that two places of a filter in one image may have in common.
        excitation: where its filters fired most so far.
    """

    entry: LayerEntry
    count: int
    chosen: int
    field: LayerField
    overlap: float
    excitation: Excitation


@dataclass(frozen=True)
class Source:
    """An image that holds a place.

    Attributes:
        task: which image.
        size: its (width, height) in pixels.
    """

    task: Task
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class PatchesSession:
    """A patches job at work.

    Attributes:
        job: what to do.
        network: ready to run.
        watches: the layers.
        notices: which layers were left out, and the like.
        sources: by number, the images that hold a place, and some that no longer do.
    """

    job: PatchesJob
    network: Network
    watches: tuple[LayerWatch, ...]
    notices: tuple[str, ...]
    sources: dict[int, Source] = field(default_factory=dict)

    def read(self, task: Task) -> tuple[PreparedInput, tuple[int, int]]:
        """Read an image and make it what the network takes; return it with the (width, height) it had."""
        from featuremap_cli.sources.images import read_image

        image = read_image(task.location.path, pixel_limit=self.job.pixel_limit)
        prepared = self.network.prepare(image, self.job.network.preprocess, self.job.network.fit)
        return prepared, (image.width, image.height)

    def compute(self, inputs: Sequence[tuple[PreparedInput, tuple[int, int]]]) -> Sequence[tuple[Any, ...]]:
        """Run the network; nothing is kept yet, since a batch that fails is run again in pieces."""
        from featuremap_cli.commands.models import run_network

        maps = run_network(
            self.network,
            [prepared for prepared, _ in inputs],
            [watch.entry for watch in self.watches],
            batch_size=self.job.batch_size,
            before_activation=False,
            compiled=self.job.compiled,
        )
        return [(size, values) for (_, size), values in zip(inputs, maps, strict=True)]

    def write(self, task: Task, result: tuple[tuple[int, int], list[Float32]], folder: OutputFolder) -> Outcome:
        """Take the image's maps in; no file is written."""
        from featuremap_cli.batch.job import Outcome

        size, maps = result
        for watch, values in zip(self.watches, maps, strict=True):
            watch.excitation.add(task.index, values)
        self.sources[task.index] = Source(task, size)
        self._forget()
        return Outcome(())

    @property
    def gathered(self) -> tuple[tuple[Excitation, ...], dict[int, Source]]:
        """What each layer has kept, and the images that hold a place."""
        held = {image for watch in self.watches for image in watch.excitation.images()}
        sources = {image: source for image, source in self.sources.items() if image in held}
        return tuple(watch.excitation for watch in self.watches), sources

    def fresh(self) -> PatchesSession:
        """Return a session of the same network that has seen nothing."""
        watches = tuple(replace(watch, excitation=watch.excitation.fresh()) for watch in self.watches)
        return replace(self, watches=watches, sources={})

    def take_in(self, gathered: tuple[tuple[Excitation, ...], dict[int, Source]]) -> None:
        """Add what another session has kept of other images."""
        excitations, sources = gathered
        for watch, more in zip(self.watches, excitations, strict=True):
            watch.excitation.merge(more)
        self.sources.update(sources)
        self._forget()

    def _forget(self) -> None:
        """Forget images that hold no place any more, now and then: there may be millions of images."""
        held = sum(len(watch.excitation.filters) * watch.excitation.top for watch in self.watches)
        if len(self.sources) > 2 * held + _SPARE_SOURCES:
            kept = {image for watch in self.watches for image in watch.excitation.images()}
            for image in self.sources.keys() - kept:
                del self.sources[image]
