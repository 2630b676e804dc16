"""Read public tracking layouts, each declared once and listed in `FORMATS`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dropback._choices import nearest
from dropback.errors import ReaderError
from dropback.tracking.readers._big_data_bowl import RECORDED
from dropback.tracking.readers._column_map import read_column_map

if TYPE_CHECKING:
    from dropback.tracking.readers._format import Format

__all__ = ["FORMATS", "choose_formats"]

FORMATS: Final[dict[str, Format]] = {
    path.stem: replace(read_column_map(path), recorded=RECORDED.get(path.stem))
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
            f"got {name!r}.{nearest(name, FORMATS)}"
        )
    return [FORMATS[name]]
