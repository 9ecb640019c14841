"""A folder of photographs: worker processes against one, against the textbook's loop, and a finished run repeated.

The contestants take turns, so that a drift of the machine's speed meets all of them. Usage:
    python tests/benchmarks/batch.py [PHOTOGRAPHS] [TURNS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parents[1] / "sample_images"
FEATUREMAP = str(Path(sys.executable).with_name("featuremap"))
KERNELS = ("sobel-x", "sobel-y", "laplacian", "gaussian:7,1.5", "sharpen", "emboss", "vertical:7", "horizontal:7")
REPEATED = 1000
TEXTBOOK = 12


def photographs(folder: Path, count: int) -> Path:
    """Fill a folder with so many photographs of 640 x 427, each a file of its own name."""
    folder.mkdir()
    for number in range(count):
        sample = SAMPLES / ("china.jpg", "flower.jpg")[number % 2]
        (folder / f"{number:04}.jpg").write_bytes(sample.read_bytes())
    return folder


def seconds(*words: str) -> float:
    """Wall seconds of one `featuremap convolve`."""
    start = time.perf_counter()
    subprocess.run([FEATUREMAP, "convolve", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Print rates and their ratios, and what repeating costs."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    kernels = [word for kernel in KERNELS for word in ("-k", kernel)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos, few = photographs(folder / "photos", count), photographs(folder / "few", TEXTBOOK)
        rates: dict[str, list[float]] = {"--jobs 1": [], "--jobs 2": [], "textbook": []}
        for turn in range(turns):
            for jobs in ("1", "2"):
                out = str(folder / f"out{turn}-{jobs}")
                rates[f"--jobs {jobs}"].append(count / seconds(str(photos), *kernels, "-j", jobs, "-o", out))
            loop = [sys.executable, str(HERE / "textbook_loop.py"), str(few), str(folder / "textbook")]
            told = subprocess.run(loop, check=True, capture_output=True, text=True).stdout
            rates["textbook"].append(float(told))
        middle = {contestant: statistics.median(each) for contestant, each in rates.items()}
        for contestant, rate in middle.items():
            print(f"{contestant:10} {rate:7.2f} photographs a second")
        print(f"--jobs 2 against --jobs 1: {middle['--jobs 2'] / middle['--jobs 1']:.2f} (at least 1.6 is asked for)")
        print(f"--jobs 2 against textbook: {middle['--jobs 2'] / middle['textbook']:.1f} (at least 10 is asked for)")
        print(f"a finished run repeated: {repeated(folder) * 1000:.2f} ms an image (under 1 is asked for)")


def repeated(folder: Path) -> float:
    """Seconds an image of repeating a finished run, the start of the process not counted."""
    many, out = photographs(folder / "many", REPEATED), str(folder / "again")
    # Small maps: what a repetition looks at are the photographs' files.
    words = ["--resize", "32,32", "-q", "-o", out]
    seconds(str(many), *words)
    whole = [seconds(str(many), *words) for _ in range(5)]
    start = [seconds(str(many / "0000.jpg"), *words) for _ in range(5)]
    return (statistics.median(whole) - statistics.median(start)) / REPEATED


if __name__ == "__main__":
    main()
