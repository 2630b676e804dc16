"""Tell which games of play-by-play are new or corrected since a store last read them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dropback.data._tables import PLAY_KEY
from dropback.data._teams import game_key
from dropback.errors import RequestError
from dropback.workflows._boards import under_full_names

if TYPE_CHECKING:
    from collections.abc import Sequence

# A correction takes out single plays; a file that is cut off lacks the end of its last game.
_MOST_LOST = 0.1
# Of a game of few plays a tenth is one, which a correction may take.
_FEW = 3
# Teams meet at most once a season at the same place, and once more in the playoffs.
_MATCH = ("season", "season_type", "away_team", "home_team")


@dataclass(frozen=True)
class GameChanges:
    """Games of one season, against those that the store has.

    Attributes:
        games: All games now: ``game_id``, ``season``, ``season_type``, ``week``, ``away_team``,
            ``home_team``, ``rows`` and ``digest``.
        new: Ids of games that the store did not have.
        corrected: Ids of games whose plays are others now.
        lost: Ids of games that are no longer there.
        moved: Former id and present id of games that are under another week now.
    """

    games: pl.DataFrame
    new: tuple[str, ...]
    corrected: tuple[str, ...]
    lost: tuple[str, ...]
    moved: tuple[tuple[str, str], ...]

    @property
    def to_score(self) -> tuple[str, ...]:
        """Ids of the games whose plays are to be scored."""
        return (*self.new, *self.corrected, *(present for _, present in self.moved))


def digest_games(plays: pl.DataFrame) -> pl.DataFrame:
    """Digest of the plays of each game: see `GameChanges.games`.

    The digest depends on the content of the plays alone, and not on the order of their rows.

    Args:
        plays: Play-by-play of `read_play_by_play`.
    """
    ordered = plays.sort(*PLAY_KEY, *(c for c in plays.columns if c not in PLAY_KEY))
    rows = [
        (
            *part.select("game_id", *_MATCH[:2], "week", *_MATCH[2:]).row(0),
            part.height,
            hashlib.sha256(part.write_csv().encode()).hexdigest(),
        )
        for part in ordered.partition_by("game_id", maintain_order=True)
    ]
    return pl.DataFrame(rows, schema=_GAMES, orient="row")


_GAMES = {
    "game_id": pl.String,
    "season": pl.Int64,
    "season_type": pl.String,
    "week": pl.Int64,
    "away_team": pl.String,
    "home_team": pl.String,
    "rows": pl.Int64,
    "digest": pl.String,
}


def compare_games(
    former: pl.DataFrame, games: pl.DataFrame, *, origin: str, drop_missing: bool
) -> GameChanges:
    """Compare the games of a season with those that the store has.

    Args:
        former: `digest_games` when the store last read them; empty where it never did.
        games: `digest_games` now.
        origin: Files that were read, for the error.
        drop_missing: Accept that games are gone, or lack many of their plays.

    Raises:
        RequestError: The file seems to be cut off: games are gone, or have lost more than a tenth
            of their rows.
    """
    if former.is_empty():
        return GameChanges(games, tuple(games["game_id"]), (), (), ())
    gone = former.join(games, on="game_id", how="anti")
    fresh = games.join(former, on="game_id", how="anti")
    moved = _moved(gone, fresh)
    lost = tuple(gone.join(moved, on="game_id", how="anti")["game_id"])
    both = games.join(former, on="game_id", suffix="_former", maintain_order="left")
    shrunk = both.filter(pl.col("rows") < (1 - _MOST_LOST) * pl.col("rows_former"))
    if not drop_missing:
        _require_whole(lost, shrunk, origin)
    return GameChanges(
        games,
        tuple(fresh.filter(~pl.col("game_id").is_in(moved["game_id_now"].implode()))["game_id"]),
        tuple(both.filter(pl.col("digest") != pl.col("digest_former"))["game_id"]),
        lost,
        tuple(moved.rows()),
    )


def _moved(gone: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """Former and present id of games that are gone under one id and there under another.

    The same game under other team codes comes first; else two teams who meet once.
    """
    key = game_key(pl.col("game_id")).alias("key")
    found = gone.with_columns(key).join(
        fresh.with_columns(key), on="key", suffix="_now", maintain_order="left"
    )
    rest, others = (
        games.filter(~pl.col("game_id").is_in(found[name].implode())).unique(_MATCH, keep="none")
        for games, name in ((gone, "game_id"), (fresh, "game_id_now"))
    )
    met = rest.sort("game_id").join(others, on=_MATCH, suffix="_now", maintain_order="left")
    return pl.concat(games.select("game_id", "game_id_now") for games in (found, met))


def require_scored(
    former: pl.DataFrame, scores: pl.DataFrame, games: Sequence[str], origin: str
) -> None:
    """Refuse corrected games that lost many of the plays that had been scored.

    A file that has all its rows may lack the values that a play is scored by.

    Raises:
        RequestError: A game lost more than a tenth of them, and more than three; or its weather.
    """
    told = pl.col("roof").is_not_null().any()
    before, now = (
        rows.filter(pl.col("game_id").is_in(games))
        .group_by("game_id")
        .agg(pl.len().alias(name), told.alias(f"weather_{name}"))
        for rows, name in ((former, "before"), (scores, "now"))
    )
    both = before.join(now, on="game_id", how="left").with_columns(pl.col("now").fill_null(0))
    for game in both.filter("weather_before", ~pl.col("weather_now")).sort("game_id")["game_id"]:
        raise RequestError(
            f"{origin}: the weather of game {game} is not recorded any more, so its columns or the "
            "table of games may be missing and nothing was changed: put them back, or pass "
            "--drop-missing if they are gone for good."
        )
    lost = pl.col("before").cast(pl.Int64) - pl.col("now").cast(pl.Int64)
    few = both.filter((lost > _MOST_LOST * pl.col("before")) & (lost > _FEW)).sort("game_id")
    for game, had, has in few.select("game_id", "before", "now").head(1).rows():
        raise RequestError(
            f"{origin}: game {game} has {has} plays to score and had {had}, so values may be "
            "missing and nothing was changed: put the whole file there, or pass --drop-missing if "
            "they are gone for good."
        )


def _require_whole(lost: Sequence[str], shrunk: pl.DataFrame, origin: str) -> None:
    if lost:
        found = f"{len(lost)} game{'s' if len(lost) > 1 else ''} of the store, first {lost[0]}"
    elif not shrunk.is_empty():
        game, rows, former = shrunk.select("game_id", "rows", "rows_former").row(0)
        found = f"plays of game {game}, {rows} rows instead of {former}"
    else:
        return
    raise RequestError(
        f"{origin}: lacks {found}, so the file may be cut off and nothing was changed: put the "
        "whole file there, or pass --drop-missing if they are gone for good."
    )


def corrected_plays(former: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Plays of corrected games that are scored otherwise now.

    Args:
        former: Their scores in the store.
        scores: Their scores now.

    Returns:
        One row a play: its key, the passer, ``change`` (``changed``, ``added`` or ``removed``),
        ``yards_before``, ``yards``, ``score_before`` and ``score``; by key.
    """
    columns = (*PLAY_KEY, "passer_player_name", "yards", "play_score")
    both = former.select(columns).join(
        scores.select(columns), on=PLAY_KEY, how="full", coalesce=True, suffix="_now"
    )
    before, after = pl.col("play_score"), pl.col("play_score_now")
    # Scores of a game alone and among others differ by the rounding of float32.
    apart = ((before - after).abs() > _SAME_SCORE) | (pl.col("yards") != pl.col("yards_now"))
    change = (
        pl.when(before.is_null())
        .then(pl.lit("added"))
        .when(after.is_null())
        .then(pl.lit("removed"))
        .when(apart | pl.col("passer_player_name").ne_missing(pl.col("passer_player_name_now")))
        .then(pl.lit("changed"))
    )
    return (
        both.with_columns(change.alias("change"))
        .filter(pl.col("change").is_not_null())
        .sort(*PLAY_KEY)
        .select(
            *PLAY_KEY,
            pl.coalesce("passer_player_name_now", "passer_player_name").alias("passer_player_name"),
            "change",
            pl.col("yards").alias("yards_before"),
            pl.col("yards_now").alias("yards"),
            before.alias("score_before"),
            after.alias("score"),
        )
    )


