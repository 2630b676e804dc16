"""Which standardized score? Candidates on the seasons up to 2016, then the choice on 2017-2023.

    python research/score_study.py SEASONS PBP GAMES --qbr QBR --seasons 2009-2016
    python research/score_study.py SEASONS PBP GAMES --qbr QBR --seasons 2017-2023

SEASONS is the folder that ``dropback seasons`` made. Each candidate is a value a play whose mean a
passer and season is the score; all are judged on the same qualified passers. *Reached* is the
criterion that chose: the mean over five targets of the share that is reached, each capped at one
(win % .70, itself next season .42, win % next season .32, and for playoffs and split-half
reliability the best baseline's), so that nothing is won by overshooting one of them.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import norm

from dropback.data._games import read_games
from dropback.data._play_by_play import read_play_by_play
from dropback.data._ratings import read_ratings
from dropback.evaluation.comparison import BASELINES, compare_metrics, rated_plays
from dropback.evaluation.comparison._correlations import compare
from dropback.scoring import StandardScore, standard_scores
from dropback.workflows import parse_seasons

CHOSEN = StandardScore()
STATISTICS = ("win_pct", "playoffs", "year_to_year", "next_win_pct", "split_half")
TARGETS = {"win_pct": 0.70, "year_to_year": 0.42, "next_win_pct": 0.32}
# Plays of an average passer that a season's mean is shrunk by in the rows "shrunk".
SHRINK = 300


def leverage(plays: pl.DataFrame) -> np.ndarray:
    """Wins a point is worth: Stern (1994), a lead as a Brownian motion, five minutes at least."""
    seconds = np.maximum(plays["game_seconds_remaining"].to_numpy(), 300)
    spread = 13.86 * np.sqrt(seconds / 3600)
    return norm.pdf(plays["score_differential"].to_numpy(), scale=spread)


def cells(plays: pl.DataFrame, *, throw: bool) -> np.ndarray:
    """Codes of situations: down, distance, field, and where asked for the depth of the throw."""
    columns = [
        plays["down"].to_numpy(),
        np.digitize(plays["ydstogo"].to_numpy(), [3, 7, 11]),
        np.digitize(plays["yardline_100"].to_numpy(), [10, 20, 40, 60, 80]),
    ]
    if throw:
        air = plays["air_yards"].cast(pl.Float64).fill_null(-99).to_numpy()
        columns.append(np.digitize(air, [-50, 0, 5, 10, 15, 20]))
    return np.unique(np.stack(columns), axis=1, return_inverse=True)[1].ravel()


def balanced(plays: pl.DataFrame, thrown: np.ndarray) -> np.ndarray:
    """Weights that give every passer the league's mix of down and depth, kept in [1/4, 4]."""
    depth = np.digitize(
        plays["air_yards"].cast(pl.Float64).fill_null(-99).to_numpy(), [-50, 0, 5, 10, 15, 20]
    )
    cell = plays["down"].to_numpy() * 10 + depth
    season = plays["season"].rank("dense").to_numpy() - 1
    passer = plays.select(pl.struct("season", "passer_player_id").rank("dense")).to_series()
    unit = passer.to_numpy() - 1

    def share(group: np.ndarray) -> np.ndarray:
        _, both = np.unique(group * 100 + cell, return_inverse=True)
        return np.bincount(both, thrown)[both] / np.maximum(np.bincount(group, thrown)[group], 1)

    return np.clip(share(season) / np.maximum(share(unit), 1e-9), 0.25, 4.0)


