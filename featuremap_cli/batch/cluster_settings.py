"""How a cluster is named on the command line; Dask is not imported here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featuremap_cli.errors import UsageError

_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+")
_LOCAL = re.compile(r"local:([1-9][0-9]*)")


@dataclass(frozen=True)
class Cluster:
    """A Dask cluster to run on.

    Attributes:
        address: a scheduler's (`tcp://10.0.0.1:8786`), `local:N` for N processes here, or a scheduler file's path.
        tell: told in a line what the user should know, such as the dashboard's address.
        take_in: given what a `GatheringSession` has gathered on some of the images, for each part of them once; None
            for a job that gathers nothing.
    """

    address: str
    tell: Callable[[str], None]
    take_in: Callable[[Any], None] | None = None

    def __post_init__(self) -> None:
        if self.processes is None and not self.is_scheduler and not Path(self.address).is_file():
            raise UsageError(
                "--cluster takes tcp://HOST:PORT of a Dask scheduler, local:N for N processes here, or a scheduler "
                f"file; got {self.address}, and there is no such file"
            )

    @property
    def processes(self) -> int | None:
        """How many processes to start here; None for a cluster that is there already."""
        local = _LOCAL.fullmatch(self.address)
        return int(local[1]) if local else None

    @property
    def is_scheduler(self) -> bool:
        """Whether it is the address of a scheduler."""
        return _ADDRESS.fullmatch(self.address) is not None
