"""How good was that throw? From tracking or play-by-play to calibrated passing scores.

The names below are the promised interface: ``docs/reference/stability.md`` says how they may
change. Paths are `str` or `os.PathLike`, tables are data frames of polars, pandas, pyarrow or
DuckDB, and bad input raises a `dropback.errors.DropbackError` whose message says what to do.

- Get plays: `fetch`, `simulate_league`; tracking: `ingest`, `open_tracking`; look: `read_plays`.
- Train and apply a model: `train`, `load_run`, `predict`, `yard_probabilities`, `score`,
  `evaluate`; live: `PlayPredictor`.
- Rank passers: `leaderboard`, `passing_board`, `game_log`, `compare_passers`,
  `probability_better`, `probability_matrix`, `reliability`; keep a table: `write_table`.

Example:
    >>> scores = dropback.score(dropback.load_run(run), league, seasons=[2021])
    >>> rows = dropback.leaderboard(scores, by="passer")
    >>> print(*rows.columns[:5])
    rank rank_low rank_high passer_player_id passer_player_name
"""

from importlib import import_module as _import_module

_HOMES = {
    "PlayPredictor": "dropback.live",
    "compare_passers": "dropback.ranking",
    "evaluate": "dropback.workflows",
    "fetch": "dropback.data",
    "game_log": "dropback.ranking",
    "ingest": "dropback.tracking",
    "leaderboard": "dropback.ranking",
    "load_run": "dropback.models._store",
    "open_tracking": "dropback.tracking",
    "passing_board": "dropback.workflows",
    "predict": "dropback.workflows",
    "probability_better": "dropback.ranking",
    "probability_matrix": "dropback.ranking",
    "read_plays": "dropback.workflows",
    "reliability": "dropback.ranking",
    "score": "dropback.workflows",
    "simulate_league": "dropback.workflows",
    "train": "dropback.workflows",
    "write_table": "dropback.workflows",
    "yard_probabilities": "dropback.workflows",
}

__all__ = [
    "PlayPredictor",
    "compare_passers",
    "evaluate",
    "fetch",
    "game_log",
    "ingest",
    "leaderboard",
    "load_run",
    "open_tracking",
    "passing_board",
    "predict",
    "probability_better",
    "probability_matrix",
    "read_plays",
    "reliability",
    "score",
    "simulate_league",
    "train",
    "write_table",
    "yard_probabilities",
]

__version__ = "0.2.0"


# `import dropback` loads no other module: torch alone takes seconds. The types are in __init__.pyi.
def __getattr__(name: str) -> object:
    """A name of the interface, imported when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'dropback' has no attribute {name!r}.")
    found = getattr(_import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
