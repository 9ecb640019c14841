"""Threads that each do some rows of the output, with the threads of the matrix library (BLAS) held back meanwhile.

BLAS splits one product among its threads and lets them wait for each other in a busy loop: as soon as another process
wants a core, products that take 0.1 ms take 10 (measured with OpenBLAS 0.3.31). Our threads wait for nobody, and share
the work that is no matrix product too. There are as many as BLAS may use, so OPENBLAS_NUM_THREADS and its like hold.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
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
        self._limit: Any = None
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
                    self._limit.restore_original_limits()

    def libraries(self) -> Sequence[Any]:
        """Return the libraries that multiply matrices, as threadpoolctl knows them."""
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

        if self._controller is None:
            self._controller = ThreadpoolController().select(user_api="blas")
        return list(self._controller.lib_controllers)

    def _hold(self) -> None:
        self._allowed = max((library.num_threads for library in self.libraries()), default=1)
        self._limit = self._controller.limit(limits=1)


_BLAS = _LentThreads()


@cache
def multiplies_small_matrices_well() -> bool:
    """Return whether BLAS has kernels for products too small to be worth packing: OpenBLAS with AVX-512 does."""
    with _BLAS.lock:
        return any(getattr(library, "architecture", "") in _SMALL_MATRIX_KERNELS for library in _BLAS.libraries())


@dataclass(frozen=True, eq=False)
class _Helpers:
    """Threads beside the one that asks for them; none where `pool` is None."""

    pool: ThreadPoolExecutor | None = None
    count: int = 0


_KEPT: ContextVar[_Helpers | None] = ContextVar("_KEPT", default=None)
"""The threads of the block of `kept_threads` that this one is in."""


@contextmanager
def kept_threads() -> Iterator[None]:
    """Inside the block, `for_each` uses the same threads again: for many pieces of work of less than a millisecond."""
    with _BLAS.borrow() as threads, _beside_this_one(threads) as helpers:
        token = _KEPT.set(helpers)
        try:
            yield
        finally:
            _KEPT.reset(token)


def for_each(work: Callable[[int], None], items: Iterable[int]) -> None:
    """Do work on all items, in this thread and in others beside it.

    To hand each item to a pool takes as long as some items do, so every thread takes items until none is left: 64
    filters of 7x7 on a photograph take 14.6 ms so, 17.3 ms with a pool.

    Args:
        work: what is done; it must be safe to run beside itself.
        items: what it is given, in turn.
    """
    kept = _KEPT.get()
    if kept is not None:
        _share(work, items, kept)
        return
    with _BLAS.borrow() as threads, _beside_this_one(threads) as helpers:
        _share(work, items, helpers)


@contextmanager
def _beside_this_one(threads: int) -> Iterator[_Helpers]:
    """Give so many threads, this one counted in."""
    from concurrent.futures import ThreadPoolExecutor

    others = min(threads, MOST_THREADS) - 1
    if others < 1:
        yield _Helpers()
        return
    with ThreadPoolExecutor(others) as pool:
        yield _Helpers(pool, others)


def _share(work: Callable[[int], None], items: Iterable[int], helpers: _Helpers) -> None:
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

    running = [helpers.pool.submit(take) for _ in range(min(helpers.count, len(left) - 1))] if helpers.pool else []
    try:
        take()
    finally:
        for one in running:
            one.result()
