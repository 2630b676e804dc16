"""One passer: his seasons among all passers, his best and worst throws, and his calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback.errors import RequestError
from dropback.ranking._board import leaderboard

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Profile", "passer_profile", "passer_seasons"]

_BINS = 10


@dataclass(frozen=True)
class Profile:
    """What there is to say of one passer.

    Attributes:
        seasons: His rows of the leaderboard by passer and season, by season.
        best: His plays of highest score, best first.
        worst: His plays of lowest score, worst first.
        edges: Of the histogram's bins, shape ``(11,)``, 0 to 1.
        passer: Share of his plays whose mid-CDF lies in each bin, shape ``(10,)``; null mid-CDFs
            (plays without a distribution of yards) are left out. Empty where none is known.
        league: The same of all plays. Yards are whole, so even a perfect distribution's shares
            differ from one tenth: compare with these.
        plays: Plays in `passer`.
    """

    seasons: pl.DataFrame
    best: pl.DataFrame
    worst: pl.DataFrame
    edges: npt.NDArray[np.float64]
    passer: npt.NDArray[np.float64]
    league: npt.NDArray[np.float64]
    plays: int


def passer_seasons(scores: pl.DataFrame, *, min_attempts: int = 50, seed: int = 0) -> pl.DataFrame:
    """The leaderboard by passer and season that `passer_profile` looks a passer up in.

    Args:
        scores: Play scores.
        min_attempts: Plays that a season needs; a season of fewer has an interval as wide as the
            league. Where no season has as many, one play is enough.
        seed: Of the bootstrap.
    """
    largest = scores.group_by("passer_player_id", "season").len()["len"].max()
    enough = isinstance(largest, int) and largest >= min_attempts
    return leaderboard(scores, min_attempts=min_attempts if enough else 1, seed=seed)


def passer_profile(
    scores: pl.DataFrame, seasons: pl.DataFrame, passer: str, *, throws: int = 10
) -> Profile:
    """Look one passer up.

    Args:
        scores: Play scores.
        seasons: As `passer_seasons` gives them.
        passer: His ``passer_player_id``.
        throws: Best and worst throws to show.

    Raises:
        RequestError: No play of his is in `scores`.
    """
    his = scores.filter(pl.col("passer_player_id") == passer)
    if his.is_empty():
        raise RequestError(f"No play of passer {passer!r} is among the {scores.height} scored.")
    edges = np.linspace(0, 1, _BINS + 1)
    shares, plays = _shares(his, edges)
    # Of equal scores the earlier play comes first, so that the list does not change.
    order = ["play_score", "season", "week", "game_id", "play_id"]
    return Profile(
        seasons=seasons.filter(pl.col("passer_player_id") == passer).sort("season"),
        best=his.sort(order, descending=[True, *[False] * 4]).head(throws),
        worst=his.sort(order).head(throws),
        edges=edges,
        passer=shares,
        league=_shares(scores, edges)[0],
        plays=plays,
    )


def _shares(
    scores: pl.DataFrame, edges: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], int]:
    if "mid_cdf" not in scores.columns:
        return np.zeros(0), 0
    values = scores["mid_cdf"].drop_nulls().to_numpy()
    if not len(values):
        return np.zeros(0), 0
    return np.histogram(values, edges)[0] / len(values), len(values)
