"""Compare rows of a leaderboard: the probability that one is truly better than another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.special import ndtr

from dropback._frames import like, to_polars
from dropback.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from narwhals.stable.v2.typing import IntoFrame

    from dropback._arrays import Floats, Integers
    from dropback._frames import FrameT

    Row: TypeAlias = str | int | Sequence[str | int]


def probability_better(rows: IntoFrame, first: Row, second: Row) -> float:
    r"""Probability that the true score of one row exceeds that of another.

    .. math:: \Phi\left((m_1 - m_2) / \sqrt{s_1^2 + s_2^2}\right)

    with posterior means :math:`m` (``score_shrunk``) and standard deviations :math:`s`
    (``shrunk_sd``); with :math:`-m` where lower is better. The league mean that both share is
    taken as known: with 30 rows that moves the variance of the difference by 3 %, toward the
    safe side.

    Args:
        rows: A leaderboard, also one read back from its file, in a data frame of any library.
        first: A value of the row's key columns, for example a passer's id or name, or several
            where one does not identify the row: ``("A.Rodgers", 2020)``.
        second: The other row.

    Raises:
        RequestError: No row, or several, are meant.

    Example:
        >>> rows = dropback.leaderboard(dropback.score(run, league), by=("passer",))
        >>> best, second, *_ = rows["passer_player_id"]
        >>> 0 < dropback.probability_better(rows, best, second) < 1
        True
    """
    board = to_polars(rows, what="The rows of a leaderboard")
    return float(_matrix(board[[_find(board, first), _find(board, second)]])[0, 1])


def probability_matrix(rows: FrameT, chosen: Sequence[Row] | None = None) -> FrameT:
    """Probability that the true score of each row exceeds that of each column.

    Args:
        rows: A leaderboard.
        chosen: Rows, as in `probability_better`; all by default.

    Returns:
        A row for each of `chosen`: ``row``, its label, and a column for each; one half on the
        diagonal. The frame is of the library of `rows`.

    Raises:
        RequestError: No row, or several, are meant by one of `chosen`.

    Example:
        >>> rows = dropback.leaderboard(dropback.score(run, league), by=("passer",))
        >>> matrix = dropback.probability_matrix(rows.head(3))
        >>> matrix.shape, matrix[0, 1]
        ((3, 4), 0.5)
    """
    board = to_polars(rows, what="The rows of a leaderboard")
    kept = board if chosen is None else board[[_find(board, row) for row in chosen]]
    labels = [" ".join(_shown(row)) for row in kept.select(_keys(kept)).iter_rows(named=True)]
    if len(set(labels)) < len(labels):  # two passers of one name
        labels = [f"{label} ({rank})" for label, rank in zip(labels, kept["rank"], strict=True)]
    matrix = _matrix(kept)
    columns = {label: matrix[:, place] for place, label in enumerate(labels)}
    return like(rows, pl.DataFrame({"row": labels, **columns}))


def probability_next(mean: Floats, sd: Floats) -> pl.Series:
    """Probability that each row is better than the one below it; null for the last."""
    better = probability_above(mean[:-1], sd[:-1], mean[1:], sd[1:])
    return pl.Series([*better.tolist(), None], dtype=pl.Float64)


def rank_summary(draws: Floats) -> tuple[Integers, Integers, Floats]:
    """Ranks of the true scores over joint draws ``(R, K)``; 1 is best.

    Returns:
        Ends of the shortest interval of ranks that holds 90 % of the draws (the middle one of
        several), and the share of draws in which each is best; shapes ``(K,)``. Both 5 % points,
        ranks being whole, would hold 94 %.
    """
    count, groups = draws.shape
    ranks = np.empty((groups, count), np.int32)
    place = np.arange(1, groups + 1, dtype=np.int32)
    for replicate, draw in enumerate(draws):  # memory stays that of the ranks
        ranks[np.argsort(-draw, kind="stable"), replicate] = place
    ranks.sort(axis=1)
    inside = int(np.ceil(0.9 * count))
    widths = ranks[:, inside - 1 :] - ranks[:, : count - inside + 1]
    shortest = widths == widths.min(axis=1, keepdims=True)
    middle = (np.cumsum(shortest, axis=1) * 2 > shortest.sum(axis=1, keepdims=True)).argmax(axis=1)
    rows = np.arange(groups)
    low, high = ranks[rows, middle], ranks[rows, middle + inside - 1]
    best = (ranks == 1).mean(axis=1)
    return low.astype(np.int64), high.astype(np.int64), best


def _matrix(rows: pl.DataFrame) -> Floats:
    mean, sd = (rows[name].to_numpy() for name in ("score_shrunk", "shrunk_sd"))
    if "better" in rows.columns and (rows["better"] == "lower").all():
        mean = -mean  # defenses: what they allow
    matrix = probability_above(mean[:, None], sd[:, None], mean, sd)
    np.fill_diagonal(matrix, 0.5)
    return matrix


def probability_above(mean: Floats, sd: Floats, other_mean: Floats, other_sd: Floats) -> Floats:
    """Probability that one normal variable exceeds another that is independent of it."""
    # Without any luck the better mean is certainly better; the tiny number avoids 0 / 0.
    spread = np.sqrt(sd**2 + other_sd**2) + np.finfo(float).tiny
    with np.errstate(over="ignore"):
        better: Floats = ndtr((mean - other_mean) / spread)
    return better


def _keys(rows: pl.DataFrame) -> list[str]:
    """The key columns: those between the ranks and the counts.

    Raises:
        RequestError: The rows are not of a leaderboard.
    """
    needed = ("rank", "rank_high", "plays", "score_shrunk", "shrunk_sd")
    if missing := [name for name in needed if name not in rows.columns]:
        raise RequestError(
            f"Rows of `dropback.leaderboard` are compared, and these lack {', '.join(missing)}: "
            "make a leaderboard of the scores first."
        )
    return rows.columns[rows.columns.index("rank_high") + 1 : rows.columns.index("plays")]


def _shown(row: dict[str, object]) -> list[str]:
    """The values of a row's keys, a name instead of its id."""
    return [
        str(value)
        for name, value in row.items()
        if value is not None and row.get(name.removesuffix("_id") + "_name") in {None, value}
    ]


def _find(rows: pl.DataFrame, row: Row) -> int:
    values = set(map(str, [row] if isinstance(row, str | int) else row))
    keys = rows.select(_keys(rows)).iter_rows()
    found = [place for place, key in enumerate(keys) if values <= set(map(str, key))]
    if len(found) != 1:
        raise RequestError(
            f"{row!r} must mean one row of the leaderboard, but means {len(found)}: name the "
            f"id, and a value of each of {', '.join(_keys(rows))} that is needed to identify it."
        )
    return found[0]
