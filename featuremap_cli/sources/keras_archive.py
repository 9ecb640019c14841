"""A `.keras` file, read without Keras: a zip archive of config.json and model.weights.h5.

Source: keras/src/saving/saving_lib.py, whose groups this module follows: the weights of a layer lie in
`<group>/vars` under the names 0, 1, 2, ..., and files of Keras 3.5 and later carry the layer's name beside them.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.errors import NetworkError
from featuremap_cli.sources.archives import MOST_OF_A_CONFIGURATION, read_member
from featuremap_cli.sources.network_config import SavedLayer
from featuremap_cli.sources.other_formats import advice_for_network

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Of a zip member: its signature, then, at byte 26, the lengths of the name and of the extra field."""


class KerasArchive:
    """An opened `.keras` file.

    Attributes:
        config: the parsed config.json.
    """

    def __init__(self, config: object, weights: Any | None) -> None:
        self.config = config
        self._weights = weights

    def weights(
        self, layer: SavedLayer, layers: tuple[SavedLayer, ...], names: Sequence[str] = ()
    ) -> list[NDArray[Any]] | None:
        """A layer's weights in Keras's order; None where the file does not hold them as expected.

        Args:
            layer: the layer.
            layers: all layers of the file. The weights of a layer shared between networks are kept once, where
                the first of them has it.
            names: what the weights are called; the file numbers them.
        """
        stored = self._stored(layer, layers)
        return None if stored is None else [np.asarray(dataset[()]) for dataset in stored]

    def weight_shapes(
        self, layer: SavedLayer, layers: tuple[SavedLayer, ...], names: Sequence[str] = ()
    ) -> list[tuple[int, ...]] | None:
        """The shapes of what `weights` gives, which is not read; None for anything but numbers."""
        return array_shapes(self._stored(layer, layers))

    def _stored(self, layer: SavedLayer, layers: tuple[SavedLayer, ...]) -> list[Any] | None:
        sharing = (other for other in layers if layer.shared_id is not None and other.shared_id == layer.shared_id)
        for place in (layer, *sharing):
            stored = self._group(f"{place.group}/vars")
            if stored is not None and len(stored):
                break
        else:
            return None
        name = attribute(stored, "name")
        if name is None and any(other.shared_id is not None or not other.of_keras for other in layers):
            # Files without names come from versions that counted a layer seen before, and versions that did not.
            return None
        if name not in (None, layer.names[-1]):
            return None
        return sound_datasets(stored, [str(number) for number in range(len(stored))])

    def _group(self, path: str) -> Any | None:
        return None if self._weights is None else hard_link(self._weights, path)


@contextmanager
def open_archive(path: Path) -> Iterator[KerasArchive]:
    """Open a `.keras` file.

    Raises:
        NetworkError: it is encrypted, or a zip archive of something else.
        zipfile.BadZipFile, OSError: it is damaged.
    """
    import h5py

    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        if CONFIG not in members:
            raise NetworkError(
                f"{path} is a zip archive but not a Keras network: expected {CONFIG} in it; "
                f"{advice_for_network(path.name)}"
            )
        if any(member.flag_bits & 1 for member in members.values()):
            raise NetworkError(
                f"{path} is encrypted: expected a .keras file without a password; unpack it with its password and "
                "zip it again without one, or save the network again"
            )
        config = json.loads(read_member(archive, CONFIG, MOST_OF_A_CONFIGURATION))
        weights = members.get(WEIGHTS)
        # Keras stores the weights uncompressed. Where somebody packed them again, Keras unpacks them with its guards.
        if weights is None or weights.compress_type != zipfile.ZIP_STORED:
            yield KerasArchive(config, None)
            return
        with h5py.File(StoredMember(file, weights), "r") as store:
            yield KerasArchive(config, store)


class StoredMember(io.RawIOBase):
    """An uncompressed member of a zip archive as a file of its own.

    zipfile's own reader starts again at the member's first byte to seek back, and HDF5 seeks back all the time.
    """

    def __init__(self, file: io.BufferedReader, member: zipfile.ZipInfo) -> None:
        file.seek(member.header_offset)
        signature, name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        if signature != b"PK\3\4":
            raise zipfile.BadZipFile(f"no local header for {member.filename}")
        self._file = file
        self._start = member.header_offset + LOCAL_HEADER.size + name + extra
        self._size = member.file_size
        self._position = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be sought in."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a byte, counted from the member's start, the position or the member's end."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the position on, up to the member's end."""
        length = max(0, min(len(buffer), self._size - self._position))
        self._file.seek(self._start + self._position)
        filled = self._file.readinto(memoryview(buffer)[:length])
        self._position += filled
        return filled


def hard_link(group: Any, path: str) -> Any | None:
    """What lies in an HDF5 group under a path, links that lead out of the group's tree not followed."""
    import h5py

    for name in path.split("/"):
        if not isinstance(group, h5py.Group) or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            return None
        group = group[name]
    return group


def attribute(holder: Any, name: str) -> Any | None:
    """An attribute of an HDF5 group, None where it has none of that name.

    Raises:
        OSError: it is damaged.
    """
    try:
        return holder.attrs.get(name)
    except TypeError as error:
        # What h5py raises for a type that no program writes.
        raise OSError(str(error)) from error


def sound_datasets(group: Any, paths: list[str]) -> list[Any] | None:
    """Arrays of an HDF5 group, not read yet; None unless every one of them is there, stored whole, in this file.

    An array that declares more than the file holds (a compressed or never written one, or one in another file) is
    not read: it may be far larger than it looks. Keras has its own guards for those.
    """
    import h5py

    datasets = []
    for path in paths:
        dataset = hard_link(group, path)
        if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
            return None
        if dataset.id.get_storage_size() < dataset.nbytes:
            return None
        datasets.append(dataset)
    return datasets


def array_shapes(datasets: list[Any] | None) -> list[tuple[int, ...]] | None:
    """The shapes of arrays that are not read yet; None where there are none, or they hold something else than floats.

    Keras's counters, of the images that a layer was adapted to, are whole numbers, one each.
    """
    if datasets is None or any(one.dtype.kind != "f" and (one.shape or one.dtype.kind not in "iu") for one in datasets):
        return None
    return [tuple(one.shape) for one in datasets]
