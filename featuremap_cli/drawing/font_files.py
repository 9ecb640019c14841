"""Font files of the system that have a character: found once, and remembered between runs.

fontconfig answers where it is installed; elsewhere the folders in which systems keep fonts are searched. What was found
is kept in the user's cache folder, together with the state of those folders, so that a font that is installed or taken
away later is seen; where the folder cannot be written, the search is made anew in each run.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

CJK_PACKAGE = "noto_cjk_sans_otc"
"""The package of the extra `[cjk]`, which carries Noto Sans CJK."""

_ENDINGS = (".ttf", ".ttc", ".otf", ".otc")
# bitmap fonts have these sizes only: Noto Color Emoji 109, Apple Color Emoji 160, 96 and others
_STRIKES = (109, 136, 128, 160, 96, 64, 48, 40, 32, 20)
# pixels at which a font is asked what it has
_TRIED = 32
# the same Han character looks different in each language
_FAMILIES = {
    "ja": r"\bJP\b|Hiragino|Yu ?Gothic|Meiryo|\bIPA|MS P?Gothic|Takao|VL ?Gothic",
    "ko": r"\bKR\b|Malgun|Apple SD Gothic|Nanum|Gulim|Dotum|\bUn",
    "zh-tw": r"\b[TH][CW]\b|\bHK\b|JhengHei|MingLiU|Ukai|Uming",
    "zh": r"\bSC\b|\bCN\b|YaHei|WenQuanYi|SimHei|SimSun|DengXian|Heiti",
}
_PLAIN = re.compile(r"regular|book|normal|roman|medium|^w[34]$", re.IGNORECASE)
_NOT_SANS = re.compile(r"serif|mono|mincho|ming|song|naskh|nastaliq|kufi|looped|display", re.IGNORECASE)


@dataclass(frozen=True)
class FontFile:
    """One face of a font file; `index` tells the faces of a collection apart."""

    path: str
    index: int = 0


_Face = tuple[FontFile, str, str]
"""A face with its family and its style."""


def find_font(character: str, language: str) -> FontFile | None:
    """Return a font of the system, else of the extra `[cjk]`, that has `character`; None where there is none.

    Args:
        character: one.
        language: `zh`, `zh-tw`, `ja` or `ko` for the shapes of Han characters, an empty text for other scripts.
    """
    memory = _memory()
    for file in memory.fonts.get(language, []):
        if has_glyph(file, character):
            return file
    if character in memory.lacking:
        return None
    found = next((file for file in _candidates(character, language) if has_glyph(file, character)), None)
    if found is None:
        memory.lacking.add(character)
    else:
        memory.fonts.setdefault(language, []).append(found)
    memory.write()
    return found


@lru_cache(maxsize=256)
def open_font(file: FontFile, size: int, layout: ImageFont.Layout) -> ImageFont.FreeTypeFont:
    """Open a face at `size` pixels, or at the nearest size that a font of bitmaps has.

    Raises:
        OSError: it is no font that FreeType knows.
    """
    with contextlib.suppress(OSError):
        return ImageFont.truetype(file.path, size, index=file.index, layout_engine=layout)
    for strike in _STRIKES:
        with contextlib.suppress(OSError):
            return ImageFont.truetype(file.path, strike, index=file.index, layout_engine=layout)
    raise OSError(f"{file.path}: no font that can be opened")


@lru_cache(maxsize=4096)
def has_glyph(file: FontFile, character: str) -> bool:
    """Return whether a face has `character`: what it lacks is drawn as U+FFFF, which no font has."""
    try:
        font = open_font(file, _TRIED, ImageFont.Layout.BASIC)
        drawn, lacking = (_glyph(font, one) for one in (character, "\uffff"))
    except (OSError, ValueError):
        return False
    return any(drawn) and drawn != lacking


def is_outline(file: FontFile) -> bool:
    """Return whether a face has outlines, not pictures of some sizes alone."""
    return open_font(file, _TRIED, ImageFont.Layout.BASIC).size == _TRIED


def _glyph(font: ImageFont.FreeTypeFont, character: str) -> bytes:
    if font.size == _TRIED:
        return bytes(font.getmask(character))
    picture = Image.new("RGBA", (2 * int(font.size), 2 * int(font.size)))
    ImageDraw.Draw(picture).text((0, 0), character, "black", font, embedded_color=True)
    return picture.tobytes()


def _candidates(character: str, language: str) -> Iterator[FontFile]:
    """Yield font files that may have `character`, the most fitting first."""
    listed = _ask_fontconfig(character)
    yield from _ranked(_named(chain.from_iterable(map(_files_in, _folders()))) if listed is None else listed, language)
    package = importlib.util.find_spec(CJK_PACKAGE)
    for folder in (package.submodule_search_locations or []) if package else []:
        yield from _ranked(_named(_files_in(folder)), language)


def _ranked(faces: Iterable[_Face], language: str) -> list[FontFile]:
    def rank(face: _Face) -> tuple[bool, bool, bool, str, int]:
        file, family, style = face
        of_language = not language or re.search(_FAMILIES[language], family) is not None
        return not of_language, bool(_NOT_SANS.search(family)), not _PLAIN.search(style), file.path, file.index

    return [file for file, _, _ in sorted(faces, key=rank)]


def _ask_fontconfig(character: str) -> list[_Face] | None:
    """Return file, family and style of the fonts that fontconfig knows to have `character`; None without it."""
    program = shutil.which("fc-list")
    if program is None:
        return None
    words = [program, "-f", "%{file}\t%{index}\t%{family}\t%{style}\n", f":charset={ord(character):x}"]
    try:
        answer = subprocess.run(words, capture_output=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    lines = [line.split("\t") for line in os.fsdecode(answer).splitlines()]
    # the upper half of an index counts the named instances of a variable font
    return [
        (FontFile(path, int(index) & 0xFFFF), family, style)
        for path, index, family, style in (line for line in lines if len(line) == 4)
        if index.isdecimal() and path.lower().endswith(_ENDINGS)
    ]


def _named(paths: Iterable[str]) -> Iterator[_Face]:
    """Yield every face of some files."""
    for path in paths:
        index = 0
        while (name := _name(FontFile(path, index))) is not None:
            yield FontFile(path, index), *name
            index += 1
            if not path.lower().endswith((".ttc", ".otc")):
                break


@lru_cache(maxsize=4096)
def _name(file: FontFile) -> tuple[str, str] | None:
    """Return a face's family and style, None where there is no such face."""
    try:
        family, style = open_font(file, _TRIED, ImageFont.Layout.BASIC).getname()
    except (OSError, ValueError):
        return None
    return family or "", style or ""


