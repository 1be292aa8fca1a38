"""`state_jacobian`: how every hidden state depends on every input or earlier state."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tb_rnngrad._capture.jacobians import JacobianQuery
from tb_rnngrad.record import SequenceRecord
from tb_rnngrad.torch._jacobian.watch import runs_of


def state_jacobian(
    module: Any,
    x: Any,
    layers: Any = None,
    wrt: str = "input",
    at: Sequence[int] | None = None,
    norm: str = "fro",
    verbose: int = 1,
) -> dict[str, SequenceRecord]:
    """Return how the hidden state h_t depends on every input x_s, or on every earlier state h_s.

    Needs no loss and runs in evaluation mode. The module stays as it was. With T = 1403 and 200
    units on two cores, 64 rows of a GRU take some seconds a sample, all rows up to a minute; an
    LSTM, whose state is twice as large, takes five times as long.

    Args:
        module: any `torch.nn.Module` with `nn.RNN`, `nn.LSTM`, `nn.GRU` or their cells in it.
        x: what the module is called with, such as a tensor or a `PackedSequence`; or a function
            without arguments that calls the module: `lambda: module(x, lengths)`.
        layers: names ("encoder.lstm"; "encoder.lstm.l1" for one of its stacked layers), modules, or
            a list of these; None: every recurrent layer.
        wrt: "input": dh_t/dx_s, where x is the layer's own input (in token models, the embedding's
            output); "state": dh_t/dh_s, an LSTM's cell state at s held fixed.
        at: the timesteps t, one for each row; negative ones count from the end; None: all.
        norm: "fro" (Frobenius), "sum" (length of the gradient of the sum of units) or "spectral"
            (largest singular value; slow, as it takes an SVD for each entry).
        verbose: 1 draws a progress bar, 0 does not.

    Returns:
        layer name -> record [rows, timesteps] of log10 of the norm, averaged over samples (so the
        geometric mean of the norms). -inf: h_t does not depend on it, such as s > t. NaN: t or s is
        padding in every sample. A bidirectional layer gives "name/forward" and "name/backward";
        further calls of a layer give "name.call2" and so on. The record's `details` hold "at" (the
        timestep of each row as it was given; None if every timestep has a row), "wrt", "norm" and
        "reduced_by" (a description).

    Raises:
        TypeError: if `module` is no module.
        ValueError: if a layer, timestep, norm or `wrt` does not exist, or a layer is not called.
        NotImplementedError: if a layer cannot be inspected.

    Example::

        jacobian = tb_rnngrad.torch.state_jacobian(model, x, at=[9, -1], verbose=0)["lstm"]
        decades = jacobian.data[1]  # [timesteps s]: log10 ||dh_T/dx_s||_F, T the last timestep
    """
    query = JacobianQuery(wrt, at, norm)
    progress = functools.partial(_progress, verbose)
    return {
        name: query.record(name, runs, "torch", progress)
        for name, runs in runs_of(module, x, layers)
    }


@contextlib.contextmanager
def _progress(verbose: int, name: str, total: int) -> Iterator[Callable[[], None]]:
    """Yield a function to call after every timestep."""
    if not verbose:
        yield lambda: None
        return
    from tqdm import tqdm  # comes with the extra for PyTorch, not with PyTorch

    with tqdm(total=total, desc=name, unit="timestep") as bar:
        yield bar.update
