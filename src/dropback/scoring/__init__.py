"""From predictive laws and outcomes to play scores: the published recipe, and the standardised."""

from dropback.scoring.plain import score_plays
from dropback.scoring.standard import StandardScore, opponent_effects, standard_scores

__all__ = ["StandardScore", "opponent_effects", "score_plays", "standard_scores"]
