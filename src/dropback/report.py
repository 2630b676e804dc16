"""One HTML file that shows a ranking beside the calibration that it rests on."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import jinja2
import polars as pl

import dropback
from dropback.files import whole_file
from dropback.plots import PLOTS, draw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dropback.evaluation import Estimate, Evaluation

__all__ = ["write_report"]

_METRICS = (
    "mae",
    "rmse",
    "crps",
    "log_score",
    "pp_error",
    "coverage_98",
    "tail_lower",
    "tail_upper",
)
_ALT = {
    "pit": "Histogram of the probability integral transform of each model",
    "pp": "Observed minus stated probability of each model",
    "tails": "Share of outcomes in each one-percent tail, with intervals",
    "mae_by_depth": "Mean absolute error of each model by air yards",
}


def write_report(
    path: Path,
    *,
    title: str,
    paragraphs: Sequence[str],
    leaderboard: pl.DataFrame,
    evaluation: Evaluation,
) -> None:
    """Write a self-contained page: no network, no script.

    Args:
        path: The HTML file.
        title: Its heading.
        paragraphs: What the reader should know first.
        leaderboard: Rows as `dropback.leaderboard.leaderboard` gives them.
        evaluation: Of the model behind the scores.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dropback"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    html = environment.get_template("report.html.j2").render(
        title=title,
        paragraphs=paragraphs,
        leaderboard=leaderboard.drop("passer_player_id", strict=False),
        metrics=_estimates(evaluation.metrics),
        differences=_estimates(evaluation.differences),
        evaluation=evaluation,
        images={name: _png(name, evaluation) for name in PLOTS},
        alt=_ALT,
        footer=f"dropback {dropback.__version__}",
    )
    with whole_file(path) as aside:
        aside.write_text(html)


def _estimates(table: dict[str, dict[str, Estimate]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"model": model}
            | {
                metric: f"{row[metric].value:.4f} ({row[metric].low:.4f}, {row[metric].high:.4f})"
                for metric in _METRICS
            }
            for model, row in table.items()
        ]
    )


def _png(name: str, evaluation: Evaluation) -> str:
    buffer = io.BytesIO()
    draw(name, evaluation).savefig(buffer, format="png", dpi=110)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
