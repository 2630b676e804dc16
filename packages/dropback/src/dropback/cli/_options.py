"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from dropback.data._selection import Games
from dropback.data._table_files import ENDINGS
from dropback.data._tables import PlaySet

GamesOption = Annotated[Games, typer.Option(help="Which games.")]
PlaysOption = Annotated[
    PlaySet, typer.Option(help="targeted attempts; all attempts; dropbacks add sacks, throw-aways.")
]
ScoresFile = Annotated[
    Path, typer.Argument(help="Play scores that `score` wrote, or a folder that `update` keeps.")
]
OutTable = Annotated[Path | None, typer.Option(help=f"File to write: {ENDINGS}.")]
OutFolder = Annotated[Path, typer.Option(help="Folder to write.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all randomness.")]
