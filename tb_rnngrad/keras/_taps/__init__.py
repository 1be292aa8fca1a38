"""Where a layer's tensors are caught while a model runs."""
