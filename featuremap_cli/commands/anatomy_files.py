"""The files of `featuremap anatomy`: the picture, its arrays, the sheets of all filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from featuremap_cli import __version__
from featuremap_cli.batch.outputs import OutputFolder, arrays_file, variant_file
from featuremap_cli.commands.pictures import styled, write_picture

if TYPE_CHECKING:
    from featuremap_cli.commands.anatomy_subject import Subject
    from featuremap_cli.commands.sheets import SheetPlan
    from featuremap_cli.convolution.anatomy import Parts
    from featuremap_cli.convolution.worked_pixel import WorkedPixel
    from featuremap_cli.drawing.worked_panel import FramedImage

STAGE_WORDS = {"sum": "sum of the products", "bias": "plus bias", "activation": "after activation", "pool": "pooled"}


@dataclass(frozen=True)
class AnatomyFiles:
    """Where the files of one anatomy go, and what they say of themselves.

    Attributes:
        folder: the output folder.
        picture: the picture's name below it; the others are named after it.
        of: what of which image, for titles: `china.jpg · alexnet conv3`.
        command: the command line that makes them again.
        plan: how sheets are drawn, with the picture's colormap.
    """

    folder: OutputFolder
    picture: str
    of: str
    command: str
    plan: SheetPlan

    def write(self, subject: Subject, parts: Parts, worked: WorkedPixel | None) -> tuple[list[str], tuple[str, ...]]:
        """Draw the picture and write it, with its arrays where they are asked for; return the files' paths and notices.

        Raises:
            OutputError: a file cannot be written.
        """
        from featuremap_cli.commands.anatomy_numbers import anatomy_arrays
        from featuremap_cli.commands.sheets import npz
        from featuremap_cli.drawing.anatomy import draw_anatomy
        from featuremap_cli.drawing.anatomy_columns import AnatomyPicture
        from featuremap_cli.drawing.runs import escaped_notices

        anatomy = subject.anatomy
        picture = AnatomyPicture(
            anatomy=anatomy,
            parts=parts,
            title=f"Anatomy of a feature map · {self.of} · filter {anatomy.index}",
            cmap=self.plan.style.cmap,
            worked=worked,
            framed=None if worked is None else _framed(subject, worked),
        )
        text = {
            "Software": f"featuremap {__version__}",
            "Command": self.command,
            "Image": subject.image.name,
            "Layer": anatomy.layer,
            "Filter": str(anatomy.index),
        }
        with styled(self.plan.page):
            sheet = draw_anatomy(picture)
        written = [write_picture(self.folder, self.picture, sheet, text, self.plan.page)]
        if self.plan.arrays:
            written.append(self.folder.write(arrays_file(self.picture), npz(anatomy_arrays(anatomy))))
        return [self.folder.path(one.relative) for one in written], escaped_notices()

    def write_sheets(self, subject: Subject) -> tuple[list[str], tuple[str, ...]]:
        """Draw all maps of the layer after each stage and write the sheets; return their paths and notices.

        Raises:
            OutputError: a file cannot be written.
            UsageError: a selection that the layer does not have.
        """
        from featuremap_cli.commands.sheets import write_maps

        paths: list[str] = []
        notices: list[str] = []
        for kind, maps in subject.every_stage():
            title = f"Feature maps · {self.of} · {STAGE_WORDS[kind]}"
            name = variant_file(self.picture, kind)
            files, _ = write_maps(maps, subject.image, title, self.plan, self.command, name, self.folder)
            paths += [self.folder.path(one.relative) for one in files.written]
            notices += files.notices
        return paths, tuple(dict.fromkeys(notices))


def _framed(subject: Subject, worked: WorkedPixel) -> FramedImage:
    from featuremap_cli.drawing.worked_panel import FramedImage

    image, span = subject.image, subject.sight(worked)
    caption = f"{image.height} x {image.width}"
    if span is not None:
        caption = f"it sees {span[2] - span[0]} x {span[3] - span[1]} of {caption}"
    return FramedImage(image, span, caption)
