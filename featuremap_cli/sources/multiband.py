"""TIFF beyond what Pillow holds: more than four bands, 16-bit and float color, signed and 64-bit samples.

tifffile reads these. It is imported only when such a file comes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from featuremap_cli.arrays import Float32
from featuremap_cli.errors import ImageError
from featuremap_cli.sources import nodata
from featuremap_cli.sources.pixel_values import (
    ALPHA_NOTE,
    Decoded,
    check_size,
    over_white,
    scale_notes,
    turned_upright,
    unit_pixels,
)

_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLES, _EXTRA_SAMPLES, _SAMPLE_FORMAT, _DEPTH = 258, 262, 277, 338, 339, 32997
_DESCRIPTION = 270
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _SEPARATED, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_COLOR_SAMPLES = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _SEPARATED: 4, _YCBCR: 3, _LAB: 3}
_UNSIGNED, _FLOAT = 1, 3
_PREMULTIPLIED, _ALPHA = 1, 2

# tifffile logs what it finds odd, and logging prints that on stderr unless someone has asked for it.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


class MissingCodecError(Exception):
    """The file is compressed in a way that tifffile undoes only with imagecodecs installed."""


def pillow_is_exact(image: Pillow.Image) -> bool:
    """Whether Pillow keeps all that an opened TIFF holds: every band, every bit, every sign (TIFF 6.0, sections 8, 19).

    Anything else, Pillow would read with bands or bits left out, without a word.
    """
    tags: Mapping[int, Any] | None = getattr(image, "tag_v2", None)
    if tags is None:
        return True
    samples, photometric = tags.get(_SAMPLES, 1), tags.get(_PHOTOMETRIC, 0)
    bits, formats = set(tags.get(_BITS_PER_SAMPLE, (1,))), set(tags.get(_SAMPLE_FORMAT, (_UNSIGNED,)))
    if _is_stack(tags):
        return False
    if formats == {_FLOAT}:
        return samples == 1 and bits == {32}
    if formats != {_UNSIGNED} or tags.get(_DEPTH, 1) != 1:
        return False
    if samples == 1 and bits in ({12}, {16}):
        return bool(photometric == _BLACK_IS_ZERO)
    extra = samples - _COLOR_SAMPLES.get(photometric, samples)
    # A fourth sample without a tag that says what it is has always been read as alpha.
    has_alpha = extra == 1 and tags.get(_EXTRA_SAMPLES, (_ALPHA,)) in ((_PREMULTIPLIED,), (_ALPHA,))
    return max(bits) <= 8 and (extra == 0 or (has_alpha and photometric in (_BLACK_IS_ZERO, _RGB)))


def _is_stack(tags: Mapping[int, Any]) -> bool:
    """Whether the description says, in ImageJ's or OME's words, that pages are channels of one picture."""
    words = str(tags.get(_DESCRIPTION, ""))
    return (words.startswith("ImageJ=") and "channels=" in words) or "<OME" in words


def used_bits(image: Pillow.Image) -> int:
    """How many bits the samples of an opened single-band file of mode I;16 have: 16, or 12 in some TIFFs."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    return int(tags.get(_BITS_PER_SAMPLE, (16,))[0])


def read_multiband(data: BinaryIO, shown: str, pixel_limit: int) -> Decoded:
    """Read the first page of a TIFF with all its bands.

    Args:
        data: the file, at its beginning.
        shown: what messages call the file.
        pixel_limit: see `images.read_image`.

    Returns:
        float32 (height, width, bands), upright; planar files too. Integers are scaled by the largest value their bits
        hold, floats stay as they are. A band marked as alpha is composited over white and left out; bands of unknown
        meaning stay. White-is-zero is inverted, a palette looked up, CMYK becomes RGB.

    Raises:
        MissingCodecError: imagecodecs is needed.
        ImageError: too large, a volume, a color space this does not know, NaN or infinity.
        OSError, ValueError, struct.error, zlib.error and others: the file is damaged, see images.DECODER_ERRORS.
    """
    page, samples, is_first = _first_page(data, shown, pixel_limit)
    notes = ["first of several pages"] if is_first else []
    orientation = page.tags.valueof(274, 1)
    if orientation in range(2, 9):
        notes.append("turned upright as its orientation tag says")
    value = nodata.read_value(page.tags.valueof(nodata.TAG))
    without = None if value is None else nodata.places(samples, value)
    if without is not None and np.isnan(value or 0):
        samples = np.where(without, samples.dtype.type(0), samples)
    decoded = Decoded(*_in_color(page, samples, shown))
    if without is not None and value is not None:
        decoded = nodata.marked(decoded, without, value)
    pixels = np.ascontiguousarray(turned_upright(decoded.pixels, orientation))
    return Decoded(pixels, (*notes, *decoded.notes))


