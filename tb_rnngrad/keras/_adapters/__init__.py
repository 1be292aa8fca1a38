"""One adapter for each of the two Kerases."""
