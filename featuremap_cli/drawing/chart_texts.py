"""Texts of a chart that matplotlib draws: in fonts that have their characters, or escaped."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

from featuremap_cli.drawing.font_files import FontFile
from featuremap_cli.drawing.runs import text_for_charts

_LAYS_OUT = (3, 11)
"""From this version on matplotlib lays out scripts that are no row of letters, whether or not Pillow does."""


@dataclass(frozen=True)
class ChartTexts:
    """Texts as they can be drawn.

    Attributes:
        texts: in the order in which they were given.
        files: fonts to ask for what DejaVu Sans lacks.
    """

    texts: tuple[str, ...]
    files: tuple[FontFile, ...]

    @contextmanager
    def fonts(self) -> Iterator[None]:
        """Have figures that are made and drawn meanwhile use these fonts."""
        import matplotlib
        from matplotlib.font_manager import FontEntry, fontManager

        families = ["DejaVu Sans"]
        for file in self.files:
            # entered by hand: under a family of its own no other face and no other weight is meant
            families.append(f"{file.path} {file.index}")
            entry = FontEntry(fname=file.path, name=families[-1], weight=400, size="scalable")
            if "index" in {field.name for field in fields(entry)}:  # before matplotlib 3.11 a collection's first face
                entry = replace(entry, index=file.index)
            fontManager.ttflist.append(entry)
        with matplotlib.rc_context({"font.family": families}), warnings.catch_warnings():
            # What these fonts lack is escaped or drawn as it can be; a warning for each character helps nobody.
            warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
            yield


def chart_texts(texts: Sequence[str]) -> ChartTexts:
    """Return `texts` as matplotlib can draw them, and in which fonts."""
    from matplotlib import __version_info__

    shown = [text_for_charts(text, __version_info__[:2] >= _LAYS_OUT) for text in texts]
    return ChartTexts(
        tuple(text for text, _ in shown), tuple(dict.fromkeys(file for _, some in shown for file in some))
    )
