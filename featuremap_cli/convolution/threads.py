"""Threads that each do some rows of the output, with the threads of the matrix library (BLAS) held back meanwhile.

BLAS splits one product among its threads and lets them wait for each other in a busy loop: as soon as another process
wants a core, products that take 0.1 ms take 10 (measured with OpenBLAS 0.3.31). Our threads wait for nobody, and share
the work that is no matrix product too. There are as many as BLAS may use, so OPENBLAS_NUM_THREADS and its like hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_MOST_THREADS = 8
"""Every thread has a few MB of its own; on a machine with many cores they would add up."""


class _LentThreads:
    """The threads of BLAS, lent to as many callers as there are: the last to leave gives them back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._controller: Any = None
        self._limit: Any = None
        self._borrowers = 0
        self._allowed = 1

    @contextmanager
    def borrow(self) -> Iterator[int]:
        """Hold BLAS to one thread, and say how many it gave up."""
        with self._lock:
            if not self._borrowers:
                self._hold()
            self._borrowers += 1
        try:
            yield self._allowed
        finally:
            with self._lock:
                self._borrowers -= 1
                if not self._borrowers:
                    self._limit.restore_original_limits()

    def _hold(self) -> None:
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

        if self._controller is None:
            self._controller = ThreadpoolController().select(user_api="blas")
        self._allowed = max((library.num_threads for library in self._controller.lib_controllers), default=1)
        self._limit = self._controller.limit(limits=1)


_BLAS = _LentThreads()


_KEPT: ContextVar[ThreadPoolExecutor | None] = ContextVar("_KEPT", default=None)
"""The threads of the block of `kept_threads` that this one is in."""


@contextmanager
def kept_threads() -> Iterator[None]:
    """Inside the block, `for_each` uses the same threads again: for many pieces of work of less than a millisecond."""
    from concurrent.futures import ThreadPoolExecutor

    with _BLAS.borrow() as threads:
        if threads == 1:
            yield
            return
        with ThreadPoolExecutor(min(threads, _MOST_THREADS)) as pool:
            token = _KEPT.set(pool)
            try:
                yield
            finally:
                _KEPT.reset(token)


def for_each(work: Callable[[int], None], items: Iterable[int]) -> None:
    """Do work on all items, in several threads.

    Args:
        work: what is done; it must be safe to run beside itself.
        items: what it is given.
    """
    from concurrent.futures import ThreadPoolExecutor

    kept = _KEPT.get()
    if kept is not None:
        for _ in kept.map(work, items):
            pass
        return
    with _BLAS.borrow() as threads:
        if threads == 1:
            for item in items:
                work(item)
            return
        with ThreadPoolExecutor(min(threads, _MOST_THREADS)) as pool:
            for _ in pool.map(work, items):
                pass
