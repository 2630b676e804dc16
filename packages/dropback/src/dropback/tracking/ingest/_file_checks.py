"""Check a file's rows, and whether the tables beside it are of its plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dropback.tracking._schema import LeftOut
from dropback.tracking.ingest._conventions import Check
from dropback.tracking.ingest._motion_cells import NO_BALL_AT_ALL
from dropback.tracking.ingest._sides import EXCHANGED, OTHER_TEAM
from dropback.tracking.readers._cells import cut
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._row_faults import WHOLE_NUMBERS, first_unreadable, fractions
from dropback.tracking.readers._rows import NOT_WHOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropback.tracking.ingest._conventions import Decision
    from dropback.tracking.ingest._entities import SideTables
    from dropback.tracking.readers._files import SourceFile

# Few are in no table; where most are not, the tables are of another set or count players otherwise.
_LEAST_KNOWN: Final = 0.5


def check_of_ids(people: pl.DataFrame, tables: SideTables, source: SourceFile) -> list[Check]:
    """Whether players of the frames are those of the table beside them."""
    ids = people["player_id"].drop_nulls().unique()
    known = tables.players["player_id"].drop_nulls().unique()
    if known.is_empty() or ids.is_empty():
        return []
    absent = ids.filter(~ids.is_in(known.implode())).sort()
    share = 1 - len(absent) / len(ids)
    evidence = f"{len(ids) - len(absent)} of {len(ids)} players are in {source.layout.players_file}"
    decision: Decision = "ok"
    if len(absent):
        decision = "wrong, not corrected" if share < _LEAST_KNOWN else "flagged"
        column = source.layout.rows["player_id"]
        evidence += f", which lacks {absent[0]} of the column {column!r}, for one"
    return [Check("ids of the table of players", decision, share, evidence)]


def check_of_ball(measured: pl.DataFrame, source: SourceFile) -> list[Check]:
    """Whether plays have no ball though their layout has one.

    Args:
        measured: ``flags`` of all plays measured.
        source: Their file.
    """
    count = int(measured["flags"].list.contains(NO_BALL_AT_ALL).sum())
    if "ball" in source.layout.lacks or not count:
        return []
    all_of_them = "the file has no ball" if count == measured.height else "they have no ball"
    evidence = (
        f"{count} of {measured.height} plays: {all_of_them}, so that targets are told by names and "
        "roles alone, and throw depths are unknown"
    )
    return [Check(NO_BALL_AT_ALL, "flagged", float(count), evidence)]


def check_of_rows(unreadable: int, source: SourceFile, passed_over: Sequence[int]) -> Check:
    """Whether rows were passed over: one without a game or play belongs to none that is named."""
    decision: Decision = "wrong, not corrected" if unreadable else "ok"
    evidence = f"{unreadable} rows lack a game, play or frame, or have no place on earth"
    evidence += first_unreadable(source, passed_over) if unreadable else ""
    return Check("unreadable rows", decision, float(unreadable), evidence)


def check_of_roles(
    keys: pl.DataFrame, people: list[pl.DataFrame], tables: SideTables, source: SourceFile
) -> list[Check]:
    """Whether the set's table of roles is of these plays, and says of whom all are."""
    if tables.roles.is_empty():
        return []
    found = keys.join(tables.roles, on=SOURCE_KEY, how="semi").height
    share = found / keys.height
    evidence = f"{found} of {keys.height} plays have a player with a recorded role"
    decision: Decision = "ok"
    if share < _LEAST_KNOWN:
        decision = "wrong, not corrected"
        columns = [source.layout.rows[name] for name in SOURCE_KEY]
        evidence += f"; are that table's {' and '.join(columns)} those of the frames?"
    on = [*SOURCE_KEY, "player_id"]
    there = pl.concat(people) if people else tables.roles.clear()
    of_these = tables.roles.join(there, on=SOURCE_KEY, how="semi")
    absent = of_these.join(there, on=on, how="anti")
    if absent.height:
        decision = "flagged" if decision == "ok" else decision
        game, play, player = absent.select(on).row(0)
        evidence += (
            f"; {absent.height} roles are of players who are not in the frames of their play, the "
            f"first of game {game}, play {play}, {source.layout.rows['player_id']} {player}"
        )
    return [Check("plays of the recorded roles", decision, share, evidence)]


def check_of_tables(tables: SideTables, source: SourceFile) -> list[Check]:
    """Tables that are absent, and what is wrong with rows, cells and columns of the others."""
    found: list[tuple[str, Decision, tuple[str, ...]]] = [
        ("tables of the set", "flagged", tables.absent),
        ("rows of the tables", "wrong, not corrected", tables.notes),
        (
            "columns of the tables",
            "wrong, not corrected",
            (*tables.lacking, *source.layout.lacking),
        ),
    ]
    return [
        Check(name, decision, float(len(said)), "; ".join(said))
        for name, decision, said in found
        if said
    ]


def known_faults(
    source: SourceFile, batch: pl.DataFrame, known: pl.DataFrame | None
) -> pl.DataFrame | None:
    """Rows of (source_game_id, source_play_id, reason, detail) for numbers that must be whole.

    Args:
        source: A file, read again for them where they are not yet known.
        batch: Rows of it.
        known: What was found before; None as long as no batch had any.
    """
    if known is not None or not batch[NOT_WHOLE].any():
        return known
    columns = {name: source.layout.rows.get(name, name) for name in WHOLE_NUMBERS}
    return fractions(source).select(
        *SOURCE_KEY,
        reason=pl.lit("a fraction where a whole number must be"),
        detail=pl.format(
            "the column {} must hold whole numbers; row {} below the header has {} ({} such rows)",
            pl.col("name").replace_strict(columns),
            "row",
            cut(pl.col("cell")),
            "rows",
        ),
    )


def of_no_play(source: SourceFile, faults: pl.DataFrame | None) -> pl.DataFrame:
    """Rows of `LeftOut` for the faults that no play of the file has."""
    if faults is None:
        return LeftOut.create_empty()
    game, play = SOURCE_KEY
    return faults.filter(pl.any_horizontal(pl.col(SOURCE_KEY).is_null())).select(
        pl.lit(str(source.path)).alias("source_file"),
        pl.col(game).alias("game_id"),
        pl.col(play).alias("play_id"),
        "reason",
        "detail",
    )


# Reasons that are findings about the data, and their name as a check.
_FINDINGS = {
    OTHER_TEAM: "who has the ball",
    EXCHANGED: "x and y",
    "not 11 against 11": "missing or extra players",
    "release not after the snap": "event order",
    "frames missing": "frames missing",
    "no snap": "events missing: snap",
    "no release": "events missing: release",
    "snap away from the line of scrimmage": "snap at the line of scrimmage",
}


def counted(left_out: pl.DataFrame) -> list[Check]:
    counts = dict(left_out.group_by("reason").len().iter_rows())
    return [
        Check(
            name,
            "wrong, not corrected" if counts.get(reason) else "ok",
            float(counts.get(reason, 0)),
            f"{counts.get(reason, 0)} plays set aside: {reason}",
        )
        for reason, name in _FINDINGS.items()
    ]
