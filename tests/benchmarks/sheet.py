"""A sheet of 64 maps of 427 x 640, scaled, tiled and written, against a matplotlib figure of the same maps.

The figure says what the sheet says: 8 x 8 axes, each with index and range as its title, laid out so that nothing
overlaps, at 1.8 megapixels; the sheet keeps all 17.5. A figure without any words is timed too. Usage:
    python tests/benchmarks/sheet.py [TURNS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from scipy import ndimage

mpl.use("agg")
from matplotlib import pyplot as plt
from PIL import Image

from featuremap_cli.arrays import FeatureMaps
from featuremap_cli.arrays import Image as Photograph
from featuremap_cli.drawing.png import encode
from featuremap_cli.drawing.sheet import draw_maps
from featuremap_cli.drawing.style import SheetStyle

CHINA = Path(__file__).resolve().parents[2] / "sample_images" / "china.jpg"
TITLE = "Feature maps · china.jpg · 64 random filters"


def feature_maps(pixels: np.ndarray) -> FeatureMaps:
    """Return what 64 random 7 x 7 filters make of a photograph (height, width, 3)."""
    random = np.random.default_rng(0)
    gray = pixels.mean(axis=2)
    maps = [ndimage.correlate(gray, random.normal(size=(7, 7)).astype(np.float32)) for _ in range(64)]
    return FeatureMaps(np.stack(maps).astype(np.float32), ("",) * 64, "random")


def matplotlib_figure(maps: FeatureMaps, path: Path, words: bool) -> None:
    """Write the figure of 8 x 8 axes that tutorials draw, with or without words."""
    figure, axes = plt.subplots(8, 8, figsize=(16, 11))
    for index, (axis, one) in enumerate(zip(axes.flat, maps.maps, strict=True)):
        axis.imshow(one, cmap="gray")
        axis.axis("off")
        if words:
            axis.set_title(f"{index}   {one.min():.3g} to {one.max():.3g}", fontsize=8)
    if words:
        figure.suptitle(TITLE)
        figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Print the seconds of each, and their ratio."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    pixels = np.asarray(Image.open(CHINA), np.float32) / 255
    maps = feature_maps(pixels)
    small = FeatureMaps(np.ascontiguousarray(maps.maps[:, ::8, ::12]), maps.names, "small")
    photograph = Photograph(pixels, "china.jpg")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "sheet.png"

        def sheet(drawn: FeatureMaps, style: SheetStyle, image: Photograph | None = None) -> None:
            path.write_bytes(encode(draw_maps(drawn, style, TITLE, image=image), {}))

        contestants: dict[str, Callable[[], object]] = {
            "matplotlib 8 x 8": lambda: matplotlib_figure(maps, path, words=True),
            "matplotlib, no words": lambda: matplotlib_figure(maps, path, words=False),
            "full size": lambda: sheet(maps, SheetStyle(tile="full")),
            "full size, viridis": lambda: sheet(maps, SheetStyle(tile="full", cmap="viridis")),
            "automatic size": lambda: sheet(maps, SheetStyle()),
            "54 x 54 maps with image": lambda: sheet(small, SheetStyle(), photograph),
        }
        times: dict[str, list[float]] = {contestant: [] for contestant in contestants}
        for _ in range(turns):
            for contestant, work in contestants.items():
                times[contestant].append(seconds(work))
    middle = {contestant: statistics.median(each) for contestant, each in times.items()}
    for contestant, each in middle.items():
        print(f"{contestant:24} {each:7.3f} s   {middle['matplotlib 8 x 8'] / each:6.1f} times as fast")
    ratio = middle["matplotlib 8 x 8"] / middle["full size"]
    print(f"full size against matplotlib: {ratio:.1f} (at least 8 is asked for)")


if __name__ == "__main__":
    main()
