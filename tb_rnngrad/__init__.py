"""See how gradients travel through time in recurrent networks, in TensorBoard."""
