"""Define the splits of plays by name, and group, filter and label plays by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dropback._choices import nearest
from dropback._frames import bands, left_join
from dropback.data._field import QUALIFYING_ATTEMPTS_PER_TEAM_GAME
from dropback.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# NFL Record and Fact Book: 1.875 catches a team game qualify for a receiving average, 32 of 17.
_RECEIVER_MINIMUM = 32
# The one split whose minimum is published is deep passes: 15 attempts (Next Gen Stats passing
# score, 2022). The other splits of a season's attempts take the same.
_SPLIT_MINIMUM = 15


@dataclass(frozen=True)
class Split:
    """A way to divide plays.

    Attributes:
        columns: Columns that show it in a table; a name is shown, not grouped by.
        definition: Definition for readers, with units.
        source: Column of the play scores that it is computed from.
        values: Expression of the first of `columns`.
        minimum: Attempts that a passer's row needs by default in a table split by it.
        tracked: Whether `source` comes from tracking.
    """

    columns: tuple[str, ...]
    definition: str
    source: str
    values: pl.Expr
    minimum: int
    tracked: bool


def _by(
    source: str,
    definition: str,
    *,
    columns: tuple[str, ...] = (),
    values: pl.Expr | None = None,
    minimum: int = _SPLIT_MINIMUM,
    tracked: bool = False,
) -> Split:
    shown = pl.col(source) if values is None else values
    return Split(columns or (source,), definition, source, shown, minimum, tracked)


def _either(column: str, yes: str, no: str) -> pl.Expr:
    return pl.when(pl.col(column)).then(pl.lit(yes)).when(~pl.col(column)).then(pl.lit(no))


SPLITS: dict[str, Split] = {
    "passer": _by(
        "passer_player_id",
        "Who threw.",
        columns=("passer_player_id", "passer_player_name"),
        minimum=1,
    ),
    "season": _by("season", "The year in which the season began.", minimum=1),
    "week": _by("week", "Week.", minimum=QUALIFYING_ATTEMPTS_PER_TEAM_GAME),
    "game": _by("game_id", "Game.", minimum=QUALIFYING_ATTEMPTS_PER_TEAM_GAME),
    "team": _by("posteam", "The passer's team.", minimum=1),
    "opponent": _by("defteam", "The defending team.", minimum=QUALIFYING_ATTEMPTS_PER_TEAM_GAME),
    "receiver": _by(
        "receiver_player_id",
        "Who was targeted.",
        columns=("receiver_player_id", "receiver_player_name"),
        minimum=_RECEIVER_MINIMUM,
    ),
    "quarter": _by("qtr", "Quarter; from 5 on overtime.", values=pl.col("qtr").cast(pl.Int64)),
    "down": _by("down", "Down, 1 to 4."),
    "depth": _by(
        "air_yards",
        "Air yards: behind the line (below 0), short (0 to 9), middle (10 to 19), deep (20 and "
        "more).",
        columns=("depth",),
        values=bands("air_yards", [(0, "behind the line"), (10, "short"), (20, "middle")], "deep"),
    ),
    "location": _by("pass_location", "Side of the throw: left, middle, right."),
    "home": _by(
        "home", "At home or away.", columns=("venue",), values=_either("home", "home", "away")
    ),
    "shotgun": _by(
        "shotgun",
        "From the shotgun or from under center.",
        columns=("formation",),
        values=_either("shotgun", "shotgun", "under center"),
    ),
    "score_state": _by(
        "score_differential",
        "Lead before the play: trailing by 9+, trailing by 1-8, tied, leading by 1-8, leading by "
        "9+ (8 points are one score).",
        columns=("score_state",),
        values=bands(
            "score_differential",
            [(-8, "trailing by 9+"), (0, "trailing by 1-8"), (1, "tied"), (9, "leading by 1-8")],
            "leading by 9+",
        ),
    ),
    "pressure": _by(
        "pressured_at_throw",
        "Pressured: a defender within 2 yards of the passer at the throw; else clean.",
        columns=("pressure",),
        values=_either("pressured_at_throw", "pressured", "clean"),
        tracked=True,
    ),
    "time_to_throw": _by(
        "time_to_throw_band",
        "From the snap to the throw: under 2.5 s, 2.5 to 4 s, over 4 s.",
        columns=("time_to_throw",),
        tracked=True,
    ),
}
"""Name of each split; a leaderboard can be grouped by any, and kept to one value of any."""


def key_columns(by: Sequence[str]) -> list[str]:
    """Columns of a table that is grouped by the named splits.

    Raises:
        RequestError: No name, or an unknown one.
    """
    unknown = [name for name in by if name not in SPLITS]
    if unknown or not by:
        raise RequestError(
            f"Cannot group by {', '.join(map(repr, unknown)) or 'nothing'}: choose among "
            f"{', '.join(SPLITS)}.{nearest(unknown[0], SPLITS) if unknown else ''}"
        )
    return [column for name in dict.fromkeys(by) for column in SPLITS[name].columns]


def with_splits(scores: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Add the columns of the named splits; plays where one is not recorded are left out.

    Raises:
        RequestError: An unknown name, or a split whose columns are missing.
    """
    for name in names:
        split = _split(name)
        if split.source not in scores.columns:
            raise RequestError(
                f"The split {name!r} needs tracking, but the play scores have no column "
                f"{split.source!r}: pass --tracking with a folder that 'dropback ingest' wrote."
                if split.tracked
                else f"The split {name!r} needs the column {split.source!r}, which the play "
                f"scores lack; they have {', '.join(scores.columns)}."
            )
        scores = scores.with_columns(split.values.alias(split.columns[0])).filter(
            pl.col(split.columns[0]).is_not_null()
        )
    return scores


