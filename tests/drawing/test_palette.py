from __future__ import annotations

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest

from featuremap_cli.drawing.palette import (
    BLACK,
    FLAT,
    IMAGE_COLORS,
    LEVELS,
    LEVELS_BESIDE_IMAGE,
    MISSING,
    MISSING_COLOR,
    PAPER,
    colormap,
    sheet_palette,
)
from featuremap_cli.errors import UsageError


@pytest.mark.parametrize("name", ["gray", "viridis", "RdBu_r", "coolwarm", "tab10"])
@pytest.mark.parametrize("levels", [LEVELS, LEVELS_BESIDE_IMAGE])
def test_levels_are_matplotlib_s_colors(name, levels):
    expected = mpl.colormaps[name](np.linspace(0, 1, levels))[:, :3] * 255
    # matplotlib's gray has 256 steps, ours one a level: they differ by less than one of 255
    assert np.abs(colormap(name, levels) - expected).max() < 1.01


@pytest.mark.parametrize("levels", [LEVELS, LEVELS_BESIDE_IMAGE])
def test_the_middle_level_is_the_middle_of_the_map(levels):
    assert levels % 2 == 1
    assert colormap("gray", levels)[levels // 2].tolist() == [128, 128, 128]
    assert colormap("bwr", levels)[levels // 2].min() >= 254


def test_the_color_of_nan_is_in_no_colormap():
    missing = np.array(MISSING_COLOR)
    for name in mpl.colormaps:
        colors = np.rint(mpl.colormaps[name](np.linspace(0, 1, 1024))[:, :3] * 255)
        assert np.linalg.norm(colors - missing, axis=1).min() > 15, name


@pytest.mark.parametrize("image", [None, np.full((IMAGE_COLORS, 3), 77, np.uint8)])
def test_a_palette_has_room_for_everything(image):
    palette = sheet_palette("viridis", image)
    assert palette.colors.shape == (256, 3)
    assert np.array_equal(palette.colors[: palette.levels], colormap("viridis", palette.levels))
    assert palette.colors[PAPER].tolist() == [255, 255, 255]
    assert palette.colors[BLACK].tolist() == [0, 0, 0]
    assert tuple(palette.colors[MISSING]) == MISSING_COLOR
    assert palette.colors[FLAT].min() > 200
    if image is not None:
        assert (palette.colors[palette.image_start : FLAT] == 77).all()


def test_an_unknown_colormap_is_refused_with_the_nearest_names():
    with pytest.raises(UsageError, match=r"--cmap virdis: .*viridis"):
        colormap("virdis", 239)


def test_gray_does_without_matplotlib_and_the_test_can_tell():
    code = (
        "import sys; from featuremap_cli.drawing.palette import sheet_palette; sheet_palette({!r});"
        "print('matplotlib' in sys.modules)"
    )
    for name, loaded in (("gray", "False"), ("viridis", "True")):
        told = subprocess.run([sys.executable, "-c", code.format(name)], check=True, capture_output=True, text=True)
        assert told.stdout.strip() == loaded
