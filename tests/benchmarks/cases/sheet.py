"""A picture of 64 large maps, from arrays to a PNG file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from checks import OutputsDifferError, brightness, find_tiles
from measurements import Comparison, Finding, Report, at_least
from photographs import pixels
from PIL import Image
from workbench import Workbench

from cases.case import Case

MAPS = 64
_SHEETS = "in_process.sheets"
ABOUT = (
    "64 maps of 427 x 640 values, scaled each by itself, tiled and written as a PNG file, in a process that has "
    "everything loaded: featuremap's sheet with every pixel of every map (17.5 megapixels, `--tile full`), against "
    "the 8x8 matplotlib figure that tutorials draw (1.8 megapixels), with each map's index and range as its title "
    "and without any words, and against the bare grid of torchvision's `make_grid` and `save_image` (17.6 "
    "megapixels). Checked first: the tiles of featuremap's sheet and of that grid are equally bright, within 2 of "
    "255 levels."
)
ALL_CORES, ONE_THREAD, PILLOW = (
    "featuremap's encoder, all cores",
    "featuremap's encoder, one thread",
    "Pillow's encoder",
)
TURNS = 11


def measure(bench: Workbench) -> Report:
    """Check that the same is drawn, then measure drawing, and encoding by itself."""
    maps = bench.folder / "maps.npy"
    np.save(maps, feature_maps())
    sheets, ours = drawing(bench, maps)
    encoders, sizes = encoding(bench, ours)
    return report(sheets, encoders, sizes)


def feature_maps() -> np.ndarray:
    """Return what random 7 x 7 filters make of the photograph, float32 (MAPS, height, width)."""
    from scipy import ndimage  # of the extra `bench`; --list does without

    random, gray = np.random.default_rng(0), pixels(640, 427).mean(axis=2)
    maps = [ndimage.correlate(gray, random.normal(size=(7, 7)).astype(np.float32)) for _ in range(MAPS)]
    return np.stack(maps).astype(np.float32)


def drawing(bench: Workbench, maps: Path) -> tuple[Comparison, Path]:
    """Compare the pictures, then the time they take; also return featuremap's picture."""
    folder, source = bench.folder, str(maps)
    ours, grid = folder / "featuremap.png", folder / "grid.png"
    contestants = [
        bench.working("featuremap", f"{_SHEETS}:featuremap", maps=source, picture=str(ours), tile="full"),
        bench.working(
            "featuremap, automatic size",
            f"{_SHEETS}:featuremap",
            maps=source,
            picture=str(folder / "a.png"),
            tile="auto",
        ),
        bench.working("torchvision's grid", f"{_SHEETS}:grid", maps=source, picture=str(grid)),
        bench.working("matplotlib", f"{_SHEETS}:matplotlib", maps=source, picture=str(folder / "m.png"), words=True),
        bench.working(
            "matplotlib, no words", f"{_SHEETS}:matplotlib", maps=source, picture=str(folder / "n.png"), words=False
        ),
    ]
    for contestant in contestants[:3]:
        contestant.run()
    check_tiles(ours, grid)
    # A file of 10 MB each time: the disk's moods want more turns than the length of a run does.
    return bench.compare("64 maps of 427 x 640", contestants, turns=TURNS), ours


def check_tiles(ours: Path, grid: Path) -> None:
    """Compare the tiles of both pictures."""
    height, width = 427, 640
    plain = brightness(Image.open(grid))
    corners = [(2 + row * (height + 2), 2 + column * (width + 2)) for row in range(8) for column in range(8)]
    tiles = [plain[top : top + height, left : left + width] for top, left in corners]
    find_tiles("featuremap's sheet and torchvision's grid", brightness(Image.open(ours)), tiles)


def encoding(bench: Workbench, source: Path) -> tuple[Comparison, dict[str, int]]:
    """Compare encoders on one indexed picture; also return the bytes of their files."""
    paths = {name: bench.folder / f"encoded{number}.png" for number, name in enumerate((ALL_CORES, ONE_THREAD, PILLOW))}
    contestants = [
        bench.working(name, f"{_SHEETS}:encoder", source=str(source), picture=str(paths[name]), threads=threads)
        for name, threads in ((ALL_CORES, None), (ONE_THREAD, 1))
    ]
    contestants.append(bench.working(PILLOW, f"{_SHEETS}:pillow", source=str(source), picture=str(paths[PILLOW])))
    expected = np.asarray(Image.open(source).convert("RGB"))
    for contestant in contestants:
        contestant.run()
        if not np.array_equal(expected, np.asarray(Image.open(paths[contestant.name]).convert("RGB"))):
            raise OutputsDifferError(f"{contestant.name}: the file does not hold the picture's pixels")
    comparison = bench.compare("encoding that sheet", contestants, reference=ALL_CORES, turns=TURNS)
    sizes = {name: path.stat().st_size for name, path in paths.items() if name != ONE_THREAD}
    return comparison, sizes


def report(sheets: Comparison, encoders: Comparison, sizes: dict[str, int]) -> Report:
    """Return the ratios, what is asked for, and the sizes of the files."""
    return Report(
        "sheet",
        "A sheet of 64 maps",
        ABOUT,
        (sheets, encoders),
        (
            Finding.of_ratio("matplotlib / featuremap", sheets.ratio("matplotlib", "featuremap"), at_least(8)),
            Finding.of_ratio(
                "matplotlib without words / featuremap", sheets.ratio("matplotlib, no words", "featuremap")
            ),
            Finding.of_ratio("torchvision's grid / featuremap", sheets.ratio("torchvision's grid", "featuremap")),
            Finding.of_ratio("encoder: one thread / all cores", encoders.ratio(ONE_THREAD, ALL_CORES)),
            Finding.of_ratio("encoder: Pillow / featuremap", encoders.ratio(PILLOW, ALL_CORES)),
            *(Finding(f"{name}, the file", size / 1e6, "MB") for name, size in sizes.items()),
        ),
        (
            "The encoders take the same indexed picture, featuremap's sheet, to bytes in memory. Checked first: all "
            "files hold its pixels.",
        ),
    )


CASE = Case("sheet", "64 large maps as one PNG file, against matplotlib and torchvision's grid; PNG encoders", measure)
