"""Read plays until a week, reduce them to careers, and write one row a passer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback._choices import season_list
from dropback._frames import left_join, like, to_polars
from dropback._statistics import NORMAL_90, codes
from dropback.data._columns import Column, conform
from dropback.data._table_files import read_table
from dropback.data._tables import PLAY_KEY, repeated_plays
from dropback.errors import ReaderError, RequestError
from dropback.projection._model import (
    PROJECTION,
    Career,
    ProjectionSettings,
    project_careers,
)
from dropback.scoring import opponent_effects

if TYPE_CHECKING:
    from dropback._arrays import Floats
    from dropback._files import AnyPath
    from dropback._frames import FrameT

# Plays of an average defense that what a defense allows is shrunk by, as in `qb_score`.
_OPPONENT_PLAYS = 300.0
# Fewer plays in a season are those of a receiver's trick passes.
FEWEST_PLAYS = 10
"""Plays of a season that counts in a career."""
# A full season of a starter: the median of qualified passers' plays, 2009-2016.
SEASON_PLAYS = 550
"""Plays that the interval of next season's mean is stated for."""

NEEDED = ("game_id", "season", "week", "passer_player_id", "defteam", "epa")
"""Columns of the plays that a projection is made from."""
# Weeks with playoffs; a later one is asked for where the plays themselves have it.
_LAST_WEEK = 22
_UNDRAFTED = 300  # one round after the last of 262 picks
_AVERAGE_PICK = 80
_PRIME_AGE = 28
# Others are those of a placeholder such as 1900-01-01.
_AGES = (16, 60)
_PEOPLE = (
    Column("player_id", pl.String),
    Column("draft", pl.Float64, required=False),
    Column("birth_date", pl.String, required=False),
)
_AS_OF = re.compile(r"(\d{4})(?:-(\d{1,2}))?")


def as_of_week(text: str) -> tuple[int, int | None]:
    """Season and week of a text such as ``2023-10``; ``2023`` is the whole season (week None).

    Raises:
        RequestError: Anything else.

    Example:
        >>> as_of_week("2023-10"), as_of_week("2023")
        ((2023, 10), (2023, None))
    """
    found = _AS_OF.fullmatch(text.strip())
    if not found or found[2] in {"0", "00"}:
        raise RequestError(
            f"as_of must be a season, or a season and a week from 1, like 2023 or 2023-10, got "
            f"{text!r}."
        )
    return int(found[1]), int(found[2]) if found[2] else None


def season_values(plays: pl.DataFrame) -> pl.DataFrame:
    """Each passer's season: means over plays, less the league's and what defenses allow.

    Args:
        plays: One row per play: ``game_id``, ``season``, ``week``, ``passer_player_id``,
            ``defteam``, ``epa``; ``mid_cdf`` of throws, where there is one.

    Returns:
        By passer and season: ``passer_player_id``, ``season``, ``plays``, ``epa`` (per play),
        ``throws``, ``throw`` (mean mid-CDF; null without a throw), all of the plays given.
    """
    table = (
        plays
        if "mid_cdf" in plays.columns
        else plays.with_columns(mid_cdf=pl.lit(None, pl.Float64))
    )
    value = _without_opponents(table, "epa")
    throws = table.filter(pl.col("mid_cdf").is_not_null())
    keys = ["passer_player_id", "season"]
    rows = (
        table.with_columns(value=value)
        .group_by(keys)
        .agg(pl.len().cast(pl.Int64).alias("plays"), pl.col("value").mean().alias("epa"))
    )
    if throws.is_empty():
        thrown = pl.DataFrame(
            schema={
                "passer_player_id": pl.String,
                "season": pl.Int64,
                "throws": pl.Int64,
                "throw": pl.Float64,
            }
        )
    else:
        thrown = (
            throws.with_columns(value=_without_opponents(throws, "mid_cdf"))
            .group_by(keys)
            .agg(pl.len().cast(pl.Int64).alias("throws"), pl.col("value").mean().alias("throw"))
        )
    return (
        left_join(rows, thrown, on=keys)
        .with_columns(pl.col("throws").fill_null(0))
        .sort("passer_player_id", "season")
    )


