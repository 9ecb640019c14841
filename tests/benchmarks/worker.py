"""A process that keeps one library loaded and does its part of a case again and again, telling how long each run took.

The thread pools of NumPy, TensorFlow, PyTorch and OpenCV wait for work by spinning; in one process they would take the
cores from each other. Orders come in and reports go out as JSON, a line each.

| order | report |
|---|---|
| `{"prepare": "module:function", "arguments": {...}}` | `{}` |
| `{"run": seconds}`: so many seconds at the least | `{"seconds": of one run}` |
| `{"save": path, "step": n}`: every n-th map of a run | `{}` |
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
from in_process.work import Work


def seconds_of(run: Callable[[], object], least: float) -> float:
    """Return the wall seconds of one run.

    A run shorter than `least` goes first uncounted, since others had the processor's caches meanwhile, and is then
    repeated until so many seconds are full; the median counts.
    """
    first = _once(run)
    if first >= least:
        return first
    several = [_once(run)]
    while sum(several) < least or len(several) < 3:
        several.append(_once(run))
    return statistics.median(several)


def _once(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    del result
    return seconds


class Desk:
    """Does what the orders say."""

    def __init__(self) -> None:
        self.work: Work | None = None

    def follow(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order."""
        if "prepare" in order:
            self.work = None  # its arrays go before the next ones come
            module, _, function = order["prepare"].partition(":")
            self.work = getattr(importlib.import_module(module), function)(**order["arguments"])
            return {}
        if self.work is None:
            raise RuntimeError(f"nothing is prepared for {order}")
        if "run" in order:
            return {"seconds": seconds_of(self.work.run, order["run"])}
        maps = self.work.maps(self.work.run(), order["step"])
        np.save(order["save"], np.ascontiguousarray(maps, np.float32))
        return {}


def main() -> None:
    """Follow orders until there are no more."""
    # The libraries print as they like; reports go where stdout was.
    reports = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    desk = Desk()
    for line in sys.stdin:
        try:
            report = desk.follow(json.loads(line))
        except Exception:  # noqa: BLE001 - whatever a library raises is reported to whoever ordered it
            report = {"error": traceback.format_exc()}
        print(json.dumps(report), file=reports, flush=True)


if __name__ == "__main__":
    main()
