"""Compare play scores with older passing metrics, on the same passers for every metric."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dropback._choices import Seasons, parse_names, season_list
from dropback._frames import left_join
from dropback.data import (
    PlaySet,
    match_ratings,
    read_games,
    read_play_by_play,
    read_ratings,
    select_plays,
)
from dropback.data._play_by_play import chosen_seasons
from dropback.data._ratings import RATINGS
from dropback.data._selection import FIRST_SEASON_WITH_RECEIVERS
from dropback.data._table_files import read_table
from dropback.data._tables import PLAY_KEY, repeated_plays
from dropback.errors import ReaderError, RequestError
from dropback.evaluation.comparison._correlations import complete_rows, correlate
from dropback.evaluation.comparison._metrics import (
    METRICS,
    passer_metrics,
    score_metrics,
    with_league_means,
    with_qualified,
)
from dropback.evaluation.comparison._plays import completion_over_expected, passing_plays
from dropback.evaluation.comparison._reliability import other_half_wins, split_half
from dropback.evaluation.comparison._results import game_results, passer_results
from dropback.evaluation.comparison._seasons_folder import (
    NUMBERS,
    SHRINKAGE,
    read_seasons_folder,
    seasons_folder_of,
)
from dropback.expected_points import (
    expected_points_added,
    fit_expected_points,
    recorded_epa,
)
from dropback.ranking import centered, drift_sentence, season_drifts, with_measured_drift
from dropback.win_probability import win_probability_added

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dropback._files import AnyPath
    from dropback.data._play_by_play import PlayByPlaySource

BASELINES = (
    *("passer_rating", "any_a", "epa_per_dropback", "success_rate", "cpoe"),
    *("epa_per_qb_play", "epa_per_qb_play_shrunk", "wpa_per_qb_play"),
)
"""Metrics that a score is compared with besides published ratings."""

_NO_RATINGS = pl.DataFrame(
    schema={
        "rating": pl.String,
        "season": pl.Int64,
        "player": pl.String,
        "team": pl.String,
        "reason": pl.String,
    }
)


@dataclass(frozen=True)
class MetricComparison:
    """A finished comparison.

    Attributes:
        comparison: What `correlate` returned, and the rows of `split_half`.
        passers: The rows compared: passer, season, metrics, results.
        labels: Each metric's name for readers, ours first.
        ours: The metric that the others are compared with.
        left_out: ``what``, ``reason`` and ``count`` of everything that was not compared.
        unmatched: Ratings without a certain passer: ``rating``, ``season``, ``player``, ``team``,
            ``reason``.
        plays_per_half: Plays of each half in the split-half reliability.
        replicates: Bootstrap draws behind the intervals.
        seed: Seed of all draws.
        drift: The sentence of `dropback.ranking.drift_sentence` on the scores.
    """

    comparison: pl.DataFrame
    passers: pl.DataFrame
    labels: dict[str, str]
    ours: str
    left_out: pl.DataFrame
    unmatched: pl.DataFrame
    plays_per_half: int
    replicates: int
    seed: int
    drift: str


def compare_metrics(
    scores: pl.DataFrame,
    passing: pl.DataFrame,
    games: pl.DataFrame,
    *,
    names: str | Sequence[str] = ("play_score",),
    shrinkage: Mapping[str, float] | None = None,
    season_values: Mapping[str, pl.DataFrame] | None = None,
    ratings: Mapping[str, pl.DataFrame] | None = None,
    plays_per_half: int = 100,
    replicates: int = 1000,
    seed: int = 0,
) -> MetricComparison:
    """Compare play scores with the older metrics and with published ratings.

    Compared are passers with 14 official attempts per game of their team in the regular season,
    and among them those for whom every metric exists.

    Args:
        scores: One row per play: ``game_id``, ``play_id`` and the columns `names`. The season's
            drift is subtracted from ``play_score``, as in rankings (see `with_measured_drift`).
        passing: The plays of every season to compare, as `passing_plays` returned them, with
            ``completion_over_expected``; ``wpa``, where it has one, is win probability added.
        games: What `read_games` returned.
        names: Score columns, several or separated by commas; the first is ours, the others are
            baselines.
        shrinkage: Plays that the mean of a score column is shrunk by, by its name.
        season_values: Numbers of a passer's season that are no mean over plays, by their name:
            ``season``, ``passer_player_id`` and ``value``.
        ratings: What `read_ratings` returned, by a name of `RATINGS`.
        plays_per_half: See `split_half`.
        replicates: Bootstrap draws of passers.
        seed: Seed of all draws.

    Raises:
        ReaderError: A score column is missing, or the scores have a play twice.
        RequestError: A season has no result or no score, or nothing is left to compare.
    """
    names = parse_names(names)
    own = score_metrics(scores, names, shrinkage)
    counts: list[tuple[str, str, int]] = []
    plays = with_league_means(_regular_final(passing, games, counts))
    baselines = {name: METRICS[name] for name in BASELINES}
    if plays["wpa"].null_count() == plays.height:
        del baselines["wpa_per_qb_play"]
    metrics = {**own, **baselines}
    plays = _with_scores(plays, scores, names)
    _require_every_season(plays, names)

    table = passer_metrics(plays, metrics={**baselines, **own})
    table = table.join(passer_results(plays, games), on=["passer_player_id", "season"])
    labels = {name: metric.label for name, metric in metrics.items()}
    for name, values in (season_values or {}).items():
        keyed = values.select("season", "passer_player_id", pl.col("value").alias(name))
        table = left_join(table, keyed, on=["season", "passer_player_id"])
        labels[name] = name
    unmatched = []
    for name, rating in (ratings or {}).items():
        found = match_ratings(rating, table)
        table = left_join(
            table, found.matched.rename({"value": name}), on=["season", "passer_player_id"]
        )
        unmatched.append(found.left_out.select(pl.lit(name).alias("rating"), pl.all()))
        labels[name] = RATINGS[name].label

    table = with_qualified(table, plays)
    qualified = table.filter("qualified")
    few = f"fewer than 14 attempts per team game ({len(qualified)} passer-seasons have them)"
    counts.append(("passer-seasons", few, len(table) - len(qualified)))
    counts.extend(
        ("qualified passer-seasons", f"without {labels[name]}", qualified[name].null_count())
        for name in labels
        if qualified[name].null_count()
    )
    compared = complete_rows(qualified, list(labels))
    ours = names[0]
    comparison = pl.concat(
        [
            correlate(compared, metrics=list(labels), ours=ours, replicates=replicates, seed=seed),
            split_half(
                plays,
                compared,
                metrics=metrics,
                ours=ours,
                plays_per_half=plays_per_half,
                replicates=replicates,
                seed=seed,
            ),
            other_half_wins(
                plays,
                compared,
                game_results(games),
                metrics=metrics,
                ours=ours,
                replicates=replicates,
                seed=seed,
            ),
        ],
        how="vertical_relaxed",
    )
    return MetricComparison(
        comparison=comparison,
        passers=compared,
        labels=labels,
        ours=ours,
        left_out=pl.DataFrame(counts, schema=["what", "reason", "count"], orient="row"),
        unmatched=pl.concat(unmatched) if unmatched else _NO_RATINGS,
        plays_per_half=plays_per_half,
        replicates=replicates,
        seed=seed,
        drift=drift_sentence(season_drifts(scores)) if "season" in scores.columns else "",
    )


def compare_metrics_from_files(
    scores: AnyPath,
    *,
    play_by_play: PlayByPlaySource,
    games: AnyPath,
    seasons: Seasons,
    expected_points: AnyPath,
    names: str | Sequence[str] = (),
    ratings: Mapping[str, AnyPath] | None = None,
    plays_per_half: int = 100,
    replicates: int = 1000,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda _: None,
) -> MetricComparison:
    """Compare the play scores of a file, or the numbers of a folder, with the older metrics.

    Args:
        scores: File that `dropback score` wrote; or the folder that `dropback seasons` wrote, or
            a file of its numbers: then EPA is the folder's, and `names` are among `NUMBERS`.
        play_by_play: All plays of the seasons, for the older metrics.
        games: File of results; see `read_games`.
        seasons: Seasons to compare.
        expected_points: Folder of our expected-points model, which is fitted there where the
            play-by-play has no ``epa``.
        names: See `compare_metrics`, also for the other settings; by default ``play_score``, of a
            folder all of `NUMBERS`, of a file of a number that one first.
        ratings: Files by a name of `RATINGS`.
        plays_per_half: See `split_half`.
        replicates: Bootstrap draws of passers.
        seed: Seed of all draws.
        on_step: Called with the name of the next step.

    Raises:
        DropbackError: See `compare_metrics` and the readers it calls.
    """
    on_step("reading")
    years = chosen_seasons(play_by_play, seasons)
    # The small files first, so that their errors do not wait for the large ones.
    rated = {
        name: read_ratings(path, name, seasons=years) for name, path in (ratings or {}).items()
    }
    results = read_games(games)
    folder = seasons_folder_of(scores)
    names = parse_names(names)
    if folder is None:
        scored, names, values = read_table(scores), names or ("play_score",), None
        snaps = None
    else:
        first = [name for name in NUMBERS if Path(scores).stem == name]
        found = read_seasons_folder(folder, names or tuple(dict.fromkeys([*first, *NUMBERS])))
        scored, names, values, snaps = found.scores, found.names, found.season_values, found.snaps
        scored = scored.filter(pl.col("season").is_in(years))
    plays = read_play_by_play(play_by_play, seasons=years)
    passing = rated_plays(plays, snaps, expected_points=expected_points, seed=seed, on_step=on_step)
    on_step("comparing")
    return compare_metrics(
        scored,
        passing,
        results,
        names=names,
        shrinkage=SHRINKAGE if folder else None,
        season_values=values,
        ratings=rated,
        plays_per_half=plays_per_half,
        replicates=replicates,
        seed=seed,
    )


def rated_plays(
    play_by_play: pl.DataFrame,
    snaps: pl.DataFrame | None = None,
    *,
    expected_points: AnyPath,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda _: None,
) -> pl.DataFrame:
    """Plays with what the older metrics need: EPA, win probability, completion over expected.

    Args:
        play_by_play: What `read_play_by_play` returned.
        snaps: What `expected_points_added` returned for at least these plays, with ``wpa`` where
            it is known; None computes both.
        expected_points: See `compare_metrics_from_files`.
        seed: Seed of the models' folds.
        on_step: Called with the name of the next step.
    """
    if snaps is None:
        on_step("expected points")
        recorded = recorded_epa(play_by_play) is not None
        model = (
            None
            if recorded
            else fit_expected_points(play_by_play, folder=expected_points, seed=seed)
        )
        snaps = expected_points_added(play_by_play, model)
    if "wpa" not in snaps.columns:
        on_step("win probability")
        snaps = left_join(snaps, win_probability_added(play_by_play, seed=seed), on=PLAY_KEY)
    passing = passing_plays(play_by_play, snaps)
    on_step("completion probabilities")
    early = int(play_by_play["season"].min()) < FIRST_SEASON_WITH_RECEIVERS  # type: ignore[arg-type]
    play_set = PlaySet.ATTEMPTS if early else PlaySet.TARGETED
    selected = select_plays(play_by_play, plays=play_set, games="all").plays
    return left_join(passing, completion_over_expected(selected, seed=seed), on=PLAY_KEY)


def _regular_final(
    passing: pl.DataFrame, games: pl.DataFrame, counts: list[tuple[str, str, int]]
) -> pl.DataFrame:
    """Plays of final regular-season games; the games left out are counted."""
    regular = passing.filter(pl.col("season_type") == "REG")
    played = regular.select("game_id", "season").unique()
    known = left_join(played, games.select("game_id", "final"), on="game_id")
    for condition, reason in (
        (pl.col("final").is_null(), "not in the table of games"),
        (~pl.col("final"), "not final"),
    ):
        if count := known.filter(condition).height:
            counts.append(("games", reason, count))
    final = known.filter(pl.col("final"))
    if lost := sorted(set(played["season"]) - set(final["season"])):
        raise RequestError(
            f"The table of games has no final game of {season_list(lost)}: ask "
            "for seasons that both files hold."
        )
    return regular.join(final, on="game_id", how="semi")


def _with_scores(plays: pl.DataFrame, scores: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    missing = [name for name in PLAY_KEY if name not in scores.columns]
    if missing:
        raise ReaderError(
            f"The play scores must name their play: {', '.join(map(repr, missing))} missing."
        )
    weights = [f"{name}_weight" for name in names if f"{name}_weight" in scores.columns]
    if "play_score" in names:
        scores = centered(with_measured_drift(scores))
    kept = scores.select(
        "game_id",
        pl.col("play_id").cast(pl.Int64),
        pl.col(*names, *weights).cast(pl.Float64).fill_nan(None),
    )
    for game, play in repeated_plays(kept).select(PLAY_KEY).head(1).iter_rows():
        raise ReaderError(f"The play scores hold game {game}, play {play} twice.")
    return left_join(plays, kept, on=PLAY_KEY)


def _require_every_season(plays: pl.DataFrame, names: Sequence[str]) -> None:
    scored = plays.group_by("season").agg(pl.col(*names).count())
    for name in names:
        if lost := sorted(scored.filter(pl.col(name) == 0)["season"]):
            raise RequestError(
                f"No play of {season_list(lost)} has a {name}: score these "
                "seasons, or leave them out of --seasons."
            )
