"""A Dask cluster of two processes on this machine against the local runner with two, and what a batch costs.

The contestants take turns, so that a drift of the machine's speed meets both. The rates are those of whole commands,
their starts included. Needs the extra `cluster`. Usage:
    python tests/benchmarks/cluster.py [PHOTOGRAPHS] [TURNS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from batch import KERNELS, photographs
from idle_job import IdleJob

from featuremap_cli.batch import cluster
from featuremap_cli.batch.cluster_settings import Cluster
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.runner import RunSettings, run
from featuremap_cli.sources.locations import find_images

PROGRAM = "import sys; from featuremap_cli.commands.app import main; sys.exit(main())"
WAYS = {"local runner": ("-j", "2"), "cluster": ("--cluster", "local:2")}
BATCHES = 400


def seconds(*words: str) -> float:
    """Wall seconds of one `featuremap convolve`."""
    start = time.perf_counter()
    command = [sys.executable, "-c", PROGRAM, "convolve", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def overhead(photos: Path, out: Path) -> float:
    """Seconds that a batch costs on two processes when its one image costs nothing; the start is not counted."""
    cluster._MOST_IN_A_BATCH = 1
    settings = RunSettings(OutputFolder(str(out)), resumes=False, cluster=Cluster("local:2", lambda _: None))
    moments = [time.perf_counter() for _ in run(IdleJob(), find_images([str(photos)]), settings)]
    return (moments[-1] - moments[0]) / (len(moments) - 1)


def main() -> None:
    """Print rates, their ratio, and the overhead of a batch."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    # Workers import the idle job by name.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    kernels = [word for kernel in KERNELS for word in ("-k", kernel)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = photographs(folder / "photos", count)
        starts: dict[str, list[float]] = {way: [] for way in WAYS}
        rates: dict[str, list[float]] = {way: [] for way in WAYS}
        for turn in range(turns):
            for way, words in WAYS.items():
                out = folder / f"{way}-{turn}"
                rates[way].append(count / seconds(str(photos), *kernels, *words, "-o", str(out)))
                starts[way].append(seconds(str(photos / "0000.jpg"), *kernels, *words, "-o", f"{out}-one"))
        for way in WAYS:
            rate, start = statistics.median(rates[way]), statistics.median(starts[way])
            print(f"{way:12} {rate:6.2f} photographs a second; a single one takes {start:.1f} s")
        ratio = statistics.median(rates["cluster"]) / statistics.median(rates["local runner"])
        print(f"cluster against local runner: {ratio:.2f} (at least 0.8 is asked for)")
        per_batch = overhead(photographs(folder / "batches", BATCHES), folder / "idle")
        print(f"overhead a batch: {per_batch * 1000:.1f} ms")


if __name__ == "__main__":
    main()
