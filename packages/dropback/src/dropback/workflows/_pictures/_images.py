"""Find logos and headshots among the user's own files; nothing is fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dropback.errors import ReaderError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from matplotlib.axes import Axes

_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Images:
    """Folders of pictures; None has none.

    Attributes:
        logos: Folder with a file for each team, named by nflverse's code: ``KC.png``.
        headshots: Folder with a file for each player, named by id: ``00-0033873.png``.
        files: Player's id to their own file, as a roster's column of headshots names it; what is
            no file here, such as an address, is passed over.
    """

    logos: Path | None = None
    headshots: Path | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def logo(self, team: str | None) -> np.ndarray | None:
        """Picture of a team, None without one.

        Raises:
            ReaderError: The folder is not there, or the file is no picture.
        """
        return _picture(self.logos, team)

    def headshot(self, player_id: str) -> np.ndarray | None:
        """Picture of a player, None without one.

        Raises:
            ReaderError: As `logo`.
        """
        own = Path(self.files.get(player_id, ""))
        return _read(own) if own.is_file() else _picture(self.headshots, player_id)


def _picture(folder: Path | None, name: str | None) -> np.ndarray | None:
    if folder is None or name is None:
        return None
    if not folder.is_dir():
        raise ReaderError(f"{folder}: no such folder of pictures.")
    paths = (folder / f"{name}{ending}" for ending in _ENDINGS)
    path = next((path for path in paths if path.is_file()), None)
    return None if path is None else _read(path)


def _read(path: Path) -> np.ndarray:
    from matplotlib.image import imread  # noqa: PLC0415  # an optional extra

    try:
        return imread(path)
    except (OSError, ValueError, SyntaxError) as error:
        raise ReaderError(f"{path}: not a readable picture ({error}).") from error


def show(axes: Axes, picture: np.ndarray) -> None:
    """Show a picture in its own proportions and nothing else in these axes."""
    axes.imshow(picture, interpolation="antialiased")
    axes.set_axis_off()
