"""The command that compares play scores with older metrics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dropback.cli._options import Overwrite, Seed

if TYPE_CHECKING:
    from dropback.evaluation.comparison import MetricComparison

app = typer.Typer()

# Two lines a heading: the table fits a terminal of 80 columns.
_SHORT = {
    "win_pct": "team\nwin %",
    "qb_record": "own\nrec.",
    "playoffs": "play-\noffs",
    "playoff_win_pct": "PO\nwin %",
    "year_to_year": "next\nself",
    "next_win_pct": "next\nwin %",
    "next_qb_record": "next\nrec.",
    "split_half": "split\nhalf",
    "other_half_wins": "other\nhalf",
}


@app.command("compare-metrics", hidden=True)
@app.command("bakeoff")
def compare_metrics(
    scores: Annotated[
        Path, typer.Argument(help="Folder of `dropback seasons`, or a file of play scores.")
    ],
    pbp: Annotated[str, typer.Option(help="Folder, file or glob of play_by_play_*.parquet.")],
    games: Annotated[Path, typer.Option(help="Results, one row a game; .parquet or .csv.")],
    seasons: Annotated[str, typer.Option(help="Seasons to compare, for example 2017-2023.")],
    out: Annotated[Path, typer.Option(help="Folder for the tables, the figure and the report.")],
    score: Annotated[
        list[str] | None,
        typer.Option(
            help="Score column; repeat for more, the first is ours. Default: play_score; of a "
            "folder qb_score, passing_score, projection."
        ),
    ] = None,
    qbr: Annotated[Path | None, typer.Option(help="ESPN's QBR by season, CSV.")] = None,
    pff: Annotated[Path | None, typer.Option(help="Your PFF passing summary, CSV.")] = None,
    madden: Annotated[Path | None, typer.Option(help="Your Madden ratings, CSV.")] = None,
    half: Annotated[int, typer.Option(min=1, help="Plays of each half in the reliability.")] = 100,
    replicates: Annotated[int, typer.Option(min=0, help="Bootstrap draws of passers.")] = 1000,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Compare a score with passer rating, ANY/A, EPA and QBR: winning, stability, prediction.

    Its former name, compare-metrics, still works.

    Example: `dropback bakeoff seasons --pbp data/pbp --games data/pbp/games.parquet
    --seasons 2017-2023 --out comparison`
    """
    from dropback import workflows
    from dropback._files import require_new_file, whole_file
    from dropback.cli._console import errors
    from dropback.evaluation.comparison import (
        as_dict,
        compare_metrics_from_files,
        draw,
        markdown,
    )

    require_new_file(out / "comparison.md", overwrite=overwrite)
    ratings = {
        name: path
        for name, path in (("qbr", qbr), ("pff", pff), ("madden", madden))
        if path is not None
    }
    with errors.status("starting") as status:
        result = compare_metrics_from_files(
            scores,
            play_by_play=pbp,
            games=games,
            seasons=seasons,
            expected_points=out / "expected_points",
            names=tuple(dict.fromkeys(score or [])),
            ratings=ratings,
            plays_per_half=half,
            replicates=replicates,
            seed=seed,
            on_step=status.update,
        )
    _print(result)
    workflows.write_table(result.comparison, out / "comparison.csv")
    workflows.write_table(result.passers, out / "passers.csv")
    workflows.write_table(result.unmatched, out / "unmatched.csv")
    workflows.write_json(as_dict(result), out / "comparison.json")
    with whole_file(out / "comparison.md") as aside:
        aside.write_text(markdown(result))
    with whole_file(out / "comparison.png") as aside:
        draw(result).savefig(aside, dpi=130)
    errors.print(
        f"{out}: comparison.csv, .md, .json, .png; passers.csv; unmatched.csv "
        f"({len(result.unmatched)} ratings).",
    )


def _print(result: MetricComparison) -> None:
    """Print the headline correlations, with a sign where ours differs with 90 % confidence."""
    from dropback.cli._console import errors, table_of
    from dropback.cli._console import out as console
    from dropback.evaluation.comparison import format_correlation, headline, lead_sign

    rows = headline(result)
    names = [name for name in _SHORT if any(name in row for row in rows.values())]
    ours = result.labels[result.ours]
    table = table_of(
        f"r of each metric, {len(result.passers)} qualified passer-seasons",
        ("metric", *(_SHORT[name] for name in names)),
        caption=f"+ {ours} is above this metric, - below it: the 90 % interval of the paired "
        "difference excludes 0. PO: playoffs; next: next season, with the metric itself, the "
        "team's wins, the passer's record; other half: wins in the other half of the games.",
    )
    for metric, label in result.labels.items():
        cells = []
        for name in names:
            row = rows[metric].get(name)
            if row is None:
                cells.append(format_correlation(None) + " ")
                continue
            cells.append(format_correlation(row["r"]) + {1: "+", 0: " ", -1: "-"}[lead_sign(row)])
        table.add_row(label, *cells, style="bold" if metric == result.ours else None)
    console.print(table)
    if result.drift:
        console.print(result.drift)
    for what, reason, count in result.left_out.iter_rows():
        errors.print(f"Left out: {count} {what}, {reason}.")
