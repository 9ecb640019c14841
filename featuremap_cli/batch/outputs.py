"""Where results go: the names of all files this tool writes, and the folder they are written into.

An image's outputs are named after its *stem*, the path of the image below the output folder without its suffix
(`holiday/a` for `holiday/a.jpg`); `batch/plan.py` chooses stems so that no two images share one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from featuremap_cli.batch.atomic import WriteGate, remove_stale, write_atomically
from featuremap_cli.batch.names import safe_word
from featuremap_cli.errors import OutputError, UsageError
from featuremap_cli.sources import stores
from featuremap_cli.sources.listing import RUN_MARK, has_image_suffix

__all__ = [
    "FILTERS",
    "GALLERY",
    "HEALTH_PICTURE",
    "HEALTH_TABLE",
    "MANIFEST",
    "RESERVED",
    "OutputFolder",
    "WriteGate",
    "Written",
    "anatomy_file",
    "arrays_file",
    "fields_file",
    "filters_files",
    "layer_file",
    "maps_file",
    "patches_file",
    "photograph_file",
    "projection_file",
    "sheet_of",
    "thumbnail_file",
    "tile_file",
    "variant_file",
    "write_atomically",
]

FILTERS = "filters.png"
GALLERY = "index.html"
HEALTH_PICTURE = "health.png"
HEALTH_TABLE = "health.csv"
MANIFEST = RUN_MARK
RESERVED = frozenset([FILTERS, GALLERY, HEALTH_PICTURE, HEALTH_TABLE, MANIFEST])

_LAYER_BYTES_BESIDE_AN_IMAGE = 40
_THUMBNAIL, _PHOTOGRAPH = ".thumb.png", ".photo.thumb.jpg"


@dataclass(frozen=True)
class Written:
    """A file that was written.

    Attributes:
        relative: its path below the output folder, `/` between the parts.
        size: bytes.
    """

    relative: str
    size: int


@dataclass(frozen=True)
class OutputFolder:
    """The folder that `--out` names, on a disk or in an object store. Everything a run writes goes through here.

    Attributes:
        root: the folder or address as the user gave it; a folder is made when something is written.
        gate: what an interruption closes, see `WriteGate`; a copy in another process has its own.
    """

    root: str
    gate: WriteGate = field(default_factory=WriteGate, repr=False, compare=False)

    def __post_init__(self) -> None:
        if stores.is_url(self.root):
            stores.refuse_unwritable(self.root)
        elif has_image_suffix(self.root) and not Path(self.root).is_dir():
            raise UsageError(
                f"--out {self.root} names a picture: expected a folder, in which pictures get names of their own; "
                f"--out {Path(self.root).with_suffix('')}, say"
            )

    @property
    def is_remote(self) -> bool:
        """Whether it is an address in an object store."""
        return stores.is_url(self.root)

    def path(self, relative: str) -> str:
        """The path of an output as shown to the user."""
        return stores.join(self.root, relative) if self.is_remote else str(Path(self.root) / relative)

    def write(self, relative: str, data: bytes) -> Written:
        """Write one output, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        if self.is_remote:
            self.gate.check()
            put_output(self.path(relative), data)
            return Written(relative, len(data))
        target = Path(self.root) / relative
        _remove_stale_once(target.parent)
        write_atomically(target, data, self.gate)
        return Written(relative, len(data))

    def size(self, relative: str) -> int | None:
        """Bytes of an output that is there; None where there is no such file."""
        if self.is_remote:
            return size_of_output(self.path(relative))
        try:
            return (Path(self.root) / relative).stat().st_size
        except OSError:
            return None

    def remove_stale(self, relative: str = "") -> None:
        """Remove what killed processes left in one folder below this one. A store has no half-written objects."""
        if self.is_remote:
            return
        remove_stale(Path(self.root) / relative)


def put_output(url: str, data: bytes) -> None:
    """Write an object, whole or not at all.

    Raises:
        OutputError: the store does not take it.
    """
    try:
        stores.put(url, data)
    except OSError as error:
        raise OutputError(f"cannot write {url}: {error.strerror}; check --out, and your access to the store") from error


def size_of_output(url: str) -> int | None:
    """Bytes of an object; None where there is none.

    Raises:
        OutputError: the store does not tell.
    """
    try:
        return stores.size_of(url)
    except OSError as error:
        raise OutputError(
            f"cannot look at {url}: {error.strerror}; check --out, and your access to the store"
        ) from error


