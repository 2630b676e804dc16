"""Do the leaderboard's intervals and probabilities hold what they say? Leagues of known skill.

Plays of `dropback.simulation` are scored by the known distribution of the league-average passer, so
the only error is that of the ranking. A passer's true score is the mean, over the passer's
attempts, of what that skill earns on them against an average defense. Prints coverage of the 90 %
intervals, all passers with 100 attempts, and the calibration of "who is better".

    python research/ranking_coverage.py --leagues 40
"""

from __future__ import annotations

import argparse

import numpy as np
import polars as pl

from dropback.ranking import leaderboard, probability_matrix, reliability
from dropback.simulation import (
    League,
    LeagueSettings,
    Throws,
    outcome_distribution,
    simulate_league,
)
from dropback.simulation._play_by_play import targeted

INTERVALS = {
    "score": ("score_low", "score_high", "true_score"),
    "shrunk score": ("shrunk_low", "shrunk_high", "true_score"),
    "rank": ("rank_low", "rank_high", "true_rank"),
}


def known_scores(league: League) -> pl.DataFrame:
    """Play scores under the known distribution, and what the passer's skill alone would earn."""
    distribution = league.league_average_distribution()
    attempts = league.plays.filter(targeted())
    skill = attempts.join(
        league.passers,
        on=["passer_player_id", "season"],
        how="left",
        maintain_order="left",
    )["skill_yd"].to_numpy()
    alone = outcome_distribution(Throws.from_plays(attempts), skill)
    return attempts.select(
        *("game_id", "season", "passer_player_id", "passer_player_name")
    ).with_columns(
        play_score=pl.Series(distribution.mid_cdf(league.truth["yards"].to_numpy())),
        true_score=pl.Series(distribution.expected_mid_cdf(alone)),
    )


def judged(scores: pl.DataFrame, *, min_attempts: int, seed: int) -> pl.DataFrame:
    """A leaderboard with the truth beside it."""
    truth = scores.group_by("passer_player_id").agg(pl.col("true_score").mean())
    rows = leaderboard(scores, by=("passer",), min_attempts=min_attempts, seed=seed)
    return rows.join(truth, on="passer_player_id", maintain_order="left").with_columns(
        true_rank=pl.col("true_score").rank("ordinal", descending=True).cast(pl.Int64)
    )


def main() -> None:
    """Simulate leagues and print one table a question."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leagues", type=int, default=40)
    parser.add_argument("--weeks", type=int, default=17)
    parser.add_argument("--min-attempts", type=int, default=100)
    arguments = parser.parse_args()
    boards, halves = [], []
    for seed in range(arguments.leagues):
        settings = LeagueSettings(seasons=(2020,), weeks=arguments.weeks)
        scores = known_scores(simulate_league(settings, seed=seed))
        boards.append(judged(scores, min_attempts=arguments.min_attempts, seed=seed))
        halves.append(reliability(scores, replicates=200, seed=seed))
    rows = pl.concat(boards)
    plays = rows["plays"]
    print(
        f"{arguments.leagues} leagues, {rows.height} passers, {plays.median():.0f} attempts median"
    )
    print("\n90 % interval of | holds | mean length")
    for name, (low, high, true) in INTERVALS.items():
        inside = rows.select(pl.col(true).is_between(low, high)).to_series()
        width = (rows[high] - rows[low]).mean()
        error = np.sqrt(0.09 / rows.height)
        print(f"{name:<13} | {100 * inside.mean():.1f} % (+-{100 * error:.1f}) | {width:.4g}")
    for low, high in ((2, 5), (6, 11), (12, 99)):
        some = rows.filter(pl.col("games").is_between(low, high))
        shares = [
            100 * some.select(pl.col(true).is_between(least, most)).to_series().mean()
            for least, most, true in INTERVALS.values()
        ]
        print(f"{low} to {high} games, {some.height} passers: ", end="")
        print(", ".join(f"{share:.1f} %" for share in shares))
    top = pl.concat(board.head(3) for board in boards)
    inside = top.select(pl.col("true_rank").is_between("rank_low", "rank_high")).to_series()
    print(f"rank, first three shown | {100 * inside.mean():.1f} % of {top.height}")
    print("\nstated probability | pairs | better in truth")
    stated, better = pairs(boards)
    for low, high in ((0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.97), (0.97, 1.01)):
        band = (stated >= low) & (stated < high)
        print(f"{stated[band].mean():.3f} | {band.sum()} | {better[band].mean():.3f}")
    stated_best = rows["probability_best"]
    first = np.mean([board["probability_best"][0] for board in boards])
    truly = np.mean([board["true_rank"][0] == 1 for board in boards])
    brier = ((stated_best - (rows["true_rank"] == 1)) ** 2).mean()
    print(f"\nP(best) of the row shown first: stated {first:.3f}, true {truly:.3f}; ", end="")
    print(f"Brier score of all rows {brier:.4f}")
    print(
        f"mean squared error of score {((rows['score'] - rows['true_score']) ** 2).mean():.3e}, "
        f"shrunk {((rows['score_shrunk'] - rows['true_score']) ** 2).mean():.3e}"
    )
    known = [known_half(board) for board in boards]
    print(
        f"attempts for reliability one half: median {np.median([h.half for h in halves]):.0f}; "
        f"design effect {np.mean([h.design_effect for h in halves]):.3f}; "
        f"from the true scores' variance {np.median(known):.0f}"
    )


def pairs(boards: list[pl.DataFrame]) -> tuple[np.ndarray, np.ndarray]:
    """Stated probability that the likelier of two is better, and whether this holds."""
    stated, better = [], []
    for board in boards:
        matrix = probability_matrix(board).drop("row").to_numpy()
        true = board["true_score"].to_numpy()
        upper = np.triu_indices(len(true), 1)
        probability, wins = matrix[upper], (true[:, None] > true)[upper]
        stated.append(np.maximum(probability, 1 - probability))
        better.append(np.where(probability >= 0.5, wins, ~wins))
    return np.concatenate(stated), np.concatenate(better)


def known_half(board: pl.DataFrame) -> float:
    """The same number where the variance between true scores is known."""
    error = ((board["score"] - board["true_score"]) ** 2 * board["plays"]).mean()
    return float(error / board["true_score"].var())


if __name__ == "__main__":
    main()
