"""`featuremap convolve sample:china` as a whole process, against the textbook script and against bare imports.

Usage: python tests/benchmarks/whole_process.py [TURNS]
"""

from __future__ import annotations

import sys
import tempfile

from processes import CHINA, FEATUREMAP, HERE, in_turn


def main() -> None:
    """Print medians and ratios."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "featuremap": [FEATUREMAP, "convolve", "sample:china", "--force", "-o", folder],
            "textbook": [sys.executable, str(HERE / "textbook_convolve.py"), str(CHINA), folder],
            "imports": [sys.executable, "-c", "import numpy, PIL.Image"],
        }
        measured = in_turn(commands, turns)
    ours = measured["featuremap"].seconds
    print(f"textbook / featuremap  {measured['textbook'].seconds / ours:6.1f}   (target: at least 12)")
    print(f"featuremap / imports   {ours / measured['imports'].seconds:6.1f}   (target: at most 3)")


if __name__ == "__main__":
    main()
