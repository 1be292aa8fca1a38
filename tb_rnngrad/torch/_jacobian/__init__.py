"""How a layer's state depends on its past: Jacobians, exponents, sensitivity.

Each records the fused functions' calls in one forward pass (`watch`). The derivatives of single
timesteps follow from them in closed form (`steps`, `run`), and `tb_rnngrad.jacobian` multiplies
them.
"""
