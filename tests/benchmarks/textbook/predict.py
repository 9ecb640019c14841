"""The least that Keras can do: load a saved network and predict the outputs of its convolutions. Nothing is drawn.

Usage: python predict.py MODEL.keras PHOTOGRAPHS [MAPS.npz]
"""

import sys
from pathlib import Path

import keras
import numpy as np
from PIL import Image

model = keras.models.load_model(sys.argv[1], compile=False)
convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
recorder = keras.Model(model.inputs, [layer.output for layer in convolutions])
photographs = sorted(Path(sys.argv[2]).glob("*.jpg"))
BATCH = 10
for start in range(0, len(photographs), BATCH):
    images = [Image.open(path).resize(model.input_shape[2:0:-1]) for path in photographs[start : start + BATCH]]
    pixels = keras.applications.resnet50.preprocess_input(np.stack(images).astype(np.float32))
    maps = recorder.predict(pixels, verbose=0)
if len(sys.argv) > 3:
    np.savez(sys.argv[3], **{layer.name: values for layer, values in zip(convolutions, maps, strict=True)})
