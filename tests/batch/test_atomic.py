from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

from featuremap_cli.batch import atomic
from featuremap_cli.batch.atomic import WriteGate, remove_stale, temporary_name, write_atomically
from featuremap_cli.errors import OutputError


def test_writes_the_bytes_and_makes_the_folders(tmp_path: Path) -> None:
    target = tmp_path / "one" / "two" / "a.png"
    write_atomically(target, b"abc")
    assert target.read_bytes() == b"abc"
    assert [path.name for path in target.parent.iterdir()] == ["a.png"]


def test_replaces_what_is_there(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"old and longer")
    write_atomically(str(target), b"new")
    assert target.read_bytes() == b"new"


def test_file_has_the_rights_that_the_user_asked_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a.png", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "read-only"),
        (errno.EIO, "error"),
    ],
)
def test_failure_is_said_in_one_line_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match=words) as caught:
        write_atomically(target, b"new")
    assert str(target) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert target.read_bytes() == b"old"


def test_a_disk_that_is_really_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WriteGate, "create", lambda _, __: Path("/dev/full").open("wb", buffering=0))  # noqa: SIM115
    with pytest.raises(OutputError, match="the disk is full; free some space"):
        write_atomically(tmp_path / "a.png", b"new")


def test_a_file_stands_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        write_atomically(tmp_path / "a" / "b.png", b"new")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        write_atomically(tmp_path / "a" / "b" / "c.png", b"new")


def test_a_folder_stands_where_the_file_goes(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match="a folder of that name stands there"):
        write_atomically(tmp_path / "a.png", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_name_too_long_for_the_disk(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too long"):
        write_atomically(tmp_path / ("a" * 300), b"new")
    assert list(tmp_path.iterdir()) == []


def test_interruption_leaves_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.png", b"new")
    assert list(tmp_path.iterdir()) == []


def test_closing_the_gate_removes_open_files_and_refuses_later_ones(tmp_path: Path) -> None:
    gate = WriteGate()
    temporary = tmp_path / temporary_name()
    with gate.create(temporary):
        assert temporary.exists()
        gate.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="interrupted"):
        write_atomically(tmp_path / "a.png", b"new", gate)
    assert list(tmp_path.iterdir()) == []


def test_a_gate_in_another_process_is_open() -> None:
    gate = WriteGate()
    gate.close()
    assert isinstance(pickle.loads(pickle.dumps(gate)), WriteGate)


def test_stale_files_go_and_files_in_use_stay(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from featuremap_cli.batch import atomic\n"
            "path = Path(sys.argv[1]) / atomic.temporary_name()\n"
            "file = atomic.WriteGate().create(path)\n"
            "atomic._lock(file); print(path.name, flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    in_use = holder.stdout.readline().strip()
    (tmp_path / temporary_name()).write_bytes(b"left behind")
    (tmp_path / ".featuremap-notes.txt").write_bytes(b"not ours")
    assert remove_stale(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([in_use, ".featuremap-notes.txt"])
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    assert remove_stale(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == [".featuremap-notes.txt"]


def test_a_file_nobody_can_be_asked_about_goes_after_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_lock", lambda _: False)
    temporary = tmp_path / temporary_name()
    temporary.write_bytes(b"")
    assert remove_stale(tmp_path) == 0
    os.utime(temporary, (time.time() - 3700, time.time() - 3700))
    assert remove_stale(tmp_path) == 1


def test_a_temporary_file_taken_away_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync
    taken: list[Path] = []

    def take_away_once(descriptor: int) -> None:
        real(descriptor)
        if not taken:
            taken.extend(path for path in tmp_path.iterdir() if atomic.is_temporary(path.name))
            taken[0].unlink()

    monkeypatch.setattr(os, "fsync", take_away_once)
    write_atomically(tmp_path / "a.png", b"new")
    assert taken
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_missing_folder_has_nothing_stale(tmp_path: Path) -> None:
    assert remove_stale(tmp_path / "nowhere") == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there are no locks of files there")
def test_a_file_that_is_being_written_is_marked_as_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    real, refused = os.fsync, []

    def look_then_sync(descriptor: int) -> None:
        (temporary,) = tmp_path.iterdir()
        with temporary.open("rb") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                refused.append(temporary.name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", look_then_sync)
    write_atomically(tmp_path / "a.png", b"abc")
    assert len(refused) == 1
