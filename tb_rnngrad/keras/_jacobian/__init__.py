"""How a layer's state depends on its past: Jacobians, exponents, sensitivity.

Each takes the layer's own step function out of one forward pass (`watch`). Running it through time
gives the states, and differentiating it at all timesteps at once gives the per-step Jacobians
(`run`), which `tb_rnngrad.jacobian` multiplies.
"""
