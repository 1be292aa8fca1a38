"""Reads what is on the page, and computes what should be there in other ways."""

from __future__ import annotations

import base64
import io
import re
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, FloatRect, Frame, Locator, Page, expect

MAPS = Path(__file__).parents[2] / "frontend" / "src" / "colour" / "maps.ts"
ABOVE, BELOW = (153, 0, 255), (0, 153, 255)
ZERO, NAN, POSITIVE, NEGATIVE = (158, 158, 158), (255, 0, 240), (0, 255, 0), (0, 255, 255)

# The document that TensorBoard loads into the frame of the plugin's tab.
ALONE = "/data/plugin_entry.html?name=rnngrad"

# Lets a page report when it has nothing in progress.
REST = Path(__file__).with_name("rest.js")

_READ_CELLS = """(canvas, [rows, columns]) => {
  const context = canvas.getContext("2d");
  const cells = [];
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
    const x = Math.floor((column + 0.5) * canvas.width / columns);
    const y = Math.floor((row + 0.5) * canvas.height / rows);
    cells.push(...context.getImageData(x, y, 1, 1).data);
  }
  return cells;
}"""


def new_page(browser: Browser, width: int = 1280, height: int = 900) -> Page:
    """Return a page in its own context, in which a `Tab` can wait for rest."""
    context = browser.new_context(viewport={"width": width, "height": height})
    context.add_init_script(path=REST)
    return context.new_page()


@dataclass
class Tab:
    """The plugin's page, in TensorBoard's tab or alone."""

    page: Page
    frame: Frame

    @classmethod
    def open(cls, page: Page, url: str, *keys: str) -> Tab:
        """Open the page that TensorBoard serves for its tab, with keys of the tab's URL.

        It opens without TensorBoard around it, which takes a third of the time. The default view is
        the heatmaps.
        """
        return cls.go(page, url + ALONE, *keys)

    @classmethod
    def open_in_tensorboard(cls, page: Page, url: str, *keys: str) -> Tab:
        """Open TensorBoard at its tab, likewise."""
        return cls.go(page, f"{url}/", *keys)

    @classmethod
    def go(cls, page: Page, address: str, *keys: str) -> Tab:
        """Open an address of the page with keys of its URL."""
        if not any(key.startswith("view=") for key in keys):
            keys = ("view=heatmap", *keys)
        page.goto("about:blank")  # changing only the hash would load nothing
        page.goto(f"{address}#rnngrad" + "".join(f"&p.rnngrad.{key}" for key in keys))
        return cls.attach(page)

    @classmethod
    def open_again(cls, page: Page, url: str) -> Tab:
        """Leave the page and come back to it without any key."""
        page.goto("about:blank")
        page.goto(f"{url}{ALONE}#rnngrad")
        return cls.attach(page)

    @classmethod
    def attach(cls, page: Page) -> Tab:
        """Return the tab of a page that shows it, once the page is at rest.

        A key pressed earlier would act on only the steps known by then.
        """
        frame: Frame | None = page.main_frame
        if ALONE not in page.url:
            element = page.wait_for_selector("iframe")
            frame = element and element.content_frame()
        assert frame
        frame.wait_for_selector("rnngrad-app")
        tab = cls(page, frame)
        tab.rest()
        return tab

    def rest(self) -> None:
        """Wait until nothing is in progress on the page: no request, no timer, nothing to draw."""
        self.frame.evaluate("atRest()")

    def card(self, run: str) -> Locator:
        """The card of a run, with its picture drawn."""
        named = self.frame.locator("h3", has_text=re.compile(f"^{re.escape(run)}$"))
        card = self.frame.locator("rg-card", has=named)
        expect(card.locator("rg-heatmap canvas")).to_be_visible()
        return card

    def canvas(self, run: str) -> Locator:
        return self.card(run).locator("rg-heatmap canvas")

    def cells(self, run: str, channels: int, timesteps: int) -> np.ndarray:
        """Return the RGBA pixels at the middle of each cell of a run's heatmap, [C, T, 4]."""
        return self.read_cells(self.canvas(run), channels, timesteps)

    def read_cells(self, canvas: Locator, rows: int, columns: int) -> np.ndarray:
        """Return the RGBA pixels at the middle of each cell of a canvas, [rows, columns, 4]."""
        self.rest()
        return self.painted(canvas, rows, columns)

    def painted(self, canvas: Locator, rows: int, columns: int) -> np.ndarray:
        """Return the same pixels at once, even if something is in progress on the page."""
        pixels = canvas.evaluate(_READ_CELLS, [rows, columns])
        return np.array(pixels, np.uint8).reshape(rows, columns, 4)

    def at_step(self, run: str, step: int) -> None:
        """Wait until the card says that it shows `step`."""
        label = self.card(run).locator(".step")
        expect(label).to_contain_text(re.compile(rf"^\s*step {step}\b"))
        expect(label).not_to_contain_text("loading")

    def seen_cells(self, canvas: Locator, rows: int, columns: int) -> np.ndarray:
        """Return the colours on the screen at each cell of a canvas, with what covers it."""
        box = self.box(canvas)
        image = np.asarray(Image.open(io.BytesIO(self.page.screenshot())).convert("RGBA"))
        across = box["x"] + (np.arange(columns) + 0.5) * box["width"] / columns
        down = box["y"] + (np.arange(rows) + 0.5) * box["height"] / rows
        return image[down.astype(int)[:, np.newaxis], across.astype(int)]

    def box(self, of: Locator) -> FloatRect:
        """Return the position of an element at rest, in CSS pixels."""
        self.rest()
        box = of.bounding_box()
        assert box
        return box

    def slider(self) -> Locator:
        return self.frame.get_by_role("slider", name="Step")

    def step(self) -> int:
        """Return the step that the slider shows."""
        self.rest()
        return int(self.frame.get_by_label("Step number").input_value())

    def key(self, name: str) -> str | None:
        """Return a key of the URL once the page is at rest."""
        self.rest()
        found = re.search(rf"&p\.rnngrad\.{name}=([^&]*)", self.page.url)
        return found and found[1]

    def decoded(self, name: str) -> str | None:
        """Return the same, without its URL encoding."""
        found = self.key(name)
        return None if found is None else urllib.parse.unquote(found)

    def hover(self, run: str, channel: int, timestep: int, shape: tuple[int, int]) -> None:
        """Point at a cell of a heatmap with `shape` cells, [C, T]."""
        box = self.box(self.canvas(run))
        self.canvas(run).hover(
            position={
                "x": (timestep + 0.5) * box["width"] / shape[1],
                "y": (channel + 0.5) * box["height"] / shape[0],
            }
        )
        self.rest()


