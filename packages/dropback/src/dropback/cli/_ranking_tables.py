"""Print rankings, game logs and comparisons of passers on standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dropback.cli._console import out, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import TypeAlias

    import polars as pl

    from dropback.ranking import Reliability, Versus

    _Column: TypeAlias = tuple[str, Callable[[dict[str, Any]], str]]


def leaderboard_table(rows: pl.DataFrame, title: str, *, most: int = 50) -> None:
    """Print the first rows of a leaderboard, two lines each: values, then intervals.

    All numbers fit a terminal of 80 columns that way; ids stay in the file.
    """
    keys = rows.columns[rows.columns.index("rank_high") + 1 : rows.columns.index("plays")]
    first, *others = [name for name in keys if name.removesuffix("_id") + "_name" not in keys]
    named = "\n".join([_KEYS.get(first, first), ", ".join(_KEYS.get(n, n) for n in others)])
    shown: dict[str, _Column] = {"rank": ("rank\n90 %", _ranks)}
    shown |= {"true": ("true\nrank", _plain("true_rank"))} if "true_rank" in rows.columns else {}
    shown |= {"key": (named, lambda row: _lines(row[first], _joined(row[n] for n in others)))}
    shown |= _COLUMNS
    allowed = "better" in rows.columns and (rows["better"] == "lower").all()
    if allowed:
        shown["score"] = ("allowed\n90 %", _score)
        title += ", allowed: the lowest is first"
    population = ""
    if "place" in rows.columns and rows.height:
        population = f"Ranks are of {rows['place'][0].partition(' of ')[2]}. "
    caption = population + (
        "Second lines: 90 % intervals, games, z, probability of being best. rel.: share of a "
        "score's variance that is skill. > next: probability that the true score is above the "
        "next row's."
    )
    table = table_of(title, (), caption=caption)
    table.padding = (0, 0, 0, 0)  # the head's box already puts a space between columns
    for heading, _ in shown.values():
        left = heading == named
        table.add_column(heading.rstrip(), justify="left" if left else "right", no_wrap=True)
    for row in rows.head(most).iter_rows(named=True):
        table.add_row(*(cell(row) for _, cell in shown.values()))
    out.print(table)
    if len(rows) > most:
        out.print(f"... and {len(rows) - most} more rows")


def stats_table(rows: pl.DataFrame, *, most: int = 50) -> None:
    """Print what analysts read beside the score; nothing where a table has none of it."""
    shown = {name: column for name, column in _STATS.items() if name in rows.columns}
    if not shown.keys() - {"team", "position"}:
        return
    named = next(n for n in ("full_name", *_KEYS) if n in rows.columns or n == "game_id")
    seasons = "season" in rows.columns
    headings = (_KEYS.get(named, "player"), *(["season"] if seasons else []))
    table = table_of("Beside the score", (*headings, *(h for h, _ in shown.values())))
    for row in rows.head(most).iter_rows(named=True):
        name = str(row.get(named) or "")
        # A longer name would take the numbers' room on 80 columns.
        name = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        names = (name, *([str(row["season"])] if seasons else []))
        table.add_row(*names, *(shape(row[name]) for name, (_, shape) in shown.items()))
    out.print(table)


def decisions_table(rows: pl.DataFrame, title: str, *, most: int = 50) -> None:
    """Print decision, execution and time of each row; nothing where a table has none of them."""
    digits = {"decision": 2, "execution": 3, "time": 2}
    if not digits.keys() <= set(rows.columns):
        return
    shown = [name for name in _KEYS if name in rows.columns]
    keys = [name for name in shown if name.removesuffix("_id") + "_name" not in shown]
    keys += ["season"] if "season" in rows.columns else []
    throws = "decision_plays" if "decision_plays" in rows.columns else "plays"
    table = table_of(
        title,
        (*(_KEYS.get(key, key) for key in keys), "throws", *digits),
        caption="Below each number its 90 % interval, and the share of its variance that is a "
        "difference between rows (? where one row or one throw cannot tell). Called throws and "
        "progressions count against a decision; sacks and throw-aways are not in it.",
    )

    def cell(row: dict[str, Any], name: str) -> str:
        value, share = row[name], row[f"{name}_reliability"]
        if value is None:
            return ""
        spread = _ends(row, name, " to ", digits=digits[name])
        part = "?" if share is None else f"{share:.0%}"
        return f"{value:.{digits[name]}f}\n{spread}\n{part}"

    for row in rows.head(most).iter_rows(named=True):
        known = (f"{row[throws] or 0:,}", *(cell(row, name) for name in digits))
        table.add_row(*(str(row[key]) for key in keys), *known)
    out.print(table)
    if rows.height > most:
        out.print(f"... and {rows.height - most} more rows")


def games_table(rows: pl.DataFrame, title: str) -> None:
    """Print a game log, then the best and worst throw of each game."""
    headings = ("season", "week", "opponent", "result", "plays", "score", "90 %", "50-99")
    stats = {name: _STATS[name] for name in _OF_GAMES if name in rows.columns}
    table = table_of(title, (*headings, *(heading for heading, _ in stats.values())), left=0)
    table.columns[2].justify = table.columns[3].justify = "left"
    for row in rows.iter_rows(named=True):
        away = "at " if row["venue"] == "away" else ""
        table.add_row(
            f"{row['season']}",
            f"{row['week']}",
            f"{away}{row['opponent']}",
            row["result"] or "",
            f"{row['plays']}",
            f"{row['score']:.3f}",
            _ends(row, "score", "-", digits=2),
            f"{row['display']:.0f}",
            *(shape(row[name]) for name, (_, shape) in stats.items()),
        )
    out.print(table)
    for word in ("best", "worst"):
        found = rows.sort(f"{word}_score", descending=word == "best").row(0, named=True)
        if found[f"{word}_throw"]:
            out.print(
                f"{word.capitalize()} throw, {found['season']} week {found['week']}, score "
                f"{found[f'{word}_score']:.3f}: {found[f'{word}_throw']}",
            )


def versus_table(found: Versus, rows: pl.DataFrame, title: str) -> None:
    """Print two passers beside each other, and who is better with which probability."""
    name = "full_name" if "full_name" in rows.columns else "passer_player_name"
    table = table_of(title, ("", *(str(value) for value in rows[name])))
    table.add_row("team", *(str(value) for value in rows["team"]))
    table.add_row("plays", *(f"{value:,}" for value in rows["plays"]))
    table.add_row("games", *(f"{value}" for value in rows["games"]))
    table.add_row("score", *(f"{value:.4f}" for value in rows["score"]))
    ends = rows.select("score_low", "score_high").iter_rows()
    table.add_row("90 %", *("" if low is None else f"{low:.3f}-{high:.3f}" for low, high in ends))
    table.add_row("shrunk", *(f"{value:.4f}" for value in rows["score_shrunk"]))
    for column, (heading, shape) in _STATS.items():
        if column in rows.columns and column not in {"team", "position"}:
            table.add_row(" ".join(heading.split()), *(shape(value) for value in rows[column]))
    out.print(table)
    one, other = rows[name]
    out.print(
        f"{one} is better than {other} with probability {_chance(found.probability)}: the true "
        f"scores differ by {found.difference:+.4f} ({found.low:+.4f} to {found.high:+.4f}, 90 %), "
        f"learned among {found.passers} passers.",
    )
    if found.seasons.height > 1:
        by_season = table_of(
            "By season", ("season", "plays", "score", "other", "P(better)"), left=0
        )
        for season, n, others, score, other_score, chance in found.seasons.iter_rows():
            by_season.add_row(
                f"{season}", f"{n}, {others}", f"{score:.3f}", f"{other_score:.3f}", _chance(chance)
            )
        out.print(by_season)


def drift_line(scores: pl.DataFrame, *, center: bool = True, seasons: Collection[int] = ()) -> None:
    """Print the drift of each season, or of some, beside a ranking of its scores."""
    from dropback.ranking import drift_sentence, season_drifts

    if seasons:
        scores = scores.filter(scores["season"].is_in(list(seasons)))
    ranked = scores if center else scores.drop("season_drift", strict=False)
    if sentence := drift_sentence(season_drifts(ranked)):
        out.print(sentence)


def reliability_table(found: Reliability) -> None:
    """Print the reliability curve, its parts, and the split halves beside it."""
    title = f"Reliability, {found.groups:,} passer-seasons"
    table = table_of(title, ("attempts", "reliability", "90 % interval"), left=0)
    for attempts, value, low, high in found.curve.iter_rows():
        table.add_row(f"{attempts}", f"{value:.2f}", f"{low:.2f} to {high:.2f}")
    out.print(table)
    headings = ("games", "attempts", "passer-seasons", "reliability", "90 % interval")
    halves = table_of("Split halves of games (Spearman-Brown)", headings, left=0)
    for games, attempts, groups, value, low, high in found.split_half.iter_rows():
        halves.add_row(
            f"{games}", f"{attempts:.0f}", f"{groups}", f"{value:.2f}", f"{low:.2f} to {high:.2f}"
        )
    out.print(halves)
    out.print(
        f"n / (n + k), k = {found.half:.0f} ({found.half_low:.0f} to {found.half_high:.0f}): "
        f"variance of a play {found.play_variance:.4g}, times {found.design_effect:.2f} for what "
        f"the plays of a game share, over {found.between_variance:.3g} between true scores.",
    )


def _lines(*parts: object) -> str:
    return "\n".join("" if part is None else str(part) for part in parts)


def _joined(values: Iterable[object]) -> str:
    return ", ".join("" if value is None else str(value) for value in values)


def _ranks(row: dict[str, Any]) -> str:
    return _lines(row["rank"], f"{row['rank_low']}–{row['rank_high']}")


def _score(row: dict[str, Any]) -> str:
    return _lines(f"{row['score']:.4f}", _ends(row, "score", "–"))


def _shrunk(row: dict[str, Any]) -> str:
    return _lines(f"{row['score_shrunk']:.4f}", _ends(row, "shrunk", "–"))


def _ends(row: dict[str, Any], name: str, between: str, *, digits: int = 3) -> str:
    """An interval; "unknown" where a lone play leaves no sign of its luck."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "unknown" if low is None else f"{low:.{digits}f}{between}{high:.{digits}f}"


