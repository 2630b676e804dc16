"""Find the entities of each play, with their sides, recorded roles and slots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback.tracking.ingest._passes import early_values, find_inside
from dropback.tracking.ingest._player_flags import with_flags_of_players
from dropback.tracking.readers._cells import ROW, unread_by_play, unread_where, yes_or_no
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._ids import whole
from dropback.tracking.readers._player_cells import (
    height_in,
    known_position,
    normalized_position,
    weight_lb,
)
from dropback.tracking.readers._rows import run_heads
from dropback.tracking.readers._tables import nulls_restored, team_code

if TYPE_CHECKING:
    from dropback._arrays import Integers
    from dropback.tracking.readers._format import Format

BALL_WORDS: Final = ("ball", "football")

STRANGERS: Final = "neither"
"""The side of rows whose team plays on neither: their plays are set aside."""

# nflverse's key of a player.
_GSIS_ID: Final = r"^\d{2}-\d{7}$"

# NFL rulebook, Rule 5, Section 1: no jersey has another number.
_JERSEYS: Final = (0, 99)

# Half a second before the snap to the snap; half a second to a second after it.
AROUND_SNAP: Final = (-5, 0, 5, 10)

# Who has no coordinates in the first 0.4 s was not there at the snap.
_SNAP_FRAMES: Final = 4


@dataclass(frozen=True)
class SideTables:
    """What a set holds beside its tracking rows.

    Args:
        plays: Rows of `PLAY_COLUMNS` plus ``offense_label``; empty where the rows hold them.
        players: One row a player.
        roles: Recorded roles by play and player.
        untargeted: Keys of plays that nobody is the target of, by these roles: thrown away, or
            batted down.
        notes: Sentences about rows and cells of these tables that are not read.
        broken: Source keys and ``detail`` of plays that have a row in them which cannot be told
            apart into columns.
        lacking: Sentences about columns that they lack.
        absent: Sentences about tables that the set lacks.
        others: ``player_id`` and ``name_of_table`` of players whom the rows name otherwise.
    """

    plays: pl.DataFrame
    players: pl.DataFrame
    roles: pl.DataFrame
    untargeted: pl.DataFrame
    notes: tuple[str, ...]
    broken: pl.DataFrame
    lacking: tuple[str, ...]
    absent: tuple[str, ...]
    others: pl.DataFrame = field(default_factory=pl.DataFrame)


@dataclass(frozen=True)
class PlayerRuns:
    """Runs of rows of one player in one play.

    Files keep a play's rows together and a player's rows within it, so there is one run for some
    forty rows: what can be computed by run costs a fortieth. A file in another order has more and
    shorter runs, down to a row each, and only takes longer.

    Args:
        head: First row of each.
        length: Its number of rows.
        play: Index of its play, in order of first row.
        player: The player's key, -1 for none.
        first_of_play: First row of each play.
    """

    head: Integers
    length: Integers
    play: Integers
    player: Integers
    first_of_play: Integers

    def over_rows(self, values: Integers) -> Integers:
        """Values of runs, repeated for each of their rows."""
        return np.repeat(values, self.length)

    def play_of(self, row: Integers) -> Integers:
        """Index of the play that each of a few rows belongs to."""
        return self.play[np.searchsorted(self.head, row, side="right") - 1]


@dataclass(frozen=True)
class WindowRows:
    """The rows inside the windows of fit plays, and the entities that they are of.

    ``row`` is a row's index in ``rows``, ``frame`` counts from the snap. Rows come in runs
    of ``length`` rows of an ``entity``; ``first_row`` and ``play`` are of each entity. ``around``
    are the rows at the frames `AROUND_SNAP`, ``since_snap`` their frames, ``around_run`` their
    runs.
    """

    rows: pl.DataFrame
    row: Integers
    frame: Integers
    length: Integers
    entity: Integers
    first_row: Integers
    play: Integers
    around: Integers
    since_snap: Integers
    around_run: Integers


def find_player_runs(rows: pl.DataFrame) -> PlayerRuns:
    """The runs of rows, with their plays indexed in order of first row."""
    game, play = (rows[name].to_numpy() for name in SOURCE_KEY)
    player = rows["player_id"].fill_null(-1).to_numpy()
    head = run_heads([game, play, player])
    index, first = index_groups([game[head], play[head]])
    length = np.diff(head, append=len(player))
    return PlayerRuns(head, length, index, player[head], head[first])


def index_groups(keys: list[Integers]) -> tuple[Integers, Integers]:
    """Index of each row's group in order of first row, and the first row of each group."""
    head = run_heads(keys)
    table = pl.DataFrame([pl.Series(str(i), key[head]) for i, key in enumerate(keys)])
    first_head = table.with_row_index("head").select(pl.col("head").first().over(table.columns))[
        "head"
    ]
    first = first_head.unique().sort()
    index = first.search_sorted(first_head).to_numpy().astype(np.int64)
    return np.repeat(index, np.diff(head, append=len(keys[0]))), head[first.to_numpy()]


