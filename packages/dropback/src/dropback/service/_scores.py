"""Serve play scores: rankings, passers and splits, all computed by `dropback.ranking`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from dropback import ranking
from dropback.errors import RequestError
from dropback.ranking._passers import list_passers, split_values
from dropback.service._messages import (
    LeaderboardResponse,
    PasserItem,
    PasserResponse,
    PassersPage,
    PitHistogram,
    SplitItem,
    SplitsResponse,
    Throw,
)
from dropback.workflows import parse_seasons

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

__all__ = ["LeaderboardQuery", "ScoreTable", "join_score_tables"]

# A list to choose from: games and opponents would fill it with hundreds.
_MAX_SPLIT_VALUES = 64

# Fields of a throw under another name in play scores.
_THROW_COLUMNS = {
    "opponent": "defteam",
    "quarter": "qtr",
    "yards_to_go": "ydstogo",
    "score": "play_score",
    "description": "desc",
}


class LeaderboardQuery(msgspec.Struct, frozen=True):
    """A leaderboard in the words of `dropback.leaderboard`.

    Attributes:
        by: Names of splits.
        split: Names and values of splits to keep.
        where: SQL predicate of one play.
        seasons: As `parse_seasons` reads them; empty keeps all.
        min_attempts: A number, ``nfl`` or ``reliable``; empty is the rule that fits `by`.
        order: A column of the rows, ``-`` before it for descending; empty is by rank.
    """

    by: tuple[str, ...] = ("passer", "season")
    split: tuple[tuple[str, str], ...] = ()
    where: str | None = None
    seasons: str = ""
    min_attempts: str = ""
    order: str = ""


def join_score_tables(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Play scores of several files as one table.

    Raises:
        RequestError: Two files score the same play, or different outcomes.
    """
    joined = pl.concat(tables, how="diagonal_relaxed")
    if joined.select(pl.struct("game_id", "play_id").is_duplicated().any()).item():
        raise RequestError(
            "Each play must be scored once, but the files of play scores share plays: serve those "
            "of one model."
        )
    if "outcome" in joined.columns and joined["outcome"].n_unique() > 1:
        raise RequestError(
            "The files of play scores must be of one outcome, got "
            f"{', '.join(sorted(map(str, joined['outcome'].unique())))}: serve them one by one."
        )
    return joined


class ScoreTable:
    """Rankings of one table of play scores.

    Args:
        scores: Play scores.
    """

    def __init__(self, scores: pl.DataFrame) -> None:
        self._scores = scores
        self._seasons_board: pl.DataFrame | None = None
        standard = "standard" if "epa_cdf" in scores.columns else "yards"
        self.outcome: str = scores["outcome"][0] if "outcome" in scores.columns else standard
        self._yards = _yards_by_league_key(scores)
        self._passers = list_passers(scores)
        self._passer_ids = frozenset(self._passers["id"])
        self.seasons: list[int] = sorted(scores["season"].unique().to_list())

    def yards(self, game: int, play: int) -> int | None:
        """Yards of a play by the league's keys, which tracking has; None if it is not scored."""
        return self._yards.get((game, play))

    def leaderboard(
        self, query: LeaderboardQuery, *, limit: int, offset: int
    ) -> LeaderboardResponse:
        """Rows exactly as `dropback.leaderboard` returns them.

        Raises:
            RequestError: As `dropback.leaderboard`, or an unknown column to order by.
        """
        scores = self._scores
        split: dict[str, str | int] = dict(query.split)
        if query.seasons:
            scores = scores.filter(pl.col("season").is_in(parse_seasons(query.seasons)))
        minimum = query.min_attempts or ranking.default_minimum(query.by, split)
        rows = ranking.leaderboard(
            scores, by=query.by, split=split, where=query.where, min_attempts=minimum
        )
        if query.order:
            column = query.order.removeprefix("-")
            if column not in rows.columns:
                raise RequestError(
                    f"Cannot order by {column!r}: choose among {', '.join(rows.columns)}."
                )
            rows = rows.sort(
                column,
                descending=query.order.startswith("-"),
                nulls_last=True,
                maintain_order=True,
            )
        return LeaderboardResponse(
            columns=rows.columns,
            rows=rows.slice(offset, limit).to_dicts(),
            total=rows.height,
            offset=offset,
            min_attempts=minimum,
            outcome=self.outcome,
        )

    def passers(self, search: str, *, limit: int, offset: int) -> PassersPage:
        """Passers whose name or id contains `search`, most plays first."""
        found = self._passers
        if search:
            text = pl.concat_str("name", "id", separator=" ").str.to_lowercase()
            found = found.filter(text.str.contains(search.lower(), literal=True))
        items = [PasserItem(**row) for row in found.slice(offset, limit).iter_rows(named=True)]
        return PassersPage(items, found.height, offset)

    def passer(self, passer: str, stored: Container[tuple[int, int]]) -> PasserResponse:
        """A passer's page.

        Args:
            passer: Their id.
            stored: Keys of the plays whose tracking is stored.

        Raises:
            RequestError: None of their plays is scored.
        """
        if self._seasons_board is None:
            self._seasons_board = ranking.passer_seasons(self._scores)
        profile = ranking.passer_profile(self._scores, self._seasons_board, passer)
        pit = PitHistogram(
            profile.edges.tolist(), profile.passer.tolist(), profile.league.tolist(), profile.plays
        )
        return PasserResponse(
            id=passer,
            name=self._passers.row(by_predicate=pl.col("id") == passer, named=True)["name"],
            outcome=self.outcome,
            columns=profile.seasons.columns,
            seasons=profile.seasons.to_dicts(),
            best=[_throw(row, stored) for row in profile.best.to_dicts()],
            worst=[_throw(row, stored) for row in profile.worst.to_dicts()],
            pit=pit if profile.plays else None,
        )

    def knows(self, passer: str) -> bool:
        """Whether any play of a passer is scored."""
        return passer in self._passer_ids

    def splits(self) -> SplitsResponse:
        """What a leaderboard may be grouped by, and the values of each split."""
        items = []
        for name, split in ranking.SPLITS.items():
            values = split_values(self._scores, name, most=_MAX_SPLIT_VALUES)
            items.append(SplitItem(name, split.definition, values is not None, values or []))
        return SplitsResponse(items, self._scores.columns)


def _yards_by_league_key(scores: pl.DataFrame) -> dict[tuple[int, int], int]:
    if not {"old_game_id", "yards"} <= set(scores.columns):
        return {}
    rows = scores.select(
        pl.col("old_game_id").cast(pl.Int64, strict=False), pl.col("play_id", "yards")
    ).drop_nulls()
    return {(game, play): yards for game, play, yards in rows.iter_rows()}


def _throw(row: dict[str, Any], stored: Container[tuple[int, int]]) -> Throw:
    key = None
    if (game := row.get("old_game_id")) and str(game).isdecimal():
        key = (int(game), int(row["play_id"]))
    fields: dict[str, Any] = {
        name: row.get(_THROW_COLUMNS.get(name, name))
        for name in Throw.__struct_fields__
        if name != "stored"
    }
    return Throw(**fields, stored=key if key is not None and key in stored else None)