def _place(row: dict[str, Any]) -> str:
    z = row["z"]
    return _lines(f"{row['percentile']:.0f}", "" if z is None else f"{z:+.2f}")


def _chances(row: dict[str, Any]) -> str:
    following = row["probability_better_than_next"]
    return _lines("" if following is None else f"{following:.2f}", f"{row['probability_best']:.2f}")


def _plain(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda row: "" if row[name] is None else str(row[name])


def _chance(probability: float) -> str:
    """A probability, which is never quite 0 or 1."""
    if probability < 0.005:
        return "below 0.01"
    return "above 0.99" if probability > 0.995 else f"{probability:.2f}"


def _known(share: float | None) -> str:
    return "?" if share is None else f"{share:.2f}"


def _number(decimals: int, *, factor: float = 1, signed: bool = False) -> Callable[[Any], str]:
    shape = f"{'+' if signed else ''}.{decimals}f"
    return lambda value: "" if value is None else format(factor * value, shape)


_STATS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "team": ("team", lambda value: value or ""),
    "position": ("pos.", lambda value: value or ""),
    "dropbacks": ("dropb.", _number(0)),
    "epa_per_dropback": ("EPA", _number(3, signed=True)),
    "success_rate": ("succ. %", _number(1, factor=100)),
    "cpoe": ("CPOE", _number(1, signed=True)),
    "cpoe_ours": ("CPOE\n(ours)", _number(1, signed=True)),
    "any_a": ("ANY/A", _number(2)),
    "passer_rating": ("rating", _number(1)),
    "sacks": ("sacks", _number(0)),
}
_LONGEST_NAME = 22
_OF_GAMES = ("epa_per_dropback", "passer_rating", "sacks")
_KEYS = {
    "passer_player_name": "passer",
    "passer_player_id": "passer",
    "receiver_player_name": "receiver",
    "receiver_player_id": "receiver",
    "game_id": "game",
    "posteam": "team",
    "defteam": "opponent",
    "qtr": "quarter",
    "pass_location": "location",
}
_COLUMNS: dict[str, _Column] = {
    "plays": ("plays\ngames", lambda row: _lines(row["plays"], row["games"])),
    "score": ("score\n90 %", _score),
    "shrunk": ("shrunk\n90 %", _shrunk),
    "reliability": ("rel.\n", lambda row: _known(row["reliability"])),
    "display": ("50-99\n", lambda row: f"{row['display']:.1f}"),
    "place": ("%ile\nz", _place),
    "chances": ("> next\nbest", _chances),
}
