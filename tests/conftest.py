"""Options of the whole test suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--rewrite-golden`: golden sheets are written anew instead of compared."""
    parser.addoption("--rewrite-golden", action="store_true", help="write tests/drawing/golden/*.png anew")
