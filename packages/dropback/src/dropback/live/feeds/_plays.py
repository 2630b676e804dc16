"""Define what HTTP and live messages say of a play: its situation, its frames, its forecasts."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from dropback.data._field import HALF_SECONDS
from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.tracking._schema import FRAME_QUANTITIES, SLOTS

PlayKey = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Slot = Annotated[int, Meta(ge=0, le=10)]
Yards = Annotated[int, Meta(ge=YARDS_LOWEST, le=YARDS_HIGHEST)]
Player = Annotated[
    list[float | None],
    Meta(
        min_length=len(FRAME_QUANTITIES),
        max_length=len(FRAME_QUANTITIES),
        description=f"{', '.join(FRAME_QUANTITIES)}; null if there is none.",
    ),
]
Frame = Annotated[
    list[Player],
    Meta(
        min_length=SLOTS,
        max_length=SLOTS,
        description="Slots 0 to 10 offense, 11 to 21 defense, 22 the ball; the offense moves "
        "toward +x.",
    ),
]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]


class SituationMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """What is known at the snap: the fields of `dropback.live.PlayContext`."""

    line_of_scrimmage_x_yd: Annotated[float, Meta(ge=9.0, le=111.0)]
    yards_to_goal: Annotated[float, Meta(ge=-1.0, le=101.0)]
    down: Annotated[int, Meta(ge=0, le=4)] | None = None
    yards_to_go: Annotated[int, Meta(ge=0, le=100)] | None = None
    quarter: Annotated[int, Meta(ge=1, le=20)] | None = None
    seconds_left_in_half_s: Annotated[float, Meta(ge=0.0, le=float(HALF_SECONDS))] | None = None
    score_differential: Annotated[int, Meta(ge=-200, le=200)] | None = None
    at_home: bool | None = None
    weeks_left: Annotated[int, Meta(ge=0, le=25)] | None = None
    eligible: (
        Annotated[
            list[bool],
            Meta(
                min_length=11,
                max_length=11,
                description="Which of slots 0 to 10 may catch a pass; null is the last five.",
            ),
        ]
        | None
    ) = None


class PointForecast(Struct, frozen=True):
    """The distribution of the yards that a league-average passer would gain.

    ``probabilities`` belong to the whole yards ``first_yd``, ``first_yd + 1``, ...; what is left
    out on either side has less than 1e-6. ``touchdown`` is the mass at the goal line, ``gain`` that
    of one yard or more, ``no_gain`` that of none, which is nearly always an incomplete pass, and
    ``first_down`` that of the yards to go or more, null where they are unknown. ``epa`` are the
    expected points added, 5 % of the outcomes below ``epa_low`` and above ``epa_high``; null where
    the service has no model of expected points or the situation is not known whole.
    """

    frame: int
    released: bool
    mean: float
    median: float
    quantiles: dict[str, float]
    lower_threshold_yd: float
    upper_threshold_yd: float
    touchdown: Probability
    gain: Probability
    no_gain: Probability
    first_down: Probability | None
    first_yd: int
    probabilities: list[float]
    epa: float | None = None
    epa_low: float | None = None
    epa_high: float | None = None
