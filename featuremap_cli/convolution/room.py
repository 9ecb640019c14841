"""How large what is computed will be, worked out before any of it is: a wrong option must not eat the memory."""

from __future__ import annotations

from featuremap_cli.convolution.geometry import Pair, padding_around
from featuremap_cli.convolution.operation import Operation
from featuremap_cli.convolution.passes import output_size
from featuremap_cli.errors import UsageError

_LITTLE = 1.2


def require_room(image: Pair, size: Pair, operation: Operation, most: int) -> None:
    """Refuse an operation whose padded image or whose maps have too many pixels.

    Args:
        image: (height, width).
        size: of the filters.
        operation: how they are applied.
        most: pixels (height times width).

    Raises:
        UsageError: there are more; the message has both numbers.
    """
    if not operation.transpose:
        around = [
            sum(
                padding_around(
                    image[axis], size[axis], operation.strides[axis], operation.dilation[axis], operation.padding
                )
            )
            for axis in (0, 1)
        ]
        padded = image[0] + around[0], image[1] + around[1]
        # The few pixels that SAME puts around do not decide whether a photograph is too large.
        if padded[0] * padded[1] > _LITTLE * image[0] * image[1]:
            _require("the image with its border", padded, most)
    _require("each feature map", output_size(image, size, operation), most)


def _require(what: str, size: Pair, most: int) -> None:
    height, width = size
    if height * width > most:
        raise UsageError(
            f"{what} would have {width:,} x {height:,} = {height * width:,} pixels: expected at most {most:,}; take "
            "smaller --padding, --dilation or --strides, or raise --max-pixels"
        )
