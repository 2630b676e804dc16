"""What the commands print: tables on standard output, progress and notes on standard error."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import polars as pl

    from dropback.evaluation import Evaluation
    from dropback.selection import Selection

__all__ = [
    "errors",
    "evaluation_table",
    "leaderboard_table",
    "out",
    "progress",
    "selection_summary",
]

out = Console(emoji=False)
errors = Console(stderr=True, emoji=False)

# Metric to heading, decimals and factor: narrow enough for a terminal of 80 columns.
_SHOWN = {
    "mae": ("MAE", 3, 1),
    "rmse": ("RMSE", 2, 1),
    "crps": ("CRPS", 3, 1),
    "log_score": ("log", 3, 1),
    "pp_error": ("PP", 4, 1),
    "coverage_98": ("98 %", 1, 100),
    "tail_lower": ("low 1%", 2, 100),
    "tail_upper": ("top 1%", 2, 100),
}
_PAIRED = ("mae", "crps", "log_score")


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """A bar on standard error; the yielded function moves it one step and says what was done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("starting", total=total)

        def step(description: str) -> None:
            bar.update(task, advance=1, description=description)

        yield step


def selection_summary(selection: Selection) -> None:
    """Say how many plays are kept and what was left out, by reason."""
    seasons = selection.plays["season"]
    span = sorted(set(seasons))
    label = f"{span[0]}-{span[-1]}" if len(span) > 1 else f"{span[0]}"
    play_set = selection.plays["play_set"][0]
    errors.print(f"{len(selection.plays):,} plays ({play_set}), season {label}", highlight=False)
    table = Table("left out because", "plays", box=None, padding=(0, 2))
    table.columns[1].justify = "right"
    for reason, count in selection.left_out.iter_rows():
        table.add_row(reason, f"{count:,}")
    errors.print(table)
    if selection.missing_columns:
        errors.print(
            f"Without {', '.join(selection.missing_columns)}: taken as unknown.", highlight=False
        )


def evaluation_table(evaluation: Evaluation, title: str) -> None:
    """Print the main metrics of each model, then the paired differences to ours."""
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption="log: log score, nats. PP: PIT's distance from uniform. 98 %, low 1%, top 1%: % of "
        "PIT values in the central 98 % and in each 1 % tail.",
        caption_justify="left",
    )
    table.add_column("model", no_wrap=True)
    for heading, _, _ in _SHOWN.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for model, row in evaluation.metrics.items():
        table.add_row(
            model,
            *(
                f"{factor * row[metric].value:.{decimals}f}"
                for metric, (_, decimals, factor) in _SHOWN.items()
            ),
        )
    out.print(table)
    if not evaluation.differences:
        return
    ours = next(iter(evaluation.metrics))
    title = f"{ours} minus rival, 90 % interval over games"
    paired = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    paired.add_column("rival", no_wrap=True)
    for metric in _PAIRED:
        paired.add_column(_SHOWN[metric][0], justify="right", no_wrap=True)
    for rival, row in evaluation.differences.items():
        paired.add_row(rival, *(f"{row[m].low:+.3f} to {row[m].high:+.3f}" for m in _PAIRED))
    out.print(paired)


def leaderboard_table(rows: pl.DataFrame, title: str, *, most: int = 50) -> None:
    """Print the first rows of a leaderboard; ids stay in its file."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown = [name for name in rows.columns if name in _COLUMNS]
    for name in shown:
        table.add_column(
            _COLUMNS[name][0],
            justify="right" if rows[name].dtype.is_numeric() else "left",
            no_wrap=True,
        )
    for row in rows.head(most).iter_rows(named=True):
        table.add_row(*(_COLUMNS[name][1](row) for name in shown))
    out.print(table)
    if len(rows) > most:
        out.print(f"... and {len(rows) - most} more rows", highlight=False)


def _interval(row: dict[str, Any]) -> str:
    if row["score_low"] is None:
        return "one game"
    return f"{row['score_low']:.3f} to {row['score_high']:.3f}"


def _plain(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda row: "" if row[name] is None else str(row[name])


_COLUMNS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "rank": ("rank", _plain("rank")),
    "true_rank": ("true", _plain("true_rank")),
    "passer_player_name": ("passer", _plain("passer_player_name")),
    "season": ("season", _plain("season")),
    "week": ("week", _plain("week")),
    "game_id": ("game", _plain("game_id")),
    "posteam": ("team", _plain("posteam")),
    "plays": ("plays", _plain("plays")),
    "games": ("games", _plain("games")),
    "score": ("score", lambda row: f"{row['score']:.4f}"),
    "score_low": ("90 % interval", _interval),
    "score_shrunk": ("shrunk", lambda row: f"{row['score_shrunk']:.4f}"),
    "display": ("display", lambda row: f"{row['display']:.1f}"),
}
