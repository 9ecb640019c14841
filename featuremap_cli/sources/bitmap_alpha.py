"""Alpha in a BMP of 32 bits: the format's first version calls the fourth byte unused, and programs put alpha there.

Pillow leaves that byte out. It is read by unpacking the pixels a second time in the reverse order of bytes, which puts
it where red stands.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from featuremap_cli.arrays import Float32
from featuremap_cli.sources.pixel_values import ALPHA_NOTE, Decoded, over_white

_UNCOMPRESSED = 0


def may_hold_alpha(image: ImageFile.ImageFile) -> bool:
    """Whether an opened file is a BMP of four bytes a pixel that does not say what the fourth is."""
    raw = image.tile[0].args if image.tile else ()
    return (
        image.format in ("BMP", "DIB")
        and image.info.get("compression") == _UNCOMPRESSED
        and isinstance(raw, tuple)
        and raw[:1] == ("BGRX",)
    )


def composited(decoded: Decoded, reopen: Callable[[], ImageFile.ImageFile]) -> Decoded:
    """Put the decoded colors of such a file over white by its fourth byte; where that is zero everywhere it means none.

    Args:
        decoded: float32 (height, width, 3), as Pillow reads the file.
        reopen: opens the file anew.
    """
    with reopen() as image:
        image.tile = [tile._replace(args=("XBGR", *tile.args[1:])) for tile in image.tile]  # type: ignore[index]
        alpha: NDArray[np.uint8] = np.asarray(image)[..., :1]
    if not alpha.any() or alpha.min() == 255:
        return decoded
    opacity: Float32 = np.divide(alpha, np.float32(255), dtype=np.float32)
    return Decoded(over_white(decoded.pixels, opacity), (*decoded.notes, ALPHA_NOTE))
