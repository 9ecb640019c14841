"""Every kind of picture, made here with Pillow, tifffile or struct, against pixels known by hand or Pillow's own."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from featuremap_cli.arrays import Image
from featuremap_cli.sources.images import read_image
from featuremap_cli.sources.locations import sample_path

Pixels = NDArray[Any]


def random_samples(*shape: int, dtype: type = np.uint8, seed: int = 0) -> Pixels:
    random = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.floating):
        return random.standard_normal(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def expect(image: Image, pixels: Pixels, notes: Iterable[str] = (), tolerance: float = 1e-6) -> None:
    assert image.pixels.dtype == np.float32
    assert image.pixels.flags.c_contiguous
    assert image.pixels.shape == pixels.shape
    np.testing.assert_allclose(image.pixels, pixels, rtol=0, atol=tolerance)
    assert image.notes == tuple(notes)


SCALE_NOTES: Mapping[type, Sequence[str]] = {
    np.int8: ["signed 8-bit integers divided by 127"],
    np.int16: ["signed 16-bit integers divided by 32,767"],
    np.uint32: ["32-bit integers divided by 4,294,967,295"],
}


def saved(path: Path, image: Pillow.Image, **options: Any) -> str:
    image.save(path, **options)
    return str(path)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def sixteen_bit_png(samples: Pixels, *extra: bytes) -> bytes:
    """A PNG of 16 bits a channel, (height, width, channels), its rows filtered by PNG's filters 0 and 2 in turn."""
    height, width, channels = samples.shape
    rows = np.frombuffer(samples.astype(">u2").tobytes(), np.uint8).reshape(height, -1)
    up = np.concatenate([rows[:1], np.diff(rows, axis=0)])
    data = b"".join(bytes([2]) + up[y].tobytes() if y % 2 else bytes([0]) + rows[y].tobytes() for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    body = (
        png_chunk(b"IHDR", header) + b"".join(extra) + png_chunk(b"IDAT", zlib.compress(data)) + png_chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body


def lzw_without_matches(data: bytes) -> bytes:
    """LZW as TIFF 6.0 section 13 has it, every byte its own 9-bit code, the table cleared before it grows."""
    codes = [code for start in range(0, len(data), 200) for code in (256, *data[start : start + 200])] + [257]
    bits = "".join(f"{code:09b}" for code in codes)
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def tiff(tags: dict[int, int | list[int]], data: bytes) -> bytes:
    """A little-endian TIFF of one strip; lists become shorts, numbers longs."""
    tags = {**tags, 273: 8, 279: len(data)}
    directory = 8 + len(data) + len(data) % 2
    beyond = directory + 2 + 12 * len(tags) + 4
    entries, tail = struct.pack("<H", len(tags)), b""
    for code, value in sorted(tags.items()):
        if isinstance(value, int):
            entries += struct.pack("<HHII", code, 4, 1, value)
            continue
        shorts = struct.pack(f"<{len(value)}H", *value)
        place = shorts.ljust(4, b"\0") if len(shorts) <= 4 else struct.pack("<I", beyond + len(tail))
        tail += shorts if len(shorts) > 4 else b""
        entries += struct.pack("<HHI", code, 3, len(value)) + place
    return b"II*\0" + struct.pack("<I", directory) + data + b"\0" * (len(data) % 2) + entries + bytes(4) + tail


# ----- 1, 8 and 16 bits, integers and floats, gray


def test_the_sample_is_its_jpeg_over_255() -> None:
    image = read_image("sample:china")
    with Pillow.open(sample_path("china")) as opened:
        expect(image, np.asarray(opened) / 255)
    assert (image.name, image.height, image.width, image.channels) == ("china.jpg", 427, 640, 3)
    assert read_image(str(sample_path("china"))).name == "china.jpg"


def test_each_level_is_its_255th_exactly(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = saved(tmp_path / "levels.png", Pillow.fromarray(levels))
    assert np.array_equal(read_image(path).pixels[..., 0], (levels / 255).astype(np.float32))


def test_one_bit(tmp_path: Path) -> None:
    bits = np.array([[0, 1, 1], [1, 0, 0]], bool)
    for name in ("bits.png", "bits.tif", "bits.pbm"):
        expect(read_image(saved(tmp_path / name, Pillow.fromarray(bits))), bits[..., None].astype(float))


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm", "a.jp2"])
def test_sixteen_bit_gray(tmp_path: Path, name: str) -> None:
    levels = np.array([[0, 1, 256], [32768, 65534, 65535]], np.uint16)
    expect(read_image(saved(tmp_path / name, Pillow.fromarray(levels))), levels[..., None] / 65535, tolerance=1e-7)


def test_pgm_with_a_maximum_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 3 1 1023\n" + struct.pack(">3H", 0, 341, 1023))
    expect(read_image(str(path)), np.array([[[0], [1 / 3], [1]]]), tolerance=1e-5)


def test_float_stays_as_it_is(tmp_path: Path) -> None:
    values = np.array([[-3.5, 0, 1e-9], [0.25, 1, 900]], np.float32)
    for name in ("a.tif", "a.pfm"):
        image = read_image(saved(tmp_path / name, Pillow.fromarray(values)))
        assert np.array_equal(image.pixels[..., 0], values)


def test_large_pictures_are_converted_in_blocks_of_rows(tmp_path: Path) -> None:
    samples = random_samples(1200, 1500, 4)
    samples[:800, :, 3] = 255
    path = saved(tmp_path / "a.png", Pillow.fromarray(samples), compress_level=0)
    color, alpha = samples[..., :3] / 255, samples[..., 3:] / 255
    expect(read_image(path), color * alpha + (1 - alpha), ["alpha composited over white"])


# ----- color other than RGB


def test_palette(tmp_path: Path) -> None:
    image = Pillow.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 51])
    image.putdata([2, 0, 1])
    for name in ("a.png", "a.gif", "a.bmp", "a.tif"):
        expect(read_image(saved(tmp_path / name, image)), np.array([[[0, 0, 0.2], [1, 0, 0], [0, 1, 0]]]))


@pytest.mark.parametrize("transparency", [1, b"\xff\x00\x33"])
def test_palette_with_transparency(tmp_path: Path, transparency: int | bytes) -> None:
    image = Pillow.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    expected = [[1, 0, 0], [1, 1, 1], [0, 0, 1] if transparency == 1 else [0.8, 0.8, 1]]
    path = saved(tmp_path / "a.png", image, transparency=transparency)
    expect(read_image(path), np.array([expected]), ["alpha composited over white"])


@pytest.mark.parametrize(("name", "options"), [("a.tif", {}), ("a.jpg", {"quality": 100})])
def test_cmyk(tmp_path: Path, name: str, options: dict[str, int]) -> None:
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[...] = [255, 0, 0, 51]
    path = saved(tmp_path / name, Pillow.fromarray(inks, "CMYK"), **options)
    expected = np.broadcast_to([0.0, 0.8, 0.8], (16, 16, 3))
    expect(read_image(path), expected, ["CMYK converted to RGB"], tolerance=0.01)


def test_lab_white_gray_and_black(tmp_path: Path) -> None:
    # a* and b* are signed bytes (TIFF 6.0, section 23): 0 is neutral.
    lab = np.array([[[255, 0, 0], [137, 0, 0], [0, 0, 0]]], np.uint8)
    image = Pillow.fromarray(lab, "LAB")
    pixels = read_image(saved(tmp_path / "a.tif", image)).pixels
    # L* = 100 * 137 / 255 is Y = 0.2178, which sRGB encodes as 0.504 (IEC 61966-2-1).
    np.testing.assert_allclose(pixels[0], np.repeat([[1], [0.504], [0]], 3, axis=1), atol=0.015)


# ----- alpha


def test_gray_with_alpha(tmp_path: Path) -> None:
    samples = np.array([[[0, 0], [0, 255], [255, 51], [102, 51]]], np.uint8)
    path = saved(tmp_path / "a.png", Pillow.fromarray(samples, "LA"))
    expect(read_image(path), np.array([[[1], [0], [1], [0.88]]]), ["alpha composited over white"])


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.tga", "a.webp"])
def test_rgba_is_what_pillow_composites_over_white(tmp_path: Path, name: str) -> None:
    image = Pillow.fromarray(random_samples(20, 30, 4))
    path = saved(tmp_path / name, image, **({"lossless": True, "exact": True} if name == "a.webp" else {}))
    white = Pillow.new("RGBA", image.size, "white")
    expected = np.asarray(Pillow.alpha_composite(white, image).convert("RGB")) / 255
    expect(read_image(path), expected, ["alpha composited over white"], tolerance=1.01 / 255)


def test_opaque_alpha_changes_and_says_nothing(tmp_path: Path) -> None:
    samples = random_samples(5, 6, 4)
    samples[..., 3] = 255
    expect(read_image(saved(tmp_path / "a.png", Pillow.fromarray(samples))), samples[..., :3] / 255)


@pytest.mark.parametrize(
    ("mode", "samples", "transparency", "expected"),
    [
        ("L", [[0, 51, 255]], 51, [[[0], [1], [1]]]),
        ("RGB", [[[0, 0, 0], [51, 0, 0]]], (51, 0, 0), [[[0, 0, 0], [1, 1, 1]]]),
    ],
)
def test_a_transparent_color(tmp_path: Path, mode: str, samples: Any, transparency: Any, expected: Any) -> None:
    image = Pillow.fromarray(np.array(samples, np.uint8), mode)
    path = saved(tmp_path / "a.png", image, transparency=transparency)
    expect(read_image(path), np.array(expected, float), ["alpha composited over white"])


# ----- EXIF orientation, animations


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "deep.png", "bands.tif"])
def test_every_orientation_is_turned_upright(tmp_path: Path, name: str, orientation: int) -> None:
    path = tmp_path / name
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    samples = random_samples(5, 7, 3)
    scale = 255
    if name == "deep.png":
        samples, scale = random_samples(5, 7, 3, dtype=np.uint16), 65535
        path.write_bytes(sixteen_bit_png(samples, png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))))
    elif name == "bands.tif":
        samples, scale = random_samples(5, 7, 5, dtype=np.uint16), 65535
        options: dict[str, Any] = {"photometric": "minisblack", "planarconfig": "contig"}
        tifffile.imwrite(path, samples, extratags=[(274, 3, 1, orientation, True)], **options)
    else:
        Pillow.fromarray(samples).save(path, exif=exif, **({"quality": 100} if name == "a.jpg" else {}))
    turn = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a),
    }[orientation]
    image = read_image(str(path))
    if name == "a.jpg":
        with Pillow.open(path) as opened:
            upright = np.asarray(ImageOps.exif_transpose(opened))
        assert np.array_equal(image.pixels, (upright / 255).astype(np.float32))
    else:
        np.testing.assert_allclose(image.pixels, turn(samples / scale), atol=1e-6)
    assert image.pixels.flags.c_contiguous
    assert bool(image.notes) == (orientation > 1)


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Pillow.new("RGB", (4, 3), color) for color in ("red", "lime", "blue")]
    for name, note in (
        ("a.gif", "first frame of an animation"),
        ("a.png", "first frame of an animation"),
        ("a.webp", "first frame of an animation"),
        ("a.tif", "first of several pages"),
    ):
        path = saved(tmp_path / name, frames[0], save_all=True, append_images=frames[1:])
        expect(read_image(path), np.broadcast_to([1.0, 0, 0], (3, 4, 3)), [note], tolerance=0.01)


