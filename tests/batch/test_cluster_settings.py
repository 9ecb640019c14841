"""What `--cluster` takes, and what is told where Dask is not installed. The rest is in tests/cluster."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from toy_jobs import Toy, locations

from featuremap_cli.batch.cluster_settings import Cluster
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.batch.runner import RunSettings, run
from featuremap_cli.errors import MissingDependencyError, UsageError


def test_an_address_names_a_scheduler_processes_here_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "scheduler.json").write_text("{}")
    assert Cluster("local:12", print).processes == 12
    for address in ("tcp://10.0.0.1:8786", "tls://host:8786", str(tmp_path / "scheduler.json")):
        assert Cluster(address, print).processes is None
    assert Cluster("tcp://10.0.0.1:8786", print).is_scheduler
    assert not Cluster(str(tmp_path / "scheduler.json"), print).is_scheduler


@pytest.mark.parametrize("address", ["local", "local:0", "local:two", "10.0.0.1:8786", "tcp://", "", "gone.json"])
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match=r"tcp://HOST:PORT of a Dask scheduler, local:N"):
        Cluster(address, print)


def test_without_dask_the_line_that_installs_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_text("a")
    monkeypatch.setitem(sys.modules, "distributed", None)
    settings = RunSettings(OutputFolder(str(tmp_path / "out")), cluster=Cluster("local:2", print))
    with pytest.raises(MissingDependencyError, match=r"pip install 'featuremap-cli\[cluster\]'"):
        list(run(Toy(), locations(str(tmp_path), ["a.jpg"]), settings))