def candidates(plays: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, str]]:
    """A column a candidate, with its weight where it has one, and what each is."""
    cdf = plays["mid_cdf"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    thrown = np.isfinite(cdf)
    epa = plays["epa"].to_numpy()
    situation = cells(plays, throw=True)
    mean = np.bincount(situation, epa) / np.bincount(situation)
    spread = np.sqrt(np.bincount(situation, (epa - mean[situation]) ** 2) / np.bincount(situation))
    lever = leverage(plays)
    normal = norm.ppf(np.clip(cdf, 0.01, 0.99))
    found: dict[str, tuple[str, np.ndarray]] = {
        "plain": ("mean CDF of yards (published)", cdf),
        "normal": ("normal scores of the CDF", normal),
        "valued": ("CDF weighted by the spread of EPA", cdf),
        "balanced": ("CDF, situation-balanced", cdf),
        "epa_cdf": ("CDF of EPA", plays["epa_cdf"].cast(pl.Float64).fill_null(np.nan).to_numpy()),
        "epa_over": (
            "EPA over its distribution's mean",
            epa - plays["epa_mean"].fill_null(np.nan).to_numpy(),
        ),
        "epa": ("EPA", epa),
        "epa_lever": ("EPA times leverage", epa * lever),
        "epa_lever_half": ("EPA times root of leverage", epa * np.sqrt(lever)),
    }
    weights = {
        "valued": np.where(thrown, spread[situation], 0),
        "balanced": balanced(plays, thrown),
    }
    alone = dataclasses.replace(CHOSEN, opponent_plays=np.inf)

    def standard(settings: StandardScore, table: pl.DataFrame = plays) -> np.ndarray:
        return standard_scores(table, settings).to_numpy()

    for share in (0.0, 0.15, 0.25, 0.35, 0.5, 0.7, 1.0):
        found[f"mix_{share}"] = (
            f"{share:.0%} throw, opponents out",
            standard(dataclasses.replace(CHOSEN, throw_share=share)),
        )
    found["mix_alone"] = (f"{CHOSEN.throw_share:.0%} throw, opponents in", standard(alone))
    for ridge in (100.0, 1000.0):
        found[f"ridge_{ridge:g}"] = (
            f"{CHOSEN.throw_share:.0%} throw, opponents shrunk by {ridge:g} plays",
            standard(dataclasses.replace(CHOSEN, opponent_plays=ridge)),
        )
    levered = plays.with_columns(epa=pl.Series(epa * np.sqrt(lever / lever.mean())))
    found["mix_lever"] = (
        f"{CHOSEN.throw_share:.0%} throw, root of leverage, opponents out",
        standard(CHOSEN, levered),
    )
    columns = [pl.Series(name, values).fill_nan(None) for name, (_, values) in found.items()]
    columns += [pl.Series(f"{name}_weight", values) for name, values in weights.items()]
    return plays.select("game_id", "play_id").with_columns(columns), {
        name: label for name, (label, _) in found.items()
    }


def shrunk(passers: pl.DataFrame, plays: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Each candidate shrunk towards its season's mean, as ``<name>_shrunk``."""
    counts = plays.group_by("season", "passer_player_id").agg(pl.len().alias("n"))
    joined = passers.join(counts, on=["season", "passer_player_id"])
    trust = pl.col("n") / (pl.col("n") + SHRINK)
    return joined.with_columns(
        (pl.col(name) - pl.col(name).mean().over("season")).mul(trust).alias(f"{name}_shrunk")
        for name in names
    )


def reached(row: dict[str, float], best: dict[str, float]) -> float:
    """Mean share of the five targets that a candidate reaches, each capped at one."""
    goals = {**TARGETS, **best}
    return float(np.mean([min(1.0, row[name] / goal) for name, goal in goals.items()]))


def main() -> None:
    """Print the table of all candidates and baselines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("pbp")
    parser.add_argument("games", type=Path)
    parser.add_argument("--qbr", type=Path)
    parser.add_argument("--seasons", default="2009-2016")
    given = parser.parse_args()
    seasons = parse_seasons(given.seasons)
    plays = pl.read_parquet(given.folder / "standard.parquet").filter(
        pl.col("season").is_in(seasons)
    )
    table, labels = candidates(plays)
    passing = rated_plays(
        read_play_by_play(given.pbp, seasons=seasons),
        expected_points=given.folder / "expected_points",
    )
    ratings = {"qbr": read_ratings(given.qbr, "qbr", seasons=seasons)} if given.qbr else {}
    result = compare_metrics(
        table, passing, read_games(given.games), names=list(labels), ratings=ratings, replicates=0
    )
    mixes = [name for name in labels if name.startswith("mix_0") or name == "plain"]
    more = compare(
        shrunk(result.passers, plays, mixes),
        metrics=[f"{name}_shrunk" for name in mixes],
        ours=f"{mixes[0]}_shrunk",
        replicates=0,
    )
    labels = labels | {f"{name}_shrunk": f"{labels[name]}, shrunk" for name in mixes}
    labels |= {name: result.labels[name] for name in (*BASELINES, *ratings)}
    rows: dict[str, dict[str, float]] = {name: {} for name in labels}
    for row in pl.concat([result.comparison, more]).filter("headline").iter_rows(named=True):
        rows[row["metric"]][row["statistic"]] = row["r"]
    for name in mixes:  # a line within a season, but for the number of plays
        rows[f"{name}_shrunk"]["split_half"] = rows[name]["split_half"]
    best = {
        name: max(
            rows[baseline][name] for baseline in (*BASELINES, *ratings) if name in rows[baseline]
        )
        for name in ("playoffs", "split_half")
    }
    print(f"Seasons {given.seasons}, {len(result.passers)} qualified passer-seasons.\n")
    print("| | " + " | ".join(STATISTICS) + " | reached |")
    print("|---|" + "---|" * (len(STATISTICS) + 1))
    for name, row in rows.items():
        numbers = [f"{row[key]:.3f}" if key in row else "-" for key in STATISTICS]
        total = f"{reached(row, best):.3f}" if "-" not in numbers else "-"
        print(f"| {labels[name]} | {' | '.join(numbers)} | {total} |")


if __name__ == "__main__":
    main()
