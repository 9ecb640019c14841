"""A small process that starts commands and reports how long each took and the most memory it held.

The kernel hands the peak memory of the process that starts a command on to the command, so that a large process cannot
measure a small one; this one stays at a few MB. Orders come in and reports go out as JSON, a line each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

UNIT = 1024 * 1024 if sys.platform == "darwin" else 1024
"""What ru_maxrss counts in, per MB."""


def run(order: dict[str, object]) -> dict[str, object]:
    """Run one command to its end; the peak is that of the largest process, where the command starts others."""
    with Path(str(order["output"])).open("wb") as output, Path(str(order["errors"])).open("wb") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            order["command"],  # type: ignore[call-overload]
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            cwd=order["folder"],
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    return {"seconds": seconds, "megabytes": usage.ru_maxrss / UNIT, "code": process.returncode}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
