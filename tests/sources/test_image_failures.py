"""Every way in which a picture cannot be read: one line, exit code 3, what came and what to do."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from featuremap_cli.errors import ExitCode, ImageError
from featuremap_cli.sources.images import PIXEL_LIMIT, read_image
from featuremap_cli.sources.locations import sample_path


def message(path: Path | str, **options: int) -> str:
    """What read_image says; the file's name comes first, so that a list of errors reads as a list of files."""
    with pytest.raises(ImageError) as raised:
        read_image(str(path), **options)
    text = str(raised.value)
    assert raised.value.exit_code == ExitCode.NO_IMAGE == 3
    assert text.isprintable()
    assert text.startswith(str(path))
    return text.removeprefix(str(path))


def made(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def encoded(format_name: str, mode: str = "RGB", **options: Any) -> bytes:
    stream = io.BytesIO()
    with Pillow.open(sample_path("china")) as image:
        image.resize((64, 48)).convert(mode).save(stream, format_name, **options)
    return stream.getvalue()


def test_missing(tmp_path: Path) -> None:
    assert message(tmp_path / "none.jpg") == " does not exist: expected an image file; check the name"


def test_a_name_no_file_can_have(tmp_path: Path) -> None:
    assert "cannot be read (File name too long)" in message(tmp_path / ("x" * 300))
    with pytest.raises(ImageError, match=r"a\\x00b.jpg cannot be read \(embedded null byte\)"):
        read_image("a\0b.jpg")


def test_unknown_sample() -> None:
    assert message("sample:cat") == " is not a sample image: there are sample:china and sample:flower"


def test_a_folder(tmp_path: Path) -> None:
    assert message(tmp_path) == " is a folder: expected an image file; name one in it"


def test_a_device() -> None:
    assert message("/dev/null") == " is a device: expected an image file"


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "npy", "txt"])
def test_empty(tmp_path: Path, suffix: str) -> None:
    path = made(tmp_path / f"a.{suffix}", b"")
    assert message(path) == " is empty: expected an image, got 0 bytes; copy or download it again"


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "a.jpg", encoded("JPEG"))

    def refusing(self: Path, *arguments: Any, **options: Any) -> Any:
        # Root may read anything, so the system's refusal is played.
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refusing)
    assert message(path) == " may not be read (permission denied): allow it with chmod +r"


def test_a_fault_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "a.jpg", encoded("JPEG"))

    def failing(self: Path, *arguments: Any, **options: Any) -> Any:
        raise OSError(5, "Input/output error", str(self))

    monkeypatch.setattr(Path, "open", failing)
    assert message(path) == " cannot be read (Input/output error): check the file and its disk"


@pytest.mark.parametrize("kept", [0.002, 0.3, 0.9])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WebP"])
def test_truncated(tmp_path: Path, name: str, kept: float) -> None:
    content = encoded(name, "P" if name == "GIF" else "RGB")
    content = content[: max(16, int(len(content) * kept))]
    got = message(made(tmp_path / f"a.{name.lower()}", content))
    size = f"{len(content):,} bytes"
    assert got in (
        f" is truncated: expected a whole {name} file, got {size} that end early; copy or download it again",
        # libwebp says no more than that it failed.
        f" is damaged: expected a whole WebP file, got {size} that do not decode (could not create decoder object); "
        "copy or download it again",
    )
    assert name == "WebP" or "truncated" in got


@pytest.mark.parametrize("name", ["BMP", "PPM", "TGA", "TIFF", "PCX"])
def test_truncated_in_other_formats(tmp_path: Path, name: str) -> None:
    content = encoded(name)
    assert " is truncated: expected a whole " in message(made(tmp_path / f"a.{name.lower()}", content[:2000]))


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("kept", [4, 100, 2000])
def test_truncated_multiband_tiff(tmp_path: Path, compression: str | None, kept: int, capfd: Any) -> None:
    stream = io.BytesIO()
    samples = np.random.default_rng(0).integers(0, 65536, (20, 30, 5), np.uint16)
    tifffile.imwrite(stream, samples, photometric="minisblack", planarconfig="contig", compression=compression)
    got = message(made(tmp_path / "a.tif", stream.getvalue()[:kept]))
    assert "expected a whole TIFF file" in got
    assert "copy or download it again" in got
    assert capfd.readouterr().err == ""


def test_truncated_deep_pixmap(tmp_path: Path) -> None:
    path = made(tmp_path / "a.ppm", b"P6 5 4 65535\n" + bytes(100))
    assert "is truncated" in message(path)


def test_damaged_png(tmp_path: Path) -> None:
    content = bytearray(encoded("PNG"))
    start = content.index(b"IDAT") + 4
    content[start : start + 20] = bytes(20)
    got = message(made(tmp_path / "a.png", bytes(content)))
    assert got.startswith(f" is damaged: expected a whole PNG file, got {len(content):,} bytes that do not decode (")


