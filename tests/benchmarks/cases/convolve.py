"""Two filters on one photograph, as whole processes: what a reader of a textbook would type instead."""

from __future__ import annotations

import sys

import numpy as np
from checks import brightness, equal_values, find_tiles
from measurements import Comparison, Finding, Report, at_least, at_most
from photographs import CHINA
from PIL import Image
from workbench import Workbench, featuremap, textbook, without_scikit_learn

from cases.case import Case

OURS = ("convolve", "sample:china", "--force", "-o")
TEXTBOOK, WITHOUT, IMPORTS = "textbook", "without scikit-learn", "bare imports"
ABOUT = (
    "`featuremap convolve sample:china` as a whole process, from the shell's prompt to written PNG files, against "
    "the script that textbooks print: scikit-learn's sample image, `tf.nn.conv2d`, `matplotlib.pyplot.imsave`; the "
    "same script where scikit-learn is not installed; and a Python process that only imports NumPy and Pillow. "
    "Checked first: the maps' values are equal, and so is the brightness of the maps in the PNG files, within 2 of "
    "255 levels."
)


def measure(bench: Workbench) -> Report:
    """Check values and pictures, then measure."""
    folder = bench.folder
    ours = featuremap(*OURS, folder)
    textbooks = {
        TEXTBOOK: textbook("convolve.py", folder),
        WITHOUT: without_scikit_learn(textbook("convolve_file.py", CHINA, folder)),
    }
    check(bench, ours, textbooks)
    comparison = bench.compare(
        "two 7x7 filters, china.jpg",
        [
            bench.process("featuremap", ours),
            *(bench.process(name, command) for name, command in textbooks.items()),
            bench.process(IMPORTS, [sys.executable, "-c", "import numpy, PIL.Image"]),
        ],
    )
    return report(comparison)


def check(bench: Workbench, ours: list[str], textbooks: dict[str, list[str]]) -> None:
    """Compare the pictures that the timed commands write, and the maps."""
    bench.launch(ours)
    sheet = brightness(Image.open(bench.folder / "china.maps.png"))
    for name, command in textbooks.items():
        bench.launch(command)
        pictures = [bench.folder / f"map{index}.png" for index in range(2)]
        find_tiles(
            f"featuremap's sheet and the pictures of {name}", sheet, [brightness(Image.open(p)) for p in pictures]
        )
        for picture in pictures:
            picture.unlink()
    bench.launch(featuremap(*OURS, bench.folder / "arrays", "--arrays"))
    bench.launch([*textbooks[TEXTBOOK], str(bench.folder / "maps.npy")])
    maps = np.load(bench.folder / "arrays" / "china.maps.npz")["maps"]
    theirs = np.load(bench.folder / "maps.npy")[0].transpose(2, 0, 1)
    equal_values("featuremap's maps and the textbook's", theirs, maps, 1e-5)


def report(comparison: Comparison) -> Report:
    """Return the ratios and what is asked for."""
    return Report(
        "convolve",
        "Two filters on one photograph",
        ABOUT,
        (comparison,),
        (
            Finding.of_ratio("textbook / featuremap", comparison.ratio(TEXTBOOK, "featuremap"), at_least(12)),
            Finding.of_ratio("without scikit-learn / featuremap", comparison.ratio(WITHOUT, "featuremap")),
            Finding.of_ratio("featuremap / bare imports", comparison.ratio("featuremap", IMPORTS), at_most(3)),
        ),
    )


CASE = Case("convolve", "two filters on one photograph, whole processes against the textbook's script", measure)
