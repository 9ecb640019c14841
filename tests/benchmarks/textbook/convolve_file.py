"""The same without scikit-learn: matplotlib reads the file.

Usage: python convolve_file.py PICTURE FOLDER
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

folder = Path(sys.argv[2])
images = np.array([plt.imread(sys.argv[1]) / 255], np.float32)
filters = np.zeros((7, 7, 3, 2), np.float32)
filters[:, 3, :, 0] = 1  # vertical line
filters[3, :, :, 1] = 1  # horizontal line
maps = tf.nn.conv2d(images, filters, strides=1, padding="SAME").numpy()
for index in range(2):
    plt.imsave(folder / f"map{index}.png", maps[0, :, :, index], cmap="gray")
    plt.imsave(folder / f"filter{index}.png", filters[:, :, 0, index], cmap="gray")
