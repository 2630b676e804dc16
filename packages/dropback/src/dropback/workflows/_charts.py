"""Collect what a card says of a passer or a game, from play scores and what is joined to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from dropback._frames import left_join
from dropback.data._rosters import read_roster
from dropback.data._table_files import read_table
from dropback.errors import RequestError
from dropback.ranking import (
    PlayFilter,
    find_person,
    game_log,
    leaderboard,
    list_people,
    passer_profile,
    passer_seasons,
)
from dropback.workflows._boards import passing_stats, read_passing, read_results
from dropback.workflows._pictures import Facts, Images, Measure, draw_game, draw_passer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure
    from narwhals.stable.v2.typing import IntoFrame

    from dropback._files import AnyPath
    from dropback.data._play_by_play import PlayByPlaySource
    from dropback.ranking import Person
    from dropback.workflows._pictures import Look

_KEY = "passer_player_id"
_SEASON_MEASURES = {
    "qb_score": Measure(
        "quarterback's score", source="dropback: the value of every dropback and run"
    ),
    "passing_score": Measure("passing score", source="dropback: how good the throws were"),
    "projection": Measure(
        "projected EPA per play over the league",
        average=0.0,
        signed=True,
        source="dropback: what a passer would be as a starter next season",
    ),
}
# Passers to whom a rank is relative.
_LEAST_RANKED = 100
_SHOWN = {
    "epa_per_dropback": ("EPA per play", "+.2f"),
    "cpoe": ("CPOE", "+.1f"),
    "cpoe_ours": ("CPOE (ours)", "+.1f"),
    "any_a": ("ANY/A", ".1f"),
    "passer_rating": ("Rating", ".1f"),
    "sacks": ("Sacks", ".0f"),
}


def _silent(_: str) -> None:
    """Tell nobody."""


def season_board(path: Path, only: PlayFilter) -> tuple[pl.DataFrame, Measure] | None:
    """A table of passers' seasons that `dropback seasons` or `dropback project` wrote, to draw.

    Args:
        path: File of play scores, or of ``qb_score``, ``passing_score`` or ``projection``.
        only: Seasons and team to keep.

    Returns:
        Rows with the columns of a leaderboard that `draw_tiers` reads, and what they are ranked
        by: qualified passers, where the table says who qualifies. None where the file holds plays.

    Raises:
        ReaderError: No such file.
        RequestError: A choice among plays, or no row is left.
    """
    if path.is_dir():
        return None
    table = read_table(path, types={})
    name = next((name for name in _SEASON_MEASURES if f"{name}_sd" in table.columns), None)
    if name is None:
        return None
    if only != PlayFilter(team=only.team, seasons=only.seasons):
        raise RequestError(
            f"{path}: it holds seasons of passers, no plays: --seasons and --team alone choose "
            "among them."
        )
    plays = table.rename({"team": "posteam"})
    rows = only.keep(plays).filter(pl.col(name).is_not_null())
    if "qualified" in rows.columns:
        rows = rows.filter("qualified")
    if rows.is_empty():
        raise RequestError(f"{path}: no qualified passer is left: choose other seasons.")
    if rows["season"].n_unique() == 1:
        rows = rows.drop("season")
    mean = f"{name}_mean" if f"{name}_mean" in rows.columns else name
    board = rows.select(
        pl.exclude("posteam", "score", "score_shrunk"),
        pl.col("posteam").alias("team"),
        pl.col(mean).alias("score"),
        pl.col(name).alias("score_shrunk"),
        pl.col(f"{name}_low").alias("shrunk_low"),
        pl.col(f"{name}_high").alias("shrunk_high"),
        pl.col(f"{name}_sd").alias("shrunk_sd"),
    )
    return board, _SEASON_MEASURES[name]


def passer_card(
    scores: pl.DataFrame,
    player: str,
    *,
    only: PlayFilter | None = None,
    play_by_play: PlayByPlaySource | None = None,
    roster: AnyPath | IntoFrame | None = None,
    expected_points: AnyPath | None = None,
    look: Look | None = None,
    images: Images | None = None,
    seed: int = 0,
    on_note: Callable[[str], None] = _silent,
) -> Figure:
    """Draw the card of the passer that a name means.

    Args:
        scores: Play scores.
        player: As for `find_person`.
        only: Plays to keep; the seasons are shown whole.
        play_by_play: As for `passing_board`.
        roster: As for `read_roster`.
        expected_points: As for `passing_board`.
        look: How it looks.
        images: Where logos and headshots are.
        seed: Of the bootstrap.
        on_note: As for `passing_board`.

    Raises:
        RequestError: Nobody or several are meant, or no play is kept.
    """
    only = only or PlayFilter()
    person, position, images = _person(scores, player, roster, images)
    kept = only.keep(scores, [_KEY])
    own = kept.filter(pl.col(_KEY) == person.id)
    if own.is_empty():
        raise RequestError(f"{person} has no play that is kept ({only}): ask for more.")
    enough = min(_LEAST_RANKED, own.height)
    board = leaderboard(kept, by="passer", min_attempts=enough, seed=seed)
    row = board.row(by_predicate=pl.col(_KEY) == person.id, named=True)
    numbers = [
        ("Score", _score(row["score"])),
        ("50-99", f"{row['display']:.0f}"),
        (f"Rank of {board.height}", f"{row['rank']}"),
        ("90 % of ranks", f"{row['rank_low']}-{row['rank_high']}"),
        ("Plays", f"{row['plays']:,}"),
    ]
    if play_by_play is not None:
        numbers += _stats(own, person, play_by_play, expected_points, on_note)
    every = passer_seasons(scores, min_attempts=1, seed=seed)
    facts = Facts(
        person.name,
        _under(own, position, str(only)),
        own["posteam"][-1],
        person.id,
        numbers,
        f"Ranked: the {board.height} passers with at least {enough} plays.",
    )
    return draw_passer(
        facts,
        passer_profile(kept, every, person.id, throws=2),
        _depths(kept, person.id, seed),
        look=look,
        images=images,
    )


def game_card(
    scores: pl.DataFrame,
    player: str,
    *,
    only: PlayFilter | None = None,
    games: Path | None = None,
    play_by_play: PlayByPlaySource | None = None,
    roster: AnyPath | IntoFrame | None = None,
    expected_points: AnyPath | None = None,
    throws: int = 3,
    look: Look | None = None,
    images: Images | None = None,
    on_note: Callable[[str], None] = _silent,
) -> Figure:
    """Draw the card of a passer's game: of those that are kept the last.

    Args:
        scores: Play scores.
        player: As for `find_person`.
        only: Plays to keep, for example a season and a week.
        games: As for `read_results`.
        play_by_play: As for `passing_board`.
        roster: As for `read_roster`.
        expected_points: As for `passing_board`.
        throws: Best, and worst, throws to name.
        look: How it looks.
        images: Where logos and headshots are.
        on_note: Called with a sentence where several games are kept, and as for `passing_board`.

    Raises:
        RequestError: Nobody or several are meant, or no play is kept.
    """
    only = only or PlayFilter()
    person, _, images = _person(scores, player, roster, images)
    kept = only.keep(scores.filter(pl.col(_KEY) == person.id), [_KEY])
    order = kept.select("season", "week", "game_id").unique().sort("season", "week", "game_id")
    game = order["game_id"][-1]
    if order.height > 1:
        on_note(f"Of {order.height} games that are kept the last is drawn; name one by its week.")
    results = read_results(games, play_by_play, [order["season"][-1]])
    log = game_log(scores, person.id, games=results)
    row = log.row(by_predicate=pl.col("game_id") == game, named=True)
    own = kept.filter(pl.col("game_id") == game)
    numbers = [
        ("Score", _score(row["score"])),
        ("90 %", "-".join(_score(row[f"score_{end}"])[:-1] for end in ("low", "high"))),
        ("50-99", f"{row['display']:.0f}"),
        ("Throws", f"{row['plays']}"),
    ]
    if play_by_play is not None:
        numbers += _stats(own, person, play_by_play, expected_points, on_note)
    else:
        caught = own.filter("complete_pass")
        numbers += [("Caught", f"{caught.height}"), ("Yards", f"{caught['yards'].sum():,}")]
    place = {"home": "", "away": "at "}.get(row["venue"], "")
    result = "" if row["result"] is None else f", {row['result']}"
    under = (
        f"{row['season']} week {row['week']}, {row['team']} {place or 'against '}{row['opponent']}"
    )
    facts = Facts(person.name, under + result, row["team"], person.id, numbers)
    return draw_game(facts, own, throws=throws, look=look, images=images)


def _person(
    scores: pl.DataFrame,
    player: str,
    roster: AnyPath | IntoFrame | None,
    images: Images | None,
) -> tuple[Person, str | None, Images]:
    """The player that a name means, their position, and where their headshot is."""
    images = images or Images()
    if roster is None:
        return find_person(list_people(scores), player), None, images
    names = read_roster(roster)
    person = find_person(list_people(scores, names), player)
    own = names.filter(pl.col("player_id") == person.id)
    if own.is_empty():
        return person, None, images
    position, file = own.select("position", "headshot").row(0)
    return person, position, replace(images, files={person.id: file} if file else {})


def _score(value: float | None) -> str:
    return "? " if value is None else f"{value:.3f}".removeprefix("0")


def _under(own: pl.DataFrame, position: str | None, only: str) -> str:
    first, *others = own["season"].unique().sort().to_list()
    span = f"{first}-{others[-1]}" if others else f"{first}"
    teams = "/".join(map(str, own["posteam"].unique(maintain_order=True).to_list()))
    return ", ".join(filter(None, (position, teams, only or span)))


def _depths(kept: pl.DataFrame, player_id: str, seed: int) -> pl.DataFrame:
    """Score of the passer and of all passers by depth."""
    known = kept.filter(pl.col("air_yards").is_not_null())
    if known.filter(pl.col(_KEY) == player_id).is_empty():
        schema = ("depth", "score", "score_low", "score_high", "league")
        return pl.DataFrame(schema=dict.fromkeys(schema, pl.Float64))
    own = leaderboard(
        known.filter(pl.col(_KEY) == player_id), by="depth", min_attempts=1, seed=seed
    )
    every = leaderboard(known, by="depth", min_attempts=1, replicates=2, seed=seed)
    league = every.select("depth", pl.col("score").alias("league"))
    return left_join(own.select("depth", "score", "score_low", "score_high"), league, on="depth")


def _stats(
    own: pl.DataFrame,
    person: Person,
    play_by_play: PlayByPlaySource,
    expected_points: AnyPath | None,
    on_note: Callable[[str], None],
) -> list[tuple[str, str]]:
    passing = read_passing(play_by_play, own, expected_points=expected_points, on_note=on_note)
    table = passing_stats(passing.filter(pl.col(_KEY) == person.id), [_KEY])
    row: dict[str, Any] = table.row(0, named=True)
    line = f"{row['completions']}/{row['attempts']}"
    numbers = [("Completions", line), ("Yards", f"{row['passing_yards']:,}")]
    numbers.append(("TD, INT", f"{row['touchdowns']}, {row['interceptions']}"))
    return numbers + [
        (heading, format(row[name], shape))
        for name, (heading, shape) in _SHOWN.items()
        if row.get(name) is not None
    ]
