"""BLAS is held to one thread while ours work, and given its threads back."""

from __future__ import annotations

import subprocess
import sys
import time
from threading import Barrier, Event, Thread

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from featuremap_cli.convolution import threads
from featuremap_cli.convolution.threads import for_each


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture
def two_threads(monkeypatch):
    monkeypatch.setattr(threads, "MOST_THREADS", 2)  # on a single core too
    assert np.ones((2, 2)) @ np.ones(2) is not None  # BLAS is loaded
    with threadpool_limits(2, "blas"):
        yield


@pytest.mark.usefixtures("two_threads")
def test_blas_has_one_thread_while_ours_work_and_two_afterwards():
    seen = []
    for_each(lambda item: seen.append((item, blas_threads())), range(5))
    assert sorted(item for item, _ in seen) == [0, 1, 2, 3, 4]
    assert {number for _, threads in seen for number in threads} == {1}
    assert blas_threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_any_thread_may_hold_blas_after_any_other():
    for_each(lambda item: None, range(3))
    seen = []
    other = Thread(target=lambda: for_each(lambda item: seen.append(blas_threads()), range(3)))
    other.start()
    other.join()
    assert seen == [{1}] * 3
    assert blas_threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_work_runs_side_by_side():
    meeting = Barrier(2, timeout=20)
    for_each(lambda item: meeting.wait() and None, range(2))
    assert not meeting.broken


def test_one_thread_for_blas_is_one_thread_for_us():
    seen = []
    with threadpool_limits(1, "blas"):
        for_each(seen.append, range(4))
    assert seen == [0, 1, 2, 3]


@pytest.mark.usefixtures("two_threads")
def test_an_error_comes_through_and_the_threads_come_back():
    def fail(item):
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match=r"item \d"):
        for_each(fail, range(3))
    assert blas_threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_callers_side_by_side_give_the_threads_back_once():
    inside = Barrier(2, timeout=20)

    def meet(item):
        if item == 0:
            inside.wait()

    callers = [Thread(target=for_each, args=(meet, range(2))) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert blas_threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_work_may_have_work_of_its_own():
    done = []

    def work(item):
        for_each(lambda inner: done.append((item, inner)), range(20))

    for_each(work, range(20))
    assert sorted(done) == [(item, inner) for item in range(20) for inner in range(20)]


def test_a_process_forked_from_this_one_has_threads_of_its_own():
    program = (
        "import os, sys, warnings; warnings.simplefilter('ignore')\n"
        "from featuremap_cli.convolution.threads import for_each\n"
        "seen = []; for_each(seen.append, range(100)); child = os.fork() if hasattr(os, 'fork') else 0; seen.clear()\n"
        "for_each(seen.append, range(100))\n"
        "ok = sorted(seen) == list(range(100))\n"
        "os._exit(not ok) if not child else sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or not ok)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0


@pytest.mark.usefixtures("two_threads")
def test_each_item_is_done_once():
    seen = []
    for_each(seen.append, range(1000))
    assert sorted(seen) == list(range(1000))


@pytest.mark.usefixtures("two_threads")
def test_after_an_error_what_is_left_is_left():
    seen = []

    begun, failed = Event(), Event()

    def work(item):
        seen.append(item)
        if item == 0:
            begun.wait(20)
            failed.set()
            raise OverflowError
        begun.set()
        # The others are slow, so that the one that failed is through long before they could be.
        failed.wait(20)
        time.sleep(0.002)

    with pytest.raises(OverflowError):
        for_each(work, range(2_000))
    assert len(seen) < 1_000
