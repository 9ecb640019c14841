"""`featuremap anatomy`: how one feature map is made, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featuremap_cli.commands.anatomy_options import (
    AnatomyDrawing,
    Json,
    Kernel,
    MapOptions,
    ModelOptions,
    OneImage,
    Out,
    Quiet,
    network_options,
    read_channels,
    read_place,
    require_sense,
)
from featuremap_cli.commands.console import give, give_json, tell
from featuremap_cli.commands.convolve import Gray, Resize, read_operation
from featuremap_cli.commands.options import PIXELS, MaxPixels, OperationOptions, read_pixel_limit, read_size
from featuremap_cli.errors import ImageError, UsageError

if TYPE_CHECKING:
    from featuremap_cli.commands.anatomy_subject import Subject
    from featuremap_cli.sources.locations import ImageLocation


def anatomy(
    image: OneImage,
    chosen: MapOptions,
    model: ModelOptions,
    operation: OperationOptions,
    drawing: AnatomyDrawing,
    kernel: Kernel = None,
    gray: Gray = False,
    resize: Resize = None,
    out: Out = Path("featuremaps"),
    quiet: Quiet = False,
    json: Json = False,
    max_pixels: MaxPixels = str(PIXELS),
) -> None:
    """Draw how one feature map is made: channels times kernels, their sum, bias, ReLU, pooling.

    With `-k` a filter is applied straight to the image; with `-m` and `-l` the map is a network's, made of what that
    layer is given. `--filter` counts from 0.

    Examples:

    - `featuremap anatomy sample:china -k alexnet:conv1 --filter 0 --activation relu --pool max:3,2`
    - `featuremap anatomy sample:china -m alexnet -l conv3 --filter 10 --at 6,6`
    - `featuremap anatomy a.jpg -k sobel-x --at 100,200`
    """
    from featuremap_cli.batch.names import safe_relative, without_suffix
    from featuremap_cli.batch.outputs import OutputFolder, anatomy_file, spec_without_folders
    from featuremap_cli.commands.anatomy_files import AnatomyFiles
    from featuremap_cli.commands.provenance import command_line, option_words
    from featuremap_cli.commands.sheets import read_plan
    from featuremap_cli.convolution.anatomy import choose_parts
    from featuremap_cli.convolution.worked_pixel import work_pixel

    own_words = _own_words(kernel, gray, resize)
    require_sense(
        kernel, [word for word in own_words if word in ("--gray", "--resize")], model, operation, drawing, chosen
    )
    most, at = read_channels(chosen.channels), read_place(chosen.at)
    plan = read_plan(drawing, with_image=True)
    location, pixel_limit = _locate(image), read_pixel_limit(max_pixels)
    if kernel is None:
        subject = _of_layer(location, model, operation, chosen.filter, pixel_limit)
    else:
        subject = _of_filter(location, kernel, gray, resize, model, operation, chosen, pixel_limit)
    worked = None if at is None else work_pixel(subject.anatomy, *at)
    parts = choose_parts(subject.anatomy, most, at)
    words = (*own_words, *option_words(model, chosen, operation, drawing))
    called = subject.anatomy.layer if kernel is None else spec_without_folders(kernel)
    files = AnatomyFiles(
        folder=OutputFolder(str(out)),
        picture=anatomy_file(safe_relative(without_suffix(location.relative)), called, chosen.filter),
        of=f"{location.name} · {subject.name}",
        command=command_line("anatomy", location.path, words),
        plan=plan,
    )
    paths, notices = files.write(subject, parts, worked)
    notices = (*subject.notices, *notices)
    if chosen.all_filters:
        sheets, more = files.write_sheets(subject)
        paths, notices = [*paths, *sheets], (*notices, *more)
    if json:
        from featuremap_cli.commands.anatomy_numbers import anatomy_json

        give_json({"image": location.path, **anatomy_json(subject.anatomy, parts, worked), "outputs": paths})
    else:
        for path in paths:
            give(path)
    for notice in dict.fromkeys(notices) if not quiet else ():
        tell(notice)


def _locate(image: str) -> ImageLocation:
    """Find the one image that IMAGE means.

    Raises:
        ImageError: there is none.
        UsageError: there are several.
    """
    from itertools import islice

    from featuremap_cli.sources.locations import MissingImage, find_images

    found = list(islice(find_images([image]), 2))
    first = found[0] if found else MissingImage(image, f"{image}: expected an image, got none")
    if isinstance(first, MissingImage):
        raise ImageError(first.message)
    if len(found) > 1:
        raise UsageError(f"anatomy takes one image, and {image} stands for several; name one of them")
    return first


def _of_layer(
    location: ImageLocation, model: ModelOptions, operation: OperationOptions, index: int, pixel_limit: int
) -> Subject:
    from featuremap_cli.commands.anatomy_subject import layer_subject
    from featuremap_cli.convolution.operation import parse_pool
    from featuremap_cli.sources.images import read_image

    pool = parse_pool(operation.pool) if operation.pool else None
    image = read_image(location.path, pixel_limit=pixel_limit)
    return layer_subject(image, network_options(model), str(model.layer), index, pool)


def _of_filter(
    location: ImageLocation,
    kernel: str,
    gray: bool,
    resize: str | None,
    model: ModelOptions,
    operation: OperationOptions,
    chosen: MapOptions,
    pixel_limit: int,
) -> Subject:
    from featuremap_cli.commands.anatomy_subject import filter_subject
    from featuremap_cli.commands.banks import require_network, with_bias
    from featuremap_cli.networks.banks import read_banks
    from featuremap_cli.sources import preparation
    from featuremap_cli.sources.images import read_image

    applied = read_operation(operation)
    size = read_size(resize, "--resize") if resize else None
    banks = read_banks(kernel, model.weights, model.unsafe, model.preprocess, imports=model.imports or ())
    require_network(model.preprocess, banks)
    banks = with_bias(banks, operation.bias)
    image = read_image(location.path, pixel_limit=pixel_limit)
    if gray:
        image = preparation.to_gray(image)
    if size is not None:
        image = preparation.resize(image, *size)
    return filter_subject(image, banks, chosen.filter, applied, operation.engine)


def _own_words(kernel: str | None, gray: bool, resize: str | None) -> list[str]:
    words = [] if kernel is None else ["-k", kernel]
    if gray:
        words.append("--gray")
    if resize is not None:
        words += ["--resize", resize]
    return words
