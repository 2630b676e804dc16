"""The bake-off: one table of metrics and results, the same passers for all, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dropback.data._ratings import RATINGS, match_ratings
from dropback.data._results import passer_results
from dropback.data._tables import PLAY_KEY
from dropback.errors import ReaderError, RequestError
from dropback.evaluation.comparison._correlations import compare, complete_rows
from dropback.evaluation.comparison._formulas import METRICS, Metric
from dropback.evaluation.comparison._passers import passer_metrics, with_qualified
from dropback.evaluation.comparison._reliability import split_half

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["BASELINES", "BakeOff", "bake_off", "score_metrics"]

BASELINES = ("passer_rating", "any_a", "epa_per_dropback", "success_rate", "cpoe")
"""What a score is compared with besides other people's ratings."""


@dataclass(frozen=True)
class BakeOff:
    """A finished comparison.

    Attributes:
        comparison: What `compare` returned, and the rows of `split_half`.
        passers: The rows compared: passer, season, metrics, results.
        labels: Each metric's name for readers, ours first.
        ours: The metric that the others are compared with.
        left_out: ``what``, ``reason`` and ``count`` of everything that was not compared.
        unmatched: Ratings without a certain passer: ``rating``, ``season``, ``player``, ``team``,
            ``reason``.
        plays_per_half: Plays of each half in the split-half reliability.
        replicates: Bootstrap draws behind the intervals.
        seed: Of all draws.
    """

    comparison: pl.DataFrame
    passers: pl.DataFrame
    labels: dict[str, str]
    ours: str
    left_out: pl.DataFrame
    unmatched: pl.DataFrame
    plays_per_half: int
    replicates: int
    seed: int


def score_metrics(scores: pl.DataFrame, names: Sequence[str]) -> dict[str, Metric]:
    """A metric for each score column: the mean over the plays that have one.

    With a column ``<name>_weight`` beside it, the mean is weighted by it.

    Raises:
        ReaderError: A column is missing or holds no numbers.
    """
    metrics = {}
    for name in names:
        if name not in scores.columns or not scores[name].dtype.is_numeric():
            raise ReaderError(
                f"The play scores have no column of numbers {name!r}: name one of "
                f"{', '.join(c for c in scores.columns if scores[c].dtype.is_float())}."
            )
        weight = f"{name}_weight"
        value = pl.col(name).mean()
        if weight in scores.columns:
            value = (pl.col(name) * pl.col(weight)).sum() / pl.col(weight).sum()
        metrics[name] = Metric(name, pl.col(name).is_not_null(), value)
    return metrics


