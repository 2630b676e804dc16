"""How well are next season's passers projected? Fit on 2006-2016; judge 2018-2023.

    python research/projection_study.py SEASONS PBP GAMES --fit
    python research/projection_study.py SEASONS PBP GAMES --targets 2018-2023

SEASONS is the folder that ``dropback seasons`` made. ``--fit`` prints the parameters that maximize
the likelihood of the seasons to 2016, of one and of two series. Otherwise every target season is
projected from the plays before it, and compared with a Marcel (five seasons, tuned on targets to
2016), last season regressed and last season shrunk (both fitted there). The population: passers
with 14 attempts per team game in both seasons.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy.optimize import minimize
from scipy.stats import norm

from dropback._statistics import (
    codes,
    percentile_interval,
    standardized,
)
from dropback.data._games import read_games
from dropback.data._play_by_play import read_play_by_play
from dropback.evaluation.comparison._correlations import passer_weights
from dropback.evaluation.comparison._metrics import METRICS, passer_metrics
from dropback.evaluation.comparison._plays import passing_plays
from dropback.evaluation.comparison._results import passer_results
from dropback.projection import (
    PROJECTION,
    ProjectionSettings,
    career_table,
    log_likelihood,
    project_careers,
    project_passers,
    season_values,
)
from dropback.ranking._posterior import design_effect, play_variance
from dropback.ranking._units import sum_by_game
from dropback.scoring import quarterback_plays
from dropback.workflows import parse_seasons
from dropback.workflows.seasons._numbers import qualified_passers

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = ["season", "passer_player_id"]
LAST_FITTED = 2016
GROUPS = ((1, 1), (2, 3), (4, 6), (7, 99))


def packed(settings: ProjectionSettings) -> np.ndarray:
    """Free parameters as a vector without bounds."""
    return np.array([
        *np.log(settings.career_sd), *np.log(settings.form_sd),
        np.arctanh(settings.career_correlation), np.arctanh(settings.form_correlation),
        np.log(settings.persistence / (1 - settings.persistence)),
        *settings.newcomer, *settings.veteran,
    ])  # fmt: skip


def unpacked(vector: np.ndarray, like: ProjectionSettings) -> ProjectionSettings:
    """The settings of such a vector."""
    sd = np.exp(vector[:4])
    return replace(
        like,
        career_sd=(sd[0], sd[1]),
        form_sd=(sd[2], sd[3]),
        career_correlation=float(np.tanh(vector[4])),
        form_correlation=float(np.tanh(vector[5])),
        persistence=float(1 / (1 + np.exp(-vector[6]))),
        newcomer=(vector[7], vector[8]),
        veteran=(vector[9], vector[10]),
    )


def noise(plays: pl.DataFrame) -> dict[str, Any]:
    """Standard deviations of a play's two values, games' design effect in, and a throw's r."""
    found = []
    for column, kept in (
        ("epa", plays),
        ("mid_cdf", plays.filter(pl.col("mid_cdf").is_not_null())),
    ):
        units = sum_by_game(kept.with_columns(play_score=pl.col(column)), KEYS)
        within = play_variance(units)
        found.append((within * design_effect(units, within)) ** 0.5)
    throws = plays.filter(pl.col("mid_cdf").is_not_null())
    r = throws.select(pl.corr("epa", "mid_cdf")).item()
    # Of all plays' EPA, whose spread is not that of throws alone.
    scale = throws["epa"].std() / plays["epa"].std()
    return {"play_sd": (found[0], found[1]), "play_correlation": r * scale}


def fit(plays: pl.DataFrame, series: int) -> ProjectionSettings:
    """Maximum likelihood of all seasons' means."""
    careers = list(career_table(season_values(plays)).values())
    start = replace(PROJECTION, series=series, mean_sd=(1e-3, 1e-3), **noise(plays))
    result = minimize(
        lambda v: -log_likelihood(careers, unpacked(v, start)),
        packed(start), method="L-BFGS-B", options={"maxiter": 60},
    )  # fmt: skip
    fitted = unpacked(result.x, start)
    print(f"series {series}: log likelihood {-result.fun:.2f}, {len(careers)} careers")
    return fitted


