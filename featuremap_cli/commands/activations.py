"""`featuremap activations`: what a network's layers make of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featuremap_cli.commands.options import (
    NETWORK,
    DrawingOptions,
    Images,
    Layers,
    NetworkOptions,
    RunOptions,
    read_pixel_limit,
)
from featuremap_cli.errors import NetworkError

if TYPE_CHECKING:
    from featuremap_cli.arrays import Float32, Image
    from featuremap_cli.batch.job import Outcome, Task
    from featuremap_cli.batch.outputs import OutputFolder
    from featuremap_cli.commands.sheets import LayerFiles, SheetPlan
    from featuremap_cli.networks.input import PreparedInput
    from featuremap_cli.networks.network import Network
    from featuremap_cli.networks.selection import Selection

BeforeActivation = Annotated[
    bool,
    typer.Option(
        "--before-activation",
        help="Where a convolution has its activation inside, show the values before it.",
        rich_help_panel=NETWORK,
    ),
]


def activations(
    images: Images,
    network: NetworkOptions,
    drawing: DrawingOptions,
    batch: RunOptions,
    layer: Layers = None,
    before_activation: BeforeActivation = False,
) -> None:
    """Run a network on images and draw the feature maps of its layers.

    Examples:

    - `featuremap activations sample:china -m alexnet`
    - `featuremap activations photos/ -m keras:ResNet50 -l "conv2_block*_conv" -o maps`
    - `featuremap activations a.jpg -m model.keras -l all --scale layer --cmap viridis`
    """
    from featuremap_cli.commands.models import content_digest
    from featuremap_cli.commands.provenance import option_words
    from featuremap_cli.commands.run import find, refuse_gallery_without_pictures, run_job
    from featuremap_cli.commands.sheets import read_plan

    refuse_gallery_without_pictures(batch, drawing)
    layers = tuple(layer or ())
    words = [word for pattern in layers for word in ("-l", pattern)]
    if before_activation:
        words.append("--before-activation")
    found = find(images, batch)
    # Whether there are several: a list that is being written is not waited for beyond its second line.
    first = list(islice(found, 2))
    job = ActivationsJob(
        network=network,
        layers=layers,
        before_activation=before_activation,
        compiled=len(first) > 1,
        plan=read_plan(drawing, with_image=True),
        words=(*option_words(network), *words, *option_words(drawing)),
        content=content_digest(network),
        pixel_limit=read_pixel_limit(batch.max_pixels),
    )
    run_job(job, images, batch, found=chain(first, found))


@dataclass(frozen=True)
class ActivationsJob:
    """A network onto one image after another.

    Attributes:
        network: which, and how images come to it.
        layers: what `--layer` says.
        before_activation: record the values before activations inside convolutions.
        compiled: cut the network down to what is needed and keep that; pays from the second image on.
        plan: what to draw.
        words: the options as words of a command line, for the pictures' text chunks.
        content: hash of the files the network is read from; empty for a built-in one.
        pixel_limit: the most pixels of an image.
    """

    network: NetworkOptions
    layers: tuple[str, ...]
    before_activation: bool
    compiled: bool
    plan: SheetPlan
    words: tuple[str, ...]
    content: str
    pixel_limit: int

    name = "activations"
    # A network uses every core by itself; reading and drawing go on beside it.
    overlaps = True

    @property
    def batch_size(self) -> int:
        """How many images run together."""
        return self.network.batch_size

    def options(self) -> Mapping[str, Any]:
        """Return what decides the pictures. The number of images in a batch does not."""
        return {"options": list(self.words), "network": self.content}

    def open(self) -> ActivationsSession:
        """Load the network and choose its layers.

        Raises:
            NetworkError: the network or a layer cannot be used.
            UsageError: a layer does not have what `--select` names.
        """
        from featuremap_cli.commands.models import content_digest, load
        from featuremap_cli.drawing.choice import picked

        if content_digest(self.network) != self.content:
            raise NetworkError(
                f"{self.network.model} is not the file here that it was where the run began: "
                "expected the same file under the same path on every machine"
            )
        network = load(self.network)
        selection = network.select(self.layers)
        for entry in selection.entries:
            count = None if entry.output_shape is None else entry.output_shape[-1]
            if count is not None:
                picked(self.plan.style.select, count, entry.path)
        return ActivationsSession(self, network, selection)


@dataclass(frozen=True)
class ActivationsSession:
    """An activations job at work."""

    job: ActivationsJob
    network: Network
    selection: Selection

    def read(self, task: Task) -> PreparedInput:
        """Read an image and make it what the network takes."""
        from featuremap_cli.sources.images import read_image

        image = read_image(task.location.path, pixel_limit=self.job.pixel_limit)
        return self.network.prepare(image, self.job.network.preprocess, self.job.network.fit)

    def compute(self, inputs: Sequence[PreparedInput]) -> Sequence[tuple[PreparedInput, list[Float32]]]:
        """Run the network; the result has (filters, height, width) maps for each chosen layer."""
        from featuremap_cli.commands.models import run_network

        recorded = run_network(
            self.network,
            inputs,
            self.selection.entries,
            batch_size=self.job.batch_size,
            before_activation=self.job.before_activation,
            compiled=self.job.compiled,
        )
        return list(zip(inputs, recorded, strict=True))

    def write(self, task: Task, result: tuple[PreparedInput, list[Float32]], folder: OutputFolder) -> Outcome:
        """Draw each layer's maps and write them, two layers at a time."""
        from featuremap_cli.batch.job import Outcome

        prepared, recorded = result

        def write_layer(place: int) -> tuple[LayerFiles, dict[str, Any]]:
            return self._write_layer(task, prepared.picture, place, recorded[place], folder)

        with ThreadPoolExecutor(max_workers=2) as threads:
            layers = list(threads.map(write_layer, range(len(recorded))))
        notices = [*self.network.notices, *self.selection.notices, *prepared.picture.notes]
        return Outcome(
            tuple(written for files, _ in layers for written in files.written),
            tuple(statistics for _, statistics in layers),
            (*notices, *(notice for files, _ in layers for notice in files.notices)),
        )

    def _write_layer(
        self, task: Task, picture: Image, place: int, values: Float32, folder: OutputFolder
    ) -> tuple[LayerFiles, dict[str, Any]]:
        """Draw and write one layer's maps (filters, height, width); return the files and the statistics."""
        from featuremap_cli.arrays import FeatureMaps
        from featuremap_cli.batch.outputs import layer_file
        from featuremap_cli.commands.provenance import command_line
        from featuremap_cli.commands.sheets import write_maps

        entry = self.selection.entries[place]
        maps = FeatureMaps(values, ("",) * values.shape[0], entry.path)
        title = f"Feature maps · {task.location.name} · {self.network.name} {entry.path}"
        command = command_line("activations", task.location.shown, self.job.words)
        sheet_file = layer_file(task.stem, entry.index, entry.path)
        files, statistics = write_maps(maps, picture, title, self.job.plan, command, sheet_file, folder)
        return files, statistics.as_json()
