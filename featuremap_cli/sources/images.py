"""Read one image file, in any of the formats this tool takes, and say plainly what is wrong with one it cannot take."""

from __future__ import annotations

import io
import re
import stat
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image as Pillow
from PIL import ImageFile, UnidentifiedImageError

from featuremap_cli.arrays import Image
from featuremap_cli.errors import ImageError
from featuremap_cli.sources import arrays_on_disk, bitmap_alpha, deep_color, multiband, nodata, pillow_modes
from featuremap_cli.sources.locations import is_sample, printable, sample_path
from featuremap_cli.sources.pillow_formats import needed_package, open_picture, refused_format
from featuremap_cli.sources.pixel_values import PIXEL_LIMIT, Decoded, check_size
from featuremap_cli.sources.stores import fetch, is_url, without_secrets

# What Pillow's and tifffile's decoders raise for damaged data. Neither promises a list; this one was gathered by
# feeding them cut and altered files.
DECODER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
    Pillow.DecompressionBombError,
)

_HEADS: Mapping[str, re.Pattern[bytes]] = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG"),
    "GIF": re.compile(rb"GIF8"),
    "WebP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
}


@dataclass(frozen=True)
class _Encoded:
    """A file as it lies on the disk: `shown` is what messages call it, `content` its bytes where it is a pipe or comes
    from a store."""

    path: Path
    shown: str
    head: bytes
    size: int
    content: bytes | None = None

    def stream(self) -> BinaryIO:
        return self.path.open("rb") if self.content is None else io.BytesIO(self.content)

    @property
    def format(self) -> str:
        """The format its first bytes announce; empty when they announce none that is known here."""
        return next((name for name, head in _HEADS.items() if head.match(self.head)), "")


def read_image(path: str, *, pixel_limit: int = PIXEL_LIMIT) -> Image:
    """Read a picture.

    Takes whatever Pillow reads, the first frame or page, turned upright as EXIF says; TIFF with more bands or bits
    than Pillow holds; `.npy` (height, width[, channels]).

    Args:
        path: a file's path, `sample:china`, or an address in a store (`s3://...`, `https://...`).
        pixel_limit: the most pixels (height times width) that are unpacked. A file of a few kilobytes can claim
            millions of pixels; more than four channels count as more pixels. A `.npy` file holds what it claims, and is
            read whatever its size.

    Returns:
        The picture, pixels float32 (height, width, channels): 1 channel for gray, 3 for color (palettes, CMYK and the
        like become RGB), as many as there are bands otherwise. Integers of n bits are divided by 2^n - 1, floats are
        as they were. Alpha is composited over white, and pixels that GDAL's tag calls no data are NaN. `notes` say
        what was converted.

    Raises:
        ImageError: the file is missing, a folder, unreadable, empty, truncated, damaged, not an image, too large,
            without pixels, or holds NaN, infinity or Python objects.
    """
    encoded = _fetch(path) if is_url(path) else _look_at(path)
    try:
        pixels, notes = _decode(encoded, pixel_limit)
    except MemoryError as error:
        raise ImageError(f"{encoded.shown} needs more memory than there is: scale it down first") from error
    return Image(pixels, printable(encoded.path.name), notes)


def _look_at(path: str) -> _Encoded:
    """Check what can be checked without decoding."""
    shown = printable(path)
    file = sample_path(path) if is_sample(path) else Path(path)
    try:
        status = file.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(f"{shown} is a folder: expected an image file; name one in it")
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
            raise ImageError(f"{shown} is a device: expected an image file")
        with file.open("rb") as stream:
            # A pipe, such as a shell's <(...), can be read only once and from its beginning.
            content = stream.read() if stat.S_ISFIFO(status.st_mode) else None
            head = stream.read(512) if content is None else content[:512]
    except FileNotFoundError as error:
        raise ImageError(f"{shown} does not exist: expected an image file; check the name") from error
    except PermissionError as error:
        raise ImageError(f"{shown} may not be read (permission denied): allow it with chmod +r") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{shown} cannot be read ({reason}): check the file and its disk") from error
    if not head:
        raise ImageError(_empty(shown))
    return _Encoded(file, shown, head, status.st_size if content is None else len(content), content)


def _fetch(url: str) -> _Encoded:
    """Read an object of a store, whole: formats are read back and forth, and each step would be a request."""
    plain = without_secrets(url)
    shown = printable(plain)
    try:
        content = fetch(url)
    except FileNotFoundError as error:
        raise ImageError(f"{shown} does not exist: expected an image; check the address") from error
    except PermissionError as error:
        raise ImageError(
            f"{shown} may not be read: expected credentials that allow it, in the store's usual places"
        ) from error
    except OSError as error:
        raise ImageError(f"{shown} cannot be read ({error.strerror}): check the address and the network") from error
    if not content:
        raise ImageError(_empty(shown))
    return _Encoded(Path(plain.rpartition("/")[2]), shown, content[:512], len(content), content)


