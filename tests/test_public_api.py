"""The Python API: every name is there, light to import, and does what the command line does."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import tensorflow as tf
from PIL import Image

import featuremap_cli


def test_every_public_name_can_be_had() -> None:
    for name in featuremap_cli.__all__:
        assert getattr(featuremap_cli, name) is not None


def test_importing_the_package_imports_nothing_else() -> None:
    program = "import sys, featuremap_cli; print([m for m in ('numpy', 'PIL', 'tensorflow') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_steps_as_functions() -> None:
    image = featuremap_cli.read_image("sample:flower")
    maps = featuremap_cli.convolve(
        image.pixels, featuremap_cli.read_banks("sobel-x"), featuremap_cli.Operation(padding="valid", strides=(2, 2))
    )
    kernel = np.repeat(np.float32([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])[:, :, np.newaxis, np.newaxis], 3, axis=2)
    expected = tf.nn.conv2d(image.pixels[np.newaxis], kernel, 2, "VALID")[0, :, :, 0].numpy()
    np.testing.assert_allclose(maps.maps[0], expected, atol=1e-5)
    sheet = featuremap_cli.draw_maps(maps, featuremap_cli.SheetStyle(), "Feature maps")
    with Image.open(io.BytesIO(featuremap_cli.encode_png(sheet, {"Image": "flower"}))) as picture:
        assert picture.text["Image"] == "flower"
        assert picture.size == sheet.picture.size
