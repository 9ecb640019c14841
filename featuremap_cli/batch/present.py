"""Which results of earlier runs are still there."""

from __future__ import annotations

from collections.abc import Mapping

from featuremap_cli.batch.hash_set import HashSet
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.errors import OutputError
from featuremap_cli.sources.store_search import list_below


class PresentOutputs:
    """Answers for one output folder, as it was when the run began.

    A disk is asked for each file. A store, where each question takes some hundredths of a second, is listed once, a
    thousand objects a question; 16 to 32 bytes an object are kept.

    Args:
        folder: the output folder.
    """

    def __init__(self, folder: OutputFolder) -> None:
        self._folder = folder
        self._listed: HashSet | None = None

    def hold(self, outputs: Mapping[str, int]) -> bool:
        """Whether all these files are there, each with its size in bytes.

        Raises:
            OutputError: the store cannot be listed.
        """
        if not self._folder.is_remote:
            return all(self._folder.size(output) == size for output, size in outputs.items())
        if self._listed is None:
            self._listed = self._list()
        return all(_line(output, size) in self._listed for output, size in outputs.items())

    def _list(self) -> HashSet:
        listed = HashSet()
        try:
            for one in list_below(self._folder.root):
                listed.add(_line(one.below, one.size))
        except OSError as error:
            raise OutputError(
                f"cannot list {self._folder.root}: {error.strerror}; check --out, and your access to the store"
            ) from error
        return listed


def _line(relative: str, size: int | None) -> str:
    return f"{relative}\n{size}"
