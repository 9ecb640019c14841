"""What kinds of files are opened, and what becomes of their colors; Pillow's own conversions are the oracle."""

from __future__ import annotations

import logging
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from PIL import ImageCms

from featuremap_cli.errors import ImageError
from featuremap_cli.sources.images import read_image
from featuremap_cli.sources.pillow_formats import COMMON, OTHERS

CASES = Path(__file__).parent / "cases"
"""Files that were made for faults that were met."""


@pytest.mark.parametrize("name", ["eps-inside.png", "b.eps"])
def test_eps_starts_no_program_whatever_it_is_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes((CASES / "eps-inside.png").read_bytes())

    def started(*arguments: object, **named: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    monkeypatch.setattr(subprocess, "check_call", started)
    with pytest.raises(ImageError, match="holds EPS, which would start Ghostscript, a program: expected a picture"):
        read_image(str(tmp_path / name))


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-1.4", "PDF"),
        (b"GRIB", "GRIB"),
        (b"BUFR", "BUFR"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\0\0\x01\xb3", "MPEG"),
    ],
)
def test_other_formats_that_are_not_opened_are_named(tmp_path: Path, head: bytes, kind: str) -> None:
    (tmp_path / "a.png").write_bytes(head + bytes(200))
    with pytest.raises(ImageError, match=f"holds {kind}, which"):
        read_image(str(tmp_path / "a.png"))


def test_every_format_of_pillow_is_opened_or_known_to_be_refused() -> None:
    Pillow.init()
    refused = {"EPS", "WMF", "GRIB", "BUFR", "HDF5", "MPEG", "IPTC"}  # the last holds metadata
    assert set(Pillow.OPEN) <= {*COMMON, *OTHERS, *refused}


def test_a_photograph_of_a_telephone_names_the_package(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(ImageError, match=r"holds HEIC, which is read with one more package: pip install .*\[heic\]"):
        read_image(str(tmp_path / "a.heic"))


def test_avif_is_read_by_pillow(tmp_path: Path) -> None:
    picture = Pillow.new("RGB", (20, 16), (200, 100, 50))
    picture.save(tmp_path / "a.avif", quality=100)
    with Pillow.open(tmp_path / "a.avif") as opened:
        expected = np.asarray(opened.convert("RGB"), np.float32) / 255
    np.testing.assert_allclose(read_image(str(tmp_path / "a.avif")).pixels, expected, atol=1e-6)


def test_lzw_of_sixteen_bits_is_read_by_pillow_where_tifffile_cannot() -> None:
    image = read_image(str(CASES / "rgba16-lzw.tif"))
    assert image.pixels.shape == (40, 60, 3)
    assert "read with 8 bits a sample" in image.notes[-1]
    with Pillow.open(CASES / "rgba16-lzw.tif") as opened:
        samples = np.asarray(opened.convert("RGBA"), np.float32) / 255
    expected = samples[..., :3] * samples[..., 3:] + 1 - samples[..., 3:]
    np.testing.assert_allclose(image.pixels, expected, atol=1e-5)


def test_bands_with_lzw_name_the_extra(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImageError, match=r"pip install 'featuremap-cli\[tiff\]'"):
        read_image(str(CASES / "bands8-lzw.tif"))
    assert logging.getLogger("PIL").handlers, "what Pillow logs would be printed on stderr"
    assert capfd.readouterr().err == ""


def test_channels_before_rows_are_channels(tmp_path: Path) -> None:
    image = read_image(str(CASES / "channels-first-imagej.tif"))
    assert image.pixels.shape == (24, 32, 3)
    np.testing.assert_allclose(image.pixels, np.broadcast_to(np.float32([0.1, 0.2, 0.3]), (24, 32, 3)))


def test_of_a_stack_in_depth_and_time_the_first_picture_is_taken_and_said(tmp_path: Path) -> None:
    stack = np.random.default_rng(1).random((2, 3, 4, 10, 12)).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "TZCYX"})
    image = read_image(str(tmp_path / "a.tif"))
    np.testing.assert_allclose(image.pixels, np.moveaxis(stack[0, 0], 0, -1))
    assert "first of several pages" in image.notes
    tifffile.imwrite(tmp_path / "b.ome.tif", stack[0, 0], ome=True, metadata={"axes": "CYX"}, photometric="minisblack")
    np.testing.assert_allclose(read_image(str(tmp_path / "b.ome.tif")).pixels, np.moveaxis(stack[0, 0], 0, -1))


def test_a_gray_palette_is_gray(tmp_path: Path) -> None:
    gray = Pillow.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8) * 5)
    gray.save(tmp_path / "a.png")
    gray.convert("RGB").quantize(48).save(tmp_path / "a.gif")
    picture, same = read_image(str(tmp_path / "a.gif")), read_image(str(tmp_path / "a.png"))
    assert picture.pixels.shape == same.pixels.shape == (6, 8, 1)
    np.testing.assert_allclose(picture.pixels, same.pixels, atol=1 / 255)
    colored = Pillow.new("RGB", (8, 6), (10, 200, 30)).quantize(4)
    colored.save(tmp_path / "b.gif")
    assert read_image(str(tmp_path / "b.gif")).pixels.shape == (6, 8, 3)


