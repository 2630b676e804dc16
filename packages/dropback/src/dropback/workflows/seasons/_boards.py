"""Leaderboards and calibration of scored seasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import torch

from dropback.data._tables import Outcome
from dropback.errors import RequestError
from dropback.ranking import leaderboard
from dropback.scoring import season_drift
from splicedpareto.scoring_rules import pp_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# NFL Record and Fact Book: a career passer rating counts from 1,500 attempts on.
_CAREER_ATTEMPTS = 1500

_LEVELS = torch.arange(1, 100, dtype=torch.float64) / 100


def by_recipe(
    scores: pl.DataFrame, standard: pl.DataFrame | None, outcomes: Sequence[Outcome]
) -> dict[str, pl.DataFrame]:
    """Plays with a `play_score`, by the name of the score."""
    found = {} if standard is None else {"standard": standard}
    for outcome in outcomes:
        column = "epa_cdf" if outcome is Outcome.EPA else "mid_cdf"
        judged = scores.filter(pl.col(column).is_not_null())
        found[outcome.value] = judged.with_columns(
            play_score=pl.col(column), mid_cdf=pl.col(column), season_drift=season_drift(column)
        )
    return found


def leaderboards(recipes: Mapping[str, pl.DataFrame]) -> Iterator[tuple[str, pl.DataFrame]]:
    """Leaderboards of each season and of careers, by the name of their file."""
    for name, judged in recipes.items():
        for (season,), plays in judged.group_by("season", maintain_order=True):
            yield f"{name}-{season}", _board(plays, by=("passer", "season"), minimum="nfl")
        # Attempts and targeted attempts are different plays: no career mixes them.
        for (kind,), plays in judged.group_by("play_set", maintain_order=True):
            rows = _board(plays, by=("passer",), minimum=_CAREER_ATTEMPTS)
            yield f"{name}-career-{kind}", rows


def _board(plays: pl.DataFrame, *, by: Sequence[str], minimum: int | str) -> pl.DataFrame:
    """A leaderboard, of all passers where none has the attempts that a table of record needs."""
    try:
        return leaderboard(plays, by=by, min_attempts=minimum)
    except RequestError:
        return leaderboard(plays, by=by, min_attempts=1)


def calibration(table: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Numbers of each season: proper scores, and how far the PIT is from uniform."""
    return {
        str(season): {
            "plays": rows.height,
            "crps": _mean(rows["crps"]),
            "log_score": _mean(rows["log_score"]),
            "mean_mid_cdf": _mean(rows["mid_cdf"]),
            "coverage_98": _mean(rows["pit"].is_between(0.01, 0.99)),
            "pp_error": round(pp_error(rows["pit"].to_torch(), _LEVELS).item(), 5),
        }
        for (season,), rows in table.sort("season").group_by("season", maintain_order=True)
    }


def _mean(values: pl.Series) -> float:
    return round(float(values.cast(pl.Float64).mean()), 5)  # type: ignore[arg-type]