# ----- color of 16 bits a channel


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bit_png_keeps_every_bit(tmp_path: Path, channels: int) -> None:
    samples = random_samples(9, 11, channels, dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(sixteen_bit_png(samples))
    expect(read_image(str(tmp_path / "a.png")), samples / 65535, tolerance=1e-7)


@pytest.mark.parametrize("channels", [2, 4])
def test_sixteen_bit_png_with_alpha(tmp_path: Path, channels: int) -> None:
    samples = random_samples(9, 11, channels, dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(sixteen_bit_png(samples))
    color, alpha = samples[..., :-1] / 65535, samples[..., -1:] / 65535
    expect(
        read_image(str(tmp_path / "a.png")), color * alpha + 1 - alpha, ["alpha composited over white"], tolerance=3e-7
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bit_png_with_a_transparent_color(tmp_path: Path, channels: int) -> None:
    samples = random_samples(4, 5, channels, dtype=np.uint16)
    hole = png_chunk(b"tRNS", samples[2, 3].astype(">u2").tobytes())
    (tmp_path / "a.png").write_bytes(sixteen_bit_png(samples, hole))
    expected = samples / 65535
    expected[2, 3] = 1
    expect(read_image(str(tmp_path / "a.png")), expected, ["alpha composited over white"], tolerance=1e-7)


@pytest.mark.parametrize("maximum", [65535, 1000])
def test_sixteen_bit_pixmap(tmp_path: Path, maximum: int) -> None:
    samples = np.minimum(random_samples(4, 5, 3, dtype=np.uint16), maximum)
    (tmp_path / "a.ppm").write_bytes(b"P6\n# made here\n5 4\n%d\n" % maximum + samples.astype(">u2").tobytes())
    expect(read_image(str(tmp_path / "a.ppm")), samples / maximum, tolerance=1e-7)


@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_tiff_in_a_compression_that_only_pillow_undoes(tmp_path: Path, channels: int) -> None:
    samples = random_samples(6, 7, channels, dtype=np.uint16)
    tags: dict[int, int | list[int]] = {256: 7, 257: 6, 258: [16] * channels, 259: 5, 262: 2, 277: channels, 278: 6}
    if channels == 4:
        tags[338] = [2]
    (tmp_path / "a.tif").write_bytes(tiff(tags, lzw_without_matches(samples.astype("<u2").tobytes())))
    color, alpha = samples[..., :3] / 65535, samples[..., 3:] / 65535
    expected = color * alpha + 1 - alpha if channels == 4 else color
    notes = ["alpha composited over white"] if channels == 4 else []
    expect(read_image(str(tmp_path / "a.tif")), expected, notes, tolerance=3e-7)


# ----- TIFF beyond Pillow


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.float16, np.float32, np.float64]
)
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("bands", [2, 5, 13])
def test_multiband_tiff(tmp_path: Path, dtype: type, planar: str, bands: int) -> None:
    samples = random_samples(6, 7, bands, dtype=dtype)
    stored = samples if planar == "contig" else np.moveaxis(samples, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", planarconfig=planar, compression="zlib")
    scale = 1 if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).max
    expect(read_image(str(tmp_path / "a.tif")), samples.astype(float) / scale, SCALE_NOTES.get(dtype, ()))


@pytest.mark.filterwarnings("ignore:IM image format:DeprecationWarning")
@pytest.mark.parametrize("name", ["a.tif", "a.im"])
def test_32_bit_integers_of_pillow(tmp_path: Path, name: str) -> None:
    samples = np.array([[0, 65535, 2**31 - 1], [-(2**31), 7, 2**30]], np.int32)
    path = saved(tmp_path / name, Pillow.fromarray(samples, "I"))
    note = "signed 32-bit integers divided by 2,147,483,647"
    expect(read_image(path), samples[..., None] / (2**31 - 1), [note])


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_deep_color_tiff(tmp_path: Path, dtype: type, byteorder: Any) -> None:
    samples = random_samples(6, 7, 3, dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", byteorder=byteorder)
    scale = 65535 if dtype is np.uint16 else 1
    expect(read_image(str(tmp_path / "a.tif")), samples / scale, tolerance=1e-7)


def test_big_tiff_and_tiles(tmp_path: Path) -> None:
    samples = random_samples(40, 50, 5)
    tifffile.imwrite(
        tmp_path / "a.tif", samples, photometric="minisblack", planarconfig="contig", bigtiff=True, tile=(16, 16)
    )
    expect(read_image(str(tmp_path / "a.tif")), samples / 255)


def test_the_infrared_band_beside_rgb_is_kept(tmp_path: Path) -> None:
    samples = random_samples(6, 7, 4)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", extrasamples=["unspecified"])
    expect(read_image(str(tmp_path / "a.tif")), samples / 255)


@pytest.mark.parametrize(("kind", "premultiplied"), [("unassalpha", False), ("assocalpha", True)])
def test_alpha_in_a_deep_tiff(tmp_path: Path, kind: str, premultiplied: bool) -> None:
    samples = random_samples(6, 7, 4, dtype=np.uint16)
    color, alpha = samples[..., :3] / 65535, samples[..., 3:] / 65535
    if premultiplied:
        color = color * alpha
        samples = np.concatenate([np.rint(color * 65535).astype(np.uint16), samples[..., 3:]], axis=2)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", extrasamples=[kind])
    expected = (color if premultiplied else color * alpha) + 1 - alpha
    expect(read_image(str(tmp_path / "a.tif")), expected, ["alpha composited over white"], tolerance=1e-5)


def test_deep_white_is_zero_tiff(tmp_path: Path) -> None:
    samples = random_samples(6, 7, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="miniswhite")
    expect(read_image(str(tmp_path / "a.tif")), 1 - samples[..., None] / 65535, ["white-is-zero inverted"])


def test_deep_cmyk_tiff(tmp_path: Path) -> None:
    inks = random_samples(6, 7, 4, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    unit = inks / 65535
    expect(read_image(str(tmp_path / "a.tif")), (1 - unit[..., :3]) * (1 - unit[..., 3:]), ["CMYK converted to RGB"])


def test_deep_palette_tiff(tmp_path: Path) -> None:
    colormap = random_samples(3, 65536, dtype=np.uint16)
    indices = random_samples(6, 7, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=colormap)
    expect(read_image(str(tmp_path / "a.tif")), np.moveaxis(colormap[:, indices], 0, -1) / 65535)


def test_twelve_bit_tiff(tmp_path: Path) -> None:
    # 0x000, 0xfff, 0x800, 0x001, packed into six bytes.
    tags: dict[int, int | list[int]] = {256: 4, 257: 1, 258: [12], 259: 1, 262: 1, 277: 1, 278: 1}
    (tmp_path / "a.tif").write_bytes(tiff(tags, bytes.fromhex("000fff800001")))
    expect(read_image(str(tmp_path / "a.tif")), np.array([[[0], [1], [2048 / 4095], [1 / 4095]]]))


def test_the_first_page_of_a_multiband_tiff(tmp_path: Path) -> None:
    pages = random_samples(2, 6, 7, 5, dtype=np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in pages:
            writer.write(page, photometric="minisblack", planarconfig="contig")
    expect(read_image(str(tmp_path / "a.tif")), pages[0] / 65535, ["first of several pages"])


# ----- .npy


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        *((np.uint8, 255), (np.int8, 127), (np.uint16, 65535), (np.int16, 32767), (np.uint32, 2**32 - 1)),
        *((np.float16, 1), (np.float32, 1), (np.float64, 1)),
    ],
)
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 4), (4, 5, 200)])
def test_arrays(tmp_path: Path, dtype: type, scale: int, shape: tuple[int, ...]) -> None:
    samples = random_samples(*shape, dtype=dtype)
    np.save(tmp_path / "a.npy", samples)
    expect(
        read_image(str(tmp_path / "a.npy")), samples.reshape(4, 5, -1).astype(float) / scale, SCALE_NOTES.get(dtype, ())
    )