# How far the parameters may go from those of the likelihood: standard deviations of their
# logarithms (of the means: a sixth of it, in points a play), chosen by cross-validation.
PULLS = (0.1, 0.3, 1.0)


class Pairs:
    """Careers until each target season, and what came."""

    def __init__(self, plays: pl.DataFrame, rows: pl.DataFrame) -> None:
        values = season_values(plays)
        self.parts = []
        for (season,), part in rows.group_by("season", maintain_order=True):
            past = career_table(values.filter(pl.col("season") < season))
            careers = [past[passer] for passer in part["passer_player_id"]]
            came, count = part["epa"].to_numpy(), part["plays"].to_numpy()
            self.parts.append((careers, season, came, count, part["passer_player_id"].to_list()))

    def log_score(self, settings: ProjectionSettings, kept: set[str]) -> float:
        """Sum of the log scores of the passers kept."""
        total = 0.0
        for careers, season, came, count, passers in self.parts:
            at = np.array([passer in kept for passer in passers])
            if not at.any():
                continue
            chosen = [career for career, inside in zip(careers, at, strict=True) if inside]
            found = project_careers(chosen, season - 1, settings)
            sd = np.sqrt(found.following_sd**2 + settings.play_sd[0] ** 2 / count[at])
            total += float(norm.logpdf(came[at], found.following, sd).sum())
        return total


def fit_predictive(
    pairs: Pairs, kept: set[str], start: ProjectionSettings, pull: float
) -> ProjectionSettings:
    """Penalized maximum of the log score of pairs, near the likelihood's parameters.

    The common means are those of passers who keep their job, which all seasons are not.
    """
    origin = packed(start)
    width = pull * np.array([1.0] * 7 + [1 / 6, 1 / 24] * 2)

    def loss(vector: np.ndarray) -> float:
        near = 0.5 * float((((vector - origin) / width) ** 2).sum())
        return near - pairs.log_score(unpacked(vector, start), kept)

    result = minimize(loss, origin, method="L-BFGS-B", options={"maxiter": 25})
    return unpacked(result.x, start)


def cross_validated(pairs: Pairs, passers: list[str], start: ProjectionSettings) -> float:
    """Print the log score of each pull over two halves of the passers; return the best pull."""
    order = np.random.default_rng(0).permutation(len(passers)) % 2
    halves = [{p for p, o in zip(passers, order, strict=True) if o == h} for h in (0, 1)]
    found = {}
    for pull in PULLS:
        found[pull] = sum(
            pairs.log_score(fit_predictive(pairs, halves[1 - h], start, pull), halves[h])
            for h in (0, 1)
        )
        print(f"{start.series} series, pull {pull:g}: log score {found[pull]:.2f} out of fold")
    return max(found, key=found.__getitem__)


def targets(
    plays: pl.DataFrame, outcomes: pl.DataFrame, seasons: list[int], settings: ProjectionSettings
) -> pl.DataFrame:
    """Projections of each target season beside what came: both seasons qualified."""
    values = season_values(plays)
    past = values.join(outcomes, on=["passer_player_id", "season"], how="left")
    rows = []
    for season in seasons:
        made = project_passers(plays, season - 1, settings=settings).drop("plays", "season_plays")
        came = past.filter((pl.col("season") == season) & pl.col("qualified"))
        last = past.filter((pl.col("season") == season - 1) & pl.col("qualified"))
        joined = came.join(made.drop("season"), on="passer_player_id").join(
            last.select("passer_player_id", last_epa="epa", last_plays="plays"),
            on="passer_player_id",
        )
        history = past.filter(pl.col("season") < season)
        rows.append(joined.with_columns(_history(joined, history, season)))
    return pl.concat(rows).sort("season", "passer_player_id")


