"""Define the commands of tracking data: each parses, calls one library function and prints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape
from rich.tree import Tree

from dropback.cli._console import file_progress, table_of
from dropback.cli._console import out as console
from dropback.cli._options import ExecutorOption, Overwrite
from dropback.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from dropback.tracking import Around
    from dropback.tracking.ingest._report import IngestReport

# More lines say less; the report's files hold all.
_MOST_FILES: Final = 20
# A play lasts less than a quarter.
_ALL_FRAMES: Final = 9000

app = typer.Typer(
    help="Read, check and draw tracking data, and compute its features.", no_args_is_help=True
)

Source = Annotated[Path, typer.Argument(help="A tracking file or a folder of them.")]
Layout = Annotated[
    str,
    typer.Option("--format", help="auto, a layout's name, or a column map ending in .toml."),
]
Place = Annotated[str, typer.Argument(help="A tracking file, a folder of them, or their URL.")]


@app.command("ingest")
def ingest_command(
    path: Place,
    out: Annotated[str, typer.Option(help="Folder or URL for the canonical tables.")] = "plays",
    layout: Layout = "auto",
    start: Annotated[
        str, typer.Option("--from", help="First frames to write: snap, start, or as -2s.")
    ] = "snap",
    to: Annotated[
        str, typer.Option("--to", help="Last frames to write: release, end, or as 1.5s after it.")
    ] = "release",
    runs: Annotated[
        bool, typer.Option("--runs", help="Also read designed runs, to the handoff.")
    ] = False,
    executor: ExecutorOption = "threads:3",
) -> None:
    """Read tracking files into canonical Parquet.

    Frames before the snap and after the release go to a further table, `around`.

    Example: `dropback ingest data/tracking --out plays --from -2s --to end`
    """
    from dropback.tracking.ingest._pipeline import ingest

    around = _around(start, to)
    with file_progress() as step:
        report = ingest(
            path, out, layout=layout, around=around, runs=runs, executor=executor, progress=step
        )
    print_report(report)
    console.print(f"plays in {out}, reasons in {out}/left_out.csv, all checks in {out}/ingest.html")


def _around(start: str, to: str) -> Around | None:
    """What `--from` and `--to` say; None where they name the window.

    Raises:
        RequestError: One of them is no time.
    """
    from dropback.data._field import RATE_HZ
    from dropback.tracking import Around

    if (start, to) == ("snap", "release"):
        return None
    named = {"snap": 0, "start": _ALL_FRAMES, "release": 0, "end": None}
    frames: list[int | None] = []
    for option, value, words, sign in (
        ("--from", start, ("snap", "start"), -1),
        ("--to", to, ("release", "end"), 1),
    ):
        if value in words:
            frames.append(named[value])
            continue
        found = re.fullmatch(r"([+-]?)(\d+(?:\.\d+)?)s?", value)
        if found is None or (found[1] == "-") != (sign < 0):
            example = "-2s" if sign < 0 else "1.5s"
            raise RequestError(
                f"{option} must be {words[0]}, {words[1]}, or seconds such as {example}, "
                f"got {value!r}."
            )
        frames.append(round(float(found[2]) * RATE_HZ))
    return Around(frames[0] or 0, frames[1])


@app.command("check")
def check_command(
    path: Source,
    layout: Layout = "auto",
    out: Annotated[Path | None, typer.Option(help="Also write the checks as JSON.")] = None,
    html: Annotated[Path | None, typer.Option(help="Also write them as a page.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Check a set's conventions against its own evidence.

    Example: `dropback check data/tracking --out check.json`
    """
    from dropback._files import require_new_file
    from dropback.tracking.ingest._looking import read_tracking
    from dropback.tracking.ingest._report import write_page
    from dropback.workflows import write_json

    for path_to_write in filter(None, (out, html)):
        require_new_file(path_to_write, overwrite=overwrite)
    report = read_tracking(path, layout=layout)[1]
    print_report(report, every=True)
    if out is not None:
        write_json(report.to_json(), out)
    if html is not None:
        write_page(report, html)


