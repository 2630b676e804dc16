"""Plan which model scores which season: always one that learned from other games."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dropback.data._selection import FIRST_SEASON_WITH_RECEIVERS
from dropback.data._tables import PlaySet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropback.data._tables import Outcome

HISTORY_SEASONS = 3
"""Seasons that a model learns from: the three before the one that it scores."""


@dataclass(frozen=True)
class Fit:
    """One network to fit, and the plays that it scores.

    Attributes:
        outcome: What it predicts.
        play_set: Of its plays.
        learns: Seasons that it learns from.
        scores: Seasons that it scores: a later one, or the same where a fold is held out.
        fold: The fold of games that it never sees and alone scores; None scores all.
        starts_from: The fit, of earlier seasons alone, whose weights it starts from.
    """

    outcome: Outcome
    play_set: PlaySet
    learns: tuple[int, ...]
    scores: tuple[int, ...]
    fold: int | None
    starts_from: Fit | None = None

    @property
    def name(self) -> str:
        """For files and progress."""
        fold = "" if self.fold is None else f"-fold-{self.fold}"
        return f"{self.outcome.value}-{self.play_set.value}-{span(self.scores)}{fold}"


def span(seasons: Sequence[int]) -> str:
    """``2009-2011``, or ``2012``."""
    return f"{seasons[0]}-{seasons[-1]}" if len(seasons) > 1 else f"{seasons[0]}"


def kinds_of(seasons: Sequence[int], plays: PlaySet) -> dict[PlaySet, tuple[int, ...]]:
    """Seasons by what their plays are: before 2009 targeted attempts are not recorded."""
    ordered = sorted(seasons)
    if plays is not PlaySet.TARGETED:
        return {plays: tuple(ordered)}
    early = tuple(season for season in ordered if season < FIRST_SEASON_WITH_RECEIVERS)
    later = tuple(ordered[len(early) :])
    return {
        kind: group
        for kind, group in ((PlaySet.ATTEMPTS, early), (PlaySet.TARGETED, later))
        if group
    }


def plan_fits(
    seasons: Sequence[int], *, plays: PlaySet, outcomes: Sequence[Outcome], folds: int
) -> tuple[Fit, ...]:
    """Every network that scoring the seasons takes.

    Of each kind of plays, the first three seasons are scored out of fold among themselves; each
    later one by a network of the three seasons of its kind before it, which starts from the weights
    of the network before: in a quarter of the time it predicts better than one with new weights
    (``research/rolling_fits.py``), and what it starts from has seen earlier seasons alone.

    Args:
        seasons: To score.
        plays: Which plays.
        outcomes: What they are judged by.
        folds: Folds of games of the first three seasons.

    Example:
        >>> from dropback.data._tables import Outcome
        >>> fits = plan_fits(
        ...     range(2009, 2013), plays=PlaySet.TARGETED, outcomes=[Outcome.YARDS], folds=2
        ... )
        >>> for fit in fits:
        ...     print(fit.scores, fit.learns, fit.fold)
        (2009, 2010, 2011) (2009, 2010, 2011) 0
        (2009, 2010, 2011) (2009, 2010, 2011) 1
        (2012,) (2009, 2010, 2011) None
    """
    fits: list[Fit] = []
    for outcome in outcomes:
        for kind, group in kinds_of(seasons, plays).items():
            first = group[:HISTORY_SEASONS]
            held_out = [Fit(outcome, kind, first, first, fold) for fold in range(folds)]
            fits += held_out
            before = held_out[0]
            for at in range(HISTORY_SEASONS, len(group)):
                learns = group[at - HISTORY_SEASONS : at]
                before = Fit(outcome, kind, learns, (group[at],), None, starts_from=before)
                fits.append(before)
    return tuple(fits)