def _empty(shown: str) -> str:
    return f"{shown} is empty: expected an image, got 0 bytes; copy or download it again"


def _decode(encoded: _Encoded, pixel_limit: int) -> Decoded:
    if encoded.head.startswith(arrays_on_disk.NPY_HEAD) or encoded.path.suffix.lower() == ".npy":
        with encoded.stream() as stream:
            return arrays_on_disk.read_npy_image(stream, encoded.size, encoded.shown)
    try:
        if encoded.format == "TIFF":
            return _decode_tiff(encoded, pixel_limit)
        with _open(encoded) as image:
            check_size(encoded.shown, image.height, image.width, len(image.getbands()), pixel_limit)
            if deep_color.is_deep_png(image):
                return deep_color.read_deep(lambda: _open(encoded))
            if deep_color.is_deep_pixmap(image):
                return deep_color.read_deep_pixmap(image)
            has_alpha = bitmap_alpha.may_hold_alpha(image)
            decoded = pillow_modes.decode(image, encoded.shown)
        return bitmap_alpha.composited(decoded, lambda: _open(encoded)) if has_alpha else decoded
    except UnidentifiedImageError as error:
        raise ImageError(_not_an_image(encoded)) from error
    except DECODER_ERRORS as error:
        raise ImageError(_damaged(encoded, error)) from error


def _decode_tiff(encoded: _Encoded, pixel_limit: int) -> Decoded:
    try:
        with _open(encoded) as image:
            check_size(encoded.shown, image.height, image.width, len(image.getbands()), pixel_limit)
            no_data, exact, bits = nodata.value_of(image), multiband.pillow_is_exact(image), multiband.used_bits(image)
            if exact and no_data is None:
                return pillow_modes.decode(image, encoded.shown, bits)
            can_read_deep, can_read = deep_color.can_read_deep(image), True
    except UnidentifiedImageError:
        # Pillow says the same of an unknown number of bands as of no TIFF at all; tifffile tells them apart.
        can_read_deep = can_read = exact = False
        no_data, bits = None, 8
    try:
        with encoded.stream() as stream:
            return multiband.read_multiband(stream, encoded.shown, pixel_limit)
    except multiband.MissingCodecError as error:
        if can_read_deep:
            return deep_color.read_deep(lambda: _open(encoded))
        if can_read:
            with _open(encoded) as image:
                pixels, notes = decoded = pillow_modes.decode(image, encoded.shown, bits)
                if exact and no_data is not None:
                    largest = 1 if image.mode == "F" else 2**bits - 1
                    return nodata.marked_by_pixels(decoded, no_data, largest)
            return Decoded(pixels, (*notes, "read with 8 bits a sample; pip install 'featuremap-cli[tiff]' for all"))
        raise ImageError(
            f"{encoded.shown} is compressed in a way that needs another package ({error}): "
            "pip install 'featuremap-cli[tiff]', or save the file uncompressed"
        ) from error


def _open(encoded: _Encoded) -> ImageFile.ImageFile:
    """Open with Pillow, which reads the header only. By path, because Pillow then loads the one plugin it needs."""
    with pillow_modes.reading_headers():
        return open_picture(encoded.path if encoded.content is None else io.BytesIO(encoded.content))


def _not_an_image(encoded: _Encoded) -> str:
    if encoded.format:
        return _damage(encoded, encoded.format)
    if (refused := refused_format(encoded.head)) is not None:
        name, why = refused
        return f"{encoded.shown} holds {name}, which {why}: expected a picture; convert it to PNG"
    if (packaged := needed_package(encoded.head)) is not None:
        return (
            f"{encoded.shown} holds {packaged}, which is read with one more package: "
            f"pip install 'featuremap-cli[heic]', or convert it to PNG"
        )
    expected = f" ({suffix} by its name)" if (suffix := printable(encoded.path.suffix)) else ""
    return (
        f"{encoded.shown} is not an image that can be read: expected a picture{expected}, "
        f"got {_described(encoded.head)}; check the file, or convert it to PNG"
    )


def _damaged(encoded: _Encoded, error: BaseException) -> str:
    reason = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    if "truncated" in reason.lower() or "failed to read" in reason or isinstance(error, EOFError):
        return _damage(encoded, encoded.format or "image")
    return (
        f"{encoded.shown} is damaged: expected a whole {encoded.format or 'image'} file, "
        f"got {encoded.size:,} bytes that do not decode ({printable(reason) or type(error).__name__}); "
        "copy or download it again"
    )


def _damage(encoded: _Encoded, kind: str) -> str:
    return (
        f"{encoded.shown} is truncated: expected a whole {kind} file, got {encoded.size:,} bytes that end early; "
        "copy or download it again"
    )


def _described(head: bytes) -> str:
    try:
        text = head[:500].decode("utf-8", "strict" if len(head) < 500 else "ignore")
    except UnicodeDecodeError:
        text = "\0"
    if all(character.isprintable() or character in "\t\r\n" for character in text):
        return "text"
    return f"bytes that begin with {head[:8].hex(' ')}"
