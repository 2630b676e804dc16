"""The command of live inference."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer reads the annotations
from typing import Annotated

import typer

from dropback.cli._console import out as console

app = typer.Typer(help="Live inference.", no_args_is_help=True)


@app.command("export")
def export_command(
    run: Annotated[Path, typer.Argument(help="A run folder of a play network.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the graphs; by default in the run folder.")
    ] = None,
) -> None:
    """Write a run's networks as ONNX graphs, which `dropback serve` then runs."""
    from dropback.live._export import export_onnx
    from dropback.live._session import GRAPHS
    from dropback.models._store import load_run

    folder = out or run / GRAPHS
    export_onnx(load_run(run).model.networks, folder)
    console.print(f"graphs in {folder}, equal to torch within 0.00001")
