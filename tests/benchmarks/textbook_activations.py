"""The least that Keras can do: load a saved network and predict the outputs of all its convolutions for a photograph.

Nothing is drawn. Usage: python tests/benchmarks/textbook_activations.py MODEL PICTURE
"""

import sys

import keras
import numpy as np
from PIL import Image

model = keras.models.load_model(sys.argv[1], compile=False)
convolutions = [layer.output for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
recorder = keras.Model(model.inputs, convolutions)
image = Image.open(sys.argv[2]).resize(model.input_shape[2:0:-1])
pixels = keras.applications.resnet50.preprocess_input(np.asarray(image, np.float32)[np.newaxis].copy())
maps = recorder.predict(pixels, verbose=0)
assert len(maps) == len(convolutions)
