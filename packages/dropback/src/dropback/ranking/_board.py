"""Rank groups of plays by their mean score, and state the uncertainty of each number."""

from __future__ import annotations

from dataclasses import replace
from operator import index
from statistics import median
from typing import TYPE_CHECKING

import polars as pl

from dropback._choices import nearest, parse_names
from dropback._frames import left_join, like, to_polars
from dropback._statistics import NORMAL_90, grouped_means
from dropback.data._field import QUALIFYING_ATTEMPTS_PER_TEAM_GAME
from dropback.errors import RequestError
from dropback.ranking._center import DRIFT, with_measured_drift
from dropback.ranking._comparison import probability_next, rank_summary
from dropback.ranking._filters import PlayFilter
from dropback.ranking._posterior import mean_interval, true_scores
from dropback.ranking._predicate import keep_plays
from dropback.ranking._reliability import reliable_minimum
from dropback.ranking._scale import DisplayScale
from dropback.ranking._splits import (
    default_minimum,
    key_columns,
    parse_split,
    with_splits,
)
from dropback.ranking._units import sum_by_game

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dropback._arrays import Floats
    from dropback._choices import Seasons
    from dropback._frames import FrameT
    from dropback.ranking._filters import Venue
    from dropback.ranking._units import Units

# Attempts that a passer needs: 14 per game of the team (NFL Record and Fact Book), or as many as
# make half of the variance of a mean score skill.
_NFL_RULE = "nfl"
_RELIABLE_RULE = "reliable"
# Null where nothing tells luck from skill: a lone play, or one play in each row and all equal.
_UNKNOWN = ("score_low", "score_high", "shrunk_low", "shrunk_high", "shrunk_sd", "reliability")


def leaderboard(
    scores: FrameT,
    *,
    by: str | Sequence[str] = ("passer", "season"),
    split: str | Mapping[str, str | int] | None = None,
    where: str | None = None,
    min_attempts: int | str | None = None,
    replicates: int = 1000,
    seed: int = 0,
    scale: DisplayScale | None = None,
    center: bool = True,
    team: str | None = None,
    opponent: str | None = None,
    weeks: int | str | Iterable[int] | None = None,
    last: int | None = None,
    venue: Venue | None = None,
    seasons: Seasons | None = None,
) -> FrameT:
    """Rank groups of plays by their mean score.

    Args:
        scores: Play scores, as `score_plays` returns them, in a data frame of polars, pandas,
            pyarrow or DuckDB; ``play_score`` may be any number. With a column ``play_weight``
            (positive) means are weighted by it.
        by: Names among `SPLITS`, several or separated by commas. ``week`` of several seasons is
            that of each ``season``, which is added.
        split: Value of each split to keep plays of: ``{"depth": "deep"}`` or ``"depth=deep"``.
        where: SQL predicate over the columns of `scores`; None keeps all plays.
        min_attempts: Plays a row needs after `split` and `where`; or ``"nfl"``: official
            attempts of 14 per game of the passer's team in each season, counted before `where`,
            so that a qualified passer stays qualified in a split, and over regular-season games
            where `scores` holds any; or ``"reliable"``: `reliable_minimum` of the plays kept; or a
            share such as ``"20%"`` of the plays of the row's team that are kept (in each season
            of the team of most plays, where there are several).
            None is `default_minimum`: ``"nfl"`` for passers over whole seasons, fewer in a split
            of them, 1 without passers.
        replicates: Bootstrap replicates over games, and draws of the true scores.
        seed: Seed of both.
        scale: Scale of the display column; None is `DisplayScale.of` the rows.
        center: Subtract each season's drift from its plays' scores, so that seasons stand side by
            side: the column ``season_drift`` that `score_plays` writes, where there is one.
        team: Keep plays of this team, by any of its codes or names.
        opponent: Keep plays against this team.
        weeks: Keep plays of these weeks: ``3``, ``"10-18"``.
        last: Keep the last so many games of each row (see `PlayFilter`).
        venue: Keep plays at ``home`` or ``away``.
        seasons: Keep plays of these seasons: ``2021``, ``"2018-2020"``.

    Returns:
        One row per group, best first, in a frame of the same library. ``rank``, with the 90 %
        interval ``rank_low`` and ``rank_high`` of the rank of the true score among the rows shown;
        the grouping columns, ``plays``, ``games``; ``score`` (mean), ``score_low``, ``score_high``
        (90 %, see `mean_interval`); ``score_shrunk``, the posterior
        mean of the true score among the rows shown, ``shrunk_low``, ``shrunk_high`` (90 %) and
        ``shrunk_sd``; ``reliability``, the share of the variance of such a mean that is skill;
        ``percentile`` (share of the rows that it beats, %, ties and itself half), ``z`` (in
        standard deviations of the rows), ``display``; ``probability_better_than_next`` and
        ``probability_best``, of the true scores; ``drift``, the mean of what `center` subtracted
        (`season_drifts` has it by season, with its interval); ``better``: ``lower`` where the rows
        are defenses, whose score is what they allow, else ``higher``; ``population``, the number
        of rows, and ``place``, the rank with its population in words ("4 of 32, 2019"). Of
        defenses the lowest score has rank 1; ``percentile``, ``z``, ``display`` and the
        probabilities count being better, not being higher. What no data can tell is null: the
        ``reliability`` of a lone row, or of rows of one play each; intervals too where that is one
        play, or where all such plays are equal.

    Raises:
        RequestError: An unknown grouping, split or team, a predicate that is not SQL or names no
            column, a missing column, a score that is not a number, a play that is there twice, or
            no row left.

    References:
        `mean_interval` for the interval of the score. `posterior` for the
        shrunk score; ranks are those of its joint draws, because the bootstrap adds the luck of
        a second sample to that of the first and puts the extremes too far in the middle.

    Example:
        >>> scores = dropback.score(run, league)
        >>> rows = dropback.leaderboard(scores, by=("passer",), min_attempts=50)
        >>> rows["rank"].is_sorted(), (rows["score_low"] <= rows["score"]).all()
        (True, True)
    """
    table = to_polars(scores)
    table = with_measured_drift(table) if center else table.drop(DRIFT, strict=False)
    by, split = with_season(table, parse_names(by)), parse_split(split)
    keys = key_columns(by)
    if min_attempts is None:
        min_attempts = default_minimum(by, split)
    only = PlayFilter(team, opponent, weeks, last, venue, seasons)
    chosen = keep_plays(table, split=split, where=where)
    grouped = with_splits(chosen, by)
    if grouped.is_empty() and not chosen.is_empty():
        for name in by:
            if with_splits(chosen, [name]).is_empty():
                raise RequestError(
                    f"None of the {chosen.height} plays has a known {name}: column "
                    f"{key_columns([name])[0]!r} says none, so they cannot be ranked by it."
                )
    kept = only.keep(grouped, keys)
    if min_attempts == _NFL_RULE:
        kept = _of_qualified(kept, table)
    units = sum_by_game(kept, keys)
    if min_attempts != _NFL_RULE:
        if (share := _share(min_attempts)) is not None:
            units = units.keep(_shares_of_teams(kept, units.keys, keys) >= share)
        else:
            reliable = min_attempts == _RELIABLE_RULE
            min_attempts = reliable_minimum(kept) if reliable else _whole(min_attempts)
            units = units.keep((units.keys["plays"] >= min_attempts).to_numpy())
    if units.keys.is_empty():
        raise RequestError(
            f"No row is left with min_attempts={min_attempts}, split={split} and "
            f"where={where!r}{f' of {only}' if str(only) else ''}: {kept.height} of "
            f"{table.height} plays met them; ask for less."
        )
    rows = _ranked(
        units,
        keys,
        replicates,
        seed,
        scale or DisplayScale.of(by, split, games=median(units.keys["games"].to_list())),
        lower_is_better=allowed_is_ranked(by),
    )
    shown = ", ".join(
        [
            *(f"{name}={value}" for name, value in split.items()),
            *_stated(where, replace(only, seasons=None)),
        ]
    )
    return like(scores, _placed(rows, kept, shown))