_SAME_SCORE = 1e-6


NO_MOVER = pl.DataFrame(
    schema={
        "passer_player_name": pl.String,
        "rank_before": pl.Int64,
        "rank": pl.Int64,
        "score_before": pl.Float64,
        "score": pl.Float64,
    }
)


def movers(
    former: pl.DataFrame, board: pl.DataFrame, *, score: str = "score", most: int = 8
) -> pl.DataFrame:
    """Passers whose place in a ranking moved, those who moved most first.

    Args:
        former: The ranking of passers before; empty where there was none.
        board: The ranking now.
        score: Column of the score.
        most: Rows at most.

    Returns:
        ``passer_player_name``, ``rank_before``, ``rank``, ``score_before`` and ``score``.
    """
    if former.is_empty() or board.is_empty():
        return NO_MOVER
    key = "passer_player_id"
    before = former.select(
        key, pl.col("rank").alias("rank_before"), pl.col(score).alias("score_before")
    )
    places = (pl.col("rank") - pl.col("rank_before")).abs()
    return (
        under_full_names(board)
        .join(before, on=key)
        .filter(places > 0)
        .sort(places, pl.col("rank"), descending=[True, False])
        .select(*NO_MOVER.columns[:-1], pl.col(score).alias("score"))
        .head(most)
    )
