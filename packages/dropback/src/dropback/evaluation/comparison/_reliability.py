"""Compare how metrics of one half of a passer's games agree with the other half.

With themselves over the same number of plays (reliability), and with the wins of the team.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback._statistics import (
    codes,
    random_generator,
    shuffled,
    split_half_reliability,
    weighted_correlation,
)
from dropback.errors import RequestError
from dropback.evaluation.comparison._correlations import (
    FEWEST_ROWS,
    comparison_rows,
    passer_weights,
    within_season_z,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dropback._arrays import Flags, Floats, Integers
    from dropback.evaluation.comparison._metrics import Metric


def split_half(
    plays: pl.DataFrame,
    passers: pl.DataFrame,
    *,
    metrics: Mapping[str, Metric],
    ours: str,
    plays_per_half: int = 100,
    splits: int = 20,
    replicates: int = 1000,
    seed: int = 0,
) -> pl.DataFrame:
    """Reliability of each metric over ``2 n`` plays, n being `plays_per_half`.

    A passer's games of a season are dealt at random to two halves, and n of the plays that the
    metric counts are drawn from each: the same n for every metric, so that none gains by counting
    more plays. The within-season z-scores of the halves go into `split_half_reliability`.

    Args:
        plays: What `passing_plays` returned, and other columns that the metrics read.
        passers: ``season`` and ``passer_player_id`` of the rows to compare.
        metrics: The metrics by name.
        ours: The one among them that the others are compared with.
        plays_per_half: n. A passer-season with fewer plays in a half, for any metric, is left out
            of that deal for all.
        splits: Count of random deals.
        replicates: Bootstrap draws of passers.
        seed: Seed of deals and draws.

    Returns:
        The columns of `correlate` for the statistic ``split_half``; ``rows`` is the least count of
        passer-seasons in a deal. No row where no deal has five passer-seasons.

    Raises:
        RequestError: `plays_per_half` or `splits` is below 1.
    """
    if plays_per_half < 1:
        raise RequestError(_too_few(plays_per_half, splits))
    deals = _Deals(plays, passers, splits=splits, replicates=replicates, seed=seed)
    halves = []
    for dealt in deals:
        values = deals.values(dealt, metrics, plays_per_half)
        first, second = values[0::2], values[1::2]
        if (rows := deals.complete(first + second)) is not None:
            z = [within_season_z(half[rows], deals.seasons[rows]) for half in (first, second)]
            halves.append((z[0], z[1], deals.weights[:, rows]))
    found = split_half_reliability(halves) if halves else np.full((1, len(metrics)), np.nan)
    return deals.rows(found, "split_half", metrics, ours)


def other_half_wins(
    plays: pl.DataFrame,
    passers: pl.DataFrame,
    results: pl.DataFrame,
    *,
    metrics: Mapping[str, Metric],
    ours: str,
    splits: int = 20,
    replicates: int = 1000,
    seed: int = 0,
) -> pl.DataFrame:
    """Correlate each metric over half of a passer's games with the team's wins in the other half.

    What a metric owes to the results of its own games (win probability added sums to them) does
    not help it here. The games are dealt as in `split_half`; every play of a half counts.

    Args:
        plays: See `split_half`.
        passers: See `split_half`.
        results: ``game_id``, ``team`` and ``won`` (1, 1/2 for a tie, 0) of every game of `plays`.
        metrics: See `split_half`.
        ours: See `split_half`.
        splits: Count of random deals; both halves of each give a correlation, and the mean of
            all is taken.
        replicates: Bootstrap draws of passers.
        seed: Seed of deals and draws.

    Returns:
        The columns of `correlate` for the statistic ``other_half_wins``.
    """
    won = plays.join(
        results.rename({"team": "posteam"}), on=["game_id", "posteam"], maintain_order="left"
    )
    deals = _Deals(won, passers, splits=splits, replicates=replicates, seed=seed)
    found = []
    for dealt in deals:
        values = deals.values(dealt, metrics, None)
        games = dealt.unique(["half", "game_id", "posteam"]).group_by("half")
        wins = np.full(len(values), np.nan)
        mean = games.agg(pl.col("won").mean())
        wins[mean["half"].to_numpy()] = mean["won"].to_numpy()
        for one, other in ((0, 1), (1, 0)):
            x, y = values[one::2], wins[other::2, None]
            if (rows := deals.complete(x + y)) is not None:
                seasons = deals.seasons[rows]
                z = [within_season_z(side[rows], seasons) for side in (x, y)]
                found.append(weighted_correlation(z[0], z[1], deals.weights[:, rows]))
    mean_r = np.mean(found, axis=0) if found else np.full((1, len(metrics)), np.nan)
    return deals.rows(mean_r, "other_half_wins", metrics, ours)


class _Deals:
    """Random deals of each passer-season's games to two halves.

    Iterating yields the plays of each deal, sorted by ``half``: twice the passer-season's number,
    or that plus 1.

    Raises:
        RequestError: `splits` is below 1.
    """

    def __init__(
        self,
        plays: pl.DataFrame,
        passers: pl.DataFrame,
        *,
        splits: int,
        replicates: int,
        seed: int,
    ) -> None:
        if splits < 1:
            raise RequestError(_too_few(1, splits))
        units = (
            passers.select("season", "passer_player_id").unique().sort("season", "passer_player_id")
        )
        self._own = plays.join(units.with_row_index("unit"), on=["season", "passer_player_id"])
        self._splits, self._seed, self._units = splits, seed, len(units)
        self._fewest = len(units)
        self.seasons = codes(units["season"])
        self.weights = passer_weights(units["passer_player_id"], replicates, seed=seed)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        unit = self._own["unit"].to_numpy().astype(np.int64)
        game = codes(self._own.select("unit", "game_id"))
        generator = random_generator(self._seed)
        for _ in range(self._splits):
            yield _dealt(self._own, unit, game, generator)

    def values(
        self, dealt: pl.DataFrame, metrics: Mapping[str, Metric], most: int | None
    ) -> Floats:
        """Each metric over each half, shape ``(2 K, M)``; NaN with fewer than `most` plays."""
        columns = [_half_values(dealt, metric, most, self._units) for metric in metrics.values()]
        return np.stack(columns, axis=1)

    def complete(self, values: Floats) -> Flags | None:
        """Rows where every metric is known; None where they are too few for a correlation."""
        whole: Flags = np.asarray(np.isfinite(values).all(axis=1))
        self._fewest = min(self._fewest, int(whole.sum()))
        return whole if whole.sum() >= FEWEST_ROWS else None

    def rows(
        self, found: Floats, statistic: str, metrics: Mapping[str, Metric], ours: str
    ) -> pl.DataFrame:
        """The rows of a statistic, as in `correlate`; none where nothing was found."""
        rows = comparison_rows(found, metrics=list(metrics), ours=ours)
        return rows.select(
            pl.lit(statistic).alias("statistic"),
            pl.lit("pooled").alias("average"),
            pl.lit(value=True).alias("headline"),
            pl.all(),
            pl.lit(self._fewest).alias("rows"),
            pl.lit(len(np.unique(self.seasons))).cast(pl.Int32).alias("seasons"),
        ).head(0 if np.isnan(found[0]).all() else len(metrics))


def _too_few(plays: int, splits: int) -> str:
    return (
        f"A split needs at least one play a half and one deal, got {plays} plays and {splits} "
        "deals."
    )


def _dealt(
    plays: pl.DataFrame, unit: Integers, game: Integers, generator: np.random.Generator
) -> pl.DataFrame:
    """Deal the games of each unit to two halves, and shuffle the plays of each half.

    Returns:
        `plays` sorted by ``half`` (twice the unit, or that plus 1), in random order within.
    """
    unit_of_game = np.zeros(int(game.max()) + 1 if len(game) else 0, dtype=np.int64)
    unit_of_game[game] = unit
    order, place = shuffled(unit_of_game, generator)
    half_of_game = np.empty_like(order)
    half_of_game[order] = place % 2
    half = 2 * unit + half_of_game[game]
    order, _ = shuffled(half, generator)
    return plays[order].with_columns(pl.Series("half", half[order]))


def _half_values(dealt: pl.DataFrame, metric: Metric, most: int | None, units: int) -> Floats:
    """The metric over the plays of each half that it counts, or the first `most` of them.

    NaN without a play, or with fewer than `most`.
    """
    counted = dealt.filter(metric.plays)
    if most is not None:
        counted = counted.filter(pl.int_range(pl.len()).over("half") < most)
    found = (
        counted.group_by("half")
        .agg(metric.value.cast(pl.Float64).alias("value"), pl.len().alias("plays"))
        .filter(pl.col("plays") >= (most or 1))
    )
    values = np.full(2 * units, np.nan)
    values[found["half"].to_numpy()] = found["value"].fill_null(np.nan).to_numpy()
    return values
