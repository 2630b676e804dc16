"""Rank passers as analysts read them: full names, and EPA, CPOE, ANY/A, rating beside the score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from dropback._choices import parse_names
from dropback._frames import left_join, like, to_polars
from dropback.data._games import read_games
from dropback.data._outcomes import single_plays
from dropback.data._play_by_play import read_play_by_play
from dropback.data._play_context import at_home
from dropback.data._rosters import read_roster
from dropback.data._selection import FIRST_SEASON_WITH_RECEIVERS, select_plays
from dropback.data._tables import PLAY_KEY, PlaySet
from dropback.data._teams import under_ids_of
from dropback.errors import DropbackError, RequestError
from dropback.evaluation.comparison import METRICS, passer_metrics, passing_plays
from dropback.evaluation.comparison import completion_over_expected as completion_over_our_expected
from dropback.expected_points import (
    expected_points_added,
    load_expected_points,
    recorded_epa,
)
from dropback.ranking import (
    PlayFilter,
    compare_passers,
    find_person,
    game_log,
    keep_plays,
    leaderboard,
    list_people,
    parse_split,
    with_decisions,
)
from dropback.ranking._board import with_season
from dropback.ranking._splits import key_columns, with_splits
from dropback.workflows._passer_tables import read_decisions
from dropback.workflows._store import has_store, open_score_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from narwhals.stable.v2.typing import IntoFrame

    from dropback._files import AnyPath
    from dropback._frames import FrameT
    from dropback.data._play_by_play import PlayByPlaySource
    from dropback.ranking import Person, Versus

# Columns of play-by-play that tables are split by, beside those of `passing_plays`.
_CONTEXT = ("qtr", "down", "air_yards", "pass_location", "score_differential")
_RECEIVER = ("receiver_player_id", "receiver_player_name")
# nflverse leaves single throws without a completion probability, whole seasons before 2006.
_RECORDED_SHARE = 0.9
_IGNORED = ("games", "passer_player_name")


def _silent(_: str) -> None:
    """Tell nobody."""


def read_passing(
    source: PlayByPlaySource,
    scores: pl.DataFrame,
    *,
    expected_points: AnyPath | None = None,
    on_note: Callable[[str], None] = _silent,
) -> pl.DataFrame:
    """Read what the older metrics count in the games of play scores: attempts, sacks, scrambles.

    Args:
        source: Play-by-play, as for `read_play_by_play`.
        scores: Play scores: their games are kept.
        expected_points: Folder of an expected-points model; None takes nflverse's EPA.
        on_note: Called with a sentence about each column that comes from elsewhere or is absent.

    Returns:
        What `passing_plays` returns, with the columns that tables are split by and
        ``completion_over_expected``: nflverse's ``cpoe`` / 100, else ours (then
        ``cpoe_is_ours``).

    Raises:
        ReaderError: As `read_play_by_play`.
        RequestError: No game of the scores is there.
    """
    seasons = sorted(scores["season"].unique())
    every = under_ids_of(read_play_by_play(source, seasons=seasons), scores["game_id"])
    of_scores = every.filter(pl.col("game_id").is_in(scores["game_id"].unique().implode()))
    rows = single_plays(of_scores)
    if rows.is_empty():
        raise RequestError(
            "None of the games of the scores is in the play-by-play: name that of the same seasons."
        )
    if recorded_epa(rows) is not None:
        epa = expected_points_added(rows)
    elif expected_points is not None:
        epa = expected_points_added(rows, load_expected_points(expected_points))
        on_note("EPA is by our own expected points: the play-by-play has no epa.")
    else:
        epa = None
        on_note(
            "No EPA: the play-by-play has no epa for all seasons; name a model that "
            "'dropback seasons' or 'dropback train --outcome epa' wrote with --expected-points."
        )
    passing = passing_plays(rows, epa)
    context = rows.select(
        *PLAY_KEY,
        *_CONTEXT,
        *_RECEIVER,
        at_home(),
        (pl.col("shotgun") == 1).alias("shotgun"),
        "desc",
    )
    passing = left_join(passing, context, on=PLAY_KEY)
    return left_join(passing, _over_expected(rows, every, on_note), on=PLAY_KEY)


def _over_expected(
    rows: pl.DataFrame, every: pl.DataFrame, on_note: Callable[[str], None]
) -> pl.DataFrame:
    """Completion over expected of each throw, nflverse's or ours."""
    throws = pl.col("receiver_player_id").is_not_null() & (pl.col("play_type") == "pass")
    known = rows.filter(throws)["cpoe"].is_not_null().mean()
    if known is not None and float(known) >= _RECORDED_SHARE:  # type: ignore[arg-type]  # of flags
        return rows.select(
            *PLAY_KEY,
            (pl.col("cpoe") / 100).alias("completion_over_expected"),
            pl.lit(value=False).alias("cpoe_is_ours"),
        )
    early = int(every["season"].min()) < FIRST_SEASON_WITH_RECEIVERS  # type: ignore[arg-type]
    play_set = PlaySet.ATTEMPTS if early else PlaySet.TARGETED
    try:
        selected = select_plays(every, plays=play_set, games="all").plays
        found = completion_over_our_expected(selected)
    except DropbackError as reason:
        on_note(f"No CPOE: the play-by-play has no cpoe, and ours cannot be fitted. {reason}")
        return rows.head(0).select(
            *PLAY_KEY,
            pl.lit(None, pl.Float64).alias("completion_over_expected"),
            pl.lit(value=True).alias("cpoe_is_ours"),
        )
    on_note(
        "CPOE is ours, from completion probabilities fitted on other games of these seasons: the "
        "play-by-play has no cpoe."
    )
    return found.with_columns(pl.lit(value=True).alias("cpoe_is_ours"))


