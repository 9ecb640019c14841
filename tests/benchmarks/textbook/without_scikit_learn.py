"""Run a script as where scikit-learn is not installed.

Keras imports scikit-learn where it is, and starts 1.6 s later; that shall count against nobody who does not use it.
Usage: python without_scikit_learn.py SCRIPT [ARGUMENT...]
"""

import runpy
import sys

sys.modules["sklearn"] = None  # type: ignore[assignment]
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
