"""What `featuremap health` does with each image: run the network, and let the layers' states take its maps in."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from featuremap_cli.commands.options import PIXELS, NetworkOptions

if TYPE_CHECKING:
    from featuremap_cli.analysis.change import ChangeSums, LayerChange
    from featuremap_cli.analysis.health import LayerHealth, LayerState
    from featuremap_cli.arrays import FilterBank, Float32
    from featuremap_cli.batch.job import Outcome, Task
    from featuremap_cli.batch.outputs import OutputFolder
    from featuremap_cli.drawing.page import Sheet
    from featuremap_cli.networks.input import PreparedInput
    from featuremap_cli.networks.layer_entry import LayerEntry
    from featuremap_cli.networks.network import Network


@dataclass(frozen=True)
class HealthJob:
    """A network, or two checkpoints of one, onto one image after another.

    Attributes:
        network: which, and how images come to it.
        layers: what `--layer` says.
        compare: the other checkpoint, as `--model` would name it; None without one.
        batch_size: how many images run together.
        compiled: cut the network down to what is needed and keep that; pays from the second image on.
    """

    network: NetworkOptions
    layers: tuple[str, ...]
    compare: str | None
    batch_size: int
    compiled: bool
    pixel_limit: int = PIXELS

    name = "health"
    # A network uses every core by itself; reading and measuring go on beside it.
    overlaps = True

    def options(self) -> Mapping[str, Any]:
        """Return nothing: no image is ever skipped."""
        return {}

    def open(self) -> HealthSession:
        """Load the network and choose its layers.

        Raises:
            NetworkError: a network or a layer cannot be used, or the two are not of one architecture.
        """
        from featuremap_cli.commands.models import load
        from featuremap_cli.networks.weights import knows_weights

        network = load(self.network)
        selection = network.select(self.layers)
        current = Checkpoint(network, selection.entries)
        other = None
        if self.compare is not None:
            weights = self.network.weights if self.compare.startswith("keras:") else "imagenet"
            options = replace(self.network, model=self.compare, weights=weights)
            other = load_like(current, options)
        notices = (*network.notices, *selection.notices)
        if not knows_weights(network):
            notices += (
                f"{network.name} is a SavedModel, whose graph does not keep weights apart: only maps are measured",
            )
        return HealthSession(self, current, other, Measurement(tuple(entry.path for entry in current.entries)), notices)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A network and those of its layers that are measured."""

    network: Network
    entries: tuple[LayerEntry, ...]

    def maps(self, inputs: Sequence[PreparedInput], batch_size: int, compiled: bool) -> list[list[Float32]]:
        """Return for each image, for each layer, float32 (filters, height, width)."""
        from featuremap_cli.commands.models import run_network

        return run_network(
            self.network, inputs, self.entries, batch_size=batch_size, before_activation=False, compiled=compiled
        )

    def filters(self) -> list[FilterBank | None]:
        """Return each layer's filters; None where it has none that are known."""
        from featuremap_cli.networks.weights import layer_filters

        banks = layer_filters(self.network, self.entries)
        return [banks.get(entry.index) for entry in self.entries]


