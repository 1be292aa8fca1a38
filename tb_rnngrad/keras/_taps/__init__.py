"""Catches a layer's tensors while a model runs."""
