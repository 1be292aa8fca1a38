"""Draws the gallery: runs the code of gallery.md and saves each figure beside it.

`python docs/gallery/build.py`, from the project's root. `logs/` holds what the figures show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib import pyplot
from matplotlib.figure import Figure

HERE = Path(__file__).parent


def figures() -> Iterator[tuple[str, Figure, dict[str, Any]]]:
    """Yield each picture of the page: its file's name, its figure, and the code's variables."""
    page = (HERE / "gallery.md").read_text()
    variables: dict[str, Any] = {}
    for code, picture in re.findall(
        r"```python\n(.*?)```(?:\n\n!\[[^\]]*\]\((\w+)\.webp\))?", page, re.DOTALL
    ):
        exec(code, variables)
        if picture:
            yield picture, variables["figure"], variables
            pyplot.close(variables["figure"])


if __name__ == "__main__":
    for name, figure, _ in figures():
        figure.savefig(HERE / f"{name}.webp", dpi=110, pil_kwargs={"quality": 85, "method": 6})
        print(name)
