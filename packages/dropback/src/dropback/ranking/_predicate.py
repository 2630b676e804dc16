"""Keep the plays that meet an SQL predicate about one play at a time."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

import polars as pl

from dropback._frames import like, to_polars
from dropback.errors import RequestError
from dropback.ranking._splits import keep_split, parse_split

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dropback._frames import FrameT

# Polars opens the files that a subquery names while it parses, so these words are refused before,
# within quotes too: what is quoted differs between dialects.
# After a bracket stands what begins a query without SELECT.
_QUERY = re.compile(
    r"\b(?:select|table|values|(?:read|scan)_\w+)\b"
    r"|(?<=\()\s*(?:from|with|show|describe|explain|pivot|summarize)\b",
    re.IGNORECASE,
)

_UNKNOWN = re.compile(r'unable to find column "([^"]*)"')
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_COMMENT = re.compile(r"--|/\*")
_CALL = re.compile(r'(\w+|"[^"]*")\s*\(')
# Keywords that a bracket may follow, and functions whose result in a row depends on that row
# alone. An aggregate or window function looks at all plays at once: `max(air_yards) = 30` is
# true of every play or of none, and would not answer a question about single plays. Nested ten
# times, `replace` makes a text of any length.
_BEFORE_BRACKET = {
    *("and", "between", "case", "else", "ilike", "in", "is", "like", "not", "or", "then", "when"),
    *("abs", "ceil", "ceiling", "exp", "floor", "ln", "log", "log10", "log2", "mod", "pow"),
    *("power", "round", "sign", "sqrt", "greatest", "least"),
    *("cast", "try_cast", "coalesce", "if", "ifnull", "nullif"),
    *("concat", "contains", "ends_with", "initcap", "left", "length", "lower", "ltrim"),
    *("regexp_like", "reverse", "right", "rtrim", "starts_with", "strpos", "substr", "substring"),
    *("trim", "upper"),
}


def keep_plays(
    scores: FrameT,
    *,
    split: str | Mapping[str, str | int] | None = None,
    where: str | None = None,
) -> FrameT:
    """Keep the plays of one value of each split that meet a predicate, as `leaderboard` does.

    Raises:
        RequestError: An unknown split or value, or a predicate that is not SQL.
    """
    table = to_polars(scores)
    kept = table if where is None else _filter_plays(table, where)
    return like(scores, keep_split(kept, parse_split(split)))


def _filter_plays(scores: pl.DataFrame, where: str) -> pl.DataFrame:
    """Keep the plays that meet an SQL predicate, which reads no file and runs no query.

    Args:
        scores: Play scores.
        where: Comparisons of columns of one play, for example ``air_yards >= 20 AND down = 3``.

    Raises:
        RequestError: No predicate, an unknown column, one that is empty so that no play is left,
            a query, a file, a comment, or a function that looks at more than one play.
    """
    if query := _QUERY.search(where):
        raise RequestError(
            f"The predicate {where!r} must compare columns of the play scores alone, without "
            f"{query[0].strip()!r}: it runs no query and reads no file."
        )
    code = _LITERAL.sub("''", where)
    if comment := _COMMENT.search(code):
        raise RequestError(f"The predicate {where!r} must have no comment, got {comment[0]!r}.")
    for call in _CALL.findall(code):
        if call.lower() not in _BEFORE_BRACKET:
            raise RequestError(
                f"The predicate {where!r} must be about one play at a time, without {call}(): "
                "it may call functions of one play such as abs, lower or coalesce, no aggregate or "
                "window function."
            )
    try:
        predicate = pl.sql_expr(where)
        kept = scores.filter(predicate)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        # Polars lists all columns too.
        reason = str(error).splitlines()[0].partition("; valid columns")[0]
        unknown = _UNKNOWN.search(reason)
        near = get_close_matches(unknown[1], scores.columns) if unknown else []
        raise RequestError(
            f"The predicate {where!r} does not hold for play scores ({reason}); "
            f"{'the nearest' if near else 'their'} columns are {', '.join(near or scores.columns)}."
        ) from error
    named = scores.select(pl.col(sorted({*predicate.meta.root_names()} & {*scores.columns})))
    empty = [column.name for column in named if column.null_count() == scores.height]
    if empty and kept.is_empty() and not scores.is_empty():
        raise RequestError(
            f"No play meets {where!r}, because these play scores hold no value of "
            f"{', '.join(empty)}: score play-by-play that has it."
        )
    return kept
