"""Give every dropback a standardized score, from the prediction of its throw and its value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dropback.data._selection import select_plays
from dropback.data._tables import PLAY_KEY, Outcome, PlaySet, StandardScores
from dropback.scoring import standard_scores

if TYPE_CHECKING:
    import dataframely as dy
    import polars as pl

    from dropback.data._selection import Games
    from dropback.scoring import StandardScore

__all__ = ["score_dropbacks"]


def score_dropbacks(
    play_by_play: pl.DataFrame,
    throws: pl.DataFrame,
    *,
    games: Games,
    settings: StandardScore | None = None,
) -> dy.DataFrame[StandardScores]:
    """Score every dropback by `standard_scores`: attempts, throw-aways and sacks.

    Args:
        play_by_play: What `read_play_by_play` returned, with EPA attached.
        throws: Play scores of its targeted attempts, which give the dropbacks their ``mid_cdf``,
            and where EPA has a distribution ``epa_cdf`` and ``epa_mean``. Others have none.
        games: Which games.
        settings: Of the score.

    Returns:
        One row a dropback of the play-by-play's seasons, whose average is one half each season.
    """
    chosen = select_plays(
        play_by_play, plays=PlaySet.DROPBACKS, games=games, outcome=Outcome.EPA
    ).plays
    distributions = [name for name in ("mid_cdf", "epa_cdf", "epa_mean") if name in throws.columns]
    table = chosen.join(
        throws.select(*PLAY_KEY, *distributions), on=PLAY_KEY, how="left", maintain_order="left"
    )
    return StandardScores.validate(table.with_columns(standard_scores(table, settings)), cast=True)
