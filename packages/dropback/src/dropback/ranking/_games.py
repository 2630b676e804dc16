"""List the games of a passer or receiver: score, interval, best and worst throw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dropback._frames import left_join, like, to_polars
from dropback._statistics import NORMAL_90
from dropback.data._teams import under_ids_of
from dropback.errors import RequestError
from dropback.ranking._center import centered, with_measured_drift
from dropback.ranking._posterior import true_scores
from dropback.ranking._scale import DisplayScale
from dropback.ranking._units import sum_by_game

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropback._frames import FrameT

_NEEDED = ("game_id", "play_id", "season", "week", "posteam", "defteam")


def game_log(
    scores: FrameT,
    player_id: str,
    *,
    games: pl.DataFrame | None = None,
    role: str = "passer",
    scale: DisplayScale | None = None,
) -> FrameT:
    r"""List the games of a player, the first one first.

    The interval of a game is what other luck with the same skill that day would give,
    :math:`\bar s \pm 1.64\,\sigma / \sqrt n` with the variance of a play pooled over all games of
    `scores`: one game cannot be resampled.

    Args:
        scores: All play scores: those of others tell luck from skill. In a data frame of any
            library.
        player_id: nflverse's id of the player.
        games: What `read_games` returned, for the results; None leaves them null.
        role: ``passer`` or ``receiver``.
        scale: Scale of the display column; None is that of games.

    Returns:
        One row a game: ``season``, ``week``, ``game_id``, ``team``, ``opponent``, ``venue``,
        ``result`` (as in "W 27-20"), ``plays``, ``score`` with ``score_low`` and ``score_high``
        (90 %; null where the table has one play alone), ``score_shrunk`` with ``shrunk_low`` and
        ``shrunk_high`` (the day's true score, shrunk to the mean of games of as many plays),
        ``display``, and the throws of highest and
        lowest score: ``best_score``, ``best_throw``, ``worst_score``, ``worst_throw`` (their
        description).

    Raises:
        RequestError: No play of the player, or a missing column.

    Example:
        >>> scores = dropback.score(run, league)
        >>> log = dropback.game_log(scores, scores["passer_player_id"][0])
        >>> log["week"].is_between(1, 4).all(), (log["score_low"] < log["score"]).all()
        (True, True)
    """
    table, key = to_polars(scores), f"{role}_player_id"
    if absent := [name for name in (key, *_NEEDED) if name not in table.columns]:
        raise RequestError(
            f"The play scores have no column {absent[0]!r} to find games by: give a table of "
            "'dropback score'."
        )
    if table.filter(pl.col(key) == player_id).is_empty():
        raise RequestError(f"No play of {role} {player_id!r} is among the {table.height} scored.")
    log = game_logs(table, [player_id], games=games, role=role, scale=scale)
    return like(scores, log.drop(key))


def game_logs(
    scores: pl.DataFrame,
    player_ids: Sequence[str],
    *,
    games: pl.DataFrame | None = None,
    role: str = "passer",
    scale: DisplayScale | None = None,
) -> pl.DataFrame:
    """The games of several players, each one's first game first.

    Args:
        scores: As for `game_log`, as are the other arguments.
        player_ids: nflverse's ids of the players.
        games: See there.
        role: See there.
        scale: See there.

    Returns:
        The rows of `game_log` behind the id of their player.
    """
    key = f"{role}_player_id"
    table = with_measured_drift(scores)
    known = table.filter(pl.col(key).is_not_null())
    units = sum_by_game(known, [key, "game_id"])
    belief = true_scores(units)
    half = pl.Series(NORMAL_90 * belief.variance**0.5).fill_nan(None)
    half_shrunk = pl.Series(NORMAL_90 * belief.sd).fill_nan(None)
    rows = (
        units.keys.with_columns(
            score_low=pl.col("score") - half,
            score_high=pl.col("score") + half,
            score_shrunk=belief.mean,
        )
        .with_columns(
            shrunk_low=pl.col("score_shrunk") - half_shrunk,
            shrunk_high=pl.col("score_shrunk") + half_shrunk,
        )
        .filter(pl.col(key).is_in(player_ids))
    )
    facts = _facts(known.filter(pl.col(key).is_in(player_ids)), key)
    if games is not None:
        facts = left_join(facts, _results(facts, games, key), on=[key, "game_id"])
    else:
        facts = facts.with_columns(pl.lit(None, pl.String).alias("result"))
    shown = scale or DisplayScale.of(("game",))
    log = left_join(rows, facts, on=[key, "game_id"]).sort(key, "season", "week", "game_id")
    return log.select(
        *(key, "season", "week", "game_id", "team", "opponent", "venue", "result", "plays"),
        *("score", "score_low", "score_high", "score_shrunk", "shrunk_low", "shrunk_high"),
        shown(pl.col("score")).alias("display"),
        *("best_score", "best_throw", "worst_score", "worst_throw"),
    )


def _facts(own: pl.DataFrame, key: str) -> pl.DataFrame:
    """What is the same for all plays of a game, and its best and worst throw."""
    desc = pl.col("desc") if "desc" in own.columns else pl.lit(None, pl.String).alias("desc")
    home = pl.col("home") if "home" in own.columns else pl.lit(None, pl.Boolean).alias("home")
    # Of equal scores the earlier play counts, so that the list does not change.
    order = centered(own).with_columns(desc, home, s="play_score").sort("game_id", "play_id")
    best, worst = (
        pl.col("desc", "s").sort_by("s", descending=descending, maintain_order=True).first()
        for descending in (True, False)
    )
    return order.group_by(key, "game_id", maintain_order=True).agg(
        pl.col("season", "week").first(),
        pl.col("posteam").first().alias("team"),
        pl.col("defteam").first().alias("opponent"),
        pl.when(pl.col("home").first())
        .then(pl.lit("home"))
        .when(~pl.col("home").first())
        .then(pl.lit("away"))
        .alias("venue"),
        best.name.map(lambda name: {"desc": "best_throw", "s": "best_score"}[name]),
        worst.name.map(lambda name: {"desc": "worst_throw", "s": "worst_score"}[name]),
    )


def _results(facts: pl.DataFrame, games: pl.DataFrame, key: str) -> pl.DataFrame:
    """The result of each final game for the team: "W 27-20"."""
    known = under_ids_of(games, facts["game_id"])
    joined = facts.select(key, "game_id", "team").join(known, on="game_id")
    home = pl.col("team") == pl.col("home_team")
    own = pl.when(home).then("home_score").otherwise("away_score")
    other = pl.when(home).then("away_score").otherwise("home_score")
    word = pl.when(own > other).then(pl.lit("W")).when(own < other).then(pl.lit("L"))
    text = pl.format("{} {}-{}", word.otherwise(pl.lit("T")), own, other)
    return joined.filter("final").select(key, "game_id", text.alias("result"))
