"""Training steps: which one belongs to a model, and how it runs with taps."""
