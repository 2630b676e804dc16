"""Read published ratings of passers: ESPN's QBR, and PFF or Madden from a user's file.

No file is shipped. A file holds one rating per player and season, with names instead of ids:
`match_ratings` joins what is certain and lists the rest with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dropback._frames import left_join
from dropback.data._columns import Column, conform
from dropback.data._table_files import read_table
from dropback.data._teams import franchise
from dropback.errors import ReaderError, RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropback._files import AnyPath


@dataclass(frozen=True)
class Rating:
    """Headers under which a publisher's files keep the columns that are read.

    Headers are compared without regard to case, spaces and underscores; the first that a file has
    is read.

    Attributes:
        label: Name for readers.
        value: Headers of the rating.
        player: Headers of the player's name, first name first.
        team: Headers of the team; may be absent.
        season: Headers of the season; may be absent where one season is requested.
        only: Header and value of the rows to keep, where the header is present.
    """

    label: str
    value: tuple[str, ...]
    player: tuple[str, ...]
    team: tuple[str, ...]
    season: tuple[str, ...] = ("season", "year")
    only: tuple[tuple[str, str], ...] = ()


RATINGS: dict[str, Rating] = {
    # github.com/nflverse/espnscrapeR-data, data/qbr-nfl-season.csv.
    "qbr": Rating(
        "ESPN QBR",
        value=("qbr_total",),
        player=("name_display",),
        team=("team_abb",),
        only=(("season_type", "Regular"), ("game_week", "Season Total")),
    ),
    # PFF's passing summary.
    "pff": Rating(
        "PFF passing grade",
        value=("grades_pass",),
        player=("player",),
        team=("team_name",),
        only=(("position", "QB"),),
    ),
    "madden": Rating(
        "Madden overall",
        value=("overall", "ovr", "overall_rating"),
        player=("player", "name", "full_name", "player_name"),
        team=("team", "team_name"),
        only=(("position", "QB"),),
    ),
}
"""Publishers by the name of their column in the comparison."""


@dataclass(frozen=True)
class MatchedRatings:
    """Ratings under nflverse's passer ids, and those that found no certain passer.

    Attributes:
        matched: ``season``, ``passer_player_id``, ``value``.
        left_out: ``season``, ``player``, ``team``, ``reason``.
    """

    matched: pl.DataFrame
    left_out: pl.DataFrame


def read_ratings(path: AnyPath, name: str, *, seasons: Sequence[int]) -> pl.DataFrame:
    """Read one publisher's file.

    Args:
        path: CSV or Parquet.
        name: One of `RATINGS`.
        seasons: Seasons to keep. A file without a season column must be for one season.

    Returns:
        ``season``, ``player``, ``team`` (franchise's code, null where absent), ``value``; rows
        without a value are left out.

    Raises:
        ReaderError: No file, a header that is missing, a value that is not a number, or no row of
            the seasons.
        RequestError: Several seasons are requested and the file has no season column.
    """
    rating = RATINGS[name]
    raw = read_table(path)
    headers = {_plain(header): header for header in raw.columns}
    found = {
        part: next((headers[h] for h in map(_plain, names) if h in headers), None)
        for part, names in (
            ("season", rating.season),
            ("player", rating.player),
            ("team", rating.team),
            ("value", rating.value),
        )
    }
    for part, names in (("player", rating.player), ("value", rating.value)):
        if found[part] is None:
            raise ReaderError(
                f"{path}: a file of {rating.label} must have a column "
                f"{' or '.join(map(repr, names))}; its columns are {', '.join(raw.columns)}."
            )
    for header, value in rating.only:
        if _plain(header) in headers:
            raw = raw.filter(pl.col(headers[_plain(header)]) == value)
    table = raw.select(
        pl.col(header).alias(part) for part, header in found.items() if header is not None
    )
    if found["season"] is None:
        if len(seasons) != 1:
            raise RequestError(
                f"{path} has no season column, so it is read as one season, but {len(seasons)} are "
                "requested: add a column 'season'."
            )
        table = table.with_columns(pl.lit(seasons[0]).alias("season"))
    columns = (
        Column("season", pl.Int64),
        Column("player", pl.String),
        Column("team", pl.String, required=False),
        Column("value", pl.Float64),
    )
    typed = conform(table, columns, origin=str(path), keys=("season", "player"), kind=rating.label)
    kept = typed.filter(pl.col("season").is_in(list(seasons))).drop_nulls(["player", "value"])
    if kept.is_empty():
        held = ", ".join(str(season) for season in sorted(typed["season"].drop_nulls().unique()))
        raise ReaderError(
            f"{path}: no {rating.label} of the requested seasons; it holds {held or 'none'}."
        )
    return kept.with_columns(franchise(pl.col("team")))


def match_ratings(ratings: pl.DataFrame, passers: pl.DataFrame) -> MatchedRatings:
    """Match each rating with its passer where name and team leave one, else say why not.

    A player matches a passer of the same season with the same surname (case, punctuation and
    "Jr." or "III" aside) whose abbreviated first name begins the player's ("Aa.Rodgers" is Aaron
    Rodgers, not Amari). The passer must have played for the team that the rating names.

    Args:
        ratings: What `read_ratings` returned.
        passers: ``season``, ``passer_player_id``, ``passer_player_name`` (as in "A.Rodgers") and
            ``team`` (codes joined by ``/``).
    """
    numbered = ratings.with_row_index("rating").with_columns(
        _first_name(pl.col("player")).alias("first"),
        _surname(pl.col("player")).alias("surname"),
    )
    # "A.Rodgers" is nflverse's form; where two passers share it, it writes "Alex Smith".
    spaced = pl.col("passer_player_name").str.replace(".", " ", literal=True)
    known = passers.select(
        "season",
        "passer_player_id",
        _first_name(spaced).alias("initial"),
        _surname(spaced).alias("surname"),
        pl.col("team").str.split("/").alias("teams"),
    )
    same_name = numbered.join(known, on=["season", "surname"]).filter(
        pl.col("first").str.starts_with(pl.col("initial"))
    )
    same_team = same_name.filter(
        pl.col("team").is_null() | pl.col("teams").list.contains(pl.col("team"))
    )
    names, teams = (
        rows.group_by("rating").len(name) for rows, name in ((same_name, "names"), (same_team, "n"))
    )
    reasons = (
        left_join(left_join(numbered, names, on="rating"), teams, on="rating")
        .with_columns(pl.col("names", "n").fill_null(0))
        .select(
            "rating",
            pl.when(pl.col("names") == 0)
            .then(pl.lit("no passer of this name"))
            .when(pl.col("n") == 0)
            .then(pl.lit("no passer of this name in this team"))
            .when(pl.col("n") > 1)
            .then(pl.lit("several passers of this name"))
            .alias("reason"),
        )
    )
    certain = same_team.join(reasons.filter(pl.col("reason").is_null()), on="rating", how="semi")
    twice = pl.struct("season", "passer_player_id").is_duplicated()
    reasons = reasons.join(certain.filter(twice).select("rating"), on="rating", how="anti")
    repeated = certain.filter(twice).select(
        "rating", pl.lit("several ratings for one passer").alias("reason")
    )
    left_out = pl.concat([reasons.drop_nulls("reason"), repeated])
    return MatchedRatings(
        matched=certain.filter(~twice)
        .sort("season", "passer_player_id")
        .select("season", "passer_player_id", "value"),
        left_out=numbered.join(left_out, on="rating")
        .sort("season", "player")
        .select("season", "player", "team", "reason"),
    )


def _plain(header: str) -> str:
    return header.strip().lower().replace("_", "").replace(" ", "")


def _first_name(name: pl.Expr) -> pl.Expr:
    """Letters of the first word, lower case: "Aaron", "A.J."; "Aa" of "Aa Rodgers"."""
    return _letters(name.str.strip_chars().str.splitn(" ", 2).struct.field("field_0"))


def _surname(name: pl.Expr) -> pl.Expr:
    """Letters after the first word, lower case, without "Jr." and the like."""
    after = name.str.strip_chars().str.splitn(" ", 2).struct.field("field_1")
    return _letters(after.str.replace(r"(?i)[\s,]+(?:jr|sr|ii|iii|iv|v)\.?$", ""))


def _letters(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().str.replace_all(r"[^\p{L}]", "")