def test_arrays_of_other_orders_and_versions(tmp_path: Path) -> None:
    samples = random_samples(4, 5, 3, dtype=np.uint16)
    np.save(tmp_path / "a.npy", np.asfortranarray(samples.astype(">u2")))
    expect(read_image(str(tmp_path / "a.npy")), samples / 65535)
    with (tmp_path / "b.npy").open("wb") as stream:
        np.lib.format.write_array(stream, samples, version=(2, 0))
    expect(read_image(str(tmp_path / "b.npy")), samples / 65535)


def test_booleans_and_64_bit_integers(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.eye(3, dtype=bool))
    expect(read_image(str(tmp_path / "a.npy")), np.eye(3)[..., None])
    np.save(tmp_path / "b.npy", np.array([[0, 200], [-3, 1]], np.int64))
    expected = np.array([[[0], [200]], [[-3], [1]]])
    expect(read_image(str(tmp_path / "b.npy")), expected, ["64-bit integers taken as they are"])


# ----- names, pipes, start-up, Pillow's own limit


def test_the_name_is_one_printable_line(tmp_path: Path) -> None:
    path = saved(tmp_path / "two\nlines.png", Pillow.new("L", (2, 2)))
    assert read_image(path).name == r"two\nlines.png"


def test_a_suffix_that_lies_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    saved(path, Pillow.new("RGB", (2, 2), "red"), format="BMP")
    expect(read_image(str(path)), np.broadcast_to([1.0, 0, 0], (2, 2, 3)))


