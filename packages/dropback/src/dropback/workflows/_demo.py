"""Run the main job on a league of known skill: simulate, train, evaluate, score, rank.

Beside it simulate a few games of tracking and train a play network on them, for the page to show.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from dropback._files import whole_folder
from dropback.data._field import QUALIFYING_ATTEMPTS_PER_TEAM_GAME
from dropback.data._table_files import write_table
from dropback.evaluation._calibration import CLIMATOLOGY, share_of_gap
from dropback.models import PLAY_NETWORK, ModelSettings
from dropback.ranking import drift_sentence, leaderboard, reliability, season_drifts
from dropback.simulation import LeagueSettings, simulate_league, write_league
from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    simulate_tracking_league,
    write_tracking_league,
)
from dropback.tracking import build_tensors, ingest
from dropback.workflows._evaluation import evaluate
from dropback.workflows._files import write_json
from dropback.workflows._report import Boards, write_report
from dropback.workflows._runs import score, train
from splicedpareto.training import FitSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dropback.evaluation._calibration import Evaluation
    from dropback.simulation import League

LEAGUE = LeagueSettings(seasons=(2018, 2019, 2020))
"""Two seasons to train on, one to judge by."""

MODEL = ModelSettings(folds=3, fit=FitSettings(max_epochs=8))
"""Fewer fits and epochs than the default: one minute instead of two, 1 % worse in log score."""

TRACKING = TrackingLeagueSettings(plays=1000)
"""Sixteen games: enough to watch and to train a first network."""

PLAY_MODEL = replace(
    PLAY_NETWORK, members=1, fit=replace(PLAY_NETWORK.fit, max_epochs=6, batch_size=64)
)
"""Ten seconds of training: to be watched on the page, not evaluated."""

_BASELINES = ("gaussian", CLIMATOLOGY)


@dataclass(frozen=True)
class DemoResult:
    """Results of the demo.

    Attributes:
        evaluation: Of the season that the model had not seen.
        oracle_crps: Mean CRPS of the distribution that the league-average passer's plays are drawn
            from, on the same plays: no forecast that does not know the passer can do better.
        rows: Leaderboard of that season, with ``true_rank`` and ``true_score`` beside it.
        rank_correlation: Spearman's, between score and true score of the qualified passers.
    """

    evaluation: Evaluation
    oracle_crps: float
    rows: pl.DataFrame
    rank_correlation: float

    @property
    def gap_closed(self) -> float:
        """Share of the CRPS gap between climatology and the oracle that the model closes."""
        crps = {name: row["crps"].value for name, row in self.evaluation.metrics.items()}
        return share_of_gap(crps["sbp"], worst=crps[CLIMATOLOGY], best=self.oracle_crps)


def run_demo(
    out: Path,
    *,
    league_settings: LeagueSettings = LEAGUE,
    model_settings: ModelSettings = MODEL,
    tracking_settings: TrackingLeagueSettings = TRACKING,
    play_settings: ModelSettings = PLAY_MODEL,
    seed: int = 1,
    overwrite: bool = False,
    on_step: Callable[[str], None] = lambda _: None,
) -> DemoResult:
    """Run the main job on a synthetic league and write every result into `out`.

    Args:
        out: Folder to write: ``league/``, ``run/``, tables, ``report.json``, ``report.html``, and
            for the page ``plays/`` with ``play-run/``.
        league_settings: Of the league; its last season is held out.
        model_settings: Of the model.
        tracking_settings: Of the games of tracking.
        play_settings: Of their network.
        seed: Of the league and the model.
        overwrite: Replace what `out` holds.
        on_step: Called with a description before each step.

    Raises:
        RequestError: `out` is taken.
    """
    *training_seasons, last = league_settings.seasons
    with whole_folder(out, overwrite=overwrite) as aside:
        on_step("simulating a league of known skill")
        league = simulate_league(league_settings, seed=seed)
        data = aside / "league"
        write_league(league, data)
        run = aside / "run"
        train(
            data,
            run,
            seasons=training_seasons,
            settings=model_settings,
            seed=seed,
            on_epoch=lambda fold, epoch, loss: on_step(
                f"training, fold {fold + 1} of {model_settings.folds}, epoch {epoch + 1}: "
                f"log score {loss:.4f}"
            ),
        )
        on_step(f"evaluating on {last}, beside {' and '.join(_BASELINES)}")
        evaluated = evaluate(run, data, seasons=(last,), against=_BASELINES, seed=seed)
        write_json(evaluated.evaluation.as_dict(), aside / "report.json")
        on_step("scoring and ranking")
        scores = score(run, data, seasons=(last,))
        write_table(scores, aside / "scores.parquet")
        rows = _with_truth(leaderboard(scores, by=("passer",), min_attempts="nfl"), league, last)
        write_table(rows, aside / "leaderboard.csv")
        result = DemoResult(
            evaluation=evaluated.evaluation,
            oracle_crps=_oracle_crps(league, scores),
            rows=rows,
            rank_correlation=float(
                rows.select(pl.corr("score", "true_score", method="spearman")).item()
            ),
        )
        write_report(
            aside / "report.html",
            title=f"A synthetic league, season {last}",
            paragraphs=(
                "Every play here is simulated: no real passer, team or game. True distributions are"
                " known, so the ranking can be held against true skill.",
                f"Rank correlation of score and true score, {len(rows)} passers with "
                f"{QUALIFYING_ATTEMPTS_PER_TEAM_GAME} attempts per team game: "
                f"{result.rank_correlation:.2f}. The model closes {result.gap_closed:.0%} of the "
                "CRPS gap between climatology and the known distribution.",
            ),
            boards=Boards(
                {str(last): rows},
                reliability=reliability(scores),
                drift=drift_sentence(season_drifts(scores)),
            ),
            evaluation=result.evaluation,
        )
        _write_tracking(aside, tracking_settings, play_settings, seed, on_step)
    return result


def _write_tracking(
    folder: Path,
    settings: TrackingLeagueSettings,
    play_settings: ModelSettings,
    seed: int,
    on_step: Callable[[str], None],
) -> None:
    """Simulate games of tracking, keep them as canonical plays, and train a play network."""
    on_step("simulating tracking")
    source = folder / "tracking"
    write_tracking_league(simulate_tracking_league(settings, seed=seed), source)
    ingest(source, folder / "plays")
    tensors, _ = build_tensors(folder / "plays", folder / "tensors")
    train(
        tensors,
        folder / "play-run",
        settings=play_settings,
        seed=seed,
        on_epoch=lambda _, epoch, loss: on_step(
            f"training a play network, epoch {epoch + 1}: log score {loss:.4f}"
        ),
    )
    del tensors
    for scaffold in (source, folder / "tensors"):
        shutil.rmtree(scaffold)


def _with_truth(rows: pl.DataFrame, league: League, season: int) -> pl.DataFrame:
    """Add each passer's expected score, and the rank it would give, to their row."""
    truth = (
        league.truth.filter(pl.col("season") == season)
        .group_by("passer_player_id")
        .agg(pl.col("expected_mid_cdf").mean().alias("true_score"))
    )
    return rows.join(truth, on="passer_player_id", maintain_order="left").with_columns(
        pl.col("true_score").rank("min", descending=True).cast(pl.Int64).alias("true_rank")
    )


def _oracle_crps(league: League, scores: pl.DataFrame) -> float:
    distribution = league.league_average_distribution()
    truth = league.truth.select("game_id", "play_id").with_columns(
        crps=pl.Series(distribution.crps(league.truth["yards"].to_numpy()))
    )
    return float(scores.join(truth, on=("game_id", "play_id"))["crps"].mean())  # type: ignore[arg-type]
