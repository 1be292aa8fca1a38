"""`tb-rnngrad export`: one series or one step as a file of numbers or a figure."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tb_rnngrad.cli import numbers
from tb_rnngrad.cli.errors import told_in_a_sentence
from tb_rnngrad.events.reader import Series, read
from tb_rnngrad.quantities import is_matrix

if TYPE_CHECKING:
    from tb_rnngrad.cli.types import Commands

Writer = Callable[[Series, "int | None", Path], None]

NUMBERS: Final[Mapping[str, Writer]] = {
    ".npz": numbers.write_npz,
    ".csv": numbers.write_csv,
    ".nc": numbers.write_netcdf,
}
PICTURES: Final = (".png", ".svg", ".pdf")
FIGURES: Final = ("heatmap", "curves", "scatter", "histogram", "weights", "flow", "jacobian")


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "export",
        help="write numbers (npz, csv, nc) or a figure (png, svg, pdf)",
        description="Write the numbers of a tag, of all steps or of one, or a figure of one step.",
    )
    parser.add_argument("logdir", help="the directory that you would pass to TensorBoard")
    parser.add_argument("--run", help="the run; may be left out if there is only one")
    parser.add_argument("--tag", help="the tag; may be left out if there is only one")
    parser.add_argument(
        "--step", type=int, help="the training step; default: all for numbers, the last for figures"
    )
    parser.add_argument("--to", type=Path, required=True, help="the file, such as gradients.csv")
    parser.add_argument(
        "--figure", choices=FIGURES, help="the kind of figure; default: what suits the quantity"
    )
    parser.add_argument(
        "--flow", action="store_true", help="csv: the flow statistics instead of the tensors"
    )
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.set_defaults(call=_run)


def _run(given: argparse.Namespace) -> None:
    with told_in_a_sentence():
        kind = given.to.suffix.lower()
        if kind not in (*NUMBERS, *PICTURES):
            expected = ", ".join((*NUMBERS, *PICTURES))
            raise ValueError(f"--to is {given.to}; expected a name that ends with {expected}")
        if given.to.exists() and not given.force:
            raise ValueError(f"{given.to} exists already; --force replaces it")
        series = read(given.logdir, given.run, given.tag)
        # Whole or not at all: an interrupted export leaves no half file under the name.
        part = given.to.with_name(f".{given.to.stem}.part{kind}")
        try:
            if kind in PICTURES:
                draw(series, given.step, given.figure, part)
            elif given.flow:
                _flow_writer(kind)(series, given.step, part)
            else:
                NUMBERS[kind](series, given.step, part)
            part.replace(given.to)
        finally:
            part.unlink(missing_ok=True)
    print(given.to)


def _flow_writer(kind: str) -> Writer:
    if kind != ".csv":
        raise ValueError(f"--flow writes .csv, not {kind}; .npz holds the flow anyway")
    return numbers.write_flow_csv


def draw(series: Series, step: int | None, figure: str | None, path: Path) -> None:
    """Write a figure of one step of a series.

    Raises:
        ValueError: If the figure cannot show the quantity.
        ImportError: If Matplotlib is not installed.
    """
    try:
        import cmcrameri  # noqa: F401
        import matplotlib
    except ImportError:
        raise ImportError(
            "figures need Matplotlib and cmcrameri: pip install 'tb_rnngrad[plot]' brings them"
        ) from None
    matplotlib.use("agg")
    from tb_rnngrad import plot

    function: Callable[..., tuple[Any, Any]] = getattr(plot, figure or _figure_for(series))
    drawn, _ = function(series, step)
    drawn.savefig(path, dpi=150)


def _figure_for(series: Series) -> str:
    quantity = series.metadata.quantity
    if not len(series):
        return "flow"
    if quantity == "state_jacobian":
        return "jacobian"
    if is_matrix(quantity):
        return "weights"
    return "heatmap" if series[-1].data.ndim == 3 else "scatter"
