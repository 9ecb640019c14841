"""Worker processes: started for the work there is, given a few tasks each, replaced when one dies.

A worker that dies (killed, crashed, out of memory) takes with it the images it had begun. Each of these is tried once
more, alone in a worker, so that the one that kills workers is known; it fails, and the others are done.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import IO

from featuremap_cli.batch.engines import tasks_ahead
from featuremap_cli.batch.interruption import signals_blocked
from featuremap_cli.batch.job import Failure, Finished, Job, Task
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.pipeline import WAIT_SECONDS, Fatal, Message, take
from featuremap_cli.batch.worker import Ready, receive, send_bytes
from featuremap_cli.errors import ExitCode, FeaturemapError

_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from featuremap_cli.batch.worker import main; main()"
_PATIENCE_SECONDS = 1.0
_STARTS_IN_VAIN = 3

# Each of these libraries would otherwise start as many threads as there are cores, in every worker.
_THREADS_OF_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(eq=False)
class _Worker:
    """A worker process as the pool sees it.

    Attributes:
        process: the child.
        is_ready: whether its job is open.
        is_alone: whether it does a single image that may have killed another worker.
        tasks: given to it and not finished.
        begun: indices of those it has begun.
    """

    process: subprocess.Popen[bytes]
    is_ready: bool = False
    is_alone: bool = False
    tasks: dict[int, Task] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)


class Pool:
    """The engine of `--jobs N`.

    Args:
        job: sent to each worker.
        folder: where outputs go.
        jobs: how many workers at most.
    """

    def __init__(self, job: Job, folder: OutputFolder, jobs: int) -> None:
        self._folder, self._jobs = folder, jobs
        self._ahead = tasks_ahead(job.batch_size)
        self._opening = pickle.dumps((job, folder))
        self._workers: list[_Worker] = []
        self._listeners: list[threading.Thread] = []
        self._messages: SimpleQueue[tuple[_Worker, Message | Ready | None]] = SimpleQueue()
        self._waiting: deque[Task] = deque()
        self._suspects: deque[Task] = deque()
        self._starts_in_vain = 0
        self._fatal: Fatal | None = None

    def warm_up(self, tasks: int) -> None:
        """Start workers for so many tasks before they are there."""
        while len(self._workers) < min(self._jobs, tasks):
            self._start()

    def is_warm(self) -> bool:
        """Whether a worker is ready, or none will be: then the tasks' coming will tell why."""
        self._reported(0.0)
        return self._fatal is not None or not self._workers or any(worker.is_ready for worker in self._workers)

    def is_full(self) -> bool:
        """Whether every worker has enough to do."""
        return self._unfinished() >= self._jobs * self._ahead

    def submit(self, task: Task) -> None:
        """Give the task to a worker, or keep it for one."""
        self._waiting.append(task)
        self._distribute()

    def collect(self, wait: bool) -> list[Finished]:
        """What workers have reported."""
        finished = self._reported(0.0)
        while wait and self._unfinished() and not finished and not self._fatal:
            finished = self._reported(WAIT_SECONDS)
        if self._fatal and not finished:
            raise self._fatal.failure.as_error()
        return finished

    def close(self) -> list[Finished]:
        """End all workers within a second or so; they remove their temporary files."""
        for worker in self._workers:
            if not worker.is_ready:
                worker.process.kill()  # it has done nothing yet, and would first finish its start
            _hang_up(worker.process.stdin)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for worker in self._workers:
            _end(worker.process, max(0.0, deadline - time.monotonic()))
            self._clean_up_after(worker)
        for listener in self._listeners:
            listener.join(_PATIENCE_SECONDS)
        finished: list[Finished] = []
        while (report := take(self._messages, 0.0)) is not None:
            if isinstance(report[1], Finished):
                finished.append(report[1])
        for worker in self._workers:
            _hang_up(worker.process.stdout)
        self._workers.clear()
        return finished

    def _unfinished(self) -> int:
        return len(self._waiting) + len(self._suspects) + sum(len(worker.tasks) for worker in self._workers)

    def _reported(self, seconds: float) -> list[Finished]:
        finished: list[Finished] = []
        while (report := take(self._messages, 0.0 if finished else seconds)) is not None:
            worker, message = report
            if isinstance(message, Finished):
                del worker.tasks[message.index]
                worker.begun.discard(message.index)
                worker.is_alone = False
                finished.append(message)
            elif isinstance(message, Fatal):
                self._fatal = message
            elif isinstance(message, Ready):
                worker.is_ready = True
                self._starts_in_vain = 0
            elif message is None:
                finished.extend(self._bury(worker))
            else:
                worker.begun.add(message.index)
        if not self._fatal:
            self._distribute()
        return finished

    def _distribute(self) -> None:
        while len(self._workers) < min(self._jobs, self._unfinished()):
            self._start()
        ready = [worker for worker in self._workers if worker.is_ready and not worker.is_alone]
        for worker in ready:
            if self._suspects and not worker.tasks:
                worker.is_alone = True
                self._give(worker, self._suspects.popleft())
        while self._waiting and not self._suspects:
            free = [worker for worker in ready if not worker.is_alone and len(worker.tasks) < self._ahead]
            if not free:
                return
            self._give(min(free, key=lambda worker: len(worker.tasks)), self._waiting.popleft())

    def _give(self, worker: _Worker, task: Task) -> None:
        worker.tasks[task.index] = task
        assert worker.process.stdin is not None
        # A worker that is gone is reported by its listener, and its tasks go to another.
        with suppress(BrokenPipeError):
            send_bytes(worker.process.stdin, pickle.dumps(task))

    def _start(self) -> None:
        cores = os.cpu_count() or 1
        threads = str(max(1, cores // self._jobs))
        environment = {**dict.fromkeys(_THREADS_OF_LIBRARIES, threads), **os.environ}
        command = [sys.executable, "-P", "-c", _BOOT, json.dumps(sys.path)]
        try:
            # A signal that comes meanwhile strikes when the worker is in the list of those that `close` ends.
            with signals_blocked():
                process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
                worker = _Worker(process)
                self._workers.append(worker)
        except OSError as error:
            raise FeaturemapError(f"cannot start a worker process: {error.strerror}; try --jobs 1") from error
        listener = threading.Thread(target=self._listen, args=(worker,), daemon=True)
        self._listeners.append(listener)
        listener.start()

    def _listen(self, worker: _Worker) -> None:
        assert worker.process.stdin is not None
        assert worker.process.stdout is not None
        try:
            send_bytes(worker.process.stdin, self._opening)
            while True:
                self._messages.put((worker, receive(worker.process.stdout)))
        except (EOFError, OSError, ValueError):
            self._messages.put((worker, None))

    def _bury(self, worker: _Worker) -> list[Finished]:
        """Take a dead worker's tasks back; says which of them failed by killing two workers."""
        self._workers.remove(worker)
        _hang_up(worker.process.stdin)
        _hang_up(worker.process.stdout)
        how = _how_it_ended(_end(worker.process, _PATIENCE_SECONDS))
        if self._fatal:
            return []
        self._clean_up_after(worker)
        if not worker.is_ready:
            self._starts_in_vain += 1
            if self._starts_in_vain >= _STARTS_IN_VAIN:
                raise FeaturemapError(f"worker processes do not start: {how}; try --jobs 1")
        if worker.is_alone:
            message = (
                f"the worker process that did it {how}, and so did another before; "
                "if memory ran out, try --jobs 1 or a smaller image"
            )
            return [Finished(index, failure=Failure(message, ExitCode.FAULT)) for index in worker.tasks]
        begun = [task for index, task in worker.tasks.items() if index in worker.begun]
        self._suspects.extend(begun)
        self._waiting.extendleft(task for index, task in reversed(worker.tasks.items()) if index not in worker.begun)
        return []

    def _clean_up_after(self, worker: _Worker) -> None:
        for index in worker.begun:
            stem = worker.tasks[index].stem
            self._folder.remove_stale(stem.rpartition("/")[0])
            self._folder.remove_stale(stem)


def _end(process: subprocess.Popen[bytes], patience: float) -> int:
    """The exit code of a process that should end by itself, and is killed where it does not."""
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    return f"was killed by signal {-code} ({name})"


def _hang_up(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with suppress(OSError):
            stream.close()
