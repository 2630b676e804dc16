"""Collect what a card says of a passer or a game, from play scores and what is joined to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from dropback._frames import left_join
from dropback.data._rosters import read_roster
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
from dropback.workflows.charts import Facts, draw_game, draw_passer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure
    from narwhals.stable.v2.typing import IntoFrame

    from dropback._files import AnyPath
    from dropback.data._play_by_play import PlayByPlaySource
    from dropback.ranking import Person
    from dropback.workflows.charts import Images, Look

_KEY = "passer_player_id"
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
    person, position = _person(scores, player, roster)
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
        person.name, _under(own, position, str(only)), own["posteam"][-1], person.id, numbers
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
    person, _ = _person(scores, player, roster)
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
        ("90 %", f"{_score(row['score_low'])[:-1]}-{_score(row['score_high'])[:-1]}"),
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
    scores: pl.DataFrame, player: str, roster: AnyPath | IntoFrame | None
) -> tuple[Person, str | None]:
    names = None if roster is None else read_roster(roster)
    person = find_person(list_people(scores, names), player)
    if names is None:
        return person, None
    own = names.filter(pl.col("player_id") == person.id)
    return person, None if own.is_empty() else own["position"][0]


def _score(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


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
