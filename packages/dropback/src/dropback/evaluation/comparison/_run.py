"""The bake-off from files: read, fit what has to be fitted, compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dropback.data._games import read_games
from dropback.data._play_by_play import read_play_by_play
from dropback.data._ratings import read_ratings
from dropback.data._selection import FIRST_SEASON_WITH_RECEIVERS, select_plays
from dropback.data._table_files import read_table
from dropback.data._tables import PLAY_KEY, PlaySet
from dropback.evaluation.comparison._completion import completion_over_expected
from dropback.evaluation.comparison._plays import passing_plays
from dropback.evaluation.comparison._table import BakeOff, bake_off
from dropback.expected_points import (
    expected_points_added,
    recorded_epa,
    stored_expected_points,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from dropback.data._play_by_play import PlayByPlaySource

__all__ = ["rated_plays", "run_bake_off"]


def run_bake_off(
    scores: Path,
    *,
    play_by_play: PlayByPlaySource,
    games: Path,
    seasons: Sequence[int],
    expected_points: Path,
    names: Sequence[str] = ("play_score",),
    ratings: Mapping[str, Path] | None = None,
    plays_per_half: int = 100,
    replicates: int = 1000,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda _: None,
) -> BakeOff:
    """Compare the play scores of a file with the older metrics.

    Args:
        scores: Play scores, as `dropback score` writes them.
        play_by_play: All plays of the seasons, for the older metrics.
        games: Results; see `read_games`.
        seasons: Seasons to compare.
        expected_points: Folder for our expected-points model, which is fitted where the
            play-by-play has no ``epa`` of its own and `expected_points` holds no model of it.
        names: Score columns; the first is ours.
        ratings: Files by a name of `RATINGS`.
        plays_per_half: See `split_half`.
        replicates: Bootstrap draws of passers.
        seed: Of all draws.
        on_step: Called with what is done next.

    Raises:
        DropbackError: See `bake_off` and the readers it calls.
    """
    on_step("reading")
    # The small files first: what is wrong with them should not wait for the large ones.
    rated = {
        name: read_ratings(path, name, seasons=seasons) for name, path in (ratings or {}).items()
    }
    results = read_games(games)
    scored = read_table(scores)
    plays = read_play_by_play(play_by_play, seasons=seasons)
    passing = rated_plays(plays, expected_points=expected_points, seed=seed, on_step=on_step)
    on_step("comparing")
    return bake_off(
        scored,
        passing,
        results,
        names=names,
        ratings=rated,
        plays_per_half=plays_per_half,
        replicates=replicates,
        seed=seed,
    )


def rated_plays(
    play_by_play: pl.DataFrame,
    *,
    expected_points: Path,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda _: None,
) -> pl.DataFrame:
    """Passing plays with what the older metrics need: EPA and completion over expected.

    Args:
        play_by_play: What `read_play_by_play` returned.
        expected_points: See `run_bake_off`.
        seed: Of the models' folds.
        on_step: Called with what is done next.
    """
    on_step("expected points")
    recorded = recorded_epa(play_by_play) is not None
    model = None if recorded else stored_expected_points(play_by_play, expected_points, seed=seed)
    passing = passing_plays(play_by_play, expected_points_added(play_by_play, model))
    on_step("completion probabilities")
    early = int(play_by_play["season"].min()) < FIRST_SEASON_WITH_RECEIVERS  # type: ignore[arg-type]
    play_set = PlaySet.ATTEMPTS if early else PlaySet.TARGETED
    selected = select_plays(play_by_play, plays=play_set, games="all").plays
    return passing.join(
        completion_over_expected(selected, seed=seed),
        on=PLAY_KEY,
        how="left",
        maintain_order="left",
    )