def _without_opponents(plays: pl.DataFrame, column: str) -> pl.Series:
    season = codes(plays["season"])
    values = plays[column].cast(pl.Float64).to_numpy()
    centered = values - (np.bincount(season, values) / np.bincount(season))[season]
    centered = centered - opponent_effects(
        centered,
        season=season,
        passer=codes(plays.select("season", "passer_player_id")),
        defense=codes(plays.select("season", "defteam")),
        game=codes(plays.select("game_id", "defteam")),
        ridge=_OPPONENT_PLAYS,
    )
    return pl.Series(column, centered)


def career_table(values: pl.DataFrame, roster: pl.DataFrame | None = None) -> dict[str, Career]:
    """Careers by passer, of seasons with at least ten plays.

    Args:
        values: What `season_values` returned.
        roster: What `read_birth_and_draft` returned; None knows no draft position and no age.
    """
    first = values["season"].min()
    careers = {}
    known = {} if roster is None else {row["player_id"]: row for row in roster.to_dicts()}
    kept = values.filter(pl.col("plays") >= FEWEST_PLAYS).sort("passer_player_id", "season")
    for (passer,), rows in kept.group_by("passer_player_id", maintain_order=True):
        seasons = rows["season"].to_numpy().astype(np.int64)
        careers[str(passer)] = Career(
            seasons,
            rows.select("epa", pl.col("throw").fill_null(np.nan)).to_numpy(),
            rows.select("plays", "throws").to_numpy().astype(float),
            veteran=bool(seasons[0] == first),
            traits=_traits(known.get(str(passer)), seasons),
        )
    return careers


def _traits(row: dict[str, object] | None, seasons: np.ndarray) -> Floats:
    """Logarithm of the draft position, age over 28 and its square; 0 where unknown."""
    years = np.append(seasons, seasons[-1] + 1).astype(float)
    traits = np.zeros((len(years), 3))
    if row is None:
        return traits
    if row["draft"] is not None:
        traits[:, 0] = np.log(float(row["draft"]) / _AVERAGE_PICK)  # type: ignore[arg-type]
    if row["birth_year"] is not None:
        age = years + 2 / 3 - float(row["birth_year"])  # type: ignore[arg-type]
        over = np.where((age > _AGES[0]) & (age < _AGES[1]), age - _PRIME_AGE, np.nan)
        # Less the mean square of ages from 22 to 38, so that an unknown age is an average one.
        traits[:, 1], traits[:, 2] = np.nan_to_num(over), np.nan_to_num(over**2 - 28.0)
    return traits


def read_birth_and_draft(path: AnyPath) -> pl.DataFrame:
    """Read ages and draft positions from nflverse's players or rosters.

    Args:
        path: Parquet or CSV with ``gsis_id`` (or ``player_id``) and any of ``birth_date``,
            ``draft_number``, ``draft_pick`` and ``rookie_year`` or ``entry_year``.

    Returns:
        ``player_id``, ``draft`` (300 for a known player who was not drafted; null where the file
        has no such column), ``birth_year`` (with the month as a fraction).

    Raises:
        ReaderError: No file, no id, or neither of the columns; a draft position below 1, or no
            birth date that is written like 1995-09-17.
    """
    raw = read_table(path)
    key = next((name for name in ("gsis_id", "player_id") if name in raw.columns), None)
    pick = next((name for name in ("draft_number", "draft_pick") if name in raw.columns), None)
    if key is None or (pick is None and "birth_date" not in raw.columns):
        raise ReaderError(
            f"{path}: a roster must have 'gsis_id', and 'birth_date' or 'draft_number'; it has "
            f"{', '.join(raw.columns)}."
        )
    born = pl.col("birth_date").cast(pl.String) if "birth_date" in raw.columns else pl.lit(None)
    named = raw.select(
        pl.col(key).alias("player_id"),
        (pl.lit(None) if pick is None else pl.col(pick)).alias("draft"),
        born.alias("birth_date"),
    )
    table = conform(named, _PEOPLE, origin=str(path), keys=("player_id",), kind="a roster")
    if (bad := table.filter(pl.col("draft") < 1)).height:
        raise ReaderError(
            f"{path}: {pick} must be 1 or more, or empty where a player was not drafted, but is "
            f"{bad['draft'][0]:g} for {bad['player_id'][0]}."
        )
    date = pl.col("birth_date")
    year, month = (
        date.str.extract(pattern).cast(pl.Float64)
        for pattern in (r"^(\d{4})-\d{2}", r"^\d{4}-(\d{2})")
    )
    dates = table["birth_date"].drop_nulls()
    if len(dates) and not dates.str.contains(r"^\d{4}-\d{2}").any():
        raise ReaderError(f"{path}: birth_date must be like 1995-09-17, but is {dates[0]!r}.")
    return (
        table.select(
            "player_id",
            pl.col("draft") if pick is None else pl.col("draft").fill_null(_UNDRAFTED),
            (year + (month - 1) / 12).alias("birth_year"),
        )
        .drop_nulls("player_id")
        .unique("player_id", keep="last", maintain_order=True)
    )


