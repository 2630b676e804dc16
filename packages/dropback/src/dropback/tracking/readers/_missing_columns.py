"""Name the columns that a set's table should have and lacks, what they are for, and the nearest."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from dropback.errors import ReaderError
from dropback.tracking.readers._cells import shown
from dropback.tracking.readers._format import candidates, folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from dropback.tracking.readers._format import Format

# Shorter names, and less of a name, are in many others.
_LEAST_LETTERS: Final = 3
_LEAST_OF_NAME: Final = 0.3
# `displayName` and `LastName` are alike by .63, `defensiveTeam` and `defendersInTheBox` by .60,
# names of one column in two layouts (`defendersInTheBox`, `defendersInBox`) by .9.
_ALIKE: Final = 0.7
# Of names that begin alike for half of their letters, as `gameId` and `gameKey`.
_LESS_ALIKE: Final = 0.6

PURPOSES: Final = {
    "source_game_id": "the game, as the tracking rows name it",
    "source_play_id": "the play, as the tracking rows name it",
    "game_id": "the league's number of the game, which gives its season",
    "play_id": "the league's number of the play",
    "passer_id": "who passed",
    "target_id": "who was thrown to",
    "week": "the week",
    "quarter": "the quarter",
    "down": "the down",
    "yards_to_go": "the yards to the line to gain",
    "home_score": "the score",
    "away_score": "the score",
    "air_yards": "how far the pass was thrown",
    "pass_rushers": "the number of pass rushers",
    "yardline_number": "the line of scrimmage",
    "absolute_yardline_x_yd": "the line of scrimmage",
    "yardline_side": "the line of scrimmage",
    "yards_gained": "the yards gained",
    "offense": "which team has the ball",
    "defense": "which team defends",
    "home_team": "which team is at home",
    "away_team": "which team is away",
    "clock": "the game clock",
    "pass_result": "how the dropback ended",
    "play_kind": "what kind of play it is",
    "nullified": "whether a penalty took the play off the books",
    "play_action": "whether it was play action",
    "dropback_type": "the kind of dropback",
    "description": "who passed to whom, in words",
    "recorded_time_to_throw_s": "the set's own time to throw",
    "coverage": "the coverage",
    "coverage_type": "man or zone coverage",
    "target_route": "the route of the target",
    "player_id": "the player",
    "jersey_number": "the jersey number",
    "snap_marker": "the snap where no event does",
    **dict.fromkeys(("display_name", "first_name", "last_name"), "the player's name"),
    "position": "the player's position",
    "height": "the player's height",
    "weight": "the player's weight",
    "gsis_id": "nflverse's key of the player",
    "interception_return_yards": "how far an interception was returned",
    "recorded_pressure": "the set's own pressure",
}
"""What a quantity of a table tells, in words that follow "which tells"."""


ROLES_BY_MOTION: Final = "positions are unknown, and passers and roles are told from motion alone"

_WITHOUT: Final = {
    "players.csv": f"heights, weights and {ROLES_BY_MOTION}",
    "games.csv": "the week, and which team is at home, are unknown",
    "targetedreceiver.csv": "who was thrown to is told from motion alone",
    "pffscoutingdata.csv": "who rushed the passer is told from motion alone, and the set's own "
    "pressure is unknown",
    "player_play.csv": "who was thrown to and who rushed the passer are told from motion alone, "
    "and returns of interceptions, pressure and routes are unknown",
}


def absent_table(name: str) -> tuple[str, ...]:
    """A sentence about a table that a set should have and has not; none where it need not be."""
    without = _WITHOUT.get(name.lower(), "what it holds is unknown")
    return (f"{name} is absent: {without}",) if name and without else ()


def lacking(path: Path, names: Iterable[str], purpose: str, there: Collection[str]) -> str:
    """A sentence about a column that a table lacks.

    Args:
        path: The table.
        names: The column's names; several may hold the same.
        purpose: What it tells, of `PURPOSES`.
        there: The columns of the table that may be it under another name.
    """
    names = list(names)
    return (
        f"{path} has no column {' or '.join(names)}, which tells {PURPOSES[purpose]}"
        f"{nearest_column(names, there)}"
    )


# Of tables of players in plays those columns that no other has; they come with all three keys.
_OF_PLAYS: Final = ("gameId", "playId", "nflId")
_OTHER_TABLES: Final = {
    "games.csv": (
        *("gameId", "season", "week", "gameDate", "gameTimeEastern", "homeTeamAbbr"),
        *("visitorTeamAbbr", "homeFinalScore", "visitorFinalScore"),
    ),
    "player_play.csv": (
        *("hadRushAttempt", "hadDropback", "hadPassReception", "wasTargettedReceiver"),
        *("wasInitialPassRusher", "causedPressure", "interceptionYards", "wasRunningRoute"),
        *("routeRan", "inMotionAtBallSnap", *_OF_PLAYS),
    ),
    "pffScoutingData.csv": (
        *("pff_role", "pff_positionLinedUp", "pff_hit", "pff_hurry", "pff_sack"),
        *("pff_blockType", *_OF_PLAYS),
    ),
    "tackles.csv": ("tackle", "assist", "forcedFumble", "pff_missedTackle", *_OF_PLAYS),
    "targetedReceiver.csv": ("targetNflId", "gameId", "playId"),
}
_NAMED: Final = 3


def without_key(layout: Format, path: Path, header: Sequence[str], key: str) -> str:
    """A sentence about a table without a column that no row can be read without.

    Args:
        layout: Its layout.
        path: The table.
        header: Its columns.
        key: What the column tells, of the table of plays or, ``player_id``, of players.
    """
    own = layout.players_file if key == "player_id" else layout.plays_file
    if said := _copied_table(layout, path, header, own):
        return said
    columns = layout.players if key == "player_id" else layout.plays
    others = set(header) - set(candidates(columns))
    said = lacking(path, columns.get(key, (key,)), key, sorted(others))
    whom = "player" if key == "player_id" else "play"
    return f"{said}. No {whom} can be read without it: put it back."


def require_own_columns(layout: Format, path: Path, header: Sequence[str], own: str) -> None:
    """Refuse a table that holds another of its set.

    Args:
        layout: Its layout.
        path: The table.
        header: Its columns.
        own: The name of the table that it should be.

    Raises:
        ReaderError: It does.
    """
    if said := _copied_table(layout, path, header, own):
        raise ReaderError(said)


def _copied_table(layout: Format, path: Path, header: Sequence[str], own: str) -> str:
    tables = {file: dict.fromkeys(columns) for file, columns in _OTHER_TABLES.items()}
    for file, columns in (
        (layout.plays_file, layout.plays),
        (layout.players_file, layout.players),
    ):
        tables[file] = dict.fromkeys(sorted(candidates(columns)))
    there = {folded(name): name for name in header}
    alike = {
        file: [there[folded(name)] for name in columns if folded(name) in there]
        for file, columns in tables.items()
    }
    most = max(alike, key=lambda file: (len(alike[file]), file == own))
    if most != own:
        some = ", ".join(map(shown, alike[most][:_NAMED]))
        return f"{path} has the columns of {most} ({some}): put the table {own} in its place."
    return ""


def nearest_column(names: Iterable[str], there: Collection[str]) -> str:
    """The present name nearest to that of an absent column, to end a sentence; empty for none."""
    near = near_name(names, there)
    return f"; the nearest is {shown(near)}" if near else ""


def near_name(names: Iterable[str], there: Collection[str]) -> str | None:
    """The present name nearest to that of an absent column: much alike, or one in the other."""
    spelled = {folded(name): name for name in there if name}
    for name in names:
        key = folded(name)
        near = get_close_matches(key, spelled, n=1, cutoff=_ALIKE)
        near += [
            other
            for other in get_close_matches(key, spelled, cutoff=_LESS_ALIKE)
            if other.startswith(key[: (len(key) + 1) // 2])
        ]
        near += [other for other in spelled if _is_part(other, key) or _is_part(key, other)]
        if near:
            return spelled[near[0]]
    return None


def _is_part(part: str, whole: str) -> bool:
    """Whether a name is in another, and is not little of it, as `dir` of `playDirection`."""
    return part in whole and len(part) >= max(_LEAST_LETTERS, _LEAST_OF_NAME * len(whole))


def missing_columns(
    path: Path,
    there: Collection[str],
    names: Mapping[str, tuple[str, ...]],
    never: Collection[str],
    first: Mapping[str, int],
) -> tuple[str, ...]:
    """A sentence for each quantity that a table of its layout has and this table has not.

    Args:
        path: The table.
        there: Its columns.
        names: Quantity to the columns that may hold it, in the spelling of `there`.
        never: Quantities that no table of this layout has.
        first: Quantities of which one of the first so many columns must be there: others hold less.
    """
    absent = {
        quantity: columns
        for quantity, columns in names.items()
        if quantity not in never and not any(column in there for column in columns)
    }
    # A column that holds what several quantities are told by is named once.
    known = {column for columns in names.values() for column in columns}
    others = [column for column in there if column not in known]
    told = dict.fromkeys(lacking(path, columns, name, others) for name, columns in absent.items())
    for name, count in first.items():
        columns = names.get(name, ())
        taken = next((column for column in columns if column in there), None)
        if taken in columns[count:]:
            said = lacking(path, columns[:count], name, others)
            told[f"{said}; {taken!r} is read in its place"] = None
    return tuple(told)


_MOTION: Final = {
    "speed_yd_per_s": "speed",
    "acceleration_yd_per_s2": "acceleration",
    "direction_deg": "direction",
    "orientation_deg": "orientation",
}


def without_motion(path: Path, layout: Format, header: Collection[str]) -> str:
    """A sentence about a tracking file that lacks recorded motion alone; empty for another.

    Args:
        path: The file.
        layout: The layout that it would be of.
        header: Its columns.
    """
    named = {layout.rows[ours]: what for ours, what in _MOTION.items() if ours in layout.rows}
    known = {*layout.signature, *layout.rows.values()}
    missing = known - set(header)
    if not missing or not missing <= set(named):
        return ""
    absent = {column: what for column, what in named.items() if column in missing}
    others = sorted(set(header) - known - {"dis"})
    columns = ", ".join(f"{c}{nearest_column([what], others)}" for c, what in absent.items())
    derived = [what for what in absent.values() if what != "orientation"]
    follows = f"{_listed(derived)} derived from positions" if derived else ""
    if "orientation" in absent.values():
        follows += f"{' and ' if derived else ''}orientation unknown"
    return (
        f"{path}: a file of the {layout.name} layout must have the columns of "
        f"{_listed(list(absent.values()))}, but lacks {columns}: rename them, or declare a set "
        f"without them in a column map, with {follows}."
    )


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def is_like_tracking(header: Iterable[str]) -> bool:
    """Whether columns are those of positions by frame, which no table beside them has."""
    names = {folded(name) for name in header}
    return {"x", "y"} <= names and not names.isdisjoint(("frame", "frameid", "time"))


def named_as_table(file: Path) -> str:
    """What is wrong with a file of tracking that has the name of a table."""
    return (
        f"{file} has the name of a table and tracking rows (columns x and y by frame): name it as "
        "tracking, such as week1, and put the table in its place."
    )
