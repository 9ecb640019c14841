"""Sizes that nobody can compute are refused before anything is computed, with both numbers."""

from __future__ import annotations

import numpy as np
import pytest

from featuremap_cli.arrays import FilterBank
from featuremap_cli.convolution.engine import Convolution, convolve
from featuremap_cli.convolution.operation import Operation
from featuremap_cli.errors import UsageError

PIXELS = np.zeros((100, 200, 1), np.float32)
BANK = FilterBank(np.ones((3, 3, 1, 1), np.float32), ("box",), np.zeros(1, np.float32), "box")


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (Operation(padding=100_000), r"200,200 x 200,100 = 40,060,020,000 pixels: expected at most 178,956,970"),
        (Operation(dilation=(100_000, 100_000)), r"the image with its border would have 200,200 x 200,100"),
        (Operation(transpose=True, strides=(600, 600)), r"each feature map would have 120,000 x 60,000"),
    ],
    ids=["padding", "dilation", "transposed"],
)
def test_what_nobody_can_compute_is_refused_at_once(operation: Operation, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        convolve(PIXELS, [BANK], operation)


def test_the_limit_counts_border_and_maps_and_can_be_given() -> None:
    operation = Operation(padding=10)
    Convolution.plan(PIXELS, [BANK], operation, 220 * 120)
    with pytest.raises(UsageError, match="220 x 120 = 26,400 pixels: expected at most 26,399"):
        Convolution.plan(PIXELS, [BANK], operation, 220 * 120 - 1)
    Convolution.plan(PIXELS, [BANK], Operation(), 200 * 100)  # the border of SAME is no pixel of the image
    with pytest.raises(UsageError, match="each feature map would have 200 x 100"):
        Convolution.plan(PIXELS, [BANK], Operation(), 200 * 100 - 1)
