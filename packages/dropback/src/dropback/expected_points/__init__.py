"""Estimate expected points, and expected points added, from play-by-play alone."""

from dropback.expected_points._added import (
    OWN_SOURCE,
    attach_epa,
    expected_points_added,
    points_of_gains,
    recorded_epa,
)
from dropback.expected_points._model import (
    ExpectedPoints,
    ExpectedPointsSettings,
    fit_expected_points,
    load_expected_points,
    save_expected_points,
)
from dropback.expected_points._next_score import NEXT_SCORES, timeline

__all__ = [
    "NEXT_SCORES",
    "OWN_SOURCE",
    "ExpectedPoints",
    "ExpectedPointsSettings",
    "attach_epa",
    "expected_points_added",
    "fit_expected_points",
    "load_expected_points",
    "points_of_gains",
    "recorded_epa",
    "save_expected_points",
    "timeline",
]
