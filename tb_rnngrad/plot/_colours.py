"""The page's colours, as Matplotlib's.

Vik, berlin and batlow are Crameri's maps, from the package cmcrameri. Tests compare every map and
colour with the page's own (`frontend/src/colour`).
"""

from __future__ import annotations

from typing import Final

import matplotlib
from cmcrameri import cm
from matplotlib.colors import Colormap, ListedColormap

from tb_rnngrad.scales import Scale

# The page's names of diverging maps, and Crameri's or Matplotlib's.
DIVERGING: Final = {
    "vik": "vik",
    "berlin": "berlin",
    "RdBu": "RdBu_r",
    "PuOr": "PuOr_r",
    "bwr": "bwr",
}
SEQUENTIAL: Final = ("viridis", "magma", "batlow", "gray")

# Values that no map has a colour for.
SPECIALS: Final = {
    "exact 0": "#9e9e9e",
    "NaN": "#ff00f0",
    "+Inf": "#00ff00",
    "−Inf": "#00ffff",
}
ZERO_AMONG_GRAYS: Final = "#966e28"
ABOVE: Final = "#9900ff"
BELOW: Final = "#0099ff"
PADDING: Final = "#c9ccd1"

SAMPLES: Final = (
    *("#0961bb", "#cf5604", "#0e8c41", "#8f2e8a", "#03999f", "#99740e", "#5d34a4", "#b52f48"),
    *("#7c9209", "#004e6f", "#814706", "#096150", "#a564d1", "#8a0700", "#605a06", "#13748d"),
    *("#6572e4", "#295402", "#cd5394", "#915c08"),
)


def colour_map(scale: Scale, name: str | Colormap | None) -> Colormap:
    """Return a colour map with the page's colours for values beyond the scale.

    Args:
        scale: the scale, which is diverging or not.
        name: the page's or Matplotlib's name of a map; None for the page's default.

    Raises:
        ValueError: If no map has this name.
    """
    if name is None:
        name = "vik" if scale.is_diverging else "viridis"
    return _named(name).with_extremes(bad=(0, 0, 0, 0), over=ABOVE, under=BELOW)


def _named(name: str | Colormap) -> Colormap:
    if isinstance(name, Colormap):
        return name
    if name in cm.cmaps:
        crameri: ListedColormap = cm.cmaps[name]
        return crameri
    known = DIVERGING.get(name, name)
    if known not in matplotlib.colormaps:
        expected = ", ".join(map(repr, (*DIVERGING, *SEQUENTIAL)))
        raise ValueError(f"cmap is {name!r}; expected {expected} or another of Matplotlib's")
    return matplotlib.colormaps[known]


def zero_colour(name: str) -> str:
    """Return the colour of an exact 0 in a map: gray, except in a map of grays."""
    return ZERO_AMONG_GRAYS if name == "gray" else SPECIALS["exact 0"]


def sample_colour(sample: int) -> str:
    """Return the page's colour of a sample."""
    return SAMPLES[sample % len(SAMPLES)]