def colour_map(name: str) -> np.ndarray:
    """Return the 256 colours of a colour map, [256, 3]."""
    found = re.search(rf'{name}: "([^"]+)"', MAPS.read_text())
    assert found
    differences = np.frombuffer(base64.b64decode(found[1]), np.uint8).reshape(256, 3)
    return np.cumsum(differences, axis=0, dtype=np.uint8)


def symlog_places(
    values: np.ndarray, limit: float, threshold: float, signed: bool = True
) -> np.ndarray:
    """Return the position of each value on the colour bar, 0 to 1, after bfloat16 rounding."""
    rounded = values.astype(ml_dtypes.bfloat16).astype(np.float64)
    heights = np.sign(rounded) * np.log1p(np.abs(rounded) / threshold)
    share = heights / np.log1p(limit / threshold)
    return np.clip((share + 1) / 2 if signed else share, 0, 1)


def automatic_scale(pictures: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return limit and threshold of the symlog scale that `pictures` share."""
    limit = max(float(np.abs(finite(p)).max()) for p in pictures)
    return limit, limit * 1e-3


def least_of_log(picture: np.ndarray) -> float:
    """Return the least magnitude that a picture's log scale distinguishes."""
    sizes = np.abs(finite(picture))
    small = float(np.quantile(sizes[sizes > 0], 0.01, method="closest_observation"))
    return max(small, sizes.max() * 1e-8)


def finite(picture: np.ndarray) -> np.ndarray:
    """Return the finite values of a picture."""
    values: np.ndarray = picture[np.isfinite(picture)].astype(np.float64)
    return values


def assert_colours(seen: np.ndarray, places: np.ndarray, name: str) -> None:
    """Compare RGBA pixels with a map's colours at `places`, within one of its 256 steps."""
    colours = colour_map(name).astype(int)
    index = np.minimum(255, (places * 256).astype(int))
    near: list[Any] = [colours[np.clip(index + shift, 0, 255)] for shift in (-1, 0, 1)]
    distance = np.min([np.abs(seen[..., :3].astype(int) - c).max(axis=-1) for c in near], axis=0)
    assert (seen[..., 3] == 255).all()
    assert distance.max() == 0, f"{(distance > 0).sum()} of {distance.size} cells differ"


def assert_ranged(
    seen: np.ndarray, values: np.ndarray, limit: float, threshold: float | None = None
) -> None:
    """Check that values within the range have its colours, and values beyond it their own."""
    within = np.abs(values) <= limit
    places = symlog_places(values, limit, threshold or limit * 1e-3)
    assert_colours(seen[within], places[within], "vik")
    beyond = np.abs(values) > limit * (1 + 2**-7)  # values closer may be rounded to the end
    assert (seen[beyond & (values > 0)][:, :3] == ABOVE).all()
    assert (seen[beyond & (values < 0)][:, :3] == BELOW).all()
