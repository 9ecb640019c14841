"""Addresses in stores, as texts. What is read from and written to stores is in tests/cluster."""

from __future__ import annotations

import sys

import pytest

from featuremap_cli.errors import MissingDependencyError, UsageError
from featuremap_cli.sources import stores
from featuremap_cli.sources.locations import ImageLocation, find_images
from featuremap_cli.sources.store_search import matches


@pytest.mark.parametrize("text", ["s3://bucket/a.jpg", "https://host/a.jpg", "memory://a", "abfss://c@acct/a"])
def test_an_address_begins_with_its_store(text: str) -> None:
    assert stores.is_url(text)


@pytest.mark.parametrize("text", ["photos/a.jpg", "C://photos", "/s3://", "sample:china", "s3:/bucket", "", "0 1; 2 3"])
def test_anything_else_is_none(text: str) -> None:
    assert not stores.is_url(text)


def test_secrets_are_left_out_of_texts() -> None:
    assert stores.without_secrets("https://me:word@host/a.jpg?sig=abc#x") == "https://host/a.jpg"
    assert stores.without_secrets("s3://key:secret@bucket/a?.jpg") == "s3://bucket/a?.jpg"
    told = "cannot reach 'https://host/b?X-Amz-Signature=abc' (403): tcp://u:p@h/"
    assert stores.without_secrets(told) == "cannot reach 'https://host/b' (403): tcp://h/"
    assert ImageLocation("https://host/a.jpg?sig=abc", "a.jpg").shown == "https://host/a.jpg"
    assert ImageLocation("odd?name.jpg", "odd?name.jpg").shown == "odd?name.jpg"


def test_an_address_with_a_password_is_refused_without_telling_it() -> None:
    with pytest.raises(UsageError) as told:
        stores.refuse_password("s3://key:secret@bucket/out")
    assert "secret" not in str(told.value)
    stores.refuse_password("s3://bucket/me@home.jpg")


def test_without_fsspec_the_line_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    stores._filesystem.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"pip install 'featuremap-cli\[s3\]'"):
        list(find_images(["s3://bucket/photos"]))
    with pytest.raises(MissingDependencyError, match=r"pip install 'featuremap-cli\[cluster\]'"):
        list(find_images(["https://host/a.jpg"]))


def test_a_stamp_needs_a_proof() -> None:
    first, second = stores.stamp_in({"size": 3, "ETag": '"a"'}), stores.stamp_in({"Size": 3, "ETag": '"b"'})
    assert first is not None
    assert second is not None
    assert first[0] == second[0] == 3
    assert first != second
    assert first == stores.stamp_in({"Size": 3, "ETag": '"a"', "Last-Modified": "now"})
    assert stores.stamp_in({"size": 3, "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}) is None


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("a.jpg", "*.jpg", True),
        ("b/a.jpg", "*.jpg", False),
        ("b/a.jpg", "**/*.jpg", True),
        ("a.jpg", "**/*.jpg", True),
        ("b/c/a.jpg", "b/**", True),
        ("b/c/a.jpg", "b", True),
        (".b/a.jpg", "**", False),
        (".b/a.jpg", ".*/*.jpg", True),
        ("b/.a.jpg", "b", False),
    ],
)
def test_a_glob_takes_what_a_shell_would(path: str, pattern: str, expected: bool) -> None:
    assert matches(path.split("/"), pattern.split("/")) is expected
