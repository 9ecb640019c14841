"""A run in a folder, its gallery, and a Chromium that shows it from file://.

Run by itself, as it needs a browser: `apt-get install chromium`, `pip install playwright`, `pytest tests/gallery_page`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from playwright.sync_api import Browser, Page, sync_playwright

from featuremap_cli.batch.manifest import Entry, Manifest
from featuremap_cli.batch.outputs import MANIFEST, OutputFolder, layer_file
from featuremap_cli.commands.gallery import write_gallery
from featuremap_cli.drawing.png import encode

LAYERS = ("conv1", "conv2", "conv3")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SHEET = (900, 700)


class Run:
    """A run of `activations` as it lies on the disk, made of small sheets."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._manifest = Manifest(root / MANIFEST)
        tiles = np.random.default_rng(0).integers(0, 255, (SHEET[1] // 100, SHEET[0] // 100), np.uint8)
        self._picture = Pillow.fromarray(tiles.repeat(100, axis=0).repeat(100, axis=1))

    def add(self, relative: str, stem: str | None = None) -> None:
        """An image that is done, with a sheet for each layer."""
        stem = stem or relative.rpartition(".")[0]
        outputs = {}
        for index, layer in enumerate(LAYERS):
            text = {"Layer": layer, "Command": f"featuremap activations '{stem}.jpg' --model m.keras"}
            path = layer_file(stem, index, layer)
            outputs[path] = self._write(path, encode(self._picture, text))
        self._manifest.append(Entry("activations", stem, f"/photos/{relative}", relative, "done", outputs=outputs))

    def fail(self, relative: str, reason: str) -> None:
        """An image that failed."""
        self._manifest.append(Entry("activations", relative, f"/photos/{relative}", relative, "failed", error=reason))

    def write_page(self) -> str:
        """Write the gallery; returns its file:// address."""
        self._manifest.close()
        self._write("filters.png", encode(Pillow.new("L", (200, 300), 99), {"Layer": "m.keras:conv1"}))
        write_gallery(OutputFolder(str(self.root)))
        return (self.root / "index.html").as_uri()

    def _write(self, relative: str, data: bytes) -> int:
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return len(data)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("chromium was not found: `apt-get install chromium`, or name the program in CHROMIUM")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def wait() -> Callable[[Page, str], None]:
    return wait_until


@pytest.fixture
def show(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Show a page at a given size. Fails at the end where the page said something, or asked for another address."""
    said: list[str] = []
    contexts = []

    def open_page(address: str, width: int = 1400, height: int = 900, **context: object) -> Page:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **context))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: said.extend([] if _is_local(request.url) else [request.url]))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def wait_until(page: Page, expression: str) -> None:
    """Wait until a JavaScript expression is true. (Playwright's own way evaluates text in the page, which its policy
    forbids.)"""
    deadline = time.monotonic() + 30
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"still not so: {expression}"
        page.wait_for_timeout(20)


def _is_local(address: str) -> bool:
    return address.startswith(("file:", "data:"))
