"""Compare two passers: who is better with which probability, in all and by season."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

import polars as pl

from dropback._frames import to_polars
from dropback._statistics import NORMAL_90, grouped_means
from dropback.errors import RequestError
from dropback.ranking._center import with_measured_drift
from dropback.ranking._posterior import mean_interval, true_scores
from dropback.ranking._units import sum_by_game

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame

_KEY = "passer_player_id"


@dataclass(frozen=True)
class Versus:
    """Two passers beside each other.

    Attributes:
        rows: A row for each: ``passer_player_id``, ``passer_player_name``, ``plays``, ``games``,
            ``score``, ``score_low``, ``score_high`` (90 %, see `mean_interval`),
            ``score_shrunk``, ``shrunk_sd``.
        difference: Posterior mean of the first one's true score less the second one's.
        low: Lower end of its 90 % interval.
        high: Upper end.
        probability: That the first one's true score is above the second one's.
        passers: Passers whom the league's mean and spread were learned from, these two included.
        seasons: ``season``, ``plays``, ``other_plays``, ``score``, ``other_score``,
            ``probability`` of each season in which both threw.
    """

    rows: pl.DataFrame
    difference: float
    low: float
    high: float
    probability: float
    passers: int
    seasons: pl.DataFrame


def compare_passers(
    scores: IntoFrame,
    first: str,
    second: str,
    *,
    min_attempts: int = 100,
    replicates: int = 1000,
    seed: int = 0,
) -> Versus:
    """Compare two passers by their plays in `scores`.

    Their true scores share the league's mean, by how much a passer played, and its spread, as those
    of `leaderboard` do: the probability is that of the difference
    of both in their joint posterior (see `Posterior.difference`), not that of two estimates taken
    apart.

    Args:
        scores: All play scores: those of other passers tell luck from skill.
        first: ``passer_player_id`` of the one.
        second: ``passer_player_id`` of the other.
        min_attempts: Plays with which another passer is one of those to learn from.
        replicates: Bootstrap replicates over games, for the intervals of the scores.
        seed: Seed of the bootstrap.

    Raises:
        RequestError: The two are one, one of them has no play in `scores`, or nobody has a second
            play, nor another score.

    Example:
        >>> scores = dropback.score(run, league)
        >>> ids = scores["passer_player_id"].unique().sort()
        >>> one, other = (dropback.compare_passers(scores, *pair) for pair in (ids[:2], ids[1::-1]))
        >>> round(one.probability + other.probability, 9)
        1.0
    """
    table = with_measured_drift(to_polars(scores))
    if first == second:
        raise RequestError(f"Two passers must be compared, but both are {first}.")
    for passer in (first, second):
        if (table[_KEY] == passer).sum() == 0:
            raise RequestError(
                f"No play of passer {passer!r} is among the {table.height} scored: choose other "
                "seasons or weeks."
            )
    rows, difference, low, high, probability, passers = _versus(
        table, first, second, min_attempts, replicates, seed
    )
    if isnan(low):
        raise RequestError(
            f"Each of {passers} passers has one play, and all score {rows['score'][0]:.3f}: "
            "nothing tells luck from skill; choose more weeks or seasons."
        )
    return Versus(
        rows, difference, low, high, probability, passers,
        _by_season(table, first, second, min_attempts, seed),
    )  # fmt: skip


def _versus(
    table: pl.DataFrame, first: str, second: str, min_attempts: int, replicates: int, seed: int
) -> tuple[pl.DataFrame, float, float, float, float, int]:
    names = [name for name in ("passer_player_name",) if name in table.columns]
    units = sum_by_game(table, [_KEY, *names])
    enough = (units.keys["plays"] >= min_attempts) | units.keys[_KEY].is_in([first, second])
    units = units.keep(enough.to_numpy())
    ids = units.keys[_KEY].to_list()
    belief = true_scores(units)
    pair = [ids.index(first), ids.index(second)]
    mean, sd, probability = belief.difference(*pair)
    games = units.keys["games"].to_numpy()
    if replicates:
        means = grouped_means(
            units.group, units.total, units.weight, replicates=replicates, seed=seed
        )
    else:
        means = units.keys["score"].to_numpy()[None]
    low, high = mean_interval(units.keys["score"].to_numpy(), means, games, belief.variance)
    rows = units.keys.drop("drift").with_columns(
        score_low=low,
        score_high=high,
        score_shrunk=belief.mean,
        shrunk_sd=belief.sd,
    )[pair]
    half = NORMAL_90 * sd
    return rows, mean, mean - half, mean + half, probability, len(ids)


def _by_season(
    table: pl.DataFrame, first: str, second: str, min_attempts: int, seed: int
) -> pl.DataFrame:
    found = []
    for (season,), plays in table.sort("season").group_by("season", maintain_order=True):
        held = set(plays[_KEY].unique())
        if {first, second} <= held:
            rows, _, _, _, probability, _ = _versus(plays, first, second, min_attempts, 0, seed)
            (n, other_n), (score, other) = rows["plays"], rows["score"]
            found.append((season, n, other_n, score, other, probability))
    schema = {
        "season": pl.Int64, "plays": pl.Int64, "other_plays": pl.Int64,
        "score": pl.Float64, "other_score": pl.Float64, "probability": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(found, schema=schema, orient="row")