def plays_until(plays: pl.DataFrame, as_of: str | int) -> tuple[pl.DataFrame, int, int]:
    """Plays to the end of a week, and its season and week.

    Plays without a passer or an EPA are left out.

    Raises:
        RequestError: A column is missing or holds what no play has, no play is so early, or none
            is of the season, or the week is one that no season has.
    """
    season, week = as_of_week(str(as_of))
    known = _known_plays(plays)
    at = pl.col("season") == season
    until = at if week is None else at & (pl.col("week") <= week)
    kept = known.filter((pl.col("season") < season) | until)
    if kept.is_empty():
        if known.is_empty():
            raise RequestError(
                f"None of the {plays.height} plays has both a passer and an EPA, which a "
                "projection is made from."
            )
        first = known.select("season", "week").sort("season", "week")
        begins = "-".join(map(str, first.row(0)))
        raise RequestError(
            f"as_of {as_of} is before the data, which begin with {begins}: ask for a later week."
        )
    held = known["season"].unique().sort()
    if season not in held:
        raise RequestError(
            f"as_of {as_of} is not among the plays, which hold {season_list(held)}: ask for "
            "one of these seasons."
        )
    last = int(known.filter(at)["week"].max() or 0)  # type: ignore[arg-type]
    if (week or 0) > max(last, _LAST_WEEK):
        raise RequestError(
            f"as_of {as_of} is after the season: weeks go to {_LAST_WEEK}, with playoffs, and the "
            f"plays of {season} to {last}; ask for {season}."
        )
    return kept, season, week or last


def _known_plays(plays: pl.DataFrame) -> pl.DataFrame:
    """The plays with a passer and an EPA, each once, with numbers where numbers must be."""
    if missing := [name for name in NEEDED if name not in plays.columns]:
        raise RequestError(
            f"A projection needs plays with {', '.join(map(repr, missing))}, which the table "
            f"lacks; it has {', '.join(plays.columns)}. Give qb_plays.parquet of 'dropback "
            "seasons', or its folder."
        )
    numbers = plays.with_columns(
        pl.col("season", "week").cast(pl.Int64, strict=False),
        pl.col("epa").cast(pl.Float64, strict=False),
    )
    for name in ("season", "week", "epa"):
        good = numbers[name].is_finite() if name == "epa" else numbers[name].is_not_null()
        if name == "epa":
            good |= plays[name].is_null()  # a play that no model values
        if not good.fill_null(value=False).all():
            bad = plays.filter(~good.fill_null(value=False))
            raise RequestError(
                f"{name} must be a {'finite' if name == 'epa' else 'whole'} number in every play, "
                f"but is {bad[name][0]} in {bad.height} of {plays.height} plays, first in game "
                f"{bad['game_id'][0]}."
            )
    known = numbers.filter(
        pl.col("epa").is_not_null() & (pl.col("passer_player_id").cast(pl.String) != "")
    )
    if set(PLAY_KEY) <= set(known.columns) and (twice := repeated_plays(known)).height:
        game, play = twice.select(PLAY_KEY).row(0)
        raise RequestError(
            f"Each play must be there once, but game {game}, play {play} is there twice "
            f"({twice.height} such rows): keep one table of each week, or drop the repeated rows."
        )
    return known


