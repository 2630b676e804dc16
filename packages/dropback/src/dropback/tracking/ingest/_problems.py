"""Find plays to set aside, with a reason and a sentence of what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dropback._frames import left_join
from dropback.tracking._windows import THROWS

if TYPE_CHECKING:
    from dropback.tracking.readers._format import Format


def window_problems(plays: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """Rows of (play, reason, detail) for plays that are no dropback or have no window."""
    kind = pl.col("play_kind").str.to_lowercase()
    charted = pl.col("pass_result").is_not_null() | kind.str.contains("pass|sack")
    says_nothing = pl.all_horizontal(pl.col("pass_result", "play_kind").is_null().all())
    is_dropback = (
        pl.when(says_nothing).then(pl.col("end_event").is_in(THROWS)).otherwise(charted)
    ).fill_null(value=False)
    no_events = "events" in layout.lacks
    reason = (
        pl.when(~pl.col("in_table"))
        .then(pl.lit("not in the table of plays"))
        .when(~is_dropback & ~pl.lit(no_events))
        .then(pl.lit("not a dropback"))
        .when(pl.col("snap_frame").is_null())
        .then(pl.lit("no snap"))
        .when(pl.col("end_frame").is_null() & pl.col("early_end_frame").is_not_null())
        .then(pl.lit("release not after the snap"))
        .when(pl.col("end_frame").is_null())
        .then(pl.lit("no release"))
        .when(pl.col("end_frame") <= pl.col("snap_frame"))
        .then(pl.lit("fewer than two frames"))
    )
    detail = (
        pl.when(reason == "not in the table of plays")
        .then(pl.lit(f"{layout.plays_file} has no row for it"))
        .when(reason == "not a dropback")
        .then(
            pl.format(
                "pass result {}, kind {}",
                pl.col("pass_result").fill_null("none"),
                pl.col("play_kind").fill_null("none"),
            )
        )
        .when(reason == "no snap")
        .then(pl.lit("no ball_snap, snap_direct or automatic snap event"))
        .when(reason == "release not after the snap")
        .then(pl.format("release at frame {}, snap at frame {}", "early_end_frame", "snap_frame"))
        .when(reason == "no release")
        .then(pl.format("no throw, sack or run event after the snap at frame {}", "snap_frame"))
        .otherwise(pl.lit("the window has a single frame"))
    )
    return plays.select("play", reason=reason, detail=detail).drop_nulls("reason")


def player_problems(plays: pl.DataFrame, entities: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """Rows of (play, reason, detail) for plays with too few or too many players or balls."""
    counts = entities.group_by("play").agg(
        offense=(pl.col("side") == "offense").sum(),
        defense=(pl.col("side") == "defense").sum(),
        balls=(pl.col("side") == "ball").sum(),
        unplaced=(pl.col("x_yd").is_null() & (pl.col("side") != "ball")).sum(),
    )
    counted = left_join(plays.select("play"), counts, on="play").fill_null(0)
    found = pl.format("{} players of the offense and {} of the defense", "offense", "defense")
    if "linemen" in layout.lacks:
        wrong = (pl.col("offense") < 1) | (pl.col("defense") < 1)
        crowded = (pl.col("offense") > 11) | (pl.col("defense") > 11)
        wrong |= crowded
    else:
        wrong = (pl.col("offense") != 11) | (pl.col("defense") != 11)
    return counted.select(
        "play",
        reason=pl.when(wrong)
        .then(pl.lit("not 11 against 11"))
        .when(pl.col("balls") > 1)
        .then(pl.lit("more than one ball"))
        .when(pl.col("unplaced") > 0)
        .then(pl.lit("frames missing")),
        detail=pl.when(wrong)
        .then(found)
        .when(pl.col("balls") > 1)
        .then(pl.format("{} balls", "balls"))
        .otherwise(pl.format("{} players without coordinates at the snap", "unplaced")),
    ).drop_nulls("reason")
