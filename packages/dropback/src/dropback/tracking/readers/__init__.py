"""Read public tracking layouts, each declared once and listed in `FORMATS`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from dropback.errors import ReaderError
from dropback.tracking.readers._big_data_bowl import RECORDED
from dropback.tracking.readers._column_map import read_column_map
from dropback.tracking.readers._files import (
    SourceFile,
    SourceFolder,
    candidate_files,
    detect_format,
    find_folders,
    read_header,
    truncation,
)
from dropback.tracking.readers._format import SOURCE_KEY, Format
from dropback.tracking.readers._rows import (
    InterleavedPlaysError,
    play_heads,
    read_batches,
    run_heads,
    scan_rows,
)
from dropback.tracking.readers._tables import (
    height_in,
    normalized_position,
    nulls_restored,
    read_players,
    read_plays,
    read_recorded_roles,
    shaped_plays,
    team_code,
    with_offense_label,
)

__all__ = [
    "FORMATS",
    "SOURCE_KEY",
    "Format",
    "InterleavedPlaysError",
    "SourceFile",
    "SourceFolder",
    "candidate_files",
    "choose_formats",
    "detect_format",
    "find_folders",
    "height_in",
    "normalized_position",
    "nulls_restored",
    "play_heads",
    "read_batches",
    "read_column_map",
    "read_header",
    "read_players",
    "read_plays",
    "read_recorded_roles",
    "run_heads",
    "scan_rows",
    "shaped_plays",
    "team_code",
    "truncation",
    "with_offense_label",
]

FORMATS: Final[dict[str, Format]] = {
    path.stem: replace(read_column_map(path), **RECORDED.get(path.stem, {}))
    for path in sorted((Path(__file__).parent / "column_maps").glob("*.toml"))
}
"""The layouts that are known, by name."""


def choose_formats(name: str) -> list[Format]:
    """The layouts to tell apart: all for ``auto``, one by name, or that of a ``.toml`` file.

    Raises:
        ReaderError: If the name is unknown.
    """
    if name == "auto":
        return list(FORMATS.values())
    if name.endswith(".toml"):
        return [read_column_map(Path(name))]
    if name not in FORMATS:
        raise ReaderError(
            f"format must be auto, a column map ending in .toml, or one of {', '.join(FORMATS)}; "
            f"got {name!r}."
        )
    return [FORMATS[name]]
