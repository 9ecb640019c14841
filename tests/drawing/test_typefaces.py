"""Characters beyond Latin: found in fonts of the system, laid out, or escaped. The fonts are made by the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featuremap_cli.analysis.health import LayerState
from featuremap_cli.drawing import font_files, runs, text, typefaces
from featuremap_cli.drawing.figures import draw_health
from featuremap_cli.drawing.text import coverage, text_width
from tests.drawing.fonts import write_font

HAN = "\N{CJK UNIFIED IDEOGRAPH-732B}\N{CJK UNIFIED IDEOGRAPH-56FE}"
ALEF, BET = "\N{HEBREW LETTER ALEF}", "\N{HEBREW LETTER BET}"


def forget() -> None:
    """Clear what this process has kept, but for what a test has replaced."""
    for module in (font_files, typefaces, runs, text):
        for kept in vars(module).values():
            if hasattr(kept, "cache_clear"):
                kept.cache_clear()
    runs._notices.clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, the only one in which this system has fonts, and there is no fontconfig."""
    monkeypatch.setattr(font_files, "_folders", lambda: [tmp_path / "fonts"])
    monkeypatch.setattr(font_files, "_cache_file", lambda: tmp_path / "cache" / "fonts.json")
    monkeypatch.setattr(font_files.shutil, "which", lambda _: None)
    monkeypatch.setattr(font_files, "CJK_PACKAGE", "no_such_package_of_fonts")
    (tmp_path / "fonts").mkdir()
    forget()
    yield tmp_path / "fonts"
    forget()


def ink_width(words: str, size: int) -> int:
    columns = np.flatnonzero(coverage(words, size).any(axis=0))
    return int(columns[-1] - columns[0] + 1)


def test_a_font_of_the_system_that_has_the_characters_draws_them(folder: Path) -> None:
    write_font(folder / "deep" / "han.ttf", HAN, widths=(1000, 600))
    assert text_width(HAN, 40) == 64  # 40 pixels to 1,000 units
    assert ink_width(HAN[0], 40) == 36
    assert runs.escaped_notices() == ()


def test_latin_letters_beside_them_keep_their_typeface(folder: Path) -> None:
    write_font(folder / "han.ttf", HAN + "ab", widths=(1000, 600, 1000, 1000))
    assert text_width(f"ab{HAN}", 40) == pytest.approx(text_width("ab", 40) + 64, abs=1)
    start = text_width("ab", 40)
    np.testing.assert_array_equal(coverage(f"ab{HAN}", 40)[:, : start - 1], coverage("ab", 40)[:, : start - 1])


def test_a_plain_upright_face_for_the_language_is_preferred(folder: Path) -> None:
    write_font(folder / "a.ttf", HAN, "Boxes Serif SC", widths=(200, 200))
    write_font(folder / "b.ttf", HAN, "Boxes JP", widths=(300, 300))
    write_font(folder / "c.ttf", HAN, "Boxes SC", widths=(1000, 1000))
    write_font(folder / "d.ttf", HAN + "\N{HIRAGANA LETTER NO}", "Boxes Sans JP", widths=(500, 500, 500))
    assert text_width(HAN, 40) == 80
    assert text_width(HAN + "\N{HIRAGANA LETTER NO}", 40) in (60, 64)  # b's characters or d's, both Japanese


def test_what_was_found_is_remembered_until_the_fonts_change(folder: Path) -> None:
    write_font(folder / "han.ttf", HAN[0])
    coverage(HAN, 20)
    kept = json.loads((folder.parent / "cache" / "fonts.json").read_text())
    assert kept["fonts"] == {"zh": [[str(folder / "han.ttf"), 0]]}
    assert kept["lacking"] == HAN[1]
    forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(font_files, "_candidates", lambda *_: pytest.fail("searched again"))
        coverage(HAN, 20)
    forget()
    write_font(folder / "more" / "han.ttf", HAN, widths=(1000, 600))
    assert text_width(HAN[1], 40) == 24


@pytest.mark.parametrize("content", [b"", b"[]", b'{"state": 1}', b"\xff\xfe", b'{"fonts": null}'])
def test_a_damaged_memory_is_made_anew(folder: Path, content: bytes) -> None:
    write_font(folder / "han.ttf", HAN, widths=(1000, 600))
    (folder.parent / "cache").mkdir()
    (folder.parent / "cache" / "fonts.json").write_bytes(content)
    assert text_width(HAN, 40) == 64


def test_a_memory_that_cannot_be_written_is_done_without(folder: Path) -> None:
    write_font(folder / "han.ttf", HAN, widths=(1000, 600))
    (folder.parent / "cache").write_bytes(b"a file where a folder should be")
    assert text_width(HAN, 40) == 64


def test_what_no_font_has_is_escaped_and_said(folder: Path) -> None:
    np.testing.assert_array_equal(coverage(f"x{HAN}.png", 20), coverage("x\\u732b\\u56fe.png", 20))
    (line,) = runs.escaped_notices()
    assert "pip install 'featuremap-cli[cjk]'" in line
    coverage("\N{RUNIC LETTER FEHU FEOH FE F}", 20)
    assert len(runs.escaped_notices()) == 2


