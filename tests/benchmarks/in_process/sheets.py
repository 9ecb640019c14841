"""A picture of many feature maps, from arrays to a PNG file, by each way that is compared.

`maps` is the path of float32 (maps, height, width), .npy; `picture` is the path of the file that is written.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from in_process.work import Work

TITLE = "Feature maps · china.jpg · 64 random filters"


def featuremap(maps: str, picture: str, tile: str) -> Work:
    """featuremap's sheet, with the title and the labels that it always has."""
    from featuremap_cli.arrays import FeatureMaps
    from featuremap_cli.drawing.png import encode
    from featuremap_cli.drawing.sheet import draw_maps
    from featuremap_cli.drawing.style import SheetStyle, parse_tile

    values = np.load(maps)
    layer = FeatureMaps(values, ("",) * len(values), "random")
    style = SheetStyle(tile=parse_tile(tile))
    return Work(lambda: Path(picture).write_bytes(encode(draw_maps(layer, style, TITLE), {})))


def matplotlib(maps: str, picture: str, words: bool) -> Work:
    """The figure of 8 x 8 axes that tutorials draw, each with its index and range as a title, or without any words."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    values = np.load(maps)

    def run() -> None:
        figure, axes = plt.subplots(8, 8, figsize=(16, 11))
        for index, (axis, one) in enumerate(zip(axes.flat, values, strict=False)):
            axis.imshow(one, cmap="gray")
            axis.axis("off")
            if words:
                axis.set_title(f"{index}   {one.min():.3g} to {one.max():.3g}", fontsize=8)
        if words:
            figure.suptitle(TITLE)
            figure.tight_layout()
        figure.savefig(picture)
        plt.close(figure)

    return Work(run)


def grid(maps: str, picture: str) -> Work:
    """What torchvision's `make_grid(normalize=True, scale_each=True)` and `save_image` do, in one channel.

    torchvision itself makes three equal channels of a map, which takes longer.
    """
    import torch

    values = torch.from_numpy(np.load(maps))
    count, height, width = values.shape
    columns, padding = 8, 2
    rows = -(-count // columns)

    @torch.inference_mode()
    def run() -> None:
        sheet = torch.zeros(rows * (height + padding) + padding, columns * (width + padding) + padding)
        for index, one in enumerate(values):
            low, high = one.min(), one.max()
            row, column = divmod(index, columns)
            top, left = row * (height + padding) + padding, column * (width + padding) + padding
            sheet[top : top + height, left : left + width] = (one - low) / (high - low).clamp(min=1e-5)
        levels = sheet.mul(255).add_(0.5).clamp_(0, 255).to(torch.uint8)
        Image.fromarray(levels.numpy()).save(picture)

    return Work(run)


def encoder(source: str, picture: str, threads: int | None) -> Work:
    """featuremap's PNG encoder on an indexed picture.

    Args:
        source: the picture, a PNG.
        picture: the file that is written.
        threads: how many cores the encoder believes in; None for all there are.
    """
    from featuremap_cli.drawing.png import encode

    if threads is not None:
        os.cpu_count = lambda: threads  # this process is the encoder's own
    image = _opened(source)
    return Work(lambda: _kept_once(encode(image, {}), Path(picture)))


def pillow(source: str, picture: str) -> Work:
    """Pillow's PNG encoder, as it is set by default, on the same indexed picture."""
    image = _opened(source)

    def run() -> None:
        memory = io.BytesIO()
        image.save(memory, "png")
        _kept_once(memory.getvalue(), Path(picture))

    return Work(run)


def _kept_once(data: bytes, path: Path) -> None:
    """Write the first run's file, which is checked; how fast the disk is says nothing of the encoders."""
    if not path.exists():
        path.write_bytes(data)


def _opened(source: str) -> Image.Image:
    image = Image.open(source)
    image.load()
    image.info.clear()  # no text chunks
    return image
