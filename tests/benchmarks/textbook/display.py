"""The outputs of a network's convolutions, drawn as keract's `display_activations` draws them: a figure a layer.

Prints the seconds of each photograph, imports and loading not counted. Usage:
    python display.py MODEL.keras PHOTOGRAPHS FOLDER [LAYERS]
"""

import sys
import time
from pathlib import Path

import keras
import matplotlib
import numpy as np
from PIL import Image

matplotlib.use("Agg")
import matplotlib.pyplot as plt

model = keras.models.load_model(sys.argv[1], compile=False)
convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
if len(sys.argv) > 4:
    convolutions = convolutions[: int(sys.argv[4])]
recorder = keras.Model(model.inputs, [layer.output for layer in convolutions])
folder = Path(sys.argv[3])


def display(name, maps, path):
    figure, axes = plt.subplots(8, 8, figsize=(24, 24))
    figure.suptitle(name)
    low, high = maps.min(), maps.max()
    for index, axis in enumerate(axes.flat):
        if index < maps.shape[2]:
            drawn = axis.imshow((maps[:, :, index] - low) / (high - low))
        axis.axis("off")
    figure.subplots_adjust(right=0.8)
    figure.colorbar(drawn, cax=figure.add_axes([0.85, 0.15, 0.05, 0.7]))
    figure.savefig(path, bbox_inches="tight")
    plt.close(figure)


for photograph in sorted(Path(sys.argv[2]).glob("*.jpg")):
    start = time.perf_counter()
    (folder / photograph.stem).mkdir(parents=True, exist_ok=True)
    image = Image.open(photograph).resize(model.input_shape[2:0:-1])
    pixels = keras.applications.resnet50.preprocess_input(np.asarray(image, np.float32)[np.newaxis].copy())
    for layer, maps in zip(convolutions, recorder.predict(pixels, verbose=0), strict=True):
        display(layer.name, maps[0], folder / photograph.stem / f"{layer.name}.png")
    print(time.perf_counter() - start)
