"""`featuremap convolve`: filters straight onto images."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from featuremap_cli.commands.completion import complete_filters
from featuremap_cli.commands.console import tell
from featuremap_cli.commands.options import (
    NETWORK,
    DrawingOptions,
    Images,
    Imports,
    OperationOptions,
    RunOptions,
    read_pixel_limit,
    read_size,
)
from featuremap_cli.errors import UsageError

if TYPE_CHECKING:
    from featuremap_cli.arrays import FilterBank, Image, LayerMaps
    from featuremap_cli.batch.job import Outcome, Task
    from featuremap_cli.batch.outputs import OutputFolder, Written
    from featuremap_cli.commands.sheets import SheetPlan
    from featuremap_cli.convolution.operation import Operation

DEFAULT_KERNELS = ("vertical:7", "horizontal:7")
MOST_HELD = 256 << 20
"""Maps that take more bytes are not held in memory, but computed band by band each time that drawing reads them."""

Kernels = Annotated[
    list[str] | None,
    typer.Option(
        "--kernel",
        "-k",
        metavar="SPEC",
        help="Preset, numbers, file or NETWORK:LAYER; repeatable.",
        show_default="vertical:7 horizontal:7",
        autocompletion=complete_filters,
    ),
]
Gray = Annotated[bool, typer.Option("--gray", help="Take the luminance of the image first.")]
KernelPreprocess = Annotated[
    Literal["auto", "unit", "raw", "torch", "caffe", "tf"],
    typer.Option(
        "--preprocess",
        help="Pixels for a network's filters: auto, as their network takes them; unit, in [0, 1].",
        rich_help_panel=NETWORK,
    ),
]
Resize = Annotated[
    str | None, typer.Option(metavar="W,H", help="Resize the image first, in pixels.", show_default=False)
]


def convolve(
    images: Images,
    operation: OperationOptions,
    drawing: DrawingOptions,
    batch: RunOptions,
    kernel: Kernels = None,
    gray: Gray = False,
    resize: Resize = None,
    preprocess: KernelPreprocess = "auto",
    imports: Imports = None,
) -> None:
    """Apply filters straight to images and draw the feature maps.

    A network's filters meet pixels as their network takes them; kernels written by hand meet them in [0, 1].

    Examples:

    - `featuremap convolve sample:china`
    - `featuremap convolve photos/ -k sobel-x -k gaussian:7,1.5 -o maps`
    - `featuremap convolve a.jpg -k "sharpen=0 -1 0; -1 5 -1; 0 -1 0" --padding valid --activation relu --pool max`
    """
    from featuremap_cli.batch.outputs import FILTERS
    from featuremap_cli.commands.banks import require_network, with_bias
    from featuremap_cli.commands.pictures import picture_file
    from featuremap_cli.commands.provenance import option_words, repeated
    from featuremap_cli.commands.run import First, refuse_gallery_without_pictures, run_job
    from featuremap_cli.commands.sheets import filters_options, read_plan, write_filters
    from featuremap_cli.convolution.engine import layer_name
    from featuremap_cli.convolution.fitting import enlargement_notice
    from featuremap_cli.networks.banks import read_banks

    specs, modules = tuple(kernel or DEFAULT_KERNELS), repeated("--import", imports)
    banks = [bank for spec in specs for bank in read_banks(spec, preprocess=preprocess, imports=imports or ())]
    require_network(preprocess, banks)
    banks = with_bias(banks, operation.bias)
    words = (*_kernel_words(kernel, gray, resize, preprocess), *modules, *option_words(operation, drawing))
    refuse_gallery_without_pictures(batch, drawing)
    applied = read_operation(operation)
    notices = [*(note for bank in banks for note in bank.notes), enlargement_notice(banks, applied)]
    for notice in notices:
        if notice and not batch.quiet:
            tell(notice)
    job = ConvolveJob(
        banks=tuple(banks),
        operation=applied,
        engine=operation.engine,
        gray=gray,
        resize=read_size(resize, "--resize") if resize else None,
        plan=read_plan(drawing, with_image=False),
        words=words,
        pixel_limit=read_pixel_limit(batch.max_pixels),
    )
    _require_small(job)

    def draw_filters(folder: OutputFolder) -> Sequence[Written]:
        own = filters_options(drawing)
        command = shlex.join(["featuremap", "filters", *specs, *modules, *option_words(own)])
        plan = read_plan(own, with_image=False)
        return write_filters(banks, f"Filters · {layer_name(banks)}", plan, command, FILTERS, folder).written

    run_job(job, images, batch, first=First(picture_file(FILTERS, drawing), draw_filters))


def _require_small(job: ConvolveJob) -> None:
    """Refuse `--resize` to more pixels than may be."""
    width, height = job.resize or (0, 0)
    if width * height > job.pixel_limit:
        raise UsageError(
            f"--resize {width},{height} makes {width * height:,} pixels: expected at most {job.pixel_limit:,}; take a "
            "smaller size, or raise --max-pixels"
        )


def read_operation(options: OperationOptions) -> Operation:
    """Read the options that say how filters are applied.

    Raises:
        UsageError: one of them cannot be read.
    """
    from featuremap_cli.convolution.operation import Operation, parse_padding, parse_pair, parse_pool

    return Operation(
        padding=parse_padding(options.padding),
        border=options.border,
        strides=parse_pair(options.strides, "--strides"),
        dilation=parse_pair(options.dilation, "--dilation"),
        flip=options.flip,
        depthwise=options.depthwise,
        transpose=options.transpose,
        activation=options.activation,
        pool=parse_pool(options.pool) if options.pool else None,
    )


@dataclass(frozen=True)
class ConvolveJob:
    """Filters onto one image after another.

    Attributes:
        banks: the filters.
        operation: how they are applied.
        engine: numpy or tensorflow.
        gray: take the luminance first.
        resize: (width, height) in pixels, first; None keeps the image's size.
        plan: what to draw.
        words: the options as words of a command line, for the pictures' text chunks.
        pixel_limit: the most pixels of an image, of an image with its border, and of a map.
    """

    banks: tuple[FilterBank, ...]
    operation: Operation
    engine: Literal["numpy", "tensorflow"]
    gray: bool
    resize: tuple[int, int] | None
    plan: SheetPlan
    words: tuple[str, ...]
    pixel_limit: int

    name = "convolve"
    batch_size = 1

    @property
    def overlaps(self) -> bool:
        """TensorFlow uses every core by itself."""
        return self.engine == "tensorflow"

    def options(self) -> Mapping[str, Any]:
        """Return what decides the pictures: the command line, and the weights, which may come from files."""
        weights = hashlib.blake2b(digest_size=16)
        for bank in self.banks:
            weights.update(repr(bank.weights.shape).encode())
            weights.update(bank.weights.tobytes() + bank.bias.tobytes())
            weights.update(repr(bank.prepares).encode() if bank.prepares is not None else b"")
        return {"options": list(self.words), "weights": weights.hexdigest()}

    def open(self) -> ConvolveSession:
        """Return a session; there is nothing to prepare."""
        return ConvolveSession(self)


@dataclass(frozen=True)
class ConvolveSession:
    """A convolve job at work."""

    job: ConvolveJob

    def read(self, task: Task) -> Image:
        """Read an image, and make it gray and resize it if the job says so."""
        from featuremap_cli.sources import preparation
        from featuremap_cli.sources.images import read_image

        image = read_image(task.location.path, pixel_limit=self.job.pixel_limit)
        if self.job.gray:
            image = preparation.to_gray(image)
        if self.job.resize:
            image = preparation.resize(image, *self.job.resize)
        return image

    def compute(self, inputs: Sequence[Image]) -> Sequence[tuple[Image, LayerMaps]]:
        """Apply the filters."""
        return [(image, self._maps(image)) for image in inputs]

    def write(self, task: Task, result: tuple[Image, LayerMaps], folder: OutputFolder) -> Outcome:
        """Draw the maps and write them."""
        from featuremap_cli.batch.job import Outcome
        from featuremap_cli.batch.outputs import maps_file
        from featuremap_cli.commands.banks import prepared_words
        from featuremap_cli.commands.provenance import command_line
        from featuremap_cli.commands.sheets import write_maps

        image, maps = result
        parts = ("Feature maps", task.location.name, maps.layer, *prepared_words(self.job.banks))
        title = " · ".join(parts)
        command = command_line("convolve", task.location.shown, self.job.words)
        files, statistics = write_maps(maps, image, title, self.job.plan, command, maps_file(task.stem), folder)
        notices = (*image.notes, *files.notices)
        return Outcome(files.written, (statistics.as_json(),), notices)

    def _maps(self, image: Image) -> LayerMaps:
        if self.job.engine == "tensorflow":
            from featuremap_cli.networks import tensorflow_engine

            return tensorflow_engine.convolve(image.pixels, self.job.banks, self.job.operation, self.job.pixel_limit)
        from featuremap_cli.convolution.bands import convolve_in_bands

        maps = convolve_in_bands(image.pixels, self.job.banks, self.job.operation, self.job.pixel_limit)
        return maps if maps.nbytes > MOST_HELD and not self.job.plan.arrays else maps.held()


def _kernel_words(kernel: Sequence[str] | None, gray: bool, resize: str | None, preprocess: str) -> tuple[str, ...]:
    words = [word for spec in kernel or () for word in ("-k", spec)]
    if gray:
        words.append("--gray")
    if resize:
        words += ["--resize", resize]
    if preprocess != "auto":
        words += ["--preprocess", preprocess]
    return tuple(words)
