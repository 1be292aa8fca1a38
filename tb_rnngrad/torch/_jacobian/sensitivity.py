"""`input_sensitivity`: how each mean state moves with the input, in one pass through time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad._capture.jacobians import sensitivity_of
from tb_rnngrad.torch._jacobian.watch import runs_of


def input_sensitivity(
    module: Any, x: Any, layers: Any = None
) -> dict[str, NDArray[np.floating[Any]]]:
    """Return how much each timestep's mean hidden state moves with the input: one signed number.

    Let h [samples, timesteps, units] be the hidden states and x [samples, timesteps, features] the
    layer's own input (in token models, the embedding's output). The number at t is the sum, over
    all timesteps s up to t and all features f, of

        mean over samples b and units u of dh[b, t, u] / dx[b, s, f]

    This is the sum of all entries of the gradient that one backward pass from `mean(h[:, t])` would
    bring to x: the slope of `mean(h[:, t])` as all inputs up to t rise together. Signs count: the
    number is near 0 also where units or inputs cancel out.

    All timesteps come from one pass through time that carries the derivative along (forward-mode
    differentiation). It runs in evaluation mode, without a loss, and leaves the module as it was.

    Args:
        module: any `torch.nn.Module` with `nn.RNN`, `nn.LSTM`, `nn.GRU` or their cells in it.
        x: what the module is called with, or a function without arguments that calls it, as for
            `state_jacobian`.
        layers: names, modules, or a list of these, as for `state_jacobian`; None: every recurrent
            layer.

    Returns:
        layer name -> [timesteps], in input time order. Padding counts neither as input nor in the
        mean; NaN where a timestep is padding in every sample. A bidirectional layer gives
        "name/forward" and "name/backward" (where "up to t" means from each sample's last timestep
        down to t); further calls of a layer give "name.call2" and so on.

    Raises:
        TypeError: if `module` is no module.
        ValueError: if a layer does not exist or is not called.
        NotImplementedError: if a layer cannot be inspected.

    Example::

        slope = tb_rnngrad.torch.input_sensitivity(model, x)["lstm"]  # [timesteps]
    """
    return {
        name: sensitivity_of(runs, [run.moved_with_input() for run in runs])
        for name, runs in runs_of(module, x, layers)
    }
