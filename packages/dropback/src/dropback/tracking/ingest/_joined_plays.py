"""Join the plays of a batch of rows with the set's table of plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dropback._frames import collected, left_join
from dropback.tracking.readers._cells import ROW, said_of, unread_where
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._plays import shaped_plays, with_offense_label
from dropback.tracking.readers._tables import nulls_restored

if TYPE_CHECKING:
    from pathlib import Path

    from dropback._arrays import Integers
    from dropback.tracking.ingest._entities import SideTables
    from dropback.tracking.readers._format import Format

_DIRECTIONS: Final = {"left": "left", "right": "right", "l": "left", "r": "right"}


def joined_plays(
    rows: pl.DataFrame, starts: Integers, layout: Format, tables: SideTables, path: Path
) -> pl.DataFrame:
    """One row a play of the batch, in order, with the set's columns.

    Args:
        rows: Source rows.
        starts: First row of each play.
        layout: Their layout.
        tables: The set's tables.
        path: The file, for messages.
    """
    repeated_columns = [name for name in rows.columns if name.startswith("plays.")]
    of_row = ("play_direction", "absolute_yardline_x_yd")
    repeated_columns += [name for name in of_row if name in rows.columns]
    heads = nulls_restored(rows.select(*SOURCE_KEY, ROW, *repeated_columns)[starts])
    found = tables.plays
    if not layout.plays_file:
        prefix = "plays."
        repeated = heads.select(
            ROW,
            *(
                pl.col(name).cast(pl.String).alias(name.removeprefix(prefix))
                for name in heads.columns
                if name.startswith(prefix)
            ),
        )
        found = with_offense_label(layout, shaped_plays(layout, repeated, path)[0])
    # A set whose rows tell the offense may lack its table of plays.
    no_table = bool(layout.plays_file) and found.is_empty()
    yardline = pl.lit(None, dtype=pl.Float32)
    unread = []
    if "absolute_yardline_x_yd" in heads.columns:
        column = layout.rows["absolute_yardline_x_yd"]
        number = pl.col("absolute_yardline_x_yd").cast(pl.Float32, strict=False)
        yardline = pl.when(number.is_finite()).then(number)
        unread.append(
            unread_where(
                "absolute_yardline_x_yd", yardline.is_null(), "number", "the tracking rows",
                name=column,
            )
        )  # fmt: skip
    direction = pl.lit(None, dtype=pl.String)
    if "play_direction" in heads.columns:
        said = pl.col("play_direction")
        word = said.str.strip_chars().str.to_lowercase()
        direction = word.replace_strict(_DIRECTIONS, default=None, return_dtype=pl.String)
        column = layout.rows["play_direction"]
        flag = pl.lit(f"column {column} is neither left nor right")
        unread.append(
            pl.when(said.is_not_null() & direction.is_null()).then(
                said_of(flag, column, pl.col("play_direction"), pl.col(ROW))
            )
        )
    return (
        heads.lazy()
        .select(
            *SOURCE_KEY,
            pl.col(ROW).alias("head_row"),
            direction.alias("recorded_direction"),
            pl.concat_list([pl.lit(None, pl.String), *unread]).list.drop_nulls().alias("of_rows"),
            yardline.alias("yardline_of_row"),
        )
        .with_row_index("play")
        .with_columns(pl.col("play").cast(pl.Int64))
        .pipe(left_join, found.lazy().with_columns(in_table=pl.lit(value=True)), on=SOURCE_KEY)
        .pipe(
            left_join,
            tables.untargeted.lazy().with_columns(untargeted=pl.lit(value=True)),
            on=SOURCE_KEY,
        )
        .pipe(left_join, tables.broken.lazy().rename({"detail": "broken"}), on=SOURCE_KEY)
        .with_columns(
            # A play of the table must have the league's numbers; one of rows alone has the set's.
            no_game=pl.col("in_table").fill_null(value=False) & pl.col("game_id").is_null(),
            no_play=pl.col("in_table").fill_null(value=False) & pl.col("play_id").is_null(),
        )
        .with_columns(
            pl.col("untargeted").fill_null(value=False),
            pl.concat_list(
                pl.col("unread").fill_null(pl.lit([], dtype=pl.List(pl.String))),
                "of_rows",
            ).alias("unread"),
            pl.col("in_table").fill_null(value=no_table),
            pl.col("copies").fill_null(1),
            pl.col("offense_label").fill_null(layout.offense_label),
            # The rows' line counts where the table's cells do not say where it is.
            absolute_yardline_x_yd=pl.coalesce(
                "absolute_yardline_x_yd", pl.when(~_line_in_table()).then("yardline_of_row")
            ),
            game_id=pl.coalesce("game_id", "source_game_id"),
            play_id=pl.coalesce("play_id", "source_play_id"),
        )
        .with_columns(season=season_of_game(pl.col("game_id")))
        .pipe(collected)
    )


def _line_in_table() -> pl.Expr:
    yards, side = pl.col("yardline_number"), pl.col("yardline_side")
    known = (side == pl.col("offense")) | (side == pl.col("defense"))
    said = yards.is_between(1, 50) & pl.col("offense").is_not_null() & (known | (yards == 50.0))
    return said.fill_null(value=False)


def season_of_game(game_id: pl.Expr) -> pl.Expr:
    """The season a game key belongs to: January and February end the season before."""
    return (game_id // 1_000_000 - ((game_id // 10_000) % 100 <= 2).cast(pl.Int64)).cast(pl.Int32)
