"""From play scores to rankings: who is better, by how much, and how sure is that?"""

from dropback.ranking._board import DisplayScale, keep_plays, leaderboard
from dropback.ranking._comparison import probability_better, probability_matrix
from dropback.ranking._profile import Profile, passer_profile, passer_seasons
from dropback.ranking._reliability import Reliability, reliability, reliable_minimum
from dropback.ranking._splits import SPLITS, Split, default_minimum, join_tracking

__all__ = [
    "SPLITS",
    "DisplayScale",
    "Profile",
    "Reliability",
    "Split",
    "default_minimum",
    "join_tracking",
    "keep_plays",
    "leaderboard",
    "passer_profile",
    "passer_seasons",
    "probability_better",
    "probability_matrix",
    "reliability",
    "reliable_minimum",
]