def allowed_is_ranked(by: Sequence[str]) -> bool:
    """Whether the rows are defenses, whose score is what they allow: the lowest is the best.

    Example:
        >>> allowed_is_ranked(("opponent", "season")), allowed_is_ranked(("passer", "opponent"))
        (True, False)
    """
    return "opponent" in by and not {"passer", "team", "receiver"} & set(by)


def _stated(where: str | None, only: PlayFilter) -> list[str]:
    """What else the rows are restricted to, in words."""
    return [*([f"where {where}"] if where else []), *([str(only)] if str(only) else [])]


def _placed(rows: pl.DataFrame, kept: pl.DataFrame, restricted: str) -> pl.DataFrame:
    """Add the population of the ranks, and the place in words: "4 of 32, 2019"."""
    seasons = sorted(kept["season"].unique()) if "season" in kept.columns else []
    span = f", {seasons[0]}" + (f"-{seasons[-1]}" if len(seasons) > 1 else "") if seasons else ""
    among = f"{span}, {restricted}" if restricted else span
    return rows.with_columns(
        population=pl.len().cast(pl.Int64),
        place=pl.format("{} of {}{}", "rank", pl.len(), pl.lit(among)),
    )


def with_season(scores: pl.DataFrame, by: Sequence[str]) -> tuple[str, ...]:
    """The names to group by, with ``season`` before a ``week`` of several seasons.

    Example:
        >>> with_season(pl.DataFrame({"season": [2020, 2021]}), ("passer", "week"))
        ('passer', 'season', 'week')
    """
    names = tuple(by)
    if "week" not in names or "season" in names or "season" not in scores.columns:
        return names
    if scores["season"].n_unique() < 2:
        return names
    place = names.index("week")
    return (*names[:place], "season", *names[place:])


