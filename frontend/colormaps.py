"""Writes src/colour/maps.ts: colour maps as tables of 256 colours.

`python colormaps.py` needs matplotlib and cmcrameri. The tables of Crameri's maps (vik, berlin,
batlow) are MIT-licensed, matplotlib's are BSD-licensed or in the public domain.
"""

from __future__ import annotations

import base64
from pathlib import Path

import cmcrameri
import matplotlib
import numpy as np

DIVERGING = {"vik": "vik", "berlin": "berlin", "RdBu": "RdBu_r", "PuOr": "PuOr_r", "bwr": "bwr"}
SEQUENTIAL = {"viridis": "viridis", "magma": "magma", "batlow": "batlow", "gray": "gray"}
CRAMERI = ("vik", "berlin", "batlow")


def table(name: str) -> str:
    """Return a map's 256 colours as base64 of their red, green and blue bytes.

    Each byte is the difference from the colour before, modulo 256: that compresses to a quarter.
    """
    source = cmcrameri.cm.cmaps if name in CRAMERI else matplotlib.colormaps
    colours = source[name](np.arange(256), bytes=True)[:, :3]
    return base64.b64encode(np.diff(colours, axis=0, prepend=np.uint8(0)).tobytes()).decode()


def module(name: str, maps: dict[str, str]) -> str:
    """Return the TypeScript of one group of maps."""
    rows = "\n".join(f'  {shown}: "{table(source)}",' for shown, source in maps.items())
    return f"export const {name} = {{\n{rows}\n}} as const;\n"


if __name__ == "__main__":
    text = "// Written by colormaps.py: 256 colours, each as its difference from the last.\n\n"
    text += module("DIVERGING", DIVERGING) + "\n" + module("SEQUENTIAL", SEQUENTIAL)
    Path(__file__).with_name("src").joinpath("colour", "maps.ts").write_text(text)
