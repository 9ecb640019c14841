"""Which of Pillow's formats are opened: those that are decoded by Pillow and the libraries in it, and nothing else.

Pillow goes by what a file holds, not by its name. EPS would start Ghostscript, WMF is drawn by Windows, and BUFR, GRIB,
HDF5 and MPEG are read by whatever an installed package has registered for them.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

from PIL import Image as Pillow
from PIL import ImageFile, UnidentifiedImageError

COMMON = ("PNG", "JPEG", "GIF", "BMP", "PPM", "DIB")
"""What Pillow knows before it has loaded the modules of the others."""

OTHERS = (
    *(
        "TIFF",
        "WEBP",
        "AVIF",
        "HEIF",
        "JPEG2000",
        "MPO",
        "ICO",
        "ICNS",
        "CUR",
        "TGA",
        "PSD",
        "PCX",
        "DCX",
        "DDS",
        "QOI",
    ),
    *("BLP", "FITS", "FLI", "FTEX", "GBR", "IM", "IMT", "MCIDAS", "MSP", "PCD", "PIXAR", "SGI", "SPIDER", "SUN", "XBM"),
    *("XPM", "XVTHUMB"),
)

_MODULES = {".jpg": "JpegImagePlugin", ".jpeg": "JpegImagePlugin", ".png": "PngImagePlugin"}

_REFUSED: Mapping[str, tuple[re.Pattern[bytes], str]] = MappingProxyType(
    {
        "EPS": (re.compile(rb"%!PS|\xc5\xd0\xd3\xc6"), "would start Ghostscript, a program"),
        "PDF": (re.compile(rb"%PDF"), "is a document"),
        "WMF": (re.compile(rb"\xd7\xcd\xc6\x9a\0\0|\x01\0\0\0.{36} EMF", re.DOTALL), "is drawn by Windows"),
        "GRIB": (re.compile(rb"GRIB"), "is read by other packages"),
        "BUFR": (re.compile(rb"BUFR|ZCZC"), "is read by other packages"),
        "HDF5": (re.compile(rb"\x89HDF\r\n\x1a\n"), "is read by other packages"),
        "MPEG": (re.compile(rb"\0\0\x01\xb3"), "is a film"),
    }
)
_BRANDS: Mapping[bytes, str] = MappingProxyType(
    {
        **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"),
        **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    }
)

# Pillow logs what it cannot read, and logging prints that on stderr unless someone has asked for it.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def open_picture(source: Path | BytesIO) -> ImageFile.ImageFile:
    """Open a picture, its header only.

    Args:
        source: a file, whose name lets Pillow load the one module that it needs; or its bytes.

    Raises:
        UnidentifiedImageError: it is of no format that is opened here.
        OSError, and whatever Pillow's decoders raise: see `images.DECODER_ERRORS`.
    """
    known = _known_by_name(source)
    if known:
        try:
            return Pillow.open(source, formats=known)
        except UnidentifiedImageError:  # it holds something else than its name says
            pass
    Pillow.preinit()
    try:
        return Pillow.open(source, formats=COMMON)
    except UnidentifiedImageError:
        _register_heif()
        Pillow.init()
        return Pillow.open(source, formats=[name for name in OTHERS if name in Pillow.OPEN])


def _known_by_name(source: Path | BytesIO) -> list[str]:
    """The common formats that are loaded, that of the file's name among them; Pillow loads all for one it lacks."""
    module = _MODULES.get(source.suffix.lower()) if isinstance(source, Path) else None
    if module is None:
        return []
    importlib.import_module(f"PIL.{module}")
    return [name for name in COMMON if name in Pillow.OPEN]


def refused_format(head: bytes) -> tuple[str, str] | None:
    """A format that is not opened, by a file's first bytes, and why; None for another."""
    return next(((name, why) for name, (start, why) in _REFUSED.items() if start.match(head)), None)


def needed_package(head: bytes) -> str | None:
    """HEIC or AVIF, by a file's first bytes, which want a package where Pillow cannot read them; None for another."""
    return _BRANDS.get(head[8:12]) if head[4:8] == b"ftyp" else None


def _register_heif() -> None:
    """Let Pillow read HEIC where the package for it is installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return
    register_heif_opener()