def _ranked(
    units: Units,
    keys: list[str],
    replicates: int,
    seed: int,
    scale: DisplayScale,
    *,
    lower_is_better: bool,
) -> pl.DataFrame:
    rows = units.keys
    means = grouped_means(units.group, units.total, units.weight, replicates=replicates, seed=seed)
    games = rows["games"].to_numpy()
    belief = true_scores(units)
    low, high = mean_interval(rows["score"].to_numpy(), means, games, belief.variance)
    sign = -1 if lower_is_better else 1
    rank_low, rank_high, best = rank_summary(sign * belief.draws(replicates, seed=seed))
    rows = rows.with_columns(
        score_low=low,
        score_high=high,
        score_shrunk=belief.mean,
        shrunk_low=belief.mean - NORMAL_90 * belief.sd,
        shrunk_high=belief.mean + NORMAL_90 * belief.sd,
        shrunk_sd=belief.sd,
        reliability=belief.reliability,
        rank_low=rank_low,
        rank_high=rank_high,
        probability_best=best,
    )
    rows = rows.with_columns(pl.col(*_UNKNOWN).fill_nan(None)).sort(
        "score", descending=not lower_is_better, maintain_order=True
    )
    deviation = rows["score"].std() if rows.height > 1 else None
    better = sign * pl.col("score")
    return rows.select(
        better.rank("min", descending=True).cast(pl.Int64).alias("rank"),
        "rank_low",
        "rank_high",
        *keys,
        "plays",
        "games",
        *("score", "score_low", "score_high"),
        *("score_shrunk", "shrunk_low", "shrunk_high", "shrunk_sd", "reliability"),
        (100 * (better.rank("average") - 0.5) / pl.len()).alias("percentile"),
        # A lone row, or rows that are all equal, have no standard deviation to be measured in.
        ((better - better.mean()) / (deviation or None)).alias("z"),
        scale(0.5 + sign * (pl.col("score") - 0.5)).alias("display"),
        probability_next(sign * rows["score_shrunk"].to_numpy(), rows["shrunk_sd"].to_numpy())
        .fill_nan(None)
        .alias("probability_better_than_next"),
        "probability_best",
        "drift",
        pl.lit("lower" if lower_is_better else "higher").alias("better"),
    )


def _of_qualified(kept: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Keep the plays of passer-seasons with 14 official attempts per team game."""
    season = ["passer_player_id", "season"]
    needed = [*season, "season_type", "posteam", "game_id", "official_attempts", "team_games"]
    if missing := [name for name in needed if name not in scores.columns]:
        raise RequestError(
            f"The rule min_attempts='nfl' needs the columns {', '.join(missing)}, which the play "
            "scores lack: give a number of attempts."
        )
    regular = scores.filter(pl.col("season_type") == "REG")
    # The games of all weeks here, where each week was scored alone and knows of one; those that
    # each play remembers, where plays were taken out.
    here = pl.col("game_id").n_unique().over("season", "posteam").cast(pl.Int64)
    qualified = (
        (scores if regular.is_empty() else regular)
        .with_columns(pl.max_horizontal("team_games", here).alias("team_games"))
        .group_by(*season, "game_id")
        .agg(pl.col("official_attempts", "team_games").max())
        .group_by(season)
        .agg(pl.col("official_attempts").sum(), pl.col("team_games").max())
        .filter(
            pl.col("official_attempts") >= QUALIFYING_ATTEMPTS_PER_TEAM_GAME * pl.col("team_games")
        )
    )
    return kept.join(qualified, on=season, how="semi")


def _share(min_attempts: int | str) -> float | None:
    """A share of the team's plays that is given as a percentage, else None."""
    if not isinstance(min_attempts, str) or not min_attempts.strip().endswith("%"):
        return None
    try:
        percent = float(min_attempts.strip()[:-1])
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise RequestError(f"A share must be from 0% to 100%, got {min_attempts!r}.")
    return percent / 100


def _shares_of_teams(kept: pl.DataFrame, rows: pl.DataFrame, keys: Sequence[str]) -> Floats:
    """Share of each row in the plays of its team, shape ``(K,)``."""
    identity = [name for name in keys if not name.endswith("_name")]
    team = ["season", "posteam"]
    own = kept.select(*dict.fromkeys([*identity, *team])).unique()
    most = (
        own.join(kept.group_by(team).agg(pl.len().alias("of_team")), on=team)
        .group_by(*dict.fromkeys([*identity, "season"]))
        .agg(pl.col("of_team").max())
        .group_by(identity)
        .agg(pl.col("of_team").sum())
    )
    joined = left_join(rows.select(*identity, "plays"), most, on=identity)
    return (joined["plays"] / joined["of_team"]).to_numpy()


def _whole(min_attempts: int | str) -> int:
    try:
        attempts = int(min_attempts) if isinstance(min_attempts, str) else index(min_attempts)
    except (TypeError, ValueError):
        attempts = -1
    if attempts < 0 or isinstance(min_attempts, bool):
        raise RequestError(
            "min_attempts must be a share like '20%', a whole number of at least 0, 'nfl' or "
            f"'reliable', got {min_attempts!r}."
            f"{nearest(min_attempts, (_NFL_RULE, _RELIABLE_RULE))}"
        )
    return max(1, attempts)
