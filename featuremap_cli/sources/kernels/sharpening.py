"""Kernels that add to an image its own detail: the weights add up to 1, so that a flat area keeps its brightness."""

from __future__ import annotations

from featuremap_cli.sources.kernels.preset import fixed

PRESETS = (
    fixed(
        "sharpen",
        "the image minus its Laplacian",
        "Gonzalez and Woods, Digital Image Processing, chapter 3 (Laplacian sharpening)",
        [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    ),
    fixed(
        "unsharp",
        "unsharp mask: twice the image minus its 5x5 binomial blur",
        "Gonzalez and Woods, Digital Image Processing, chapter 3 (unsharp masking); blur [1 4 6 4 1] / 16 each way",
        [
            [-1, -4, -6, -4, -1],
            [-4, -16, -24, -16, -4],
            [-6, -24, 476, -24, -6],
            [-4, -16, -24, -16, -4],
            [-1, -4, -6, -4, -1],
        ],
        256,
    ),
    fixed(
        "emboss",
        "relief, lit where brightness rises towards the lower right",
        "Powell, Image Kernels Explained Visually, setosa.io 2015",
        [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
    ),
)
