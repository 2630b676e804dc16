"""From predictive laws and outcomes to play scores: the published recipe, and the standardised."""

from dropback.scoring._plain import score_plays
from dropback.scoring._standard import StandardScore, opponent_effects, standard_scores

__all__ = ["StandardScore", "opponent_effects", "score_plays", "standard_scores"]
