"""How good was that throw? From tracking or play-by-play to calibrated passing scores."""

from importlib import import_module

__all__ = ["leaderboard", "probability_better", "probability_matrix", "reliability"]

__version__ = "0.2.0"


# `import dropback` loads nothing: what stands below the rankings imports it for the version.
# The types are in __init__.pyi.
def __getattr__(name: str) -> object:
    """A function of `dropback.ranking`, imported when it is first asked for."""
    if name in __all__:
        return getattr(import_module("dropback.ranking"), name)
    raise AttributeError(f"module 'dropback' has no attribute {name!r}.")