def bake_off(
    scores: pl.DataFrame,
    passing: pl.DataFrame,
    games: pl.DataFrame,
    *,
    names: Sequence[str] = ("play_score",),
    ratings: Mapping[str, pl.DataFrame] | None = None,
    plays_per_half: int = 100,
    replicates: int = 1000,
    seed: int = 0,
) -> BakeOff:
    """Compare play scores with the older metrics and with other people's ratings.

    Compared are passers with 14 official attempts per game of their team in the regular season,
    and among them those for whom every metric exists.

    Args:
        scores: A row a play: ``game_id``, ``play_id`` and the columns `names`.
        passing: The plays of every season to compare, as `passing_plays` returned them, with
            ``completion_over_expected``.
        games: What `read_games` returned.
        names: Score columns; the first is ours, the others are baselines.
        ratings: What `read_ratings` returned, by a name of `RATINGS`.
        plays_per_half: See `split_half`.
        replicates: Bootstrap draws of passers.
        seed: Of all draws.

    Raises:
        ReaderError: A score column is missing, or the scores have a play twice.
        RequestError: A season has no result or no score, or nothing is left to compare.
    """
    own = score_metrics(scores, names)
    metrics = {**own, **{name: METRICS[name] for name in BASELINES}}
    counts: list[tuple[str, str, int]] = []
    plays = _regular_final(passing, games, counts)
    plays = _with_scores(plays, scores, names)
    _require_every_season(plays, names)

    table = passer_metrics(plays, metrics=BASELINES)
    for name, metric in own.items():
        values = (
            plays.filter(metric.plays)
            .group_by("passer_player_id", "season")
            .agg(metric.value.alias(name))
        )
        table = table.join(values, on=["passer_player_id", "season"], how="left")
    table = table.join(passer_results(plays, games), on=["passer_player_id", "season"])
    labels = {name: metric.label for name, metric in metrics.items()}
    unmatched = []
    for name, rating in (ratings or {}).items():
        found = match_ratings(rating, table)
        table = table.join(
            found.matched.rename({"value": name}), on=["season", "passer_player_id"], how="left"
        )
        unmatched.append(found.left_out.select(pl.lit(name).alias("rating"), pl.all()))
        labels[name] = RATINGS[name].label

    table = with_qualified(table, plays)
    qualified = table.filter("qualified")
    few = f"fewer than 14 attempts per team game ({len(qualified)} passer-seasons have them)"
    counts.append(("passer-seasons", few, len(table) - len(qualified)))
    counts.extend(
        ("qualified passer-seasons", f"without {labels[name]}", qualified[name].null_count())
        for name in labels
        if qualified[name].null_count()
    )
    compared = complete_rows(qualified, list(labels))
    ours = names[0]
    comparison = pl.concat(
        [
            compare(compared, metrics=list(labels), ours=ours, replicates=replicates, seed=seed),
            split_half(
                plays,
                compared,
                metrics=metrics,
                ours=ours,
                plays_per_half=plays_per_half,
                replicates=replicates,
                seed=seed,
            ),
        ],
        how="vertical_relaxed",
    )
    return BakeOff(
        comparison=comparison,
        passers=compared,
        labels=labels,
        ours=ours,
        left_out=pl.DataFrame(counts, schema=["what", "reason", "count"], orient="row"),
        unmatched=pl.concat(unmatched) if unmatched else _NO_RATINGS,
        plays_per_half=plays_per_half,
        replicates=replicates,
        seed=seed,
    )


_NO_RATINGS = pl.DataFrame(
    schema={
        "rating": pl.String,
        "season": pl.Int64,
        "player": pl.String,
        "team": pl.String,
        "reason": pl.String,
    }
)


def _regular_final(
    passing: pl.DataFrame, games: pl.DataFrame, counts: list[tuple[str, str, int]]
) -> pl.DataFrame:
    """Plays of final regular-season games; the games left out are counted."""
    regular = passing.filter(pl.col("season_type") == "REG")
    played = regular.select("game_id", "season").unique()
    known = played.join(games.select("game_id", "final"), on="game_id", how="left")
    for condition, reason in (
        (pl.col("final").is_null(), "not in the table of games"),
        (~pl.col("final"), "not final"),
    ):
        if number := known.filter(condition).height:
            counts.append(("games", reason, number))
    final = known.filter(pl.col("final"))
    if lost := sorted(set(played["season"]) - set(final["season"])):
        raise RequestError(
            f"The table of games has no final game of season {', '.join(map(str, lost))}: ask "
            "for seasons that both files hold."
        )
    return regular.join(final, on="game_id", how="semi")


def _with_scores(plays: pl.DataFrame, scores: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    missing = [name for name in PLAY_KEY if name not in scores.columns]
    if missing:
        raise ReaderError(
            f"The play scores must name their play: {', '.join(map(repr, missing))} missing."
        )
    weights = [f"{name}_weight" for name in names if f"{name}_weight" in scores.columns]
    kept = scores.select(
        "game_id",
        pl.col("play_id").cast(pl.Int64),
        pl.col(*names, *weights).cast(pl.Float64).fill_nan(None),
    )
    if kept.select(pl.struct(PLAY_KEY).is_duplicated().any()).item():
        play = kept.filter(pl.struct(PLAY_KEY).is_duplicated()).row(0, named=True)
        raise ReaderError(
            f"The play scores hold game {play['game_id']}, play {play['play_id']} twice."
        )
    return plays.join(kept, on=PLAY_KEY, how="left", maintain_order="left")


def _require_every_season(plays: pl.DataFrame, names: Sequence[str]) -> None:
    scored = plays.group_by("season").agg(pl.col(*names).count())
    for name in names:
        if lost := sorted(scored.filter(pl.col(name) == 0)["season"]):
            raise RequestError(
                f"No play of season {', '.join(map(str, lost))} has a {name}: score these "
                "seasons, or leave them out of --seasons."
            )
