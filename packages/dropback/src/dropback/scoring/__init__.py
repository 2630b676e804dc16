"""Turn predictions and outcomes into play scores, by the published or the standardized recipe."""

from dropback.scoring._recipes import (
    StandardScore,
    opponent_effects,
    score_plays,
    season_drift,
    standard_scores,
)

__all__ = ["StandardScore", "opponent_effects", "score_plays", "season_drift", "standard_scores"]