@dataclass
class Measurement:
    """What has been seen so far, on any number of images; two measurements of the same layers merge into one.

    Attributes:
        layers: their paths.
        states: one a layer; none before the first image, since only its maps tell how many filters there are.
        changes: sums over the maps of both checkpoints, one a layer; none before the first image, or without a second
            checkpoint.
        first: the earliest image and its place in the plan, for the sheet of changes; None likewise.
    """

    layers: tuple[str, ...]
    states: list[LayerState] = field(default_factory=list)
    changes: list[ChangeSums] = field(default_factory=list)
    first: tuple[int, PreparedInput] | None = None

    @property
    def images(self) -> int:
        """How many images were seen."""
        return self.states[0].images if self.states else 0

    def add(
        self, index: int, prepared: PreparedInput, maps: Sequence[Float32], others: Sequence[Float32] | None
    ) -> None:
        """Take in one image.

        Args:
            index: its place in the plan.
            prepared: the image as the network saw it.
            maps: of each layer, float32 (filters, height, width).
            others: of the other checkpoint; None without one.
        """
        from featuremap_cli.analysis.change import map_sums

        self.states = self.states or self._new_states([len(values) for values in maps])
        for state, values in zip(self.states, maps, strict=True):
            state.add(values)
        if others is not None:
            sums = [map_sums(before, after) for before, after in zip(others, maps, strict=True)]
            self._change(sums, (index, prepared))

    def merge(self, other: Measurement) -> None:
        """Take in what another measurement has seen on other images."""
        self.states = self.states or self._new_states([state.filters for state in other.states])
        for state, its in zip(self.states, other.states, strict=False):
            state.merge(its)
        if other.first is not None:
            self._change(other.changes, other.first)

    def _new_states(self, filters: Sequence[int]) -> list[LayerState]:
        from featuremap_cli.analysis import similarity
        from featuremap_cli.analysis.health import LayerState

        compared = similarity.affordable(filters, similarity.MEMORY_BYTES)
        sizes = zip(self.layers, filters, compared, strict=True) if filters else ()
        return [LayerState(layer, count, compared=affordable) for layer, count, affordable in sizes]

    def _change(self, sums: Sequence[ChangeSums], first: tuple[int, PreparedInput]) -> None:
        pairs = zip(self.changes, sums, strict=True)
        self.changes = [one.merge(more) for one, more in pairs] if self.changes else list(sums)
        if self.first is None or first[0] < self.first[0]:
            self.first = first


@dataclass(frozen=True, eq=False)
class HealthSession:
    """A health job at work.

    Attributes:
        job: what to do.
        current: the network that is measured.
        other: the checkpoint it is compared with, the earlier one; None without one.
        measurement: what has been seen so far; `write` adds to it.
        notices: which layers were left out, and the like.
    """

    job: HealthJob
    current: Checkpoint
    other: Checkpoint | None
    measurement: Measurement
    notices: tuple[str, ...] = field(default=())

    def read(self, task: Task) -> PreparedInput:
        """Read an image and make it what the network takes."""
        from featuremap_cli.sources.images import read_image

        options = self.job.network
        image = read_image(task.location.path, pixel_limit=self.job.pixel_limit)
        return self.current.network.prepare(image, options.preprocess, options.fit)

    def compute(self, inputs: Sequence[PreparedInput]) -> Sequence[tuple[Any, ...]]:
        """Run the network, or both; nothing is counted yet, since a batch that fails is run again in pieces."""
        maps = self.current.maps(inputs, self.job.batch_size, self.job.compiled)
        if self.other is None:
            return [(one, values, None) for one, values in zip(inputs, maps, strict=True)]
        return list(zip(inputs, maps, self.other.maps(inputs, self.job.batch_size, self.job.compiled), strict=True))

    def write(self, task: Task, result: tuple[Any, ...], folder: OutputFolder) -> Outcome:
        """Take the image's maps in; no file is written."""
        from featuremap_cli.batch.job import Outcome

        self.measurement.add(task.index, *result)
        return Outcome(())

    @property
    def gathered(self) -> Measurement:
        """What has been seen so far."""
        return self.measurement

    def fresh(self) -> HealthSession:
        """Return a session of the same networks that has seen nothing."""
        return replace(self, measurement=Measurement(self.measurement.layers))

    def take_in(self, gathered: Measurement) -> None:
        """Add what another session has seen on other images."""
        self.measurement.merge(gathered)

    def reports(self) -> list[LayerHealth]:
        """Return what follows from all that was seen, one a layer."""
        return [state.report() for state in self.measurement.states]

    def changes(self) -> tuple[LayerChange, ...]:
        """Return what became of each layer between the other checkpoint and this one; nothing without another."""
        from featuremap_cli.analysis.change import LayerChange, weight_sums

        if self.other is None:
            return ()
        found = []
        banks = zip(self.other.filters(), self.current.filters(), strict=True)
        for state, maps, (before, after) in zip(self.measurement.states, self.measurement.changes, banks, strict=True):
            weights = weight_sums(before, after) if before is not None and after is not None else None
            found.append(
                LayerChange(
                    layer=state.layer,
                    weights=weights.whole() if weights else None,
                    maps=maps.whole(),
                    filter_weights=weights.each() if weights else None,
                    filter_maps=maps.each(),
                )
            )
        return tuple(found)

    def draw_changes(self, changes: tuple[LayerChange, ...], count: int) -> Sheet | None:
        """Draw the filters that changed most, with their maps of the first image; None where nothing changed."""
        from featuremap_cli.analysis.change import most_changed
        from featuremap_cli.commands.health_report import changed_words
        from featuremap_cli.drawing.changes import Pair, draw_changes

        chosen = most_changed(changes, count)
        if self.other is None or self.measurement.first is None or not chosen:
            return None
        image = self.measurement.first[1]
        sides = (self.other, self.current)
        maps = [side.maps([image], 1, compiled=False)[0] for side in sides]
        banks = [side.filters() for side in sides]
        pairs = []
        for one in chosen:
            before, after = (bank[one.place] for bank in banks)
            pairs.append(
                Pair(
                    name=f"{one.layer} · filter {one.index}",
                    words=changed_words(
                        one, (float(before.bias[one.index]), float(after.bias[one.index])) if before and after else None
                    ),
                    filters=(before.weights[..., one.index], after.weights[..., one.index])
                    if before and after
                    else None,
                    maps=(maps[0][one.place][one.index], maps[1][one.place][one.index]),
                )
            )
        title = f"Filters that changed most · {self.other.network.name} to {self.current.network.name}"
        moved = sum(1 for _ in most_changed(changes, sys.maxsize))
        return draw_changes(pairs, title, (f"{len(pairs)} of {moved:,} that changed", f"maps of {image.picture.name}"))


