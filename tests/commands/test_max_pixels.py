"""`--max-pixels`, on the command line."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from featuremap_cli.commands.options import PIXELS, read_pixel_limit
from featuremap_cli.errors import UsageError
from featuremap_cli.sources.images import read_image
from featuremap_cli.sources.pixel_values import PIXEL_LIMIT


def test_the_default_is_that_of_the_readers() -> None:
    assert PIXELS == PIXEL_LIMIT


@pytest.mark.parametrize(("text", "most"), [("1000", 1000), ("178,956,970", PIXEL_LIMIT), ("1_000", 1000)])
def test_numbers_as_people_write_them(text: str, most: int) -> None:
    assert read_pixel_limit(text) == most


@pytest.mark.parametrize("text", ["0", "-1", "many", ""])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a number of pixels above zero, or none"):
        read_pixel_limit(text)


@pytest.mark.parametrize(
    "command",
    [
        ["convolve", "-k", "box"],
        ["activations", "-m", "alexnet"],
        ["health", "-m", "alexnet"],
        ["project", "-m", "alexnet", "-l", "conv1", "--filter", "1"],
        ["anatomy", "-k", "box"],
        ["anatomy", "-m", "alexnet", "-l", "conv1"],
    ],
)
def test_larger_images_are_refused_or_let_through(featuremap, command: list[str]) -> None:  # type: ignore[no-untyped-def]
    Image.new("RGB", (60, 50)).save("a.png")
    name, *words = command
    refused = featuremap(name, "a.png", *words, "--max-pixels", "2999")
    assert refused.code == 3
    assert "60 x 50 = 3,000 pixels, and files beyond 2,999 are refused" in refused.err
    assert featuremap(name, "a.png", *words, "--max-pixels", "3000").code == 0
    assert featuremap(name, "a.png", *words, "--max-pixels", "none", "-o", "other").code == 0


def test_resizing_beyond_the_limit_is_refused(featuremap) -> None:  # type: ignore[no-untyped-def]
    ran = featuremap("convolve", "sample:china", "--resize", "100000,100000")
    assert ran.code == 2
    assert "makes 10,000,000,000 pixels: expected at most 178,956,970" in ran.err


def test_an_array_is_no_bomb(tmp_path) -> None:  # type: ignore[no-untyped-def]
    np.save(tmp_path / "a.npy", np.zeros((30, 40), np.float32))
    assert read_image(str(tmp_path / "a.npy"), pixel_limit=100).pixels.shape == (30, 40, 1)