def test_a_palette_with_alpha_keeps_it(tmp_path: Path) -> None:
    samples = np.zeros((4, 5, 2), np.uint8)
    samples[..., 0], samples[..., 1] = 1, 128
    colormap = np.zeros((3, 256), np.uint16)
    colormap[0, 1] = 65535
    colors = (320, 3, 768, tuple(colormap.ravel().tolist()), True)
    tifffile.imwrite(
        tmp_path / "a.tif", samples, photometric="minisblack", extrasamples=["unassalpha"], extratags=[colors]
    )
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages.first.tags[262].overwrite(3)
    white = 1 - 128 / 255
    expected = np.broadcast_to(np.float32([1, white, white]), (4, 5, 3))
    np.testing.assert_allclose(read_image(str(tmp_path / "a.tif")).pixels, expected, atol=1e-3)


def profile(red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...]) -> bytes:
    """An ICC profile of these primaries (XYZ, D50) whose samples are linear (ICC.1:2001-04, version 2)."""

    def fixed(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    name = b"made here\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(78),
        b"wtpt": fixed(0.9642, 1, 0.8249),
        b"rXYZ": fixed(*red),
        b"gXYZ": fixed(*green),
        b"bXYZ": fixed(*blue),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv" + bytes(8)),
    }
    place, table, content = 128 + 4 + 12 * len(tags), b"", b""
    for key, value in tags.items():
        padded = value + bytes(-len(value) % 4)
        table += key + struct.pack(">II", place + len(content), len(value))
        content += padded
    size = place + len(content)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    header = header + bytes(28) + struct.pack(">iii", round(0.9642 * 65536), 65536, round(0.8249 * 65536))
    return header + bytes(128 - len(header)) + struct.pack(">I", len(tags)) + table + content


def test_colors_of_another_profile_become_srgb_and_that_is_said(tmp_path: Path) -> None:
    """Of sRGB's primaries with red and blue changed over, in linear light: what comes of it is worked out by hand."""
    red, green, blue = (0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
    colors = np.random.default_rng(2).integers(0, 256, (8, 9, 3)).astype(np.uint8)
    picture = Pillow.fromarray(colors)
    picture.save(tmp_path / "a.png", icc_profile=profile(blue, green, red))
    linear = colors[..., ::-1] / 255
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    image = read_image(str(tmp_path / "a.png"))
    np.testing.assert_allclose(image.pixels, expected, atol=3 / 255)
    assert image.notes == ("colors converted from made here to sRGB",)


def test_a_profile_that_is_srgb_or_none_changes_nothing(tmp_path: Path) -> None:
    colors = np.random.default_rng(2).integers(0, 256, (8, 9, 3)).astype(np.uint8)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profiled in (srgb, b"no profile", profile((0, 0, 0), (0, 0, 0), (0, 0, 0))[:200]):
        Pillow.fromarray(colors).save(tmp_path / "b.png", icc_profile=profiled)
        plain = read_image(str(tmp_path / "b.png"))
        assert plain.notes == ()
        np.testing.assert_allclose(plain.pixels, colors / np.float32(255), atol=1e-6)


def test_a_bitmap_s_fourth_byte_is_alpha_where_it_holds_any(tmp_path: Path) -> None:
    """Pillow writes alpha into a BMP of 32 bits and does not read it; the same pixels as a PNG are what it means."""
    colors = np.random.default_rng(3).integers(0, 256, (8, 9, 4)).astype(np.uint8)
    for name in ("a.bmp", "a.png"):
        Pillow.fromarray(colors).save(tmp_path / name)
    bitmap, png = (read_image(str(tmp_path / name)) for name in ("a.bmp", "a.png"))
    np.testing.assert_array_equal(bitmap.pixels, png.pixels)
    assert bitmap.notes == png.notes == ("alpha composited over white",)
    for unused in (0, 255):
        colors[..., 3] = unused
        Pillow.fromarray(colors).save(tmp_path / "b.bmp")
        opaque = read_image(str(tmp_path / "b.bmp"))
        assert opaque.notes == ()
        np.testing.assert_allclose(opaque.pixels, colors[..., :3] / np.float32(255), atol=1e-7)


@pytest.mark.parametrize("compression", [None, "lzw"])
@pytest.mark.parametrize(
    ("kind", "value", "scale"), [(np.float32, -9999, 1), (np.uint16, 65535, 65535), (np.uint8, 0, 255)]
)
def test_pixels_that_gdal_calls_no_data_are_nan(
    tmp_path: Path, kind: type, value: int, scale: int, compression: str | None
) -> None:
    heights = np.random.default_rng(4).integers(1, 250, (12, 15)).astype(kind)
    heights[2:5, 3:7] = value
    tag = (42113, "s", 0, str(value), True)
    if compression is None:
        tifffile.imwrite(tmp_path / "a.tif", heights, extratags=[tag])
    else:  # which tifffile needs a package for, and Pillow does not
        Pillow.fromarray(heights).save(tmp_path / "a.tif", compression="tiff_lzw", tiffinfo={42113: str(value)})
    image = read_image(str(tmp_path / "a.tif"))
    expected = np.where(heights == kind(value), np.nan, heights / np.float32(scale))
    np.testing.assert_allclose(image.pixels[..., 0], expected, rtol=1e-6)
    assert image.notes == (f"no data ({value}) in 12 of 180 pixels, which count as NaN",)


def test_no_data_may_be_nan_itself_and_may_be_lacking_in_one_band(tmp_path: Path) -> None:
    bands = np.random.default_rng(5).normal(size=(7, 6, 5)).astype(np.float32)
    bands[1, 2, 4] = np.nan
    told = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", bands, extratags=[(42113, "s", 0, "nan", True)], **told)
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.tif")).pixels, bands)
    tifffile.imwrite(tmp_path / "b.tif", bands, **told)
    with pytest.raises(ImageError, match="NaN"):
        read_image(str(tmp_path / "b.tif"))
