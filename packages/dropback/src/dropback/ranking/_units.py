"""Sum play scores by group and game; every ranking is computed from these sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback.data._tables import PLAY_KEY, repeated_plays
from dropback.errors import RequestError
from dropback.ranking._center import DRIFT, SCORE, centered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropback._arrays import Flags, Floats, Integers

WEIGHT = "play_weight"


@dataclass(frozen=True)
class Units:
    r"""Sums of play scores by group and game, groups coded ``0 .. K - 1`` and sorted.

    A play counts with its weight :math:`w`, 1 without a column ``play_weight``. Its score
    :math:`s` is less its season's drift, 0 without a column ``season_drift``.

    Attributes:
        keys: One row per group: its key columns, ``plays``, ``games``, ``score``, the
            weighted mean :math:`\sum w s / \sum w`, and ``drift``, that of what was subtracted.
        group: Group of each unit (the plays of one group in one game), shape ``(U,)``.
        plays: Number of plays of each unit, shape ``(U,)``.
        weight: Sum of the weights of each unit, shape ``(U,)``.
        total: Weighted sum of the scores of each unit, shape ``(U,)``.
        weight_squared: Sum of the squared weights of each group, shape ``(K,)``.
        deviation: Weighted sum of squared deviations of plays from their group's mean,
            shape ``(K,)``.
    """

    keys: pl.DataFrame
    group: Integers
    plays: Integers
    weight: Floats
    total: Floats
    weight_squared: Floats
    deviation: Floats

    @property
    def group_weight(self) -> Floats:
        """Sum of the weights of each group, shape ``(K,)``."""
        return np.bincount(self.group, weights=self.weight).astype(np.float64)

    def keep(self, mask: Flags) -> Units:
        """The groups where `mask`, shape ``(K,)``, is true."""
        inside = mask[self.group]
        code = np.cumsum(mask) - 1
        return Units(
            self.keys.filter(pl.Series(mask)),
            code[self.group[inside]],
            self.plays[inside],
            self.weight[inside],
            self.total[inside],
            self.weight_squared[mask],
            self.deviation[mask],
        )


def sum_by_game(scores: pl.DataFrame, columns: Sequence[str]) -> Units:
    """Sum play scores by group and game.

    Args:
        scores: Play scores.
        columns: Key columns of a group. One that ends in ``_name`` is shown and not grouped by:
            a passer with two spellings in the game books is one group under the latest name.

    Raises:
        RequestError: A column is missing, a play is there twice, or a score or weight is not a
            number.
    """
    needed = [*columns, "game_id", SCORE]
    if missing := [name for name in dict.fromkeys(needed) if name not in scores.columns]:
        raise RequestError(
            f"The table lacks {', '.join(map(repr, missing))}, so it cannot be ranked by "
            f"{', '.join(columns)}; it has {', '.join(scores.columns)}."
        )
    _require_single(scores)
    weighted = centered(scores).with_columns(
        (pl.col(WEIGHT).cast(pl.Float64) if WEIGHT in scores.columns else pl.lit(1.0)).alias("w"),
        pl.col(DRIFT).alias("d"),
        pl.col(SCORE).cast(pl.Float64).alias("s"),
    )
    _check(weighted)
    names = [name for name in columns if name.endswith("_name")]
    identity = [name for name in columns if name not in names]
    unit = [*identity, *({"game_id"} - set(identity))]
    units = (
        weighted.group_by(unit)
        .agg(
            pl.len().cast(pl.Int64).alias("plays"),
            pl.col("w").sum().alias("weight"),
            (pl.col("w") * pl.col("s")).sum().alias("total"),
            (pl.col("w") * pl.col("d")).sum().alias("drift"),
            pl.col("w").pow(2).sum().alias("weight_squared"),
            # About the unit's mean first: sums of squares about 0 lose the digits of a spread
            # that is small relative to the scores.
            (pl.col("w") * (pl.col("s") - _mean()).pow(2)).sum().alias("deviation"),
            *(pl.col(name).max() for name in names),
        )
        .sort(unit)
        .with_columns(*(pl.col(name).drop_nulls().last().over(identity) for name in names))
    )
    mean = pl.col("total") / pl.col("weight")
    group_mean = pl.col("total").sum().over(identity) / pl.col("weight").sum().over(identity)
    units = units.with_columns(
        group=pl.struct(identity).rle_id().cast(pl.Int64),
        deviation=pl.col("deviation") + pl.col("weight") * (mean - group_mean).pow(2),
    )
    rows = units.group_by("group", *columns, maintain_order=True).agg(
        pl.col("plays").sum(),
        pl.len().cast(pl.Int64).alias("games"),
        (pl.col("total").sum() / pl.col("weight").sum()).alias("score"),
        (pl.col("drift").sum() / pl.col("weight").sum()).alias("drift"),
        pl.col("weight_squared", "deviation").sum(),
    )
    return Units(
        rows.select(*columns, "plays", "games", "score", "drift"),
        *(units[name].to_numpy() for name in ("group", "plays", "weight", "total")),
        *(rows[name].to_numpy() for name in ("weight_squared", "deviation")),
    )


def _require_single(scores: pl.DataFrame) -> None:
    """Refuse scores that hold a play twice, as overlapping weeks put together do."""
    if not set(PLAY_KEY) <= set(scores.columns):
        return
    twice = repeated_plays(scores)
    for game, play in twice.select(PLAY_KEY).head(1).iter_rows():
        raise RequestError(
            f"Each play must be scored once, but game {game}, play {play} is there twice "
            f"({len(twice)} such rows): keep one table of each week, or drop the repeated rows."
        )


def _mean() -> pl.Expr:
    return (pl.col("w") * pl.col("s")).sum() / pl.col("w").sum()


def _check(weighted: pl.DataFrame) -> None:
    for column, name, good in (
        ("s", SCORE, pl.col("s").is_finite()),
        ("w", WEIGHT, pl.col("w").is_finite() & (pl.col("w") > 0)),
    ):
        bad = weighted.filter(~good.fill_null(value=False))
        if bad.height:
            kind = "a positive finite number" if column == "w" else "a finite number"
            raise RequestError(
                f"{name} must be {kind} in every play, but is {bad[name][0]} in {bad.height} of "
                f"{weighted.height} plays, first in game {bad['game_id'][0]}."
            )
