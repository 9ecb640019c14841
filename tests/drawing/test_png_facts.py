from __future__ import annotations

import io

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from featuremap_cli.drawing.png import encode
from featuremap_cli.drawing.png_facts import PngFacts, read_png_facts

TEXT = {"Command": "featuremap convolve a.jpg", "Layer": "照片 · conv", "Image": "naïve.jpg"}


def written_by_pillow() -> bytes:
    info = PngInfo()
    info.add_text("Command", TEXT["Command"])
    info.add_itxt("Layer", TEXT["Layer"], lang="zh")
    info.add_text("Image", TEXT["Image"])
    buffer = io.BytesIO()
    Image.new("L", (31, 17)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def written_by_us() -> bytes:
    return encode(Image.new("L", (31, 17)), TEXT)


@pytest.mark.parametrize("data", [written_by_pillow(), written_by_us()], ids=["pillow", "featuremap"])
def test_size_and_text_are_read(data: bytes) -> None:
    assert read_png_facts(io.BytesIO(data)) == PngFacts(31, 17, TEXT)


def test_no_pixel_is_read() -> None:
    data = written_by_us()
    assert read_png_facts(io.BytesIO(data[: data.index(b"IDAT") + 4])) == PngFacts(31, 17, TEXT)


def test_compressed_and_enormous_texts_are_passed_over() -> None:
    info = PngInfo()
    info.add_itxt("Layer", "x" * 100, zip=True)
    info.add_text("Image", "y" * 2_000_000)
    info.add_text("Command", "kept")
    buffer = io.BytesIO()
    Image.new("L", (3, 2)).save(buffer, "PNG", pnginfo=info)
    assert read_png_facts(io.BytesIO(buffer.getvalue())) == PngFacts(3, 2, {"Command": "kept"})


@pytest.mark.parametrize("length", [0, 7, 8, 20, 33, 50])
def test_a_file_cut_before_its_pixels_gives_nothing(length: int) -> None:
    assert read_png_facts(io.BytesIO(written_by_us()[:length])) is None


def test_damaged_and_foreign_files_give_nothing() -> None:
    data = bytearray(written_by_us())
    data[18] ^= 1
    assert read_png_facts(io.BytesIO(bytes(data))) is None
    assert read_png_facts(io.BytesIO(b"\xff\xd8\xff\xe0 a JPEG file")) is None
