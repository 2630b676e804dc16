"""Every play that any passing metric counts, one row a play, with the passer it is charged to."""

from __future__ import annotations

import polars as pl

from dropback.data._tables import PLAY_KEY

__all__ = ["passing_plays"]


def passing_plays(play_by_play: pl.DataFrame, epa: pl.DataFrame | None = None) -> pl.DataFrame:
    """Attempts, sacks and scrambles, with the counts that the metrics add up.

    nflverse's ``pass_attempt`` includes sacks, so it is not used. An *attempt* is what the record
    book calls one: a forward pass with a passer, spikes and throw-aways included; no sack, no
    two-point try, no play that a penalty wiped out (those are no pass plays in play-by-play). A
    *dropback* is an attempt without a spike, a sack or a scramble.

    Args:
        play_by_play: What `read_play_by_play` returned.
        epa: What `expected_points_added` returned for it; None leaves ``epa`` null.

    Returns:
        ``game_id``, ``play_id``, ``season``, ``season_type``, ``week``, ``posteam``, ``defteam``,
        ``passer_player_id`` and ``passer_player_name`` (on a scramble: the runner), the 0-1
        columns ``attempt``, ``completion``, ``touchdown``, ``interception``, ``sack``,
        ``dropback``, the yards ``passing_yards`` and ``sack_yards`` (lost, positive), and ``epa``
        (null where unknown). A play read twice is one row.
    """
    sack = pl.col("sack").fill_null(0) == 1
    passed = pl.col("play_type").is_in(["pass", "qb_spike"])
    spike = (pl.col("qb_spike").fill_null(0) == 1) | (pl.col("play_type") == "qb_spike")
    scramble = (pl.col("qb_scramble").fill_null(0) == 1) & (pl.col("play_type") == "run")
    attempt = passed & ~sack
    complete = attempt & (pl.col("complete_pass") == 1)
    counted = (
        play_by_play.filter(
            (passed | scramble)
            & (pl.col("two_point_attempt").fill_null(0) == 0)
            & pl.col("down").is_not_null()
        )
        .select(
            "game_id",
            "play_id",
            "season",
            "season_type",
            "week",
            "posteam",
            "defteam",
            *(
                pl.when(scramble)
                .then(f"rusher_player_{part}")
                .otherwise(f"passer_player_{part}")
                .alias(f"passer_player_{part}")
                for part in ("id", "name")
            ),
            _count(attempt, "attempt"),
            _count(complete, "completion"),
            _count(attempt & (pl.col("pass_touchdown") == 1), "touchdown"),
            _count(attempt & (pl.col("interception") == 1), "interception"),
            _count(passed & sack, "sack"),
            _count((passed & ~spike) | scramble, "dropback"),
            pl.when(complete).then("yards_gained").fill_null(0).alias("passing_yards"),
            pl.when(passed & sack).then(-pl.col("yards_gained")).fill_null(0).alias("sack_yards"),
        )
        .filter(pl.col("passer_player_id").is_not_null())
        .unique(list(PLAY_KEY), keep="first", maintain_order=True)
    )
    if epa is None:
        return counted.with_columns(pl.lit(None, dtype=pl.Float64).alias("epa"))
    return counted.join(
        epa.select(*PLAY_KEY, "epa"), on=PLAY_KEY, how="left", maintain_order="left"
    )


def _count(condition: pl.Expr, name: str) -> pl.Expr:
    return condition.fill_null(value=False).cast(pl.Int64).alias(name)
