"""Which quarterback score? Candidates on the seasons up to 2016, by docs/results/qb_score.md.

    python research/qb_score_study.py SEASONS PBP GAMES --seasons 2009-2016

SEASONS is the folder that ``dropback seasons`` made. The criterion was committed before the first
run. Printed: every candidate of `qb_score` and of `passing_score` with its statistics, its K and
its criterion, the choices, and the design effect of the chosen plays.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from dropback.data._games import read_games
from dropback.data._play_by_play import read_play_by_play
from dropback.evaluation.comparison._comparison import _regular_final
from dropback.evaluation.comparison._correlations import correlate
from dropback.evaluation.comparison._metrics import (
    METRICS,
    Metric,
    passer_metrics,
    score_metrics,
    with_league_means,
    with_qualified,
)
from dropback.evaluation.comparison._plays import passing_plays
from dropback.evaluation.comparison._reliability import other_half_wins, split_half
from dropback.evaluation.comparison._results import game_results, passer_results
from dropback.ranking._posterior import design_effect, play_variance
from dropback.ranking._units import sum_by_game
from dropback.scoring import (
    StandardScore,
    passing_scores,
    quarterback_plays,
    quarterback_scores,
)
from dropback.workflows import parse_seasons

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
RIDGES = (100.0, 200.0, 300.0, np.inf)
PASSING_RIDGES = (100.0, 300.0, 1000.0, np.inf)
TIE = 0.005
KEY = ["game_id", "play_id"]


def shrinking_plays(reliability: float, plays: int) -> float:
    """K of a mean with this reliability over so many plays, rounded to 50."""
    return max(50.0, 50.0 * round(plays * (1 - reliability) / reliability / 50))


def judged(
    plays: pl.DataFrame, games: pl.DataFrame, candidates: pl.DataFrame, names: list[str]
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Statistics of each candidate, shrunk by its own K, and the plain metrics; and each K."""
    joined = plays.join(candidates, on=KEY, how="left", maintain_order="left")
    baselines = {n: METRICS[n] for n in ("epa_per_dropback", "epa_per_qb_play", "success_rate")}
    plain = {**score_metrics(joined, names), **baselines}
    table = passer_metrics(joined, metrics=plain)
    table = table.join(passer_results(joined, games), on=["passer_player_id", "season"])
    table = with_qualified(table, joined).filter("qualified")
    common = {"ours": names[0], "replicates": 0}
    halves = split_half(joined, table, metrics=plain, **common)
    reliability = dict(halves.select("metric", "r").iter_rows())
    shrink = {name: shrinking_plays(reliability[name], 200) for name in names}
    metrics: dict[str, Metric] = {**score_metrics(joined, names, shrink), **baselines}
    metrics["epa_per_qb_play_shrunk"] = METRICS["epa_per_qb_play_shrunk"]
    keys = ["season", "passer_player_id"]
    shrunk = passer_metrics(joined, metrics=metrics).select(*keys, *metrics)
    compared = table.drop(*plain).join(shrunk, on=keys)
    other = other_half_wins(joined, compared, game_results(games), metrics=metrics, **common)
    rows = pl.concat(
        [correlate(compared, metrics=list(metrics), **common), halves, other],
        how="vertical_relaxed",
    ).filter("headline")
    found: dict[str, dict[str, float]] = {name: {} for name in metrics}
    for metric, statistic, r in rows.select("metric", "statistic", "r").iter_rows():
        found[metric][statistic] = r
    return found, shrink


WORDS = {
    "win_pct": "win %", "qb_record": "own record", "playoffs": "playoffs",
    "year_to_year": "itself, next season", "next_win_pct": "win %, next season",
    "next_qb_record": "own record, next season", "split_half": "split half",
    "other_half_wins": "wins in the other half", "epa_per_dropback": "EPA per dropback",
    "epa_per_qb_play": "EPA per QB play", "success_rate": "success rate",
    "epa_per_qb_play_shrunk": "EPA per QB play, shrunk",
}  # fmt: skip


