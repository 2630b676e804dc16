"""Evaluate predictions, at the release and over time, and compare scores with other metrics."""

from dropback.evaluation._calibration import Estimate, Evaluation, evaluate
from dropback.evaluation._over_time import OverTime, evaluate_over_time

__all__ = ["Estimate", "Evaluation", "OverTime", "evaluate", "evaluate_over_time"]
