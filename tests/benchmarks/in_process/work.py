"""What a worker runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


def _nothing(result: object, step: int) -> Float32:
    raise NotImplementedError("this work has no maps: it writes a file")


@dataclass(frozen=True)
class Work:
    """Something that is timed.

    Attributes:
        run: does it; only this is timed.
        maps: turns what `run` returned, and a step n, into every n-th feature map, (maps, height, width).
    """

    run: Callable[[], Any]
    maps: Callable[[Any, int], Float32] = _nothing
