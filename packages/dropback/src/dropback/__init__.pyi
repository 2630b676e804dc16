from dropback.ranking import leaderboard, probability_better, probability_matrix, reliability

__all__ = ["leaderboard", "probability_better", "probability_matrix", "reliability"]

__version__: str
