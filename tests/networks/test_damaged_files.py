"""Networks' files that are damaged, or were changed by hand: each ends in a line of ours, none in a fault of ours."""

from __future__ import annotations

import contextlib
import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from featuremap_cli.errors import FeaturemapError, NetworkError
from featuremap_cli.networks.catalogue import load_network
from featuremap_cli.sources.filter_files import read_filter_file
from featuremap_cli.sources.images import read_image

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

CASES = Path(__file__).parent / "cases"
ODD_VALUES = (0, -1, 1.5, 10**12, True, "no", None, [], {}, [0, 0], [1, 2, 3], "\ud800")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("config-damaged.h5", "config-damaged.h5"),
        ("config-is-array.h5", "is damaged: expected a whole Keras network"),
        ("groups-0.keras", "layer c has groups=0: expected a whole number above 0"),
        ("use-bias-no.keras", "has use_bias='no': expected true or false"),
    ],
)
def test_what_is_wrong_is_named(name: str, words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        load_network(str(CASES / name))


def small() -> keras.Model:
    image = keras.Input((12, 12, 3))
    maps = layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    normal = layers.BatchNormalization(name="normal")(maps)
    pooled = layers.MaxPooling2D(2, name="pool")(normal)
    return keras.Model(image, layers.Dense(2, name="top")(layers.Flatten(name="flat")(pooled)))


def used(path: Path) -> None:
    """Load a network and run it; an error of ours is an answer, another ends the test."""
    with contextlib.suppress(FeaturemapError):
        network = load_network(str(path))
        drawable = [entry for entry in network.layers() if entry.undrawable is None]
        network.record(np.zeros((1, 12, 12, 3), np.float32), drawable)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_flipped_bytes(tmp_path: Path, ending: str) -> None:
    small().save(tmp_path / f"net{ending}")
    whole, chance = (tmp_path / f"net{ending}").read_bytes(), random.Random(3)
    starts = [whole.find(b'{"'), 0]
    for number in range(250):
        altered = bytearray(whole)
        # Half of them in the configuration, which is a small part of the file.
        first = max(starts[number % 2], 0)
        place = chance.randrange(first, min(len(altered), first + 4000) if number % 2 == 0 else len(altered))
        altered[place] ^= 1 << chance.randrange(8)
        (tmp_path / f"altered{ending}").write_bytes(bytes(altered))
        used(tmp_path / f"altered{ending}")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


@pytest.mark.parametrize(("seed", "count"), [(5, 300)])
def test_values_of_a_configuration_changed_over(tmp_path: Path, seed: int, count: int) -> None:
    small().save(tmp_path / "net.keras")
    with zipfile.ZipFile(tmp_path / "net.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    chance = random.Random(seed)
    every = [(place, odd) for place in places(json.loads(members["config.json"])) for odd in ODD_VALUES]
    for place, odd in chance.sample(every, count):
        config = json.loads(members["config.json"])
        holder = config
        for key in place[:-1]:
            holder = holder[key]
        holder[place[-1]] = odd
        with zipfile.ZipFile(tmp_path / "altered.keras", "w") as archive:
            for name, content in members.items():
                archive.writestr(name, json.dumps(config) if name == "config.json" else content)
        used(tmp_path / "altered.keras")


def test_a_configuration_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "net.keras", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open("config.json", "w", force_zip64=True) as stream,
    ):
        for _ in range(70):
            stream.write(b" " * (1 << 20))
    with pytest.raises(NetworkError, match="unpacks to 73,400,320 bytes: expected at most 67,108,864"):
        load_network(str(tmp_path / "net.keras"))


# Filters and images


def test_filters_that_unpack_to_gigabytes_are_not_unpacked(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 14, 1 << 14)})
    with (
        zipfile.ZipFile(tmp_path / "bank.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open("a.npy", "w", force_zip64=True) as stream,
    ):
        stream.write(header.getvalue())
        for _ in range(1024):
            stream.write(bytes(1 << 20))
        stream.write(b"more")
    with pytest.raises(FeaturemapError, match="unpacks to 1,073,74"):
        read_filter_file(str(tmp_path / "bank.npz"))


def filter_files(folder: Path) -> list[Path]:
    bank = np.random.default_rng(1).normal(size=(3, 3, 3, 4)).astype(np.float32)
    np.save(folder / "a.npy", bank)
    np.savez(folder / "b.npz", one=bank, bias=np.ones(4, np.float32))
    np.savez_compressed(folder / "c.npz", one=bank[:, :, 0, 0])
    (folder / "d.json").write_text(json.dumps({"name": "edge", "kernel": [[0, -1, 0], ["1/9", 5, -1]], "bias": 0}))
    (folder / "e.txt").write_text("name=edge\n0 -1 0\n-1 5 -1 # middle\n0 -1 0\n")
    (folder / "f.csv").write_text("0,-1,0\n-1,5,-1\n0,-1,0\n")
    return sorted(folder.iterdir())


def test_filters_with_flipped_bytes(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    chance = random.Random(7)
    for path in filter_files(tmp_path / "whole"):
        whole = path.read_bytes()
        for _ in range(200):
            altered = bytearray(whole)
            altered[chance.randrange(min(len(altered), 400))] ^= 1 << chance.randrange(8)
            (tmp_path / path.name).write_bytes(bytes(altered))
            with contextlib.suppress(FeaturemapError):
                read_filter_file(str(tmp_path / path.name))


def test_an_array_whose_header_lies(tmp_path: Path) -> None:
    path = Path(__file__).parents[1] / "sources/cases/shape-is-boolean.npy"
    with pytest.raises(FeaturemapError):
        read_filter_file(str(path))
    with pytest.raises(FeaturemapError, match="its header says the shape"):
        read_image(str(path))
