"""Figures of Matplotlib for papers and notebooks, in the page's colours, scales and orders.

`pip install 'tb_rnngrad[plot]'` brings what they need. Every function takes a record, a series or a
plain array, and returns a figure and its axes [rows, columns]. None calls `show()` or changes
Matplotlib's settings.
"""

from tb_rnngrad.plot._curves import curves
from tb_rnngrad.plot._flow import flow
from tb_rnngrad.plot._heatmap import heatmap
from tb_rnngrad.plot._histogram import histogram
from tb_rnngrad.plot._jacobian import jacobian
from tb_rnngrad.plot._scatter import scatter
from tb_rnngrad.plot._weights import weights

__all__ = ["curves", "flow", "heatmap", "histogram", "jacobian", "scatter", "weights"]
