"""A saved network's layers, as Keras prints them.

Usage: python summary.py MODEL.keras
"""

import sys

import keras

keras.models.load_model(sys.argv[1], compile=False).summary()
