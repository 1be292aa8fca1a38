"""The two Kerases, each behind one adapter."""
