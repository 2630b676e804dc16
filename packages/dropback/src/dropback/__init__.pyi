from dropback.data import fetch
from dropback.live import PlayPredictor
from dropback.models._store import load_run
from dropback.ranking import (
    compare_passers,
    game_log,
    leaderboard,
    probability_better,
    probability_matrix,
    reliability,
)
from dropback.tracking import ingest, open_tracking
from dropback.workflows import (
    evaluate,
    passing_board,
    predict,
    read_plays,
    score,
    simulate_league,
    train,
    write_table,
    yard_probabilities,
)

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

__version__: str
