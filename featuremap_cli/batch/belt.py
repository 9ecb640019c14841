"""A short queue between two threads that both can be told to stop."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class StoppedError(Exception):
    """The belt was stopped while somebody waited at it."""


class Belt(Generic[Item]):
    """First in, first out, at most `room` items; who puts waits for room, who gets waits for an item.

    (`queue.Queue` cannot wake a waiting thread to say that nothing will come, before Python 3.13.)
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._items: deque[Item] = deque()
        self._stopped = False
        self._changed = threading.Condition()

    def put(self, item: Item) -> None:
        """Add an item at the end.

        Raises:
            StoppedError: the belt was stopped.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._items) < self._room)
            if self._stopped:
                raise StoppedError
            self._items.append(item)
            self._changed.notify_all()

    def get(self) -> Item:
        """Take the first item.

        Raises:
            StoppedError: the belt was stopped.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._items)
            if self._stopped:
                raise StoppedError
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def stop(self) -> None:
        """Wake everybody who waits, and drop the items."""
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()
