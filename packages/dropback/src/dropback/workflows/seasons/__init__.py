"""Score many seasons in one call, each by models fitted on other games alone."""

from dropback.workflows.seasons._fitting import Fit, plan_fits
from dropback.workflows.seasons._pipeline import ScoredSeasons, SeasonsSettings, score_seasons

__all__ = ["Fit", "ScoredSeasons", "SeasonsSettings", "plan_fits", "score_seasons"]
