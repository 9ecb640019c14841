"""A job whose session outlives the run: what it has gathered is asked for afterwards."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from featuremap_cli.commands.console import tell

if TYPE_CHECKING:
    from featuremap_cli.batch.job import Job


class _Noticing(Protocol):
    @property
    def notices(self) -> Iterable[str]: ...


Session = TypeVar("Session", bound=_Noticing)


class KeptJob(Generic[Session]):
    """A job, opened once in this process, that keeps its session.

    Args:
        job: the job.
        open_session: opens it; the job's own `open`, which says what kind of session it gives.
        quiet: whether to keep the session's notices to itself.

    Attributes:
        session: None until the job was opened, which it is for the first image that there is.
    """

    def __init__(self, job: Job, open_session: Callable[[], Session], quiet: bool) -> None:
        self.session: Session | None = None
        self.name, self.batch_size, self.overlaps = job.name, job.batch_size, job.overlaps
        self._job, self._open_session, self._quiet = job, open_session, quiet

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers of a cluster get the job; what is kept is kept here.
        return copy.copy, (self._job,)

    def options(self) -> Mapping[str, Any]:
        """Return the job's."""
        return self._job.options()

    def open(self) -> Session:
        """Open the job and keep its session."""
        self.session = self._open_session()
        for notice in () if self._quiet else self.session.notices:
            tell(notice)
        return self.session
