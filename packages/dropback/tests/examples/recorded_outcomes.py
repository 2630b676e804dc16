"""Hold the outcomes of tracked plays against those that nflverse records."""

from __future__ import annotations

import polars as pl


def join_play_by_play(plays: pl.DataFrame, play_by_play: pl.DataFrame) -> pl.DataFrame:
    """Plays with the outcome that nflverse records.

    Args:
        plays: Rows of `dropback.tracking._schema.Plays`.
        play_by_play: nflverse's play-by-play of their seasons; joined by ``old_game_id`` and
            ``play_id``.

    Returns:
        The plays in their order with ``recorded_result`` (C, I, IN, S, R), ``recorded_yards``,
        ``air_yards``, ``return_yards``, ``passer_gsis_id`` and ``receiver_gsis_id``, null where
        play-by-play has no such play; ``pass_result`` and ``yards_gained`` are filled from them
        where the set has none, as ``outcome_source`` (set, play-by-play) says.
    """
    result = (
        pl.when(pl.col("sack") == 1).then(pl.lit("S"))
        .when(pl.col("qb_scramble") == 1).then(pl.lit("R"))
        .when(pl.col("interception") == 1).then(pl.lit("IN"))
        .when(pl.col("complete_pass") == 1).then(pl.lit("C"))
        .when(pl.col("incomplete_pass") == 1).then(pl.lit("I"))
    )  # fmt: skip
    recorded = play_by_play.select(
        game_id=pl.col("old_game_id").cast(pl.Int64),
        play_id=pl.col("play_id").cast(pl.Int64),
        recorded_result=result,
        recorded_yards=pl.col("yards_gained").cast(pl.Int32),
        air_yards=pl.col("air_yards").cast(pl.Int32),
        return_yards=pl.col("return_yards").cast(pl.Int32),
        passer_gsis_id="passer_player_id",
        receiver_gsis_id="receiver_player_id",
    )
    joined = plays.join(recorded, on=["game_id", "play_id"], how="left", maintain_order="left")
    missing = pl.col("pass_result").is_null()
    return joined.with_columns(
        pl.coalesce(pl.col("pass_result").cast(pl.String), "recorded_result").alias("pass_result"),
        pl.coalesce("yards_gained", "recorded_yards").alias("yards_gained"),
        outcome_source=pl.when(~missing)
        .then(pl.lit("set"))
        .when(pl.col("recorded_result").is_not_null())
        .then(pl.lit("play-by-play")),
    )


def outcome_disagreements(joined: pl.DataFrame) -> pl.DataFrame:
    """Plays whose result, or yards of a completion, differ from play-by-play's or are not in it.

    Args:
        joined: Rows of `join_play_by_play`.
    """
    result = pl.col("pass_result").ne_missing(pl.col("recorded_result"))
    yards = (pl.col("pass_result") == "C") & pl.col("yards_gained").ne_missing(
        pl.col("recorded_yards")
    )
    return joined.filter(result | yards).select(
        "game_id", "play_id", "pass_result", "recorded_result", "yards_gained", "recorded_yards"
    )
