"""Judge choices of target and throws apart, from tracking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dropback.data._tables import Plays
from dropback.errors import RequestError
from dropback.models._decisions import decide_plays
from dropback.models._store import Run, load_run
from dropback.workflows._plays import TrackedSelection, read_plays_for

if TYPE_CHECKING:
    from dropback._choices import Seasons
    from dropback._files import AnyPath
    from dropback.data._play_by_play import PlayByPlaySource
    from dropback.data._selection import Games
    from dropback.workflows._plays import Source


def decisions(
    run: Run | AnyPath,
    data: Source,
    *,
    seasons: Seasons | None = None,
    games: Games = "regular",
    play_by_play: PlayByPlaySource | None = None,
) -> pl.DataFrame:
    """Decision, execution and time of each tracked throw.

    Args:
        run: A run of tracking (encoder ``set``), or its folder.
        data: Tracking, as for `read_plays`.
        seasons: Seasons to take; None takes all.
        games: Which games: ``regular``, ``postseason`` or ``all``.
        play_by_play: Beside tracking: says how the plays ended, as for `read_plays`.

    Returns:
        One row a play with a target among the receivers: the columns of the plays and those of
        `dropback.models.decide_plays`; ``play_score`` is ``execution``, so that the table ranks as
        any table of scores does.

    Raises:
        RequestError: The data are play-by-play, or as for `decide_plays`.
    """
    chosen = run if isinstance(run, Run) else load_run(run)
    selection = read_plays_for(
        chosen, data, seasons=seasons, games=games, play_by_play=play_by_play
    )
    if not isinstance(selection, TrackedSelection):
        raise RequestError(
            "Decisions need tracking of all players, and the data are play-by-play: name a folder "
            "of tracking."
        )
    known = selection.features.target_places().numpy() >= 0
    plays = Plays.validate(selection.plays.filter(pl.Series(known)))
    table = decide_plays(chosen.model, plays, selection.features[known])
    return pl.concat([plays, table], how="horizontal").with_columns(play_score="execution")
