from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from featuremap_cli.batch.fingerprint import digest_of_image, digest_of_options, size_of_image, stamp_of
from featuremap_cli.errors import ImageError


def test_digest_is_blake2b_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"abc")
    # From `printf abc | b2sum -l 128`.
    assert digest_of_image(str(path)) == "cf4ab791c62b8d2b2109c90275287816"
    assert size_of_image(str(path)) == 3


def test_samples_are_told_by_their_file() -> None:
    assert len(digest_of_image("sample:china")) == 32
    assert size_of_image("sample:china") > 10_000


def test_a_vanished_image_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read any more") as caught:
        digest_of_image(str(tmp_path / "a\n.jpg"))
    assert "\n" not in str(caught.value)
    assert stamp_of(str(tmp_path / "a.jpg")) is None
    assert size_of_image(str(tmp_path / "a.jpg")) == 0


def test_a_stamp_changes_with_content_date_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"abc")
    assert stamp_of(str(path)) is None, "written a moment ago, it proves nothing"
    later = time.time_ns() + 60 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    first = stamp_of(str(path))
    assert first == stamp_of(str(path)) is not None
    os.utime(path, ns=(0, 0))
    second = stamp_of(str(path))
    assert second != first
    shutil.copy2(path, tmp_path / "b.jpg")
    (tmp_path / "b.jpg").replace(path)
    assert stamp_of(str(path)) != second


def test_options_are_told_apart_whatever_their_order() -> None:
    assert digest_of_options({"a": 1, "b": [2, None]}) == digest_of_options({"b": [2, None], "a": 1})
    assert digest_of_options({"a": 1}) != digest_of_options({"a": 1.5})
    assert digest_of_options({"a": "1"}) != digest_of_options({"a": 1})
