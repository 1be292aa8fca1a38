"""How fast the page responds in headless Chromium, served by a real TensorBoard.

Budgets are in docs/reference/performance.md. Times are CPU times of the page's main thread, taken
from a trace, so other work on the machine does not count. The browser draws in other threads.
Openings are measured in wall-clock time. page.js holds the code that runs inside the page.

    python benchmarks/page.py [NAME ...]
"""

from __future__ import annotations

import gzip
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Frame, Page, sync_playwright

from tb_rnngrad import SummaryWriter

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from servers import Server, tensorboard

ROOT = Path(__file__).parent.parent
OPENINGS = 7
STEPS, MANY_STEPS = 9, 1000
CARDS, SAMPLES = 12, 16
SECONDS = 60

# NAME: a label, the function in page.js, and the keys of the URL.
ACTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "step": ("slider step, 256 x 1403", "step", ('runs=["wide"]', "pins=[]")),
    "curves": ("the same, three pinned curves", "step", ('runs=["wide"]',)),
    "range": ("change of colour range, 256 x 1403", "range", ('runs=["wide"]',)),
    "long": (f"slider step among {MANY_STEPS:,}", "step", ('runs=["long"]',)),
    "drag": (f"slider dragged through {MANY_STEPS:,}, frames", "drag", ('runs=["long"]',)),
    "pan": ("pan of 1024 x 10,000, frames", "pan", ('runs=["huge"]', "pins=[]")),
    "scroll": (
        "scroll of 192 heatmaps, frames",
        "scroll",
        (
            'runs=["many"]',
            f"tags={json.dumps([f'g{card}' for card in range(CARDS)])}",
            "show=samples",
        ),
    ),
}


def write_logs(logdir: Path) -> None:
    random = np.random.default_rng(0)

    def gradients(*shape: int) -> np.ndarray:
        fading = 10.0 ** np.linspace(-6, 0, shape[1])[:, np.newaxis]
        return (random.standard_normal(shape) * fading).astype(np.float32)

    with SummaryWriter(logdir / "wide") as writer:
        for step in range(STEPS):
            writer.add_sequence("g", gradients(1, 1403, 256), step)
    with SummaryWriter(logdir / "huge") as writer:
        for step in range(OPENINGS + 1):
            writer.add_sequence("g", gradients(1, 10_000, 1024), step)
    with SummaryWriter(logdir / "many") as writer:
        for card in range(CARDS):
            writer.add_sequence(f"g{card}", gradients(SAMPLES, 100, 24), 0, max_outputs=SAMPLES)
    with SummaryWriter(logdir / "long") as writer:
        for step in range(MANY_STEPS):
            writer.add_sequence("g", gradients(1, 40, 8), step)


def is_loaded(tags: dict) -> bool:
    steps = {run: [len(entry["steps"]) for entry in of.values()] for run, of in tags.items()}
    expected = {
        "wide": [STEPS],
        "huge": [OPENINGS + 1],
        "many": [1] * CARDS,
        "long": [MANY_STEPS],
    }
    return steps == expected


def opened(browser: Browser, url: str, *keys: str) -> Page:
    """Return a page on which the plugin's tab has drawn its first picture."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(path=Path(__file__).with_suffix(".js"))
    page.goto(f"{url}/#rnngrad" + "".join(f"&p.rnngrad.{key}" for key in keys))
    wait_for_picture(page)
    return page


def wait_for_picture(page: Page) -> float:
    """Return the wall-clock time of the first picture, in milliseconds."""
    page.wait_for_selector("iframe")
    for _ in range(20 * SECONDS):
        # Evaluate from here, since TensorBoard forbids pages to evaluate strings.
        found = len(page.frames) > 1 and frame_of(page).evaluate("() => window.firstPicture")
        if found:
            return float(found["time"])
        page.wait_for_timeout(50)
    raise AssertionError(f"no picture within {SECONDS} s")


def frame_of(page: Page) -> Frame:
    return page.frames[1]


def computed(browser: Browser, page: Page, act: str) -> list[float]:
    """Return the CPU milliseconds of the page's thread between each "from" mark and its "to"."""
    page.wait_for_timeout(2500)
    browser.start_tracing(page=page, categories=["blink.user_timing"])
    frame_of(page).evaluate(f"() => acts.{act}()")
    events = json.loads(browser.stop_tracing())["traceEvents"]
    clock = [(event["ts"], event["name"], event["tts"]) for event in events if "tts" in event]
    marks = [(name, cpu) for _, name, cpu in sorted(clock) if name in ("from", "to")]
    return [
        (end - start) / 1e3 for (_, start), (_, end) in zip(marks[::2], marks[1::2], strict=True)
    ]


def openings_of_the_tab(browser: Browser, server: Server) -> list[float]:
    """Return milliseconds from a click on the tab of a loaded TensorBoard to the first picture."""
    found = []
    for _ in range(OPENINGS):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(path=Path(__file__).with_suffix(".js"))
        page.goto(f"{server.url}/#timeseries")
        tab = page.get_by_role("tab", name="RNN Gradients")
        tab.wait_for()
        page.wait_for_load_state("networkidle")
        clicked = page.evaluate("() => Date.now()")
        tab.click()
        found.append(wait_for_picture(page) - clicked)
        page.close()
    return found


def openings_of_a_record(browser: Browser, server: Server) -> list[float]:
    """Return milliseconds from the plugin frame's start to the picture of an uncached record."""
    found = []
    for step in range(OPENINGS):
        page = opened(
            browser, server.url, "view=heatmap", 'runs=["huge"]', "pins=[]", f"step={step}"
        )
        begun = frame_of(page).evaluate("() => performance.timeOrigin")
        found.append(wait_for_picture(page) - begun)
        page.close()
    return found


def tell(label: str, times: list[float]) -> None:
    p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
    print(f"{label:48} {statistics.median(times):8.1f} {p95:8.1f} {max(times):8.1f}", flush=True)


def main(chosen: list[str]) -> None:
    def wanted(*names: str) -> bool:
        return not chosen or any(name in chosen for name in names)

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        logdir, log = Path(folder) / "logs", Path(folder) / "log.txt"
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        print(f"{'milliseconds':48} {'median':>8} {'p95':>8} {'max':>8}")
        if wanted("first"):
            with tensorboard(ROOT / "demo_logs", log) as server:
                server.wait_for(lambda tags: len(tags) >= 3)
                tell("first picture of the demo logs", openings_of_the_tab(browser, server))
        if wanted("huge", *ACTS):
            write_logs(logdir)
            with tensorboard(logdir, log, "--samples_per_plugin=rnngrad=0") as server:
                server.wait_for(is_loaded)
                if wanted("huge"):
                    tell("1024 x 10,000 opens", openings_of_a_record(browser, server))
                for name, (label, act, keys) in ACTS.items():
                    if wanted(name):
                        page = opened(browser, server.url, "view=heatmap", *keys)
                        tell(label, computed(browser, page, act))
                        page.close()
        browser.close()
    bundle = ROOT / "tb_rnngrad" / "plugin" / "static" / "index.js"
    print(f"bundle, gzipped: {len(gzip.compress(bundle.read_bytes())) / 1000:.1f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
