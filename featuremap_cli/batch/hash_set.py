"""A set of texts that needs 16 to 32 bytes each, for plans of millions of images."""

from __future__ import annotations

from array import array
from hashlib import blake2b

_SMALLEST = 1024


def hash_of(text: str) -> int:
    """A 64-bit hash, never 0, the same in every process (Python's own `hash` is not)."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


class HashSet:
    """Open addressing over one flat array of 64-bit hashes; 0 marks a free place.

    Two texts are taken for one when their hashes agree: for ten million texts the chance of a single such pair is
    below one in 300,000.
    """

    def __init__(self) -> None:
        self._places = array("Q", bytes(8 * _SMALLEST))
        self._filled = 0

    def __len__(self) -> int:
        return self._filled

    def __contains__(self, text: str) -> bool:
        return self._places[self._place(hash_of(text))] != 0

    def add(self, text: str) -> None:
        """Put a text into the set."""
        if 2 * self._filled >= len(self._places):
            self._grow()
        value = hash_of(text)
        place = self._place(value)
        self._filled += self._places[place] == 0
        self._places[place] = value

    def _place(self, value: int) -> int:
        mask = len(self._places) - 1
        place = value & mask
        while self._places[place] not in (0, value):
            place = (place + 1) & mask
        return place

    def _grow(self) -> None:
        old, self._places = self._places, array("Q", bytes(16 * len(self._places)))
        for value in old:
            if value:
                self._places[self._place(value)] = value
