"""Where a picture's pixels come from, against pictures in which every pixel tells where it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.arrays import Image
from featuremap_cli.sources.placement import placement
from featuremap_cli.sources.preparation import Fit, fit

SIZES = st.tuples(st.integers(1, 60), st.integers(1, 60))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(SIZES, SIZES, st.sampled_from(["crop", "stretch", "pad"]))
def test_fit_and_placement_agree(image: tuple[int, int], picture: tuple[int, int], how: Fit) -> None:
    """A channel that grows from 1 to 2 across the image, along each axis, is seen in the picture in its place."""
    width, height = image
    across = np.broadcast_to(1 + (np.arange(width) + 0.5) / width, (height, width))
    down = np.broadcast_to((1 + (np.arange(height) + 0.5) / height)[:, None], (height, width))
    shown = fit(Image(np.stack([across, down], axis=2).astype(np.float32), "ramp"), *picture, how).pixels
    placed = placement(image, picture, how)
    left, top, right, bottom = placed.target
    assert np.count_nonzero(shown[..., 0]) == (right - left) * (bottom - top)
    assert shown[top:bottom, left:right].all()
    middle = shown[(top + bottom) // 2, (left + right) // 2] - 1
    box = placed.to_source(((left + right) // 2, (top + bottom) // 2, (left + right) // 2 + 1, (top + bottom) // 2 + 1))
    for axis, size in ((0, width), (1, height)):
        # A resized pixel is a weighted mean around its own box, half a pixel to each side when the image is enlarged.
        assert box[axis] - 1 <= middle[axis] * size <= box[axis + 2] + 1


@pytest.mark.parametrize(
    ("how", "box", "expected"),
    [
        # 640 x 427 to 224 x 224: the middle 427 columns, from column 106 on.
        ("crop", (0, 0, 224, 224), (106, 0, 533, 427)),
        ("crop", (0, 0, 1, 1), (106, 0, 108, 2)),
        ("crop", (-10, 100, 10, 120), (86, 190, 126, 229)),
        ("stretch", (0, 0, 112, 112), (0, 0, 320, 214)),
        # 224 x 149 pixels, 37 rows of black above.
        ("pad", (0, 37, 224, 186), (0, 0, 640, 427)),
        ("pad", (0, 0, 224, 37), (0, -107, 640, 0)),
    ],
)
def test_boxes_of_a_photograph(how: Fit, box: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert placement((640, 427), (224, 224), how).to_source(box) == expected