def project_passers(
    plays: FrameT,
    as_of: str | int,
    *,
    roster: pl.DataFrame | None = None,
    next_plays: int = SEASON_PLAYS,
    settings: ProjectionSettings = PROJECTION,
) -> FrameT:
    """Project every passer of a season or of the one before, from all plays until a week.

    Nothing after the week is read: defenses, the league's mean and careers are those of that day.

    Args:
        plays: One row per play of a quarterback, see `season_values`, in a data frame of any
            library; ``posteam`` and ``passer_player_name`` are shown.
        as_of: Season, or season and week, like ``2023-10``: to the end of that week.
        roster: What `read_birth_and_draft` returned.
        next_plays: Plays of the season that `next_low` and `next_high` are stated for.
        settings: Parameters.

    Returns:
        Best first: ``rank``, ``population`` (rows), ``passer_player_id``, ``passer_player_name``,
        ``team`` (of the last play), ``season``, ``week``, ``experience`` (seasons with ten plays
        or more in the table), ``plays`` (in all), ``season_plays``; ``projection``, the expected
        true EPA per play over the league in the season after, ``projection_low``,
        ``projection_high`` (90 % of its posterior) and ``projection_sd``; ``now``, ``now_low``,
        ``now_high``, ``now_sd``, the same of the season itself; ``next_low`` and ``next_high``,
        90 % of the mean over `next_plays` plays of the season after.

    Raises:
        RequestError: See `plays_until`; or no passer has ten plays in a season.
    """
    kept, season, week = plays_until(to_polars(plays, what="Plays"), as_of)
    careers = career_table(season_values(kept), roster)
    shown = [key for key, career in careers.items() if career.seasons[-1] >= season - 1]
    if not shown:
        raise RequestError(
            f"No passer has {FEWEST_PLAYS} plays in {season - 1} or {season} to the end of week "
            f"{week}: ask for a later week."
        )
    found = project_careers(list(careers.values()), season, settings)
    place = {key: index for index, key in enumerate(careers)}
    at = [place[key] for key in shown]
    chosen = [careers[key] for key in shown]
    noise = settings.play_sd[0] ** 2 / next_plays
    following, sd = found.following[at], found.following_sd[at]
    now, now_sd = found.now[at], found.now_sd[at]
    reach = NORMAL_90 * np.sqrt(sd**2 + noise)
    rows = pl.DataFrame(
        {
            "passer_player_id": shown,
            "season": season,
            "week": week,
            "experience": [len(career.seasons) for career in chosen],
            "plays": [int(career.plays[:, 0].sum()) for career in chosen],
            "season_plays": [
                int(career.plays[career.seasons == season, 0].sum()) for career in chosen
            ],
            "projection": following,
            "projection_low": following - NORMAL_90 * sd,
            "projection_high": following + NORMAL_90 * sd,
            "projection_sd": sd,
            "now": now,
            "now_low": now - NORMAL_90 * now_sd,
            "now_high": now + NORMAL_90 * now_sd,
            "now_sd": now_sd,
            "next_low": following - reach,
            "next_high": following + reach,
        }
    )
    rows = left_join(rows, _shown(kept), on="passer_player_id")
    rows = rows.sort("projection", "passer_player_id", descending=[True, False]).with_columns(
        rank=pl.col("projection").rank("min", descending=True).cast(pl.Int64),
        population=pl.len().cast(pl.Int64),
    )
    first = ["rank", "population", "passer_player_id", "passer_player_name", "team"]
    return like(plays, rows.select(*first, pl.exclude(first)))


def _shown(plays: pl.DataFrame) -> pl.DataFrame:
    """The newest name and team of each passer."""
    parts = {"passer_player_name": "passer_player_name", "posteam": "team"}
    ordered = plays.sort("season", "week", maintain_order=True)
    return ordered.group_by("passer_player_id", maintain_order=True).agg(
        (
            pl.col(name).drop_nulls().last() if name in plays.columns else pl.lit(None, pl.String)
        ).alias(shown)
        for name, shown in parts.items()
    )