def rows_inside(rows: pl.DataFrame, runs: PlayerRuns, plays: pl.DataFrame) -> WindowRows:
    """Rows between snap and end of the fit plays, with their entities indexed."""
    snap = np.full(len(runs.first_of_play), np.iinfo(np.int64).max // 2)
    last = np.full(len(snap), -1)
    fit = plays["play"].to_numpy()
    snap[fit] = plays["snap_frame"].to_numpy()
    last[fit] = (plays["end_frame"] - plays["snap_frame"]).to_numpy()
    wanted = np.isin(np.arange(min(AROUND_SNAP), max(AROUND_SNAP) + 1), AROUND_SNAP)
    row, frame, length, *near = find_inside(
        rows["frame"].to_numpy(), runs.head, runs.length, runs.play, snap, last,
        wanted, min(AROUND_SNAP),
    )  # fmt: skip
    inside = np.flatnonzero(length)
    entity, first = index_groups([runs.play[inside], runs.player[inside]])
    first_row, play = row[(np.cumsum(length) - length)[inside[first]]], runs.play[inside[first]]
    return WindowRows(rows, row, frame, length[inside], entity, first_row, play, *near)


def find_entities(
    window: WindowRows, plays: pl.DataFrame, layout: Format, tables: SideTables
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row a play and entity in the window: who, which side, where at the snap.

    Returns:
        The entities, and ``play`` and ``unread`` of plays with cells that say nothing about them.
    """
    count = len(window.first_row)
    details = ["position", "display_name", "gsis_id", "height", "weight", "team_code", "home_flag"]
    wanted = (ROW, "player_id", "player_key", "team", "role", "jersey_number", *details)
    columns = [c for c in wanted if c in window.rows.columns]
    heads = nulls_restored(window.rows.select(columns)[window.first_row]).with_columns(
        entity=pl.Series(np.arange(count)), play=pl.Series(window.play), **_at_snap(window)
    )
    unread = _unread_of_rows(heads, layout)
    absent = [
        pl.lit(None, dtype=pl.String).alias(c)
        for c in (*details, "player_key", "jersey_number")
        if c not in heads.columns
    ]
    is_ball = pl.col("team").str.to_lowercase().is_in(BALL_WORDS) | (
        pl.col("player_id").is_null() & pl.col("team").is_null()
    )
    teams = ("offense", "defense", "home_team", "away_team")
    table = (
        heads.with_columns(absent)
        .with_columns(normalized_position("position"), team_code("team"), team_code("team_code"))
        .pipe(left_join, tables.players, on="player_id", suffix="_t")
        .pipe(
            left_join,
            plays.select("play", *SOURCE_KEY, "offense_label", "passer_id", "target_id", *teams),
            on="play",
            suffix="_p",
        )
        .with_columns(
            *(pl.coalesce(c, f"{c}_t").alias(c) for c in ("position", "display_name")),
            gsis_id=pl.coalesce(
                "gsis_id", "gsis_id_t", pl.col("player_key").str.extract(_GSIS_ID, 0)
            ),
            height_in=pl.coalesce(height_in("height"), "height_in"),
            weight_lb=pl.coalesce(weight_lb("weight"), "weight_lb"),
            jersey_number=_whole_jersey().cast(pl.Int32, strict=False),
            side=pl.when(is_ball.fill_null(value=False))
            .then(pl.lit("ball"))
            .when(pl.col("team") == pl.col("offense_label"))
            .then(pl.lit("offense"))
            .when(_is_defense(layout))
            .then(pl.lit("defense"))
            .otherwise(pl.lit(STRANGERS)),
        )
    )
    entities = _with_recorded_roles(table, layout, tables).select(
        *(
            "entity",
            "play",
            "player_id",
            "player_key",
            "gsis_id",
            "display_name",
            "jersey_number",
            "position",
            "height_in",
        ),
        *("weight_lb", "side", "x_yd", "y_yd", "recorded_role", "team", "team_code", "home_flag"),
        pl.col(ROW).alias("source_row"),
    )
    return entities, with_flags_of_players(unread, entities, plays, tables.others, layout)


def _is_defense(layout: Format) -> pl.Expr:
    """Whether a row's team, which is not the offense's, is that of the other side."""
    team = pl.col("team")
    if layout.possession == "home_or_away":
        return team.is_in(["home", "away"])
    if layout.possession == "label":
        return team == layout.defense_label if layout.defense_label else team.is_not_null()
    others = [pl.col(name) for name in ("defense", "home_team", "away_team")]
    # Where no table knows the other team, it is the one that most others are of.
    unknown = pl.all_horizontal(other.is_null() for other in others)
    named = pl.any_horizontal((team == other).fill_null(value=False) for other in others)
    return pl.when(unknown).then(team.is_not_null()).otherwise(named)


def _unread_of_rows(heads: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """``play`` and ``unread`` of plays whose rows have another word for a role, say, than is known.

    Of each track the first row counts, as it does for all that is read of players.
    """
    wrong = {
        "role": (~pl.col("role").is_in(list(layout.row_roles)), "role that is known"),
        "height": (height_in("height").is_null(), "height"),
        "weight": (weight_lb("weight").is_null(), "weight"),
        "jersey_number": (_whole_jersey().is_null(), "number from 0 to 99"),
        "gsis_id": (
            ~pl.col("gsis_id").str.contains(_GSIS_ID),
            "key of a player such as 00-0033873",
        ),
        "position": (known_position("position").is_null(), "position that is known"),
        "home_flag": (yes_or_no("home_flag").is_null(), "word for yes or no"),
    }
    sentences = [
        unread_where(name, where, known, "the tracking rows", name=layout.rows[name])
        for name, (where, known) in wrong.items()
        if name in heads.columns
    ]
    return unread_by_play(heads, ["play"], sentences)


def _whole_jersey() -> pl.Expr:
    number = whole(pl.col("jersey_number").cast(pl.Float64, strict=False))
    return pl.when(number.is_between(*_JERSEYS)).then(number)


def _at_snap(window: WindowRows) -> dict[str, pl.Series]:
    """Coordinates of each entity in its first frame among the first four."""
    runs = window.row, window.frame, window.length, window.entity
    where = {
        name: early_values(window.rows[name].to_numpy(), *runs, _SNAP_FRAMES)
        for name in ("x_yd", "y_yd")
    }
    return {name: pl.Series(values, nan_to_null=True) for name, values in where.items()}


def _with_recorded_roles(table: pl.DataFrame, layout: Format, tables: SideTables) -> pl.DataFrame:
    # A target outranks the scouts' "route": the most specific role of a player is kept.
    rank = {"target": 0, "passer": 1, "rusher": 2, "blocker": 3, "coverage": 4, "eligible": 5}
    roles = (
        tables.roles.with_columns(rank=pl.col("role").replace_strict(rank, return_dtype=pl.Int8))
        .sort("rank")
        .unique([*SOURCE_KEY, "player_id"], keep="first", maintain_order=True)
        .select(*SOURCE_KEY, "player_id", role_of_table="role")
    )
    in_rows = (
        pl.col("role").replace_strict(layout.row_roles, default=None, return_dtype=pl.String)
        if "role" in table.columns
        else pl.lit(None, dtype=pl.String)
    )
    return left_join(table, roles, on=[*SOURCE_KEY, "player_id"]).with_columns(
        recorded_role=pl.coalesce(
            pl.when(pl.col("player_id") == pl.col("passer_id")).then(pl.lit("passer")),
            pl.when(pl.col("player_id") == pl.col("target_id")).then(pl.lit("target")),
            in_rows,
            pl.col("role_of_table"),
        )
    )
