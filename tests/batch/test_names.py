from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.batch.names import safe_part, safe_relative, safe_word, shorten, without_suffix

any_text = st.text(alphabet=st.characters(codec=None), max_size=300)
careful = settings(max_examples=100, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    "name",
    ["a.jpg", "my photo.jpg", 'it\'s "here".jpg', "-rf.jpg", ".hidden.jpg", "日本語.png", "Ünïcödé.tif", "10:30.jpg"],
)
def test_names_of_images_keep_their_look(name: str) -> None:
    assert safe_part(name) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("two\nlines.jpg", "two_lines.jpg"),
        ("tab\there\x1b[31m", "tab_here_[31m"),
        ("\udcff.jpg", "_.jpg"),
        ("..", "__"),
        (".", "_"),
        ("con", "con_"),
        ("Con.jpg", "Con_.jpg"),
        ("lpt1.tar.gz", "lpt1_.tar.gz"),
        ("console.jpg", "console.jpg"),
    ],
)
def test_what_would_break_a_path_or_a_line_is_replaced(name: str, expected: str) -> None:
    assert safe_part(name) == expected


@pytest.mark.parametrize(
    ("relative", "expected"),
    [
        ("holiday/a.jpg", "holiday/a.jpg"),
        ("../../etc/passwd", "__/__/etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("a//./b", "a/b"),
        ("", "_"),
    ],
)
def test_no_relative_path_leads_out_of_the_folder(relative: str, expected: str) -> None:
    assert safe_relative(relative) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vertical:7", "vertical-7"),
        ("gaussian:7,1.5", "gaussian-7,1.5"),
        ("alexnet:conv1", "alexnet-conv1"),
        ("backbone/conv1", "backbone.conv1"),
        ("fire2/squeeze1x1", "fire2.squeeze1x1"),
        ("0 -1 0; -1 5 -1; 0 -1 0", "0-1-0-1-5-1-0-1-0"),
        ("3x3: 0,-1,0 -1,5,-1 0,-1,0", "3x3-0,-1,0-1,5,-1-0,-1,0"),
        ("../../etc", "etc"),
        ("nul", "nul_"),
        ("///", "unnamed"),
        ("", "unnamed"),
        ("a\nb", "a-b"),
    ],
)
def test_specifications_and_layers_become_plain_words(text: str, expected: str) -> None:
    assert safe_word(text) == expected


@careful
@given(any_text)
def test_every_text_gives_one_legal_file_name(text: str) -> None:
    for name, limit in ((safe_part(text.replace("/", "|")) if text else "_", 190), (safe_word(text), 81)):
        assert name not in (".", "..", "")
        assert name.isprintable()
        assert "/" not in name
        assert len(name.encode()) <= limit


def test_long_names_are_cut_and_stay_apart() -> None:
    first, second = "x" * 300 + "1", "x" * 300 + "2"
    assert len(shorten(first, 100)) == len(shorten(second, 100)) == 100
    assert shorten(first, 100) != shorten(second, 100)
    assert shorten("short", 100) == "short"


def test_a_cut_never_splits_a_letter() -> None:
    cut = shorten("é" * 200, 100)
    assert set(cut.partition("~")[0]) == {"é"}
    assert len(cut.encode()) <= 100


@pytest.mark.parametrize(
    ("relative", "expected"),
    [
        ("a.jpg", "a"),
        ("holiday/a.b.jpg", "holiday/a.b"),
        ("x.y/noext", "x.y/noext"),
        (".jpg", ".jpg"),
    ],
)
def test_stem(relative: str, expected: str) -> None:
    assert without_suffix(relative) == expected
