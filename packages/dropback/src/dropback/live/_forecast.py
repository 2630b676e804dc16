"""The distribution of a play's yards at one frame, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.errors import LiveError
from dropback.models._predict import QUANTILE_LEVELS, cdf_around, yard_mean, yard_quantiles

if TYPE_CHECKING:
    from dropback._arrays import Floats, Singles

# Less mass than this on either side moves no number that is shown.
_LEFT_OUT: Final = 1e-6
_DIGITS: Final = 7


@dataclass(frozen=True, eq=False)
class Forecast:
    """The distribution of a play's yards as it stands at one frame.

    Its numbers are those of `dropback.models._predict` for a batch of one.

    Attributes:
        frame: Number of the frame, 0 at the snap.
        released: Whether the ball has left the hand: the target is then known.
        cdf: Probability of at most each whole yard of `YARDS` (-110 to 100), shape ``(211,)``.
        yards_max: Yards of a touchdown.
        yards_to_go: Yards of a first down, None if unknown; beyond the goal line the goal counts.
        epa_of_yards: Expected points added by each of `YARDS`, shape ``(211,)``; None where no
            model values the situation.
    """

    frame: int
    released: bool
    cdf: Singles
    yards_max: int
    yards_to_go: int | None = None
    epa_of_yards: Floats | None = None

    @property
    def epa(self) -> float | None:
        """Expected points added; None where they are not known."""
        if self.epa_of_yards is None:
            return None
        return float(np.diff(self._batch[0], prepend=0.0) @ self.epa_of_yards)

    @property
    def epa_low(self) -> float | None:
        """Points added that 5 % of the outcomes stay below."""
        return self._epa_quantile(0.05)

    @property
    def epa_high(self) -> float | None:
        """Points added that 5 % of the outcomes exceed."""
        return self._epa_quantile(0.95)

    @property
    def mean(self) -> float:
        """Expected yards."""
        return float(yard_mean(self._batch)[0])

    @cached_property
    def quantiles(self) -> dict[str, float]:
        """Fewest yards whose probability reaches each of `QUANTILE_LEVELS`."""
        yards = yard_quantiles(self._batch)[:, 0].astype(float).tolist()
        return dict(zip(QUANTILE_LEVELS, yards, strict=True))

    @property
    def median(self) -> float:
        """Median yards."""
        return self.quantiles["q50"]

    @property
    def lower_threshold_yd(self) -> float:
        """Where the lowest 1 % of the distribution end, yards."""
        return self.quantiles["q01"]

    @property
    def upper_threshold_yd(self) -> float:
        """Where the highest 5 % of the distribution begin, yards."""
        return self.quantiles["q95"]

    @property
    def touchdown(self) -> float:
        """Probability of a touchdown: the mass at the goal line."""
        return self._at_least(self.yards_max)

    @property
    def gain(self) -> float:
        """Probability of a gain: a catch that goes nowhere, or a loss, is none."""
        return self._at_least(1)

    @property
    def no_gain(self) -> float:
        """Probability of no yards: nearly always an incomplete pass."""
        return self._at_least(0) - self._at_least(1)

    @property
    def first_down(self) -> float | None:
        """Probability of a first down or a touchdown by yards; None without yards to go."""
        if self.yards_to_go is None:
            return None
        return self._at_least(min(max(1, self.yards_to_go), self.yards_max))

    def score(self, yards: float) -> float:
        r"""Where `yards` fall in the distribution, :math:`F(y - 1) + P(y) / 2`, in ``[0, 1]``.

        Args:
            yards: Yards gained, whole, -110 to 100.

        Raises:
            LiveError: Yards that no play can gain.
        """
        if not YARDS_LOWEST <= yards <= YARDS_HIGHEST or yards != round(yards):
            raise LiveError(
                f"yards must be a whole number from {YARDS_LOWEST} to {YARDS_HIGHEST}, got "
                f"{yards!r}."
            )
        below, at_most = cdf_around(self._batch, np.array([int(yards)]))
        return float(below[0] + at_most[0]) / 2

    @property
    def first_yd(self) -> int:
        """The least whole yards in `probabilities`."""
        return YARDS_LOWEST + self._ends[0]

    @property
    def probabilities(self) -> list[float]:
        """Probability of each whole yard from `first_yd` on, to seven digits.

        What is left out on either side has less than a millionth.
        """
        masses = np.diff(self._batch[0], prepend=0.0)[slice(*self._ends)]
        shown: list[float] = masses.clip(min=0).round(_DIGITS).tolist()
        return shown

    def _at_least(self, yards: int) -> float:
        return 1.0 - float(self.cdf[yards - 1 - YARDS_LOWEST])

    def _epa_quantile(self, level: float) -> float | None:
        if self.epa_of_yards is None:
            return None
        order = np.argsort(self.epa_of_yards, kind="stable")
        reached = np.diff(self._batch[0], prepend=0.0)[order].cumsum()
        return float(self.epa_of_yards[order][min(int((reached < level).sum()), len(order) - 1)])

    @property
    def _batch(self) -> Floats:
        """The CDF as a batch of one, shape ``(1, 211)``."""
        return self.cdf[None].astype(np.float64)

    @cached_property
    def _ends(self) -> tuple[int, int]:
        """Places in `cdf` of the first yard whose mass counts, and after the last."""
        below = self.cdf[:-1, None] < (_LEFT_OUT, 1 - _LEFT_OUT)
        first, last = below.sum(axis=0).tolist()
        return first, last + 1
