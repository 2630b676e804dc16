"""Rank passers by their decisions, their execution and their time, each with its reliability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dropback._frames import left_join, like, to_polars
from dropback.errors import RequestError
from dropback.ranking._board import leaderboard
from dropback.ranking._center import SCORE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dropback._frames import FrameT

NUMBERS: Final = ("decision", "execution", "time")
_ENDS: Final = ("low", "high", "shrunk")


def decision_board(
    decisions: FrameT,
    *,
    by: str | Sequence[str] = "passer",
    split: str | Mapping[str, str | int] | None = None,
    where: str | None = None,
    min_attempts: int | str | None = None,
    seed: int = 0,
) -> FrameT:
    """Passers by three numbers: the choice of target, the throw, and what waiting brought.

    Args:
        decisions: As `dropback.workflows.decisions` returns them, in a data frame of any library.
        by: As for `leaderboard`, as are the others.
        split: Value of each split to keep throws of.
        where: SQL predicate of the throws to keep.
        min_attempts: Throws that a row needs.
        seed: Seed of the intervals.

    Returns:
        One row a group, by decision: the grouping columns, ``plays``, ``games``, and for each of
        ``decision`` (yards a throw against the best alternative), ``execution`` (mean mid-CDF of
        the outcome within the chosen throw) and ``time`` (yards that the last half second brought)
        its mean, the 90 % interval ``_low`` and ``_high``, the mean shrunk by its reliability
        ``_shrunk``, ``_rank``, ``_place`` (the rank with its population in words: "4 of 32,
        2019"), and ``_reliability``: the share of the variance of such a mean that is a difference
        between passers. Null where a group has too few throws with the number, and where no data
        can tell: the reliability of a lone row, the interval of a lone throw.

    Raises:
        RequestError: A column is missing, or as for `leaderboard`.
    """
    table = to_polars(decisions)
    if missing := [name for name in NUMBERS if name not in table.columns]:
        raise RequestError(
            f"The table lacks {', '.join(missing)}: write it by `dropback decisions RUN TRACKING`."
        )
    if table["decision"].is_not_null().sum() == 0:
        raise RequestError(
            f"None of {table.height} throws has a decision: it needs a target and a second "
            "receiver that such a play may be thrown to."
        )
    for name in NUMBERS:
        if (bad := (~table[name].is_finite()).sum()) > 0:  # nulls are neither
            raise RequestError(
                f"{name} must be a finite number or null in every throw, but is none in {bad} of "
                f"{table.height}: write the table by `dropback decisions RUN TRACKING` again."
            )
    boards: list[pl.DataFrame] = []
    for name in NUMBERS:
        # A play without an alternative, or released within half a second, has no such number.
        scored = table.filter(pl.col(name).is_not_null()).with_columns(pl.col(name).alias(SCORE))
        own = {"score": name} | {n: f"{name}_{n}" for n in ("rank", "place", "reliability")}
        own |= {f"score_{end}": f"{name}_{end}" for end in _ENDS}
        try:
            rows = leaderboard(
                scored,
                by=by,
                split=split,
                where=where,
                min_attempts=min_attempts,
                seed=seed,
                center=False,
            )
        except RequestError:
            if not boards:
                raise
            # The same request gave rows of decisions: no group has enough of this number.
            empty = boards[0].clear()
            boards.append(empty.rename({c: c.replace("decision", name) for c in empty.columns}))
            continue
        first = rows.columns[rows.columns.index("rank_high") + 1 : rows.columns.index("games") + 1]
        boards.append(rows.rename(own).select(*first, *own.values()))
    board, *others = boards
    keys = board.columns[: board.columns.index("plays")]
    for other in others:
        board = board.join(other.drop("plays", "games"), on=keys, how="left")
    return like(decisions, board)


def with_decisions(
    rows: pl.DataFrame,
    decisions: pl.DataFrame,
    *,
    by: str | Sequence[str],
    split: str | Mapping[str, str | int] | None = None,
    where: str | None = None,
    seed: int = 0,
) -> pl.DataFrame:
    """Rows of a leaderboard with decision, execution and time of their tracked throws beside them.

    Args:
        rows: What `leaderboard` returned for `by`, `split` and `where`.
        decisions: As for `decision_board`, kept to what the rows were kept to.
        by: As for `leaderboard`, as are the others.
        split: See there.
        where: See there.
        seed: See there.

    Returns:
        The rows in their order, with ``decision_plays`` and of each of ``decision``, ``execution``
        and ``time`` the mean, its 90 % interval ``_low`` and ``_high`` and ``_reliability``; null
        where no throw of a row is tracked.

    Raises:
        RequestError: As for `decision_board`, or no row has a tracked throw.
    """
    board = decision_board(decisions, by=by, split=split, where=where, min_attempts=1, seed=seed)
    keys = [key for key in board.columns[: board.columns.index("plays")] if key in rows.columns]
    keys = [key for key in keys if not key.endswith("_name")]
    shown = [f"{name}{end}" for name in NUMBERS for end in ("", "_low", "_high", "_reliability")]
    beside = board.select(*keys, pl.col("plays").alias("decision_plays"), *shown)
    joined = left_join(rows, beside, on=keys)
    if joined["decision_plays"].null_count() == joined.height:
        named = [f"{key} {board[key][0]}" for key in keys]
        raise RequestError(
            f"None of the {rows.height} rows of the leaderboard has a tracked throw: the decisions "
            f"are of {board.height} others, like {', '.join(named)}. Name decisions of the same "
            f"passers, with their ids, and of the same seasons."
        )
    return joined
