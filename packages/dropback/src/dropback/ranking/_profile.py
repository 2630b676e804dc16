"""Look one passer up among all: seasons, best and worst throws, calibration; list all passers."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback._frames import to_polars
from dropback.errors import RequestError
from dropback.ranking._board import leaderboard
from dropback.ranking._splits import SPLITS

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame

    from dropback._arrays import Floats

_BINS = 10

# Columns of a leaderboard that say how its rows compare.
_COMPARED = (
    "rank",
    "rank_low",
    "rank_high",
    "percentile",
    "z",
    "probability_better_than_next",
    "probability_best",
    "population",
)


@dataclass(frozen=True)
class Profile:
    """One passer among all.

    Attributes:
        seasons: The passer's rows of the leaderboard by passer and season, by season.
        best: Plays of highest score, best first.
        worst: Plays of lowest score, worst first.
        edges: Edges of the histogram's bins, shape ``(11,)``, 0 to 1.
        passer: Share of the passer's plays whose mid-CDF lies in each bin, shape ``(10,)``; null
            mid-CDFs (plays without a distribution of yards) are left out. Empty where none is
            known.
        league: The same of all plays. Yards are whole, so even a perfect distribution's shares
            differ from one tenth: compare with these.
        plays: Plays in `passer`.
    """

    seasons: pl.DataFrame
    best: pl.DataFrame
    worst: pl.DataFrame
    edges: Floats
    passer: Floats
    league: Floats
    plays: int


def passer_seasons(scores: IntoFrame, *, min_attempts: int = 50, seed: int = 0) -> pl.DataFrame:
    """The leaderboard by passer and season that `passer_profile` looks a passer up in.

    Args:
        scores: Play scores.
        min_attempts: Plays that a season needs; a season of fewer has an interval as wide as the
            league. Where no season has as many, one play is enough.
        seed: Seed of the bootstrap.
    """
    table = to_polars(scores)
    largest = table.group_by("passer_player_id", "season").len()["len"].max()
    enough = isinstance(largest, int) and largest >= min_attempts
    return leaderboard(table, min_attempts=min_attempts if enough else 1, seed=seed)


def season_places(seasons: pl.DataFrame, scores: pl.DataFrame, *, seed: int = 0) -> pl.DataFrame:
    """Give each season of `passer_seasons` its place on that season's own board.

    Args:
        seasons: What `passer_seasons` returned.
        scores: The same play scores.
        seed: Seed of the bootstrap.

    Returns:
        The same rows. A passer who qualifies by the board's rule (`default_minimum`) has the row of
        `leaderboard` among that season's qualified passers; of any other what compares rows (the
        rank, the percentile and the like) is null, and ``place`` says why.
    """
    own = pl.lit(None)
    keys = ["passer_player_id", "season"]
    boards = []
    for (season,), of_season in scores.group_by("season", maintain_order=True):
        with contextlib.suppress(RequestError):  # nobody qualifies, or no column says who does
            boards.append(leaderboard(of_season, seed=seed).with_columns(season=pl.lit(season)))
    unplaced = seasons.with_columns(
        *(own.cast(seasons.schema[name]).alias(name) for name in _COMPARED),
        place=pl.lit("not qualified"),
    )
    if not boards:
        return unplaced
    placed = pl.concat(boards, how="diagonal_relaxed").select(
        pl.col(name).cast(kind) for name, kind in seasons.schema.items()
    )
    wanted = placed.join(seasons, on=keys, how="semi")
    return pl.concat([wanted, unplaced.join(placed, on=keys, how="anti")])


def passer_profile(
    scores: pl.DataFrame, seasons: pl.DataFrame, passer: str, *, throws: int = 10
) -> Profile:
    """Look one passer up.

    Args:
        scores: Play scores.
        seasons: What `passer_seasons` returned.
        passer: The ``passer_player_id``.
        throws: Best and worst throws to show.

    Raises:
        RequestError: No play of the passer is in `scores`.
    """
    own = scores.filter(pl.col("passer_player_id") == passer)
    if own.is_empty():
        raise RequestError(f"No play of passer {passer!r} is among the {scores.height} scored.")
    edges = np.linspace(0, 1, _BINS + 1)
    shares, plays = _shares(own, edges)
    # Of equal scores the earlier play comes first, so that the list does not change.
    order = ["play_score", "season", "week", "game_id", "play_id"]
    return Profile(
        seasons=seasons.filter(pl.col("passer_player_id") == passer).sort("season"),
        best=own.sort(order, descending=[True, *[False] * 4]).head(throws),
        worst=own.sort(order).head(throws),
        edges=edges,
        passer=shares,
        league=_shares(scores, edges)[0],
        plays=plays,
    )


def _shares(scores: pl.DataFrame, edges: Floats) -> tuple[Floats, int]:
    if "mid_cdf" not in scores.columns:
        return np.zeros(0), 0
    values = scores["mid_cdf"].drop_nulls().to_numpy()
    if not len(values):
        return np.zeros(0), 0
    return np.histogram(values, edges)[0] / len(values), len(values)


def list_passers(scores: IntoFrame) -> pl.DataFrame:
    """The passers of play scores, most plays first.

    Args:
        scores: Play scores.

    Returns:
        ``id``, ``name`` (the newest; the id if there is none), ``first_season``, ``last_season``
        and ``plays``.
    """
    table = to_polars(scores)
    name = (
        pl.col("passer_player_name").drop_nulls().last()
        if "passer_player_name" in table.columns
        else pl.lit(None, pl.String)
    )
    return (
        table.group_by(pl.col("passer_player_id").alias("id"))
        .agg(
            name.alias("name"),
            pl.col("season").min().alias("first_season"),
            pl.col("season").max().alias("last_season"),
            pl.len().alias("plays"),
        )
        .with_columns(pl.col("name").fill_null(pl.col("id")))
        .sort("plays", "id", descending=[True, False])
    )


def split_values(scores: pl.DataFrame, name: str, *, most: int) -> list[str] | None:
    """The values that a split has in play scores, sorted.

    Args:
        scores: Play scores.
        name: A name of `SPLITS`.
        most: A split of more values gives an empty list.

    Returns:
        None if the scores lack a column that the split needs.
    """
    split = SPLITS[name]
    if split.source not in scores.columns:
        return None
    column = scores.select(split.values.alias(name)).to_series().drop_nulls()
    if column.n_unique() > most:
        return []
    return column.unique().sort().cast(pl.String).to_list()


def teams_of_passers(scores: pl.DataFrame) -> pl.DataFrame:
    """The teams of each passer, the newest first: ``id``, ``teams``."""
    if "posteam" not in scores.columns:
        return pl.DataFrame(schema={"id": pl.String, "teams": pl.List(pl.String)})
    newest = scores.drop_nulls("posteam").group_by(
        pl.col("passer_player_id").alias("id"), pl.col("posteam").alias("team")
    )
    last = newest.agg(pl.col("season").max().alias("last")).sort(
        "id", "last", "team", descending=[False, True, False]
    )
    return last.group_by("id", maintain_order=True).agg(pl.col("team").alias("teams"))
