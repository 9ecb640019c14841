"""The connection to a Dask cluster: found or started, its workers checked, and left without a trace."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Any

from featuremap_cli.batch.cluster_settings import Cluster
from featuremap_cli.batch.interruption import signals_blocked
from featuremap_cli.errors import MissingDependencyError, OutputError
from featuremap_cli.version import __version__

# Two batches at a time in a process: one is read while the other one is computed.
_THREADS_OF_A_PROCESS = 2

# Dask has its workers give freed memory back at once, and new arrays of megabytes are then paged in each time.
_KEEP_MEMORY = {"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}

_CONNECTING_SECONDS = 10.0
_CLOSING_SECONDS = 2.0
_COUNTING_SECONDS = 2.0


class Connection:
    """A Dask client, and the cluster where it was started for it.

    Args:
        cluster: where; its `tell` is told the dashboard's address.

    Raises:
        MissingDependencyError: Dask is not installed here, or this tool not in the same version on a worker.
        OutputError: no scheduler answers.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._local: Any = None
        self._plugin: str | None = None
        self._threads: dict[str, int] = {}
        self._counted_at = float("-inf")
        try:
            import distributed
        except ImportError as error:
            raise MissingDependencyError(
                "--cluster needs Dask: pip install 'featuremap-cli[cluster]', here and on every worker"
            ) from error
        # What a user should know of the cluster is told in lines of ours.
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self.client = self._connect(distributed)
        except (OSError, TimeoutError, RuntimeError) as error:
            self._close_local()
            raise OutputError(
                f"no cluster at --cluster {cluster.address}: {_first_line(error)}; is the scheduler running?"
            ) from error
        try:
            self._introduce()
        except BaseException:
            self.close()
            raise

    @property
    def is_alive(self) -> bool:
        """Whether the scheduler is there."""
        return bool(self.client.status == "running")

    def workers(self) -> dict[str, int]:
        """Threads of each worker by its address, as they were some seconds ago."""
        if time.monotonic() - self._counted_at > _COUNTING_SECONDS and self.is_alive:
            self._threads = dict(self.client.nthreads())
            self._counted_at = time.monotonic()
        return self._threads

    def install(self, name: str, opening: bytes) -> None:
        """Bring a job to every worker that is there or joins later."""
        from featuremap_cli.batch.cluster_worker import JobPlugin

        self._plugin = name
        self.client.register_plugin(JobPlugin(name, opening), name)

    def lost(self) -> OutputError:
        """What to raise when the scheduler is gone."""
        return OutputError(
            f"the scheduler of --cluster {self._cluster.address} is gone; start it again and repeat the command, "
            "what is done is kept"
        )

    def refuse(self, worker: str, version: str) -> MissingDependencyError:
        """What to raise when a worker has another version of this tool, or none (an empty one)."""
        has = f"featuremap {version}" if version else "no featuremap"
        return MissingDependencyError(
            f"{worker} has {has}, this is featuremap {__version__}: expected the same version everywhere; "
            f"pip install 'featuremap-cli[cluster]=={__version__}' on the worker and start it again"
        )

    def close(self) -> None:
        """Have the workers write nothing more, and leave."""
        with suppress(OSError, TimeoutError, RuntimeError):
            if self.is_alive and self._plugin is not None and self._local is None:
                self.client.unregister_worker_plugin(self._plugin)
        with suppress(OSError, TimeoutError, RuntimeError):
            self.client.close(timeout=_CLOSING_SECONDS)
        self._close_local()

    def _connect(self, distributed: Any) -> Any:
        cluster, more = self._cluster, {"timeout": _CONNECTING_SECONDS, "set_as_default": False}
        if cluster.processes is not None:
            from multiprocessing.resource_tracker import ensure_running

            import dask

            # Were it started below, it would let the signals through again.
            ensure_running()
            # Processes started in here never see Ctrl-C: this one does, and ends them.
            with signals_blocked(), dask.config.set(_KEEP_MEMORY):
                self._local = distributed.LocalCluster(
                    n_workers=cluster.processes,
                    threads_per_worker=_THREADS_OF_A_PROCESS,
                    processes=True,
                    host="127.0.0.1",
                    scheduler_port=0,
                    dashboard_address="127.0.0.1:0",
                    memory_limit=0,
                    silence_logs=logging.CRITICAL,
                    # Dask counts the deaths of a whole batch; those of one image are counted by the engine.
                    scheduler_kwargs={"allowed_failures": 0},
                )
            return distributed.Client(self._local, **more)
        if cluster.is_scheduler:
            return distributed.Client(cluster.address, **more)
        return distributed.Client(scheduler_file=cluster.address, **more)

    def _introduce(self) -> None:
        for worker, version in self.client.run(_version_question()).items():
            if version != __version__:
                raise self.refuse(f"worker {worker}", version)
        if link := self.client.dashboard_link:
            self._cluster.tell(f"dashboard: {link}")
        if not self.workers():
            self._cluster.tell(f"the cluster at {self._cluster.address} has no worker yet; waiting for one")

    def _close_local(self) -> None:
        if self._local is not None:
            with suppress(OSError, TimeoutError, RuntimeError):
                self._local.close(timeout=_CLOSING_SECONDS)


def _version_question() -> Any:
    def version() -> str:
        from importlib import import_module

        try:
            return str(import_module("featuremap_cli.version").__version__)
        except ImportError:
            return ""

    # Defined in here, the function itself travels, not its name: it runs where this package is not installed.
    return version


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
