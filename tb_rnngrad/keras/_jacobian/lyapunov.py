"""`lyapunov_exponents`: how fast nearby states diverge or converge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad._capture.jacobians import check_number_of_exponents, exponents_of
from tb_rnngrad.keras._adapters.select import adapter_of
from tb_rnngrad.keras._jacobian.watch import check_eager, runs_of
from tb_rnngrad.keras._steps.batches import batch_of
from tb_rnngrad.keras._taps.layers import layers_or_alias


def lyapunov_exponents(
    model: Any, x: Any, layers: Any = None, k: int = 8, *, layer: Any = None
) -> dict[str, NDArray[np.float64]]:
    """Return the largest Lyapunov exponents of each recurrent layer's state.

    They say how fast nearby states diverge (above 0) or converge (below 0) per timestep, along the
    trajectory of each sample (Benettin, Galgani, Giorgilli and Strelcyn 1980; for recurrent
    networks Vogt, Puelma Touzel, Shlizerman and Lajoie 2022, "On Lyapunov exponents for RNNs").

    Args:
        model: a model, or any layer, of Keras 3 or tf_keras.
        x: inputs of one batch. For a `tf.data.Dataset` or a `PyDataset` (`Sequence`), the first
            batch is used, with a warning if there are more.
        layers: names, indices into `model.layers` or layer objects; None: every recurrent layer.
        k: how many exponents; a smaller state gives as many as it has.
        layer: an alias of `layers`.

    Returns:
        layer name -> [samples, k], as natural logarithms per timestep, largest first. Padding is
        left out. A Bidirectional gives "name/forward" and "name/backward"; further calls of a layer
        give "name.call2" and so on.

    Raises:
        ValueError: if a layer does not exist, or k is below 1.
        NotImplementedError: if the layer's state is not a vector, as in ConvLSTM; if the layer is
            called with constants; if TensorFlow is in legacy graph mode.

    Example::

        exponents = tb_rnngrad.keras.lyapunov_exponents(model, x, k=2)["lstm_1"]
        forgets = exponents[:, 0] < 0  # [samples]: the largest exponent is below 0
    """
    check_number_of_exponents(k)
    check_eager("lyapunov_exponents")
    x, _, _ = batch_of(x)
    chosen = layers_or_alias(layers, layer)
    found = runs_of(adapter_of(model), model, x, chosen, asks_which_is_hidden=False)
    return {name: exponents_of(runs, k) for name, runs in found}