def table(found: dict[str, dict[str, float]], columns: list[str], total: dict[str, float]) -> None:
    """Print one line a candidate."""
    print(f"| | {' | '.join(WORDS[column] for column in columns)} | criterion |")
    print("|---|" + "---|" * (len(columns) + 1))
    for name, row in found.items():
        cells = [f"{row[c]:.3f}" if c in row else "-" for c in columns]
        cells.append(f"{total[name]:.4f}" if np.isfinite(total.get(name, np.nan)) else "-")
        print(f"| {WORDS.get(name, name)} | {' | '.join(cells)} |")


def opponents(ridge: float) -> str:
    """What a candidate does with opponents, in words."""
    return "opponents in" if np.isinf(ridge) else f"opponents by {ridge:g}"


def main() -> None:
    """Print both studies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("pbp")
    parser.add_argument("games", type=Path)
    parser.add_argument("--seasons", default="2009-2016")
    parser.add_argument("--opponents", type=float, nargs="*", help="only these shrinkages, plays")
    given = parser.parse_args()
    years = parse_seasons(given.seasons)
    here = pl.col("season").is_in(years)
    epa = pl.read_parquet(given.folder / "epa.parquet").filter(here)
    throws = pl.read_parquet(given.folder / "scores.parquet").filter(here)
    regular = epa.filter(pl.col("season_type") == "REG")
    games = read_games(given.games)
    passing = passing_plays(read_play_by_play(given.pbp, seasons=years), epa)
    plays = with_league_means(_regular_final(passing, games, []))
    own = quarterback_plays(regular, throws)
    print(f"Seasons {given.seasons}: {own.height:,} plays of quarterbacks.\n")

    values, names = own.select(KEY), {}
    for share in SHARES:
        for ridge in given.opponents or RIDGES:
            name = f"{share:.0%} throw, {opponents(ridge)}"
            names[name] = (share, ridge)
            score = quarterback_scores(own, StandardScore(share, ridge))
            values = values.with_columns(score.alias(name))
    found, shrink = judged(plays, games, values, list(names))
    now, later = ("win_pct", "qb_record", "playoffs"), ("year_to_year", "next_win_pct")
    total = {
        name: float(np.mean([row[k] for k in now]) + np.mean([row[k] for k in later]))
        for name, row in found.items()
    }
    columns = [*now, *later, "next_qb_record", "split_half", "other_half_wins"]
    table(found, columns, total)
    best = max(total[name] for name in names)
    tied = [name for name in names if total[name] >= best - TIE]
    chosen = min(tied, key=lambda name: (names[name][0], -names[name][1]))
    print(f"\n{len(tied)} tie; chosen: {chosen}, K = {shrink[chosen]:g}")
    print("K of the candidates:", {name: f"{k:g}" for name, k in shrink.items()})
    report_effect(own.select(*KEY, "season", "passer_player_id"), values, chosen)

    names = {opponents(ridge): ridge for ridge in given.opponents or PASSING_RIDGES}
    values = throws.select(KEY)
    for name, ridge in names.items():
        values = values.with_columns(passing_scores(throws, ridge).alias(name))
    found, shrink = judged(plays, games, values, list(names))
    total = {
        k: (row["split_half"] + row["year_to_year"]) / 2
        for k, row in found.items()
        if "split_half" in row
    }
    print("\npassing_score\n")
    table(found, columns, total)
    best = max(total[name] for name in names)
    chosen = max((n for n in names if total[n] >= best - TIE), key=lambda name: names[name])
    print(f"\nchosen: {chosen}, K = {shrink[chosen]:g}")
    report_effect(throws.select(*KEY, "season", "passer_player_id"), values, chosen)


def report_effect(plays: pl.DataFrame, values: pl.DataFrame, name: str) -> None:
    """Print the standard deviation of a play and the design effect of games."""
    scored = plays.join(values, on=KEY).with_columns(pl.col(name).alias("play_score"))
    units = sum_by_game(scored, ["season", "passer_player_id"])
    within = play_variance(units)
    print(f"sd of a play {within**0.5:.4f}, design effect {design_effect(units, within):.3f}")


if __name__ == "__main__":
    main()
