"""Draw pictures to publish: tiers, scatter, trend, and cards of a passer, a game and a play."""

from dropback.workflows._pictures._boards import AGAINST, Measure, draw_scatter, draw_tiers, tiers
from dropback.workflows._pictures._cards import Facts, draw_game, draw_passer
from dropback.workflows._pictures._images import Images
from dropback.workflows._pictures._look import Look
from dropback.workflows._pictures._play import PlayFacts, draw_play
from dropback.workflows._pictures._trend import draw_trend, moving_mean

__all__ = [
    "AGAINST",
    "Facts",
    "Images",
    "Look",
    "Measure",
    "PlayFacts",
    "draw_game",
    "draw_passer",
    "draw_play",
    "draw_scatter",
    "draw_tiers",
    "draw_trend",
    "moving_mean",
    "tiers",
]