def test_text_named_png(tmp_path: Path) -> None:
    assert message(made(tmp_path / "notes.png", "Grüße an alle\n".encode())) == (
        " is not an image that can be read: expected a picture (.png by its name), got text; "
        "check the file, or convert it to PNG"
    )
    # A letter cut in two where the first bytes end is still text.
    assert "got text" in message(made(tmp_path / "long.png", ("x" + "ü" * 600).encode()))


def test_other_data_named_png(tmp_path: Path) -> None:
    got = message(made(tmp_path / "archive.png", b"PK\x03\x04\x14\0\0\0rest"))
    assert "got bytes that begin with 50 4b 03 04 14 00 00 00;" in got
    assert "(" not in message(made(tmp_path / "nameless", b"\xff\0\xff\0"))


def test_a_sound_file_is_no_truncated_webp(tmp_path: Path) -> None:
    assert "got bytes that begin with 52 49 46 46" in message(made(tmp_path / "a.webp", b"RIFF\xff\0\0\0WAVEfmt "))


# ----- too large, too small


def hollow_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def test_a_decompression_bomb(tmp_path: Path) -> None:
    path = made(tmp_path / "bomb.png", hollow_png(40_000, 30_000))
    assert message(path) == (
        " would unpack to 40,000 x 30,000 = 1,200,000,000 pixels, and files beyond 178,956,970 are refused "
        "(a decompression bomb?): scale it down, or raise --max-pixels"
    )


def test_a_small_file_of_many_pixels(tmp_path: Path) -> None:
    path = tmp_path / "white.png"
    Pillow.new("1", (14_000, 13_000), 1).save(path)
    assert path.stat().st_size < 100_000
    assert "14,000 x 13,000 = 182,000,000 pixels" in message(path)


def test_the_limit_is_pillows_and_can_be_given(tmp_path: Path) -> None:
    assert Pillow.MAX_IMAGE_PIXELS is not None
    assert PIXEL_LIMIT == 2 * Pillow.MAX_IMAGE_PIXELS
    path = made(tmp_path / "a.png", encoded("PNG"))
    assert read_image(str(path), pixel_limit=64 * 48).channels == 3
    assert "would unpack to 64 x 48 = 3,072 pixels, and files beyond 3,071" in message(path, pixel_limit=64 * 48 - 1)


def test_pixels_below_the_limit_are_asked_for(tmp_path: Path) -> None:
    # 178 megapixels: Pillow alone warns; here only the missing data are the trouble.
    assert "is truncated" in message(made(tmp_path / "a.png", hollow_png(17_800, 10_000)))


def test_many_bands_count_as_many_pixels(tmp_path: Path) -> None:
    samples = np.zeros((10, 10, 9), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="minisblack", planarconfig="contig")
    read_image(str(tmp_path / "a.tif"), pixel_limit=300)
    got = message(tmp_path / "a.tif", pixel_limit=299)
    assert "10 x 10 = 100 pixels with 9 channels, and files beyond 299 are refused" in got


@pytest.mark.parametrize(
    ("shape", "size"), [((0, 5), "5 x 0"), ((5, 0, 3), "0 x 5"), ((5, 4, 0), "4 x 5 with 0 channels")]
)
def test_an_array_without_pixels(tmp_path: Path, shape: tuple[int, ...], size: str) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    assert message(tmp_path / "a.npy") == f" has no pixels: expected at least 1 x 1, got {size} (width x height)"


@pytest.mark.parametrize("content", [hollow_png(0, 5), b"P5 0 5 255\n", b"P6 5 0 255\n"])
def test_a_picture_without_pixels(tmp_path: Path, content: bytes) -> None:
    assert message(made(tmp_path / "a.png", content))


# ----- values that are no pixels


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["a.npy", "a.tif", "bands.tif", "a.pfm"])
def test_nan_and_infinity(tmp_path: Path, name: str, value: float) -> None:
    shape = (6, 5, 5) if name == "bands.tif" else (6, 5)
    samples = np.zeros(shape, np.float32)
    samples[4, 2] = value
    samples[5, 1] = value
    if name == "a.npy":
        np.save(tmp_path / name, samples)
    elif name == "bands.tif":
        samples[5, 1], samples[4, 2, 1:] = 0, 0
        tifffile.imwrite(tmp_path / name, samples, photometric="minisblack", planarconfig="contig")
    else:
        Pillow.fromarray(samples).save(tmp_path / name)
    count = "1 value that is" if name == "bands.tif" else "2 values that are"
    assert message(tmp_path / name) == (
        f" has {count} NaN or infinite as float32, the first at row 4, column 2: "
        "expected finite numbers; replace them first, for example with numpy.nan_to_num"
    )


