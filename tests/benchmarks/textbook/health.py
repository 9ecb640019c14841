"""How a network's convolutions respond to photographs: mean, deviation, zeros and dead filters of each layer, as JSON.

Usage: python health.py MODEL.keras PHOTOGRAPHS
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from PIL import Image

model = keras.models.load_model(sys.argv[1], compile=False)
convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
recorder = keras.Model(model.inputs, [layer.output for layer in convolutions])
photographs = [Image.open(path).resize(model.input_shape[2:0:-1]) for path in sorted(Path(sys.argv[2]).glob("*.jpg"))]
pixels = np.stack(photographs).astype(np.float32) / 255
pixels = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
layers = []
for layer, maps in zip(convolutions, recorder.predict(pixels.astype(np.float32), verbose=0), strict=True):
    layers.append(
        {
            "layer": layer.name,
            "mean": float(maps.mean(dtype=np.float64)),
            "std": float(maps.std(dtype=np.float64)),
            "zero_fraction": float((maps == 0).mean()),
            "dead": np.flatnonzero((maps == 0).all(axis=(0, 1, 2))).tolist(),
        }
    )
print(json.dumps(layers))
