"""`state_jacobian`: how every hidden state depends on every input or earlier state."""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tb_rnngrad._capture.jacobians import JacobianQuery
from tb_rnngrad.keras._adapters.base import Adapter
from tb_rnngrad.keras._adapters.select import adapter_of
from tb_rnngrad.keras._jacobian.watch import check_eager, runs_of
from tb_rnngrad.keras._steps.batches import batch_of
from tb_rnngrad.keras._taps.cells import States
from tb_rnngrad.keras._taps.layers import layers_or_alias
from tb_rnngrad.record import SequenceRecord


def state_jacobian(
    model: Any,
    x: Any,
    layers: Any = None,
    wrt: str = "input",
    at: Sequence[int] | None = None,
    norm: str = "fro",
    verbose: int = 1,
    *,
    layer: Any = None,
    state: States = None,
) -> dict[str, SequenceRecord]:
    """Return how the hidden state h_t depends on every input x_s, or on every earlier state h_s.

    Needs no loss and runs in inference mode. The model stays as it was. With T = 1403 and 200 units
    on two cores, all rows take up to a minute a sample; 64 rows take some seconds.

    Args:
        model: a model, or any layer, of Keras 3 or tf_keras.
        x: inputs of one batch. For a `tf.data.Dataset` or a `PyDataset` (`Sequence`), the first
            batch is used, with a warning if there are more.
        layers: names, indices into `model.layers` or layer objects; None: every recurrent layer.
        wrt: "input": dh_t/dx_s, where x is the layer's own input (in token models, the embedding's
            output); "state": dh_t/dh_s, an LSTM's cell state at s held fixed.
        at: the timesteps t, one for each row; negative ones count from the end; None: all.
        norm: "fro" (Frobenius), "sum" (length of the gradient of the sum of units) or "spectral"
            (largest singular value; slow, as it takes an SVD for each entry).
        verbose: 1 draws a progress bar, 0 does not.
        layer: an alias of `layers`.
        state: which state of a custom cell is the hidden state, as for `gradients`.

    Returns:
        layer name -> record [rows, timesteps] of log10 of the norm, averaged over samples (so the
        geometric mean of the norms). -inf: h_t does not depend on it, such as s > t. NaN: t or s is
        padding in every sample. A Bidirectional gives "name/forward" and "name/backward"; further
        calls of a layer give "name.call2" and so on. The record's `details` hold "at" (the timestep
        of each row as it was given; None if every timestep has a row), "wrt", "norm" and
        "reduced_by" (a description).

    Raises:
        ValueError: if a layer, timestep, norm or `wrt` does not exist.
        NotImplementedError: if the layer's state is not a vector, as in ConvLSTM; if the layer is
            called with constants; if TensorFlow is in legacy graph mode.

    Example::

        jacobian = tb_rnngrad.keras.state_jacobian(model, x, at=[9, -1], verbose=0)["lstm_1"]
        decades = jacobian.data[1]  # [timesteps s]: log10 ||dh_T/dx_s||_F, T the last timestep
    """
    query = JacobianQuery(wrt, at, norm)
    check_eager("state_jacobian")
    x, _, _ = batch_of(x)
    adapter = adapter_of(model)
    progress = functools.partial(_progress, adapter, verbose)
    return {
        name: query.record(name, runs, adapter.name, progress)
        for name, runs in runs_of(adapter, model, x, layers_or_alias(layers, layer), state)
    }


@contextlib.contextmanager
def _progress(
    adapter: Adapter, verbose: int, name: str, total: int
) -> Iterator[Callable[[], None]]:
    """Yield a function to call after every timestep."""
    if not verbose:
        yield lambda: None
        return
    print(name)
    bar = importlib.import_module(adapter.name).utils.Progbar(total, unit_name="timestep")
    yield lambda: bar.add(1)