@lru_cache(maxsize=1024)
def _remove_stale_once(folder: Path) -> None:
    # Listing a folder at each write would cost more the more is in it.
    remove_stale(folder)


def maps_file(stem: str) -> str:
    """The sheet of an image's feature maps: `holiday/a.maps.png`."""
    return f"{stem}.maps.png"


def anatomy_file(stem: str, layer: str, filter_index: int) -> str:
    """How one feature map of the image is made: `holiday/a.conv1.17.anatomy.png`."""
    return f"{stem}.{safe_word(layer, _LAYER_BYTES_BESIDE_AN_IMAGE)}.{filter_index}.anatomy.png"


def fields_file(stem: str) -> str:
    """What one position of each layer sees of the image: `holiday/a.fields.png`."""
    return f"{stem}.fields.png"


def layer_file(stem: str, index: int, layer_path: str) -> str:
    """The sheet of one layer, in a folder of the image's own: `holiday/a/003-backbone.conv1.png`.

    Args:
        stem: the image's.
        index: the layer's number in the network; it keeps layers in order and `a/b` apart from `a.b`.
        layer_path: `backbone/conv1`.
    """
    return f"{stem}/{index:03d}-{safe_word(layer_path)}.png"


def projection_file(stem: str, layer_path: str, filter_index: int, method: str) -> str:
    """One filter's activation projected back: `holiday/a.conv3.17.deconvnet.png`."""
    layer = safe_word(layer_path, _LAYER_BYTES_BESIDE_AN_IMAGE)
    return f"{stem}.{layer}.{filter_index}.{method}.png"


def patches_file(layer_path: str, suffix: str = ".png") -> str:
    """The patches that excite a layer's filters: `backbone.conv1.patches.png`, with `.jsonl` beside it."""
    return f"{safe_word(layer_path)}.patches{suffix}"


def arrays_file(sheet: str) -> str:
    """The raw values beside a sheet: `a.maps.png` -> `a.maps.npz`."""
    return f"{sheet.removesuffix('.png')}.npz"


def variant_file(sheet: str, word: str) -> str:
    """Another picture of the same thing beside its sheet: `a.maps.png`, `overlay` -> `a.maps.overlay.png`."""
    return f"{sheet.removesuffix('.png')}.{word}.png"


def thumbnail_file(sheet: str) -> str:
    """A small picture of a sheet, for the gallery: `a.maps.png` -> `a.maps.thumb.png`."""
    return sheet.removesuffix(".png") + _THUMBNAIL


def photograph_file(sheet: str) -> str:
    """A small picture of the image that a sheet is of: `a.maps.png` -> `a.maps.photo.thumb.jpg`."""
    return sheet.removesuffix(".png") + _PHOTOGRAPH


def sheet_of(thumbnail: str) -> str | None:
    """The sheet that a small picture lies beside; None for the name of anything else."""
    ending = next((one for one in (_THUMBNAIL, _PHOTOGRAPH) if thumbnail.endswith(one)), None)
    return None if ending is None else thumbnail.removesuffix(ending) + ".png"


def tile_file(sheet: str, index: int, name: str = "") -> str:
    """One map by itself, in a folder named like the sheet: `a.maps/007.png`, `a.maps/007-sobel-x.png`."""
    label = f"-{safe_word(name)}" if name else ""
    return f"{sheet.removesuffix('.png')}/{index:03d}{label}.png"


def filters_files(specs: Iterable[str]) -> list[str]:
    """The sheets of filter banks, one a specification, each name once: `alexnet-conv1.filters.png`.

    Of a file the folders are left out (`runs/7/model.keras:stem/conv` -> `model.keras-stem.conv`). A name that comes
    again, whatever its case, is numbered from 2.
    """
    names: list[str] = []
    seen: set[str] = set()
    for spec in specs:
        word = safe_word(spec_without_folders(spec))
        number, name = 1, word
        while name.casefold() in seen:
            number += 1
            name = f"{word}-{number}"
        seen.add(name.casefold())
        names.append(f"{name}.filters.png")
    return names


def spec_without_folders(spec: str) -> str:
    """A specification of filters without the folders of its file: `runs/7/a.keras:conv` -> `a.keras:conv`."""
    # A fraction's slash in a kernel written as text stands between digits; a folder's does not.
    path, colon, layer = spec.partition(":")
    if ";" in spec or "/" not in path or path.replace("/", "").replace(" ", "").replace(",", "").isdecimal():
        return spec
    return f"{path.rpartition('/')[2]}{colon}{layer}"
