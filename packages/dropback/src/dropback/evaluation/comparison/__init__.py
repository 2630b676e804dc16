"""Compare a score with older passing metrics: how it relates to winning, and how stable it is."""

from dropback.evaluation.comparison._comparison import (
    BASELINES,
    MetricComparison,
    compare_metrics,
    compare_metrics_from_files,
    rated_plays,
)
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
    "MetricComparison",
    "as_dict",
    "compare_metrics",
    "compare_metrics_from_files",
    "draw",
    "format_correlation",
    "headline",
    "lead_sign",
    "markdown",
    "rated_plays",
]
