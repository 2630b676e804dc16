"""Show mean scores on a scale of 50 to 99."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl

_SINGLE_GAMES, _FEW_GAMES = 2, 4


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
    def of(
        cls, by: Sequence[str], split: Iterable[str] = (), *, games: float | None = None
    ) -> DisplayScale:
        """The scale of a table's unit: a season, a split of seasons, or a game (or week).

        Means of fewer plays spread farther. Each slope shows 99 about as rarely as that for
        seasons, once in 128 (four seasons of 32 passers): of the games of 14 attempts and more in
        2018-2023 one in 128 has a mean score above .644, of passers' seasons split by depth, the
        split that spreads farthest, one above .611; of receivers' seasons .610, split by depth
        .667, of their games .77 (``research/display_scale.py --units``). The slope of seasons
        would show 99 for 14 % of the games, and for 8 % of the receivers.

        Args:
            by: What the rows are grouped by.
            split: Splits that the plays are kept to one value of.
            games: Games of a row, in the median: rows of two games or fewer (against one opponent,
                of one week, early in a season) are on the scale of games, rows of three or four on
                that of splits. None goes by the names alone.

        Example:
            >>> DisplayScale.of(("passer", "game")).slope, DisplayScale.of(("passer",)).slope
            (96.0, 222.0)
            >>> DisplayScale.of(("passer",), ["depth"]).slope
            126.0
            >>> DisplayScale.of(("passer", "opponent"), games=1).slope
            96.0
        """
        names = {*by, *split}
        shown = inf if games is None else games
        receiver = "receiver" in names
        if names & {"game", "week"} or shown <= _SINGLE_GAMES:
            return cls(slope=52.0 if receiver else 96.0)
        whole = {"passer", "season", "team", "opponent"}
        if names - whole - {"receiver"} or shown <= _FEW_GAMES:
            return cls(slope=84.0 if receiver else 126.0)
        return cls(slope=126.0) if receiver else cls()

    def __call__(self, score: pl.Expr) -> pl.Expr:
        """Display value of a mean score."""
        return (self.average + self.slope * (score - 0.5)).clip(50, 99)
