"""Evaluate predictions, at the release and over time, and compare scores with other metrics."""
