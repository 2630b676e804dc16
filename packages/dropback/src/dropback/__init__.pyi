from dropback.data import fetch
from dropback.live import PlayPredictor
from dropback.models._store import load_run
from dropback.ranking import leaderboard, probability_better, probability_matrix, reliability
from dropback.tracking import ingest, open_tracking
from dropback.workflows import evaluate, predict, read_plays, score, simulate_league, train

__all__ = [
    "PlayPredictor",
    "evaluate",
    "fetch",
    "ingest",
    "leaderboard",
    "load_run",
    "open_tracking",
    "predict",
    "probability_better",
    "probability_matrix",
    "read_plays",
    "reliability",
    "score",
    "simulate_league",
    "train",
]

__version__: str
