"""How often things are run: enough for a median, within a time that a reader will spend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LONG = 10.0
"""Seconds from which on a run is long: three turns of it."""

SHORT = 1.0
"""Seconds below which a run is short: seven turns of it; five between."""


@dataclass(frozen=True)
class Effort:
    """What the command line asks for.

    Attributes:
        wanted: turns, or None for as many as the length of the runs allows.
        quick: a smoke test of the suite: one turn, small counts.
    """

    wanted: int | None = None
    quick: bool = False

    def turns(self, first: Sequence[float]) -> int:
        """Return how many turns to take, from the seconds of each contestant's first run."""
        if self.wanted is not None:
            return self.wanted
        if self.quick:
            return 1
        longest = max(first)
        return 3 if longest > LONG else 7 if longest < SHORT else 5

    def count(self, full: int, quick: int) -> int:
        """Return how many things to measure with: the full number, or a few."""
        return quick if self.quick else full