@app.command("features")
def features_command(
    path: Annotated[
        str, typer.Argument(help="Tracking files, or a folder that ingest wrote, or their URL.")
    ],
    out: Annotated[str, typer.Option(help="Folder or URL for the tensors.")] = "tensors",
    layout: Layout = "auto",
    executor: ExecutorOption = "threads:3",
) -> None:
    """Write the features of all plays as tensors.

    Example: `dropback features plays --out tensors`
    """
    from dropback.tracking.ingest._pipeline import build_tensors

    with file_progress() as step:
        tensors, report = build_tensors(path, out, layout=layout, executor=executor, progress=step)
    if report is not None:
        print_report(report)
    console.print(
        f"{len(tensors)} plays, {tensors.offsets[-1]} frames in {out} "
        f"(schema {tensors.schema['schema_hash'][:12]})"
    )


@app.command("plot")
def plot_command(
    path: Annotated[Path, typer.Argument(help="Tracking files, or a folder that ingest wrote.")],
    game: Annotated[int, typer.Option(help="The game's key, such as 2018100707.")],
    play: Annotated[int, typer.Option(help="The play's key in its game.")],
    out: Annotated[Path, typer.Option(help="A .png, .gif, .mp4 or .html file.")] = Path("play.png"),
    start: Annotated[
        str, typer.Option("--from", help="Of files: first frame, snap, start, or as -2s.")
    ] = "snap",
    to: Annotated[
        str, typer.Option("--to", help="Of files: last frame, release, end, or as 1.5s after it.")
    ] = "release",
    overwrite: Overwrite = False,
) -> None:
    """Draw a play as a picture, a film or a page with a player.

    Example: `dropback plot data/tracking --game 2018100707 --play 1113 --out play.html --to end`
    """
    from dropback._files import require_new_file
    from dropback.tracking._plot import plot_play
    from dropback.tracking.ingest._looking import find_play

    require_new_file(out, overwrite=overwrite)
    block, index, note = find_play(path, game, play, around=_around(start, to))
    plot_play(block, index, out, note=note)
    console.print(f"drawn in {out}")


def print_report(report: IngestReport, console: Console = console, *, every: bool = False) -> None:
    """Print checks that failed, or every check, what is flagged, and what was kept and left out."""
    for file in report.files:
        checks = file.checks if every else file.failed
        named = [
            (f"{c.name}{f', {c.season}' if c.season else ''}: {c.decision}", c.evidence)
            for c in checks
        ]
        _print_tree(console, f"{file.source_file} ({file.source_format})", named)
        if file.selection:
            console.print(f"note: {file.selection}")
    counts = table_of("plays by layout", ("format", "files", "read", "kept", "left out"))
    for row in report.counts().iter_rows():
        counts.add_row(*map(str, row))
    console.print(counts)
    reasons = table_of("left out by reason", ("reason", "plays"))
    for reason, count in report.reasons().iter_rows():
        reasons.add_row(reason, str(count))
    if reasons.row_count:
        console.print(reasons)
    for reason, count in report.rows_of_no_play().iter_rows():
        rows = "row is" if count == 1 else "rows are"
        console.print(f"{reason}: {count} more {rows} of no play that is known")
    flags = [
        (f"{flag}: {count} {'play' if count == 1 else 'plays'}", f"the first is {first}")
        for flag, count, first in report.flags().iter_rows()
    ]
    _print_tree(console, "kept and flagged", flags)
    files = [
        (f"{name}: {why}", detail) for name, why, detail in report.files_not_read().iter_rows()
    ]
    _print_tree(console, "files not read, or not to the end", files, most=_MOST_FILES)
    if why := report.why_none():
        console.print(f"warning: {why}", soft_wrap=True)


def _print_tree(
    console: Console, title: str, lines: Sequence[tuple[str, str]], *, most: int | None = None
) -> None:
    """Print sentences below what they are about; nothing where there is none."""
    if not lines:
        return
    # A tree, not a table: evidence is a sentence, and folds in a terminal of 80 columns.
    tree = Tree(title, highlight=False)
    for heading, sentence in lines[:most]:
        tree.add(escape(heading)).add(escape(sentence))
    if most is not None and len(lines) > most:
        tree.add(f"and {len(lines) - most} more")
    console.print(tree)
