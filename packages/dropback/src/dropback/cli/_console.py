"""Print tables on standard output, and progress and notes on standard error."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Task as ProgressTask
from rich.table import Table
from rich.text import Text

from dropback._choices import season_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dropback.data._selection import Selection
    from dropback.evaluation import Estimate, Evaluation, OverTime

out = Console(emoji=False, highlight=False)
errors = Console(stderr=True, emoji=False, highlight=False)

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
_BY_TIME = {
    "crps": ("CRPS", 3, 1),
    "log_score": ("log", 3, 1),
    "mean_mid_cdf": ("mean", 3, 1),
    "tail_lower": ("<1", 2, 100),
    "tail_lower_5": ("<5", 1, 100),
    "tail_upper_5": (">95", 1, 100),
    "tail_upper": (">99", 2, 100),
}
_PAIRED = ("mae", "crps", "log_score")


class _Rate(ProgressColumn):
    """Steps a minute, of all workers together."""

    def render(self, task: ProgressTask) -> Text:
        """Its text; empty before the first step."""
        return Text("" if task.speed is None else f"{60 * task.speed:.1f}/min")


_BAR = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    _Rate(),
    TimeElapsedColumn(),
    TextColumn("left"),
    TimeRemainingColumn(),
)


@contextmanager
def progress(total: int | None) -> Iterator[Callable[[str], None]]:
    """Show a bar on standard error; the yielded function advances it, with a description.

    Args:
        total: Steps in all; None where that is not known before.
    """
    with Progress(*_BAR, console=errors, transient=True) as bar:
        task = bar.add_task("starting", total=total)
        yield lambda description: bar.update(task, advance=1, description=description)


@contextmanager
def file_progress() -> Iterator[Callable[[int, int, str], None]]:
    """Show a bar on standard output; the yielded function takes files done and files in all."""
    with Progress(*_BAR, console=out) as bar:
        task = bar.add_task("files", total=None)
        yield lambda done, total, _: bar.update(task, completed=done, total=total)


def selection_summary(selection: Selection) -> None:
    """Print how many plays are kept, and how many are left out by reason."""
    seasons = season_list(selection.plays["season"])
    play_set = selection.plays["play_set"][0]
    errors.print(f"{len(selection.plays):,} plays ({play_set}), {seasons}")
    table = Table("left out because", "plays", box=None, padding=(0, 2))
    table.columns[1].justify = "right"
    for reason, count in selection.left_out.iter_rows():
        table.add_row(reason, f"{count:,}")
    if table.row_count:
        errors.print(table)
    if selection.doubtful:
        errors.print(
            f"Kept but doubtful: {selection.doubtful:,} completions whose air yards and yards "
            "after the catch do not add up to the gain."
        )
    if selection.missing_columns:
        errors.print(f"Without {', '.join(selection.missing_columns)}: taken as unknown.")


def table_of(
    title: str, headings: Iterable[str], *, left: int = 1, caption: str | None = None
) -> Table:
    """An empty table for a terminal of 80 columns; all but the `left` first columns are numbers."""
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption=caption,
        caption_justify="left",
    )
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < left else "right", no_wrap=True)
    return table


def evaluation_table(evaluation: Evaluation, title: str) -> None:
    """Print the main metrics of each model, then the paired differences to ours."""
    caption = (
        "log: log score, nats. PP: PIT's distance from uniform. 98 %, low 1%, top 1%: % of PIT "
        "values in the central 98 % and in each 1 % tail."
    )
    headings = (heading for heading, _, _ in _SHOWN.values())
    table = table_of(title, ("model", *headings), caption=caption)
    for model, row in evaluation.metrics.items():
        table.add_row(model, *_shown(row))
    out.print(table)
    if not evaluation.differences:
        return
    ours = next(iter(evaluation.metrics))
    title = f"{ours} minus baseline, 90 % interval over games"
    paired = table_of(title, ("baseline", *(_SHOWN[metric][0] for metric in _PAIRED)))
    for baseline, row in evaluation.differences.items():
        paired.add_row(baseline, *(f"{row[m].low:+.3f} to {row[m].high:+.3f}" for m in _PAIRED))
    out.print(paired)
    if evaluation.gap_closed:
        title = "Share of the CRPS gap from climatology to the oracle that is closed, %"
        shares = table_of(title, ("model", "closed", "90 % interval"))
        for model, share in evaluation.gap_closed.items():
            interval = f"{100 * share.low:.1f} to {100 * share.high:.1f}"
            shares.add_row(model, f"{100 * share.value:.1f}", interval)
        out.print(shares)


def by_time_table(by_time: OverTime) -> None:
    """Print accuracy and calibration by time since the snap and before the release."""
    caption = (
        "mean: of the PIT. <1 to >99: % of PIT values there. D: PIT's largest distance from "
        "uniform; chance: what calibrated distributions exceed 1 time in 20."
    )
    tables = (
        ("since the snap, plays whose ball is not thrown yet", by_time.since_snap),
        ("before the release, plays that last so long", by_time.before_release),
    )
    for title, evaluations in tables:
        if not evaluations:
            continue
        name = next(iter(next(iter(evaluations.values())).metrics))
        headings = ("s", "plays", *(heading for heading, _, _ in _BY_TIME.values()), "D", "chance")
        table = table_of(f"{name}, seconds {title}", headings, left=0, caption=caption)
        for seconds, evaluation in evaluations.items():
            table.add_row(
                f"{seconds:g}",
                f"{evaluation.plays:,}",
                *_shown(evaluation.metrics[name], _BY_TIME),
                f"{evaluation.pit_distance[name]:.3f}",
                f"{evaluation.flat_distance:.3f}",
            )
        out.print(table)


def _shown(
    row: Mapping[str, Estimate], columns: Mapping[str, tuple[str, int, int]] = _SHOWN
) -> list[str]:
    return [
        f"{factor * row[metric].value:.{decimals}f}"
        for metric, (_, decimals, factor) in columns.items()
    ]