def _history(rows: pl.DataFrame, history: pl.DataFrame, season: int) -> pl.Series:
    """Plays and values of the five seasons before, newest first, as lists of pairs."""
    kept = history.filter(pl.col("season") >= season - 5)
    by = {
        passer: [(season - 1 - s, n, e) for s, n, e in part.select("season", "plays", "epa").rows()]
        for (passer,), part in kept.group_by("passer_player_id")
    }
    return pl.Series("history", [by[p] for p in rows["passer_player_id"]], dtype=pl.Object)


def marcel(rows: pl.DataFrame, v: np.ndarray, play_sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean of five seasons, regressed by K plays to a newcomers' mean."""
    decay, k, mean, sd = 1 / (1 + np.exp(-v[0])), np.exp(v[1]), v[2], np.exp(v[3])
    found = []
    for past in rows["history"].to_list():
        weights = np.array([n * decay**lag for lag, n, _ in past])
        epa = np.array([e for *_, e in past])
        found.append((weights @ epa + k * mean) / (weights.sum() + k))
    return np.array(found), np.sqrt(sd**2 + play_sd**2 / rows["plays"].to_numpy())


def shrunk(rows: pl.DataFrame, v: np.ndarray, play_sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Last season, shrunk by K plays to a mean."""
    n, k = rows["last_plays"].to_numpy(), np.exp(v[0])
    mean = v[1] + n / (n + k) * (rows["last_epa"].to_numpy() - v[1])
    return mean, np.sqrt(np.exp(2 * v[2]) + play_sd**2 / rows["plays"].to_numpy())


def regressed(rows: pl.DataFrame, v: np.ndarray, play_sd: float) -> tuple[np.ndarray, np.ndarray]:
    """A line through last season."""
    mean = v[0] + v[1] * rows["last_epa"].to_numpy()
    return mean, np.sqrt(np.exp(2 * v[2]) + play_sd**2 / rows["plays"].to_numpy())


BASELINES = {
    "Marcel, tuned": (marcel, np.array([1.5, 6.0, -0.05, -2.5])),
    "last season shrunk": (shrunk, np.array([6.0, 0.0, -2.5])),
    "last season regressed": (regressed, np.array([0.0, 0.5, -2.5])),
}


def log_scores(rows: pl.DataFrame, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Log density of what came."""
    return np.asarray(norm.logpdf(rows["epa"].to_numpy(), mean, sd))


def forecasts(
    rows: pl.DataFrame, early: pl.DataFrame, settings: ProjectionSettings
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Mean and standard deviation of each method, the baselines fitted on `early`."""
    play_sd = settings.play_sd[0]
    n = rows["plays"].to_numpy()
    sd = np.sqrt(rows["projection_sd"].to_numpy() ** 2 + play_sd**2 / n)
    found = {"projection": (rows["projection"].to_numpy(), sd)}
    for name, (method, start) in BASELINES.items():

        def loss(v: np.ndarray, method: Callable[..., Any] = method) -> float:
            return -float(log_scores(early, *method(early, v, play_sd)).mean())

        best = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 4000}).x
        found[name] = method(rows, best, play_sd)
    return found


def within_season_r(x: np.ndarray, y: pl.Series, rows: pl.DataFrame) -> float:
    """Pearson's r of within-season z-scores over all rows where the outcome is known."""
    known = y.is_not_null().to_numpy()
    season = codes(rows["season"].filter(pl.Series(known)))
    a, b = standardized(x[known], season), standardized(y.to_numpy()[known].astype(float), season)
    return float(np.corrcoef(a, b)[0, 1])


def judge(rows: pl.DataFrame, made: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """Print the table and the coverage; return what the targets need."""
    print(
        f"{rows.height} pairs of qualified seasons, {rows['passer_player_id'].n_unique()} passers"
    )
    print("\n| | r next EPA per dropback | r next win % | log score | minus it (90 %) |")
    print("|---|---|---|---|---|")
    weights = passer_weights(rows["passer_player_id"], 1000, seed=0)
    ours = log_scores(rows, *made["projection"])
    result: dict[str, Any] = {}
    for name, (mean, sd) in made.items():
        score = log_scores(rows, mean, sd)
        lead = weights @ (ours - score) / weights.sum(axis=1)
        low, high = percentile_interval(lead[1:])
        r = [within_season_r(mean, rows[c], rows) for c in ("epa_per_dropback", "win_pct")]
        shown = "" if name == "projection" else f"{lead[0]:+.3f} ({low:+.3f} to {high:+.3f})"
        print(f"| {name} | {r[0]:.3f} | {r[1]:.3f} | {score.mean():.3f} | {shown} |")
        result[name] = {"r_epa": r[0], "r_win": r[1], "lead": float(lead[0]), "low": float(low)}
    mean, sd = made["projection"]
    inside = np.abs(rows["epa"].to_numpy() - mean) <= norm.ppf(0.95) * sd
    result["coverage"] = float(inside.mean())
    print(f"\n90 % intervals cover {inside.mean():.1%} of {len(inside)}", end="")
    result["groups"] = {}
    for low, high in GROUPS:
        some = rows["experience"].is_between(low, high).to_numpy()
        if some.any():
            label = f"{low}" if low == high else f"{low} to {high}" if high < 99 else f"{low}+"
            result["groups"][label] = float(inside[some].mean())
            print(f"; {label} seasons before: {inside[some].mean():.1%} of {some.sum()}", end="")
    print()
    return result


def outcomes_of(pbp: str, games: Path, epa: pl.DataFrame, seasons: list[int]) -> pl.DataFrame:
    """Qualified, EPA per dropback and win % of each passer and season."""
    rows = read_play_by_play(pbp, seasons=seasons)
    regular = passing_plays(rows, epa).filter(pl.col("season_type") == "REG")
    metric = passer_metrics(regular, metrics={"epa_per_dropback": METRICS["epa_per_dropback"]})
    results = passer_results(regular, read_games(games)).select(*KEYS, "win_pct")
    return (
        metric.select(*KEYS, "epa_per_dropback")
        .join(results, on=KEYS, how="left")
        .join(qualified_passers(rows).select(*KEYS, "qualified"), on=KEYS, how="left")
    )


def main() -> None:
    """Fit, or judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("pbp")
    parser.add_argument("games", type=Path)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--targets", default="2018-2023")
    given = parser.parse_args()
    snaps = pl.read_parquet(given.folder / "epa.parquet").filter(pl.col("season_type") == "REG")
    plays = quarterback_plays(snaps, pl.read_parquet(given.folder / "scores.parquet"))
    if given.fit:
        early = plays.filter(pl.col("season") <= LAST_FITTED)
        outcomes = outcomes_of(given.pbp, given.games, snaps, sorted(early["season"].unique()))
        for series in (1, 2):
            settings = fit(early, series)
            rows = targets(early, outcomes, list(range(2008, LAST_FITTED + 1)), settings)
            judge(rows, forecasts(rows, rows, settings))
            pairs, passers = Pairs(early, rows), sorted(rows["passer_player_id"].unique())
            pull = cross_validated(pairs, passers, settings)
            settings = fit_predictive(pairs, set(passers), settings, pull)
            print(f"{settings}\n")
            rows = targets(early, outcomes, list(range(2008, LAST_FITTED + 1)), settings)
            judge(rows, forecasts(rows, rows, settings))
        return
    years = sorted(plays["season"].unique())
    outcomes = outcomes_of(given.pbp, given.games, snaps, years)
    early = targets(plays, outcomes, list(range(2008, LAST_FITTED + 1)), PROJECTION)
    rows = targets(plays, outcomes, list(parse_seasons(given.targets)), PROJECTION)
    print(f"Target seasons {given.targets}: ", end="")
    judge(rows, forecasts(rows, early, PROJECTION))


if __name__ == "__main__":
    main()
