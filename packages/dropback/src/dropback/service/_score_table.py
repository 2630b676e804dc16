"""Rank one table of play scores: leaderboards, passers and splits.

All numbers are computed by `dropback.ranking`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import polars as pl
from msgspec import Meta, Struct

from dropback import ranking
from dropback._choices import parse_names, parse_seasons
from dropback._search import keep_found, search_column
from dropback.data._tables import repeated_plays
from dropback.errors import RequestError
from dropback.ranking import list_passers, parse_split, split_values
from dropback.ranking._play_list import yards_by_league_key
from dropback.ranking._profile import teams_of_passers
from dropback.service import _messages as messages
from dropback.service._tables import TableFormat  # noqa: TC001  # msgspec reads annotations

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from typing import Any

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

_Limit = Annotated[int, Meta(ge=1, le=1000, description="Most rows to return.")]
_Offset = Annotated[int, Meta(ge=0, le=10**9, description="Rows to skip.")]


class LeaderboardQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/leaderboard``, in the words of `dropback.leaderboard`."""

    by: Annotated[str, Meta(max_length=200, description="Splits, separated by commas.")] = (
        "passer,season"
    )
    split: Annotated[
        str, Meta(max_length=500, description="name=value, several separated by commas.")
    ] = ""
    where: Annotated[str, Meta(max_length=500, description="SQL predicate of one play.")] = ""
    seasons: Annotated[str, Meta(max_length=200, description="2021, 2018-2020 or both.")] = ""
    min_attempts: Annotated[
        str, Meta(max_length=12, description="A number, nfl or reliable; empty chooses by rows.")
    ] = ""
    order: Annotated[
        str, Meta(max_length=64, description="Column of the rows; - before it descends.")
    ] = ""
    limit: _Limit = 200
    offset: _Offset = 0
    format: TableFormat = "json"


class PassersQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/passers``."""

    search: Annotated[
        str, Meta(max_length=100, description="Words of a name, a team or an id.")
    ] = ""
    limit: _Limit = 100
    offset: _Offset = 0
    format: TableFormat = "json"


def join_score_tables(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Join the play scores of several files; each play once, and one outcome."""
    joined = pl.concat(tables, how="diagonal_relaxed")
    if repeated_plays(joined).height:
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
        decisions: Whose decision, execution and time are shown beside the rows.
    """

    def __init__(self, scores: pl.DataFrame, decisions: pl.DataFrame | None = None) -> None:
        self._scores = self.table = scores
        self._decisions = decisions
        self._seasons_board: pl.DataFrame | None = None
        standard = "standard" if "epa_cdf" in scores.columns else "yards"
        self.outcome: str = scores["outcome"][0] if "outcome" in scores.columns else standard
        # By the league's keys, which tracking has.
        self.yards = yards_by_league_key(scores)
        passers = list_passers(scores).join(teams_of_passers(scores), on="id", how="left")
        passers = passers.with_columns(pl.col("teams").fill_null([]))
        searched = passers.with_columns(of_teams=pl.col("teams").list.join(" "))
        self._passers = passers.with_columns(search_column(searched, "name", "of_teams", "id"))
        self._drifts = ranking.season_drifts(scores)
        self._passer_ids = frozenset(self._passers["id"])
        self.seasons: list[int] = sorted(scores["season"].unique().to_list())

    def knows_any(self, passers: pl.Series) -> bool:
        """Whether one of some passers' ids has a scored play."""
        return not self._passer_ids.isdisjoint(passers)

    def leaderboard(self, query: LeaderboardQuery) -> messages.LeaderboardResponse:
        """Rows exactly as `dropback.leaderboard` returns them."""
        scores, decisions = self._scores, self._decisions
        by, split = parse_names(query.by), parse_split(query.split)
        drifts = self._drifts
        if query.seasons:
            chosen = pl.col("season").is_in(parse_seasons(query.seasons, held=self.seasons))
            scores, drifts = scores.filter(chosen), drifts.filter(chosen)
            decisions = None if decisions is None else decisions.filter(chosen)
        minimum = query.min_attempts or ranking.default_minimum(by, split)
        rows = ranking.leaderboard(
            scores, by=by, split=split, where=query.where or None, min_attempts=minimum
        )
        if decisions is not None and decisions.height:
            with suppress(RequestError):  # no tracked throw is of this split
                rows = ranking.with_decisions(
                    rows, decisions, by=by, split=split, where=query.where or None
                )
        if query.order:
            column = query.order.removeprefix("-")
            if column not in rows.columns:
                raise RequestError(
                    f"Cannot order by {column!r}: choose among {', '.join(rows.columns)}."
                )
            descending = query.order.startswith("-")
            rows = rows.sort(column, descending=descending, nulls_last=True, maintain_order=True)
        drift = ranking.drift_sentence(drifts)
        page = rows.slice(query.offset, query.limit).to_dicts()
        return messages.LeaderboardResponse(
            rows.columns, page, rows.height, query.offset, minimum, self.outcome, drift,
            rows["better"][0],
        )  # fmt: skip

    def passers(self, query: PassersQuery) -> messages.PassersPage:
        """Passers whose name or id contains the search, most plays first."""
        found = keep_found(self._passers, query.search).drop("search")
        rows = found.slice(query.offset, query.limit).iter_rows(named=True)
        return messages.PassersPage(
            [messages.PasserItem(**row) for row in rows], found.height, query.offset
        )

    def passer(self, passer: str, stored: Container[tuple[int, int]]) -> messages.PasserResponse:
        """The page of a passer; `stored` has the keys of the plays whose tracking is stored."""
        if self._seasons_board is None:
            seasons = ranking.passer_seasons(self._scores)
            self._seasons_board = ranking.season_places(seasons, self._scores)
        profile = ranking.passer_profile(self._scores, self._seasons_board, passer)
        pit = messages.PitHistogram(
            profile.edges.tolist(), profile.passer.tolist(), profile.league.tolist(), profile.plays
        )
        return messages.PasserResponse(
            id=passer,
            name=self.person(passer).name,
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

    def person(self, passer: str) -> messages.PasserItem:
        """The list entry of a passer whom `knows`."""
        row = self._passers.drop("search").row(by_predicate=pl.col("id") == passer, named=True)
        return messages.PasserItem(**row)

    def splits(self) -> messages.SplitsResponse:
        """What a leaderboard may be grouped by, and the values of each split."""
        items = []
        for name, split in ranking.SPLITS.items():
            values = split_values(self._scores, name, most=_MAX_SPLIT_VALUES)
            items.append(
                messages.SplitItem(name, split.definition, values is not None, values or [])
            )
        return messages.SplitsResponse(items, self._scores.columns)


def _throw(row: dict[str, Any], stored: Container[tuple[int, int]]) -> messages.Throw:
    key = None
    if (game := row.get("old_game_id")) and str(game).isdecimal():
        key = (int(game), int(row["play_id"]))
    fields: dict[str, Any] = {
        name: row.get(_THROW_COLUMNS.get(name, name))
        for name in messages.Throw.__struct_fields__
        if name != "stored"
    }
    return messages.Throw(**fields, stored=key if key is not None and key in stored else None)
