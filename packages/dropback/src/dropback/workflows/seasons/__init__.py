"""Score many seasons in one call, each by models fitted on other games alone."""

from dropback.workflows.seasons._pipeline import ScoredSeasons, SeasonsSettings, score_seasons
from dropback.workflows.seasons._plan import Fit, plan_fits

__all__ = ["Fit", "ScoredSeasons", "SeasonsSettings", "plan_fits", "score_seasons"]
