"""What the numbers were measured on: processor, cores, memory, system, and the versions of all that is compared."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from contestants import environment

PACKAGES = (
    "numpy",
    "pillow",
    "isal",
    "onnxruntime",
    "tensorflow",
    "keras",
    "torch",
    "opencv-python-headless",
    "scikit-learn",
    "scipy",
    "matplotlib",
    "rich",
    "typer",
    "h5py",
)
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd", "sve")
_BLAS = "import json, numpy, threadpoolctl; print(json.dumps(threadpoolctl.threadpool_info()))"


def describe() -> dict[str, str]:
    """Return facts of this machine, none of which names it."""
    return {
        "processor": processor(),
        "instructions": instructions(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, {platform.machine()}",
        "NumPy's BLAS": blas(),
    }


def versions() -> dict[str, str]:
    """Return the version of Python and of every package that is compared or drawn with."""
    found = {"Python": platform.python_version(), "featuremap": _version("featuremap-cli")}
    return found | {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def processor(cpuinfo: str | None = None) -> str:
    """Return the processor's name, as the system knows it."""
    return _field(cpuinfo, "model name") or platform.processor() or platform.machine()


def instructions() -> str:
    """Return the vector instructions that decide how libraries compute."""
    flags = (_field(None, "flags") or _field(None, "Features")).split()
    return ", ".join(name for name in _INSTRUCTIONS if name in flags) or "not known"


def _field(cpuinfo: str | None, name: str) -> str:
    path = Path("/proc/cpuinfo")
    text = cpuinfo if cpuinfo is not None else path.read_text(encoding="utf-8") if path.exists() else ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def blas() -> str:
    """Return which kernels NumPy multiplies with where contestants run, and on how many threads."""
    told = subprocess.run(
        [sys.executable, "-c", _BLAS], capture_output=True, text=True, check=True, env=environment()
    ).stdout
    return blas_words(json.loads(told))


def blas_words(pools: list[Mapping[str, object]]) -> str:
    """Return the BLAS among thread pools in words."""
    named = [pool for pool in pools if pool["user_api"] == "blas"]
    parts = (f"{pool['internal_api']} {pool['version']}, {pool.get('architecture', '')} kernels" for pool in named)
    return "; ".join(parts) or "not known"