def load_like(current: Checkpoint, options: NetworkOptions) -> Checkpoint:
    """Load another checkpoint of a network's architecture.

    The layers are matched by their places, since Keras numbers the names of layers that were given none.

    Args:
        current: the checkpoint that there is.
        options: which the other is.

    Raises:
        NetworkError: it cannot be loaded, or a layer has another type or shape.
    """
    from featuremap_cli.commands.models import load
    from featuremap_cli.errors import NetworkError

    other = load(options)
    own, its = current.network.layers(), other.layers()
    differing = next(
        (place for place, (one, two) in enumerate(zip(own, its, strict=False)) if not _alike(one, two)), None
    )
    if differing is None and len(own) != len(its):
        differing = min(len(own), len(its))
    checkpoint = Checkpoint(other, tuple(its[entry.index] for entry in current.entries) if differing is None else ())
    if differing is None:
        banks = zip(current.entries, current.filters(), checkpoint.filters(), strict=True)
        differing = next(
            (entry.index for entry, one, two in banks if one and two and one.weights.shape != two.weights.shape), None
        )
    if differing is None:
        return checkpoint
    places = [_words(entries, differing) for entries in (own, its)]
    raise NetworkError(
        f"--compare takes another checkpoint of the same architecture: layer {differing} of {current.network.name} is "
        f"{places[0]}, of {other.name} {places[1]}"
    )


def _alike(one: LayerEntry, two: LayerEntry) -> bool:
    return (one.type, one.output_shape, one.undrawable is None) == (two.type, two.output_shape, two.undrawable is None)


def _words(entries: Sequence[LayerEntry], place: int) -> str:
    if place >= len(entries):
        return "missing"
    shape = " x ".join(map(str, entries[place].output_shape or ()))
    return f"{entries[place].path} ({entries[place].type}, {shape})"
