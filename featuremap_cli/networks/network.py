"""A network, whatever it was made from: what every command that takes `--model` works with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from featuremap_cli.arrays import Float32, Image
from featuremap_cli.errors import UsageError
from featuremap_cli.networks.image_input import ImageInput
from featuremap_cli.networks.input import PREPROCESSING, PreparedInput, prepare_image
from featuremap_cli.networks.layer_entry import LayerEntry
from featuremap_cli.networks.preprocessing_guess import Guess
from featuremap_cli.networks.recorder import Recorder
from featuremap_cli.networks.selection import Selection, select


@dataclass(frozen=True, eq=False)
class Network:
    """A network that is ready to run on images.

    Attributes:
        name: what titles and messages call it: `alexnet`, `keras:VGG16`, `model.keras`.
        input: the input that takes the image; its height and width are None where the network takes any size.
        preprocessing: what its pixels must look like, a name of `input.PREPROCESSING`: `torch`, `caffe`, `tf`, `unit`,
            `inside` where its own first layers do it.
        notices: lines for stderr: what had to be guessed.
        recorder: runs it.
        guess: where its preprocessing is not known but guessed: by what. Its line is the last of `notices`.
    """

    name: str
    input: ImageInput
    preprocessing: str
    notices: tuple[str, ...]
    recorder: Recorder
    guess: Guess | None = None

    @classmethod
    def guessed(
        cls, name: str, image: ImageInput, guess: Guess, notices: tuple[str, ...], recorder: Recorder
    ) -> Network:
        """A network whose preprocessing had to be guessed."""
        return cls(name, image, guess.preprocessing, (*notices, guess.line), recorder, guess)

    def prepared_as(self, preprocess: str) -> Network:
        """The same network, its pixels prepared as `--preprocess` says; a line says so in place of the guess.

        Args:
            preprocess: `auto` for the network's own, or a name of `input.PREPROCESSING`.

        Raises:
            UsageError: no such preprocessing.
        """
        if preprocess == "auto":
            return self
        if preprocess not in PREPROCESSING:
            raise UsageError(f"--preprocess {preprocess}: expected auto, unit, raw, torch, caffe or tf")
        if self.guess is None:
            return replace(self, preprocessing=preprocess)
        line = f"{self.name}: pixels as --preprocess {preprocess} makes them"
        if self.guess.preprocessing not in (preprocess, "unit"):
            line = f"{line}; auto would have them otherwise: {self.guess.line}"
        return replace(self, preprocessing=preprocess, notices=(*self.notices[:-1], line), guess=None)

    def layers(self) -> tuple[LayerEntry, ...]:
        """All layers, nested ones too, in the order in which they run."""
        return self.recorder.entries

    def select(self, patterns: Sequence[str]) -> Selection:
        """The layers that `--layer` means; see `selection.select`.

        Raises:
            NetworkError: a pattern that means none.
        """
        return select(self.layers(), patterns, self.name)

    def prepare(
        self, image: Image, preprocess: str = "auto", fit: Literal["crop", "stretch", "pad"] = "crop"
    ) -> PreparedInput:
        """An image as this network takes it.

        Args:
            image: any image.
            preprocess: `auto` for the network's own, or a name of `input.PREPROCESSING`.
            fit: how the image comes to the network's size.

        Raises:
            ImageError: an image whose channels cannot be made the network's.
            UsageError: no such preprocessing, or one for color and a network that is not.
        """
        return prepare_image(image, self.input, PREPROCESSING[self.prepared_as(preprocess).preprocessing], fit)

    def record(
        self,
        batch: Float32,
        chosen: Sequence[LayerEntry],
        *,
        before_activation: bool = False,
        compiled: bool = True,
    ) -> list[Float32]:
        """What the chosen layers give, computed together, and nothing computed that they do not need.

        Args:
            batch: float32 (images, height, width, channels), of one size, prepared.
            chosen: entries of `layers()` that are not undrawable.
            before_activation: for a convolution with an activation inside, the values that the activation is given.
                The rest of the network runs as it is, with its activations.
            compiled: cut the graph down and keep it, which pays from the second pass on; else run eagerly, which is
                sooner done for a single image.

        Returns:
            float32 (images, height, width, channels), one a chosen layer, in their order.

        Raises:
            ImageError: images of a size that a network of free size cannot take.
            NetworkError: the network cannot run, or a layer's output is not one set of maps an image.
        """
        return self.recorder.record(batch, chosen, before_activation=before_activation, compiled=compiled)
