"""See what convolutions see: the public Python API of featuremap.

The names below are loaded when they are first used, so that `import featuremap_cli` costs nothing:

>>> import featuremap_cli as featuremap
>>> image = featuremap.read_image("sample:china")
>>> maps = featuremap.convolve(image.pixels, featuremap.read_banks("sobel-x"), featuremap.Operation())
>>> maps.maps.shape  # (filters, height, width)
(1, 427, 640)
>>> sheet = featuremap.draw_maps(maps, featuremap.SheetStyle(), "Feature maps · china.jpg")
>>> written = pathlib.Path("china.png").write_bytes(featuremap.encode_png(sheet, {}))  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from featuremap_cli.version import __version__

__all__ = [
    "FeatureMaps",
    "FeaturemapError",
    "FilterBank",
    "Image",
    "Operation",
    "Pool",
    "Scale",
    "SheetStyle",
    "__version__",
    "convolve",
    "draw_filters",
    "draw_maps",
    "encode_png",
    "find_images",
    "load_network",
    "map_statistics",
    "read_banks",
    "read_image",
]

if TYPE_CHECKING:
    from featuremap_cli.analysis.statistics import map_statistics
    from featuremap_cli.arrays import FeatureMaps, FilterBank, Image
    from featuremap_cli.convolution.engine import convolve
    from featuremap_cli.convolution.operation import Operation, Pool
    from featuremap_cli.drawing.filters import draw_filters
    from featuremap_cli.drawing.png import encode as encode_png
    from featuremap_cli.drawing.scaling import Scale
    from featuremap_cli.drawing.sheet import draw_maps
    from featuremap_cli.drawing.style import SheetStyle
    from featuremap_cli.errors import FeaturemapError
    from featuremap_cli.networks.banks import read_banks
    from featuremap_cli.networks.catalogue import load_network
    from featuremap_cli.sources.images import read_image
    from featuremap_cli.sources.locations import find_images

_HOMES = {
    "FeatureMaps": "arrays",
    "FeaturemapError": "errors",
    "FilterBank": "arrays",
    "Image": "arrays",
    "Operation": "convolution.operation",
    "Pool": "convolution.operation",
    "Scale": "drawing.scaling",
    "SheetStyle": "drawing.style",
    "convolve": "convolution.engine",
    "draw_filters": "drawing.filters",
    "draw_maps": "drawing.sheet",
    "encode_png": "drawing.png:encode",
    "find_images": "sources.locations",
    "load_network": "networks.catalogue",
    "map_statistics": "analysis.statistics",
    "read_banks": "networks.banks",
    "read_image": "sources.images",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