def test_a_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = sample_path("flower").read_bytes()
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    image = read_image(str(pipe))
    writer.join()
    assert np.array_equal(image.pixels, read_image("sample:flower").pixels)


def test_damaged_exif_does_not_lose_the_picture(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Pillow.new("L", (2, 3), 255), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    expect(read_image(path), np.ones((3, 2, 1)))


def test_pillows_limit_is_put_back(tmp_path: Path) -> None:
    before = Pillow.MAX_IMAGE_PIXELS
    assert before is not None
    read_image("sample:china")
    assert before == Pillow.MAX_IMAGE_PIXELS


def test_photographs_beyond_pillows_limit_are_read_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "a.png", Pillow.new("1", (300, 200), 1))
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(Pillow.DecompressionBombError):
        Pillow.open(path)
    expect(read_image(path), np.ones((200, 300, 1)))


def test_reading_a_jpeg_leaves_tifffile_out(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", random_samples(4, 5, 5), photometric="minisblack", planarconfig="contig")
    code = (
        "import sys; from featuremap_cli.sources.images import read_image; read_image(sys.argv[1]);"
        "print(*sorted({'tifffile', 'tensorflow', 'matplotlib', 'PIL.GifImagePlugin'} & sys.modules.keys()))"
    )

    def heavy(path: str) -> str:
        command = [sys.executable, "-c", code, path]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert "tifffile" not in heavy("sample:china")
    # This test can fail: the module is there when a file needs it.
    assert "tifffile" in heavy(str(tmp_path / "a.tif"))
