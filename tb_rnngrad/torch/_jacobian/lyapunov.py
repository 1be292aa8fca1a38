"""`lyapunov_exponents`: how fast nearby states diverge or converge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad._capture.jacobians import check_number_of_exponents, exponents_of
from tb_rnngrad.torch._jacobian.watch import runs_of


def lyapunov_exponents(
    module: Any, x: Any, layers: Any = None, k: int = 8
) -> dict[str, NDArray[np.float64]]:
    """Return the largest Lyapunov exponents of each recurrent layer's state.

    They say how fast nearby states diverge (above 0) or converge (below 0) per timestep, along the
    trajectory of each sample (Benettin, Galgani, Giorgilli and Strelcyn 1980; for recurrent
    networks Vogt, Puelma Touzel, Shlizerman and Lajoie 2022, "On Lyapunov exponents for RNNs").
    An LSTM's state is h and c together. Runs in evaluation mode; the module stays as it was.

    Args:
        module: any `torch.nn.Module` with `nn.RNN`, `nn.LSTM`, `nn.GRU` or their cells in it.
        x: what the module is called with, or a function without arguments that calls it, as for
            `state_jacobian`.
        layers: names, modules, or a list of these, as for `state_jacobian`; None: every recurrent
            layer.
        k: how many exponents; a smaller state gives as many as it has.

    Returns:
        layer name -> [samples, k], as natural logarithms per timestep, largest first. Padding is
        left out. A bidirectional layer gives "name/forward" and "name/backward"; further calls of a
        layer give "name.call2" and so on.

    Raises:
        TypeError: if `module` is no module.
        ValueError: if a layer does not exist or is not called, or k is below 1.
        NotImplementedError: if a layer cannot be inspected.

    Example::

        exponents = tb_rnngrad.torch.lyapunov_exponents(model, x, k=2)["lstm"]
        forgets = exponents[:, 0] < 0  # [samples]: the largest exponent is below 0
    """
    check_number_of_exponents(k)
    return {name: exponents_of(runs, k) for name, runs in runs_of(module, x, layers)}
