"""How good was that throw? From tracking or play-by-play to calibrated passing scores."""

__version__ = "0.1.0"
