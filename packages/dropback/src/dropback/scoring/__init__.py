"""Turn predictions and outcomes into play scores, by the published or the standardized recipe."""

from dropback.scoring._plain import score_plays
from dropback.scoring._standard import StandardScore, opponent_effects, standard_scores

__all__ = ["StandardScore", "opponent_effects", "score_plays", "standard_scores"]
