"""Command of the demo: run the whole job on a simulated league and print the results."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from dropback.cli._options import OutFolder, Overwrite, Seed

app = typer.Typer(help="The demo.", no_args_is_help=True)


@app.command()
def demo(
    out: OutFolder = Path("demo"),
    seed: Seed = 1,
    overwrite: Overwrite = False,
) -> None:
    """Run the whole job on a simulated league and hold the ranking against true skill."""
    from dropback.cli._console import errors, evaluation_table, leaderboard_table
    from dropback.cli._console import out as console
    from dropback.workflows._demo import run_demo

    with errors.status("starting") as status:
        result = run_demo(out, seed=seed, overwrite=overwrite, on_step=status.update)
    evaluation_table(result.evaluation, "A season the model has not seen (simulated)")
    shown = result.rows.select("true_rank", *result.rows.columns[:-2])
    leaderboard_table(shown, "Leaderboard beside true skill (simulated passers)")
    console.print(
        f"Rank correlation with true skill: {result.rank_correlation:.2f}. Share of the CRPS gap "
        f"between climatology and the known distribution that is closed: {result.gap_closed:.0%}.",
    )
    console.print(f"Open {out / 'report.html'}; tables and the run are in {out}.")
    console.print(
        "Watch plays and rankings on a page (simulated, by a network trained for ten seconds):\n"
        f"{_this_program()} serve {out / 'play-run'} --scores {out / 'scores.parquet'} "
        f"--plays {out / 'plays'}",
        soft_wrap=True,
    )


def _this_program() -> str:
    """Relative path of the command: `make demo` runs one that is not on the PATH."""
    called = Path(sys.argv[0])
    if called.name != "dropback" or not called.is_file():
        return "dropback"
    return os.path.relpath(called)
