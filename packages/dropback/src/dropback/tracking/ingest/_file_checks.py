"""Check a file's time stamps and rows, and whether the tables beside it are of its plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from dropback.data._columns import MISSING_WORDS
from dropback.data._field import RATE_HZ
from dropback.tracking._schema import LeftOut
from dropback.tracking.ingest._clocks import parsed_stamps
from dropback.tracking.ingest._conventions import Check
from dropback.tracking.readers._cells import ROW, cut, shown
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._row_faults import WHOLE_NUMBERS, first_unreadable, fractions
from dropback.tracking.readers._rows import NOT_WHOLE, scan_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dropback.tracking.ingest._conventions import Decision
    from dropback.tracking.ingest._entities import SideTables
    from dropback.tracking.readers._files import SourceFile

# Few are in no table; where most are not, the tables are of another set or count players otherwise.
_LEAST_KNOWN: Final = 0.5
# Stamps cut to whole seconds stay within 1 s of the frames' clock.
_JUMP_S: Final = 1.05


def check_times(source: SourceFile, first: pl.DataFrame | None) -> list[Check]:
    """Whether the time stamps run, of a file's first rows or, where these are None, of all."""
    if first is None:
        return [_check_time(source, scan_rows(source).with_row_index(ROW, offset=1), "")]
    return [_check_time(source, first.lazy(), f" among the first {first.height:,} rows")]


def _check_time(source: SourceFile, rows: pl.LazyFrame, among: str) -> Check:
    """Whether the time stamps run with the frame numbers; these are what is used in any case."""
    name = "time jumps"
    if not {"time", "frame"} <= set(source.layout.rows):
        return Check(name, "not measurable", None, "the set lacks time or frame number")
    play = SOURCE_KEY
    stamp = parsed_stamps("time")
    garbled = pl.col("time").is_not_null() & ~pl.col("time").is_in(MISSING_WORDS) & stamp.is_null()
    stamped = rows.select(*play, ROW, "frame", text="time", time=stamp, garbled=garbled)
    place = pl.struct(*play, ROW, "text").first().alias("first")
    jump = pl.col("step").abs() > _JUMP_S
    steps = (
        stamped.filter(pl.col("time").is_not_null())
        .drop_nulls([*play, "frame"])
        .unique([*play, "frame"], keep="first", maintain_order=True)
        .sort(*play, "frame")
        .with_columns(
            step=pl.col("time").diff().over(play) - pl.col("frame").diff().over(play) / RATE_HZ
        )
    )
    counted, jumps, words = pl.collect_all(
        [
            steps.select(pl.col("step").count(), whole=(pl.col("time") % 1 == 0).all()),
            steps.filter(jump).select(
                back=(pl.col("step") < 0).sum(),
                ahead=(pl.col("step") > 0).sum(),
                plays=pl.struct(play).n_unique(),
                first=place,
            ),
            stamped.filter("garbled").select(
                rows=pl.len(), plays=pl.struct(play).n_unique(), first=place
            ),
        ],
        engine="streaming",
    )
    count, whole = counted.row(0)
    back, ahead, of_plays, first = jumps.row(0)
    evidence = (
        f"{back} of {count} steps{among} go back by a second or more, {ahead} ahead"
        f"{_of_plays(of_plays, first)}{', all cut to whole seconds' if whole else ''}; frame "
        "numbers are used instead"
    )
    garbled_rows, of_plays, first = words.row(0)
    if garbled_rows:
        column = source.layout.rows["time"]
        evidence += f"; {garbled_rows} rows{among} have a {column!r} that is no time"
        evidence += _of_plays(of_plays, first)
    wrong = back + ahead or whole or garbled_rows
    decision: Decision = "wrong, not corrected" if wrong else "ok"
    return Check(name, decision, float(back + ahead), evidence)


def _of_plays(count: int, first: Mapping[str, Any] | None) -> str:
    """How many plays something is of, and the first row, in words; empty for none."""
    if not count or first is None:
        return ""
    game, play = (first[key] for key in SOURCE_KEY)
    return (
        f" (in {count} {'play' if count == 1 else 'plays'}, the first in game {game}, play {play}, "
        f"row {first[ROW]} below the header: {shown(first['text'])})"
    )


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
