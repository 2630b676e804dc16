"""Play scores behind the HTTP routes: rankings, passers and splits, none of it computed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from dropback import ranking
from dropback.errors import RequestError
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
_MOST_SPLIT_VALUES = 64


class LeaderboardQuery(msgspec.Struct, frozen=True):
    """What the route's parameters ask for, in the words of `dropback.leaderboard`.

    Attributes:
        by: Names of splits, divided by commas.
        split: ``name=value``, several divided by commas.
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
    key = ["game_id", "play_id"]
    if joined.select(pl.struct(key).is_duplicated().any()).item():
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
        self._passer_ids = frozenset(scores["passer_player_id"])
        self.seasons: list[int] = sorted(scores["season"].unique().to_list())
        names = (
            pl.col("passer_player_name").drop_nulls().last()
            if "passer_player_name" in scores.columns
            else pl.lit(None, pl.String)
        )
        self._passers = (
            scores.group_by("passer_player_id")
            .agg(
                names.alias("name"),
                pl.col("season").min().alias("first"),
                pl.col("season").max().alias("last"),
                pl.len().alias("plays"),
            )
            .with_columns(pl.col("name").fill_null(pl.col("passer_player_id")))
            .sort(["plays", "passer_player_id"], descending=[True, False])
        )

    def yards(self, game: int, play: int) -> int | None:
        """Yards of a play by the league's keys, which tracking has; None where it is not scored."""
        return self._yards.get((game, play))

    def leaderboard(
        self, query: LeaderboardQuery, *, limit: int, offset: int
    ) -> LeaderboardResponse:
        """Rows exactly as `dropback.leaderboard` gives them.

        Raises:
            RequestError: As `dropback.leaderboard`, or an unknown column to order by.
        """
        rows, minimum = self._rows(query)
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
        """Passers whose name or id holds `search`, most plays first."""
        found = self._passers
        if search:
            text = pl.concat_str(pl.col("name"), pl.lit(" "), pl.col("passer_player_id"))
            found = found.filter(text.str.to_lowercase().str.contains(search.lower(), literal=True))
        items = [PasserItem(*self._item(row)) for row in found.slice(offset, limit).to_dicts()]
        return PassersPage(items, found.height, offset)

    def passer(self, passer: str, stored: Container[tuple[int, int]]) -> PasserResponse:
        """A passer's page.

        Args:
            passer: His id.
            stored: Keys of the plays whose tracking is here.

        Raises:
            RequestError: No play of his is scored.
        """
        if self._seasons_board is None:
            self._seasons_board = ranking.passer_seasons(self._scores)
        profile = ranking.passer_profile(self._scores, self._seasons_board, passer)
        found = self._passers.filter(pl.col("passer_player_id") == passer)
        pit = PitHistogram(
            profile.edges.tolist(), profile.passer.tolist(), profile.league.tolist(), profile.plays
        )
        return PasserResponse(
            id=passer,
            name=found["name"][0],
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
            available = all(column in self._scores.columns for column in split.needs)
            values: list[str] = []
            if available:
                column = self._scores.select(split.values.alias(name)).to_series().drop_nulls()
                if 0 < column.n_unique() <= _MOST_SPLIT_VALUES:
                    values = column.unique().sort().cast(pl.String).to_list()
            items.append(SplitItem(name, split.definition, available, values))
        return SplitsResponse(items, self._scores.columns)

    def _rows(self, query: LeaderboardQuery) -> tuple[pl.DataFrame, int | str]:
        scores = self._scores
        split: dict[str, str | int] = dict(query.split)
        if query.seasons:
            scores = scores.filter(pl.col("season").is_in(parse_seasons(query.seasons)))
        default = ranking.default_minimum(query.by, split)
        minimum = query.min_attempts or default
        rows = ranking.leaderboard(
            scores, by=query.by, split=split, where=query.where, min_attempts=minimum
        )
        return rows, minimum

    @staticmethod
    def _item(row: dict[str, Any]) -> tuple[str, str, int, int, int]:
        return row["passer_player_id"], row["name"], row["first"], row["last"], row["plays"]


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
    return Throw(
        game_id=row["game_id"],
        play_id=row["play_id"],
        season=row["season"],
        week=row.get("week"),
        opponent=row.get("defteam"),
        quarter=row.get("qtr"),
        down=row.get("down"),
        yards_to_go=row.get("ydstogo"),
        air_yards=row.get("air_yards"),
        yards=row.get("yards"),
        median=row.get("median"),
        score=row["play_score"],
        description=row.get("desc"),
        stored=key if key is not None and key in stored else None,
    )
