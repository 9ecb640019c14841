"""A picture as a PDF of one page, for papers and slides.

Pillow's own PDF of an indexed picture writes each pixel as two letters, and of any other one a JPEG, which blurs the
edges of pixels. Its writer of PDF's objects is used with the rows of our PNG files, which PDF can hold as they are.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image, PdfParser

from featuremap_cli.drawing.page import Sheet
from featuremap_cli.drawing.png import compressed, indexed

USUAL_DPI = 150
_POINTS = 72


def encode_pdf(picture: Sheet | Image.Image, text: Mapping[str, str], dpi: int = USUAL_DPI) -> bytes:
    """Return a picture as the bytes of a PDF file: the same bytes for the same picture.

    Args:
        picture: of mode L, P or RGB; a sheet brings its own text.
        text: as for `png.encode`; PDF has places for `Software` and `Command`, the rest goes with the command.
        dpi: pixels to an inch, which sets the size of the page.
    """
    if isinstance(picture, Sheet):
        return encode_pdf(picture.picture, {**picture.text, **text}, dpi)
    image = indexed(picture)
    name, buffer = PdfParser.PdfName, io.BytesIO()
    pdf = PdfParser.PdfParser(f=buffer, mode="w+b")
    bands = len(image.getbands())
    color: object = name({"L": "DeviceGray", "P": "DeviceRGB", "RGB": "DeviceRGB"}[image.mode])
    if image.mode == "P":
        colors = bytes(image.getpalette("RGB") or [])
        color = [name("Indexed"), color, len(colors) // 3 - 1, PdfParser.PdfBinary(colors)]
    pdf.start_writing()
    pdf.write_header()
    pdf.info = PdfParser.PdfDict(
        {b"Producer": text.get("Software", ""), b"Subject": text.get("Command", ""), b"Keywords": _rest(text)}
    )
    page, contents = pdf.next_object_id(0), pdf.next_object_id(0)
    pdf.pages.append(page)
    pdf.write_catalog()
    rows = np.asarray(image).reshape(image.height, -1)
    drawn = pdf.write_obj(
        pdf.next_object_id(0),
        stream=b"".join(compressed(rows)),
        Type=name("XObject"),
        Subtype=name("Image"),
        Width=image.width,
        Height=image.height,
        ColorSpace=color,
        BitsPerComponent=8,
        Filter=name("FlateDecode"),
        # 15: PNG's filters, each row with the number of its own.
        DecodeParms={b"Predictor": 15, b"Colors": bands, b"BitsPerComponent": 8, b"Columns": image.width},
    )
    width, height = (side * _POINTS / dpi for side in image.size)
    pdf.write_obj(contents, stream=b"q %f 0 0 %f 0 0 cm /image Do Q" % (width, height))
    pdf.write_page(
        page,
        Resources={b"ProcSet": [name("PDF"), name("ImageC"), name("ImageI")], b"XObject": {b"image": drawn}},
        MediaBox=[0, 0, width, height],
        Contents=contents,
    )
    pdf.write_xref_and_trailer()
    return buffer.getvalue()


def _rest(text: Mapping[str, str]) -> str:
    return "; ".join(f"{key}: {value}" for key, value in text.items() if key not in ("Software", "Command"))
