"""Find logos and headshots among the user's own files; nothing is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dropback.errors import ReaderError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from matplotlib.axes import Axes

_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Images:
    """Folders of pictures; None has none.

    Attributes:
        logos: Folder with a file for each team, named by nflverse's code: ``KC.png``.
        headshots: Folder with a file for each player, named by id: ``00-0033873.png``.
    """

    logos: Path | None = None
    headshots: Path | None = None

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
        return _picture(self.headshots, player_id)


def _picture(folder: Path | None, name: str | None) -> np.ndarray | None:
    from matplotlib.image import imread  # noqa: PLC0415  # an optional extra

    if folder is None or name is None:
        return None
    if not folder.is_dir():
        raise ReaderError(f"{folder}: no such folder of pictures.")
    for ending in _ENDINGS:
        path = folder / f"{name}{ending}"
        if path.is_file():
            try:
                return imread(path)
            except (OSError, ValueError, SyntaxError) as error:
                raise ReaderError(f"{path}: not a readable picture ({error}).") from error
    return None


def show(axes: Axes, picture: np.ndarray) -> None:
    """Show a picture in its own proportions and nothing else in these axes."""
    axes.imshow(picture, interpolation="antialiased")
    axes.set_axis_off()
