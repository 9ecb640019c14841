"""The job as textbooks write it: two 7x7 line filters over china.jpg with TensorFlow, saved by matplotlib.

Usage: python tests/benchmarks/textbook_convolve.py PICTURE FOLDER
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

picture, folder = sys.argv[1], Path(sys.argv[2])
image = plt.imread(picture).astype(np.float32) / 255
filters = np.zeros((7, 7, 3, 2), np.float32)
filters[:, 3, :, 0] = 1  # a vertical line
filters[3, :, :, 1] = 1  # a horizontal line
maps = tf.nn.conv2d(image[np.newaxis], filters, strides=1, padding="SAME").numpy()
for index in range(2):
    plt.imsave(folder / f"map{index}.png", maps[0, :, :, index], cmap="gray")
    plt.imsave(folder / f"filter{index}.png", filters[:, :, 0, index], cmap="gray")