def test_a_float64_beyond_float32(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[0, 1e300]]))
    assert "1 value that is NaN or infinite as float32, the first at row 0, column 1" in message(tmp_path / "a.npy")


class RunsCode:
    """Unpickled, it would make a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def test_python_objects_are_never_unpickled(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    np.save(tmp_path / "a.npy", np.array([[RunsCode(str(trap))]], object), allow_pickle=True)
    got = message(tmp_path / "a.npy")
    assert got.startswith(" holds Python objects, which are never unpickled (that could run code): expected numbers;")
    pickled = made(tmp_path / "b.npy", pickle.dumps(RunsCode(str(trap))))
    assert " is not a whole array file: expected what numpy.save writes" in message(pickled)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(5), "holds an array of 5: expected (height, width) or (height, width, channels)"),
        (np.zeros((2, 3, 4, 5)), "holds an array of 2 x 3 x 4 x 5: expected (height, width)"),
        (np.float32(1), "holds an array of a single value: expected (height, width)"),
        (np.zeros((2, 2), complex), "holds complex128 values: expected integers, floats or booleans"),
        (np.array([["a", "b"]]), "holds <U1 values: expected integers, floats or booleans"),
        (np.zeros((2, 2), [("r", "u1")]), "values: expected integers, floats or booleans"),
    ],
)
def test_arrays_that_are_no_pictures(tmp_path: Path, array: Any, words: str) -> None:
    np.save(tmp_path / "a.npy", array)
    assert words in message(tmp_path / "a.npy")


def test_a_truncated_array_asks_for_no_memory(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"shape": (13_000, 13_000), "fortran_order": False, "descr": "<f8"})
    got = message(made(tmp_path / "a.npy", stream.getvalue() + bytes(80)))
    assert got == " is truncated: expected 1,352,000,000 bytes of pixels, got 80; copy or save it again"
    assert " is not a whole array file" in message(made(tmp_path / "b.npy", stream.getvalue()[:40]))


def test_text_named_npy(tmp_path: Path) -> None:
    assert " is not a whole array file: expected what numpy.save writes" in message(
        made(tmp_path / "a.npy", b"1 2 3\n")
    )


# ----- TIFFs that even tifffile refuses


def test_a_volume(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((16, 32, 48), np.uint16), volumetric=True, tile=(16, 16, 16))
    assert " has axes ZYX: expected one flat picture; save its slices separately" in message(tmp_path / "a.tif")


def test_an_unknown_color_space(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5, 3), np.uint16), photometric="cielab")
    assert " stores its colors as CIELAB: expected gray, RGB, CMYK or bands" in message(tmp_path / "a.tif")


def test_a_codec_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.zeros((4, 5, 5), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="minisblack", planarconfig="contig", compression="zlib")

    def without_codec(*arguments: Any, **options: Any) -> Any:
        raise KeyError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", without_codec)
    assert message(tmp_path / "a.tif") == (
        " is compressed in a way that needs another package "
        "(<COMPRESSION.LZW: 5> requires the 'imagecodecs' package): "
        "pip install 'featuremap-cli[tiff]', or save the file uncompressed"
    )


def test_too_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "a.png", encoded("PNG"))

    def full(*arguments: Any, **options: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("featuremap_cli.sources.pillow_modes.new_upright", full)
    assert message(path) == " needs more memory than there is: scale it down first"


# ----- whatever else comes


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "TIFF", "WebP", "BMP", "AVIF", "npy", "bands"])
def test_altered_files_are_read_or_refused_but_never_crash(tmp_path: Path, name: str) -> None:
    stream = io.BytesIO()
    samples = np.random.default_rng(0).integers(0, 256, (24, 33, 5), np.uint8)
    if name == "npy":
        np.save(stream, samples)
    elif name == "bands":
        tifffile.imwrite(stream, samples, photometric="minisblack", planarconfig="contig", compression="zlib")
    else:
        stream = io.BytesIO(encoded(name, "P" if name == "GIF" else "RGB"))
    whole, chance = stream.getvalue(), random.Random(name)
    refused: list[str] = []
    for _ in range(60):
        altered = bytearray(whole[: chance.randrange(8, len(whole))] if chance.random() < 0.4 else whole)
        for _ in range(chance.randint(1, 6)):
            altered[chance.randrange(min(len(altered), chance.choice([60, 300, len(altered)])))] = chance.randrange(256)
        try:
            image = read_image(str(made(tmp_path / "altered", bytes(altered))), pixel_limit=1_000_000)
        except ImageError as error:
            refused.append(str(error))
        else:
            assert image.pixels.ndim == 3
            assert np.isfinite(image.pixels).all()
    assert len(refused) > 5
    assert all(text.isprintable() for text in refused)
