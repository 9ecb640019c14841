"""Threads that each do some rows of the output, with the threads of the matrix library (BLAS) held back meanwhile.

BLAS splits one product among its threads and lets them wait for each other in a busy loop: as soon as another process
wants a core, products that take 0.1 ms take 10 (measured with OpenBLAS 0.3.31). Our threads wait for nobody, and share
the work that is no matrix product too. There are as many as BLAS may use, so OPENBLAS_NUM_THREADS and its like hold.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

MOST_THREADS = min(8, os.cpu_count() or 1)
"""Every thread has a few MB of its own; on a machine with many cores they would add up."""

_SMALL_MATRIX_KERNELS = ("SkylakeX", "Cooperlake", "SapphireRapids")
"""OpenBLAS 0.3.17 and later, kernel/x86_64/sgemm_small_kernel_permit_skylakex.c."""


class _LentThreads:
    """The threads of BLAS, lent to as many callers as there are: the last to leave gives them back."""

    def __init__(self) -> None:
        self.lock = Lock()
        self._controller: Any = None
        self._before: list[int] = []
        self._borrowers = 0
        self._allowed = 1

    @contextmanager
    def borrow(self) -> Iterator[int]:
        """Hold BLAS to one thread, and say how many it gave up."""
        with self.lock:
            if not self._borrowers:
                self._hold()
            self._borrowers += 1
        try:
            yield self._allowed
        finally:
            with self.lock:
                self._borrowers -= 1
                if not self._borrowers:
                    self._set(self._before)

    def libraries(self) -> Sequence[Any]:
        """Return the libraries that multiply matrices, as threadpoolctl knows them."""
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

        if self._controller is None:
            self._controller = ThreadpoolController().select(user_api="blas")
        return list(self._controller.lib_controllers)

    def _hold(self) -> None:
        self._before = [int(library.get_num_threads() or 1) for library in self.libraries()]
        self._allowed = max(self._before, default=1)
        self._set([1] * len(self._before))

    def _set(self, numbers: Sequence[int]) -> None:
        """Set each library's threads, from whichever thread this is.

        Since threadpoolctl 3.7 or so, a thread that has set them is the only one that may, until it is told to let go;
        others are ignored without a word.
        """
        for library, number in zip(self.libraries(), numbers, strict=True):
            let_go = getattr(library, "clear_controlling_thread", None)
            if let_go is not None:
                let_go(force=True)
            library.set_num_threads(number)
            if let_go is not None:
                let_go(force=True)


_BLAS = _LentThreads()


@cache
def multiplies_small_matrices_well() -> bool:
    """Return whether BLAS has kernels for products too small to be worth packing: OpenBLAS with AVX-512 does."""
    with _BLAS.lock:
        return any(getattr(library, "architecture", "") in _SMALL_MATRIX_KERNELS for library in _BLAS.libraries())


def for_each(work: Callable[[int], None], items: Iterable[int]) -> None:
    """Do work on all items, in this thread and in others beside it.

    To hand each item to a pool takes as long as some items do, so every thread takes items until none is left.

    Args:
        work: what is done; it must be safe to run beside itself.
        items: what it is given, in turn.
    """
    left = list(items)[::-1]

    def take() -> None:
        while True:
            try:
                item = left.pop()  # each to one thread: a list's pop is never cut in two
            except IndexError:
                return
            try:
                work(item)
            except BaseException:
                left.clear()  # the others need not go on
                raise

    with _BLAS.borrow() as threads:
        others = min(threads, MOST_THREADS, len(left)) - 1
        running = [_helpers().submit(take) for _ in range(others)]
        try:
            take()
        finally:
            # What has not begun by now is not needed, and may wait for this very thread.
            begun = [one for one in running if not one.cancel()]
            for one in begun:
                one.exception()
        for one in begun:
            one.result()


@cache
def _helpers() -> ThreadPoolExecutor:
    """The threads beside those that ask, started once: that takes longer than many a piece of work."""
    from concurrent.futures import ThreadPoolExecutor

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_helpers.cache_clear)
    return ThreadPoolExecutor(MOST_THREADS - 1, thread_name_prefix="featuremap")
