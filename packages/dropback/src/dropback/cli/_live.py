"""The command of live inference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dropback.cli._console import out as console

__all__ = ["app"]

app = typer.Typer(help="Live inference.", no_args_is_help=True)


@app.command("export")
def export_command(
    run: Annotated[Path, typer.Argument(help="A run folder of a play network.")],
    out: Annotated[Path, typer.Option(help="Folder for the graphs.")] = Path("graphs"),
) -> None:
    """Write a run's networks as ONNX graphs: dropback export run/ --out graphs/."""
    from dropback.live._export import export_onnx
    from dropback.models._store import load_run

    export_onnx(load_run(run).model.networks, out)
    console.print(f"graphs in {out}, equal to torch within 0.00001")
