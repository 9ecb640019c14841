"""From stored samples to float32 pixels: the scale of each number type, alpha, and what no picture may hold."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32
from featuremap_cli.errors import ImageError

ALPHA_NOTE = "alpha composited over white"


PIXEL_LIMIT = 178_956_970
"""Pictures with more pixels are refused, as Pillow refuses them: twice its MAX_IMAGE_PIXELS, 2^30 / 6.

That is three times a large photograph, and two gigabytes of float32 as RGB. A PNG of 100 kilobytes can claim more.
"""


class Decoded(NamedTuple):
    """What a file held: pixels float32 (height, width, channels), and notes on what was done to them."""

    pixels: Float32
    notes: tuple[str, ...] = ()


def unit_pixels(samples: NDArray[Any], shown: str, bits: int | None = None) -> Float32:
    """Scale samples of any number type to float32 pixels.

    Unsigned integers of n bits are divided by 2^n - 1 and reach [0, 1]; signed ones by 2^(n-1) - 1. Floats stay as
    they are, and so do 64-bit integers: they are NumPy's default for whole numbers, not a picture's range.

    Args:
        samples: any shape, boolean, integer or float.
        shown: what messages call the file.
        bits: how many bits of an integer type are used (10 or 12 in a 16-bit type); all of them when None.

    Returns:
        float32, the shape of `samples`.

    Raises:
        ImageError: the samples are no numbers (complex, text), or hold NaN or infinity.
    """
    kind, itemsize = samples.dtype.kind, samples.dtype.itemsize
    if kind == "b":
        return samples.astype(np.float32)
    if kind in "ui" and itemsize < 8:
        unit: Float32 = np.divide(samples, np.float32(_largest(samples.dtype, bits)), dtype=np.float32)
        return unit
    if kind in "ui":
        return samples.astype(np.float32)
    if kind != "f":
        raise ImageError(
            f"{shown} holds {samples.dtype} values: expected integers, floats or booleans; convert it first"
        )
    # What does not fit into float32 becomes infinite, and is refused with the rest.
    with np.errstate(over="ignore"):
        pixels = samples.astype(np.float32)
    refuse_non_finite(pixels, shown)
    return pixels


def scale_notes(dtype: np.dtype[Any], bits: int | None = None) -> tuple[str, ...]:
    """What `unit_pixels` does to samples of a type, in words, where nobody would expect it.

    Args:
        dtype: of the samples.
        bits: as in `unit_pixels`.

    Returns:
        One note for integers that are signed or of more than 16 bits, which may be a measurement as well as a
        picture's brightness; none for others.
    """
    if dtype.kind not in "ui" or (dtype.kind == "u" and (bits or 8 * dtype.itemsize) <= 16):
        return ()
    if dtype.itemsize == 8:
        return ("64-bit integers taken as they are",)
    signed = "signed " if dtype.kind == "i" else ""
    return (f"{signed}{bits or 8 * dtype.itemsize}-bit integers divided by {_largest(dtype, bits):,}",)


def _largest(dtype: np.dtype[Any], bits: int | None) -> int:
    """The largest value of an integer type of which so many bits are used."""
    return int(2 ** ((bits or 8 * dtype.itemsize) - (dtype.kind == "i")) - 1)


def refuse_non_finite(pixels: Float32, shown: str) -> None:
    """Raise ImageError if any value of pixels, (height, width, ...), is NaN or infinite; say how many and where."""
    # The two ends tell (NaN spreads into both) without a mask as large as the picture.
    if np.isfinite(pixels.min()) and np.isfinite(pixels.max()):
        return
    bad = np.argwhere(~np.isfinite(pixels))
    row, column = bad[0][:2]
    values = "1 value that is" if len(bad) == 1 else f"{len(bad):,} values that are"
    raise ImageError(
        f"{shown} has {values} NaN or infinite as float32, the first at row {row}, column {column}: "
        "expected finite numbers; replace them first, for example with numpy.nan_to_num"
    )


def over_white(color: Float32, alpha: Float32, premultiplied: bool = False) -> Float32:
    """Composite over white: 1 - alpha (1 - color); with colors already multiplied by alpha, color + 1 - alpha.

    Args:
        color: float32 (height, width, channels) in [0, 1].
        alpha: float32 (height, width, 1) in [0, 1].
        premultiplied: whether `color` is alpha times the color (TIFF calls it associated alpha).

    Returns:
        float32 (height, width, channels).
    """
    return color + (1 - alpha) if premultiplied else 1 - alpha * (1 - color)


def check_size(shown: str, height: int, width: int, channels: int, pixel_limit: int) -> None:
    """Raise ImageError for a picture without pixels, and for one with so many that the file may be a trap.

    More than four channels count as more pixels, four to the pixel.
    """
    if height < 1 or width < 1 or channels < 1:
        size = f"{width} x {height}" + (f" with {channels} channels" if channels < 1 else "")
        raise ImageError(f"{shown} has no pixels: expected at least 1 x 1, got {size} (width x height)")
    pixels = height * width * -(-channels // 4)
    if pixels > pixel_limit:
        bands = f" with {channels} channels" if channels > 4 else ""
        raise ImageError(
            f"{shown} would unpack to {width:,} x {height:,} = {width * height:,} pixels{bands}, and files beyond "
            f"{pixel_limit:,} are refused (a decompression bomb?): scale it down, or raise --max-pixels"
        )


def turned_upright(stored: Float32, orientation: int) -> Float32:
    """A stored picture (height, width, channels) as a viewer shows it; see `stored_view`."""
    if orientation not in range(2, 9):
        return stored
    upright = new_upright(stored.shape[0], stored.shape[1], stored.shape[2], orientation)
    stored_view(upright, orientation)[...] = stored
    return upright


def stored_view(upright: Float32, orientation: int) -> Float32:
    """The view of an upright picture that runs as the file stores it, so that filling the view turns the picture.

    Args:
        upright: float32 (height, width, channels), as a viewer shows it.
        orientation: EXIF's tag 274, 1 to 8 (Exif 3.0, table 9); anything else counts as 1.

    Returns:
        A view of `upright`; height and width are exchanged for 5 to 8.
    """
    match orientation:
        case 2:
            return upright[:, ::-1]
        case 3:
            return upright[::-1, ::-1]
        case 4:
            return upright[::-1]
        case 5:
            return upright.swapaxes(0, 1)
        case 6:
            return np.rot90(upright, 1)
        case 7:
            return upright[::-1, ::-1].swapaxes(0, 1)
        case 8:
            return np.rot90(upright, -1)
    return upright


def new_upright(height: int, width: int, channels: int, orientation: int) -> Float32:
    """An empty upright picture, float32, for a stored one of this height and width."""
    if orientation in (5, 6, 7, 8):
        height, width = width, height
    return np.empty((height, width, channels), np.float32)