def keep_split(scores: pl.DataFrame, split: Mapping[str, str | int]) -> pl.DataFrame:
    """Keep the plays of one value of each split, for example ``{"depth": "deep", "down": 3}``.

    Raises:
        RequestError: An unknown split or value, or missing columns.
    """
    labeled = with_splits(scores, list(split))
    for name, value in split.items():
        column = pl.col(SPLITS[name].columns[0]).cast(pl.String)
        known = labeled.select(column.unique().sort()).to_series().to_list()
        if str(value) not in known:
            raise RequestError(
                f"The split {name!r} has no value {str(value)!r} here; it has "
                f"{', '.join(known[:40]) or 'no recorded play'}.{nearest(value, known)}"
            )
        labeled = labeled.filter(column == str(value))
    return labeled


def parse_split(split: str | Mapping[str, str | int] | None) -> dict[str, str | int]:
    """Splits and their values, given so or as a text of ``name=value`` pairs with commas between.

    Raises:
        RequestError: A part that is not ``name=value``.

    Example:
        >>> parse_split("depth=deep, down=3")
        {'depth': 'deep', 'down': '3'}
    """
    if not isinstance(split, str):
        return dict(split or {})
    pairs = [part.partition("=") for part in split.split(",") if part.strip()]
    if any(not (name.strip() and equals and value.strip()) for name, equals, value in pairs):
        raise RequestError(
            f"split must be name=value, several separated by commas, got {split!r}: for example "
            "depth=deep,down=3."
        )
    return {name.strip(): value.strip() for name, _, value in pairs}


def default_minimum(by: Sequence[str], split: Mapping[str, str | int]) -> int | str:
    """The usual minimum of a row: ``"nfl"``, or a number of attempts.

    Passers over whole seasons need the official 14 attempts a team game; a table of passers
    that is divided further, or kept to one value of a split, needs the largest minimum of its
    splits (`Split.minimum`; 15, as published for deep passes, and 14 for a game); where no
    passer or receiver is named, one attempt is enough.
    """
    if "passer" not in by and "receiver" not in by:
        return 1
    minimum = max((_split(name).minimum for name in (*by, *split)), default=1)
    return "nfl" if minimum == 1 else minimum


def join_tracking(scores: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Add the splits of tracked plays to their play scores; other plays get null.

    Args:
        scores: Play scores with nflverse's ``old_game_id``.
        splits: Rows of `dropback.tracking._splits.play_splits`, of any number of chunks.

    Raises:
        RequestError: The play scores have no ``old_game_id``, or no play is in both tables.
    """
    if "old_game_id" not in scores.columns or scores["old_game_id"].null_count() == scores.height:
        raise RequestError(
            "Tracking is joined by old_game_id and play_id, but the play scores have no "
            "old_game_id: take play-by-play that has it, and run 'dropback score' again."
        )
    keys = ["old_game_id", "play_id"]
    tracked = splits.rename({"game_id": "old_game_id"}).with_columns(
        pl.col("old_game_id").cast(pl.String), pl.col("play_id").cast(pl.Int64)
    )
    new = [name for name in tracked.columns if name in keys or name not in scores.columns]
    joined = left_join(
        scores,
        tracked.select(new)
        .unique(keys, keep="first", maintain_order=True)
        .with_columns(pl.lit(value=True).alias("tracked")),
        on=keys,
    )
    if joined["tracked"].null_count() == joined.height:
        raise RequestError(
            f"None of the {scores.height} play scores is among the {splits.height} tracked plays: "
            "score the seasons that were tracked."
        )
    return joined.drop("tracked")


def _split(name: str) -> Split:
    if name not in SPLITS:
        raise RequestError(
            f"Cannot group or split by {name!r}: choose among {', '.join(SPLITS)}."
            f"{nearest(name, SPLITS)}"
        )
    return SPLITS[name]