def passing_stats(passing: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """The older metrics of each group of passing plays.

    Args:
        passing: What `read_passing` returned, or its rows that are kept.
        by: Columns of a group.

    Returns:
        The group, ``dropbacks``, ``attempts``, ``completions``, ``passing_yards``,
        ``touchdowns``, ``interceptions``, ``sacks``, then ``epa_per_dropback``,
        ``success_rate``, ``cpoe`` (``cpoe_ours`` where it is ours), ``any_a`` and
        ``passer_rating``; a metric that no play has is left out.
    """
    names = ("epa_per_dropback", "success_rate", "cpoe", "any_a", "passer_rating")
    table = passer_metrics(passing, by=by, metrics={name: METRICS[name] for name in names})
    absent = [name for name in names if table[name].null_count() == table.height]
    ours = {"cpoe": "cpoe_ours"} if passing["cpoe_is_ours"].any() else {}
    totals = [name for name in table.columns if name not in {*by, *_IGNORED, "sack_yards"}]
    return table.select(*by, *totals).drop(absent).rename(ours, strict=False)


def passing_board(
    scores: FrameT,
    *,
    play_by_play: PlayByPlaySource | None = None,
    roster: AnyPath | IntoFrame | None = None,
    expected_points: AnyPath | None = None,
    decisions: AnyPath | None = None,
    on_note: Callable[[str], None] = _silent,
    **options: Any,  # noqa: ANN401  # of `leaderboard`
) -> FrameT:
    """Rank groups of plays as `leaderboard` does, with what analysts read beside the score.

    Args:
        scores: Play scores, in a data frame of any library.
        play_by_play: Play-by-play of the same seasons, whose EPA, CPOE, rating, ANY/A and sacks
            are joined by game and play; None takes EPA and success rate of the scored plays,
            where the scores have ``epa``.
        roster: A file or frame with nflverse's columns of players or rosters, for full names and
            positions; see `read_roster`.
        expected_points: Folder of an expected-points model, where the play-by-play has no EPA.
        decisions: File of ``dropback decisions``, whose numbers are joined to the rows of each
            split; see `with_decisions`.
        on_note: Called with a sentence about each column that comes from elsewhere or is absent.
        options: Of `leaderboard`: ``by``, ``split``, ``team``, ``weeks``, ``last``, ...

    Returns:
        The leaderboard, and behind its columns ``team`` (of the last game), ``full_name`` and
        ``position`` where a roster is given, and the columns of `passing_stats`. With a ``split``
        or ``where`` they are of the scored plays alone, without sacks.

    Raises:
        ReaderError: As `read_play_by_play` and `read_roster`.
        RequestError: As `leaderboard`, or no game of the scores is in the play-by-play.

    Example:
        >>> scores = dropback.score(run, league)
        >>> rows = dropback.passing_board(scores, play_by_play=league, by="passer", last=2)
        >>> rows.columns[-6:]
        ['interceptions', 'sacks', 'cpoe_ours', 'any_a', 'passer_rating', 'team']
    """
    table = to_polars(scores)
    rows = leaderboard(table, **options)
    by = with_season(table, parse_names(options.get("by", ("passer", "season"))))
    keys = key_columns(by)
    identity = [name for name in keys if not name.endswith("_name")]
    only = PlayFilter(
        *(options.get(name) for name in ("team", "opponent", "weeks", "last", "venue", "seasons"))
    )
    split, where = parse_split(options.get("split")), options.get("where")
    scored = only.keep(with_splits(keep_plays(table, split=split, where=where), by), keys)
    if play_by_play is not None:
        passing = read_passing(
            play_by_play, table, expected_points=expected_points, on_note=on_note
        )
        if split or where is not None:
            passing = passing.join(scored, on=PLAY_KEY, how="semi")
            on_note("Beside the score: the scored plays alone, without sacks and throw-aways.")
        kept = only.keep(with_splits(passing, by), keys)
        rows = left_join(rows, passing_stats(kept, identity), on=identity)
    elif "epa" in scored.columns and scored["epa"].null_count() == 0:
        rows = left_join(rows, _scored_epa(scored, identity), on=identity)
        on_note("EPA is of the scored plays alone; --pbp adds sacks, CPOE, ANY/A and rating.")
    if decisions is not None:
        judged = only.keep(read_decisions(decisions), keys)
        rows = with_decisions(rows, judged, by=by, split=split, where=where)
        on_note(
            f"Decision, execution and time are of {rows['decision_plays'].sum():,} tracked throws."
        )
    rows = _with_team(rows, scored, identity)
    for role in ("passer", "receiver"):
        if roster is not None and f"{role}_player_id" in identity:
            rows = with_names(rows, roster, role, on_note)
            break
    return like(scores, rows)


def player_games(
    scores: pl.DataFrame,
    player: str,
    *,
    only: PlayFilter | None = None,
    role: str = "passer",
    games: Path | None = None,
    play_by_play: PlayByPlaySource | None = None,
    roster: AnyPath | IntoFrame | None = None,
    expected_points: AnyPath | None = None,
    on_note: Callable[[str], None] = _silent,
) -> tuple[Person, pl.DataFrame]:
    """The game log of the player that a name means, with `passing_stats` of each game.

    Args:
        scores: Play scores.
        player: As for `find_person`.
        only: Plays to keep.
        role: ``passer`` or ``receiver``.
        games: As for `read_results`.
        play_by_play: As for `passing_board`.
        roster: As for `read_roster`.
        expected_points: As for `passing_board`.
        on_note: As for `passing_board`.

    Returns:
        The player, and what `game_log` returns with the columns of `passing_stats`.

    Raises:
        RequestError: Nobody or several are meant, or no play is left.
        ReaderError: As the readers.
    """
    names = None if roster is None else read_roster(roster)
    person = find_person(list_people(scores, names, role=role), player, role=role)
    key = f"{role}_player_id"
    kept = (only or PlayFilter()).keep(scores, [key])
    results = read_results(games, play_by_play, sorted(kept["season"].unique()))
    if results is None:
        on_note("No results: name a table of games with --games.")
    log = game_log(kept, person.id, games=results, role=role)
    if play_by_play is not None:
        own = scores.filter(pl.col("game_id").is_in(log["game_id"].implode()))
        passing = read_passing(
            play_by_play, own, expected_points=expected_points, on_note=on_note
        ).filter(pl.col(key) == person.id)
        log = left_join(log, passing_stats(passing, ["game_id"]), on="game_id")
    return person, log


def compare_players(
    scores: pl.DataFrame,
    first: str,
    second: str,
    *,
    only: PlayFilter | None = None,
    split: str | None = None,
    where: str | None = None,
    play_by_play: PlayByPlaySource | None = None,
    roster: AnyPath | IntoFrame | None = None,
    expected_points: AnyPath | None = None,
    seed: int = 0,
    on_note: Callable[[str], None] = _silent,
) -> tuple[Versus, pl.DataFrame]:
    """Compare the two passers that names mean.

    Args:
        scores: Play scores.
        first: As for `find_person`.
        second: As for `find_person`.
        only: Plays to keep.
        split: As for `leaderboard`.
        where: As for `leaderboard`.
        play_by_play: As for `passing_board`.
        roster: As for `read_roster`.
        expected_points: As for `passing_board`.
        seed: Of the bootstrap.
        on_note: As for `passing_board`.

    Returns:
        What `compare_passers` returns, and its rows with ``probability_better``, the difference
        and its interval, ``full_name`` and ``position``, and the columns of `passing_stats`.

    Raises:
        RequestError: Nobody or several are meant, or one has no play that is kept.
        ReaderError: As the readers.
    """
    names = None if roster is None else read_roster(roster)
    people = list_people(scores, names)
    pair = [find_person(people, text).id for text in (first, second)]
    chosen = only or PlayFilter()
    kept = chosen.keep(keep_plays(scores, split=split, where=where), ["passer_player_id"])
    found = compare_passers(kept, *pair, seed=seed)
    chance, difference = found.probability, found.difference
    rows = found.rows.with_columns(
        pl.Series("probability_better", [chance, 1 - chance]),
        pl.Series("difference", [difference, -difference]),
        pl.Series("difference_low", [found.low, -found.high]),
        pl.Series("difference_high", [found.high, -found.low]),
    )
    if play_by_play is not None:
        passing = read_passing(play_by_play, kept, expected_points=expected_points, on_note=on_note)
        if split or where is not None:
            passing = passing.join(kept, on=PLAY_KEY, how="semi")
        passing = chosen.keep(passing, ["passer_player_id"])
        stats = passing_stats(passing, ["passer_player_id"])
        rows = left_join(rows, stats, on="passer_player_id")
    rows = _with_team(rows, kept, ["passer_player_id"])
    return found, rows if names is None else with_names(rows, names, "passer", on_note)


def _scored_epa(scored: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    return scored.group_by(by).agg(
        pl.col("epa").mean().alias("epa_per_dropback"),
        (pl.col("epa") > 0).mean().alias("success_rate"),
    )


def _with_team(rows: pl.DataFrame, plays: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Add the team of each row's last game; nothing where rows are no person's."""
    if not {"passer_player_id", "receiver_player_id"} & set(by):
        return rows
    last = plays.sort("season", "week", "game_id").group_by(by).agg(pl.col("posteam").last())
    return left_join(rows, last.rename({"posteam": "team"}), on=list(by))


def with_names(
    rows: pl.DataFrame,
    roster: AnyPath | IntoFrame,
    role: str = "passer",
    on_note: Callable[[str], None] = _silent,
) -> pl.DataFrame:
    """Add ``full_name`` and ``position`` of each row's player from a roster.

    Args:
        rows: A table with ``<role>_player_id``.
        roster: As for `read_roster`.
        role: ``passer`` or ``receiver``.
        on_note: Called with a sentence where the roster lacks players.
    """
    names = read_roster(roster).select(
        pl.col("player_id").alias(f"{role}_player_id"), "full_name", "position"
    )
    found = left_join(rows, names, on=f"{role}_player_id")
    if missing := found["full_name"].null_count():
        on_note(f"{missing} of {rows.height} rows are of players whom the roster does not know.")
    short = pl.col(f"{role}_player_name") if f"{role}_player_name" in rows.columns else pl.lit(None)
    return found.with_columns(pl.col("full_name").fill_null(short))


def under_full_names(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose passers bear their full names, where a roster knows them."""
    if "full_name" not in rows.columns:
        return rows
    return rows.with_columns(passer_player_name=pl.coalesce("full_name", "passer_player_name"))


def roster_of(scores: AnyPath, roster: AnyPath | None) -> AnyPath | pl.DataFrame | None:
    """The roster that is given, else that of the store where `scores` is a folder with one."""
    if roster is not None or not has_store(scores):
        return roster
    return open_score_store(scores).roster()


def read_results(
    games: Path | None, play_by_play: PlayByPlaySource | None, seasons: Sequence[int]
) -> pl.DataFrame | None:
    """Final scores, from a table of games or from nflverse's columns of the play-by-play.

    Returns:
        ``game_id``, ``home_team``, ``away_team``, ``home_score``, ``away_score``, ``final``;
        None where neither source has them.

    Raises:
        ReaderError: As `read_games` and `read_play_by_play`.
    """
    if games is not None:
        return read_games(games)
    if play_by_play is None:
        return None
    scores = ("home_score", "away_score")
    rows = read_play_by_play(play_by_play, seasons=list(seasons))
    table = rows.group_by("game_id").agg(
        pl.col("home_team", "away_team").first(), pl.col(*scores).max()
    )
    known = table.drop_nulls(scores)
    return None if known.is_empty() else known.with_columns(final=pl.lit(value=True))
