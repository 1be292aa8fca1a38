"""What pictures show of a record: views, their order of timesteps, histograms. Pure NumPy."""