def _files_in(folder: str | Path) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        yield from (str(Path(place, name)) for name in sorted(names) if name.lower().endswith(_ENDINGS))


def _folders() -> list[Path]:
    """Return the folders in which this system keeps fonts."""
    home = _home()
    if sys.platform == "win32":
        windows, local = os.environ.get("WINDIR") or r"C:\Windows", os.environ.get("LOCALAPPDATA") or home
        return [Path(windows, "Fonts"), Path(local, "Microsoft", "Windows", "Fonts")]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"]
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), data / "fonts", home / ".fonts"]


def _cache_file() -> Path:
    home = _home()
    if sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or home)
    elif sys.platform == "darwin":
        folder = home / "Library" / "Caches"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return folder / "featuremap" / "fonts.json"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a home
        return Path(tempfile.gettempdir())


@dataclass(frozen=True)
class _Memory:
    """What was found, as the cache file keeps it.

    Attributes:
        path: of the cache file.
        state: of the folders with fonts; what was remembered under another state is forgotten.
        fonts: the fonts found so far, by language.
        lacking: characters that no font has.
    """

    path: Path
    state: str
    fonts: dict[str, list[FontFile]]
    lacking: set[str]

    def write(self) -> None:
        """Write the file whole, where it can be written."""
        fonts = {language: [[file.path, file.index] for file in files] for language, files in self.fonts.items()}
        text = json.dumps({"state": self.state, "fonts": fonts, "lacking": "".join(sorted(self.lacking))})
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".fonts-")
            try:
                os.write(handle, text.encode("ascii"))
                Path(name).replace(self.path)
            except OSError:
                Path(name).unlink()
            finally:
                os.close(handle)


@lru_cache(maxsize=1)
def _memory() -> _Memory:
    path, state = _cache_file(), _state(_folders())
    try:
        kept = json.loads(path.read_bytes())
        if kept["state"] == state:
            fonts = {
                str(language): [FontFile(str(name), int(index)) for name, index in files]
                for language, files in kept["fonts"].items()
            }
            return _Memory(path, state, fonts, set(kept["lacking"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        pass  # no file yet, one that cannot be read, or another program's: searched anew
    return _Memory(path, state, {}, set())


def _state(folders: Iterable[Path]) -> str:
    """Return a word that changes when a font is put into one of these folders, or the extra is installed."""
    package = importlib.util.find_spec(CJK_PACKAGE)
    known = [f"extra {package.origin if package else None}"]
    for folder in folders:
        for place, _, _ in os.walk(folder):
            with contextlib.suppress(OSError):
                known.append(f"{place} {Path(place).stat().st_mtime_ns}")
    return hashlib.blake2b("\n".join(known).encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()
