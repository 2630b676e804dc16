"""Show mean scores on a scale of 50 to 99."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl


@dataclass(frozen=True)
class DisplayScale:
    """The 50-99 scale of a mean score: linear, clipped at both ends.

    The publication shows the best of all qualified seasons of 2018-2021 at 99 and mid-table
    seasons in the mid-80s (rank 13 at 88, rank 19 at 85). A line through an average league at
    `average` and a fixed slope does the same; it is absolute, so that 90 means the same in every
    table. The best season's mean score is .5629 (Rodgers 2020, as published), which gives the
    slope; Rodgers 2019 and 2018, ranks 15 and 20 in their seasons, then show 86.0 and 85.6.
    ``research/display_scale.py`` prints these figures.

    Attributes:
        average: Display value of a mean score of exactly one half.
        slope: Display points for a mean score higher by one.
    """

    average: float = 85.0
    slope: float = 222.0

    @classmethod
    def of(cls, by: Sequence[str], split: Iterable[str] = ()) -> DisplayScale:
        """The scale of a table's unit: a season, a split of seasons, or a game (or week).

        Means of fewer plays spread farther. Each slope shows 99 as rarely as that for seasons,
        once in 128 (four seasons of 32 passers): of the 2,097 games of 14 attempts and more in
        2018-2021 one in 128 has a mean score above .647 (``research/display_scale.py``), of the
        1,158 passer-seasons of 2018-2023 split by depth, the split that spreads farthest, one
        above .611. The slope of seasons would show 99 for 15 % of the games.

        Args:
            by: What the rows are grouped by.
            split: Splits that the plays are kept to one value of.

        Example:
            >>> DisplayScale.of(("passer", "game")).slope, DisplayScale.of(("passer",)).slope
            (96.0, 222.0)
            >>> DisplayScale.of(("passer",), ["depth"]).slope
            126.0
        """
        names = {*by, *split}
        if names & {"game", "week"}:
            return cls(slope=96.0)
        whole = {"passer", "receiver", "season", "team", "opponent"}
        return cls(slope=126.0) if names - whole else cls()

    def __call__(self, score: pl.Expr) -> pl.Expr:
        """Display value of a mean score."""
        return (self.average + self.slope * (score - 0.5)).clip(50, 99)
