"""Whole sheets against stored ones, as decoded pixels; `pytest tests/drawing --rewrite-golden` writes them anew.

Another FreeType may set type a little differently, so ink and the white around it are compared by amount; all else, the
tiles, bars, marks and the image, must be equal pixel by pixel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from featuremap_cli.arrays import FeatureMaps, FilterBank, Image
from featuremap_cli.drawing.filters import draw_filters
from featuremap_cli.drawing.overlay import draw_overlay
from featuremap_cli.drawing.page import Sheet
from featuremap_cli.drawing.png import encode
from featuremap_cli.drawing.scaling import parse_scale
from featuremap_cli.drawing.sheet import draw_maps
from featuremap_cli.drawing.style import SheetStyle

GOLDEN = Path(__file__).parent / "golden"


def waves(count: int, height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([np.sin(rows * (1 + i) / 9) * np.cos(columns / (1 + i)) for i in range(count)]).astype(np.float32)


def photograph() -> Image:
    rows, columns = np.mgrid[0:1:40j, 0:1:60j]
    return Image(np.stack([rows, columns, rows * columns], axis=2).astype(np.float32), "photo.png")


def layer(maps: np.ndarray) -> FeatureMaps:
    return FeatureMaps(np.ascontiguousarray(maps), ("",) * len(maps), "conv1")


def maps_of_every_kind() -> Sheet:
    maps = waves(6, 9, 12)
    maps[1], maps[2], maps[3, 2:4, 5] = 0, 0.12, np.nan
    return draw_maps(layer(maps), SheetStyle(tile=(100, 100)), "Feature maps · photo.png · conv1")


def shared_scale_beside_the_image() -> Sheet:
    style = SheetStyle(scale=parse_scale("layer"), limit=4, tile=(100, 100))
    return draw_maps(layer(waves(6, 9, 12)), style, "Feature maps · photo.png · conv1", image=photograph())


def kernels_written_by_hand() -> Sheet:
    def kernel(rows: list[list[float]], name: str) -> FilterBank:
        weights = np.array(rows, np.float32)[:, :, np.newaxis, np.newaxis]
        return FilterBank(weights, (name,), np.zeros(1, np.float32), name, every_channel=True)

    banks = [
        kernel([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], "sobel-x"),
        kernel([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], "sharpen"),
    ]
    return draw_filters(banks, SheetStyle(cmap="coolwarm", tile=(150, 150)), "Filters · sobel-x sharpen")


def color_filters() -> Sheet:
    weights = waves(12, 5, 5).reshape(4, 3, 5, 5).transpose(2, 3, 1, 0)
    bank = FilterBank(np.ascontiguousarray(weights), ("",) * 4, np.array([0, 1, 0, -0.5], np.float32), "conv1")
    return draw_filters([bank], SheetStyle(tile=(100, 100)), "Filters · conv1")


def overlay() -> Sheet:
    style = SheetStyle(scale=parse_scale("symmetric"), tile=(120, 120))
    return draw_overlay(layer(waves(2, 9, 12)), style, "Feature maps · photo.png · conv1", photograph())


def ink(pixels: np.ndarray) -> np.ndarray:
    """Where a pixel is gray: type, hairlines, the white page (and gray tiles, which the indexed comparison covers)."""
    return pixels.max(axis=-1) == pixels.min(axis=-1)


@pytest.mark.parametrize(
    "draw",
    [maps_of_every_kind, shared_scale_beside_the_image, kernels_written_by_hand, color_filters, overlay],
    ids=lambda draw: draw.__name__,
)
def test_sheets_look_as_they_did(draw, request):
    path = GOLDEN / f"{draw.__name__}.png"
    found = draw().picture
    if request.config.getoption("--rewrite-golden"):
        path.write_bytes(encode(found, {}))
    golden = Pillow.open(path)
    assert abs(golden.width - found.width) <= 4
    assert golden.height == found.height
    new, old = (np.asarray(picture.convert("RGB"))[:, : min(golden.width, found.width)] for picture in (found, golden))
    text = np.asarray(found)[:, : new.shape[1]] >= 241 if found.mode == "P" else ink(new) & ink(old)
    assert np.array_equal(new[~text], old[~text])
    assert (new[text] < 128).sum() == pytest.approx((old[text] < 128).sum(), rel=0.25)
