"""Compare a score with older passing metrics: how it relates to winning, and how stable it is."""

from dropback.evaluation.comparison._comparison import (
    BASELINES,
    MetricComparison,
    compare_metrics,
    compare_metrics_from_files,
    rated_plays,
)
from dropback.evaluation.comparison._metrics import METRICS, passer_metrics
from dropback.evaluation.comparison._plays import completion_over_expected, passing_plays
from dropback.evaluation.comparison._rendering import (
    as_dict,
    draw,
    format_correlation,
    headline,
    lead_sign,
    markdown,
)

__all__ = [
    "BASELINES",
    "METRICS",
    "MetricComparison",
    "as_dict",
    "compare_metrics",
    "compare_metrics_from_files",
    "completion_over_expected",
    "draw",
    "format_correlation",
    "headline",
    "lead_sign",
    "markdown",
    "passer_metrics",
    "passing_plays",
    "rated_plays",
]
