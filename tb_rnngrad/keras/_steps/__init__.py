"""Training steps: whose they are, and how one is run to be watched."""
