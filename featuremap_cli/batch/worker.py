"""A worker process: opens the job it is sent, does the tasks that come on its standard input, reports on its standard
output. When its input ends it leaves at once, with no temporary file behind.

It is started by `pool.py` as a plain child process, not through `multiprocessing`: nothing of the parent's main module
is imported again, no helper process is needed, and a worker of another engine (which may not have children of
`multiprocessing`'s kind) can run it as well.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
import threading
from typing import IO, Any, BinaryIO, NoReturn

from featuremap_cli.batch.job import Job
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.pipeline import Fatal, Message, Pipeline
from featuremap_cli.batch.stages import failure_of

_LENGTH = struct.Struct("<Q")


class Ready:
    """The first message of a worker: its job is open."""


def send_bytes(stream: IO[bytes], data: bytes) -> None:
    """Write one pickled value, length first."""
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one value.

    Raises:
        EOFError: the other side is gone.
    """
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)


def main() -> NoReturn:
    """Serve the parent until it is gone."""
    tasks, reports = _claim_streams()
    folder: OutputFolder | None = None
    try:
        job, folder = receive(tasks)
        _serve(job, folder, tasks, reports)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        if folder is not None:
            folder.gate.close()
        # Threads may be busy for long; nothing that they do is of use any more.
        os._exit(0)


def _serve(job: Job, folder: OutputFolder, tasks: BinaryIO, reports: BinaryIO) -> NoReturn:
    turn = threading.Lock()

    def deliver(message: Message | Ready) -> None:
        with turn:
            send_bytes(reports, pickle.dumps(message))

    try:
        session = job.open()
    except Exception as error:
        deliver(Fatal(failure_of(error)))
        raise EOFError from error
    pipeline = Pipeline(session, job.batch_size, folder, deliver)
    deliver(Ready())
    while True:
        pipeline.submit(receive(tasks))


def _claim_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep the two streams to the parent; what libraries print goes to stderr instead."""
    tasks, reports = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return tasks, reports
