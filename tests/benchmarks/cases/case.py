"""What a case is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from measurements import Report
from workbench import Workbench

PEERS = ("torch", "cv2", "sklearn", "scipy")
"""What the extra `bench` brings: modules that the suite looks for before it measures anything."""


@dataclass(frozen=True)
class Case:
    """One thing that is measured.

    Attributes:
        name: what the command line calls it.
        summary: a line for --list.
        measure: checks, measures and reports.
        needs: modules that have to be installed.
        extra: the extra of this package that brings them.
        unasked: whether it is run when no case is named.
    """

    name: str
    summary: str
    measure: Callable[[Workbench], Report]
    needs: tuple[str, ...] = PEERS
    extra: str = "bench"
    unasked: bool = True
