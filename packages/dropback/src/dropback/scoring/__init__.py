"""Turn predictions and outcomes into play scores, and play scores into a passer's season."""

from dropback.scoring._quarterback import (
    PASSING_OPPONENT_PLAYS,
    PASSING_SHRINKAGE,
    QUARTERBACK,
    QUARTERBACK_SHRINKAGE,
    Shrinkage,
    passing_scores,
    quarterback_plays,
    quarterback_scores,
    require_runs,
    shrunk_seasons,
)
from dropback.scoring._recipes import (
    StandardScore,
    opponent_effects,
    score_plays,
    season_drift,
    standard_scores,
)

__all__ = [
    "PASSING_OPPONENT_PLAYS",
    "PASSING_SHRINKAGE",
    "QUARTERBACK",
    "QUARTERBACK_SHRINKAGE",
    "Shrinkage",
    "StandardScore",
    "opponent_effects",
    "passing_scores",
    "quarterback_plays",
    "quarterback_scores",
    "require_runs",
    "score_plays",
    "season_drift",
    "shrunk_seasons",
    "standard_scores",
]
