"""Take the pictures of docs/images/ again: `make screenshots`, with demo_logs.

The picture of docs/start.md shows the training of that page, which runs first.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from servers import tensorboard

from .reading import Tab, new_page

ROOT = Path(__file__).parents[2]
SIZES = {"": (1280, 900), "_wide": (2560, 1300)}

# Name of the picture -> keys of the URL.
SCENES: dict[str, tuple[str, ...]] = {
    "overview": ("view=overview",),
    "flow": ("view=flow",),
    "heatmap": ("view=heatmap", "step=0"),
    "curves": ("view=curves", 'runs=["lstm"]', "step=36"),
    "distribution": ("view=distribution",),
    "weights": ("view=weights",),
    "jacobian": ("view=jacobian",),
    "compare": ("view=compare", "step=0"),
}


def main(folder: Path) -> None:
    """Save every scene in light and dark, at both sizes."""
    _take_start(folder)
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "tensorboard.log"
        with tensorboard(ROOT / "demo_logs", log) as server, sync_playwright() as playwright:
            server.wait_for(lambda tags: len(tags) == 4)
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            for dark in (False, True):
                for size, (width, height) in SIZES.items():
                    for name, keys in SCENES.items():
                        path = folder / f"{name}{size}{'_dark' if dark else ''}.webp"
                        _take(browser, server.url, keys, path, (width, height), dark)
            browser.close()


def _take_start(folder: Path) -> None:
    """Save what a reader of docs/start.md sees in *Flow*."""
    (script,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/start.md").read_text(), re.DOTALL)
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, "-c", script], cwd=scratch, check=True)
        logs, log = Path(scratch) / "logs", Path(scratch) / "tensorboard.log"
        with tensorboard(logs, log) as server, sync_playwright() as playwright:
            server.wait_for(lambda tags: len(tags) == 1)
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            _take(browser, server.url, ("view=flow",), folder / "start.webp", (1280, 700), False)
            browser.close()


def _take(
    browser: Browser, url: str, keys: tuple[str, ...], path: Path, size: tuple[int, int], dark: bool
) -> None:
    page = new_page(browser, *size)
    tab = Tab.open_in_tensorboard(page, url, *keys)
    page.evaluate("(dark) => document.body.classList.toggle('dark-mode', dark)", dark)
    tab.rest()
    _save_small(page.screenshot(), path)
    page.context.close()


def _save_small(screenshot: bytes, path: Path) -> None:
    """Save it losslessly, in a third of a PNG's size."""
    Image.open(io.BytesIO(screenshot)).convert("RGB").save(path, lossless=True, quality=100)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs" / "images")
    folder.mkdir(parents=True, exist_ok=True)
    main(folder)