def test_the_package_of_the_extra_is_the_last_that_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder.parent / "boxes_of_the_extra"
    write_font(package / "han.ttf", HAN, widths=(1000, 600))
    (package / "__init__.py").write_text("raise RuntimeError('only its files are wanted')")
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setattr(font_files, "CJK_PACKAGE", package.name)
    assert text_width(HAN, 40) == 64


def test_a_damaged_font_is_passed_over(folder: Path) -> None:
    (folder / "a.ttf").write_bytes(b"no font")
    write_font(folder / "han.ttf", HAN, widths=(1000, 600))
    assert text_width(HAN, 40) == 64


def test_fontconfig_is_asked_where_it_is_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_font(folder.parent / "elsewhere" / "han.ttf", HAN, widths=(1000, 600))
    program = folder.parent / "fc-list"
    program.write_text(f"#!/bin/sh\nprintf '%s\\t0\\tBoxes\\tRegular\\n' {path}\n")
    program.chmod(0o755)
    monkeypatch.setattr(font_files.shutil, "which", lambda _: str(program))
    assert text_width(HAN, 40) == 64


def test_hebrew_runs_from_right_to_left_beside_latin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not typefaces.has_raqm():
        assert np.array_equal(coverage(ALEF, 20), coverage("\\u05d0", 20))
        assert "FriBiDi" in runs.escaped_notices()[0]
        return
    monkeypatch.setattr(runs, "dejavu", lambda: None)
    write_font(folder / "hebrew.ttf", ALEF + BET, widths=(1000, 500))
    drawn = coverage(f"{ALEF}{BET}.png", 40).any(axis=0)
    # the second letter, 20 pixels wide with a pixel or two of white at its sides, stands left of the first
    assert drawn[4:16].all()
    assert not drawn[19:21].any()
    assert drawn[24:56].all()


def test_letters_that_only_raqm_lays_out_are_escaped_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    forget()
    monkeypatch.setattr(runs, "has_raqm", lambda: False)
    for letter in (ALEF, "\N{ARABIC LETTER BEH}", "\N{DEVANAGARI LETTER KA}"):
        np.testing.assert_array_equal(coverage(letter, 20), coverage(f"\\u{ord(letter):04x}", 20))
    assert "FriBiDi" in " ".join(runs.escaped_notices())
    monkeypatch.undo()
    forget()


def test_accents_apart_from_their_letters_are_joined() -> None:
    np.testing.assert_array_equal(coverage("caf\u0065\u0301", 20), coverage("caf\u00e9", 20))


def test_what_turns_the_direction_of_others_is_left_out() -> None:
    np.testing.assert_array_equal(coverage("gnp\u202egpj.exe", 20), coverage("gnpgpj.exe", 20))


def test_a_chart_draws_them_too(folder: Path) -> None:
    write_font(folder / "han.ttf", HAN, widths=(1000, 600))
    state = LayerState("conv", 4)
    state.add(np.ones((4, 3, 3), np.float32))
    layer = state.report()
    with_font = draw_health([replace(layer, layer=HAN)], f"Health \N{MIDDLE DOT} {HAN}", "1 image")
    assert runs.escaped_notices() == ()
    assert with_font.mode == "RGB"
    (folder / "han.ttf").unlink()
    forget()
    without = draw_health([replace(layer, layer=HAN)], f"Health \N{MIDDLE DOT} {HAN}", "1 image")
    escaped = draw_health([replace(layer, layer="\\u732b\\u56fe")], "Health \N{MIDDLE DOT} \\u732b\\u56fe", "1 image")
    np.testing.assert_array_equal(np.asarray(without), np.asarray(escaped))
    assert "[cjk]" in runs.escaped_notices()[0]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = [
        sys.executable,
        "-c",
        "import sys; from featuremap_cli.commands.app import main; sys.exit(main(sys.argv[1:]))",
    ]
    (folder / "fonts.conf").write_text(f"<fontconfig><dir>{folder / 'data'}</dir></fontconfig>")
    places = {
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "FONTCONFIG_FILE": str(folder / "fonts.conf"),
    }
    return subprocess.run(
        [*program, *words], capture_output=True, text=True, cwd=folder, check=True, env={**os.environ, **places}
    )


def test_a_sheet_of_a_picture_with_such_a_name(tmp_path: Path) -> None:
    name = "\N{CYPRO-MINOAN SIGN CM001}\N{CYPRO-MINOAN SIGN CM002}"
    Image.new("L", (8, 8)).save(tmp_path / f"{name}.png")
    first = run(tmp_path, "convolve", f"{name}.png", "-o", "escaped")
    (tmp_path / "data").mkdir()
    write_font(tmp_path / "data" / "fonts" / "private.ttf", name)
    second = run(tmp_path, "convolve", f"{name}.png", "-o", "drawn")
    assert first.stderr.count("titles and labels") == 1
    assert "titles and labels" not in second.stderr
    sheets = [(tmp_path / place / f"{name}.maps.png").read_bytes() for place in ("escaped", "drawn")]
    assert sheets[0] != sheets[1]


def test_a_latin_sheet_searches_no_font(tmp_path: Path) -> None:
    run(tmp_path, "convolve", "sample:china", "-k", "sobel-x")
    assert not (tmp_path / "cache").exists()