def _first_page(data: BinaryIO, shown: str, pixel_limit: int) -> tuple[Any, NDArray[Any], bool]:
    """The first page, its samples (height, width, bands) as stored, and whether more pages follow."""
    import tifffile

    try:
        with tifffile.TiffFile(data) as file:
            page = file.pages.first
            check_size(shown, page.imagelength, page.imagewidth, page.samplesperpixel, pixel_limit)
            if (stack := _channel_stack(file)) is not None:
                check_size(shown, stack.shape[-2], stack.shape[-1], stack.shape[-3], pixel_limit)
                samples = stack.asarray()
                rest = 0 if samples.ndim == 3 else int(np.prod(samples.shape[:-3]))
                channels = samples.reshape(-1, *samples.shape[-3:])[0]
                return page, np.moveaxis(channels, 0, -1), rest > 1
            samples = page.asarray()
            if page.axes not in ("YX", "YXS", "SYX"):
                raise ImageError(f"{shown} has axes {page.axes}: expected one flat picture; save its slices separately")
            samples = np.moveaxis(samples, 0, -1) if page.axes == "SYX" else samples
            return page, samples.reshape(*samples.shape[:2], -1), len(file.pages) > 1
    except TypeError as error:
        # Where a tag holds several values instead of one, tifffile calculates with a tuple.
        raise ValueError(f"its tags contradict each other: {error}") from error
    except (KeyError, ValueError) as error:
        if "imagecodecs" in str(error):
            raise MissingCodecError(str(error.args[0])) from error
        raise


def _channel_stack(file: Any) -> Any | None:
    """The pages that are channels of one picture, as ImageJ and OME write them; None where each page is a picture.

    Of stacks in depth (Z) or time (T) the first picture is taken: an axis before the channels is counted, not read.
    """
    series = file.series[0] if (file.is_imagej or file.is_ome) and file.series else None
    if series is None or len(series.shape) < 3 or series.axes[-3:] != "CYX" or series.shape[-3] < 2:
        return None
    return series


def _in_color(page: Any, samples: NDArray[Any], shown: str) -> tuple[Float32, tuple[str, ...]]:
    """Turn stored samples (height, width, samples) into bands where more is brighter, alpha composited."""
    photometric = int(page.photometric)
    if photometric == _PALETTE:
        looked_up = unit_pixels(np.moveaxis(page.colormap[:, samples[..., 0]], 0, -1), shown)
        if _ALPHA not in tuple(int(kind) for kind in page.extrasamples):
            return looked_up, ()
        return over_white(looked_up, unit_pixels(samples[..., 1:2], shown, page.bitspersample)), (ALPHA_NOTE,)
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _SEPARATED):
        name = getattr(page.photometric, "name", photometric)
        raise ImageError(
            f"{shown} stores its colors as {name}: expected gray, RGB, CMYK or bands; convert it to RGB first"
        )
    pixels = unit_pixels(samples, shown, page.bitspersample)
    notes = scale_notes(samples.dtype, page.bitspersample)
    extra = tuple(int(kind) for kind in page.extrasamples)
    colors = pixels.shape[2] - len(extra)
    if photometric == _WHITE_IS_ZERO and samples.dtype.kind in "bu":
        pixels[..., :colors] = 1 - pixels[..., :colors]
        notes += ("white-is-zero inverted",)
    if photometric == _SEPARATED and colors == 4:
        inks, black, rest = pixels[..., :3], pixels[..., 3:4], pixels[..., 4:]
        pixels, colors = np.concatenate([(1 - inks) * (1 - black), rest], axis=2), 3
        notes += ("CMYK converted to RGB",)
    for kind in (_ALPHA, _PREMULTIPLIED):
        if kind in extra:
            band = colors + extra.index(kind)
            bands = np.delete(pixels, band, axis=2)
            pixels = over_white(bands, pixels[..., band : band + 1], premultiplied=kind == _PREMULTIPLIED)
            return pixels, (*notes, ALPHA_NOTE)
    return pixels, notes
