from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from featuremap_cli.batch.hash_set import HashSet, hash_of
from featuremap_cli.batch.manifest import Entry, Manifest, parse_entry
from featuremap_cli.errors import OutputError

FULL = Entry(
    job="convolve",
    stem="holiday/a",
    source="/photos/holiday/a\udcff.jpg",
    relative="holiday/a\n.jpg",
    status="done",
    digest="00ff",
    stamp=(1, 2, 3, 4),
    options="ab",
    version="0.1.0",
    outputs={"holiday/a.maps.png": 123},
    layers=({"layer": "sobel-x", "min": -0.5, "silent": [3]},),
    seconds=0.25,
)


def test_an_entry_is_one_line_of_json_and_comes_back_whole() -> None:
    line = FULL.line()
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    values = json.loads(line)
    assert values["status"] == "done"
    assert values["outputs"] == {"holiday/a.maps.png": 123}
    assert set(values) >= {"digest", "options", "version", "outputs", "status", "error", "seconds"}
    assert parse_entry(line) == FULL


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"{", b"[]\n", b"{}\n", b'{"key": "1", "unknown": 2}\n', FULL.line()[:-9], b"\xff\xfe\n"]
)
def test_other_lines_are_no_entries(line: bytes) -> None:
    assert parse_entry(line) is None


def test_the_last_line_of_an_image_counts(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "out" / "manifest.jsonl")
    assert manifest.find("toy", "a") is None
    for number in range(50):
        for stem in ("a", "b", "c"):
            manifest.append(Entry("toy", stem, "", "", "done", seconds=number))
    manifest.append(Entry("toy", "a", "", "", "failed", error="gone"))
    manifest.append(Entry("other", "a", "", "", "done", seconds=99.0))
    manifest.close()
    again = Manifest(manifest.path)
    assert len(again) == 152
    assert again.find("toy", "a") == Entry("toy", "a", "", "", "failed", error="gone")
    assert again.find("toy", "b") == Entry("toy", "b", "", "", "done", seconds=49)
    assert again.find("other", "a") == Entry("other", "a", "", "", "done", seconds=99.0)
    assert again.find("toy", "d") is None


def test_a_cut_line_is_ignored_and_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    lines = [Entry("toy", stem, "", "", "done").line() for stem in "abcd"]
    for length in range(len(lines[1])):
        path.write_bytes(lines[0] + lines[1][:length])
        manifest = Manifest(path)
        assert manifest.find("toy", "a") is not None
        assert manifest.find("toy", "b") is None
        manifest.append(Entry("toy", "c", "", "", "done"))
        manifest.close()
        again = Manifest(path)
        assert again.find("toy", "a") is not None
        assert again.find("toy", "c") is not None


def test_noise_in_the_file_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    noise = b'\n\x00\xff\n{"key": "zzzzzzzzzzzzzzzz"}\n{"key": "0000000000000001"}\n'
    path.write_bytes(noise + FULL.line() + noise)
    assert Manifest(path).find("convolve", "holiday/a") == FULL


def test_many_processes_append_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    script = (
        "import sys; from featuremap_cli.batch.manifest import Entry, Manifest\n"
        "manifest = Manifest(sys.argv[1])\n"
        "for n in range(300):\n"
        "    manifest.append(Entry('toy', f'{sys.argv[2]}-{n}', 'x' * (n * 37 % 5000), '', 'done'))"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, path, str(number)]) for number in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    manifest = Manifest(path)
    assert len(manifest) == 1200
    assert all(manifest.find("toy", f"{writer}-{n}") is not None for writer in range(4) for n in range(300))


def test_a_disk_that_fills_up_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest(tmp_path / "manifest.jsonl")
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:10]))
    with pytest.raises(OutputError, match="the disk is full"):
        manifest.append(FULL)
    manifest.close()


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").mkdir()
    with pytest.raises(OutputError, match="choose another folder with --out"):
        Manifest(tmp_path / "manifest.jsonl")


def test_a_file_in_place_of_its_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        Manifest(tmp_path / "out" / "manifest.jsonl")


def test_outputs_are_known(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "manifest.jsonl")
    manifest.append(FULL)
    assert manifest.wrote("holiday/a.maps.png")
    assert not manifest.wrote("holiday/b.maps.png")
    manifest.append(Entry("toy", "b", "", "", "done", outputs={"holiday/b.maps.png": 1}))
    assert manifest.wrote("holiday/b.maps.png")
    manifest.close()


def test_hash_is_blake2b() -> None:
    # From `printf a | b2sum -l 64`.
    assert hash_of("a").to_bytes(8, "little").hex() == "40f89e395b66422f"


def test_hash_set_holds_what_was_put_in() -> None:
    texts = HashSet()
    for number in range(5000):
        assert f"name {number}" not in texts
        texts.add(f"name {number}")
        texts.add(f"name {number}")
    assert len(texts) == 5000
    assert all(f"name {number}" in texts for number in range(5000))
    assert not any(f"name {number}" in texts for number in range(5000, 10000))
